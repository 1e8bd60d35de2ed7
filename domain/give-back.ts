/**
 * What a cover still holds is given back on a date: what such a give-back knows, which way it goes, and who
 * may decide what about it. Values only: the workflow waits and the activities look and write.
 */
import { z } from 'zod';
import { type Cause, unfit, unfitWords } from './approvers.js';
import type { Sender } from './judge.js';
import { own } from './own.js';
import { type Decider, type Humans, isSame, type Participant, type Refusal, type Signer } from './people.js';
import type { Holding } from './plan.js';
import { type Policy, policySchema } from './policy.js';
import { type Decision, type DecisionOf, decisionSchemas, messageParser } from './request.js';
import { type Approval, quorum } from './run.js';
import { items, number } from './words.js';

/** What the run that was before has left to give back. */
export interface GiveBackInput {
  /** Its own id: of its chain, its receipts and its fence. */
  giveBackId: string;
  /** The offboarding that it comes after. */
  offboardingId: string;
  /** Workflow id of that. */
  of: string;
  /** Whoever was away, and comes back. */
  leaver: Participant;
  /** Who asked for the cover, and who changed what was asked: they do not approve this either. */
  requester: Signer;
  amendedBy: readonly Participant[];
  humans: Humans;
  /** Digest of the approved plan, and of it: the policy, and when it is to be given back. */
  plan: string;
  policy: Policy;
  /** ISO 8601. */
  due: string;
  /** The same as the clocks there show it. */
  dueSays: string;
}

const person = z.object({ id: z.string().min(1), name: z.string(), human: z.string().min(1) });
const written = z.object({
  giveBackId: z.guid(),
  offboardingId: z.guid(),
  of: z.string().min(1),
  leaver: person,
  requester: person.extend({ identity: z.object({ kind: z.enum(['claimed', 'verified']) }) }),
  amendedBy: z.array(person),
  humans: z.record(z.string(), z.array(z.string())),
  plan: z.string().regex(/^[0-9a-f]{64}$/),
  policy: policySchema,
  due: z.iso.datetime(),
  dueSays: z.string(),
});

/** Is it what a run gives the one that it starts? Whoever starts one by hand writes something else. */
export function isGiveBackInput(given: unknown): given is GiveBackInput {
  return written.safeParse(given).success;
}

export const GIVE_BACK_STATES = [
  'waiting',
  'planning',
  'awaiting-approval',
  'giving-back',
  'needs-attention',
  'closed',
] as const;

export type GiveBackOutcome =
  /** All that the plan names, but for what others have taken since. */
  | 'given-back'
  /** A part of it: somebody ended it as it was. */
  | 'given-back-partially'
  | 'nothing-to-give-back'
  | 'rejected'
  | 'expired'
  | 'cancelled'
  /** Whoever was away does not come back: they are no longer active, or being offboarded. */
  | 'not-back';

/** The plan of a give-back, as it is carried and shown. */
export interface BackPlan {
  digest: string;
  revision: number;
  holdings: Holding[];
}

/** What became of one step. */
export interface Returned {
  state: 'completed' | 'failed' | 'unfinished';
  message: string | null;
  changed: number;
  taken: number;
  gone: number;
  failed: number;
}

/** How people end it, or nobody's answer does. */
type EndedByPeople = Extract<GiveBackOutcome, 'rejected' | 'cancelled' | 'given-back-partially' | 'expired'>;

/** What people decided and the story has not taken up yet. */
export type BackTurn =
  | { kind: 'date'; at: string }
  | { kind: 'retry' }
  | { kind: 'end'; outcome: EndedByPeople; says: string };

export interface GiveBack extends GiveBackInput {
  workflowId: string;
  state: (typeof GIVE_BACK_STATES)[number];
  outcome: GiveBackOutcome | null;
  sentence: string;
  revision: number;
  back: BackPlan | null;
  approvals: Approval[];
  steps: Record<string, Returned>;
  /** Who is asked what, since when, and how often they were told; null = nobody is asked. */
  waits: { on: 'approval' | 'attention'; since: string; told: number } | null;
  turn: BackTurn | null;
  /** Number of the addendum that says what became of it. */
  addenda: number[];
  /** Messages judged so far, and the last of those that were refused. */
  decided: number;
  refused: Refusal[];
}

/** The decisions of a run that it takes as well: the same messages, judged by rules of its own. */
export const GIVE_BACK_DECISIONS = ['approve', 'reject', 'amend', 'retry', 'finish', 'cancel'] as const;
type Taken = (typeof GIVE_BACK_DECISIONS)[number];
export type GiveBackDecision =
  | DecisionOf<'reject' | 'retry' | 'finish' | 'cancel'>
  | Pick<DecisionOf<'approve'>, 'name' | 'by' | 'plan' | 'note'>
  | { name: 'amend'; by: string; giveBackAt: string; note?: string | undefined };

