/**
 * Prepares everything that workers need and must not do themselves, once, before they start: the store's
 * tables, made by their owner, and the rights of the workers' role; in Temporal the namespace, the search
 * attributes that every run sets (an unregistered one is a stuck workflow task), and the schedule of the
 * archiver. It may run as often as it likes: namespace and attributes stay as they are, the rest is made as it
 * should be.
 *
 *   TEMPORAL_ADDRESS=temporal:7233 HANDOVER_CONFIG=handover.yaml node --import tsx deploy/register.ts
 *
 * Of the configuration it reads where Temporal is, the installation's name, its task queue, and the store's
 * two connections, worker and owner; without one, it prepares the default installation in Temporal alone.
 */
import { pathToFileURL } from 'node:url';
import { type Client, Connection } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';
import { DEFAULT_INSTALLATION, idsOf } from '../domain/ids.js';
import { renewArchiveSchedule } from '../runtime/archive-schedule.js';
import { connectionUrl, readConfig } from '../runtime/config.js';
import { searchAttributes } from '../runtime/search-attributes.js';
import { connectTemporal } from '../runtime/temporal.js';
import { prepareStore, SameRole } from '../store/roles.js';

export interface Registration {
  address: string;
  namespace: string;
  installation: string;
  taskQueue: string;
  /**
   * For a namespace that is made here: how long closed runs can be looked at in the Temporal UI. Handover
   * archives them anyway.
   */
  retentionDays: number;
  /** The store's connections; null where there is no configuration that names them. */
  store: { owner: string; worker: string } | null;
  say: (line: string) => void;
}

// A server that has just started, and its caches of namespaces, need up to a minute to answer.
const PATIENCE_MS = 120_000;
const AGAIN_AFTER_MS = 1_000;
// gRPC's own numbers: https://grpc.io/docs/guides/status-codes
const ALREADY_EXISTS = 6;
// Temporal's enum IndexedValueType (temporal.api.enums.v1).
const KINDS = { Text: 1, Keyword: 2, Int: 3, Double: 4, Bool: 5, Datetime: 6, KeywordList: 7 } as const;

export async function register(options: Registration): Promise<void> {
  const { address, namespace, store, say } = options;
  await patiently('the server', say, async () =>
    (await Connection.connect({ address, connectTimeout: '5s' })).close(),
  );
  const client = await connectTemporal({ address, namespace });
  try {
    await patiently(`namespace ${namespace}`, say, () => ensureNamespace(client, options));
    await patiently('the search attributes', say, () => ensureAttributes(client, options));
    await patiently('the schedule', say, () => ensureSchedule(client, options));
    if (store) {
      await patiently('the store', say, () => prepareStore(store.owner, store.worker));
      say('Store: tables up to date, and the workers may only add to them.');
    }
  } finally {
    await client.connection.close();
  }
}

async function ensureNamespace(
  client: Client,
  { namespace, retentionDays, say }: Registration,
): Promise<void> {
  try {
    await client.workflowService.registerNamespace({
      namespace,
      description: 'Offboardings by Handover',
      workflowExecutionRetentionPeriod: msToTs(retentionDays * 86_400_000),
    });
    say(`Namespace ${namespace}: made, closed runs stay for ${retentionDays} days.`);
  } catch (error) {
    if ((error as { code?: unknown }).code !== ALREADY_EXISTS) throw error;
    say(`Namespace ${namespace}: there already.`);
  }
}

async function ensureAttributes(client: Client, { namespace, say }: Registration): Promise<void> {
  const { operatorService } = client.connection;
  const { customAttributes = {} } = await operatorService.listSearchAttributes({ namespace });
  const missing: Record<string, number> = {};
  for (const [name, kind] of Object.entries(searchAttributes)) {
    const there = customAttributes[name];
    if (there === undefined) missing[name] = KINDS[kind];
    // The server would ignore the wish in silence, and every run would get stuck.
    else if (there !== KINDS[kind]) throw new WrongKind(name, kind);
  }
  const names = Object.keys(missing);
  if (names.length > 0) await operatorService.addSearchAttributes({ namespace, searchAttributes: missing });
  say(
    names.length > 0
      ? `Search attributes: ${names.join(', ')} added.`
      : 'Search attributes: all there already.',
  );
}

async function ensureSchedule(client: Client, { installation, taskQueue, say }: Registration): Promise<void> {
  const how = await renewArchiveSchedule(client, { installation, temporal: { taskQueue } });
  say(
    `Schedule ${idsOf(installation).archiveSchedule}: ${how === 'made' ? 'made' : 'there already, made anew'}.`,
  );
}

class WrongKind extends Error {
  constructor(name: string, wanted: string) {
    super(
      `The search attribute ${name} exists with another type; Handover needs ${wanted}. Use another namespace, or remove it first.`,
    );
  }
}

async function patiently<T>(what: string, say: (line: string) => void, work: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (error instanceof WrongKind || error instanceof SameRole || Date.now() > deadline) throw error;
      say(`Waiting for ${what}: ${(error as Error).message}`);
      await new Promise(resolve => setTimeout(resolve, AGAIN_AFTER_MS));
    }
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { env } = process;
  const config = env.HANDOVER_CONFIG ? readConfig(env.HANDOVER_CONFIG, env) : null;
  await register({
    address: env.TEMPORAL_ADDRESS ?? config?.temporal.address ?? '127.0.0.1:7233',
    namespace: env.TEMPORAL_NAMESPACE ?? config?.temporal.namespace ?? 'default',
    installation: config?.installation ?? DEFAULT_INSTALLATION,
    taskQueue: config?.temporal.taskQueue ?? DEFAULT_INSTALLATION,
    retentionDays: Number(env.HANDOVER_RETENTION_DAYS ?? 90),
    store: config && {
      owner: connectionUrl(config.store.owner, 'the owner of our own store', env),
      worker: connectionUrl(config.store.connection, 'our own store', env),
    },
    say: line => console.log(line),
  });
}
