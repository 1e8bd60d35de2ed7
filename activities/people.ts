/** Who somebody is: looked up in the directory, never guessed. Two matches are two matches. */
import type { Directory, PersonQuery } from '../connectors/connector.js';
import { HandoverFailure } from '../domain/failure.js';
import { applyAmendment } from '../domain/judge.js';
import type { Person } from '../domain/model.js';
import type { DecisionOf, Order } from '../domain/request.js';
import type { Decider } from '../domain/run.js';
import type { Deps } from './deps.js';
import { signal } from './guard.js';

export type Identified =
  | { kind: 'one'; person: Decider }
  | { kind: 'none'; sentence: string }
  | { kind: 'many'; sentence: string };

/** `id:17`, an e-mail (anything with an @) or a login. */
export function queryOf(who: string): PersonQuery {
  if (who.startsWith('id:')) return { by: 'id', value: who.slice(3) };
  return who.includes('@') ? { by: 'email', value: who } : { by: 'login', value: who };
}

export async function findOne(deps: Deps, who: string): Promise<{ person: Person } | { sentence: string; many: boolean }> {
  const directory = await directoryOf(deps);
  const query = queryOf(who);
  const found = await directory.findPeople(query, signal());
  if (found.length === 1) return { person: found[0]! };
  const how = { id: 'id', email: 'e-mail', login: 'login' }[query.by];
  if (found.length === 0) {
    return {
      many: false,
      sentence: `Nobody in ${directory.title} has the ${how} "${query.value}". Check the spelling, or name the person as "id:<directory id>".`,
    };
  }
  const candidates = found.map(person => `${person.name} (id:${person.id}${person.active ? '' : ', inactive'})`).join(', ');
  return {
    many: true,
    sentence: `"${query.value}" fits ${found.length} people in ${directory.title}: ${candidates}. Name one of them by id.`,
  };
}

/** The system that says who people are. */
export async function directoryOf(deps: Deps): Promise<Directory & { title: string }> {
  const { title, directory } = await deps.systems.get(deps.systems.directory);
  if (!directory) throw new HandoverFailure('configuration', `${title} cannot say who people are: it is no directory.`);
  return { ...directory, title };
}

/** Identifies a leaver, a requester or a decider, with what they may do. */
export async function identify(deps: Deps, input: { who: string }): Promise<Identified> {
  const found = await findOne(deps, input.who);
  if ('sentence' in found) return { kind: found.many ? 'many' : 'none', sentence: found.sentence };
  return { kind: 'one', person: deciderOf(deps, found.person) };
}

function deciderOf(deps: Deps, person: Person): Decider {
  const holds = (role: 'operator' | 'approver', holders: readonly string[] | 'directory'): boolean =>
    holders === 'directory' ? person.roles.includes(role) : person.email !== null && holders.includes(person.email.toLowerCase());
  return {
    id: person.id,
    name: person.name,
    human: person.human,
    active: person.active,
    operator: holds('operator', deps.roles.operators),
    approver: holds('approver', deps.roles.approvers),
  };
}

/** What the open run of this leaver was asked to do; null when the store knows none. */
export async function openRequest(deps: Deps, input: { leaverId: string }): Promise<{ order: Order | null }> {
  const open = (await deps.store.runs.all()).find(run => run.leaver === input.leaverId);
  if (!open) return { order: null };
  const { entries } = await deps.store.audit.read(open.offboarding);
  // Amendments are decisions with the changed request as their payload; the newest word on each key counts.
  let order: Order | null = null;
  for (const entry of entries) {
    if (entry.kind === 'requested') order = entry.body.request as Order;
    const payload = entry.body.payload as { name?: string } | undefined;
    if (order && entry.kind === 'decision' && payload?.name === 'amend')
      order = applyAmendment(order, payload as Partial<DecisionOf<'amend'>>);
  }
  return { order };
}
