/** Where workers have more to do than they can, a sudden departure goes before planned ones, and these before looks. */
import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { LAST, priorityOf } from '../../domain/priority.js';
import { connectTemporal } from '../../runtime/temporal.js';
import { mail, must, planned, start, waitFor } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';

/** What the one slot for activities did, in its order: whose plan, or a look at what has closed. */
const done: string[] = [];

/** The slot is held until everything stands in line. */
let gate: Promise<void> = Promise.resolve();

const small = useSmallWorld({
  check: false,
  worker: {
    maxConcurrentActivityTaskExecutions: 1,
    maxConcurrentWorkflowTaskExecutions: 2,
    // With a limit no activity is handed to the worker past the queue.
    maxTaskQueueActivitiesPerSecond: 500,
  },
  wrap: activities => ({
    ...activities,
    async identify(input: Parameters<typeof activities.identify>[0]) {
      await gate;
      return activities.identify(input);
    },
    async makePlan(input: Parameters<typeof activities.makePlan>[0]) {
      done.push(input.order.departure);
      return activities.makePlan(input);
    },
    async archiveClosed(input: Parameters<typeof activities.archiveClosed>[0]) {
      done.push('look');
      await gate;
      return activities.archiveClosed(input);
    },
  }),
});

test('the last to be asked for is the first to be planned, and looks come last', {
  timeout: 120_000,
}, async () => {
  const { offboardings, worker, config } = small.world;
  const temporal = await connectTemporal(config.temporal);
  await temporal.schedule.getHandle(offboardings.ids.archiveSchedule).pause('a test');
  await worker.stop();
  done.length = 0;
  const looks = Array.from({ length: 6 }, () =>
    temporal.workflow.start('archiveClosed', {
      taskQueue: config.temporal.taskQueue,
      workflowId: offboardings.ids.look(randomUUID()),
      priority: LAST,
      args: [{}],
    }),
  );
  await Promise.all(looks);

  const leavers = ['bob', 'carol', 'daniel', 'dora', 'oscar', 'lara', 'alicia', 'ines'] as const;
  const ask = (user: Parameters<typeof mail>[1], more: object) =>
    offboardings.ask(
      {
        user: mail(small, user),
        requestedBy: mail(small, 'olivia'),
        successor: mail(small, 'maya'),
        ...more,
      },
      { timeoutMs: 100 },
    );
  for (const who of leavers) await ask(who, { mode: 'preview' });
  await ask('alice', { departure: 'unplanned', mode: 'preview' });
  gate = new Promise(open => setTimeout(open, 3_000));
  await small.world.restartWorker();
  await expect.poll(() => done.length, { timeout: 90_000, interval: 100 }).toBeGreaterThanOrEqual(1 + 6 + 4);
  expect(done.filter(one => one !== 'look')[0], done.join(' ')).toBe('unplanned');
  // Some were taken up before others stood in line, and a queue has several partitions.
  const looked = done.slice(0, 6).filter(one => one === 'look');
  expect(looked.length, done.join(' ')).toBeLessThanOrEqual(4);
  await temporal.connection.close();
});

test('a run that is amended asks for all the rest as urgently as it is by then, and back again', async () => {
  gate = Promise.resolve();
  const { offboardings } = small.world;
  const run = await start(small);
  await planned(small, run);
  for (const [revision, departure] of ['unplanned', 'planned'].entries()) {
    await must(small, run, 'amend', 'olivia', { departure });
    await waitFor(
      small,
      run,
      ({ plan, state }) => plan?.revision === revision + 2 && state === 'awaiting-approval',
    );
  }
  await must(small, run, 'cancel', 'olivia', { access: 'restore' });
  await offboardings.result(run.run);
  const { events } = await offboardings.handle(run.run).fetchHistory();
  const asked = events!.flatMap(({ activityTaskScheduledEventAttributes: one }) =>
    one ? [[one.activityType!.name, one.priority?.priorityKey || 3]] : [],
  );
  const plans = asked.filter(([name]) => name === 'makePlan');
  expect(plans).toEqual([
    ['makePlan', 3],
    ['makePlan', 1],
    ['makePlan', 3],
  ]);
  expect(asked.filter(([name]) => name === 'blockAccess')).toEqual([
    ['blockAccess', 1],
    ['blockAccess', 1],
  ]);
  expect(asked.at(-1)).toEqual([expect.any(String), 3]);
}, 60_000);

test('the front door knows no request yet, and whatever is no sudden departure is planned', () => {
  for (const request of [undefined, null, 'alice', {}, { departure: 'planned' }, { departure: 7 }])
    expect(priorityOf(request)).toEqual({ priorityKey: 3 });
  expect(priorityOf({ departure: 'unplanned' })).toEqual({ priorityKey: 1 });
  expect(LAST.priorityKey).toBe(5);
});
