// What an undo must keep of a batch never lies in memory whole: a batch is bounded by bytes as well as by keys.

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { keysOf, listOf } from '../../connectors/keys.js';
import type { Batch, Done } from '../../domain/effect.js';
import {
  ALICE,
  account,
  type Bench,
  batchOf,
  createBench,
  PEOPLE_YAML,
  type WholeConnector,
  witness,
} from './fixture.js';

const YAML = `${PEOPLE_YAML.replace('statement_timeout: 5s', 'statement_timeout: 30s')}
categories:
  papers: { title: Papers, do: remove, table: public.papers, key: [id], owner: { column: owner_id } }
  binders:
    title: Binders
    do: remove
    table: public.binders
    key: [id]
    owner: { column: owner_id }
    with: [{ table: public.sheets, join: { binder_id: id } }]
`;
const MIB = 1024 * 1024;
const alice = account(ALICE);
let bench: Bench;
let connector: WholeConnector;

beforeAll(async () => {
  bench = await createBench(
    'wide',
    `CREATE TABLE papers (id bigint PRIMARY KEY, owner_id bigint, body text);
     CREATE TABLE binders (id bigint PRIMARY KEY, owner_id bigint);
     CREATE TABLE sheets (id bigint PRIMARY KEY, binder_id bigint REFERENCES binders, body text)`,
  );
});
afterAll(() => bench.drop());
beforeEach(async () => {
  await bench.db.query('TRUNCATE papers, binders, sheets');
  // What the rows are like is remembered, and every test has others.
  connector = bench.connector(YAML);
});

/** Papers from `from` to `to` with bodies of so many bytes. */
async function papers(from: number, to: number, bytes: number): Promise<void> {
  await bench.db.query(
    `INSERT INTO papers SELECT n, 1, repeat(chr(65 + (n % 26)::int), $3) FROM generate_series($1::int, $2::int) AS n`,
    [from, to, bytes],
  );
}

/** Does the batch part by part, as the engine does. */
async function inParts(whole: Batch): Promise<Done[]> {
  const parts: Done[] = [];
  let keys = listOf(whole.keys);
  while (keys.length > 0) {
    const done = await connector.apply({ ...whole, keys: keysOf(keys), count: keys.length }, witness());
    expect(done.took).toBeGreaterThan(0);
    parts.push(done);
    keys = keys.slice(done.took);
  }
  return parts;
}

const sum = (numbers: number[]): number => numbers.reduce((all, one) => all + one, 0);
const bytesOf = ({ before }: Done): number => JSON.stringify(before).length;

test('wide rows go in parts, each with few of them, and every row is kept', async () => {
  await papers(1, 2_000, 10_000);
  const parts = await inParts(await batchOf(connector, alice, 'papers', { do: 'remove', takers: [] }));
  expect(Math.max(...parts.map(bytesOf))).toBeLessThan(5 * MIB);
  expect(sum(parts.map(part => part.effect.changed))).toBe(2_000);
  expect(sum(parts.map(part => part.before.length))).toBe(2_000);
  // What the rows are like is known after the first part.
  expect(parts.length).toBeLessThan(12);
});

test('narrow rows go all at once', async () => {
  await papers(1, 2_000, 100);
  const parts = await inParts(await batchOf(connector, alice, 'papers', { do: 'remove', takers: [] }));
  expect(parts).toHaveLength(1);
});

test('one that is too large is left with a sentence, and the others go', async () => {
  await papers(1, 300, 1_000);
  await papers(301, 301, 50 * MIB);
  await papers(302, 600, 1_000);
  const parts = await inParts(await batchOf(connector, alice, 'papers', { do: 'remove', takers: [] }));
  expect(parts.flatMap(part => part.effect.exceptions)).toEqual([
    {
      key: '301',
      kind: 'failed',
      why: 'what an undo must keep of it is larger than 16 MiB (50 MiB): do it by hand',
    },
  ]);
  expect(sum(parts.map(part => part.effect.changed))).toBe(599);
  expect((await bench.db.query('SELECT id FROM papers')).rows).toEqual([{ id: '301' }]);
});

test('what goes along with an item counts as well', async () => {
  await bench.db.query(
    `INSERT INTO binders SELECT n, 1 FROM generate_series(1, 40) AS n;
     INSERT INTO sheets SELECT n, 1 + n % 40, repeat('x', 20000) FROM generate_series(1, 2000) AS n`,
  );
  const parts = await inParts(await batchOf(connector, alice, 'binders', { do: 'remove', takers: [] }));
  expect(Math.max(...parts.map(bytesOf))).toBeLessThan(5 * MIB);
  expect(sum(parts.map(part => part.effect.changed))).toBe(40);
  expect(sum(parts.map(part => part.before.length))).toBe(2_040);
});

test('an item that the database refuses stands alone, however wide its neighbours are', async () => {
  await papers(1, 1_000, 10_000);
  await bench.db.query(
    `CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       IF OLD.id = 77 THEN RAISE EXCEPTION 'no'; END IF; RETURN OLD; END $$;
     CREATE TRIGGER no BEFORE DELETE ON papers FOR EACH ROW EXECUTE FUNCTION no()`,
  );
  try {
    const parts = await inParts(await batchOf(connector, alice, 'papers', { do: 'remove', takers: [] }));
    expect(Math.max(...parts.map(bytesOf))).toBeLessThan(5 * MIB);
    expect(sum(parts.map(part => part.effect.changed))).toBe(999);
    expect(parts.flatMap(part => part.effect.exceptions.map(one => one.key))).toEqual(['77']);
  } finally {
    await bench.db.query('DROP FUNCTION no CASCADE');
  }
});

test('what takes longer than a statement may is done in smaller parts', async () => {
  await papers(1, 200, 10);
  await bench.db.query(
    `CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.01); RETURN old; END $$;
     CREATE TRIGGER slow BEFORE DELETE ON papers FOR EACH ROW EXECUTE FUNCTION slow()`,
  );
  try {
    const impatient = (timeout: string) =>
      bench.connector(YAML.replace('statement_timeout: 30s', `statement_timeout: ${timeout}`));
    connector = impatient('1s');
    const parts = await inParts(await batchOf(connector, alice, 'papers', { do: 'remove', takers: [] }));
    expect(Math.max(...parts.map(({ took }) => took))).toBeLessThanOrEqual(50);
    expect(sum(parts.map(part => part.effect.changed))).toBe(200);

    // Of one alone nothing is smaller: it is said, and nothing is changed.
    await papers(1, 1, 10);
    await bench.db.query(`CREATE OR REPLACE FUNCTION slow() RETURNS trigger
      LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(2); RETURN old; END $$`);
    connector = impatient('1s');
    const one = await batchOf(connector, alice, 'papers', { do: 'remove', takers: [] });
    await expect(connector.apply(one, witness())).rejects.toThrow('it took longer than statement_timeout');
  } finally {
    await bench.db.query('DROP TRIGGER slow ON papers; DROP FUNCTION slow()');
  }
});
