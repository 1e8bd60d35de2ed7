/** Cover: handed over now, and given back on a date that can be changed, as far as the cover still holds it. */
import { randomUUID } from 'node:crypto';
import { beforeEach, expect, test } from 'vitest';
import type { GiveBackStatus } from '../../domain/give-back-view.js';
import { LONG_LIVED } from '../../domain/limits.js';
import { connectTemporal } from '../../runtime/temporal.js';
import { record } from '../replay/histories.js';
import { agree, ended, planned, start } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';
import { type Back, backOf, cover, LATER, movedBetween, ownersIn, takeOver } from './covers.js';

const small = useSmallWorld();

// What a successor had as well was taken away as a row: whoever gives it back inserts it again.
beforeEach(() => small.db.desk.query(`grant insert on watchers to ${small.role}`));

test('what the cover still holds is planned, approved and given back on the date', async () => {
  const before = await ownersIn(small, 'accounts', 'owner_id');
  const { status, back } = await cover(small);
  expect(status).toMatchObject({
    outcome: 'completed',
    sentence: expect.stringContaining('as cover until 2030-03-31 18:00 Europe/Berlin'),
  });
  const between = await ownersIn(small, 'accounts', 'owner_id');
  const moved = [...before].filter(([key, owner]) => between.get(key) !== owner);
  expect(moved.length).toBeGreaterThan(2);
  expect(await back.status()).toMatchObject({ state: 'waiting', due: '2030-03-31T16:00:00.000Z' });
  // Summer begins in between: the clocks there are meant.
  const earlier = { giveBackAt: '2028-03-26T18:00[Europe/Berlin]' };
  expect(await back.send('amend', 'olivia', earlier)).toMatchObject({ verdict: 'accepted' });
  await back.until(({ due }) => due === '2028-03-26T16:00:00.000Z');
  expect(await back.send('amend', 'olivia', { giveBackAt: 'soon' })).toMatchObject({ verdict: 'refused' });
  expect(await back.send('amend', 'olivia', { giveBackAt: 'now' })).toMatchObject({ verdict: 'accepted' });
  const planned = await back.agree();
  expect(planned.back!.holdings).toContainEqual(
    expect.objectContaining({
      step: 'crm/accounts',
      count: moved.length,
      from: [{ label: small.cast.maya.name, count: moved.length }],
      stays: [],
    }),
  );
  expect(await back.result()).toMatchObject({ state: 'closed', outcome: 'given-back', addenda: [1] });
  expect(await ownersIn(small, 'accounts', 'owner_id')).toEqual(before);
  await record('give-back', small.world.offboardings.handle(back.id), [small.password]);
});

test('what somebody else has by now stays with them, and is counted in the plan or when it comes to it', async () => {
  const before = await ownersIn(small, 'accounts', 'owner_id');
  const { back } = await cover(small);
  const between = await ownersIn(small, 'accounts', 'owner_id');
  const [early, late, ...others] = movedBetween(before, between);
  const { id: bob } = small.cast.bob;
  await takeOver(small, early!, 'bob');
  await back.send('amend', 'olivia', { giveBackAt: 'now' });
  const planned = await back.until(({ state }) => state === 'awaiting-approval');
  expect(planned.back!.holdings).toContainEqual(
    expect.objectContaining({
      step: 'crm/accounts',
      count: others.length + 1,
      stays: [{ why: expect.stringContaining('somebody else has it'), count: 1 }],
    }),
  );
  await takeOver(small, late!, 'bob');
  await back.agree();
  expect(await back.result()).toMatchObject({
    outcome: 'given-back',
    sentence: expect.stringContaining('1 item had moved on meanwhile.'),
    steps: { 'crm/accounts': { state: 'completed', changed: others.length, taken: 1 } },
  });
  const after = await ownersIn(small, 'accounts', 'owner_id');
  for (const key of others) expect(after.get(key)).toBe(before.get(key));
  for (const key of [early!, late!]) expect(after.get(key)).toBe(String(bob));
});

