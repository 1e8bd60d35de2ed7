/** One offboarding as a value: everything that `status` shows and every decision is judged against. */
import type { Danger } from './consequences.js';
import type { Covered } from './coverage.js';
import type { Sure } from './effect.js';
import type { Flood } from './flood.js';
import type {
  Departure,
  Finding,
  ItemException,
  Mode,
  Outcome,
  RunState,
  StepState,
  SystemAccounts,
} from './model.js';
import { own } from './own.js';
import { type ClockLimits, type ClockName, DEFAULT_PATIENCE, type PatienceOfWaits } from './patience.js';
import {
  type Humans,
  headCount,
  isSame,
  met,
  type Participant,
  type Refusal,
  type Signer,
} from './people.js';
import { asksNobody, gaining, isDeactivation, type Plan, type PlanStep, toAcknowledge } from './plan.js';
import type { Policy } from './policy.js';
import type { Came, Kept } from './proof.js';
import type { Order } from './request.js';
import type { Letter } from './statement.js';
import type { Troubles } from './trouble.js';
import { items, minuteOf } from './words.js';

export interface StepProgress {
  state: StepState;
  /** What is being done right now, or why the step failed: a sentence. */
  message: string | null;
  changed: number;
  /** Of `changed`, what was done under earlier plans; absent = nothing. */
  before?: number;
  taken: number;
  gone: number;
  failed: number;
  /** New items that came after the plan and followed its rule. */
  arrived: number;
  /** What was still there at the last look; null before the first. */
  remaining: number | null;
  /** The remaining keys that a `skip` would waive, frozen under this digest. */
  leftover: { digest: string; count: number; sample: string[] } | null;
  exceptions: ItemException[];
  /** How it is known what became of its effects; null where there were none. */
  evidence: Sure | null;
}

/**
 * A skip: proposed by an operator, counts once approvers have approved it, as many as a plan needs and under
 * the same rules. Waives exactly the frozen keys.
 */
export interface Waiver {
  step: string;
  reason: string;
  leftover: { digest: string; count: number };
  proposedBy: Signer;
  approvals: Approval[];
}

export interface Approval {
  by: Signer;
  at: string;
}

export interface Acknowledgement {
  /** Null: the system itself showed that it was done. */
  by: Signer | null;
  at: string;
  /**
   * The keys that were shown: null = those of `manifest`, else a frozen set. Only keys beyond these re-open
   * it.
   */
  frozen: string | null;
  manifest: string;
  count: number;
}

export type Access = 'unknown' | 'absent' | 'open' | 'blocked' | 'deactivated' | 'was-inactive';

export interface EarlierBlock {
  system: string;
  /** ISO 8601. */
  at: string;
  offboarding: string;
  /** Who had asked for that offboarding; null where nobody can say. */
  by: string | null;
  /** Its workflow id while it is open: the block is its own to give back. Null: it is ours by now. */
  open: string | null;
}

export interface Proof {
  at: string;
  /** The look and the switch were one transaction of the system's: nothing could come between them. */
  within: boolean;
  kept: Kept[];
}

/** What the last look of a run found, when every account was switched off. */
export interface Afterwards {
  at: string;
  came: Came[];
  /** How who the leaver is differs from the plan, as sentences. */
  accountsChanged: string[];
  /** Systems with an account that is on again. */
  onAgain: string[];
  /** What is kept and has lost items since the plan was made, although nobody here has touched it. */
  lost?: Kept[];
  /** What deleting the accounts would do from now on, by system. */
  danger?: Record<string, Danger[]>;
}

/**
 * What people decided and the story takes up at its next boundary; one at a time, the stronger word counts. A
 * cancellation stays until the run is closed, since its ending needs it.
 */
export type Turn =
  /** Run again what is not done yet. */
  | { kind: 'retry' }
  /** Make a new revision of the plan. */
  | { kind: 'prepare' }
  /** Nobody decided in time. */
  | { kind: 'expire' }
  | { kind: 'finish'; by: Signer; reason: string }
  | { kind: 'reject'; by: Signer; note: string | null }
  /** `by` is null where Temporal itself was asked. */
  | { kind: 'cancel'; by: Signer | null; access: 'keep' | 'restore' };

const STRENGTH: Record<Turn['kind'], number> = {
  expire: 0,
  retry: 1,
  prepare: 2,
  finish: 3,
  reject: 3,
  cancel: 4,
};

/**
 * The turn that counts once this one was decided as well: a weaker one never takes back what was decided
 * before.
 */
export function taking(run: Pick<Run, 'turn'>, turn: Turn): Turn {
  return run.turn && STRENGTH[run.turn.kind] > STRENGTH[turn.kind] ? run.turn : turn;
}

