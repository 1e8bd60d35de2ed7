/**
 * Keeps the history of one offboarding: an abandoned child that waits for the close, since no run can export
 * its own. It is told when the run is about to close; once a day it looks by itself, because a terminated run
 * tells nobody.
 */

import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  condition,
  defineSignal,
  getExternalWorkflowHandle,
  ParentClosePolicy,
  setHandler,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import { ARCHIVE_RUN, archiveWorkflowId, CLOSING } from './messages.js';
import { attempt, long } from './proxies.js';

export interface ArchiveRunInput {
  offboardingId: string;
  workflowId: string;
  runId: string;
}

export async function archiveRun(input: ArchiveRunInput): Promise<{ kind: string }> {
  let told = false;
  setHandler(defineSignal(CLOSING), () => {
    told = true;
  });
  let heard = false;
  let patience = DAY_MS;
  for (;;) {
    await condition(() => told !== heard, patience, { summary: 'Waits for the offboarding to close' });
    // Told a moment before the close, it is a matter of a second; after that it asks ever more rarely.
    patience = told === heard ? Math.min(patience * 2, DAY_MS) : 1000;
    heard = told;
    const archived = await attempt(() =>
      long.archiveRuns.executeWithOptions({ summary: 'Keep the whole history' }, [input]),
    );
    if (archived.ok && archived.value.kind !== 'still-open') return archived.value;
  }
}

const DAY_MS = 86_400_000;

export const archive = {
  async start(offboardingId: string): Promise<void> {
    const { workflowId, runId } = workflowInfo();
    try {
      await startChild(ARCHIVE_RUN, {
        workflowId: archiveWorkflowId(offboardingId),
        args: [{ offboardingId, workflowId, runId } satisfies ArchiveRunInput],
        parentClosePolicy: ParentClosePolicy.ABANDON,
        staticSummary: 'Keeps the history once the offboarding is closed',
      });
    } catch (error) {
      // After a reset the archiver of the first run is still waiting: it follows to this one.
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    }
  },
  async tell(offboardingId: string): Promise<void> {
    const closing = (): Promise<void> =>
      getExternalWorkflowHandle(archiveWorkflowId(offboardingId)).signal(CLOSING);
    // A run that was reset after its end finds its archiver gone. Should both fail, workers still look for
    // closed runs.
    await closing()
      .catch(async () => {
        await archive.start(offboardingId);
        await closing();
      })
      .catch(() => {});
  },
};
