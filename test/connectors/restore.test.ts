/** What was handed over comes back as it was, and what somebody has changed since stays as they left it. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { sharesOf } from '../../connectors/keys.js';
import type { AccessChange, Batch, Done, Work } from '../../domain/effect.js';
import {
  ALICE,
  access,
  account,
  type Bench,
  BOB,
  batchOf,
  CAROL,
  createBench,
  PEOPLE_YAML,
  type WholeConnector,
  witness,
} from './fixture.js';

const YAML = `${PEOPLE_YAML}
guards: { last_owner: users.admin }
categories:
  tasks:
    title: Open tasks
    do: transfer
    table: public.tasks
    key: [id]
    owner: { column: owner_id }
    when: tasks.status <> 'done'
    version: version
    unassigned: true
    mirrors:
      - { table: public.task_owners, owner: user_id, join: { task_id: id } }
  seats: { title: Seats, do: transfer, table: public.seats, key: [room, user_id], owner: { column: user_id } }
  memberships: { title: Memberships, do: transfer, table: public.members, key: [id], owner: { column: user_id }, unique: [project] }
  groups: { title: Groups, do: remove, table: public.members, key: [id], owner: { column: user_id } }
  keys: { title: SSH keys, do: remove, table: public.keys, key: [id], owner: { column: owner_id }, secret: [secret] }
  tokens: { title: Tokens, do: revoke, table: public.keys, key: [id], owner: { column: owner_id }, when: keys.revoked_at is null, set: { revoked_at: $now, note: gone } }
  wiped: { title: Wiped, do: revoke, table: public.keys, key: [id], owner: { column: owner_id }, when: keys.secret is not null, set: { secret: $null }, secret: [secret] }
  reviewers: { title: Default reviewer, do: clear, table: public.projects, key: [code], owner: { column: reviewer_id } }
block: { set: { status: 2, changed_at: $now }, verify: users.status = 2 }
unblock: { set: { status: 1 }, verify: users.status = 1 }
deactivate:
  set: { status: 3 }
  verify: users.status = 3
  also_delete: [{ table: public.sessions, column: user_id }]
`;

const SQL = `
  ALTER TABLE users ADD COLUMN changed_at timestamptz;
  CREATE TABLE sessions (token text, user_id bigint);
  CREATE TABLE tasks (id bigint PRIMARY KEY, owner_id bigint, status text NOT NULL DEFAULT 'open', version int NOT NULL DEFAULT 7,
                      CHECK (owner_id <> 1 OR status <> 'cursed'));
  CREATE TABLE task_owners (task_id bigint, user_id bigint);
  CREATE TABLE seats (room text, user_id bigint, PRIMARY KEY (room, user_id));
  CREATE TABLE members (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id bigint NOT NULL, project text NOT NULL, role text,
                        since timestamptz DEFAULT '2020-02-02T02:02:02.020202Z', big bigint DEFAULT 9007199254740993,
                        twice bigint GENERATED ALWAYS AS (big * 2) STORED, UNIQUE (user_id, project));
  CREATE TABLE keys (id int PRIMARY KEY, owner_id bigint, secret text, note text, revoked_at timestamptz);
  CREATE TABLE projects (code text PRIMARY KEY, reviewer_id bigint)`;

let bench: Bench;
let connector: WholeConnector;
const alice = account(ALICE);

beforeAll(async () => {
  bench = await createBench('restore', SQL);
  connector = bench.connector(YAML);
  expect(await connector.check()).toEqual([]);
});
afterAll(() => bench?.drop());
beforeEach(() =>
  bench.db.query(
    `TRUNCATE tasks, task_owners, seats, members, keys, projects, sessions; UPDATE users SET status = 1, changed_at = NULL`,
  ),
);

/** Does the work, lets others do something, and gives it back. */
async function thereAndBack(work: Work, meanwhile = ''): Promise<{ done: Done; back: Done }> {
  const done = await connector.apply(work, witness());
  if (meanwhile) await bench.db.query(meanwhile);
  return { done, back: await connector.restore({ work, ...done }, witness()) };
}

