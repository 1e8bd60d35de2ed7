/** What only the application keeps apart is kept apart by a hand-over too, whatever others do meanwhile. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  ALICE,
  account,
  type Bench,
  batchOf,
  changed,
  createBench,
  failureOf,
  PEOPLE_YAML,
  someoneWaits,
  type WholeConnector,
  witness,
} from './fixture.js';

const YAML = `${PEOPLE_YAML.replace('lock_timeout: 300ms', 'lock_timeout: 2s')}
identities: { badge: { column: badge } }
categories:
  members: { title: Memberships, do: transfer, table: club.members, key: [id], owner: { column: user_id }, unique: [collective, role] }
`;
const SQL = `
  CREATE SCHEMA club;
  CREATE TABLE club.members (id int PRIMARY KEY, collective text NOT NULL, user_id bigint NOT NULL, role text, since date);`;

let bench: Bench;
let connector: WholeConnector;
const alice = account(ALICE);

beforeAll(async () => {
  bench = await createBench('byword', SQL);
  connector = bench.connector(YAML);
});
afterAll(() => bench?.drop());
beforeEach(() =>
  bench.db.query(`TRUNCATE club.members; INSERT INTO club.members VALUES
    (1, 'food', 1, 'ADMIN'), (2, 'food', 2, 'ADMIN'), (3, 'music', 1, 'ADMIN'), (4, 'food', 1, 'HOST'), (5, 'art', 1, NULL), (6, 'art', 2, NULL)`),
);
const rows = async (): Promise<string[]> =>
  (await bench.db.query('SELECT * FROM club.members ORDER BY id')).rows.map(
    ({ id, collective, user_id, role }) => `${id} ${collective} ${user_id} ${role}`,
  );

describe('a membership that is unique in the code alone', () => {
  test('is no mistake: check takes the word for it and says what it costs', async () => {
    expect(await connector.check()).toEqual([]);
    expect((await connector.doubts()).map(({ where, message }) => `${where}: ${message}`)).toContainEqual(
      expect.stringMatching(
        /categories\.members\.unique: club\.members has no unique index over user_id, collective, role: your word counts/,
      ),
    );
  });

  test('is removed where the successor has it already, moved where not, and given back', async () => {
    const before = await rows();
    const work = await batchOf(connector, alice, 'members');
    const done = await connector.apply(work, witness());
    expect(done.effect).toMatchObject({ changed: 4, merged: 2, exceptions: [] });
    expect(await rows()).toEqual(['2 food 2 ADMIN', '3 music 2 ADMIN', '4 food 2 HOST', '6 art 2 null']);
    const back = await connector.restore({ work, ...done }, witness());
    expect(back.effect).toMatchObject({ changed: 4, exceptions: [] });
    expect(await rows()).toEqual(before);
  });

  test('is not doubled by somebody who adds it to the successor at the same moment', async () => {
    const colleague = await bench.session();
    await colleague.query(`BEGIN; INSERT INTO club.members VALUES (7, 'music', 2, 'ADMIN')`);
    const moving = batchOf(connector, alice, 'members').then(work => changed(connector, work));
    await someoneWaits(bench.db);
    await colleague.query('COMMIT');
    expect(await moving).toMatchObject({ changed: 4, merged: 3 });
    expect(await rows()).toEqual(['2 food 2 ADMIN', '4 food 2 HOST', '6 art 2 null', '7 music 2 ADMIN']);
  });

  test('waits no longer for others than for any lock, and changes nothing then', async () => {
    const colleague = await bench.session();
    await colleague.query(`BEGIN; INSERT INTO club.members VALUES (7, 'music', 2, 'ADMIN')`);
    const impatient = bench.connector(YAML.replace('lock_timeout: 2s', 'lock_timeout: 200ms'));
    const work = await batchOf(connector, alice, 'members');
    expect(await failureOf(impatient.apply(work, witness()))).toMatchObject({ kind: 'locked' });
    await colleague.query('ROLLBACK');
    expect(await rows()).toHaveLength(6);
  });

  test('is not doubled by giving it back to somebody who has got it again, moved or removed', async () => {
    const work = await batchOf(connector, alice, 'members');
    const done = await connector.apply(work, witness());
    await bench.db.query(
      `INSERT INTO club.members VALUES (7, 'music', 1, 'ADMIN'), (8, 'food', 1, 'ADMIN'), (9, 'art', 1, NULL)`,
    );
    const back = await connector.restore({ work, ...done }, witness());
    expect(back.effect.changed).toBe(1);
    expect(back.effect.exceptions.map(({ key, kind, why }) => `${key} ${kind}: ${why}`).toSorted()).toEqual([
      '1 taken: something else stands in its place now',
      '3 taken: something else stands in its place now',
      '5 taken: something else stands in its place now',
    ]);
    expect(await rows()).toEqual([
      '2 food 2 ADMIN',
      '3 music 2 ADMIN',
      '4 food 1 HOST',
      '6 art 2 null',
      '7 music 1 ADMIN',
      '8 food 1 ADMIN',
      '9 art 1 null',
    ]);
  });

  test('nor by somebody who gives it to them at that very moment', async () => {
    const work = await batchOf(connector, alice, 'members');
    const done = await connector.apply(work, witness());
    const colleague = await bench.session();
    await colleague.query(`BEGIN; INSERT INTO club.members VALUES (7, 'music', 1, 'ADMIN')`);
    const giving = connector.restore({ work, ...done }, witness());
    await someoneWaits(bench.db);
    await colleague.query('COMMIT');
    expect((await giving).effect).toMatchObject({ changed: 3, exceptions: [{ key: '3', kind: 'taken' }] });
    expect(await rows()).toContain('7 music 1 ADMIN');
    expect(await rows()).not.toContain('3 music 1 ADMIN');
  });
});
