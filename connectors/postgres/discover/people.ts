/**
 * Who people are: as the catalog says, or, where there is none yet, as the schema looks.
 */
import type { Catalog } from '../catalog.js';
import { splitTable } from '../names.js';
import type { People, PeopleValue } from './model.js';
import type { Column, Shape, Table } from './shape.js';
import { isMeasure, PERSONAL, singular, tableWords, wordsOf } from './words.js';

/**
 * The values by which people are known, each once: what a catalog says, and then what the schema shows
 * besides. That the catalog does not name a login keeps no column from holding logins.
 */
export function peopleOf(catalog: Catalog, shape: Shape): People {
  const { people } = catalog;
  const own = (identity: string, column: string, kind: PeopleValue['kind']): PeopleValue => ({
    identity,
    table: people.table,
    column,
    person: null,
    kind,
    pointsAt: null,
  });
  const values: PeopleValue[] = [{ ...own('user', people.key, 'key'), pointsAt: people.table }];
  for (const [identity, spec] of Object.entries(catalog.identities)) {
    // What is worked out from several columns stands in none of them.
    if ('value' in spec) continue;
    values.push(
      'column' in spec
        ? own(identity, spec.column, kindOf(identity, spec.column))
        : {
            identity,
            table: spec.table,
            column: spec.key,
            person: spec.person,
            kind: kindOf(identity, spec.key),
            pointsAt: kindOf(identity, spec.key) === 'key' ? spec.table : null,
          },
    );
  }
  for (const match of people.match) {
    if (match.by === 'id') continue;
    const kind = match.by === 'number' ? 'key' : match.by;
    values.push(
      match.table && match.person
        ? { ...own(kind, match.column, kind), table: match.table, person: match.person }
        : own(kind, match.column, kind),
    );
  }
  if (typeof people.email === 'string') values.push(own('email', people.email, 'email'));
  else if (people.email)
    values.push({
      ...own('email', people.email.column, 'email'),
      table: people.email.table,
      person: people.email.person,
    });
  values.push(own('name', people.name, 'name'));
  if (people.human) values.push(own('human', people.human, 'key'));
  const guess = guessPeople(shape, people.table)?.values ?? [];
  values.push(
    ...[...guess, ...uniqueOnes(shape.tables.get(people.table))].map(one => ({ ...one, guessed: true })),
  );
  return { table: people.table, key: people.key, when: people.when ?? null, values: each(values) };
}

/** Whatever only one person can have may stand for them elsewhere. */
const uniqueOnes = (table: Table | undefined): PeopleValue[] =>
  (table?.columns ?? []).flatMap(({ name, family, array }) => {
    const alone = table!.unique.some(index => index.length === 1 && index[0] === name);
    if (!alone || array || SECRET.test(name) || isMeasure(name)) return [];
    if (family !== 'uuid' && family !== 'text' && family !== 'whole') return [];
    const kind = family === 'text' ? kindOf(name, name) : 'key';
    return [
      { identity: identityName(name), table: table!.name, column: name, person: null, kind, pointsAt: null },
    ];
  });

const SECRET = /token|secret|hash|digest|passw|salt|otp|api_?key|session/i;

const kindOf = (identity: string, column: string): PeopleValue['kind'] =>
  isEmail(column) || isEmail(identity) ? 'email' : isLogin(column) || isLogin(identity) ? 'login' : 'key';

const isEmail = (name: string): boolean => wordsOf(name).some(word => /^e?mails?$/.test(word));
const isLogin = (name: string): boolean =>
  /^(user_?name|login|login_?name|handle|nick_?name|account_?name|upn|samaccountname|uid)$/i.test(name);
const isName = (name: string): boolean =>
  /^(name|full_?name|display_?name|real_?name|person_?name)$/i.test(name);

