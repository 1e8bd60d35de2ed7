/** Owners however they are written: found, changed, verified and given back as they were; or a question. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Sought } from '../../domain/model.js';
import {
  ALICE,
  account,
  allPages,
  type Bench,
  batchOf,
  changed,
  createBench,
  PEOPLE_YAML,
  type WholeConnector,
  witness,
} from './fixture.js';

const SQL = `
  CREATE EXTENSION citext;
  CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
  CREATE TABLE papers (id int PRIMARY KEY, owner text, marker text);
  CREATE INDEX ON papers (owner);
  CREATE TABLE badges (id int PRIMARY KEY, owner text);
  CREATE TABLE pins (id int PRIMARY KEY, owner citext);
  CREATE TABLE notes (id int PRIMARY KEY, owner text COLLATE loose);
  CREATE FUNCTION lowered() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN new.owner := lower(new.owner::text); RETURN new; END $$;
  CREATE TRIGGER lowered BEFORE UPDATE ON pins FOR EACH ROW EXECUTE FUNCTION lowered();
  CREATE TRIGGER lowered BEFORE UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION lowered()`;

const YAML = `${PEOPLE_YAML}
identities: { mail: { column: email }, badge: { column: badge } }
categories:
  papers: { title: Papers, do: transfer, table: public.papers, key: [id], owner: { column: owner, identity: mail }, touch: { marker: seen } }
  badges: { title: Badges, do: transfer, table: public.badges, key: [id], owner: { column: owner, identity: badge } }
  pins: { title: Pins, do: transfer, table: public.pins, key: [id], owner: { column: owner, identity: mail, fold: none } }
  notes: { title: Notes, do: transfer, table: public.notes, key: [id], owner: { column: owner, identity: mail, fold: none } }
`;

const BOB = 'Bob@Example.com';
const alice = account(ALICE, { mail: ['ren\u00e9e@example.com'], badge: ['B-7'] });
const sought: Sought = {
  id: 'd',
  home: false,
  known: [{ by: 'login', value: 'alice' }],
  shared: [],
  remembered: {},
};

/** What PostgreSQL itself knows of letters: every database's default here, and only those from A to Z. */
const DATABASES: [string, string | undefined][] = [
  ['where the database knows every letter', undefined],
  ['where it knows A to Z', `LOCALE_PROVIDER libc LC_COLLATE 'C' LC_CTYPE 'C'`],
];

