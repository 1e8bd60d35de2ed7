/**
 * Which columns can hold a person, from everything that was seen: rules of the database first, then values,
 * then names. Pure: the same evidence gives the same verdict.
 *
 * It leans to finding: a column that is named for nothing costs a line of `acknowledged`, a column that is
 * missed costs the promise. What is left open is said, with what is known about it.
 */

import { keyOf } from './keys.js';
import type { Discovered, Layer, Match, Part, People, PeopleValue, Seen, Undecided } from './model.js';
import { secondHops } from './people.js';
import { propose } from './propose.js';
import type { Column, Shape, Table } from './shape.js';
import { isGroup, isId, mayBeId } from './tokens.js';
import {
  isMeasure,
  PERSONAL,
  type Said,
  singular,
  stemOf,
  TableNames,
  tableWords,
  whatNameSays,
  wordsOf,
} from './words.js';

export interface Evidence {
  shape: Shape;
  /** With second hops (`withHops`). */
  people: People;
  /** By `schema.table.column`; empty where nothing was sampled. */
  seen: ReadonlyMap<string, Seen>;
}

export interface Judgement {
  columns: Discovered[];
  undecided: Undecided[];
}

export function judge(evidence: Evidence): Judgement {
  const names = new TableNames(evidence.shape.tables.keys(), evidence.people.table);
  const columns: Discovered[] = [];
  const undecided: Undecided[] = [];
  for (const table of evidence.shape.tables.values())
    for (const column of table.columns) {
      const verdict = judgeColumn({ ...evidence, names, table, column });
      if (verdict === null) continue;
      const at = { table: table.name, column: column.name };
      if ('why' in verdict) undecided.push({ ...at, why: verdict.why });
      else columns.push({ ...at, ...describe(evidence, table, column, verdict) });
    }
  return { columns, undecided };
}

/**
 * The people of a schema with the rows that are a person once more, as far as rules and names tell: from the
 * user to the employee, and from there to the seat that is the employee's.
 */
export function withHops(shape: Shape, people: People): People {
  let all = people;
  for (let n = 0; n < HOPS; n++) {
    const further = withNextHop(shape, all);
    if (further.values.length === all.values.length) break;
    all = further;
  }
  return all;
}

const HOPS = 3;

function withNextHop(shape: Shape, people: People): People {
  const direct = judge({ shape, people, seen: new Map() });
  const pointing = new Map<string, string>();
  const far = new Set<string>();
  for (const { table, column, identity, layer } of direct.columns) {
    if (identity.pointsAt === null || layer === 'pair' || layer === 'document') continue;
    const noun = tableWords(identity.pointsAt).at(-1)!;
    if (!isTheirRow(shape, table, column, noun)) continue;
    // Of several, the one that is named after people: `employees.user_id`, not `employees.created_by`.
    const before = pointing.get(table);
    if (before === undefined || stemOf(column, false).at(-1) === noun) {
      pointing.set(table, column);
      if (identity.pointsAt === people.table) far.delete(table);
      else far.add(table);
    }
  }
  const sign = ({ table, column, pointsAt }: PeopleValue) => `${keyOf(table, column)} ${pointsAt}`;
  const known = new Set(people.values.map(sign));
  const hops = secondHops(shape, people, pointing).filter(value => !known.has(sign(value)));
  const reached = new Set(
    judge({
      shape,
      people: { ...people, values: [...people.values, ...hops] },
      seen: new Map(),
    }).columns.map(one => one.identity.pointsAt),
  );
  const more = hops.filter(
    ({ pointsAt }) => reached.has(pointsAt) || PERSONAL.has(tableWords(pointsAt!).at(-1)!),
  );
  const seen = new Set(people.values.map(value => value.identity));
  const named = more.map(value => {
    let identity = value.identity;
    for (let n = 2; seen.has(identity); n++) identity = `${value.identity}_${n}`;
    seen.add(identity);
    return { ...value, identity, far: value.person !== null && far.has(value.table) };
  });
  return { ...people, values: [...people.values, ...named] };
}

/** `tasks.assignee_id` makes no task a person; the person of a row of its own is called by the same noun. */
function isTheirRow(shape: Shape, name: string, column: string, noun: string): boolean {
  const table = shape.tables.get(name)!;
  const alone = table.unique.some(index => index.length === 1 && index[0] === column);
  const stem = stemOf(column, false).at(-1);
  return alone || stem === noun || stem === 'user' || stem === tableWords(name).at(-1);
}