test('who comes back, who asked and who changed the date approve nothing; nobody approves a plan that is old', async () => {
  const { back } = await cover(small);
  await back.send('amend', 'olivia', { giveBackAt: 'now' });
  const { back: plan } = await back.until(({ state }) => state === 'awaiting-approval');
  const approve = { plan: plan!.digest };
  for (const who of ['alice', 'alias', 'olivia', 'maya'] as const)
    expect(await back.send('approve', who, approve)).toMatchObject({ verdict: 'refused' });
  expect(await back.send('approve', 'priya', { plan: 'a'.repeat(12) })).toMatchObject({
    verdict: 'refused',
    sentence: expect.stringContaining('the plan is now revision 1'),
  });
  expect(await back.send('amend', 'olivia', { giveBackAt: LATER })).toMatchObject({ verdict: 'accepted' });
  expect(await back.until(({ state }) => state === 'waiting')).toMatchObject({ back: null });
  expect(await back.send('approve', 'priya', approve)).toMatchObject({
    verdict: 'refused',
    sentence: expect.stringContaining('it waits for its date'),
  });
  expect(await back.send('cancel', 'olivia')).toMatchObject({ verdict: 'accepted' });
  expect(await back.result()).toMatchObject({ outcome: 'cancelled', steps: {} });
});

test('whoever was away and is no longer active is given nothing', async () => {
  const { back } = await cover(small);
  const between = await ownersIn(small, 'accounts', 'owner_id');
  await small.db.crm.query(`update people set status = 'inactive' where id = $1`, [small.cast.alice.id]);
  await back.send('amend', 'olivia', { giveBackAt: 'now' });
  expect(await back.result()).toMatchObject({
    outcome: 'not-back',
    sentence: 'Alice Anders is not active in the directory: nothing is given back.',
  });
  expect(await ownersIn(small, 'accounts', 'owner_id')).toEqual(between);
});

/** All but what a right is missing for goes back. */
async function givenBackHalf(back: Back): Promise<GiveBackStatus> {
  await small.db.desk.query(`revoke insert on watchers from ${small.role}`);
  await back.send('amend', 'olivia', { giveBackAt: 'now' });
  await back.agree();
  return back.until(({ state }) => state === 'needs-attention');
}

test('what a right is missing for parks it by name, and is planned and approved again once that is mended', async () => {
  const { back } = await cover(small);
  const parked = await givenBackHalf(back);
  expect(parked.sentence).toContain('permission denied for table watchers');
  expect(parked.steps).toMatchObject({
    'crm/accounts': { state: 'completed' },
    'desk/watchers': { state: 'failed' },
  });
  await small.db.desk.query(`grant insert on watchers to ${small.role}`);
  expect(await back.send('retry', 'olivia')).toMatchObject({ verdict: 'accepted' });
  const again = await back.agree();
  expect(again.back!.holdings.filter(({ count }) => count > 0).map(({ step }) => step)).toEqual([
    'desk/watchers',
  ]);
  expect(await back.result()).toMatchObject({ outcome: 'given-back' });
});

test('whoever was suspended since the plan is given nothing, and a date that is set then is kept', async () => {
  const { back } = await cover(small);
  const between = await ownersIn(small, 'accounts', 'owner_id');
  await back.send('amend', 'olivia', { giveBackAt: 'now' });
  await back.until(({ state }) => state === 'awaiting-approval');
  await small.db.crm.query(`update people set status = 'suspended' where id = $1`, [small.cast.alice.id]);
  await back.agree();
  const parked = await back.until(({ state }) => state === 'needs-attention');
  expect(parked.sentence).toContain('Alice');
  expect(await ownersIn(small, 'accounts', 'owner_id')).toEqual(between);
  // In one breath, in whichever order they come.
  const date = back.send('amend', 'olivia', { giveBackAt: LATER });
  await Promise.all([date, back.send('retry', 'olivia')]);
  expect(await date).toMatchObject({ verdict: 'accepted' });
  await back.until(({ state, due }) => state === 'waiting' && due === '2030-03-31T16:00:00.000Z');
});

test('what was given back and came to the cover once more is not given back again with the rest', async () => {
  const before = await ownersIn(small, 'accounts', 'owner_id');
  const { back } = await cover(small);
  const between = await ownersIn(small, 'accounts', 'owner_id');
  const [passed] = movedBetween(before, between);
  await givenBackHalf(back);
  await takeOver(small, passed!, 'maya');
  await small.db.desk.query(`grant insert on watchers to ${small.role}`);
  expect(await back.send('retry', 'olivia')).toMatchObject({ verdict: 'accepted' });
  const { back: plan } = await back.agree();
  expect(plan!.holdings).toContainEqual(
    expect.objectContaining({
      step: 'crm/accounts',
      count: 0,
      stays: expect.arrayContaining([{ why: expect.stringContaining('somebody else has it'), count: 1 }]),
    }),
  );
  expect(await back.result()).toMatchObject({ outcome: 'given-back' });
  expect((await ownersIn(small, 'accounts', 'owner_id')).get(passed!)).toBe(small.cast.maya.id);
});

