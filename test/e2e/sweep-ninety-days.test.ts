/**
 * Ninety days of a sweep in seconds, on Temporal's time-skipping server: when it looks, whom it tells, and how
 * long its histories grow. What it would find is made up here; what it does with it is tested on real systems.
 */
import { randomUUID } from 'node:crypto';
import type { WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { LookAtBombsInput } from '../../activities/bombs.js';
import type { CloseRoundInput, SweepLook } from '../../activities/sweep.js';
import type { BombSeen, Keeper } from '../../domain/bombs.js';
import { idsOf } from '../../domain/ids.js';
import { LONG_LIVED } from '../../domain/limits.js';
import type { Sweep, SweepInput, SweepPolicy } from '../../domain/sweep.js';
import { findTestServer } from '../../runtime/embedded/temporal-cli.js';
import { searchAttributes } from '../../runtime/search-attributes.js';
import { payloadConverterPath } from '../../runtime/temporal.js';
import { workflowBundle } from '../../workers/bundle.js';
import { bundleCache } from '../support/world.js';

const DAY = 86_400_000;
/** As the proto has them. */
const KINDS = { Text: 1, Keyword: 2, Int: 3, Double: 4, Bool: 5, Datetime: 6 } as const;

let env: TestWorkflowEnvironment;

beforeAll(async () => {
  const { path } = await findTestServer({ say: () => {} });
  env = await TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: { type: 'existing-path', path } },
    client: { dataConverter: { payloadConverterPath } },
  });
  await env.connection.operatorService.addSearchAttributes({
    namespace: env.namespace ?? 'default',
    searchAttributes: Object.fromEntries(
      Object.entries(searchAttributes).map(([name, kind]) => [name, KINDS[kind]]),
    ),
  });
}, 120_000);

afterAll(() => env?.teardown());

interface Life {
  sweep: Sweep;
  /** Days after the switch, of every look. */
  looks: number[];
  /** Days of the looks at what is about to act, and at what. */
  watched: [day: number, keys: string[]][];
  /** Notices with their day and whether approvers are told. */
  told: [notice: string, day: number, approvers: boolean][];
  /** Events of each execution, oldest first. */
  lengths: number[];
}

/** A whole life of a sweep; `found` says what a look finds on a day. */
async function lived(
  policy: SweepPolicy,
  found: (day: number) => Partial<SweepLook> = () => ({}),
  /** Days after the switch on which something acts by itself, and whose it is when that is looked at. */
  acting: { days: number[]; keeper(day: number, again: boolean): Keeper } | null = null,
  /** What others do before the first day is over. */
  meanwhile: (sweep: WorkflowHandle) => Promise<void> = async () => {},
): Promise<Life> {
  const offboardingId = randomUUID();
  const workflowId = idsOf('handover').sweep(offboardingId);
  const taskQueue = `sweep-${offboardingId}`;
  const began = await env.currentTimeMs();
  const today = async (): Promise<number> =>
    Math.round((((await env.currentTimeMs()) - began) / DAY) * 100) / 100;
  const looks: number[] = [];
  const watched: Life['watched'] = [];
  const told: Life['told'] = [];
  const bombs = (acting?.days ?? []).map(day => ({
    step: 'desk/callbacks',
    at: new Date(began + day * DAY).toISOString(),
    keys: [`call-${day}`],
    count: 1,
  }));
  const activities = {
    openSweep: async () => ({ refused: null, bombs }),
    async lookAtBombs(input: LookAtBombsInput): Promise<{ seen: BombSeen[] }> {
      const day = await today();
      const keys = input.bombs.flatMap(one => one.keys);
      const again = watched.some(([, before]) => before.join() === keys.join());
      watched.push([day, keys]);
      const keeper = acting!.keeper(day, again);
      const as = { step: 'desk/callbacks', title: 'Callbacks', keeper };
      return { seen: input.bombs.map(({ keys: [key], at }) => ({ ...as, key: key!, at })) };
    },
    async sweepLook(): Promise<SweepLook> {
      const day = await today();
      looks.push(day);
      return { aside: false, again: [], due: [], questions: [], ...found(day) };
    },
    closeRound: async ({ questions, round }: CloseRoundInput) => ({
      addendum: questions.length > 0 ? round : null,
      moved: 0,
    }),
    async record({ entries }: { entries: { notice?: string; audience?: string[] }[] }) {
      const day = await today();
      for (const { notice, audience } of entries)
        if (notice) told.push([notice, day, audience!.includes('approvers')]);
    },
    endSweep: async () => ({ addendum: null, moved: 0 }),
  };
  const worker = await Worker.create({
    connection: env.nativeConnection,
    namespace: env.namespace,
    taskQueue,
    workflowBundle: { codePath: await workflowBundle(bundleCache) },
    dataConverter: { payloadConverterPath },
    activities,
  });
  const input: SweepInput = {
    sweepId: randomUUID(),
    offboardingId,
    of: 'offboarding/17',
    leaver: { id: '17', name: 'Alice Anders', human: 'P1' },
    plan: 'a'.repeat(64),
    approved: true,
    policy,
    patience: { remindAfterDays: 3, escalateAfterDays: 14 },
    off: ['crm'],
    waived: {},
    seen: {},
    began: new Date(began).toISOString(),
  };
  const sweep = (await worker.runUntil(async () => {
    const handle = await env.client.workflow.start('sweepStragglers', {
      taskQueue,
      workflowId,
      args: [input],
    });
    await meanwhile(handle);
    return handle.result();
  })) as Sweep;
  return { sweep, looks, watched, told, lengths: await lengthsOf(workflowId) };
}

