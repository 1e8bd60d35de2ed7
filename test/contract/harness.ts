/**
 * What a kind of connector gives to the two suites (`contract.ts`, `offboarding.ts`): a system of its kind
 * that can be filled, read in its own way, changed behind the connector's back, and brought to misbehave.
 */
import type { Kinds } from '../../connectors/catalog/kind.js';
import type { AccessVerb } from '../../domain/effect.js';

/**
 * People of every world: ids as the system itself writes them. Alice and Bob have one account each, Twin two,
 * Nobody none.
 */
export const ALICE = '1';
export const BOB = '2';
export const CAROL = '3';
/** May not be switched off. */
export const ROBOT = '4';
/** The two accounts of Twin. */
export const TWIN = ['5', '6'] as const;

export const EMAIL = {
  alice: 'alice@example.com',
  bob: 'bob@example.com',
  twin: 'twin@example.com',
  nobody: 'nobody@example.com',
};

/** `things` are transferred (or left without an owner), `seats` are removed. */
export type Category = 'things' | 'seats';

/** Key → owner. */
export type Owners = Record<string, string | null>;

/**
 * How the next effect goes wrong: it happens and its answer never arrives; it never reaches the system; it
 * happens for some of its items, and no answer arrives; no answer arrives, and it happens only afterwards.
 */
export type Doubt = 'answer-lost' | 'never-arrives' | 'breaks-off' | 'lands-late';

/** Every kind knows these two: any call can be lost on either way. */
export const DOUBTS_OF_ALL = ['answer-lost', 'never-arrives'] as const satisfies readonly Doubt[];

/**
 * What a system cannot do: change access in this way; protect an account; remove (it has no `seats`); have
 * items without an owner. The suites leave out what needs it, and check that the connector says so.
 */
export type Lack = AccessVerb | 'guards' | 'seats' | 'unassigned';

export interface World {
  /**
   * A catalog of this kind, as text, for a system that it calls `desk`: `things`, `seats` and the four verbs,
   * each by the system, but for what it lacks.
   */
  readonly catalog: string;
  /** What `handover.yaml` says under `connect`: part → value. */
  readonly connection: Readonly<Record<string, string>>;
  /** Everybody active again, and nothing in the system but these items. */
  fill(items: Partial<Record<Category, Owners>>): Promise<void>;
  /** The system's own truth, not through the connector. */
  owners(category: Category): Promise<Owners>;
  access(person: string): Promise<'active' | 'blocked' | 'off'>;
  /**
   * Every change that took effect since it was filled, in order; left out where nothing keeps such a record.
   */
  log?(): Promise<string[]>;
  /** Somebody else at work: `undefined` deletes the item. */
  write(category: Category, key: string, owner: string | null | undefined): Promise<void>;
  /** The system refuses to change this item, until it is mended. */
  refuse(category: Category, key: string): Promise<() => Promise<void>>;
  /** The category cannot be read, or not whole, until it is mended. */
  unreadable(category: Category): Promise<() => Promise<void>>;
  /**
   * Somebody else acts once, between the first answer to the next reading of the category and the second.
   * Left out where a list comes in one answer.
   */
  meanwhile?(category: Category, act: () => Promise<void>): void;
  /**
   * The next effect goes wrong in this way. Only what changes something goes wrong: the reads before it pass,
   * and where an effect is several requests, they go wrong together.
   */
  doubt(how: Doubt): Promise<void>;
  /** The next effect is told to come again later. Left out where the system never says so. */
  throttle?(): Promise<void>;
  close(): Promise<void>;
}

export interface Harness {
  kind: string;
  /** The kinds that the catalog is read with; those of the registry where it is left out. */
  kinds?: Kinds;
  /**
   * What else can happen to a call, beyond the two that happen to all; where there are transactions nothing
   * breaks off in the middle, and nothing lands late.
   */
  doubts?: readonly Exclude<Doubt, (typeof DOUBTS_OF_ALL)[number]>[];
  /** Can the system itself be asked what became of an effect, or is reading it again all there is? */
  sure: 'asked' | 'read';
  /** Where the system has transactions: an access change can be looked at before it is final. */
  proves?: boolean;
  lacks?: readonly Lack[];
  /**
   * Keys, where they cannot be any text: the nth one (from 0), and odd ones of every form that the system
   * allows.
   */
  keys?: { nth(n: number): string; odd: readonly string[] };
  world(): Promise<World>;
}
