/** What a command is given to connect with is in nothing that it prints, in whatever form it was given. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { useSmallWorld } from '../small-world/world.js';
import { type Cli, cliOf } from './cli.js';

const small = useSmallWorld({ once: true });
let cli: Cli;
beforeAll(async () => {
  cli = await cliOf(small);
  await writeFile(join(cli.dir, 'passwords'), `*:*:*:*:${CANARY}\n`, { mode: 0o600 });
  await writeFile(join(cli.dir, 'services'), `[crm]\npassword=${CANARY}\n`);
});
afterEach(() => vi.unstubAllEnvs());
afterAll(() => cli?.remove());

const CANARY = 'c4nary-Pa55';

/** Ways in which somebody gives a password, each of them to a server that is not there or lets nobody in. */
const SECRETS: [what: string, connection: (url: URL) => string, more: Record<string, string>][] = [
  ['in the address', url => url.href.replace(/\/\/.*@/, `//u:${CANARY}@`), {}],
  ['unencoded', url => url.href.replace(/\/\/.*@/, `//u:${CANARY}/#more@`), {}],
  ['as a parameter', url => `${url.href.replace(/\/\/.*@/, '//u@')}?password=${CANARY}`, {}],
  ['as keys and values', url => `host=${url.hostname} port=${url.port} user=u password=${CANARY}`, {}],
  ['in PGPASSWORD', url => url.href.replace(/\/\/.*@/, '//u@'), { PGPASSWORD: CANARY }],
  ['in a password file', url => url.href.replace(/\/\/.*@/, '//u@'), { PGPASSFILE: 'passwords' }],
  [
    'in a service file',
    url => `${url.href.replace(/\/\/.*@/, '//u@')}?service=crm`,
    { PGSERVICEFILE: 'services' },
  ],
  ['alone', () => CANARY, {}],
];

test.each(SECRETS)('a password %s', async (_, connection, more) => {
  // The driver reads them where libpq does.
  for (const [name, value] of Object.entries(more))
    vi.stubEnv(name, name === 'PGPASSWORD' ? value : join(cli.dir, value));
  const { store, systems } = small.world.config;
  for (const name of [store.connection, systems.crm!.connection!]) {
    const url = new URL(cli.env[name]!);
    url.pathname = '/of-nobody';
    for (const command of ['check', 'audit alice --verify', 'start alice --preview', 'discover crm --all']) {
      const { out, err } = await cli.onTerminal({ [name]: connection(url) }, ...command.split(' '));
      expect(`${out}${err}`, `${name}: ${command}`).not.toBe('');
      expect(`${out}${err}`, `${name}: ${command}`).not.toContain(CANARY);
    }
  }
});
