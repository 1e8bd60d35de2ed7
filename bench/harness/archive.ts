/**
 * All that figures know about how histories are archived: one look stores everything that has closed. The
 * schedule would start it within minutes; a figure starts it at once, and counts it.
 */
import type { Engine } from './engine.js';

/** Resolves when every closed offboarding of this engine has been archived. */
export async function archiveEverything({ offboardings }: Engine): Promise<void> {
  const { stored, failures } = await offboardings.archive();
  // The schedule may have stored some of them meanwhile.
  if (stored === 0 || failures.length > 0)
    throw new Error(`${stored} histories were archived: ${JSON.stringify(failures)}`);
}

/** Resolves when this one is archived: work of the last run is no part of the next. */
export async function archived(
  { offboardings }: Engine,
  { workflowId }: { workflowId: string },
): Promise<void> {
  await offboardings.archive(workflowId);
}