interface Case extends Evidence {
  names: TableNames;
  table: Table;
  column: Column;
}

interface Person {
  layer: Layer;
  identity: PeopleValue;
  evidence: string[];
  match: Match | null;
  /** Of a pair: the column of classes, and which of them are people. */
  classes?: { column: string; theirs: string[] };
  /** Everything of the column that is somebody's, where the column holds more than one thing. */
  parts?: Part[];
}
type Verdict = Person | { why: string } | null;

function judgeColumn(one: Case): Verdict {
  const { table, column, people, seen } = one;
  if (column.family === 'never') return null;
  // What people are known by is no reference to them.
  const own = people.values.filter(value => value.table === table.name && value.column === column.name);
  if (own.some(value => !value.guessed && value.pointsAt !== table.name)) return null;
  const sight = seen.get(keyOf(table.name, column.name)) ?? NOTHING;
  // What only looks as if it said who they are may as well say who stands in for them.
  if (own.some(value => value.guessed) && !sight.matches.some(match => match.people > 0)) return null;
  const rule = byRule(one);
  if (rule) return rule;
  // Small numbers are everybody's: a rule that points elsewhere says enough of them.
  if (rule === null && column.family !== 'text' && column.family !== 'uuid') return null;
  const said: Said =
    rule === null ? NO_WORD : inContext(whatNameSays(column.name, column.family === 'text', one.names), one);
  if (
    table.key.length === 1 &&
    table.key[0] === column.name &&
    /^(id|pk|key|uuid|oid|no|nr|code)$/i.test(column.name)
  ) {
    if (people.values.some(({ pointsAt }) => pointsAt === table.name)) return null;
    // The name of a row may be made of a person's; it is a person's own only where it is nothing else.
    const alone = { ...sight, matches: sight.matches.filter(({ frame }) => !frame) };
    return column.family === 'text' ? byText(one, alone, NO_WORD) : sharedKey(one);
  }
  const pair = rule === null ? undefined : byPair(one, sight);
  if (pair !== undefined) return pair;
  if (column.family === 'other') return byNameAlone(one, said);
  if (column.array || column.family === 'json') return inDocument(one, sight, said);
  return column.family === 'text' ? byText(one, sight, said) : byNumber(one, sight, said);
}

/** In `user_mutes` a subject is a user. */
function inContext(said: Said, { table, people }: Case): Said {
  if (said.says !== 'perhaps') return said;
  const noun = tableWords(people.table).at(-1)!;
  return tableWords(table.name).slice(0, -1).includes(noun) ? { says: 'person', word: said.word } : said;
}

const NO_WORD: Said = { says: 'nothing' };

/** Of a type that nobody here can read. */
function byNameAlone({ people, column }: Case, said: Said): Verdict {
  return said.says === 'person'
    ? {
        layer: 'name',
        identity: people.values[0]!,
        match: null,
        evidence: [`named ${said.word}; what stands in a ${column.type} cannot be read here`],
      }
    : null;
}

const NOTHING: Seen = { sampled: 0, filled: 0, distinct: 0, values: [], matches: [] };

const share = (match: Match): number => (match.tried === 0 ? 0 : match.people / match.tried);
const percent = (match: Match): string =>
  `${match.people} of ${match.tried} sampled values ${match.tried === 1 ? 'is' : 'are'} people (${match.value.table}.${match.value.column})`;

/** The value by which whoever is a row of this table is known. */
const pointing = ({ people }: Case, table: string): PeopleValue | undefined =>
  people.values.find(value => value.pointsAt === table);

/** Undefined where no rule says where the column points. */
function byRule(one: Case): Verdict | undefined {
  const { table, column, people } = one;
  const rules = table.references.filter(rule => rule.column === column.name);
  if (rules.length === 0) return undefined;
  for (const rule of rules) {
    const identity =
      people.values.find(value => value.table === rule.table && value.column === rule.to) ??
      pointing(one, rule.table);
    if (!identity) continue;
    const says = `a foreign key to ${rule.table}.${rule.to}, on delete ${rule.onDelete}`;
    const match =
      one.seen.get(keyOf(table.name, column.name))?.matches.find(({ value }) => value === identity) ?? null;
    const layer = identity.pointsAt === people.table || identity.pointsAt === null ? 'rule' : 'second-hop';
    return {
      layer,
      identity,
      match,
      evidence: [says, ...hop(one, identity), ...(match ? [percent(match)] : [])],
    };
  }
  return null;
}

