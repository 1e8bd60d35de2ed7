// The embedded installation: a real Temporal and a real PostgreSQL for one machine, with everything they keep
// in one state directory. Both start at once; if one fails, neither stays. They end with the process that
// started them (child.ts).
//
//   <state dir>/lock             who runs it
//   <state dir>/embedded.json    where it answers (record.ts)
//   <state dir>/temporal.db      Temporal's SQLite file
//   <state dir>/postgres/        PostgreSQL's data
//   <state dir>/*.log            what the servers said

import { join, resolve } from 'node:path';
import type { SearchAttributeKinds } from '../search-attributes.js';
import type { ChildExit } from './child.js';
import { LockHeld, takeLock } from './lock.js';
import { type Postgres, startPostgres } from './postgres.js';
import { lastRecord, readEmbedded, recordFile, recordStop, writeRecord } from './record.js';
import { findTemporalCli } from './temporal-cli.js';
import { startTemporalServer, type TemporalServer } from './temporal-server.js';

export { type RunningEmbedded, readEmbedded } from './record.js';

export interface EmbeddedPorts {
  temporal?: number;
  temporalUi?: number;
  postgres?: number;
}

export interface EmbeddedOptions {
  stateDir: string;
  /** Progress for people, a line at a time. */
  say: (line: string) => void;
  /** With Temporal's web UI. */
  ui: boolean;
  /**
   * Where Temporal keeps its histories: `memory` forgets them at the end. PostgreSQL always keeps its data.
   */
  temporal: 'file' | 'memory';
  searchAttributes: SearchAttributeKinds;
  /** Wanted ports; default: those of the last start, then Temporal's usual ones. */
  ports?: EmbeddedPorts;
  /** PostgreSQL settings, such as { fsync: 'off' } for tests. */
  postgresSettings?: Readonly<Record<string, string>>;
  /** A server died by itself; the sentence says which and what it said last. */
  onDeath?: (sentence: string) => void;
  /** Calls the start off, also in the middle of a download; what was started is stopped. */
  signal?: AbortSignal;
}

export interface Embedded {
  stateDir: string;
  temporal: { address: string; uiUrl?: string; namespace: string };
  postgres: {
    url(database: string): string;
    superuserUrl: string;
    ensureDatabase(name: string): Promise<void>;
    ensureRole: Postgres['ensureRole'];
  };
  /** Ends both and frees the lock. Stop the worker first. Twice is fine. */
  stop(): Promise<void>;
}

// Where the Temporal CLI itself would put them, so that `temporal workflow list` works without flags.
// PostgreSQL gets a port of its own, because a PostgreSQL of the machine often has 5432.
const USUAL_PORTS = { temporal: 7233, temporalUi: 8233, postgres: 54329 };

export async function startEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  const stateDir = resolve(options.stateDir);
  const lock = await takeLock(stateDir, options.say).catch(async (error: unknown) => {
    throw error instanceof LockHeld ? new Error(await alreadyRunning(stateDir, error)) : error;
  });
  try {
    const last = await lastRecord(stateDir);
    const servers = await startBoth(stateDir, options, { ...USUAL_PORTS, ...last?.ports, ...options.ports });
    const stop = once(async () => {
      await Promise.all([servers.temporal.stop(), servers.postgres.stop()]);
      await recordStop(stateDir);
      await lock.release();
    });
    try {
      return await introduce(stateDir, servers, options, stop);
    } catch (error) {
      await stop();
      throw error;
    }
  } catch (error) {
    await lock.release();
    throw error;
  }
}

interface Servers {
  temporal: TemporalServer;
  postgres: Postgres;
}

async function startBoth(stateDir: string, options: EmbeddedOptions, ports: EmbeddedPorts): Promise<Servers> {
  const { say, searchAttributes, signal } = options;
  const startTemporal = async (): Promise<TemporalServer> => {
    const { path } = await findTemporalCli({ say, signal });
    signal?.throwIfAborted();
    return startTemporalServer({
      cli: path,
      dbFile: options.temporal === 'file' ? join(stateDir, 'temporal.db') : undefined,
      port: ports.temporal,
      uiPort: ports.temporalUi,
      headless: !options.ui,
      searchAttributes,
      logFile: join(stateDir, 'temporal.log'),
      say,
    });
  };
  const [temporal, postgres] = await Promise.allSettled([
    startTemporal(),
    startPostgres({
      dataDir: join(stateDir, 'postgres'),
      port: ports.postgres,
      settings: options.postgresSettings,
      logFile: join(stateDir, 'postgres.log'),
      say,
      signal,
    }),
  ]);
  if (temporal.status === 'fulfilled' && postgres.status === 'fulfilled') {
    return { temporal: temporal.value, postgres: postgres.value };
  }
  for (const server of [temporal, postgres]) if (server.status === 'fulfilled') await server.value.stop();
  const reasons = [temporal, postgres].flatMap(server =>
    server.status === 'rejected' ? [server.reason] : [],
  );
  if (reasons.length === 1) throw reasons[0];
  throw new AggregateError(reasons, reasons.map(String).join('\n'));
}

async function introduce(
  stateDir: string,
  servers: Servers,
  options: EmbeddedOptions,
  stop: () => Promise<void>,
): Promise<Embedded> {
  const { temporal, postgres } = servers;
  const where = { address: temporal.address, uiUrl: temporal.uiUrl, namespace: temporal.namespace };
  await writeRecord(stateDir, {
    temporal: where,
    postgres: { superuserUrl: postgres.superuserUrl },
    ports: { temporal: temporal.port, temporalUi: temporal.uiPort, postgres: postgres.port },
  });
  const mourn = (exit: ChildExit): void => {
    if (!exit.expected) options.onDeath?.(exit.sentence);
  };
  void temporal.exited.then(mourn);
  void postgres.exited.then(mourn);
  const { url, superuserUrl, ensureDatabase, ensureRole } = postgres;
  return { stateDir, temporal: where, postgres: { url, superuserUrl, ensureDatabase, ensureRole }, stop };
}

async function alreadyRunning(stateDir: string, { holder, file }: LockHeld): Promise<string> {
  const running = await readEmbedded(stateDir);
  const reach = running
    ? `Its Temporal answers at ${running.temporal.address}${running.temporal.uiUrl ? ` (UI: ${running.temporal.uiUrl})` : ''}, and ${recordFile(stateDir)} says the rest.`
    : 'It is still starting.';
  return (
    `Handover already runs in ${stateDir}: process ${holder.pid} has held ${file} since ${holder.since}. ${reach} ` +
    `Use that one, end it with: kill ${holder.pid}, or give this one another state directory.`
  );
}

function once(action: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  return () => {
    running ??= action();
    return running;
  };
}
