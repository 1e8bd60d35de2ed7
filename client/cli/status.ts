/** `handover status`: one run as a tree, now or as it goes on. */
import type { Command } from '@commander-js/extra-typings';
import { QueryNotRegisteredError } from '@temporalio/client';
import type { Status } from '../../workflows/messages.js';
import { EXIT, Problem } from '../problem.js';
import type { Reach } from '../reach.js';
import { findRun, type LiveRun } from '../which-run.js';
import { inSession, newCommand } from './command.js';
import type { Context } from './main.js';
import { showRun } from './show.js';
import { clean } from './terminal.js';
import { watch } from './watch.js';

export function registerStatus(program: Command, context: Context): void {
  const command = newCommand('status', 'one run as a tree: its steps, what it waits for, what fits now')
    .argument('<run>', 'workflow id, directory id, offboarding id, e-mail or login')
    .option('--watch', 'go on until the run closes or waits for people: live bars on a terminal, lines in a pipe')
    .action((given, options) =>
      inSession(context, options, async session => {
        const { reach, terminal } = session;
        const run = await findRun(reach, given);
        if (options.watch) return watch(session, run);
        const status = await readStatus(reach, run);
        terminal.json({ ...status, temporal: run.status });
        showRun(terminal, run, status);
        return EXIT.done;
      }),
    );
  program.addCommand(command);
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
    throw new Problem(EXIT.refused, clean(`${run.workflowId} was refused: ${report.sentence}`));
  }
}
