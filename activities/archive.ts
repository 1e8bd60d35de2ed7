/**
 * Keeps whole histories: Temporal forgets closed runs when the namespace's retention ends, a run cannot
 * export its own close, and a terminated run runs no code. So another workflow waits for the close, and
 * workers look for closed runs without an archive.
 */

import { WorkflowNotFoundError } from '@temporalio/common';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import type { Deps } from './deps.js';
import { settleAll } from './effects.js';
import { reconcileRegister } from './open-runs.js';

export interface ArchiveInput {
  offboardingId: string;
  workflowId: string;
  /** The first run's id; the run may have been reset since. */
  runId: string;
}

export type ArchiveResult =
  | { kind: 'archived'; runs: number }
  | { kind: 'still-open' }
  | { kind: 'forgotten' };

/** Archives every closed run of one offboarding. Never waits: the workflow asks again. */
export async function archiveRuns(deps: Deps, input: ArchiveInput): Promise<ArchiveResult> {
  let runId = input.runId;
  let runs = 0;
  const handle = deps.temporal.workflow.getHandle(input.workflowId, runId);
  let status: string;
  const closed: Date[] = [];
  try {
    const description = await handle.describe();
    status = description.status.name;
    runId = description.runId;
    if (description.closeTime) closed.push(description.closeTime);
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return { kind: 'forgotten' };
    throw error;
  }
  if (status === 'RUNNING') return { kind: 'still-open' };
  // A reset leaves the old run terminated and opens a new one under the same offboarding: follow to it.
  runs += await archiveOne(deps, input, runId, status);
  for await (const other of deps.temporal.workflow.list({
    query: `WorkflowId = "${input.workflowId}" and WorkflowType = "offboardUser"`,
  })) {
    if (other.runId === runId) continue;
    const offboarding = await offboardingOf(deps, input.workflowId, other.runId);
    if (offboarding !== input.offboardingId) continue;
    if (other.status.name === 'RUNNING') return { kind: 'still-open' };
    runs += await archiveOne(deps, input, other.runId, other.status.name);
    if (other.closeTime) closed.push(other.closeTime);
  }
  // A terminated run closes nothing itself, and nobody else would ask what became of the batch that it was in
  // the middle of.
  for (const time of closed) await deps.store.ledger.fence(input.offboardingId, time);
  await settleAll(deps, input.offboardingId);
  await deps.store.runs.close(input.offboardingId);
  return { kind: 'archived', runs };
}

async function archiveOne(
  deps: Deps,
  input: Omit<ArchiveInput, 'runId'>,
  runId: string,
  status: string,
): Promise<number> {
  if (await deps.store.archive.has(runId)) return 0;
  const history = await deps.temporal.workflow.getHandle(input.workflowId, runId).fetchHistory();
  const saved = await deps.store.archive.save({
    run: runId,
    offboarding: input.offboardingId,
    workflow: input.workflowId,
    status,
    events: history.events?.length ?? 0,
    // As text it would be JSON inside JSON, which nobody can read who unpacks an archive by hand.
    history: JSON.parse(historyToJSON(history)) as unknown,
  });
  return saved ? 1 : 0;
}

async function offboardingOf(deps: Deps, workflowId: string, runId: string): Promise<string | null> {
  const description = await deps.temporal.workflow.getHandle(workflowId, runId).describe();
  return typeof description.memo?.offboardingId === 'string' ? description.memo.offboardingId : null;
}

/**
 * At a worker's start: closed runs without an archive (terminated, or their archiver died) are fetched.
 * Returns how many.
 */
export async function reconcileArchive(deps: Deps): Promise<number> {
  let archived = 0;
  for await (const closed of deps.temporal.workflow.list({
    query: `WorkflowType = "offboardUser" and ExecutionStatus != "Running"`,
  })) {
    if (await deps.store.archive.has(closed.runId)) continue;
    const offboarding = closed.memo?.offboardingId;
    if (typeof offboarding !== 'string') continue;
    archived += await archiveOne(
      deps,
      { offboardingId: offboarding, workflowId: closed.workflowId },
      closed.runId,
      closed.status.name,
    );
    if (closed.closeTime) await deps.store.ledger.fence(offboarding, closed.closeTime);
    // Where a target does not answer, the run's archiver asks again.
    await settleAll(deps, offboarding).catch(() => {});
  }
  await reconcileRegister(deps);
  return archived;
}
