import { afterAll, beforeAll, expect, test } from 'vitest';
import { issuesOf, type Snapshot } from './judge.js';
import { type RedmineWorld, startRedmineWorld } from './world.js';

let world: RedmineWorld;
let before: Snapshot;

beforeAll(async () => {
  console.time('world');
  world = await startRedmineWorld();
  console.timeEnd('world');
  console.time('snap');
  before = await world.snapshot();
  console.timeEnd('snap');
});
afterAll(() => world?.stop());

test('the seeded Redmine is as large as it claims', async () => {
  console.log(
    before.issues.size,
    issuesOf(before, false).length,
    issuesOf(before, true).length,
    before.timeEntries,
    before.news,
    world.groups,
    world.watched.length,
  );
  expect(before.issues.size).toBeGreaterThan(2000);
});