function each(values: readonly PeopleValue[]): PeopleValue[] {
  const seen = new Set<string>();
  return values.filter(({ table, column }) => {
    const key = `${table}.${column}`;
    return !seen.has(key) && seen.add(key);
  });
}

const TABLES: Record<string, number> = {
  user: 10,
  person: 8,
  employee: 7,
  staff: 6,
  agent: 6,
  account: 5,
  member: 5,
  principal: 5,
  login: 4,
  admin: 4,
  operator: 4,
  worker: 4,
  profile: 3,
  contact: 2,
};

/** Tables that look like people, the likeliest first. */
export function peopleTables(shape: Shape): string[] {
  const named = new Map<string, number>();
  const ruled = new Map<string, number>();
  for (const table of shape.tables.values()) {
    for (const { table: to } of table.references) ruled.set(to, (ruled.get(to) ?? 0) + 1);
    for (const { name } of table.columns) {
      const words = wordsOf(name);
      if (words.at(-1) === 'id' && words.length > 1)
        named.set(words.at(-2)!, (named.get(words.at(-2)!) ?? 0) + 1);
    }
  }
  return [...shape.tables.values()]
    .map(table => ({ name: table.name, score: scoreOf(table, named, ruled) }))
    .filter(one => one.score >= 10)
    .sort((a, b) => b.score - a.score || (a.name < b.name ? -1 : 1))
    .map(one => one.name);
}

/** Looks like people by its name, by what a row says, and by how many others point at it. */
function scoreOf(
  table: Table,
  named: ReadonlyMap<string, number>,
  ruled: ReadonlyMap<string, number>,
): number {
  const words = tableWords(table.name);
  const last = words.at(-1)!;
  const byName = TABLES[last] ?? 0;
  if (byName === 0 || keyOf(table) === null) return 0;
  // `user_roles` ends in roles; `project_users` ends in users and is a list of members.
  const short =
    words.length === 1 ? 4 : /^(auth|res|app|sys|core|identity|usr|t|tbl)$/.test(words[0]!) ? 3 : -4;
  const has = (test: (column: Column) => boolean, points: number): number =>
    table.columns.some(test) ? points : 0;
  return (
    byName +
    short +
    has(column => isEmail(column.name), 4) +
    has(column => isLogin(column.name), 3) +
    has(column => /passw|encrypted|hash|otp|last_?(login|sign)/i.test(column.name), 4) +
    has(column => isName(column.name) || /first_?name|last_?name/i.test(column.name), 2) +
    Math.min(5, named.get(last) ?? 0) +
    Math.min(5, ruled.get(table.name) ?? 0) -
    // A row that points at another person belongs to one.
    (table.references.length > 3 ? 3 : 0)
  );
}

function keyOf(table: Table): string | null {
  const [column, ...more] = table.key;
  return column !== undefined && more.length === 0 ? column : null;
}

/** What a table that looks like people says of them; null where its rows have no key of one column. */
export function guessPeople(shape: Shape, name: string): People | null {
  const table = shape.tables.get(name);
  const key = table && keyOf(table);
  if (!table || !key) return null;
  const values: PeopleValue[] = [];
  const own = (identity: string, column: string, kind: PeopleValue['kind'], pointsAt: string | null = null) =>
    values.push({ identity, table: name, column, person: null, kind, pointsAt });
  own('user', key, 'key', name);
  for (const { name: column, family, array } of table.columns) {
    if (array || column === key) continue;
    if (
      family === 'text' &&
      isEmail(column) &&
      !/type|status|verif|token|notif|pref|confirm|format/i.test(column)
    )
      own(column === 'email' ? 'email' : column, column, 'email');
    else if (family === 'text' && isLogin(column)) own('login', column, 'login');
    else if (family === 'text' && isName(column)) own('name', column, 'name');
    else if (table.unique.some(index => index.length === 1 && index[0] === column) && family !== 'json')
      if (family === 'uuid' || isNumberOfPerson(column)) own(identityName(column), column, 'key');
  }
  if (!values.some(value => value.kind === 'email')) values.push(...addressesOf(shape, table, key));
  return { table: name, key, when: null, values: each(values) };
}

