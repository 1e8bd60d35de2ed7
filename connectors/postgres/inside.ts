/**
 * Owners that stand inside a column: in an array, somewhere in a JSON document, or within a text. What is held
 * is the row; what a hand-over writes is the column with the successor in the leaver's place. Who stands there
 * already stands there once.
 *
 *   array   every element is an owner
 *   json    a path leads to the owners: `$.assignees[*].id`
 *   text    a pattern says how they are mentioned: `@user:{id}`. Found, counted and shown, and never written
 */
import type { LiveColumn } from './live.js';
import { quote } from './names.js';
import { EACH, type Step, stepsOf } from './paths.js';

export type Inside = 'array' | { json: string } | { text: string };

export interface BoundInside {
  kind: 'array' | 'json' | 'text';
  column: LiveColumn;
  /** Keys, and `*` for every element of a list. */
  path: readonly Step[];
  /** What stands before and behind an owner in a text. */
  around: readonly [before: string, behind: string];
}

export function boundInside(inside: Inside, column: LiveColumn): BoundInside {
  const nothing = { column, path: [], around: ['', ''] as const };
  if (inside === 'array') return { ...nothing, kind: 'array' };
  if ('json' in inside) return { ...nothing, kind: 'json', path: stepsOf(inside.json) ?? [] };
  const [before = '', behind = ''] = inside.text.split('{id}');
  return { ...nothing, kind: 'text', around: [before, behind] };
}

/** One owner of the column, as if it stood in a column of its own. */
export function ownerInside({ kind, column }: BoundInside): LiveColumn {
  const type = kind === 'array' ? column.type.replace(/(\[\])+$/, '') : 'text';
  const shape = { smallint: 'integer', integer: 'integer', bigint: 'integer' } as const;
  const text = /^(text|character varying|character|"?citext"?|.*\.citext)$/.test(type);
  return {
    ...column,
    type,
    kind: shape[type as keyof typeof shape] ?? (text ? 'text' : 'other'),
    scalar: true,
    equals: '=',
  };
}

type Fold = ((text: string) => string) | null;

/**
 * Does the column hold one of these? @param owners SQL of an array of texts @param fold null = as they stand
 */
export function holdsSql(inside: BoundInside, alias: string, owners: string, fold: Fold): string {
  const own = `${alias}.${quote(inside.column.name)}`;
  switch (inside.kind) {
    case 'array':
      return fold
        ? `EXISTS (SELECT FROM unnest(${own}) AS ho_in(v) WHERE ${isOneOf('ho_in.v::text', owners, fold)})`
        : `(${own} && (${owners})::${inside.column.type})`;
    case 'json':
      return `EXISTS (SELECT FROM ${valuesIn(inside, own)} AS ho_in(v) WHERE ${isOneOf('ho_in.v', owners, fold)})`;
    case 'text':
      return `EXISTS (SELECT FROM unnest(${owners}) AS ho_in(v) WHERE ${mentions(inside.around, own, fold)})`;
  }
}

const isOneOf = (value: string, owners: string, fold: Fold): string =>
  fold
    ? `${fold(value)} = ANY (ARRAY(SELECT ${fold('ho_owner.v')} FROM unnest(${owners}) AS ho_owner(v)))`
    : `${value} = ANY (${owners})`;

/** Every owner of every row, as texts, for a FROM list beside the table; null where nobody can tell them apart. */
export function eachOwner(inside: BoundInside, alias: string): string | null {
  const own = `${alias}.${quote(inside.column.name)}`;
  if (inside.kind === 'text') return null;
  return inside.kind === 'array'
    ? `LATERAL (SELECT ho_in.v::text FROM unnest(${own}) AS ho_in(v)) AS ho_each(owner)`
    : `LATERAL ${valuesIn(inside, own)} AS ho_each(owner)`;
}

/** A subselect of the texts and numbers at the end of the path. */
function valuesIn({ path }: BoundInside, own: string): string {
  let from = `(SELECT ${own}::jsonb AS v) AS ho_j0`;
  for (const [n, step] of path.entries()) {
    const v = `ho_j${n}.v`;
    from +=
      step === EACH
        ? ` CROSS JOIN LATERAL jsonb_array_elements(CASE WHEN jsonb_typeof(${v}) = 'array' THEN ${v} ELSE '[]' END) AS ho_j${n + 1}(v)`
        : ` CROSS JOIN LATERAL (SELECT ${v} -> ${text(step)} AS v) AS ho_j${n + 1}`;
  }
  const last = `ho_j${path.length}.v`;
  return `(SELECT ${last} #>> '{}' FROM ${from} WHERE jsonb_typeof(${last}) IN ('string', 'number'))`;
}

