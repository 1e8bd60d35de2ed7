/**
 * Rows of other tables that follow the rows of a batch, as further parts of its statement: what changes
 * together, changes at once or not at all.
 *
 *   mirrors   name the same owner once more, and get the successor too; where the successor stands beside the
 *             same thing already (`unique`), the leaver's row is deleted. Rows that hang on the very row that is
 *             merged away go with it
 *   with      rows that belong to a row that is deleted, and are deleted with it
 *
 * What is deleted is kept as it was, beside the key of the row that it went with.
 */
import {
  type BoundAlong,
  type BoundCategory,
  type BoundLink,
  type BoundMirror,
  sameOwner,
} from './binding.js';
import { imageOf } from './columns.js';
import { aliasOf, type Placeholders, quote, quoteTable } from './names.js';
import type { Transaction } from './session.js';

/** A row that went with another, as before-images have it. */
export interface Followed {
  table: string;
  /** Key of the row of the category that it went with. */
  of: string;
  row: Record<string, string | null>;
}

export const isFollowed = (image: unknown): image is Followed =>
  typeof image === 'object' && image !== null && 'of' in image && !('held' in image);

/** What a statement knows of the rows that it changed. */
export interface Changed {
  /** The CTE that RETURNED them, with ho_key and whatever `linkColumns` adds. */
  from: string;
  /** The batch as rows, to find the rows of a condition by: as they were when the statement began. */
  rows(): string;
}

/** Columns of the category's rows by which others are found, for RETURNING. `prefix` tells links apart. */
export function linkColumns(c: BoundCategory): string {
  return linksOf(c)
    .flatMap(([prefix, { join }]) =>
      join.map(([, here], j) => `, ${c.alias}.${quote(here.name)} AS ${prefix}_${j}`),
    )
    .join('');
}

/** The names of these columns. */
export function linkNames(c: BoundCategory): string[] {
  return linksOf(c).flatMap(([prefix, { join }]) => join.map((_, j) => `${prefix}_${j}`));
}

/** Does each row of the mirror belong to one row of the category? Then it is nothing without it. */
export const hangsOnRow = (c: BoundCategory, { join }: BoundLink): boolean =>
  c.key.columns.every(key => join.some(([, here]) => here.name === key.name));

const linksOf = (c: BoundCategory): [prefix: string, link: BoundLink][] => [
  ...c.mirrors.map((m, i): [string, BoundLink] => [`ho_m${i}`, m]),
  ...c.with.map((w, i): [string, BoundLink] => [`ho_w${i}`, w]),
];

/**
 * Every mirror of the changed rows as a CTE, compare-and-set: one that names somebody else is left alone.
 * `only` narrows the rows whose mirror of a table is written.
 */
export function mirrorParts(
  c: BoundCategory,
  changed: Changed,
  {
    from,
    taker,
    merged = null,
    only = () => null,
  }: {
    from: string;
    taker: string;
    /** Rows that were deleted because the successor has their like. */
    merged?: Changed | null;
    only?: (table: string) => string | null;
  },
): string {
  return c.mirrors
    .map((m, i) => {
      const goes = merged !== null && hangsOnRow(c, m);
      const follows = merged && !goes ? bothOf(changed, merged) : changed;
      const { alias, lists, joins } = linkedTo(c, `ho_m${i}`, m, follows);
      const own = `${alias}.${quote(m.owner.name)}`;
      const was = `${from}::${m.owner.type}`;
      const same = sameOwner({ owner: m.owner, fold: c.fold }, own, was);
      const narrowed = only(m.table.name);
      const ours = `(${same} OR (${own} IS NULL AND ${was} IS NULL)) IS TRUE${narrowed ? ` AND ${narrowed}` : ''}`;
      const held = m.unique && heldBy(m, alias, `${taker}::${m.owner.type}`);
      const itself = goes ? linkedTo(c, `ho_m${i}`, m, merged) : null;
      const gone = itself
        ? `,
     ho_mirror_went_${i} AS (
       DELETE FROM ${quoteTable(m.table.name)} AS ${alias} USING ${itself.lists}
        WHERE ${itself.joins} AND ${ours}
       RETURNING ho_done.ho_key, ${imageOf({ alias, image: m.image })} AS ho_row)`
        : '';
      const heldAlready = held
        ? `,
     ho_mirror_gone_${i} AS (
       DELETE FROM ${quoteTable(m.table.name)} AS ${alias} USING ${lists}
        WHERE ${joins} AND ${ours} AND ${held}
       RETURNING ho_done.ho_key, ${imageOf({ alias, image: m.image })} AS ho_row)`
        : '';
      return `${gone}${heldAlready},
     ho_mirror_${i} AS (
       UPDATE ${quoteTable(m.table.name)} AS ${alias}
          SET ${quote(m.owner.name)} = ${taker}::${m.owner.type}
         FROM ${lists}
        WHERE ${joins} AND ${ours}${held ? ` AND NOT ${held}` : ''}
       RETURNING 1)`;
    })
    .join('');
}

function bothOf(one: Changed, other: Changed): Changed {
  return { ...one, from: `(SELECT * FROM ${one.from} UNION ALL SELECT * FROM ${other.from})` };
}

/** Has the successor such a row of the mirror already? */
function heldBy(m: BoundMirror, alias: string, taker: string): string {
  const same = m
    .unique!.map(u => ` AND ho_held.${quote(u.name)} ${u.equals} ${alias}.${quote(u.name)}`)
    .join('');
  return `EXISTS (SELECT FROM ${quoteTable(m.table.name)} AS ho_held WHERE ho_held.${quote(m.owner.name)} ${m.owner.equals} ${taker}${same})`;
}

