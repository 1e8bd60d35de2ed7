/**
 * Who may take over, as rules over what is known about them: a rule says whom to look up, and what was found
 * becomes a successor or a sentence that says why not. Nobody who stops being eligible is ever silently
 * replaced.
 */

import { valuesOf } from './accounts.js';
import type { Assignment } from './assign.js';
import type { Account, ItemKey, Person, Successor } from './model.js';
import { own } from './own.js';
import { type Humans, isCertain, isSame, type Participant } from './people.js';
import type { Named, Refused, Takers } from './planning.js';
import type { SuccessorRule } from './request.js';

/** What a catalog says about those who take a category over. */
export interface TakerRule {
  attributes: readonly string[];
  /** Named queues → the value written into the owner column. */
  queues: Readonly<Record<string, string>>;
  mayBeUnassigned: boolean;
  /** Which identity of an account the owner column holds. */
  identity: string;
}

/** A rule, ready to be looked up: the names, and how items are shared among those who bear them. */
export type Asked =
  | { kind: 'one'; name: string; says: string }
  /** `pool`: null = the leaver's team. */
  | { kind: 'round-robin' | 'least-loaded'; pool: readonly string[] | null }
  /** Item by item the first of them who may own it. */
  | { kind: 'first-of'; pool: readonly string[] }
  | {
      kind: 'match';
      attribute: string;
      map: Record<string, string>;
      otherwise: string | null;
      names: string[];
    };

export function askedBy(rule: SuccessorRule): Asked {
  if (typeof rule === 'string') {
    const says = rule === 'manager' || rule === 'unassigned' || rule.startsWith('queue:') ? rule : 'person';
    return { kind: 'one', name: rule, says };
  }
  if ('match' in rule) {
    const { attribute, map, otherwise = null } = rule.match;
    const names = [...new Set([...Object.values(map), ...(otherwise === null ? [] : [otherwise])])];
    return { kind: 'match', attribute, map, otherwise, names };
  }
  if ('first-of' in rule) return { kind: 'first-of', pool: rule['first-of'] };
  const kind = 'round-robin' in rule ? 'round-robin' : 'least-loaded';
  const given = 'round-robin' in rule ? rule['round-robin'] : rule['least-loaded'];
  return { kind, pool: given === 'team' ? null : given };
}

/** Why a rule cannot be followed at all, whoever it names; null = it can. */
export function impossible(
  asked: Asked,
  rule: TakerRule,
  system: { title: string; knowsLoads: boolean; choosesFirst: boolean },
): Takers | null {
  switch (asked.kind) {
    case 'one':
    case 'round-robin':
      return null;
    case 'first-of': {
      const why = `${system.title} cannot say item by item who may own it: name a person, or share items with "round-robin".`;
      return system.choosesFirst ? null : nobody(asked.kind, why);
    }
    case 'least-loaded': {
      const why = `${system.title} cannot say who holds how many: share items with "round-robin", or name a person.`;
      return system.knowsLoads ? null : nobody(asked.kind, why);
    }
    case 'match': {
      if (rule.attributes.includes(asked.attribute)) return null;
      const known =
        rule.attributes.length > 0 ? `known are ${rule.attributes.join(', ')}` : 'the catalog names none';
      return nobody(saying(asked), `There is no attribute "${asked.attribute}" to match on; ${known}.`);
    }
  }
}

export function emptyTeam(kind: string): Takers {
  return nobody(kind, "The leaver's team has no other active member: name a pool or a person.");
}

function nobody(rule: string, refusal: string): Takers {
  return { successors: [], assignment: { kind: 'one' }, rule, refusals: [refusal], leftOut: [] };
}

/**
 * What a rule comes to with those who were found under its names, in their order. A pool goes on without
 * those who cannot take over; where one is named, that is for people to settle.
 * @param loads how many items each of the successors holds already, for `least-loaded`
 */
