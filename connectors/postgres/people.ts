/**
 * The directory's view of people: who matches, who is in a team. Every match is returned, inactive people
 * included.
 */
import { type Fold, isBlank, isPlaceholder } from '../../domain/fold.js';
import type { Known, Person } from '../../domain/model.js';
import type { PersonQuery } from '../connector.js';
import { andWhen, type BoundPeople } from './binding.js';
import type { LiveColumn } from './live.js';
import { Placeholders, quote, quoteTable } from './names.js';
import type { Target } from './target.js';

interface PersonRow {
  [column: string]: unknown;
  id: string;
  name: string;
  email: string | null;
  active: boolean;
  blocked: boolean;
  manager: string | null;
  team: string | null;
  human: string | null;
  operator: boolean;
  approver: boolean;
  known: Known[];
}

export function findPeople(target: Target, query: PersonQuery, signal?: AbortSignal): Promise<Person[]> {
  return target.bound(signal, binding => {
    const people = binding.people();
    const bind = new Placeholders();
    const where =
      query.by === 'id'
        ? `${people.alias}.${quote(people.key.name)}::text = ${bind.add(query.value, 'text')}`
        : matching(people, query.by, query.value, bind);
    if (where === null) return Promise.resolve([]);
    return selectPeople(target, people, where, bind, signal);
  });
}

/** Those of these ids that exist. */
export function peopleWith(target: Target, ids: readonly string[], signal?: AbortSignal): Promise<Person[]> {
  if (ids.length === 0) return Promise.resolve([]);
  return target.bound(signal, binding => {
    const people = binding.people();
    const bind = new Placeholders();
    const where = `${people.alias}.${quote(people.key.name)}::text = ANY (${bind.add(ids, 'text[]')})`;
    return selectPeople(target, people, where, bind, signal);
  });
}

/** Members who can work: active ones, ordered by id. */
export function team(target: Target, name: string, signal?: AbortSignal): Promise<Person[]> {
  return target.bound(signal, binding => {
    const people = binding.people();
    if (!people.team) return Promise.resolve([]);
    const bind = new Placeholders();
    const where = `${people.alias}.${quote(people.team.name)}::text = ${bind.add(name, 'text')} AND (${target.catalog.people.active})`;
    return selectPeople(target, people, where, bind, signal);
  });
}

/** Whoever the catalog gives a role, inactive people included, ordered by id. */
export function holders(
  target: Target,
  role: 'operator' | 'approver',
  signal?: AbortSignal,
): Promise<Person[]> {
  return target.bound(signal, binding => {
    const condition = target.catalog.people.roles?.[role];
    if (condition === undefined) return Promise.resolve([]);
    return selectPeople(target, binding.people(), `(${condition})`, new Placeholders(), signal);
  });
}

/**
 * Condition for people who match by e-mail, login, person number or the directory's id, over all rules of the
 * catalog that say so; null when none does. A value is only ever compared with columns of its own kind: an
 * e-mail is never looked up as a login. Nobody is called nothing: an empty value matches nobody.
 * @param loosely compares otherwise than the rules do: by another fold, or the value somewhere within
 */
export function matching(
  people: BoundPeople,
  by: Rule['by'],
  value: string,
  bind: Placeholders,
  loosely?: { fold: (text: string) => string; within: boolean },
): string | null {
  const rules = people.match.filter(m => m.by === by);
  const human = by === 'number' ? people.human : null;
  if (isBlank(value) || (rules.length === 0 && !human)) return null;
  const wanted = bind.add(value.trim(), 'text');
  const key = `${people.alias}.${quote(people.key.name)}`;
  const conditions = rules.map(m => {
    const fold = loosely?.fold ?? m.fold;
    const there = fold(`${m.alias}.${quote(m.column.name)}::text`);
    const compares = loosely?.within ? `strpos(${there}, ${fold(wanted)}) > 0` : `${there} = ${fold(wanted)}`;
    if (m.table === null || m.person === null) return `(${compares}${andWhen(m.when)})`;
    return `${key} ${people.key.equals} ANY (SELECT ${m.alias}.${quote(m.person.name)}::${people.key.type} FROM ${quoteTable(m.table)} AS ${m.alias} WHERE ${compares}${andWhen(m.when)})`;
  });
  if (human) conditions.push(`btrim(${people.alias}.${quote(human.name)}::text) = ${wanted}`);
  return `(${conditions.join(' OR ')})`;
}

type Rule = BoundPeople['match'][number];

/** How a value of a kind may be written without being another: what differs only so is a question. */
export const NEARLY: Record<Rule['by'], readonly Fold[]> = {
  email: ['case', 'unicode', 'blanks'],
  login: ['case', 'unicode', 'blanks', 'zeros'],
  number: ['case', 'unicode', 'blanks', 'zeros'],
  id: ['case', 'unicode', 'blanks', 'zeros', 'uuid'],
};

/**
 * What a row of people says about who it is, as a JSON list of `Known`: every rule that recognises somebody
 * also says by what they are known.
 */
