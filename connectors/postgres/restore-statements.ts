/**
 * The SQL that gives items back, and the SQL that says why one was not. Both take items that were changed in
 * one way.
 */
import { linkColumns, mirrorParts } from './alongside.js';
import { type BoundCategory, type SetColumn, sameOwner } from './binding.js';
import { collides } from './collide.js';
import { setColumnSql } from './columns.js';
import type { Exclusive, LiveColumn } from './live.js';
import { Placeholders, quote } from './names.js';
import type { Statement } from './statements.js';

/** One item on its way back. */
export interface Return {
  key: string;
  how: 'moved' | 'overwritten' | 'deleted';
  /** Who has it by our hand, and who had it before. */
  taker: string | null;
  owner: string | null;
  /** The row as it was, column by column as text, and what we wrote where only the database knew it. */
  row: Record<string, string | null>;
  wrote: Record<string, string | null>;
  /** Tables of which rows went with it: their mirror is put back as it was, and not written once more. */
  followed: readonly string[];
}

/** Why an item was not given back. */
export type Left = 'gone' | 'changed' | 'in the way' | 'stays';

/** Answers with the keys of the items that were given back. */
export function putBack(c: BoundCategory, items: readonly Return[]): Statement {
  const lot = new Lot(c, items);
  const how = items[0]!.how;
  const work = how === 'deleted' ? insertAgain(c, lot) : update(c, lot, how);
  return { text: `${work} SELECT ho_key::text AS key FROM ho_back`, values: lot.bind.values };
}

function update(c: BoundCategory, lot: Lot, how: 'moved' | 'overwritten'): string {
  const { alias } = c;
  const sets =
    how === 'moved' ? [`${quote(c.owner.name)} = ${lot.owner}`] : lot.columns.map(a => lot.asItWas(a.column));
  const version = c.version
    ? [`${quote(c.version.name)} = coalesce(${alias}.${quote(c.version.name)}, 0) + 1`]
    : [];
  const touch = c.touch.map(t => setColumnSql(t, lot.bind));
  return `WITH ho_back AS (
       UPDATE ${c.from} SET ${[...sets, ...version, ...touch].join(', ')}
         FROM ${lot.rows}
        WHERE ${lot.joins(how)} AND ${lot.asWeLeftIt(how)} AND NOT ${lot.takenByWord(how)}
       RETURNING ho_batch.ho_key, ho_batch.ho_n${linkColumns(c)})${mirrors(c, lot, how)}`;
}

/** A mirror follows its row, where it still names whom we wrote. */
function mirrors(c: BoundCategory, lot: Lot, how: 'moved' | 'overwritten'): string {
  if (c.mirrors.length === 0) return '';
  const of = (array: string): string => `(${array})[ho_done.ho_n]`;
  return mirrorParts(
    c,
    { from: 'ho_back', rows: () => lot.rows },
    {
      from: how === 'moved' ? of(lot.takers) : 'NULL',
      taker: of(lot.owners),
      only: table => {
        const without = lot.items.filter(({ followed }) => followed.includes(table)).map(({ key }) => key);
        return without.length > 0
          ? `ho_done.ho_key <> ALL (${lot.bind.add(without, `${c.key.elementType}[]`)})`
          : null;
      },
    },
  );
}

function insertAgain(c: BoundCategory, lot: Lot): string {
  const columns = c.image.filter(column => Object.hasOwn(lot.items[0]!.row, column.name));
  const values = columns.map(column => `(${lot.images}[ho_at] ->> ${lot.name(column)})::${column.type}`);
  return `WITH ho_back AS (
       INSERT INTO ${c.from} (${columns.map(column => quote(column.name)).join(', ')}) OVERRIDING SYSTEM VALUE
       SELECT ${values.join(', ')} FROM generate_subscripts(${lot.images}, 1) AS ho_at
        WHERE NOT ${lot.takenByWord('deleted', 'ho_at')}
       ON CONFLICT DO NOTHING
       RETURNING ${c.key.element(c.alias)} AS ho_key)`;
}

/** Why items were not given back, one row each. */
export function leftAs(c: BoundCategory, items: readonly Return[]): Statement {
  const lot = new Lot(c, items);
  const { how } = items[0]!;
  const isThere = `${c.alias}.tableoid IS NOT NULL`;
  // Where the owner is part of the key, nobody can tell a row that is gone from one that somebody else has.
  const left =
    how === 'deleted'
      ? `CASE WHEN ${isThere} OR ${lot.another()} THEN 'in the way' ELSE 'stays' END`
      : `CASE WHEN ${isThere} THEN CASE WHEN (${lot.asWeLeftIt(how)}) IS NOT TRUE THEN 'changed'
                                        WHEN ${lot.takenByWord(how)} THEN 'in the way' ELSE 'stays' END
              ELSE '${how === 'moved' && lot.keyMoves ? 'changed' : 'gone'}' END`;
  return {
    text: `SELECT ho_batch.ho_key::text AS key, ${left} AS left
  FROM ${lot.rows}
  LEFT JOIN ${c.from} ON ${how === 'deleted' ? c.key.joins(c.alias, 'ho_batch') : lot.joins(how)}
 ORDER BY ho_batch.ho_n`,
    values: lot.bind.values,
  };
}

