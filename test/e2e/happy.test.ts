/** The main job in the small world: everything is handed over, and only then is the leaver switched off. */
import { expect, test } from 'vitest';
import { policySchema } from '../../domain/policy.js';
import { handOver, statesOf } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';
import { sweepOf } from './sweeps.js';

const small = useSmallWorld({
  // What holds without a word in the configuration.
  change: config => {
    config.policy.sweep = policySchema.parse({}).sweep;
  },
});

test('a leaver is handed over, everything is accounted for, and only then switched off', async () => {
  const { status, offboardingId } = await handOver(small);
  expect(status).toMatchObject({ outcome: 'completed', access: { crm: 'deactivated', desk: 'deactivated' } });
  expect(new Set(Object.values(statesOf(status)))).toEqual(new Set(['completed']));
  const { rows } = await small.db.crm.query('select count(*)::int as n from moves_seen where app = $1', [
    'handover',
  ]);
  expect(rows[0].n).toBeGreaterThan(15);
  // Whatever still lands on them is looked for from tomorrow on.
  const sweep = await sweepOf(small, offboardingId);
  const { due, began } = await sweep.until(now => now.due !== null);
  expect(Date.parse(due!) - Date.parse(began)).toBe(86_400_000);
});
