// What was said to be done is there after a crash, whatever the server, a database or a role says about
// waiting for the disk. PostgreSQL is killed right after the answer; what lay in its memory alone is gone.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createConnector } from '../../connectors/registry.js';
import { Bundle } from '../../domain/bundle.js';
import { type Postgres, startPostgres } from '../../runtime/embedded/postgres.js';
import { openStore } from '../../store/store.js';
import {
  ALICE,
  access,
  account,
  batchOf,
  mustRead,
  PEOPLE_SQL,
  PEOPLE_YAML,
  type WholeConnector,
  witness,
} from '../connectors/fixture.js';

const YAML = `${PEOPLE_YAML}
deactivate: { set: { status: 3 }, verify: users.status = 3 }
categories:
  tasks: { title: Tasks, do: transfer, table: public.tasks, key: [id], owner: { column: owner_id } }
`;

let dir: string;
let server: Postgres;
const start = (): Promise<Postgres> =>
  startPostgres({
    dataDir: join(dir, 'postgres'),
    // Nobody else writes the log to disk meanwhile.
    settings: {
      synchronous_commit: 'off',
      wal_writer_delay: '10s',
      bgwriter_lru_maxpages: '0',
      autovacuum: 'off',
    },
    port: server?.port,
    say: () => {},
  });
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'handover-durable-'));
  await import('node:fs/promises').then(({ chmod }) => chmod(dir, 0o755));
  server = await start();
});
afterAll(async () => {
  await server?.stop();
  await rm(dir, { recursive: true, force: true });
});

async function ask(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    const answer = await client.query(text);
    return [answer].flat().at(-1)!.rows;
  } finally {
    await client.end();
  }
}

async function fresh(name: string, sql: string): Promise<string> {
  await ask(server.superuserUrl, `CREATE DATABASE ${name}`);
  const url = server.url(name);
  await ask(url, `${sql}; SET synchronous_commit = on; CREATE TABLE sure ()`);
  return url;
}

async function crash(): Promise<void> {
  server.kill('SIGKILL');
  await server.exited;
  server = await start();
}

const TASKS = `${PEOPLE_SQL}; CREATE TABLE tasks (id bigint PRIMARY KEY, owner_id bigint);
  INSERT INTO tasks SELECT n, 1 FROM generate_series(1, 50) AS n`;
const META = `CREATE FUNCTION careless() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN PERFORM set_config('synchronous_commit', 'off', true); RETURN NULL; END $$`;

test.each(
  [
    ['the server says so', ''],
    ['the database says so', 'ALTER DATABASE durable_1 SET synchronous_commit = off'],
    ['the role says so', 'ALTER ROLE postgres SET synchronous_commit = off'],
    [
      'a trigger says so',
      `${META}; CREATE TRIGGER careless AFTER UPDATE ON tasks FOR EACH STATEMENT EXECUTE FUNCTION careless();
     CREATE TRIGGER careless AFTER UPDATE ON users FOR EACH STATEMENT EXECUTE FUNCTION careless()`,
    ],
  ].map(([why, sql], n) => [why!, sql!, n] as const),
)('a batch and a switch are there although %s', async (_, sql, n) => {
  const url = await fresh(`durable_${n}`, `${TASKS}; ${sql}`);
  const connector = createConnector(mustRead(YAML), {
    connection: new Bundle('crm', { url }),
  }) as WholeConnector;
  await connector.apply(await batchOf(connector, account(ALICE), 'tasks'), witness());
  await crash();
  expect(await ask(url, 'SELECT DISTINCT owner_id FROM tasks')).toEqual([{ owner_id: '2' }]);
  const again = createConnector(mustRead(YAML), { connection: new Bundle('crm', { url }) }) as WholeConnector;
  await again.apply(access('deactivate', ALICE), witness());
  await crash();
  expect(await ask(url, 'SELECT status FROM users WHERE id = 1')).toEqual([{ status: 3 }]);
  await Promise.all([connector.close(), again.close()]);
});

test('what the store has taken is there', async () => {
  const url = await fresh('durable_store', 'SELECT');
  const store = await openStore(url);
  const offboarding = '00000000-0000-4000-8000-000000000001';
  await store.audit.append(offboarding, [{ subject: 'one', kind: 'said', body: {} }]);
  await crash();
  expect((await store.audit.read(offboarding)).entries).toHaveLength(1);
  await store.close();
});
