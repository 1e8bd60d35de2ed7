/**
 * Handover on one machine, in one process: a Temporal server with its UI, a PostgreSQL, the store, a worker,
 * and applications to try it with where they are wanted. `demo` and `dev` both run it. Everything it keeps
 * lies in the state directory.
 */
import { createWriteStream } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Client } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';
import { DefaultLogger, type LogEntry, Runtime } from '@temporalio/worker';
import { type Config, readConfig, variablesOf } from '../../runtime/config.js';
import { type Embedded, startEmbedded } from '../../runtime/embedded/index.js';
import { withoutSecrets } from '../../runtime/log.js';
import { searchAttributes } from '../../runtime/search-attributes.js';
import { connectTemporal } from '../../runtime/temporal.js';
import { type RunningWorker, startWorker } from '../../workers/worker.js';
import { removeEnvironment, writeEnvironment } from '../environment.js';
import { Offboardings } from '../runs.js';
import { type Furnished, furnish, type LocalGateway, openGateway } from './gateway.js';
import type { Life } from './lifetime.js';
import { type Screen, shown } from './screen.js';

/** Systems to try Handover with: a configuration, what they run on, and how they are filled. */
export interface Applications {
  /** The configuration file; whoever starts with this one gets the applications too. */
  config: string;
  /** The address of somebody in their directory who may ask for offboardings. */
  operator: string;
  /** Connection → database of ours, for those that are databases. */
  databases: Readonly<Record<string, string>>;
  /** Starts the others, and has them end with `life`. */
  start(place: { stateDir: string; life: Life; say: (line: string) => void }): Promise<Started>;
  /** In words, while it goes on and when it is done. */
  filling: string;
  /** Fills them the first time, from the connections by name; answers what is there now, in words. */
  fill(env: Record<string, string>): Promise<string>;
}

/** What runs beside the databases. */
export interface Started {
  /** Their connections, by name. */
  env: Record<string, string>;
  /** What people can look at. */
  pages: readonly Page[];
}

export interface Page {
  title: string;
  url: string;
}

export interface InstallationOptions {
  stateDir: string;
  config: string;
  applications: Applications;
  life: Life;
  screen: Screen;
}

export interface Installation {
  config: Config;
  stateDir: string;
  client: Client;
  offboardings: Offboardings;
  temporal: { address: string; namespace: string; uiUrl: string; taskQueue: string };
  store: RunningWorker['deps']['store'];
  /** Of the applications that it brought along. */
  pages: readonly Page[];
  gateway: LocalGateway;
}

// How long closed runs stay in the Temporal UI. A dev server forgets after a day, and people come back after
// a weekend.
const RETENTION_DAYS = 90;
// Ctrl-C is to end this within a few seconds; batches are repeatable, so that a worker that goes in the
// middle of one is safe.
const GRACE = { shutdownGraceTime: '1s', shutdownForceTime: '4s' } as const;

export async function startInstallation(options: InstallationOptions): Promise<Installation> {
  const { life, screen } = options;
  const stateDir = resolve(options.stateDir);
  const config = readConfig(options.config);
  const applications = config.file === options.applications.config ? options.applications : null;

  const ready = screen.busy('Starting PostgreSQL and Temporal');
  const starting = startEmbedded({
    stateDir,
    say: screen.note,
    ui: true,
    temporal: 'file',
    searchAttributes,
    onDeath: life.fail,
    signal: life.signal,
  });
  life.closer(async () => (await starting.catch(() => undefined))?.stop());
  const embedded = await starting.finally(() => ready());
  ready(`PostgreSQL at ${hostOf(embedded.postgres.superuserUrl)}, Temporal at ${embedded.temporal.address}`);

  const temporal = {
    ...embedded.temporal,
    uiUrl: embedded.temporal.uiUrl!,
    taskQueue: config.temporal.taskQueue,
  };
  config.temporal = {
    address: temporal.address,
    namespace: temporal.namespace,
    taskQueue: temporal.taskQueue,
    ui: temporal.uiUrl,
    local: true,
  };
  const started = await applications?.start({ stateDir, life, say: screen.note });
  const env = await connections(config, applications, started?.env ?? {}, embedded);
  logTo(join(stateDir, 'worker.log'), withoutSecrets(Object.values(env)));
  const furnished = await furnish(config, stateDir, applications?.operator);

  const [worker] = await Promise.all([
    startTheWorker(furnished, env, stateDir, life, screen),
    applications && fill(applications, env, screen),
  ]);
  life.signal.throwIfAborted();
  const client = await connectTemporal(config.temporal);
  life.closer(() => client.connection.close());
  const gateway = await openGateway(furnished, { ...process.env, ...env }, life);
  await keepClosedRuns(client, temporal.namespace).catch(() => {});
  const offboardings = new Offboardings(client, temporal.taskQueue, config.installation);
  archiveNow(offboardings, life);
  await writeEnvironment(stateDir, { config: config.file, env, temporal });
  life.closer(() => removeEnvironment(stateDir));
  return {
    config,
    stateDir,
    temporal,
    client,
    store: worker.deps.store,
    offboardings,
    pages: started?.pages ?? [],
    gateway,
  };
}

