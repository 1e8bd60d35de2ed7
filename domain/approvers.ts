/**
 * Who may approve, and whose approval still counts: judged when somebody approves, counted when a plan is
 * made, and judged once more when it is about to be carried out. A skip is approved under the same rules.
 */
import { type Decider, type Humans, isSame, type Participant, type Signer } from './people.js';
import type { Plan } from './plan.js';
import type { Policy } from './policy.js';
import type { Decision } from './request.js';
import { type Approval, gainers, isApproved, isWaived, quorum, type Run } from './run.js';

/** What an approval is about: who leaves, who asked for it, and who has changed what was asked since. */
export interface Cause {
  leaver: Participant;
  requester: Signer;
  amendedBy: readonly Participant[];
  humans: Humans;
}

/** Why somebody does not approve. */
export type Unfit = 'leaver' | 'barred' | 'no-approver' | 'requester' | 'amender';

/** Null = they may. */
export function unfit(cause: Cause, who: Decider, policy: Policy): Unfit | null {
  const humans = cause.humans ?? {};
  if (isSame(humans, who, cause.leaver)) return 'leaver';
  if (who.barred) return 'barred';
  if (!who.approver) return 'no-approver';
  if (policy.requesterMayApprove) return null;
  if (isSame(humans, who, cause.requester)) return 'requester';
  return cause.amendedBy.some(earlier => isSame(humans, earlier, who)) ? 'amender' : null;
}

/** The same in words that follow their name. */
export function unfitWords(why: Unfit, who: Decider): string {
  switch (why) {
    case 'leaver':
      return 'is the leaver';
    case 'barred':
      return who.barred!;
    case 'no-approver':
      return 'is no approver';
    case 'requester':
      return 'asked for it';
    case 'amender':
      return 'amended it';
  }
}

/**
 * Why the approvals that the policy asks for cannot come together, as a sentence that says what to do; null =
 * they can.
 * @param known everybody who is given the role
 */
export function tooFew(
  known: readonly Decider[],
  cause: Cause,
  plan: Pick<Plan, 'steps'>,
  policy: Policy,
): string | null {
  const able = known.filter(who => unfit(cause, who, policy) === null);
  const approvals = able.map(who => ({ by: { ...who, identity: CLAIMED }, at: '' }));
  const { met, have, need } = quorum({ ...cause, plan, approvals }, policy);
  if (met) return null;
  const cannot = known.flatMap(who => {
    const why = unfit(cause, who, policy);
    return why ? `${who.name} ${unfitWords(why, who)}` : [];
  });
  const reasons = cannot.length > 0 ? ` (${listed(cannot)})` : '';
  if (have >= need)
    return `Everybody who can approve this gains items by it (${listed(able.map(({ name }) => name))}), and one who does not is needed. ${MEND}`;
  const who =
    have === 0 ? 'Nobody can approve this' : `Only ${have} of the ${need} who are needed can approve this`;
  return `${who}${reasons || ': nobody else has the role of an approver'}. ${MEND}`;
}

const CLAIMED = { kind: 'claimed' } as const;
const MEND =
  'Give somebody else the role of an approver and send "retry", or have somebody else ask for the offboarding.';

function listed(words: readonly string[]): string {
  const more = words.length - 5;
  return `${words.slice(0, 5).join(', ')}${more > 0 ? `, and ${more} more` : ''}`;
}

/** What is left of the approvals once everybody is looked at again. */
export interface Recount {
  approvals: Approval[];
  waivers: Run['waivers'];
  /** Whether what is left of the plan's approvals is enough. */
  stands: boolean;
  /** Whose approval no longer counts, and what is missing now, as sentences. */
  lost: string[];
}

/**
 * Approvals of somebody who since was switched off, lost the role, or turned out to be the leaver or whoever
 * asked for it, count no more; neither does that of the only successor, or one person under two entries.
 * @param now by directory id; null = the directory no longer has them
 */
export function recounted(run: Run, now: Readonly<Record<string, Decider | null>>): Recount {
  const { policy } = run.plan!;
  const lost = new Set<string>();
  const standing = (approvals: readonly Approval[]): Approval[] =>
    approvals.filter(({ by }) => {
      const who = Object.hasOwn(now, by.id) ? now[by.id]! : null;
      const why = who && unfit(run, who, policy);
      if (who && !why) return true;
      const words = who && why ? unfitWords(why, who) : 'is no longer in the directory';
      lost.add(`The approval of ${by.name} no longer counts: ${by.name} ${words}.`);
      return false;
    });
  const approvals = standing(run.approvals);
  const { missing } = quorum(run, policy, approvals);
  const stands = isApproved({ ...run, approvals }, run.plan!);
  if (!stands && missing) lost.add(`${missing[0]!.toUpperCase()}${missing.slice(1)}.`);
  else if (!stands && approvals.length === run.approvals.length)
    lost.add('Approvals that were counted as two turned out to be of one person.');
  const waivers = Object.entries(run.waivers).map(([step, waiver]) => [
    step,
    isWaived(run, step) ? { ...waiver, approvals: standing(waiver.approvals) } : waiver,
  ]);
  return { approvals, waivers: Object.fromEntries(waivers), stands, lost: [...lost] };
}

/** What the trail keeps of approvals that count no more. Null = all of them still do. */
export function fallen(
  plan: string,
  before: readonly Approval[],
  { approvals, lost }: Pick<Recount, 'approvals' | 'lost'>,
) {
  const people = before.filter(one => !approvals.includes(one)).map(({ by }) => by.id);
  if (people.length === 0) return null;
  return {
    notice: 'recounted',
    on: 'approval',
    audience: ['operators', 'requester', 'approvers'],
    sentence: lost.join(' '),
    since: null,
    recount: { plan, lost: people },
  };
}

/**
 * Directory ids of everybody whom the sender of a decision must not turn out to be: of an approval, whoever
 * took part or gains.
 */
export function besideOf(run: Run, { name }: Pick<Decision, 'name'>): string[] {
  if (name === 'approve') return concerned(run);
  return name === 'reject' ? [run.leaver.id, run.requester.id] : [run.leaver.id];
}

/** Everybody on whose standing the approvals of this plan and its skips depend, by directory id. */
export function concerned(run: Run): string[] {
  const skips = Object.values(run.waivers).flatMap(({ proposedBy, approvals }) => [
    proposedBy,
    ...approvals.map(({ by }) => by),
  ]);
  const signed = [...run.amendedBy, ...run.approvals.map(({ by }) => by), ...skips];
  const gain = run.plan ? gainers(run.plan) : [];
  return [...new Set([run.leaver, run.requester, ...signed, ...gain].map(({ id }) => id))];
}
