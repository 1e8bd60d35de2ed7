/** Which statements have counted already: each proves one message. */
import type { Pool } from './database.js';

export interface Statements {
  /**
   * Uses a statement for a message; false where it was used for another one. The same message may use it
   * again: an activity may run twice.
   */
  use(id: string, message: string): Promise<boolean>;
}

export function statementsOf(pool: Pool): Statements {
  return {
    async use(id, message) {
      await pool.query(
        'insert into handover.statements (id, used_by) values ($1, $2) on conflict (id) do nothing',
        [id, message],
      );
      const { rows } = await pool.query('select used_by from handover.statements where id = $1', [id]);
      return rows[0]?.used_by === message;
    },
  };
}
