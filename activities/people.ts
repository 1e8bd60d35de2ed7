/** Who somebody is: looked up in the directory, never guessed. Two matches are two matches. */
import type { Directory, PersonQuery } from '../connectors/connector.js';
import { HandoverFailure } from '../domain/failure.js';
import type { Person } from '../domain/model.js';
import type { Decider, Identity } from '../domain/people.js';
import type { Order } from '../domain/request.js';
import { whenAbandoned } from './attempt.js';
import type { Deps } from './deps.js';

/**
 * `installation`: whose directory says so. An id means one person there, and may mean another one elsewhere.
 */
export type Identified =
  | { kind: 'one'; person: Decider; identity: Identity; installation: string }
  | { kind: 'none'; sentence: string }
  | { kind: 'many'; sentence: string };

/** `id:17`, an e-mail (anything with an @) or a login. */
export function queryOf(who: string): PersonQuery {
  if (who.startsWith('id:')) return { by: 'id', value: who.slice(3) };
  return who.includes('@') ? { by: 'email', value: who } : { by: 'login', value: who };
}

export async function findOne(
  deps: Deps,
  who: string,
): Promise<{ person: Person } | { sentence: string; many: boolean }> {
  const directory = await directoryOf(deps);
  const query = queryOf(who);
  const found = await directory.findPeople(query, whenAbandoned());
  if (found.length === 1) return { person: found[0]! };
  const how = SAYS[query.by];
  if (found.length === 0) {
    return {
      many: false,
      sentence: `Nobody in ${directory.title} has the ${how} "${query.value}". Check the spelling, or name the person as "id:<directory id>".`,
    };
  }
  const candidates = found
    .map(person => `${person.name} (id:${person.id}${person.active ? '' : ', inactive'})`)
    .join(', ');
  return {
    many: true,
    sentence: `"${query.value}" fits ${found.length} people in ${directory.title}: ${candidates}. Name one of them by id.`,
  };
}

export const SAYS: Record<PersonQuery['by'], string> = {
  id: 'id',
  email: 'e-mail',
  login: 'login',
  number: 'person number',
};

/** The system that says who people are. */
export async function directoryOf(deps: Deps): Promise<Directory & { title: string }> {
  const { title, directory } = await deps.systems.get(deps.systems.directory);
  if (!directory)
    throw new HandoverFailure('configuration', `${title} cannot say who people are: it is no directory.`);
  return { ...directory, title };
}

export interface IdentifyInput {
  /** Who somebody says they are: an e-mail, a login, or "id:<directory id>". */
  who: string;
}

/**
 * Identifies a leaver, a requester or a decider, with what they may do. Nothing that came with the message
 * proves that it is theirs, so the identity is claimed; a signed statement beside `who` is what could make it
 * verified.
 */
export async function identify(deps: Deps, input: IdentifyInput): Promise<Identified> {
  const found = await findOne(deps, input.who);
  if ('sentence' in found) return { kind: found.many ? 'many' : 'none', sentence: found.sentence };
  const { installation } = deps.ids;
  return { kind: 'one', person: deciderOf(deps, found.person), identity: { kind: 'claimed' }, installation };
}

function deciderOf(deps: Deps, person: Person): Decider {
  const holds = (role: 'operator' | 'approver', holders: readonly string[] | 'directory'): boolean =>
    holders === 'directory'
      ? person.roles.includes(role)
      : person.email !== null && holders.includes(person.email.toLowerCase());
  return {
    id: person.id,
    name: person.name,
    human: person.human,
    active: person.active,
    operator: holds('operator', deps.roles.operators),
    approver: holds('approver', deps.roles.approvers),
  };
}

/** What the open run of this leaver is to do by now; null when the store knows none. */
export async function openRequest(deps: Deps, input: { leaverId: string }): Promise<{ order: Order | null }> {
  return { order: await deps.store.offboardings.openOrder(input.leaverId) };
}
