// Behind a real PgBouncer in transaction mode: everything works one transaction at a time, nothing is left on a
// connection that somebody else gets, and nobody else's statement is cancelled.

import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import {
  ALICE,
  account,
  allPages,
  type Bench,
  batchOf,
  changed,
  createBench,
  failureOf,
  PEOPLE_YAML,
  someoneWaits,
} from '../connectors/fixture.js';
import { noPgBouncer, type PgBouncer, startPgBouncer } from './pgbouncer.js';

if (noPgBouncer) console.warn(noPgBouncer);

const ROLE = 'pooled_reader';
const yaml = (
  connect = '',
): string => `${PEOPLE_YAML.replace('lock_timeout: 300ms', `lock_timeout: 10s${connect}`)}
categories:
  notes: { title: Notes, do: transfer, table: public.notes, key: [id], owner: { column: owner_id } }
  tasks: { title: Tasks, do: transfer, table: public.tasks, key: [id], owner: { column: owner_id } }
`;
const alice = account(ALICE);

describe.skipIf(noPgBouncer)('behind a pooler in transaction mode', () => {
  let bench: Bench;
  let bouncer: PgBouncer;
  /** Another program, with the same role, through the same pooler. */
  let other: pg.Client;
  let url: string;

  beforeAll(async () => {
    bench = await createBench(
      'pooled',
      `CREATE TABLE notes (id bigint PRIMARY KEY, tenant text NOT NULL, owner_id bigint);
       INSERT INTO notes SELECT n, 'acme', 1 FROM generate_series(1, 7) AS n;
       ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
       CREATE POLICY tenant ON notes USING (tenant = current_setting('app.tenant', true));
       CREATE TABLE tasks (id bigint PRIMARY KEY, owner_id bigint);
       INSERT INTO tasks SELECT n, 1 FROM generate_series(1, 50) AS n;
       DO $$ BEGIN CREATE ROLE ${ROLE} LOGIN PASSWORD 'pooled'; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
       GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${ROLE}`,
    );
    const { username, password } = new URL(inject('postgresUrl'));
    bouncer = await startPgBouncer(bench.url, { [username]: decodeURIComponent(password), [ROLE]: 'pooled' });
    const there = new URL(bouncer.through(bench.url));
    there.username = ROLE;
    there.password = 'pooled';
    url = there.href;
    other = new pg.Client({ connectionString: url });
    other.on('error', () => {});
    await other.connect();
  });
  afterAll(async () => {
    await other?.end();
    await bench?.db.query(`DROP OWNED BY ${ROLE}`);
    await bouncer?.stop();
    await bench?.drop();
  });

  /** What another program can do: read by a short name, and write. */
  const undisturbed = async (): Promise<void> => {
    for (let i = 0; i < 3; i++) {
      expect((await other.query('SELECT count(*)::int AS n FROM users')).rows).toEqual([{ n: 3 }]);
      expect((await other.query('UPDATE tasks SET owner_id = owner_id WHERE id = 1')).rowCount).toBe(1);
      const { rows } = await other.query(
        `SELECT name FROM pg_settings WHERE source = 'session' AND name NOT IN ('client_encoding', 'application_name')`,
      );
      expect(rows).toEqual([]);
      expect((await other.query('SELECT count(*)::int AS n FROM pg_prepared_statements')).rows).toEqual([
        { n: 0 },
      ]);
    }
  };

  test.each([
    ['said by the catalog', ', pooler: transaction'],
    ['noticed', ''],
  ])('everything works, and nothing is left behind: the pooler is %s', async (_, connect) => {
    const connector = bench.connector(yaml(connect), { url, poolSize: 3 });
    const hidden = expect.stringContaining('row-level security hides rows');
    for (let round = 0; round < 3; round++) {
      const [notes, tasks] = await connector.inventory([alice], ['notes', 'tasks']);
      expect(notes).toMatchObject({ complete: false, problem: hidden });
      expect(tasks).toMatchObject({ complete: true, count: 50 });
      expect(await connector.readAccount(alice)).toMatchObject({ active: true });
      expect((await allPages(connector, alice, 'tasks', 7)).length).toBe(8);
      await undisturbed();
      await bouncer.exchange();
    }
    const batch = await batchOf(connector, alice, 'tasks');
    await bouncer.exchange();
    expect(await changed(connector, batch)).toMatchObject({ changed: 50, exceptions: [] });
    await undisturbed();
    await bench.db.query('UPDATE tasks SET owner_id = 1');
  });

  test('many at once, while server connections are exchanged', async () => {
    const connector = bench.connector(yaml(', pooler: transaction'), { url, poolSize: 6 });
    const work = Array.from({ length: 60 }, async (_, n) => {
      if (n % 10 === 0) await bouncer.exchange();
      const [tasks] = await connector.inventory([alice], ['tasks']);
      expect(tasks).toMatchObject({ complete: true, count: 50 });
    });
    await Promise.all(work);
  });

  test('what waits for a lock is cancelled by the number of its backend, and nobody else', async () => {
    const connector = bench.connector(yaml(', pooler: transaction'), { url, poolSize: 2 });
    const batch = await batchOf(connector, alice, 'tasks');
    const colleague = await bench.session();
    await colleague.query('BEGIN; SELECT FROM tasks WHERE id = 7 FOR UPDATE');
    const abort = new AbortController();
    const moving = changed(connector, batch, abort.signal);
    await someoneWaits(bench.db);
    const patient = other.query('SELECT pg_sleep(1) IS NOT NULL AS slept');
    abort.abort(new Error('enough'));
    await expect(moving).rejects.toThrow('enough');
    const { rows } = await bench.db.query(
      `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    expect(rows).toEqual([]);
    expect((await patient).rows).toEqual([{ slept: true }]);
    await colleague.query('ROLLBACK');
    expect(await changed(connector, batch)).toMatchObject({ changed: 50 });
    await bench.db.query('UPDATE tasks SET owner_id = 1');
  });

  test('check says that a pooler stands in between, unless the catalog says so', async () => {
    const without = yaml().replace(/ {2}notes: .*\n/, '');
    const said = await bench.connector(without, { url }).doubts();
    expect(said).toContainEqual({
      where: expect.stringContaining('crm.yaml:6:1 connect'),
      message: expect.stringMatching(/a pooler stands between us and the database.*pooler: transaction/),
    });
    const named = yaml(', pooler: transaction').replace(/ {2}notes: .*\n/, '');
    const quiet = bench.connector(named, { url });
    expect(await quiet.check()).toEqual([]);
    expect((await quiet.doubts()).filter(one => one.message.includes('pooler'))).toEqual([]);
    expect((await bench.connector(without).doubts()).filter(one => one.message.includes('pooler'))).toEqual(
      [],
    );
  });

  test('one that the catalog takes for another is named where it makes itself felt', async () => {
    const connector = bench.connector(yaml(', pooler: session'), { url, poolSize: 1 });
    await connector.readAccount(alice);
    await bouncer.exchange();
    const failure = await failureOf(connector.readAccount(alice));
    expect(failure).toMatchObject({
      kind: 'configuration',
      message: expect.stringMatching(
        /a pooler in transaction mode stands in between.*pooler: transaction.*26000/,
      ),
    });
  });
});