const isNumberOfPerson = (column: string): boolean =>
  /^(person|personnel|employee|staff|emp|badge|external|public)_?(no|nr|num|number|id|key|code)$/i.test(
    column,
  );

export const identityName = (column: string): string =>
  column
    .toLowerCase()
    .replace(/[^a-z0-9_]+/g, '_')
    .replace(/^[^a-z]+/, '')
    .replace(/_(id|uuid)$/, '') || 'other';

/** E-mail addresses in a table of their own: `email_addresses (user_id, address)`. */
function addressesOf(shape: Shape, people: Table, key: string): PeopleValue[] {
  const noun = tableWords(people.name).at(-1)!;
  for (const table of shape.tables.values()) {
    const words = wordsOf(splitTable(table.name).name).map(singular);
    if (!words.some(word => /^e?mail$/.test(word))) continue;
    const person =
      table.references.find(one => one.table === people.name && one.to === key)?.column ??
      table.columns.find(({ name }) => tableWords(`.${name.replace(/_?id$/i, '')}`).at(-1) === noun)?.name;
    const address = table.columns.find(
      ({ name, family }) => family === 'text' && (isEmail(name) || /^addr(ess)?$/i.test(name)),
    );
    if (person && address)
      return [
        { identity: 'email', table: table.name, column: address.name, person, kind: 'email', pointsAt: null },
      ];
  }
  return [];
}

/**
 * Values of people that stand in other tables' keys: the row of a person that points at a row of their own
 * (`users.partner_id`), and rows that point at a person and are one once more (`employees.user_id`).
 */
export function secondHops(
  shape: Shape,
  people: People,
  pointing: ReadonlyMap<string, string>,
): PeopleValue[] {
  const own = shape.tables.get(people.table);
  const found: PeopleValue[] = [];
  for (const { column, table } of onwards(shape, own)) {
    const target = shape.tables.get(table);
    const key = target && keyOf(target);
    if (!target || !key || table === people.table) continue;
    const alone = own!.unique.some(index => index.length === 1 && index[0] === column);
    if (alone || PERSONAL.has(tableWords(table).at(-1)!))
      found.push({
        // The row of a person goes by the same key in a table of more than people: users.id → parties.id.
        identity: column === people.key ? identityName(tableWords(table).at(-1)!) : identityName(column),
        table: people.table,
        column,
        person: null,
        kind: 'key',
        pointsAt: table,
      });
  }
  for (const [name, person] of pointing) {
    const table = shape.tables.get(name);
    const key = table && keyOf(table);
    if (!table || !key || key === person || name === people.table) continue;
    const alone = table.unique.some(index => index.length === 1 && index[0] === person);
    if (alone || PERSONAL.has(tableWords(name).at(-1)!))
      found.push({
        identity: identityName(tableWords(name).at(-1)!),
        table: name,
        column: key,
        person,
        kind: 'key',
        pointsAt: name,
      });
  }
  return found;
}

/** Where a person's own row points, by a rule or by the name of the column. */
function onwards(shape: Shape, own: Table | undefined): { column: string; table: string }[] {
  if (!own) return [];
  const ruled = own.references.map(({ column, table }) => ({ column, table }));
  const named = own.columns.flatMap(({ name }) => {
    const stem = /^(.+)_id$/.exec(name)?.[1];
    if (!stem || ruled.some(one => one.column === name)) return [];
    const noun = singular(wordsOf(stem).at(-1) ?? '');
    if (!PERSONAL.has(noun)) return [];
    return [...shape.tables.keys()]
      .filter(table => table !== own.name && tableWords(table).join('_').endsWith(singular(stem)))
      .slice(0, 1)
      .map(table => ({ column: name, table }));
  });
  return [...ruled, ...named];
}
