/** People as decisions see them: who takes part, what they may do, and who says that it was them. */
import { AS_PEOPLE_WRITE, folded } from './fold.js';
import type { Known } from './model.js';
import { own } from './own.js';

/** Somebody who takes part in a run. `human` is the same for two directory entries of one human being. */
export interface Participant {
  id: string;
  name: string;
  human: string;
}

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
  for (const { id, human } of people) {
    const before = known.get(id) ?? [];
    // An entry that stands for itself alone is recognised by its id.
    if (human !== id && !before.includes(human)) known.set(id, [...before, human]);
  }
  return Object.fromEntries(known);
}

/** The same human being: by id or by human, then or now. Any match counts. */
export function isSame(
  humans: Humans,
  one: Pick<Participant, 'id' | 'human'>,
  other: Pick<Participant, 'id' | 'human'>,
): boolean {
  const seen = (who: Pick<Participant, 'id' | 'human'>): string[] => [
    who.human,
    ...(own(humans, who.id) ?? []),
  ];
  return one.id === other.id || seen(one).some(human => seen(other).includes(human));
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
  const values = (known: readonly Known[]): string[] =>
    known.flatMap(({ by, value }) =>
      by === 'email' || by === 'login' ? [`${by} ${folded(value, AS_PEOPLE_WRITE)}`] : [],
    );
  const share = (some: readonly string[], more: readonly string[]): boolean =>
    some.some(each => more.includes(each));
  return share(words(one.name), words(other.name)) || share(values(one.known), values(other.known));
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

/** Why this person may not ask for this offboarding; null = they may. */
export function mayRequest(leaver: Participant, requester: Decider): string | null {
  if (isSame({}, leaver, requester))
    return 'Nobody offboards themselves: ask a colleague to send the request.';
  if (requester.barred) return `${requester.name} ${requester.barred} and cannot ask for an offboarding.`;
  if (requester.operator) return null;
  const doubt = requester.doubt ? ` ${requester.doubt}` : '';
  return `${requester.name} may not ask for an offboarding: that is for operators.${doubt}`;
}
