/**
 * One run as it goes on: looked at again and again, and asked only when its history has grown, since Temporal
 * Cloud bills every question to a run and no look at it.
 */
import { QueryNotRegisteredError } from '@temporalio/client';
import type { Status } from '../workflows/messages.js';
import { clean } from './clean.js';
import { Problem, problemOf } from './problem.js';
import type { Reach } from './reach.js';
import type { LiveProgress } from './runs.js';
import { describe, type LiveRun } from './which-run.js';

/** What one look saw, or why it saw nothing this time. */
export type Sight = { run: LiveRun; status: Status; live: LiveProgress | null } | { trouble: string };

/** A worker that restarts, or Temporal itself: longer than this is an outage to be told. */
const PATIENCE_MS = 60_000;

/** Looks every so often until the reader leaves; an outage of a minute is waited out. */
export async function* follow(reach: Reach, started: LiveRun, everyMs: number): AsyncGenerator<Sight, never> {
  const offboardings = await reach.offboardings();
  let run = started;
  let answered = Date.now();
  let known = null as { moment: string; status: Status } | null;
  for (;;) {
    let sight: Sight;
    try {
      const { moment, live } = await reach.ask(() => offboardings.glance(run.workflowId, run.runId));
      // Whatever comes between the two is seen next time.
      if (known?.moment !== moment) known = { moment, status: await readStatus(reach, run) };
      const { status } = known;
      answered = Date.now();
      run = await sameOffboarding(reach, run);
      sight = { run, status, live: working(status) ? live : null };
    } catch (error) {
      const problem = problemOf(error);
      if (problem.kind !== 'out-of-reach' || Date.now() - answered > PATIENCE_MS) throw problem;
      sight = { trouble: problem.message };
    }
    yield sight;
    await new Promise(resolve => setTimeout(resolve, everyMs));
  }
}

/** The whole state of a run; a worker must be there to answer, also for a closed one. */
export async function readStatus(reach: Reach, run: LiveRun): Promise<Status> {
  const offboardings = await reach.offboardings();
  try {
    return await reach.ask(() => offboardings.status(run.workflowId, run.runId));
  } catch (error) {
    if (!(error instanceof QueryNotRegisteredError)) throw error;
    // Started by hand, and closed at once with a sentence that says so.
    const report = await offboardings.result(run.workflowId);
    throw new Problem('refused', clean(`${run.workflowId} was refused: ${report.sentence}`));
  }
}

/** A reset goes on under another run id; a later offboarding of the same person is another one. */
async function sameOffboarding(reach: Reach, run: LiveRun): Promise<LiveRun> {
  const newest = await describe(reach, run.workflowId);
  return newest && newest.offboardingId === run.offboardingId ? newest : run;
}

function working(status: Status): boolean {
  return status.state === 'executing' || status.state === 'deactivating';
}
