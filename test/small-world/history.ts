/** What Temporal kept of a run. */
import type { Client, WorkflowHandle } from '@temporalio/client';

/** Causes that the server gives a task of its own accord: a message came meanwhile, somebody reset the run. */
const NO_DEFECT = new Set([
  /* unhandled command */ 1, /* too much came meanwhile */ 17, /* reset */ 20, /* unhandled update */ 31,
]);

/**
 * Why tasks of a workflow failed, over all executions of its latest chain: an empty list, or a defect.
 */
export async function failedTasks(temporal: Client, { run }: { run: string }): Promise<string[]> {
  const failed: string[] = [];
  for (const { events } of await histories(temporal, run))
    for (const { workflowTaskFailedEventAttributes: task } of events ?? [])
      if (task && !NO_DEFECT.has(Number(task.cause))) failed.push(`${task.cause}: ${task.failure?.message}`);
  return failed;
}

type History = Awaited<ReturnType<WorkflowHandle['fetchHistory']>>;

/** Of every execution of the latest chain under an id, newest first. */
export async function histories(temporal: Client, workflowId: string): Promise<History[]> {
  const { runId } = await temporal.workflow.getHandle(workflowId).describe();
  const all: History[] = [];
  for (let next: string | null | undefined = runId; next; ) {
    const history: History = await temporal.workflow.getHandle(workflowId, next).fetchHistory();
    all.push(history);
    next = history.events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId;
  }
  return all;
}
