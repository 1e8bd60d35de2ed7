/**
 * The same of what came after an offboarding, a give-back here: its rows are evidence as much as those of the
 * run before it, and an audit of that run names whatever is done to them.
 */
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { gather } from '../../client/audit/evidence.js';
import { type Verdict, verify } from '../../client/audit/verify.js';
import { cover } from '../e2e/covers.js';
import type { Started } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';
import { changeEveryColumn, settled, type Tampering, takeEveryRow } from './tampering.js';

const small = useSmallWorld({ once: true, check: false });
let run: Started;
let client: pg.Client;
let tampering: Tampering;

beforeAll(async () => {
  await small.db.desk.query(`grant insert on watchers to ${small.role}`);
  const { back, ...covered } = await cover(small);
  run = covered;
  await back.send('amend', 'olivia', { giveBackAt: 'now' });
  await back.agree();
  const { giveBackId, outcome } = await back.result();
  expect(outcome).toBe('given-back');
  await small.world.offboardings.archive(run.run);
  await small.world.offboardings.archive(back.id);
  client = new pg.Client({ connectionString: small.world.urls.store });
  await client.connect();
  tampering = {
    client,
    id: giveBackId,
    shown: () => [],
    audited,
    cannotBeKnown: [],
    without: [
      'catalogs',
      'overrides',
      'frozen_keys',
      'before_images',
      'manifest_rounds',
      'certificates',
      'certificate_bodies',
    ],
  };
  await settled(tampering);
});
afterAll(() => client?.end());

async function audited(withTemporal = false): Promise<Verdict> {
  const { store, temporal } = small.world.worker.deps;
  const known = { offboarding: run.offboardingId, workflow: run.run, at: new Date().toISOString() };
  return verify(
    await gather(store, known, async () => (withTemporal ? temporal : Promise.reject(new Error('away')))),
  );
}

test('it verifies as it is, with Temporal and without', async () => {
  expect(await audited(true)).toMatchObject({ breaks: [], unasked: null });
  expect(await audited()).toMatchObject({ breaks: [] });
});

test('every column changed, and swapped between two rows', { timeout: 600_000 }, async () => {
  expect(await changeEveryColumn(tampering)).toEqual([]);
});

test('every row taken away or copied, and every table emptied', { timeout: 600_000 }, async () => {
  expect(await takeEveryRow(tampering)).toEqual([]);
});