describe.each(DATABASES)('%s', (_, locale) => {
  let bench: Bench;
  let connector: WholeConnector;
  beforeAll(async () => {
    bench = await createBench('folds', SQL, locale);
    connector = bench.connector(YAML);
  });
  afterAll(() => bench.drop());
  beforeEach(async () => {
    await bench.db.query('TRUNCATE papers, badges, pins, notes; UPDATE users SET badge = NULL');
    await bench.db.query('UPDATE users SET email = $1, badge = $2 WHERE id = 1', [
      'ren\u00e9e@example.com',
      'B-7',
    ]);
  });

  const owners = async (table: string): Promise<string[]> =>
    (await bench.db.query(`SELECT owner::text FROM ${table} ORDER BY id`)).rows.map(row => row.owner);

  const WRITTEN = [
    'ren\u00e9e@example.com',
    'RENE\u0301E@Example.com',
    ' ren\u00e9e@example.com\u00a0',
    'ren\u00e9e\u200b@exam\u00adple.com',
    'other@example.com',
  ];

  test('an e-mail owns things however it is written: counted, listed, moved, and given back as it was', async () => {
    for (const [n, owner] of WRITTEN.entries())
      await bench.db.query('INSERT INTO papers VALUES ($1, $2)', [n, owner]);
    expect(await connector.inventory([alice], ['papers'])).toMatchObject([{ count: 4, complete: true }]);
    expect((await allPages(connector, alice, 'papers')).map(page => page.count)).toEqual([4]);
    expect((await connector.items([alice], 'papers', { limit: 9 })).items.map(({ key }) => key)).toEqual([
      '0',
      '1',
      '2',
      '3',
    ]);
    expect(await connector.load('papers', ['RENE\u0301E@example.com'])).toEqual([4]);
    const work = await batchOf(connector, alice, 'papers', { takers: [BOB] });
    const done = await connector.apply(work, witness());
    expect(done.effect).toMatchObject({ changed: 4, exceptions: [] });
    expect(await owners('papers')).toEqual([BOB, BOB, BOB, BOB, 'other@example.com']);
    expect([...done.owners.values].sort()).toEqual(WRITTEN.slice(0, 4).sort());
    await connector.restore({ work, ...done }, witness());
    expect(await owners('papers')).toEqual(WRITTEN);
  });

  test('compare-and-set still holds: what somebody else took meanwhile stays theirs', async () => {
    for (const [n, owner] of WRITTEN.entries())
      await bench.db.query('INSERT INTO papers VALUES ($1, $2)', [n, owner]);
    const work = await batchOf(connector, alice, 'papers', { takers: [BOB] });
    await bench.db.query(`UPDATE papers SET owner = 'other@example.com' WHERE id = 1`);
    expect(await changed(connector, work)).toMatchObject({
      changed: 3,
      exceptions: [{ key: '1', kind: 'taken' }],
    });
  });

  test('the successor is the leaver although they are written in another way', async () => {
    await bench.db.query('INSERT INTO papers VALUES (1, $1)', [WRITTEN[0]]);
    const work = await batchOf(connector, alice, 'papers', { takers: [' RENE\u0301E@EXAMPLE.COM'] });
    await expect(connector.apply(work, witness())).rejects.toMatchObject({ kind: 'rejected' });
  });

  test.each(['pins', 'notes'])(
    '%s: equal by the type or the collation is equal, also when a trigger writes it its own way',
    async category => {
      await bench.db.query(
        `INSERT INTO ${category} VALUES (1, 'REN\u00e9E@Example.com'), (2, 'ren\u00e9e@example.com'), (3, 'kim')`,
      );
      const work = await batchOf(connector, alice, category, { takers: [BOB] });
      const done = await connector.apply(work, witness());
      expect(done.effect).toMatchObject({ changed: 2, exceptions: [] });
      expect(await owners(category)).toEqual(['bob@example.com', 'bob@example.com', 'kim']);
      expect((await connector.restore({ work, ...done }, witness())).effect).toMatchObject({
        changed: 2,
        exceptions: [],
      });
    },
  );

  test.each([
    ['case', 'b-7', 'upper and lower case'],
    ['zeros', '00B-7', 'how a number is written'],
    ['blanks', 'B-7 ', 'blanks around it'],
  ])(
    'an owner that only "%s" would make the leaver’s is named, and theirs where the catalog says so',
    async (fold, written, why) => {
      await bench.db.query('INSERT INTO badges VALUES (1, $1), (2, $1), (3, $2)', [written, 'B-7']);
      const found = await connector.resolveAccounts(sought, {});
      expect(found).toMatchObject({
        kind: 'found',
        others: [{ label: `2 Badges of "${written}"`, why: `that is badge "B-7" but for ${why}` }],
      });
      expect((await connector.doubts()).map(({ message }) => message).join()).toMatch(
        /1 owners in public\.badges\.owner are nobody to the letter, and somebody but for/,
      );
      const loose = bench.connector(YAML.replace('identity: badge }', `identity: badge, fold: ${fold} }`));
      expect(await loose.inventory([alice], ['badges'])).toMatchObject([{ count: 3 }]);
      expect(await loose.resolveAccounts(sought, {})).toMatchObject({ others: [] });
    },
  );

  test('an owner that is somebody else to the letter is no question', async () => {
    await bench.db.query(`UPDATE users SET badge = 'b-7' WHERE id = 2; INSERT INTO badges VALUES (1, 'b-7')`);
    expect(await connector.resolveAccounts(sought, {})).toMatchObject({ others: [] });
  });

  describe('doubts', () => {
    test('there are none where everybody can be found and nothing is nearly somebody', async () => {
      expect(await doubtsOf(connector)).toEqual([]);
    });

    test('name people without any value, and values that several have', async () => {
      await bench.db.query(`INSERT INTO users (id, name, email, login) VALUES
      (7, 'No', '', ' '), (8, 'A', 'all@example.com', 'a'), (9, 'B', 'ALL@example.com', 'b')`);
      expect((await doubtsOf(connector)).map(({ message }) => message)).toEqual([
        '1 active people have no value in any of these columns: no rule can recognise them',
        '2 active people share one email: such a value identifies nobody',
      ]);
      await bench.db.query('DELETE FROM users WHERE id > 3');
    });

    test('say which index is missing, and are content once it is there', async () => {
      await bench.db.query(
        `INSERT INTO papers SELECT n, 'p' || n FROM generate_series(1, 60000) n; ANALYZE papers`,
      );
      const [doubt] = await doubtsOf(connector);
      const create = /CREATE INDEX CONCURRENTLY ON .*$/.exec(doubt?.message ?? '')?.[0];
      expect(create).toContain('"public"."papers"');
      await bench.db.query(create!);
      expect(await doubtsOf(connector)).toEqual([]);
      expect(await connector.inventory([alice], ['papers'])).toMatchObject([{ count: 0, complete: true }]);
    });
  });
});

/** But for what is said of the tests' server, which does not wait for its disk. */
async function doubtsOf(connector: WholeConnector) {
  return (await connector.doubts()).filter(({ message }) => !message.includes('fsync is off'));
}
