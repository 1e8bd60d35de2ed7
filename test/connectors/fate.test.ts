/**
 * What became of an effect whose end nobody saw: asked where the database can know, read again where it
 * cannot, and never guessed.
 */
import net from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { sharesOf } from '../../connectors/keys.js';
import type { Batch, Fate, Intent, Work } from '../../domain/effect.js';
import {
  ALICE,
  access,
  account,
  type Bench,
  BOB,
  batchOf,
  CAROL,
  createBench,
  failureOf,
  PEOPLE_YAML,
  type WholeConnector,
  witness,
} from './fixture.js';

const YAML = `${PEOPLE_YAML}
categories:
  tasks: { title: Tasks, do: transfer, table: public.tasks, key: [id], owner: { column: owner_id }, unassigned: true }
  groups: { title: Groups, do: remove, table: public.tasks, key: [id], owner: { column: owner_id } }
  tokens: { title: Tokens, do: revoke, table: public.tokens, key: [id], owner: { column: owner_id }, when: not tokens.revoked, set: { revoked: true } }
  seats: { title: Seats, do: transfer, table: public.seats, key: [room, user_id], owner: { column: user_id } }
block: { set: { status: 2 }, verify: users.status = 2 }
unblock: { set: { status: 1 }, verify: users.status = 1 }
`;

const SQL = `
  CREATE TABLE tasks (id bigint PRIMARY KEY, owner_id bigint);
  CREATE TABLE tokens (id bigint PRIMARY KEY, owner_id bigint, revoked boolean NOT NULL DEFAULT false);
  CREATE TABLE seats (room text, user_id bigint, PRIMARY KEY (room, user_id))`;

let bench: Bench;
let connector: WholeConnector;
const alice = account(ALICE);

beforeAll(async () => {
  bench = await createBench('fate', SQL);
  connector = bench.connector(YAML);
});
afterAll(() => bench?.drop());
beforeEach(() => bench.db.query('TRUNCATE tasks, seats, tokens; UPDATE users SET status = 1'));

const tasks = (n: number) =>
  bench.db.query(`INSERT INTO tasks SELECT n, 1 FROM generate_series(1, ${n}) AS n`);

const ASKED: Fate = { kind: 'happened', effect: null, sure: 'asked' };
const READ: Fate = { kind: 'happened', effect: null, sure: 'read' };

/** What the witness was told, whatever became of it. */
async function intended(work: Work, end: 'commit' | 'rollback'): Promise<Intent> {
  let seen: Intent | undefined;
  const look = witness(intent => {
    seen = intent;
    if (end === 'rollback') throw new Error('rolled back');
  });
  await connector.apply(work, look).catch((error: Error) => {
    if (end === 'commit') throw error;
  });
  return seen!;
}