/** How a row that is a person once more leads to the person. */
function hop({ people }: Case, { pointsAt, table, column, person }: PeopleValue): string[] {
  if (pointsAt === null || pointsAt === people.table) return [];
  return person === null
    ? [`a person is a row of ${pointsAt} (${table}.${column})`]
    : [`a row of ${table} is a person (${table}.${person})`];
}

/** A key that is a person's own: `profiles.id = users.id`. Small numbers agree by accident. */
function sharedKey(one: Case): Verdict {
  const { table, column, people, seen } = one;
  if (table.name === people.table) return null;
  const match = seen
    .get(keyOf(table.name, column.name))
    ?.matches.find(({ value, frame }) => value.kind === 'key' && !frame);
  if (!match || match.people === 0) return null;
  const evidence = [`the key itself is a person's`, percent(match)];
  if (column.family !== 'whole')
    return match.telling ? { layer: 'values', identity: match.value, match, evidence } : null;
  if (share(match) < 1 || !mayShareKey(table, people)) return null;
  return match.telling
    ? { layer: 'values', identity: match.value, match, evidence }
    : { why: `all ${match.tried} sampled keys are people's ids, but so small numbers are that by accident` };
}

/** A table that is named for people and has no other column to say whose row is whose. */
export function mayShareKey(table: Table, people: People): boolean {
  const words = tableWords(table.name);
  const noun = tableWords(people.table).at(-1)!;
  return (
    table.name !== people.table &&
    (PERSONAL.has(words.at(-1)!) || words.includes(noun) || words.includes(`${noun}s`)) &&
    !table.references.some(rule => rule.table === people.table) &&
    !table.columns.some(({ name }) => stemOf(name, false).at(-1) === noun)
  );
}

/** May this be the half of a pair that says what the other half names? */
export const isClass = (name: string): boolean =>
  CLASSES.some(word => name.toLowerCase() === word || name.toLowerCase().endsWith(`_${word}`)) ||
  /content_?type/i.test(name);

const CLASSES = ['type', 'class', 'kind', 'model', 'table', 'entity', 'content_type', 'klass'];

/**
 * Half of a polymorphic pair: what the other half names decides. Undefined where there is none, and where the
 * values are people's although nobody knows its words.
 */
function byPair(one: Case, sight: Seen): Verdict | undefined {
  const { table, column, people, seen, names } = one;
  if (column.family === 'other') return undefined;
  const stem = /^(.*?)_?(id|key|uuid|ref|pk|fk)$/i.exec(column.name)?.[1];
  if (stem === undefined || column.array) return undefined;
  const other = table.columns.find(({ name }) => {
    const lower = name.toLowerCase();
    const base = stem.replace(/_$/, '').toLowerCase();
    return (
      CLASSES.some(word => lower === `${base}_${word}` || lower === `${base}${word}`) ||
      (base === 'object' && lower.replace(/_id$/, '') === 'content_type')
    );
  });
  if (!other) return undefined;
  // `user_type` beside `user_id` says what sort of user it is.
  const word = stemOf(column.name, false).at(-1) ?? '';
  const target = names.find([word], false);
  if (target && pointing(one, target)) return undefined;
  const classes = seen.get(keyOf(table.name, other.name))?.values ?? [];
  const theirs = classes.filter(name => classOf(name, one) !== null);
  if (theirs.length > 0) {
    const identity = classOf(theirs[0]!, one)!;
    const match =
      seen.get(keyOf(table.name, column.name))?.matches.find(({ value }) => value === identity) ?? null;
    const says = `${other.name} names ${theirs.map(name => JSON.stringify(name)).join(', ')}: the row is then a person`;
    return { layer: 'pair', identity, match, evidence: [says], classes: { column: other.name, theirs } };
  }
  const role = whatNameSays(`${word}_id`, false, names).says;
  if (classes.length === 0 && (role === 'person' || role === 'perhaps'))
    return {
      layer: 'pair',
      identity: people.values[0]!,
      match: null,
      evidence: [`${other.name} says whether it is a person; ${word} is a word for one`],
    };
  if (classes.length === 0)
    return { why: `${other.name} says what ${column.name} points at, and nothing is there yet` };
  const others = classes.every(name => names.find(classWords(name), true) !== null);
  if (!others && sight.matches.some(match => match.people > 0)) return undefined;
  return role === 'person'
    ? { why: `named like a person, but ${other.name} names only ${classes.slice(0, 4).join(', ')}` }
    : null;
}

