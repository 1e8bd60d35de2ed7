import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { sharesOf } from '../../connectors/keys.js';
import type { Intent } from '../../domain/effect.js';
import {
  ALICE,
  account,
  allPages,
  type Bench,
  BOB,
  batchOf,
  CAROL,
  changed,
  createBench,
  failureOf,
  PEOPLE_YAML,
  someoneWaits,
  type WholeConnector,
  witness,
} from './fixture.js';

const YAML = `${PEOPLE_YAML}
categories:
  tasks: { title: Tasks, do: transfer, table: public.tasks, key: [id], owner: { column: owner_id }, when: tasks.status = 'open' }
  plain: { title: Untouched by triggers, do: transfer, table: public.plain, key: [id], owner: { column: owner_id } }
  removed: { title: Removed, do: remove, table: public.plain, key: [id], owner: { column: owner_id } }
  members: { title: Members, do: remove, table: public.members, key: [project, user_id], owner: { column: user_id } }
  seats: { title: Seats, do: transfer, table: public.members, key: [project, user_id], owner: { column: user_id } }
`;

const SQL = `
  CREATE TABLE tasks (id bigint PRIMARY KEY, owner_id bigint, status text NOT NULL DEFAULT 'open', title text, UNIQUE (owner_id, title), CHECK (owner_id <> 2 OR title <> 'forbidden'));
  CREATE TABLE plain (id bigint PRIMARY KEY, owner_id bigint);
  CREATE TABLE members (project text, user_id bigint, PRIMARY KEY (project, user_id));
  -- Everything a trigger can do to us, chosen by the row's title.
  CREATE FUNCTION misbehave() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF old.title LIKE 'poison%' THEN RAISE EXCEPTION 'will not give "%" of alice@example.com away', old.title; END IF;
    IF old.title LIKE 'swallow%' THEN RETURN NULL; END IF;
    IF old.title LIKE 'rewrite%' THEN new.owner_id := 3; END IF;
    IF old.title LIKE 'restore%' THEN new.owner_id := old.owner_id; END IF;
    RETURN new;
  END $$;
  CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF old.title LIKE 'after%' AND new.owner_id = 2 THEN UPDATE public.tasks SET owner_id = 3 WHERE id = new.id; END IF;
    RETURN NULL;
  END $$;`;

const TRIGGERS = `
  CREATE TRIGGER misbehave BEFORE UPDATE ON tasks FOR EACH ROW EXECUTE FUNCTION misbehave();
  CREATE TRIGGER meddle AFTER UPDATE ON tasks FOR EACH ROW EXECUTE FUNCTION meddle()`;

let bench: Bench;
let connector: WholeConnector;
const alice = account(ALICE);

beforeAll(async () => {
  bench = await createBench('change', SQL);
  connector = bench.connector(YAML);
});
afterAll(() => bench.drop());
beforeEach(async () => {
  await bench.db.query('TRUNCATE tasks, plain, members');
  await bench.db.query(
    'DROP TRIGGER IF EXISTS misbehave ON tasks; DROP TRIGGER IF EXISTS meddle ON tasks; DROP TRIGGER IF EXISTS late ON tasks',
  );
});

/** `count` tasks of Alice's; the title of task n by `title`. */
async function tasks(count: number, title: (n: number) => string = n => `task ${n}`): Promise<void> {
  const numbers = Array.from({ length: count }, (_, i) => i + 1);
  await bench.db.query(
    'INSERT INTO tasks (id, owner_id, title) SELECT n, 1, t FROM unnest($1::bigint[], $2::text[]) AS u(n, t)',
    [numbers, numbers.map(title)],
  );
}

async function owners(): Promise<Record<string, number>> {
  const { rows } = await bench.db.query('SELECT owner_id, count(*)::int AS n FROM tasks GROUP BY 1');
  return Object.fromEntries(rows.map(r => [String(r.owner_id), r.n as number]));
}

