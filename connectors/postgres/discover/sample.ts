/**
 * Bounded looks at what columns hold: some rows of each table, and the values that the database's own
 * statistics call the most frequent ones. Which of these values are people's is asked once for all of them
 * together.
 */
import { HandoverFailure } from '../../../domain/failure.js';
import { sqlState, TOOK_TOO_LONG } from '../failures.js';
import { dottedSql, Placeholders, quote, quoteTable, splitTable } from '../names.js';
import { parseTexts, type Sessions } from '../session.js';
import { keyOf } from './keys.js';
import type { Match, People, PeopleValue, Seen } from './model.js';
import type { Column, Shape, Table } from './shape.js';
import { between, type Found, HASH, type Token, tokensIn } from './tokens.js';

export interface Limits {
  /** Rows of one table; null = all of them. */
  rows: number | null;
  signal: AbortSignal;
}

export interface Sampled {
  /** By `schema.table.column`. */
  seen: ReadonlyMap<string, Seen>;
  /** Tables that could not be looked at, and why. */
  unseen: ReadonlyMap<string, string>;
  rowsRead: number;
}

/** What a column showed, before anybody knows which of it are people. */
interface Gathered {
  /** In the table of people itself only who is another one than the row's own person counts. */
  ofPeople: boolean;
  sampled: number;
  filled: number;
  tokens: Map<string, Found>;
  frequent: Map<string, number>;
}

/** Different values of one column that are looked up at most. */
const TOKENS = 300;
const AT_ONCE = 3;
/** Texts and documents are read to here. */
const CELL = { text: 2_000, json: 20_000, large: 262_144, bytes: 64 };

export async function sample(
  session: Sessions,
  shape: Shape,
  people: People,
  wanted: ReadonlyMap<string, readonly Column[]>,
  limits: Limits,
): Promise<Sampled> {
  const gathered = new Map<string, Gathered>();
  const unseen = new Map<string, string>();
  let rowsRead = 0;
  for (const name of wanted.keys())
    for (const { name: column } of wanted.get(name)!)
      gathered.set(keyOf(name, column), {
        ofPeople: name === people.table,
        sampled: 0,
        filled: 0,
        tokens: new Map(),
        frequent: new Map(),
      });
  await statistics(session, shape, wanted, limits, gathered);
  const queue = [...wanted];
  const look = async (): Promise<void> => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const [name, columns] = next;
      const table = shape.tables.get(name)!;
      try {
        // Not in one statement: several tables are read at once, and a sum from before would be added to.
        const read = await readTable(session, table, columns, people, limits, gathered);
        rowsRead += read;
      } catch (error) {
        if (!limits.signal.aborted && passes(error)) throw error;
        unseen.set(name, limits.signal.aborted ? OVER : whyUnseen(error));
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, look));
  for (const one of gathered.values()) takeBetween(one);
  const matches = await whoIs(session, shape, people, gathered, limits);
  return {
    seen: new Map([...gathered].map(([key, one]) => [key, seenIn(key, one, matches, people)])),
    unseen,
    rowsRead,
  };
}

/** A connection that broke says nothing about a table; one that took too long, or refuses us, does. */
function passes(error: unknown): boolean {
  if (!(error instanceof HandoverFailure)) return true;
  return error.kind === 'transient' && sqlState(error.cause) !== TOOK_TOO_LONG;
}

/** What could not be looked at is nobody's fault: whoever reads this knows whom to ask for what. */
function whyUnseen(error: unknown): string {
  const message = (error as Error).message;
  const kind = error instanceof HandoverFailure ? error.kind : null;
  if (kind === 'locked') return `${message}; ask again once that session has ended`;
  if (kind === 'credential')
    return `${message}; the database's administrator gives our role the right, or a policy (or BYPASSRLS) that shows it every row`;
  return sqlState((error as Error).cause) === TOOK_TOO_LONG
    ? `${message}; a longer connect.statement_timeout gives it the time`
    : message;
}

const OVER = 'the time for looking was over; ask again when the database has less to do';

