// The database role that docs/redmine.md tells administrators to make, made exactly so: its rights must be
// enough, and are all there are.

import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import pg from 'pg';

export interface Role {
  /** The same database as this role. */
  url: string;
  drop(): Promise<void>;
}

export async function roleFromTheDocs(databaseUrl: string): Promise<Role> {
  const docs = await readFile(new URL('../../docs/redmine.md', import.meta.url), 'utf8');
  const sql = /```sql\n([\s\S]*?)```/.exec(docs)?.[1];
  if (!sql?.includes('CREATE ROLE handover'))
    throw new Error('docs/redmine.md no longer says how to make the role "handover"');
  // Roles belong to the whole server, which other tests share.
  const name = `handover_${randomBytes(4).toString('hex')}`;
  const password = randomBytes(12).toString('hex');
  const statements = sql
    .replace(/\bhandover\b/g, name)
    .replace("'...'", `'${password}'`)
    .replace("'Europe/Berlin'", "'UTC'");
  await administer(databaseUrl, statements);
  const url = new URL(databaseUrl);
  url.username = name;
  url.password = password;
  return { url: url.href, drop: () => administer(databaseUrl, `DROP OWNED BY ${name}; DROP ROLE ${name}`) };
}

async function administer(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
