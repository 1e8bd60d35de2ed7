// A connection string means what it means to libpq: every part known, TLS as sslmode says, and what cannot pass
// by itself is final.

import { execFileSync } from 'node:child_process';
import { chmod, chown, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { Connector } from '../../connectors/connector.js';
import { waysToConnect } from '../../connectors/postgres/connection.js';
import { createConnector } from '../../connectors/registry.js';
import { Bundle } from '../../domain/bundle.js';
import { HandoverFailure } from '../../domain/failure.js';
import { type Postgres, startPostgres } from '../../runtime/embedded/postgres.js';
import { openPool } from '../../store/database.js';
import { openLink } from '../faults/link.js';
import { failureOf, mustRead, PEOPLE_SQL, PEOPLE_YAML } from './fixture.js';

const CATALOG = mustRead(`${PEOPLE_YAML}categories: {}\n`);

describe('a server with TLS and one without', () => {
  let dir: string;
  let secure: Postgres;
  let plain: Postgres;
  let ca: string;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'handover-tls-'));
    await chmod(dir, 0o755);
    ca = join(dir, 'ca.crt');
    const openssl = (...args: string[]): void =>
      void execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' });
    const authority = (name: string): void =>
      openssl(
        ...'req -x509 -newkey rsa:2048 -nodes -days 2 -subj'.split(' '),
        `/CN=${name}`,
        '-keyout',
        `${name}.key`,
        '-out',
        `${name}.crt`,
      );
    authority('ca');
    authority('stranger');
    openssl(
      ...'req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout server.key -out server.csr'.split(' '),
    );
    await writeFile(join(dir, 'ext'), 'subjectAltName=DNS:localhost\n');
    openssl(
      ...'x509 -req -days 2 -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -extfile ext -out server.crt'.split(
        ' ',
      ),
    );
    const start = (name: string): Promise<Postgres> =>
      startPostgres({ dataDir: join(dir, name), settings: { fsync: 'off' }, say: () => {} });
    [secure, plain] = await Promise.all([start('secure'), start('plain')]);
    const data = join(dir, 'secure');
    const { uid, gid } = await stat(data);
    for (const file of ['server.key', 'server.crt']) {
      await writeFile(join(data, file), await readFile(join(dir, file)), { mode: 0o600 });
      await chown(join(data, file), uid, gid);
    }
    for (const server of [secure, plain]) await administer(server, PEOPLE_SQL);
    await administer(secure, 'ALTER SYSTEM SET ssl = on; SELECT pg_reload_conf()'.split('; '));
    await waitFor(async () => (await administer(secure, 'SHOW ssl'))[0]?.ssl === 'on');
  }, 120_000);
  afterAll(async () => {
    await Promise.all([secure?.stop(), plain?.stop()]);
    await rm(dir, { recursive: true, force: true });
  });

  /** How the connector gets there: with TLS, without, or the failure. */
  async function how(server: Postgres, parameters: string, host = 'localhost'): Promise<string> {
    const connector = connectorFor(server, parameters, host);
    try {
      await connector.readAccount({ identities: { user: ['1'] }, active: true, blocked: false });
      const [row] = await administer(
        server,
        `SELECT s.ssl FROM pg_stat_ssl AS s JOIN pg_stat_activity AS a USING (pid) WHERE a.application_name = 'handover'`,
      );
      return row!.ssl ? 'with TLS' : 'without';
    } catch (error) {
      if (!(error instanceof HandoverFailure)) throw error;
      return error.kind;
    } finally {
      await connector.close();
    }
  }

  const connectorFor = (server: Postgres, parameters: string, host: string): Connector => {
    const url = new URL(server.superuserUrl);
    url.hostname = host;
    return createConnector(CATALOG, { connection: new Bundle('crm', { url: `${url.href}?${parameters}` }) });
  };

  test.each([
    ['', 'with TLS', 'without'],
    ['sslmode=disable', 'without', 'without'],
    ['sslmode=allow', 'without', 'without'],
    ['sslmode=prefer', 'with TLS', 'without'],
    ['sslmode=require', 'with TLS', 'credential'],
    ['sslmode=no-verify', 'with TLS', 'credential'],
    ['ssl=true', 'with TLS', 'credential'],
    ['sslmode=require&uselibpqcompat=true', 'with TLS', 'credential'],
    ['sslmode=verify-ca', 'configuration', 'configuration'],
    ['sslmode=verify-ca&sslrootcert=CA', 'with TLS', 'credential'],
    ['sslmode=verify-ca&sslrootcert=STRANGER', 'credential', 'credential'],
    ['sslmode=require&sslrootcert=STRANGER', 'credential', 'credential'],
    ['sslmode=verify-full&sslrootcert=CA', 'with TLS', 'credential'],
    ['sslmode=verify-full&sslrootcert=system', 'credential', 'credential'],
    ['sslrootcert=system', 'credential', 'credential'],
    ['sslmode=require&sslrootcert=system', 'configuration', 'configuration'],
    ['sslmode=verify-ca&sslrootcert=/nowhere.crt', 'configuration', 'configuration'],
  ])('%s', async (parameters, withTls, without) => {
    const given = parameters.replace('CA', ca).replace('STRANGER', join(dir, 'stranger.crt'));
    expect([await how(secure, given), await how(plain, given)]).toEqual([withTls, without]);
  });

  test('verify-full asks for the name in the certificate, verify-ca does not', async () => {
    const rooted = (mode: string): string => `sslmode=${mode}&sslrootcert=${ca}`;
    expect(await how(secure, rooted('verify-full'), '127.0.0.1')).toBe('credential');
    expect(await how(secure, rooted('verify-ca'), '127.0.0.1')).toBe('with TLS');
    const connector = connectorFor(secure, rooted('verify-full'), '127.0.0.1');
    const failure = await failureOf(
      connector.readAccount({ identities: { user: ['1'] }, active: true, blocked: false }),
    );
    expect(failure.message).toMatch(
      /server's certificate is not one .* accepts: see sslmode and sslrootcert/,
    );
    await connector.close();
  });

  test('allow takes TLS where the server wants it, and prefer goes without where it must', async () => {
    const rules = join(dir, 'secure', 'pg_hba.conf');
    const before = await readFile(rules, 'utf8');
    const only = async (type: string): Promise<void> => {
      await writeFile(rules, `${type} all all all reject\n${before}`);
      await reload();
    };
    const reload = async (): Promise<void> => {
      for (const mode of ['require', 'disable'])
        if (
          await administer(secure, 'SELECT pg_reload_conf()', mode).then(
            () => true,
            () => false,
          )
        )
          break;
      await new Promise(resolve => setTimeout(resolve, 200));
    };
    try {
      await only('hostnossl');
      expect(await howOver('sslmode=allow')).toBe('reached');
      expect(await howOver('sslmode=disable')).toBe('credential');
      await only('hostssl');
      expect(await howOver('sslmode=prefer')).toBe('reached');
      expect(await howOver('')).toBe('reached');
      expect(await howOver('sslmode=require')).toBe('credential');
    } finally {
      await writeFile(rules, before);
      await reload();
    }
  });

  async function howOver(parameters: string): Promise<string> {
    const connector = connectorFor(secure, parameters, 'localhost');
    try {
      await connector.readAccount({ identities: { user: ['1'] }, active: true, blocked: false });
      return 'reached';
    } catch (error) {
      return (error as HandoverFailure).kind;
    } finally {
      await connector.close();
    }
  }

  test('our own store is reached in the same way', async () => {
    const url = new URL(secure.superuserUrl);
    url.hostname = 'localhost';
    const ssl = async (parameters: string): Promise<unknown> => {
      const pool = openPool(`${url.href}?${parameters}`);
      try {
        return (await pool.query('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()')).rows[0].ssl;
      } catch (error) {
        return (error as { code?: string }).code;
      } finally {
        await pool.end();
      }
    };
    expect(await ssl('sslmode=require')).toBe(true);
    expect(await ssl(`sslmode=verify-ca&sslrootcert=${ca}`)).toBe(true);
    expect(await ssl(`sslmode=verify-full&sslrootcert=${join(dir, 'stranger.crt')}`)).toBe(
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    );
    expect(await ssl('')).toBe(false);
  });

  test('a wrong password and a database that is not there are final, a server that is away is not', async () => {
    const url = new URL(plain.superuserUrl);
    const kindOf = async (parts: {
      password?: string;
      pathname?: string;
      port?: string;
    }): Promise<string> => {
      const other = Object.assign(new URL(url), parts);
      const connector = createConnector(CATALOG, { connection: new Bundle('crm', { url: other.href }) });
      const { kind } = await failureOf(
        connector.readAccount({ identities: { user: ['1'] }, active: true, blocked: false }),
      );
      await connector.close();
      return kind;
    };
    expect(await kindOf({ password: 'wrong' })).toBe('credential');
    expect(await kindOf({ pathname: '/nowhere' })).toBe('credential');
    expect(await kindOf({ password: '' })).toBe('credential');
    expect(await kindOf({ port: '1' })).toBe('transient');
  });
});

