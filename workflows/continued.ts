/** Whether an execution goes on from an earlier one, and whether it is to go on in another. */
import { workflowInfo } from '@temporalio/workflow';
import { LONG_LIVED } from '../domain/limits.js';
import type { Inbox } from './inbox.js';

/**
 * What is carried along is believed only where the server says that this execution goes on from another one.
 * A cron schedule and a retry say so too, with whatever somebody started the first one with.
 */
export function isContinued(): boolean {
  const { continuedFromExecutionRunId, cronSchedule, attempt } = workflowInfo();
  return continuedFromExecutionRunId !== undefined && !cronSchedule && attempt === 1;
}

/**
 * Histories have an end: where the server suggests it, or so many messages came that they soon fill one,
 * whoever is at rest goes on in a fresh execution.
 * @param taken of this execution
 */
export function isLongLived({ signals, updates }: Inbox['taken']): boolean {
  const { continueAsNewSuggested, historyLength, historySize } = workflowInfo();
  return (
    continueAsNewSuggested ||
    historyLength > LONG_LIVED.events ||
    historySize > LONG_LIVED.history ||
    signals > LONG_LIVED.signals ||
    updates > LONG_LIVED.updates
  );
}