/** What is deleted with the rows that `deleted` RETURNED, as CTEs. */
export function withParts(c: BoundCategory, deleted: Changed): string {
  return c.with
    .map((w, i) => {
      const { alias, lists, joins } = linkedTo(c, `ho_w${i}`, w, deleted);
      return `,
     ho_with_${i} AS (
       DELETE FROM ${quoteTable(w.table.name)} AS ${alias} USING ${lists}
        WHERE ${joins}
       RETURNING ho_done.ho_key, ${imageOf({ alias, image: w.image })} AS ho_row)`;
    })
    .join('');
}

function linkedTo(
  c: BoundCategory,
  prefix: string,
  link: BoundLink,
  changed: Changed,
): { alias: string; lists: string; joins: string } {
  const alias = link.when === undefined ? 'ho_other' : aliasOf(link.table.name);
  const joins = link.join.map(
    ([there], j) => `${alias}.${quote(there.name)} ${there.equals} ho_done.${prefix}_${j}`,
  );
  const lists = [`${changed.from} AS ho_done`];
  if (link.when !== undefined) {
    // The row as it was: conditions of the catalog speak of that.
    lists.push(changed.rows(), c.from);
    joins.push('ho_batch.ho_key = ho_done.ho_key', c.key.joins(c.alias, 'ho_batch'), `(${link.when})`);
  }
  return { alias, lists: lists.join(' CROSS JOIN '), joins: joins.join(' AND ') };
}

/** What followed, as a JSON list to be put behind the rows as they were; null where nothing can have. */
export function followedSql(
  c: BoundCategory,
  { deletes, merges }: { deletes: boolean; merges: boolean },
  bind: Placeholders,
): string | null {
  const parts = [
    ...c.mirrors.flatMap((m, i) => [
      ...(m.unique ? [[`ho_mirror_gone_${i}`, m.table.name]] : []),
      ...(merges && hangsOnRow(c, m) ? [[`ho_mirror_went_${i}`, m.table.name]] : []),
    ]),
    ...(deletes ? c.with.map((w, i) => [`ho_with_${i}`, w.table.name]) : []),
  ];
  if (parts.length === 0) return null;
  const each = parts.map(
    ([cte, table]) =>
      `SELECT ${bind.add(table, 'text')} AS ho_table, ho_key::text AS ho_of, ho_row FROM ${cte}`,
  );
  return `(SELECT jsonb_agg(jsonb_build_object('table', ho_table, 'of', ho_of, 'row', ho_row)) FROM (${each.join(' UNION ALL ')}) AS ho_followed)`;
}

/** How many rows of a table followed. */
export interface FollowCount {
  table: string;
  does: 'delete' | 'change';
  count: number;
}

/** How many followed, as a JSON list of `FollowCount`. */
export function followCounts(
  c: BoundCategory,
  follows: { mirrors: boolean; with: boolean; merges: boolean },
  bind: Placeholders,
): string {
  const parts: [cte: string, table: string, does: FollowCount['does']][] = [
    ...(follows.mirrors
      ? c.mirrors.flatMap((m, i): typeof parts => [
          [`ho_mirror_${i}`, m.table.name, 'change'],
          ...(m.unique ? [[`ho_mirror_gone_${i}`, m.table.name, 'delete'] as (typeof parts)[number]] : []),
          ...(follows.merges && hangsOnRow(c, m)
            ? [[`ho_mirror_went_${i}`, m.table.name, 'delete'] as (typeof parts)[number]]
            : []),
        ])
      : []),
    ...(follows.with
      ? c.with.map((w, i): (typeof parts)[number] => [`ho_with_${i}`, w.table.name, 'delete'])
      : []),
  ];
  if (follows.merges && c.survives.length > 0) parts.push(['ho_survived', c.table.name, 'change']);
  const each = parts.map(
    ([cte, table, does]) =>
      `json_build_object('table', ${bind.add(table, 'text')}, 'does', '${does}', 'count', (SELECT count(*)::integer FROM ${cte}))`,
  );
  return `json_build_array(${each.join(', ')})`;
}

/**
 * Puts back what went with the rows that are back, and says by key what nobody kept. Rows that stand there
 * again already are left as they are.
 */
export async function putFollowersBack(
  tx: Transaction,
  c: BoundCategory,
  followed: readonly Followed[],
): Promise<{ of: string; why: string }[]> {
  const lost: { of: string; why: string }[] = [];
  const tables: (BoundAlong | BoundMirror)[] = [...c.mirrors, ...c.with];
  for (const table of new Set(followed.map(one => one.table))) {
    const some = followed.filter(one => one.table === table);
    const bound = tables.find(one => one.table.name === table);
    const secret = bound && 'secret' in bound ? bound.secret : [];
    if (!bound || secret.length > 0) {
      const why = bound
        ? `the secret columns (${secret.join(', ')}) of what went with it in ${table} were never kept: those rows cannot be made again`
        : `the catalog does not say any more that rows of ${table} go with it`;
      lost.push(...[...new Set(some.map(({ of }) => of))].map(of => ({ of, why })));
      continue;
    }
    const columns = bound.image.filter(column => some.some(({ row }) => Object.hasOwn(row, column.name)));
    const values = columns.map((column, n) => `(ho_image.row ->> $${n + 2}::text)::${column.type}`);
    await tx.query(
      `INSERT INTO ${quoteTable(table)} (${columns.map(column => quote(column.name)).join(', ')}) OVERRIDING SYSTEM VALUE
       SELECT ${values.join(', ')} FROM unnest($1::jsonb[]) AS ho_image(row) ON CONFLICT DO NOTHING`,
      [some.map(({ row }) => JSON.stringify(row)), ...columns.map(column => column.name)],
    );
  }
  return lost;
}
