/**
 * Whichever step fails for good, the leaver stays active, the rest is done, and `retry` finishes it once it
 * is mended.
 */
import { expect, test } from 'vitest';
import type { Status } from '../../workflows/messages.js';
import { ended, handOver, must, statesOf } from '../small-world/drive.js';
import { EFFECTS, GROUND, PEOPLE, SYSTEMS } from '../small-world/ground.js';
import { refuse } from '../small-world/mischief.js';
import { useSmallWorld } from '../small-world/world.js';

const small = useSmallWorld();

/** What waits for what: the catalog's one edge, and memberships for their system's transfers. */
const WAITS: Record<string, string[]> = {
  'crm/fields': ['desk/watchers', 'desk/teams'],
  'desk/tickets': ['desk/teams'],
  'desk/watchers': ['desk/teams'],
};

test.each(EFFECTS)(
  '%s fails for good: nobody is switched off, all else is done, and retry finishes it',
  async failing => {
    const ground = GROUND.find(one => one.step === failing)!;
    const mischief = await refuse(small.db[ground.system], ground.table);
    try {
      const run = await handOver(small);
      const { status } = run;
      expect(status).toMatchObject({
        state: 'needs-attention',
        outcome: null,
        access: { crm: 'open', desk: 'open' },
      });
      const expected = Object.fromEntries(
        EFFECTS.map(step => [
          step,
          step === failing ? 'failed' : WAITS[failing]?.includes(step) ? 'not-run' : 'completed',
        ]),
      );
      expect(statesOf(status)).toEqual({
        ...expected,
        'crm/deactivate': 'not-run',
        'desk/deactivate': 'not-run',
      });
      expect(status.steps[failing]!.message).toMatch(/refused/);
      expect(await leaverIs()).toEqual(['active', 'active']);

      await mischief.mend();
      await must(small, run, 'retry', 'olivia');
      expectCompleted(await ended(small, run));
      expect(await leaverIs()).toEqual(['inactive', 'inactive']);
    } finally {
      await mischief.mend();
    }
  },
);

test.each(SYSTEMS)('switching off in %s is refused: the run parks, and retry finishes it', async system => {
  const mischief = await refuse(small.db[system], PEOPLE[system].table, `new.status = 'inactive'`);
  try {
    const run = await handOver(small);
    const { status } = run;
    expect(status.state).toBe('needs-attention');
    // The directory comes last: the other system is switched off by then, or not at all.
    const other = system === 'crm' ? { 'desk/deactivate': 'completed' } : { 'crm/deactivate': 'not-run' };
    expect(statesOf(status)).toMatchObject({ [`${system}/deactivate`]: 'failed', ...other });
    expect(status.access[system]).toBe('open');
    for (const step of EFFECTS) expect(status.steps[step]!.state).toBe('completed');

    await mischief.mend();
    await must(small, run, 'retry', 'oscar');
    expectCompleted(await ended(small, run));
    expect(await leaverIs()).toEqual(['inactive', 'inactive']);
  } finally {
    await mischief.mend();
  }
});

function expectCompleted(status: Status): void {
  expect(status).toMatchObject({ outcome: 'completed', access: { crm: 'deactivated', desk: 'deactivated' } });
  expect(new Set(Object.values(statesOf(status)))).toEqual(new Set(['completed']));
}

async function leaverIs(): Promise<string[]> {
  const { crm, desk } = small.db;
  const people = await crm.query('select status from people where id = $1', [small.cast.alice.id]);
  const agents = await desk.query('select status from agents where id = 17');
  return [people.rows[0].status, agents.rows[0].status];
}
