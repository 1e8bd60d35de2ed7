/** `handover archive`: stores at once what has closed, instead of within minutes. */
import type { Command } from '@commander-js/extra-typings';
import { WorkflowFailedError } from '@temporalio/client';
import type { ArchiveReport } from '../../domain/archive.js';
import { clean } from '../clean.js';
import { Problem, problemOf } from '../problem.js';
import { findRun } from '../which-run.js';
import { type Context, inSession, newCommand } from './command.js';
import { EXIT } from './exit.js';
import type { Terminal } from './terminal.js';

export function registerArchive(program: Command, context: Context): void {
  program.addCommand(
    newCommand('archive')
      .argument('[run]', 'only the runs of this person')
      .action((given, options) =>
        inSession(context, options, async ({ reach, terminal }) => {
          const run = given === undefined ? null : await findRun(reach, given);
          const offboardings = await reach.offboardings();
          const report = await reach.ask(() => offboardings.archive(run?.workflowId)).catch(unanswered);
          const open = run?.status === 'RUNNING' && report.stored === 0;
          terminal.json({ ...report });
          tell(
            terminal,
            report,
            open ? `${run.workflowId} is open: it is archived when it has closed.` : null,
          );
          return report.failed === 0 ? EXIT.done : EXIT.changed;
        }),
      ),
  );
}

function unanswered(error: unknown): never {
  if (error instanceof WorkflowFailedError)
    throw new Problem('out-of-reach', `The look failed: ${error.cause?.message}`, { cause: error });
  const problem = problemOf(error);
  if (problem.kind !== 'out-of-reach') throw problem;
  throw new Problem(
    'out-of-reach',
    `${problem.message} The look that was asked for goes on by itself; --timeout waits longer for it.`,
    { cause: error },
  );
}

function tell(
  terminal: Terminal,
  { stored, workflows, failed, failures }: ArchiveReport,
  open: string | null,
): void {
  const { colours } = terminal;
  for (const workflow of workflows) terminal.say(`${colours.green('✓')} ${clean(workflow)}`);
  if (stored > workflows.length) terminal.say(`  and ${stored - workflows.length} more`);
  for (const { workflowId, why } of failures)
    terminal.say(`${colours.red('✗')} ${clean(workflowId)}: ${clean(why)}`);
  if (failed > failures.length) terminal.say(`  and ${failed - failures.length} more`);
  if (failed > 0)
    terminal.say(
      `${failed} ${failed === 1 ? 'thing' : 'things'} could not be done; every look tries again, within five minutes.`,
    );
  terminal.say(clean(open ?? `${stored} ${stored === 1 ? 'history' : 'histories'} stored.`));
}