describe('the database is asked', () => {
  test('while the transaction is open it is under way, and afterwards it happened', async () => {
    await tasks(3);
    const work = await batchOf(connector, alice, 'tasks');
    const done = await connector.apply(
      work,
      witness(async intent => expect(await connector.fateOf(work, intent)).toEqual({ kind: 'under-way' })),
    );
    expect(await connector.fateOf(work, done)).toEqual(ASKED);
  });

  test('one that was rolled back did not happen, although somebody has moved the same rows to the same successor since', async () => {
    await tasks(3);
    const work = await batchOf(connector, alice, 'tasks');
    const intent = await intended(work, 'rollback');
    await bench.db.query('UPDATE tasks SET owner_id = 2');
    expect(await connector.fateOf(work, intent)).toEqual({ kind: 'did-not', sure: 'asked' });
  });

  test('the mark names the server that gave the transaction its id', async () => {
    const { rows } = await bench.db.query(
      `SELECT system_identifier::text AS cluster, left(pg_walfile_name(pg_current_wal_lsn()), 8) AS timeline,
              (SELECT oid FROM pg_database WHERE datname = current_database()) AS database,
              to_char(pg_postmaster_start_time() AT TIME ZONE 'UTC', 'YYYYMMDD"T"HH24MISSUS') AS started
         FROM pg_control_system()`,
    );
    await tasks(1);
    const { mark } = await intended(await batchOf(connector, alice, 'tasks'), 'commit');
    const { cluster, timeline, database, started } = rows[0];
    expect(mark.replace(/\d+ in/, 'n in')).toBe(
      `transaction n in ${[cluster, timeline, database, started].join('/')}`,
    );
  });

  test('where our role may not read the server’s identity, the id alone is believed', async () => {
    await bench.db.query(`DROP ROLE IF EXISTS fate_blind; CREATE ROLE fate_blind LOGIN PASSWORD 'blind';
      GRANT SELECT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO fate_blind;
      REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC`);
    try {
      const url = new URL(bench.url);
      url.username = 'fate_blind';
      url.password = 'blind';
      const blind = bench.connector(YAML, { url: url.href });
      await tasks(2);
      const work = await batchOf(blind, alice, 'tasks');
      const done = await blind.apply(work, witness());
      expect(done.mark).toMatch(/^transaction \d+ in \?\/\?\/\d+\/\d+T\d+$/);
      expect(await blind.fateOf(work, done)).toEqual(ASKED);
      await blind.close();
    } finally {
      await bench.db.query(
        `GRANT EXECUTE ON FUNCTION pg_control_system() TO PUBLIC; DROP OWNED BY fate_blind; DROP ROLE fate_blind`,
      );
    }
  });

  test('a COMMIT whose answer is lost is a transient failure, and asking says that it happened', async () => {
    await tasks(3);
    const proxy = await cutAfterCommit(bench.url);
    const url = new URL(bench.url);
    url.hostname = '127.0.0.1';
    url.port = String(proxy.port);
    const far = bench.connector(YAML, { url: url.href });
    let seen: Intent | undefined;
    const work = await batchOf(far, alice, 'tasks');
    const failure = await failureOf(
      far.apply(
        work,
        witness(intent => {
          seen = intent;
          proxy.arm();
        }),
      ),
    );
    expect(failure.kind).toBe('transient');
    expect(proxy.fired()).toBe(true);
    expect(await connector.fateOf(work, seen!)).toEqual(ASKED);
    expect((await bench.db.query('SELECT DISTINCT owner_id::int AS o FROM tasks')).rows).toEqual([{ o: 2 }]);
    proxy.close();
  });
});

