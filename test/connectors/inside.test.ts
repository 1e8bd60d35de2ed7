/**
 * Owners inside arrays, JSON documents and texts: found, counted and shown wherever they stand, handed over
 * compare-and-set with everybody else left as they are, and given back.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { listOf, sharesOf } from '../../connectors/keys.js';
import type { Batch } from '../../domain/effect.js';
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
  PEOPLE_YAML,
  type WholeConnector,
  witness,
} from './fixture.js';

const YAML = `${PEOPLE_YAML}
identities:
  email: { column: email }
categories:
  tasks:
    title: Shared tasks
    do: transfer
    table: work.tasks
    key: [id]
    owner: { column: assignees, inside: array }
    when: tasks.open
    version: version
    unassigned: true
    successor_must: not successor."user" = any (tasks.banned)
  watchers: { title: Watchers, do: clear, table: work.tasks, key: [id], owner: { column: assignees, inside: array }, version: version }
  mails: { title: Mail lists, do: transfer, table: work.lists, key: [code, lang], owner: { column: members, identity: email, inside: array } }
  boards: { title: Boards, do: transfer, table: work.boards, key: [id], owner: { column: doc, inside: { json: '$.team[*].id' } }, unassigned: true }
  leads: { title: Leads, do: transfer, table: work.boards, key: [id], owner: { column: doc, inside: { json: '$.lead' } }, unassigned: true }
  approvers: { title: Approvers, do: transfer, table: work.boards, key: [id], owner: { column: doc, identity: email, inside: { json: '$.stages[*].approver' } } }
  reviewers: { title: Reviewers, do: clear, table: work.boards, key: [id], owner: { column: plain, identity: email, inside: { json: '$.stages[*]["the reviewers"][*]' } } }
  mentions: { title: Mentions, do: acknowledge, table: work.posts, key: [id], label: body, owner: { column: body, inside: { text: '@user:{id}' } } }
  bare: { title: Ids in texts, do: acknowledge, table: work.posts, key: [id], owner: { column: body, identity: email, inside: { text: '{id}' } } }
`;

const SQL = `
  CREATE SCHEMA work;
  CREATE TABLE work.tasks (id int PRIMARY KEY, assignees bigint[], open boolean DEFAULT true, banned bigint[] DEFAULT '{}', version int DEFAULT 1,
                           CHECK (NOT (id = 666 AND 2 = ANY (assignees))));
  CREATE TABLE work.lists (code text, lang text, members text[], PRIMARY KEY (code, lang));
  CREATE TABLE work.boards (id int PRIMARY KEY, doc jsonb, plain json);
  CREATE TABLE work.posts (id int PRIMARY KEY, body text)`;

let bench: Bench;
let connector: WholeConnector;
const alice = account(ALICE, { email: ['alice.old@example.com', 'alice@example.com'] });

beforeAll(async () => {
  bench = await createBench('inside', SQL);
  connector = bench.connector(YAML);
  expect(await connector.check()).toEqual([]);
});
afterAll(() => bench?.drop());
beforeEach(() => bench.db.query('TRUNCATE work.tasks, work.lists, work.boards, work.posts'));

const rows = async (sql: string): Promise<unknown[][]> =>
  (await bench.db.query({ text: sql, rowMode: 'array' })).rows;
const everything = (category: string, rest: Partial<Batch> = {}): Promise<Batch> =>
  batchOf(connector, alice, category, rest);
const TASKS = 'SELECT id, assignees::text FROM work.tasks ORDER BY 1';

describe('owners in an array', () => {
  beforeEach(() =>
    bench.db.query(`INSERT INTO work.tasks (id, assignees, open) VALUES
      (1, '{3,1,4}', true), (2, '{1}', true), (3, '{2,1}', true), (4, '{1,9,1,2}', true), (5, '{3,11}', true), (6, NULL, true), (7, '{}', true), (8, '{1}', false)`),
  );

  test('are counted and named by their row, and each is replaced in its place, once', async () => {
    expect((await connector.inventory([alice], ['tasks']))[0]).toMatchObject({ count: 4, complete: true });
    const effect = await changed(connector, await everything('tasks'));
    expect(effect).toMatchObject({ changed: 4, merged: 2, exceptions: [] });
    expect(await rows(TASKS)).toEqual([
      [1, '{3,2,4}'],
      [2, '{2}'],
      [3, '{2}'],
      [4, '{9,2}'],
      [5, '{3,11}'],
      [6, null],
      [7, '{}'],
      [8, '{1}'],
    ]);
    expect(await rows('SELECT DISTINCT version FROM work.tasks WHERE id < 5')).toEqual([[2]]);
    expect(effect.before).toContainEqual({
      table: 'work.tasks',
      key: '1',
      row: { assignees: '{3,1,4}' },
      wrote: { assignees: '{3,2,4}' },
    });
    expect((await connector.inventory([alice], ['tasks']))[0]).toMatchObject({ count: 0 });
  });

  test('go to several successors and to nobody, item by item, and come back as they were', async () => {
    const before = await rows(TASKS);
    const work = await everything('tasks', {
      takers: [BOB, CAROL, null],
      assignment: sharesOf([1, 2, 0, 2]),
    });
    const done = await connector.apply(work, witness());
    expect(done.effect).toMatchObject({ changed: 4, merged: 2, perTaker: [1, 1, 2], exceptions: [] });
    expect((await rows(TASKS)).slice(0, 4)).toEqual([
      [1, '{3,4}'],
      [2, '{}'],
      [3, '{2}'],
      [4, '{9,2}'],
    ]);
    const back = await connector.restore({ work, ...done }, witness());
    expect(back.effect).toMatchObject({ changed: 4, exceptions: [] });
    expect(await rows(TASKS)).toEqual(before);
  });

  test('that are not the leaver any more, or not allowed, or refused, are left alone and named', async () => {
    await bench.db.query(`INSERT INTO work.tasks (id, assignees) VALUES (666, '{1}')`);
    const work = await everything('tasks');
    await bench.db.query(`
      UPDATE work.tasks SET assignees = '{3}' WHERE id = 1; DELETE FROM work.tasks WHERE id = 2;
      UPDATE work.tasks SET banned = '{2}' WHERE id = 3`);
    const effect = await changed(connector, work);
    expect(effect.changed).toBe(1);
    expect(effect.exceptions.map(({ key, kind }) => `${key} ${kind}`).sort()).toEqual([
      '1 taken',
      '2 gone',
      '3 ineligible',
      '666 failed',
    ]);
  });

  test('that somebody has changed since are not given back', async () => {
    const work = await everything('tasks');
    const done = await connector.apply(work, witness());
    await bench.db.query(`UPDATE work.tasks SET assignees = assignees || 7 WHERE id = 1`);
    const back = await connector.restore({ work, ...done }, witness());
    expect(back.effect).toMatchObject({ changed: 3, exceptions: [{ key: '1', kind: 'taken' }] });
    expect((await rows(TASKS))[0]).toEqual([1, '{3,2,4,7}']);
  });

  test('can be taken out, everybody else staying', async () => {
    expect(await changed(connector, await everything('watchers', { do: 'clear' }))).toMatchObject({
      changed: 5,
    });
    expect(await rows(TASKS)).toEqual([
      [1, '{3,4}'],
      [2, '{}'],
      [3, '{2}'],
      [4, '{9,2}'],
      [5, '{3,11}'],
      [6, null],
      [7, '{}'],
      [8, '{}'],
    ]);
  });

  test('are found under every value and every way to write it, and shared out by load', async () => {
    await bench.db.query(`INSERT INTO work.lists VALUES
      ('a', 'en', '{ALICE@example.com, dan@example.com,alice.old@example.com}'), ('b', 'en', '{bob@example.com, " Alice@Example.com"}'), ('c', 'en', '{malice@example.com}')`);
    const effect = await changed(connector, await everything('mails', { takers: ['Bob@example.com'] }));
    expect(effect).toMatchObject({ changed: 2, merged: 1, exceptions: [] });
    expect(await rows('SELECT members FROM work.lists ORDER BY code')).toEqual([
      [['Bob@example.com', 'dan@example.com']],
      [['bob@example.com']],
      [['malice@example.com']],
    ]);
    expect(await connector.load('mails', ['BOB@example.com', 'nobody@example.com'])).toEqual([2, 0]);
    expect(await connector.load('tasks', [ALICE, BOB, '9'])).toEqual([4, 2, 1]);
  });
});

describe('owners in a document', () => {
  const DOC = (team: unknown, lead?: unknown) =>
    JSON.stringify({ name: 'x', team, ...(lead !== undefined && { lead }) });
  const docs = async () => (await rows('SELECT doc FROM work.boards ORDER BY id')).map(([doc]) => doc);

  test('are replaced where the path says and nowhere else; numbers stay numbers', async () => {
    await bench.db.query(
      'INSERT INTO work.boards (id, doc) VALUES (1, $1), (2, $2), (3, $3), (4, $4), (5, NULL), (6, $5)',
      [
        DOC([{ id: 1, role: 'a' }, { id: '1', role: 'b' }, { id: 3 }], 1),
        DOC([{ id: 2, role: 'a' }, { id: 1, role: 'b' }, 7, null]),
        DOC({ id: 1 }, '1'),
        DOC([{ id: 10 }, { id: { id: 1 } }]),
        DOC([[{ id: 1 }]]),
      ],
    );
    const before = await docs();
    const work = await everything('boards');
    expect(listOf(work.keys)).toEqual(['1', '2']);
    const done = await connector.apply(work, witness());
    expect(done.effect).toMatchObject({ changed: 2, merged: 1, exceptions: [] });
    expect(await docs()).toEqual([
      { name: 'x', team: [{ id: 2, role: 'a' }, { id: 3 }], lead: 1 },
      { name: 'x', team: [{ id: 2, role: 'a' }, 7, null] },
      ...before.slice(2),
    ]);
    const leads = await everything('leads', { takers: [CAROL] });
    await connector.apply(leads, witness());
    expect((await docs()).map(doc => (doc as { lead?: unknown })?.lead)).toEqual([
      3,
      undefined,
      '3',
      undefined,
      undefined,
      undefined,
    ]);
    await connector.restore({ work: leads, ...(await connector.apply(leads, witness())) }, witness());
    const back = await connector.restore({ work, ...done }, witness());
    expect(back.effect).toMatchObject({ changed: 1, exceptions: [{ key: '1', kind: 'taken' }] });
  });

  test('that are texts go to one successor, and come back', async () => {
    const doc = {
      stages: [{ approver: 'Alice@example.com' }, { approver: 'carol@example.com' }, { approver: 4 }],
    };
    await bench.db.query('INSERT INTO work.boards (id, doc) VALUES (1, $1)', [JSON.stringify(doc)]);
    const work = await everything('approvers', { takers: ['bob@example.com'] });
    const done = await connector.apply(work, witness());
    expect(done.effect).toMatchObject({ changed: 1, exceptions: [] });
    expect(await docs()).toEqual([
      { stages: [{ approver: 'bob@example.com' }, { approver: 'carol@example.com' }, { approver: 4 }] },
    ]);
    expect((await connector.restore({ work, ...done }, witness())).effect).toMatchObject({ changed: 1 });
    expect(await docs()).toEqual([doc]);
  });

  test('of type json, behind lists in lists, are taken out', async () => {
    const plain = {
      stages: [
        { 'the reviewers': ['Alice@example.com', 'bob@example.com'] },
        { 'the reviewers': 'alice@example.com' },
        { 'the reviewers': [] },
      ],
    };
    await bench.db.query('INSERT INTO work.boards (id, plain) VALUES (1, $1)', [JSON.stringify(plain)]);
    const work = await everything('reviewers', { do: 'clear' });
    const done = await connector.apply(work, witness());
    expect(done.effect).toMatchObject({ changed: 1, exceptions: [] });
    expect((await rows('SELECT plain FROM work.boards'))[0]).toEqual([
      {
        stages: [
          { 'the reviewers': ['bob@example.com'] },
          { 'the reviewers': 'alice@example.com' },
          { 'the reviewers': [] },
        ],
      },
    ]);
    expect((await connector.restore({ work, ...done }, witness())).effect).toMatchObject({ changed: 1 });
    expect(await rows('SELECT plain::text FROM work.boards')).toEqual([[JSON.stringify(plain)]]);
  });
});

describe('ids within texts', () => {
  test('are found as words of their own, counted and shown, and never written', async () => {
    await bench.db.query(`INSERT INTO work.posts VALUES
      (1, 'ask@user:1, please'), (2, '@user:17'), (3, '@user:1'), (4, 'user:1'), (5, 'Mail ALICE@example.com.'), (6, 'malice@example.com'), (7, 'alice@exampleXcom')`);
    const found = await connector.inventory([alice], ['mentions', 'bare']);
    expect(found).toMatchObject([{ count: 2 }, { count: 1 }]);
    const { items } = await connector.items([alice], 'mentions', { limit: 5 });
    expect(items.map(({ key, label }) => [key, label])).toEqual([
      ['1', 'ask@user:1, please'],
      ['3', '@user:1'],
    ]);
    const [page] = await allPages(connector, alice, 'bare');
    expect(listOf(page!.keys)).toEqual(['5']);
  });
});

test('whatever lists and documents hold, they become what a plain reading of the rules says', async () => {
  const who = fc.integer({ min: 1, max: 4 });
  const entry = fc.oneof(
    fc.record({ id: fc.oneof(who, who.map(String), fc.constant(null)) }),
    who,
    fc.constant('x'),
  );
  const drawn = fc.array(
    fc.record({
      list: fc.array(who, { maxLength: 5 }),
      doc: fc.record({ team: fc.oneof(fc.array(entry, { maxLength: 5 }), who) }),
      taker: fc.constantFrom(2, 3, null),
    }),
    { minLength: 1, maxLength: 12 },
  );
  await fc.assert(
    fc.asyncProperty(drawn, async all => {
      await bench.db.query('TRUNCATE work.tasks, work.boards');
      for (const [id, { list, doc }] of all.entries()) {
        await bench.db.query('INSERT INTO work.tasks (id, assignees) VALUES ($1, $2)', [id, list]);
        await bench.db.query('INSERT INTO work.boards (id, doc) VALUES ($1, $2)', [id, JSON.stringify(doc)]);
      }
      const before = [await rows(TASKS), await rows('SELECT id, doc FROM work.boards ORDER BY 1')];
      const undo: (() => Promise<unknown>)[] = [];
      for (const category of ['tasks', 'boards']) {
        const bare = await everything(category);
        const takers = listOf(bare.keys).map(key => all[Number(key)]!.taker);
        const work: Batch = {
          ...bare,
          takers: [BOB, CAROL, null],
          assignment: sharesOf(takers.map(t => [2, 3, null].indexOf(t))),
        };
        const done = bare.count > 0 ? await connector.apply(work, witness()) : null;
        expect(done?.effect.exceptions ?? []).toEqual([]);
        if (done) undo.push(() => connector.restore({ work, ...done }, witness()));
      }
      const lists = (await rows('SELECT assignees::text[]::int[] FROM work.tasks ORDER BY id')).map(
        ([list]) => list,
      );
      expect(lists).toEqual(
        all.map(({ list, taker }) =>
          replaced(
            list,
            taker,
            v => v,
            (_, t) => t,
          ),
        ),
      );
      const docs = (await rows('SELECT doc FROM work.boards ORDER BY id')).map(([doc]) => doc);
      expect(docs).toEqual(
        all.map(({ doc, taker }) => ({
          team: Array.isArray(doc.team)
            ? replaced(
                doc.team as { id: unknown }[],
                taker,
                one => (one as { id?: unknown } | null)?.id,
                (one, t) => ({ id: typeof one.id === 'number' ? t : String(t) }),
              )
            : doc.team,
        })),
      );
      for (const back of undo) await back();
      expect([await rows(TASKS), await rows('SELECT id, doc FROM work.boards ORDER BY 1')]).toEqual(before);
    }),
    { numRuns: 40 },
  );
});

/** The first of the leaver's entries becomes the successor's, unless one of the successor's is there already. */
function replaced<T>(
  list: T[],
  taker: number | null,
  idOf: (one: T) => unknown,
  as: (one: T, taker: number) => T,
): T[] {
  const is = (one: T, id: number | null): boolean =>
    id !== null && idOf(one) !== null && String(idOf(one)) === String(id);
  const first = list.findIndex(one => is(one, 1));
  const there = list.some(one => is(one, taker));
  return list.flatMap((one, n) => {
    if (!is(one, 1)) return [one];
    return taker === null || there || n !== first ? [] : [as(one, taker)];
  });
}
