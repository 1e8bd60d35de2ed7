/** What comes after an offboarding, as commands read it: one by itself, or what follows a run that has closed. */
import { WorkflowNotFoundError } from '@temporalio/client';
import type { GiveBackStatus } from '../domain/give-back-view.js';
import type { Kind } from '../domain/ids.js';
import { sweepOf } from '../domain/sweep.js';
import type { SweepStatus } from '../domain/sweep-view.js';
import type { Status } from '../workflows/messages.js';
import type { Reach } from './reach.js';
import { describe, type LiveRun } from './which-run.js';

/** A run as far as it says what comes after it. */
type Before = Pick<Status, 'state' | 'plan' | 'offboardingId'>;
type Later = Exclude<Kind, 'offboarding'>;

/** Whether its plan lets that come after it; whether it has begun, Temporal knows. */
const MAY: Record<Later, (plan: NonNullable<Before['plan']>) => boolean> = {
  sweep: plan => sweepOf(plan.policy) !== null,
  'give-back': plan => plan.giveBackAt !== undefined,
};

/** The whole state of a sweep; a worker must be there to answer, also for one that is over. */
export async function readSweep(reach: Reach, { workflowId, runId }: LiveRun): Promise<SweepStatus> {
  const offboardings = await reach.offboardings();
  return reach.ask(() => offboardings.sweep(workflowId, runId));
}

/** The same of a give-back. */
export async function readGiveBack(reach: Reach, { workflowId, runId }: LiveRun): Promise<GiveBackStatus> {
  const offboardings = await reach.offboardings();
  return reach.ask(() => offboardings.giveBack(workflowId, runId));
}

/** What came after a run, read; null where there is none, or Temporal has forgotten it. */
export async function whatFollows<S>(
  reach: Reach,
  { state, plan, offboardingId }: Before,
  kind: Later,
  read: (reach: Reach, run: LiveRun) => Promise<S>,
): Promise<{ run: LiveRun; state: S } | null> {
  if (state !== 'closed' || !plan || !MAY[kind](plan)) return null;
  const { ids } = await reach.offboardings();
  const run = await describe(
    reach,
    kind === 'sweep' ? ids.sweep(offboardingId) : ids.giveBack(offboardingId),
  );
  if (!run) return null;
  try {
    return { run, state: await read(reach, run) };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}
