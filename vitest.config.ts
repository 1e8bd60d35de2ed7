// Tests run against real servers, started once for all test files by test/support/global-setup.ts. Tests that
// need more than npm can install (Redmine, WordPress, Keycloak, schemathesis, a Temporal with an authorizer) or
// take long on purpose (faults) have configurations of their own.

import { configDefaults, defineConfig } from 'vitest/config';

const filesIn = (...folders: string[]): string[] => folders.map(folder => `test/${folder}/**/*.test.ts`);
/** What talks to no server. */
const PURE = filesIn('unit', 'shape');
const ON_THEIR_OWN = filesIn('redmine', 'wordpress', 'keycloak', 'principals', 'schemathesis', 'faults');
const exclude = [...configDefaults.exclude, ...ON_THEIR_OWN];

export default defineConfig({
  test: {
    pool: 'forks',
    // Two cores are what the smallest machine has. A third file has something to do while the others wait.
    maxWorkers: 3,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Ending the servers in order; they are ended without it as well, a little less politely.
    teardownTimeout: 30_000,
    projects: [
      { extends: true, test: { name: 'pure', include: PURE, exclude, isolate: false } },
      {
        extends: true,
        test: {
          name: 'servers',
          include: ['test/**/*.test.ts'],
          exclude: [...exclude, ...PURE],
          globalSetup: ['test/support/global-setup.ts'],
          // Temporal's worker holds native threads: a process per file, so that one cannot disturb the next.
          isolate: true,
        },
      },
    ],
  },
});