test('whoever is no longer active when the rest is planned is told what was given back before', async () => {
  const { back } = await cover(small);
  const parked = await givenBackHalf(back);
  const returned = Object.values(parked.steps).reduce((sum, { changed }) => sum + changed, 0);
  expect(returned).toBeGreaterThan(2);
  await small.db.crm.query(`update people set status = 'inactive' where id = $1`, [small.cast.alice.id]);
  expect(await back.send('retry', 'olivia')).toMatchObject({ verdict: 'accepted' });
  expect(await back.result()).toMatchObject({
    outcome: 'not-back',
    sentence: expect.stringContaining(`nothing is given back. Before that: ${returned} items given back.`),
  });
});

test('one that somebody starts by hand is refused, and touches nothing of what it names', async () => {
  const { back, offboardingId } = await cover(small);
  const { giveBackId: _, ...own } = await back.status();
  await back.send('cancel', 'olivia');
  await back.result();
  const { offboardings, config } = small.world;
  const temporal = await connectTemporal(config.temporal);
  const begin = async (more: object, workflowId = offboardings.ids.giveBack(offboardingId)) => {
    const handle = await temporal.workflow.start('giveBack', {
      taskQueue: config.temporal.taskQueue,
      workflowId,
      args: [{ ...own, giveBackId: randomUUID(), ...more }],
    });
    const error = await handle.result().then(
      () => null,
      (failed: Error) => failed.cause as Error,
    );
    return error?.message;
  };
  const refused = expect.stringContaining('a give-back is started by the offboarding before it');
  // Whoever asks for it approves nothing: they must be who the certificate says.
  expect(await begin({ requester: { ...own.requester, id: '1' } })).toEqual(refused);
  expect(await begin({ policy: { ...own.policy, requesterMayApprove: true } })).toEqual(refused);
  expect(await begin({ due: '2026-01-01T00:00:00.000Z' })).toEqual(refused);
  expect(await begin({}, offboardings.ids.giveBack(randomUUID()))).toEqual(refused);
  expect(await begin({ plan: 'none' })).toEqual(expect.stringContaining('by nobody by hand'));
  await temporal.connection.close();
});

test('a flood while it waits for approval is lived within: it goes on in a fresh execution', async () => {
  const { back } = await cover(small);
  await back.send('amend', 'olivia', { giveBackAt: 'now' });
  const { offboardings } = small.world;
  const handle = offboardings.handle(back.id);
  await back.until(({ state }) => state === 'awaiting-approval');
  const { runId: first } = await handle.describe();
  let sent = 0;
  const next = async (): Promise<void> => {
    while (sent++ < LONG_LIVED.signals + 100) await offboardings.tell(back.id, 'no-such-message', {});
  };
  await Promise.all(Array.from({ length: 50 }, next));
  await expect.poll(async () => (await handle.describe()).runId, { timeout: 120_000 }).not.toBe(first);
  const waiting = await back.status();
  expect(waiting).toMatchObject({ state: 'awaiting-approval', waits: { on: 'approval', told: 1 } });
  await back.agree();
  expect(await back.result()).toMatchObject({ outcome: 'given-back' });
}, 300_000);

test('whatever else runs under its id when the run closes gives way', async () => {
  const run = await start(small, { mode: 'execute-only', giveBackAt: LATER });
  await planned(small, run);
  const { offboardings, config } = small.world;
  const temporal = await connectTemporal(config.temporal);
  const workflowId = offboardings.ids.giveBack(run.offboardingId);
  await temporal.workflow.start('whatever', { taskQueue: 'nobody-polls', workflowId });
  await agree(small, run);
  await ended(small, run);
  await temporal.connection.close();
  const back = await backOf(small, run.offboardingId).until(({ state }) => state === 'waiting');
  expect(back.due).toBe('2030-03-31T16:00:00.000Z');
});
