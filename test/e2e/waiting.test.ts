/**
 * Who waits, for whom, until when: people are told, reminded and gone past, and the trail keeps each bell
 * that rang. Days are seconds here: the policy takes parts of a day.
 */
import { afterEach, expect, test } from 'vitest';
import type { NoticeEntry } from '../../activities/record.js';
import { DEFAULT_PATIENCE } from '../../domain/patience.js';
import {
  acknowledgeAll,
  agree,
  atRest,
  ended,
  mail,
  must,
  planned,
  type Started,
  start,
  waitFor,
} from '../small-world/drive.js';
import { refuse } from '../small-world/mischief.js';
import { useSmallWorld } from '../small-world/world.js';

const small = useSmallWorld();
afterEach(() => {
  small.world.config.policy.waiting = { ...DEFAULT_PATIENCE };
});

const seconds = (n: number): number => n / 86_400;

/** What rang so far, in its order. */
async function notices({ offboardingId }: Started): Promise<Omit<NoticeEntry, 'kind' | 'number'>[]> {
  const { entries } = await small.world.worker.deps.store.audit.read(offboardingId);
  return entries
    .filter(({ kind }) => kind === 'notice')
    .map(({ body }) => body as unknown as Omit<NoticeEntry, 'kind' | 'number'>);
}
const rung = async (run: Started): Promise<string[]> =>
  (await notices(run)).map(({ notice, on }) => `${notice} ${on}`);

test('a plan that nobody decides on: told, reminded, escalated, expired, and each of it is in the trail', async () => {
  small.world.config.policy.waiting = {
    ...DEFAULT_PATIENCE,
    remindAfterDays: seconds(1),
    escalateAfterDays: seconds(2.5),
    expiresAfterDays: seconds(4.5),
  };
  const run = await start(small);
  const status = await planned(small, run);
  expect(status.waitsFor).toMatchObject({
    on: 'acknowledgement',
    audience: ['operators'],
    since: status.since,
  });
  expect(status.due).toBe(status.waitsFor!.expiresAt);
  expect(Date.parse(status.due!) - Date.parse(status.since)).toBe(4500);

  const report = await small.world.offboardings.result(run.run);
  expect(report).toMatchObject({
    outcome: 'expired',
    sentence: expect.stringMatching(/^Nobody decided within/),
    access: { crm: 'open', desk: 'open' },
  });
  const told = await notices(run);
  expect(told.map(({ notice }) => notice)).toEqual(['waits', 'reminder', 'reminder', 'escalation', 'expiry']);
  expect(told[0]).toMatchObject({
    on: 'acknowledgement',
    state: 'awaiting-approval',
    audience: ['operators'],
    sentence: 'What the plan leaves to people must be acknowledged.',
    since: status.since,
  });
  expect(told[3]!.audience).toEqual(['operators', 'requester', 'approvers']);
});

test('each thing that is waited for asks its own people, once; what was decided is not reminded of', async () => {
  small.world.config.policy.waiting = { ...DEFAULT_PATIENCE, remindAfterDays: seconds(60) };
  const run = await start(small);
  await planned(small, run);
  await acknowledgeAll(small, run);
  const { waitsFor } = await waitFor(small, run, status => status.waitsFor?.told === 1);
  expect(waitsFor).toMatchObject({ on: 'approval', audience: ['approvers'] });
  await agree(small, run);
  const status = await ended(small, run);
  expect(status).toMatchObject({ outcome: 'completed', waiting: null, waitsFor: null, due: null });
  expect(await rung(run)).toEqual(['waits acknowledgement', 'waits approval']);
});

test('what cannot be planned expires too, and a block stays in place', async () => {
  small.world.config.policy.waiting.expiresAfterDays = seconds(1);
  const run = await start(small, { departure: 'unplanned', successor: mail(small, 'ines') });
  const report = await small.world.offboardings.result(run.run);
  expect(report).toMatchObject({
    outcome: 'expired',
    sentence: expect.stringMatching(/^Nobody decided within.* stays blocked in .*crm/),
  });
  expect(await rung(run)).toEqual(['waits correction', 'expiry correction']);
});

test('a parked run escalates again and again and never ends by itself; once retried, nobody is reminded', async () => {
  small.world.config.policy.waiting = {
    ...DEFAULT_PATIENCE,
    expiresAfterDays: seconds(600),
    attention: { remindAfterDays: seconds(0.4), escalateAfterDays: seconds(0.7) },
  };
  const refusal = await refuse(small.db.desk, 'tickets');
  const run = await start(small);
  await planned(small, run);
  await agree(small, run);
  expect((await atRest(small, run)).state).toBe('needs-attention');
  const { waitsFor } = await waitFor(small, run, status => (status.waiting?.told ?? 0) >= 4);
  expect(waitsFor).toMatchObject({ on: 'attention', expiresAt: null, remindsAt: null });
  await refusal.mend();
  await must(small, run, 'retry', 'olivia');
  expect(await ended(small, run)).toMatchObject({ outcome: 'completed', waitsFor: null });
  const told = (await rung(run)).filter(one => one.endsWith('attention'));
  expect(told.slice(0, 4)).toEqual([
    'waits attention',
    'reminder attention',
    'escalation attention',
    'escalation attention',
  ]);
});

test('a paused run asks operators to resume it, and pausing does not put off the expiry of a plan', async () => {
  const run = await start(small);
  const { since } = await planned(small, run);
  const before = (await small.world.offboardings.status(run.run)).waitsFor!.expiresAt;
  await must(small, run, 'pause', 'olivia');
  const { waitsFor, due } = await waitFor(small, run, status => status.waiting?.told === 1);
  expect(waitsFor).toMatchObject({ on: 'resume', audience: ['operators'], expiresAt: before });
  expect(due).toBe(before);
  await must(small, run, 'resume', 'olivia');
  const resumed = await waitFor(small, run, status => status.waiting?.on === 'acknowledgement');
  expect(resumed.since).toBe(since);
  await must(small, run, 'cancel', 'olivia');
  await small.world.offboardings.result(run.run);
  expect(await rung(run)).toEqual(['waits acknowledgement', 'waits resume', 'waits acknowledgement']);
});
