// Before all tests: the servers. Either those named in the environment (keep-servers.ts prints the lines), or
// our own, which end with the test run, also when tests fail or the runner is killed.

import type { TestProject } from 'vitest/node';
import { startTestServers } from './start-test-servers.js';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Address of the Temporal frontend, such as "127.0.0.1:7233". */
    temporalAddress: string;
    /** Connection string of a PostgreSQL superuser, to the database `postgres`. */
    postgresUrl: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const temporal = process.env.HANDOVER_TEST_TEMPORAL;
  const postgres = process.env.HANDOVER_TEST_POSTGRES;
  if (!!temporal !== !!postgres) {
    throw new Error(
      'Set both HANDOVER_TEST_TEMPORAL and HANDOVER_TEST_POSTGRES (see test/support/keep-servers.ts), or neither.',
    );
  }
  if (temporal && postgres) {
    project.provide('temporalAddress', temporal);
    project.provide('postgresUrl', postgres);
    return async () => {};
  }
  const lines: string[] = [];
  const servers = await startTestServers(line => lines.push(line)).catch((error: unknown) => {
    // Quiet unless failing: what was tried matters only now.
    for (const line of lines) console.error(line);
    throw error;
  });
  project.provide('temporalAddress', servers.temporal);
  project.provide('postgresUrl', servers.postgres);
  return servers.stop;
}
