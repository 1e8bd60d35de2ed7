/**
 * A run that somebody resets begins again behind any of its workflow tasks, with the messages that came after
 * that: updates ahead of signals, and behind them when it is replayed. It judges them in one order, or no
 * worker could take it up again.
 */
import { randomUUID } from 'node:crypto';
import type { WorkflowHandle } from '@temporalio/client';
import { Worker } from '@temporalio/worker';
import { expect, test } from 'vitest';
import { FLOOD } from '../../domain/limits.js';
import type { Run } from '../../domain/run.js';
import { payloadConverterPath } from '../../runtime/temporal.js';
import { workflowBundle as bundle } from '../../workers/bundle.js';
import type { Status } from '../../workflows/messages.js';
import {
  agree,
  atRest,
  decide,
  handOver,
  mail,
  planned,
  type Started,
  start,
  waitFor,
} from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';
import { bundleCache } from '../support/world.js';
import { backOf, LATER } from './covers.js';
import { sweepOf } from './sweeps.js';

/** What the next run remembers at its end of what it did. */
let remembers: ((run: Run) => Run) | null = null;

/** The next certificate is not written before this is over, and never by whoever was reset meanwhile. */
let held: { reached(): void; released: Promise<void> } | null = null;

const small = useSmallWorld({
  change: config => {
    config.policy.sweep = { rhythm: [{ everyDays: 1, forDays: 7 }], returns: 3 };
  },
  wrap: activities => ({
    ...activities,
    async closeRun(input: Parameters<typeof activities.closeRun>[0]) {
      const now = held;
      held = null;
      now?.reached();
      if (now) return now.released.then(() => Promise.reject(new Error('It was reset meanwhile.')));
      const run = remembers?.(input.run) ?? input.run;
      remembers = null;
      return activities.closeRun({ ...input, run });
    },
  }),
});

const finished = ({ events }: Awaited<ReturnType<WorkflowHandle['fetchHistory']>>) =>
  (events ?? []).filter(event => event.workflowTaskCompletedEventAttributes).map(event => event.eventId!);

/** Lets a run begin again behind one of its workflow tasks. */
async function reset({ run }: Started, runId: string, task: Long): Promise<void> {
  await small.world.worker.deps.temporal.workflowService.resetWorkflowExecution({
    namespace: 'default',
    workflowExecution: { workflowId: run, runId },
    workflowTaskFinishEventId: task,
    requestId: randomUUID(),
    reason: 'again',
  });
}

/** Decisions of before count again where they came behind the point of a reset; others are taken anew. */
async function throughApproval(started: Started): Promise<Status> {
  let status = await atRest(small, started);
  for (let n = 0; status.state === 'awaiting-approval' && n < 20; n++) {
    const category = status.next.find(({ message }) => message === 'acknowledge')?.json.category;
    if (category) await decide(small, started, 'acknowledge', 'olivia', { category });
    await decide(small, started, 'approve', 'priya', { plan: status.plan!.digest });
    status = await atRest(small, started);
  }
  return status;
}

/** A worker that knows nothing of it could take it up. */
async function replays({ run }: Started): Promise<void> {
  const history = await small.world.offboardings.handle(run).fetchHistory();
  const workflowBundle = { codePath: await bundle(bundleCache) };
  await Worker.runReplayHistory(
    { workflowBundle, dataConverter: { payloadConverterPath }, replayName: 'reset' },
    history,
    run,
  );
}

test('updates ahead of a flood of signals are judged in the same order when it is replayed', async () => {
  const run = await start(small);
  const { plan } = await planned(small, run);
  const { offboardings } = small.world;
  const handle = offboardings.handle(run.run);
  const by = mail(small, 'priya');
  const refused = await offboardings.decide(run.run, 'approve', { by, plan: `not ${plan!.digest}` });
  expect(refused).toMatchObject({ verdict: 'refused' });
  // More than are judged at a time.
  for (let n = 0; n <= FLOOD.letters; n++) await handle.signal('no-such-message', { by });

  const [, , task] = finished(await handle.fetchHistory());
  await reset(run, (await handle.describe()).runId, task!);
  await waitFor(small, run, status => status.state === 'awaiting-approval');
  await agree(small, run);
  expect(await offboardings.result(run.run)).toMatchObject({ outcome: 'completed' });
  const { events } = await handle.fetchHistory();
  expect(events!.some(event => event.workflowExecutionUpdateAdmittedEventAttributes)).toBe(true);
  await replays(run);
}, 60_000);

