import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listOf } from '../../connectors/keys.js';
import type { Keys } from '../../domain/keys.js';
import {
  ALICE,
  account,
  allPages,
  type Bench,
  changed,
  createBench,
  PEOPLE_YAML,
  type WholeConnector,
} from './fixture.js';

const category = (name: string, key: string) =>
  `  ${name}: { title: ${name}, do: transfer, table: public.${name}, key: [${key}], owner: { column: owner_id }, label: note }\n`;
const YAML = `${PEOPLE_YAML}
categories:
${category('ints', 'k')}${category('smalls', 'k')}${category('wholes', 'k')}${category('decimals', 'k')}${category('texts', 'k')}${category('uuids', 'k')}${category('stamps', 'k')}${category('moods', 'k')}${category('folded', 'k')}${category('limited', 'k')}${category('pairs', 'a, b, c')}`;

const SQL = `
  CREATE TYPE mood AS ENUM ('sad', 'NULL', 'null', 'so, so', '"quoted"');
  CREATE EXTENSION IF NOT EXISTS citext;
  CREATE DOMAIN code AS varchar(20) CHECK (value <> 'never');
  CREATE TABLE ints (k bigint PRIMARY KEY, owner_id bigint, note text);
  CREATE TABLE smalls (k smallint PRIMARY KEY, owner_id bigint, note text);
  CREATE TABLE wholes (k numeric(30, 0) PRIMARY KEY, owner_id bigint, note text);
  CREATE TABLE decimals (k numeric PRIMARY KEY, owner_id bigint, note text);
  CREATE TABLE texts (k text PRIMARY KEY, owner_id bigint, note text);
  CREATE TABLE uuids (k uuid PRIMARY KEY, owner_id bigint, note text);
  CREATE TABLE stamps (k timestamptz PRIMARY KEY, owner_id bigint, note text);
  CREATE TABLE moods (k mood PRIMARY KEY, owner_id bigint, note text);
  CREATE TABLE folded (k citext PRIMARY KEY, owner_id bigint, note text);
  CREATE TABLE limited (k code PRIMARY KEY, owner_id bigint, note text);
  CREATE TABLE pairs (a bigint, b text, c uuid, owner_id bigint, note text, PRIMARY KEY (a, b, c))`;

let bench: Bench;
let connector: WholeConnector;
const alice = account(ALICE);

beforeAll(async () => {
  bench = await createBench('keys', SQL);
  connector = bench.connector(YAML);
  expect(await connector.check()).toEqual([]);
});
afterAll(() => bench.drop());

const xor = (fingerprints: string[]): string =>
  String(fingerprints.reduce((sum, f) => BigInt.asIntN(64, sum ^ BigInt(f)), 0n));

/** Sealed keys opened by PostgreSQL itself. */
async function opened(keys: Keys): Promise<string[]> {
  const { rows } = await bench.db.query(
    'SELECT k, n FROM unnest($1::text[]) WITH ORDINALITY AS u(k, n) ORDER BY n',
    [keys],
  );
  return rows.map(r => r.k as string);
}

/**
 * Puts rows with these keys in, half of them Alice's, and proves the whole way: counted, paged in order,
 * listed, moved by the pages' own literals, and named in exceptions, each exactly once and under the same
 * text.
 */
