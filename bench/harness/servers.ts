/**
 * The servers that figures run on: PostgreSQL as bench/million sets it, and Temporal's dev server in memory,
 * both of our own and gone afterwards.
 */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Postgres } from '../../runtime/embedded/postgres.js';
import { findTemporalCli } from '../../runtime/embedded/temporal-cli.js';
import { startTemporalServer, type TemporalServer } from '../../runtime/embedded/temporal-server.js';
import { searchAttributes } from '../../runtime/search-attributes.js';
import { openServer } from '../million/databases.js';

export interface Servers {
  postgres: Postgres;
  /**
   * A new one each time: a worker looks for closed runs when it starts, and must not find those of another
   * round.
   */
  temporal(): Promise<TemporalServer>;
  /** A directory of this figure's own. */
  dir: string;
}

/** Runs a figure's work with servers, and ends them whatever happens. */
export async function withServers<T>(work: (servers: Servers) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'handover-bench-'));
  // Root runs PostgreSQL as another user, who must be able to pass through.
  await chmod(dir, 0o755);
  const postgres = await openServer(join(dir, 'postgres'));
  const started: TemporalServer[] = [];
  try {
    const cli = await findTemporalCli({ say: () => {} });
    return await work({
      postgres,
      dir,
      async temporal() {
        const logFile = join(dir, `temporal-${started.length}.log`);
        const server = await startTemporalServer({
          cli: cli.path,
          headless: true,
          searchAttributes,
          logFile,
          say: () => {},
        });
        started.push(server);
        return server;
      },
    });
  } finally {
    await Promise.all(started.map(server => server.stop()));
    await postgres.stop();
    await rm(dir, { recursive: true, force: true });
  }
}
