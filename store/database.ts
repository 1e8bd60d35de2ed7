/** Our own PostgreSQL: one pool and numbered SQL migrations. Nobody outside this folder sees the pool. */
import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { runner } from 'node-pg-migrate';
import pg from 'pg';
import { addressIn } from '../domain/address.js';

export type Pool = pg.Pool;
/** A pool or a client inside a transaction: whatever can run a statement. */
export type Queryable = Pick<pg.Pool, 'query'>;

/**
 * Every wait has an end of our own: a server that has accepted our connection and is not heard of any more
 * says nothing.
 */
const DEADLINES = {
  // A free connection of the pool is waited for as well, and many runs share it.
  connectionTimeoutMillis: 30_000,
  query_timeout: 130_000,
  keepAlive: true,
};

/**
 * What the store has taken is on disk, whatever the server or our role says; who asks for more gets more. The
 * longest statements store a history, or compare a million keys.
 */
const SETTINGS = `
  select set_config('statement_timeout', '2min', false),
         set_config('synchronous_commit', case current_setting('synchronous_commit') when 'remote_apply' then 'remote_apply' else 'on' end, false)`;

/** Opens a pool. Broken idle connections are dropped and replaced; only a statement that needs one fails. */
export function openPool(url: string, max = 6): Pool {
  const pool = new pg.Pool({
    ...connectionConfig(url),
    ...DEADLINES,
    max,
    application_name: 'handover-store',
    onConnect: async client => void (await client.query(SETTINGS)),
  });
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

/**
 * How node-postgres is told where to go. What it cannot read it takes for the name of a database or of a host,
 * password and all, and repeats it. Throws a sentence that repeats nothing.
 */
export function connectionConfig(url: string): { connectionString: string } {
  if (!/^postgres(ql)?:/.test(url) || addressIn(url) === null)
    throw new Error(
      'The connection of our own store cannot be read: it is written as postgresql://user:password@host:port/database?sslmode=..., with %2F, %23, %3F, %40 and %20 for / # ? @ and blanks in a password.',
    );
  return { connectionString: asLibpqReads(url) };
}

/** Without it node-postgres takes every `sslmode` but `disable` for `verify-full`. */
function asLibpqReads(url: string): string {
  if (!URL.canParse(url)) return url;
  const there = new URL(url);
  if (there.searchParams.has('sslmode')) there.searchParams.set('uselibpqcompat', 'true');
  return there.href;
}

const MIGRATIONS = new URL('./sql/', import.meta.url);

/** The names of all migrations of this program, in their order. */
export async function migrations(): Promise<string[]> {
  return (await readdir(MIGRATIONS)).map(file => file.replace(/\.sql$/, '')).sort();
}

/**
 * Brings the schema up to date; safe to run by several processes at once (an advisory lock makes them queue).
 * Where it is up to date that takes no right but to read. Throws a sentence where the role may not.
 */
export async function migrate(url: string): Promise<void> {
  const lacking = await lackingIn(url);
  if (lacking.length === 0) return;
  await run(url).catch((error: { code?: string }) => {
    if (error.code !== '42501') throw error;
    throw new Error(
      `The store lacks ${lacking.join(', ')}, and this role may not make tables: its owner brings it up to date (deploy/register.ts).`,
      { cause: error },
    );
  });
}

async function lackingIn(url: string): Promise<string[]> {
  const pool = openPool(url, 1);
  try {
    const all = await migrations();
    const { rows } = await pool.query(`select to_regclass('handover.migrations') is not null as there`);
    if (!rows[0].there) return all;
    const done = await pool.query<{ name: string }>('select name from handover.migrations');
    return all.filter(name => !done.rows.some(row => row.name === name));
  } finally {
    await pool.end();
  }
}

async function run(url: string): Promise<void> {
  await runner({
    databaseUrl: asLibpqReads(url),
    dir: fileURLToPath(MIGRATIONS),
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
