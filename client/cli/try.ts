/**
 * `handover try`: one part of a catalog on the live system, for whoever writes it. Shows the calls, the answers
 * and what was understood, with secrets hidden. What would write is shown and not sent.
 */
import type { Command } from '@commander-js/extra-typings';
import { own } from '../../domain/own.js';
import { clean } from '../clean.js';
import { Problem } from '../problem.js';
import type { Tried } from '../systems.js';
import { type Context, inSession, newCommand, type Session } from './command.js';
import { EXIT } from './exit.js';
import type { Terminal } from './terminal.js';

export function registerTry(program: Command, context: Context): void {
  program.addCommand(
    newCommand('try')
      .argument('<system>', 'a system of the configuration whose kind makes calls (http)')
      .argument(
        '<what>',
        'self, people, a category, or a verb: block, deactivate, sessions, tokens, memberships, licence, ...',
      )
      .option('--person <who>', 'whose: an e-mail, a login, or id:<their id there>')
      .action((system, what, options) =>
        inSession(context, options, session => tryOut(session, system, what, options.person)),
      ),
  );
}

async function tryOut(
  { reach, terminal }: Session,
  system: string,
  what: string,
  person: string | undefined,
): Promise<number> {
  const { config, env } = await reach.installation();
  if (!own(config.systems, system))
    throw new Problem(
      'not-found',
      `There is no system "${system}"; configured are ${Object.keys(config.systems).join(', ')}.`,
    );
  const { tryConfigured } = await import('../systems.js');
  const request = { what, person: person === undefined ? undefined : knownAs(person) };
  const tried = await tryConfigured(config, system, env, request, await reach.budgets());
  terminal.json({ ok: tried.problem === null, ...tried });
  show(terminal, tried);
  return tried.problem === null ? EXIT.done : EXIT.changed;
}

function knownAs(who: string): { by: 'id' | 'email' | 'login'; value: string } {
  if (who.startsWith('id:')) return { by: 'id', value: who.slice(3) };
  return { by: who.includes('@') ? 'email' : 'login', value: who };
}

function show(terminal: Terminal, { calls, understood, problem }: Tried): void {
  const { dim } = terminal.colours;
  for (const { method, url, headers, body, status, answer, outcome, unsent } of calls) {
    terminal.say(`${unsent ? 'would send ' : ''}${method} ${clean(url)}`);
    for (const [name, value] of Object.entries(headers)) terminal.say(dim(`  ${name}: ${clean(value)}`));
    if (body !== null) terminal.say(`  ${clean(body)}`);
    if (unsent) continue;
    terminal.say(status === null ? '  no answer' : `  ${status}, understood as ${outcome}`);
    if (answer !== null) terminal.say(dim(`  ${clean(answer)}`));
  }
  for (const sentence of understood) terminal.say(clean(sentence));
  if (problem !== null) terminal.say(terminal.colours.red(clean(problem)));
}
