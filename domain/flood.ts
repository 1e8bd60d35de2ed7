/**
 * Refusals that come in such numbers that they are told together: how many, of what, by whom, from when to
 * when. The first ones of an hour stand in the trail one by one; nobody reads thousands, and each would cost
 * what a decision costs.
 */
import { FLOOD } from './limits.js';
import { canonicalJson } from './plan.js';
import { sha256 } from './sha256.js';
import { clockOf, minuteOf, number } from './words.js';

/** Why messages are refused, in kinds that can be counted. */
export type RefusedFor = 'no-such-message' | 'unreadable' | 'unknown-sender' | 'not-allowed';

/** Text → how often. Beyond a few, others are counted together under "others". */
export type Tally = Readonly<Record<string, number>>;

export interface Flood {
  count: number;
  /** Moments of the first and the last of them; ISO 8601. */
  first: string;
  last: string;
  messages: Tally;
  /** Who they said they are from. */
  senders: Tally;
  reasons: Tally;
}

/** As the trail keeps it: which messages of the execution these are, and a digest over all of them in turn. */
export interface SummedFlood extends Flood {
  /** Numbers of the first and the last message, as they are counted in the trail. */
  from: number;
  to: number;
  digest: string;
}

/** One refused message, as far as it is counted. */
export interface Counted {
  number: number;
  at: string;
  message: string;
  by: string | null;
  reason: RefusedFor;
  /** Everything that the trail would have kept of it. */
  whole: unknown;
}

/** True while another refusal is still recorded by itself. @param lone moments of those before, in ms */
export function isAlone(lone: readonly number[], now: number): boolean {
  return lone.filter(at => now - at < FLOOD.perMs).length < FLOOD.oneByOne;
}

export function summedUp(sum: SummedFlood | null, one: Counted): SummedFlood {
  const { first, from, digest } = sum ?? { first: one.at, from: one.number, digest: '' };
  return {
    ...counting(sum, one),
    first,
    from,
    to: one.number,
    digest: sha256(`${digest}${canonicalJson(one.whole)}`),
  };
}

/** The same of all that a run has seen. */
export function counting(flood: Flood | null, { at, message, by, reason }: Counted): Flood {
  return {
    count: (flood?.count ?? 0) + 1,
    first: flood?.first ?? at,
    last: at,
    messages: tallied(flood?.messages, message),
    senders: tallied(flood?.senders, by ?? 'nobody'),
    reasons: tallied(flood?.reasons, reason),
  };
}

/** Kinds that are counted by name. */
const MOST_NAMED = 10;

function tallied(before: Tally = {}, word: string): Tally {
  const isNamed = Object.hasOwn(before, word) || Object.keys(before).length < MOST_NAMED;
  const key = isNamed && word !== '__proto__' ? word : 'others';
  return { ...before, [key]: (Object.hasOwn(before, key) ? before[key]! : 0) + 1 };
}

const REASON: Record<RefusedFor, string> = {
  'no-such-message': 'no such message',
  unreadable: 'cannot be read',
  'unknown-sender': 'sender not known',
  'not-allowed': 'against the rules',
};

/**
 * "4,812 more messages were refused from 2026-11-26 17:21 to 17:24 UTC: 4,812 "x"; sender not known 4,812."
 */
export function sayFlood({ count, first, last, messages = {}, reasons = {} }: Flood): string {
  const [from, until] = [clockOf(first), minuteOf(last)];
  const names = Object.entries(messages).map(
    ([name, times]) => `${number(times)} ${name === 'others' ? name : `"${name}"`}`,
  );
  const why = Object.entries(reasons).map(
    ([reason, times]) => `${REASON[reason as RefusedFor] ?? reason} ${number(times)}`,
  );
  return `${number(count)} more message${count === 1 ? ' was' : 's were'} refused from ${from} to ${until}: ${names.join(', ')} (${why.join(', ')}).`;
}
