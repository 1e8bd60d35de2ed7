/**
 * What switches an account beside the row of the person: rows of other tables that are changed, inserted (a
 * group of those who are off) or deleted in the same transaction, and put back as they were.
 */
import { valuesOf } from '../../domain/accounts.js';
import type { AccessVerb } from '../../domain/effect.js';
import { HandoverFailure } from '../../domain/failure.js';
import type { Account, ItemException } from '../../domain/model.js';
import type { KeyPath } from '../catalog/loaded.js';
import { keyOf } from './accounts.js';
import { andWhen, type SetColumn } from './binding.js';
import type { SwitchSpec } from './catalog.js';
import { imageOf, setColumnSql } from './columns.js';
import type { LiveColumn, LiveTable } from './live.js';
import { aliasOf, Placeholders, quote, quoteTable } from './names.js';
import type { Transaction } from './session.js';
import type { BoundCatalog, Target } from './target.js';

type Row = Record<string, string | null>;

/** A row beside the person's, as before-images have it. */
export type RowImage =
  /** What it was in the columns that were set, and what they are now; `at` names the row. */
  | { table: string; also: 'set'; at: Row; row: Row; wrote: Row }
  | { table: string; also: 'insert'; wrote: Row }
  | { table: string; also: 'delete'; row: Row };

export const isRowImage = (image: unknown): image is RowImage =>
  typeof image === 'object' && image !== null && 'also' in image;

/** Changes, inserts and deletes as the verb says; `before` gets what is needed to put it back. */
export async function changeRows(
  target: Target,
  tx: Transaction,
  binding: BoundCatalog,
  account: Account,
  verb: AccessVerb,
  spec: SwitchSpec,
  before: unknown[],
): Promise<void> {
  const look = new Look(target, binding, verb);
  for (const [i, entry] of spec.also_set.entries()) {
    const ids = valuesOf([account], entry.identity);
    const path = [verb, 'also_set', i];
    const table = look.table(entry.table, path);
    const person = look.column(table, entry.column, path);
    const sets = look.assignments(table, entry.set, [...path, 'set']);
    if (ids.length > 0) before.push(...(await setRows(tx, table, person, ids, entry.when, sets)));
  }
  for (const [i, { table: name, values }] of spec.also_insert.entries()) {
    const path = [verb, 'also_insert', i];
    const table = look.table(name, path);
    const written = look.assignments(table, values, [...path, 'values']);
    before.push(...(await insertRow(tx, table, written, keyOf(account)!)));
  }
  for (const [i, entry] of spec.also_delete.entries()) {
    const ids = valuesOf([account], entry.identity);
    if (ids.length === 0) continue;
    const path = [verb, 'also_delete', i];
    const table = look.table(entry.table, path);
    const person = look.column(table, entry.column, path);
    before.push(...(await deleteRows(tx, table, person, ids, entry)));
  }
}

/** Looks names up, and says with file and line what the database has no more. */
class Look {
  constructor(
    private readonly target: Target,
    private readonly binding: BoundCatalog,
    private readonly verb: AccessVerb,
  ) {}

  table(name: string, path: KeyPath): LiveTable {
    return this.binding.binder.table(name, [...path, 'table']) ?? this.#gone(path, name);
  }

  column(table: LiveTable, name: string, path: KeyPath): LiveColumn {
    return table.columns.get(name) ?? this.#gone(path, `${table.name}.${name}`);
  }

  assignments(table: LiveTable, values: SwitchSpec['set'], path: KeyPath): SetColumn[] {
    return Object.entries(values).map(([name, value]) => ({ column: this.column(table, name, path), value }));
  }

  #gone(path: KeyPath, what: string): never {
    const where = this.target.file.where(path);
    throw new HandoverFailure(
      'configuration',
      `${this.target.system}: ${this.verb}: ${where}: ${what} does not exist any more`,
    );
  }
}

const isTheirs = (alias: string, { name, type, equals }: LiveColumn, when: string | undefined): string =>
  `${alias}.${quote(name)} ${equals} ANY ($1::text[]::${type}[])${andWhen(when)}`;

/** Rows that say so already are left as they are. */
async function setRows(
  tx: Transaction,
  table: LiveTable,
  person: LiveColumn,
  ids: readonly string[],
  when: string | undefined,
  sets: readonly SetColumn[],
): Promise<RowImage[]> {
  const alias = aliasOf(table.name);
  const bind = new Placeholders();
  bind.add(ids, 'text[]');
  const columns = sets.map(({ column }) => column);
  const differs = sets
    .filter(({ value }) => value !== '$now')
    .map(({ column, value }) => {
      const wanted = value === '$null' ? 'NULL' : bind.add(String(value), column.type);
      return `${alias}.${quote(column.name)}::text IS DISTINCT FROM (${wanted})::text`;
    });
  const rows = await tx.query<{ at: Row; row: Row; wrote: Row }>(
    `WITH ho_before AS (
       SELECT ${alias}.ctid AS ho_ctid, ${alias}.tableoid AS ho_oid, ${imageOf({ alias, image: keyOfTable(table, person) })} AS ho_at,
              ${imageOf({ alias, image: columns })} AS ho_row
         FROM ${quoteTable(table.name)} AS ${alias}
        WHERE ${isTheirs(alias, person, when)}${differs.length > 0 ? ` AND (${differs.join(' OR ')})` : ''} FOR UPDATE)
     UPDATE ${quoteTable(table.name)} AS ${alias} SET ${sets.map(one => setColumnSql(one, bind)).join(', ')}
       FROM ho_before WHERE ${alias}.ctid = ho_before.ho_ctid AND ${alias}.tableoid = ho_before.ho_oid
     RETURNING ho_before.ho_at AS at, ho_before.ho_row AS row, ${imageOf({ alias, image: columns })} AS wrote`,
    bind.values,
  );
  return rows.map(row => ({ table: table.name, also: 'set', ...row }));
}

