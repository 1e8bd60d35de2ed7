// One Temporal dev server and one PostgreSQL for tests: in memory and without fsync, gone without a trace
// afterwards.

import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres } from '../../runtime/embedded/postgres.js';
import { findTemporalCli } from '../../runtime/embedded/temporal-cli.js';
import { startTemporalServer } from '../../runtime/embedded/temporal-server.js';
import { searchAttributes } from '../../runtime/search-attributes.js';

export interface TestServers {
  /** Address of the Temporal frontend. */
  temporal: string;
  /** Connection string of a superuser to the database `postgres`. */
  postgres: string;
  stop(): Promise<void>;
}

/** Settings for PostgreSQL that make tests fast and are wrong for anything that must last. */
const TEST_SETTINGS = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  max_connections: '300',
};

/** Measured on e2e/modes: a seventh less of the server's time than with a single run's settings, and no slower. */
const TEST_DYNAMIC_CONFIG = {
  'history.transferProcessorMaxPollRPS': '100',
  'history.timerProcessorMaxPollRPS': '100',
  'history.visibilityProcessorMaxPollRPS': '100',
};

export async function startTestServers(say: (line: string) => void): Promise<TestServers> {
  const dir = await mkdtemp(join(tmpdir(), 'handover-test-'));
  // Root runs PostgreSQL as another user, who must be able to pass through.
  await chmod(dir, 0o755);
  const starting = [
    startPostgres({ dataDir: join(dir, 'postgres'), settings: TEST_SETTINGS, say }),
    findTemporalCli({ say }).then(({ path }) =>
      startTemporalServer({
        cli: path,
        headless: true,
        searchAttributes,
        dynamicConfig: TEST_DYNAMIC_CONFIG,
        logFile: join(dir, 'temporal.log'),
        say,
      }),
    ),
  ] as const;
  const stop = async (): Promise<void> => {
    const settled = await Promise.allSettled(starting);
    await Promise.all(
      settled.map(server => (server.status === 'fulfilled' ? server.value.stop() : undefined)),
    );
    await rm(dir, { recursive: true, force: true });
  };
  try {
    const [postgres, temporal] = await Promise.all(starting);
    return { temporal: temporal.address, postgres: postgres.superuserUrl, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
