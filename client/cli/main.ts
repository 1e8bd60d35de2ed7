/**
 * The command line: `handover <command>`. Every command is a file beside this one; this one puts them
 * together, and turns whatever goes wrong into an exit code and a sentence. Whatever can be decided here can
 * be decided in the Temporal UI too.
 */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from '@commander-js/extra-typings';
import { clean } from '../clean.js';
import { problemOf } from '../problem.js';
import { registerArchive } from './archive.js';
import { registerAudit } from './audit.js';
import { registerCertificate } from './certificate.js';
import { registerCheck } from './check/check.js';
import type { Context } from './command.js';
import { registerDecisions } from './decisions.js';
import { registerDemo } from './demo.js';
import { registerDev } from './dev.js';
import { registerDiscover } from './discover.js';
import { EXIT, EXIT_OF, EXIT_WORDS } from './exit.js';
import { registerGateway } from './gateway.js';
import { registerItems } from './items.js';
import { registerList } from './list.js';
import { registerLogin } from './login.js';
import { registerMoved } from './moved.js';
import { registerOwns } from './owns.js';
import { registerPurge } from './purge.js';
import { registerStart } from './start.js';
import { registerStatus } from './status.js';
import { registerSweep } from './sweep.js';
import { type Io, Terminal } from './terminal.js';
import { registerTry } from './try.js';
import { registerTryWebhook } from './try-webhook.js';
import { registerWhoOwned } from './who-owned.js';
import { registerWorker } from './worker.js';

/** Runs one command line; resolves with the exit code and never throws. */
export async function main(args: readonly string[], given: Partial<Io> = {}): Promise<number> {
  const io: Io = {
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    cwd: process.cwd(),
    ...given,
  };
  if (io.stdout === process.stdout) endWithThePipe();
  const context: Context = { io, exit: EXIT.done };
  try {
    const program = createProgram(context);
    await program.parseAsync([...args], { from: 'user' });
    return context.exit;
  } catch (error) {
    return failed(error, args, io);
  }
}

/** Every command there is. */
export function createProgram(context: Context): Command {
  const { io } = context;
  const program = new Command('handover')
    .description(
      'Durable user offboarding: hand over everything a person owns, prove that nothing is left, then switch them off.',
    )
    .version(version())
    .option('--debug', 'show where an unexpected error comes from')
    .showSuggestionAfterError()
    .configureHelp({ sortSubcommands: false, helpWidth: Math.min(io.stdout.columns ?? 110, 110) })
    .configureOutput({ writeOut: text => io.stdout.write(text), writeErr: text => io.stderr.write(text) })
    .exitOverride()
    .addHelpText('after', HELP);
  registerStart(program, context);
  registerList(program, context);
  registerStatus(program, context);
  registerItems(program, context);
  registerDecisions(program, context);
  registerLogin(program, context);
  registerAudit(program, context);
  registerMoved(program, context);
  registerCertificate(program, context);
  registerSweep(program, context);
  registerArchive(program, context);
  registerWhoOwned(program, context);
  registerOwns(program, context);
  registerPurge(program, context);
  registerCheck(program, context);
  registerDiscover(program, context);
  registerTry(program, context);
  registerWorker(program);
  registerGateway(program, context);
  registerTryWebhook(program, context);
  registerDev(program);
  registerDemo(program);
  // Commands that were made elsewhere write where this one writes, and throw where they would end the
  // process.
  for (const command of program.commands) command.copyInheritedSettings(program);
  return program;
}

const HELP = `
A <run> is a workflow id (offboarding/1017), a directory id (id:1017), an offboarding id (a uuid), or the leaver's e-mail or login.
The configuration is --config, else HANDOVER_CONFIG, else ./handover.yaml, else the installation that "demo" or "dev" runs here.
With --json, stdout carries JSON and nothing else: one object, or one object per line.

Exit codes:
${Object.entries(EXIT_WORDS)
  .map(([code, words]) => `  ${code}  ${words}`)
  .join('\n')}`;

function failed(error: unknown, args: readonly string[], io: Io): number {
  const terminal = new Terminal(io, args.includes('--json'));
  if (error instanceof CommanderError) {
    // Commander has said what is wrong already; help and version are no mistakes.
    if (error.exitCode === 0) return EXIT.done;
    terminal.json({ error: error.message, exit: EXIT.usage });
    return EXIT.usage;
  }
  const problem = problemOf(error);
  terminal.json({ error: problem.message, exit: EXIT_OF[problem.kind] });
  for (const line of problem.message.split('\n')) terminal.warn(clean(line));
  if (args.includes('--debug')) terminal.warn(stackOf(problem));
  return EXIT_OF[problem.kind];
}

function stackOf(error: unknown): string {
  const { stack, cause } = error as { stack?: string; cause?: unknown };
  return `${stack ?? String(error)}${cause instanceof Error ? `\ncaused by ${stackOf(cause)}` : ''}`;
}

/** `handover list | head` closes the pipe early: that is no error. */
function endWithThePipe(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
}

function version(): string {
  return (
    JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
  ).version;
}