test('a server that is away at first is found when it is back', async () => {
  const server = new URL(inject('postgresUrl'));
  const away = await openLink({ target: () => ({ host: server.hostname, port: Number(server.port) }) });
  const { port } = away;
  await away.close();
  const url = new URL(server);
  url.port = String(port);
  const connector = createConnector(CATALOG, { connection: new Bundle('crm', { url: url.href }) });
  expect((await failureOf(connector.check!())).kind).toBe('transient');
  const back = createServer(client => {
    const there = connect({ host: server.hostname, port: Number(server.port) });
    client.pipe(there).pipe(client);
    for (const one of [client, there]) one.on('error', () => {});
  });
  await new Promise<void>(resolve => back.listen(port, '127.0.0.1', resolve));
  // What it says of the catalog does not matter here: it was asked.
  expect(Array.isArray(await connector.check!())).toBe(true);
  await connector.close();
  back.close();
});

describe('a connection string', () => {
  const said = (text: string): pg.ClientConfig => waysToConnect(text, 'crm').at(-1)!;
  const refused = (text: string): string => {
    try {
      waysToConnect(text, 'crm');
    } catch (error) {
      return (error as Error).message;
    }
    throw new Error(`${text} was taken`);
  };

  test('is parsed as a whole', () => {
    expect(said('postgresql://me:p%40%2Fss#1@db.example:6432/crm?sslmode=disable')).toEqual({
      host: 'db.example',
      port: 6432,
      database: 'crm',
      user: 'me',
      password: 'p@/ss#1',
      ssl: false,
    });
    expect(said('postgres://[::1]:5432/a%20b')).toMatchObject({ host: '::1', port: 5432, database: 'a b' });
    expect(said('postgres://me@/crm?host=/var/run/postgresql')).toEqual({
      host: '/var/run/postgresql',
      database: 'crm',
      user: 'me',
      ssl: false,
    });
    expect(said('postgres://%2Ftmp/crm')).toMatchObject({ host: '/tmp', ssl: false });
    expect(said('postgres://h/crm?options=-c%20work_mem%3D1MB&sslmode=disable')).toMatchObject({
      options: '-c work_mem=1MB',
    });
  });

  test.each([
    ['mysql://me@host/db', /a connection is written as postgresql:/],
    ['host=db user=me', /a connection is written as postgresql:/],
    ['postgres://a,b/db', /several hosts are named/],
    ['postgres://h:99999/db', /the port is a number/],
    [
      'postgres://h/db?sslmode=requre',
      /sslmode cannot be "requre" \(did you mean require\?\): allowed are disable, allow/,
    ],
    ['postgres://h/db?ssl_mode=require', /ssl_mode is no part of a connection \(did you mean sslmode\?\)/],
    ['postgres://me:50%@h/db', /the password has a % that begins no character/],
    ['postgres://h/db?sslmode=verify-full', /nobody says whom to trust/],
  ])('%s is refused, and never repeated', (text, why) => {
    expect(refused(text)).toMatch(why);
    expect(refused(text)).not.toContain('50%');
  });
});

async function administer(
  server: Postgres,
  statements: string | string[],
  mode = 'disable',
): Promise<Record<string, unknown>[]> {
  const ssl = mode === 'disable' ? false : { rejectUnauthorized: false };
  const client = new pg.Client({ connectionString: server.superuserUrl, ssl });
  await client.connect();
  try {
    let rows: Record<string, unknown>[] = [];
    for (const statement of [statements].flat()) ({ rows } = [await client.query(statement)].flat().at(-1)!);
    return rows;
  } finally {
    await client.end();
  }
}

async function waitFor(what: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 100; i++) {
    if (await what()) return;
    await new Promise(resolve => setTimeout(resolve, 50));
  }
  throw new Error('it does not happen');
}
