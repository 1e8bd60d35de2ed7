/**
 * What a kind of connector gives to the contract suite (`contract.ts`): a system of its kind that can be
 * filled, read in its own way, changed behind the connector's back, and brought to misbehave.
 */
import type { Connector } from '../../connectors/connector.js';

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
 * happens for some of its items, and no answer arrives.
 */
export type Doubt = 'answer-lost' | 'never-arrives' | 'breaks-off';

export interface World {
  /** As the registry makes it, from a catalog of this kind. */
  readonly connector: Connector;
  /** Everybody active again, and nothing in the system but these items. */
  fill(items: Partial<Record<Category, Owners>>): Promise<void>;
  /** The system's own truth, not through the connector. */
  owners(category: Category): Promise<Owners>;
  access(person: string): Promise<'active' | 'blocked' | 'off'>;
  /** Somebody else at work: `undefined` deletes the item. */
  write(category: Category, key: string, owner: string | null | undefined): Promise<void>;
  /** The system refuses to change this item, until it is mended. */
  refuse(category: Category, key: string): Promise<() => Promise<void>>;
  /** The category cannot be read, or not whole, until it is mended. */
  unreadable(category: Category): Promise<() => Promise<void>>;
  /** The next effect goes wrong in this way. */
  doubt(how: Doubt): Promise<void>;
  close(): Promise<void>;
}

export interface Harness {
  kind: string;
  /**
   * The doubts that this kind of system knows; where it has transactions nothing breaks off in the middle.
   */
  doubts: readonly Doubt[];
  /** Can the system itself be asked what became of an effect, or is reading it again all there is? */
  sure: 'asked' | 'read';
  world(): Promise<World>;
}
