// What we set for ourselves reaches neither the application's own code nor anybody else, and nobody can put a
// name of theirs in front of ours.

import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  ALICE,
  account,
  type Bench,
  batchOf,
  changed,
  createBench,
  failureOf,
  PEOPLE_YAML,
  witness,
} from './fixture.js';

const YAML = `${PEOPLE_YAML}
categories:
  tasks: { title: Tasks, do: transfer, table: public.tasks, key: [id], owner: { column: owner_id }, label: title }
`;
const alice = account(ALICE);

describe('what a change sets off runs as the application wrote it', () => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await createBench(
      'sessions_app',
      `CREATE TABLE tasks (id bigint PRIMARY KEY, title text, owner_id bigint);
       INSERT INTO tasks SELECT n, 'task ' || n, 1 FROM generate_series(1, 5) AS n;
       CREATE TABLE task_log (task_id bigint, said text)`,
    );
  });
  afterAll(() => bench.drop());

  /** Adds something to the tasks, moves them, and takes it away again; answers with what was logged. */
  async function moveWith(add: string, remove: string): Promise<string[]> {
    await bench.db.query(add);
    try {
      const connector = bench.connector(YAML);
      expect(await connector.check()).toEqual([]);
      const effect = await changed(connector, await batchOf(connector, alice, 'tasks'));
      expect(effect).toMatchObject({ changed: 5, exceptions: [] });
      return (await bench.db.query('SELECT said FROM task_log ORDER BY task_id')).rows.map(row => row.said);
    } finally {
      await bench.db.query(`${remove}; TRUNCATE task_log; UPDATE tasks SET owner_id = 1`);
    }
  }

  const trigger = (body: string, how = 'AFTER UPDATE ON tasks', more = ''): string =>
    `CREATE FUNCTION log_task() RETURNS trigger LANGUAGE plpgsql ${more} AS $$ BEGIN ${body}; RETURN NEW; END $$;
     CREATE ${how} FOR EACH ROW EXECUTE FUNCTION log_task()`;
  const away = 'DROP FUNCTION log_task CASCADE';

  test('a trigger finds its tables by the search_path that our role has', async () => {
    const said = await moveWith(
      trigger(
        'INSERT INTO task_log VALUES (NEW.id, OLD.owner_id || $x$ to $x$ || NEW.owner_id)',
        'TRIGGER log_task AFTER UPDATE ON tasks',
      ),
      away,
    );
    expect(said).toEqual(Array(5).fill('1 to 2'));
  });

  test('so does one that waits for COMMIT', async () => {
    const said = await moveWith(
      trigger(
        'INSERT INTO task_log VALUES (NEW.id, $x$late$x$)',
        'CONSTRAINT TRIGGER log_task AFTER UPDATE ON tasks DEFERRABLE INITIALLY DEFERRED',
      ),
      away,
    );
    expect(said).toEqual(Array(5).fill('late'));
  });

  test('a trigger that reads behind a policy reads what it always reads', async () => {
    const role = `reader_${bench.db.database}`;
    await bench.db.query(
      `CREATE ROLE ${role} LOGIN PASSWORD 'reads'; GRANT SELECT, UPDATE ON users, tasks TO ${role};
       GRANT INSERT ON task_log TO ${role}; CREATE TABLE rates (tenant text, rate int);
       INSERT INTO rates VALUES ('ours', 7), ('others', 9); GRANT SELECT ON rates TO ${role};
       ALTER TABLE rates ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON rates USING (tenant = 'ours');
       ${trigger('INSERT INTO task_log SELECT NEW.id, rate FROM rates', 'TRIGGER log_task AFTER UPDATE ON tasks')}`,
    );
    try {
      const url = new URL(bench.url);
      url.username = role;
      url.password = 'reads';
      const connector = bench.connector(YAML, { url: url.href });
      expect(await changed(connector, await batchOf(connector, alice, 'tasks'))).toMatchObject({
        changed: 5,
      });
      await connector.close();
      const { rows } = await bench.db.query('SELECT DISTINCT said FROM task_log');
      expect(rows).toEqual([{ said: '7' }]);
    } finally {
      await bench.db.query(
        `${away}; DROP TABLE rates; TRUNCATE task_log; UPDATE tasks SET owner_id = 1; DROP OWNED BY ${role}; DROP ROLE ${role}`,
      );
    }
  });

  test.each([
    [
      'an index with a function of PL/pgSQL',
      // Newer versions make an index under a search_path of their own, and use it under everybody's.
      `CREATE FUNCTION plain(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN $1; END $$;
       CREATE INDEX tasks_plain ON tasks (plain(title || owner_id));
       CREATE OR REPLACE FUNCTION plain(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN tidy($1); END $$`,
      'DROP FUNCTION plain CASCADE',
    ],
    [
      'an index with a function of SQL, which PostgreSQL puts into its plans',
      `CREATE FUNCTION plain(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT lower($1)';
       CREATE INDEX tasks_plain ON tasks (plain(title));
       CREATE OR REPLACE FUNCTION plain(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT tidy($1)'`,
      'DROP FUNCTION plain CASCADE',
    ],
    [
      'a check constraint',
      `CREATE FUNCTION plain(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT tidy($1)';
       ALTER TABLE tasks ADD CONSTRAINT tasks_plain CHECK (plain(title) <> '')`,
      'ALTER TABLE tasks DROP CONSTRAINT tasks_plain; DROP FUNCTION plain',
    ],
    [
      'a generated column',
      `CREATE FUNCTION plain(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT tidy($1)';
       ALTER TABLE tasks ADD shown text GENERATED ALWAYS AS (plain(title || owner_id)) STORED`,
      'ALTER TABLE tasks DROP shown; DROP FUNCTION plain',
    ],
  ])('%s finds what it calls', async (_, add, remove) => {
    const tidy = `CREATE FUNCTION tidy(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT lower($1)'`;
    expect(await moveWith(`${tidy}; ${add}`, `${remove}; DROP FUNCTION tidy`)).toEqual([]);
  });
});

