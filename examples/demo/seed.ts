/**
 * Builds the demo world: two PostgreSQL databases, `workspace` (the directory) and `helpdesk`, with Alice
 * Moreno holding something of every kind that Handover knows. The same words, owners and keys every time;
 * only dates follow the day of seeding.
 *
 * Each database is filled in one transaction that ends with a marker row. A database that has the marker is
 * left as it is, so a second start goes on with whatever happened since; a run that was cut short leaves
 * nothing behind.
 */
import { readFile } from 'node:fs/promises';
import { Client } from 'pg';
import { seedHelpdesk } from './seed-helpdesk.js';
import { seedWorkspace } from './seed-workspace.js';
import { scaled, type Volumes } from './volumes.js';

export interface DemoWorld {
  /** Connection URLs of two existing databases, empty or seeded before. */
  workspaceUrl: string;
  helpdeskUrl: string;
  /** About how many items in all; 140,000 when left out. */
  items?: number;
}

export interface Seeded {
  /** False when both databases had been seeded before. */
  fresh: boolean;
  /** Rows in both databases when they were seeded. */
  rows: number;
  milliseconds: number;
}

/**
 * @throws Error when a database holds something else: the demo never writes into a database that it did not
 * build.
 */
export async function seedDemo({ workspaceUrl, helpdeskUrl, items }: DemoWorld): Promise<Seeded> {
  const start = performance.now();
  const volumes = scaled(items);
  const done = await Promise.all([
    seedOnce('workspace', workspaceUrl, volumes, seedWorkspace),
    seedOnce('helpdesk', helpdeskUrl, volumes, seedHelpdesk),
  ]);
  return {
    fresh: done.some(one => one.fresh),
    rows: done.reduce((rows, one) => rows + one.rows, 0),
    milliseconds: Math.round(performance.now() - start),
  };
}

async function seedOnce(
  name: 'workspace' | 'helpdesk',
  connectionString: string,
  volumes: Volumes,
  seed: (client: Client, volumes: Volumes) => Promise<number>,
): Promise<{ fresh: boolean; rows: number }> {
  const client = new Client({ connectionString, application_name: 'handover demo seed' });
  await client.connect();
  try {
    await client.query('begin');
    // Two starts at once: the second waits and finds everything done.
    await client.query(`select pg_advisory_xact_lock(hashtext('handover demo seed'))`);
    const before = await seededRows(client, name);
    if (before !== null) return { fresh: false, rows: before };
    await client.query(await readFile(new URL(`./${name}.sql`, import.meta.url), 'utf8'));
    const rows = await seed(client, volumes);
    await client.query('insert into public.demo_seed (items, seeded_at) values ($1, now())', [rows]);
    await client.query('commit');
    await client.query('analyze');
    return { fresh: true, rows };
  } finally {
    // Also rolls back what did not reach its commit.
    await client.end();
  }
}

/** Rows of an earlier seeding, or null for an empty database. */
async function seededRows(client: Client, name: string): Promise<number | null> {
  const { rows } = await client.query<{ table: string }>(
    `select tablename as table from pg_tables where schemaname = 'public' order by tablename = 'demo_seed' desc limit 1`,
  );
  if (rows.length === 0) return null;
  if (rows[0]!.table !== 'demo_seed') {
    throw new Error(
      `The database for the demo ${name} holds tables of something else. Give the demo an empty database.`,
    );
  }
  const marker = await client.query<{ items: string }>('select items from public.demo_seed');
  return Number(marker.rows[0]!.items);
}