/** True when the run is to end at its next boundary. */
export function isStopping(run: Pick<Run, 'turn'>): boolean {
  return run.turn?.kind === 'cancel' || run.turn?.kind === 'finish';
}

/** Whom or what a run waits for, in one word. */
export type WaitingOn =
  | 'nobody'
  | 'correction'
  | 'acknowledgement'
  | 'approval'
  | 'confirmation'
  | 'date'
  | 'attention'
  | 'resume';

/** Since when a run waits for one kind of thing, and how often people were told. Moments are ISO 8601. */
export interface Waiting {
  on: Exclude<WaitingOn, 'nobody'>;
  since: string;
  told: number;
  /** People were told that what had to be done a time after the switch is overdue. */
  overdueTold?: true;
}

/** Looks at what people do by hand while a run waits for their acknowledgement. */
export interface Watch {
  /** What is open and shows when it is done, as it is acknowledged. */
  subjects: string[];
  /** Since when these, and no others, are looked at; the last look. ISO 8601. */
  since: string;
  looks: number;
  /** Looks in a row in which a system did not answer. */
  failed: number;
}

export interface Run {
  offboardingId: string;
  workflowId: string;
  state: RunState;
  /** When it entered this state; ISO 8601. */
  since: string;
  /** What it waits for, where it waits for somebody or something. */
  waiting: Waiting | null;
  outcome: Outcome | null;
  /** What is going on, or how it ended, in one sentence. */
  sentence: string;
  leaver: Participant;
  requester: Signer;
  /** The request, where something came with it as a proof of who asked that nobody has looked at yet. */
  unproved?: Letter | undefined;
  /** The request with every amendment applied. */
  order: Order;
  /** How long people are waited for, as it was read last: it holds until a plan pins a policy. */
  patience: PatienceOfWaits;
  /** Counts plans; a new one voids approvals. */
  revision: number;
  /** In outline (`domain/outline.ts`): the plan itself lies in the store. */
  plan: Plan | null;
  findings: Finding[];
  approvals: Approval[];
  /** What is known of those who take part and of those who decided: see `isSame`. */
  humans: Humans;
  confirmedBy: Signer | null;
  acknowledgements: Record<string, Acknowledgement>;
  /** What the steps that leave something with the leaver held at the last look at everything. */
  held: Record<string, number>;
  /** Manual categories that gained keys since they were acknowledged: what people are shown now. */
  shown: Record<string, { frozen: string; count: number }>;
  steps: Record<string, StepProgress>;
  /** Steps of earlier plans under which something was done and that this plan has no more. */
  dropped?: Record<string, StepProgress>;
  waivers: Record<string, Waiver>;
  access: Record<string, Access>;
  /** System → when it was looked at last: access and counts are as they were seen then. ISO 8601. */
  observed: Record<string, string>;
  /** The accounts as they were resolved last, also before there is a plan. */
  accounts: SystemAccounts[];
  /** All that were ever resolved in this run. */
  seenAccounts: SystemAccounts[];
  /** Accounts whose block is ours, by this run or an earlier one: only these are given back. */
  blockedByUs: SystemAccounts[];
  /** Blocks that stand and that another offboarding of the same person has made; absent where there are none. */
  earlierBlocks?: EarlierBlock[];
  /** Why sign-in could not be blocked, by system. */
  blockProblems: Record<string, string>;
  /** What each system showed when the leaver was switched off there: inside the switch, or just before it. */
  proofs: Record<string, Proof>;
  /** Null until the last account was switched off. */
  afterwards: Afterwards | null;
  /** What can hold a person in each system, as it was read last. */
  coverage?: Record<string, Covered>;
  pausedBy: Signer | null;
  /** What people decided that the story has not taken up yet. */
  turn: Turn | null;
  /** True once execution of this plan has begun: from then on it is locked. */
  started: boolean;
  /** How often failed steps were tried again, and how often a proof found something, in this run. */
  retries: number;
  failedProofs: number;
  /** Looks whether what people are to do by hand is done; absent while nothing of the kind is open. */
  watch?: Watch | undefined;
  /** Counts effects on accounts over the whole run, so that each has a receipt of its own. */
  turns: number;
  /**
   * Who changed the order since the request: they asked for what the plan does, so they do not approve it.
   */
  amendedBy: Signer[];
  /** Messages judged so far, accepted and refused. */
  decided: number;
  /** The last of those that were refused. */
  refused: Refusal[];
  /** Refusals that came in such numbers that they are counted instead of told; null = there were none. */
  flood?: Flood | null;
  /** What is tried again and again, or could not be written down, by the activity's name: sentences. */
  troubles?: Troubles;
  times: {
    requested: string;
    /** Since when it is known that the departure is unplanned. */
    sudden?: string;
    blocked: string | null;
    handedOver: string | null;
    deactivated: string | null;
  };
  /** When the clocks of a sudden departure are late, as it was read last: it holds until a plan pins a policy. */
  clocks?: ClockLimits;
  /** Clocks that were missed, and how often people were told. */
  missed?: Partial<Record<ClockName, number>>;
  /** People were told of what acts by itself and is still the leaver's: step and hour → how many act then. */
  bombsTold?: Record<string, number>;
  certificate: string | null;
}

