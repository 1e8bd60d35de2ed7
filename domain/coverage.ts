/**
 * Coverage: which places of a system can hold a person, and which of them nobody has classified. What is in no
 * catalog is in no inventory either, so that a proof over the catalog's categories says nothing about it: as
 * long as such a place is open, nobody is switched off, unless the policy calls coverage advisory there.
 */
import { own } from './own.js';
import type { Plan } from './plan.js';
import type { Policy } from './policy.js';
import { number } from './words.js';

/** A place that can hold a person and stands in no catalog. */
export interface OpenPlace {
  /** As the system calls it: `public.tasks.assignee_id`. */
  place: string;
  /** Why it can hold one. */
  evidence: string;
  /** What to write into the catalog to classify it as nothing to hand over. */
  line: string;
}

/** What could not be looked at. That nobody saw anybody there says nothing. */
export interface UnreadPlace {
  place: string;
  /** Why not, and who must do what about it. */
  why: string;
  /** What to write into the catalog where nothing there is anybody's. */
  line: string;
}

export type Covered =
  /** The connector has no way to find out. */
  | { kind: 'unknown' }
  | {
      kind: 'read';
      /** When its values were read; ISO 8601. */
      at: string;
      /** Places that can hold a person, and how many of them the catalog leaves as they are. */
      places: number;
      acknowledged: number;
      /** Places that nobody has classified: the first few, and how many more. */
      open: OpenPlace[];
      more: number;
      /** Tables that could not be looked at: the first few, and how many more. Older runs do not say. */
      unread?: UnreadPlace[];
      unreadMore?: number;
      /** Places about which nothing is certain, and the first few of them. */
      undecided: number;
      doubts?: { place: string; why: string }[];
      strays?: Stray[];
    };

/** Rows that are theirs by a place that is classified, and for which no category's condition holds: they stay. */
export interface Stray {
  place: string;
  /** Null = they could not be counted. */
  count: number | null;
}

/** May somebody be switched off in this system while a place there is open? */
export function demandsCoverage({ coverage }: Pick<Policy, 'coverage'>, system: string): boolean {
  // A policy that was pinned before there was coverage says nothing.
  const said = typeof coverage === 'object' ? own(coverage, system) : coverage;
  return said !== 'advisory';
}

/** What stands in the way of switching somebody off there, as a sentence; null = nothing. */
export function uncovered(
  policy: Pick<Policy, 'coverage'>,
  { system, coverage }: { system: string; coverage?: Covered },
): string | null {
  if (coverage?.kind !== 'read' || !demandsCoverage(policy, system)) return null;
  const said = [sayOpen(system, coverage), sayUnread(system, coverage)].filter(one => one !== null);
  return said.length === 0 ? null : said.join(' ');
}

type Read = Extract<Covered, { kind: 'read' }>;

function sayOpen(system: string, { open, more }: Read): string | null {
  if (open.length === 0) return null;
  const each = open.map(
    ({ place, evidence, line }) => `${place} (${evidence}); to classify it, acknowledged: ${line}`,
  );
  const rest = more > 0 ? `, and ${number(more)} more (handover discover ${system})` : '';
  const count = open.length + more;
  return `${number(count)} ${count === 1 ? 'place' : 'places'} of ${system} can hold a person and ${count === 1 ? 'is' : 'are'} in no catalog: ${each.join('; ')}${rest}.`;
}

function sayUnread(system: string, { unread = [], unreadMore: more = 0 }: Read): string | null {
  if (unread.length === 0) return null;
  const each = unread.map(
    ({ place, why, line }) => `${place} (${why}); where nothing there is anybody's, acknowledged: ${line}`,
  );
  const rest = more > 0 ? `, and ${number(more)} more (handover discover ${system})` : '';
  const count = unread.length + more;
  return `${number(count)} ${count === 1 ? 'table' : 'tables'} of ${system} could not be looked at for people: ${each.join('; ')}${rest}.`;
}

/** The same of a plan: only where it switches somebody off, by us or by hand. */
export function uncoveredIn(
  plan: Pick<Plan, 'systems' | 'policy'>,
  look: { system: string; coverage?: Covered },
): string | null {
  const off = plan.systems.find(one => one.system === look.system)?.switchOff ?? 'never';
  return off === 'never' ? null : uncovered(plan.policy, look);
}

/** What is known, in a line for people. */
export function sayCovered(covered: Covered | undefined, demanded: boolean): string {
  if (!covered) return 'coverage was not looked at';
  if (covered.kind === 'unknown') return 'coverage cannot be checked: its connector cannot look for people';
  const { places, acknowledged, open, more, undecided, doubts = [], unread = [], unreadMore = 0 } = covered;
  const left = open.length + more;
  const strays = sayStrays(covered.strays ?? []);
  const doubt =
    (unread.length > 0
      ? `; ${named(unread, unreadMore)} could not be looked at${demanded ? '' : ', which the policy allows'}`
      : '') +
    (undecided > 0
      ? `; ${number(undecided)} could not be decided${doubts.length > 0 ? `: ${named(doubts.slice(0, 5), undecided - Math.min(5, doubts.length))}` : ''}`
      : '');
  if (left === 0)
    return `${number(places)} places can hold a person, all classified${acknowledged > 0 ? ` (${number(acknowledged)} acknowledged)` : ''}${doubt}${strays}`;
  return `${number(left)} of ${number(places)} places that can hold a person ${left === 1 ? 'is' : 'are'} in no catalog${demanded ? '' : ', which the policy allows'}: ${named(open, more)}${doubt}${strays}`;
}

function sayStrays(strays: readonly Stray[]): string {
  if (strays.length === 0) return '';
  const each = strays.map(({ place, count }) => (count === null ? place : `${number(count)} of ${place}`));
  return `; rows of theirs that meet no category's condition stay as they are: ${each.join(', ')}`;
}

const named = (places: readonly { place: string }[], more: number): string =>
  `${places.map(one => one.place).join(', ')}${more > 0 ? ` and ${number(more)} more` : ''}`;
