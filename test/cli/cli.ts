/**
 * The command line against a small world: in this process for speed, with what it printed and its exit code.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { main } from '../../client/cli/main.js';
import { type Config, catalogPath } from '../../runtime/config.js';
import type { SmallWorld } from '../small-world/world.js';

export interface Ran {
  code: number;
  out: string;
  err: string;
  /** stdout as JSON lines. Throws when a line is none. */
  json(): Record<string, unknown>[];
}

export interface Cli {
  (...args: string[]): Promise<Ran>;
  /** On a terminal of 120 columns. */
  onTerminal(env: Record<string, string>, ...args: string[]): Promise<Ran>;
  env: Record<string, string>;
  dir: string;
  /** Another configuration file in the same folder. */
  writeConfig(name: string, change: (config: ReturnType<typeof plain>) => void): Promise<string>;
  remove(): Promise<void>;
}

export async function cliOf(small: SmallWorld): Promise<Cli> {
  const { config, urls } = small.world;
  const dir = await mkdtemp(join(tmpdir(), 'handover-cli-'));
  const env: Record<string, string> = {
    [config.store.connection]: small.world.env[config.store.connection]!,
    [config.store.owner]: small.world.owner,
  };
  for (const [system, { connection }] of Object.entries(config.systems))
    env[connection!] = asRole(urls[system]!, small);
  await writeFile(join(dir, 'handover.yaml'), stringify(plain(config)));

  const run = async (terminal: boolean, extra: Record<string, string>, args: string[]): Promise<Ran> => {
    let out = '';
    let err = '';
    const code = await main(args, {
      stdout: { isTTY: terminal, columns: 120, write: text => (out += text) },
      stderr: { write: text => (err += text) },
      env: { ...env, ...extra },
      cwd: dir,
    });
    return { code, out, err, json: () => jsonLines(out) };
  };
  return Object.assign((...args: string[]) => run(false, {}, args), {
    onTerminal: (extra: Record<string, string>, ...args: string[]) => run(true, extra, args),
    env,
    dir,
    async writeConfig(name: string, change: (config: ReturnType<typeof plain>) => void) {
      const changed = structuredClone(plain(config));
      change(changed);
      await writeFile(join(dir, name), stringify(changed));
      return name;
    },
    remove: () => rm(dir, { recursive: true, force: true }),
  });
}

export function jsonLines(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as Record<string, unknown>);
}

/** As it would stand in a file, catalogs by their full path. */
function plain(config: Config) {
  const { file: _file, ...rest } = config;
  const systems = Object.fromEntries(
    Object.entries(config.systems).map(([system, { connection }]) => [
      system,
      { connection, catalog: catalogPath(config, system) },
    ]),
  );
  return structuredClone({ ...rest, systems });
}

function asRole(url: string, { role, password }: SmallWorld): string {
  const limited = new URL(url);
  limited.username = role;
  limited.password = password;
  return limited.href;
}
