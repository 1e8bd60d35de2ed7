/**
 * All that figures know about how histories are archived: today every offboarding starts an archiver of its
 * own.
 */
import { archiveWorkflowId } from '../../workflows/messages.js';
import { type Move, shapeOf } from '../noop/shape.js';
import type { Engine } from './engine.js';
import { everyoneClosed } from './visibility.js';

/** Resolves when every closed offboarding of this engine has been archived. */
export async function archiveEverything(engine: Engine, offboardings: number): Promise<void> {
  await everyoneClosed(
    engine.client,
    { taskQueue: engine.worker.taskQueue, type: 'archiveRun' },
    offboardings,
  );
}

/** Resolves when this one is archived: work of the last run is no part of the next. */
export async function archived(
  { client }: Engine,
  { offboardingId }: { offboardingId: string },
): Promise<void> {
  await client.workflow.getHandle(archiveWorkflowId(offboardingId)).result();
}

/**
 * What the archiver of one offboarding does, for the reference that has one as well. It is told once, which
 * is no gate of a person's.
 */
export async function archiverShape({ client }: Engine, offboardingId: string): Promise<Move[]> {
  const history = await client.workflow.getHandle(archiveWorkflowId(offboardingId)).fetchHistory();
  return shapeOf(history).filter(move => move !== 'gate');
}
