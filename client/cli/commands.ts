/**
 * Every command there is: what the help says of it, and the file that knows the rest. A command line loads the one
 * file that it needs, because loading them all takes longer than most of them work.
 */
import type { Command } from '@commander-js/extra-typings';
import type { Context } from './command.js';

export interface Summary {
  /** Its arguments, as the help shows them. */
  takes: string;
  says: string;
}

/** Commands of one file, in the help's order. */
export interface CommandFile {
  commands: Readonly<Record<string, Summary>>;
  /** Loads what adds them to a program, whole. */
  load(): Promise<(program: Command, context: Context) => void>;
}

export const FILES: readonly CommandFile[] = [
  {
    commands: {
      start: { takes: '<user>', says: 'ask for the offboarding of a person' },
    },
    load: async () => (await import('./start.js')).registerStart,
  },
  {
    commands: {
      list: { takes: '', says: 'the runs and what comes after them, newest first' },
    },
    load: async () => (await import('./list.js')).registerList,
  },
  {
    commands: {
      status: { takes: '<run>', says: 'one run as a tree: its steps, what it waits for, what fits now' },
    },
    load: async () => (await import('./status.js')).registerStatus,
  },
  {
    commands: {
      items: {
        takes: '<run|user> <category>',
        says: 'what a person holds in one category now, with the successor of each item',
      },
    },
    load: async () => (await import('./items.js')).registerItems,
  },
  {
    commands: {
      approve: {
        takes: '<run> [digest]',
        says: 'agree with one plan, as an approver; with --step, with a skip',
      },
      reject: { takes: '<run> [digest]', says: 'close the run without any change, as an approver' },
      execute: { takes: '<run> [digest]', says: 'the final confirmation, where the policy wants one' },
      acknowledge: { takes: '<run> [category...]', says: 'say that you have seen what must be done by hand' },
      amend: {
        takes: '<run>',
        says: 'change successors, overrides, identities, mode, departure or date: a new plan',
      },
      pause: { takes: '<run>', says: 'stop after the batch in hand' },
      resume: { takes: '<run>', says: 'go on after a pause' },
      retry: { takes: '<run>', says: 'prepare again, or run again what is not done yet' },
      skip: {
        takes: '<run> <step>',
        says: 'leave the items of a failed step with the leaver, once an approver agrees',
      },
      finish: { takes: '<run>', says: 'close a parked run as completed-partially' },
      cancel: { takes: '<run>', says: 'stop at the next safe boundary' },
    },
    load: async () => (await import('./decisions.js')).registerDecisions,
  },
  {
    commands: {
      login: { takes: '', says: 'log in at a gateway, so that what you decide there is proved to be yours' },
      logout: { takes: '', says: 'end a login, here and at the identity provider' },
    },
    load: async () => (await import('./login.js')).registerLogin,
  },
  {
    commands: {
      audit: {
        takes: '<run>',
        says: 'the trail of one offboarding as a timeline, held against every digest',
      },
    },
    load: async () => (await import('./audit.js')).registerAudit,
  },
  {
    commands: {
      moved: { takes: '<run>', says: 'what moved to whom, item by item, and what was left alone and why' },
    },
    load: async () => (await import('./moved.js')).registerMoved,
  },
  {
    commands: {
      certificate: { takes: '<run>', says: 'the closing document of an offboarding, with its addenda' },
    },
    load: async () => (await import('./certificate.js')).registerCertificate,
  },
  {
    commands: {
      sweep: {
        takes: '<run>',
        says: 'what has landed on somebody since they were switched off, and what is asked about it',
      },
    },
    load: async () => (await import('./sweep.js')).registerSweep,
  },
  {
    commands: {
      archive: {
        takes: '[run]',
        says: 'store the histories of what has closed now, instead of within five minutes',
      },
    },
    load: async () => (await import('./archive.js')).registerArchive,
  },
  {
    commands: {
      'who-owned': { takes: '<item>', says: 'who owned an item, when it moved, to whom, and who decided it' },
    },
    load: async () => (await import('./who-owned.js')).registerWhoOwned,
  },
  {
    commands: {
      owns: {
        takes: '<person>',
        says: 'does this person still own work? Exit code 0: nothing is left; 5: something is',
      },
    },
    load: async () => (await import('./owns.js')).registerOwns,
  },
  {
    commands: {
      purge: {
        takes: '<run>',
        says: 'take what an offboarding says about people away for good; its digests stay',
      },
    },
    load: async () => (await import('./purge.js')).registerPurge,
  },
  {
    commands: {
      check: {
        takes: '',
        says: 'try everything that the configuration names, and say how to mend what is wrong',
      },
    },
    load: async () => (await import('./check/check.js')).registerCheck,
  },
  {
    commands: {
      discover: {
        takes: '<system>',
        says: 'find every column that can hold a person, and draft a catalog or what one leaves out',
      },
    },
    load: async () => (await import('./discover.js')).registerDiscover,
  },
  {
    commands: {
      try: {
        takes: '<system> <what>',
        says: 'one part of a catalog on the live system: calls, answers, and what was understood',
      },
    },
    load: async () => (await import('./try.js')).registerTry,
  },
  {
    commands: {
      worker: {
        takes: '',
        says: 'run a worker for a Temporal server and a PostgreSQL of your own; start as many as you like',
      },
    },
    load: async () => (await import('./worker.js')).registerWorker,
  },
  {
    commands: {
      gateway: { takes: '', says: 'run the HTTP service for approval tools and operators' },
    },
    load: async () => (await import('./gateway.js')).registerGateway,
  },
  {
    commands: {
      'try-webhook': {
        takes: '<name> <body>',
        says: 'say what a webhook with this body would start or decide; nothing is sent',
      },
    },
    load: async () => (await import('./try-webhook.js')).registerTryWebhook,
  },
  {
    commands: {
      dev: {
        takes: '',
        says: 'start Temporal, PostgreSQL and a worker on this machine, for your own handover.yaml or the demo',
      },
    },
    load: async () => (await import('./dev.js')).registerDev,
  },
  {
    commands: {
      demo: {
        takes: '',
        says: 'start everything on this machine and offboard Alice, step by step; a second start goes on from there',
      },
    },
    load: async () => (await import('./demo.js')).registerDemo,
  },
];

/** What is said of a command. Throws where there is none of this name. */
export function saysOf(name: string): string {
  for (const { commands } of FILES) if (Object.hasOwn(commands, name)) return commands[name]!.says;
  throw new Error(`There is no command "${name}".`);
}
