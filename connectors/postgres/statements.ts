/**
 * The SQL of a batch: one set-based statement per disposition, compare-and-set on the old owner and on the
 * category's condition, with everything that belongs together in it (version, touch, mirrors, memberships
 * that the successor has already). It answers with one row, `Answer`, whatever the disposition.
 *
 * What counts as ours is what the statement RETURNED. A row that belongs to the successor for whatever other
 * reason is never ours.
 */
import type { Batch } from '../../domain/effect.js';
import {
  type Changed,
  type FollowCount,
  followCounts,
  followedSql,
  linkColumns,
  linkNames,
  mirrorParts,
  withParts,
} from './alongside.js';
import {
  andWhen,
  type BoundCategory,
  ownedBy,
  ownedByAny,
  ownedExactlyBy,
  type SetColumn,
  sameOwner,
  successorCondition,
} from './binding.js';
import { collides, partColumns } from './collide.js';
import { imageOf, setColumnSql, wroteOf } from './columns.js';
import { type BoundInside, replacedSql } from './inside.js';
import type { LiveColumn } from './live.js';
import { Placeholders, quote, successorBeside } from './names.js';
import { survivedSql, survivePart, survivingColumns } from './survive.js';
import { mostBytes } from './width.js';

/**
 * A batch or a part of one. Arrays are PostgreSQL array literals, or JavaScript arrays where a part was cut
 * out.
 */
export interface BoundBatch {
  do: Batch['do'];
  /** The leaver's ids in the owner column, and the one of them that a change compares with. */
  owners: readonly string[];
  owner: string;
  keys: string | string[];
  count: number;
  takers: (string | null)[];
  /** Is anything kept for an undo? Nothing is of what is only tried. */
  keeps: boolean;
  /** Which takers are not asked for the successor's condition: nobody and queues. */
  exempt: boolean[];
  assignment: string | number[] | null;
}

export interface Answer {
  [column: string]: unknown;
  changed: number;
  merged: number;
  /** Index of taker → items, where there are several takers. */
  per_taker: Record<string, number> | null;
  /** Array literal of the keys changed; null when all were, and nobody needs them. */
  keys: string | null;
  /** Null where there is nothing, or more than may be (`mostBytes`). */
  before: unknown[] | null;
  /** What is kept, in bytes. */
  bytes: number;
  /** Rows of other tables that the statement named as well. */
  followed: FollowCount[];
}

export interface Statement {
  text: string;
  values: unknown[];
}

/** `needKeys`: the keys are wanted even when all of them changed. */
export function changeStatement(c: BoundCategory, batch: BoundBatch, needKeys: boolean): Statement {
  const parts = new Parts(c, batch);
  const overwrites = c.inside !== null || batch.do === 'clear' || (batch.do !== 'transfer' && c.set !== null);
  const work = c.inside
    ? replace(c, c.inside, batch, parts)
    : batch.do === 'transfer'
      ? transfer(c, batch, parts)
      : overwrites
        ? overwrite(c, parts)
        : remove(c, parts);
  const several = batch.assignment !== null;
  const deletes = batch.do === 'transfer' ? c.unique !== null : !overwrites;
  const merges = batch.do === 'transfer' && c.unique !== null;
  // Bound only where it is mentioned: PostgreSQL refuses a parameter without a place.
  const besideThem = (): string[] =>
    [followedSql(c, { deletes, merges }, parts.bind), merges ? survivedSql(c, parts.bind) : null].filter(
      one => one !== null,
    );
  const follows = { mirrors: batch.do === 'transfer' || overwrites, with: deletes, merges };
  const keeps = batch.keeps ? kept(c, parts, besideThem(), overwrites) : null;
  const text = `${work},
     ho_done AS (SELECT * FROM ho_changed${batch.do === 'transfer' && c.unique ? ' UNION ALL SELECT * FROM ho_merged_away' : ''})${keeps?.ctes ?? ''}
SELECT count(*)::integer AS changed,
       (count(*) FILTER (WHERE ho_merged))::integer AS merged,
       ${several ? `(SELECT json_object_agg(g.i, g.n) FROM (SELECT ho_i AS i, count(*) AS n FROM ho_done GROUP BY ho_i) AS g)` : 'NULL::json'} AS per_taker,
       ${needKeys ? '' : `CASE WHEN count(*) < ${batch.count} THEN `}coalesce(array_agg(ho_key), '{}')::text${needKeys ? '' : ' END'} AS keys,
       ${keeps ? `${keeps.before} AS before, (SELECT bytes FROM ho_size)` : 'NULL::jsonb AS before, 0'}::integer AS bytes,
       ${followCounts(c, follows, parts.bind)} AS followed
  FROM ho_done`;
  return { text, values: parts.bind.values };
}

