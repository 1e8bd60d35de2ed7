/** The judges of the fault tests are believed only because they catch lies: each of them told once. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CANARY } from '../small-world/seed.js';
import { forge } from '../support/forge.js';
import { checkLiveness, checkVacuity, type Struck } from './checks.js';
import type { FaultWorld } from './fault-world.js';
import type { Operated } from './operator.js';
import { runSchedule } from './run-schedule.js';
import { drawSchedule } from './schedule.js';
import { type FaultServers, startFaultServers } from './servers.js';

let servers: FaultServers;
beforeAll(async () => {
  servers = await startFaultServers();
});
afterAll(() => servers?.stop());

/**
 * A row stolen back unseen, a receipt that counts wrongly, a secret in the store, an acknowledged write that
 * nobody saw.
 */
async function lies({ db, cast }: FaultWorld): Promise<void> {
  await db.crm.query(`alter table public.accounts disable trigger zz_witness`);
  await db.crm.query(`delete from public.accounts where name = 'Carol''s'`);
  await db.crm.query(
    `delete from public.moves_seen where seq = (select min(seq) from public.moves_seen where app like 'writer-%')`,
  );
  await forge(db.store, `update handover.receipts set changed = changed + 1 where step = 'crm/accounts'`);
  await db.store.query('insert into handover.frozen_keys (digest, count, keys) values ($1, 1, $2)', [
    cast.alice.id,
    [CANARY],
  ]);
}

test('I1, I6, I10, I13: what is done to the world after the run does not go unnoticed', async () => {
  const schedule = { ...drawSchedule(1), items: 3_000, batch: 50, faults: [] };
  const { findings } = await runSchedule(schedule, { servers, tamper: lies });
  const said = (invariant: string): string[] =>
    findings.filter(one => one.invariant === invariant).map(one => one.message);
  expect(said('I1')).toContainEqual(expect.stringMatching(/is gone, and nobody was seen removing it/));
  expect(said('I6')).toContainEqual(expect.stringMatching(/the receipt of crm\/accounts page \d+ counts/));
  expect(said('I10')).toContainEqual(expect.stringMatching(/was told that .* is done, and nobody saw it/));
  expect(said('I13')).toContainEqual(expect.stringMatching(/handover\.frozen_keys holds/));
  expect(new Set(findings.map(one => one.invariant))).not.toContain('I12');
});

test('I12: a run that ends long after the last fault has healed is not alive', () => {
  const operated = { closedAt: 200_000, lastDecision: 10_000 } as Operated;
  expect(checkLiveness(operated, 150_000, 15_000)).toEqual([]);
  expect(checkLiveness(operated, 100_000, 15_000)).toMatchObject([{ invariant: 'I12' }]);
});

test('I14: a fault that did not happen, or struck when nothing was left to do, proves nothing', () => {
  const struck: Struck = { fault: 'kill-worker', happened: true, receipts: [5, 50], seen: {} };
  expect(checkVacuity([struck], { take: 1 }, ['take'])).toEqual([]);
  expect(checkVacuity([{ ...struck, happened: false }], {}, [])).toMatchObject([{ invariant: 'I14' }]);
  expect(checkVacuity([{ ...struck, receipts: [50, 50] }], {}, [])).toMatchObject([{ invariant: 'I14' }]);
  expect(checkVacuity([{ ...struck, receipts: [0, 50] }], {}, [])).toMatchObject([{ invariant: 'I14' }]);
  expect(checkVacuity([], {}, ['give'])).toMatchObject([{ invariant: 'I14' }]);
});
