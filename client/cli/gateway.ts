/** `handover gateway`: the HTTP service for approval tools and operators; also makes its keys and tokens. */
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Command } from '@commander-js/extra-typings';
import { Problem } from '../problem.js';
import { type Context, inSession, newCommand, type Session } from './command.js';
import { EXIT } from './exit.js';

export function registerGateway(program: Command, context: Context): void {
  program.addCommand(
    newCommand('gateway')
      .option('--listen <host:port>', "where, instead of the configuration's gateway.listen")
      .option('--new-key <id>', 'only make a pair of keys for statements, and show what to write')
      .option('--out <folder>', 'where a new pair goes', 'keys')
      .option('--new-token <name>', 'only make a bearer token: it is shown once, the file keeps its digest')
      .option('--person <who>', 'whose the new token is: e-mail, login or id:<directory id>')
      .addHelpText(
        'after',
        `
Everything it offers is described at /openapi.json. Logs are JSON lines, or readable ones on a terminal. SIGTERM or Ctrl-C: answers
what is under way, then exit code 0. It needs the store, Temporal, and its own secret key; no connection of any target system.`,
      )
      .action(async options => {
        if (options.newKey !== undefined)
          return inSession(context, options, session => makeKey(session, options.newKey!, options.out));
        if (options.newToken !== undefined)
          return inSession(context, options, session =>
            makeToken(session, options.newToken!, options.person),
          );
        return inSession(context, options, session => serve(session, options.listen));
      }),
  );
}

async function serve({ reach, terminal }: Session, listen: string | undefined): Promise<number> {
  const { config, env } = await reach.installation();
  const [{ startGateway }, { openLog }] = await Promise.all([
    import('../../gateway/start.js'),
    import('../../runtime/log.js'),
  ]);
  const logger = openLog(process.stdout, env.HANDOVER_LOG_LEVEL);
  const gateway = await startGateway(config, env, { logger, ...(listen !== undefined && { listen }) }).catch(
    (error: Error) => {
      throw error instanceof Problem ? error : new Problem('usage', error.message, { cause: error });
    },
  );
  for (const note of gateway.notes) terminal.warn(note);
  logger.info({ url: gateway.url, installation: config.installation }, 'The gateway is open.');
  const signal = await new Promise<NodeJS.Signals>(resolve => {
    for (const one of ['SIGTERM', 'SIGINT'] as const) process.once(one, resolve);
  });
  logger.info(`${signal}: answering what is under way.`);
  await gateway.stop();
  return EXIT.done;
}

async function makeKey({ terminal, reach }: Session, id: string, out: string): Promise<number> {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$/.test(id))
    throw new Problem(
      'usage',
      `A key is named with letters, digits, ".", "_" and "-", e.g. 2026-11; given was "${id}".`,
    );
  const folder = resolve(reach.cwd, out);
  const [secretFile, publicFile] = [join(folder, `${id}.pem`), join(folder, `${id}.pub.pem`)];
  for (const file of [secretFile, publicFile])
    if (existsSync(file))
      throw new Problem('usage', `${file} is there already: a key is never overwritten. Choose another id.`);
  const { newKey } = await import('../../gateway/sign.js');
  const pair = await newKey();
  await mkdir(folder, { recursive: true });
  await writeFile(secretFile, pair.secret, { mode: 0o600, flag: 'wx' });
  await writeFile(publicFile, pair.public, { flag: 'wx' });
  terminal.json({ id, secret: secretFile, public: publicFile });
  terminal.say(`Made ${secretFile} (secret: for the gateway alone) and ${publicFile} (for the workers). In handover.yaml:

gateway:
  keys:
    - { id: "${id}", public: ${join(out, `${id}.pub.pem`)} }
  sign: { key: "${id}", secret: { file: ${join(out, `${id}.pem`)} } }

To take the place of an older key, keep that one in "keys" with an "until": what was signed before stays good.`);
  return EXIT.done;
}

async function makeToken({ terminal }: Session, name: string, person: string | undefined): Promise<number> {
  const { newToken } = await import('../../gateway/tokens.js');
  const { token, sha256 } = newToken();
  terminal.json({ token, name, sha256, person: person ?? null });
  const whose = person === undefined ? 'roles: [viewer]' : `person: ${JSON.stringify(person)}`;
  terminal.say(`The token, shown only now:

  ${token}

In the file that gateway.tokens names:

  - { name: ${JSON.stringify(name)}, sha256: ${sha256}, ${whose} }`);
  return EXIT.done;
}