/** What an undo needs, unless it is more than may be at once: then only how much it is. */
function kept(
  c: BoundCategory,
  parts: Parts,
  beside: readonly string[],
  overwrites: boolean,
): { ctes: string; before: string } {
  const own = `jsonb_build_object('table', ${parts.bind.add(c.table.name, 'text')}, 'key', ho_key::text, 'row', ho_row)${overwrites ? ` || CASE WHEN ho_wrote IS NULL THEN '{}' ELSE jsonb_build_object('wrote', ho_wrote) END` : ''}`;
  const followed = beside.map((one, n) => `coalesce(${one}, '[]') AS ho_b${n}`).join(', ');
  const columns = beside.map((_, n) => `ho_b${n}`);
  const ctes = `${followed ? `,\n     ho_beside AS MATERIALIZED (SELECT ${followed})` : ''},
     ho_size AS (SELECT coalesce((SELECT sum(pg_column_size(ho_row)) FROM ho_done), 0)${columns.map(one => ` + pg_column_size((SELECT ${one} FROM ho_beside))`).join('')} AS bytes)`;
  const rows = `(SELECT jsonb_agg(${own}) FROM ho_done WHERE ho_row IS NOT NULL)`;
  const all = followed
    ? `coalesce(${rows}, '[]')${columns.map(one => ` || (SELECT ${one} FROM ho_beside)`).join('')}`
    : rows;
  return {
    ctes,
    before: `CASE WHEN (SELECT bytes FROM ho_size) <= ${mostBytes(parts.count)} THEN ${all} END`,
  };
}

/**
 * The plain UPDATE for the plain case (one successor, nothing to merge, mirror or distrust), which answers
 * with a row count alone: collecting what a million rows RETURN costs an eighth of the time. Null where the
 * case is not plain.
 */
export function plainStatement(c: BoundCategory, batch: BoundBatch): Statement | null {
  if (
    batch.do !== 'transfer' ||
    batch.assignment !== null ||
    c.inside ||
    c.spec.still_runs !== undefined ||
    c.unique ||
    c.mirrors.length > 0 ||
    c.table.hasTriggers
  )
    return null;
  const parts = new Parts(c, batch);
  if (parts.needsRows) return null;
  const taker = parts.bind.add(batch.takers[0] ?? null, c.owner.type);
  const lists = parts.from(taker);
  return {
    text: `UPDATE ${c.from}
   SET ${[`${quote(c.owner.name)} = ${taker}`, ...parts.bookkeeping()].join(', ')}
 ${lists ? `FROM ${lists}` : ''}
 WHERE ${parts.where()}`,
    values: parts.bind.values,
  };
}

/**
 * The keys that the plain UPDATE of this very transaction changed: nobody else can have written a row in its
 * name (xmin).
 */
export function changedHereStatement(c: BoundCategory, batch: BoundBatch): Statement {
  const parts = new Parts(c, batch);
  return {
    text: `SELECT coalesce(array_agg(${c.key.element(c.alias)}), '{}')::text AS keys
  FROM ${c.from} WHERE ${c.key.among?.(c.alias, parts.keys)} AND ${c.alias}.xmin = pg_current_xact_id()::xid`,
    values: parts.bind.values,
  };
}

