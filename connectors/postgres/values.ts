/**
 * Every value that a catalog would write, tried beforehand: against the column's type as PostgreSQL assigns to
 * it, its domain, and what the table's constraints say. Nothing is written for that, so that no trigger and no
 * sequence notices: PostgreSQL plans an UPDATE that it never runs, and evaluates a constraint over a row that
 * it never stores.
 */
import type { KeyPath } from '../catalog/loaded.js';
import { didYouMean } from '../catalog/nearest.js';
import type { Binder, SetColumn } from './binding.js';
import { setColumnSql } from './columns.js';
import { databaseSays, sqlState } from './failures.js';
import type { LiveColumn, LiveTable } from './live.js';
import { aliasOf, Placeholders, quote, quoteTable } from './names.js';
import { switchesOf } from './rules.js';
import type { Transaction } from './session.js';

/** Values that are written together. */
interface Trial {
  path: KeyPath;
  table: LiveTable;
  sets: SetColumn[];
  /** The path of one value, where it is not the column's name below `path`. */
  at?: KeyPath;
  /** May several rows end up with them? A queue that may only be in one row is no queue. */
  many: boolean;
}

/** Rows over which a constraint is tried where it speaks of other columns as well. */
const SAMPLE = 100;

export async function checkValues(tx: Transaction, binder: Binder): Promise<void> {
  const constraints = new Map<string, Constraint[]>();
  for (const trial of trialsOf(binder)) {
    const { table, path, sets } = trial;
    let fine = true;
    for (const set of sets) {
      const says = await tryValue(tx, table, set);
      if (!says) continue;
      fine = false;
      binder.report(trial.at ?? [...path, set.column.name], says);
    }
    if (!fine || sets.length === 0) continue;
    if (!constraints.has(table.oid)) constraints.set(table.oid, await constraintsOf(tx, table));
    for (const one of constraints.get(table.oid)!) {
      const says = await tryConstraint(tx, table, sets, one);
      if (says) binder.report(trial.at ?? path, says);
    }
    const only = trial.many ? onlyOnce(table, sets) : null;
    if (only) binder.report(path, only);
  }
}

function trialsOf(binder: Binder): Trial[] {
  const { catalog, schema } = binder;
  const trials: Trial[] = [];
  const add = (name: string, values: Record<string, unknown>, path: KeyPath, many = true): void => {
    const table = schema.tables.get(name);
    if (table?.kind !== 'table') return;
    const sets = Object.entries(values).flatMap(([column, value]) => {
      const found = table.columns.get(column);
      // What cannot be written at all, or only by the database, has been said.
      const said = !found || found.generated || !found.mayUpdate || value === '$user';
      return said ? [] : [{ column: found, value: value as SetColumn['value'] }];
    });
    trials.push({ path, table, sets, many });
  };
  for (const [name, spec] of Object.entries(catalog.categories)) {
    const at = (...keys: (string | number)[]): KeyPath => ['categories', name, ...keys];
    const { table, owner } = spec;
    add(table, spec.touch, at('touch'), false);
    if (spec.set) add(table, spec.set, at('set'));
    const column = schema.tables.get(table)?.columns.get(owner.column);
    const alone = (value: unknown, path: KeyPath): void => {
      add(table, { [owner.column]: value }, path, false);
      const trial = trials.at(-1);
      if (trial) trial.at = path;
    };
    const whole = column?.kind === 'integer' || column?.kind === 'whole-number';
    for (const [queue, value] of Object.entries(spec.queues))
      if (column && !(whole && !/^-?\d+$/.test(String(value)))) alone(value, at('queues', queue));
    if (spec.unassigned && column && !column.notNull) alone('$null', at('unassigned'));
    if (spec.do === 'clear' && !spec.set && column && !column.notNull) alone('$null', at('do'));
  }
  for (const [verb, spec] of switchesOf(catalog)) {
    add(catalog.people.table, spec.set, [verb, 'set']);
    for (const [i, one] of spec.also_set.entries()) add(one.table, one.set, [verb, 'also_set', i, 'set']);
    for (const [i, one] of spec.also_insert.entries())
      add(one.table, one.values, [verb, 'also_insert', i, 'values'], false);
  }
  return trials;
}

/** Null where the column takes the value. */
async function tryValue(tx: Transaction, table: LiveTable, set: SetColumn): Promise<string | null> {
  const { column, value } = set;
  const where = `${table.name}.${column.name}`;
  if (value === '$null' && column.notNull) return `${where} is NOT NULL: something must be written there`;
  const bind = new Placeholders();
  const refused =
    (await refusal(
      tx,
      `EXPLAIN UPDATE ${quoteTable(table.name)} AS ${aliasOf(table.name)} SET ${setColumnSql(set, bind)} WHERE false`,
      bind.values,
    )) ?? (await inItsDomain(tx, set));
  if (!refused) return null;
  const labels = await labelsOf(tx, table, column);
  const allowed =
    labels.length > 0 ? `${didYouMean(String(value), labels)}; its values are ${labels.join(', ')}` : '';
  return `${JSON.stringify(value)} cannot be written to ${where}, which is of type ${column.shownType}${allowed} (${refused})`;
}

function inItsDomain(tx: Transaction, set: SetColumn): Promise<string | null> {
  const bind = new Placeholders();
  return refusal(tx, `SELECT ${valueSql(set, bind)}`, bind.values);
}

/** The value as the column would have it. */
function valueSql({ column, value }: SetColumn, bind: Placeholders): string {
  const one = value === '$now' ? 'now()' : value === '$null' ? 'NULL' : bind.add(String(value), column.type);
  return `(${one})::${column.shownType}`;
}

