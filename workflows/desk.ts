/**
 * The desk of one run: its state, the inbox of decisions, and the one loop that judges them. Handlers only enqueue; the loop is the
 * sole consumer and runs beside every phase; the story waits on what the loop changes.
 */
import {
  ActivityFailure,
  ApplicationFailure,
  allHandlersFinished,
  CancellationScope,
  condition,
  defineQuery,
  defineSignal,
  defineUpdate,
  isCancellation,
  setCurrentDetails,
  setDefaultSignalHandler,
  setDefaultUpdateHandler,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { RecordDecisionInput } from '../activities/record.js';
import { judge, type Verdict } from '../domain/judge.js';
import type { RunState } from '../domain/model.js';
import { details, nextMessages } from '../domain/report.js';
import { DECISIONS, type Decision, type DecisionName, parseDecision } from '../domain/request.js';
import { type Decider, mode, type Run, remainingItems, waitingOn } from '../domain/run.js';
import { type DecisionAnswer, REFUSED, STATUS, type Status } from './messages.js';
import { attempt, prompt, quick } from './proxies.js';

interface Letter {
  name: string;
  payload: unknown;
  answer?: (answer: DecisionAnswer) => void;
}

export interface Desk {
  readonly run: Run;
  /** Changes the run and what operators see of it. */
  change(changes: Partial<Run>): void;
  /** The same with a new state and what is going on, in a sentence. */
  enter(state: RunState, sentence: string): void;
  /** Waits until `until` holds, a cancellation is asked for, or the time (ms) is over. False = the time is over. */
  wait(until: () => boolean, options?: { ms?: number; summary?: string }): Promise<boolean>;
  /** Runs something that a pause or a cancellation asks to stop at its next boundary. Null = it was stopped before it answered. */
  interruptible<T>(work: () => Promise<T>): Promise<T | null>;
  stopped(): boolean;
  /** Waits until every message that came has been judged. */
  settled(): Promise<void>;
}

const DESCRIPTIONS: Record<DecisionName, string> = {
  approve: 'An approver agrees with one plan: {"by", "plan"}; with "step" and "keys" it approves a skip',
  reject: 'An approver closes the run without any change: {"by", "plan", "note"}',
  acknowledge: 'An operator has seen what must be done by hand: {"by", "category"}',
  amend: 'An operator changes successors, overrides, identities, mode, departure or date: a new plan, approvals void',
  execute: 'The final confirmation where the policy wants one: {"by", "plan"}',
  pause: 'Stop after the current batch: {"by"}',
  resume: 'Go on after a pause: {"by"}',
  retry: 'Prepare again, or run again what is not done yet: {"by"}',
  skip: 'Leave the items of a failed step with the leaver, once approved: {"by", "step", "reason"}',
  finish: 'Close as completed-partially: {"by", "reason"}',
  cancel: 'Stop at the next safe boundary; with a block in place say {"access": "keep" | "restore"}',
};

/** Installs every message before the first await, and starts the decision loop. */
export function openDesk(run: Run): Desk {
  const inbox: Letter[] = [];
  const shown = { attributes: '', details: '' };
  const unrecorded: RecordDecisionInput[] = [];
  let judging = false;
  let recording = false;
  let scope: CancellationScope | null = null;

  const show = (): void => {
    setCurrentDetails(details(run));
    const attributes = attributesOf(run);
    if (JSON.stringify(attributes) === shown.attributes) return;
    shown.attributes = JSON.stringify(attributes);
    upsertSearchAttributes(attributes);
  };
  const change = (changes: Partial<Run>): void => {
    Object.assign(run, changes);
    if (scope && wantsToStop(run)) scope.cancel();
    show();
  };

  // Temporal's own cancel is a decision too; it names nobody, and keeps a block in place because nobody said otherwise.
  CancellationScope.current().cancelRequested.catch(() => {
    change({ cancellation: run.cancellation ?? { by: null, access: 'keep' } });
  });

  setHandler(defineQuery<Status>(STATUS), () => ({ ...run, waitingOn: waitingOn(run), next: nextMessages(run) }), {
    description: 'The whole state of this offboarding as JSON',
  });
  const enqueue = (name: string, payload: unknown): void => {
    inbox.push({ name, payload });
  };
  const enqueueAndAnswer = (name: string, payload: unknown): Promise<DecisionAnswer> =>
    new Promise((accept, refuse) => {
      const answer = (given: DecisionAnswer): void => (given.verdict === 'accepted' ? accept(given) : refuse(refusal(given)));
      inbox.push({ name, payload, answer });
    });
  for (const name of DECISIONS) {
    setHandler(defineSignal<[unknown?]>(name), payload => enqueue(name, payload), { description: DESCRIPTIONS[name] });
    setHandler(defineUpdate<DecisionAnswer, [unknown?]>(name), payload => enqueueAndAnswer(name, payload), {
      description: DESCRIPTIONS[name],
    });
  }
  setDefaultSignalHandler((name, ...payload) => enqueue(name, payload[0]));
  setDefaultUpdateHandler((name, ...payload) => enqueueAndAnswer(name, payload[0]));

  const loop = async (): Promise<void> => {
    for (;;) {
      await condition(() => inbox.length > 0);
      const letter = inbox.shift()!;
      judging = true;
      const answer = await decide(run, letter, change, entry => unrecorded.push(entry));
      letter.answer?.(answer);
      judging = false;
    }
  };
  // Beside the loop: a store that is out of reach delays the trail, never the next decision.
  const recorder = async (): Promise<void> => {
    for (;;) {
      await condition(() => unrecorded.length > 0);
      recording = true;
      const entry = unrecorded.shift()!;
      const summary = `${entry.accepted ? 'Accepted' : 'Refused'}: ${clip(entry.message, 40)}`;
      await attempt(() => quick.recordDecision.executeWithOptions({ summary }, [entry]));
      recording = false;
    }
  };
  void CancellationScope.nonCancellable(recorder);
  // Runs until the workflow completes: a message that comes while it closes is still judged and answered.
  void CancellationScope.nonCancellable(loop);
  show();

  return {
    run,
    change,
    enter(state, sentence) {
      change({ state, sentence });
    },
    wait(until, { ms, summary } = {}) {
      const ready = (): boolean => run.cancellation !== null || until();
      if (ms === undefined) return condition(ready).then(() => true);
      return condition(ready, ms, { summary });
    },
    async interruptible(work) {
      try {
        return await CancellationScope.cancellable(() => {
          scope = CancellationScope.current();
          if (wantsToStop(run)) scope.cancel();
          return work();
        });
      } catch (error) {
        // An attempt that failed while it was asked to stop is not retried any more: it was stopped, it did not fail.
        if (isCancellation(error) || (error instanceof ActivityFailure && error.retryState === 'CANCEL_REQUESTED')) return null;
        throw error;
      } finally {
        scope = null;
      }
    },
    stopped: () => run.cancellation !== null,
    settled: () =>
      condition(() => inbox.length === 0 && !judging && unrecorded.length === 0 && !recording && allHandlersFinished()),
  };
}

function wantsToStop(run: Run): boolean {
  return run.pausedBy !== null || run.cancellation !== null || (run.state === 'preparing' && run.replan);
}

/** Judges one message; whatever comes of it is recorded, a refusal as well. */
async function decide(
  run: Run,
  letter: Letter,
  change: (changes: Partial<Run>) => void,
  record: (entry: RecordDecisionInput) => void,
): Promise<DecisionAnswer> {
  const number = run.decided + 1;
  change({ decided: number });
  const parsed = parseDecision(letter.name, letter.payload);
  let sentence: string;
  let accepted = false;
  let decider: { id: string; name: string } | null = null;
  if (!parsed.ok) sentence = parsed.sentence;
  else {
    const { by } = parsed.value;
    const who = await attempt(() =>
      prompt.identify.executeWithOptions({ summary: `Who sends "${letter.name}"?` }, [{ who: by }]),
    );
    if (!who.ok) sentence = `The directory could not say who "${by}" is: ${who.sentence} Send it again.`;
    else if (who.value.kind !== 'one') sentence = who.value.sentence;
    else {
      decider = { id: who.value.person.id, name: who.value.person.name };
      const verdict = judgeSafely(run, parsed.value, who.value.person);
      ({ sentence, accepted } = verdict);
      if (verdict.accepted) change(verdict.changes);
    }
  }
  const by = claimedBy(letter.payload);
  if (!accepted) {
    const refusal = { at: new Date().toISOString(), message: clip(letter.name, 40), by, reason: sentence };
    change({ refused: [...run.refused, refusal].slice(-20) });
  }
  record({
    offboardingId: run.offboardingId,
    runId: workflowInfo().runId,
    number,
    message: clip(letter.name, 200),
    by,
    decider,
    accepted,
    sentence,
    plan: run.plan?.digest ?? null,
    payload: parsed.ok ? parsed.value : clip(JSON.stringify(letter.payload) ?? 'nothing', 2000),
  });
  return { verdict: accepted ? 'accepted' : 'refused', sentence, state: run.state, plan: run.plan?.digest ?? null };
}

/**
 * It fails the update, never the run: the Temporal UI would call an ordinary answer successful. The sentence may name people, and no
 * codec encrypts a failure's message, so it stays in the detail, a payload like every answer. No stack trace: nothing went wrong here.
 */
function refusal(answer: DecisionAnswer): ApplicationFailure {
  const message =
    'Refused, and nothing was changed. The reason stands at the top of the current details: press R in User Metadata.';
  const failure = ApplicationFailure.create({ type: REFUSED, message, nonRetryable: true, details: [answer] });
  failure.stack = '';
  return failure;
}

/** A message must never stop a run, whatever it makes a rule stumble over. */
function judgeSafely(run: Run, decision: Decision, who: Decider): Verdict {
  try {
    return judge(run, decision, who, new Date().toISOString());
  } catch (error) {
    return {
      accepted: false,
      sentence: `"${decision.name}" could not be judged (${(error as Error).message}); nothing was changed.`,
    };
  }
}

function claimedBy(payload: unknown): string | null {
  const by = (payload as { by?: unknown } | null | undefined)?.by;
  return typeof by === 'string' ? clip(by, 200) : null;
}

function clip(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length)}…` : text;
}

/** Ids and words only: search attributes are never encrypted. */
function attributesOf(run: Run): Record<string, string[] | number[] | Date[]> {
  return {
    OffboardingState: [run.state],
    OffboardingOutcome: run.outcome ? [run.outcome] : [],
    OffboardingMode: [mode(run)],
    OffboardingLeaver: [clip(run.leaver.id, 200)],
    OffboardingWaitingOn: [waitingOn(run)],
    OffboardingDue: run.plan?.effectiveAt ? [new Date(run.plan.effectiveAt)] : [],
    OffboardingRemaining: [remainingItems(run)],
  };
}
