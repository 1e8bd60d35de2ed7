// A real PostgreSQL in a directory of ours: initialised once, started on a loopback port, recovered when it
// or its owner was killed, stopped with its owner. No other machine reaches it, and on this one nobody
// without the password.

import { randomBytes } from 'node:crypto';
import {
  chown,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import pg from 'pg';
import { type Child, type ChildExit, type StopStep, startChild } from './child.js';
import { freePort, LOOPBACK } from './ports.js';
import { chooseUser, findPostgres, type PostgresPrograms, type RunAs } from './postgres-programs.js';
import { clearOldServer } from './processes.js';
import { run } from './run.js';

export interface PostgresOptions {
  /** Made when missing; one that exists is used as it is. */
  dataDir: string;
  /** Wanted; another one is taken, and said, when it is not free. */
  port?: number;
  /** Server settings, such as { fsync: 'off' } for tests. Durable by default. */
  settings?: Readonly<Record<string, string>>;
  /** Default: `<dataDir>.log`. */
  logFile?: string;
  say: (line: string) => void;
  /** Calls the first initialisation off. */
  signal?: AbortSignal;
}

export interface Postgres {
  port: number;
  pid: number;
  /** Connection string of a superuser to one database. */
  url(database: string): string;
  superuserUrl: string;
  /** Throws when it exists. A template must have no connections. */
  createDatabase(name: string, template?: string): Promise<void>;
  /** Creates it unless it exists. */
  ensureDatabase(name: string): Promise<void>;
  /**
   * Makes an ordinary role where it is missing, with a password that is new with every call, and lets it
   * connect to the database, as its owner or not. Answers its connection string.
   */
  ensureRole(name: string, database: string, how: 'owner' | 'guest'): Promise<string>;
  exited: Promise<ChildExit>;
  stop(): Promise<void>;
  kill(signal: NodeJS.Signals): void;
}

const SUPERUSER = 'postgres';
// Inside the data directory, so that whoever moves or removes one moves or removes both.
const PASSWORD_FILE = 'handover-password';
// "Fast" shutdown writes a checkpoint; "immediate" skips it, and the next start recovers.
const STOP: StopStep[] = [
  { signal: 'SIGINT', graceMs: 10_000 },
  { signal: 'SIGQUIT', graceMs: 3_000 },
];
// Recovery after a kill replays the log since the last checkpoint: seconds, rarely more.
const READY_WITHIN_MS = 60_000;

export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  const { say, settings = {} } = options;
  const user = await chooseUser();
  const programs = await findPostgres(user, say);
  const place = await placeData(resolve(options.dataDir), user, say);
  const logFile = options.logFile ?? `${resolve(options.dataDir)}.log`;
  if (!(await isCluster(place.dir))) await initialise(place, programs, settings, options.signal);
  options.signal?.throwIfAborted();
  await checkVersion(place.dir, programs);
  await clearOldPostmaster(place.dir);
  const password = await readPassword(place.dir);

  const { child, port } = await launch(place, programs, options, logFile);
  const url = (database: string): string =>
    `postgres://${SUPERUSER}:${password}@${LOOPBACK}:${port}/${encodeURIComponent(database)}`;
  try {
    await waitUntilReady(url('postgres'), child);
  } catch (error) {
    await child.stop();
    throw error;
  }
  return {
    port,
    pid: child.pid,
    url,
    superuserUrl: url('postgres'),
    createDatabase: (name, template) => createDatabase(url('postgres'), name, template),
    ensureDatabase: async name => {
      await createDatabase(url('postgres'), name).catch((error: { code?: string }) => {
        if (error.code !== '42P04' && error.code !== '23505') throw error; // it exists, or is being created right now
      });
    },
    ensureRole: async (name, database, how) => {
      const password = randomBytes(24).toString('hex');
      await ensureRole(url('postgres'), { name, password, database, how });
      const own = new URL(url(database));
      own.username = name;
      own.password = password;
      return own.href;
    },
    exited: child.exited,
    stop: async () => {
      await child.stop();
    },
    kill: signal => child.kill(signal),
  };
}

// ---- where the data lies, and who owns it

interface Place extends RunAs {
  dir: string;
}

/**
 * Root runs the server as somebody else, who may not be able to reach a directory inside root's own. Then the
 * data lies under /var/lib/handover and `dataDir` is a link to it: removing the link is a fresh start.
 */
