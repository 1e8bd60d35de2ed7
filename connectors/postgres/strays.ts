/**
 * Rows that are somebody's by a column from which categories take owners, and that meet the condition of none
 * of them: a status that nobody thought of, or none at all. They are in no inventory, and they stay.
 */
import { valuesOf } from '../../domain/accounts.js';
import type { Stray } from '../../domain/coverage.js';
import { HandoverFailure } from '../../domain/failure.js';
import type { Account } from '../../domain/model.js';
import { type BoundCategory, ownedByAny } from './binding.js';
import type { Classified } from './classified.js';
import { keyOf } from './discover/keys.js';
import { sqlState, TOOK_TOO_LONG } from './failures.js';
import { Placeholders } from './names.js';
import type { Target } from './target.js';

/** @param skipped places whose rows are told apart in another way: by what their ids are ids of */
export async function straysOf(
  target: Target,
  { acknowledged }: Pick<Classified, 'acknowledged'>,
  accounts: readonly Account[],
  skipped: ReadonlySet<string>,
  signal?: AbortSignal,
): Promise<Stray[]> {
  const counted = target.bound(signal, async binding => {
    const places = new Map<string, BoundCategory[]>();
    for (const name of Object.keys(target.catalog.categories)) {
      const bound = binding.category(name);
      const place = keyOf(bound.spec.table, bound.spec.owner.column);
      if (skipped.has(place) || acknowledged.has(place)) continue;
      places.set(place, [...(places.get(place) ?? []), bound]);
    }
    const conditional = [...places].filter(([, all]) => all.every(({ spec }) => spec.when !== undefined));
    const bind = new Placeholders();
    const statements = conditional.flatMap(([, all], n) => countStatement(all, accounts, n, bind) ?? []);
    if (statements.length === 0) return [];
    const doing = 'looking for rows that meet no condition';
    const rows = await target.session.transaction({ mode: 'glance', doing, signal }, tx =>
      tx.repeated<{ n: number; count: string }>(statements.join('\nUNION ALL\n'), bind.values),
    );
    return rows
      .filter(({ count }) => count !== '0')
      .map(({ n, count }) => ({
        place: conditional[n]![0],
        count: Number(count),
      }));
  });
  // What cannot be read here cannot be counted there: the inventory says which category it is, and why. Only what
  // passes by itself is tried again.
  return counted.catch((error: unknown) => {
    if (error instanceof HandoverFailure && !passes(error)) return [{ place: UNREADABLE, count: null }];
    throw error;
  });
}

const UNREADABLE = 'places that could not be read';

function passes(failure: HandoverFailure): boolean {
  const tookTooLong = sqlState(failure.cause) === TOOK_TOO_LONG;
  return (failure.kind === 'transient' || failure.kind === 'locked') && !tookTooLong;
}

/** Null where nobody can own anything there: such an identity is not theirs. */
function countStatement(
  all: readonly BoundCategory[],
  accounts: readonly Account[],
  n: number,
  bind: Placeholders,
): string | null {
  const owned = all.flatMap(category => {
    const owners = valuesOf(accounts, category.spec.owner.identity);
    return owners.length === 0 ? [] : { is: ownedByAny(category, owners, bind), when: category.spec.when! };
  });
  if (owned.length === 0) return null;
  const theirs = owned.map(({ is }) => `(${is})`).join(' OR ');
  const taken = owned.map(({ is, when }) => `((${is}) AND (${when}))`).join(' OR ');
  return `SELECT ${n} AS n, count(*)::text AS count FROM ${all[0]!.from}
           WHERE (${theirs}) AND (${taken}) IS NOT TRUE`;
}
