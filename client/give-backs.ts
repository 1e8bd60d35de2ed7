/** Give-backs as commands read them: one by itself, or the one that comes after a cover. */
import { WorkflowNotFoundError } from '@temporalio/client';
import type { GiveBackStatus } from '../domain/give-back-view.js';
import type { Status } from '../workflows/messages.js';
import type { Reach } from './reach.js';
import { describe, type LiveRun } from './which-run.js';

/** The whole state of a give-back; a worker must be there to answer, also for one that is over. */
export async function readGiveBack(reach: Reach, { workflowId, runId }: LiveRun): Promise<GiveBackStatus> {
  const offboardings = await reach.offboardings();
  return reach.ask(() => offboardings.giveBack(workflowId, runId));
}

/** The give-back that comes after a run; null where there is none, or Temporal has forgotten it. */
export async function giveBackAfter(
  reach: Reach,
  { state, plan, offboardingId }: Pick<Status, 'state' | 'plan' | 'offboardingId'>,
): Promise<{ run: LiveRun; back: GiveBackStatus } | null> {
  if (state !== 'closed' || plan?.giveBackAt === undefined) return null;
  const { ids } = await reach.offboardings();
  const run = await describe(reach, ids.giveBack(offboardingId));
  if (!run) return null;
  try {
    return { run, back: await readGiveBack(reach, run) };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}
