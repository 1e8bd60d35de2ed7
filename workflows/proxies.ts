/** How workflows call activities: timeouts with their reasons, and failures as values. */
import {
  ActivityCancellationType,
  ActivityFailure,
  type ActivityOptions,
  ApplicationFailure,
  proxyActivities,
  TimeoutFailure,
} from '@temporalio/workflow';
import type { Activities } from '../activities/index.js';

const retry: ActivityOptions['retry'] = {
  // A restart of a database takes seconds: ask again soon, then rarely. The activity itself says when its patience ends.
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

/** Reads of a whole system, and slices of batches. They heartbeat, so a dead worker is noticed within seconds. */
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

export type Attempt<T> = { ok: true; value: T } | { ok: false; sentence: string };

/** An activity that failed for good is something to tell people, not a failed workflow. */
export async function attempt<T>(call: () => Promise<T>): Promise<Attempt<T>> {
  try {
    return { ok: true, value: await call() };
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    const { cause } = error;
    if (cause instanceof ApplicationFailure) return { ok: false, sentence: cause.message };
    if (cause instanceof TimeoutFailure)
      return { ok: false, sentence: `No worker finished "${error.activityType}" in time (${cause.timeoutType}).` };
    return { ok: false, sentence: cause?.message ?? error.message };
  }
}
