/**
 * Decisions are judged here: may this person decide this now? Pure, one small rule per message; the unknown
 * case is a refusal. An accepted decision says what changes in the run; a refused one says why, in a sentence
 * that ends with what to do instead.
 */
import { unfit } from './approvers.js';
import { isOver } from './lifecycle.js';
import { countOf, MOST_INLINE } from './overrides.js';
import { own } from './own.js';
import { type Decider, type Identity, isCertain, isSame, MAY_BE_THE_LEAVER, type Signer } from './people.js';
import { canonicalJson } from './plan.js';
import { type Decision, type DecisionName, type DecisionOf, type Order, parseRequest } from './request.js';
import {
  acknowledgeable,
  blockedSystems,
  changedItems,
  doneSoFar,
  failedSteps,
  isApproved,
  isWaived,
  openAcknowledgements,
  quorum,
  type Run,
  stepOf,
  type Turn,
  taking,
} from './run.js';
import { items } from './words.js';

export type Verdict =
  | { accepted: true; sentence: string; changes: Partial<Run> }
  | { accepted: false; sentence: string };

/** A decider, and how it is known that the decision is theirs. */
export type Sender = Decider & { identity: Identity };

/** @param now ISO 8601 */
export function judge(run: Run, decision: Decision, who: Sender, now: string): Verdict {
  if (isOver(run.state))
    return refuse(`The offboarding is closed (${run.outcome}); start a new one if something is left to do.`);
  if (isSame(run.humans ?? {}, who, run.leaver))
    return refuse(
      isCertain(run.humans ?? {}, who, run.leaver)
        ? 'Nobody decides anything about their own offboarding: ask a colleague to send it.'
        : `${who.name} ${MAY_BE_THE_LEAVER}: ask somebody else to send it.`,
    );
  if (who.barred) return refuse(`${who.name} ${who.barred} and cannot decide.`);
  const role = ROLE[decision.name];
  if (!who[role])
    return refuse(
      `"${decision.name}" is for ${role}s; ${who.name} is not one. ${who.doubt ?? 'Ask somebody who is, or have the role given in the configuration.'}`,
    );
  const rule = RULES[decision.name] as (run: Run, decision: Decision, who: Sender, now: string) => Verdict;
  return rule(run, decision, who, now);
}

const ROLE: Record<DecisionName, 'operator' | 'approver'> = {
  approve: 'approver',
  reject: 'approver',
  acknowledge: 'operator',
  amend: 'operator',
  execute: 'operator',
  pause: 'operator',
  resume: 'operator',
  retry: 'operator',
  skip: 'operator',
  finish: 'operator',
  cancel: 'operator',
};

