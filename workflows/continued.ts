/** Whether an execution goes on from an earlier one. */
import { workflowInfo } from '@temporalio/workflow';

/**
 * What is carried along is believed only where the server says that this execution goes on from another one.
 * A cron schedule and a retry say so too, with whatever somebody started the first one with.
 */
export function isContinued(): boolean {
  const { continuedFromExecutionRunId, cronSchedule, attempt } = workflowInfo();
  return continuedFromExecutionRunId !== undefined && !cronSchedule && attempt === 1;
}
