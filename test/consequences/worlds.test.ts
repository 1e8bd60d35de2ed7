/**
 * Generated schemas, each under a seed that is printed and repeats it:
 *
 *   HANDOVER_WORLD_SEED=4711 npx vitest run test/consequences      exactly this one
 *   HANDOVER_WORLDS=500 npx vitest run test/consequences           so many new ones (default: 20)
 *
 * What is foreseen is what the model says; what the catalog does not allow is not done; and what is done is,
 * row by row, what was foreseen, and told.
 */
import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Foreseen } from '../../connectors/connector.js';
import { HandoverFailure } from '../../domain/failure.js';
import {
  ALICE,
  account,
  type Bench,
  BOB,
  batchOf,
  createBench,
  PEOPLE_YAML,
  witness,
} from '../connectors/fixture.js';
import { dice } from '../faults/dice.js';
import { type DrawnSchema, drawSchema } from './draw.js';
import { outcomeOf, said } from './truth.js';

const given = process.env.HANDOVER_WORLD_SEED;
const seeds = given
  ? [Number(given)]
  : Array.from({ length: Number(process.env.HANDOVER_WORLDS ?? 20) }, () => randomInt(1, 2 ** 31));

let bench: Bench;
beforeAll(async () => {
  bench = await createBench('worlds', '; create extension citext');
});
afterAll(() => bench.drop());

async function rowsNow({ tables }: DrawnSchema): Promise<string[]> {
  const found: string[] = [];
  for (const [table, { name, refs }] of tables.entries()) {
    const columns = ['id', ...(table === 0 ? ['owner'] : []), ...refs.map(one => one.column)];
    const { rows } = await bench.db.query(
      `select ${columns.map(one => `${one}::text as ${one}`).join(', ')} from app.${name}`,
    );
    for (const row of rows)
      found.push(
        said({ table, id: row.id, owner: row.owner ?? null, refs: refs.map(one => row[one.column]) }),
      );
  }
  return found.sort();
}

const alice = account(ALICE);
const of = (
  found: readonly { table: string; does: string; count: number | null; by?: string }[],
  does: string,
) => Object.fromEntries(found.filter(one => one.does === does).map(({ table, count }) => [table, count]));

test.each(seeds)(
  'HANDOVER_WORLD_SEED=%i: what is foreseen is what happens, and nothing else does',
  async seed => {
    const drawn = drawSchema(dice(seed));
    await bench.db.query(drawn.sql);
    const truth = outcomeOf(drawn);
    const before = await rowsNow(drawn);
    const connectorWith = (cascades: string) =>
      bench.connector(`${PEOPLE_YAML}categories:\n  ${drawn.categories}${cascades} }\n`);
    const strict = connectorWith('');
    expect(await strict.check(), drawn.words).toEqual([]);
    const work: Foreseen = {
      kind: 'batch',
      category: 't0',
      do: drawn.does === 'merge' ? 'transfer' : 'remove',
      takers: drawn.does === 'merge' ? [BOB] : [],
    };
    const [{ besides, unknown } = { besides: [], unknown: null }] = await strict.foresee([alice], [work]);
    const byRule = besides.filter(one => one.by === 'rule');
    const open = byRule.some(one => one.more);
    const isRefused = Object.keys(truth.refused).length > 0 || truth.undecided;
    // What is refused is tried item by item, and then one item may go with another.
    if (!open && (!isRefused || drawn.tables.every(one => one.trigger === null))) {
      expect(of(byRule, 'delete'), drawn.words).toEqual(truth.deleted);
      expect(of(byRule, 'change'), drawn.words).toEqual(truth.changed);
    }
    if (!open) expect(of(byRule, 'refuse'), drawn.words).toEqual(truth.refused);
    const merges = besides.filter(one => one.by === 'merge').map(one => one.count);
    expect(merges, drawn.words).toEqual(
      drawn.does === 'merge' && truth.removed.length > 0 ? [truth.removed.length] : [],
    );
    const side = {
      wiped: of(besides, 'delete')['app.side'] ?? 0,
      marked: of(besides, 'change')['app.side'] ?? 0,
    };
    if (!isRefused && unknown === null)
      expect(side, drawn.words).toEqual({ wiped: truth.wiped, marked: truth.marked });
    expect(await rowsNow(drawn), drawn.words).toEqual(before);

    // Without the catalog's word nothing of it is done.
    const batch = await batchOf(strict, alice, 't0', { do: work.do, takers: [...work.takers] });
    const does =
      Object.keys({ ...truth.deleted, ...truth.changed }).length > 0 || truth.wiped + truth.marked > 0;
    const first = await strict.apply(batch, witness()).catch((error: unknown) => error);
    if (does && !isRefused) {
      expect(first, drawn.words).toBeInstanceOf(HandoverFailure);
      expect(await rowsNow(drawn), drawn.words).toEqual(before);
    }
    // With it, all of it is, and told as it was.
    if (!isRefused && first instanceof HandoverFailure) {
      const all = [...drawn.tables.map(one => `app.${one.name}`), 'app.side'].flatMap(table => [
        `{ table: ${table}, does: delete }`,
        `{ table: ${table}, does: change }`,
      ]);
      const { effect } = await connectorWith(`, cascades: [${all.join(', ')}]`).apply(batch, witness());
      const told = effect.elsewhere ?? [];
      const told_ = { ...of(told, 'delete') };
      const { 'app.side': wiped = 0, ...deleted } = told_;
      expect({ deleted, wiped }, drawn.words).toEqual({ deleted: truth.deleted, wiped: truth.wiped });
      for (const [table, count] of Object.entries(truth.changed))
        expect(of(told, 'change')[table] ?? 0, drawn.words).toBeGreaterThanOrEqual(count);
      for (const [table, count] of Object.entries(of(told, 'change')))
        if (table !== 'app.side') expect(count!, drawn.words).toBeLessThanOrEqual(truth.written[table] ?? 0);
    }
    if (!isRefused) expect(await rowsNow(drawn), drawn.words).toEqual(truth.left);
    console.log(`HANDOVER_WORLD_SEED=${seed}: ${drawn.words}`);
  },
);