/**
 * Items as arrays beside each other, bound once each and on first use: PostgreSQL refuses a parameter without
 * a place.
 */
class Lot {
  readonly bind = new Placeholders();
  #rows: string | undefined;
  #takers: string | undefined;
  #owners: string | undefined;
  #images: string | undefined;

  constructor(
    private readonly c: BoundCategory,
    readonly items: readonly Return[],
  ) {}

  get rows(): string {
    this.#rows ??= this.c.key.rows(
      this.#array(item => item.key, this.c.key.elementType),
      'ho_batch',
    );
    return this.#rows;
  }

  get takers(): string {
    this.#takers ??= this.#array(item => item.taker, this.c.owner.type);
    return this.#takers;
  }

  get owners(): string {
    this.#owners ??= this.#array(item => item.owner, this.c.owner.type);
    return this.#owners;
  }

  /** Rows as they were, with what we wrote beside them. */
  get images(): string {
    this.#images ??= `(${this.#array(item => JSON.stringify({ ...item.row, ...prefixed(item.wrote) }), 'jsonb')})`;
    return this.#images;
  }

  get owner(): string {
    return `(${this.owners})[ho_batch.ho_n]`;
  }

  /** Columns that an overwriting change sets, as it sets them. */
  get columns(): SetColumn[] {
    // What a list became, only the database knew.
    if (this.c.inside) return [{ column: this.c.inside.column, value: '$now' }];
    return this.c.set ?? [{ column: this.c.owner, value: '$null' }];
  }

  /** Where the owner is part of the key, a row that moved has another key by now. */
  get keyMoves(): boolean {
    return this.c.key.columns.some(column => column.name === this.c.owner.name);
  }

  /** Does another row hold the unique place of a deleted one? `at`: the number of the item. */
  another(exclusive: readonly Exclusive[] = this.c.exclusive, at = 'ho_batch.ho_n'): string {
    const was = (column: LiveColumn): string =>
      `(${this.images}[${at}] ->> ${this.name(column)})::${column.type}`;
    return collides({ table: this.c.table, exclusive }, was);
  }

  /** The same where no index says so, and nobody but us would refuse the second one. */
  takenByWord(how: Return['how'], at?: string): string {
    const exclusive = this.c.exclusive.filter(({ byWord }) => byWord);
    if (exclusive.length === 0 || how === 'overwritten') return 'false';
    if (how === 'deleted') return this.another(exclusive, at);
    const { owner, alias, table } = this.c;
    return collides({ table, exclusive }, column =>
      column.name === owner.name ? this.owner : `${alias}.${quote(column.name)}`,
    );
  }

  joins(how: 'moved' | 'overwritten'): string {
    const { c } = this;
    if (how === 'overwritten' || !this.keyMoves) return c.key.joins(c.alias, 'ho_batch');
    const taker = `(${this.takers})[ho_batch.ho_n]`;
    return c.key.columns
      .map(
        (k, i) =>
          `${c.alias}.${quote(k.name)} ${k.equals} ${k.name === c.owner.name ? taker : `ho_batch.ho_k${i + 1}`}`,
      )
      .join(' AND ');
  }

  asWeLeftIt(how: 'moved' | 'overwritten'): string {
    const { c } = this;
    if (how === 'moved') {
      const own = `${c.alias}.${quote(c.owner.name)}`;
      const taker = `(${this.takers})[ho_batch.ho_n]`;
      return `(${sameOwner(c, own, taker)} OR (${own} IS NULL AND ${taker} IS NULL)) IS TRUE`;
    }
    return this.columns.map(a => this.#isWritten(a)).join(' AND ');
  }

  asItWas(column: LiveColumn): string {
    return `${quote(column.name)} = (${this.images}[ho_batch.ho_n] ->> ${this.name(column)})::${column.type}`;
  }

  name(column: LiveColumn): string {
    return this.bind.add(column.name, 'text');
  }

  /** As texts: not every type can be compared. */
  #isWritten({ column, value }: SetColumn): string {
    const now = `${this.c.alias}.${quote(column.name)}::text`;
    if (value === '$null') return `${now} IS NULL`;
    if (value === '$now')
      return `${now} = ${this.images}[ho_batch.ho_n] ->> ${this.bind.add(WROTE + column.name, 'text')}`;
    return `${now} = (${this.bind.add(String(value), column.type)})::text`;
  }

  #array(of: (item: Return) => string | null, type: string): string {
    return this.bind.add(this.items.map(of), `${type}[]`);
  }
}

/** No column is called so: PostgreSQL cuts names at 63 bytes. */
const WROTE = `${'wrote'.padEnd(64, '.')} `;

function prefixed(wrote: Record<string, string | null>): Record<string, string | null> {
  return Object.fromEntries(Object.entries(wrote).map(([name, value]) => [WROTE + name, value]));
}