describe('nobody puts a name in front of ours', () => {
  let bench: Bench;
  let db: pg.Client;
  beforeAll(async () => {
    bench = await createBench(
      'sessions_names',
      `CREATE TABLE tasks (id varchar PRIMARY KEY, title varchar, owner_id varchar, status varchar);
       INSERT INTO tasks VALUES ('a', 'A', '1', 'open'), ('b', 'B', '1', 'done')`,
    );
    db = bench.db;
  });
  afterAll(() => bench.drop());

  test('an operator, a function or a type in a schema that is searched is not asked', async () => {
    await db.query(
      `CREATE FUNCTION lie(varchar, varchar) RETURNS boolean LANGUAGE sql AS 'SELECT false';
       CREATE FUNCTION lie(varchar, text) RETURNS boolean LANGUAGE sql AS 'SELECT false';
       CREATE OPERATOR = (FUNCTION = lie, LEFTARG = varchar, RIGHTARG = varchar);
       CREATE OPERATOR = (FUNCTION = lie, LEFTARG = varchar, RIGHTARG = text);
       CREATE OPERATOR <> (FUNCTION = lie, LEFTARG = varchar, RIGHTARG = varchar);
       CREATE FUNCTION lower(varchar) RETURNS text LANGUAGE sql AS 'SELECT ''nobody''::text';
       CREATE FUNCTION hashtextextended(varchar, int) RETURNS bigint LANGUAGE sql AS 'SELECT 0::bigint'`,
    );
    const connector = bench.connector(`${PEOPLE_YAML}
categories:
  tasks: { title: Tasks, do: transfer, table: public.tasks, key: [id], owner: { column: owner_id }, when: "tasks.status <> 'done'" }
`);
    expect((await connector.inventory([alice], ['tasks']))[0]).toMatchObject({ count: 1, complete: true });
    const found = await connector.directory.findPeople({ by: 'login', value: 'ALICE' });
    expect(found.map(one => one.id)).toEqual([ALICE]);
    const batch = await batchOf(connector, alice, 'tasks');
    // Twice on the same connection: what the first change gave back to the application is ours again.
    expect(await changed(connector, batch)).toMatchObject({ changed: 1, exceptions: [] });
    expect(await changed(connector, batch)).toMatchObject({ changed: 0, exceptions: [{ kind: 'taken' }] });
  });
});

describe('a connection that has shown itself useless', () => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await createBench(
      'sessions_useless',
      `CREATE TABLE tasks (id bigint PRIMARY KEY, title text, owner_id bigint);
       INSERT INTO tasks VALUES (1, 'one', 1)`,
    );
  });
  afterAll(() => bench.drop());

  const backends = async (): Promise<number[]> =>
    (
      await bench.db.query(
        `SELECT pid FROM pg_stat_activity WHERE application_name = 'handover' AND datname = current_database() ORDER BY 1`,
      )
    ).rows.map(row => row.pid);

  test('is not used again: one to a server that only reads now', async () => {
    // What a failover does to those who are connected: the server they have is a standby.
    await bench.db.query(`ALTER DATABASE ${bench.db.database} SET default_transaction_read_only = on`);
    const connector = bench.connector(YAML, { poolSize: 1 });
    const batch = await batchOf(connector, alice, 'tasks');
    const failure = await failureOf(connector.apply(batch, witness()));
    expect(failure).toMatchObject({ kind: 'transient', message: expect.stringContaining('25006') });
    await bench.db.query(`ALTER DATABASE ${bench.db.database} RESET default_transaction_read_only`);
    expect(await changed(connector, batch)).toMatchObject({ changed: 1 });
    await bench.db.query('UPDATE tasks SET owner_id = 1');
  });

  test('is used again after an item that was refused', async () => {
    await bench.db.query(
      `CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
       CREATE TRIGGER no BEFORE UPDATE ON tasks FOR EACH ROW EXECUTE FUNCTION no()`,
    );
    const connector = bench.connector(YAML, { poolSize: 1 });
    const batch = await batchOf(connector, alice, 'tasks');
    const before = await backends();
    expect(await changed(connector, batch)).toMatchObject({ exceptions: [{ kind: 'failed' }] });
    expect(await backends()).toEqual(before);
    await bench.db.query('DROP FUNCTION no CASCADE');
  });
});

test('a limit that lets fewer of our connections in than a worker opens is told', async () => {
  const bench = await createBench(
    'sessions_room',
    'CREATE TABLE tasks (id bigint PRIMARY KEY, title text, owner_id bigint)',
  );
  try {
    const told = async (poolSize: number): Promise<string[]> =>
      (await bench.connector(YAML, { poolSize }).doubts())
        .map(({ message }) => message)
        .filter(message => message.includes('connections'));
    await bench.db.query(`ALTER DATABASE ${bench.db.database} CONNECTION LIMIT 4`);
    expect(await told(4)).toEqual([]);
    expect(await told(5)).toEqual([
      expect.stringMatching(/^a worker opens up to 5 connections there, and only 4 are let in/),
    ]);
  } finally {
    await bench.drop();
  }
});