async function wholeWay(table: string, rows: string[][], columns: string[]): Promise<void> {
  await bench.db.query(`TRUNCATE ${table}`);
  const values = columns.map((_, i) => rows.map(r => r[i]!));
  const types = columns.map((_, i) => `$${i + 1}::text[]`);
  const { rows: typed } = await bench.db.query(
    `SELECT attname, format_type(atttypid, -1) AS type FROM pg_attribute WHERE attrelid = '${table}'::regclass AND attname = ANY ($1)`,
    [columns],
  );
  const cast = columns.map(c => `u.${c}::${typed.find(t => t.attname === c)!.type}`).join(', ');
  await bench.db.query(
    `INSERT INTO ${table} (${columns.join(', ')}, owner_id) SELECT ${cast}, 1 + (row_number() OVER () % 2) FROM unnest(${types.join(', ')}) AS u(${columns.join(', ')}) ON CONFLICT DO NOTHING`,
    values,
  );

  const keyText =
    columns.length === 1
      ? `${columns[0]}::text`
      : `array_to_json(ARRAY[${columns.map(c => `${c}::text`).join(', ')}])::text`;
  const { rows: mine } = await bench.db.query(`SELECT ${keyText} AS k FROM ${table} WHERE owner_id = 1`);
  const expected = mine.map(r =>
    columns.length === 1 ? (r.k as string) : JSON.stringify(JSON.parse(r.k as string)),
  );

  const [inventory] = await connector.inventory([alice], [table]);
  expect(inventory).toMatchObject({ complete: true, problem: null, count: expected.length });
  const pages = await allPages(connector, alice, table, 3);
  expect(xor(pages.map(p => p.fingerprint))).toBe(inventory!.fingerprint);
  const keys: string[] = [];
  for (const page of pages) {
    const own = listOf(page.keys);
    expect(own).toEqual(await opened(page.keys));
    expect(own).toHaveLength(page.count);
    expect([own[0], own.at(-1)]).toEqual([page.low, page.high]);
    keys.push(...own);
  }
  expect([...keys].sort()).toEqual([...expected].sort());
  const numbers = ['ints', 'smalls', 'wholes'].includes(table);
  expect(keys).toEqual(
    [...keys].sort((a, b) =>
      numbers ? (BigInt(a) < BigInt(b) ? -1 : 1) : Buffer.compare(Buffer.from(a), Buffer.from(b)),
    ),
  );

  const listed: string[] = [];
  for (let after: string | undefined; ; ) {
    const page = await connector.items([alice], table, { after, limit: 4 });
    listed.push(...page.items.map(i => i.key));
    if (page.next === null) break;
    after = page.next;
  }
  expect(listed).toEqual(keys);

  // One row is stolen, the others are asked for by the very literals of the pages.
  const stolen = keys[keys.length >> 1];
  if (stolen !== undefined)
    await bench.db.query(
      `UPDATE ${table} SET owner_id = 3 WHERE ${columns.length === 1 ? keyText : `replace(${keyText}, ' ', '')`} = $1`,
      [columns.length === 1 ? stolen : stolen.replaceAll(' ', '')],
    );
  const exceptions: string[] = [];
  let moved = 0;
  for (const page of pages) {
    const effect = await changed(connector, {
      kind: 'batch',
      category: table,
      do: 'transfer',
      accounts: [alice],
      keys: page.keys,
      count: page.count,
      takers: ['2'],
      assignment: null,
    });
    moved += effect.changed;
    exceptions.push(...effect.exceptions.map(e => `${e.kind} ${e.key}`));
  }
  expect(exceptions).toEqual(stolen === undefined ? [] : [`taken ${stolen}`]);
  expect(moved).toBe(Math.max(0, keys.length - 1));
  expect((await connector.inventory([alice], [table]))[0]).toMatchObject({
    count: 0,
    fingerprint: '0',
    complete: true,
  });
}

const bigint64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const safeText = fc.string({ unit: 'binary', maxLength: 20 }).map(s => s.replaceAll('\0', ''));
const oddText = fc.oneof(
  fc.constantFrom(
    '',
    'NULL',
    'null',
    '{}',
    '{a,b}',
    'a,b',
    '"',
    '\\',
    '\\"',
    "'",
    ' ',
    '\t',
    '\n',
    '\u001f',
    '\u007f',
    'ä',
    'ẞ',
    '漢字',
    '👩‍👩‍👧',
    '\u202e',
    '%',
    '_',
    '["1","2"]',
    'Z',
    'a',
    'é',
    'e\u0301',
  ),
  safeText.filter(s => Buffer.from(s, 'utf8').toString('utf8') === s),
);
const distinct = <T>(value: fc.Arbitrary<T>) =>
  fc.uniqueArray(
    value.map(v => String(v)),
    { maxLength: 16 },
  );
const runs = { numRuns: 12 };