async function labelsOf(tx: Transaction, table: LiveTable, column: LiveColumn): Promise<string[]> {
  const rows = await tx.query<{ label: string }>(
    `SELECT e.enumlabel AS label FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_enum e ON e.enumtypid = a.atttypid
      WHERE a.attrelid = $1::oid AND a.attnum = $2::int2 ORDER BY e.enumsortorder`,
    [table.oid, column.number],
  );
  return rows.map(row => row.label);
}

interface Constraint {
  [column: string]: unknown;
  name: string;
  /** What must not be false; null for a foreign key. */
  must: string | null;
  columns: string[];
  /** Of a foreign key: the table it refers to, and its columns there. */
  table: string | null;
  there: string[] | null;
}

function constraintsOf(tx: Transaction, { oid }: LiveTable): Promise<Constraint[]> {
  const names = (table: string, numbers: string) =>
    `(SELECT json_agg(a.attname ORDER BY k.at) FROM unnest(${numbers}) WITH ORDINALITY AS k(n, at)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = ${table} AND a.attnum = k.n)`;
  return tx.query<Constraint>(
    `SELECT c.conname AS name, pg_catalog.pg_get_expr(c.conbin, c.conrelid) AS must,
            coalesce(${names('c.conrelid', 'c.conkey')}, '[]') AS columns,
            (SELECT n.nspname || '.' || r.relname FROM pg_catalog.pg_class r
               JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace WHERE r.oid = c.confrelid) AS table,
            ${names('c.confrelid', 'c.confkey')} AS there
       FROM pg_catalog.pg_constraint c WHERE c.conrelid = $1::oid AND c.contype IN ('c', 'f') ORDER BY c.conname`,
    [oid],
  );
}

async function tryConstraint(
  tx: Transaction,
  table: LiveTable,
  sets: readonly SetColumn[],
  one: Constraint,
): Promise<string | null> {
  const written = new Map(sets.map(set => [set.column.name, set]));
  if (!one.columns.some(name => written.has(name))) return null;
  const bind = new Placeholders();
  if (one.must === null) return one.there ? missingRow(tx, written, one as Referring, bind) : null;
  const alias = aliasOf(table.name);
  const columns = one.columns.map(name => {
    const set = written.get(name);
    return `${set ? valueSql(set, bind) : `${alias}.${quote(name)}`} AS ${quote(name)}`;
  });
  const alone = one.columns.every(name => written.has(name));
  const from = alone ? '' : ` FROM ${quoteTable(table.name)} AS ${alias} LIMIT ${SAMPLE}`;
  const [row] =
    (await answered<{ rows: number; refused: number }>(
      tx,
      `SELECT count(*)::int AS rows, (count(*) FILTER (WHERE (${one.must}) IS FALSE))::int AS refused
         FROM (SELECT ${columns.join(', ')}${from}) AS ho_row`,
      bind.values,
    )) ?? [];
  if (!row || row.rows === 0 || row.refused < row.rows) return null;
  return `the constraint ${one.name} of ${table.name} refuses that: ${one.must}`;
}

type Referring = Constraint & { table: string; there: string[] };

/** A value that refers to a row which is not there. */
async function missingRow(
  tx: Transaction,
  written: ReadonlyMap<string, SetColumn>,
  one: Referring,
  bind: Placeholders,
): Promise<string | null> {
  const sets = one.columns.map(name => written.get(name));
  if (sets.some(set => !set || set.value === '$null' || set.value === '$now')) return null;
  const same = one.there.map((name, n) => `ho_there.${quote(name)} = ${valueSql(sets[n]!, bind)}`);
  const [row] =
    (await answered<{ found: boolean }>(
      tx,
      `SELECT EXISTS (SELECT FROM ${quoteTable(one.table)} AS ho_there WHERE ${same.join(' AND ')}) AS found`,
      bind.values,
    )) ?? [];
  if (!row || row.found) return null;
  const values = sets.map(set => JSON.stringify(set!.value)).join(', ');
  return `there is no row ${values} in ${one.table} (${one.there.join(', ')}), which ${one.name} asks for`;
}

/** A constant in a column that may hold it once. */
function onlyOnce(table: LiveTable, sets: readonly SetColumn[]): string | null {
  const constant = sets.filter(({ value }) => value !== '$null' && value !== '$now');
  const names = constant.map(({ column }) => column.name);
  const index = table.unique.find(
    one => one.where === null && one.columns.every(name => names.includes(name)),
  );
  return index
    ? `${index.columns.join(', ')} of ${table.name} is unique: only one row can have this, and the second would be refused`
    : null;
}

/** What PostgreSQL says against a statement; a right that is missing is said elsewhere. */
async function refusal(tx: Transaction, text: string, values: unknown[]): Promise<string | null> {
  const answer = await attempted(tx, text, values);
  return answer.refused === null || answer.state === '42501' ? null : answer.refused;
}

/** Its rows; null where it cannot be asked. */
async function answered<R>(tx: Transaction, text: string, values: unknown[]): Promise<R[] | null> {
  const answer = await attempted(tx, text, values);
  return answer.refused === null ? (answer.rows as R[]) : null;
}

async function attempted(
  tx: Transaction,
  text: string,
  values: unknown[],
): Promise<{ rows: unknown[]; refused: null } | { refused: string; state: string }> {
  try {
    return { rows: await tx.query(text, values), refused: null };
  } catch (error) {
    const state = sqlState(error);
    if (state === null) throw error;
    await tx.recover();
    return { refused: databaseSays(error), state };
  }
}
