/**
 * Which installation a command speaks to: a configuration file, the environment its connections come from,
 * and Temporal's address.
 */
import { existsSync, realpathSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Config, readConfig } from '../runtime/config.js';
import { type RunningEnvironment, readEnvironment } from './environment.js';
import { Problem } from './problem.js';

export interface Installation {
  config: Config;
  env: NodeJS.ProcessEnv;
  /** Where the configuration was found, in words. */
  found: string;
}

/** Where a command was started. */
export interface Surroundings {
  env: NodeJS.ProcessEnv;
  cwd: string;
}

export interface WhichInstallation {
  config?: string;
  address?: string;
  namespace?: string;
}

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** `--config`, then HANDOVER_CONFIG, then ./handover.yaml, then whatever runs embedded here. */
export async function findInstallation(which: WhichInstallation, place: Surroundings): Promise<Installation> {
  const running = await runningEmbedded(place);
  const named = namedConfig(which, place);
  const file = named?.file ?? running?.config;
  if (!file) {
    throw new Problem(
      'usage',
      'There is no configuration: name one with --config or HANDOVER_CONFIG, write ./handover.yaml, or start an installation on this machine with "handover demo" or "handover dev".',
    );
  }
  const ours = running !== undefined && sameFile(running.config, file);
  const config = read(file);
  if (ours) {
    const { address, namespace, taskQueue, uiUrl } = running.temporal;
    config.temporal = { address, namespace, taskQueue, ui: uiUrl ?? config.temporal.ui, local: true };
  }
  if (which.address) config.temporal.address = which.address;
  if (which.namespace) config.temporal.namespace = which.namespace;
  return {
    config,
    // What the caller sets wins over what the embedded installation runs with.
    env: ours ? { ...running.env, ...place.env } : place.env,
    found: named?.found ?? `the installation that runs in ${running!.stateDir}`,
  };
}

function namedConfig(
  which: WhichInstallation,
  { env, cwd }: Surroundings,
): { file: string; found: string } | null {
  if (which.config) return { file: resolve(cwd, which.config), found: '--config' };
  if (env.HANDOVER_CONFIG) return { file: resolve(cwd, env.HANDOVER_CONFIG), found: 'HANDOVER_CONFIG' };
  const here = join(cwd, 'handover.yaml');
  return existsSync(here) ? { file: here, found: './handover.yaml' } : null;
}

function read(file: string): Config {
  try {
    return readConfig(file);
  } catch (error) {
    throw new Problem('usage', (error as Error).message, { cause: error });
  }
}

type Running = RunningEnvironment & { stateDir: string };

/** In the current folder, else in the folder of Handover itself. */
async function runningEmbedded({ env, cwd }: Surroundings): Promise<Running | undefined> {
  const places = env.HANDOVER_STATE
    ? [resolve(cwd, env.HANDOVER_STATE)]
    : [join(cwd, '.handover'), join(ROOT, '.handover')];
  for (const stateDir of places) {
    const running = await readEnvironment(stateDir);
    if (running) return { stateDir, ...running };
  }
  return undefined;
}

function sameFile(a: string, b: string): boolean {
  try {
    return realpathSync(a) === realpathSync(b);
  } catch {
    return a === b;
  }
}
