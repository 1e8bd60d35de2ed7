/** `handover try-webhook`: what a body would do, without sending or deciding anything. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from '@commander-js/extra-typings';
import { besideConfig } from '../../runtime/config.js';
import { clean } from '../clean.js';
import { Problem } from '../problem.js';
import { type Context, collect, inSession, newCommand, type Session } from './command.js';
import { EXIT } from './exit.js';

export function registerTryWebhook(program: Command, context: Context): void {
  program.addCommand(
    newCommand('try-webhook')
      .argument('<name>', 'the webhook in the file of webhooks')
      .argument('<body>', 'a file with the body as the tool sends it')
      .option('--file <webhooks>', 'the file of webhooks, instead of the one that gateway.webhooks names')
      .option('--header <name:value>', 'a header that the mapping reads; may be given several times', collect)
      .action((name, body, options) =>
        inSession(context, options, session => tryOut(session, name, body, options)),
      ),
  );
}

async function tryOut(
  { reach, terminal }: Session,
  name: string,
  file: string,
  options: { file?: string | undefined; header?: string[] | undefined },
): Promise<number> {
  const { meaningOf, deliveryOf, readWebhooks, bodyOf, messageOf } = await import(
    '../../gateway/webhooks/try.js'
  );
  const webhooks = await readWebhooks(
    options.file ? resolve(reach.cwd, options.file) : await configured(),
  ).catch((error: Error) => {
    throw error instanceof Problem ? error : new Problem('usage', error.message, { cause: error });
  });
  const hook = webhooks[name];
  if (!hook || !Object.hasOwn(webhooks, name))
    throw new Problem(
      'not-found',
      `No webhook is called "${name}"; known are ${Object.keys(webhooks).join(', ')}.`,
    );
  const path = resolve(reach.cwd, file);
  const raw = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw new Problem('usage', `The body ${path} cannot be read (${error.code}).`, { cause: error });
  });
  const form = /^[\w%.-]+=/.test(raw.toString('utf8', 0, 200));
  const body = bodyOf(
    raw,
    form ? 'application/x-www-form-urlencoded' : 'application/json',
    headersOf(options.header),
  );
  if (!body) throw new Problem('usage', `${path} holds no JSON.`);
  const delivery = deliveryOf(hook, body);
  const meaning = meaningOf(hook, body);
  const would = meaning.kind === 'start' || meaning.kind === 'decide' ? messageOf(meaning) : null;
  terminal.json({ webhook: name, delivery, ...meaning, would });
  if (delivery !== null && typeof delivery === 'object') {
    terminal.warn(clean(delivery.sentence));
    return EXIT.refused;
  }
  if (meaning.kind === 'refused') {
    terminal.warn(clean(`Refused: ${meaning.sentence}`));
    return EXIT.refused;
  }
  if (meaning.kind === 'ignored') terminal.say(clean(`Ignored: ${meaning.sentence}`));
  else {
    terminal.say(clean(`Case ${meaning.nth} fits: ${would!.says}`));
    terminal.say(clean(JSON.stringify(would!.payload)));
    if (!would!.ok) {
      terminal.warn(clean(`It would be refused: ${would!.objection}`));
      return EXIT.refused;
    }
  }
  return EXIT.done;

  async function configured(): Promise<string> {
    const { config } = await reach.installation();
    if (config.gateway?.webhooks) return besideConfig(config, config.gateway.webhooks);
    throw new Problem(
      'usage',
      `${config.file} names no file of webhooks (gateway.webhooks): give one with --file.`,
    );
  }
}

function headersOf(given: readonly string[] = []): Record<string, string> {
  return Object.fromEntries(
    given.map(line => {
      const colon = line.indexOf(':');
      if (colon < 1) throw new Problem('usage', `--header takes name:value; given was "${line}".`);
      return [line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
}
