/**
 * Records keyed by what people write: queues, systems, categories, identities, items. A plain object answers
 * to names that nobody wrote into it ("constructor"), and one name it takes for something else and drops
 * ("__proto__").
 */

/** The value under a name, only where somebody wrote it there. */
export function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

/**
 * Where a value says "__proto__", which no record can hold and schemas drop in silence: the path of the first
 * such key, or null.
 */
export function droppedKey(value: unknown, path: readonly string[] = []): string[] | null {
  if (typeof value !== 'object' || value === null) return null;
  for (const [key, inside] of Object.entries(value)) {
    const here = [...path, key];
    if (key === '__proto__') return here;
    const deeper = droppedKey(inside, here);
    if (deeper) return deeper;
  }
  return null;
}