/** A text that reads a little of a table, however large it is. */
export function sampleStatement(
  table: Table,
  columns: readonly Column[],
  rows: number | null,
  key: string | null = null,
): string {
  const own = key === null ? [] : [`${quote(key)}::text AS k`];
  const cells = [...own, ...columns.map((column, n) => `${cellOf(column)} AS c${n}`)].join(', ');
  const from = `FROM ${quoteTable(table.name)}`;
  if (rows === null) return `SELECT ${cells} ${from}`;
  // A few pages from everywhere: the first ones hold the oldest rows, of people who left long ago.
  const share = table.rows !== null && table.rows > rows * 4 ? (rows * 3 * 100) / table.rows : 100;
  const some = share < 100 ? ` TABLESAMPLE SYSTEM (${Math.max(share, 0.000_01).toFixed(6)})` : '';
  return `SELECT ${cells} ${from}${some} LIMIT ${rows}`;
}

function cellOf({ name, array, family, type }: Column): string {
  const column = quote(name);
  if (type === 'bytea') return `CASE WHEN octet_length(${column}) <= ${CELL.bytes} THEN ${column}::text END`;
  if (!array && family !== 'json') return `left(${column}::text, ${CELL.text})`;
  // Long texts in a document name nobody, and would push out of sight who stands behind them. What is larger
  // still is only cut: to read all of it would take too long.
  const text = `pg_catalog.to_json(${column})::text`;
  const short = `regexp_replace(${text}, '([:,[{] ?)"(?:[^"\\\\]|\\\\.){200,}"', '\\1""', 'g')`;
  return `left(CASE WHEN pg_column_size(${column}) > ${CELL.large} THEN ${text} ELSE ${short} END, ${CELL.json})`;
}

async function readTable(
  session: Sessions,
  table: Table,
  columns: readonly Column[],
  people: People,
  { rows, signal }: Limits,
  gathered: Map<string, Gathered>,
): Promise<number> {
  const key = table.name === people.table ? people.key : null;
  // Wide tables are read less deep: what travels is bounded, not only what is counted.
  const most = rows === null ? null : Math.max(60, Math.min(rows, Math.floor(3_000 / columns.length)));
  const ask = (text: string) =>
    session.transaction({ mode: 'glance', doing: `looking at ${table.name}`, signal }, tx =>
      tx.query<Record<string, string | null>>(text),
    );
  let found = await ask(sampleStatement(table, columns, most, key));
  // The pages that were drawn may be empty ones.
  if (found.length < 20 && most !== null && table.rows !== null && table.rows > most * 4)
    found = [...found, ...(await ask(sampleStatement({ ...table, rows: null }, columns, most, key)))];
  for (const [n, column] of columns.entries()) {
    const into = gathered.get(keyOf(table.name, column.name))!;
    for (const row of found) take(into, column, row[`c${n}`] ?? null, 1, row.k ?? null);
    into.sampled += found.length;
  }
  return found.length;
}

function take(into: Gathered, column: Column, cell: string | null, rows: number, of: string | null): void {
  if (cell === null || cell.trim() === '') return;
  into.filled += rows;
  if (into.frequent.size < 50 || into.frequent.has(cell))
    into.frequent.set(cell, (into.frequent.get(cell) ?? 0) + rows);
  for (const token of tokensIn(cell, column)) add(into, token, rows, of);
}

function add(into: Gathered, token: Token, rows: number, of: string | null): void {
  if (token.text === '') return;
  const key = `${token.frame}\0${token.text}`;
  const known = into.tokens.get(key);
  if (known) {
    known.rows += rows;
    if (of !== null && known.of.size < 5) known.of.add(of);
    if (token.path && !known.paths.includes(token.path) && known.paths.length < 5)
      known.paths.push(token.path);
  } else if (into.tokens.size < (token.frame ? 2 * TOKENS : TOKENS))
    into.tokens.set(key, {
      ...token,
      rows,
      paths: token.path ? [token.path] : [],
      of: new Set(of === null ? [] : [of]),
    });
}

/** What stands between what all texts of a column begin and end with. */
function takeBetween(into: Gathered): void {
  const texts = [...into.tokens.values()].filter(({ frame, paths }) => !frame && paths.length === 0);
  const around = between(texts.map(({ text }) => text));
  if (!around) return;
  // What all logins begin with is no frame of them: the last mark before it may be where the frame ends.
  const marks = {
    before: around.before.replace(/[\p{L}\p{N}]*$/u, ''),
    behind: around.behind.replace(/^[\p{L}\p{N}]*/u, ''),
  };
  for (const { before, behind } of [around, marks]) {
    if (!before && !behind) continue;
    for (const one of texts) {
      const text = one.text.slice(before.length, one.text.length - behind.length);
      const token = { text, path: null, inProse: one.inProse, frame: `${before}…${behind}` };
      if (into.tokens.has(`${token.frame}\0${text}`)) continue;
      for (const of of [null, ...one.of]) add(into, token, 1, of);
    }
  }
}