export function knownSql(people: BoundPeople): string {
  const key = `${people.alias}.${quote(people.key.name)}`;
  const value = (by: Known['by'], text: string): string => `SELECT '${by}' AS by, ${text} AS value`;
  const own = (name: string): string => `${people.alias}.${quote(name)}::text`;
  const elsewhere = (
    by: Known['by'],
    from: { table: string; alias: string; column: LiveColumn; person: LiveColumn; when?: string | undefined },
  ): string => {
    const { person, alias } = from;
    const cast = person.type === people.key.type ? '' : `::${people.key.type}`;
    return `${value(by, `${alias}.${quote(from.column.name)}::text`)} FROM ${quoteTable(from.table)} AS ${alias}
             WHERE ${alias}.${quote(person.name)}${cast} ${people.key.equals} ho_known.ho_key${andWhen(from.when)}`;
  };
  const parts = people.match.flatMap(({ by, table, person, ...m }) => {
    if (by === 'id') return [];
    return table !== null && person !== null
      ? [elsewhere(by, { ...m, table, person })]
      : [`${value(by, own(m.column.name))}${m.when === undefined ? '' : ` WHERE (${m.when})`}`];
  });
  if (people.email)
    parts.push(
      'table' in people.email
        ? elsewhere('email', people.email)
        : value('email', own(people.email.column.name)),
    );
  if (people.human) parts.push(value('number', own(people.human.name)));
  if (parts.length === 0) return `'[]'::json`;
  return `(SELECT coalesce(json_agg(DISTINCT jsonb_build_object('by', ho_each.by, 'value', ho_each.value)), '[]')
             FROM (SELECT ${key} AS ho_key) AS ho_known
             CROSS JOIN LATERAL (${parts.join(' UNION ALL ')}) AS ho_each WHERE ho_each.value IS NOT NULL)`;
}

function selectPeople(
  target: Target,
  people: BoundPeople,
  where: string,
  bind: Placeholders,
  signal?: AbortSignal,
): Promise<Person[]> {
  const { catalog } = target;
  const text = (column: { name: string } | null) =>
    column ? `${people.alias}.${quote(column.name)}::text` : 'NULL::text';
  const holds = (condition: string | undefined) =>
    condition === undefined ? 'false' : `(${condition}) IS TRUE`;
  const statement = `
    SELECT ${text(people.key)} AS id, ${text(people.name)} AS name, ${emailOf(people)} AS email,
           (${catalog.people.active}) IS TRUE AS active, ${holds(catalog.people.blocked)} AS blocked,
           ${text(people.manager)} AS manager, ${text(people.team)} AS team,
           ${text(people.human)} AS human,
           ${holds(catalog.people.roles?.operator)} AS operator, ${holds(catalog.people.roles?.approver)} AS approver,
           ${knownSql(people)} AS known
      FROM ${people.from} CROSS JOIN LATERAL (SELECT ${people.alias}.${quote(people.key.name)} AS ho_key) AS ho_person
     WHERE ${where}${andWhen(catalog.people.when)}
     ORDER BY ${people.key.kind === 'integer' ? 'ho_person.ho_key' : 'ho_person.ho_key::text COLLATE "C"'}
     LIMIT ${MOST_PEOPLE}`;
  return target.session.transaction({ mode: 'glance', doing: 'looking people up', signal }, async tx => {
    const rows = await tx.repeated<PersonRow>(statement, bind.values);
    return rows.map(toPerson);
  });
}

/** Nobody reads more candidates than this, and a team this large is no pool of successors. */
const MOST_PEOPLE = 5_000;

/** The e-mail address as an expression beside `ho_person`; the first in order where a person has several. */
function emailOf(people: BoundPeople): string {
  const { email } = people;
  if (email === null) return 'NULL::text';
  if (!('table' in email)) return `${people.alias}.${quote(email.column.name)}::text`;
  return `(SELECT ${email.alias}.${quote(email.column.name)}::text FROM ${quoteTable(email.table)} AS ${email.alias}
            WHERE ${email.alias}.${quote(email.person.name)} ${email.person.equals} ho_person.ho_key${andWhen(email.when)}
            ORDER BY 1 LIMIT 1)`;
}

/** The human being behind an entry, where the column says so at all. */
export function humanOf(value: string | null): string | null {
  return isBlank(value) || isPlaceholder(value!) ? null : value!.trim();
}

function toPerson(row: PersonRow): Person {
  return {
    id: row.id,
    name: row.name ?? row.id,
    email: isBlank(row.email) ? null : row.email,
    active: row.active,
    blocked: row.blocked,
    managerId: row.manager,
    team: row.team,
    roles: [...(row.operator ? ['operator'] : []), ...(row.approver ? ['approver'] : [])],
    // Where the directory does not say, every entry is a human being of its own.
    human: humanOf(row.human) ?? row.id,
    known: row.known.filter(({ by, value }) => (by === 'number' ? humanOf(value) !== null : !isBlank(value))),
  };
}
