import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { sharesOf } from '../../connectors/keys.js';
import {
  ALICE,
  account,
  type Bench,
  BOB,
  batchOf,
  CAROL,
  changed,
  createBench,
  failureOf,
  PEOPLE_YAML,
  type WholeConnector,
  witness,
} from './fixture.js';

const YAML = `${PEOPLE_YAML}
categories:
  tasks:
    title: Open tasks
    do: transfer
    table: public.tasks
    key: [id]
    owner: { column: owner_id }
    when: tasks.status <> 'done'
    version: version
    touch: { updated_at: $now, note: handed over, flag: true }
    unassigned: true
    queues: { support: 900 }
    mirrors:
      - { table: public.task_owners, owner: user_id, join: { task_id: id } }
  rows:
    title: Records per project
    do: transfer
    table: public.tasks
    key: [id]
    owner: { column: owner_id }
    queues: { support: 900 }
    unassigned: true
    successor_must: exists (select 1 from public.members m where m.user_id = successor."user" and m.project = tasks.project)
    successor_must_says: the successor is no member of the project
  memberships:
    title: Memberships moved where the successor lacks them
    do: transfer
    table: public.members
    key: [id]
    owner: { column: user_id }
    unique: [project]
  groups: { title: Groups, do: remove, table: public.members, key: [id], owner: { column: user_id } }
  tokens:
    title: Tokens
    do: revoke
    table: public.tokens
    key: [id]
    owner: { column: owner_id }
    when: tokens.revoked_at is null
    set: { revoked_at: $now, secret: $null }
    secret: [secret]
  reviewers: { title: Default reviewer, do: clear, table: public.projects, key: [code], owner: { column: reviewer_id } }
  leads: { title: Leads, do: clear, table: public.projects, key: [code], owner: { column: lead_id }, set: { lead_id: 900 } }
  history: { title: History, do: keep, table: public.journal, key: [id], owner: { column: user_id }, reason: audit }
  mails: { title: Mails, do: acknowledge, table: public.journal, key: [id], owner: { column: user_id } }
`;

const SQL = `
  INSERT INTO users (id, name) VALUES (900, 'Support');
  CREATE TABLE tasks (id bigint PRIMARY KEY, owner_id bigint, status text NOT NULL DEFAULT 'open', project text, version int NOT NULL DEFAULT 7,
                      updated_at timestamptz, note text, flag boolean);
  CREATE TABLE task_owners (task_id bigint, user_id bigint);
  CREATE TABLE members (id int PRIMARY KEY, user_id bigint NOT NULL, project text NOT NULL, role text, since timestamptz DEFAULT '2020-02-02T02:02:02Z',
                        big bigint DEFAULT 9007199254740993, UNIQUE (user_id, project));
  CREATE TABLE tokens (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), owner_id bigint, secret text, revoked_at timestamptz);
  CREATE TABLE projects (code text PRIMARY KEY, reviewer_id bigint, lead_id bigint NOT NULL);
  CREATE TABLE journal (id bigint PRIMARY KEY, user_id bigint)`;

let bench: Bench;
let connector: WholeConnector;
const alice = account(ALICE);

beforeAll(async () => {
  bench = await createBench('dispositions', SQL);
  connector = bench.connector(YAML);
});
afterAll(() => bench.drop());
beforeEach(() => bench.db.query('TRUNCATE tasks, task_owners, members, tokens, projects, journal'));

async function column(sql: string): Promise<unknown[]> {
  const { rows } = await bench.db.query({ text: sql, rowMode: 'array' });
  return rows.map(r => r[0]);
}