describe('any key makes the whole way under one text: counted, paged in order, listed, moved, named', () => {
  test('integers, also beyond 2^53', () =>
    fc.assert(
      fc.asyncProperty(
        distinct(fc.oneof(bigint64, fc.constantFrom(2n ** 53n, 2n ** 53n + 1n, -(2n ** 63n)))),
        keys =>
          wholeWay(
            'ints',
            keys.map(k => [k]),
            ['k'],
          ),
      ),
      runs,
    ));

  test('small integers', () =>
    fc.assert(
      fc.asyncProperty(distinct(fc.integer({ min: -32768, max: 32767 })), keys =>
        wholeWay(
          'smalls',
          keys.map(k => [k]),
          ['k'],
        ),
      ),
      runs,
    ));

  test('whole numbers of any length', () =>
    fc.assert(
      fc.asyncProperty(distinct(fc.bigInt({ min: -(10n ** 29n), max: 10n ** 29n })), keys =>
        wholeWay(
          'wholes',
          keys.map(k => [k]),
          ['k'],
        ),
      ),
      runs,
    ));

  test('decimals', () =>
    fc.assert(
      fc.asyncProperty(distinct(fc.tuple(fc.integer(), fc.nat(999)).map(([a, b]) => `${a}.${b}`)), keys =>
        wholeWay(
          'decimals',
          keys.map(k => [k]),
          ['k'],
        ),
      ),
      runs,
    ));

  test('any text', () =>
    fc.assert(
      fc.asyncProperty(distinct(oddText), keys =>
        wholeWay(
          'texts',
          keys.map(k => [k]),
          ['k'],
        ),
      ),
      { numRuns: 40 },
    ));

  test('uuids', () =>
    fc.assert(
      fc.asyncProperty(distinct(fc.uuid()), keys =>
        wholeWay(
          'uuids',
          keys.map(k => [k]),
          ['k'],
        ),
      ),
      runs,
    ));

  test('moments', () =>
    fc.assert(
      fc.asyncProperty(
        distinct(
          fc
            .date({ min: new Date('1900-01-01'), max: new Date('2200-01-01'), noInvalidDate: true })
            .map(d => d.toISOString()),
        ),
        keys =>
          wholeWay(
            'stamps',
            keys.map(k => [k]),
            ['k'],
          ),
      ),
      runs,
    ));

  test('words of an enumeration, some of them like syntax', () =>
    wholeWay('moods', [['sad'], ['NULL'], ['null'], ['so, so'], ['"quoted"']], ['k']));

  test('types of an extension, whose operators are in another schema', () =>
    wholeWay('folded', [['Alpha'], ['beta'], ['GAMMA'], ['d,e']], ['k']));

  test('domains', () => wholeWay('limited', [['a'], ['b'], ['c, d'], ['NULL']], ['k']));

  test('several columns of mixed types', () =>
    fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.tuple(bigint64.map(String), oddText, fc.uuid()), {
          maxLength: 12,
          selector: t => t.join('|'),
        }),
        keys => wholeWay('pairs', keys, ['a', 'b', 'c']),
      ),
      { numRuns: 25 },
    ));
});

describe('lists for human eyes', () => {
  test('search finds label and key as plain text, with its wildcards taken literally', async () => {
    await bench.db.query(
      `TRUNCATE texts; INSERT INTO texts VALUES ('a1', 1, '100 % sure'), ('a2', 1, '100 apples'), ('b_3', 1, NULL), ('bx3', 1, 'Ärger'), ('c', 2, '100 %')`,
    );
    const found = async (search: string) =>
      (await connector.search([alice], 'texts', search, { limit: 10 })).items.map(i => i.key);
    expect(await found('100 %')).toEqual(['a1']);
    expect(await found('B_3')).toEqual(['b_3']);
    expect(await found("' OR true --")).toEqual([]);
    expect(await found('a')).toEqual(['a1', 'a2']);
    expect((await connector.items([alice], 'texts', { limit: 2 })).next).toBe('a2');
    expect(await connector.items([alice], 'texts', { after: 'a2', limit: 2 })).toMatchObject({
      items: [{ key: 'b_3' }, { key: 'bx3' }],
      next: null,
    });
  });
});
