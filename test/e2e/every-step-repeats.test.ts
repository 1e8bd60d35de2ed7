/**
 * Every activity runs twice with its first result lost, or twice at once. Database and ledger end as after
 * one run.
 */
import { describe, expect, test } from 'vitest';
import { atRest, ended, handOver, must, planned, start, statesOf } from '../small-world/drive.js';
import { refuse } from '../small-world/mischief.js';
import { type Verb, WAYS } from '../small-world/repeated.js';
import { SIZES } from '../small-world/seed.js';
import { useSmallWorld } from '../small-world/world.js';

/** Once per item, whatever ran how often. */
const DONE = {
  'crm/rules': SIZES.rules,
  'crm/accounts': SIZES.accounts,
  'crm/fields': SIZES.fields,
  'crm/tokens': SIZES.tokens,
  'desk/tickets': SIZES.tickets,
  'desk/watchers': SIZES.watchers,
  'desk/teams': SIZES.teams,
};

describe.each(Object.entries(WAYS))('every activity runs %s', (_way, repeated) => {
  const ran = new Map<string, number>();
  const small = useSmallWorld({
    // Two attempts that meet in one transaction wait for each other.
    patience: { locked: 20_000 },
    wrap: activities =>
      Object.fromEntries(
        Object.entries(activities).map(([name, verb]) => [
          name,
          repeated(async (input: never) => {
            ran.set(name, (ran.get(name) ?? 0) + 1);
            return (verb as Verb)(input);
          }),
        ]),
      ),
  });

  test('a whole hand-over counts every item once', async () => {
    const { status, offboardingId } = await handOver(small);
    expect(status.outcome, status.sentence).toBe('completed');
    expect(changed(status.steps)).toEqual(DONE);
    expect(await seen()).toEqual(DONE);
    const { rows } = await small.db.store.query(
      'select count(*)::int as n from handover.certificates where offboarding = $1',
      [offboardingId],
    );
    expect(rows[0].n).toBe(1);
    for (const verb of [
      'introduce',
      'identify',
      'resolveAccounts',
      'look',
      'makePlan',
      'standing',
      'runSteps',
      'deactivate',
      'lookOnceMore',
      'record',
      'closeRun',
    ])
      expect(ran.get(verb), verb).toBeGreaterThan(1);
  });

  test('a step that fails and is tried again counts every item once', async () => {
    const mischief = await refuse(small.db.desk, 'tickets', 'old.number in (2, 3, 8)');
    const run = await handOver(small);
    await mischief.mend();
    expect(statesOf(run.status)).toMatchObject({ 'desk/tickets': 'failed', 'crm/deactivate': 'not-run' });
    expect(run.status.steps['desk/tickets']).toMatchObject({
      changed: SIZES.tickets - 3,
      failed: 3,
      remaining: 3,
    });
    await must(small, run, 'retry', 'olivia');
    const status = await ended(small, run);
    expect(status.outcome, status.sentence).toBe('completed');
    expect(changed(status.steps)).toEqual(DONE);
    expect(await seen()).toEqual(DONE);
  });

  test('a block is set once and lifted once', async () => {
    const run = await start(small, { departure: 'unplanned' });
    expect(await planned(small, run)).toMatchObject({ access: { crm: 'blocked', desk: 'blocked' } });
    await must(small, run, 'cancel', 'olivia', { access: 'restore' });
    expect(await atRest(small, run)).toMatchObject({ outcome: 'cancelled' });
    await small.world.offboardings.result(run.run);
    const { rows } = await small.db.crm.query(
      `select new_row ->> 'status' as status from moves_seen where tbl = 'people' and new_row ->> 'id' = $1 order by seq`,
      [small.cast.alice.id],
    );
    expect(rows).toEqual([{ status: 'suspended' }, { status: 'active' }]);
  });

  async function seen(): Promise<Record<string, number>> {
    const count = async (system: 'crm' | 'desk', table: string): Promise<number> => {
      const { rows } = await small.db[system].query(
        `select count(*)::int as n from moves_seen where app = 'handover' and tbl = $1`,
        [table],
      );
      return rows[0].n as number;
    };
    return {
      'crm/rules': await count('crm', 'assignment_rules'),
      'crm/accounts': await count('crm', 'accounts'),
      'crm/fields': await count('crm', 'fields'),
      'crm/tokens': await count('crm', 'tokens'),
      'desk/tickets': await count('desk', 'tickets'),
      'desk/watchers': await count('desk', 'watchers'),
      'desk/teams': await count('desk', 'team_members'),
    };
  }
});

function changed(steps: Record<string, { changed: number }>): Record<string, number> {
  return Object.fromEntries(Object.keys(DONE).map(step => [step, steps[step]!.changed]));
}
