/**
 * The port: what every kind of connector offers the engine, whatever it speaks to. The engine never sees SQL or HTTP, and a
 * connector never sees Temporal or our store: where a receipt must be durable before an effect is, the engine hands in a callback.
 *
 * Every method throws `HandoverFailure` and nothing else (an abort through `signal` surfaces as the signal's reason).
 */
import type { Account, CategoryInventory, Disposition, ItemException, ItemKey, Person } from '../domain/model.js';

/** How people are looked up: `id:17` asks for an id, anything with an @ for an e-mail, the rest for a login. */
export type PersonQuery = { by: 'id'; value: string } | { by: 'email'; value: string } | { by: 'login'; value: string };

/** What a catalog says about one category, ready for planning. */
export interface CategoryFacts {
  category: string;
  title: string;
  do: Disposition;
  /** Assignment rules, rotations, queues: handled before every transfer, so that nothing new lands on the leaver. */
  inflow: boolean;
  /** Categories (`system/category`, or a category of this system) whose steps must be finished before this one starts. */
  after: string[];
  /** Where a person looks at the category in the application, if the catalog says. */
  page: string | null;
  /** Names of item attributes that a `match` rule may use. */
  attributes: string[];
  /** Named queues that may take items over → the value written into the owner column. */
  queues: Record<string, string>;
  /** True when an item may be left without an owner. */
  mayBeUnassigned: boolean;
  /** Which identity of an account the owner column holds. */
  identity: string;
  /** Reason that a `keep` or `acknowledge` category gives. */
  reason: string | null;
}

export type AccountResolution =
  | { kind: 'found'; account: Account }
  | { kind: 'absent'; expected: boolean }
  /** Two or more candidates, or an identity that does not fit: a person must say which (`amend` with `identities`). */
  | { kind: 'ambiguous'; identity: string; candidates: { id: string; label: string }[] };

/** A page of keys in key order. Keys travel as one PostgreSQL array literal (`{1,2,3}`), so that nobody parses a million of them. */
export interface KeyPage {
  keys: string;
  count: number;
  /** XOR-combinable fingerprint of this page's keys, in the form of `CategoryInventory.fingerprint`. */
  fingerprint: string;
  low: ItemKey;
  high: ItemKey;
  /** Attribute values per key (same order as the keys), only where asked for. */
  attributes: (string | null)[] | null;
  /** The earliest fire time is not in here: see the inventory. */
}

/** One item for human eyes. */
export interface Item {
  key: ItemKey;
  label: string | null;
  link: string | null;
  attributes: Record<string, string | null>;
  firesAt: string | null;
}

export interface BatchRequest {
  category: string;
  /** The disposition to carry out: the plan may differ from the catalog's (e.g. `remove` planned as `keep` is never sent here). */
  do: Exclude<Disposition, 'acknowledge' | 'keep'>;
  account: Account;
  /** PostgreSQL array literal of item keys, `count` of them. */
  keys: string;
  count: number;
  /** What is written as the new owner, for transfers (null = unassigned). Empty for other dispositions. */
  takers: (string | null)[];
  /** PostgreSQL array literal of indexes into `takers`, one per key; null = everything goes to `takers[0]`. */
  assignment: string | null;
}

/** What a batch did, known before its transaction commits. */
export interface BatchEffect {
  /** The target's transaction id: asked about later if the answer to COMMIT is lost. */
  transaction: string;
  /** Number of items changed. */
  changed: number;
  /** Of `changed`, those that were removed because the successor held the same thing already (memberships). */
  merged: number;
  /** Number of items changed per taker, same order as `takers`. */
  perTaker: number[];
  exceptions: ItemException[];
  /** What an undo needs beyond the old owner: rows as they were before (secret columns left out), or null. */
  before: unknown[] | null;
}

/** Stores the receipt as pending. If it throws, the connector rolls back and rethrows. */
export type BeforeCommit = (effect: BatchEffect) => Promise<void>;

export type TransactionFate = 'committed' | 'aborted' | 'in-progress' | 'unknown';

/** Something the live system says against the catalog, or against a right that is missing. */
export interface Problem {
  /** `file:line` and key path where known. */
  where: string;
  message: string;
}

