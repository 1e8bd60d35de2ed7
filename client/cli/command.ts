/**
 * What every command has: where it reads its configuration, how it writes, and that it closes what it opened.
 */
import { Command, Option } from '@commander-js/extra-typings';
import { Problem } from '../problem.js';
import { Reach } from '../reach.js';
import { COMMANDS, type CommandName } from './commands.js';
import { type Io, Terminal } from './terminal.js';

/** What all commands share: where they write, and how the command line ends if nothing is thrown. */
export interface Context {
  io: Io;
  exit: number;
}

export interface SharedOptions {
  json?: true | undefined;
  config?: string | undefined;
  address?: string | undefined;
  namespace?: string | undefined;
  timeout?: string | undefined;
}

/** A command with the options that all of them take. */
export function newCommand(name: CommandName) {
  return new Command(name)
    .description(COMMANDS[name].says)
    .option('--json', 'JSON on stdout, nothing else')
    .option(
      '--config <file>',
      'the configuration (default: HANDOVER_CONFIG, ./handover.yaml, or what runs embedded here)',
    )
    .option('--address <host:port>', "Temporal's address, instead of the configuration's")
    .option('--namespace <name>', "Temporal's namespace, instead of the configuration's")
    .option('--timeout <seconds>', 'how long to wait for one answer of Temporal or a worker', '20')
    .option('--debug', 'show where an unexpected error comes from');
}

/**
 * The person on whose word something is decided. Claimed, not proved: the audit says so. Who is logged in at a
 * gateway leaves it out.
 */
export function byOption() {
  return new Option('--by <you>', 'who decides: your e-mail, login or id:<directory id>').env('HANDOVER_BY');
}

/** Throws where nobody has said who they are. */
export function said(by: string | undefined): string {
  if (by) return by;
  throw new Problem('usage', 'Say who decides, with --by <you> or HANDOVER_BY.');
}

/** Names the gateway through which something is decided, instead of the configuration's. */
export function gatewayOption() {
  return new Option('--gateway <address>', "the gateway to go through, instead of the configuration's").env(
    'HANDOVER_GATEWAY',
  );
}

export interface Session {
  reach: Reach;
  terminal: Terminal;
}

/** Runs the body of a command; the exit code is what it returns. */
export async function inSession(
  context: Context,
  options: SharedOptions,
  body: (session: Session) => Promise<number>,
): Promise<void> {
  const terminal = new Terminal(context.io, options.json === true);
  const reach = new Reach(
    context.io,
    options,
    wholeNumber(options.timeout ?? '20', '--timeout', 3_600) * 1_000,
  );
  try {
    context.exit = await body({ reach, terminal });
  } finally {
    await reach.close();
  }
}

export function wholeNumber(given: string, option: string, most: number, least = 1): number {
  const value = Number(given);
  if (given.trim() === '' || !Number.isInteger(value) || value < least || value > most) {
    const allowed = `a whole number from ${least} to ${most}`;
    throw new Problem('usage', `${option} takes ${allowed}; given was "${given}".`);
  }
  return value;
}

export function collect(value: string, earlier: string[] | undefined): string[] {
  return [...(earlier ?? []), value];
}