/** What ANALYZE has seen of large tables costs nothing to ask, and names whoever holds the most. */
async function statistics(
  session: Sessions,
  shape: Shape,
  wanted: ReadonlyMap<string, readonly Column[]>,
  { rows, signal }: Limits,
  gathered: Map<string, Gathered>,
): Promise<void> {
  const large = [...wanted.keys()].filter(name => (shape.tables.get(name)?.rows ?? 0) > (rows ?? Infinity));
  if (large.length === 0) return;
  const names = large.map(splitTable);
  const found = await session.transaction({ mode: 'glance', doing: 'reading statistics', signal }, tx =>
    tx.query<{ table: string; column: string; common: string | null }>(
      `SELECT ${dottedSql('s.schemaname', 's.tablename')} AS table, s.attname AS column,
              (s.most_common_vals::text::text[])[1:40]::text AS common
         FROM unnest($1::name[], $2::name[]) AS w(schema, name)
         JOIN pg_catalog.pg_stats s ON s.schemaname = w.schema AND s.tablename = w.name
        WHERE s.most_common_vals IS NOT NULL AND s.avg_width < 200`,
      [names.map(one => one.schema), names.map(one => one.name)],
    ),
  );
  for (const { table, column: name, common } of found) {
    const column = wanted.get(table)?.find(one => one.name === name);
    if (!column || column.array || column.family === 'json' || common === null) continue;
    const into = gathered.get(keyOf(table, name))!;
    // Whose row it was is not known.
    if (into.ofPeople) continue;
    for (const value of parseTexts(common)) take(into, column, value, 1, null);
  }
}

/** Per value of people, which of all sampled values are whose. */
type Known = ReadonlyMap<
  PeopleValue,
  { column: Column; values: ReadonlyMap<string, ReadonlySet<string | null>> }
>;

async function whoIs(
  session: Sessions,
  shape: Shape,
  people: People,
  gathered: ReadonlyMap<string, Gathered>,
  { signal }: Limits,
): Promise<Known> {
  const all = new Map<string, Found>();
  for (const { tokens } of gathered.values()) for (const [key, token] of tokens) all.set(key, token);
  const known = new Map<
    PeopleValue,
    { column: Column; values: ReadonlyMap<string, ReadonlySet<string | null>> }
  >();
  for (const value of people.values) {
    const column = shape.tables.get(value.table)?.columns.find(one => one.name === value.column);
    if (!column?.maySelect) continue;
    const possible = [...all.values()].filter(token => couldBe(token, value, column));
    const found = new Map<string, Set<string | null>>();
    const plain = possible.filter(({ frame }) => frame !== HASH);
    const forms = new Map(plain.flatMap(({ text }) => formsOf(text).map(form => [form, text] as const)));
    const hashes = [...new Set(possible.filter(({ frame }) => frame === HASH).map(({ text }) => text))];
    const asks: { tokens: string[]; hash: string | null }[] = [];
    const tokens = [...forms.keys()];
    for (let from = 0; from < tokens.length; from += 20_000)
      asks.push({ tokens: tokens.slice(from, from + 20_000), hash: null });
    if (hashes.length > 0 && (shape.tables.get(value.table)?.rows ?? 0) <= HASHED)
      for (const hash of HASHES) asks.push({ tokens: hashes, hash });
    for (const ask of asks) {
      const bind = new Placeholders();
      const text = lookUp(value, column, people, ask, bind);
      try {
        const rows = await session.transaction({ mode: 'glance', doing: 'looking people up', signal }, tx =>
          tx.query<{ v: string; p: string | null }>(text, bind.values),
        );
        for (const { v, p } of rows) {
          const own = forms.get(v) ?? v;
          found.set(own, (found.get(own) ?? new Set()).add(p));
        }
      } catch (error) {
        if (signal.aborted) return known;
        throw error;
      }
    }
    known.set(value, { column, values: found });
  }
  return known;
}

