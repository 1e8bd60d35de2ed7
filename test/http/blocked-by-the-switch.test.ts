/**
 * A system over HTTP in which one can only be on or off: a block of a sudden departure is the switch itself, and
 * that it is no more than a block is known by the ledger alone.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { BOB } from '../contract/harness.js';
import { agree, ended, must, planned, type Started, start } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';
import { catalogOf, fromFiles } from './harness.js';
import { CALLER, Desk } from './simulator/desk.js';

const ALICE = 'agent 17';
const desk = await Desk.open();
const dir = await mkdtemp(join(tmpdir(), 'handover-block-'));
const small = useSmallWorld({
  check: false,
  change: config => {
    config.systems.pages = fromFiles(dir, 'pages');
  },
});

beforeAll(async () => {
  const catalog = catalogOf({ lacks: ['block', 'unblock'] })
    .replace('system: desk\ntitle: Desk', 'system: pages\ntitle: Pages')
    .replace(
      '  active: { at: /status, equals: [active, suspended] }\n',
      '  active: { at: /status, equals: active }\n',
    )
    .replace('  blocked: { at: /status, equals: suspended }\n', '')
    .replace(
      "deactivate: { calls: [{ patch: '/users/{user}', json: { status: 'off' } }] }",
      "deactivate: { calls: [{ patch: '/users/{user}', json: { status: 'off' } }], keep: { status: /status } }",
    );
  await writeFile(join(dir, 'pages.yaml'), `${catalog}block: { by: switch, reason: one is on or off }\n`);
  await writeFile(join(dir, 'base'), desk.base);
  await writeFile(join(dir, 'token'), desk.token);
});
beforeEach(() => {
  const { alice, maya } = small.cast;
  desk.join(ALICE, alice.name, alice.email);
  desk.join(BOB, maya.name, maya.email);
  desk.join(CALLER, 'Handover', 'handover@small.example');
  desk.list('things').clear();
  desk.put('things', 'thing-1', ALICE);
  desk.log.length = 0;
});
afterAll(async () => {
  await desk.close();
  await rm(dir, { recursive: true, force: true });
});

async function blocked(): Promise<Started> {
  const run = await start(small, { departure: 'unplanned' });
  const status = await planned(small, run);
  expect(status.access.pages, JSON.stringify(status.blockProblems)).toBe('blocked');
  expect(desk.log).toEqual([`${ALICE} is off`]);
  return run;
}

test('whoever is blocked there is no former employee: things move, and then the block becomes the switch', async () => {
  const run = await blocked();
  const { plan } = await small.world.offboardings.status(run.run);
  expect(plan).toMatchObject({ mode: 'execute-and-deactivate', modeReason: null });
  await agree(small, run);
  const status = await ended(small, run);
  expect(status.outcome, status.sentence).toBe('completed');
  expect(status).toMatchObject({
    access: { pages: 'deactivated' },
    steps: { 'pages/things': { changed: 1 }, 'pages/deactivate': { state: 'completed' } },
  });
  expect(desk.log).toEqual([`${ALICE} is off`, `things thing-1: ${ALICE} → ${BOB}`]);
  const { ledger } = small.world.worker.deps.store;
  expect(await ledger.isBlocked('pages', ALICE)).toBe(false);
  // The switch keeps what the block has kept, for whoever gives it back.
  expect(await ledger.keptOf('pages', 'deactivate', ALICE)).toEqual([{ status: 'active' }]);
});

test('it is given back with the run, or by a later one that knows whose block it is', async () => {
  const first = await blocked();
  await must(small, first, 'cancel', 'olivia', { access: 'restore' });
  expect(await ended(small, first)).toMatchObject({ outcome: 'cancelled', access: { pages: 'open' } });
  expect(desk.members.get(ALICE)!.status).toBe('active');

  desk.log.length = 0;
  const second = await blocked();
  await must(small, second, 'cancel', 'olivia', { access: 'keep' });
  await ended(small, second);
  const third = await start(small);
  const status = await planned(small, third);
  expect(status).toMatchObject({ access: { pages: 'blocked' }, plan: { modeReason: null } });
  expect(status.earlierBlocks).toContainEqual(
    expect.objectContaining({ system: 'pages', offboarding: second.offboardingId }),
  );
  await must(small, third, 'cancel', 'olivia', { access: 'restore' });
  await ended(small, third);
  expect(desk.members.get(ALICE)!.status).toBe('active');
});

test('whoever was off before is neither blocked nor given back', async () => {
  desk.members.get(ALICE)!.status = 'off';
  const run = await start(small, { departure: 'unplanned' });
  const status = await planned(small, run);
  expect(status.access.pages).toBe('was-inactive');
  expect(status.blockedByUs.map(({ system }) => system)).not.toContain('pages');
  await must(small, run, 'cancel', 'olivia', { access: 'restore' });
  await ended(small, run);
  expect(desk.members.get(ALICE)!.status).toBe('off');
});
