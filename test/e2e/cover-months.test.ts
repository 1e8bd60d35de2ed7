/**
 * A cover of eight months in seconds, on Temporal's time-skipping server: when it plans, whom it tells, and what
 * becomes of a date that is changed twice. What it would find is made up here; what it does with that is tested
 * on real systems.
 */
import { randomUUID } from 'node:crypto';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PlannedGiveBack } from '../../activities/give-back.js';
import { whenIs } from '../../activities/moments.js';
import type { GiveBack, GiveBackInput } from '../../domain/give-back.js';
import { idsOf } from '../../domain/ids.js';
import { policySchema } from '../../domain/policy.js';
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

/** A whole life; `decisions`: after how many days which message comes. */
async function lived(due: string, decisions: [day: number, name: string, payload: object][]) {
  const offboardingId = randomUUID();
  const workflowId = idsOf('handover').giveBack(offboardingId);
  const taskQueue = `cover-${offboardingId}`;
  const began = await env.currentTimeMs();
  const planned: string[] = [];
  const told: [notice: string, day: number][] = [];
  const olivia = { id: '1', name: 'Olivia', human: 'P4', barred: null, doubt: null };
  const plan: PlannedGiveBack = {
    kind: 'planned',
    back: {
      digest: 'b'.repeat(64),
      revision: 1,
      holdings: [
        {
          step: 'crm/tasks',
          system: 'crm',
          title: 'Tasks',
          from: [{ label: 'Bob', count: 2 }],
          count: 2,
          stays: [],
        },
      ],
    },
    holdings: [],
  };
  const activities = {
    openGiveBack: async () => ({ refused: null }),
    placeMoment: async ({ text }: { text: string }) => whenIs(text, 'Europe/Berlin'),
    identify: async ({ who }: { who: string[] }) => ({
      found: who.map(() => ({
        kind: 'one',
        person: { ...olivia, operator: true, approver: false },
        identity: { kind: 'claimed' },
        installation: 'handover',
      })),
      beside: [],
      proofs: [],
      unclear: {},
    }),
    async planGiveBack(): Promise<PlannedGiveBack> {
      planned.push(new Date(await env.currentTimeMs()).toISOString());
      return plan;
    },
    async record({ entries }: { entries: { notice?: string }[] }) {
      const day = ((await env.currentTimeMs()) - began) / DAY;
      for (const { notice } of entries) if (notice) told.push([notice, Math.round(day)]);
    },
    endGiveBack: async () => ({ addendum: 1 }),
  };
  const worker = await Worker.create({
    connection: env.nativeConnection,
    namespace: env.namespace,
    taskQueue,
    workflowBundle: { codePath: await workflowBundle(bundleCache) },
    dataConverter: { payloadConverterPath },
    activities,
  });
  const input: GiveBackInput = {
    giveBackId: randomUUID(),
    offboardingId,
    of: 'offboarding/17',
    leaver: { id: '17', name: 'Alice Anders', human: 'P1' },
    requester: { id: '9', name: 'Rita', human: 'P9', identity: { kind: 'claimed' } },
    amendedBy: [],
    humans: {},
    plan: 'a'.repeat(64),
    policy: policySchema.parse({}),
    due,
    dueSays: due,
  };
  const back = (await worker.runUntil(async () => {
    const handle = await env.client.workflow.start('giveBack', { taskQueue, workflowId, args: [input] });
    for (const [day, name, payload] of decisions) {
      await env.sleep(began + day * DAY - (await env.currentTimeMs()));
      await handle.signal(name, { by: 'olivia@example.com', ...payload });
    }
    return handle.result();
  })) as GiveBack;
  const { events } = await env.client.workflow.getHandle(workflowId).fetchHistory();
  return { back, planned, told, began, length: events!.length };
}

const inDays = (from: number, days: number): string => new Date(from + days * DAY).toISOString();

test('a date eight months ahead that is changed twice counts as it was said last, by the clocks of its zone', async () => {
  const began = await env.currentTimeMs();
  const year = new Date(began).getUTCFullYear() + 1;
  const [summer, winter] = [`${year}-07-01T08:00[Europe/Berlin]`, `${year}-12-01T08:00[Europe/Berlin]`];
  const { back, planned, told, length } = await lived(inDays(began, 240), [
    [10, 'amend', { giveBackAt: summer }],
    [30, 'amend', { giveBackAt: winter }],
  ]);
  // Winter has the other offset.
  expect(planned).toEqual(
    [`${year}-12-01T07:00:00.000Z`].map(at => expect.stringContaining(at.slice(0, 16))),
  );
  expect(back).toMatchObject({ state: 'closed', outcome: 'expired', addenda: [1] });
  const first = told[0]![1];
  expect(told.map(([notice, day]) => [notice, day - first])).toEqual([
    ['waits', 0],
    ['reminder', 3],
    ['reminder', 6],
    ['reminder', 9],
    ['reminder', 12],
    ...[14, 28, 42, 56, 70, 84].map(day => ['escalation', day]),
    ['expiry', 90],
  ]);
  expect(length).toBeLessThan(400);
}, 120_000);

test('called off while it waits, nothing is planned', async () => {
  const { back, planned } = await lived(inDays(await env.currentTimeMs(), 240), [[100, 'cancel', {}]]);
  expect(back).toMatchObject({ outcome: 'cancelled', sentence: 'Cancelled by Olivia.' });
  expect(planned).toEqual([]);
}, 120_000);
