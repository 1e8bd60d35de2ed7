/**
 * What comes after one run is handing over to somebody while another run wants to switch them off: nobody is
 * switched off before the last of it has come, and what came is handed over as everything else.
 */
import { expect, test } from 'vitest';
import { agree, ended, handOver, mail, planned, type Started, start, waitFor } from '../small-world/drive.js';
import { type Mischief, trap } from '../small-world/mischief.js';
import { useSmallWorld } from '../small-world/world.js';
import { cover } from './covers.js';
import { long, sweepOf } from './sweeps.js';

// A switch waits longer for whoever is still at work than for other locks in these tests.
const small = useSmallWorld({
  change: config => {
    long(config);
    // All that comes while a run is under way follows its rules, however much of it has come by its plan.
    config.policy.drift = { floor: 100, percent: 5 };
  },
  patience: { locked: 60_000 },
});

const FIRST = 985_001;
const LAST = 985_010;

/** Accounts that were not there before, for whoever is to have them. */
async function accountsFor(id: string): Promise<void> {
  await small.db.crm.query(
    `insert into accounts (id, name, owner_id, region)
     select n, 'straggler', $1, 'north' from generate_series($2::int, $3::int) n`,
    [id, FIRST, LAST],
  );
}

/** Each of those takes so long to leave this owner that a few pages take longer than a small run. */
async function slowlyFrom(id: string): Promise<Mischief> {
  const when = `old.id between ${FIRST} and ${LAST} and old.owner_id = ${id}`;
  return trap(small.db.crm, 'accounts', 'perform pg_sleep(2.2);', { when });
}

async function underWay(): Promise<void> {
  const asleep = `select from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'`;
  await expect
    .poll(async () => (await small.db.crm.query(asleep)).rowCount, { timeout: 20_000 })
    .toBeGreaterThan(0);
}

async function ownersOf(): Promise<Record<string, number>> {
  const { rows } = await small.db.crm.query(
    'select owner_id::text as owner, count(*)::int as n from accounts where id between $1 and $2 group by 1',
    [FIRST, LAST],
  );
  return Object.fromEntries(rows.map(({ owner, n }) => [owner, n]));
}

async function offboarded(run: Started): Promise<string> {
  await planned(small, run);
  await agree(small, run);
  const status = await ended(small, run);
  expect(status, status.sentence).toMatchObject({ outcome: 'completed' });
  return status.sentence;
}

const register = async (): Promise<string[]> =>
  (await small.db.store.query('select workflow from handover.open_runs')).rows.map(row => row.workflow);

test('a sweep that hands over to somebody: they are switched off once it is through', async () => {
  const { offboardingId } = await handOver(small);
  const sweep = await sweepOf(small, offboardingId);
  const { alice, maya, bob } = small.cast;
  const slow = await slowlyFrom(alice.id);
  await accountsFor(alice.id);
  await underWay();
  await offboarded(
    await start(small, { user: mail(small, 'maya'), successor: mail(small, 'bob'), systems: ['crm'] }),
  );
  expect(await ownersOf()).toEqual({ [bob.id]: LAST - FIRST + 1 });
  await sweep.until(({ moved }) => moved === LAST - FIRST + 1);
  await slow.mend();
  expect(await register()).toEqual([]);
  expect(maya.id).not.toBe(bob.id);
}, 120_000);

test('a give-back to somebody: they are switched off once it is through, and the rest stays', async () => {
  await accountsFor(small.cast.alice.id);
  const { back } = await cover(small, { systems: ['crm'] });
  const { alice, maya, bob } = small.cast;
  const slow = await slowlyFrom(maya.id);
  await back.send('amend', 'olivia', { giveBackAt: 'now' });
  await back.agree();
  await underWay();
  const run = await start(small, { successor: mail(small, 'bob'), systems: ['crm'] });
  await offboarded(run);
  const owners = await ownersOf();
  expect(owners[alice.id]).toBeUndefined();
  const parked = await back.until(({ state }) => state === 'needs-attention');
  expect(parked.sentence).toContain('is being offboarded');
  expect(await ownersOf()).toEqual(owners);
  await slow.mend();
  expect(owners).toMatchObject({ [bob.id]: expect.any(Number) });
  await waitFor(small, run, ({ state }) => state === 'closed');
  expect(await register()).toEqual([]);
}, 120_000);