/**
 * A run as it begins. A field that is added later is absent in runs that were carried into a fresh execution,
 * and one of a plan or policy in those that are pinned: ask with `!run.field`, not with `=== null`.
 */
export function newRun(given: {
  offboardingId: string;
  workflowId: string;
  order: Order;
  leaver: Participant;
  requester: Signer;
  unproved?: Letter | undefined;
  now: string;
}): Run {
  return {
    offboardingId: given.offboardingId,
    workflowId: given.workflowId,
    state: 'preparing',
    since: given.now,
    waiting: null,
    outcome: null,
    sentence: 'Looking up accounts.',
    leaver: given.leaver,
    requester: given.requester,
    ...(given.unproved && { unproved: given.unproved }),
    order: given.order,
    patience: DEFAULT_PATIENCE,
    revision: 0,
    plan: null,
    findings: [],
    approvals: [],
    humans: met({}, [given.leaver, given.requester]),
    confirmedBy: null,
    acknowledgements: {},
    held: {},
    shown: {},
    steps: {},
    waivers: {},
    access: {},
    observed: {},
    accounts: [],
    seenAccounts: [],
    blockedByUs: [],
    blockProblems: {},
    proofs: {},
    afterwards: null,
    pausedBy: null,
    turn: null,
    started: false,
    retries: 0,
    failedProofs: 0,
    turns: 0,
    amendedBy: [],
    decided: 0,
    refused: [],
    times: { requested: given.now, blocked: null, handedOver: null, deactivated: null },
    certificate: null,
  };
}

export function queuedStep(): StepProgress {
  return {
    state: 'queued',
    message: null,
    changed: 0,
    taken: 0,
    gone: 0,
    failed: 0,
    arrived: 0,
    remaining: null,
    leftover: null,
    exceptions: [],
    evidence: null,
  };
}

export function mode(run: Pick<Run, 'plan' | 'order'>): Mode {
  return run.plan?.mode ?? run.order.mode;
}

export function departure(run: Pick<Run, 'plan' | 'order'>): Departure {
  return run.plan?.departure ?? run.order.departure;
}

/** Everybody who gains items by this plan, each entry once. */
export function gainers(plan: Pick<Plan, 'steps' | 'gainers'>): Participant[] {
  if (plan.gainers) return plan.gainers;
  const people = plan.steps.flatMap(step =>
    gaining(step).flatMap(({ personId, human, label }) =>
      personId === null ? [] : [{ id: personId, name: label, human: human ?? personId }],
    ),
  );
  return [...new Map(people.map(person => [person.id, person])).values()];
}

export interface Quorum {
  met: boolean;
  have: number;
  need: number;
  /** Why more is missing than the policy's number; null where it says all. */
  missing: string | null;
}

/**
 * Counts human beings. Where decisions must be proved and nothing proves who asked, two must approve: one of
 * them may have asked in somebody else's name. @param approvals of what: the plan's own, or a skip's
 */
export function quorum(
  run: Pick<Run, 'approvals' | 'humans' | 'requester'> & { plan: Pick<Plan, 'steps' | 'gainers'> | null },
  policy: Policy,
  approvals: readonly Approval[] = run.approvals,
): Quorum {
  const humans = run.humans ?? {};
  const signers = approvals.map(approval => approval.by);
  const have = headCount(humans, signers);
  const gain = run.plan ? gainers(run.plan) : [];
  const onlySuccessors =
    !policy.successorMayApproveAlone &&
    have > 0 &&
    signers.every(signer => gain.some(gainer => isSame(humans, gainer, signer)));
  const need = Math.max(policy.approvals, isUnknown(run.requester, policy) ? 2 : 1);
  const more = need > policy.approvals ? 'two must approve, since nothing proves who asked for it' : null;
  const others = onlySuccessors
    ? 'everyone who approved so far gains items by this plan: one more person must approve'
    : null;
  return { met: have >= need && !onlySuccessors, have, need, missing: have < need ? more : others };
}

/**
 * Whether a run's plan has the approvals that it needs, which may be none (`asksNobody`): but two persons it
 * takes wherever nothing proves who asked.
 */
export function isApproved(run: Run, plan: Plan): boolean {
  const { policy } = plan;
  return (asksNobody(plan) && !isUnknown(run.requester, policy)) || quorum(run, policy).met;
}

