/**
 * An effect on a target system: what is to be done, what was done, and what became of it where nobody saw it
 * end. Plain values that connectors, the ledger and the activities share.
 */
import type { Bounds, Elsewhere } from './consequences.js';
import type { Keys, Shares } from './keys.js';
import type { Account, Disposition, ItemException } from './model.js';

/** Changes of who may sign in. `block` is reversible and no deactivation. */
export const ACCESS_VERBS = ['block', 'unblock', 'deactivate', 'reactivate'] as const;
export type AccessVerb = (typeof ACCESS_VERBS)[number];

/** A batch of items of one category, changed compare-and-set on their old owner. */
export interface Batch {
  kind: 'batch';
  category: string;
  /** The disposition to carry out. What the plan keeps or leaves to people is never sent. */
  do: Exclude<Disposition, 'acknowledge' | 'keep'>;
  /** Whose items these are: the owner may be any value of the category's identity in any of them. */
  accounts: readonly Account[];
  keys: Keys;
  /**
   * How many keys these are: all of them. What an effect did not take has been cut off when it is settled.
   */
  count: number;
  /** What is written as the new owner, for transfers (null = unassigned). Empty for other dispositions. */
  takers: (string | null)[];
  /** Which of the `takers` each key goes to; null = everything to the first. */
  assignment: Shares | null;
  /** What it may do besides; without it, only what the catalog allows. */
  besides?: Bounds;
}

export interface AccessChange {
  kind: 'access';
  verb: AccessVerb;
  account: Account;
  /** As in a batch. */
  besides?: Bounds;
  /**
   * For `unblock` and `reactivate`: what the change that is taken back kept (`Intent.before`), where the
   * ledger has it. A system that only knows how to set does without. For `deactivate`, where a block reads as
   * off: what our block kept that still stands, be it nothing; absent where none does.
   */
  undoes?: readonly unknown[];
  /** For `deactivate`: who takes what it carries along, by category, as in a batch. */
  takers?: Readonly<Record<string, string | null>>;
}

export type Work = Batch | AccessChange;

/**
 * What a connector needs to find out later what became of an effect: its own words, opaque to everybody else.
 * It tells this effect from every other one of the system, and holds no secret. People see it in the audit,
 * so it should read well: `transaction 4711`.
 */
export type Mark = string;

/** What work did. */
export interface Effect {
  /** Number of items, or accounts, changed. */
  changed: number;
  /**
   * Of `changed`, those that were removed because the successor held the same thing already (memberships).
   */
  merged: number;
  /** Number of items changed per taker, in their order. Empty where nobody takes over. */
  perTaker: number[];
  exceptions: ItemException[];
  /** Rows that nobody had named and that went or changed along with these; absent where there are none. */
  elsewhere?: Elsewhere[];
}

/**
 * Who had the items of a batch before: a person can have several accounts, and an account several values of
 * an identity. None for an account that is switched.
 */
export interface OldOwners {
  values: readonly (string | null)[];
  /**
   * Which of the `values` each key had, in the order of the batch's keys; null = all had the first. A number behind
   * the last of them: none, when the effect began, so that it is about no such item.
   */
  perKey: Shares | null;
}

/** `asked`: the system itself said what became of it. `read`: reading it again was all there was. */
export type Sure = 'asked' | 'read';

/** What is made durable before anything is sent. */
export interface Intent {
  mark: Mark;
  /**
   * How many of the batch's keys, from the first on, this one effect is about: where a call is bounded by
   * bytes or by a number of items, the rest is left for the next. 1 for an account.
   */
  took: number;
  /** Whose the items are until then: afterwards nobody could say. */
  owners: OldOwners;
  /**
   * What an undo needs beyond the old owner: items as they are until then (secret columns left out), one JSON
   * value each. Of more than are changed in the end it does no harm.
   */
  before: unknown[];
  /**
   * The effect, where it is known before it is made final: a transaction before COMMIT, or an account that is
   * in that state already (`changed: 0`, and nothing is sent). Null where only the answer tells.
   */
  effect: Effect | null;
}

/** An intent as it is asked about later: who asks has no need to carry the items as they were. */
export type Intended = Omit<Intent, 'before'>;

export interface Done extends Intent {
  effect: Effect;
  sure: Sure;
}

/** What became of an intent whose end nobody saw. */
export type Fate =
  /** `effect`: null = as it was intended. */
  | { kind: 'happened'; effect: Effect | null; sure: Sure }
  | { kind: 'did-not'; sure: Sure }
  /** Some of it did: what did not is excepted as `missed`. */
  | { kind: 'partly'; effect: Effect; sure: Sure }
  /** It may still happen: ask again. */
  | { kind: 'under-way' }
  /** Nothing tells: `why` is a sentence for the person who has to compare by hand. */
  | { kind: 'unknown'; why: string };

/** Of an effect that is about no items. */
export const NO_OWNERS: OldOwners = { values: [], perKey: null };

/** Several effects are as sure as the least sure of them; null where nobody has settled any. */
export function leastSure(effects: readonly (Sure | null)[]): Sure | null {
  if (effects.includes('read')) return 'read';
  return effects.includes('asked') ? 'asked' : null;
}

/** An effect that is to be given back: `work` is what it took. */
export interface Undoing {
  work: Work;
  owners: OldOwners;
  before: readonly unknown[];
  effect: Effect;
}

/** Why an item was left alone, whatever kind of system it is in. */
export const WHY_GONE = 'it no longer exists';
export const WHY_TAKEN = 'somebody else owns it now';

/** What the certificate and the chain's last entry need to know of a receipt. */
export interface ReceiptSummary {
  /** Whose page it is about; of an account, which has none, the offboarding itself. */
  manifest: string;
  step: string;
  page: number;
  part: number;
  state: 'intended' | 'done' | 'aborted';
  /** How it is known what became of it; null while it is not known. */
  sure: Sure | null;
  mark: string;
  /** Null while it is not known. */
  effect: { changed: number; perTaker: readonly number[]; elsewhere?: readonly Elsewhere[] } | null;
  digest: string;
  /** Which of the attempts that came to nothing it is; 0 = it stands. */
  aborted: number;
  at: string;
}
