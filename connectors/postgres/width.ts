/**
 * How much of a batch is done at a time. What an undo must keep of its rows passes through this process on its
 * way to the store: a batch of wide rows is done in parts that each keep no more than a few megabytes, and an
 * item of which even that is too much is left to a person. A batch that takes longer than the database lets a
 * statement run, because of somebody's trigger, is done in smaller parts as well.
 */
import type { HandoverFailure } from '../../domain/failure.js';

const MIB = 1024 * 1024;

/** What the items of one part keep together, as PostgreSQL counts the bytes of JSON. */
const PART_BYTES = 4 * MIB;
/** What one item may keep that is a part by itself. */
const ITEM_BYTES = 16 * MIB;
/** A part is planned a little smaller than it may be: rows are not all the same. */
const SAFELY = 0.8;

export function mostBytes(count: number): number {
  return count === 1 ? ITEM_BYTES : PART_BYTES;
}

/** What would have been kept is too much. Nothing of it was read. */
export class TooWide extends Error {
  /** @param perItem bytes that an item of it keeps on average */
  constructor(readonly perItem: number) {
    super('there is too much to be kept at once');
  }
}

export const sayTooLarge = (bytes: number): string =>
  `what an undo must keep of it is larger than ${ITEM_BYTES / MIB} MiB (${Math.round(bytes / MIB)} MiB): do it by hand`;

/** It took longer than a statement may. Nothing of it was changed. */
export class TooSlow extends Error {
  constructor(readonly failure: HandoverFailure) {
    super(failure.message);
  }
}

/** What was too slow once may have been so because of others: more is tried again after this long. */
const SLOW_FOR_MS = 10 * 60_000;

/** What items of each category have kept and taken so far: the next batch of it begins with as many as will do. */
export class Widths {
  readonly #perItem = new Map<string, number>();
  readonly #slow = new Map<string, { most: number; until: number }>();

  /** How many of these items are tried at once. */
  fitting(category: string, count: number): number {
    const known = this.#perItem.get(category) ?? 0;
    const slow = this.#slow.get(category);
    const most = slow && Date.now() < slow.until ? Math.min(count, slow.most) : count;
    return known === 0 ? most : Math.max(1, Math.min(most, Math.floor((PART_BYTES * SAFELY) / known)));
  }

  /** @param count how many were tried; two or more */
  tooSlow(category: string, count: number): void {
    this.#slow.set(category, { most: Math.floor(count / 2), until: Date.now() + SLOW_FOR_MS });
  }

  tooWide(category: string, { perItem }: TooWide): void {
    this.#perItem.set(category, perItem);
  }

  /** One wide row must not make all parts small from then on. */
  kept(category: string, bytes: number, items: number): void {
    const known = this.#perItem.get(category);
    if (known !== undefined && items > 0) this.#perItem.set(category, Math.max(bytes / items, known / 2));
  }
}
