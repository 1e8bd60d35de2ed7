/**
 * Keys of items as text, as order, as fingerprint and as arrays, for any shape of key.
 *
 * A single whole number keeps its type all the way (`{1,2,3}` is a bigint[]): fast, and ordered as numbers.
 * Every other single column, and every combination of columns, is handled by its text (model.ts, ItemKey) and
 * ordered by it in the C collation, which is the same on every machine and in every version of the system's
 * locale. Where a column of the key is secret (a session's token), items are named by a digest of the key, and
 * the key itself never leaves the database.
 */
import type { KeyOrder } from '../../domain/keys.js';
import type { LiveColumn } from './live.js';
import { quote } from './names.js';

export interface KeyShape {
  columns: readonly LiveColumn[];
  /** The key of row `alias` as the elements of our arrays have it. */
  element(alias: string): string;
  /** Type of one element, and so (with []) of the array literals that travel. */
  elementType: string;
  /** The order that `sortedBy` gives. */
  order: KeyOrder;
  /** What to sort by, over an element. */
  sortedBy(element: string): string;
  /** 64-bit hash of an element; a set's fingerprint is the XOR of these. */
  hash(element: string): string;
  /**
   * A FROM item that turns an array parameter into rows (ho_key, ho_k1.. per column, position ho_n) under
   * `alias`. `extra` is a second array that is unnested in parallel and comes out as ho_i. The odd names
   * cannot collide with those of conditions.
   */
  rows(array: string, alias: string, extra?: string): string;
  /** `alias`'s row is the one that row `rows` (made by `rows`) names. */
  joins(alias: string, rows: string): string;
  /**
   * Condition that keeps only rows of the array, in a form that PostgreSQL answers from the key's index.
   * Single columns only.
   */
  among: ((alias: string, array: string) => string) | null;
  /** The key is secret: rows are found by whose they are, and not by an index of the key. */
  secret: boolean;
}

export function keyShape(columns: readonly LiveColumn[], secret: readonly string[] = []): KeyShape {
  if (columns.some(({ name }) => secret.includes(name))) return secretKey(columns);
  const [only] = columns;
  if (columns.length === 1 && only)
    return only.kind === 'integer' || only.kind === 'whole-number' ? numberKey(only) : textKey(only);
  return compositeKey(columns);
}

function secretKey(columns: readonly LiveColumn[]): KeyShape {
  const plain = columns.length === 1 ? textKey(columns[0]!) : compositeKey(columns);
  const element = (alias: string): string =>
    `encode(sha256(convert_to(${plain.element(alias)}, 'UTF8')), 'hex')`;
  return {
    ...plain,
    element,
    elementType: 'text',
    order: 'bytes',
    rows: (array, alias, extra) => unnest(array, alias, extra, `u.key AS ho_k1`),
    joins: (alias, rows) => `${element(alias)} = ${rows}.ho_key`,
    among: (alias, array) => `${element(alias)} = ANY (${array})`,
    secret: true,
  };
}

function numberKey(column: LiveColumn): KeyShape {
  const hash = column.kind === 'integer' ? (e: string) => `hashint8extended((${e})::bigint, 0)` : hashText;
  return {
    columns: [column],
    element: alias => `${alias}.${quote(column.name)}::${column.type}`,
    elementType: column.type,
    order: 'number',
    sortedBy: element => element,
    hash,
    rows: (array, alias, extra) => unnest(array, alias, extra, `u.key AS ho_k1`),
    joins: (alias, rows) => `${alias}.${quote(column.name)} = ${rows}.ho_k1`,
    among: (alias, array) => `${alias}.${quote(column.name)} = ANY (${array})`,
    secret: false,
  };
}

function textKey(column: LiveColumn): KeyShape {
  return {
    columns: [column],
    element: alias => `${alias}.${quote(column.name)}::text`,
    elementType: 'text',
    order: 'bytes',
    sortedBy: element => `${element} COLLATE "C"`,
    hash: hashText,
    rows: (array, alias, extra) => unnest(array, alias, extra, `u.key::${column.type} AS ho_k1`),
    joins: (alias, rows) => `${alias}.${quote(column.name)} ${column.equals} ${rows}.ho_k1`,
    among: (alias, array) =>
      `${alias}.${quote(column.name)} ${column.equals} ANY (${array}::${column.type}[])`,
    secret: false,
  };
}

function compositeKey(columns: readonly LiveColumn[]): KeyShape {
  // As JSON.stringify writes it: no blanks. json escapes exactly what JSON.stringify escapes.
  const element = (alias: string) =>
    `'[' || ${columns.map(c => `to_json(${alias}.${quote(c.name)}::text)::text`).join(` || ',' || `)} || ']'`;
  const parts = columns.map((c, i) => `(u.key::json ->> ${i})::${c.type} AS ho_k${i + 1}`).join(', ');
  const joins = (alias: string, rows: string) =>
    columns.map((c, i) => `${alias}.${quote(c.name)} ${c.equals} ${rows}.ho_k${i + 1}`).join(' AND ');
  return {
    columns,
    element: alias => `(${element(alias)})`,
    elementType: 'text',
    order: 'bytes',
    sortedBy: e => `${e} COLLATE "C"`,
    hash: hashText,
    rows: (array, alias, extra) => unnest(array, alias, extra, parts),
    joins,
    among: null,
    secret: false,
  };
}

const hashText = (element: string) => `hashtextextended((${element})::text COLLATE "C", 0)`;

function unnest(array: string, alias: string, extra: string | undefined, columns: string): string {
  const arrays = extra
    ? `unnest(${array}, ${extra}) WITH ORDINALITY AS u(key, i, n)`
    : `unnest(${array}) WITH ORDINALITY AS u(key, n)`;
  return `(SELECT u.key AS ho_key, ${extra ? 'u.i AS ho_i, ' : ''}u.n AS ho_n, ${columns} FROM ${arrays}) AS ${alias}`;
}
