/** An application may call its tables as it likes: no word of ours stands in the way of one of its own. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sharesOf } from '../../connectors/keys.js';
import type { Batch } from '../../domain/effect.js';
import {
  ALICE,
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

const NAMES = [
  ...['before', 'changed', 'merged', 'done', 'back', 'held', 'batch', 'key', 'row', 'u', 's', 'p', 'h', 'g'],
  ...['successor', 'taker', 'person', 'owner', 'new', 'old', 'excluded', 'user', 'select', 'set', 'value'],
];

/** Of every disposition one category per name, with a condition, a mirror, a merge and rows that go along. */
const yamlOf = (name: string): string => {
  const own = `table: odd.${name}, key: [id], owner: { column: user_id }, when: '"${name}".topic is not null'`;
  const follows = `table: odd_copy.${name}, join: { id: id }`;
  const successor = name === 'successor' ? 'taker' : 'successor';
  return `
  moved_${name}: { title: Moved, do: transfer, ${own}, unassigned: true, mirrors: [{ ${follows}, owner: user_id }], successor_must: '${successor}."user" <> 9 and "${name}".id > 0' }
  merged_${name}: { title: Merged, do: transfer, ${own}, unique: [topic], with: [{ ${follows} }] }
  cleared_${name}: { title: Cleared, do: clear, ${own}, mirrors: [{ ${follows}, owner: user_id }] }
  set_${name}: { title: Set, do: revoke, ${own}, set: { topic: $null } }
  removed_${name}: { title: Removed, do: remove, ${own}, with: [{ ${follows} }] }`;
};
const YAML = `${PEOPLE_YAML}\ncategories:${NAMES.map(yamlOf).join('')}\n`;

const SQL = `CREATE SCHEMA odd; CREATE SCHEMA odd_copy; ${NAMES.map(
  name => `CREATE TABLE odd."${name}" (id int PRIMARY KEY, user_id bigint, topic text, UNIQUE (topic, user_id));
           CREATE TABLE odd_copy."${name}" (id int PRIMARY KEY, user_id bigint);`,
).join('')}`;

let bench: Bench;
let connector: WholeConnector;
const alice = account(ALICE);
beforeAll(async () => {
  bench = await createBench('odd', SQL);
  connector = bench.connector(YAML);
});
afterAll(() => bench?.drop());

test('such a catalog is fine', async () => {
  expect(await connector.check()).toEqual([]);
});

describe.each(NAMES)('a table called %s', name => {
  test('is counted, listed, changed in every way and given back', async () => {
    const fill = `TRUNCATE odd."${name}", odd_copy."${name}"; INSERT INTO odd."${name}" VALUES (1, 1, 't'), (2, 2, 't'), (3, 1, 'u'), (4, 1, NULL);
                  INSERT INTO odd_copy."${name}" VALUES (1, 1), (3, 1)`;
    const all = async () =>
      (
        await bench.db.query(
          `SELECT * FROM odd."${name}" UNION ALL SELECT id, user_id, 'copy' FROM odd_copy."${name}" ORDER BY 1, 3`,
        )
      ).rows;
    const ways: [string, Partial<Batch>][] = [
      ['moved', { takers: [CAROL] }],
      ['moved', { takers: [CAROL, null], assignment: sharesOf([0, 1]) }],
      ['merged', { takers: [BOB] }],
      ['cleared', { do: 'clear' }],
      ['set', { do: 'revoke' }],
      ['removed', { do: 'remove' }],
    ];
    for (const [way, rest] of ways) {
      await bench.db.query(fill);
      const before = await all();
      const category = `${way}_${name}`;
      expect((await connector.inventory([alice], [category]))[0]).toMatchObject({ complete: true, count: 2 });
      expect((await connector.items([alice], category, { limit: 9 })).items).toHaveLength(2);
      if (way === 'moved')
        expect(await connector.ineligible([alice], category, account('9'))).toMatchObject({ count: 2 });
      const work = await batchOf(connector, alice, category, rest);
      const done = await connector.apply(work, witness());
      expect(done.effect).toMatchObject({ changed: 2, exceptions: [] });
      expect(await all()).not.toEqual(before);
      const back = await connector.restore({ work, ...done }, witness());
      expect(back.effect).toMatchObject({ changed: 2, exceptions: [] });
      expect(await all()).toEqual(before);
    }
    const mixed = await batchOf(connector, alice, `moved_${name}`, { takers: [CAROL] });
    await bench.db.query(`UPDATE odd."${name}" SET user_id = 5 WHERE id = 1`);
    expect(await changed(connector, mixed)).toMatchObject({
      changed: 1,
      exceptions: [{ key: '1', kind: 'taken' }],
    });
  });
});