/** The server knows no list: each execution names the one before it. */
async function lengthsOf(workflowId: string): Promise<number[]> {
  const lengths: number[] = [];
  let runId: string | undefined;
  do {
    const { events } = await env.client.workflow.getHandle(workflowId, runId).fetchHistory();
    lengths.unshift(events!.length);
    const [first] = events!;
    runId = first!.workflowExecutionStartedEventAttributes!.continuedExecutionRunId || undefined;
  } while (runId);
  return lengths;
}

/** Of a round that finds nothing: measured 22. */
const EVENTS = 25;

const SHIPPED: SweepPolicy = {
  rhythm: [
    { everyDays: 1, forDays: 7 },
    { everyDays: 7, forDays: 90 },
  ],
  returns: 3,
};
const WEEKS = [1, 2, 3, 4, 5, 6, 7, 14, 21, 28, 35, 42, 49, 56, 63, 70, 77, 84];

test('daily for a week, then weekly until day 90, in one short history; then it ends by itself', async () => {
  const { sweep, looks, told, lengths } = await lived(SHIPPED);
  expect(looks.map(Math.round)).toEqual(WEEKS);
  expect(sweep).toMatchObject({ state: 'closed', outcome: 'ended', round: WEEKS.length, open: [] });
  expect(told).toEqual([]);
  expect(lengths).toHaveLength(1);
  expect(lengths[0]).toBeLessThan(WEEKS.length * EVENTS);
}, 60_000);

test('what nobody answers is told, reminded and escalated for ninety days, and holds up no round', async () => {
  const question = { subject: 'crm/approvals', says: '1 came.', mark: 'm' };
  const { sweep, looks, told } = await lived(SHIPPED, day => (day >= 2 ? { questions: [question] } : {}));
  expect(looks.map(Math.round)).toEqual(WEEKS);
  expect(sweep).toMatchObject({ outcome: 'ended', open: [question], addenda: [2] });
  expect(told.map(([notice, day, approvers]) => [notice, Math.round(day), approvers])).toEqual([
    ['waits', 2, false],
    ['reminder', 5, false],
    ['reminder', 8, false],
    ['reminder', 11, false],
    ['reminder', 14, false],
    ...[16, 30, 44, 58, 72].map(day => ['escalation', day, true]),
  ]);
}, 60_000);

test('a round that cannot look is put to people, is written down, and the next one answers it', async () => {
  const away = (day: number): Partial<SweepLook> => {
    if (day === 2 || day === 3)
      throw ApplicationFailure.nonRetryable('The directory is away.', 'unreachable');
    return {};
  };
  const { sweep, looks, told } = await lived(SHIPPED, away);
  expect(looks.length).toBe(18);
  expect(told).toEqual([['waits', 2, false]]);
  expect(sweep).toMatchObject({ outcome: 'ended', open: [], waits: null });
});

