// Tests that need Debian's Redmine (test/redmine/install.sh): `npm run test:redmine`. The servers are those
// of all other tests.

import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  // The project's root, wherever vitest was started.
  root: fileURLToPath(new URL('../..', import.meta.url)),
  test: {
    include: ['test/redmine/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    pool: 'forks',
    // One Redmine at a time: migrating and seeding it keeps two cores busy for most of a minute.
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 300_000,
    teardownTimeout: 30_000,
  },
});
