/**
 * Looks at what has closed: when the newest one was, and whose history could not be stored. That an effect of
 * a closed offboarding is still to be settled needs no note here: its receipt says `intended`.
 */
import type { Pool } from './database.js';

export interface HistoryFailure {
  /** Temporal run id. */
  run: string;
  workflow: string;
  why: string;
  /** Since when it fails. */
  since: Date;
}

export interface Looks {
  /** The newest look that went through everything; null = there was none. */
  last(): Promise<{ began: Date; finished: Date } | null>;
  finished(began: Date): Promise<void>;
  /** Those that were tried longest ago first; `before`: only those that were not tried since. */
  failures(limit: number, before?: Date): Promise<HistoryFailure[]>;
  failed(failure: Pick<HistoryFailure, 'run' | 'workflow' | 'why'>): Promise<void>;
  /** Stored after all, or gone for good. */
  settled(run: string): Promise<void>;
  /** Those of these runs that have no archive, and did not fail to be stored either. */
  untouched(runs: readonly string[]): Promise<Set<string>>;
}

export function looksOf(pool: Pool): Looks {
  return {
    async last() {
      const { rows } = await pool.query('select began, finished from handover.archive_look');
      return (rows[0] as { began: Date; finished: Date } | undefined) ?? null;
    },
    async finished(began) {
      await pool.query(
        `insert into handover.archive_look (began, finished) values ($1, now())
         on conflict (one) do update
           set began = greatest(archive_look.began, excluded.began), finished = excluded.finished`,
        [began],
      );
    },
    async failures(limit, before) {
      const { rows } = await pool.query(
        `select run, workflow, why, since from handover.archive_failures
          where tried < coalesce($2::timestamptz, 'infinity') order by tried limit $1`,
        [limit, before ?? null],
      );
      return rows as HistoryFailure[];
    },
    async failed({ run, workflow, why }) {
      await pool.query(
        `insert into handover.archive_failures (run, workflow, why) values ($1, $2, $3)
         on conflict (run) do update set why = excluded.why, tried = now()`,
        [run, workflow, why],
      );
    },
    async settled(run) {
      await pool.query('delete from handover.archive_failures where run = $1', [run]);
    },
    async untouched(runs) {
      const { rows } = await pool.query(
        `select run from unnest($1::text[]) as run
          where not exists (select from handover.archives a where a.run = run.run)
            and not exists (select from handover.archive_failures f where f.run = run.run)`,
        [runs],
      );
      return new Set(rows.map(row => row.run as string));
    },
  };
}
