/**
 * What Temporal itself says about all workflows of a task queue: whether all are closed, and from when to
 * when they ran.
 */
import type { Client } from '@temporalio/client';

const WITHIN_MS = 600_000;

/** The workflows of a task queue, or those of one type in it. */
export interface Everyone {
  taskQueue: string;
  type?: string;
}

/**
 * Waits until `expected` workflows have closed. Asks rarely: counting is work for the server that is being
 * measured.
 */
export async function everyoneClosed(
  client: Client,
  { taskQueue, type }: Everyone,
  expected: number,
): Promise<void> {
  const which = `TaskQueue = "${taskQueue}"${type ? ` and WorkflowType = "${type}"` : ''}`;
  const deadline = Date.now() + WITHIN_MS;
  for (;;) {
    const { count } = await client.workflow.count(`${which} and ExecutionStatus = "Completed"`);
    if (Number(count) >= expected) return;
    if (Date.now() > deadline)
      throw new Error(`Only ${count} of ${expected} workflows have completed: ${which}.`);
    await new Promise(done => setTimeout(done, 250));
  }
}

/** From the first start to the last close, in milliseconds. */
export async function span(client: Client, taskQueue: string): Promise<{ ms: number }> {
  let first = Number.POSITIVE_INFINITY;
  let last = 0;
  for await (const run of client.workflow.list({ query: `TaskQueue = "${taskQueue}"` })) {
    first = Math.min(first, run.startTime.getTime());
    last = Math.max(last, run.closeTime?.getTime() ?? Number.POSITIVE_INFINITY);
  }
  return { ms: last - first };
}
