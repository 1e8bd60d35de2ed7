/**
 * Servers of the fault tests' own: killed and started again on the same files and the same ports, while
 * everybody keeps asking.
 */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Postgres, startPostgres } from '../../runtime/embedded/postgres.js';
import { findTemporalCli } from '../../runtime/embedded/temporal-cli.js';
import { startTemporalServer, type TemporalServer } from '../../runtime/embedded/temporal-server.js';
import { searchAttributes } from '../../runtime/search-attributes.js';

/** A server that may be down at the moment. */
export interface Mortal {
  port: number;
  pid(): number;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** An orderly shutdown, which ends its clients. */
  shutDown(): Promise<void>;
  /** On the same files and the same port. Answers the new process id. */
  start(): Promise<number>;
}

export type MortalPostgres = Mortal & { url(database: string): string };

export interface FaultServers {
  /** The target systems' server, and the store's where the two share one. */
  postgres: MortalPostgres;
  /** A server of the store's own, which outlives the targets' server. */
  apart: MortalPostgres;
  temporal: Mortal & { address: string };
  stop(): Promise<void>;
}

/**
 * No fsync: what PostgreSQL has handed to the operating system survives the kill of a process, and only
 * processes are killed here. Commits are synchronous, or the acknowledged ones would be lost with the
 * process.
 */
const SETTINGS = { fsync: 'off', full_page_writes: 'off', max_connections: '200', shared_buffers: '256MB' };

export async function startFaultServers(say: (line: string) => void = () => {}): Promise<FaultServers> {
  const dir = await mkdtemp(join(tmpdir(), 'handover-faults-'));
  // Root runs PostgreSQL as another user, who must be able to pass through.
  await chmod(dir, 0o755);
  const { path: cli } = await findTemporalCli({ say });
  const startDatabase =
    (name: string) =>
    (port?: number): Promise<Postgres> =>
      startPostgres({ dataDir: join(dir, name), settings: SETTINGS, port, say });
  const startTemporal = (port?: number): Promise<TemporalServer> =>
    startTemporalServer({
      cli,
      dbFile: join(dir, 'temporal.db'),
      headless: true,
      searchAttributes,
      port,
      say,
    });
  const [targets, store, server] = await Promise.all([
    startDatabase('targets')(),
    startDatabase('store')(),
    startTemporal(),
  ]);
  const postgres = { ...mortal(targets, startDatabase('targets')), url: targets.url };
  const apart = { ...mortal(store, startDatabase('store')), url: store.url };
  const temporal = mortal(server, startTemporal);
  return {
    postgres,
    apart,
    temporal: { ...temporal, address: server.address },
    async stop() {
      await Promise.all([postgres.shutDown(), apart.shutDown(), temporal.shutDown()]);
      await rm(dir, { recursive: true, force: true });
    },
  };
}

type Started = Pick<Postgres, 'port' | 'pid' | 'kill' | 'stop' | 'exited'>;

function mortal(first: Started, restart: (port: number) => Promise<Started>): Mortal {
  let now = first;
  return {
    port: first.port,
    pid: () => now.pid,
    async kill() {
      now.kill('SIGKILL');
      await now.exited;
    },
    shutDown: () => now.stop(),
    async start() {
      now = await restart(first.port);
      if (now.port !== first.port)
        throw new Error(`A restarted server moved from port ${first.port} to ${now.port}.`);
      return now.pid;
    },
  };
}
