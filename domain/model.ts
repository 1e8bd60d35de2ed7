/**
 * The words of Handover, as types. One word for one thing, in code, tables, messages and docs:
 *
 *   offboarding   one run for one person: one `offboardUser` workflow with an offboarding id of its own
 *   leaver        the person being offboarded (also when they only change role)
 *   successor     the person, queue or "unassigned" that takes something over
 *   system        one target application or database; the *directory* is the one that says who people are
 *   account       one entry of a person in a system: one or several identities, each with one or several
 *                 values. A person may have several accounts in a system, or none: then they are *absent*
 *                 there
 *   category      one kind of thing a person can hold in a system; an *item* is one such thing, named by its
 *                 key
 *   disposition   what happens to a category: transfer, remove, revoke, clear, acknowledge, keep (a table in
 *                 ARCHITECTURE.md)
 *   inventory     what the leaver holds now: per category a count, a fingerprint and whether it is complete
 *   manifest      the keys behind an approved inventory, in pages
 *   plan          the ordered steps with successors; each revision has a digest
 *   step          one category of one system, or one deactivation per system
 *   batch         one manifest page, or a part of one where a call takes no more, changed at once
 *   decision      approve, reject, acknowledge, amend, retry, skip, ... by a person
 *   ledger        our record of every effect: a receipt, `intended` before anything is sent, then `done` or
 *                 `aborted`
 *   mark          the connector's own words in a receipt, by which it finds out what became of the effect
 *   fence         raised when an offboarding ends: an attempt scheduled before it is *left behind* and gets
 *                 no receipt any more
 *   certificate   the closing document
 *
 * Everything here is plain JSON: it travels through workflow histories and lies in the store for years.
 */

export type Disposition = 'transfer' | 'remove' | 'revoke' | 'clear' | 'acknowledge' | 'keep';

/**
 * How a run ends: `execute-and-deactivate` switches the leaver off, `execute-only` leaves the seat, `preview`
 * only plans.
 */
export type Mode = 'execute-and-deactivate' | 'execute-only' | 'preview';

/** `unplanned` blocks sign-in first and cleans up afterwards. */
export type Departure = 'planned' | 'unplanned';

export type StepState = 'queued' | 'running' | 'completed' | 'failed' | 'skipped' | 'not-run';

export type RunState =
  | 'preparing'
  | 'needs-correction'
  | 'awaiting-approval'
  | 'scheduled'
  | 'executing'
  | 'needs-attention'
  | 'deactivating'
  /** The outcome stands; the certificate is being written and the last messages are answered. */
  | 'closing'
  | 'closed';

export type Outcome =
  | 'completed'
  | 'completed-partially'
  | 'previewed'
  | 'nothing-to-do'
  | 'rejected'
  | 'expired'
  | 'cancelled'
  | 'refused';

/**
 * An item's key as text: one column as PostgreSQL prints it (`4711`, a uuid, any text); several columns as a
 * JSON array of those texts (`["4711","de"]`). Text, because keys beyond 2^53 are common and JavaScript
 * numbers would change them.
 */
export type ItemKey = string;

/** Items that act by themselves within one hour (`fires_at`): the first few of them, and how many there are. */
export interface Bomb {
  /** When the first one acts; ISO 8601. */
  at: string;
  keys: ItemKey[];
  count: number;
}

/** Someone in the directory. */
export interface Person {
  /** The directory's immutable id. */
  id: string;
  name: string;
  email: string | null;
  active: boolean;
  /** Sign-in is blocked, by us or by somebody else; also while the entry is active. */
  blocked: boolean;
  managerId: string | null;
  team: string | null;
  /** What the directory's own roles allow here: `operator`, `approver`. */
  roles: string[];
  /**
   * Same value = same human being behind two directory entries; the id itself where the catalog does not say.
   */
  human: string;
  /** By what a system may recognise them, as the directory knows it; nothing empty is in here. */
  known: readonly Known[];
}

/** An e-mail address, a login, a person number, or the id of another entry of theirs in the directory. */
export interface Known {
  by: 'email' | 'login' | 'number' | 'id';
  value: string;
}

