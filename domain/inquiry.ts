/**
 * What a gateway asks a worker: it holds no credential of a target system, so that whatever needs one is
 * looked up by a worker. Only reads.
 */
export type Inquiry =
  /** Who this is, and what they may do now. */
  | { ask: 'person'; who: string }
  /** Whose directory id or login this word is: nobody's, one person's, or several people's. */
  | { ask: 'called'; word: string }
  /** What people are called, and who of them is the same human being as somebody (a directory id). */
  | { ask: 'names'; ids: readonly string[]; beside: string | null }
  /** Items of one step of a plan, as they are now. */
  | ItemsInquiry
  /** Does this person still hold anything? */
  | { ask: 'owns'; user: string };

export interface Called {
  id: string;
  name: string;
}

export interface ItemsInquiry {
  ask: 'items';
  /** Digest of the plan: its accounts are looked at. */
  plan: string;
  /** system/category */
  step: string;
  search: string | null;
  /** An attribute or `label`, with `-` in front for the other direction; null = in the order of the keys. */
  sort: string | null;
  /** Go on behind this key, or, where it is sorted, behind so many items. */
  after: string | null;
  limit: number;
}

/** Sorting needs all items at once; of more than this it is refused. */
export const MOST_SORTED = 5_000;

export interface ShownItem {
  key: string;
  label: string | null;
  link: string | null;
  attributes: Record<string, string | null>;
  firesAt: string | null;
  /** By the plan; null where it names nobody for it, as for what came later. */
  successor: string | null;
}

export interface ItemsShown {
  items: ShownItem[];
  next: string | null;
  /** Items of the category by the plan, whatever is searched for. */
  total: number;
  /** Names of what `attributes` holds: columns of a table. */
  columns: string[];
}

/** What somebody still holds. */
export interface Holdings {
  id: string;
  name: string;
  /** Nothing at all is left, and everything could be looked at: switching off needs no offboarding. */
  clear: boolean;
  /** Not where it is clear and the policy wants none then (`nothingLeft`). */
  needsApproval: boolean;
  /** Categories that hold something, or could not be read (`count` null). What is kept is left out. */
  holds: { step: string; title: string; do: string; count: number | null }[];
  /** What could not be decided, as sentences: each of them means that it is not clear. */
  open: string[];
  /** How to start, ready to paste. */
  start: string;
}

export type InquiryAnswer<T> =
  | { ok: true; value: T }
  | { ok: false; kind: 'not-found' | 'usage' | 'out-of-reach'; sentence: string };

/** Anything in it that anybody has to hand over, settle or lose. What is kept is nobody's work. */
export function isClear(held: Pick<Holdings, 'holds' | 'open'>): boolean {
  return held.holds.length === 0 && held.open.length === 0;
}

/** What `names` answers. */
export interface Named {
  /** By directory id; who is no longer in the directory is left out. */
  names: Record<string, string>;
  /** Directory ids of those who are the same human being. */
  same: string[];
}
