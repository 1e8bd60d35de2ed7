/**
 * Things that act in somebody's name by themselves, and must go on acting under the successor: an automation
 * whose new owner has no licence for it is not handed over, it is broken.
 */
import type { BoundCategory } from './binding.js';
import { Placeholders } from './names.js';
import type { Transaction } from './session.js';

type Keys = string | string[];

/** Keys of those that work now, as an array literal. Asked before the change. */
export function runningBefore(tx: Transaction, c: BoundCategory, keys: Keys): Promise<string> {
  return among(tx, c, keys, `(${c.spec.still_runs}) IS TRUE`);
}

/** Does one of these not work any more? Asked after the change. */
export async function stoppedSince(tx: Transaction, c: BoundCategory, keys: Keys): Promise<boolean> {
  return (await among(tx, c, keys, `(${c.spec.still_runs}) IS NOT TRUE`)) !== '{}';
}

async function among(tx: Transaction, c: BoundCategory, keys: Keys, condition: string): Promise<string> {
  const bind = new Placeholders();
  const array = bind.add(keys, `${c.key.elementType}[]`);
  const [row] = await tx.query<{ keys: string }>(
    `SELECT coalesce(array_agg(ho_batch.ho_key), '{}')::text AS keys
       FROM ${c.key.rows(array, 'ho_batch')} JOIN ${c.from} ON ${c.key.joins(c.alias, 'ho_batch')}
      WHERE ${condition}`,
    bind.values,
  );
  return row!.keys;
}
