/**
 * Locks. Whoever holds a row, a table or half of a deadlock delays the run; nobody is hurt, nothing is lost
 * and nothing is done twice. The catalogs' `lock_timeout` is 300 ms, so a second of holding is three
 * refusals: what minutes are in production, shrunk. The long form holds one row for 70 real seconds.
 */
import type pg from 'pg';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { atRest, ended, must, type Started, start, statesOf, waitFor } from '../../small-world/drive.js';
import { trap } from '../../small-world/mischief.js';
import { useSmallWorld } from '../../small-world/world.js';
import { LONG } from './long.js';
import { agreed, approvedButHeld, leaverIs, release, waitsForLock } from './scenes.js';

const SHORT_MS = 2_000;
const LONG_MS = 70_000;

describe('a run that is patient', () => {
  // Minutes in production.
  const small = useSmallWorld({ patience: { locked: 120_000 } });
  const holders: pg.PoolClient[] = [];
  const hold = async (system: 'crm' | 'desk', sql: string): Promise<pg.PoolClient> => {
    const client = await small.db[system].connect();
    holders.push(client);
    await client.query('begin');
    await client.query(sql);
    return client;
  };
  afterEach(async () => {
    for (const client of holders.splice(0)) client.release(true);
  });

  test.each([
    ['crm/rules', 'crm', 'assignment_rules'],
    ['desk/tickets', 'desk', 'tickets'],
    ['crm/tokens', 'crm', 'tokens'],
  ] as const)(
    'one row of %s is held for long: it is waited for, and everything moves once',
    async (step, system, table) => {
      const owner = { assignment_rules: 'assignee_id', tickets: 'assignee_id', tokens: 'person_id' }[table];
      const id = system === 'crm' ? small.cast.alice.id : 17;
      const holder = await hold(
        system,
        `select from ${table} where ctid = (select min(ctid) from ${table} where ${owner} = ${id}) for update`,
      );
      const run = await agreed(small);
      await waitsForLock(small.db[system]);
      await pause(SHORT_MS);
      const during = await small.world.offboardings.status(run.run);
      expect(during).toMatchObject({ state: 'executing', steps: { [step]: { state: 'running' } } });
      expect(await leaverIs(small)).toEqual(['active', 'active']);
      await holder.query('rollback');
      expect(await ended(small, run)).toMatchObject({
        outcome: 'completed',
        steps: { [step]: { failed: 0 } },
      });
    },
  );

  test('the leaver’s own row is held while they are to be switched off', async () => {
    const holder = await hold('desk', 'select from agents where id = 17 for update');
    const run = await agreed(small);
    await waitFor(small, run, one => one.state === 'deactivating');
    await waitsForLock(small.db.desk);
    await pause(1_000);
    expect(await leaverIs(small)).toEqual(['active', 'active']);
    await holder.query('rollback');
    expect(await ended(small, run)).toMatchObject({ outcome: 'completed' });
  });

  test('a migration holds a whole table while the approved world is looked at again', async () => {
    const run = await approvedButHeld(small);
    const holder = await hold('desk', 'lock table tickets in access exclusive mode');
    await release(small, run);
    await waitsForLock(small.db.desk);
    await pause(SHORT_MS);
    await holder.query('rollback');
    // Nothing has changed, so nobody is asked again.
    expect(await atRest(small, run)).toMatchObject({ state: 'closed', outcome: 'completed', revision: 1 });
  });

  test('a migration holds a whole table before there is a plan', async () => {
    const holder = await hold('desk', 'lock table watchers in access exclusive mode');
    const run = await start(small);
    await waitsForLock(small.db.desk);
    await pause(1_000);
    expect(await small.world.offboardings.status(run.run)).toMatchObject({ state: 'preparing' });
    await holder.query('rollback');
    expect(await atRest(small, run)).toMatchObject({ state: 'awaiting-approval', revision: 1 });
  });

  test('a migration takes a whole table in the middle of the steps', async () => {
    const slow = await trap(small.db.crm, 'assignment_rules', 'perform pg_sleep(0.4);');
    const run = await agreed(small);
    await waitFor(small, run, one => one.steps['crm/rules']?.state === 'running');
    const holder = await hold('desk', 'lock table tickets in access exclusive mode');
    await waitsForLock(small.db.desk);
    await pause(SHORT_MS);
    expect(await small.world.offboardings.status(run.run)).toMatchObject({ state: 'executing' });
    await holder.query('rollback');
    expect(await ended(small, run)).toMatchObject({ outcome: 'completed' });
    await slow.mend();
  });

  test('a migration takes a whole table between the move and the proof', async () => {
    // The last step of the desk sleeps before its rows go; its neighbours are done by then.
    const slow = await trap(small.db.crm, 'tokens', 'perform pg_sleep(0.4);');
    const run = await agreed(small);
    await waitFor(small, run, one => one.steps['desk/teams']?.state === 'completed');
    const holder = await hold('desk', 'lock table tickets in access exclusive mode');
    await waitsForLock(small.db.desk);
    await pause(1_000);
    expect(await leaverIs(small)).toEqual(['active', 'active']);
    await holder.query('rollback');
    expect(await ended(small, run)).toMatchObject({ outcome: 'completed' });
    await slow.mend();
  });

  test.runIf(LONG)(`one row is held for ${LONG_MS / 1000} seconds`, { timeout: 180_000 }, async () => {
    const holder = await hold('desk', 'select from tickets where number = 3 for update');
    const run = await agreed(small);
    await waitsForLock(small.db.desk);
    await pause(LONG_MS);
    await holder.query('rollback');
    const status = await waitFor(
      small,
      run,
      one => one.state === 'closed' || one.state === 'needs-attention',
      60_000,
    );
    expect(status).toMatchObject({
      outcome: 'completed',
      steps: { 'desk/tickets': { changed: 9, failed: 0 } },
    });
    await small.world.offboardings.result(run.run);
  });

  describe('deadlocks', () => {
    beforeAll(async () => {
      // Sooner than our lock_timeout, so that it is the database that ends one side.
      const { rows } = await small.db.crm.query('select current_database() as name');
      await small.db.crm.query(`alter database ${rows[0].name} set deadlock_timeout = '200ms'`);
      await small.db.crm.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'handover'`,
      );
    });

    test.each([
      ['us', '10s'],
      ['them', '10ms'],
    ])(
      'another transaction takes the same rows in the opposite order, and the database ends %s',
      async (victim, theirTimeout) => {
        const { rows } = await small.db.crm.query(
          `select id::text from accounts where owner_id = $1 and status = 'active' order by id`,
          [small.cast.alice.id],
        );
        const [first, , , fourth] = rows.map(row => row.id as string);
        const before = await deadlocks(small.db.crm);
        const other = await hold('crm', `set local deadlock_timeout = '${theirTimeout}'`);
        // The first page is four keys long and goes up: its last row is ours first.
        await other.query('update accounts set name = name where id = $1', [fourth]);
        const run = await agreed(small);
        await waitsForLock(small.db.crm, 2);
        const theirs = await other.query('update accounts set name = name where id = $1', [first]).then(
          () => 'went through',
          (error: { code?: string }) => error.code,
        );
        expect(theirs).toBe(victim === 'us' ? 'went through' : '40P01');
        await other.query(victim === 'us' ? 'commit' : 'rollback');
        expect(await ended(small, run)).toMatchObject({
          outcome: 'completed',
          steps: { 'crm/accounts': { changed: 9, failed: 0 } },
        });
        await expect
          .poll(() => deadlocks(small.db.crm), { timeout: 15_000, interval: 200 })
          .toBeGreaterThan(before);
      },
    );
  });
});

describe('a run that loses its patience', () => {
  const small = useSmallWorld();

  test('a row that stays held fails its step by name, stops only what depends on it, and retry finishes', async () => {
    const holder = await small.db.desk.connect();
    let run: Started;
    try {
      await holder.query('begin; select from tickets where number = 3 for update');
      run = await agreed(small);
      const status = await ended(small, run);
      expect(statesOf(status)).toMatchObject({
        'desk/tickets': 'failed',
        'crm/accounts': 'completed',
        'desk/deactivate': 'not-run',
        'crm/deactivate': 'not-run',
      });
      expect(status.steps['desk/tickets']!.message).toMatch(/another session holds a lock/);
      // Only the batch with the row stays where it is.
      expect(status.steps['desk/tickets']!.changed).toBeGreaterThanOrEqual(5);
      expect(await leaverIs(small)).toEqual(['active', 'active']);
    } finally {
      await holder.query('rollback');
      holder.release();
    }
    await must(small, run, 'retry', 'olivia');
    expect(await ended(small, run)).toMatchObject({
      outcome: 'completed',
      steps: { 'desk/tickets': { changed: 9 } },
    });
  });
});

async function deadlocks(db: pg.Pool): Promise<number> {
  const { rows } = await db.query(
    'select deadlocks::int as n from pg_stat_database where datname = current_database()',
  );
  return rows[0].n as number;
}

/** The length of a hold is what these tests are about. */
function pause(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms));
}
