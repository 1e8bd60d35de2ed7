/**
 * Tells a run what is tried again and again: Temporal retries in silence, and whoever looks at a run that does
 * not get on must see why.
 */
import { activityInfo } from '@temporalio/activity';
import { isTimeToTell } from '../domain/trouble.js';
import type { Deps } from './deps.js';

/** The run is told after a minute, and then more and more rarely. @param sentence why the attempt failed */
export async function tellTrouble({ temporal }: Pick<Deps, 'temporal'>, sentence: string): Promise<void> {
  const { activityType, attempt, workflowExecution, workflowType, ...at } = activityInfo();
  const before = at.currentAttemptScheduledTimestampMs - at.scheduledTimestampMs;
  if (workflowType !== 'offboardUser' || !workflowExecution) return;
  if (!isTimeToTell(before, Date.now() - at.scheduledTimestampMs)) return;
  const run = temporal.workflow.getHandle(workflowExecution.workflowId, workflowExecution.runId);
  // Where the run cannot be told, it has closed, or Temporal is away: what failed is Temporal's to know anyway.
  await run.signal('troubled', { activity: activityType, attempt, sentence }).catch(() => {});
}
