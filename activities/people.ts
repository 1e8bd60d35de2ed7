/** Who somebody is: looked up in the directory, never guessed. Two matches are two matches. */
import type { Person } from '../domain/model.js';
import {
  barredBy,
  type Decider,
  type Identity,
  markOf,
  marksOf,
  type Participant,
} from '../domain/people.js';
import type { Order } from '../domain/request.js';
import type { Letter } from '../domain/statement.js';
import { sha256 } from '../store/digest.js';
import { whenAbandoned } from './attempt.js';
import type { Deps } from './deps.js';
import { directoryOf, whoIs } from './directory.js';
import { whenIs } from './moments.js';
import { leaving, naming, sayNaming } from './open-runs.js';
import { historyReader } from './principals.js';
import { type Proof, prove } from './prove.js';

/**
 * `installation`: whose directory says so. An id means one person there, and may mean another one elsewhere.
 */
export type Identified =
  | {
      kind: 'one';
      person: Decider;
      identity: Identity;
      installation: string;
    }
  | { kind: 'none'; sentence: string }
  | { kind: 'many'; sentence: string }
  /** What came with the message does not prove whose it is. */
  | { kind: 'unproved'; sentence: string };

export interface IdentifyInput {
  /** Who people say they are: each an e-mail, a login, or "id:<directory id>". */
  who: string[];
  /** Directory ids of people whom none of them must turn out to be. */
  beside: string[];
  /** The messages that they sent: what came with each is checked. */
  letters?: Letter[];
  /** Dates that stand in the messages, as they were written. */
  moments?: string[];
}

export interface Senders {
  /** In the order in which they were asked for. */
  found: Identified[];
  /** Of each letter, in their order. */
  proofs?: Proof[];
  /** As the directory knows them now; who is no longer in it is left out. */
  beside: Participant[];
  unclear?: Unclear;
}

/**
 * Identifies deciders, with what they may do, and whether it is proved that their messages are theirs. A
 * statement that proves nothing is worse than none: its message is refused.
 */
export async function identify(
  deps: Deps,
  { who, beside, letters = [], moments = [] }: IdentifyInput,
): Promise<Senders> {
  const found: Identified[] = [];
  // One after the other: a flood of messages must not take every connection to the directory.
  for (const one of who) found.push(await identified(deps, one));
  const proofs: Proof[] = [];
  const history = historyReader(deps);
  for (const letter of letters) proofs.push(await prove(deps, letter, history));
  const unclear = await unclearOf(deps, moments);
  return { found, proofs, beside: (await peopleById(deps, beside)).map(participant), unclear };
}

/** Identifies one person: a decider, a leaver or a requester. */
export async function identified(deps: Deps, who: string): Promise<Identified> {
  const found = await whoIs(deps, who);
  if ('sentence' in found) return { kind: found.many ? 'many' : 'none', sentence: found.sentence };
  const person = await deciderOf(deps, found.person);
  return { kind: 'one', person, installation: deps.ids.installation, identity: { kind: 'claimed' } };
}

export interface IntroduceInput {
  user: string;
  requestedBy: string;
  /** Dates of the request, as they were written. */
  moments?: string[];
  letter?: Letter;
}

/** Who is to leave, and who asks for it: looked up together, since nothing begins before both are known. */
export async function introduce(
  deps: Deps,
  { user, requestedBy, moments, letter }: IntroduceInput,
): Promise<{ user: Identified; requestedBy: Identified; unclear: Unclear }> {
  const unclear = await unclearOf(deps, moments);
  const [leaver, requester] = await Promise.all([identified(deps, user), identified(deps, requestedBy)]);
  if (!letter) return { user: leaver, requestedBy: requester, unclear };
  const proof = await prove(deps, letter);
  if (!proof.ok)
    return { user: leaver, requestedBy: { kind: 'unproved', sentence: proof.sentence }, unclear };
  const { identity } = proof;
  const proved = requester.kind === 'one' ? { ...requester, identity } : requester;
  return { user: leaver, requestedBy: proved, unclear };
}

/** Moments, as people wrote them, that nobody can place → why, as a sentence. */
type Unclear = Record<string, string>;

