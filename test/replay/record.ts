/**
 * Records the histories that replay.test.ts replays, from real runs on a real server:
 *
 *   npm run record:histories        (node --import tsx test/replay/record.ts)
 *
 * It runs the tests that have one run per path, and keeps each history as histories/<path>.v1.json.gz.
 * Record anew only when no run of the old code can be open any more, or under a new version (VERSION in
 * histories.ts) beside the old files: the old ones are what proves that a deployment does not break the runs
 * that it meets.
 */
import { fileURLToPath } from 'node:url';
import { startVitest } from 'vitest/node';
import { recorded } from './histories.js';

/** The tests that keep the history of each run, one per path. */
const PATHS = [
  'test/golden/runs.test.ts',
  'test/e2e/long-lived.test.ts',
  'test/e2e/sweep.test.ts',
  'test/e2e/cover.test.ts',
];

process.chdir(fileURLToPath(new URL('../..', import.meta.url)));
process.env.HANDOVER_RECORD = '1';
const vitest = await startVitest('test', PATHS, { watch: false });
const failed = vitest.state.getCountOfFailedTests() > 0 || vitest.state.getUnhandledErrors().length > 0;
await vitest.close();
if (failed) {
  console.error('A run did not end as it should: what it recorded is not kept. Mend it and record again.');
  process.exit(1);
}
for (const { path, history } of recorded()) console.log(`${path}: ${history.events.length} events`);
process.exit(0);
