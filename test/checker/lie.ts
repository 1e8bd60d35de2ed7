/** A lie told in a transaction that is rolled back, and what the checker says to it. */
import type pg from 'pg';
import type { SmallWorld } from '../small-world/world.js';
import { checkInvariants } from './check.js';
import type { Db } from './evidence.js';
import type { Violation } from './violation.js';

/** Behind the witness' back. */
export const unseen = (table: string, sql: string): string =>
  `alter table public.${table} disable trigger zz_witness; ${sql}; alter table public.${table} enable trigger zz_witness`;

export async function withLie(
  small: SmallWorld,
  where: keyof Db,
  sql: string,
  more: Partial<Record<keyof Db, string>> = {},
): Promise<Violation[]> {
  const clients = {} as Record<keyof Db, pg.PoolClient>;
  for (const name of ['crm', 'desk', 'store'] as const) clients[name] = await small.db[name].connect();
  try {
    for (const client of Object.values(clients)) await client.query('begin');
    // Our own tables refuse changes; who has the database has them all the same.
    await clients.store.query('set local session_replication_role = replica');
    for (const [name, lie] of Object.entries({ ...more, [where]: sql })) {
      await clients[name as keyof Db].query(lie);
      await clients[name as keyof Db].query(`set local application_name = 'checker'`);
    }
    return await checkInvariants(clients, small.before);
  } finally {
    for (const client of Object.values(clients)) {
      await client.query('rollback');
      client.release();
    }
  }
}