describe('transfer', () => {
  beforeEach(async () => {
    await bench.db.query(`
      INSERT INTO tasks (id, owner_id, status, project) SELECT g, 1, CASE WHEN g > 8 THEN 'done' ELSE 'open' END, CASE WHEN g % 2 = 0 THEN 'even' ELSE 'odd' END FROM generate_series(1, 10) g;
      INSERT INTO tasks (id, owner_id) VALUES (11, 3);
      INSERT INTO task_owners SELECT g, CASE WHEN g = 5 THEN 3 ELSE 1 END FROM generate_series(1, 10) g`);
  });

  test('every item moves, version and touch columns with it, and nothing else changes', async () => {
    const effect = await changed(connector, await batchOf(connector, alice, 'tasks'));
    expect(effect).toMatchObject({ changed: 8, merged: 0, perTaker: [8], exceptions: [], before: [] });
    expect(effect.mark).toMatch(/^transaction \d+ in \d+\/[0-9A-F]{8}\/\d+\/\d+T\d+$/);
    expect(await column('SELECT owner_id::int FROM tasks ORDER BY id')).toEqual([
      2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 3,
    ]);
    const moved = `SELECT DISTINCT version || ' ' || note || ' ' || flag || ' ' || (updated_at > now() - interval '1 minute') FROM tasks WHERE id <= 8`;
    expect(await column(moved)).toEqual(['8 handed over true true']);
    expect(
      await column(`SELECT DISTINCT version::text || coalesce(note, '') FROM tasks WHERE id > 8`),
    ).toEqual(['7']);
  });

  test('mirrors follow in the same transaction, and one that names somebody else is left alone', async () => {
    await changed(connector, await batchOf(connector, alice, 'tasks'));
    expect(await column('SELECT user_id::int FROM task_owners ORDER BY task_id')).toEqual([
      2, 2, 2, 2, 3, 2, 2, 2, 1, 1,
    ]);
  });

  test('items go to several successors, to a queue and to nobody in one batch, counted per taker', async () => {
    const request = await batchOf(connector, alice, 'tasks', {
      takers: [BOB, CAROL, null, '900'],
      assignment: sharesOf([0, 1, 2, 3, 0, 1, 2, 0]),
    });
    const effect = await changed(connector, request);
    expect(effect).toMatchObject({ changed: 8, perTaker: [3, 2, 2, 1], exceptions: [] });
    expect(await column('SELECT owner_id::int FROM tasks WHERE id <= 8 ORDER BY id')).toEqual([
      2,
      3,
      null,
      900,
      2,
      3,
      null,
      2,
    ]);
    expect(await column('SELECT user_id::int FROM task_owners WHERE task_id <= 8 ORDER BY task_id')).toEqual([
      2,
      3,
      null,
      900,
      3,
      3,
      null,
      2,
    ]);
  });

  test('mirrors, memberships of the same group, and what is overwritten follow every account of the leaver', async () => {
    await bench.db.query(`UPDATE tasks SET owner_id = 3 WHERE id IN (2, 4); UPDATE task_owners SET user_id = 3 WHERE task_id IN (2, 4);
      INSERT INTO members (id, user_id, project) VALUES (1, 1, 'a'), (2, 3, 'a'), (3, 3, 'b'), (4, 2, 'b');
      INSERT INTO tokens (owner_id, secret) VALUES (1, 's'), (3, 's')`);
    const both = [alice, account(CAROL)];
    const move = async (category: string, rest: Parameters<typeof batchOf>[3] = {}) =>
      changed(connector, await batchOf(connector, both, category, rest));
    expect(await move('tasks')).toMatchObject({ changed: 9, perTaker: [9], exceptions: [] });
    expect(await column('SELECT DISTINCT user_id::int FROM task_owners WHERE task_id IN (1, 2, 4)')).toEqual([
      2,
    ]);
    expect(await move('memberships')).toMatchObject({ changed: 3, merged: 2, exceptions: [] });
    expect(await column('SELECT user_id::int FROM members ORDER BY id')).toEqual([2, 2]);
    expect(await move('tokens', { do: 'revoke', takers: [] })).toMatchObject({ changed: 2, exceptions: [] });
    expect(await column('SELECT secret FROM tokens')).toEqual([null, null]);
  });

  test('items that the successor may not own stay where they are, with the reason', async () => {
    await bench.db.query(`INSERT INTO members VALUES (1, 2, 'even'), (2, 3, 'odd')`);
    const effect = await changed(connector, await batchOf(connector, alice, 'rows'));
    expect(effect).toMatchObject({ changed: 5, perTaker: [5] });
    expect(effect.exceptions).toEqual(
      ['1', '3', '5', '7', '9'].map(key => ({
        key,
        kind: 'ineligible',
        why: 'the successor is no member of the project',
      })),
    );
    expect(await column('SELECT id::int FROM tasks WHERE owner_id = 2 ORDER BY id')).toEqual([
      2, 4, 6, 8, 10,
    ]);
  });

  test('each successor of a batch is judged by their own memberships, while queues and nobody are not asked', async () => {
    await bench.db.query(`INSERT INTO members VALUES (1, 2, 'even'), (2, 3, 'odd')`);
    const request = await batchOf(connector, alice, 'rows', {
      takers: [BOB, CAROL, null, '900'],
      assignment: sharesOf([1, 0, 0, 1, 2, 2, 3, 3, 0, 1]),
    });
    const effect = await changed(connector, request);
    expect(effect.perTaker).toEqual([1, 1, 2, 2]);
    expect(effect.exceptions.map(e => `${e.key} ${e.kind}`)).toEqual([
      '3 ineligible',
      '4 ineligible',
      '9 ineligible',
      '10 ineligible',
    ]);
  });

  test('ineligible items are counted before anything is planned', async () => {
    await bench.db.query(`INSERT INTO members VALUES (1, 2, 'even')`);
    expect(await connector.ineligible([alice], 'rows', account(BOB))).toEqual({
      count: 5,
      sample: ['1', '3', '5', '7', '9'],
      why: 'the successor is no member of the project',
    });
    expect(await connector.ineligible([alice], 'tasks', account(BOB))).toEqual({
      count: 0,
      sample: [],
      why: null,
    });
    const nobody = { ...account(BOB), identities: {} };
    expect(await connector.ineligible([alice], 'tasks', nobody)).toMatchObject({
      count: 8,
      why: 'the successor has no identity user in crm',
    });
  });

  test('the leaver as their own successor, no successor, and nobody where that is not allowed are refused before any SQL', async () => {
    const request = await batchOf(connector, alice, 'tasks');
    const refused = (takers: (string | null)[], category = 'tasks') =>
      failureOf(connector.apply({ ...request, takers, category }, witness()));
    expect(await refused([ALICE])).toEqual({
      kind: 'rejected',
      message: 'crm: tasks: the successor is the leaver',
    });
    expect(await refused([])).toEqual({
      kind: 'rejected',
      message: 'crm: tasks: a transfer needs at least one successor',
    });
    expect(await refused([null], 'memberships')).toEqual({
      kind: 'rejected',
      message:
        'crm: memberships: items may not be left without an owner (unassigned is not true in the catalog)',
    });
    const without = { ...request, accounts: [{ ...alice, identities: {} }] };
    expect(await failureOf(connector.apply(without, witness()))).toMatchObject({ kind: 'rejected' });
  });
});

