/** Single items for human eyes, and the small questions about items that planning asks. */
import { valuesOf } from '../../domain/accounts.js';
import type { Account, ItemKey } from '../../domain/model.js';
import type { Item, ItemPage } from '../connector.js';
import { andWhen, type BoundCategory, ownedBy, ownedByAny } from './binding.js';
import { isoTime } from './inventory.js';
import { aliasOf, escapeLike, Placeholders, quote, quoteTable, successorBeside } from './names.js';
import type { Target } from './target.js';

interface ItemRow {
  [column: string]: unknown;
  key: string;
  label: string | null;
  fires_at: string | null;
  attributes: Record<string, string | null>;
  link: Record<string, string | null>;
}

/** A page after `after` in key order, never by OFFSET; `search` looks in label and key, as plain text. */
export function items(
  target: Target,
  accounts: readonly Account[],
  category: string,
  options: { after?: ItemKey; limit: number; search?: string },
  signal?: AbortSignal,
): Promise<ItemPage> {
  return target.bound(signal, binding => {
    const c = binding.category(category);
    const owners = valuesOf(accounts, c.spec.owner.identity);
    if (owners.length === 0) return Promise.resolve({ items: [], next: null });
    const limit = Math.min(Math.max(1, Math.floor(options.limit)), 1_000);
    const bind = new Placeholders();
    const own = ({ name }: { name: string }) => `${c.alias}.${quote(name)}`;
    const label = c.label ? `${c.label.sql}::text` : 'NULL::text';
    const element = c.key.element(c.alias);
    const where = [ownedByAny(c, owners, bind)];
    if (options.after !== undefined)
      where.push(
        `${c.key.sortedBy(element)} > ${c.key.sortedBy(bind.add(options.after, c.key.elementType))}`,
      );
    if (options.search) {
      const pattern = bind.add(`%${escapeLike(options.search)}%`, 'text');
      where.push(`((${element})::text ILIKE ${pattern}${c.label ? ` OR ${label} ILIKE ${pattern}` : ''})`);
    }
    const object = (pairs: [string, string][]) =>
      pairs.length > 0
        ? `json_build_object(${pairs.map(([n, sql]) => `${bind.add(n, 'text')}, ${sql}::text`).join(', ')})`
        : `'{}'::json`;
    const statement = `
      SELECT (${element})::text AS key, ${label} AS label, ${c.firesAt ? isoTime(own(c.firesAt)) : 'NULL::text'} AS fires_at,
             ${object(c.attributes.map(([n, { sql }]) => [n, sql]))} AS attributes, ${object(c.link.map(col => [col.name, own(col)]))} AS link
        FROM ${c.from}
       WHERE ${where.join(' AND ')}${andWhen(c.spec.when)}
       ORDER BY ${c.key.sortedBy(element)}
       LIMIT ${limit + 1}`;
    return target.session.transaction({ mode: 'glance', doing: `listing ${category}`, signal }, async tx => {
      const rows = await tx.query<ItemRow>(statement, bind.values);
      const shown = rows.slice(0, limit).map(row => toItem(c, row));
      return { items: shown, next: rows.length > limit ? (shown.at(-1)?.key ?? null) : null };
    });
  });
}

function toItem(c: BoundCategory, row: ItemRow): Item {
  const link = c.spec.link?.replace(/\{([^{}]+)\}/g, (_, column: string) =>
    encodeURIComponent(row.link[column] ?? ''),
  );
  return {
    key: row.key,
    label: row.label,
    link: link ?? null,
    attributes: row.attributes,
    firesAt: row.fires_at,
  };
}

/** Keys of the groups that are called so, as owner columns of the category write them; two are enough to ask. */
export function groupsNamed(
  target: Target,
  category: string,
  name: string,
  signal?: AbortSignal,
): Promise<string[]> {
  return target.bound(signal, binding => {
    const { groups, spec } = binding.category(category);
    if (!groups) return Promise.resolve([]);
    const alias = aliasOf(groups.table.name);
    const text = `SELECT ${alias}.${quote(groups.key.name)}::text AS key FROM ${quoteTable(groups.table.name)} AS ${alias}
       WHERE ${alias}.${quote(groups.name.name)}::text = $1::text${andWhen(spec.groups?.when)} ORDER BY 1 LIMIT 2`;
    return target.session.transaction({ mode: 'glance', doing: 'looking a group up', signal }, async tx =>
      (await tx.query<{ key: string }>(text, [name])).map(({ key }) => key),
    );
  });
}

export function load(
  target: Target,
  category: string,
  takers: string[],
  signal?: AbortSignal,
): Promise<number[]> {
  return target.bound(signal, binding => {
    const c = binding.category(category);
    return target.session.transaction(
      { mode: 'glance', doing: `counting who holds how many ${category}`, signal },
      async tx => {
        const rows = await tx.query<{ count: string }>(
          `SELECT (SELECT count(*) FROM ${c.from} WHERE ${ownedBy(c, 'ho_taker.ho_id')}${andWhen(c.spec.when)})::text AS count
           FROM unnest($1::${c.owner.type}[]) WITH ORDINALITY AS ho_taker(ho_id, ho_n) ORDER BY ho_taker.ho_n`,
          [takers],
        );
        return rows.map(row => Number(row.count));
      },
    );
  });
}

export async function ineligible(
  target: Target,
  accounts: readonly Account[],
  category: string,
  taker: Account,
  keys?: readonly ItemKey[] | null,
  signal?: AbortSignal,
): Promise<{ count: number; sample: ItemKey[]; why: string | null }> {
  return target.bound(signal, async binding => {
    const c = binding.category(category);
    const { identity } = c.spec.owner;
    const owners = valuesOf(accounts, identity);
    const must = c.spec.successor_must;
    const [successor = null] = valuesOf([taker], identity);
    if (owners.length === 0 || (must === undefined && successor !== null))
      return { count: 0, sample: [], why: null };
    const bind = new Placeholders();
    const element = c.key.element(c.alias);
    const among = !keys ? '' : ` AND (${element})::text = ANY(${bind.add(keys, 'text[]')})`;
    const held = `${ownedByAny(c, owners, bind)}${andWhen(c.spec.when)}${among}`;
    // Somebody without such an identity here can own nothing of the kind.
    const refused = must === undefined || successor === null ? '' : ` AND (${must}) IS NOT TRUE`;
    const from = refused
      ? `${c.from} CROSS JOIN (SELECT ${bind.add(successor, c.owner.type)} AS ${quote(identity)}) AS ${successorBeside(c.alias)}`
      : c.from;
    const row = await target.session.transaction(
      { mode: 'glance', doing: `asking whether the successor may own ${category}`, signal },
      async tx => {
        const [answer] = await tx.query<{ count: string; sample: ItemKey[] }>(
          `SELECT (SELECT count(*) FROM ${from} WHERE ${held}${refused})::text AS count,
                ARRAY(SELECT (${element})::text FROM ${from} WHERE ${held}${refused} ORDER BY ${c.key.sortedBy(element)} LIMIT 5) AS sample`,
          bind.values,
        );
        return answer!;
      },
    );
    const count = Number(row.count);
    const why =
      successor === null
        ? `the successor has no identity ${identity} in ${target.system}`
        : (c.spec.successor_must_says ?? `the successor does not meet successor_must of ${category}`);
    return { count, sample: row.sample, why: count > 0 ? why : null };
  });
}