/** Whoever asked may be somebody else, and their approval would be their own. */
function isUnknown({ identity }: Signer, policy: Policy): boolean {
  return policy.decisions === 'verified' && !policy.requesterMayApprove && identity?.kind !== 'verified';
}

/** What people must look at: what the plan shows, and manual categories that gained items since. */
export function acknowledgeable(run: Pick<Run, 'plan' | 'shown'>): ReturnType<typeof toAcknowledge> {
  if (!run.plan) return [];
  const planned = toAcknowledge(run.plan).map(item => ({
    ...item,
    count: run.shown[item.subject]?.count ?? item.count,
  }));
  const late = run.plan.steps
    .filter(step => run.shown[step.id] && !planned.some(item => item.subject === step.id))
    .map(step => ({
      subject: step.id,
      title: step.title,
      count: run.shown[step.id]!.count,
      page: step.page,
    }));
  return [...planned, ...late];
}

/** What must still be acknowledged, by subject. */
export function openAcknowledgements(
  run: Pick<Run, 'plan' | 'acknowledgements' | 'shown'>,
): ReturnType<typeof toAcknowledge> {
  return acknowledgeable(run).filter(item => !run.acknowledgements[item.subject]);
}

/** Items that were handed over, removed or revoked so far, and accounts that were switched off. */
export function changedItems(run: Pick<Run, 'steps' | 'dropped'>): number {
  return Object.values({ ...run.dropped, ...run.steps }).reduce((sum, step) => sum + step.changed, 0);
}

/** For endings before everything is done: never "nothing" when something moved. Accounts are told of elsewhere. */
export function doneSoFar(run: Pick<Run, 'steps' | 'dropped'>): string {
  const switches = Object.entries({ ...run.dropped, ...run.steps }).filter(([id]) => isDeactivation(id));
  const done = changedItems(run) - changedItems({ steps: Object.fromEntries(switches) });
  return done > 0 ? `${items(done)} had been handed over and stay there.` : 'Nothing was handed over.';
}

/** Systems in which the leaver can still be signed in or switched on again, in words. */
export function notSwitchedOff(run: Pick<Run, 'access'>): string[] {
  return Object.entries(run.access)
    .filter(([, access]) => access === 'open' || access === 'blocked')
    .map(([system, access]) => `${system} (${access})`);
}

/**
 * Systems in which a block of ours stands, be it beside one that failed: what others have blocked is not ours
 * to keep or to give back.
 */
export function blockedSystems(run: Pick<Run, 'access' | 'blockedByUs'>): string[] {
  const isOurs = (system: string): boolean =>
    run.blockedByUs.some(one => one.system === system && one.accounts.length > 0);
  return Object.entries(run.access)
    .filter(([system, access]) => (access === 'blocked' || access === 'open') && isOurs(system))
    .map(([system]) => system);
}

/** Who has blocked sign-in before this run, when, and whose it is to give back. */
export function sayEarlierBlocks({
  access,
  earlierBlocks = [],
}: Pick<Run, 'access' | 'earlierBlocks'>): string[] {
  return earlierBlocks.flatMap(({ system, at, by, open }) => {
    if (access[system] !== 'blocked' && access[system] !== 'open') return [];
    const whose = by === null ? '' : `, that ${by} had asked for`;
    const then =
      open === null
        ? 'it is this run\'s to give back ("cancel" with "access": "restore")'
        : `that one is open (${open}), and it is its own to give back`;
    return `Sign-in in ${system} was blocked at ${minuteOf(at)} by another offboarding of the same person${whose}: ${then}.`;
  });
}

export function stepOf(run: Pick<Run, 'plan'>, id: string): PlanStep | undefined {
  return run.plan?.steps.find(step => step.id === id);
}

/** Skipped means: waived by an operator and approved by others, as a plan is. */
export function isWaived(run: Deciding, step: string): boolean {
  const waiver = own(run.waivers, step);
  return waiver !== undefined && run.plan !== null && quorum(run, run.plan.policy, waiver.approvals).met;
}

/** What a run knows about who decided what. */
type Deciding = Pick<Run, 'plan' | 'approvals' | 'humans' | 'requester' | 'waivers'>;

export function failedSteps(run: Pick<Run, 'steps'>): string[] {
  return Object.entries(run.steps)
    .filter(([, progress]) => progress.state === 'failed')
    .map(([id]) => id);
}

/** Items that are still to be handed over by us, over all steps. */
export function remainingItems(run: Run): number {
  if (!run.plan) return 0;
  return run.plan.steps.reduce((sum, step) => {
    const progress = run.steps[step.id];
    if (!progress || step.phase === 'manual' || step.phase === 'keep' || step.phase === 'deactivate')
      return sum;
    if (progress.state === 'completed' || progress.state === 'skipped') return sum;
    return sum + (progress.remaining ?? step.baseline.count);
  }, 0);
}