test('reset to every point, a run that has completed comes to an end again, and moves nothing twice', async () => {
  const { run, offboardingId } = await handOver(small);
  const started = { run, offboardingId };
  const { offboardings } = small.world;
  const handle = offboardings.handle(run);
  const { runId } = await handle.describe();
  const tasks = finished(await handle.fetchHistory());
  expect(tasks.length).toBeGreaterThan(8);
  const moved = async () =>
    (await small.db.store.query(`select sum(changed)::int as n from handover.receipts where state = 'done'`))
      .rows;
  const before = await moved();
  for (const task of tasks) {
    await reset(started, runId, task);
    const status = await throughApproval(started);
    expect(status, `reset to ${task}: ${status.sentence}`).toMatchObject({
      state: 'closed',
      outcome: expect.stringMatching(/^(completed|nothing-to-do)$/),
    });
    await offboardings.result(run);
    await replays(started);
  }
  expect(await moved()).toEqual(before);
}, 300_000);

/** All is done, but for its certificate: somebody resets the run to its beginning, which has forgotten all of it. */
async function resetBeforeItsEnd(request: Record<string, unknown>): Promise<Started> {
  let release = (): void => {};
  const released = new Promise<void>(resolve => {
    release = resolve;
  });
  const reached = new Promise<void>(resolve => {
    held = { reached: resolve, released };
  });
  const started = await start(small, request);
  await planned(small, started);
  await agree(small, started);
  await reached;
  const handle = small.world.offboardings.handle(started.run);
  const [first] = finished(await handle.fetchHistory());
  await reset(started, (await handle.describe()).runId, first!);
  release();
  await throughApproval(started);
  return started;
}

test('reset between its switch and its sweep, a run still has whoever it switched off looked after', async () => {
  const started = await resetBeforeItsEnd({});
  const { offboardings } = small.world;
  expect(await offboardings.result(started.run)).toMatchObject({
    outcome: expect.stringMatching(/^(completed|nothing-to-do)$/),
    access: { crm: 'deactivated', desk: 'deactivated' },
  });
  const sweep = await sweepOf(small, started.offboardingId);
  expect(await sweep.status()).toMatchObject({ state: 'waiting', off: ['desk', 'crm'] });
}, 60_000);

test('what an attempt that was left behind did, and nobody knew before the end, is counted at the end', async () => {
  remembers = run => {
    const { 'desk/tickets': tickets, ...steps } = run.steps;
    return { ...run, steps: { ...steps, 'desk/tickets': { ...tickets!, changed: tickets!.changed - 2 } } };
  };
  const { run } = await handOver(small);
  const report = await small.world.offboardings.result(run);
  expect(report.steps).toContainEqual(expect.objectContaining({ id: 'desk/tickets', changed: 9 }));
  // What its certificate says is held against the witness, as after every test.
});

test('reset between its last item and its end, a cover is still given back, although nothing is left to plan', async () => {
  await small.db.desk.query(`grant insert on watchers to ${small.role}`);
  const owners = () =>
    small.db.desk.query('select id, assignee_id from tickets order by id').then(({ rows }) => rows);
  const before = await owners();
  const started = await resetBeforeItsEnd({ mode: 'execute-only', giveBackAt: LATER, systems: ['desk'] });
  expect(await owners()).not.toEqual(before);
  // Its end says what it had done.
  expect(await small.world.offboardings.result(started.run)).toMatchObject({
    outcome: 'nothing-to-do',
    sentence: expect.stringContaining('15 items had been handed over and stay there.'),
    steps: [
      { id: 'desk/tickets', state: 'completed', message: null },
      { id: 'desk/watchers', state: 'completed', message: null },
    ],
  });
  const back = backOf(small, started.offboardingId);
  await back.send('amend', 'olivia', { giveBackAt: 'now' });
  await back.agree();
  expect(await back.result()).toMatchObject({ outcome: 'given-back', addenda: [expect.any(Number)] });
  expect(await owners()).toEqual(before);
}, 60_000);
