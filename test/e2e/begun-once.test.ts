/**
 * What comes after an offboarding is begun once. Started again by hand with its very input it is refused and
 * does nothing, however the first one ended; a reset goes on from where it was.
 */
import { randomUUID } from 'node:crypto';
import type { Client } from '@temporalio/client';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { connectTemporal } from '../../runtime/temporal.js';
import { handOver, mail } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';
import { cover } from './covers.js';
import { land, long, ownerOf, sweepOf } from './sweeps.js';

const small = useSmallWorld({ change: long });
let temporal: Client;

beforeAll(async () => {
  temporal = await connectTemporal(small.world.config.temporal);
});
afterAll(() => temporal.connection.close());
beforeEach(() => small.db.desk.query(`grant insert on watchers to ${small.role}`));

/** What "Start Workflow Like This One" does: the same id, type, input and memo. */
async function again(workflowId: string) {
  const first = temporal.workflow.getHandle(workflowId);
  const { type, memo, runId } = await first.describe();
  const { events } = await first.fetchHistory();
  const [payload] = events![0]!.workflowExecutionStartedEventAttributes!.input!.payloads!;
  const input = JSON.parse(Buffer.from(payload!.data!).toString()) as unknown;
  const { taskQueue } = small.world.config.temporal;
  const second = await temporal.workflow.start(type, { taskQueue, workflowId, args: [input], memo });
  expect(second.firstExecutionRunId).not.toBe(runId);
  return second;
}

const refusal = (kind: string) => ({
  cause: { message: expect.stringContaining(`was begun before, and a ${kind} is begun once`) },
});

async function chainOf(id: string): Promise<string[]> {
  const { rows } = await small.db.store.query(
    'select kind from handover.audit where offboarding = $1 order by seq',
    [id],
  );
  return rows.map(({ kind }) => kind as string);
}

test.each([['cancelled'], ['terminated'], ['finished']] as const)(
  'a sweep that was %s is not begun again by hand',
  async how => {
    const { offboardingId, run } = await handOver(small);
    const sweep = await sweepOf(small, offboardingId);
    const { sweepId } = await sweep.until(({ round }) => round > 0);
    const workflowId = small.world.offboardings.ids.sweep(offboardingId);
    const handle = temporal.workflow.getHandle(workflowId);
    if (how === 'terminated') await handle.terminate('by hand');
    else if (how === 'cancelled') await handle.cancel();
    else {
      const word = { by: mail(small, 'olivia'), reason: 'nothing comes any more' };
      const answer = await small.world.offboardings.decide(workflowId, 'finish', word);
      expect(answer).toMatchObject({ verdict: 'accepted' });
    }
    await handle.result().catch(() => undefined);
    const before = await chainOf(sweepId);
    await land(small, 940_001);
    await expect((await again(workflowId)).result()).rejects.toMatchObject(refusal('sweep'));
    expect(await ownerOf(small, 940_001)).toBe(String(small.cast.alice.id));
    expect(await chainOf(sweepId)).toEqual(before);
    await small.world.offboardings.archive(run);
  },
);

test('a sweep that was terminated goes on where somebody resets it', async () => {
  const { offboardingId } = await handOver(small);
  const sweep = await sweepOf(small, offboardingId);
  await sweep.until(({ round }) => round > 0);
  const workflowId = small.world.offboardings.ids.sweep(offboardingId);
  const handle = temporal.workflow.getHandle(workflowId);
  const { runId } = await handle.describe();
  await handle.terminate('by hand');
  const { events } = await handle.fetchHistory();
  const done = events!.filter(({ workflowTaskCompletedEventAttributes: of }) => of);
  await land(small, 940_002);
  await temporal.workflowService.resetWorkflowExecution({
    namespace: 'default',
    workflowExecution: { workflowId, runId },
    // Behind its very first task: it opens anew.
    workflowTaskFinishEventId: done[0]!.eventId!,
    requestId: randomUUID(),
    reason: 'goes on',
  });
  const caught = await sweep.until(({ moved }) => moved > 0);
  expect(caught.moved).toBe(1);
  expect(await ownerOf(small, 940_002)).toBe(String(small.cast.maya.id));
});

test('a give-back that is over is not begun again by hand', async () => {
  const { back } = await cover(small);
  await temporal.workflow.getHandle(back.id).cancel();
  await back.result().catch(() => undefined);
  const { giveBackId } = await back.status();
  const before = await chainOf(giveBackId);
  await expect((await again(back.id)).result()).rejects.toMatchObject(refusal('give-back'));
  expect(await chainOf(giveBackId)).toEqual(before);
});