/** As a word of its own: `user:17` is not mentioned in `user:170`. */
function mentions([before, behind]: BoundInside['around'], own: string, fold: Fold): string {
  const bare = (one: string): string => (fold ? fold(one) : one);
  const whole = bare(`${text(before)} || ho_in.v || ${text(behind)}`);
  const escaped = `regexp_replace(${whole}, '([^[:alnum:]_[:space:]])', '\\\\\\1', 'g')`;
  const word = /^[\p{L}\p{N}_]/u;
  const start = before === '' || word.test(before) ? `'(^|[^[:alnum:]_])'` : `''`;
  const end = behind === '' || word.test([...behind].reverse().join('')) ? `'($|[^[:alnum:]_])'` : `''`;
  return `${bare(`${own}::text`)} COLLATE "C" ~ (${start} || ${escaped} || ${end})`;
}

/** What a hand-over writes into the column. */
export interface Replacing {
  /** SQL of an array of texts: whose place is taken. */
  owners: string;
  /** SQL of one text, NULL = nobody: the leaver is taken out. */
  taker: string;
  fold: Fold;
}

export function replacedSql(inside: BoundInside, alias: string, replacing: Replacing): string {
  const own = `${alias}.${quote(inside.column.name)}`;
  if (inside.kind === 'array') return arrayWith(inside, own, replacing);
  const document = rewritten(`${own}::jsonb`, inside.path, replacing, 0);
  return `(${document})::${inside.column.type}`;
}

/** Only the first of the leaver's values stays, and only where the successor does not stand there already. */
function arrayWith({ column }: BoundInside, own: string, { owners, taker, fold }: Replacing): string {
  const element = column.type.replace(/(\[\])+$/, '');
  const theirs = (v: string): string => `coalesce(${isOneOf(`${v}::text`, owners, fold)}, false)`;
  const already = `${sameText('ho_f.v::text', taker, fold)} OR (ho_f.n < ho_e.n AND ${theirs('ho_f.v')})`;
  return `(SELECT coalesce(array_agg(CASE WHEN ${theirs('ho_e.v')} THEN (${taker})::${element} ELSE ho_e.v END ORDER BY ho_e.n), '{}')
             FROM unnest(${own}) WITH ORDINALITY AS ho_e(v, n)
            WHERE NOT (${theirs('ho_e.v')} AND (${taker} IS NULL OR EXISTS (
              SELECT FROM unnest(${own}) WITH ORDINALITY AS ho_f(v, n) WHERE ${already}))))`;
}

const sameText = (one: string, other: string, fold: Fold): string =>
  `coalesce(${fold ? `${fold(one)} = ${fold(`(${other})`)}` : `${one} = (${other})`}, false)`;

function rewritten(value: string, path: BoundInside['path'], replacing: Replacing, depth: number): string {
  const [step, ...rest] = path;
  if (step === undefined)
    return `CASE WHEN ${isTheirs(value, replacing)} THEN ${inPlaceOf(value, replacing)} ELSE ${value} END`;
  if (step !== EACH) {
    const inner = rewritten(`(${value} -> ${text(step)})`, rest, replacing, depth);
    return `CASE WHEN jsonb_typeof(${value}) = 'object' AND ${value} ? ${text(step)} THEN jsonb_set(${value}, ARRAY[${text(step)}], ${inner}) ELSE ${value} END`;
  }
  const e = `ho_e${depth}`;
  const f = `ho_f${depth}`;
  const inner = rewritten(`${e}.v`, rest, replacing, depth + 1);
  // In the innermost list a second entry of the same person says nothing new.
  const kept = rest.includes(EACH) ? '' : ` WHERE NOT (${dropped(value, rest as string[], replacing, e, f)})`;
  return `CASE WHEN jsonb_typeof(${value}) = 'array'
               THEN (SELECT coalesce(jsonb_agg(${inner} ORDER BY ${e}.n), '[]') FROM jsonb_array_elements(${value}) WITH ORDINALITY AS ${e}(v, n)${kept})
               ELSE ${value} END`;
}

function dropped(list: string, keys: string[], replacing: Replacing, e: string, f: string): string {
  const at = (entry: string): string => keys.reduce((v, key) => `(${v} -> ${text(key)})`, `${entry}.v`);
  const { taker, fold } = replacing;
  const already = `${sameText(`${at(f)} #>> '{}'`, taker, fold)} OR (${f}.n < ${e}.n AND ${isTheirs(at(f), replacing)})`;
  return `${isTheirs(at(e), replacing)} AND (${taker} IS NULL OR EXISTS (
              SELECT FROM jsonb_array_elements(${list}) WITH ORDINALITY AS ${f}(v, n) WHERE ${already}))`;
}

const isTheirs = (value: string, { owners, fold }: Replacing): string =>
  `coalesce(jsonb_typeof(${value}) IN ('string', 'number') AND ${isOneOf(`${value} #>> '{}'`, owners, fold)}, false)`;

/** A number stays a number. */
const inPlaceOf = (value: string, { taker }: Replacing): string =>
  `CASE WHEN ${taker} IS NULL THEN 'null'::jsonb WHEN jsonb_typeof(${value}) = 'number' THEN to_jsonb((CASE WHEN jsonb_typeof(${value}) = 'number' THEN (${taker})::text END)::numeric) ELSE to_jsonb((${taker})::text) END`;

const text = (value: string): string => `'${value.replace(/'/g, "''")}'::text`;