const RULES: {
  [N in DecisionName]: (run: Run, decision: DecisionOf<N>, who: Sender, now: string) => Verdict;
} = {
  approve(run, decision, who, now) {
    if (decision.step) return approveSkip(run, { ...decision, step: decision.step }, who, now);
    if (run.state !== 'awaiting-approval') return refuse(notNow(run, 'approve'));
    const stale = stalePlan(run, decision.plan);
    if (stale) return refuse(stale);
    const { policy } = run.plan!;
    const why = unfit(run, who, policy);
    if (why === 'requester')
      return refuse('The person who asked for the offboarding does not approve it: somebody else must.');
    if (why) return refuse('Whoever amended the plan does not approve it: somebody else must.');
    if (run.approvals.some(approval => isSame(run.humans ?? {}, approval.by, who)))
      return refuse(
        `${who.name} has approved this plan already; one more person counts, the same one twice does not.`,
      );
    const approvals = [...run.approvals, { by: signer(who), at: now }];
    const state = quorum(run, policy, approvals);
    const left = openAcknowledgements(run).length;
    return accept(
      state.met
        ? `Approved (${state.have} of ${state.need}).${left > 0 ? ` Still to be acknowledged: ${left}.` : ''}`
        : `Approval ${state.have} of ${state.need} counted${state.missing ? `; ${state.missing}` : ''}.`,
      { approvals },
    );
  },

  reject(run, decision, who) {
    if (run.state !== 'awaiting-approval' && run.state !== 'scheduled') return refuse(notNow(run, 'reject'));
    const stale = stalePlan(run, decision.plan);
    if (stale) return refuse(stale);
    if (isSame(run.humans ?? {}, who, run.requester))
      return refuse('The person who asked for the offboarding takes it back with "cancel".');
    return accept(`Rejected: the offboarding closes. ${doneSoFar(run)}`, {
      turn: taking(run, { kind: 'reject', by: signer(who), note: decision.note ?? null }),
    });
  },

  acknowledge(run, decision, who, now) {
    // While a new revision is being made, nobody can have seen what it will show.
    if (!run.plan || run.state === 'preparing') return refuse(notNow(run, 'acknowledge'));
    const subjects = [decision.category].flat();
    const known = [
      ...acknowledgeable(run).map(item => item.subject),
      ...run.plan.steps.filter(step => step.phase === 'manual').map(step => step.id),
    ];
    const unknown = subjects.filter(subject => !known.includes(subject));
    if (unknown.length > 0) {
      const open = openAcknowledgements(run).map(item => item.subject);
      return refuse(
        `There is nothing called ${quote(unknown)} to acknowledge; ${open.length > 0 ? `open are ${quote(open)}` : 'nothing is open'}.`,
      );
    }
    const { manifest } = run.plan;
    const given = subjects.map(subject => [
      subject,
      {
        by: signer(who),
        at: now,
        manifest,
        frozen: run.shown[subject]?.frozen ?? null,
        count: run.shown[subject]?.count ?? stepOf(run, subject)?.baseline.count ?? 0,
      },
    ]);
    const acknowledgements = { ...run.acknowledgements, ...Object.fromEntries(given) };
    const left = openAcknowledgements({ ...run, acknowledgements }).map(item => item.subject);
    return accept(
      `Acknowledged ${quote(subjects)}.${left.length > 0 ? ` Still open: ${quote(left)}.` : ''}`,
      {
        acknowledgements,
      },
    );
  },

  amend(run, decision, who) {
    if (decision.mode === 'preview' && (changedItems(run) > 0 || blockedSystems(run).length > 0)) {
      return refuse(
        'This run has changed something already and cannot become a preview: send "cancel" to end it.',
      );
    }
    if (run.state === 'executing' || run.state === 'deactivating') {
      return refuse(
        'Execution has started and the plan is locked. Send "pause" or "cancel", or wait: a failed step can be amended.',
      );
    }
    const { name: _name, by: _by, note: _note, ...changes } = decision;
    const cannotAdd = addsToStored(run.order, changes);
    if (cannotAdd) return refuse(cannotAdd);
    const order = applyAmendment(run.order, changes);
    // A parked run may need a new plan although nothing was asked differently: a catalog was mended, or the
    // world moved.
    if (
      run.state !== 'needs-attention' &&
      canonicalJson(order) === canonicalJson(applyAmendment(run.order, {}))
    ) {
      return refuse(
        'That changes nothing, so nothing is voided. Say what is to be different; null takes back what was said before.',
      );
    }
    const inline = typeof order.overrides === 'object' ? countOf(order.overrides) : 0;
    if (inline > MOST_INLINE) {
      return refuse(
        `With these the run would have ${inline} overrides, and at most ${MOST_INLINE} travel inline: give a file of all of them (--overrides), or use a "match" rule.`,
      );
    }
    // It goes on in fresh executions, which read it again.
    const readable = parseRequest(order);
    if (!readable.ok)
      return refuse(`With this the request would be no request any more. ${readable.sentence}`);
    const voided =
      run.approvals.length > 0
        ? ` ${run.approvals.length} approval${run.approvals.length > 1 ? 's are' : ' is'} void.`
        : '';
    return accept(`Amended; a new revision of the plan is being made.${voided}`, {
      order,
      turn: taking(run, { kind: 'prepare' }),
      approvals: [],
      confirmedBy: null,
      amendedBy: [...run.amendedBy.filter(earlier => earlier.id !== who.id), signer(who)],
    });
  },

  execute(run, decision, who) {
    if (run.state !== 'awaiting-approval') return refuse(notNow(run, 'execute'));
    const stale = stalePlan(run, decision.plan);
    if (stale) return refuse(stale);
    const { policy } = run.plan!;
    if (!policy.confirmation)
      return refuse('This policy wants no second confirmation: the approvals start the run.');
    if (!isApproved(run, run.plan!))
      return refuse('The plan is not approved yet: "execute" confirms an approved plan.');
    const open = openAcknowledgements(run);
    if (open.length > 0) return refuse(`Still to be acknowledged: ${quote(open.map(item => item.subject))}.`);
    return accept('Confirmed.', { confirmedBy: signer(who) });
  },

  pause(run, _decision, who) {
    if (run.pausedBy) return refuse(`${run.pausedBy.name} has paused the run already; "resume" goes on.`);
    return accept('Paused: nothing more is changed after the current batch until "resume".', {
      pausedBy: signer(who),
    });
  },

  resume(run) {
    if (!run.pausedBy) return refuse('The run is not paused.');
    return accept('Resumed.', { pausedBy: null });
  },

  retry(run) {
    if (run.state === 'needs-correction')
      return accept('Preparing again.', { turn: taking(run, { kind: 'prepare' }) });
    if (run.state === 'needs-attention') {
      const failed = quote(failedSteps(run));
      const sentence = `Trying again what is not done yet${failed ? `: ${failed}` : ''}.`;
      return accept(sentence, { turn: taking(run, { kind: 'retry' }) });
    }
    return refuse(notNow(run, 'retry'));
  },

  skip(run, decision, who) {
    if (run.state !== 'needs-attention') return refuse(notNow(run, 'skip'));
    const step = stepOf(run, decision.step);
    const progress = own(run.steps, decision.step);
    if (!progress || (progress.state !== 'failed' && progress.state !== 'not-run') || !step) {
      return refuse(
        `There is no failed step "${decision.step}"; failed are ${quote(failedSteps(run)) || 'none'}.`,
      );
    }
    if (step.phase === 'deactivate')
      return refuse(
        'A deactivation cannot be skipped: send "finish" to close the run with the account as it is.',
      );
    if (progress.state === 'not-run' && !progress.leftover)
      return refuse(
        `"${decision.step}" has not been tried yet, so nobody has seen what it would leave: send "retry" first.`,
      );
    if (!progress.leftover)
      return refuse(
        `What is left of "${decision.step}" could not be read, and what nobody has seen cannot be waived. Mend the cause and send "retry".`,
      );
    const { digest, count } = progress.leftover;
    const waiver = {
      step: step.id,
      reason: decision.reason,
      leftover: { digest, count },
      proposedBy: signer(who),
      approvals: [],
    };
    return accept(
      `Skipping "${step.id}" would leave ${items(count)} with the leaver. It counts once an approver approves it.`,
      {
        waivers: { ...run.waivers, [step.id]: waiver },
      },
    );
  },

  finish(run, decision, who) {
    if (run.state !== 'needs-attention' && !isHeld(run)) return refuse(notNow(run, 'finish'));
    const turn: Turn = { kind: 'finish', by: signer(who), reason: decision.reason };
    return accept('Finishing as it is.', { turn: taking(run, turn) });
  },

  cancel(run, decision, who) {
    const blocked = blockedSystems(run);
    if (blocked.length > 0 && !decision.access) {
      return refuse(
        `Sign-in is blocked in ${quote(blocked)}. Say what becomes of it: "access": "keep" or "access": "restore" (--access on the command line).`,
      );
    }
    return accept('Cancelling at the next safe boundary.', {
      turn: taking(run, { kind: 'cancel', by: signer(who), access: decision.access ?? 'keep' }),
    });
  },
};