async function all(table: string): Promise<unknown[]> {
  return (
    await bench.db.query(`SELECT to_jsonb(t) - 'version' AS row FROM ${table} AS t ORDER BY t`)
  ).rows.map(row => row.row);
}

async function everything(category: string, rest: Partial<Batch> = {}): Promise<Batch> {
  return batchOf(connector, alice, category, rest);
}

const exceptions = (done: Done): string[] =>
  done.effect.exceptions.map(one => `${one.key} ${one.kind}: ${one.why}`);

describe('what was transferred', () => {
  const tasks = (n: number) =>
    bench.db.query(`INSERT INTO tasks SELECT n, 1 FROM generate_series(1, ${n}) AS n;
                    INSERT INTO task_owners SELECT n, 1 FROM generate_series(1, ${n}) AS n`);

  test('goes back to who had it, item by item, with its mirrors, and once', async () => {
    await tasks(6);
    const before = [await all('tasks'), await all('task_owners')];
    const work = await everything('tasks', {
      takers: [BOB, CAROL, null],
      assignment: sharesOf([0, 1, 2, 0, 1, 2]),
    });
    const { done, back } = await thereAndBack(work);
    expect(done.effect.perTaker).toEqual([2, 2, 2]);
    expect(back).toMatchObject({
      took: 6,
      sure: 'asked',
      owners: { values: [BOB, CAROL, null] },
      effect: { changed: 6, exceptions: [] },
    });
    expect([await all('tasks'), await all('task_owners')]).toEqual(before);
    expect((await bench.db.query('SELECT DISTINCT version FROM tasks')).rows).toEqual([{ version: 9 }]);
    const again = await connector.restore({ work, ...done }, witness());
    expect(again.effect).toMatchObject({ changed: 0 });
    expect(new Set(again.effect.exceptions.map(one => one.kind))).toEqual(new Set(['taken']));
  });

  test('is left alone where somebody else has it, and where it is gone, and named; what was closed since goes back', async () => {
    await tasks(4);
    const meanwhile = `UPDATE tasks SET owner_id = 3 WHERE id = 1; DELETE FROM tasks WHERE id = 2; UPDATE tasks SET status = 'done' WHERE id = 3`;
    const { back } = await thereAndBack(await everything('tasks'), meanwhile);
    expect(back.effect.changed).toBe(2);
    expect(exceptions(back)).toEqual([
      '1 taken: it is no longer as it was left: somebody has changed it since',
      '2 gone: it no longer exists',
    ]);
    expect((await bench.db.query('SELECT id::int, owner_id::int FROM tasks ORDER BY id')).rows).toEqual([
      { id: 1, owner_id: 3 },
      { id: 3, owner_id: 1 },
      { id: 4, owner_id: 1 },
    ]);
  });

  test('that the batch had not moved is never touched', async () => {
    await tasks(3);
    const work = await everything('tasks');
    await bench.db.query('UPDATE tasks SET owner_id = 2 WHERE id = 2');
    const { done, back } = await thereAndBack(work);
    expect(done.effect).toMatchObject({ changed: 2, exceptions: [{ key: '2', kind: 'taken' }] });
    expect(back.effect).toMatchObject({ changed: 2, exceptions: [] });
    expect(
      (await bench.db.query('SELECT owner_id::int AS o FROM tasks ORDER BY id')).rows.map(row => row.o),
    ).toEqual([1, 2, 1]);
  });

  test('and is refused by the database for one item: that one is named, the others go back', async () => {
    await tasks(5);
    const { back } = await thereAndBack(
      await everything('tasks'),
      `UPDATE tasks SET status = 'cursed' WHERE id = 4`,
    );
    expect(back.effect.changed).toBe(4);
    expect(exceptions(back)).toEqual([expect.stringMatching(/^4 failed: the database refused it \(23514/)]);
  });

  test('goes back where the owner is part of the key', async () => {
    await bench.db.query(`INSERT INTO seats VALUES ('a', 1), ('b', 1), ('c', 1)`);
    const before = await all('seats');
    const { back } = await thereAndBack(await everything('seats'));
    expect(back.effect).toMatchObject({ changed: 3, exceptions: [] });
    expect(await all('seats')).toEqual(before);
  });

  test('a membership that the successor had already is made again beside theirs', async () => {
    await bench.db.query(
      `INSERT INTO members (user_id, project, role) VALUES (1, 'x', 'lead'), (1, 'y', NULL), (1, 'z', 'guest'), (2, 'x', 'guest'), (2, 'z', NULL)`,
    );
    const before = await all('members');
    const meanwhile = `INSERT INTO members (user_id, project, role) VALUES (1, 'z', 'newly invited')`;
    const { done, back } = await thereAndBack(await everything('memberships'), meanwhile);
    expect(done.effect).toMatchObject({ changed: 3, merged: 2 });
    expect(back.effect.changed).toBe(2);
    expect(exceptions(back)).toEqual([
      expect.stringMatching(/^\d+ taken: something else stands in its place now$/),
    ]);
    const now = await all('members');
    expect(now).toEqual(
      expect.arrayContaining(
        before.filter(
          row => (row as { role: string }).role !== 'guest' || (row as { project: string }).project !== 'z',
        ),
      ),
    );
    expect(now).toHaveLength(before.length);
  });
});

describe('what was removed, revoked or cleared', () => {
  test('rows are made again to the last digit, generated columns and keys with them', async () => {
    await bench.db.query(
      `INSERT INTO members (user_id, project, role) VALUES (1, 'x', 'lead'), (1, 'y', NULL)`,
    );
    const before = await all('members');
    const { back } = await thereAndBack(await everything('groups', { do: 'remove', takers: [] }));
    expect(back.effect).toMatchObject({ changed: 2, exceptions: [] });
    expect(await all('members')).toEqual(before);
  });

  test('a row with secret columns cannot be made again, nor good where one was overwritten, and says so', async () => {
    await bench.db.query(`INSERT INTO keys VALUES (1, 1, 'rsa'), (2, 1, 'dsa')`);
    const removed = await thereAndBack(await everything('keys', { do: 'remove', takers: [] }));
    expect(removed.back.effect.changed).toBe(0);
    const why =
      'the row was deleted, and its secret columns (secret) were never kept: it cannot be made again';
    expect(exceptions(removed.back)).toEqual([`1 failed: ${why}`, `2 failed: ${why}`]);
    await bench.db.query(`INSERT INTO keys VALUES (3, 1, 'rsa')`);
    const wiped = await thereAndBack(await everything('wiped', { do: 'revoke', takers: [] }));
    expect(exceptions(wiped.back)).toEqual([
      expect.stringMatching(/^3 failed: its secret columns \(secret\) were overwritten/),
    ]);
  });

  test('columns that were set are set back, but where somebody has set them again', async () => {
    await bench.db.query(`INSERT INTO keys VALUES (1, 1, 's', 'mine'), (2, 1, 's', NULL), (3, 1, 's', NULL)`);
    const meanwhile = `UPDATE keys SET revoked_at = '2030-01-01' WHERE id = 2; UPDATE keys SET note = 'really' WHERE id = 3`;
    const { back } = await thereAndBack(await everything('tokens', { do: 'revoke', takers: [] }), meanwhile);
    expect(back.effect.changed).toBe(1);
    expect(back.effect.exceptions.map(one => `${one.key} ${one.kind}`)).toEqual(['2 taken', '3 taken']);
    expect((await all('keys'))[0]).toEqual({
      id: 1,
      owner_id: 1,
      secret: 's',
      note: 'mine',
      revoked_at: null,
    });
  });

  test('a cleared reference names the leaver again, unless somebody was put there', async () => {
    await bench.db.query(`INSERT INTO projects VALUES ('a', 1), ('b', 1), ('c', 1)`);
    const work = await everything('reviewers', { do: 'clear', takers: [] });
    const { back } = await thereAndBack(work, `UPDATE projects SET reviewer_id = 3 WHERE code = 'b'`);
    expect(back.effect.exceptions.map(one => `${one.key} ${one.kind}`)).toEqual(['b taken']);
    expect(await all('projects')).toEqual([
      { code: 'a', reviewer_id: 1 },
      { code: 'b', reviewer_id: 3 },
      { code: 'c', reviewer_id: 1 },
    ]);
  });

  test('an image that was purged is an item that cannot be given back', async () => {
    await bench.db.query(`INSERT INTO projects VALUES ('a', 1)`);
    const work = await everything('reviewers', { do: 'clear', takers: [] });
    const done = await connector.apply(work, witness());
    const back = await connector.restore({ work, ...done, before: [] }, witness());
    expect(exceptions(back)).toEqual(['a failed: nobody kept the row as it was: it may have been purged']);
  });
});

describe('access', () => {
  const person = async () =>
    (await bench.db.query('SELECT status, changed_at FROM users WHERE id = 3')).rows[0];
  const block: AccessChange = access('block', CAROL);

  test('is as it was before a block or a deactivation; sessions that were ended stay so, and are named', async () => {
    expect((await thereAndBack(block)).back.effect).toMatchObject({ changed: 1, exceptions: [] });
    expect(await person()).toEqual({ status: 1, changed_at: null });
    await bench.db.query(`INSERT INTO sessions VALUES ('t', 3), ('u', 3)`);
    const { back } = await thereAndBack(access('deactivate', CAROL));
    expect(back.effect.changed).toBe(1);
    expect(exceptions(back)).toEqual([
      'public.sessions failed: 2 rows were deleted, and nothing of them was kept: they cannot be made again',
    ]);
    expect(await person()).toMatchObject({ status: 1 });
  });

  test('that somebody else has changed since stays as they left it', async () => {
    const { back } = await thereAndBack(block, `UPDATE users SET status = 3 WHERE id = 3`);
    expect(exceptions(back)).toEqual([
      '3 taken: the account is no longer as it was left: somebody has changed it since',
    ]);
    expect(await person()).toMatchObject({ status: 3 });
    await bench.db.query('UPDATE users SET status = 1');
    // Somebody blocked the account again, later.
    const later = await thereAndBack(
      block,
      `UPDATE users SET changed_at = changed_at + interval '1 hour' WHERE id = 3`,
    );
    expect(later.back.effect).toMatchObject({ changed: 0, exceptions: [{ kind: 'taken' }] });
  });

  test('that we had not changed is not given back', async () => {
    await bench.db.query('UPDATE users SET status = 2 WHERE id = 3');
    const { done, back } = await thereAndBack(block);
    expect([done.effect.changed, back.effect.changed, back.effect.exceptions]).toEqual([0, 0, []]);
    expect(await person()).toMatchObject({ status: 2 });
  });

  test('is not taken from the last owner by giving an unblock back', async () => {
    await bench.db.query('UPDATE users SET status = 2 WHERE id IN (1, 2)');
    const work = access('unblock', ALICE);
    const done = await connector.apply(work, witness());
    await expect(connector.restore({ work, ...done }, witness())).rejects.toThrow(/last active owner/);
  });
});

test('a witness who throws keeps everything as it is', async () => {
  await bench.db.query('INSERT INTO tasks VALUES (1, 1)');
  const work = await everything('tasks');
  const done = await connector.apply(work, witness());
  const boom = new Error('the store is gone');
  const refusing = witness(() => Promise.reject(boom));
  await expect(connector.restore({ work, ...done }, refusing)).rejects.toBe(boom);
  expect((await bench.db.query('SELECT owner_id::int AS o FROM tasks')).rows).toEqual([{ o: 2 }]);
});
