/**
 * A real PgBouncer in transaction mode, before the test's own PostgreSQL: every transaction of a client gets
 * whichever server connection is free, and `exchange` makes all of them new.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import getPort from 'get-port';
import pg from 'pg';

const PROGRAM = ['/usr/sbin/pgbouncer', '/usr/bin/pgbouncer', '/usr/local/bin/pgbouncer'].find(existsSync);

/** Null where a PgBouncer is; else why these tests are left out. */
export const noPgBouncer = PROGRAM
  ? null
  : 'There is no PgBouncer here (Debian: apt-get install pgbouncer): nothing was tested behind one.';

export interface PgBouncer {
  port: number;
  /** The same database, through the pooler. */
  through(url: string): string;
  /** Every server connection is replaced by a new one, as soon as nobody is in a transaction on it. */
  exchange(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * @param server connection string of the PostgreSQL behind it
 * @param users name → password: a superuser first, who looks up everybody who is not in here
 */
export async function startPgBouncer(
  server: string,
  users: Record<string, string>,
  mode: 'transaction' | 'session' = 'transaction',
): Promise<PgBouncer> {
  const { hostname, port: behind } = new URL(server);
  const dir = mkdtempSync(join(tmpdir(), 'handover-pgbouncer-'));
  // It does not run as root.
  chmodSync(dir, 0o777);
  const port = await getPort({ host: '127.0.0.1' });
  const lines = Object.entries(users).map(([name, password]) => `"${name}" "${password}"`);
  writeFileSync(join(dir, 'users.txt'), `${lines.join('\n')}\n`, { mode: 0o644 });
  writeFileSync(
    join(dir, 'pgbouncer.ini'),
    `[databases]
* = host=${hostname} port=${behind}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
auth_type = scram-sha-256
auth_file = ${join(dir, 'users.txt')}
auth_user = ${Object.keys(users)[0]}
auth_query = SELECT usename, passwd FROM pg_catalog.pg_shadow WHERE usename = $1
pool_mode = ${mode}
default_pool_size = 2
max_client_conn = 200
ignore_startup_parameters = extra_float_digits
admin_users = ${Object.keys(users).join(', ')}
unix_socket_dir =
logfile = ${join(dir, 'log')}
`,
    { mode: 0o644 },
  );
  const asRoot = process.getuid?.() === 0;
  const child: ChildProcess = spawn(
    PROGRAM!,
    [...(asRoot ? ['-u', 'nobody'] : []), join(dir, 'pgbouncer.ini')],
    { stdio: 'ignore' },
  );
  const ended = new Promise<void>(resolve => child.once('exit', () => resolve()));
  const through = (url: string): string => {
    const there = new URL(url);
    there.hostname = '127.0.0.1';
    there.port = String(port);
    return there.href;
  };
  const [name, password] = Object.entries(users)[0]!;
  const ask = async (command: string): Promise<void> => {
    const client = new pg.Client({ host: '127.0.0.1', port, user: name, password, database: 'pgbouncer' });
    client.on('error', () => {});
    await client.connect();
    await client.query(command);
    await client.end();
  };
  for (let i = 0; ; i++) {
    try {
      await ask('SHOW VERSION');
      break;
    } catch (error) {
      if (i === 100 || child.exitCode !== null)
        throw new Error(
          `PgBouncer does not start: ${execFileSync('tail', [join(dir, 'log')], { encoding: 'utf8' })}`,
          {
            cause: error,
          },
        );
      await new Promise(resolve => setTimeout(resolve, 50));
    }
  }
  return {
    port,
    through,
    exchange: () => ask('RECONNECT'),
    async stop() {
      child.kill('SIGTERM');
      await ended;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
