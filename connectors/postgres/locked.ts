/**
 * A batch in which other sessions hold rows: which of its rows they are is found out without waiting for
 * anybody, and what is free is ours until the transaction ends.
 */
import type { BoundCategory } from './binding.js';
import { Placeholders } from './names.js';
import type { Transaction } from './session.js';
import type { BoundBatch } from './statements.js';

export const HELD = 'another session holds a lock on it';

/** Keys of rows that somebody else holds. */
export async function heldByOthers(
  tx: Transaction,
  c: BoundCategory,
  batch: BoundBatch,
): Promise<Set<string>> {
  // A row whose key or place changes, or that goes, must not even be referred to meanwhile.
  const gentle =
    batch.do === 'transfer' && !c.unique && c.table.unique.every(one => !one.columns.includes(c.owner.name));
  const rows = async (lock: string): Promise<string[]> => {
    const bind = new Placeholders();
    const found = await tx.query<{ key: string }>(
      `SELECT ho_batch.ho_key::text AS key FROM ${c.key.rows(bind.add(batch.keys, `${c.key.elementType}[]`), 'ho_batch')}
         JOIN ${c.from} ON ${c.key.joins(c.alias, 'ho_batch')} ${lock}`,
      bind.values,
    );
    return found.map(row => row.key);
  };
  const free = new Set(await rows(`FOR ${gentle ? 'NO KEY UPDATE' : 'UPDATE'} OF ${c.alias} SKIP LOCKED`));
  return new Set((await rows('')).filter(key => !free.has(key)));
}
