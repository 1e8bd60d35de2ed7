/** `handover dev`: Handover on this machine for your own systems, or for the demo's, without the scripted run. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from '@commander-js/extra-typings';
import { runLink, startLink } from '../demo/next.js';
import { DEMO_CONFIG, type Installation, shown, startInstallation } from '../local/installation.js';
import { type Life, live } from '../local/lifetime.js';
import { indented, type Screen, screenOn } from '../local/screen.js';

export function registerDev(program: Command): void {
  program
    .command('dev')
    .description('start Temporal, PostgreSQL and a worker on this machine, for your own handover.yaml or the demo')
    .option('--config <file>', 'the configuration (default: HANDOVER_CONFIG, then ./handover.yaml, then the demo)')
    .option('--state-dir <dir>', 'where everything is kept', process.env.HANDOVER_STATE ?? '.handover')
    .addHelpText(
      'after',
      `
The store gets a database of its own unless the configuration's variable for it is set; the connections of your systems come from
the environment. Stays up until Ctrl-C (exit code 0; 130 while it is still starting). Exit code 1: something failed.`,
    )
    .action(async options => {
      const screen = screenOn();
      await live(life => dev(options, life, screen), {
        say: line => {
          screen.line(screen.colours.dim(line));
          screen.hush();
        },
        cry: sentence => screen.line(`\n${screen.colours.red(sentence)}`),
      });
    });
}

async function dev(options: { config?: string; stateDir: string }, life: Life, screen: Screen): Promise<number> {
  const config = options.config ?? process.env.HANDOVER_CONFIG ?? (existsSync('handover.yaml') ? 'handover.yaml' : DEMO_CONFIG);
  screen.line(`${screen.colours.bold('Handover')} for ${shown(resolve(config))}`);
  screen.line();
  const installation = await startInstallation({ stateDir: options.stateDir, config, life, screen });
  where(installation, screen);
  life.atRest();
  await life.ended;
  return 0;
}

function where({ config, temporal, stateDir }: Installation, screen: Screen): void {
  const c = screen.colours;
  const row = (what: string, how: string): void => screen.line(indented(`${what.padEnd(20)} ${how}`));
  screen.line();
  row('Systems', `${Object.keys(config.systems).join(', ')}; ${config.directory} is the directory`);
  row('Temporal UI', c.cyan(runLink(temporal, { workflowId: null, runId: null })));
  row('Start an offboarding', c.cyan(startLink(temporal)));
  row('  paste as input', '{"user":"<leaver>","requestedBy":"<you>"}');
  row('Or by command', 'npm run handover -- start <leaver> --by <you>');
  row('Is all well?', 'npm run handover -- check');
  screen.line();
  screen.line(c.dim(`Stays up until Ctrl-C; what happens is kept in ${shown(stateDir)}.`));
}
