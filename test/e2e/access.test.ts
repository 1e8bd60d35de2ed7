/** Access has one owner per person, whatever became of the run that blocked, and by whichever entry of theirs. */
import { expect, test } from 'vitest';
import type { Status } from '../../workflows/messages.js';
import { mail, must, planned, type Started, start, waitFor } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';

const small = useSmallWorld();

async function standing(): Promise<[crm: string, desk: string]> {
  const { rows: crm } = await small.db.crm.query('select status from people where id = $1', [
    small.cast.alice.id,
  ]);
  const { rows: desk } = await small.db.desk.query('select status from agents where id = $1', [
    small.cast.alice.desk,
  ]);
  return [crm[0].status, desk[0].status];
}

async function closed(run: Started): Promise<Status> {
  const status = await waitFor(small, run, ({ state }) => state === 'closed');
  await small.world.offboardings.result(run.run);
  return status;
}

async function shown(run: Started): Promise<string> {
  const { rows } = await small.db.store.query(
    'select body from handover.certificate_bodies where offboarding = $1 and number = 0',
    [run.offboardingId],
  );
  return rows[0].body as string;
}

async function blocked(): Promise<Started> {
  const run = await start(small, { departure: 'unplanned' });
  expect(await planned(small, run)).toMatchObject({ access: { crm: 'blocked', desk: 'blocked' } });
  return run;
}

test.each([
  [
    'was cancelled, access kept',
    async (first: Started) => {
      await must(small, first, 'cancel', 'olivia', { access: 'keep' });
      await closed(first);
    },
  ],
  [
    'was terminated',
    async (first: Started) => {
      await small.world.offboardings.handle(first.run).terminate('by hand');
    },
  ],
  [
    'was rejected',
    async (first: Started) => {
      const { plan } = await small.world.offboardings.status(first.run);
      await must(small, first, 'reject', 'priya', { plan: plan!.digest });
      await closed(first);
    },
  ],
])(
  'a planned run after one that blocked and %s knows who blocked and when, and gives it back',
  async (_, end) => {
    const first = await blocked();
    await end(first);
    expect(await standing()).toEqual(['suspended', 'locked']);
    const second = await start(small);
    const status = await planned(small, second);
    // Our own block is no inactivity: the plan is the whole of it.
    expect(status.plan).toMatchObject({ mode: 'execute-and-deactivate', modeReason: null });
    expect(status.earlierBlocks?.map(({ system }) => system).sort()).toEqual(['crm', 'desk']);
    for (const block of status.earlierBlocks!)
      expect(block).toMatchObject({
        offboarding: first.offboardingId,
        by: mail(small, 'olivia'),
        open: null,
      });
    await must(small, second, 'cancel', 'olivia', { access: 'restore' });
    expect(await closed(second)).toMatchObject({
      outcome: 'cancelled',
      access: { crm: 'open', desk: 'open' },
    });
    expect(await standing()).toEqual(['active', 'active']);
    expect(JSON.parse(await shown(second)).earlierBlocks).toHaveLength(2);
    // What was given back is nobody's block any more.
    const third = await start(small);
    expect((await planned(small, third)).earlierBlocks).toBeUndefined();
  },
);

test('of two open runs of one person, neither lifts what the other wants blocked', async () => {
  const first = await blocked();
  // The same human being by another entry, and with the same account in the desk.
  const second = await start(small, {
    user: `id:${small.cast.alias.id}`,
    departure: 'unplanned',
    successor: mail(small, 'maya'),
    identities: { desk: { user: [String(small.cast.alice.desk)] } },
  });
  const other = await planned(small, second);
  expect(other.access.desk).toBe('blocked');
  expect(other.earlierBlocks?.map(({ system, open }) => [system, open]).sort()).toEqual([
    ['crm', first.run],
    ['desk', first.run],
  ]);
  expect(other.blockedByUs).toEqual([]);
  // The first one is cancelled: the second still needs the desk blocked.
  await must(small, first, 'cancel', 'olivia', { access: 'restore' });
  const ended = await closed(first);
  expect(ended.sentence).toContain(`another sudden departure of the same person is open (${second.run})`);
  expect(await standing()).toEqual(['suspended', 'locked']);
  // It looks again: the block is its own now, and it gives it back.
  await must(small, second, 'amend', 'olivia', { note: 'looked at again', effectiveAt: '2030-01-01' });
  const again = await waitFor(
    small,
    second,
    ({ plan, state }) => plan?.revision === 2 && state === 'awaiting-approval',
  );
  expect(again.blockedByUs.map(({ system }) => system).sort()).toEqual(['crm', 'desk']);
  await must(small, second, 'cancel', 'olivia', { access: 'restore' });
  await closed(second);
  expect((await standing())[1]).toBe('active');
});
