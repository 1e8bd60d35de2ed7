/**
 * What was said to be done is there after the power was cut: a target, the store and Temporal's file on a disk
 * that forgets whatever was not synced. By hand, because it needs FUSE and root:
 *
 *   apt-get install fuse3 libfuse2; pip install --target DIR fusepy
 *   HANDOVER_POWER_CUT=DIR npx vitest run test/power-cut
 */
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
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
import { type Disk, forgetfulDisk } from './forgetful.js';

const python = process.env.HANDOVER_POWER_CUT;
const YAML = `${PEOPLE_YAML.replace('statement_timeout: 5s', 'statement_timeout: 60s')}
deactivate: { set: { status: 3 }, verify: users.status = 3 }
categories:
  tasks: { title: Tasks, do: transfer, table: public.tasks, key: [id], owner: { column: owner_id } }
`;

describe.skipIf(!python)('PostgreSQL on a disk whose power is cut', () => {
  let disk: Disk;
  let server: Postgres;
  const start = (): Promise<Postgres> =>
    startPostgres({
      dataDir: join(disk.path, 'postgres'),
      settings: { fsync: 'on', synchronous_commit: 'off', wal_writer_delay: '10s', shared_buffers: '32MB' },
      port: server?.port,
      say: () => {},
    });
  beforeAll(async () => {
    disk = await forgetfulDisk(python!);
    server = await start();
  }, 600_000);
  afterAll(async () => {
    server?.kill('SIGKILL');
    await server?.exited;
    await disk?.remove();
  });

  async function ask(url: string, text: string): Promise<Record<string, unknown>[]> {
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => {});
    await client.connect();
    try {
      return [await client.query(text)].flat().at(-1)!.rows;
    } finally {
      await client.end();
    }
  }

  async function powerCut(): Promise<void> {
    await disk.cut();
    server.kill('SIGKILL');
    await server.exited;
    await disk.again();
    server = await start();
  }

  async function fresh(name: string, sql: string): Promise<string> {
    await ask(server.superuserUrl, `CREATE DATABASE ${name}`);
    await ask(server.url(name), `${sql}; CHECKPOINT`.replace('; CHECKPOINT', ''));
    await ask(server.url(name), 'CHECKPOINT');
    return server.url(name);
  }

  test('the disk does forget: what an application committed without waiting is gone', async () => {
    const url = await fresh('careless', 'CREATE TABLE notes (id int)');
    await ask(url, 'INSERT INTO notes VALUES (1)');
    await powerCut();
    expect(await ask(url, 'SELECT * FROM notes')).toEqual([]);
  }, 600_000);

  test('a batch and a switch are there', async () => {
    const url = await fresh(
      'target',
      `${PEOPLE_SQL}; CREATE TABLE tasks (id bigint PRIMARY KEY, owner_id bigint);
       INSERT INTO tasks SELECT n, 1 FROM generate_series(1, 500) AS n`,
    );
    const connector = createConnector(mustRead(YAML), {
      connection: new Bundle('crm', { url }),
    }) as WholeConnector;
    await connector.apply(await batchOf(connector, account(ALICE), 'tasks'), witness());
    await powerCut();
    expect(await ask(url, 'SELECT DISTINCT owner_id FROM tasks')).toEqual([{ owner_id: '2' }]);
    await connector.apply(access('deactivate', ALICE), witness()).catch(() => {
      // The first connection may be one from before the cut.
      return connector.apply(access('deactivate', ALICE), witness());
    });
    await powerCut();
    expect(await ask(url, 'SELECT status FROM users WHERE id = 1')).toEqual([{ status: 3 }]);
    await connector.close();
  }, 600_000);

  test('what the store has taken is there', async () => {
    const url = await fresh('ours', 'SELECT 1');
    const store = await openStore(url);
    const offboarding = '00000000-0000-4000-8000-000000000001';
    await store.audit.append(offboarding, [{ subject: 'one', kind: 'said', body: {} }]);
    await powerCut();
    const again = await openStore(url);
    expect((await again.audit.read(offboarding)).entries).toHaveLength(1);
    await again.close();
    await store.close();
  }, 600_000);
});
