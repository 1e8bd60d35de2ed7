/**
 * Opens and seals keys for connectors. Sealed keys are a list, or the text in which PostgreSQL writes one:
 * what came from its database goes back there as it is, and nobody parses a million of them. A connector that
 * works item by item opens them here.
 */
import { parse } from 'postgres-array';
import type { Keys, Shares } from '../domain/keys.js';
import type { ItemKey } from '../domain/model.js';

/** As a parameter for PostgreSQL: an array, or the text of one. */
export function parameterOf(keys: Keys): string | string[];
export function parameterOf(shares: Shares): string | number[];
export function parameterOf(sealed: Keys | Shares): string | string[] | number[] {
  return sealed as unknown as string | string[];
}

/** Seals the text in which PostgreSQL writes an array of keys. */
export function keysAsWritten(text: string): Keys {
  return text as unknown as Keys;
}

/** Seals a list of keys. */
export function keysOf(list: readonly ItemKey[]): Keys {
  return list as unknown as Keys;
}

/** The keys one by one, in their order. */
export function listOf(keys: Keys): ItemKey[] {
  const inside = keys as unknown as string | readonly string[];
  return typeof inside === 'string' ? parse(inside) : [...inside];
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
