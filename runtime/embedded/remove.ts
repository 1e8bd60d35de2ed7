// A fresh start: removes what an embedded installation keeps, and nothing else, wherever it lies. Never under
// a running one.

import { lstat, readdir, readFile, realpath, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { takeLock } from './lock.js';
import { clearOldServer } from './processes.js';

// What the servers and the worker write there. Anything else in the directory belongs to somebody else, and
// the workflow bundle is made from the sources alone.
const OURS =
  /^(temporal\.db.*|postgres|postgres\.initialising|embedded\.json.*|environment\.json.*|.*\.log(\.\d+)?)$/;

/** Throws a sentence when the installation runs. Says what it removed: false when there was nothing. */
export async function removeEmbedded(stateDir: string, say: (line: string) => void): Promise<boolean> {
  const dir = resolve(stateDir);
  const lock = await takeLock(dir, say);
  try {
    // Servers of an owner that was killed may still be ending on these files.
    await waitForOld('Temporal', join(dir, 'temporal.db.pid'), join(dir, 'temporal.db'), 'SIGTERM');
    const data = await realpath(join(dir, 'postgres')).catch(() => undefined);
    if (data) await waitForOld('PostgreSQL', join(data, 'postmaster.pid'), data, 'SIGINT');
    const names = (await readdir(dir)).filter(name => OURS.test(name));
    for (const name of names) await removeOne(join(dir, name));
    return names.length > 0;
  } finally {
    await lock.release();
  }
}

async function waitForOld(
  name: string,
  pidFile: string,
  mark: string,
  signal: NodeJS.Signals,
): Promise<void> {
  const pid = Number((await readFile(pidFile, 'utf8').catch(() => '')).split('\n')[0]);
  if (pid > 0) await clearOldServer(name, pid, mark, signal);
}

/**
 * PostgreSQL's data may lie elsewhere, in a directory made for it alone, with only a link here (postgres.ts).
 */
async function removeOne(path: string): Promise<void> {
  if ((await lstat(path)).isSymbolicLink()) {
    const target = await realpath(path).catch(() => undefined);
    if (target && /\/var\/lib\/handover\/postgres-[^/]+\/data$/.test(target)) {
      await rm(dirname(target), { recursive: true, force: true });
    }
  }
  await rm(path, { recursive: true, force: true });
}
