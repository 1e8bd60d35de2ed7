/** Who may take items over: what the catalog asks of a successor's account. */
import { valuesOf } from '../../domain/accounts.js';
import type { Account, ItemKey } from '../../domain/model.js';
import { isSo } from './condition.js';
import { asNamed, whole } from './items.js';
import { entryOf } from './people.js';
import type { Target } from './target.js';

const SAMPLE = 5;

export async function ineligible(
  target: Target,
  accounts: readonly Account[],
  category: string,
  taker: Account,
  keys: readonly ItemKey[] | null | undefined,
  signal?: AbortSignal,
): Promise<{ count: number; sample: ItemKey[]; why: string | null }> {
  const spec = target.category(category);
  if (spec.successor_must === undefined) return { count: 0, sample: [], why: null };
  const { raw } = await entryOf(target, taker, signal);
  if (isSo(raw, spec.successor_must)) return { count: 0, sample: [], why: null };
  // It is the account that may not, so it is all items or none.
  const all = keys ?? (await whole(target, category, accounts, asNamed, signal)).map(({ key }) => key);
  const [id] = valuesOf([taker], 'user');
  const why = spec.successor_must_says ?? `the account ${id} may not own ${spec.title.toLowerCase()}`;
  return { count: all.length, sample: all.slice(0, SAMPLE), why };
}