async function unclearOf(deps: Deps, moments: readonly string[] = []): Promise<Unclear> {
  const { zone } = await deps.rules();
  const found = moments.map(text => [text, whenIs(text, zone)] as const);
  return Object.fromEntries(
    found.flatMap(([text, when]) => ('problem' in when ? [[text, when.problem]] : [])),
  );
}

export interface StandingInput {
  offboardingId: string;
  leaverId: string;
  /** Directory ids of those who decided something, and of whoever they must not turn out to be. */
  people: string[];
}

export interface Standing {
  /** Directory id → what they are now; null = the directory no longer has them. */
  people: Record<string, Decider | null>;
  /** Open runs that are to hand items over to this leaver, as sentences. */
  inTheWay: string[];
}

/** Who the people of a run are now, and whether another run stands in its way. */
export async function standing(deps: Deps, input: StandingInput): Promise<Standing> {
  const known = await peopleById(deps, input.people);
  const deciders = await Promise.all(known.map(person => deciderOf(deps, person)));
  const now = input.people.map(id => [id, deciders.find(one => one.id === id) ?? null]);
  const others = await naming(deps, input.leaverId, input.offboardingId);
  return { people: Object.fromEntries(now), inTheWay: others.map(sayNaming) };
}

async function peopleById(deps: Deps, ids: readonly string[]): Promise<Person[]> {
  if (ids.length === 0) return [];
  return (await directoryOf(deps)).peopleWith([...new Set(ids)], whenAbandoned());
}

/** Somebody as decisions see them; addresses leave no trace in a history but their digests. */
export function participant(one: Person | Participant): Participant {
  const { id, name, human } = one;
  const marks = 'known' in one ? marksOf(one.known).map(mark => markOf(sha256(mark))) : one.marks;
  return { id, name, human, ...(marks && marks.length > 0 && { marks }) };
}

/** Everybody who is given the role of an approver, with what they may decide now. */
export async function approvers(deps: Deps): Promise<Decider[]> {
  const { approvers: given } = (await deps.rules()).roles;
  const directory = await directoryOf(deps);
  const found =
    given === 'directory'
      ? await directory.holders('approver', whenAbandoned())
      : await Promise.all(given.map(value => directory.findPeople({ by: 'email', value }, whenAbandoned())));
  const each = new Map(found.flat().map(person => [person.id, person]));
  return Promise.all([...each.values()].map(person => deciderOf(deps, person)));
}

/** What they may decide now. A role that is given by e-mail counts only where the address is one person's. */
async function deciderOf(deps: Deps, person: Person): Promise<Decider> {
  const email = person.email?.toLowerCase() ?? '';
  const { roles } = await deps.rules();
  const named = [roles.operators, roles.approvers].some(
    holders => holders !== 'directory' && holders.includes(email),
  );
  const shared = named && (await isShared(deps, person));
  const holds = (role: 'operator' | 'approver', holders: readonly string[] | 'directory'): boolean =>
    holders === 'directory' ? person.roles.includes(role) : !shared && holders.includes(email);
  const isLeaving = (await leaving(deps, [person], null)).has(person.id);
  return {
    ...participant(person),
    barred: barredBy(person, isLeaving),
    operator: holds('operator', roles.operators),
    approver: holds('approver', roles.approvers),
    doubt: shared
      ? `Roles are given to ${person.email}, which is the e-mail of more than one person: mend the directory.`
      : null,
  };
}

async function isShared(deps: Deps, person: Person): Promise<boolean> {
  const directory = await directoryOf(deps);
  const written = person.email!;
  // A directory may compare to the letter, and roles are given to addresses in small letters.
  for (const value of new Set([written, written.toLowerCase()])) {
    const found = await directory.findPeople({ by: 'email', value }, whenAbandoned());
    if (found.some(one => one.human !== person.human)) return true;
  }
  return false;
}

/** What the open run of this leaver is to do by now; null when the store knows none. */
export async function openRequest(deps: Deps, input: { leaverId: string }): Promise<{ order: Order | null }> {
  return { order: await deps.store.offboardings.openOrder(input.leaverId) };
}
