/**
 * The command line: `handover <command>`. Every command is a file beside this one; this one puts them
 * together, and turns whatever goes wrong into an exit code and a sentence. Whatever can be decided here can
 * be decided in the Temporal UI too.
 */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from '@commander-js/extra-typings';
import type { Context } from './command.js';
import { FILES } from './command-files.js';
import { COMMANDS, type CommandName, type Summary } from './commands.js';
import { EXIT, EXIT_OF, EXIT_WORDS } from './exit.js';
import type { Io } from './terminal.js';

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
    const program = await createProgram(context, wanted(args));
    await program.parseAsync([...args], { from: 'user' });
    return context.exit;
  } catch (error) {
    return await failed(error, args, io);
  }
}

/** The words that may name a command. */
function wanted(args: readonly string[]): string[] {
  return args.filter(one => !one.startsWith('-')).slice(0, 2);
}

/**
 * Every command there is.
 * @param whole which of them are needed with all that they take, their names; of the others help is enough. None
 *   said: all of them.
 */
export async function createProgram(context: Context, whole?: readonly string[]): Promise<Command> {
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
  for (const { commands, load } of FILES) {
    if (whole === undefined || commands.some(name => whole.includes(name))) (await load())(program, context);
    else for (const name of commands) program.addCommand(summaryOf(name));
  }
  // Commands that were made elsewhere write where this one writes, and throw where they would end the
  // process.
  for (const command of program.commands) command.copyInheritedSettings(program);
  return program;
}

/** A command as far as the help of all commands shows it. */
function summaryOf(name: CommandName): Command {
  const { takes, says }: Summary = COMMANDS[name];
  const command = new Command(name).description(says).option('--debug') as Command;
  return takes === '' ? command : (command.arguments(takes) as unknown as Command);
}

const HELP = `
A <run> is a workflow id (offboarding/1017), a directory id (id:1017), an offboarding id (a uuid), or the leaver's e-mail or login.
The configuration is --config, else HANDOVER_CONFIG, else ./handover.yaml, else the installation that "demo" or "dev" runs here.
With --json, stdout carries JSON and nothing else: one object, or one object per line.

Exit codes:
${Object.entries(EXIT_WORDS)
  .map(([code, words]) => `  ${code}  ${words}`)
  .join('\n')}`;

async function failed(error: unknown, args: readonly string[], io: Io): Promise<number> {
  const { Terminal } = await import('./terminal.js');
  const terminal = new Terminal(io, args.includes('--json'));
  if (error instanceof CommanderError) {
    // Commander has said what is wrong already; help and version are no mistakes.
    if (error.exitCode === 0) return EXIT.done;
    terminal.json({ error: error.message, exit: EXIT.usage });
    return EXIT.usage;
  }
  const [{ clean }, { problemOf }] = await Promise.all([import('../clean.js'), import('../problem.js')]);
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
