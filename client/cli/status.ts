/** `handover status`: one run as a tree, now or as it goes on. */
import type { Command } from '@commander-js/extra-typings';
import { readGiveBack, readSweep, whatFollows } from '../afterwards.js';
import { clean } from '../clean.js';
import { readStatus } from '../follow.js';
import { Problem } from '../problem.js';
import { findRun, type LiveRun } from '../which-run.js';
import { type Context, inSession, newCommand, type Session } from './command.js';
import { EXIT } from './exit.js';
import { showGiveBack, showRun, showSweep } from './show.js';
import { watch } from './watch.js';

/** What a run that goes on waits for in a system; nobody needs to ask a closed one. */
async function waitsOf({ reach }: Session, run: LiveRun): Promise<string | null> {
  if (run.status !== 'RUNNING') return null;
  return (await reach.offboardings()).waits(run.workflowId).catch(() => null);
}

async function oneGiveBack({ reach, terminal }: Session, run: LiveRun, watched: boolean): Promise<number> {
  if (watched)
    throw new Problem('usage', 'A give-back waits for its date and for people: leave --watch out.');
  const back = await readGiveBack(reach, run);
  terminal.json({ ...back, temporal: run.status });
  showGiveBack(terminal, run, back);
  return EXIT.done;
}

async function oneSweep({ reach, terminal }: Session, run: LiveRun, watched: boolean): Promise<number> {
  if (watched)
    throw new Problem(
      'usage',
      'A sweep does something once a day or less: leave --watch out, and look at it when its next round is over.',
    );
  const sweep = await readSweep(reach, run);
  terminal.json({ ...sweep, temporal: run.status });
  showSweep(terminal, run, sweep);
  return EXIT.done;
}

export function registerStatus(program: Command, context: Context): void {
  const command = newCommand('status')
    .argument('<run>', 'workflow id, directory id, offboarding id, e-mail or login')
    .option(
      '--watch',
      'go on until the run closes or waits for people: live bars on a terminal, lines in a pipe',
    )
    .action((given, options) =>
      inSession(context, options, async session => {
        const { reach, terminal } = session;
        const run = await findRun(reach, given);
        if (run.kind === 'sweep') return oneSweep(session, run, options.watch === true);
        if (run.kind === 'give-back') return oneGiveBack(session, run, options.watch === true);
        if (options.watch) return watch(session, run);
        const status = await readStatus(reach, run);
        const waits = await waitsOf(session, run);
        const sweep = await whatFollows(reach, status, 'sweep', readSweep);
        const back = await whatFollows(reach, status, 'give-back', readGiveBack);
        terminal.json({
          ...status,
          temporal: run.status,
          ...(waits && { waits }),
          ...(back && { giveBack: { ...back.state, temporal: back.run.status } }),
          ...(sweep && { sweep: { ...sweep.state, temporal: sweep.run.status } }),
        });
        showRun(terminal, run, status);
        if (back) showGiveBack(terminal, back.run, back.state);
        if (sweep) showSweep(terminal, sweep.run, sweep.state);
        if (waits) terminal.say(clean(`Waits for: ${waits}`));
        return EXIT.done;
      }),
    );
  program.addCommand(command);
}
