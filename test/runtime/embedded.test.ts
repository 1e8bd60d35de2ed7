// The whole embedded installation: both servers or none, one per directory, findable, and gone with its
// owner.

import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { expect, onTestFinished, test, vi } from 'vitest';
import {
  type Embedded,
  type EmbeddedOptions,
  readEmbedded,
  startEmbedded,
} from '../../runtime/embedded/index.js';
import { searchAttributes } from '../../runtime/search-attributes.js';
import { eventually, isAlive, readJson, startOwner, temporaryDir } from './processes.js';

const anyPorts = { temporal: undefined, temporalUi: undefined, postgres: undefined };

async function start(stateDir: string, options: Partial<EmbeddedOptions> = {}): Promise<Embedded> {
  const embedded = await startEmbedded({
    ...{ stateDir, searchAttributes, ui: false, temporal: 'memory', ports: anyPorts },
    ...{ postgresSettings: { fsync: 'off' }, say: () => {} },
    ...options,
  });
  onTestFinished(() => embedded.stop());
  return embedded;
}

test('a running installation can be found from its directory, by its owner only, until it stops', async () => {
  const stateDir = await temporaryDir();
  expect(await readEmbedded(stateDir)).toBeUndefined();
  const embedded = await start(stateDir, { ui: true });
  const running = await readEmbedded(stateDir);
  expect(running).toMatchObject({ pid: process.pid, temporal: embedded.temporal });
  expect(running!.postgres.url('other')).toBe(embedded.postgres.url('other'));
  expect((await stat(join(stateDir, 'embedded.json'))).mode & 0o777).toBe(0o600);
  await embedded.stop();
  expect(await readEmbedded(stateDir)).toBeUndefined();
});

test('a second start in the same directory says who runs it and how to reach it', async () => {
  const stateDir = await temporaryDir();
  const embedded = await start(stateDir);
  const refusal = await start(stateDir).catch((error: Error) => error.message);
  expect(refusal).toContain(`process ${process.pid}`);
  expect(refusal).toContain(`answers at ${embedded.temporal.address}`);
});

test('SIGKILL of the owner leaves no process behind, and the next start finds everything at the same addresses', async () => {
  const stateDir = await temporaryDir();
  const { owner, said } = await startOwner('first', stateDir);
  const first = said as { temporal: { address: string }; postgres: string };
  await query(first.postgres, 'CREATE TABLE notes AS SELECT 1 AS number');
  const pids = await serverPids(stateDir);
  expect(await Promise.all(pids.map(isAlive))).toEqual([true, true]);
  owner.kill('SIGKILL');
  // At once, while the supervisors are still at work: the next start waits for them by itself.
  const { said: again } = await startOwner('next', stateDir);
  expect(await Promise.all(pids.map(isAlive))).toEqual([false, false]);
  expect(again).toEqual(said);
  expect(await query(first.postgres, 'SELECT number FROM notes')).toEqual([{ number: 1 }]);
});

test('when one server cannot start, the other is stopped and the directory is free again', async () => {
  const stateDir = await temporaryDir();
  const obstacle = join(stateDir, 'postgres');
  await writeFile(obstacle, 'not a directory');
  await expect(start(stateDir, { temporal: 'file' })).rejects.toThrow(/postgres/);
  const temporalPid = Number(await readJson(join(stateDir, 'temporal.db.pid')));
  expect(await isAlive(temporalPid)).toBe(false);
  await expect(stat(join(stateDir, 'lock'))).rejects.toThrow('ENOENT');
});

test('a server that dies by itself is told to the caller, and one that was stopped is not', async () => {
  const stateDir = await temporaryDir();
  const onDeath = vi.fn<(sentence: string) => void>();
  const embedded = await start(stateDir, { temporal: 'file', onDeath });
  process.kill(Number(await readJson(join(stateDir, 'temporal.db.pid'))), 'SIGKILL');
  await eventually('the death is told', async () => onDeath.mock.calls.length > 0);
  await embedded.stop();
  expect(onDeath.mock.calls).toEqual([[expect.stringContaining('Temporal was ended by SIGKILL')]]);
});

/** Temporal and PostgreSQL, from the files that they write themselves. */
async function serverPids(stateDir: string): Promise<number[]> {
  const files = ['temporal.db.pid', join('postgres', 'postmaster.pid')];
  return Promise.all(
    files.map(async file => Number.parseInt(await readFile(join(stateDir, file), 'utf8'), 10)),
  );
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
