/**
 * Collects what a system gives out page by page while others work in it. A walk is complete only if nothing
 * speaks against it: no page came twice, no item came twice, the total stayed the same, and what was
 * collected is as much as the system said there is. Anything else is an incomplete enumeration, by name, and
 * never a short one.
 */

export interface Page<T> {
  items: readonly T[];
  /** Where the next page is; null after the last one. */
  next: string | null;
  /** How many items there are in all, where the system says. */
  total?: number | null;
}

/** Reads the page at `cursor`, the first one at null. What it throws is passed on. */
export type ReadPage<T> = (cursor: string | null) => Promise<Page<T>>;

export type Walked<T> = { complete: true; items: T[] } | { complete: false; problem: string };

/**
 * @param keyOf names an item
 * @param tries how often a walk that others disturbed is begun anew
 */
export async function walk<T>(read: ReadPage<T>, keyOf: (item: T) => string, tries = 3): Promise<Walked<T>> {
  for (;;) {
    const walked = await once(read, keyOf);
    if (walked.complete || --tries <= 0) return walked;
  }
}

/**
 * Several lists as one, where the system gives out one per account. What moves from a list that is still to
 * be read to one that has been is seen in neither, and the other way round in both: so no item may come
 * twice, and several lists are whole only where two looks in a row agree.
 */
export async function walkAll<T>(
  lists: readonly ReadPage<T>[],
  keyOf: (item: T) => string,
  tries = 3,
): Promise<Walked<T>> {
  const [only] = lists;
  if (only && lists.length === 1) return walk(only, keyOf, tries);
  let before: Walked<T> | null = null;
  for (let n = 0; n <= tries; n++) {
    const walked: Walked<T> = await oneAfterTheOther(lists, keyOf);
    if (before && agree(before, walked, keyOf)) return walked;
    before = walked;
  }
  if (before && !before.complete) return before;
  return incomplete('items went from one list to another while they were read');
}

async function oneAfterTheOther<T>(
  lists: readonly ReadPage<T>[],
  keyOf: (item: T) => string,
): Promise<Walked<T>> {
  const items = new Map<string, T>();
  for (const read of lists) {
    const walked = await once(read, keyOf);
    if (!walked.complete) return walked;
    for (const item of walked.items) {
      const key = keyOf(item);
      if (items.has(key)) return incomplete(`the item ${key} came in two lists: somebody moved it meanwhile`);
      items.set(key, item);
    }
  }
  return { complete: true, items: [...items.values()] };
}

function agree<T>(one: Walked<T>, other: Walked<T>, keyOf: (item: T) => string): boolean {
  if (!one.complete || !other.complete || one.items.length !== other.items.length) return false;
  const keys = new Set(one.items.map(keyOf));
  return other.items.every(item => keys.has(keyOf(item)));
}

async function once<T>(read: ReadPage<T>, keyOf: (item: T) => string): Promise<Walked<T>> {
  const items = new Map<string, T>();
  const cursors = new Set<string>();
  let total: number | null = null;
  for (let cursor: string | null = null; ; ) {
    const page: Page<T> = await read(cursor);
    const again = page.items.filter(item => items.has(keyOf(item)));
    if (again.length > 1 && again.length === page.items.length)
      return incomplete(
        `all ${again.length} items of a page had come before: the system may ignore which page is asked for`,
      );
    for (const item of page.items) {
      const key = keyOf(item);
      if (items.has(key))
        return incomplete(`the item ${key} came on two pages: somebody changed the list meanwhile`);
      items.set(key, item);
    }
    // One that left and made the rest move up hides another one, and the sums still agree.
    if (total !== null && page.total != null && page.total !== total)
      return incomplete(
        `there were ${total} items, and ${page.total} a page later: somebody changed the list meanwhile`,
      );
    total = page.total ?? total;
    if (page.next === null) break;
    if (cursors.has(page.next)) return incomplete(`the page at "${page.next}" came twice`);
    cursors.add(page.next);
    cursor = page.next;
  }
  if (total !== null && total !== items.size)
    return incomplete(`${items.size} of ${total} items were collected`);
  return { complete: true, items: [...items.values()] };
}

const incomplete = (problem: string): { complete: false; problem: string } => ({ complete: false, problem });
