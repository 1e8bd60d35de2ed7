/**
 * What a statement of ours did to rows that it did not name. PostgreSQL counts the rows that a transaction has
 * written, table by table, whoever wrote them: rules of foreign keys and triggers included, and whatever they
 * set off in turn. What is in the difference and was not ours happened besides.
 *
 * Rows that are only added are nobody's loss, and not counted. Nor is what a trigger does outside of this
 * database.
 */

import {
  allowingLine,
  type Bounds,
  type Elsewhere,
  sayElsewhere,
  summed,
} from '../../domain/consequences.js';
import type { Batch } from '../../domain/effect.js';
import { HandoverFailure } from '../../domain/failure.js';
import type { BoundCategory } from './binding.js';
import type { Catalog } from './catalog.js';
import type { LiveTable } from './live.js';
import type { Transaction } from './session.js';
import type { Target } from './target.js';

/** Can a change of these columns, or the end of rows, do anything but what it says? */
export function hasConsequences(table: LiveTable, deletes: boolean, columns: readonly string[]): boolean {
  const { hasTriggers, rules } = table;
  // A row that goes to another partition is deleted and made anew.
  if (hasTriggers || (rules.delete && (deletes || table.partitionedBy.some(one => columns.includes(one)))))
    return true;
  return rules.update.some(one => columns.includes(one));
}

/** The same of a batch. */
export function batchHasConsequences(c: BoundCategory, does: Batch['do']): boolean {
  const { deletes, columns } = written(c, does);
  return (
    hasConsequences(c.table, deletes, columns) ||
    c.mirrors.some(({ table, owner, unique }) => hasConsequences(table, unique !== null, [owner.name])) ||
    (deletes && c.with.some(({ table }) => hasConsequences(table, true, [])))
  );
}

/** What a batch does to rows of the category's own table: may they go, and which columns get other values? */
export function written(c: BoundCategory, does: Batch['do']): { deletes: boolean; columns: string[] } {
  const kept = [...c.touch.map(one => one.column.name), ...(c.version ? [c.version.name] : [])];
  if (c.inside) return { deletes: false, columns: [c.inside.column.name, ...kept] };
  if ((does === 'remove' || does === 'revoke') && !c.set) return { deletes: true, columns: [] };
  const set = c.set?.map(one => one.column.name) ?? [c.owner.name];
  return {
    deletes: does === 'transfer' && c.unique !== null,
    columns: [...(does === 'transfer' ? [c.owner.name] : set), ...kept],
  };
}

/** How many rows of a table a statement named itself. */
export interface Ours {
  table: LiveTable;
  deleted: number;
  changed: number;
}

const WRITTEN = `
SELECT n.nspname || '.' || c.relname AS part, rn.nspname || '.' || r.relname AS table, r.relkind = 'p' AS partitioned,
       pg_catalog.pg_stat_get_xact_tuples_inserted(c.oid)::text AS inserted,
       pg_catalog.pg_stat_get_xact_tuples_updated(c.oid)::text AS updated,
       pg_catalog.pg_stat_get_xact_tuples_deleted(c.oid)::text AS deleted
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_class r ON r.oid = coalesce(pg_catalog.pg_partition_root(c.oid), c.oid)
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace
 WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
   AND pg_catalog.pg_stat_get_xact_tuples_updated(c.oid) + pg_catalog.pg_stat_get_xact_tuples_deleted(c.oid)
       + pg_catalog.pg_stat_get_xact_tuples_inserted(c.oid) > 0`;

interface Written {
  [column: string]: unknown;
  part: string;
  /** The table that it is a partition of, or itself. */
  table: string;
  partitioned: boolean;
  inserted: string;
  updated: string;
  deleted: string;
}

