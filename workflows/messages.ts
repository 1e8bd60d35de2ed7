/**
 * Names that workflows and callers share: workflow types, ids, messages, their answers. Import this, never
 * the workflows themselves.
 */
import type { Clock } from '../domain/clocks.js';
import type { GiveBack } from '../domain/give-back.js';
import type { GiveBackStatus } from '../domain/give-back-view.js';
import type { Finding, Outcome, RunState, StepState } from '../domain/model.js';
import type { ClockName } from '../domain/patience.js';
import type { Participant } from '../domain/people.js';
import type { DecisionName } from '../domain/request.js';
import type { Run, WaitingOn } from '../domain/run.js';
import type { Sweep } from '../domain/sweep.js';
import type { SweepStatus } from '../domain/sweep-view.js';
import type { WaitingView } from '../domain/waiting.js';

export const REQUEST_OFFBOARDING = 'requestOffboarding';
export const OFFBOARD_USER = 'offboardUser';
export const ARCHIVE_CLOSED = 'archiveClosed';
export const SWEEP_STRAGGLERS = 'sweepStragglers';
export const GIVE_BACK = 'giveBack';
export const INQUIRE = 'inquire';

export const STATUS = 'status';

/** What `archiveClosed` is asked. Without anything it looks at what has closed since its last look. */
export interface ArchiveRequest {
  /** Everything that Temporal still knows, however long ago it closed. */
  everything?: boolean;
  /** Only the runs under this workflow id. */
  workflowId?: string;
}

/** What `requestOffboarding` answers. */
export type RequestAnswer =
  | { answer: 'started'; workflowId: string; offboardingId: string; leaver: string; next: string }
  | {
      answer: 'already-running';
      workflowId: string;
      leaver: string;
      differs: string[];
      amend: Record<string, unknown> | null;
      next: string;
    }
  | { answer: 'not-started'; reason: string; next: string };

/** The input of `offboardUser`; only `requestOffboarding` starts it. */
export interface OffboardUserInput {
  offboardingId: string;
  /** The request as it came, and later with every amendment applied: it is read again. */
  order: unknown;
  /** What came with it as a proof of who asked; absent where nothing did. */
  statement?: string;
  leaver: Participant;
  requester: Participant;
  /** The run as an earlier execution of this very offboarding left it: its history had grown too long. */
  carried?: Run;
}

/** What a question ends with that came just before messages: it is asked again. */
export const NOT_YET =
  'Something has come for this run that it has not taken up yet. It does now: ask again in a moment.';

/** Type of the failure that a refused update ends with; the whole answer is its one detail. */
export const REFUSED = 'refused';

/**
 * What an update answers, and what happened to a signal. A refused update fails with this as its detail, so
 * that nobody takes it for done.
 */
export interface DecisionAnswer {
  verdict: 'accepted' | 'refused';
  sentence: string;
  state: RunState | Sweep['state'] | GiveBack['state'];
  plan: string | null;
}

/** The result of `offboardUser`. */
export interface Report {
  outcome: Outcome;
  sentence: string;
  offboardingId: string | null;
  certificate: string | null;
  /** System → whether the leaver can still get in. */
  access: Record<string, string>;
  steps: {
    id: string;
    title: string;
    state: StepState;
    changed: number;
    remaining: number | null;
    message: string | null;
  }[];
  findings: Finding[];
}

/** What the query `status` answers: the whole run, and what it waits for. */
export interface Status extends Run {
  waitingOn: WaitingOn;
  /**
   * Who is asked, since when, and when they are reminded, others are told, or it expires; null = nobody is.
   */
  waitsFor: WaitingView | null;
  /** By when somebody must have acted, or when something happens by itself; ISO 8601. */
  due: string | null;
  /** The clocks of a sudden departure; none where it is planned. */
  timed: Clock[];
  /** What is late now, the most urgent first. */
  late: ClockName[];
  /** Messages that fit now, ready to paste, with `by` left blank. */
  next: { message: DecisionName; json: Record<string, unknown>; why: string }[];
}

/** What the query `status` answers in an offboarding, or in what comes after one. */
export type State = Status | Afterwards;

/** Of what comes after an offboarding, under an id of its own. */
export type Afterwards = SweepStatus | GiveBackStatus;

/** The id under which its chain and its receipts are kept, and which a statement names. */
export function trailOf(state: State): string {
  if (isSweep(state)) return state.sweepId;
  return isGiveBack(state) ? state.giveBackId : state.offboardingId;
}

export function isRun(state: State): state is Status {
  return !('kind' in state);
}

export function isGiveBack(state: State): state is GiveBackStatus {
  return 'kind' in state && state.kind === 'give-back';
}

export function isSweep(state: State): state is SweepStatus {
  return 'kind' in state && state.kind === 'sweep';
}
