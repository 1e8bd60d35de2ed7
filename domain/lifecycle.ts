/**
 * The life of an offboarding as data: which event leads from which state to which. Chapters return events and
 * never set a state; an event that does not fit its state is a mistake in the program and never happens in
 * silence. ARCHITECTURE.md shows this very table.
 */
import type { Outcome, RunState } from './model.js';

/** What can happen to a run. The outcomes are events as well: each ends the run, under its own name. */
export type RunEvent =
  /** Somebody amended, or asked to look again: there will be a new revision of the plan. */
  | 'anew'
  /** Something must be settled before there can be a plan. */
  | 'obstructed'
  | 'planned'
  | 'approved'
  /** Approved, and its date lies ahead. */
  | 'approved-for-later'
  | 'due'
  /** The world moved further than what was approved. */
  | 'moved'
  /** Items came that nobody has acknowledged. */
  | 'unseen'
  /** Somebody whose approval counted is not one who may approve any more. */
  | 'recounted'
  | 'parked'
  | 'retried'
  | 'handed-over'
  /** Everything has moved, and access ends later. */
  | 'handed-over-early'
  /** The accounts are off, and something moves only now. */
  | 'switched-off'
  /** Items landed on the leaver before the switch. */
  | 'arrived'
  | Outcome
  /** The certificate is written and everybody has had an answer. */
  | 'certified';

type Endings = Partial<Record<Outcome, 'closing'>>;
const ends = (...outcomes: Outcome[]): Endings =>
  Object.fromEntries(outcomes.map(outcome => [outcome, 'closing']));

export const LIFECYCLE: Readonly<Record<RunState, Readonly<Partial<Record<RunEvent, RunState>>>>> = {
  preparing: {
    anew: 'preparing',
    obstructed: 'needs-correction',
    planned: 'awaiting-approval',
    ...ends('previewed', 'nothing-to-do', 'refused', 'cancelled'),
  },
  'needs-correction': { anew: 'preparing', ...ends('expired', 'cancelled') },
  'awaiting-approval': {
    anew: 'preparing',
    approved: 'executing',
    'approved-for-later': 'scheduled',
    ...ends('rejected', 'expired', 'cancelled'),
  },
  scheduled: {
    anew: 'preparing',
    moved: 'preparing',
    unseen: 'awaiting-approval',
    recounted: 'awaiting-approval',
    due: 'executing',
    ...ends('rejected', 'cancelled'),
  },
  executing: {
    moved: 'preparing',
    unseen: 'awaiting-approval',
    recounted: 'awaiting-approval',
    parked: 'needs-attention',
    'handed-over': 'deactivating',
    'handed-over-early': 'scheduled',
    ...ends('completed', 'completed-partially', 'cancelled'),
  },
  'needs-attention': {
    anew: 'preparing',
    retried: 'executing',
    ...ends('completed-partially', 'cancelled'),
  },
  deactivating: {
    arrived: 'executing',
    'switched-off': 'executing',
    parked: 'needs-attention',
    ...ends('completed', 'completed-partially', 'cancelled'),
  },
  closing: { certified: 'closed' },
  closed: {},
};

export const FIRST: RunState = 'preparing';

const OUTCOMES: Record<Outcome, true> = {
  completed: true,
  'completed-partially': true,
  previewed: true,
  'nothing-to-do': true,
  rejected: true,
  expired: true,
  cancelled: true,
  refused: true,
};

export function isOutcome(event: RunEvent): event is Outcome {
  return Object.hasOwn(OUTCOMES, event);
}

/** The state after this event. @throws where the event does not fit the state: a mistake in the program */
export function stateAfter(state: RunState, event: RunEvent): RunState {
  const next = Object.hasOwn(LIFECYCLE[state], event) ? LIFECYCLE[state][event] : undefined;
  if (!next) throw new Error(`"${event}" does not fit a run that is "${state}"`);
  return next;
}

/** No decision counts any more: the run has its outcome. */
export function isOver(state: RunState): state is 'closing' | 'closed' {
  return state === 'closing' || state === 'closed';
}

/** The table as ARCHITECTURE.md shows it. */
export function lifecycleAsMarkdown(): string[] {
  return [
    '| state | event → next state | ends as |',
    '|---|---|---|',
    ...Object.entries(LIFECYCLE).map(([state, events]) => {
      const all = Object.entries(events) as [RunEvent, RunState][];
      const moves = all
        .filter(([event]) => !isOutcome(event))
        .map(([event, next]) => `${event} → \`${next}\``);
      const endings = all.filter(([event]) => isOutcome(event)).map(([event]) => event);
      return `| \`${state}\` | ${moves.join(', ') || '-'} | ${endings.join(', ') || '-'} |`;
    }),
  ];
}
