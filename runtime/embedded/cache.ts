// Where programs that we fetched are kept: a Temporal CLI, a test server, readable copies of PostgreSQL's
// programs. Shared by all checkouts of a user, so that a fresh clone starts without fetching 44 MB again.
// HANDOVER_CACHE moves it.

import { chmod, mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

export function cacheDir(env: NodeJS.ProcessEnv = process.env): string {
  if (env.HANDOVER_CACHE) return resolve(env.HANDOVER_CACHE);
  if (env.XDG_CACHE_HOME) return join(env.XDG_CACHE_HOME, 'handover');
  // PostgreSQL does not run as root, and its user cannot look into root's home directory.
  if (process.getuid?.() === 0 && process.platform === 'linux') return '/var/cache/handover';
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'handover');
  return join(homedir(), '.cache', 'handover');
}

/**
 * Fills `dir` by `fill(temporary dir)` and a rename, so that nobody ever sees half of it. Two processes at
 * once are fine: the first rename wins, and the loser uses the winner's.
 */
export async function installAtomically(
  dir: string,
  fill: (temporary: string) => Promise<void>,
): Promise<void> {
  const parent = resolve(dir, '..');
  await mkdir(parent, { recursive: true });
  const temporary = await mkdtemp(join(parent, '.installing-'));
  try {
    await fill(temporary);
    // mkdtemp lets only us in; what we install holds no secrets and may be run by another user.
    await chmod(temporary, 0o755);
    await rename(temporary, dir).catch(async (error: unknown) => {
      if (!(await exists(dir))) throw error;
    });
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