export interface Guard {
  kind: 'last-owner' | 'protected' | 'own-credential';
  message: string;
}

export interface Connector {
  readonly system: string;
  readonly title: string;
  /** SHA-256 of what the catalog does: plans pin it, a change voids approvals. */
  readonly catalogDigest: string;
  /** The same with all that only words or classifies. */
  readonly wholeCatalogDigest: string;
  readonly categories: readonly CategoryFacts[];
  /** Which verbs this system can do: a plan never promises what it cannot. */
  readonly can: { block: boolean; deactivate: boolean; reactivate: boolean };

  /** Resolves the catalog against the live system: names, types, conditions, rights. Empty = fine. */
  check(signal?: AbortSignal): Promise<Problem[]>;

  /** Directory look-up, inactive people included; every match, so that the caller can refuse two. */
  findPeople(query: PersonQuery, signal?: AbortSignal): Promise<Person[]>;
  /** Active members of a team of the directory, ordered by id. */
  team(team: string, signal?: AbortSignal): Promise<Person[]>;

  /** Who this person is here. `pinned` holds identities that an operator settled (`amend`). */
  resolveAccount(person: Person, pinned: Record<string, string>, signal?: AbortSignal): Promise<AccountResolution>;
  /** Active or blocked right now, by identity. Throws `rejected` when the account has vanished. */
  readAccount(account: Account, signal?: AbortSignal): Promise<Account>;
  guards(account: Account, signal?: AbortSignal): Promise<Guard[]>;

  /** At most one statement per category, all in one snapshot. A category that cannot be read comes back incomplete, by name. */
  inventory(account: Account, categories: readonly string[], signal?: AbortSignal): Promise<CategoryInventory[]>;
  /** Every key that the account holds now, in key order. `attribute` adds that attribute's value per key. */
  pages(
    account: Account,
    category: string,
    options: { size: number; attribute?: string; signal?: AbortSignal },
  ): AsyncIterable<KeyPage>;
  /** A page of items for human eyes, after `after` in key order; `search` filters on label and key. */
  items(
    account: Account,
    category: string,
    options: { after?: ItemKey; limit: number; search?: string },
    signal?: AbortSignal,
  ): Promise<{ items: Item[]; next: ItemKey | null }>;
  /** How many items each taker holds in a category already, for `least-loaded`; same order as `takers`. */
  load(category: string, takers: string[], signal?: AbortSignal): Promise<number[]>;
  /**
   * Items of the account that `taker` may not own by the catalog's successor conditions: how many, and the first few keys. `keys`
   * asks about these items only; null = about all.
   */
  ineligible(
    account: Account,
    category: string,
    taker: Account,
    keys?: readonly ItemKey[] | null,
    signal?: AbortSignal,
  ): Promise<{ count: number; sample: ItemKey[]; why: string | null }>;

  /**
   * Changes one batch in one transaction, compare-and-set on the old owner. A poisoned item is isolated and reported as an
   * exception while the rest goes through. `beforeCommit` runs inside the transaction, just before COMMIT.
   */
  change(request: BatchRequest, beforeCommit: BeforeCommit, signal?: AbortSignal): Promise<BatchEffect>;
  /** What became of a transaction whose COMMIT answer was lost. */
  settle(transaction: string, signal?: AbortSignal): Promise<TransactionFate>;
  /** Which of these keys are owned by `owner` now: the last resort where `settle` answers `unknown`. Array literal in and out. */
  ownedBy(category: string, keys: string, owner: string | null, signal?: AbortSignal): Promise<string>;

  /** Reversible: cuts sign-in and sessions. Idempotent. */
  block(account: Account, beforeCommit: BeforeCommit, signal?: AbortSignal): Promise<void>;
  unblock(account: Account, beforeCommit: BeforeCommit, signal?: AbortSignal): Promise<void>;
  /** Switches the account off, guards checked under lock in the same transaction. Idempotent. */
  deactivate(account: Account, beforeCommit: BeforeCommit, signal?: AbortSignal): Promise<void>;
  reactivate(account: Account, beforeCommit: BeforeCommit, signal?: AbortSignal): Promise<void>;

  close(): Promise<void>;
}
