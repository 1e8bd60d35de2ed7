/**
 * `handover dev`: Handover on this machine for your own systems, or for the demo's, without the scripted run.
 */
import type { Command } from '@commander-js/extra-typings';
import { COMMANDS } from './commands.js';

export function registerDev(program: Command): void {
  program
    .command('dev')
    .description(COMMANDS.dev.says)
    .option(
      '--config <file>',
      'the configuration (default: HANDOVER_CONFIG, then ./handover.yaml, then the demo)',
    )
    .option('--state-dir <dir>', 'where everything is kept', process.env.HANDOVER_STATE ?? '.handover')
    .addHelpText(
      'after',
      `
The store gets a database of its own unless the configuration's variable for it is set; the connections of your systems come from
the environment. Stays up until Ctrl-C (exit code 0; 130 while it is still starting). Exit code 1: something failed.`,
    )
    .action(async options => {
      const [{ dev }, { demoApplications }] = await Promise.all([
        import('../local/dev.js'),
        import('../demo/applications.js'),
      ]);
      await dev({ ...options, applications: demoApplications });
    });
}
