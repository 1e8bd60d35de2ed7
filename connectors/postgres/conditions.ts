/**
 * Conditions that operators write: one boolean SQL expression each. They are code of the operator's, like a
 * migration, and the database role is the real boundary; what is refused here are accidents and the ways out
 * of the parentheses we put around them.
 *
 * Two looks: `mistakeIn` reads the text alone (when a catalog is loaded), and `checkCondition` has the live
 * database read it, in a READ ONLY transaction and by a protocol that takes one statement at a time. Where the
 * two read differently, the database is right: it must find one expression in it whatever brackets stand
 * around, and no volatile function.
 */
import { databaseSays, sqlState } from './failures.js';
import type { Transaction } from './session.js';

interface Token {
  kind: 'word' | 'name' | 'string' | 'number' | 'sign';
  text: string;
}

/** Words that begin something other than an expression. A subselect only reads; these do not. */
const FORBIDDEN_WORDS = new Set([
  'insert',
  'update',
  'delete',
  'merge',
  'into',
  'truncate',
  'copy',
  'lock',
  'grant',
  'revoke',
  'alter',
  'drop',
  'create',
  'call',
  'set',
]);

/** Says why `condition` cannot be one boolean expression, or null. */
export function mistakeIn(condition: string): string | null {
  const lexed = lex(condition);
  if (typeof lexed === 'string') return lexed;
  if (lexed.length === 0) return 'it is empty';
  let depth = 0;
  for (const [index, token] of lexed.entries()) {
    if (token.kind === 'sign') {
      if (token.text === ';') return 'a semicolon is not allowed: it must be one expression';
      if (token.text === '(' || token.text === '[') depth++;
      if (token.text === ')' || token.text === ']') depth--;
      if (depth < 0) return `there is a ${token.text} without its opening bracket`;
    }
    if (token.kind === 'word') {
      const word = token.text.toLowerCase();
      const before = lexed[index - 1];
      const afterDot = before?.kind === 'sign' && before.text === '.';
      if (!afterDot && FORBIDDEN_WORDS.has(word))
        return `the word ${word} is not allowed: a condition only reads (quote it if it is a column: "${word}")`;
      const next = lexed[index + 1]?.text.toLowerCase();
      if (word === 'for' && (next === 'update' || next === 'share' || next === 'no' || next === 'key'))
        return 'row locks (FOR ...) are not allowed';
    }
  }
  if (depth > 0) return 'a bracket is not closed';
  return null;
}

export interface LiveCondition {
  condition: string;
  /** `FROM` list in which the condition stands, e.g. `"public"."tasks" AS "tasks"`. */
  from: string;
  /** It is one value, and not true or false. */
  scalar?: boolean | undefined;
}

/**
 * Asks the live database about one condition; a sentence when it cannot be used, else null. Leaves the
 * transaction usable.
 */
export async function checkCondition(tx: Transaction, live: LiveCondition): Promise<string | null> {
  const { condition, from, scalar } = live;
  const fits = await explained(
    tx,
    scalar ? `SELECT (${condition})::text FROM ${from}` : `SELECT FROM ${from} WHERE (${condition}) IS TRUE`,
  );
  if (typeof fits === 'string') {
    const called = await volatileFunctions(tx, condition);
    return called.length > 0 ? mayChange(called.join(', ')) : `PostgreSQL refuses it (${fits})`;
  }
  // What gets out of round brackets cannot get out of square ones as well. Beside that: a query inside another
  // becomes a part of it, unless it calls what is volatile.
  const one = await explained(
    tx,
    `SELECT FROM (SELECT ARRAY[${condition}]${scalar ? '' : '::boolean[]'} AS found FROM ${from}) AS ${PROBE}
      WHERE ${scalar ? `${PROBE}.found[1] IS NOT NULL` : `${PROBE}.found[1]`}`,
  );
  if (typeof one === 'string') return `PostgreSQL does not read it as one expression (${one})`;
  if (!isApart(one.plan)) return null;
  return mayChange((await volatileFunctions(tx, condition)).join(', ') || 'a volatile function');
}

const mayChange = (called: string): string =>
  `it calls ${called}, which may change data or give another answer every time: only immutable and stable functions are allowed`;

const PROBE = 'ho_condition';