/** Begins to count: what is returned says what has happened since, but for what was ours. */
export async function watch(tx: Transaction): Promise<(ours: readonly Ours[]) => Promise<Elsewhere[]>> {
  const before = new Map((await tx.query<Written>(WRITTEN)).map(row => [row.part, row]));
  return async ours => {
    const groups = new Map<
      string,
      { partitioned: boolean; inserted: number; updated: number; deleted: number }
    >();
    for (const now of await tx.query<Written>(WRITTEN)) {
      const then = before.get(now.part);
      const since = (what: 'inserted' | 'updated' | 'deleted'): number =>
        Number(now[what]) - Number(then?.[what] ?? 0);
      // A child that only inherits is a table of its own, but where the table was ours with all that belongs to it.
      const table = ours.find(one => one.table.parts.includes(now.part))?.table.name ?? now.table;
      const group = groups.get(table) ?? { partitioned: false, inserted: 0, updated: 0, deleted: 0 };
      groups.set(table, {
        partitioned: group.partitioned || now.partitioned,
        inserted: group.inserted + since('inserted'),
        updated: group.updated + since('updated'),
        deleted: group.deleted + since('deleted'),
      });
    }
    return [...groups].flatMap(([table, { partitioned, inserted, updated, deleted }]) => {
      const named = ours.filter(one => one.table.name === table);
      const sum = (what: 'deleted' | 'changed'): number => named.reduce((all, one) => all + one[what], 0);
      const besides = updated + deleted - sum('deleted') - sum('changed');
      // What has left one partition and come into another has changed.
      const moved = partitioned ? Math.min(inserted, deleted) : 0;
      const gone = Math.min(besides, Math.max(0, deleted - moved - sum('deleted')));
      return [
        { table, does: 'delete' as const, count: gone },
        { table, does: 'change' as const, count: besides - gone },
      ].filter(({ count }) => count > 0);
    });
  };
}

/** Throws where more was done than the catalog allows and the plan has shown. */
export function mustStayWithin(
  found: readonly Elsewhere[],
  {
    system,
    subject,
    cascades,
    bounds,
  }: {
    system: string;
    subject: string;
    cascades: Catalog['categories'][string]['cascades'];
    /** Null = nobody has seen what it would do: only the catalog can allow it. */
    bounds: Bounds | undefined;
  },
): void {
  for (const one of summed(found)) {
    const allowed = cascades.some(({ table, does }) => table === one.table && does === one.does);
    const shown = bounds?.upTo.find(({ table, does }) => table === one.table && does === one.does);
    // A row that went may have been written by another rule first.
    const gone = found.find(({ table, does }) => table === one.table && does === 'delete')?.count ?? 0;
    if (one.does === 'change' && one.count <= gone) continue;
    if (!allowed && !shown)
      throw new HandoverFailure(
        'rejected',
        `${system}: ${subject} would have done more than was approved (${sayElsewhere(one)}), so nothing was changed. Send "amend" to see it in a new plan; to allow it, cascades: ${allowingLine(one)}.`,
      );
    const most = shown?.count ?? bounds?.others ?? Number.MAX_SAFE_INTEGER;
    if (one.count > most)
      throw new HandoverFailure(
        'rejected',
        `${system}: ${subject} would have done more than was approved (${sayElsewhere(one)}; up to ${most} may be without asking), so nothing was changed. Send "amend" to have a new plan made.`,
      );
  }
}

/** Nobody waits for what is only tried: others' work goes first. */
const TRY = `SELECT pg_catalog.set_config('lock_timeout', '500ms', true), pg_catalog.set_config('statement_timeout', '10s', true)`;

/** Does something and takes it back, whatever comes of it; what it says is all that stays. */
export async function rehearsed<T>(
  target: Pick<Target, 'session'>,
  options: { doing: string; signal: AbortSignal | undefined },
  work: (tx: Transaction) => Promise<T>,
): Promise<T> {
  let said: { value: T } | undefined;
  const takenBack = new Error('what was tried is taken back');
  try {
    await target.session.transaction({ mode: 'write', ...options }, async tx => {
      await tx.query(TRY);
      said = { value: await work(tx) };
      throw takenBack;
    });
  } catch (error) {
    if (error !== takenBack) throw error;
  }
  return said!.value;
}
