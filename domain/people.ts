/** People as decisions see them: who takes part, what they may do, and who says that it was them. */
import { AS_PEOPLE_WRITE, folded } from './fold.js';
import type { Known } from './model.js';
import { own } from './own.js';

/** Somebody who takes part in a run. `human` is the same for two directory entries of one human being. */
export interface Participant {
  id: string;
  name: string;
  human: string;
  /**
   * Digests of their addresses and logins. Whoever has one in common may be the same person, which the
   * directory need not say: that refuses, and never makes anything theirs.
   */
  marks?: readonly string[];
}

type Same = Pick<Participant, 'id' | 'human' | 'marks'>;

/** A decider as the directory and the register of open runs know them now. */
export interface Decider extends Participant {
  /** Why they decide nothing now, in words that follow their name; null = they may. */
  barred: string | null;
  operator: boolean;
  approver: boolean;
  /** Why a role that they seem to be given does not count, as a sentence. */
  doubt: string | null;
}

/** Why somebody with this entry decides nothing, wherever it is; null = they may. */
export function barredBy(entry: { active: boolean; blocked: boolean }, isLeaving: boolean): string | null {
  if (!entry.active) return 'is not active in the directory';
  if (entry.blocked) return 'is blocked in the directory';
  return isLeaving ? 'is being offboarded' : null;
}

/**
 * Directory id → every human being that this entry stood for whenever a run looked. A person number may be
 * filled in, or changed, while a plan waits: whoever was the same once, or is by now, is the same.
 */
export type Humans = Readonly<Record<string, readonly string[]>>;

/** What is known of people, with what was seen of them just now. */
export function met(humans: Humans, people: readonly Participant[]): Humans {
  const known = new Map(Object.entries(humans));
  for (const { id, human, marks = [] } of people) {
    const before = known.get(id) ?? [];
    // An entry that stands for itself alone is recognised by its id.
    const news = [...(human !== id ? [human] : []), ...marks].filter(one => !before.includes(one));
    if (news.length > 0) known.set(id, [...before, ...news]);
  }
  return Object.fromEntries(known);
}

/**
 * The same human being, or perhaps: by id, by human or by what they are known as, then or now. Any match
 * counts.
 */
export function isSame(humans: Humans, one: Same, other: Same): boolean {
  const theirs = seen(humans, other);
  return one.id === other.id || seen(humans, one).some(each => theirs.includes(each));
}

/** The same as the directory says, or said: not only by an address or a login that both have. */
export function isCertain(humans: Humans, one: Same, other: Same): boolean {
  const theirs = seen(humans, other);
  const said = seen(humans, one).filter(each => !each.startsWith(MARK));
  return one.id === other.id || said.some(each => theirs.includes(each));
}

function seen(humans: Humans, { id, human, marks = [] }: Same): string[] {
  return [human, ...marks, ...(own(humans, id) ?? [])];
}

/** What a mark begins with. */
const MARK = '~';

/** A mark, of the digest of what somebody is known as. */
export function markOf(digest: string): string {
  return `${MARK}${digest.slice(0, 16)}`;
}

/** What an entry is known as, in the form in which two are compared. */
export function marksOf(known: readonly Known[]): string[] {
  return known.flatMap(({ by, value }) =>
    by === 'email' || by === 'login' ? [`${by} ${folded(value, AS_PEOPLE_WRITE)}`] : [],
  );
}

/**
 * Do two entries look like one human being's, beside a number that says so? They have an address or a login in
 * common, or a part of their names. A number alone may be a placeholder, or a mistake.
 */
export function looksLike(
  one: { name: string; known: readonly Known[] },
  other: { name: string; known: readonly Known[] },
): boolean {
  const words = (name: string): string[] =>
    name
      .normalize('NFKD')
      .replace(/\p{M}/gu, '')
      .toLowerCase()
      .split(/[^\p{L}]+/u)
      .filter(word => word.length > 1);
  const share = (some: readonly string[], more: readonly string[]): boolean =>
    some.some(each => more.includes(each));
  return share(words(one.name), words(other.name)) || share(marksOf(one.known), marksOf(other.known));
}

/** How many human beings these are, under whatever entries. */
export function headCount(humans: Humans, people: readonly Participant[]): number {
  let heads: Participant[][] = [];
  for (const person of people) {
    const isTheirs = (entries: Participant[]): boolean => entries.some(one => isSame(humans, one, person));
    const theirs = heads.filter(isTheirs).flat();
    heads = [...heads.filter(entries => !isTheirs(entries)), [...theirs, person]];
  }
  return heads.length;
}

/**
 * Who says that a decision came from this person: only its sender (`claimed`), or something that proves it.
 */
export type Identity = { kind: 'claimed' } | { kind: 'verified'; by: string };

/** Somebody who decided something, and how that is known. */
export interface Signer extends Participant {
  identity: Identity;
}

/** "claimed", "verified by the gateway". */
export function identityWords(identity: Identity): string {
  return identity.kind === 'claimed' ? 'claimed' : `verified by ${identity.by}`;
}

/** A message that was refused, as people are shown it. */
export interface Refusal {
  at: string;
  message: string;
  by: string | null;
  reason: string;
}

/** Follows a name. */
export const MAY_BE_THE_LEAVER =
  'has an address or a login in common with the leaver in the directory, and may be the same person';

/** Why this person may not ask for this offboarding; null = they may. */
export function mayRequest(leaver: Participant, requester: Decider): string | null {
  if (isSame({}, leaver, requester))
    return isCertain({}, leaver, requester)
      ? 'Nobody offboards themselves: ask a colleague to send the request.'
      : `${requester.name} ${MAY_BE_THE_LEAVER}: somebody else must ask for this, or the directory be mended.`;
  if (requester.barred) return `${requester.name} ${requester.barred} and cannot ask for an offboarding.`;
  if (requester.operator) return null;
  const doubt = requester.doubt ? ` ${requester.doubt}` : '';
  return `${requester.name} may not ask for an offboarding: that is for operators.${doubt}`;
}