/** Somebody who is looked for in a system. */
export interface Sought {
  /** The directory's id. */
  id: string;
  /** True in the directory itself: there the person is their entry, and nobody who looks like them. */
  home: boolean;
  /** Values that are theirs alone, so that a system may recognise them by each. */
  known: readonly Known[];
  /** Values that other people of the directory have too: they identify nobody. */
  shared: readonly Known[];
  /** What they were in that system before: plans and the ledger remember what has vanished since. */
  remembered: Identities;
  /**
   * Are things theirs that bear one of `known`, although no account there has that value? True of whoever
   * leaves; a successor is written as their account is.
   */
  leaves?: boolean;
}

/**
 * Identity name → its values as texts, e.g. `{ user: ["17"], employee: ["903", "1044"] }`. Sorted, each once,
 * and never an empty list: what has no value has no name here.
 */
export type Identities = Readonly<Record<string, readonly string[]>>;

/** One account in one system. */
export interface Account {
  identities: Identities;
  /**
   * False when the system says that this person is switched off already. Our own block does not count as
   * inactive.
   */
  active: boolean;
  /** Blocked by us or by somebody else, but not deactivated. */
  blocked: boolean;
  /** What people call it there: "Alice Anders (17)". */
  label?: string;
  /** It no longer exists: what is still held under its name is handed over, and nobody is to be switched off. */
  gone?: true;
  /** Identity → of its several values the one by which they are known today. */
  current?: Readonly<Record<string, string>>;
}

/** Something that may be this person's and is not handled: whoever approves must have seen it by name. */
export interface Other {
  /** The account's key, or what else names it. */
  id: string;
  label: string;
  why: string;
}

/**
 * What a person is in one system: every account there, none where they are absent. Pinned in the plan, and
 * found again before every look and every effect.
 */
export interface SystemAccounts {
  system: string;
  accounts: readonly Account[];
  others?: readonly Other[];
  /** What speaks against these accounts being this person's, as sentences that are approved with the plan. */
  warnings?: readonly string[];
}

/** What one category holds for a person's accounts, at one moment, taken by reading the system. */
export interface CategoryInventory {
  category: string;
  count: number;
  /** Order-independent hash over the keys, as text; "0" when there are none. */
  fingerprint: string;
  /** False when the enumeration failed or was cut short: then count and fingerprint mean nothing. */
  complete: boolean;
  /** Why it is not complete, as a sentence. */
  problem: string | null;
  /** The earliest moment at which one of the items acts by itself (ISO 8601), where the catalog knows. */
  firesAt: string | null;
}

/**
 * Who takes items over. `value` is what is written into the owner column of that system (null = unassigned).
 */
export interface Successor {
  kind: 'person' | 'queue' | 'unassigned';
  /** The directory id of a person; null otherwise. */
  personId: string | null;
  /** The human being behind that directory entry; null where nobody is a person. */
  human: string | null;
  /** How people call it: a name, "queue support", "nobody". */
  label: string;
  value: string | null;
}

/** Why an item of a batch was not changed. */
export type ExceptionKind =
  /** Somebody else owns it now: left alone. */
  | 'taken'
  /** It no longer exists, or no longer belongs to the category (closed in the meantime). */
  | 'gone'
  /** The system refused the change of this item. */
  | 'failed'
  /** The successor may not own this item. */
  | 'ineligible'
  /** Somebody else is at it just now: it is tried again for minutes. */
  | 'locked'
  /** The effect broke off before it came to this item: the next look finds it again. */
  | 'missed';

export interface ItemException {
  key: ItemKey;
  kind: ExceptionKind;
  why: string;
  /** What somebody's trigger or function said to it: anybody's data, so it lies in the receipt and goes nowhere else. */
  said?: string;
}

/** What stands in the way of a plan or a step. `message` is a sentence that says what to do next. */
export interface Finding {
  code:
    | 'account-ambiguous'
    | 'account-missing'
    | 'category-unreadable'
    | 'catalog-misfit'
    | 'place-unclassified'
    | 'effect-elsewhere'
    /** It can be done only before the switch, or only after it, and this run has no such moment. */
    | 'order-contradiction'
    | 'effect-refused'
    | 'successor-missing'
    | 'successor-refused'
    | 'leaver-protected'
    | 'last-owner'
    | 'system-unreachable'
    | 'override-unknown'
    | 'plan-too-large'
    | 'approvers-missing';
  system: string | null;
  step: string | null;
  message: string;
}
