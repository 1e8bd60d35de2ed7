/**
 * What moved to whom: every item of an offboarding that something was done to, page by page, in the order in
 * which it was done.
 */
import type { Plan } from '../../domain/plan.js';
import type { Store } from '../../store/store.js';
import type { ReceiptRow } from '../../store/trail.js';
import { type Passed, passageOf, planIn } from './owners.js';

export interface MovedPage {
  items: Passed[];
  /** Where the next page begins; null = this was the last one. */
  next: number | null;
  /** Items that receipts stand for, those included that were left alone. */
  total: number;
}

/** @param after items before the page; what is done later stands behind what was done earlier */
export async function movedIn(
  { trail }: Store,
  offboarding: string,
  { after, limit }: { after: number; limit: number },
): Promise<MovedPage> {
  const plans = new Map<string, Promise<Plan | null>>();
  const planOf = (manifest: string): Promise<Plan | null> => {
    const plan = plans.get(manifest) ?? trail.planOf(manifest).then(row => row && planIn(row));
    plans.set(manifest, plan);
    return plan;
  };
  const receipts = (await trail.receipts(offboarding)).filter(isAboutItems);
  const total = receipts.reduce((sum, { count }) => sum + count, 0);
  const items: Passed[] = [];
  // Counted by what receipts say: a page that is gone moves nothing that comes behind it.
  const upTo = Math.min(after + limit, total);
  let before = 0;
  for (const receipt of receipts) {
    const from = Math.max(0, after - before);
    const most = Math.min(receipt.count, upTo - before) - from;
    before += receipt.count;
    const plan = most > 0 && (await planOf(receipt.manifest));
    if (!plan) continue;
    const held = await trail.held(receipt, from, most);
    items.push(...held.map(({ key, ...trace }) => passageOf(key, { ...trace, receipt }, plan)));
  }
  return { items, next: upTo < total ? upTo : null, total };
}

/** Accounts that were switched have receipts too, and one that came to nothing moved nothing. */
const isAboutItems = ({ state, did }: ReceiptRow): boolean =>
  state !== 'aborted' && ['transfer', 'remove', 'revoke', 'clear', 'give-back'].includes(did);