/** What is hashed on the way is read in full: of a table of so many rows that takes a moment. */
const HASHED = 2_000_000;
const HASHES = [
  'pg_catalog.md5(%)',
  "pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(%, 'UTF8')), 'hex')",
];

/** One text in the forms in which a database may hold its letters. */
const formsOf = (text: string): string[] =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what is not ASCII
  /^[\x00-\x7f]*$/.test(text) ? [text] : [...new Set([text, text.normalize('NFC'), text.normalize('NFD')])];

const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/;
const WHOLE = /^[1-9][0-9]{0,17}$/;

function couldBe({ text, frame }: Token, { kind }: PeopleValue, { family }: Column): boolean {
  if (frame === HASH) return kind === 'email';
  if (kind === 'email') return text.includes('@');
  if (kind === 'name') return text.includes(' ');
  if (kind === 'login') return text.length > 1 && !text.includes(' ') && !WHOLE.test(text);
  if (family === 'whole') return WHOLE.test(text);
  if (family === 'uuid') return UUID.test(text);
  return family === 'text' && text.length <= 100;
}

function lookUp(
  value: PeopleValue,
  column: Column,
  people: People,
  { tokens, hash }: { tokens: readonly string[]; hash: string | null },
  bind: Placeholders,
): string {
  const alias = quote(splitTable(value.table).name);
  const own = `${alias}.${quote(value.column)}`;
  const exact = value.kind === 'key' && column.family !== 'text';
  const type = exact ? (column.family === 'uuid' ? 'uuid' : 'bigint') : 'text';
  const lower = `pg_catalog.lower(${own}::text)`;
  const equals = exact ? `${own} = w.v` : `${hash === null ? lower : hash.replace('%', lower)} = w.v`;
  const when = value.table === people.table && people.when ? ` AND (${people.when}\n)` : '';
  const person = value.person ?? (value.table === people.table ? people.key : null);
  return `SELECT DISTINCT w.v::text AS v, ${person === null ? 'NULL' : `${alias}.${quote(person)}`}::text AS p
            FROM unnest(${bind.add(tokens, `${type}[]`)}) AS w(v)
            JOIN ${quoteTable(value.table)} AS ${alias} ON ${equals}${when}`;
}

function seenIn(key: string, one: Gathered, known: Known, people: People): Seen {
  const all = [...one.tokens.values()];
  const alone = all.filter(({ frame }) => !frame);
  const frames = [...new Set(all.map(({ frame }) => frame))].sort((a, b) => a.length - b.length);
  const matches = frames.flatMap(frame =>
    people.values.flatMap((value): Match[] => {
      const theirs = known.get(value);
      if (!theirs || (one.ofPeople && key === keyOf(value.table, value.column))) return [];
      const tried = all.filter(token => token.frame === frame && couldBe(token, value, theirs.column));
      const hits = tried.filter(({ text, of }) => {
        const persons = theirs.values.get(text);
        return persons !== undefined && (!one.ofPeople || [...of].some(own => !persons.has(own)));
      });
      if (tried.length === 0 || (frame && hits.length === 0)) return [];
      return [
        {
          value,
          frame,
          tried: tried.length,
          people: hits.length,
          rows: hits.reduce((sum, hit) => sum + hit.rows, 0),
          telling: isTelling(
            value,
            hits.map(hit => hit.text),
          ),
          paths: [...new Set(hits.flatMap(hit => hit.paths))].slice(0, 12),
          inProse: hits.length > 0 && hits.every(hit => hit.inProse),
          hits: new Set(hits.map(hit => hit.text)),
        },
      ];
    }),
  );
  return {
    sampled: one.sampled,
    filled: one.filled,
    distinct: alone.length,
    values: [...one.frequent].sort((a, b) => b[1] - a[1]).map(([text]) => text),
    matches,
  };
}

/** Small numbers are everywhere; a uuid, an e-mail or a number beyond a thousand is no accident. */
function isTelling({ kind }: PeopleValue, hits: readonly string[]): boolean {
  if (kind === 'email') return true;
  if (kind !== 'key' || hits.length === 0) return false;
  const sorted = [...hits].sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
  const middle = sorted[Math.floor(sorted.length / 2)]!;
  return UUID.test(middle) || (WHOLE.test(middle) ? Number(middle) >= 1_000 : middle.length >= 6);
}