const classWords = (name: string): string[] => {
  const words = wordsOf(name.split(/::|[\\/.]/).at(-1)!);
  return words.map((word, n) => (n === words.length - 1 ? singular(word) : word));
};

/** `User`, `Spree::User`, `App\Models\User`, `auth.user`, `users`: whose rows a class names, if people's. */
function classOf(name: string, one: Case): PeopleValue | null {
  const words = classWords(name).join('_');
  for (const value of one.people.values) {
    if (value.pointsAt === null) continue;
    const theirs = tableWords(value.pointsAt);
    if (words === theirs.join('_') || words === theirs.at(-1)) return value;
  }
  // `AppUser`: of no other table's rows.
  const table = one.names.find(classWords(name), true);
  const theirs = table && pointing(one, table);
  if (theirs) return theirs;
  return /^(user|person|principal|human)$/.test(words) ? one.people.values[0]! : null;
}

/** Numbers and uuids. */
function byNumber(one: Case, sight: Seen, said: Said): Verdict {
  const { people, shape, column } = one;
  // An amount is no id.
  if (column.decimals && !sight.values.every(value => /^\d+([.]0+)?$/.test(value))) return null;
  const match = best(sight.matches);
  const named = said.says === 'table' ? pointing(one, said.table) : undefined;
  if (match && valuesTell(one, match, said, named !== undefined)) {
    const layer = match.value.pointsAt === people.table ? 'values' : 'second-hop';
    return { layer, identity: match.value, match, evidence: [percent(match), ...hop(one, match.value)] };
  }
  if (said.says === 'nothing') return leftOpen(one, match);
  if (said.says === 'table' && !named) return null;
  const identity = named ?? fitting(people, shape, column);
  const word =
    said.says === 'table' ? said.word : said.says === 'perhaps' || said.says === 'person' ? said.word : '';
  if (!identity || familyOf(shape, identity) !== column.family)
    return said.says === 'perhaps'
      ? null
      : sight.filled > 0
        ? unmatched(people.values[0]!, word, `a ${column.type} holds no ${people.table}.${people.key}`)
        : {
            why: `named like a person (${word}), but its type ${column.type} cannot hold ${people.table}.${people.key}`,
          };
  const theirs = sight.matches.find(({ value }) => value === identity) ?? null;
  const tried = theirs?.tried ?? 0;
  if (said.says === 'perhaps') {
    if (theirs && tried >= 2 && share(theirs) >= 0.9)
      return { layer: 'values', identity, match: theirs, evidence: [percent(theirs), `named ${word}`] };
    return tried === 0 ? { why: `${word} may be a word for a person; there is no value yet to tell` } : null;
  }
  if (theirs && tried >= 5 && theirs.people === 0)
    return unmatched(identity, word, `none of ${tried} sampled values is anybody's that we know`);
  const layer: Layer =
    identity.pointsAt !== people.table ? 'second-hop' : theirs && theirs.people > 0 ? 'values' : 'name';
  return {
    layer,
    identity,
    match: theirs,
    evidence: [
      `named ${word}`,
      ...hop(one, identity),
      ...(theirs && tried > 0 ? [percent(theirs)] : ['no value to look at yet']),
    ],
  };
}

/** Named for a person and filled: whose the values are is exactly what people must be asked. */
const unmatched = (identity: PeopleValue, word: string, but: string): Person => ({
  layer: 'name',
  identity,
  match: null,
  evidence: [`named ${word}, but ${but}`],
});

/** Are the values alone enough? A uuid is nobody else's; a large number may be another table's as well. */
function valuesTell({ column }: Case, match: Match, said: Said, named: boolean): boolean {
  if (!match.telling || match.people === 0 || isMeasureOnly(column)) return false;
  if (column.family === 'uuid') return share(match) >= 0.01;
  if (said.says === 'nothing') return isEnough(match) && !NUMBERED.test(column.name);
  return (said.says !== 'table' || named) && match.people > 1 && share(match) >= 0.5;
}

const isEnough = (match: Match): boolean => match.tried >= 4 && share(match) >= 0.95;

