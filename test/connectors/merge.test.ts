/**
 * Where the successor has such a row already, the leaver's is removed; and only there. Which rows collide says
 * the index: its predicate on either side, its expressions, its NULLs, and the operators of an exclusion
 * constraint. What belongs to a removed row goes with it, and what is stronger in it survives.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Intent } from '../../domain/effect.js';
import {
  ALICE,
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

const SQL = `
  CREATE EXTENSION btree_gist;
  CREATE EXTENSION citext;
  CREATE TABLE subscriptions (id bigint PRIMARY KEY, topic text, user_id bigint NOT NULL, deleted_at timestamptz, note text);
  CREATE UNIQUE INDEX ON subscriptions (topic, user_id) WHERE deleted_at IS NULL;
  CREATE TABLE labels (id bigint PRIMARY KEY, name text NOT NULL, user_id bigint NOT NULL);
  CREATE UNIQUE INDEX ON labels (user_id, lower(name));
  -- Since PostgreSQL 15 NULLs may be told to be one and the same.
  CREATE TABLE slots (id bigint PRIMARY KEY, place text, user_id bigint);
  DO $$ BEGIN
    EXECUTE format('ALTER TABLE slots ADD UNIQUE %s (place, user_id)',
      CASE WHEN current_setting('server_version_num')::int >= 150000 THEN 'NULLS NOT DISTINCT' ELSE '' END);
  END $$;
  CREATE TABLE seats (id bigint PRIMARY KEY, place text, user_id bigint, UNIQUE (place, user_id) DEFERRABLE INITIALLY DEFERRED);
  CREATE TABLE shifts (id bigint PRIMARY KEY, user_id bigint NOT NULL, during int4range NOT NULL,
    EXCLUDE USING gist (user_id WITH =, during WITH &&));
  CREATE TABLE tags (id bigint PRIMARY KEY, name citext NOT NULL, user_id bigint NOT NULL, UNIQUE (name, user_id));
  CREATE TABLE defaults (id bigint PRIMARY KEY, street text NOT NULL, user_id bigint NOT NULL, main boolean NOT NULL);
  CREATE UNIQUE INDEX ON defaults (user_id) WHERE main;
  CREATE UNIQUE INDEX ON defaults (user_id, street);
  CREATE TABLE team (id bigint PRIMARY KEY, team text NOT NULL, user_id bigint NOT NULL, role text NOT NULL, UNIQUE (team, user_id));
  CREATE UNIQUE INDEX ON team (team) WHERE role = 'captain';
  CREATE TABLE badges (id bigint PRIMARY KEY, member bigint NOT NULL REFERENCES team, user_id bigint NOT NULL);
  CREATE TABLE teams (team text PRIMARY KEY, keeper bigint);
  CREATE TABLE desks (id bigint PRIMARY KEY, place text, user_id bigint NOT NULL, UNIQUE (place, user_id));
  CREATE TABLE desks_abroad () INHERITS (desks);
  CREATE COLLATION whatever_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
  CREATE TABLE codes (id bigint PRIMARY KEY, code text NOT NULL, user_id bigint NOT NULL);
  CREATE UNIQUE INDEX ON codes (user_id, code COLLATE whatever_case);
  CREATE TABLE crew (id bigint PRIMARY KEY, ship text NOT NULL, user_id bigint NOT NULL, role text NOT NULL, ended date);
  CREATE UNIQUE INDEX ON crew (ship, user_id) WHERE ended IS NULL;
  CREATE TABLE wards (ward text, n int, topic text, user_id bigint, PRIMARY KEY (ward, n), UNIQUE (topic, user_id));
  CREATE TABLE ward_keepers (ward text PRIMARY KEY, keeper bigint);`;

const of = (table: string, unique: string, more = '') =>
  `  ${table}: { title: ${table}, do: transfer, table: public.${table}, key: [id], owner: { column: user_id }, unique: [${unique}]${more} }`;

const YAML = `${PEOPLE_YAML}
categories:
${of('subscriptions', 'topic')}
${of('labels', 'name')}
${of('slots', 'place')}
${of('seats', 'place')}
${of('shifts', 'during')}
${of('tags', 'name')}
${of('defaults', 'street')}
${of('team', 'team', `, survives: { role: [captain, deputy] }, mirrors: [{ table: public.badges, owner: user_id, join: { member: id } }, { table: public.teams, owner: keeper, join: { team: team } }]`)}
${of('desks', 'place')}
${of('codes', 'code')}
${of('crew', 'ship', ', survives: { role: [captain] }')}
${of('wards', 'topic', ', mirrors: [{ table: public.ward_keepers, owner: keeper, join: { ward: ward } }]').replace('[id]', '[ward, n]')}
`;

let bench: Bench;
let connector: WholeConnector;
const alice = account(ALICE);

beforeAll(async () => {
  bench = await createBench('merge', SQL);
  connector = bench.connector(YAML);
});
afterAll(() => bench.drop());
beforeEach(() =>
  bench.db.query(
    'TRUNCATE subscriptions, labels, slots, seats, shifts, tags, defaults, team, badges, teams, desks, codes, crew, wards, ward_keepers',
  ),
);

async function move(category: string, takers: string[] = [BOB]) {
  const intents: Intent[] = [];
  const batch = await batchOf(connector, alice, category, { takers });
  const done = await connector.apply(
    batch,
    witness(one => intents.push(one)),
  );
  return { batch, done, effect: done.effect };
}
const rows = async (sql: string): Promise<unknown[][]> =>
  (await bench.db.query({ text: sql, rowMode: 'array' })).rows as unknown[][];
const left = (table: string) => rows(`SELECT id::int, user_id::int FROM ${table} ORDER BY 1`);

test('the catalog fits: every index is found', async () => {
  expect(await connector.check()).toEqual([]);
});

describe('only what the index does not allow is merged', () => {
  test('a row outside a partial index is the successor’s afterwards, whatever they have inside it', async () => {
    await bench.db.query(`INSERT INTO subscriptions VALUES
      (1, 'outage', 1, now(), 'restorable'), (2, 'outage', 2, NULL, 'his'), (3, 'billing', 1, NULL, 'live'),
      (4, 'audit', 1, NULL, 'live'), (5, 'audit', 2, NULL, 'his'), (6, 'sales', 1, NULL, 'live'), (7, 'sales', 2, now(), 'his, gone')`);
    expect((await move('subscriptions')).effect).toMatchObject({ changed: 4, merged: 1, exceptions: [] });
    expect(await left('subscriptions')).toEqual([
      [1, 2],
      [2, 2],
      [3, 2],
      [5, 2],
      [6, 2],
      [7, 2],
    ]);
    expect(await rows('SELECT note FROM subscriptions WHERE id = 1')).toEqual([['restorable']]);
  });

  test('an index over an expression compares what the expression says', async () => {
    await bench.db.query(
      `INSERT INTO labels VALUES (1, 'Urgent', 1), (2, 'URGENT', 2), (3, 'later', 1), (4, 'late', 2)`,
    );
    expect((await move('labels')).effect).toMatchObject({ changed: 2, merged: 1, exceptions: [] });
    expect(await left('labels')).toEqual([
      [2, 2],
      [3, 2],
      [4, 2],
    ]);
  });

  test('NULLs collide where the index says so, and nowhere else', async () => {
    await bench.db.query(`INSERT INTO slots VALUES (1, NULL, 1), (2, NULL, 2), (3, 'desk', 1)`);
    await bench.db.query(`INSERT INTO seats VALUES (1, NULL, 1), (2, NULL, 2), (3, 'desk', 1)`);
    const together = (await rows(`SELECT current_setting('server_version_num')::int >= 150000`))[0]![0];
    expect((await move('slots')).effect).toMatchObject({ changed: 2, merged: together ? 1 : 0 });
    expect((await left('slots')).length).toBe(together ? 2 : 3);
    expect((await move('seats')).effect).toMatchObject({ changed: 2, merged: 0 });
    expect(await left('seats')).toEqual([
      [1, 2],
      [2, 2],
      [3, 2],
    ]);
  });

  test('a constraint that waits for COMMIT collides as well', async () => {
    await bench.db.query(`INSERT INTO seats VALUES (1, 'desk', 1), (2, 'desk', 2), (3, 'window', 1)`);
    expect((await move('seats')).effect).toMatchObject({ changed: 2, merged: 1, exceptions: [] });
    expect(await left('seats')).toEqual([
      [2, 2],
      [3, 2],
    ]);
  });

  test('an exclusion constraint collides by its own operators', async () => {
    await bench.db.query(`INSERT INTO shifts VALUES (1, 1, '[8,12)'), (2, 2, '[11,14)'), (3, 1, '[14,18)')`);
    expect((await move('shifts')).effect).toMatchObject({ changed: 2, merged: 1, exceptions: [] });
    expect(await left('shifts')).toEqual([
      [2, 2],
      [3, 2],
    ]);
  });

  test('values that are equal to the column’s own type collide', async () => {
    await bench.db.query(`INSERT INTO tags VALUES (1, 'Red', 1), (2, 'rED', 2), (3, 'blue', 1)`);
    expect((await move('tags')).effect).toMatchObject({ changed: 2, merged: 1, exceptions: [] });
    expect(await left('tags')).toEqual([
      [2, 2],
      [3, 2],
    ]);
  });

  test('values that are equal to the index, and not to the column, collide', async () => {
    await bench.db.query(`INSERT INTO codes VALUES (1, 'Red', 1), (2, 'rED', 2), (3, 'blue', 1)`);
    expect((await move('codes')).effect).toMatchObject({ changed: 2, merged: 1, exceptions: [] });
    expect(await left('codes')).toEqual([
      [2, 2],
      [3, 2],
    ]);
  });

  test('rows of a child that only inherits are in nobody’s way: the parent’s index does not know them', async () => {
    await bench.db.query(`
      INSERT INTO desks VALUES (1, 'window', 1), (2, 'door', 2), (3, 'wall', 1), (4, 'wall', 2);
      INSERT INTO desks_abroad VALUES (5, 'window', 2), (6, 'door', 1)`);
    expect((await move('desks')).effect).toMatchObject({ changed: 3, merged: 1, exceptions: [] });
    expect(await left('desks')).toEqual([
      [1, 2],
      [2, 2],
      [4, 2],
      [5, 2],
      [6, 2],
    ]);
  });

  test('another index of the table merges nothing: what it refuses stays, and is said', async () => {
    await bench.db.query(
      `INSERT INTO defaults VALUES (1, 'Elm', 1, true), (2, 'Oak', 2, true), (3, 'Ash', 1, false), (4, 'Ash', 2, false)`,
    );
    expect((await move('defaults')).effect).toMatchObject({
      changed: 1,
      merged: 1,
      exceptions: [{ key: '1', kind: 'failed', why: expect.stringContaining('23505') }],
    });
    expect(await left('defaults')).toEqual([
      [1, 1],
      [2, 2],
      [4, 2],
    ]);
  });

  test('each successor is asked for what they have', async () => {
    await bench.db.query(
      `INSERT INTO subscriptions VALUES (1, 'a', 1), (2, 'b', 1), (3, 'a', 2), (4, 'b', 2)`,
    );
    const batch = await batchOf(connector, alice, 'subscriptions', { takers: [BOB, CAROL] });
    const { effect } = await connector.apply({ ...batch, assignment: [0, 1] as never }, witness());
    expect(effect).toMatchObject({ changed: 2, merged: 1 });
    expect(await left('subscriptions')).toEqual([
      [2, 3],
      [3, 2],
      [4, 2],
    ]);
  });
});

describe('a merged row goes with all that belongs to it', () => {
  const people = `SELECT id::int, user_id::int, role FROM team ORDER BY 1`;
  beforeEach(() =>
    bench.db.query(`
      INSERT INTO team VALUES (1, 'red', 1, 'captain'), (2, 'red', 2, 'member'), (3, 'blue', 1, 'member'), (4, 'blue', 2, 'deputy'), (5, 'green', 1, 'captain');
      INSERT INTO badges VALUES (1, 1, 1), (2, 2, 2), (3, 3, 1), (4, 5, 1);
      INSERT INTO teams VALUES ('red', 1), ('blue', 1), ('green', 1)`),
  );

  test('its own mirrors are removed with it; those of a thing that lives on are handed over', async () => {
    expect((await move('team')).effect).toMatchObject({ changed: 3, merged: 2, exceptions: [] });
    expect(await left('badges')).toEqual([
      [2, 2],
      [4, 2],
    ]);
    expect(await rows('SELECT team, keeper::int FROM teams ORDER BY 1')).toEqual([
      ['blue', 2],
      ['green', 2],
      ['red', 2],
    ]);
  });

  test('a mirror that several rows share, by a part of their key, lives on when one of them is merged', async () => {
    await bench.db.query(`
      INSERT INTO wards VALUES ('east', 1, 'food', 1), ('east', 2, 'music', 1), ('west', 1, 'food', 2);
      INSERT INTO ward_keepers VALUES ('east', 1)`);
    expect((await move('wards')).effect).toMatchObject({ changed: 2, merged: 1, exceptions: [] });
    expect(await rows('SELECT ward, keeper::int FROM ward_keepers')).toEqual([['east', 2]]);
  });

  test('the stronger role survives, and the receipt says that the successor’s row changed', async () => {
    const { effect } = await move('team');
    expect(await rows(people)).toEqual([
      [2, 2, 'captain'],
      [4, 2, 'deputy'],
      [5, 2, 'captain'],
    ]);
    expect(effect.elsewhere).toEqual([{ table: 'public.team', does: 'change', count: 1 }]);
  });

  test('an undo brings back the rows, their mirrors, and the role that the successor had', async () => {
    const { batch, done } = await move('team');
    const back = await connector.restore({ work: batch, ...done }, witness());
    expect(back.effect).toMatchObject({ changed: 3 });
    expect(await rows(people)).toEqual([
      [1, 1, 'captain'],
      [2, 2, 'member'],
      [3, 1, 'member'],
      [4, 2, 'deputy'],
      [5, 1, 'captain'],
    ]);
    expect(await left('badges')).toEqual([
      [1, 1],
      [2, 2],
      [3, 1],
      [4, 1],
    ]);
  });

  test('an undo leaves a role alone that somebody has changed since', async () => {
    const { batch, done } = await move('team');
    await bench.db.query(`UPDATE team SET role = 'deputy' WHERE id = 2`);
    const back = await connector.restore({ work: batch, ...done }, witness());
    expect(back.effect).toMatchObject({ changed: 3 });
    expect((await rows(people)).slice(0, 2)).toEqual([
      [1, 1, 'captain'],
      [2, 2, 'deputy'],
    ]);
  });

  test('the role goes to the row that was in the way, and to none that its index does not cover', async () => {
    await bench.db.query(`INSERT INTO crew VALUES (1, 'Argo', 1, 'captain'), (2, 'Argo', 2, 'member');
      INSERT INTO crew VALUES (3, 'Argo', 2, 'member', '2019-05-01')`);
    const { effect } = await move('crew');
    expect(effect).toMatchObject({ changed: 1, merged: 1, elsewhere: [{ count: 1 }] });
    expect(await rows('SELECT id::int, role FROM crew ORDER BY 1')).toEqual([
      [2, 'captain'],
      [3, 'member'],
    ]);
  });
});
