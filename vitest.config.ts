// Tests run against real servers, started once for all test files by test/support/global-setup.ts. Tests that
// need more than npm can install (Redmine, WordPress, Keycloak, schemathesis, a Temporal with an authorizer) or
// take long on purpose (faults) have configurations of their own.

import { configDefaults, defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: [
      ...configDefaults.exclude,
      ...['redmine', 'wordpress', 'keycloak', 'principals', 'schemathesis', 'faults'].map(
        folder => `test/${folder}/**`,
      ),
    ],
    globalSetup: ['test/support/global-setup.ts'],
    // Temporal's worker holds native threads: a process per file, so that one cannot disturb the next.
    pool: 'forks',
    // Two cores are what the smallest machine has; the servers need some of them as well.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Ending the servers in order; they are ended without it as well, a little less politely.
    teardownTimeout: 30_000,
  },
});
