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
import type { Client } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';
import { DEFAULT_INSTALLATION, idsOf } from '../domain/ids.js';
import { renewArchiveSchedule } from '../runtime/archive-schedule.js';
import { connectionUrl, readConfig } from '../runtime/config.js';
import { profileOf } from '../runtime/profile.js';
import { searchAttributes } from '../runtime/search-attributes.js';
import { connectTemporal, GRPC, grpcCode, type Place } from '../runtime/temporal.js';
import { prepareStore, SameRole } from '../store/roles.js';

export interface Registration extends Place {
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
  /** How we are let in; the process's own without it. */
  env?: NodeJS.ProcessEnv;
}

// A server that has just started, and its caches of namespaces, need up to a minute to answer.
const PATIENCE_MS = 120_000;
const AGAIN_AFTER_MS = 1_000;
// Temporal's enum IndexedValueType (temporal.api.enums.v1).
const KINDS = { Text: 1, Keyword: 2, Int: 3, Double: 4, Bool: 5, Datetime: 6, KeywordList: 7 } as const;

export async function register(options: Registration): Promise<void> {
  const { namespace, store, say } = options;
  const client = await patiently('the server', say, () => connectTemporal(options, options.env));
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
  const { workflowService } = client;
  const isThere = await workflowService.describeNamespace({ namespace }).then(
    () => true,
    (error: unknown) => {
      if (grpcCode(error) === GRPC.notFound) return false;
      throw elsewhere(
        error,
        `Nothing can be seen of the namespace "${namespace}"`,
        'give this key or certificate the right to it',
      );
    },
  );
  if (isThere) return say(`Namespace ${namespace}: there already.`);
  try {
    await workflowService.registerNamespace({
      namespace,
      description: 'Offboardings by Handover',
      workflowExecutionRetentionPeriod: msToTs(retentionDays * 86_400_000),
    });
    say(`Namespace ${namespace}: made, closed runs stay for ${retentionDays} days.`);
  } catch (error) {
    if (grpcCode(error) !== GRPC.alreadyExists)
      throw elsewhere(
        error,
        `The namespace "${namespace}" cannot be made from here`,
        'make it where the server is administered (Temporal Cloud: its own pages, or "tcld namespace create")',
      );
    say(`Namespace ${namespace}: there already.`);
  }
}

async function ensureAttributes(client: Client, { namespace, say }: Registration): Promise<void> {
  const { operatorService } = client.connection;
  const all = Object.entries(searchAttributes).map(([name, kind]) => `--sa "${name}=${kind}"`);
  const mend = `have them made where the server is administered (Temporal Cloud: tcld namespace search-attributes add --namespace ${namespace} ${all.join(' ')})`;
  const refused = (error: unknown): never => {
    throw elsewhere(error, 'The search attributes cannot be seen to from here', mend);
  };
  const { customAttributes = {} } = await operatorService.listSearchAttributes({ namespace }).catch(refused);
  const missing: Record<string, number> = {};
  for (const [name, kind] of Object.entries(searchAttributes)) {
    const there = customAttributes[name];
    if (there === undefined) missing[name] = KINDS[kind];
    // The server would ignore the wish in silence, and every run would get stuck.
    else if (there !== KINDS[kind]) throw new WrongKind(name, kind);
  }
  const names = Object.keys(missing);
  if (names.length > 0)
    await operatorService.addSearchAttributes({ namespace, searchAttributes: missing }).catch(refused);
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

/** What this key or certificate may not do, or the server leaves to others: asking again changes nothing. */
class Elsewhere extends Error {}

function elsewhere(error: unknown, what: string, mend: string): unknown {
  const isFinal = mayNot(error) || grpcCode(error) === GRPC.unimplemented;
  return isFinal ? new Elsewhere(`${what} (${(error as Error).message}): ${mend}.`, { cause: error }) : error;
}

function mayNot(error: unknown): boolean {
  const code = grpcCode(error);
  return code === GRPC.permissionDenied || code === GRPC.unauthenticated;
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
      const isOurs = [WrongKind, SameRole, Elsewhere].some(kind => error instanceof kind);
      if (isOurs || mayNot(error) || Date.now() > deadline) throw error;
      say(`Waiting for ${what}: ${(error as Error).message}`);
      await new Promise(resolve => setTimeout(resolve, AGAIN_AFTER_MS));
    }
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { env } = process;
  const config = env.HANDOVER_CONFIG ? readConfig(env.HANDOVER_CONFIG, env) : null;
  const profile = profileOf({}, env);
  await register({
    address: config?.temporal.address ?? profile.address ?? '127.0.0.1:7233',
    namespace: config?.temporal.namespace ?? profile.namespace ?? 'default',
    profile: config?.temporal.profile,
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