/** A number of no telling name: never taken for a person by its values alone where they are small. */
function leftOpen({ column, table, people }: Case, match: Match | null): Verdict {
  if (!match || column.family !== 'whole' || isMeasure(column.name) || table.name === people.table)
    return null;
  if (match.tried < 8 || share(match) < 1) return null;
  return {
    why: `all ${match.tried} sampled values are people's ids, but so small numbers are that by accident, and its name says nothing`,
  };
}

/** `number`, `position`: whatever stands there counts something. */
const isMeasureOnly = ({ name, family }: Column): boolean => family === 'whole' && isMeasure(name);

/** The match that says most: more of the column's values are people's. */
function best(matches: readonly Match[]): Match | null {
  const found = matches.filter(match => match.value.kind === 'key' && !match.frame);
  return [...found].sort((a, b) => share(b) - share(a))[0] ?? null;
}

function familyOf(shape: Shape, value: PeopleValue): string | undefined {
  return shape.tables.get(value.table)?.columns.find(({ name }) => name === value.column)?.family;
}

/** The value of people that a column of this type can hold, the key before all others. */
function fitting(people: People, shape: Shape, column: Column): PeopleValue | undefined {
  return people.values.find(
    value =>
      value.kind === 'key' &&
      (value.pointsAt === null || value.pointsAt === people.table) &&
      familyOf(shape, value) === column.family,
  );
}

/** E-mails, logins, names and ids in texts. */
function byText(one: Case, sight: Seen, said: Said): Verdict {
  const { people, shape, table, column } = one;
  const named = said.says === 'table' ? pointing(one, said.table) : undefined;
  const telling = said.says === 'person' || named !== undefined;
  const hits = sight.matches.filter(match => match.people > 0);
  const convincing = hits.filter(match => convinces(match, sight, said, telling, column));
  const [found] = convincing;
  if (found) {
    const layer: Layer = found.value.kind === 'key' ? 'values' : 'texts';
    return {
      layer,
      identity: found.value,
      match: found,
      evidence: [
        percent(found),
        ...(found.frame ? [`as ${found.frame}`] : []),
        ...(telling ? [`named ${'word' in said ? said.word : ''}`] : []),
      ],
      parts: convincing.map(({ value, hits, frame }) => ({ value, hits, frame, path: null })),
    };
  }
  const prose = hits.find(match => match.value.kind === 'email');
  if (prose) return { why: `its texts mention people by e-mail (${prose.people} of them in the sample)` };
  if (!telling || table.name === people.table) return null;
  const word = 'word' in said ? said.word : '';
  if (sight.filled > 0 && sight.distinct >= 5)
    return unmatched(
      textual(people, shape, column, named) ?? people.values[0]!,
      word,
      `none of ${sight.distinct} sampled texts is anybody's e-mail, login, name or id that we know`,
    );
  const identity = textual(people, shape, column, named);
  return identity
    ? {
        layer: 'name',
        identity,
        match: null,
        evidence: [
          `named ${word}, and holds texts`,
          sight.filled > 0 ? 'too few values to tell' : 'no value to look at yet',
        ],
      }
    : null;
}

function convinces(match: Match, sight: Seen, said: Said, telling: boolean, column: Column): boolean {
  if (match.inProse) return false;
  if (match.frame && !framedTells(match, telling, column)) return false;
  // { "owner_id": 3 } in a text.
  if (match.value.kind === 'key' && match.people >= 2 && match.paths.some(isPersonPath)) return true;
  switch (match.value.kind) {
    case 'email':
      return telling || match.people >= 3 || match.rows >= sight.filled / 100;
    case 'name':
      return telling || (match.people >= 3 && match.people >= sight.distinct * 0.5);
    case 'login':
      return (
        telling ||
        (match.people >= 3 && match.people >= sight.distinct * (said.says === 'perhaps' ? 0.5 : 0.8))
      );
    case 'key':
      return match.telling ? match.people >= 1 && (telling || share(match) >= 0.5) : telling;
  }
}

/** The same stands around all of these values; what is in it may be people's by accident. */
function framedTells(match: Match, telling: boolean, { name }: Column): boolean {
  if (telling) return share(match) >= 0.5;
  if (match.value.kind === 'key')
    return match.telling && (UUIDS.test([...match.hits][0]!) || (isEnough(match) && !NUMBERED.test(name)));
  return match.people >= 3 && share(match) >= 0.8;
}

const UUIDS = /^[0-9a-f]{8}-/;
const NUMBERED = /(number|num|nr|no)$/i;