function transfer(c: BoundCategory, batch: BoundBatch, parts: Parts): string {
  const { alias } = c;
  const taker =
    batch.assignment === null
      ? parts.bind.add(batch.takers[0] ?? null, c.owner.type)
      : `${successorBeside(alias)}.${quote(c.spec.owner.identity)}`;
  const linked = linkColumns(c);
  const asTheirs = (column: LiveColumn): string =>
    column.name === c.owner.name ? taker : `${alias}.${quote(column.name)}`;
  const held = c.unique ? collides(c, asTheirs, `${alias}.tableoid`) : null;
  const lists = parts.from(taker);
  const gives = ['ho_key', 'ho_i', 'ho_merged', 'ho_row', ...linkNames(c)].join(', ');
  const merging = held
    ? `ho_merging AS (
       DELETE FROM ${c.from}${lists ? ` USING ${lists}` : ''}
        WHERE ${parts.where()} AND ${held}
       RETURNING ${parts.keyOfRow} AS ho_key, ${parts.index} AS ho_i, true AS ho_merged, ${imageOf(c)} AS ho_row${linked}${c.survives.length > 0 ? `${survivingColumns(c)}${partColumns(c, asTheirs)}` : ''}),
     ho_merged_away AS (SELECT ${gives} FROM ho_merging)${survivePart(c, 'ho_merging', parts.bind)},
     `
    : '';
  const changed = `ho_changed AS (
       UPDATE ${c.from}
          SET ${[`${quote(c.owner.name)} = ${taker}`, ...parts.bookkeeping()].join(', ')}
        ${lists ? `FROM ${lists}` : ''}
        WHERE ${parts.where()}${held ? ` AND NOT ${held}` : ''}
       RETURNING ${parts.keyOfRow} AS ho_key, ${parts.index} AS ho_i, false AS ho_merged, NULL::jsonb AS ho_row${linked})`;
  const takerOfRow = batch.assignment === null ? taker : `(${parts.takers})[ho_done.ho_i + 1]`;
  const gone = held ? withParts(c, parts.changedBy('ho_merged_away')) : '';
  return `WITH ${merging}${changed}${mirrors(c, parts, takerOfRow, held !== null)}${gone}`;
}

/**
 * `clear`, and `remove` or `revoke` with `set`: the row stays. The row as it was is read under the lock that
 * the change needs.
 */
function overwrite(c: BoundCategory, parts: Parts): string {
  const { alias } = c;
  const assignments = c.set ?? [];
  const sets =
    assignments.length > 0 ? assignments.map(a => parts.assign(a)) : [`${quote(c.owner.name)} = NULL`];
  const columns = c.key.columns.map((k, i) => `${alias}.${quote(k.name)} AS ho_k${i + 1}`).join(', ');
  const lists = parts.from(null);
  return `WITH ho_before AS (
       SELECT ${c.key.element(alias)} AS ho_key, ${columns}, ${imageOf(c)} AS ho_row
         FROM ${c.from}${lists ? ` CROSS JOIN ${lists}` : ''}
        WHERE ${parts.where()}
          FOR UPDATE OF ${alias}),
     ho_changed AS (
       UPDATE ${c.from}
          SET ${[...sets, ...parts.bookkeeping()].join(', ')}
         FROM ho_before
        WHERE ${c.key.joins(alias, 'ho_before')}
       RETURNING ho_before.ho_key, 0 AS ho_i, false AS ho_merged, ho_before.ho_row, ${wroteOf(alias, assignments)} AS ho_wrote${linkColumns(c)})${mirrors(c, parts, 'NULL', false)}`;
}