export function takersOf(asked: Asked, found: readonly Named[], loads: readonly number[] | null): Takers {
  const successors = found.flatMap(one => one.successor ?? []);
  const assignment = assignmentOf(asked, loads);
  if (asked.kind === 'match' || asked.kind === 'one') {
    const refusals = found.flatMap(one => one.refusal ?? []);
    return { successors, refusals, leftOut: [], rule: saying(asked), assignment };
  }
  const leftOut = found.flatMap(one => one.leftOut ?? []);
  const refusals = found.flatMap(one => (one.leftOut ? [] : (one.refusal ?? [])));
  if (successors.length === 0 && refusals.length === 0)
    refusals.push(`Nobody of the pool can take over: ${leftOut.join('; ')}. Name others.`);
  return { successors, refusals, leftOut, rule: `${asked.kind} over ${successors.length}`, assignment };
}

function assignmentOf(asked: Asked, loads: readonly number[] | null): Assignment {
  switch (asked.kind) {
    case 'one':
      return { kind: 'one' };
    case 'round-robin':
    case 'first-of':
      return { kind: asked.kind };
    case 'least-loaded':
      return loads ? { kind: 'least-loaded', loads: [...loads] } : { kind: 'round-robin' };
    case 'match': {
      const index = (name: string): number => asked.names.indexOf(name);
      return {
        kind: 'match',
        attribute: asked.attribute,
        map: Object.fromEntries(Object.entries(asked.map).map(([value, name]) => [value, index(name)])),
        otherwise: asked.otherwise === null ? -1 : index(asked.otherwise),
      };
    }
  }
}

function saying(asked: Extract<Asked, { kind: 'one' | 'match' }>): string {
  return asked.kind === 'one' ? asked.says : `match on ${asked.attribute}`;
}

/** A taker that is no person: a queue, or nobody at all. Null = the name is a person's. */
export function takerWithoutPerson(name: string, rule: TakerRule): Named | null {
  if (name === 'unassigned') {
    if (rule.mayBeUnassigned)
      return { successor: { kind: 'unassigned', personId: null, human: null, label: 'nobody', value: null } };
    return {
      refusal: `"unassigned" is not possible here: the catalog does not allow items without an owner. Name a person.`,
    };
  }
  if (!name.startsWith('queue:')) return null;
  const queue = name.slice('queue:'.length);
  const value = own(rule.queues, queue);
  if (value !== undefined)
    return { successor: { kind: 'queue', personId: null, human: null, label: `queue ${queue}`, value } };
  const known = Object.keys(rule.queues);
  const said = known.length > 0 ? `known are ${known.join(', ')}` : 'the catalog names none';
  return { refusal: `There is no queue "${queue}"; ${said}.` };
}

/** A group as a taker, as it was found by its name; null = the name is no group's. */
export const groupIn = (name: string): string | null =>
  name.startsWith('group:') ? name.slice('group:'.length) : null;

export function groupAsTaker(group: string, found: readonly string[] | null, title: string): Named {
  const [value, another] = found ?? [];
  if (found === null)
    return { refusal: `Groups own nothing of the kind in ${title}: the catalog names none. Name a person.` };
  if (value === undefined) return { refusal: `There is no group "${group}" in ${title}.` };
  if (another !== undefined)
    return {
      refusal: `Several groups are called "${group}" in ${title}, and nobody can tell which is to own this.`,
    };
  return { successor: { kind: 'queue', personId: null, human: null, label: `group ${group}`, value } };
}

/** A name may be given to somebody else while a plan waits: who was approved is not replaced in silence. */
export function meansAnother(
  name: string,
  before: string,
  { name: now, id }: Pick<Person, 'id' | 'name'>,
): Refused {
  return {
    refusal: `"${name}" meant the person with the id ${before} in an earlier plan of this run, and means ${now} (id:${id}) now: name the one you mean as "id:<directory id>".`,
  };
}

