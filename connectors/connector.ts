/**
 * The port: what a kind of system offers the engine, whatever it speaks to, as small interfaces. The engine
 * never sees SQL or HTTP, and a connector never sees Temporal or our store: where an intent must be durable
 * before anything is sent, the engine hands in a witness.
 *
 * What a system cannot do is absent, and a plan refuses a rule that needs it. Every method throws
 * `HandoverFailure` and nothing else (an abort through `signal` surfaces as the signal's reason, and what a
 * witness throws as it is).
 */
import type { Danger, Foresight } from '../domain/consequences.js';
import type { Covered } from '../domain/coverage.js';
import type { AccessVerb, Batch, Done, Fate, Intended, Intent, Undoing, Work } from '../domain/effect.js';
import type { KeySpan, Keys } from '../domain/keys.js';
import type {
  Account,
  Bomb,
  CategoryInventory,
  Disposition,
  Identities,
  ItemKey,
  Known,
  Other,
  Person,
  Sought,
} from '../domain/model.js';
import type { ByHand, Undone } from '../domain/plan.js';

export interface Connector
  extends Facts,
    Reader,
    Effects,
    Partial<Loads & Groups & Eligibility & Search & Check & Coverage & Consequences & Firing> {
  /** Where the system says who people are. */
  readonly directory?: Directory;
  close(): Promise<void>;
}

/** What is known without asking the system. */
export interface Facts {
  readonly system: string;
  readonly title: string;
  /**
   * Canonical JSON of what the catalog does, and its SHA-256: plans pin it, a change voids approvals, and the
   * text is kept with the plan.
   */
  readonly catalogBody: string;
  readonly catalogDigest: string;
  /** The same with all that only words or classifies. */
  readonly wholeCatalogDigest: string;
  readonly categories: readonly CategoryFacts[];
  /** Who changes access here, verb by verb: a plan never promises what the system cannot do. */
  readonly access: Readonly<Record<AccessVerb, By>>;
  /** Whoever is switched off here has no account any more: one that is gone is off, and no news. */
  readonly offIsGone?: boolean;
  /** A block reads as off here: only the ledger knows which accounts that are off we have merely blocked. */
  readonly blockIsOff?: boolean;
  /** Where and how a person does it, verb by verb, as far as the catalog says; `{user}` stands for the account. */
  readonly byHand?: Readonly<Partial<Record<AccessVerb, ByHand>>>;
  /** What of an account no offboarding ends here. */
  readonly undone?: readonly Undone[];
}

/** The system does it when we say so; a person does it there; or it cannot be done at all. */
export type By = 'system' | 'person' | 'nobody';

/** What a catalog says about one category, ready for planning. */
export interface CategoryFacts {
  category: string;
  title: string;
  do: Disposition;
  /**
   * Assignment rules, rotations, queues: handled before every transfer, so that nothing new lands on the
   * leaver.
   */
  inflow: boolean;
  /**
   * Categories (`system/category`, or a category of this system) whose steps must be finished before this one
   * starts.
   */
  after: string[];
  /** Where a person looks at the category in the application, if the catalog says. */
  page: string | null;
  /** Names of item attributes that a `match` rule may use. */
  attributes: string[];
  /** Named queues that may take items over → the value written into the owner column. */
  queues: Record<string, string>;
  /** True when an item may be left without an owner. */
  mayBeUnassigned: boolean;
  /** They act in the person's name by themselves. */
  actsAs: boolean;
  /** Category here: whoever takes that over takes this over. */
  successorOf: string | null;
  /** True when it goes although the person stays: what is removed, revoked or cleared. */
  goesOnRoleChange: boolean;
  /** It can be done only while the account is active. */
  needsActive?: true;
  /** It can be done only once the account is off, null = whenever that is; or the switch carries it along. */
  afterSwitch?: { withinDays: number | null; carried?: true };
  /** Its only item is the account itself: it ends with it, and where the person stays it stays. */
  ofAccount?: true;
  /** It shows when people have settled it: a run that waits for them looks now and then. */
  observed?: true;
  /** May a group, role or space own an item? Which ones, `Groups` says. */
  mayBeGroups?: boolean;
  /** Which identity of an account the owner column holds. */
  identity: string;
  /** Reason that a `keep` or `acknowledge` category gives. */
  reason: string | null;
}