describe('unique memberships', () => {
  test('where the successor is a member already, ours is removed, counted as merged and kept as a before-image', async () => {
    await bench.db.query(
      `INSERT INTO members VALUES (1, 1, 'a', 'lead'), (2, 1, 'b', NULL), (3, 1, 'c', NULL), (4, 2, 'a', 'guest'), (5, 3, 'b', NULL)`,
    );
    const effect = await changed(connector, await batchOf(connector, alice, 'memberships'));
    expect(effect).toMatchObject({ changed: 3, merged: 1, perTaker: [3], exceptions: [] });
    expect(effect.before).toEqual([
      {
        table: 'public.members',
        key: '1',
        row: {
          id: '1',
          user_id: '1',
          project: 'a',
          role: 'lead',
          since: '2020-02-02 02:02:02+00',
          big: '9007199254740993',
        },
      },
    ]);
    expect(await column(`SELECT user_id || project || coalesce(role, '') FROM members ORDER BY id`)).toEqual([
      '2b',
      '2c',
      '2aguest',
      '3b',
    ]);
  });

  test('with several successors each is asked for their own memberships', async () => {
    await bench.db.query(
      `INSERT INTO members VALUES (1, 1, 'a'), (2, 1, 'b'), (3, 1, 'c'), (4, 2, 'a'), (5, 3, 'b')`,
    );
    const effect = await changed(
      connector,
      await batchOf(connector, alice, 'memberships', {
        takers: [BOB, CAROL],
        assignment: sharesOf([1, 1, 0]),
      }),
    );
    expect(effect).toMatchObject({ changed: 3, merged: 1, perTaker: [1, 2] });
    expect(await column('SELECT user_id || project FROM members ORDER BY id')).toEqual([
      '3a',
      '2c',
      '2a',
      '3b',
    ]);
  });
});

describe('unique memberships under a partial index', () => {
  test('a membership that the successor once had and that no longer counts is not in the way', async () => {
    await bench.db.query(`
      CREATE TABLE IF NOT EXISTS seats (id int PRIMARY KEY, user_id bigint, room text, left_at timestamptz);
      CREATE UNIQUE INDEX IF NOT EXISTS seats_now ON seats (user_id, room) WHERE left_at IS NULL;
      INSERT INTO seats VALUES (1, 1, 'a', NULL), (2, 1, 'b', NULL), (3, 2, 'a', now()), (4, 2, 'b', NULL)`);
    const seats = bench.connector(`${PEOPLE_YAML}
categories:
  seats: { title: Seats, do: transfer, table: public.seats, key: [id], owner: { column: user_id }, when: seats.left_at is null, unique: [room] }
`);
    expect(await seats.check()).toEqual([]);
    expect(await changed(seats, await batchOf(seats, alice, 'seats'))).toMatchObject({
      changed: 2,
      merged: 1,
      before: [{ key: '2' }],
    });
    expect(await column('SELECT user_id || room FROM seats ORDER BY id')).toEqual(['2a', '2a', '2b']);
  });
});

