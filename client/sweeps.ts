/** Sweeps as commands read them: one by itself, or the one that comes after an offboarding. */
import { WorkflowNotFoundError } from '@temporalio/client';
import { sweepOf } from '../domain/sweep.js';
import type { SweepStatus } from '../domain/sweep-view.js';
import type { Status } from '../workflows/messages.js';
import type { Reach } from './reach.js';
import { describe, type LiveRun } from './which-run.js';

/** The whole state of a sweep; a worker must be there to answer, also for one that is over. */
export async function readSweep(reach: Reach, { workflowId, runId }: LiveRun): Promise<SweepStatus> {
  const offboardings = await reach.offboardings();
  return reach.ask(() => offboardings.sweep(workflowId, runId));
}

/** The sweep that comes after a run; null where there is none, or Temporal has forgotten it. */
export async function sweepAfter(
  reach: Reach,
  { state, plan, offboardingId }: Pick<Status, 'state' | 'plan' | 'offboardingId'>,
): Promise<{ run: LiveRun; sweep: SweepStatus } | null> {
  if (state !== 'closed' || !plan || !sweepOf(plan.policy)) return null;
  const { ids } = await reach.offboardings();
  const run = await describe(reach, ids.sweep(offboardingId));
  if (!run) return null;
  try {
    return { run, sweep: await readSweep(reach, run) };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}
