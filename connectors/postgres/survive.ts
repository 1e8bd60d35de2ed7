/**
 * What outlives a merge. Where the leaver's row is deleted because the successor has its like, the successor's
 * gets the stronger value of the two: a team keeps its captain.
 */
import type { BoundCategory } from './binding.js';
import { collidedWith } from './collide.js';
import { imageOf } from './columns.js';
import type { LiveColumn } from './live.js';
import { Placeholders, quote, quoteTable } from './names.js';
import type { Transaction } from './session.js';

/** A row of the successor's that took something over, as before-images have it. */
export interface Survived {
  table: string;
  /** Key of the row that was merged into it, and its own. */
  of: string;
  held: string;
  row: Record<string, string | null>;
  wrote: Record<string, string | null>;
}

export const isSurvived = (image: unknown): image is Survived =>
  typeof image === 'object' && image !== null && 'held' in image;

/** The values of a row that may outlive it, for RETURNING. */
export function survivingColumns(c: BoundCategory): string {
  return c.survives.map(([column], n) => `, ${c.alias}.${quote(column.name)} AS ho_s${n}`).join('');
}

/** The CTE that gives the successor's rows what is stronger in those that `merging` deletes; '' = nothing. */
export function survivePart(c: BoundCategory, merging: string, bind: Placeholders): string {
  if (c.survives.length === 0) return '';
  const ranked = c.survives.map(([column, values], n) => {
    const ranks = bind.add(values, 'text[]');
    const rank = (value: string): string =>
      `coalesce(array_position(${ranks}, ${value}::text), ${values.length + 1})`;
    const ours = `${merging}.ho_s${n}`;
    const theirs = `ho_was.${quote(column.name)}`;
    const stronger = `${rank(ours)} < ${rank(theirs)}`;
    return { stronger, set: `${quote(column.name)} = CASE WHEN ${stronger} THEN ${ours} ELSE ${theirs} END` };
  });
  const columns = c.survives.map(([column]) => column);
  const table = quoteTable(c.table.name);
  return `,
     ho_survived AS (
       UPDATE ${table} AS ho_held SET ${ranked.map(one => one.set).join(', ')}
         FROM ${merging}, ${table} AS ho_was
        WHERE ho_held.ctid = ho_was.ctid AND ho_held.tableoid = ho_was.tableoid
          AND (${collidedWith(c, 'ho_was', merging)}) AND (${ranked.map(one => one.stronger).join(' OR ')})
       RETURNING ${merging}.ho_key::text AS ho_of, ${c.key.element('ho_held')}::text AS ho_held_key,
                 ${imageOf({ alias: 'ho_was', image: columns })} AS ho_row, ${imageOf({ alias: 'ho_held', image: columns })} AS ho_wrote)`;
}

/** What survived, as a JSON list of `Survived`. */
export function survivedSql(c: BoundCategory, bind: Placeholders): string | null {
  if (c.survives.length === 0) return null;
  return `(SELECT jsonb_agg(jsonb_build_object('table', ${bind.add(c.table.name, 'text')}, 'of', ho_of, 'held', ho_held_key, 'row', ho_row, 'wrote', ho_wrote)) FROM ho_survived)`;
}

/** Gives the successors' rows what they had, where they are as we left them. */
export async function putSurvivedBack(
  tx: Transaction,
  c: BoundCategory,
  survived: readonly Survived[],
): Promise<void> {
  const columns = c.survives.map(([column]) => column);
  for (const { held, row, wrote } of survived) {
    const bind = new Placeholders();
    const was = ({ name, type }: LiveColumn): string => `(${bind.add(row[name] ?? null, 'text')})::${type}`;
    const left = ({ name }: LiveColumn): string =>
      `${c.alias}.${quote(name)}::text IS NOT DISTINCT FROM ${bind.add(wrote[name] ?? null, 'text')}`;
    const keys = c.key.rows(bind.add([held], `${c.key.elementType}[]`), 'ho_batch');
    await tx.query(
      `UPDATE ${c.from} SET ${columns.map(column => `${quote(column.name)} = ${was(column)}`).join(', ')}
         FROM ${keys} WHERE ${c.key.joins(c.alias, 'ho_batch')} AND ${columns.map(left).join(' AND ')}`,
      bind.values,
    );
  }
}