describe('a receipt is about a transaction that a crash cannot undo without a trace', () => {
  /**
   * A sequence forgets nothing when a transaction rolls back: it keeps the place in the log up to which our
   * change has written.
   */
  const WATCH = `
    CREATE SEQUENCE place;
    CREATE FUNCTION watch() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN PERFORM setval('public.place', (pg_current_wal_insert_lsn() - '0/0')::bigint); RETURN NULL; END $$;
    CREATE TRIGGER watch AFTER UPDATE ON plain FOR EACH STATEMENT EXECUTE FUNCTION watch()`;
  const flushedPast = `SELECT (pg_current_wal_flush_lsn() - '0/0')::bigint >= last_value AS flushed FROM place`;

  test('what it has written is in the log on disk before the receipt names it', async () => {
    await bench.db.query(WATCH);
    await bench.db.query('INSERT INTO plain SELECT n, 1 FROM generate_series(1, 500) AS n');
    const request = await batchOf(connector, alice, 'plain');
    let flushed: unknown;
    await connector.apply(
      request,
      witness(async () => {
        flushed = (await bench.db.query(flushedPast)).rows[0].flushed;
      }),
    );
    await bench.db.query('DROP TRIGGER watch ON plain; DROP FUNCTION watch; DROP SEQUENCE place');
    expect(flushed).toBe(true);
  });
});

describe('a database that is read-only', () => {
  test('because its administrators said so, is not written to behind their backs: it is waited for', async () => {
    await tasks(3);
    const request = await batchOf(connector, alice, 'tasks');
    const { rows } = await bench.db.query('SELECT current_database() AS name');
    const name = `"${rows[0].name}"`;
    await bench.db.query(`ALTER DATABASE ${name} SET default_transaction_read_only = on`);
    const late = bench.connector(YAML);
    try {
      const failure = await failureOf(late.apply(request, witness()));
      expect(failure).toMatchObject({ kind: 'transient', message: expect.stringContaining('25006') });
      expect(await owners()).toEqual({ 1: 3 });
    } finally {
      await late.close();
      await bench.db.query(`ALTER DATABASE ${name} RESET default_transaction_read_only`);
    }
  });
});

describe('compare-and-set', () => {
  test('items that somebody took, closed or deleted meanwhile are left alone and named, the rest moves', async () => {
    await tasks(10);
    const request = await batchOf(connector, alice, 'tasks');
    await bench.db.query(
      `UPDATE tasks SET owner_id = 3 WHERE id = 2; UPDATE tasks SET status = 'done' WHERE id = 3; DELETE FROM tasks WHERE id = 4; UPDATE tasks SET owner_id = NULL WHERE id = 5`,
    );
    const effect = await changed(connector, request);
    expect(effect).toMatchObject({ changed: 6, perTaker: [6], merged: 0 });
    expect(effect.exceptions).toEqual([
      { key: '2', kind: 'taken', why: 'somebody else owns it now' },
      { key: '3', kind: 'gone', why: "it no longer matches the category's condition" },
      { key: '4', kind: 'gone', why: 'it no longer exists' },
      { key: '5', kind: 'gone', why: 'nobody owns it any more' },
    ]);
    expect(await owners()).toEqual({ 1: 1, 2: 6, 3: 1, null: 1 });
  });

  test('an item that somebody else gave to the same successor is never counted as ours', async () => {
    await tasks(3);
    const request = await batchOf(connector, alice, 'tasks');
    await bench.db.query('UPDATE tasks SET owner_id = 2 WHERE id = 2');
    const effect = await changed(connector, request);
    expect(effect).toMatchObject({ changed: 2, exceptions: [{ key: '2', kind: 'taken' }] });
  });

  test('a thief who commits while our statement waits for the row keeps it', async () => {
    await tasks(5);
    const request = await batchOf(connector, alice, 'tasks');
    const thief = await bench.session();
    await thief.query('BEGIN; UPDATE tasks SET owner_id = 3 WHERE id = 4');
    const effect = changed(connector, request);
    await someoneWaits(bench.db);
    await thief.query('COMMIT');
    expect(await effect).toMatchObject({ changed: 4, exceptions: [{ key: '4', kind: 'taken' }] });
  });

  test('a second attempt at the same batch changes nothing, and of two at once each item is changed by exactly one', async () => {
    await tasks(200);
    const request = await batchOf(connector, alice, 'tasks');
    const [one, two] = await Promise.all([changed(connector, request), changed(connector, request)]);
    expect(one.changed + two.changed).toBe(200);
    expect(one.exceptions.length + two.exceptions.length).toBe(200);
    const third = await changed(connector, request);
    expect(third.changed).toBe(0);
    expect(new Set(third.exceptions.map(e => e.kind))).toEqual(new Set(['taken']));
    expect(await owners()).toEqual({ 2: 200 });
  });

  test('keys that contain the owner are reported by the name they were asked for', async () => {
    const mover = bench.connector(YAML.replace('do: remove', 'do: transfer'));
    await bench.db.query(`INSERT INTO members SELECT 'p' || g, 1 FROM generate_series(1, 3) g`);
    const request = await batchOf(mover, alice, 'members');
    await bench.db.query(`DELETE FROM members WHERE project = 'p2'`);
    const effect = await changed(mover, request);
    expect(effect).toMatchObject({ changed: 2, exceptions: [{ key: '["p2","1"]', kind: 'gone' }] });
  });

  test('an empty batch is an effect of nothing', async () => {
    expect(await changed(connector, await batchOf(connector, alice, 'tasks'))).toMatchObject({
      changed: 0,
      exceptions: [],
      perTaker: [0],
    });
  });
});

