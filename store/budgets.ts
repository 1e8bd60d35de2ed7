/**
 * What each system may be asked in a time, by all workers together. One row a budget, and one statement takes
 * from it, so that three workers share one budget and none waits for another's transaction. Nothing of this is
 * evidence: a row says only when the next call may be sent.
 */
import type { Pool } from './database.js';

/** As connectors want it (`connectors/catalog/budgets.ts`). */
export interface Budgets {
  /** Milliseconds until these calls may be sent; they are taken in any case. */
  take(budget: string, pace: { everyMs: number; burst: number }, calls: number): Promise<number>;
  /** Nobody calls for so many milliseconds. */
  pause(ms: number): Promise<void>;
  /** Milliseconds for which nobody calls. */
  paused(): Promise<number>;
  /** False where all places of the group are taken. A place that nobody gives back is free after `ms`. */
  enter(group: string, places: number, holder: string, ms: number): Promise<boolean>;
  leave(group: string, holder: string): Promise<void>;
}

/** The budget in which a pause stands. */
const PAUSE = 'pause';

export function budgetsOf(pool: Pool): (system: string) => Budgets {
  return system => ({
    // A bucket that fills evenly: `free_at` is when it is full again, and what is taken beyond it is paid for
    // by waiting. All by the store's clock, whatever those of the workers say.
    async take(budget, { everyMs, burst }, calls) {
      const { rows } = await pool.query<{ wait: string }>(
        `insert into handover.budgets as b (system, budget, free_at)
         values ($1, $2, clock_timestamp() + $3 * interval '1 ms')
         on conflict (system, budget) do update
           set free_at = greatest(b.free_at, clock_timestamp()) + $3 * interval '1 ms'
         returning greatest(0, extract(epoch from b.free_at - clock_timestamp()) * 1000 - $4) as wait`,
        [system, budget, everyMs * calls, everyMs * burst],
      );
      return Math.ceil(Number(rows[0]!.wait));
    },
    async pause(ms) {
      await pool.query(
        `insert into handover.budgets as b (system, budget, free_at)
         values ($1, $2, clock_timestamp() + $3 * interval '1 ms')
         on conflict (system, budget) do update set free_at = greatest(b.free_at, excluded.free_at)`,
        [system, PAUSE, ms],
      );
    },
    async paused() {
      const { rows } = await pool.query<{ wait: string }>(
        `select greatest(0, extract(epoch from free_at - clock_timestamp()) * 1000) as wait
           from handover.budgets where system = $1 and budget = $2`,
        [system, PAUSE],
      );
      return Math.ceil(Number(rows[0]?.wait ?? 0));
    },
    // The places of a group are rows of their own, taken in turn: the first that is free becomes the holder's.
    async enter(group, places, holder, ms) {
      for (let place = 0; place < places; place++) {
        const { rowCount } = await pool.query(
          `insert into handover.places as p (system, "group", place, holder, until)
           values ($1, $2, $3, $4, clock_timestamp() + $5 * interval '1 ms')
           on conflict (system, "group", place) do update set holder = excluded.holder, until = excluded.until
             where p.until < clock_timestamp()`,
          [system, group, place, holder, ms],
        );
        if (rowCount === 1) return true;
      }
      return false;
    },
    async leave(group, holder) {
      await pool.query(
        `update handover.places set until = clock_timestamp() - interval '1 ms'
          where system = $1 and "group" = $2 and holder = $3`,
        [system, group, holder],
      );
    },
  });
}