function approveSkip(
  run: Run,
  decision: DecisionOf<'approve'> & { step: string },
  who: Sender,
  now: string,
): Verdict {
  const waiver = own(run.waivers, decision.step);
  if (run.state !== 'needs-attention' || !waiver)
    return refuse(`Nobody has asked to skip "${decision.step}".`);
  const stale = stalePlan(run, decision.plan);
  if (stale) return refuse(stale);
  if (!decision.keys || !waiver.leftover.digest.startsWith(decision.keys)) {
    return refuse(
      `The skip of "${decision.step}" now leaves ${items(waiver.leftover.count)}, keys ${waiver.leftover.digest.slice(0, 12)}; ${decision.keys ? `the approval is for ${decision.keys.slice(0, 12)}` : 'the approval names none'}. Look at them and approve with "keys": "${waiver.leftover.digest.slice(0, 12)}".`,
    );
  }
  if (isWaived(run, decision.step)) {
    const names = waiver.approvals.map(({ by }) => by.name).join(' and ');
    return refuse(`Skipping "${decision.step}" is approved already, by ${names}.`);
  }
  if (isSame(run.humans ?? {}, waiver.proposedBy, who))
    return refuse('The person who asked for the skip does not approve it: somebody else must.');
  const { policy } = run.plan!;
  const why = unfit(run, who, policy);
  if (why === 'requester')
    return refuse('The person who asked for the offboarding does not approve a skip: somebody else must.');
  if (why) return refuse('Whoever amended the plan does not approve a skip: somebody else must.');
  if (waiver.approvals.some(({ by }) => isSame(run.humans ?? {}, by, who)))
    return refuse(
      `${who.name} has approved this skip already; one more person counts, the same one twice does not.`,
    );
  const approvals = [...waiver.approvals, { by: signer(who), at: now }];
  const waivers = { ...run.waivers, [decision.step]: { ...waiver, approvals } };
  const { met, have, need, missing } = quorum(run, policy, approvals);
  if (!met) {
    const more = missing ? `; ${missing}` : '';
    return accept(`Approval ${have} of ${need} of skipping "${decision.step}" counted${more}.`, { waivers });
  }
  return accept(
    `Skipping "${decision.step}" is approved; what stays with the leaver: ${items(waiver.leftover.count)}.`,
    { waivers, turn: taking(run, { kind: 'retry' }) },
  );
}