/** Owners inside a column: the column as it was is kept beside what was written, for an undo. */
function replace(c: BoundCategory, inside: BoundInside, batch: BoundBatch, parts: Parts): string {
  const { alias } = c;
  const moves = batch.do === 'transfer';
  const several = moves && batch.assignment !== null;
  const one = (): string => parts.bind.add(batch.takers[0] ?? null, c.owner.type);
  const taker = several ? `(${parts.takers})[ho_batch.ho_i + 1]` : moves ? one() : 'NULL';
  const owners = parts.bind.add(batch.owners, 'text[]');
  const replaced = replacedSql(inside, alias, { owners, taker: `(${taker})::text`, fold: c.fold });
  const lists = parts.from(moves ? taker : null);
  const columns = c.key.columns.map((k, i) => `${alias}.${quote(k.name)} AS ho_k${i + 1}`).join(', ');
  const held = `(${taker}) IS NOT NULL AND ${ownedBy(c, taker)}`;
  const column = { alias, image: [inside.column] };
  return `WITH ho_before AS (
       SELECT ${c.key.element(alias)} AS ho_key, ${columns}, ${parts.index} AS ho_i, ${held} AS ho_merged,
              ${imageOf(column)} AS ho_row, ${replaced} AS ho_new
         FROM ${c.from}${lists ? ` CROSS JOIN ${lists}` : ''}
        WHERE ${parts.where()}
          FOR UPDATE OF ${alias}),
     ho_changed AS (
       UPDATE ${c.from}
          SET ${[`${quote(inside.column.name)} = ho_before.ho_new`, ...parts.bookkeeping()].join(', ')}
         FROM ho_before
        WHERE ${c.key.joins(alias, 'ho_before')}
       RETURNING ho_before.ho_key, ho_before.ho_i, ho_before.ho_merged, ho_before.ho_row, ${imageOf(column)} AS ho_wrote)`;
}

function remove(c: BoundCategory, parts: Parts): string {
  const lists = parts.from(null);
  return `WITH ho_changed AS (
       DELETE FROM ${c.from}${lists ? ` USING ${lists}` : ''}
        WHERE ${parts.where()}
       RETURNING ${parts.keyOfRow} AS ho_key, 0 AS ho_i, false AS ho_merged, ${imageOf(c)} AS ho_row${linkColumns(c)})${withParts(c, parts.changedBy('ho_changed'))}`;
}

/** Each mirror follows the rows that moved, or were merged. */
function mirrors(c: BoundCategory, parts: Parts, taker: string, merges: boolean): string {
  if (c.mirrors.length === 0) return '';
  const merged = merges ? parts.changedBy('ho_merged_away') : null;
  return mirrorParts(c, parts.changedBy('ho_changed'), { from: parts.owner, taker, merged });
}

/**
 * What became of the keys that did not change: read in the same transaction, after the change. `stays` =
 * everything fits and yet the row was not changed: it came back this very moment, or a trigger suppresses the
 * change.
 */
export function classifyStatement(
  c: BoundCategory,
  batch: BoundBatch,
  changed: string | string[],
): Statement {
  const parts = new Parts(c, batch);
  const done = `${parts.bind.add(changed, `${c.key.elementType}[]`)}`;
  const must = parts.successorMust();
  // Only where it is needed, or the successor's row would be in the way of nothing.
  const successor = must
    ? ` CROSS JOIN ${parts.successor(batch.assignment === null ? parts.bind.add(batch.takers[0] ?? null, c.owner.type) : null)}`
    : '';
  return {
    text: `SELECT ho_batch.ho_key::text AS key, ${batch.assignment === null ? '0' : 'ho_batch.ho_i'} AS taker,
       CASE WHEN ${c.alias}.tableoid IS NULL THEN 'gone'
            WHEN ${c.alias}.${quote(c.owner.name)} IS NULL THEN 'nobody'
            WHEN (${ownedByAny(c, batch.owners, parts.bind)}) IS NOT TRUE THEN 'taken'
            ${c.spec.when === undefined ? '' : `WHEN (${c.spec.when}) IS NOT TRUE THEN 'closed'`}
            ${must ? `WHEN (${must}) IS NOT TRUE THEN 'ineligible'` : ''}
            ELSE 'stays' END AS fate
  FROM ${parts.rows()}${successor}
  LEFT JOIN ${c.from} ON ${c.key.joins(c.alias, 'ho_batch')}
 WHERE NOT EXISTS (SELECT FROM unnest(${done}) AS ho_done(k) WHERE ho_done.k = ho_batch.ho_key)
 ORDER BY ho_batch.ho_n`,
    values: parts.bind.values,
  };
}

