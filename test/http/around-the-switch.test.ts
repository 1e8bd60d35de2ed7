/** What a system hands over only once the account is off, over HTTP: after the switch, by the same words. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { BOB } from '../contract/harness.js';
import { handOver } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';
import { catalogOf } from './harness.js';
import { CALLER, Desk } from './simulator/desk.js';

const ALICE = 'agent 17';
const desk = await Desk.open();
const dir = await mkdtemp(join(tmpdir(), 'handover-late-'));
const small = useSmallWorld({
  // The checker knows what the crm and the desk hold; here the system itself says in what order things came.
  check: false,
  change: config => {
    config.systems.pages = {
      catalog: join(dir, 'pages.yaml'),
      connect: { base: { file: join(dir, 'base') }, token: { file: join(dir, 'token') } },
    };
  },
});

beforeAll(async () => {
  const catalog = catalogOf({ compare: 'etag' })
    .replace('system: desk', 'system: pages')
    .replace(
      '    title: Things\n',
      '    title: Things\n    switch: { needs: inactive, when: after, within: 1 day }\n',
    );
  await writeFile(join(dir, 'pages.yaml'), catalog);
  await writeFile(join(dir, 'base'), desk.base);
  await writeFile(join(dir, 'token'), desk.token);
});
beforeEach(() => {
  const { alice, maya } = small.cast;
  desk.join(ALICE, alice.name, alice.email);
  desk.join(BOB, maya.name, maya.email);
  desk.join(CALLER, 'Handover', 'handover@small.example');
});
afterAll(async () => {
  await desk.close();
  await rm(dir, { recursive: true, force: true });
});

test('the account is switched off first, then its things move, and only then the run is at its end', async () => {
  for (const n of [1, 2, 3]) desk.put('things', `thing-${n}`, ALICE);
  desk.log.length = 0;
  const { status } = await handOver(small);
  expect(status).toMatchObject({
    outcome: 'completed',
    steps: { 'pages/things': { state: 'completed', changed: 3 } },
  });
  expect(desk.log[0]).toBe(`${ALICE} is off`);
  expect(desk.log.slice(1).sort()).toEqual([1, 2, 3].map(n => `things thing-${n}: ${ALICE} → ${BOB}`));
});
