/**
 * An offboarding's row: what it is to do by now, and whether it is open; and manifests, of which the plan
 * names the one that counts.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Plan } from '../../domain/plan.js';
import { type OffboardingRequest, requestSchema } from '../../domain/request.js';
import { openPool, type Pool } from '../../store/database.js';
import { sha256 } from '../../store/digest.js';
import { openStore, type Store } from '../../store/store.js';
import { createTestDatabase, type TestDatabase } from '../support/servers.js';

let database: TestDatabase;
let store: Store;
let pool: Pool;

beforeAll(async () => {
  database = await createTestDatabase('store_offboardings');
  store = await openStore(database.url);
  pool = openPool(database.url);
});
afterAll(async () => {
  await store.close();
  await pool.end();
  await database.drop();
});

const order = (given: Partial<OffboardingRequest> = {}) =>
  requestSchema.parse({ user: 'id:7', requestedBy: 'id:8', successor: 'manager', ...given });
const now = new Date(Date.UTC(2026, 0, 1));

test('what an open run is to do is the newest order; a closed one says nothing', async () => {
  const row = { id: randomUUID(), workflow: 'offboarding/7', leaver: '7', human: 'h7' };
  const run = { leaver: '7', human: 'h7', offboarding: row.id, workflow: row.workflow, preview: false };
  expect(await store.offboardings.openOrder('7')).toBeNull();
  await store.runs.open(run, now);
  await store.offboardings.ordered({ ...row, order: order() });
  await store.offboardings.ordered({ ...row, order: order({ successor: 'id:9' }) });
  expect(await store.offboardings.openOrder('7')).toEqual(order({ successor: 'id:9' }));
  await store.runs.close(row.id);
  expect(await store.offboardings.openOrder('7')).toBeNull();
  // A run that was reset after its end is open again.
  await store.runs.open(run, now);
  expect(await store.offboardings.openOrder('7')).toEqual(order({ successor: 'id:9' }));
});

test('an offboarding is found under its id and its workflow, newest first, also where its row is all there is', async () => {
  const ids = [randomUUID(), randomUUID()];
  for (const id of ids) {
    await store.offboardings.ordered({
      id,
      workflow: 'offboarding/11',
      leaver: '11',
      human: 'h11',
      order: order(),
    });
    // Their times must differ.
    await new Promise(resolve => setTimeout(resolve, 5));
  }
  expect(await store.trail.known(ids[0]!)).toMatchObject({ workflow: 'offboarding/11' });
  expect((await store.trail.ofWorkflow('offboarding/11')).map(one => one.offboarding)).toEqual(
    ids.toReversed(),
  );
  expect(await store.trail.known(randomUUID())).toBeNull();
});

test('of two attempts at one plan the first one stored counts, and the other one\u2019s manifest belongs to no plan', async () => {
  const offboarding = randomUUID();
  const [first, second] = [await store.plans.manifest(offboarding), await store.plans.manifest(offboarding)];
  const plan = (manifest: string) =>
    ({ offboardingId: offboarding, revision: 1, manifest }) as Omit<Plan, 'digest'>;
  const made = await store.plans.save(plan(first), 'run', []);
  expect((await store.plans.save(plan(second), 'run', [])).manifest).toBe(first);
  expect(await store.trail.planOf(first)).toMatchObject({ digest: made.digest, offboarding });
  expect(await store.trail.planOf(second)).toBeNull();
});

test('a stored plan that says something else by now is not carried out', async () => {
  const offboarding = randomUUID();
  const manifest = await store.plans.manifest(offboarding);
  const plan = { offboardingId: offboarding, revision: 1, manifest } as Omit<Plan, 'digest'>;
  const { digest } = await store.plans.save(plan, 'run', []);
  await pool.query(`alter table handover.plans disable trigger append_only`);
  await pool.query(
    `update handover.plans set body = replace(body, '"revision":1', '"revision":2') where digest = $1`,
    [digest],
  );
  await pool.query(`alter table handover.plans enable trigger append_only`);
  await expect(store.plans.find(digest)).rejects.toThrow(/no longer gives its digest/);
});

test('what the catalogs of a plan do is kept by digest, once, and never changes', async () => {
  const body = '{"categories":{},"kind":"postgres","system":"crm","version":1}';
  const crm = { system: 'crm', digest: sha256(body), body };
  const offboarding = randomUUID();
  const save = async (revision: number, catalogs = [crm]) => {
    const manifest = await store.plans.manifest(offboarding);
    const plan = { offboardingId: offboarding, revision, manifest } as Omit<Plan, 'digest'>;
    return store.plans.save(plan, 'run', catalogs);
  };
  await save(1);
  await save(2);
  expect(await store.plans.catalog(crm.digest)).toEqual(crm);
  expect(await store.trail.catalogs([crm.digest, '0'])).toEqual([
    { digest: crm.digest, system: 'crm', actual: crm.digest },
  ]);
  await expect(save(3, [{ ...crm, body: '{}' }])).rejects.toThrow(/catalog of crm does not give its digest/);
  expect(await store.plans.made(offboarding, 'run', 3)).toBeNull();
  for (const change of [`update handover.catalogs set body = '{}'`, 'delete from handover.catalogs'])
    await expect(pool.query(change)).rejects.toThrow(/append-only/);
});
