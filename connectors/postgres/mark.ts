/**
 * The mark of a transaction: its id, and where it was given out. A transaction id alone is not enough: where a
 * target is restored from a backup, or a standby takes over, the same number comes again for somebody else's
 * transaction.
 *
 *   cluster    another server
 *   timeline   a recovery from a backup, or a promotion
 *   database   another database under the same name, as a dump is restored into
 *   started    the server was started again since. That happens after any crash; but it is all that one sees
 *              where somebody put files of yesterday in place, and then an id proves nothing by itself
 *              (fate.ts)
 */
import type { Mark } from '../../domain/effect.js';

export interface Origin {
  id: string;
  /** Null where it could not be read. */
  cluster: string | null;
  timeline: string | null;
  /** The database's own number. */
  database: string | null;
  /** When the server was started. */
  started: string | null;
}

/** The number of the database, and when the server was started, as two columns. Every role may read both. */
export const HERE = `(SELECT d.oid::pg_catalog.text FROM pg_catalog.pg_database AS d
         WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()) AS database,
       pg_catalog.to_char(pg_catalog.timezone('UTC', pg_catalog.pg_postmaster_start_time()), 'YYYYMMDD"T"HH24MISSUS') AS started`;

/** The timeline that is being written: it changes with every recovery from a backup and every promotion. */
export const TIMELINE = `CASE WHEN NOT pg_catalog.pg_is_in_recovery()
       THEN pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 8) END`;

export function markOf({ id, cluster, timeline, database, started }: Origin): Mark {
  return `transaction ${id} in ${[cluster, timeline, database, started].map(one => one ?? '?').join('/')}`;
}

/** Null where this is no mark of ours. */
export function originOf(mark: Mark): Origin | null {
  const [, id, where = ''] = /^transaction (\d+)(?: in ([\w?/]+))?$/.exec(mark) ?? [];
  if (id === undefined) return null;
  const [cluster, timeline, database, started] = where
    .split('/')
    .map(one => (one === '' || one === '?' ? null : one));
  return {
    id,
    cluster: cluster ?? null,
    timeline: timeline ?? null,
    database: database ?? null,
    started: started ?? null,
  };
}

/** Has this database given the mark out, as far as its names tell? */
export function isFrom(mark: Origin, here: Omit<Origin, 'id'>): boolean {
  return (['cluster', 'timeline', 'database'] as const).every(
    one => mark[one] === null || here[one] === null || mark[one] === here[one],
  );
}

/** Has the server run without a break since? */
export function isUnbroken(mark: Origin, here: Pick<Origin, 'started'>): boolean {
  return mark.started !== null && mark.started === here.started;
}
