// The gateway under a fuzzer that nobody here wrote (test/schemathesis/install.sh): `npm run test:schemathesis`.
// The servers are those of all other tests.

import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  test: {
    include: ['test/schemathesis/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 900_000,
    hookTimeout: 240_000,
    teardownTimeout: 30_000,
  },
});
