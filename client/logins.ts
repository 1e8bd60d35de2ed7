/**
 * Logins of this user, one file each, in their configuration directory (XDG): only its owner may read it. What
 * stands in it decides in their name, so that it is never printed, and never sent anywhere but to its gateway
 * and its issuer.
 */
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { Problem } from './problem.js';

const login = z.strictObject({
  /** Address of the gateway that it is for. */
  gateway: z.string(),
  issuer: z.string(),
  client: z.string(),
  /** RFC 8707, where the issuer wants it. */
  resource: z.string().nullable(),
  access: z.string(),
  /** Null where the issuer gave none: then a login ends with its token. */
  refresh: z.string().nullable(),
  /** Until when `access` is good, ISO 8601; null where the issuer did not say. */
  until: z.string().nullable(),
});
export type Login = z.infer<typeof login>;

export interface Logins {
  /** Null where this user is not logged in at that gateway. */
  find(gateway: string): Promise<Login | null>;
  keep(login: Login): Promise<void>;
  /** Also where it cannot be read. */
  forget(gateway: string): Promise<void>;
  fileOf(gateway: string): string;
  /**
   * One command at a time: what renews a login is good once, and an issuer that sees it again may take it for
   * stolen.
   */
  alone<T>(gateway: string, work: () => Promise<T>): Promise<T>;
}

/** Renewing takes a call or two; whoever holds on for longer was killed over it. */
const HELD_MS = 60_000;

/** Logins lie in `handover/logins` of XDG_CONFIG_HOME, else of ~/.config. */
export function loginsOf(env: NodeJS.ProcessEnv): Logins {
  // By its specification a path that is not absolute counts as none.
  const base = env.XDG_CONFIG_HOME?.startsWith('/') ? env.XDG_CONFIG_HOME : join(homeOf(env), '.config');
  const folder = join(base, 'handover', 'logins');
  const fileOf = (gateway: string): string =>
    join(folder, `${gateway.replace(/^https?:\/\//, '').replace(/[^A-Za-z0-9.-]+/g, '_')}.json`);
  return {
    fileOf,
    async find(gateway) {
      const file = fileOf(gateway);
      const found = await stat(file).catch(() => null);
      if (!found) return null;
      if (process.platform !== 'win32' && (found.mode & 0o077) !== 0)
        throw new Problem(
          'usage',
          `${file} holds your login, and others may read it (mode ${(found.mode & 0o777).toString(8)}): take that away with chmod 600, and log in again if anybody may have read it.`,
        );
      const read = login.safeParse(parsed(await readFile(file, 'utf8')));
      if (!read.success)
        throw new Problem('usage', `${file} should hold your login, and cannot be read: log in again.`);
      return read.data.gateway === gateway ? read.data : null;
    },
    async keep(one) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const file = fileOf(one.gateway);
      const draft = `${file}.${randomBytes(6).toString('hex')}`;
      await writeFile(draft, `${JSON.stringify(one, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
      // Whatever the umask made of it.
      await chmod(draft, 0o600);
      await rename(draft, file);
    },
    async forget(gateway) {
      await rm(fileOf(gateway), { force: true });
    },
    async alone(gateway, work) {
      const lock = `${fileOf(gateway)}.lock`;
      while (!(await taken(lock))) await pause(50);
      try {
        return await work();
      } finally {
        await rm(lock, { force: true });
      }
    },
  };
}

async function taken(lock: string): Promise<boolean> {
  try {
    await writeFile(lock, '', { mode: 0o600, flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    const held = await stat(lock).catch(() => null);
    if (held && Date.now() - held.mtimeMs > HELD_MS) await rm(lock, { force: true });
    return false;
  }
}

function homeOf(env: NodeJS.ProcessEnv): string {
  return env.HOME || homedir();
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
