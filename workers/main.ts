/**
 * A worker of a deployed installation: a configuration and an environment in, logs out, until it is asked to
 * stop. It registers nothing anywhere: namespaces and search attributes are prepared once, before workers
 * start (docs/deploying.md).
 *
 *   node --import tsx workers/main.ts        the same as `handover worker`
 *
 * Read from the environment: HANDOVER_CONFIG, TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, HANDOVER_LOG_LEVEL,
 * HANDOVER_HEALTH_FILE, HANDOVER_CACHE, HANDOVER_CACHED_RUNS, and the connections that the configuration names.
 */
import { createHash } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DefaultLogger, type LogEntry, type LogLevel, Runtime } from '@temporalio/worker';
import { addressIn } from '../domain/address.js';
import { type Config, connectionsEach, readConfig } from '../runtime/config.js';
import { cacheDir } from '../runtime/embedded/cache.js';
import { type Logger, openLog } from '../runtime/log.js';
import { profileOf } from '../runtime/profile.js';
import { workflowBundle } from './bundle.js';
import { cachedRuns, type RunningWorker, startWorker } from './worker.js';

export interface WorkerProcess {
  /** Default: HANDOVER_CONFIG, then ./handover.yaml. */
  config?: string;
  env?: NodeJS.ProcessEnv;
  log?: Logger;
}

/**
 * Runs until SIGTERM or SIGINT. Answers the exit code: 0 after an orderly stop, 1 when it could not start or
 * broke.
 */
export async function runWorker(options: WorkerProcess = {}): Promise<number> {
  const env = options.env ?? process.env;
  const log = options.log ?? openLog(process.stdout, env.HANDOVER_LOG_LEVEL, connectionsIn(env));
  try {
    const config = readConfig(options.config ?? env.HANDOVER_CONFIG ?? 'handover.yaml', env);
    sdkLogsTo(log);
    const worker = await startWorker({
      config,
      env,
      cacheDir: bundleDir(env),
      log: message => log.info(message),
      worker: { maxCachedWorkflows: runsAtHand(env) },
    });
    log.info(serving(config, env), 'This worker takes work.');
    return await untilStopped(worker, log, env);
  } catch (error) {
    log.fatal((error as Error).message);
    log.debug(error);
    return 1;
  }
}

/**
 * Builds the workflow bundle for later starts: container images do it once, so that their file system can
 * stay read-only.
 */
export async function prepareWorker(env: NodeJS.ProcessEnv = process.env): Promise<string> {
  return workflowBundle(bundleDir(env));
}

/** One per installation of the sources: the bundle is made from them alone. */
function bundleDir(env: NodeJS.ProcessEnv): string {
  const root = fileURLToPath(new URL('..', import.meta.url));
  return join(cacheDir(env), `bundle-${createHash('sha256').update(root).digest('hex').slice(0, 8)}`);
}

function runsAtHand({ HANDOVER_CACHED_RUNS: said }: NodeJS.ProcessEnv): number {
  if (!said) return cachedRuns();
  const count = Number(said);
  if (Number.isInteger(count) && count >= 10 && count <= 100_000) return count;
  throw new Error(`HANDOVER_CACHED_RUNS is a whole number from 10 to 100000, not "${said}".`);
}

/** What looks like a connection, or holds a password for one, whatever the configuration calls it. */
function connectionsIn(env: NodeJS.ProcessEnv): string[] {
  return Object.entries(env).flatMap(([name, value = '']) =>
    /:\/\/|password\s*=/i.test(value) || /PASSWORD|TOKEN|SECRET|_KEY(_DATA)?$/.test(name) ? [value] : [],
  );
}

function serving(config: Config, env: NodeJS.ProcessEnv): object {
  const place = (name: string): string =>
    env[name] === undefined ? `(${name} is not set)` : (addressIn(env[name]) ?? `(what ${name} says)`);
  return {
    config: config.file,
    installation: config.installation,
    temporal: `${config.temporal.address}, with ${profileOf(config.temporal, env).words}`,
    namespace: config.temporal.namespace,
    taskQueue: config.temporal.taskQueue,
    store: place(config.store.connection),
    directory: config.directory,
    connections: { store: config.connections.store, each: connectionsEach(config) },
    systems: Object.fromEntries(
      Object.entries(config.systems).map(([name, { connection, connect }]) => [
        name,
        // An address may be shown; of tokens nothing may.
        connection === undefined ? Object.keys(connect ?? {}).join(', ') : place(connection),
      ]),
    ),
  };
}

async function untilStopped(worker: RunningWorker, log: Logger, env: NodeJS.ProcessEnv): Promise<number> {
  let asked = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (asked) {
      log.warn(`${signal} again: leaving at once. Batches in hand are repeated by another worker.`);
      process.exit(1);
    }
    asked = true;
    log.info(`${signal}: no new work; finishing what is in hand, up to 30 s.`);
    void worker.stop();
  };
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
  const sign = signsOfLife(worker, env.HANDOVER_HEALTH_FILE, log);
  try {
    await worker.stopped;
    if (asked) log.info('Stopped in order.');
    else log.error('The worker stopped without being asked to.');
    return asked ? 0 : 1;
  } catch (error) {
    log.error(`The worker broke: ${(error as Error).message}`);
    return 1;
  } finally {
    process.off('SIGTERM', onSignal).off('SIGINT', onSignal);
    await sign.end();
  }
}

// Three of these fit into the age at which deploy/healthy.mjs calls a worker ill.
const SIGN_EVERY_MS = 10_000;

/**
 * A file that stays young while the worker takes work and its store answers: what a container's health check
 * looks at.
 */
function signsOfLife(worker: RunningWorker, file: string | undefined, log: Logger): { end(): Promise<void> } {
  if (!file) return { end: async () => {} };
  const path = resolve(file);
  const sign = async (): Promise<void> => {
    if (!worker.isRunning()) return;
    try {
      await worker.deps.store.ping();
      await writeFile(path, new Date().toISOString());
    } catch (error) {
      log.warn(`No sign of life: ${(error as Error).message}`);
    }
  };
  void sign();
  const timer = setInterval(() => void sign(), SIGN_EVERY_MS);
  return {
    async end() {
      clearInterval(timer);
      await rm(path, { force: true });
    },
  };
}

/** The SDK's own words go where ours go. Signals are ours: its handlers would race with them. */
function sdkLogsTo(log: Logger): void {
  const level: Record<LogLevel, 'trace' | 'debug' | 'info' | 'warn' | 'error'> = {
    TRACE: 'trace',
    DEBUG: 'debug',
    INFO: 'info',
    WARN: 'warn',
    ERROR: 'error',
  };
  const write = (entry: LogEntry): void =>
    log[level[entry.level]]({ ...(entry.meta as object) }, entry.message);
  Runtime.install({
    logger: new DefaultLogger('INFO', write),
    shutdownSignals: [],
    telemetryOptions: { logging: { forward: {}, filter: { core: 'WARN', other: 'WARN' } } },
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exit(await runWorker());