describe('poisoned rows', () => {
  const poisoned = async (bad: Set<number>, count = 1000) => {
    await tasks(count, n => (bad.has(n) ? `poison ${n}` : `task ${n}`));
    await bench.db.query(TRIGGERS);
    return changed(connector, await batchOf(connector, alice, 'tasks'));
  };

  for (const [name, bad] of [
    ['none', new Set<number>()],
    ['one', new Set([500])],
    ['ten', new Set([1, 2, 3, 250, 251, 500, 777, 998, 999, 1000])],
    ['one per cent', new Set(Array.from({ length: 10 }, (_, i) => i * 100 + 37))],
  ] as const) {
    test(`${name} of 1,000: the bad items are named with what the database said, the rest goes through`, async () => {
      const effect = await poisoned(bad);
      expect(effect.changed).toBe(1000 - bad.size);
      expect(effect.perTaker).toEqual([1000 - bad.size]);
      expect(effect.exceptions.map(e => Number(e.key))).toEqual([...bad].sort((a, b) => a - b));
      expect(await owners()).toEqual(bad.size > 0 ? { 1: bad.size, 2: 1000 - bad.size } : { 2: 1000 });
    });
  }

  test('every item poisoned is a batch of exceptions, not a failure', async () => {
    expect(await poisoned(new Set(Array.from({ length: 20 }, (_, i) => i + 1)), 20)).toMatchObject({
      changed: 0,
      perTaker: [0],
    });
  });

  test("the database's message is kept without values and addresses", async () => {
    const effect = await poisoned(new Set([2]), 3);
    expect(effect.exceptions).toEqual([
      {
        key: '2',
        kind: 'failed',
        why: expect.stringMatching(/^the database refused it \(P0001, said by function [\w.]+\)$/),
        said: 'will not give "…" of … away',
      },
    ]);
  });

  test('checks, unique constraints and foreign keys are isolated in the same way', async () => {
    await tasks(50, n => (n === 7 ? 'forbidden' : n === 9 ? 'twice' : `task ${n}`));
    await bench.db.query(`INSERT INTO tasks (id, owner_id, title) VALUES (1000, 2, 'twice')`);
    const effect = await changed(connector, await batchOf(connector, alice, 'tasks'));
    expect(effect.changed).toBe(48);
    expect(effect.exceptions).toEqual([
      {
        key: '7',
        kind: 'failed',
        why: 'the database refused it (23514, constraint tasks_check: new row for relation "tasks" violates check constraint "tasks_check")',
      },
      {
        key: '9',
        kind: 'failed',
        why: 'the database refused it (23505, constraint tasks_owner_id_title_key: duplicate key value violates unique constraint "tasks_owner_id_title_key")',
      },
    ]);
  });

  test('a constraint that waits for COMMIT speaks before the receipt is written', async () => {
    await tasks(20, n => (n === 13 ? 'late' : `task ${n}`));
    await bench.db.query(`
      CREATE OR REPLACE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF new.title = 'late' THEN RAISE EXCEPTION 'too late'; END IF; RETURN NULL; END $$;
      CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON tasks DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION late()`);
    const fresh = bench.connector(YAML);
    expect(await changed(fresh, await batchOf(fresh, alice, 'tasks'))).toMatchObject({
      changed: 19,
      exceptions: [{ key: '13', kind: 'failed' }],
    });
    expect(await owners()).toEqual({ 1: 1, 2: 19 });
  });

  test.each([
    [
      'a trigger',
      `CREATE OR REPLACE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF new.said = 'late' THEN RAISE 'too late'; END IF; RETURN NULL; END $$;
       CREATE CONSTRAINT TRIGGER late AFTER INSERT ON echoes DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION late()`,
    ],
    ['a constraint', `ALTER TABLE echoes ADD UNIQUE (said) DEFERRABLE INITIALLY DEFERRED`],
  ])('so does %s that waits in another table, which a trigger writes to', async (_, waits) => {
    await tasks(20, n => (n === 13 ? 'late' : `task ${n}`));
    await bench.db.query(`
      CREATE TABLE echoes (said text);
      INSERT INTO echoes VALUES ('late');
      ${waits};
      CREATE FUNCTION echo() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO echoes VALUES (new.title); RETURN NULL; END $$;
      CREATE TRIGGER echo AFTER UPDATE ON tasks FOR EACH ROW EXECUTE FUNCTION echo()`);
    try {
      const fresh = bench.connector(YAML);
      expect(await changed(fresh, await batchOf(fresh, alice, 'tasks'))).toMatchObject({
        changed: 19,
        exceptions: [{ key: '13', kind: 'failed' }],
      });
    } finally {
      await bench.db.query('DROP FUNCTION echo CASCADE; DROP TABLE echoes');
    }
  });

  test('exceptions keep their successors apart when a batch goes to several', async () => {
    await tasks(10, n => (n % 3 === 0 ? `poison ${n}` : `task ${n}`));
    await bench.db.query(TRIGGERS);
    const request = await batchOf(connector, alice, 'tasks', {
      takers: [BOB, CAROL],
      assignment: sharesOf([0, 1, 0, 1, 0, 1, 0, 1, 0, 1]),
    });
    expect(await changed(connector, request)).toMatchObject({
      changed: 7,
      perTaker: [3, 4],
      exceptions: [{ key: '3' }, { key: '6' }, { key: '9' }],
    });
  });
});

