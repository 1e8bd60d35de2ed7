/** Every activity of a sweep runs twice with its first result lost, or twice at once: found and moved once. */
import { describe, expect, test } from 'vitest';
import { untilItDies } from '../faults/worker-process.js';
import { handOver } from '../small-world/drive.js';
import { type Verb, WAYS } from '../small-world/repeated.js';
import { useSmallWorld } from '../small-world/world.js';
import { land, ownerOf, soon, sweepOf } from './sweeps.js';

const OURS = ['openSweep', 'sweepLook', 'planRound', 'runSteps', 'closeRound', 'endSweep'];

describe('a worker that dies in a round', () => {
  const small = useSmallWorld({ change: soon });

  test.each(['planRound:b:1', 'batch:r:1', 'runSteps:b:1', 'closeRound:b:1'])(
    'killed at %s: the straggler is moved once all the same',
    // What is quick is tried again after a minute.
    { timeout: 170_000 },
    async crashAt => {
      const { offboardingId } = await handOver(small);
      await small.world.worker.stop();
      await land(small, 960_001);
      await untilItDies(small.world, crashAt);
      const after = await (await sweepOf(small, offboardingId)).result();
      expect(after).toMatchObject({ moved: 1, addenda: [1] });
      expect(await ownerOf(small, 960_001)).toBe(String(small.cast.maya.id));
    },
  );
});

describe.each(Object.entries(WAYS))('every activity of a sweep runs %s', (_way, repeated) => {
  const small = useSmallWorld({
    change: soon,
    patience: { locked: 20_000 },
    wrap: activities =>
      Object.fromEntries(
        Object.entries(activities).map(([name, verb]) => [
          name,
          OURS.includes(name) ? repeated(verb as Verb) : verb,
        ]),
      ),
  });

  test('a straggler is moved once and becomes one addendum', async () => {
    const { offboardingId } = await handOver(small);
    const sweep = await sweepOf(small, offboardingId);
    await land(small, 950_001);
    const after = await sweep.result();
    expect(after).toMatchObject({ outcome: 'ended', moved: 1, addenda: [1], open: [] });
    expect(await ownerOf(small, 950_001)).toBe(String(small.cast.maya.id));
    const { rows } = await small.db.store.query(
      `select (select count(*)::int from handover.receipts where offboarding = $1 and state = 'done') as receipts,
              (select count(*)::int from handover.certificates where offboarding = $2 and number > 0) as addenda`,
      [after.sweepId, offboardingId],
    );
    expect(rows).toEqual([{ receipts: 1, addenda: 1 }]);
  });
});