async function placeData(dataDir: string, user: RunAs, say: (line: string) => void): Promise<Place> {
  await mkdir(dirname(dataDir), { recursive: true });
  if (user.uid === undefined) return { dir: dataDir };
  const known = await stat(dataDir).catch(() => undefined);
  // Made by an ordinary user earlier: it stays theirs.
  if (known && known.uid !== 0)
    return { ...user, uid: known.uid, gid: known.gid, dir: await realpath(dataDir) };
  const reachable = await run('test', ['-x', dirname(dataDir)], {
    timeoutMs: 5000,
    cwd: '/',
    uid: user.uid,
    gid: user.gid,
  });
  if (reachable.ok) return { ...user, dir: dataDir };

  const link = await lstat(dataDir).catch(() => undefined);
  if (link?.isSymbolicLink()) await rm(dataDir); // its target is gone
  await mkdir('/var/lib/handover', { recursive: true, mode: 0o755 });
  const parent = await mkdtemp('/var/lib/handover/postgres-');
  await chown(parent, user.uid, user.gid!);
  const elsewhere = join(parent, 'data');
  await mkdir(elsewhere, { mode: 0o700 });
  await chown(elsewhere, user.uid, user.gid!);
  await symlink(elsewhere, dataDir);
  say(
    `PostgreSQL runs as user ${user.name}, who cannot reach ${dirname(dataDir)}: its data lies in ${elsewhere}.`,
  );
  return { ...user, dir: elsewhere };
}

async function isCluster(dir: string): Promise<boolean> {
  return stat(join(dir, 'PG_VERSION')).then(
    () => true,
    () => false,
  );
}

/** Beside the final place and then renamed: an interrupted start is never taken for a database. */
async function initialise(
  place: Place,
  programs: PostgresPrograms,
  settings: Readonly<Record<string, string>>,
  signal?: AbortSignal,
): Promise<void> {
  const { dir, uid, gid } = place;
  const fresh = `${dir}.initialising`;
  const secrets = await mkdtemp(join(tmpdir(), 'handover-'));
  const passwordFile = join(secrets, 'password');
  const password = randomBytes(24).toString('hex');
  try {
    await rm(fresh, { recursive: true, force: true });
    await mkdir(fresh, { mode: 0o700 });
    await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
    if (uid !== undefined) for (const path of [fresh, secrets, passwordFile]) await chown(path, uid, gid!);
    // The built-in locale sorts the same on every machine, whatever is installed there.
    const locale = ['--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C', '--encoding=UTF8'];
    const auth = ['--auth=scram-sha-256', `--username=${SUPERUSER}`, `--pwfile=${passwordFile}`];
    const sync = settings.fsync === 'off' ? ['--no-sync'] : [];
    const result = await run(programs.initdb, [`--pgdata=${fresh}`, ...auth, ...locale, ...sync], {
      timeoutMs: 120_000,
      uid,
      gid,
      cwd: '/',
      env: serverEnvironment(),
      signal,
    });
    if (!result.ok)
      throw new Error(
        `PostgreSQL could not create a database in ${dir}: ${result.stderr.trim() || result.why}`,
      );
    const kept = join(fresh, PASSWORD_FILE);
    await writeFile(kept, password, { mode: 0o600, flush: true });
    if (uid !== undefined) await chown(kept, uid, gid!);
    // An empty directory that somebody made for us gives way; a full one makes this fail, and rightly.
    await rename(fresh, dir);
  } finally {
    await rm(secrets, { recursive: true, force: true });
    await rm(fresh, { recursive: true, force: true });
  }
}

async function checkVersion(dir: string, programs: PostgresPrograms): Promise<void> {
  const made = (await readFile(join(dir, 'PG_VERSION'), 'utf8')).trim();
  if (made === programs.version.split('.')[0]) return;
  throw new Error(
    `The database in ${dir} was made by PostgreSQL ${made}, and this is PostgreSQL ${programs.version}, which cannot open it. ` +
      'Move the directory away for a fresh start, or go back to the earlier version of Handover.',
  );
}

async function readPassword(dir: string): Promise<string> {
  const file = join(dir, PASSWORD_FILE);
  return (
    await readFile(file, 'utf8').catch(() => {
      throw new Error(
        `The database in ${dir} has no readable ${PASSWORD_FILE}, so it was not made by Handover or by another user.`,
      );
    })
  ).trim();
}

// ---- starting

