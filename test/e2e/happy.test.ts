/** The main job in the small world: everything is handed over, and only then is the leaver switched off. */
import { expect, test } from 'vitest';
import { handOver, statesOf } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';

const small = useSmallWorld();

test('a leaver is handed over, everything is accounted for, and only then switched off', async () => {
  const { status } = await handOver(small);
  expect(status).toMatchObject({ outcome: 'completed', access: { crm: 'deactivated', desk: 'deactivated' } });
  expect(new Set(Object.values(statesOf(status)))).toEqual(new Set(['completed']));
  const { rows } = await small.db.crm.query('select count(*)::int as n from moves_seen where app = $1', [
    'handover',
  ]);
  expect(rows[0].n).toBeGreaterThan(15);
});