type Amendment = Partial<Omit<DecisionOf<'amend'>, 'name' | 'by' | 'note'>>;

/** What an amendment leaves unsaid stays, what it says is merged, and `null` takes back. */
export function applyAmendment(order: Order, changes: Amendment): Order {
  const { user, requestedBy, note } = order;
  const said = <K extends keyof Amendment>(key: K): Amendment[K] | Order[K] =>
    changes[key] === undefined ? order[key] : changes[key];
  const effectiveAt = said('effectiveAt');
  const next = {
    user,
    requestedBy,
    note,
    mode: said('mode') ?? 'execute-and-deactivate',
    departure: said('departure') ?? 'planned',
    effectiveAt: effectiveAt === 'now' ? undefined : effectiveAt,
    handoverAt: said('handoverAt'),
    giveBackAt: said('giveBackAt'),
    successor: said('successor'),
    systems: said('systems'),
    successors: merged(order.successors, changes.successors),
    overrides: overridden(order.overrides, changes.overrides),
    identities: nested(order.identities, changes.identities),
  };
  const kept = Object.entries(next).filter(([, value]) => value !== undefined && value !== null);
  return Object.fromEntries(kept) as unknown as Order;
}

/** Why single overrides cannot be added here: a set in the store is changed by nobody. */
function addsToStored(order: Order, changes: Amendment): string | null {
  if (typeof order.overrides !== 'string' || !changes.overrides || typeof changes.overrides === 'string')
    return null;
  return `The overrides of this run lie in the store (${order.overrides.slice(0, 19)}…), and single ones cannot be added to them: give all of them, more than ${MOST_INLINE}, in a new file (--overrides), or take them back with "overrides": null first.`;
}

/** A set in the store takes the place of whatever was said before. */
function overridden(before: Order['overrides'], changes: Amendment['overrides']): Order['overrides'] {
  if (typeof changes === 'string') return changes;
  return typeof before === 'string' && changes === undefined
    ? before
    : nested(typeof before === 'string' ? undefined : before, changes);
}

type Taking<T> = Record<string, T | null> | null | undefined;

/** Nothing left is nothing said. */
function merged<T>(before: Record<string, T> | undefined, changes: Taking<T>): Record<string, T> | undefined {
  if (changes === undefined) return before;
  if (changes === null) return undefined;
  const left = Object.entries({ ...before, ...changes }).filter(([, value]) => value !== null) as [
    string,
    T,
  ][];
  return left.length > 0 ? Object.fromEntries(left) : undefined;
}

function nested<T>(
  before: Record<string, Record<string, T>> | undefined,
  changes: Taking<Record<string, T | null>>,
): Record<string, Record<string, T>> | undefined {
  if (!changes) return changes === null ? undefined : before;
  const each = Object.entries(changes).map(([key, inner]) => [
    key,
    merged(before && own(before, key), inner) ?? null,
  ]);
  return merged(before, Object.fromEntries(each) as Record<string, Record<string, T> | null>);
}

function stalePlan(run: Run, digest: string): string | null {
  if (!run.plan) return 'There is no plan yet.';
  if (run.plan.digest.startsWith(digest)) return null;
  return `That decision is for plan ${digest.slice(0, 12)}…; the plan is now revision ${run.plan.revision}, ${run.plan.digest.slice(0, 12)}…. Look at it and decide again.`;
}

const STATE_SAYS: Record<Run['state'], string> = {
  preparing: 'the plan is still being made',
  'needs-correction': 'something must be settled first: send "amend" or "retry"',
  'awaiting-approval': 'the plan waits for acknowledgements and approval',
  scheduled: 'the plan is approved and waits for its date',
  executing: 'the steps are running',
  'needs-attention': 'a step needs attention: "retry", "amend", "skip" or "finish"',
  deactivating: 'the accounts are being switched off',
  closing: 'the offboarding is being closed',
  closed: 'the offboarding is closed',
};

/** Stopped by a pause in the middle of its effects: it may end as it is. */
function isHeld(run: Run): boolean {
  return run.pausedBy !== null && (run.state === 'executing' || run.state === 'deactivating');
}

function notNow(run: Run, name: DecisionName): string {
  return `"${name}" does not fit now: ${STATE_SAYS[run.state]}.`;
}

function signer(who: Sender): Signer {
  return { id: who.id, name: who.name, human: who.human, identity: who.identity };
}

function accept(sentence: string, changes: Partial<Run>): Verdict {
  return { accepted: true, sentence, changes };
}

function refuse(sentence: string): Verdict {
  return { accepted: false, sentence };
}

function quote(words: readonly string[]): string {
  return words.map(word => `"${word}"`).join(', ');
}