/** PostgreSQL clears a stale postmaster.pid itself, unless another program has that process id by now. */
async function clearOldPostmaster(dir: string): Promise<void> {
  const file = join(dir, 'postmaster.pid');
  const pid = Number((await readFile(file, 'utf8').catch(() => '')).split('\n')[0]);
  if (!Number.isInteger(pid) || pid <= 0) return;
  await clearOldServer('PostgreSQL', pid, dir, 'SIGINT');
  await rm(file, { force: true });
}

async function launch(place: Place, programs: PostgresPrograms, options: PostgresOptions, logFile: string) {
  const deadline = Date.now() + READY_WITHIN_MS;
  for (;;) {
    const port = await freePort(options.port, 'PostgreSQL', options.say);
    const child = await startChild({
      name: 'PostgreSQL',
      command: programs.postgres,
      args: ['-D', place.dir, ...settingFlags({ ...options.settings, port: String(port) })],
      logFile,
      stop: STOP,
      env: serverEnvironment(),
      cwd: '/',
      uid: place.uid,
      gid: place.gid,
    });
    // An early exit has two harmless reasons: somebody took the port in between, or processes of a killed
    // server are still on their way out. PostgreSQL writes postmaster.pid when it has passed both.
    const exit = await Promise.race([child.exited, started(place.dir, child.pid, deadline)]);
    if (!exit) return { child, port };
    const passing = /could not bind|pre-existing shared memory|lock file .* already exists/.test(
      exit.lastLines,
    );
    if (!passing || Date.now() > deadline)
      throw new Error(`PostgreSQL did not start in ${place.dir}. ${exit.sentence}`);
    await pause(200);
  }
}

/** Resolves when the running server has said in its pid file that it listens ("ready", "starting"...). */
async function started(dir: string, pid: number, deadline: number): Promise<undefined> {
  while (Date.now() < deadline) {
    const lines = (await readFile(join(dir, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
    if (Number(lines[0]) === pid && lines[7]) return undefined;
    await pause(20);
  }
  return undefined;
}

async function waitUntilReady(url: string, child: Child): Promise<void> {
  const deadline = Date.now() + READY_WITHIN_MS;
  let exit: ChildExit | undefined;
  void child.exited.then(ended => {
    exit = ended;
  });
  for (;;) {
    const problem = await tryConnect(url);
    if (!problem) return;
    if (exit) throw new Error(`PostgreSQL did not start. ${exit.sentence}`);
    // 28P01: it answers, but the password is wrong; waiting mends nothing.
    if (problem.code === '28P01' || Date.now() > deadline) {
      throw new Error(`PostgreSQL runs (process ${child.pid}) but could not be entered: ${problem.message}`);
    }
    await pause(20);
  }
}

async function tryConnect(url: string): Promise<{ code?: string; message: string } | undefined> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5000 });
  client.on('error', () => {});
  try {
    await client.connect();
    return undefined;
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    return { code, message };
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function createDatabase(url: string, name: string, template?: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const from = template ? ` TEMPLATE ${client.escapeIdentifier(template)}` : '';
    await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}${from}`);
  } finally {
    await client.end();
  }
}

async function ensureRole(
  url: string,
  role: { name: string; password: string; database: string; how: 'owner' | 'guest' },
): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const [name, database] = [role.name, role.database].map(one => client.escapeIdentifier(one));
    const there = await client.query('select from pg_roles where rolname = $1', [role.name]);
    const verb = there.rowCount === 0 ? 'create' : 'alter';
    await client.query(`${verb} role ${name} login password ${client.escapeLiteral(role.password)}`);
    await client.query(
      role.how === 'owner'
        ? `alter database ${database} owner to ${name}`
        : `grant connect, temporary on database ${database} to ${name}`,
    );
  } finally {
    await client.end();
  }
}

function settingFlags(settings: Readonly<Record<string, string>>): string[] {
  const all: Record<string, string> = {
    listen_addresses: LOOPBACK,
    unix_socket_directories: '',
    ...settings,
  };
  return Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

/**
 * Without the owner's PG* variables, which would lead the programs elsewhere, and in English, because we read
 * the messages.
 */
function serverEnvironment(): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('PG') && name !== 'LANG');
  return { ...Object.fromEntries(inherited), LC_ALL: 'C' };
}

function pause(ms: number): Promise<void> {
  return new Promise(done => setTimeout(done, ms));
}