/** Which value a text probably holds, from its name alone. */
function textual(
  people: People,
  shape: Shape,
  column: Column,
  named: PeopleValue | undefined,
): PeopleValue | undefined {
  const kind = /mail/i.test(column.name)
    ? 'email'
    : /login|user_?name/i.test(column.name)
      ? 'login'
      : /name/i.test(column.name)
        ? 'name'
        : null;
  const of = (wanted: string) => people.values.find(value => value.kind === wanted);
  if (kind) return of(kind) ?? of('email') ?? people.values[0];
  const key = named ?? people.values[0];
  return key && familyOf(shape, key) === 'text' ? key : (of('login') ?? of('email') ?? key);
}

/** Lists and JSON. */
function inDocument({ people, shape, column, table, ...one }: Case, sight: Seen, said: Said): Verdict {
  const telling =
    said.says === 'person' ||
    (said.says === 'table' && pointing({ people, shape, column, table, ...one }, said.table) !== undefined);
  const elsewhere = said.says === 'table' && !telling;
  const list = column.array && column.family !== 'json';
  const ownTable = table.name === people.table;
  const convincing = sight.matches
    .filter(match => match.people > 0)
    .filter(match => {
      if (match.inProse) return false;
      if (match.frame) return framedTells(match, telling || match.paths.some(isPersonPath), column);
      if (match.value.kind === 'email') return true;
      if (match.value.kind === 'name') return telling;
      if (match.value.kind === 'login')
        return (
          telling ||
          (list
            ? match.people >= 3 && share(match) >= 0.8
            : match.people >= 3 && match.paths.some(isPersonPath))
        );
      if (elsewhere) return false;
      if (match.telling)
        return (
          !list ||
          column.family !== 'whole' ||
          telling ||
          (match.people >= (ownTable ? 1 : 3) && share(match) >= 0.9)
        );
      return list ? telling : match.people >= 2 && match.paths.some(isPersonPath);
    });
  const [found] = convincing;
  if (found) {
    const where = found.paths.filter(path => path !== '...' && path !== '[]');
    return {
      layer: 'document',
      identity: found.value,
      match: found,
      evidence: [
        `${found.people} people in ${found.rows} sampled places${where.length > 0 ? `, at ${where.join(', ')}` : ''}`,
      ],
      parts: convincing.flatMap(({ value, hits, frame, paths, telling: alone }) =>
        paths
          .filter(path => path !== '...' && (alone || isPersonPath(path)))
          .map(path => ({ value, hits, frame, path })),
      ),
    };
  }
  if (!telling) return null;
  if (ownTable) return null;
  if (sight.distinct >= 5)
    return unmatched(
      people.values[0]!,
      'like people',
      `nothing in ${sight.filled} sampled rows is anybody's that we know`,
    );
  return {
    layer: 'document',
    identity: people.values[0]!,
    match: null,
    evidence: ['named after people', 'no value to look at yet'],
  };
}

function isPersonPath(path: string): boolean {
  const keys = path.replace(/\[\]|\{\}/g, '').split('.');
  if (isId(keys.at(-1)!) && isGroup(path.split('.').slice(0, -1).join('.'))) return true;
  const key = (isId(keys.at(-1)!) ? keys.at(-2) : keys.at(-1)) ?? '';
  if (mayBeId(key)) return true;
  const said = whatNameSays(key, true, NO_TABLES);
  return said.says === 'person' || /user|cc$|email/i.test(key);
}

const NO_TABLES = new TableNames([], '.');

function describe(
  { seen }: Evidence,
  table: Table,
  column: Column,
  person: Person,
): Omit<Discovered, 'table' | 'column'> {
  const { layer, identity, evidence, match, classes = null, parts = [] } = person;
  const unique = table.unique.find(index => index.includes(column.name)) ?? null;
  const rule = table.references.find(one => one.column === column.name) ?? null;
  const sight = seen.get(keyOf(table.name, column.name)) ?? NOTHING;
  return {
    type: column.type,
    layer,
    identity,
    classes,
    parts,
    evidence: [...evidence, ...(unique ? [`in a unique index (${unique.join(', ')})`] : [])],
    rule,
    unique,
    rows: table.rows,
    sampled: sight.sampled,
    share: match && match.tried > 0 ? match.people / match.tried : null,
    ofLeaver: null,
    propose: propose(table, column.name, identity, unique),
  };
}