/**
 * How many of these keys are not as the change left them: for tables whose triggers may work on the row
 * afterwards.
 */
export function verifyStatement(c: BoundCategory, batch: BoundBatch, changed: string | string[]): Statement {
  const parts = new Parts(c, batch);
  const done = parts.bind.add(changed, `${c.key.elementType}[]`);
  const own = `${c.alias}.${quote(c.owner.name)}`;
  // Bound only where it is mentioned: PostgreSQL refuses a parameter without a place.
  const taker = (): string =>
    batch.assignment === null
      ? parts.bind.add(batch.takers[0] ?? null, c.owner.type)
      : `(${parts.takers})[ho_batch.ho_i + 1]`;
  // A row removed for good, or merged into one of the successor's, is right when it is not there.
  const wrong = c.inside
    ? `(${ownedByAny(c, batch.owners, parts.bind)}${batch.do === 'transfer' ? ` OR ${misses(c, taker())}` : ''})`
    : batch.do === 'transfer'
      ? differs(c, own, taker())
      : batch.do === 'clear' && !c.set
        ? `${own} IS NOT NULL`
        : c.set
          ? 'false'
          : 'true';
  return {
    text: `SELECT count(*)::integer AS wrong
  FROM ${parts.rows()}
  JOIN ${c.from} ON ${c.key.joins(c.alias, 'ho_batch')}
 WHERE ho_batch.ho_key = ANY (${done}) AND ${wrong}`,
    values: parts.bind.values,
  };
}

/** A taker who does not stand in the column. */
const misses = (c: BoundCategory, taker: string): string =>
  `(${taker} IS NOT NULL AND (${ownedBy(c, taker)}) IS NOT TRUE)`;

/** Compared as the column's type and the application compare: a trigger may write the same owner its own way. */
const differs = (c: BoundCategory, own: string, taker: string): string =>
  `(CASE WHEN ${taker} IS NULL THEN ${own} IS NOT NULL ELSE (${sameOwner(c, own, taker)}) IS NOT TRUE END)`;

/**
 * How the owner column writes the leaver where the application compares more loosely than `=`: the values as
 * they stand in the batch's rows. Those are what a change compares with, and what an undo gives back.
 */
export function spellingsStatement(c: BoundCategory, batch: BoundBatch): Statement {
  const bind = new Placeholders();
  const own = `${c.alias}.${quote(c.owner.name)}`;
  return {
    text: `SELECT DISTINCT ${own}::text COLLATE "C" AS owner
  FROM ${c.key.rows(bind.add(batch.keys, `${c.key.elementType}[]`), 'ho_batch')}
  JOIN ${c.from} ON ${c.key.joins(c.alias, 'ho_batch')}
 WHERE ${ownedByAny(c, batch.owners, bind)} ORDER BY 1`,
    values: bind.values,
  };
}

/** Pieces that the statements share, bound once each. */
class Parts {
  readonly bind = new Placeholders();
  // Bound on first use: PostgreSQL refuses a parameter that the statement does not mention.
  #owner: string | undefined;
  #keys: string | undefined;
  #assignment: string | undefined;
  #takers: string | undefined;

  constructor(
    private readonly c: BoundCategory,
    private readonly batch: BoundBatch,
  ) {}

  get count(): number {
    return this.batch.count;
  }

  get owner(): string {
    this.#owner ??= this.bind.add(this.batch.owner, this.c.owner.type);
    return this.#owner;
  }

