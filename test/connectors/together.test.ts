/**
 * What changes together changes in one transaction: owners that are stored twice, rows that go with a row,
 * and what the application's triggers want to be told. Each in a schema of its own.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Foreseen } from '../../connectors/connector.js';
import { sharesOf } from '../../connectors/keys.js';
import type { Batch, Done, Work } from '../../domain/effect.js';
import {
  ALICE,
  access,
  account,
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
settings: { app.user: handover, app.on_behalf: 7 }
categories:
  tickets:
    title: Tickets
    do: transfer
    table: desk.tickets
    key: [id]
    owner: { column: owner }
    mirrors:
      - table: desk.members
        owner: person
        unique: [circle]
        when: members.circle = (select c.id from desk.circles c where c.ticket = tickets.id and c.kind = 'owners')
  seats:
    title: Seats
    do: transfer
    table: club.seats
    key: [id]
    owner: { column: person }
    unique: [room]
    with:
      - { table: club.perks, join: { seat_id: id } }
  memberships:
    title: Memberships
    do: remove
    table: club.seats
    key: [id]
    owner: { column: person }
    with:
      - { table: club.perks, join: { seat_id: id } }
      - { table: club.cache, when: cache.entry = 'seat:' || seats.id and cache.kind = 'derived', secret: [token] }
  badges: { title: Badges, do: remove, table: club.badges, key: [id], owner: { column: person }, with: [{ table: club.perks, join: { seat_id: seat_id } }] }
  quiet: { title: Quiet, do: keep, reason: asks, table: club.badges, key: [id], owner: { column: person }, when: "coalesce(current_setting('app.user', true), '') = ''" }
block: { set: { status: 2 }, verify: users.status = 2 }
unblock: { set: { status: 1 }, verify: users.status = 1 }
`;

const SQL = `
  CREATE SCHEMA desk;
  CREATE TABLE desk.tickets (id int PRIMARY KEY, owner bigint);
  CREATE TABLE desk.circles (id int PRIMARY KEY, ticket int REFERENCES desk.tickets, kind text);
  CREATE TABLE desk.members (circle int REFERENCES desk.circles, person bigint, since date DEFAULT '2020-01-01', UNIQUE (circle, person));
  CREATE SCHEMA club;
  CREATE TABLE club.seats (id int PRIMARY KEY, person bigint NOT NULL, room text NOT NULL, UNIQUE (person, room));
  CREATE TABLE club.perks (seat_id int REFERENCES club.seats ON DELETE RESTRICT, perk text, PRIMARY KEY (seat_id, perk));
  CREATE TABLE club.cache (entry text, kind text, token text);
  CREATE TABLE club.badges (id int PRIMARY KEY, person bigint, seat_id int);
  CREATE TABLE club.heard (said text, n int);
  CREATE FUNCTION club.listen() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO club.heard VALUES (current_setting('app.user', true), current_setting('app.on_behalf', true)::int); RETURN NULL; END $$;
  CREATE TRIGGER listen AFTER UPDATE OR DELETE OR INSERT ON club.badges FOR EACH ROW EXECUTE FUNCTION club.listen();
  CREATE TRIGGER listen AFTER UPDATE ON users FOR EACH ROW EXECUTE FUNCTION club.listen()`;

let bench: Bench;
let connector: WholeConnector;
const alice = account(ALICE);

beforeAll(async () => {
  bench = await createBench('together', SQL);
  connector = bench.connector(YAML);
  expect(await connector.check()).toEqual([]);
});
afterAll(() => bench?.drop());
beforeEach(() =>
  bench.db.query(`TRUNCATE desk.tickets, desk.circles, desk.members, club.seats, club.perks, club.cache, club.badges, club.heard;
                  UPDATE users SET status = 1; TRUNCATE club.heard`),
);

async function rows(sql: string): Promise<unknown[]> {
  return (await bench.db.query({ text: sql, rowMode: 'array' })).rows.map(row => row.join(' '));
}

const everything = (category: string, rest: Partial<Batch> = {}): Promise<Batch> =>
  batchOf(connector, alice, category, rest);

async function thereAndBack(work: Work): Promise<{ done: Done; back: Done }> {
  const done = await connector.apply(work, witness());
  return { done, back: await connector.restore({ work, ...done }, witness()) };
}

const MEMBERS = 'SELECT circle, person FROM desk.members ORDER BY 1, 2';

describe('an owner that is stored once more behind a third table', () => {
  beforeEach(() =>
    bench.db.query(`
      INSERT INTO desk.tickets VALUES (1, 1), (2, 1), (3, 1), (4, 3);
      INSERT INTO desk.circles VALUES (10, 1, 'owners'), (11, 1, 'readers'), (20, 2, 'owners'), (30, 3, 'owners'), (40, 4, 'owners');
      INSERT INTO desk.members (circle, person) VALUES (10, 1), (11, 1), (20, 1), (20, 2), (30, 3), (40, 1)`),
  );

  test('follows in the same transaction, by the item to its own successor, and nothing else moves', async () => {
    const work = await everything('tickets', { takers: [BOB, CAROL], assignment: sharesOf([1, 0, 0]) });
    expect(await changed(connector, work)).toMatchObject({ changed: 3, perTaker: [2, 1] });
    expect(await rows('SELECT id, owner FROM desk.tickets ORDER BY 1')).toEqual(['1 3', '2 2', '3 2', '4 3']);
    // 11 is another circle, 20 had the successor already, 30 named somebody else, 40 is another's ticket.
    expect(await rows(MEMBERS)).toEqual(['10 3', '11 1', '20 2', '30 3', '40 1']);
  });

  test('comes back with it, also where the successor had it already', async () => {
    const before = await rows(MEMBERS);
    const { back } = await thereAndBack(await everything('tickets'));
    expect(back.effect).toMatchObject({ changed: 3, exceptions: [] });
    expect(await rows(MEMBERS)).toEqual(before);
    expect(await rows(`SELECT count(*) FROM desk.members WHERE since <> '2020-01-01'`)).toEqual(['0']);
  });
});

describe('rows that go with a row', () => {
  beforeEach(() =>
    bench.db.query(`
      INSERT INTO club.seats VALUES (1, 1, 'a'), (2, 1, 'b'), (3, 2, 'a');
      INSERT INTO club.perks VALUES (1, 'key'), (1, 'lamp'), (2, 'key'), (3, 'key');
      INSERT INTO club.cache VALUES ('seat:1', 'derived', 'tok'), ('seat:1', 'manual', 'tok'), ('seat:3', 'derived', 'tok')`),
  );
  const PERKS = 'SELECT seat_id, perk FROM club.perks ORDER BY 1, 2';

  test('are deleted with it in one transaction, and kept as they were but for what is secret', async () => {
    const effect = await changed(connector, await everything('memberships', { do: 'remove' }));
    expect(effect).toMatchObject({ changed: 2, exceptions: [] });
    expect(await rows(PERKS)).toEqual(['3 key']);
    expect(await rows('SELECT entry, kind FROM club.cache ORDER BY 1, 2')).toEqual([
      'seat:1 manual',
      'seat:3 derived',
    ]);
    const followed = effect.before.filter(image => Object.hasOwn(image as object, 'of'));
    expect(followed).toHaveLength(4);
    expect(followed).toContainEqual({ table: 'club.perks', of: '1', row: { seat_id: '1', perk: 'lamp' } });
    expect(followed).toContainEqual({
      table: 'club.cache',
      of: '1',
      row: { entry: 'seat:1', kind: 'derived' },
    });
    expect(JSON.stringify(effect.before)).not.toContain('tok');
  });

  test('come back with it, and what nobody kept is said', async () => {
    const { back } = await thereAndBack(await everything('memberships', { do: 'remove' }));
    expect(back.effect.changed).toBe(2);
    expect(await rows(PERKS)).toEqual(['1 key', '1 lamp', '2 key', '3 key']);
    expect(back.effect.exceptions).toEqual([
      {
        key: '1',
        kind: 'failed',
        why: 'the secret columns (token) of what went with it in club.cache were never kept: those rows cannot be made again',
      },
    ]);
  });

  test('stay away from a row that stands in the place of theirs by now', async () => {
    const work = await everything('memberships', { do: 'remove' });
    const done = await connector.apply(work, witness());
    await bench.db.query(`INSERT INTO club.seats VALUES (1, 3, 'z')`);
    const back = await connector.restore({ work, ...done }, witness());
    expect(back.effect).toMatchObject({ changed: 1, exceptions: [{ key: '1', kind: 'taken' }] });
    expect(await rows(PERKS)).toEqual(['2 key', '3 key']);
  });

  test('that stand there again already are left as they are', async () => {
    await bench.db.query('INSERT INTO club.badges VALUES (1, 1, 3)');
    const work = await everything('badges', { do: 'remove' });
    const done = await connector.apply(work, witness());
    expect(await rows(PERKS)).toEqual(['1 key', '1 lamp', '2 key']);
    await bench.db.query(`INSERT INTO club.perks VALUES (3, 'key')`);
    const back = await connector.restore({ work, ...done }, witness());
    expect(back.effect).toMatchObject({ changed: 1, exceptions: [] });
    expect(await rows(PERKS)).toEqual(['1 key', '1 lamp', '2 key', '3 key']);
  });

  test('of which the catalog says nothing any more are named, and the row comes back without them', async () => {
    await bench.db.query('INSERT INTO club.badges VALUES (1, 1, 3)');
    const work = await everything('badges', { do: 'remove' });
    const done = await connector.apply(work, witness());
    const edited = bench.connector(
      YAML.replace(', with: [{ table: club.perks, join: { seat_id: seat_id } }]', ''),
    );
    const back = await edited.restore({ work, ...done }, witness());
    expect(back.effect).toMatchObject({
      changed: 1,
      exceptions: [{ key: '1', why: 'the catalog does not say any more that rows of club.perks go with it' }],
    });
  });

  test('go with a membership that the successor has already, and stay with one that moves', async () => {
    const { done, back } = await thereAndBack(await everything('seats'));
    expect(done.effect).toMatchObject({ changed: 2, merged: 1 });
    expect(done.before).toHaveLength(3);
    expect(back.effect).toMatchObject({ changed: 2, exceptions: [] });
    expect(await rows(PERKS)).toEqual(['1 key', '1 lamp', '2 key', '3 key']);
    await connector.apply(await everything('seats'), witness());
    expect(await rows('SELECT id, person FROM club.seats ORDER BY 1')).toEqual(['2 2', '3 2']);
    expect(await rows(PERKS)).toEqual(['2 key', '3 key']);
  });
});

describe('settings of the application', () => {
  test('are set in every transaction that writes, and in no other', async () => {
    await bench.db.query('INSERT INTO club.badges VALUES (1, 1, NULL); TRUNCATE club.heard');
    await thereAndBack(await everything('badges', { do: 'remove' }));
    await thereAndBack(access('block', ALICE));
    expect(await rows('SELECT DISTINCT said, n, count(*) FROM club.heard GROUP BY 1, 2')).toEqual([
      'handover 7 4',
    ]);
    const alone = bench.connector(YAML, { poolSize: 1 });
    await alone.apply(access('block', BOB), witness());
    expect(await alone.inventory([alice], ['quiet'])).toMatchObject([{ complete: true, count: 1 }]);
  });

  test('are set where a change is only tried beforehand, too', async () => {
    await bench.db.query(`
      INSERT INTO club.badges VALUES (1, 1, NULL); TRUNCATE club.heard; INSERT INTO club.cache VALUES ('a', 'b', NULL);
      CREATE FUNCTION club.insist() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF coalesce(current_setting('app.user', true), '') = '' THEN RAISE 'who is acting?'; END IF;
        UPDATE club.cache SET kind = 'seen'; RETURN NULL; END $$;
      CREATE TRIGGER insist AFTER DELETE ON club.badges FOR EACH ROW EXECUTE FUNCTION club.insist()`);
    try {
      const fresh = bench.connector(YAML);
      const work: Foreseen = { kind: 'batch', category: 'badges', do: 'remove', takers: [] };
      expect(await fresh.foresee([alice], [work])).toMatchObject([
        { unknown: null, besides: [{ table: 'club.cache', does: 'change', count: 1, by: 'trigger' }] },
      ]);
    } finally {
      await bench.db.query('DROP TRIGGER insist ON club.badges');
    }
  });
});
