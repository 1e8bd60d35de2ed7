/**
 * The worker is killed between the switch and what comes after it: each verb happens once, or harmlessly again,
 * and the certificate says what is so.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { BOB } from '../contract/harness.js';
import { type Fleet, newFleet } from '../faults/fleet.js';
import { agree, planned, start } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';
import { catalogOf, fromFiles } from './harness.js';
import { CALLER, Desk } from './simulator/desk.js';

const ALICE = 'agent 17';
const ENDINGS = ['sessions', 'tokens', 'memberships', 'licence'];

const desk = await Desk.open();
const dir = await mkdtemp(join(tmpdir(), 'handover-verbs-'));
const small = useSmallWorld({
  // The checker knows what the crm and the desk hold; here the system itself says what happened.
  check: false,
  change: config => {
    config.systems.pages = fromFiles(dir, 'pages');
  },
});

let fleet: Fleet;
beforeAll(async () => {
  const catalog = catalogOf({ connect: '{ timeout: 1s, lands_within: 3s }' }).replace(
    'system: desk',
    'system: pages',
  );
  const verbs = ENDINGS.map(
    what =>
      `${what}: { calls: [{ delete: '/users/{user}/${what}' }], observe: { get: '/users/{user}/${what}', until: { at: /count, equals: 0 } } }`,
  );
  await writeFile(join(dir, 'pages.yaml'), `${catalog}${verbs.join('\n')}\n`);
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
  await fleet?.end();
  await desk.close();
  await rm(dir, { recursive: true, force: true });
});

test('killed in the switch, and again behind it: the run goes on, and each verb has happened once', {
  timeout: 300_000,
}, async () => {
  for (const what of ENDINGS) desk.besides.set(`${ALICE} ${what}`, 1);
  await small.world.worker.stop();
  const { config, env } = small.world;
  fleet = newFleet({ config, env, patience: { throttled: 120_000, transient: 120_000, locked: 10_000 } });
  await fleet.start();
  const run = await start(small);
  const plan = await planned(small, run);
  expect(plan.state, plan.sentence).toBe('awaiting-approval');

  // The account is off; then the call that ends its sessions hangs, and has not happened.
  await killedAt(`${ALICE} sessions`, false, () => agree(small, run));
  expect(desk.log).toEqual([`${ALICE} is off`]);
  // All of it is done but the last; then the call that gives the licence back hangs, and has happened.
  await killedAt(`${ALICE} licence`, true, () => fleet.start());
  await fleet.start();

  const report = await small.world.offboardings.result(run.run);
  expect(report.outcome, report.sentence).toBe('completed');
  expect([...desk.log].sort()).toEqual(
    [`${ALICE} is off`, ...ENDINGS.map(what => `${ALICE} ${what} ended`)].sort(),
  );
  expect(desk.besides.size).toBe(0);
  const steps = Object.fromEntries(report.steps.map(step => [step.id, step]));
  for (const what of ENDINGS)
    expect(steps[`pages/${what}`]).toMatchObject({ state: 'completed', remaining: 0 });
  expect(steps['pages/licence']!.changed).toBe(1);
  const { rows } = await small.db.store.query(
    `select step, state, sure from handover.receipts where offboarding = $1 and step like 'pages/%' order by step, state`,
    [run.offboardingId],
  );
  expect(rows).toContainEqual({ step: 'pages/deactivate', state: 'done', sure: 'read' });
  expect(rows).toContainEqual({ step: 'pages/licence', state: 'done', sure: 'read' });
  expect(rows.filter(({ state }) => state === 'intended')).toEqual([]);
  await small.world.restartWorker();
});

/** Lets `act` go on until a call about this hangs, and kills the worker there. */
async function killedAt(held: string, happens: boolean, act: () => Promise<unknown>): Promise<void> {
  const reached = new Promise<void>(resolve => {
    desk.hangs = { held, happens, reached: resolve };
  });
  await act();
  await reached;
  await fleet.killAll();
}
