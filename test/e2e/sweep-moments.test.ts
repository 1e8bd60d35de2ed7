/** Whatever lands at two hundred random moments of a sweep's life, in its rounds and between them, is found once. */
import { expect, test } from 'vitest';
import { handOver } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';
import { land, long, sweepOf } from './sweeps.js';

const MOMENTS = 200;

const small = useSmallWorld({
  change(config) {
    long(config);
    // Many may come within one round.
    config.policy.drift = { floor: MOMENTS, percent: 5 };
  },
});

test('two hundred random moments', { timeout: 120_000 }, async () => {
  const { offboardingId } = await handOver(small);
  const sweep = await sweepOf(small, offboardingId);
  const ids = Array.from({ length: MOMENTS }, (_, n) => 1_000_000 + n);
  for (const id of ids) {
    await new Promise(resolve => setTimeout(resolve, Math.random() * 80));
    await land(small, id);
  }
  const { sweepId, addenda, round } = await sweep.until(
    now => now.moved >= MOMENTS && now.state === 'waiting',
  );
  expect(round).toBeGreaterThan(3);
  const { rows } = await small.db.store.query(
    `select unnest(p.keys) as key from handover.manifest_pages p join handover.receipts r using (manifest, step, page)
      where r.offboarding = $1 and r.aborted = 0 and r.changed > 0`,
    [sweepId],
  );
  expect(rows.map(row => Number(row.key)).sort((a, b) => a - b)).toEqual(ids);
  const told = await small.db.store.query(
    'select body from handover.certificate_bodies where offboarding = $1 and number > 0',
    [offboardingId],
  );
  const moved = told.rows.map(row => Number(JSON.parse(row.body as string).moved));
  expect(moved.reduce((sum, n) => sum + n, 0)).toBe(MOMENTS);
  expect(addenda).toHaveLength(moved.length);
  const { rows: owners } = await small.db.crm.query(
    'select distinct owner_id::text as owner from accounts where id = any($1)',
    [ids],
  );
  expect(owners).toEqual([{ owner: String(small.cast.maya.id) }]);
});
