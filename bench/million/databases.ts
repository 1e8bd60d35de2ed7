/**
 * Databases for the big-owner figures: one template, a fresh copy per measurement, so that every contestant
 * starts from the same bytes.
 */
import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { type Postgres, startPostgres } from '../../runtime/embedded/postgres.js';

/** The server's settings, the same for everybody; the rest is default, fsync on. */
export const SETTINGS = { shared_buffers: '2GB', max_wal_size: '16GB' };

export interface Layout {
  /** Items of the leaver. */
  items: number;
  /** Rows of others between two of the leaver's; 0 = the leaver's rows lie together. */
  between: number;
}

export async function openServer(dataDir: string): Promise<Postgres> {
  return startPostgres({ dataDir, settings: SETTINGS, say: () => {} });
}

export async function buildTemplate(
  server: Postgres,
  name: string,
  { items, between }: Layout,
): Promise<void> {
  await server.createDatabase(name);
  await withClient(server.url(name), async client => {
    await client.query(await readFile(new URL('./items.sql', import.meta.url), 'utf8'));
    await client.query(
      `insert into public.items
       select n, case when n % ($2 + 1) = 0 then 1 else 10 + n % 997 end, n % 5003, (array['open','waiting','done'])[1 + n % 3],
              timestamptz '2026-01-01' + n * interval '1 second', 'Item number ' || n, repeat(md5(n::text), 3)
         from generate_series(1, $1::bigint * ($2 + 1)) as n`,
      [items, between],
    );
    await client.query('create index on public.items (owner_id)');
    await client.query('create index on public.items (account_id)');
    await client.query('create index on public.items (status, created_at)');
    await client.query('create index on public.items (created_at)');
    await client.query('vacuum (analyze, freeze) public.items');
  });
}

/** A fresh copy, checkpointed and read once, so that nobody pays for the copying. */
export async function freshCopy(server: Postgres, name: string, template: string): Promise<string> {
  await withClient(server.superuserUrl, async client => {
    await client.query(`drop database if exists ${client.escapeIdentifier(name)} with (force)`);
    await client.query(
      `create database ${client.escapeIdentifier(name)} template ${client.escapeIdentifier(template)} strategy file_copy`,
    );
    await client.query('checkpoint');
  });
  await withClient(server.url(name), async client => {
    await client.query('select count(*) from public.items where owner_id >= 0');
    await client.query('select sum(length(notes)) from public.items');
  });
  return server.url(name);
}

export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
