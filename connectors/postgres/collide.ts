/**
 * Which rows collide: two rows that a unique index or an exclusion constraint does not allow beside each other.
 * A row is compared as it would be with its new owner; only rows that the index covers, before and after,
 * collide at all. What else the row says, or would say, makes no difference.
 */
import type { Exclusive, LiveColumn, LiveTable } from './live.js';
import { quote, quoteTable } from './names.js';

/** A table, and which of its indexes are meant. */
interface Exclusively {
  table: LiveTable;
  exclusive: readonly Exclusive[];
}

/** What a row has, or would have, in a column: SQL. */
type Row = (column: LiveColumn) => string;

/**
 * The indexes of a table behind `unique`: those over the owner and the columns that the catalog names, plain or
 * within expressions.
 */
export function exclusivesOf(table: LiveTable, owner: string, named: readonly string[]): Exclusive[] {
  const wanted = new Set([owner, ...named]);
  return table.exclusive.filter(({ parts }) => {
    const used = new Set(parts.flatMap(part => columnsIn(table, part.expression).map(one => one.name)));
    return used.size === wanted.size && [...used].every(column => wanted.has(column));
  });
}

/**
 * The same where no index says so and only the application keeps it: what the catalog names collides, as the
 * columns compare. Nobody but a lock on the table keeps others from adding a row meanwhile (`lockUnique`).
 */
export function exclusiveByWord(owner: LiveColumn, named: readonly LiveColumn[]): Exclusive {
  const part = ({ name, equals }: LiveColumn) => ({
    column: name,
    expression: quote(name),
    equals,
    collate: '',
  });
  return { parts: [owner, ...named].map(part), where: null, nullsTogether: true, byWord: true };
}

/** Until the transaction ends, nobody else writes to a table in which only the application keeps rows apart. */
export async function lockUnique(
  c: { table: LiveTable; exclusive: Exclusive[] },
  run: (sql: string) => Promise<unknown>,
): Promise<void> {
  if (c.exclusive.some(({ byWord }) => byWord))
    await run(`LOCK TABLE ${quoteTable(c.table.name)} IN SHARE ROW EXCLUSIVE MODE`);
}

/**
 * Is there a row in the table that this one would collide with? `lies`: the table that the row lies in, where it
 * may be a child that only inherits: an index knows nothing of those.
 */
export function collides(c: Exclusively, row: Row, lies: string | null = null): string {
  if (c.exclusive.length === 0) return 'false';
  return `(${c.exclusive
    .map(one => {
      const itself = c.table.parts.length > 1 && c.table.partitionedBy.length === 0 && !one.byWord;
      const covered = [
        ...(itself && lies ? [`${lies} = ${c.table.oid}::oid`] : []),
        ...(one.where === null ? [] : [`(${evaluated(c.table, one.where, row)}) IS TRUE`]),
      ];
      // Names without a table are those of the row that is there: nothing else is in reach.
      const beside = [
        ...one.parts.map(part => sameAs(one, part, evaluated(c.table, part.expression, row))),
        ...(one.where === null ? [] : [`(${one.where})`]),
      ];
      const held = `EXISTS (SELECT FROM ${itself ? 'ONLY ' : ''}${quoteTable(c.table.name)} AS ho_held WHERE ${beside.join(' AND ')})`;
      return `(${[...covered, held].join(' AND ')})`;
    })
    .join(' OR ')})`;
}

function sameAs({ nullsTogether }: Exclusive, part: Exclusive['parts'][number], other: string): string {
  const there = part.column === null ? `(${part.expression})` : `ho_held.${quote(part.column)}`;
  const same = `${there}${part.collate} ${part.equals} ${other}`;
  return nullsTogether ? `(${same} OR (${there} IS NULL AND ${other} IS NULL))` : same;
}

/** An expression over the table's columns, of a row that has these values. */
export function evaluated(table: LiveTable, expression: string, row: Row): string {
  const plain = [...table.columns.values()].find(column => quote(column.name) === quoted(expression));
  if (plain) return row(plain);
  const columns = columnsIn(table, expression).map(column => `${row(column)} AS ${quote(column.name)}`);
  return `(SELECT (${expression}) FROM (SELECT ${columns.join(', ')}) AS ho_row)`;
}

const quoted = (name: string): string => (name.startsWith('"') ? name : `"${name}"`);

/** The columns that an expression of PostgreSQL's own making names, and perhaps some that it does not. */
function columnsIn(table: LiveTable, expression: string): LiveColumn[] {
  const text = expression.replace(/'(?:[^']|'')*'/g, "''");
  const names = new Set<string>();
  for (const [, name, plain] of text.matchAll(/"((?:[^"]|"")*)"|([\p{L}_][\p{L}\p{N}_$]*)/gu))
    names.add(name === undefined ? plain! : name.replace(/""/g, '"'));
  return [...table.columns.values()].filter(column => names.has(column.name));
}

/** What a row would have in the parts of the indexes, as columns for RETURNING: by them its like is found. */
export function partColumns(c: Exclusively, row: Row): string {
  return c.exclusive
    .flatMap(({ parts, where }, i) => [
      `, ${where === null ? 'true' : `(${evaluated(c.table, where, row)}) IS TRUE`} AS ho_in${i}`,
      ...parts.map((part, k) => `, ${evaluated(c.table, part.expression, row)} AS ho_u${i}_${k}`),
    ])
    .join('');
}

/** Is the row `held` what the row with these parts (`partColumns`) collided with? */
export function collidedWith(c: Exclusively, held: string, parts: string): string {
  const row: Row = column => `${held}.${quote(column.name)}`;
  return c.exclusive
    .map((one, i) => {
      const covered = one.where === null ? [] : [`(${evaluated(c.table, one.where, row)}) IS TRUE`];
      const same = one.parts.map((part, k) => {
        const [there, other] = [evaluated(c.table, part.expression, row), `${parts}.ho_u${i}_${k}`];
        const equal = `${there}${part.collate} ${part.equals} ${other}`;
        return one.nullsTogether ? `(${equal} OR (${there} IS NULL AND ${other} IS NULL))` : equal;
      });
      return `(${[`${parts}.ho_in${i}`, ...covered, ...same].join(' AND ')})`;
    })
    .join(' OR ');
}
