// One installation per state directory, also after crashes.

import { spawnSync } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { LockHeld, takeLock } from '../../runtime/embedded/lock.js';
import { processStart } from '../../runtime/embedded/processes.js';
import { temporaryDir } from './processes.js';

const silent = (): void => {};
const since = '2026-01-01T00:00:00.000Z';

test('a lock that a living process holds is refused, with its holder', async () => {
  const dir = await temporaryDir();
  await takeLock(dir, silent);
  const refusal = await takeLock(dir, silent).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(LockHeld);
  expect((refusal as LockHeld).holder.pid).toBe(process.pid);
});

test('a released lock is free', async () => {
  const dir = await temporaryDir();
  await (await takeLock(dir, silent)).release();
  await (await takeLock(dir, silent)).release();
  expect(await readdir(dir)).toEqual([]);
});

test('the lock of a dead process is taken over, and said', async () => {
  const dir = await temporaryDir();
  const dead = spawnSync('true').pid;
  await writeFile(join(dir, 'lock'), JSON.stringify({ pid: dead, start: '1', since }));
  const said: string[] = [];
  await takeLock(dir, line => said.push(line));
  expect(said).toEqual([expect.stringContaining('process that is gone')]);
  expect(JSON.parse(await readFile(join(dir, 'lock'), 'utf8'))).toMatchObject({ pid: process.pid });
});

test('a process id that is in use again does not hold the lock of the one before it', async () => {
  const dir = await temporaryDir();
  await writeFile(join(dir, 'lock'), JSON.stringify({ pid: process.pid, start: 'another start', since }));
  await takeLock(dir, silent);
});

test('a lock file that says nothing is taken over', async () => {
  const dir = await temporaryDir();
  await writeFile(join(dir, 'lock'), '');
  await takeLock(dir, silent);
});

test('of many who find the same stale lock exactly one gets it', async () => {
  for (let round = 0; round < 30; round++) {
    const dir = await temporaryDir();
    await writeFile(join(dir, 'lock'), JSON.stringify({ pid: 999_999_999, start: '1', since }));
    // Staggered, so that some look at the stale lock while another one is already replacing it.
    const takers = await Promise.allSettled(
      Array.from({ length: 12 }, async (_, index) => {
        await new Promise(resolve => setTimeout(resolve, index / 3));
        return takeLock(dir, silent);
      }),
    );
    expect(takers.filter(taker => taker.status === 'fulfilled')).toHaveLength(1);
    for (const taker of takers)
      if (taker.status === 'rejected') expect(taker.reason).toBeInstanceOf(LockHeld);
  }
});

test('release leaves a lock alone that is not its own any more', async () => {
  const dir = await temporaryDir();
  const lock = await takeLock(dir, silent);
  const other = JSON.stringify({ pid: process.ppid, start: await processStart(process.ppid), since });
  await writeFile(join(dir, 'lock'), other);
  await lock.release();
  expect(await readFile(join(dir, 'lock'), 'utf8')).toBe(other);
});
