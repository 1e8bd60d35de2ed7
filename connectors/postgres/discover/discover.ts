/**
 * Looks through a whole database for columns that can hold a person: its shape (shape.ts), who people are
 * (people.ts), a little of every table (sample.ts), and the verdict (judge.ts). Only reads, and reads little:
 * seconds on hundreds of tables, however many rows they have.
 */
import { HandoverFailure } from '../../../domain/failure.js';
import { didYouMean } from '../../catalog/nearest.js';
import type { Catalog } from '../catalog.js';
import { quote, quoteTable } from '../names.js';
import type { Sessions } from '../session.js';
import { isClass, judge, mayShareKey, withHops } from './judge.js';
import { keyOf } from './keys.js';
import type { Discovered, Discovery, People, PeopleValue } from './model.js';
import { guessPeople, peopleOf, peopleTables } from './people.js';
import { sample } from './sample.js';
import { type Column, readShape, type Shape, type Table } from './shape.js';
import { isMeasure, stemOf } from './words.js';

export interface DiscoverOptions {
  /** Reads whole tables instead of a little of each. */
  thorough?: boolean | undefined;
  /** Milliseconds after which what was not looked at is said to be open. */
  within?: number | undefined;
  /** The table of people, where nobody has written a catalog yet. */
  table?: string | undefined;
  /** Whose rows are counted: an id, an e-mail, a login or a name. */
  leaver?: string | undefined;
  signal?: AbortSignal | undefined;
}

/** Rows of each table that are read, and how long it may take, if nobody says otherwise. */
const ROWS = 400;
const WITHIN_MS = 30_000;
const HOUR_MS = 3_600_000;
/** Tables so small that counting a person's rows costs nothing. */
const SMALL = 100_000;
/** Of a table that nobody has counted so few rows were found that it has no more. */
const SEEN_WHOLE = 60;

/** @param catalog null where there is none yet */
export async function discover(
  session: Sessions,
  system: string,
  catalog: Catalog | null,
  options: DiscoverOptions = {},
): Promise<{ discovery: Discovery; shape: Shape }> {
  const began = performance.now();
  const limit = AbortSignal.timeout(options.within ?? (options.thorough ? HOUR_MS : WITHIN_MS));
  const signal = options.signal ? AbortSignal.any([options.signal, limit]) : limit;
  const shape = await session.transaction({ mode: 'glance', doing: 'reading the schema', signal }, readShape);
  const guesses = catalog ? [] : peopleTables(shape);
  const known = withHops(
    shape,
    catalog ? peopleOf(catalog, shape) : guess(shape, system, options.table, guesses),
  );
  const rows = options.thorough ? null : ROWS;
  const looked = await sample(session, shape, known, candidates(shape, known), { rows, signal });
  options.signal?.throwIfAborted();
  const { columns, undecided } = judge({ shape, people: known, seen: looked.seen });
  const discovery: Discovery = {
    people: known,
    otherPeople: guesses.filter(table => table !== known.table),
    columns: options.leaver
      ? await countOf(session, shape, known, columns, options.leaver, options.thorough === true, signal)
      : columns,
    undecided,
    unread: [...looked.unseen].map(([table, why]) => ({ table, why })),
    tables: shape.tables.size,
    rowsRead: looked.rowsRead,
    milliseconds: Math.round(performance.now() - began),
  };
  return { discovery, shape };
}

function guess(shape: Shape, system: string, named: string | undefined, guesses: readonly string[]): People {
  const refuse = (message: string) => new HandoverFailure('configuration', message);
  const tables = [...shape.tables.keys()];
  if (named && !shape.tables.has(named))
    throw refuse(
      `${system} has no table ${named}${didYouMean(named, tables)}; a table is named as schema.table.`,
    );
  const table = named ?? guesses[0];
  const people = table ? guessPeople(shape, table) : null;
  // Of several addresses, one may be somebody else's.
  const sure = new Set(['user', 'email', 'login', 'name']);
  if (people)
    return {
      ...people,
      values: people.values.map(one => ({ ...one, guessed: !sure.has(one.identity) })),
    };
  throw refuse(
    table
      ? `${table} of ${system} cannot be the table of people: its rows have no key of one column.`
      : `No table of ${system} looks like people (${tables.length} tables were seen): name it with --people schema.table.`,
  );
}

/** Columns that are worth a look. */
export function candidates(shape: Shape, people: People): Map<string, Column[]> {
  const wanted = new Map<string, Column[]>();
  for (const table of shape.tables.values()) {
    if (table.kind !== 'table') continue;
    const columns = table.columns.filter(column => column.maySelect && isCandidate(table, column, people));
    if (columns.length > 0) wanted.set(table.name, columns);
  }
  return wanted;
}

