// What a test file gets from the servers that global-setup.ts started: Temporal's address, and a database of
// its own.

import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';

/** Give every test file (or test) a task queue of its own on it: the server is shared. */
export function temporalAddress(): string {
  return inject('temporalAddress');
}

export interface TestDatabase {
  name: string;
  /** Connection string of a superuser. */
  url: string;
  /** Also ends connections that a test left open. */
  drop(): Promise<void>;
}

/**
 * A fresh database under a name that nobody else has.
 * @param name readable beginning of the name
 * @param template name of a database to copy; it must have no open connections
 * @param locale how the database sorts and knows letters, e.g. `LC_CTYPE 'C'`; of an empty template
 */
export async function createTestDatabase(
  name = 'test',
  template?: string,
  locale = '',
): Promise<TestDatabase> {
  const unique = `${name}_${process.pid}_${randomBytes(4).toString('hex')}`;
  await administer(async client => {
    const from = template ? ` TEMPLATE ${client.escapeIdentifier(template)}` : '';
    const { rows } = await client.query(`SELECT current_setting('server_version_num')::int AS version`);
    // Before PostgreSQL 15 the C library was the only provider, and had no word.
    const how = rows[0].version < 150_000 ? locale.replace('LOCALE_PROVIDER libc', '') : locale;
    return `CREATE DATABASE ${client.escapeIdentifier(unique)}${from} ${how}`;
  });
  const url = new URL(inject('postgresUrl'));
  url.pathname = `/${unique}`;
  return {
    name: unique,
    url: url.href,
    drop: () =>
      administer(client => `DROP DATABASE IF EXISTS ${client.escapeIdentifier(unique)} WITH (FORCE)`),
  };
}

/** A store's two ordinary roles: one owns the database, the other is nobody yet. */
export async function createStoreRoles({ name, url }: TestDatabase): Promise<{
  owner: string;
  worker: string;
  drop(): Promise<void>;
}> {
  const as = async (role: string, then: string): Promise<string> => {
    const own = new URL(url);
    own.username = `${name}_${role}`;
    own.password = randomBytes(12).toString('hex');
    await administer(
      () => `CREATE ROLE "${own.username}" LOGIN PASSWORD '${own.password}'; ${then} "${own.username}"`,
    );
    return own.href;
  };
  const owner = await as(
    'owner',
    `REVOKE ALL ON DATABASE "${name}" FROM PUBLIC; ALTER DATABASE "${name}" OWNER TO`,
  );
  const worker = await as('worker', `GRANT CONNECT, TEMPORARY ON DATABASE "${name}" TO`);
  return {
    owner,
    worker,
    drop: () => administer(() => `DROP ROLE "${name}_owner"; DROP ROLE "${name}_worker"`),
  };
}

async function administer(statement: (client: pg.Client) => string | Promise<string>): Promise<void> {
  const client = new pg.Client({ connectionString: inject('postgresUrl') });
  await client.connect();
  try {
    await client.query(await statement(client));
  } finally {
    await client.end();
  }
}