/**
 * How people are looked up: `id:17` asks for an id, anything with an @ for an e-mail, the rest for a login.
 */
export type PersonQuery =
  | { by: 'id'; value: string }
  | { by: 'email'; value: string }
  | { by: 'login'; value: string }
  | { by: 'number'; value: string };

export interface Directory {
  /** Does it say who is an operator, who an approver? */
  readonly roles: { readonly operator: boolean; readonly approver: boolean };
  /** Inactive people included; every match, so that the caller can refuse two. */
  findPeople(query: PersonQuery, signal?: AbortSignal): Promise<Person[]>;
  /** Those of these ids that exist, each once, in any order. */
  peopleWith(ids: readonly string[], signal?: AbortSignal): Promise<Person[]>;
  /** Whoever the directory gives a role, inactive people included, ordered by id. */
  holders(role: 'operator' | 'approver', signal?: AbortSignal): Promise<Person[]>;
  /** Active members of a team, ordered by id. */
  team(team: string, signal?: AbortSignal): Promise<Person[]>;
}

export type AccountResolution =
  /**
   * One account; several only where the system itself says that they are one human being's, or `pinned` names
   * them all. In any order.
   */
  | {
      kind: 'found';
      accounts: readonly Account[];
      /** What may be this person's as well, and is left out. */
      others: readonly Other[];
      /** Accounts that `pinned` names and no rule recognises, with what tells whose they are. */
      strangers: readonly Stranger[];
    }
  | { kind: 'absent'; expected: boolean; others: readonly Other[] }
  /**
   * Two or more candidates, one that fits only nearly, or an identity that does not fit: a person must say
   * which one, or that it is all of them (`amend` with `identities`). `why` is a sentence, where the
   * candidates alone do not tell. `sure`: accounts that are theirs all the same, where the question is about
   * something else of theirs; so that nobody forgets them if they vanish meanwhile.
   */
  | {
      kind: 'ambiguous';
      identity: string;
      candidates: { id: string; label: string }[];
      why?: string;
      sure?: readonly Account[];
    };

export interface Stranger {
  id: string;
  label: string;
  known: readonly Known[];
}

export interface Guard {
  kind: 'last-owner' | 'protected' | 'own-credential';
  message: string;
  /** A protected account that may take items over all the same. */
  receives?: boolean;
}

/** Keys held by a person's accounts. */
export interface KeyPage extends KeySpan {
  keys: Keys;
  count: number;
  /**
   * XOR-combinable fingerprint of this page's keys, in the form of `CategoryInventory.fingerprint` (see
   * `fingerprintOf`).
   */
  fingerprint: string;
  /** Attribute values per key (same order as the keys), only where asked for. */
  attributes: (string | null)[] | null;
}

/** One item for human eyes. */
export interface Item {
  key: ItemKey;
  label: string | null;
  link: string | null;
  attributes: Record<string, string | null>;
  firesAt: string | null;
}

export interface ItemPage {
  items: Item[];
  /** What to go on after; null at the end. */
  next: ItemKey | null;
}

/**
 * Wherever a method takes `accounts`, these are all accounts of one person here, and what is asked for is
 * what any of them holds: an owner column may hold any value of the category's identity (`valuesOf`).
 */