/** The plan of a statement that is not run; what PostgreSQL says against it where it has none. */
async function explained(tx: Transaction, statement: string): Promise<{ plan: unknown } | string> {
  try {
    const [row] = await tx.query<{ 'QUERY PLAN': unknown }>(`EXPLAIN (FORMAT JSON) ${statement}`);
    return { plan: row!['QUERY PLAN'] };
  } catch (error) {
    if (sqlState(error) === null) throw error;
    await tx.recover();
    return databaseSays(error);
  }
}

/** Is the inner query a step of its own in the plan? */
function isApart(plan: unknown): boolean {
  if (typeof plan !== 'object' || plan === null) return false;
  const { 'Node Type': type, Alias: alias } = plan as Record<string, unknown>;
  return (type === 'Subquery Scan' && alias === PROBE) || Object.values(plan).some(isApart);
}

/** The functions and operators that a condition names, as far as their names tell: every overload counts. */
async function volatileFunctions(tx: Transaction, condition: string): Promise<string[]> {
  const lexed = lex(condition);
  if (typeof lexed === 'string') return [];
  const calls: { schema: string; name: string }[] = [];
  for (const [index, token] of lexed.entries()) {
    const opens = lexed[index + 1]?.text === '(';
    if (!opens || (token.kind !== 'word' && token.kind !== 'name')) continue;
    const qualified = lexed[index - 1]?.text === '.' ? lexed[index - 2] : undefined;
    calls.push({ schema: qualified ? nameOf(qualified) : 'pg_catalog', name: nameOf(token) });
  }
  const signs = lexed.filter(t => t.kind === 'sign').map(t => t.text);
  const rows = await tx.query<{ called: string }>(
    `SELECT DISTINCT n.nspname || '.' || p.proname || '()' AS called
       FROM unnest($1::text[], $2::text[]) AS w(schema, name)
       JOIN pg_catalog.pg_namespace n ON n.nspname = w.schema
       JOIN pg_catalog.pg_proc p ON p.pronamespace = n.oid AND p.proname = w.name
      WHERE p.provolatile = 'v'
     UNION
     SELECT DISTINCT 'the operator ' || n.nspname || '.' || o.oprname
       FROM pg_catalog.pg_operator o
       JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace
       JOIN pg_catalog.pg_proc p ON p.oid = o.oprcode
      WHERE o.oprname = ANY ($3::text[]) AND p.provolatile = 'v'
      ORDER BY 1`,
    [calls.map(c => c.schema), calls.map(c => c.name), signs],
  );
  return rows.map(r => r.called);
}

const nameOf = (token: Token): string =>
  token.kind === 'name' ? token.text.slice(1, -1).replace(/""/g, '"') : token.text.toLowerCase();

const TOKEN =
  /(?<space>\s+)|(?<string>(?:[eEbBxXnN]|[uU]&)?'(?:[^']|'')*')|(?<name>(?:[uU]&)?"(?:[^"]|"")*")|(?<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?<word>[\p{L}_][\p{L}\p{N}_]*)|(?<sign>[()[\],.;:]|[-+*/<>=~!@#%^&|`?]+)/uy;

/** Cuts the text into tokens; a string says what cannot be read. */
function lex(text: string): Token[] | string {
  if (text.includes('\0')) return 'it contains a NUL character';
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  let at = 0;
  while (at < text.length) {
    TOKEN.lastIndex = at;
    const groups = TOKEN.exec(text)?.groups;
    if (!groups) return unreadable(text, at);
    const found = Object.entries(groups).find(([, value]) => value !== undefined) as [string, string];
    const [kind, value] = found;
    if (kind === 'sign' && (value.includes('--') || value.includes('/*')))
      return 'comments are not allowed in it (write them as # in the YAML file)';
    // An escape string may hide its own end (E'\''): the plain form says the same.
    if (kind === 'string' && /^e/i.test(value) && value.includes('\\'))
      return `strings with backslash escapes (E'...') are not allowed`;
    // The second is read in the way of the first, where a line break stands between them.
    if (kind === 'string' && tokens.at(-1)?.kind === 'string')
      return 'two strings side by side are one to PostgreSQL: write one, or join them with ||';
    if (kind !== 'space') tokens.push({ kind: kind as Token['kind'], text: value });
    at += value.length;
  }
  return tokens;
}

function unreadable(text: string, at: number): string {
  const sign = text[at];
  if (sign === "'") return 'a string is not closed';
  if (sign === '"') return 'a quoted name is not closed';
  if (sign === '$') return '$ is not allowed: there are no parameters and no dollar-quoted strings here';
  return `the character ${JSON.stringify(sign)} cannot be read`;
}
