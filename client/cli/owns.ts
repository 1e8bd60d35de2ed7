/** `handover owns`: what somebody still holds, before anybody switches them off. */
import type { Command } from '@commander-js/extra-typings';
import type { Holdings } from '../../domain/inquiry.js';
import { number } from '../../domain/words.js';
import { clean } from '../clean.js';
import { inquire } from '../inquire.js';
import { commandLine } from '../printed.js';
import { type Context, inSession, newCommand, type Session } from './command.js';
import { EXIT } from './exit.js';

export function registerOwns(program: Command, context: Context): void {
  program.addCommand(
    newCommand('owns')
      .argument('<person>', 'e-mail, login or id:<directory id>')
      .action((person, options) => inSession(context, options, session => owns(session, person))),
  );
}

async function owns({ reach, terminal }: Session, user: string): Promise<number> {
  const { ids } = await reach.offboardings();
  const { config } = await reach.installation();
  const asking = {
    temporal: await reach.temporal(),
    taskQueue: config.temporal.taskQueue,
    ids,
    inquiries: (await reach.store()).inquiries,
  };
  const held = await inquire<Holdings>(asking, { ask: 'owns', user });
  terminal.json(held);
  const who = clean(`${held.name} (id:${held.id})`);
  if (held.clear) {
    terminal.say(`${who} holds nothing that anybody would miss: switching them off leaves nothing behind.`);
    return EXIT.done;
  }
  if (held.holds.length > 0) terminal.say(`${who} still holds:`);
  for (const { count, step, title } of held.holds)
    terminal.say(clean(`  ${count === null ? 'unread' : number(count)}  ${title} (${step})`));
  if (held.open.length > 0) terminal.say(`What could not be decided about ${who}:`);
  for (const sentence of held.open) terminal.say(clean(`  ${sentence}`));
  terminal.say(
    `Hand it over with: ${commandLine('start', `id:${held.id}`, '--successor', 'manager', '--by', '…')}`,
  );
  return EXIT.waiting;
}
