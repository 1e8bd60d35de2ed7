/**
 * Owners that are nearly somebody: values of an owner column that only a looser comparison makes the same. To
 * the application they may be the same person or another one; nobody here can tell, so people are asked.
 */
import { valuesOf } from '../../domain/accounts.js';
import { FOLDS, type Fold, folded, isBlank, sayDifference } from '../../domain/fold.js';
import type { Account, Other } from '../../domain/model.js';
import { andWhen, type BoundCategory, ownedByAny, ownedExactlyBy } from './binding.js';
import { eachOwner } from './inside.js';
import { Placeholders, quote } from './names.js';
import type { Transaction } from './session.js';
import type { BoundCatalog } from './target.js';

/** Categories whose owners can be written in several ways that the catalog does not take for one. */
export function looselyOwned(binding: BoundCatalog): BoundCategory[] {
  return Object.keys(binding.binder.catalog.categories).flatMap(name => {
    const category = binding.fitting(name);
    return category && missingFolds(category).length > 0 ? [category] : [];
  });
}

/** How an owner could be written without being another one, beyond what is folded already. */
export function missingFolds({ owner, folds, spec }: BoundCategory): Fold[] {
  if (owner.kind !== 'text') return [];
  // Addresses and logins have no leading zeros or uuids to lose.
  const possible = spec.owner.identity === 'user' ? FOLDS : FOLDS.filter(fold => fold !== 'uuid');
  return possible.filter(fold => !folds.includes(fold));
}

/**
 * What is nearly theirs in the categories that are given, with how much that is. A value that is somebody
 * else's to the letter is theirs, and no question.
 * @param isElses is it to the letter what somebody else has as this identity?
 */
export async function nearOwners(
  tx: Transaction,
  categories: readonly BoundCategory[],
  accounts: readonly Account[],
  fold: (folds: readonly Fold[]) => (text: string) => string,
  isElses: (identity: string, value: string) => Promise<boolean>,
): Promise<Other[]> {
  const found: Other[] = [];
  for (const c of categories) {
    const { identity } = c.spec.owner;
    const owners = valuesOf(accounts, identity);
    if (owners.length === 0) continue;
    const all = fold([...c.folds, ...missingFolds(c)]);
    const bind = new Placeholders();
    const near = `${all('ho_one.owner')} = ANY (ARRAY(SELECT ${all('ho_owner.value')} FROM unnest(${bind.add(owners, 'text[]')}) AS ho_owner(value)))`;
    const rows = await tx.query<{ owner: string; count: string }>(
      `SELECT ho_one.owner, (SELECT count(*) FROM ${c.from} WHERE ${ownedExactlyBy(c, `ho_one.owner::${c.owner.type}`)}${andWhen(c.spec.when)})::text AS count
         FROM (${ownersOf(c)}) AS ho_one(owner)
        WHERE ${near} AND NOT EXISTS (SELECT FROM ${c.from} WHERE ${ownedExactlyBy(c, `ho_one.owner::${c.owner.type}`)} AND ${ownedByAny(c, owners, bind)})
        ORDER BY 1 LIMIT 20`,
      bind.values,
    );
    for (const { owner, count } of rows) {
      if (count === '0' || isBlank(owner) || (await isElses(identity, owner))) continue;
      const folds = [...c.folds, ...missingFolds(c)];
      const theirs = owners.find(one => folded(one, folds) === folded(owner, folds)) ?? owners[0]!;
      found.push({
        id: `${c.name} "${owner}"`,
        label: `${count} ${c.spec.title} of "${owner}"`,
        why: `that is ${identity} "${theirs}" but for ${sayDifference(theirs, owner)}`,
      });
    }
  }
  return found;
}

/**
 * Every owner once, as text. Where an index leads with the column, it is asked for one after another: there
 * are as many as there are people, however many rows there may be.
 */
export function ownersOf(c: BoundCategory): string {
  const own = `${c.alias}.${quote(c.owner.name)}`;
  if (c.inside) {
    const each = eachOwner(c.inside, c.alias);
    return each
      ? `SELECT DISTINCT ho_each.owner COLLATE "C" FROM ${c.from} CROSS JOIN ${each} WHERE ho_each.owner IS NOT NULL`
      : 'SELECT NULL::text WHERE false';
  }
  if (!c.table.leads.includes(c.owner.name))
    return `SELECT DISTINCT ${own}::text COLLATE "C" FROM ${c.from} WHERE ${own} IS NOT NULL`;
  const greater = c.owner.equals.replace(/=(\)?)$/, '>$1');
  return `WITH RECURSIVE ho_next(owner) AS (
            (SELECT ${own} FROM ${c.from} WHERE ${own} IS NOT NULL ORDER BY ${own} LIMIT 1)
            UNION ALL
            SELECT (SELECT ${own} FROM ${c.from} WHERE ${own} ${greater} ho_next.owner ORDER BY ${own} LIMIT 1)
              FROM ho_next WHERE ho_next.owner IS NOT NULL)
          SELECT owner::text FROM ho_next WHERE owner IS NOT NULL`;
}
