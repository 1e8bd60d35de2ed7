/**
 * The desk of one offboarding: its state, what operators see of it, and how the story waits. Decisions come
 * in through the inbox and are judged by `domain/judge.ts`; the story waits on what they change. Only events
 * change the state, by `domain/lifecycle.ts`.
 */
import {
  CancellationScope,
  condition,
  defineQuery,
  isCancellation,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { besideOf } from '../../domain/approvers.js';
import { clocksOf, lateClocks } from '../../domain/clocks.js';
import { counting } from '../../domain/flood.js';
import { judge } from '../../domain/judge.js';
import { isOutcome, type RunEvent, stateAfter } from '../../domain/lifecycle.js';
import { details } from '../../domain/markdown.js';
import type { Outcome } from '../../domain/model.js';
import { nextMessages } from '../../domain/next.js';
import { met } from '../../domain/people.js';
import { priorityOf } from '../../domain/priority.js';
import { type Decision, type DecisionName, momentsIn, parseDecision } from '../../domain/request.js';
import { isStopping, mode, type Run, remainingItems, taking } from '../../domain/run.js';
import { acceptedItems } from '../../domain/stays.js';
import { gotOn, TROUBLED, withTold, withTrouble } from '../../domain/trouble.js';
import { dueAt, waitingNow, waitingOn, waitingView } from '../../domain/waiting.js';
import { watchNow } from '../../domain/watch.js';
import { type Inbox, openInbox } from '../inbox.js';
import { STATUS, type Status } from '../messages.js';
import { type Attempt, goAs } from '../proxies.js';
import { type Shown, show } from '../shown.js';
import { ringBells, ringBombs, ringClocks } from './bells.js';
import { watchHands } from './watch.js';

/** What came of a chapter: an event, and what is going on now, in a sentence. */
export interface Happening {
  event: RunEvent;
  says: string;
}

export interface Desk {
  readonly run: Run;
  /** Changes the run and what operators see of it. */
  change(changes: Partial<Omit<Run, 'state' | 'since' | 'waiting' | 'outcome'>>): void;
  /** These systems were read just now. */
  observed(systems: readonly string[]): void;
  /** What is going on, within the same state. */
  say(sentence: string): void;
  /** Enters the state that this event leads to. */
  happened(happening: Happening): void;
  /**
   * Waits until `until` holds, the run is to end, or the time (ms) is over. False = the time is over. Whoever
   * waits is at rest: where the history has grown too long, the story begins this chapter again in a fresh
   * execution.
   */
  wait(until: () => boolean, options?: { ms?: number; summary?: string }): Promise<boolean>;
  /** Between two pieces of work: goes on in a fresh execution where the history has grown too long. */
  breathe(): Promise<void>;
  /** Waits while the run is paused, or until it is to end. */
  whilePaused(): Promise<void>;
  /**
   * Runs something that a pause or a cancellation asks to stop at its next boundary. Null = it was stopped
   * before it answered.
   */
  interruptible<T>(work: () => Promise<Attempt<T>[]>): Promise<Attempt<T>[] | null>;
  /** True when the run is to end at its next boundary. */
  stopped(): boolean;
  /** Waits until every message that came has been judged. */
  settled(): Promise<void>;
  /** Tells the trail something that nobody decided. */
  note: Inbox['note'];
}

/** How a run whose history has grown too long goes on. `begin` never comes back. */
export interface Renewal {
  /** @param taken signals and updates of this execution */
  isDue(taken: Inbox['taken']): boolean;
  begin(): Promise<never>;
}

/** The end of the run, with how it ended. What chapters return instead of setting a state. */
export function close(outcome: Outcome, says: string): Happening {
  return { event: outcome, says };
}

const MESSAGES: Record<DecisionName, string> = {
  approve: 'An approver agrees with one plan: {"by", "plan"}; with "step" and "keys" it approves a skip',
  reject: 'An approver closes the run without any change: {"by", "plan", "note"}',
  acknowledge: 'An operator has seen what must be done by hand: {"by", "category"}',
  amend:
    'An operator changes successors, overrides, identities, mode, departure or date: a new plan, approvals void',
  execute: 'The final confirmation where the policy wants one: {"by", "plan"}',
  pause: 'Stop after the current batch: {"by"}',
  resume: 'Go on after a pause: {"by"}',
  retry: 'Prepare again, or run again what is not done yet: {"by"}',
  skip: 'Leave the items of a failed step with the leaver, once approved: {"by", "step", "reason"}',
  finish: 'Close as completed-partially: {"by", "reason"}',
  cancel: 'Stop at the next safe boundary; with a block in place say {"access": "keep" | "restore"}',
};

/**
 * An execution keeps the priority that it was started with, and so does the one that goes on from it. What it
 * asks for goes as its order says by now.
 */
function hurry({ order }: Run): void {
  const now = priorityOf(order);
  goAs(now.priorityKey === workflowInfo().priority?.priorityKey ? undefined : now);
}

/** Installs every message before the first await, and starts the decision loop. */
export function openDesk(run: Run, renewal: Renewal): Desk {
  let soon = false;
  let scope: CancellationScope | null = null;
  let changes = 0;
  /**
   * The same answer until something changes. Temporal asks again after every single message, and a flood has
   * thousands.
   */
  const whenChanged = (question: () => boolean): (() => boolean) => {
    let asked = -1;
    let answer = false;
    return () => {
      if (asked !== changes) answer = question();
      asked = changes;
      return answer;
    };
  };

  const showNow = (): void => {
    soon = false;
    show({ details: details(run), attributes: attributesOf(run) });
  };
  // Changes come in swarms. What they come to is shown once: it is rendered, and search attributes are
  // events.
  const change = (news: Partial<Run>): void => {
    Object.assign(run, news);
    if (news.order) hurry(run);
    changes += 1;
    run.waiting = waitingNow(run, new Date().toISOString());
    run.watch = watchNow(run, new Date().toISOString());
    if (scope && wantsToStop(run)) scope.cancel();
    if (!soon) void Promise.resolve().then(showNow);
    soon = true;
  };

  /** By the story: whatever it waited for has come. */
  const getOn = (news: Partial<Run>): void =>
    change(run.troubles ? { ...news, troubles: gotOn(run.troubles) } : news);

  // Temporal's own cancel is a decision too; it names nobody, and keeps a block in place because nobody said
  // otherwise.
  CancellationScope.current().cancelRequested.catch(() => {
    if (run.turn?.kind !== 'cancel')
      change({ turn: taking(run, { kind: 'cancel', by: null, access: 'keep' }) });
  });

  setHandler(
    defineQuery<Status>(STATUS),
    () => ({
      ...run,
      waitingOn: waitingOn(run),
      waitsFor: waitingView(run),
      due: dueAt(run),
      timed: clocksOf(run),
      late: lateClocks(run),
      next: nextMessages(run),
    }),
    {
      description: 'The whole state of this offboarding as JSON',
    },
  );
  const inbox = openInbox<Decision>({
    trail: run.offboardingId,
    messages: MESSAGES,
    told: {
      [TROUBLED](given) {
        const troubles = withTold(run.troubles, given);
        if (troubles) change({ troubles });
        return troubles !== null;
      },
    },
    parse: parseDecision,
    beside: decision => besideOf(run, decision),
    moments: decision => (decision.name === 'amend' ? momentsIn(decision) : []),
    met: people => change({ humans: met(run.humans ?? {}, people) }),
    judge(decision, who, now) {
      const verdict = judge(run, decision, who, now);
      if (verdict.accepted) change(verdict.changes);
      return verdict;
    },
    judged({ judged, refused, counted }) {
      const flood = counted.reduce(counting, run.flood ?? null);
      change({
        decided: run.decided + judged,
        ...(refused.length > 0 && { refused: [...run.refused, ...refused].slice(-20) }),
        ...(counted.length > 0 && { flood }),
      });
      // What runs is asked to stop at its next boundary, where the run goes on in a fresh execution: a history
      // has room for only so many messages.
      if (scope && isDue()) scope.cancel();
    },
    unrecorded: sentence => change({ troubles: withTrouble(run.troubles, 'record', sentence) }),
    now: () => ({ state: run.state, plan: run.plan?.digest ?? null }),
  });
  const isDue = (): boolean => renewal.isDue(inbox.taken);
  showNow();
  hurry(run);
  ringBells(run, whenChanged, {
    note: inbox.note,
    rang: waiting => change({ waiting }),
    expired: () => change({ turn: taking(run, { kind: 'expire' }) }),
  });
  ringClocks(run, whenChanged, { note: inbox.note, missed: missed => change({ missed }) });
  ringBombs(run, whenChanged, { note: inbox.note, told: bombsTold => change({ bombsTold }) });

  watchHands(run, whenChanged, {
    note: inbox.note,
    change,
    blind: sentence => change({ troubles: withTrouble(run.troubles, 'lookIfDone', sentence) }),
  });

  // Others may have had their turn between the moment that was waited for and this one.
  const settled = async (): Promise<void> => {
    do await inbox.settled();
    while (!inbox.isSettled());
  };

  const desk: Desk = {
    run,
    change: getOn,
    observed(systems) {
      const at = new Date().toISOString();
      getOn({ observed: { ...run.observed, ...Object.fromEntries(systems.map(system => [system, at])) } });
    },
    say(sentence) {
      getOn({ sentence });
    },
    happened({ event, says }) {
      const state = stateAfter(run.state, event);
      // A run that has its outcome is not paused any more; what was taken up is no longer pending.
      const ended = isOutcome(event) ? { outcome: event, pausedBy: null } : {};
      const taken = run.turn?.kind === 'prepare' || run.turn?.kind === 'retry';
      const since = new Date().toISOString();
      getOn({
        state,
        since,
        sentence: says,
        ...ended,
        turn: taken && TAKES_UP.has(event) ? null : run.turn,
      });
    },
    async wait(until, { ms, summary } = {}) {
      const ready = whenChanged(() => isStopping(run) || until());
      const awake = (): boolean => ready() || isDue();
      const inTime =
        ms === undefined ? await condition(awake).then(() => true) : await condition(awake, ms, { summary });
      if (ready() || !isDue()) return inTime;
      await settled();
      // A message that was still on its way may have been what was waited for.
      return ready() || renewal.begin();
    },
    async breathe() {
      if (!isDue()) return;
      await settled();
      await renewal.begin();
    },
    async whilePaused() {
      if (run.pausedBy) await desk.wait(() => run.pausedBy === null);
    },
    async interruptible(work) {
      try {
        const all = await CancellationScope.cancellable(() => {
          scope = CancellationScope.current();
          if (wantsToStop(run) || isDue()) scope.cancel();
          return work();
        });
        return all.some(one => !one.ok && one.kind === 'cancelled') ? null : all;
      } catch (error) {
        if (isCancellation(error)) return null;
        throw error;
      } finally {
        scope = null;
      }
    },
    stopped: () => isStopping(run),
    settled,
    note: inbox.note,
  };
  return desk;
}

/** Events with which the story takes up what was decided. */
const TAKES_UP: ReadonlySet<RunEvent> = new Set(['anew', 'retried']);

function wantsToStop(run: Run): boolean {
  return (
    run.pausedBy !== null || isStopping(run) || (run.state === 'preparing' && run.turn?.kind === 'prepare')
  );
}

/** Ids and words only: search attributes are never encrypted. */
function attributesOf(run: Run): Shown['attributes'] {
  const due = dueAt(run);
  return {
    OffboardingState: [run.state],
    OffboardingOutcome: run.outcome ? [run.outcome] : [],
    OffboardingMode: [mode(run)],
    OffboardingLeaver: [run.leaver.id.slice(0, 200)],
    OffboardingWaitingOn: [waitingOn(run)],
    OffboardingDue: due === null ? [] : [new Date(due)],
    OffboardingLate: lateClocks(run).slice(0, 1),
    OffboardingRemaining: [remainingItems(run)],
    OffboardingAccepted: run.outcome ? [acceptedItems(run)] : [],
  };
}
