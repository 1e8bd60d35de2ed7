/**
 * Opens and seals keys for the store, and for activities that must look at keys one by one. Sealed keys are a
 * list, or the text in which PostgreSQL writes one: as parameters of a statement both are the same array, and
 * pages go in and out unread.
 */
import { parse } from 'postgres-array';
import type { KeySet, Keys, Shares } from '../domain/keys.js';
import type { ItemKey } from '../domain/model.js';

/** The keys one by one, in their order. */
export function listOf(keys: Keys): ItemKey[] {
  const inside = keys as unknown as string | readonly string[];
  return typeof inside === 'string' ? parse(inside) : [...inside];
}

/** Seals a list of keys. */
export function keysOf(list: readonly ItemKey[]): Keys {
  return list as unknown as Keys;
}

/** A share per key, in the order of the keys. */
export function numbersOf(shares: Shares): number[] {
  const inside = shares as unknown as string | readonly number[];
  return typeof inside === 'string' ? parse(inside, Number) : [...inside];
}

/** Seals a share per key. */
export function sharesOf(numbers: readonly number[]): Shares {
  return numbers as unknown as Shares;
}

/** All pages as one set. Texts are joined as texts: nobody parses the keys. */
export async function joined(pages: AsyncIterable<KeySet>): Promise<KeySet> {
  const texts: string[] = [];
  const lists: ItemKey[] = [];
  let count = 0;
  for await (const page of pages) {
    if (page.count === 0) continue;
    const inside = page.keys as unknown as string | readonly string[];
    if (typeof inside === 'string') texts.push(inside.slice(1, -1));
    else lists.push(...inside);
    count += page.count;
  }
  // One system writes its keys in one way.
  const keys =
    lists.length > 0
      ? keysOf([...parse(`{${texts.join(',')}}`), ...lists])
      : (`{${texts.join(',')}}` as unknown as Keys);
  return { keys, count };
}