describe('lying triggers', () => {
  test('a trigger that swallows, rewrites or restores the change makes the item failed, before or after the row is written', async () => {
    const lies: Record<number, string> = { 3: 'swallow', 5: 'rewrite', 7: 'restore', 9: 'after' };
    await tasks(10, n => `${lies[n] ?? 'task'} ${n}`);
    await bench.db.query(TRIGGERS);
    // The shape of the table is read again when it is old; triggers made a moment ago are seen by a fresh
    // connector.
    const fresh = bench.connector(YAML);
    const effect = await changed(fresh, await batchOf(fresh, alice, 'tasks'));
    expect(effect.changed).toBe(6);
    const why = Object.fromEntries(effect.exceptions.map(e => [e.key, `${e.kind}: ${e.why}`]));
    const rewritten =
      'failed: the database accepted the change, but a trigger gave the row another owner or put it back';
    expect(why).toEqual({
      3: 'failed: the database accepted the change, but the row is as before: a trigger or a rule suppresses it',
      5: rewritten,
      7: rewritten,
      9: rewritten,
    });
    expect(await owners()).toEqual({ 1: 4, 2: 6 });
  });
});

describe('locks', () => {
  test('a row that is held longer than lock_timeout is left to who holds it, and said by name; the rest goes through', async () => {
    await tasks(10);
    const request = await batchOf(connector, alice, 'tasks');
    const holder = await bench.session();
    await holder.query('BEGIN; SELECT FROM tasks WHERE id IN (5, 8) FOR UPDATE');
    const effect = await changed(connector, request);
    expect(effect).toMatchObject({ changed: 8 });
    expect(effect.exceptions.toSorted((a, b) => a.key.localeCompare(b.key))).toEqual([
      { key: '5', kind: 'locked', why: 'another session holds a lock on it' },
      { key: '8', kind: 'locked', why: 'another session holds a lock on it' },
    ]);
    expect(await owners()).toEqual({ 1: 2, 2: 8 });
    await holder.query('ROLLBACK');
    expect(await changed(connector, await batchOf(connector, alice, 'tasks'))).toMatchObject({ changed: 2 });
  });

  test('a row that somebody only refers to is free, but where the change gives it another key', async () => {
    await bench.db.query(
      `INSERT INTO plain VALUES (1, 1), (2, 1); INSERT INTO members VALUES ('atlas', 1), ('borealis', 1)`,
    );
    const plain = await batchOf(connector, alice, 'plain');
    const seats = await batchOf(connector, alice, 'seats');
    const holder = await bench.session();
    await holder.query(
      `BEGIN; SELECT FROM plain WHERE id = 1 FOR KEY SHARE; SELECT FROM plain WHERE id = 2 FOR UPDATE;
       SELECT FROM members WHERE project = 'atlas' FOR KEY SHARE`,
    );
    const held = (key: string) => [{ key, kind: 'locked', why: 'another session holds a lock on it' }];
    expect(await changed(connector, plain)).toMatchObject({ changed: 1, exceptions: held('2') });
    const atlas = JSON.stringify(['atlas', '1']);
    expect(await changed(connector, seats)).toMatchObject({ changed: 1, exceptions: held(atlas) });
    await holder.query('ROLLBACK');
  });

  test('nor is it where it is to go: what refers to it would be left behind', async () => {
    await bench.db.query('INSERT INTO plain VALUES (1, 1), (2, 1)');
    const removed = await batchOf(connector, alice, 'removed', { do: 'remove' });
    const holder = await bench.session();
    await holder.query('BEGIN; SELECT FROM plain WHERE id = 1 FOR KEY SHARE');
    expect(await changed(connector, removed)).toMatchObject({
      changed: 1,
      exceptions: [{ key: '1', kind: 'locked' }],
    });
    await holder.query('ROLLBACK');
  });

  test('what else the change needs is waited for: nothing is changed, and a retry finishes', async () => {
    await tasks(3);
    await bench.db.query(
      `CREATE TABLE counters (n int); INSERT INTO counters VALUES (0);
       CREATE FUNCTION count_up() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE counters SET n = n + 1; RETURN NEW; END $$;
       CREATE TRIGGER count_up AFTER UPDATE ON tasks FOR EACH ROW EXECUTE FUNCTION count_up()`,
    );
    const request = await batchOf(connector, alice, 'tasks');
    const holder = await bench.session();
    await holder.query('BEGIN; SELECT FROM counters FOR UPDATE');
    const failure = await failureOf(connector.apply(request, witness()));
    expect(failure.kind).toBe('locked');
    expect(failure.message).toContain('crm: while changing 3 items of tasks: another session holds a lock');
    expect(await owners()).toEqual({ 1: 3 });
    await holder.query('ROLLBACK');
    expect(await changed(connector, request)).toMatchObject({ changed: 3 });
    await bench.db.query('DROP FUNCTION count_up CASCADE; DROP TABLE counters');
  });

  test('a table that a migration has locked is `locked` too', async () => {
    await tasks(1);
    const request = await batchOf(connector, alice, 'tasks');
    const migration = await bench.session();
    await migration.query('BEGIN; LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE');
    expect((await failureOf(connector.apply(request, witness()))).kind).toBe('locked');
    await migration.query('ROLLBACK');
  });

  test('a deadlock that ends us is `locked`, and a retry finishes', async () => {
    await tasks(2);
    await bench.db.query(`ALTER DATABASE ${bench.db.database} SET deadlock_timeout = '50ms'`);
    const patient = bench.connector(YAML.replace('lock_timeout: 300ms', 'lock_timeout: 20s'));
    const request = await batchOf(patient, alice, 'tasks');
    const other = await bench.session();
    // The other side looks for deadlocks later than we do: we are the one that the database ends.
    await other.query(`SET deadlock_timeout = '10s'`);
    await other.query('BEGIN; UPDATE tasks SET title = title WHERE id = 2');
    const ours = failureOf(patient.apply(request, witness()));
    await someoneWaits(bench.db);
    const theirs = other.query('UPDATE tasks SET title = title WHERE id = 1');
    expect((await ours).message).toContain('deadlock');
    await theirs;
    await other.query('COMMIT');
    expect(await changed(patient, request)).toMatchObject({ changed: 2 });
    await bench.db.query(`ALTER DATABASE ${bench.db.database} RESET deadlock_timeout`);
  });
});

