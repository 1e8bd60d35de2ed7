/**
 * What was taken in, and what was said to it: webhooks, which a tool sends again where it had no answer, and
 * decisions that were left with their run while no worker answered.
 */
import type { Pool } from './database.js';

export type Delivery =
  /** Nobody had it before: work on it, and `settle` it. */
  | { kind: 'first' }
  /** It was answered already, and this is what was said. */
  | { kind: 'answered'; answer: unknown }
  /** Another gateway is at it. */
  | { kind: 'under-way' }
  /** It was taken in so long ago that what became of it is forgotten. */
  | { kind: 'past' };

export interface Deliveries {
  /** @param how `undated`: nothing in it says when it was sent, so that it may come again in years */
  take(source: string, id: string, how?: { undated: boolean }): Promise<Delivery>;
  /** What was said to it; null = nobody has had it, or nobody has answered it. */
  answerTo(source: string, id: string): Promise<unknown>;
  settle(source: string, id: string, answer: unknown): Promise<void>;
  /** It came to nothing: it may be sent again, where it is undated for a week after it came first. */
  release(source: string, id: string): Promise<void>;
}

/** Far longer than any replay window, and than any tool goes on asking. */
const KEPT = "interval '7 days'";
/** A gateway that died over a delivery has let go of it by then. */
const ABANDONED = "interval '2 minutes'";

export function deliveriesOf(pool: Pool): Deliveries {
  return {
    async take(source, id, { undated } = { undated: false }) {
      await pool.query(`delete from handover.deliveries where came < now() - ${KEPT} and not undated`);
      // Answers name people.
      await pool.query(
        `update handover.deliveries set answer = null
          where came < now() - ${KEPT} and undated and answer is not null`,
      );
      const { rowCount } = await pool.query(
        `insert into handover.deliveries (source, id, undated) values ($1, $2, $3)
         on conflict (source, id) do update set at = now()
          where deliveries.answer is null
            and deliveries.at < now() - ${ABANDONED} and deliveries.came > now() - ${KEPT}`,
        [source, id, undated],
      );
      if (rowCount === 1) return { kind: 'first' };
      const { rows } = await pool.query(
        `select answer, came < now() - ${KEPT} as past from handover.deliveries where source = $1 and id = $2`,
        [source, id],
      );
      if (rows[0]?.past) return { kind: 'past' };
      const answer = rows[0]?.answer as string | null | undefined;
      return answer ? { kind: 'answered', answer: JSON.parse(answer) } : { kind: 'under-way' };
    },
    async answerTo(source, id) {
      const { rows } = await pool.query(
        'select answer from handover.deliveries where source = $1 and id = $2',
        [source, id],
      );
      const answer = rows[0]?.answer as string | null | undefined;
      return answer ? JSON.parse(answer) : null;
    },
    async settle(source, id, answer) {
      await pool.query('update handover.deliveries set answer = $3 where source = $1 and id = $2', [
        source,
        id,
        JSON.stringify(answer),
      ]);
    },
    async release(source, id) {
      await pool.query(
        'delete from handover.deliveries where source = $1 and id = $2 and answer is null and not undated',
        [source, id],
      );
      await pool.query(
        `update handover.deliveries set at = '-infinity' where source = $1 and id = $2 and answer is null`,
        [source, id],
      );
    },
  };
}
