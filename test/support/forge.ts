/**
 * What somebody does to our tables who has the database: triggers refuse nothing to a superuser who turns them
 * off.
 */
import type pg from 'pg';

/** One statement, with the triggers out of the way. Answers how many rows it concerned. */
export async function forge(pool: pg.Pool, text: string, values: unknown[] = []): Promise<number> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    await client.query(`set local session_replication_role = replica`);
    const { rowCount } = await client.query(text, values);
    await client.query('commit');
    return rowCount ?? 0;
  } catch (error) {
    await client.query('rollback');
    throw error;
  } finally {
    client.release();
  }
}
