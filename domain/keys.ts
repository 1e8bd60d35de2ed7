/**
 * Sets of item keys on their way from a target to our store and back. Whoever carries them neither reads nor
 * writes them: a million keys pass unread. What is inside is known to `store/` and `connectors/` alone, each
 * of which has a `keys.ts` that opens them.
 */
import type { ItemKey } from './model.js';

declare const sealed: unique symbol;

/** A list of keys, sealed. Its order is the one in which they were given. */
export type Keys = { readonly [sealed]: 'keys' };

/**
 * A number per key, in the order of the keys: which of several successors takes it, or which of several
 * owners had it. Sealed.
 */
export type Shares = { readonly [sealed]: 'shares' };

export interface KeySet {
  keys: Keys;
  count: number;
}

/**
 * The order that a system's pages come in: as whole numbers, byte by byte over their UTF-8 text, or none that
 * anybody could tell. A lowest and a highest key say something only together with it.
 */
export type KeyOrder = 'number' | 'bytes' | 'none';

/** The span of some keys; both null where the order is `none`. */
export interface KeySpan {
  order: KeyOrder;
  low: ItemKey | null;
  high: ItemKey | null;
}

/**
 * The fingerprint of a set of keys for a system that computes none itself: 64 bits as text, whatever the
 * order, and equal to the fingerprints of its parts combined. A set that is known by its fingerprint must
 * have no key twice.
 */
export function fingerprintOf(keys: Iterable<ItemKey>): string {
  let high = 0;
  let low = 0;
  for (const key of keys) {
    const hash = hashOf(key);
    high ^= hash.high;
    low ^= hash.low;
  }
  return textOf(high, low);
}

/** The fingerprint of the union of sets that have no key in common. */
export function combined(fingerprints: Iterable<string>): string {
  let all = 0n;
  for (const fingerprint of fingerprints) all ^= BigInt(fingerprint);
  return all.toString();
}

/**
 * Two lanes of 32 bits over the UTF-16 code units, each mixed until every bit of the key moves about half of
 * the result's.
 */
function hashOf(key: ItemKey): { high: number; low: number } {
  let high = 0x9e3779b9 ^ key.length;
  let low = 0x85ebca6b ^ key.length;
  for (let n = 0; n < key.length; n++) {
    const unit = key.charCodeAt(n);
    high = Math.imul(high ^ unit, 0x9e3779b1);
    low = Math.imul(low ^ unit, 0x5f356495);
  }
  return { high: mixed(high ^ mixed(low)), low: mixed(low ^ mixed(high ^ 0x27d4eb2f)) };
}

/** The last rounds of MurmurHash3. */
function mixed(given: number): number {
  let hash = given;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

function textOf(high: number, low: number): string {
  return BigInt.asIntN(64, (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0)).toString();
}
