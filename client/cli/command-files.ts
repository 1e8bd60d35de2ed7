/**
 * The file that adds each command to a program. A command line loads the one that it needs, because loading them all
 * takes longer than most of them work.
 */
import type { Command } from '@commander-js/extra-typings';
import type { Context } from './command.js';
import type { CommandName } from './commands.js';

export interface CommandFile {
  /** The commands that it adds, in the help's order. */
  commands: readonly CommandName[];
  load(): Promise<(program: Command, context: Context) => void>;
}

export const FILES: readonly CommandFile[] = [
  { commands: ['start'], load: async () => (await import('./start.js')).registerStart },
  { commands: ['list'], load: async () => (await import('./list.js')).registerList },
  { commands: ['status'], load: async () => (await import('./status.js')).registerStatus },
  { commands: ['items'], load: async () => (await import('./items.js')).registerItems },
  {
    commands: [
      'approve',
      'reject',
      'execute',
      'acknowledge',
      'amend',
      'pause',
      'resume',
      'retry',
      'skip',
      'finish',
      'cancel',
    ],
    load: async () => (await import('./decisions.js')).registerDecisions,
  },
  { commands: ['login', 'logout'], load: async () => (await import('./login.js')).registerLogin },
  { commands: ['audit'], load: async () => (await import('./audit.js')).registerAudit },
  { commands: ['moved'], load: async () => (await import('./moved.js')).registerMoved },
  { commands: ['certificate'], load: async () => (await import('./certificate.js')).registerCertificate },
  { commands: ['sweep'], load: async () => (await import('./sweep.js')).registerSweep },
  { commands: ['archive'], load: async () => (await import('./archive.js')).registerArchive },
  { commands: ['who-owned'], load: async () => (await import('./who-owned.js')).registerWhoOwned },
  { commands: ['owns'], load: async () => (await import('./owns.js')).registerOwns },
  { commands: ['purge'], load: async () => (await import('./purge.js')).registerPurge },
  { commands: ['check'], load: async () => (await import('./check/check.js')).registerCheck },
  { commands: ['discover'], load: async () => (await import('./discover.js')).registerDiscover },
  { commands: ['try'], load: async () => (await import('./try.js')).registerTry },
  { commands: ['worker'], load: async () => (await import('./worker.js')).registerWorker },
  { commands: ['gateway'], load: async () => (await import('./gateway.js')).registerGateway },
  { commands: ['try-webhook'], load: async () => (await import('./try-webhook.js')).registerTryWebhook },
  { commands: ['dev'], load: async () => (await import('./dev.js')).registerDev },
  { commands: ['demo'], load: async () => (await import('./demo.js')).registerDemo },
];
