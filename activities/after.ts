/** The ids under which what comes after an offboarding runs: nothing else may stand in its way there. */
import { HandoverFailure } from '../domain/failure.js';
import { comesAfter } from '../domain/ids.js';
import type { Deps } from './deps.js';
import { described } from './open-runs.js';

export interface MakeRoomInput {
  /** Of a sweep or a give-back. */
  workflowId: string;
  /** The workflow type that belongs there. */
  type: string;
}

/** What was found under an id. */
export interface Room {
  /** A sweep or give-back of this store's runs there: it stays. */
  taken: boolean;
  /** The type of what was there instead and was terminated; null = nothing any more. */
  terminated: string | null;
}

/**
 * Ids of this installation are its own, and anybody who may start a workflow may start one under them. What
 * runs under this one and was never opened as what belongs there is terminated.
 */
export async function makeRoom(deps: Deps, { workflowId, type }: MakeRoomInput): Promise<Room> {
  if (comesAfter(deps.ids, workflowId) === null)
    throw new HandoverFailure(
      'rejected',
      `${workflowId} is no id of a sweep or a give-back of this installation.`,
    );
  const found = await described(deps.temporal, workflowId);
  if (found?.status.name !== 'RUNNING') return { taken: false, terminated: null };
  const id = found.memo?.offboardingId;
  const isOpened = typeof id === 'string' && (await deps.store.offboardings.workflowOf(id)) === workflowId;
  if (found.type === type && isOpened) return { taken: true, terminated: null };
  const reason = 'This id is kept for what comes after an offboarding of Handover.';
  await deps.temporal.workflow.getHandle(workflowId, found.runId).terminate(reason);
  return { taken: false, terminated: found.type };
}