export interface Reader {
  /**
   * Who this person is here, by every rule of the catalog at once. `pinned` holds what an operator settled
   * (`amend`): which accounts, none where the person has none; and values of further identities beside those
   * that the system itself ties to the accounts.
   */
  resolveAccounts(sought: Sought, pinned: Identities, signal?: AbortSignal): Promise<AccountResolution>;
  /** Active or blocked right now, by identity. Throws `rejected` when the account has vanished. */
  readAccount(account: Account, signal?: AbortSignal): Promise<Account>;
  /** What forbids switching all of these off. */
  guards(accounts: readonly Account[], signal?: AbortSignal): Promise<Guard[]>;
  /**
   * `snapshot`: an inventory is one moment of the system. `walk`: it was collected page by page while others
   * worked, so that what it says is only as good as the walk (`walk.ts` stops on a page that comes again, and
   * where what was collected is not the total).
   */
  readonly inventoryBy: 'snapshot' | 'walk';
  /**
   * A category that cannot be read comes back incomplete, by name, and never as "nothing". What passes (the
   * system is away, or throttles) is thrown instead: it is tried again.
   */
  inventory(
    accounts: readonly Account[],
    categories: readonly string[],
    signal?: AbortSignal,
  ): Promise<CategoryInventory[]>;
  /**
   * Every key that the accounts hold now, each once; throws where that cannot be read whole, at the latest
   * after the last page. `attribute` adds that attribute's value per key; `firstOf`, where the system
   * `choosesFirst`, in its place the index of the first of these takers who may own the item, null = none.
   * `expected`: how many the caller has
   * just seen there, so that few can be read in one go; it promises nothing.
   */
  pages(
    accounts: readonly Account[],
    category: string,
    options: {
      size: number;
      attribute?: string;
      firstOf?: readonly (string | null)[];
      expected?: number;
      signal?: AbortSignal;
    },
  ): AsyncIterable<KeyPage>;
  /** A page of items for human eyes. Throws where it cannot be read, like `pages`. */
  items(
    accounts: readonly Account[],
    category: string,
    options: { after?: ItemKey; limit: number },
    signal?: AbortSignal,
  ): Promise<ItemPage>;
}

/**
 * Whoever must know of an effect before it is sent. `intend` makes the intent durable; it is called exactly
 * once for an effect, after everything that may be refused beforehand. Where it throws nothing may be sent,
 * and the error is passed on as it is.
 */
export interface Witness {
  intend(intent: Intent): Promise<void>;
  /**
   * Of an access change, where the system has transactions: called when it was made and is not final, before
   * `intend`, with a reader that sees what is so then. Where it throws, the change is taken back, and the
   * error is passed on as it is. A system without transactions never calls it.
   */
  prove?(inside: Inside): Promise<void>;
}

/** Reads a system within a transaction of its own. */
export type Inside = Pick<Reader, 'inventory' | 'pages' | 'readAccount'>;

export interface Effects {
  /**
   * Does the work, or the first part of it (`Intent.took`). A batch is changed compare-and-set on the old
   * owner, and says which owner each item had (`Intent.owners`); an item that the system refuses is reported
   * as an exception while the rest goes through. An access change is about one account, and idempotent: an
   * account that is in that state already is an effect with nothing changed, known as such in the intent, so
   * that an undo never lifts what others had set; guards that forbid it are checked as late as the system
   * allows.
   */
  apply(work: Work, witness: Witness, signal?: AbortSignal): Promise<Done>;
  /**
   * What became of an intent whose end nobody saw, or whose `apply` threw after it was durable: by asking the
   * system where it can be asked, or else by reading it again. `work` is what the intent took, its keys cut
   * to that. What the intent knew already stays so. Once it has said `did-not`, the effect must not happen
   * any more.
   */
  fateOf(work: Work, intent: Intended, signal?: AbortSignal): Promise<Fate>;
  /**
   * Gives back what an effect changed, compare-and-set on what we wrote: what is no longer so is reported as
   * `taken` and left alone, and what cannot be given back (a deleted row whose secret columns nobody kept) as
   * `failed`, with the reason.
   */
  restore(undoing: Undoing, witness: Witness, signal?: AbortSignal): Promise<Done>;
}

export interface Loads {
  /** How many items each taker holds in a category already, for `least-loaded`; same order as `takers`. */
  load(category: string, takers: string[], signal?: AbortSignal): Promise<number[]>;
}