  get keys(): string {
    this.#keys ??= this.bind.add(this.batch.keys, `${this.c.key.elementType}[]`);
    return this.#keys;
  }

  changedBy(from: string): Changed {
    return { from, rows: () => this.rows() };
  }

  get takers(): string {
    this.#takers ??= this.bind.add(this.batch.takers, `${this.c.owner.type}[]`);
    return this.#takers;
  }

  /**
   * True where the statement needs the batch as rows: an array alone cannot name them, or the change alters
   * the key itself.
   */
  get needsRows(): boolean {
    const { key, owner } = this.c;
    return (
      this.batch.assignment !== null || key.columns.length > 1 || key.columns.some(k => k.name === owner.name)
    );
  }

  /**
   * The key by which the row was asked for: where the owner is part of the key, the row has another one
   * afterwards.
   */
  get keyOfRow(): string {
    return this.needsRows ? 'ho_batch.ho_key' : this.c.key.element(this.c.alias);
  }

  /** The row's index into the takers. */
  get index(): string {
    return this.batch.assignment === null ? '0' : 'ho_batch.ho_i';
  }

  /** The batch as rows, where the statement cannot do with an array alone. */
  rows(): string {
    if (this.batch.assignment !== null)
      this.#assignment ??= this.bind.add(this.batch.assignment, 'integer[]');
    return this.c.key.rows(this.keys, 'ho_batch', this.#assignment);
  }

  /** What stands beside the table: the batch as rows, and the successor as conditions know it. */
  from(taker: string | null): string {
    const { batch } = this;
    const several = batch.do === 'transfer' && batch.assignment !== null;
    const lists: string[] = [];
    if (this.needsRows) lists.push(this.rows());
    if (several) lists.push(this.successor(null));
    else if (taker !== null && this.successorMust()) lists.push(this.successor(taker));
    return lists.join(' CROSS JOIN ');
  }

  successor(taker: string | null): string {
    const value = taker ?? `(${this.takers})[ho_batch.ho_i + 1]`;
    return `LATERAL (SELECT ${value} AS ${quote(this.c.spec.owner.identity)}) AS ${successorBeside(this.c.alias)}`;
  }

  /**
   * The compare-and-set. `IS TRUE` keeps the owner's index out of the plan: the keys are few and known, while
   * the owner's index would be walked from end to end for every batch, dead entries included.
   */
  where(): string {
    const { c } = this;
    const among = [
      ...(c.key.among ? [c.key.among(c.alias, this.keys)] : []),
      ...(this.needsRows ? [c.key.joins(c.alias, 'ho_batch')] : []),
    ];
    const must = this.successorMust();
    return `${among.join(' AND ')} AND (${this.ours()})${c.key.secret ? '' : ' IS TRUE'}${andWhen(c.spec.when)}${must ? ` AND (${must})` : ''}`;
  }

  /** Inside a column any of the leaver's values is replaced at once. */
  ours(): string {
    const { c } = this;
    return c.inside ? ownedByAny(c, this.batch.owners, this.bind) : ownedExactlyBy(c, this.owner);
  }

  /** The successor's condition where it applies to at least one taker of this batch, else null. */
  successorMust(): string | null {
    const must = successorCondition(this.c);
    if (this.batch.do !== 'transfer' || must === undefined || this.batch.exempt.every(Boolean)) return null;
    const exempt = this.batch.exempt.flatMap((is, i) => (is ? [i] : []));
    if (exempt.length === 0) return must;
    return `ho_batch.ho_i IN (${exempt.join(', ')}) OR (${must})`;
  }

  /** Version and touch. */
  bookkeeping(): string[] {
    const { c } = this;
    const version = c.version
      ? [`${quote(c.version.name)} = coalesce(${c.alias}.${quote(c.version.name)}, 0) + 1`]
      : [];
    return [...version, ...c.touch.map(t => this.assign(t))];
  }

  assign(assignment: SetColumn): string {
    return setColumnSql(assignment, this.bind);
  }
}
