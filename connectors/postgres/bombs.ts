/** Items that act by themselves at a moment: when they do, and whose they are by then. */
import { valuesOf } from '../../domain/accounts.js';
import { MOST_NAMED } from '../../domain/bombs.js';
import type { Account, Bomb, ItemKey } from '../../domain/model.js';
import { andWhen, ownedByAny } from './binding.js';
import { isoTime } from './inventory.js';
import { Placeholders, quote } from './names.js';
import type { Target } from './target.js';

/** The first hours after `after` in which something of theirs acts; counted in the database, not fetched. */
export function bombs(
  target: Target,
  accounts: readonly Account[],
  category: string,
  { after, hours }: { after: string; hours: number },
  signal?: AbortSignal,
): Promise<Bomb[]> {
  return target.bound(signal, binding => {
    const c = binding.category(category);
    const owners = valuesOf(accounts, c.spec.owner.identity);
    if (!c.firesAt || owners.length === 0) return Promise.resolve([]);
    const bind = new Placeholders();
    const element = c.key.element(c.alias);
    const fires = `(${c.alias}.${quote(c.firesAt.name)})::timestamptz`;
    const owned = ownedByAny(c, owners, bind);
    const ahead = `${fires} > ${bind.add(after, 'timestamptz')}`;
    const statement = `
      SELECT ${isoTime(`min(${fires})`)} AS at, count(*)::text AS count,
             (array_agg((${element})::text ORDER BY ${fires}, ${c.key.sortedBy(element)}))[1:${MOST_NAMED}] AS keys
        FROM ${c.from}
       WHERE ${owned}${andWhen(c.spec.when)} AND ${ahead}
       GROUP BY date_trunc('hour', ${fires})
       ORDER BY min(${fires})
       LIMIT ${Math.max(1, Math.floor(hours))}`;
    const doing = `asking when ${category} act by themselves`;
    return target.session.transaction({ mode: 'glance', doing, signal }, async tx => {
      const rows = await tx.query<{ at: string; count: string; keys: ItemKey[] }>(statement, bind.values);
      return rows.map(({ at, count, keys }) => ({ at, keys, count: Number(count) }));
    });
  });
}

/** Whose these items are now, in one look that the key's index answers. */
export function keepers(
  target: Target,
  category: string,
  keys: readonly ItemKey[],
  signal?: AbortSignal,
): Promise<{ key: ItemKey; owner: string | null; firesAt: string | null }[]> {
  return target.bound(signal, binding => {
    const c = binding.category(category);
    const bind = new Placeholders();
    const asked = c.key.rows(bind.add(keys, `${c.key.elementType}[]`), 'ho_asked');
    // Inside a list or a document there are several owners, and none of them alone answers for it.
    const owner = c.inside ? 'NULL' : `${c.alias}.${quote(c.owner.name)}`;
    const fires = c.firesAt ? isoTime(`${c.alias}.${quote(c.firesAt.name)}`) : 'NULL::text';
    const statement = `
      SELECT (ho_asked.ho_key)::text AS key, (${owner})::text AS owner, ${fires} AS fires_at
        FROM ${asked} JOIN ${c.from} ON ${c.key.joins(c.alias, 'ho_asked')}
       WHERE true${andWhen(c.spec.when)}
       ORDER BY ho_asked.ho_n`;
    const doing = `asking whose some ${category} are`;
    return target.session.transaction({ mode: 'glance', doing, signal }, async tx => {
      const rows = await tx.query<{ key: ItemKey; owner: string | null; fires_at: string | null }>(
        statement,
        bind.values,
      );
      return rows.map(({ key, owner, fires_at }) => ({ key, owner, firesAt: fires_at }));
    });
  });
}