export interface Groups {
  /** What is written as the owner where a group of this name takes over; several where it is not clear which. */
  groups(category: string, name: string, signal?: AbortSignal): Promise<string[]>;
}

export interface Eligibility {
  /** Can it say item by item which of several takers is the first who may own it (`pages`)? */
  readonly choosesFirst?: boolean;
  /**
   * Items of the accounts that `taker` may not own: how many, and the first few keys. `keys` asks about these
   * items only; null = about all.
   */
  ineligible(
    accounts: readonly Account[],
    category: string,
    taker: Account,
    keys?: readonly ItemKey[] | null,
    signal?: AbortSignal,
  ): Promise<{ count: number; sample: ItemKey[]; why: string | null }>;
}

export interface Search {
  /** A page of items whose label or key holds `text`. */
  search(
    accounts: readonly Account[],
    category: string,
    text: string,
    options: { after?: ItemKey; limit: number },
    signal?: AbortSignal,
  ): Promise<ItemPage>;
}

/** Items that act by themselves at a moment, where the catalog says which one (`fires_at`). */
export interface Firing {
  /** When those of the accounts act after `after` (ISO 8601), by the hour, the first `hours` of them. */
  bombs(
    accounts: readonly Account[],
    category: string,
    options: { after: string; hours: number },
    signal?: AbortSignal,
  ): Promise<Bomb[]>;
  /**
   * Whose these items are now and when they act; what is not there any more is left out. `among`: values that
   * the owners may have, for a system that lists items only by whose they are.
   */
  keepers(
    category: string,
    keys: readonly ItemKey[],
    among: readonly string[],
    signal?: AbortSignal,
  ): Promise<{ key: ItemKey; owner: string | null; firesAt: string | null }[]>;
}

/** Something the live system says against the catalog, or against a right that is missing. */
export interface Problem {
  /** `file:line` and key path where known. */
  where: string;
  message: string;
}

export interface Check {
  /** Resolves the catalog against the live system: names, types, conditions, rights. Empty = fine. */
  check(signal?: AbortSignal): Promise<Problem[]>;
  /**
   * The same, before every plan: what fits may be remembered for as long as nothing changes there that could
   * make a difference.
   */
  misfits(signal?: AbortSignal): Promise<Problem[]>;
  /** What makes nobody wrong and somebody slow or doubtful: people whom no rule can find, for one. */
  doubts(signal?: AbortSignal): Promise<Problem[]>;
}

export interface Coverage {
  /**
   * Which places of the system can hold a person, and which of them the catalog does not classify. Asked at
   * every look, so it must be cheap: it reads little, and remembers what it saw for as long as the system is
   * still built the same. A place that appeared since is in the answer, and so is what of these accounts is in
   * no category although its place is classified.
   */
  coverage(accounts?: readonly Account[], options?: CoverageOptions): Promise<Covered>;
}

export interface CoverageOptions {
  signal?: AbortSignal | undefined;
  /** What was seen longer ago than this is looked at again. */
  withinMs?: number | undefined;
}

/** Work of a plan, as far as it matters for what it does besides. */
export type Foreseen =
  | { kind: 'batch'; category: string; do: Batch['do']; takers: readonly (string | null)[] }
  | { kind: 'access'; verb: AccessVerb };

export interface Consequences {
  /**
   * What each of `works`, done to everything that the accounts hold, would delete or change besides; in their
   * order, which is the one in which they are done: what one of them names, the later ones do not find.
   */
  foresee(
    accounts: readonly Account[],
    works: readonly Foreseen[],
    signal?: AbortSignal,
  ): Promise<Foresight[]>;
  /**
   * What would become of rows that refer to these accounts if somebody deleted the accounts once `works` are
   * done. Bounded: what would cost much to count comes without a count.
   */
  dangers(accounts: readonly Account[], works: readonly Foreseen[], signal?: AbortSignal): Promise<Danger[]>;
}
