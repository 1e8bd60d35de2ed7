/**
 * One worker: configuration in, a running worker out. `main.ts` and the embedded installation both start it
 * here.
 */
import { totalmem } from 'node:os';
import {
  NativeConnection,
  type NativeConnectionOptions,
  Worker,
  type WorkerOptions,
} from '@temporalio/worker';
import type { Deps } from '../activities/deps.js';
import { createActivities } from '../activities/index.js';
import type { Kinds } from '../connectors/catalog/kind.js';
import { PATIENCE_MS } from '../domain/failure.js';
import { foreignStore, idsOf } from '../domain/ids.js';
import type { StatementKey } from '../domain/statement.js';
import { ensureArchiveSchedule } from '../runtime/archive-schedule.js';
import { type Config, connectionUrl } from '../runtime/config.js';
import { profileOf } from '../runtime/profile.js';
import { connectTemporal, payloadConverterPath } from '../runtime/temporal.js';
import { prepareStore } from '../store/roles.js';
import { openStore, type Store } from '../store/store.js';
import { workflowBundle } from './bundle.js';
import { openRules } from './rules.js';
import { openSystems } from './systems.js';

const MIB = 1024 * 1024;

/**
 * How many runs a worker with so much memory keeps at hand: some 3.5 MiB each, beside 300 for itself
 * (bench/README.md, `waiting`). The others wait in Temporal alone; one that wakes is read again from its
 * history, which takes tenths of a second.
 * @param bytes by default what a container lets this process have, or a quarter of the machine's memory
 */
export function cachedRuns(
  bytes = Math.min(process.constrainedMemory() || totalmem(), totalmem() / 4),
): number {
  return Math.round(Math.min(500, Math.max(20, (bytes / MIB - 400) / 5)));
}

export interface StartWorkerOptions {
  config: Config;
  /** Where the workflow bundle is kept between starts. */
  cacheDir: string;
  log: (message: string) => void;
  env?: NodeJS.ProcessEnv;
  /**
   * The kinds of system that this worker can speak to, where they are not those of the registry: tests bring
   * their own.
   */
  kinds?: Kinds;
  /** Tests wait less long than operators do. */
  patience?: Partial<Deps['patience']>;
  worker?: Partial<WorkerOptions>;
  /** Keys whose statements are believed beside those of the configuration: of a gateway made for this process. */
  trusts?: readonly StatementKey[];
  /** Wraps the activities: fault tests lose results and crash in the middle. */
  wrap?: (activities: ReturnType<typeof createActivities>) => object;
}

export interface RunningWorker {
  deps: Deps;
  /** Settles when the worker has stopped; rejects when it broke. */
  stopped: Promise<void>;
  /** True while it takes work. */
  isRunning(): boolean;
  /** Finishes batches in hand, then stops and closes every connection. */
  stop(): Promise<void>;
}

export async function startWorker(options: StartWorkerOptions): Promise<RunningWorker> {
  // What is open so far: a worker that cannot start leaves nothing behind that would keep its process alive.
  const open: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    await Promise.allSettled(open.map(one => one()));
  };
  try {
    return await start(options, close, one => open.push(one));
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * How long one workflow task may take by the clock. The SDK's 5 s are over on a busy machine when a thousand
 * messages come at once, and what ends then is no task but the process, with everybody else's work (Node
 * aborts: "async hook stack has become corrupted"). The SDK takes the option and does not declare it.
 */
const TASK_TIME = { isolateExecutionTimeout: '60s' } as Partial<WorkerOptions>;

async function start(
  options: StartWorkerOptions,
  close: () => Promise<void>,
  closer: (close: () => Promise<unknown>) => void,
): Promise<RunningWorker> {
  const { config, log } = options;
  const env = options.env ?? process.env;
  const { address, namespace, taskQueue } = config.temporal;
  const temporal = await connectTemporal(config.temporal, env);
  closer(() => temporal.connection.close());
  const store = await openOurStore(config, env).catch((error: Error) => {
    throw new Error(
      `Our own store, named by ${config.store.connection}, could not be opened: ${error.message}`,
      { cause: error },
    );
  });
  closer(() => store.close());
  const foreign = foreignStore(config.installation, await store.claim(config.installation));
  if (foreign) throw new Error(foreign);
  const systems = openSystems(config, log, env, options.kinds, store.budgets);
  const rules = openRules(config, options.trusts);
  // What the file says by now would otherwise be taken for what this worker was started with.
  await rules();
  closer(() => systems.close());
  const connection = await NativeConnection.connect({
    address,
    ...(profileOf(config.temporal, env).options as Pick<
      NativeConnectionOptions,
      'tls' | 'apiKey' | 'metadata'
    >),
  });
  closer(() => connection.close());
  const deps: Deps = {
    store,
    ids: idsOf(config.installation),
    systems,
    temporal,
    rules,
    patience: { ...PATIENCE_MS, ...options.patience },
  };
  const activities = createActivities(deps);
  const worker = await Worker.create({
    connection,
    namespace,
    taskQueue,
    workflowBundle: { codePath: await workflowBundle(options.cacheDir) },
    dataConverter: { payloadConverterPath },
    activities: options.wrap?.(activities) ?? activities,
    // A batch in hand takes seconds; a worker that must go at once is safe as well, only slower to recover.
    shutdownGraceTime: '30s',
    maxCachedWorkflows: cachedRuns(),
    // A crash loses at most a second of progress reports.
    maxHeartbeatThrottleInterval: '1s',
    ...TASK_TIME,
    ...options.worker,
  });
  const running = worker.run();
  ensureArchiveSchedule(temporal, config).catch((error: Error) =>
    log(`The schedule that archives what has closed could not be made: ${error.message}`),
  );
  const stopped = running.finally(close);
  stopped.catch(() => {});
  return {
    deps,
    stopped,
    isRunning: () => worker.getState() === 'RUNNING',
    async stop() {
      if (worker.getState() === 'RUNNING') worker.shutdown();
      await stopped.catch(() => {});
    },
  };
}

/**
 * Where the owner's connection is at hand (on one machine), its tables are brought up to date as their owner;
 * elsewhere that was done before workers started (deploy/register.ts).
 */
async function openOurStore(config: Config, env: NodeJS.ProcessEnv): Promise<Store> {
  const url = connectionUrl(config.store.connection, 'our own store', env);
  const owner = env[config.store.owner];
  if (owner) await prepareStore(owner, url);
  return openStore(url, { connections: config.connections.store });
}