/** Whoever is named and cannot take over: alone that is a finding, in a pool they are left out. */
function unable(person: Person, clause: string, says: string): Refused {
  return { refusal: `${person.name} ${clause} ${says}.`, leftOut: `${person.name} ${clause}` };
}

/**
 * Why this person cannot take anything over, in whatever system; null = they can.
 * @param humans what was known of them before
 */
export function personRefusal(
  leaver: Pick<Person, 'id' | 'human'> & Pick<Participant, 'marks'>,
  person: Person & Pick<Participant, 'marks'>,
  isLeaving: boolean,
  humans: Humans = {},
): Refused | null {
  if (isSame(humans, person, leaver))
    return isCertain(humans, person, leaver)
      ? unable(person, 'is the leaver', 'and cannot take over their own items')
      : unable(person, 'may be the leaver', 'by another entry, and takes nothing over: name somebody else');
  if (!person.active) return unable(person, 'is not active', 'and cannot take over: name somebody who is');
  if (isLeaving)
    return unable(person, 'is being offboarded too', 'and cannot take over: name somebody who stays');
  return null;
}

/** What was found of a person in one system. */
export type Resolved =
  | { kind: 'found'; accounts: readonly Account[] }
  | { kind: 'absent' }
  | { kind: 'ambiguous' };

/** A person in one system: their account, or why they cannot take over there. */
export function accountThere(
  person: Person,
  title: string,
  resolved: Resolved,
): { account: Account } | Refused {
  switch (resolved.kind) {
    case 'absent':
      return unable(person, `has no account in ${title}`, 'and cannot take over there');
    case 'ambiguous':
      return several(person, title);
    case 'found': {
      const [account, another] = resolved.accounts.filter(({ active, blocked }) => active && !blocked);
      if (another) return several(person, title);
      if (account) return { account };
      return unable(person, `is not active in ${title}`, 'and cannot take over there');
    }
  }
}

/** Which of two accounts is to own an item is a question for people. */
function several(person: Person, title: string): Refused {
  return {
    refusal: `${person.name} has several accounts in ${title}: name the successor by one that is unique.`,
  };
}

/** Service users and the like own nothing that a person owned, unless the catalog says that they may. */
export function protectedThere(person: Person, title: string): Refused {
  const says = `and takes nothing over: name somebody else, or allow it there with guards.protected_receives`;
  return unable(person, `is a protected account in ${title}`, says);
}

/** The person as a successor in one category: by the identity that its owner column holds. */
export function personAsTaker(person: Person, account: Account, rule: TakerRule, title: string): Named {
  const values = valuesOf([account], rule.identity);
  const value = own(account.current ?? {}, rule.identity) ?? values[0];
  if (values.length > 1 && own(account.current ?? {}, rule.identity) === undefined) {
    return {
      refusal: `${person.name} has several values of "${rule.identity}" in ${title} (${values.join(', ')}), and nobody can tell which is to own this: name somebody else, or say in the catalog which is current.`,
    };
  }
  if (value === undefined)
    return unable(person, `has no identity "${rule.identity}" in ${title}`, 'and cannot own this');
  return {
    successor: { kind: 'person', personId: person.id, human: person.human, label: person.name, value },
  };
}

/** Why a successor of the plan may not take over any more, looked up again; null = they may. */
export function refusedNow(planned: Successor, now: Named, title: string): string | null {
  if (now.refusal !== undefined) return now.refusal;
  return now.successor.value === planned.value
    ? null
    : `${planned.label} has another account in ${title} now.`;
}

/** Items that a successor may not own, with the first keys; null = there are none. */
export function mayNotOwn(
  successor: Successor,
  { count, sample, why }: { count: number; sample: readonly ItemKey[]; why: string | null },
): string | null {
  if (count === 0) return null;
  const keys = `${sample.join(', ')}${count > sample.length ? ', …' : ''}`;
  return `${successor.label} may not own ${count} of these items (${keys})${why ? `: ${why}` : ''}.`;
}