/** The columns that name a row: those of its first key, or whose it is where it has none. */
function keyOfTable(table: LiveTable, person: LiveColumn): LiveColumn[] {
  const key = table.unique.find(
    ({ columns, where }) => where === null && columns.every(name => table.columns.get(name)!.notNull),
  );
  return key ? key.columns.map(name => table.columns.get(name)!) : [person];
}

async function insertRow(
  tx: Transaction,
  table: LiveTable,
  written: readonly SetColumn[],
  user: string,
): Promise<RowImage[]> {
  const alias = aliasOf(table.name);
  const bind = new Placeholders();
  const own = written.map(one => (one.value === '$user' ? { ...one, value: user } : one));
  const sqlOf = ({ column, value }: SetColumn): string => {
    if (value === '$now') return 'now()';
    return value === '$null' ? `NULL::${column.type}` : bind.add(String(value), column.type);
  };
  const values = own.map(sqlOf);
  const there = own.flatMap(({ column, value }, n) =>
    value === '$now'
      ? []
      : [`${alias}.${quote(column.name)}::text IS NOT DISTINCT FROM (${values[n]})::text`],
  );
  const rows = await tx.query<{ wrote: Row }>(
    `INSERT INTO ${quoteTable(table.name)} AS ${alias} (${own.map(({ column }) => quote(column.name)).join(', ')})
     SELECT ${values.join(', ')}
      WHERE NOT EXISTS (SELECT FROM ${quoteTable(table.name)} AS ${alias} WHERE ${there.join(' AND ')})
     RETURNING ${imageOf({ alias, image: own.map(({ column }) => column) })} AS wrote`,
    bind.values,
  );
  return rows.map(({ wrote }) => ({ table: table.name, also: 'insert', wrote }));
}

/** Sessions and the like hold secrets: their number is kept, their content is not. */
async function deleteRows(
  tx: Transaction,
  table: LiveTable,
  person: LiveColumn,
  ids: readonly string[],
  { when, kept }: SwitchSpec['also_delete'][number],
): Promise<unknown[]> {
  const alias = aliasOf(table.name);
  const image = [...table.columns.values()].filter(column => !column.generated);
  const rows = await tx.query<{ row: Row }>(
    `DELETE FROM ${quoteTable(table.name)} AS ${alias} WHERE ${isTheirs(alias, person, when)}
     RETURNING ${kept ? imageOf({ alias, image }) : 'NULL::jsonb'} AS row`,
    [ids],
  );
  if (kept) return rows.map(({ row }): RowImage => ({ table: table.name, also: 'delete', row }));
  return rows.length > 0 ? [{ table: table.name, key: null, deleted: rows.length }] : [];
}

/** Puts rows back, compare-and-set on what we wrote; says what somebody has changed since. */
export async function putRowsBack(
  tx: Transaction,
  binding: BoundCatalog,
  images: readonly RowImage[],
): Promise<{ back: number; exceptions: ItemException[] }> {
  let back = 0;
  const exceptions: ItemException[] = [];
  for (const image of images) {
    const table = binding.binder.schema.tables.get(image.table);
    const given = table ? await putBack(tx, table, image) : 0;
    back += given;
    if (given === 0)
      exceptions.push({
        key: image.table,
        kind: 'taken',
        why: 'a row that was changed with the account is no longer as it was left: somebody has changed it since',
      });
  }
  return { back, exceptions };
}

async function putBack(tx: Transaction, table: LiveTable, image: RowImage): Promise<number> {
  const bind = new Placeholders();
  const alias = aliasOf(table.name);
  const name = (column: string): string => `${alias}.${quote(column)}`;
  const is = (row: Row): string =>
    Object.entries(row)
      .map(([column, value]) => `${name(column)}::text IS NOT DISTINCT FROM ${bind.add(value, 'text')}`)
      .join(' AND ');
  const typed = (row: Row): [column: string, value: string][] =>
    Object.entries(row).map(([column, value]) => [
      quote(column),
      `${bind.add(value, 'text')}::${table.columns.get(column)?.type ?? 'text'}`,
    ]);
  const from = `${quoteTable(table.name)} AS ${alias}`;
  switch (image.also) {
    case 'set': {
      const sets = typed(image.row).map(([column, value]) => `${column} = ${value}`);
      const where = `${is(image.at)} AND ${is(image.wrote)}`;
      return tx.execute(`UPDATE ${from} SET ${sets.join(', ')} WHERE ${where}`, bind.values);
    }
    case 'insert':
      return tx.execute(`DELETE FROM ${from} WHERE ${is(image.wrote)}`, bind.values);
    case 'delete': {
      const columns = typed(image.row);
      return tx.execute(
        `INSERT INTO ${from} (${columns.map(([column]) => column).join(', ')}) OVERRIDING SYSTEM VALUE
         VALUES (${columns.map(([, value]) => value).join(', ')}) ON CONFLICT DO NOTHING`,
        bind.values,
      );
    }
  }
}
