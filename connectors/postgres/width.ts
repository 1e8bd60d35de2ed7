/**
 * How much of a batch is done at a time. What an undo must keep of its rows passes through this process on its
 * way to the store: a batch of wide rows is done in parts that each keep no more than a few megabytes, and an
 * item of which even that is too much is left to a person.
 */
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

/** What items of each category have kept so far: the next batch of it begins with as many as will fit. */
export class Widths {
  readonly #perItem = new Map<string, number>();

  /** How many of these items are tried at once. */
  fitting(category: string, count: number): number {
    const known = this.#perItem.get(category) ?? 0;
    return known === 0 ? count : Math.max(1, Math.min(count, Math.floor((PART_BYTES * SAFELY) / known)));
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
