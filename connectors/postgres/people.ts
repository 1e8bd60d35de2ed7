/**
 * The directory's view of people: who matches, who is in a team. Every match is returned, inactive people
 * included.
 */
import type { Person } from '../../domain/model.js';
import type { PersonQuery } from '../connector.js';
import { andWhen, type BoundPeople } from './binding.js';
import type { Catalog } from './catalog.js';
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
 * Condition for people who match by e-mail, login or the directory's id, over all rules of the catalog that
 * say so; null when none does. A value is only ever compared with columns of its own kind: an e-mail is never
 * looked up as a login.
 */
export function matching(
  people: BoundPeople,
  by: 'email' | 'login' | 'id',
  value: string,
  bind: Placeholders,
): string | null {
  const rules = people.match.filter(m => m.by === by);
  if (rules.length === 0) return null;
  const wanted = bind.add(value.trim(), 'text');
  const key = `${people.alias}.${quote(people.key.name)}`;
  const conditions = rules.map(m => {
    const fold = (sql: string) => (m.fold === 'lower' ? `lower(${sql})` : sql);
    const compares = `${fold(`${m.alias}.${quote(m.column.name)}::text`)} = ${fold(wanted)}`;
    if (m.table === null || m.person === null) return compares;
    return `${key} ${people.key.equals} ANY (SELECT ${m.alias}.${quote(m.person.name)}::${people.key.type} FROM ${quoteTable(m.table)} AS ${m.alias} WHERE ${compares})`;
  });
  return `(${conditions.join(' OR ')})`;
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
           ${holds(catalog.people.roles?.operator)} AS operator, ${holds(catalog.people.roles?.approver)} AS approver
      FROM ${people.from} CROSS JOIN LATERAL (SELECT ${people.alias}.${quote(people.key.name)} AS ho_key) AS ho_person
     WHERE ${where}${andWhen(catalog.people.when)}
     ORDER BY ${people.key.kind === 'integer' ? 'ho_person.ho_key' : 'ho_person.ho_key::text COLLATE "C"'}
     LIMIT ${MOST_PEOPLE}`;
  return target.session.transaction({ mode: 'glance', doing: 'looking people up', signal }, async tx => {
    const rows = await tx.query<PersonRow>(statement, bind.values);
    return rows.map(row => toPerson(row, catalog));
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

function toPerson(row: PersonRow, catalog: Catalog): Person {
  return {
    id: row.id,
    name: row.name ?? row.id,
    email: row.email,
    active: row.active,
    blocked: row.blocked,
    managerId: row.manager,
    team: row.team,
    roles: [...(row.operator ? ['operator'] : []), ...(row.approver ? ['approver'] : [])],
    // Where the catalog does not say, every entry is a human being of its own.
    human: (catalog.people.human ? row.human : null) ?? row.id,
  };
}
