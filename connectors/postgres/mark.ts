/**
 * The mark of a transaction: its id, and the server that gave it out. A transaction id alone is not enough:
 * where a target is restored from a backup, or a standby takes over, the same number comes again for somebody
 * else's transaction.
 */
import type { Mark } from '../../domain/effect.js';

export interface Origin {
  id: string;
  /** Null where it could not be read. */
  cluster: string | null;
  timeline: string | null;
}

/** The timeline that is being written: it changes with every recovery from a backup and every promotion. */
export const TIMELINE = `CASE WHEN NOT pg_catalog.pg_is_in_recovery()
       THEN pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 8) END`;

export function markOf({ id, cluster, timeline }: Origin): Mark {
  return cluster === null ? `transaction ${id}` : `transaction ${id} in ${cluster}/${timeline ?? '?'}`;
}

/** Null where this is no mark of ours. */
export function originOf(mark: Mark): Origin | null {
  const [, id, cluster, timeline] = /^transaction (\d+)(?: in (\d+)\/(\?|[0-9A-F]+))?$/.exec(mark) ?? [];
  if (id === undefined) return null;
  return {
    id,
    cluster: cluster ?? null,
    timeline: timeline === undefined || timeline === '?' ? null : timeline,
  };
}

/** Has this server given the mark out, as far as anybody can tell? */
export function isFrom(mark: Origin, server: Omit<Origin, 'id'>): boolean {
  const same = (a: string | null, b: string | null): boolean => a === null || b === null || a === b;
  return same(mark.cluster, server.cluster) && same(mark.timeline, server.timeline);
}
