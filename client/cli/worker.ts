/** `handover worker`: a worker for a deployed installation. */
import type { Command } from '@commander-js/extra-typings';
import { COMMANDS } from './commands.js';

export function registerWorker(program: Command): void {
  program
    .command('worker')
    .description(COMMANDS.worker.says)
    .option('--config <file>', 'the configuration (default: HANDOVER_CONFIG, then ./handover.yaml)')
    .option('--prepare', 'only build the workflow bundle for later starts, as container images do')
    .addHelpText(
      'after',
      `
Logs are JSON lines, or readable ones on a terminal. SIGTERM or Ctrl-C: no new work, up to 30 s for what is in hand, exit code 0;
a second one leaves at once. Exit code 1: it could not start, or broke. Read from the environment: TEMPORAL_ADDRESS,
TEMPORAL_NAMESPACE, HANDOVER_LOG_LEVEL, HANDOVER_HEALTH_FILE, HANDOVER_CACHE, and the connections that the configuration names.`,
    )
    .action(async options => {
      // A whole worker: a second that no other command needs to wait for.
      const { prepareWorker, runWorker } = await import('../../workers/main.js');
      if (options.prepare) {
        console.log(await prepareWorker());
        return;
      }
      process.exit(await runWorker({ config: options.config }));
    });
}
