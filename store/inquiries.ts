/**
 * Questions to workers, and their answers: they lie here for minutes, and never in a history, since they name
 * people and show items.
 */
import { randomUUID } from 'node:crypto';
import type { Pool } from './database.js';

export interface Inquiries {
  /** @returns the id that a worker is given */
  ask(question: unknown): Promise<string>;
  /** Null where there is none (any more). */
  question(id: string): Promise<unknown>;
  /** Answered twice, the latest word stands. */
  answer(id: string, answer: unknown): Promise<void>;
  /** Takes the answer away; null where there is none yet. Old questions go in the same breath. */
  take(id: string): Promise<unknown>;
}

export function inquiriesOf(pool: Pool): Inquiries {
  return {
    async ask(question) {
      const id = randomUUID();
      await pool.query('insert into handover.inquiries (id, question) values ($1, $2)', [
        id,
        JSON.stringify(question),
      ]);
      return id;
    },
    async question(id) {
      const { rows } = await pool.query('select question from handover.inquiries where id = $1', [id]);
      return rows[0] ? JSON.parse(rows[0].question as string) : null;
    },
    async answer(id, answer) {
      await pool.query('update handover.inquiries set answer = $2 where id = $1', [
        id,
        JSON.stringify(answer),
      ]);
    },
    async take(id) {
      const { rows } = await pool.query(
        `delete from handover.inquiries where id = $1 or at < now() - interval '10 minutes' returning id, answer`,
        [id],
      );
      const mine = rows.find(row => row.id === id);
      return mine?.answer ? JSON.parse(mine.answer as string) : null;
    },
  };
}
