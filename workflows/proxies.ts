/** How workflows call activities: timeouts with their reasons, and failures as values. */
import {
  ActivityCancellationType,
  ActivityFailure,
  type ActivityOptions,
  ApplicationFailure,
  CancelledFailure,
  proxyActivities,
  TimeoutFailure,
} from '@temporalio/workflow';
import type { Activities } from '../activities/index.js';
import { type FailureKind, isFailureKind } from '../domain/failure.js';
import type { Priority } from '../domain/priority.js';
import { summary } from '../domain/summary.js';

const retry: ActivityOptions['retry'] = {
  // A restart of a database takes seconds: ask again soon, then rarely. The activity itself says when its
  // patience ends.
  initialInterval: '500ms',
  backoffCoefficient: 2,
  maximumInterval: '30s',
};

/** Quick reads and writes of our own store and of one person's row. */
export const quick = proxyActivities<Activities>({
  startToCloseTimeout: '1 minute',
  // Workers may be down over a long weekend; then the run parks instead of waiting for ever.
  scheduleToCloseTimeout: '7 days',
  retry,
});

/**
 * Reads of a whole system, and slices of batches. They heartbeat, so a dead worker is noticed within seconds.
 */
export const long = proxyActivities<Activities>({
  startToCloseTimeout: '30 minutes',
  scheduleToCloseTimeout: '7 days',
  heartbeatTimeout: '15 seconds',
  // A pause or cancel lets the batch in hand finish and answers with what is done.
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry,
});

/** Who sends a message: a person waits for the answer, and the messages behind it wait as well. */
export const prompt = proxyActivities<Activities>({
  startToCloseTimeout: '10 seconds',
  scheduleToCloseTimeout: '30 seconds',
  retry,
});

/** What nobody waits for: the next look comes by itself. */
export const watching = proxyActivities<Activities>({
  startToCloseTimeout: '1 minute',
  scheduleToCloseTimeout: '10 minutes',
  retry,
});

/** What a gateway asks: a caller waits for it, and a whole look at somebody takes longer than one row. */
export const inquiring = proxyActivities<Activities>({
  startToCloseTimeout: '1 minute',
  scheduleToCloseTimeout: '90 seconds',
  heartbeatTimeout: '15 seconds',
  retry,
});

/**
 * What came of an activity. `kind` says of what sort a failure is: one of the closed list, `bug` for what
 * nobody knew, `timeout` where no worker finished in time, `cancelled` where it was asked to stop.
 */
export type Attempt<T> = { ok: true; value: T } | { ok: false; kind: AttemptFailure; sentence: string };
export type AttemptFailure = FailureKind | 'bug' | 'timeout' | 'cancelled';

/** An activity that failed for good is something to tell people, not a failed workflow. */
export async function attempt<T>(call: () => Promise<T>): Promise<Attempt<T>> {
  try {
    return { ok: true, value: await call() };
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    const { cause } = error;
    // What failed while it was asked to stop is not tried again any more: it was stopped, it did not fail.
    if (cause instanceof CancelledFailure || error.retryState === 'CANCEL_REQUESTED')
      return { ok: false, kind: 'cancelled', sentence: cause?.message ?? error.message };
    if (cause instanceof ApplicationFailure)
      return { ok: false, kind: isFailureKind(cause.type) ? cause.type : 'bug', sentence: cause.message };
    if (cause instanceof TimeoutFailure) {
      const sentence = `No worker finished "${error.activityType}" in time (${cause.timeoutType}).`;
      return { ok: false, kind: 'timeout', sentence };
    }
    return { ok: false, kind: 'bug', sentence: cause?.message ?? error.message };
  }
}

/** The workflow's own where nobody has said otherwise; each workflow has a copy of this module. */
let goesAs: Priority | undefined;

/** Whatever is asked from now on goes as urgently as this, whatever the workflow was started with. */
export function goAs(priority: Priority | undefined): void {
  goesAs = priority;
}

interface Verb<I, O> {
  executeWithOptions(options: ActivityOptions, args: [I]): Promise<O>;
}

/**
 * Does something by an activity, under a summary that people read in the Temporal UI. What fails for good is
 * a value.
 */
export function ask<I, O>(
  verb: Verb<I, O>,
  says: string,
  input: I,
  /** Where it is another than the workflow's, or than what `goAs` says. */
  priority = goesAs,
): Promise<Attempt<O>> {
  return attempt(() =>
    verb.executeWithOptions({ summary: summary(says), ...(priority && { priority }) }, [input]),
  );
}