describe('remove, revoke and clear', () => {
  test('removed rows are gone and their before-images hold every column as text', async () => {
    await bench.db.query(
      `INSERT INTO members VALUES (1, 1, 'a', 'lead'), (2, 1, 'b', NULL), (4, 2, 'a', NULL)`,
    );
    const effect = await changed(
      connector,
      await batchOf(connector, alice, 'groups', { do: 'remove', takers: [] }),
    );
    expect(effect).toMatchObject({ changed: 2, merged: 0, perTaker: [], exceptions: [] });
    expect(effect.before).toContainEqual({
      table: 'public.members',
      key: '2',
      row: {
        id: '2',
        user_id: '1',
        project: 'b',
        role: null,
        since: '2020-02-02 02:02:02+00',
        big: '9007199254740993',
      },
    });
    expect(await column('SELECT id FROM members')).toEqual([4]);
  });

  test('revoked tokens are set, not deleted, and the secret never leaves the database', async () => {
    await bench.db.query(
      `INSERT INTO tokens (owner_id, secret, revoked_at) VALUES (1, 'canary', NULL), (1, 'canary', now()), (2, 'canary', NULL)`,
    );
    const effect = await changed(
      connector,
      await batchOf(connector, alice, 'tokens', { do: 'revoke', takers: [] }),
    );
    expect(effect).toMatchObject({ changed: 1, exceptions: [] });
    expect(JSON.stringify(effect)).not.toContain('canary');
    expect(effect.before).toMatchObject([{ row: { owner_id: '1', revoked_at: null } }]);
    expect(await column('SELECT count(*)::int FROM tokens WHERE revoked_at IS NOT NULL')).toEqual([2]);
    expect(await column('SELECT count(*)::int FROM tokens WHERE secret IS NULL')).toEqual([1]);
    expect((await connector.inventory([alice], ['tokens']))[0]).toMatchObject({ count: 0, complete: true });
  });

  test('a cleared reference becomes NULL, or what the catalog sets instead, with the row as it was', async () => {
    await bench.db.query(`INSERT INTO projects VALUES ('x', 1, 1), ('y', 1, 2), ('z', 3, 1)`);
    const cleared = await changed(
      connector,
      await batchOf(connector, alice, 'reviewers', { do: 'clear', takers: [] }),
    );
    expect(cleared).toMatchObject({ changed: 2, exceptions: [] });
    expect(cleared.before).toContainEqual({
      table: 'public.projects',
      key: 'y',
      row: { code: 'y', reviewer_id: '1', lead_id: '2' },
    });
    const replaced = await changed(
      connector,
      await batchOf(connector, alice, 'leads', { do: 'clear', takers: [] }),
    );
    expect(replaced).toMatchObject({ changed: 2 });
    expect(
      await column(`SELECT code || coalesce(reviewer_id, 0) || lead_id FROM projects ORDER BY code`),
    ).toEqual(['x0900', 'y02', 'z3900']);
  });

  test('a second attempt at any of them changes nothing and says what became of each item', async () => {
    await bench.db.query(
      `INSERT INTO members VALUES (1, 1, 'a'); INSERT INTO tokens (owner_id) VALUES (1); INSERT INTO projects VALUES ('x', 1, 1)`,
    );
    const again = async (category: string, disposition: 'remove' | 'revoke' | 'clear') => {
      const request = await batchOf(connector, alice, category, { do: disposition, takers: [] });
      await changed(connector, request);
      const second = await changed(connector, request);
      return [second.changed, second.before, second.exceptions.map(e => e.kind)];
    };
    expect(await again('groups', 'remove')).toEqual([0, [], ['gone']]);
    expect(await again('tokens', 'revoke')).toEqual([0, [], ['gone']]);
    expect(await again('reviewers', 'clear')).toEqual([0, [], ['gone']]);
  });
});

describe('keep and acknowledge', () => {
  test('they are counted and listed like any other category', async () => {
    await bench.db.query('INSERT INTO journal SELECT g, 1 FROM generate_series(1, 3) g');
    const [kept, seen] = await connector.inventory([alice], ['history', 'mails']);
    expect(kept).toMatchObject({ count: 3, complete: true });
    expect(seen!.fingerprint).toBe(kept!.fingerprint);
  });
});