describe('a database that cannot know is read again', () => {
  /**
   * The same number, given out by the server before it was restored: another cluster, another timeline of the
   * same one, or another database in it.
   */
  const restored = (intent: Intent, what: 'cluster' | 'timeline' | 'database'): Intent => {
    const [, id, cluster, timeline, database, started] =
      /^(transaction \d+) in (\d+)\/(\w+)\/(\d+)\/(\w+)$/.exec(intent.mark)!;
    const other = { cluster: `1${cluster}`, timeline: '0000FFFF', database: `1${database}` }[what];
    const where = { cluster, timeline, database, [what]: other };
    return { ...intent, mark: `${id} in ${where.cluster}/${where.timeline}/${where.database}/${started}` };
  };
  /**
   * Too young for this database, or no id at all: what a test database can show of one that has forgotten.
   */
  const forgotten = (intent: Intent): Intent => ({ ...intent, mark: 'transaction 99999999999' });

  test.each(['cluster', 'timeline', 'database'] as const)(
    'the id of a target that was restored (another %s) is never believed, and the answer says that it was read',
    async what => {
      await tasks(3);
      const work = await batchOf(connector, alice, 'tasks');
      // As committed as can be, in a database that has lost it.
      const intent = await intended(work, 'commit');
      await bench.db.query('UPDATE tasks SET owner_id = 1');
      expect(await connector.fateOf(work, intent)).toEqual(ASKED);
      expect(await connector.fateOf(work, restored(intent, what))).toEqual({ kind: 'did-not', sure: 'read' });
      await bench.db.query('UPDATE tasks SET owner_id = 2');
      expect(await connector.fateOf(work, restored(intent, what))).toEqual(READ);
    },
  );

  test('each key is looked for with its own successor, and exceptions are not looked for', async () => {
    await tasks(5);
    const takers = { takers: [BOB, CAROL, null], assignment: sharesOf([0, 1, 2, 0, 1]) };
    const work = await batchOf(connector, alice, 'tasks', takers);
    await bench.db.query('UPDATE tasks SET owner_id = 3 WHERE id = 4');
    const intent = forgotten(await intended(work, 'commit'));
    expect(intent.effect).toMatchObject({ changed: 4, exceptions: [{ key: '4' }] });
    expect(await connector.fateOf(work, intent)).toEqual(READ);
    // The same people have them, each the wrong ones.
    await bench.db.query(
      'UPDATE tasks SET owner_id = CASE WHEN owner_id = 2 THEN 3 ELSE 2 END WHERE id <> 4',
    );
    expect(await connector.fateOf(work, intent)).toEqual({ kind: 'did-not', sure: 'read' });
  });

  test('rows on both sides tell nothing: a transaction happens as a whole', async () => {
    await tasks(4);
    const work = await batchOf(connector, alice, 'tasks');
    const intent = forgotten(await intended(work, 'rollback'));
    await bench.db.query('UPDATE tasks SET owner_id = 2 WHERE id <= 2');
    expect(await connector.fateOf(work, intent)).toEqual({
      kind: 'unknown',
      why: 'crm cannot say what became of transaction 99999999999 (it has not given out such an id yet), and its rows do not tell either.',
    });
  });

  test('nor do they where the owner is part of the key, where nothing was changed, or where the mark is not ours', async () => {
    await bench.db.query(`INSERT INTO seats VALUES ('a', 1)`);
    const seats = await batchOf(connector, alice, 'seats');
    expect(await connector.fateOf(seats, forgotten(await intended(seats, 'commit')))).toMatchObject({
      kind: 'unknown',
    });
    await tasks(1);
    const work = await batchOf(connector, alice, 'tasks');
    await bench.db.query('DELETE FROM tasks');
    const nothing = await intended(work, 'commit');
    expect(await connector.fateOf(work, { ...nothing, mark: 'nonsense' })).toMatchObject({
      kind: 'unknown',
      why: expect.stringContaining('it gave out no such thing as "nonsense"'),
    });
  });

  test('what was to be removed and is no longer the leaver’s is taken for removed', async () => {
    await tasks(2);
    const work: Batch = await batchOf(connector, alice, 'groups', { do: 'remove', takers: [] });
    const intent = forgotten(await intended(work, 'rollback'));
    expect(await connector.fateOf(work, intent)).toEqual({ kind: 'did-not', sure: 'read' });
    await bench.db.query('DELETE FROM tasks WHERE id = 1');
    expect(await connector.fateOf(work, intent)).toMatchObject({ kind: 'unknown' });
    await bench.db.query('DELETE FROM tasks');
    expect(await connector.fateOf(work, intent)).toEqual(READ);
  });

  test('what was to be revoked and stays with the leaver is told by whether it still counts', async () => {
    await bench.db.query('INSERT INTO tokens VALUES (1, 1), (2, 1)');
    const work: Batch = await batchOf(connector, alice, 'tokens', { do: 'revoke', takers: [] });
    const intent = forgotten(await intended(work, 'rollback'));
    expect(await connector.fateOf(work, intent)).toEqual({ kind: 'did-not', sure: 'read' });
    await bench.db.query('UPDATE tokens SET revoked = true');
    expect(await connector.fateOf(work, intent)).toEqual(READ);
  });

  test('an account is as a change of access would have left it, or not, or gone', async () => {
    const work = access('block', CAROL);
    const intent = forgotten(await intended(work, 'commit'));
    expect(await connector.fateOf(work, intent)).toEqual(READ);
    await bench.db.query('UPDATE users SET status = 1');
    expect(await connector.fateOf(work, intent)).toEqual({ kind: 'did-not', sure: 'read' });
    expect(await connector.fateOf(access('block', '77'), intent)).toMatchObject({ kind: 'unknown' });
  });
});

/**
 * A proxy that, once armed, forwards the next COMMIT to the server and cuts the line before its answer comes
 * back.
 */
async function cutAfterCommit(
  url: string,
): Promise<{ port: number; arm(): void; fired(): boolean; close(): void }> {
  const { hostname, port } = new URL(url);
  let armed = false;
  let fired = false;
  const server = net.createServer(client => {
    const upstream = net.connect(Number(port), hostname);
    let cutting = false;
    client.on('data', data => {
      if (armed && data.includes('COMMIT')) {
        cutting = true;
        fired = true;
      }
      upstream.write(data);
    });
    upstream.on('data', data => {
      if (cutting) client.destroy();
      else client.write(data);
    });
    for (const [a, b] of [
      [client, upstream],
      [upstream, client],
    ] as const)
      a.on('error', () => b.destroy()).on('close', () => b.end());
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const address = server.address() as net.AddressInfo;
  return {
    port: address.port,
    arm: () => {
      armed = true;
    },
    fired: () => fired,
    close: () => void server.close(),
  };
}
