/** Our own PostgreSQL: one pool and numbered SQL migrations. Nobody outside this folder sees the pool. */
import { fileURLToPath } from 'node:url';
import { runner } from 'node-pg-migrate';
import pg from 'pg';

export type Pool = pg.Pool;
/** A pool or a client inside a transaction: whatever can run a statement. */
export type Queryable = Pick<pg.Pool, 'query'>;

/** Opens a pool. Broken idle connections are dropped and replaced; only a statement that needs one fails. */
export function openPool(url: string, max = 10): Pool {
  const pool = new pg.Pool({ connectionString: asLibpqReads(url), max, application_name: 'handover-store' });
  // Without a listener, a connection cut while idle would end the process.
  pool.on('error', () => {});
  // The same for one that somebody has in hand: the statement it was for, or the next one, fails.
  pool.on('connect', client => void client.on('error', () => {}));
  return preparing(pool);
}

/**
 * Every statement with parameters is prepared, once per connection: reading and planning them anew is most of
 * what a small one costs. A migration may change what `select *` answers, which PostgreSQL does not allow a
 * prepared statement: then it is sent as it is.
 */
function preparing(pool: Pool): Pool {
  const query = pool.query.bind(pool) as (given: pg.QueryConfig | string) => Promise<pg.QueryResult>;
  const prepared = async (given: pg.QueryConfig | string, values?: unknown[]): Promise<pg.QueryResult> => {
    if (typeof given !== 'string' || !values) return query(given);
    try {
      return await query({ name: nameOf(given), text: given, values });
    } catch (error) {
      if ((error as pg.DatabaseError).code !== ANSWERS_OTHERWISE) throw error;
      return query({ text: given, values });
    }
  };
  pool.query = prepared as unknown as Pool['query'];
  return pool;
}

/** "cached plan must not change result type" is a feature that is not supported. */
const ANSWERS_OTHERWISE = '0A000';

const names = new Map<string, string>();

/** A short name for each text: PostgreSQL cuts names at 63 bytes. */
function nameOf(text: string): string {
  const known = names.get(text) ?? `handover-${names.size}`;
  names.set(text, known);
  return known;
}

/** Without it node-postgres takes every `sslmode` but `disable` for `verify-full`. */
function asLibpqReads(url: string): string {
  if (!URL.canParse(url)) return url;
  const there = new URL(url);
  if (there.searchParams.has('sslmode')) there.searchParams.set('uselibpqcompat', 'true');
  return there.href;
}

/**
 * Brings the schema up to date; safe to run by several processes at once (an advisory lock makes them queue).
 */
export async function migrate(url: string): Promise<void> {
  await runner({
    databaseUrl: asLibpqReads(url),
    dir: fileURLToPath(new URL('./sql', import.meta.url)),
    direction: 'up',
    migrationsTable: 'migrations',
    migrationsSchema: 'handover',
    createMigrationsSchema: true,
    advisoryLockMaxTimeout: 30_000,
    log: () => {},
  } as Parameters<typeof runner>[0]);
}

export async function inTransaction<T>(pool: Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query('begin');
    const result = await work(client);
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback').catch(rollbackError => {
      broken = rollbackError as Error;
    });
    throw error;
  } finally {
    client.release(broken);
  }
}
