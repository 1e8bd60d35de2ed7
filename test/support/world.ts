/**
 * A whole Handover for one test file: the demo workspace in databases of its own, a store, and a worker on a
 * task queue of its own, all against the real servers that the test run started.
 */
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import pg from 'pg';
import { Offboardings } from '../../client/runs.js';
import type { Kinds } from '../../connectors/catalog/kind.js';
import { type Config, readConfig } from '../../runtime/config.js';
import { connectTemporal } from '../../runtime/temporal.js';
import { prepareStore } from '../../store/roles.js';
import { type RunningWorker, type StartWorkerOptions, startWorker } from '../../workers/worker.js';
import { createStoreRoles, createTestDatabase, type TestDatabase, temporalAddress } from './servers.js';

export interface WorldOptions extends Partial<Pick<StartWorkerOptions, 'patience' | 'wrap' | 'worker'>> {
  /** Fills the databases; gets their URLs by system. */
  seed: (urls: Record<string, string>) => Promise<unknown>;
  /** The configuration file; its connections become the test's databases. */
  config: string;
  /** Changes the configuration before anything starts. */
  change?: (config: Config) => void;
  /**
   * Kinds of system beyond those of the registry, and the variables that their connections take their values
   * from.
   */
  kinds?: Kinds;
  env?: Record<string, string>;
  /** With which rights the worker connects to a system; without it, as the superuser that the test uses. */
  connectAs?: (system: string, url: string) => string;
}

export interface World {
  config: Config;
  offboardings: Offboardings;
  worker: RunningWorker;
  /** One connection per system for the test's own questions and mischief, and `store`. */
  db: Record<string, pg.Pool>;
  urls: Record<string, string>;
  /** The connection of the store's owner. */
  owner: string;
  /**
   * The connections as the worker knows them, by the names in the configuration: for workers in processes of
   * their own.
   */
  env: Record<string, string>;
  restartWorker(options?: Partial<StartWorkerOptions>): Promise<void>;
  stop(): Promise<void>;
}

/** Where test workers keep their bundle: shared, because it is built from the sources alone. */
export const bundleCache = join(tmpdir(), 'handover-test-bundles');

// Quiet unless something fails: what workers say about starting and stopping is no part of a claim.
Runtime.install({ logger: new DefaultLogger('ERROR'), telemetryOptions: { logging: { filter: 'OFF' } } });

export async function startWorld(options: WorldOptions): Promise<World> {
  const config = readConfig(options.config);
  const databases: Record<string, TestDatabase> = {};
  const env: Record<string, string> = { ...options.env };
  for (const [system, { connection }] of Object.entries(config.systems)) {
    // What is reached in another way is no database.
    if (connection === undefined) continue;
    databases[system] = await createTestDatabase(system);
    env[connection] = options.connectAs?.(system, databases[system].url) ?? databases[system].url;
  }
  databases.store = await createTestDatabase('store');
  // As it is deployed: the worker may add to the store, and has never heard of its owner.
  const roles = await createStoreRoles(databases.store);
  await prepareStore(roles.owner, roles.worker);
  env[config.store.connection] = roles.worker;
  const urls = Object.fromEntries(Object.entries(databases).map(([name, { url }]) => [name, url]));
  // A store of its own makes it an installation of its own, on a server that all tests share.
  config.installation = `test-${randomBytes(6).toString('hex')}`;
  config.temporal = { ...config.temporal, address: temporalAddress(), taskQueue: config.installation };
  options.change?.(config);
  await options.seed(urls);
  const start = (more: Partial<StartWorkerOptions> = {}): Promise<RunningWorker> =>
    startWorker({
      config,
      env,
      cacheDir: bundleCache,
      log: () => {},
      patience: options.patience,
      wrap: options.wrap,
      worker: options.worker,
      kinds: options.kinds,
      ...more,
    });
  const temporal = await connectTemporal(config.temporal);
  const db = Object.fromEntries(Object.entries(urls).map(([name, url]) => [name, poolOf(url)]));
  const world: World = {
    config,
    offboardings: new Offboardings(temporal, config.temporal.taskQueue, config.installation),
    worker: await start(),
    db,
    urls,
    owner: roles.owner,
    env,
    async restartWorker(more) {
      await world.worker.stop();
      world.worker = await start(more);
    },
    async stop() {
      const { archiveSchedule } = world.offboardings.ids;
      await temporal.schedule
        .getHandle(archiveSchedule)
        .delete()
        .catch(() => {});
      await endRuns(world, temporal);
      await world.worker.stop();
      await Promise.all(Object.values(db).map(pool => pool.end()));
      await temporal.connection.close();
      await Promise.all(Object.values(databases).map(database => database.drop()));
      await roles.drop();
    },
  };
  return world;
}

/** Runs that a failed test left open would keep asking a worker that is gone. */
async function endRuns(world: World, temporal: Awaited<ReturnType<typeof connectTemporal>>): Promise<void> {
  const query = `TaskQueue = "${world.config.temporal.taskQueue}" and ExecutionStatus = "Running"`;
  for await (const run of temporal.workflow.list({ query })) {
    await temporal.workflow
      .getHandle(run.workflowId, run.runId)
      .terminate('the test is over')
      .catch(() => {});
  }
}

function poolOf(url: string): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max: 4 });
  pool.on('error', () => {});
  return pool;
}