export function isGiveBackDecision(name: Decision['name']): name is Taken {
  return (GIVE_BACK_DECISIONS as readonly string[]).includes(name);
}

const { approve, reject, amend, retry, finish, cancel } = decisionSchemas;
export const parseGiveBackDecision = messageParser<Taken, GiveBackDecision>(
  {
    approve: approve.pick({ by: true, plan: true, note: true }),
    reject,
    amend: amend
      .pick({ by: true, note: true })
      .extend({ giveBackAt: amend.shape.giveBackAt.unwrap().unwrap() }),
    retry,
    finish,
    cancel: cancel.pick({ by: true, note: true }),
  },
  {
    approve: '{"by": "you@example.com", "plan": "<digest>"}',
    reject: '{"by": "you@example.com", "plan": "<digest>", "note": "why"}',
    amend: '{"by": "you@example.com", "giveBackAt": "2026-12-24"}',
    retry: '{"by": "you@example.com"}',
    finish: '{"by": "you@example.com", "reason": "why"}',
    cancel: '{"by": "you@example.com"}',
  },
);

interface Verdict {
  accepted: boolean;
  sentence: string;
  changes: Partial<GiveBack>;
}

const ROLE: Record<Taken, 'operator' | 'approver'> = {
  approve: 'approver',
  reject: 'approver',
  amend: 'operator',
  retry: 'operator',
  finish: 'operator',
  cancel: 'operator',
};

/** What is said of the plan that stands, or asks for the next one. */
const ABOUT_A_PLAN: ReadonlySet<Taken> = new Set(['approve', 'reject', 'retry']);

/**
 * May this person decide this now, and what does it change? Whoever comes back gains by it: they decide
 * nothing, and the rules of an approval are those of the plan before.
 * @param now ISO 8601
 */
export function judgeGiveBack(back: GiveBack, decision: GiveBackDecision, who: Sender, now: string): Verdict {
  const refuse = (sentence: string): Verdict => ({ accepted: false, sentence, changes: {} });
  const accept = (sentence: string, changes: Partial<GiveBack>): Verdict => ({
    accepted: true,
    sentence,
    changes,
  });
  if (isSame(back.humans, who, back.leaver))
    return refuse('Whoever is given something back decides nothing about it: ask a colleague to send it.');
  if (who.barred) return refuse(`${who.name} ${who.barred} and decides nothing.`);
  const role = ROLE[decision.name];
  if (!who[role])
    return refuse(
      `"${decision.name}" is for ${role}s; ${who.name} is not one.${who.doubt ? ` ${who.doubt}` : ''}`,
    );
  if (back.outcome) return refuse(`The give-back is over: ${back.sentence}`);
  if (back.turn?.kind === 'end') return refuse(`The give-back is about to end: ${back.turn.says}`);
  const end = (outcome: EndedByPeople, says: string): Partial<GiveBack> => ({
    turn: { kind: 'end', outcome, says },
  });
  const notNow = (): Verdict => refuse(`"${decision.name}" does not fit now: ${STATE_SAYS[back.state]}.`);
  if (back.turn?.kind === 'date' && ABOUT_A_PLAN.has(decision.name))
    return refuse(
      'The date was changed just now: what the cover holds then is planned, and decided about, anew.',
    );
  switch (decision.name) {
    case 'approve':
      return approved(back, decision.plan, who, now);
    case 'reject': {
      const stale = stalePlan(back, decision.plan);
      if (back.state !== 'awaiting-approval' || stale) return stale ? refuse(stale) : notNow();
      const why = decision.note ? `: ${decision.note}` : '.';
      return accept(
        'Rejected: everything stays where it is.',
        end('rejected', `Rejected by ${who.name}${why}`),
      );
    }
    case 'amend': {
      if (back.state === 'giving-back') return notNow();
      const voided = back.approvals.length > 0 ? ' What was approved so far is void.' : '';
      return accept(`The date is changed.${voided}`, {
        turn: { kind: 'date', at: decision.giveBackAt },
        amendedBy: [
          ...back.amendedBy.filter(({ id }) => id !== who.id),
          { id: who.id, name: who.name, human: who.human },
        ],
        approvals: [],
        waits: null,
      });
    }
    case 'retry':
      if (back.state !== 'needs-attention') return notNow();
      return accept('What is not given back yet is planned again.', { turn: { kind: 'retry' } });
    case 'finish':
      if (back.state !== 'needs-attention') return notNow();
      return accept(
        'It ends as it is.',
        end('given-back-partially', `Ended by ${who.name}: ${decision.reason}`),
      );
    case 'cancel':
      return accept(
        back.state === 'giving-back'
          ? 'It stops at the next safe boundary.'
          : 'Nothing is given back: everything stays where it is.',
        end('cancelled', `Cancelled by ${who.name}.`),
      );
  }
}