describe('receipts', () => {
  test('the witness is asked inside the transaction and knows its mark', async () => {
    await tasks(3);
    const intents: Intent[] = [];
    const done = await connector.apply(
      await batchOf(connector, alice, 'tasks'),
      witness(async intent => {
        intents.push(intent);
        expect(await owners()).toEqual({ 1: 3 });
      }),
    );
    expect(intents).toEqual([
      { mark: done.mark, took: 3, owners: done.owners, before: [], effect: done.effect },
    ]);
    expect(done.owners).toEqual({ values: [ALICE], perKey: null });
  });

  test('a witness who throws rolls back, and the error comes out unchanged', async () => {
    await tasks(3);
    const boom = new Error('the store is gone');
    const refusing = witness(() => Promise.reject(boom));
    await expect(connector.apply(await batchOf(connector, alice, 'tasks'), refusing)).rejects.toBe(boom);
    expect(await owners()).toEqual({ 1: 3 });
  });
});

describe('aborts and broken connections', () => {
  test('an abort cancels the statement in the database, rolls back and surfaces as the reason', async () => {
    await tasks(3);
    const patient = bench.connector(
      YAML.replace('statement_timeout: 5s, lock_timeout: 300ms', 'statement_timeout: 60s, lock_timeout: 60s'),
    );
    const request = await batchOf(patient, alice, 'tasks');
    const holder = await bench.session();
    await holder.query('BEGIN; SELECT FROM tasks WHERE id = 2 FOR UPDATE');
    const controller = new AbortController();
    const reason = new Error('the attempt timed out');
    const change = patient.apply(request, witness(), controller.signal);
    await someoneWaits(bench.db);
    controller.abort(reason);
    await expect(change).rejects.toBe(reason);
    const stillThere = `SELECT FROM pg_stat_activity WHERE application_name = 'handover' AND wait_event_type = 'Lock' AND datname = current_database()`;
    expect((await bench.db.query(stillThere)).rowCount).toBe(0);
    await holder.query('COMMIT');
    expect(await owners()).toEqual({ 1: 3 });
    expect(await changed(patient, request)).toMatchObject({ changed: 3 });
  });

  test('an abort before the start touches nothing, one in the receipt rolls back', async () => {
    await tasks(1);
    const request = await batchOf(connector, alice, 'tasks');
    await expect(connector.apply(request, witness(), AbortSignal.abort('too late'))).rejects.toBe('too late');
    const controller = new AbortController();
    await expect(
      connector.apply(
        request,
        witness(() => controller.abort('now')),
        controller.signal,
      ),
    ).rejects.toBe('now');
    expect(await owners()).toEqual({ 1: 1 });
  });

  test('a backend that is ended while the receipt is written is a transient failure, not a crash, and the next batch goes through', async () => {
    await tasks(3);
    const request = await batchOf(connector, alice, 'tasks');
    const endOurs = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'handover' AND datname = current_database()`;
    const failure = await failureOf(
      connector.apply(
        request,
        witness(() => bench.db.query(endOurs)),
      ),
    );
    expect(failure.kind).toBe('transient');
    expect(await owners()).toEqual({ 1: 3 });
    expect(await changed(connector, request)).toMatchObject({ changed: 3 });
  });

  test('idle connections that are ended do not end the process, and are said in the log', async () => {
    const lines: string[] = [];
    const quiet = bench.connector(YAML, { log: line => lines.push(line) });
    await quiet.inventory([alice], ['tasks']);
    await bench.db.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'handover' AND datname = current_database()`,
    );
    expect(
      (await quiet.inventory([alice], ['tasks']).catch(() => quiet.inventory([alice], ['tasks'])))[0],
    ).toMatchObject({
      complete: true,
    });
  });

  test('a stopped attempt loses its transaction after the idle time-out, so that its COMMIT cannot come late', async () => {
    await tasks(1);
    const request = await batchOf(connector, alice, 'tasks');
    const failure = await failureOf(
      connector.apply(
        request,
        witness(async ({ mark }) => {
          // What the server does by itself after a minute, at once.
          await bench.db.query(
            `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction' AND backend_xid = $1::xid`,
            [/\d+/.exec(mark)![0]],
          );
          await bench.db.query('UPDATE tasks SET owner_id = 3');
        }),
      ),
    );
    expect(failure.kind).toBe('transient');
    expect(await owners()).toEqual({ 3: 1 });
  });

  test('a server that cannot be reached is transient, a refused password or a missing database is a credential', async () => {
    const at = (change: (url: URL) => void) => {
      const url = new URL(bench.url);
      change(url);
      return failureOf(bench.connector(YAML, { url: url.href }).inventory([alice], ['tasks']));
    };
    expect(
      (
        await at(url => {
          url.port = '1';
        })
      ).kind,
    ).toBe('transient');
    expect(
      (
        await at(url => {
          url.pathname = '/nowhere';
        })
      ).kind,
    ).toBe('credential');
    expect(
      (
        await at(url => {
          url.username = 'stranger';
        })
      ).kind,
    ).toBe('credential');
  });

  test('nothing of ours stays open: no transaction, no lock', async () => {
    await tasks(3);
    await changed(connector, await batchOf(connector, alice, 'tasks'));
    await allPages(connector, alice, 'tasks');
    for await (const _page of connector.pages([account(BOB)], 'tasks', { size: 1 })) break;
    const { rows } = await bench.db.query(
      `SELECT state FROM pg_stat_activity WHERE application_name = 'handover' AND datname = current_database() AND state <> 'idle'`,
    );
    expect(rows).toEqual([]);
  });
});