/** Connections by the names that the configuration gives them: of the applications, else of the environment. */
async function connections(
  config: Config,
  applications: Applications | null,
  started: Record<string, string>,
  { postgres }: Embedded,
): Promise<Record<string, string>> {
  const env = { ...(await ourStore(config, applications !== null, postgres)), ...started };
  for (const [name, database] of Object.entries(applications?.databases ?? {})) {
    await postgres.ensureDatabase(database);
    env[name] = postgres.url(database);
  }
  const missing: string[] = [];
  for (const [system, named] of Object.entries(config.systems)) {
    for (const variable of variablesOf(named)) {
      env[variable] ??= process.env[variable] ?? '';
      if (!env[variable]) missing.push(`${variable} (system "${system}")`);
    }
  }
  if (missing.length > 0) {
    throw new Error(
      `${config.file} names connections that are not in the environment: ${missing.join(', ')}. Set each: a database is a URL such as postgresql://user:password@host/database.`,
    );
  }
  return env;
}

/** The store's two connections: as they are given, or of two roles in a database of ours. */
async function ourStore(
  { store }: Config,
  ours: boolean,
  postgres: Embedded['postgres'],
): Promise<Record<string, string>> {
  const given = ours ? undefined : process.env[store.connection];
  const owner = ours ? undefined : process.env[store.owner];
  if (given) return { [store.connection]: given, ...(owner && { [store.owner]: owner }) };
  await postgres.ensureDatabase('handover');
  return {
    [store.owner]: await postgres.ensureRole('handover_owner', 'handover', 'owner'),
    [store.connection]: await postgres.ensureRole('handover', 'handover', 'guest'),
  };
}

async function fill(applications: Applications, env: Record<string, string>, screen: Screen): Promise<void> {
  const done = screen.busy(applications.filling);
  const said = await applications.fill(env).finally(() => done());
  done(said);
}

async function startTheWorker(
  { config, trusts }: Furnished,
  env: Record<string, string>,
  stateDir: string,
  life: Life,
  screen: Screen,
): Promise<RunningWorker> {
  const worker = await startWorker({
    config,
    trusts,
    env,
    cacheDir: stateDir,
    log: message => Runtime.instance().logger.info(message),
    worker: GRACE,
  });
  // One that is still starting has nothing in hand and is not waited for.
  life.closer(() => worker.stop());
  worker.stopped.then(
    () => {},
    (error: Error) =>
      life.fail(`The worker broke: ${error.message} ${join(stateDir, 'worker.log')} says more.`),
  );
  screen.note(`The worker's log is ${shown(join(stateDir, 'worker.log'))}.`);
  return worker;
}

/**
 * Temporal's SDK and our worker write here instead of on the terminal. Once per process, before the first
 * worker.
 */
function logTo(file: string, clean: (text: string) => string): void {
  const out = createWriteStream(file, { flags: 'a', mode: 0o600 });
  const write = ({ level, timestampNanos, message, meta }: LogEntry): void => {
    const time = new Date(Number(timestampNanos / 1_000_000n)).toISOString();
    out.write(`${clean(JSON.stringify({ time, level, message, ...(meta as object) }))}\n`);
  };
  Runtime.install({
    logger: new DefaultLogger('INFO', write),
    // We end the worker ourselves: the SDK's own handlers would race with ours.
    shutdownSignals: [],
    telemetryOptions: { logging: { forward: {}, filter: { core: 'WARN', other: 'WARN' } } },
  });
}

/**
 * When it starts and before it ends: the schedule looks every few minutes, and whoever tries things out may
 * end this before that, and come back after the server has forgotten.
 */
function archiveNow(offboardings: Offboardings, life: Life): void {
  const look = async (when: string): Promise<void> => {
    const { stored, failures } = await offboardings.archive();
    Runtime.instance().logger.info(`Looked at what has closed, at the ${when}: histories stored: ${stored}.`);
    for (const { workflowId, why } of failures) Runtime.instance().logger.warn(`${workflowId}: ${why}`);
  };
  const unheard = (error: Error): void =>
    Runtime.instance().logger.warn(`What has closed could not be archived: ${error.message}`);
  void look('start').catch(unheard);
  life.closer(() => look('end').catch(unheard));
}

async function keepClosedRuns(client: Client, namespace: string): Promise<void> {
  await client.workflowService.updateNamespace({
    namespace,
    config: { workflowExecutionRetentionTtl: msToTs(RETENTION_DAYS * 86_400_000) },
  });
}

function hostOf(url: string): string {
  return new URL(url).host;
}