test('a rhythm of hours goes on in fresh executions, none of them long, and no round is lost or doubled', async () => {
  const { sweep, looks, lengths } = await lived({ rhythm: [{ everyDays: 0.5, forDays: 90 }], returns: 3 });
  expect(looks).toEqual(Array.from({ length: 180 }, (_, n) => (n + 1) / 2));
  expect(sweep).toMatchObject({ outcome: 'ended', round: 180 });
  expect(lengths.length).toBeGreaterThanOrEqual(6);
  // Thirty rounds, and what opens and ends an execution.
  expect(Math.max(...lengths)).toBeLessThan(31 * EVENTS);
}, 60_000);

test('a flood between two rounds is lived within: it goes on in a fresh execution, and no round is lost', async () => {
  let sent = 0;
  const { sweep, looks, lengths } = await lived(SHIPPED, undefined, null, async handle => {
    const next = async (): Promise<void> => {
      while (sent++ < LONG_LIVED.signals + 500) await handle.signal('retry', { nobody: true });
    };
    await Promise.all(Array.from({ length: 50 }, next));
    // While the first round is still a day away.
    await expect
      .poll(async () => (await lengthsOf(handle.workflowId)).length, { timeout: 60_000 })
      .toBeGreaterThan(1);
  });
  expect(lengths.length).toBe(2);
  expect(looks.map(Math.round)).toEqual(WEEKS);
  expect(sweep).toMatchObject({ outcome: 'ended', decided: LONG_LIVED.signals + 500, round: WEEKS.length });
}, 180_000);

test('somebody who is switched on again on day 40 ends it then', async () => {
  const { sweep, looks, told } = await lived(SHIPPED, day => ({ again: day >= 40 ? ['crm'] : [] }));
  expect(told).toEqual([['switched-on-again', expect.closeTo(42, 0), true]]);
  expect(looks.at(-1)).toBeCloseTo(42, 0);
  expect(sweep).toMatchObject({ outcome: 'switched-on-again' });
}, 60_000);

const MAYA: Keeper = { kind: 'somebody', name: 'Maya', active: true };
const HOUR = 1 / 24;

test('what acts by itself is looked at an hour before, also after the last round, and no round is missed', async () => {
  const days = [10, 10 + HOUR / 2, 88];
  const { sweep, looks, watched, told } = await lived(SHIPPED, () => ({}), { days, keeper: () => MAYA });
  expect(watched.map(([day, keys]) => [day, keys.length])).toEqual([
    [expect.closeTo(10 - HOUR, 1), 2],
    [expect.closeTo(88 - HOUR, 1), 1],
  ]);
  expect(looks.map(Math.round)).toEqual(WEEKS);
  expect(told).toEqual([]);
  expect(sweep).toMatchObject({ outcome: 'ended', bombs: [], open: [], round: WEEKS.length });
}, 60_000);

test("one that is still the leaver's brings a round forward; one that nobody answers waits for people until the end", async () => {
  const days = [10, 20];
  const { sweep, looks, watched, told } = await lived(SHIPPED, () => ({}), {
    days,
    keeper: (day, again) =>
      day > 15 ? { ...MAYA, active: false } : again ? MAYA : { kind: 'leaver', name: 'Alice Anders' },
  });
  expect(watched.map(([day]) => Math.round(day))).toEqual([10, 10, 20]);
  expect(looks.map(Math.round)).toEqual([1, 2, 3, 4, 5, 6, 7, 10, ...WEEKS.slice(7)]);
  expect(sweep.open).toMatchObject([{ subject: 'desk/callbacks/call-20', stays: true }]);
  expect(told.slice(0, 2).map(([notice, day, approvers]) => [notice, Math.round(day), approvers])).toEqual([
    ['bomb', 20, true],
    ['waits', 20, false],
  ]);
}, 60_000);

test('a hundred moments go on in fresh executions, none of them long, and none is lost', async () => {
  const days = Array.from({ length: 100 }, (_, n) => 1.1 + n / 2);
  const { sweep, watched, lengths } = await lived(SHIPPED, () => ({}), { days, keeper: () => MAYA });
  expect(watched.flatMap(([, keys]) => keys)).toEqual(days.map(day => `call-${day}`));
  expect(sweep).toMatchObject({ outcome: 'ended', round: WEEKS.length, bombs: [] });
  expect(lengths.length).toBeGreaterThanOrEqual(3);
  expect(Math.max(...lengths)).toBeLessThan(31 * EVENTS);
}, 60_000);