/** What an approval of a give-back is about: only whoever comes back gains by it. */
function causeOf({ leaver, requester, amendedBy, humans }: GiveBack): Cause {
  return { leaver, requester, amendedBy, humans };
}

/** How far the approvals are. */
export function backQuorum(back: GiveBack, approvals: readonly Approval[] = back.approvals) {
  const { humans, requester, leaver, policy } = back;
  const plan = { steps: [], gainers: [leaver] };
  return quorum({ humans, requester, approvals: [...approvals], plan }, policy);
}

/**
 * The approvals that still count once everybody is looked at again, and whose does not, as sentences.
 * @param now by directory id; null = the directory no longer has them
 */
export function recountedBack(
  back: GiveBack,
  now: Readonly<Record<string, Decider | null>>,
): { approvals: Approval[]; lost: string[] } {
  const lost: string[] = [];
  const approvals = back.approvals.filter(({ by }) => {
    const who = own(now, by.id) ?? null;
    const why = who && unfit(causeOf(back), who, back.policy);
    if (who && !why) return true;
    const words = who && why ? unfitWords(why, who) : 'is no longer in the directory';
    lost.push(`The approval of ${by.name} no longer counts: ${by.name} ${words}.`);
    return false;
  });
  return { approvals, lost };
}

function approved(back: GiveBack, digest: string, who: Sender, now: string): Verdict {
  const refuse = (sentence: string): Verdict => ({ accepted: false, sentence, changes: {} });
  if (back.state !== 'awaiting-approval')
    return refuse(`"approve" does not fit now: ${STATE_SAYS[back.state]}.`);
  const stale = stalePlan(back, digest);
  if (stale) return refuse(stale);
  const why = unfit(causeOf(back), who, back.policy);
  if (why === 'requester')
    return refuse(
      'The person who asked for the cover does not approve that it is given back: somebody else must.',
    );
  if (why) return refuse('Whoever changed the date does not approve it: somebody else must.');
  if (back.approvals.some(({ by }) => isSame(back.humans, by, who)))
    return refuse(`${who.name} has approved this already; the same person counts once.`);
  const by = { id: who.id, name: who.name, human: who.human, identity: who.identity };
  const approvals = [...back.approvals, { by, at: now }];
  const { met, have, need, missing } = backQuorum(back, approvals);
  const more = missing ? `; ${missing}` : '';
  const sentence = met ? `Approved (${have} of ${need}).` : `Approval ${have} of ${need} counted${more}.`;
  return { accepted: true, sentence, changes: { approvals } };
}

function stalePlan({ back }: GiveBack, digest: string): string | null {
  if (!back) return 'There is no plan yet.';
  if (back.digest.startsWith(digest)) return null;
  return `That decision is for plan ${digest.slice(0, 12)}…; the plan is now revision ${back.revision}, ${back.digest.slice(0, 12)}…. Look at it and decide again.`;
}

const STATE_SAYS: Record<GiveBack['state'], string> = {
  waiting: 'it waits for its date',
  planning: 'its plan is being made',
  'awaiting-approval': 'its plan waits for approval',
  'giving-back': 'items are being given back',
  'needs-attention': 'something did not go through: "retry" plans it again, "finish" ends it as it is',
  closed: 'it is over',
};

/** How many items the plan gives back. */
export function plannedBack({ holdings }: BackPlan): number {
  return holdings.reduce((sum, { count }) => sum + count, 0);
}

/** How many are back. */
export function broughtBack(steps: GiveBack['steps']): number {
  return Object.values(steps).reduce((sum, { changed }) => sum + changed, 0);
}

/** "4 items stay" */
export function sayStaying(count: number): string {
  return `${items(count)} ${count === 1 ? 'stays' : 'stay'}`;
}

/** "Bob", or "Bob 12, Carol 3" */
export function sayHolders({ from }: Holding): string {
  const [only, ...more] = from;
  if (only && more.length === 0) return only.label;
  return from.map(({ label, count }) => `${label} ${number(count)}`).join(', ');
}

/** What is back and what is not, as sentences. */
export function sayReturned({ steps }: Pick<GiveBack, 'steps'>): string {
  const sum = (of: (one: Returned) => number): number =>
    Object.values(steps).reduce((total, one) => total + of(one), 0);
  const left = sum(one => one.taken + one.gone);
  const failed = sum(one => one.failed);
  return [
    `${items(broughtBack(steps))} given back.`,
    ...(left > 0 ? [`${items(left)} had moved on meanwhile.`] : []),
    ...(failed > 0 ? [`${items(failed)} could not be given back.`] : []),
  ].join(' ');
}
