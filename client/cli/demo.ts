/**
 * `handover demo`: everything on this machine, and one person handed over and switched off before your eyes.
 */
import type { Command } from '@commander-js/extra-typings';
import { COMMANDS } from './commands.js';

const ALICE = 'alice@demo.example';

export function registerDemo(program: Command): void {
  program
    .command('demo')
    .description(COMMANDS.demo.says)
    .option('--once', 'end when the run is over: exit code 0 if it completed')
    .option('--fresh', 'forget an earlier demo first')
    .option('--user <email>', 'offboard somebody else of the demo (examples/demo/README.md)', ALICE)
    .option('--state-dir <dir>', 'where everything is kept', process.env.HANDOVER_STATE ?? '.handover')
    .addHelpText(
      'after',
      `
Ctrl-C ends it at any moment, with everything that it started. A run that was cut short goes on at the next start.

Exit codes: 0 when the run completed (or, without --once, when you ended the demo after it), 1 when something failed or the run
waits for people, 130 when you ended it in the middle.`,
    )
    .action(async options => {
      const { demo } = await import('../demo/demo.js');
      await demo(options);
    });
}
