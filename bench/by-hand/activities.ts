/**
 * The activities of the workflow written by hand: a pool per system, bound parameters, a statement per
 * category.
 */
import { ApplicationFailure } from '@temporalio/activity';
import type pg from 'pg';

export type System = 'office' | 'desk';

/**
 * What can be moved; the other categories of the two systems are people's work, and nobody looks at them
 * here.
 */
export const TABLES: Record<System, readonly string[]> = {
  office: ['accounts', 'contacts', 'deals', 'reports', 'tasks'],
  desk: ['tickets', 'views', 'macros', 'articles'],
};

export interface Found {
  leaverId: string;
  successorId: string;
  /** Items by category. */
  items: Record<string, number>;
}

export type Activities = ReturnType<typeof createActivities>;

export function createActivities(pools: Record<System, pg.Pool>) {
  return {
    /** All categories of one system at once. */
    async lookInto(system: System, leaver: string, successor: string): Promise<Found> {
      const pool = pools[system];
      const leaverId = await idOf(pool, leaver);
      const successorId = await idOf(pool, successor);
      const counts = TABLES[system].map(
        table => `(select count(*)::int from public.${table} where owner_id = $1) as ${table}`,
      );
      const { rows } = await pool.query(`select ${counts.join(', ')}`, [leaverId]);
      return { leaverId, successorId, items: rows[0] as Record<string, number> };
    },

    /** Rows moved; none when an earlier attempt has moved them already. */
    async moveCategory(system: System, category: string, from: string, to: string): Promise<number> {
      // A table's name cannot be bound: only the ones from our own list get into the statement.
      if (!TABLES[system].includes(category)) throw missing(`${system} has no category ${category}.`);
      const { rowCount } = await pools[system].query(
        `update public.${category} set owner_id = $2 where owner_id = $1`,
        [from, to],
      );
      return rowCount ?? 0;
    },

    async switchOff(system: System, id: string): Promise<void> {
      const { rowCount } = await pools[system].query(
        'update public.people set active = false where id = $1',
        [id],
      );
      if (rowCount !== 1) throw missing(`${system} has nobody with the id ${id}.`);
    },
  };
}

async function idOf(pool: pg.Pool, email: string): Promise<string> {
  const { rows } = await pool.query('select id from public.people where email = $1 and active', [email]);
  if (rows.length !== 1) throw missing('Nobody active has this e-mail.');
  return (rows[0] as { id: string }).id;
}

function missing(message: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, 'NotFound');
}