function isCandidate(table: Table, { name, family, array }: Column, people: People): boolean {
  // The other half of a polymorphic pair may be of any type.
  if (family === 'never') return false;
  if (family === 'other') return !array && /_?(type|class|kind|model|content_type)$/i.test(name);
  if (
    people.values.some(value => value.table === table.name && value.column === name && !value.guessed) ||
    (table.name === people.table && name === people.key)
  )
    return false;
  if (family !== 'whole' || array || isClass(name)) return true;
  const serial = table.key.length === 1 && table.key[0] === name;
  if (serial) return mayShareKey(table, people);
  return !isMeasure(name) || stemOf(name, false).length > 1;
}

/** How many rows of each column are somebody's, where an index or a small table makes that cheap. */
async function countOf(
  session: Sessions,
  shape: Shape,
  people: People,
  columns: readonly Discovered[],
  leaver: string,
  thorough: boolean,
  signal: AbortSignal,
): Promise<Discovered[]> {
  const theirs = await valuesOf(session, shape, people, leaver, signal);
  const counted: Discovered[] = [];
  for (const one of columns) {
    const table = shape.tables.get(one.table)!;
    const small = table.rows === null ? one.sampled < SEEN_WHOLE : table.rows <= SMALL;
    const cheap = thorough || small || table.indexed.includes(one.column);
    const values = theirs.get(keyOf(one.identity.table, one.identity.column)) ?? [];
    const plain = one.layer !== 'document' && one.layer !== 'pair' && !one.identity.far;
    const ofLeaver =
      !plain || !cheap
        ? null
        : values.length === 0
          ? 0
          : await session
              .transaction({ mode: 'glance', doing: `counting ${one.table}`, signal }, tx =>
                tx.query<{ n: string }>(
                  `SELECT count(*)::text AS n FROM ${quoteTable(one.table)} WHERE ${equalsAny(table, one.column)}`,
                  [values],
                ),
              )
              .then(
                ([row]) => Number(row!.n),
                () => null,
              );
    counted.push({ ...one, ofLeaver });
  }
  return counted;
}

function equalsAny(table: Table, name: string): string {
  const column = table.columns.find(one => one.name === name)!;
  if (column.family === 'whole') return `${quote(name)} = ANY ($1::bigint[])`;
  return column.family === 'uuid'
    ? `${quote(name)} = ANY ($1::uuid[])`
    : `pg_catalog.lower(${quote(name)}::text) = ANY ($1::text[])`;
}

/** Every value by which one person is known; throws where nobody, or more than one, is meant. */
async function valuesOf(
  session: Sessions,
  shape: Shape,
  people: People,
  leaver: string,
  signal: AbortSignal,
): Promise<Map<string, string[]>> {
  const text = (value: PeopleValue) => `pg_catalog.lower(${quote(value.column)}::text)`;
  const wanted = leaver.replace(/^id:/, '').trim().toLowerCase();
  const own = people.values.filter(({ table, far }) => shape.tables.has(table) && !far);
  const ask = (doing: string, sql: string, values: unknown[]) =>
    session.transaction({ mode: 'glance', doing, signal }, tx => tx.query<{ v: string | null }>(sql, values));
  const ids = new Set<string>();
  for (const value of own) {
    if (value.pointsAt !== null && value.pointsAt !== people.table) continue;
    const id = quote(value.person ?? people.key);
    const rows = await ask(
      'looking the leaver up',
      `SELECT DISTINCT ${id}::text AS v FROM ${quoteTable(value.table)} WHERE ${text(value)} = $1 LIMIT 3`,
      [wanted],
    );
    for (const { v } of rows) if (v !== null) ids.add(v);
  }
  if (ids.size !== 1)
    throw new HandoverFailure(
      'configuration',
      ids.size === 0
        ? `Nobody in ${people.table} has the id, e-mail, login or name ${JSON.stringify(leaver)}.`
        : `Several people in ${people.table} are called ${JSON.stringify(leaver)}: name one by an id (id:...).`,
    );
  const found = new Map<string, string[]>();
  for (const value of own) {
    const id = quote(value.person ?? people.key);
    const rows = await ask(
      'looking the leaver up',
      `SELECT ${text(value)} AS v FROM ${quoteTable(value.table)} WHERE ${id}::text = $1`,
      [[...ids][0]],
    );
    found.set(
      keyOf(value.table, value.column),
      rows.flatMap(({ v }) => (v ? [v] : [])),
    );
  }
  return found;
}
