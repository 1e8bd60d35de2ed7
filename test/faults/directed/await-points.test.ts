/**
 * A worker is killed after every event of a run's history, wherever the story happens to wait: for an
 * activity, a timer, a message, a child. Another worker replays what there is and goes on; it never objects
 * to what it finds, and nothing is done twice.
 */
import { afterEach, beforeAll, expect, test } from 'vitest';
import { acknowledgeAll, must, planned, type Started, start } from '../../small-world/drive.js';
import { useSmallWorld } from '../../small-world/world.js';
import { startWorkerProcess, type WorkerProcess } from '../worker-process.js';
import { LONG } from './long.js';
import { leaverIs } from './scenes.js';
import { shortBundle } from './short-bundle.js';
import { stillHeld } from './states.js';

const small = useSmallWorld();
let bundle: string;
let mortal: WorkerProcess | null = null;

beforeAll(async () => {
  bundle = await shortBundle();
  await small.world.worker.stop();
});
afterEach(async () => {
  await mortal?.stop(5_000);
  await small.world.worker.stop();
});

/**
 * A whole hand-over of the small world has about a hundred and thirty events; what is beyond the end kills
 * nobody and fails.
 */
const EVENTS = Array.from({ length: 40 }, (_, n) => 3 + n * 3);
const SOME = [6, 30, 54, 78, 102];

test.each(LONG ? EVENTS : SOME)('the worker is killed once there are %i events', async events => {
  const { config, env } = small.world;
  mortal = await startWorkerProcess({
    config,
    env,
    bundle,
    worker: { stickyQueueScheduleToStartTimeout: '1s' },
  });
  const workflowId = small.world.offboardings.ids.offboarding(small.cast.alice.id);
  const killing = killAt(workflowId, events);
  const run = await start(small);
  await agreePatiently(run);
  const at = await killing;
  expect(await mortal.exited).toEqual({ code: null, signal: 'SIGKILL' });
  expect(at).toBeGreaterThanOrEqual(events);
  const report = await small.world.offboardings.result(run.run);
  expect(report).toMatchObject({ outcome: 'completed', access: { crm: 'deactivated', desk: 'deactivated' } });
  expect(await stillHeld(small)).toBe(0);
  expect(await leaverIs(small)).toEqual(['inactive', 'inactive']);
  const { events: all } = await small.world.offboardings.handle(run.run).fetchHistory();
  // The dead worker's own task times out; none may fail, as one that was replayed differently would.
  expect((all ?? []).filter(event => event.workflowTaskFailedEventAttributes)).toEqual([]);
  expect(all!.length).toBeGreaterThan(at);
});

/**
 * Kills the worker as soon as the run's history is that long, and starts another one. Settles with its length
 * at that moment.
 */
async function killAt(workflowId: string, events: number): Promise<number> {
  for (;;) {
    const run = await small.world.offboardings
      .handle(workflowId)
      .describe()
      .catch(() => null);
    if (run && run.status.name !== 'RUNNING')
      throw new Error(`The run was over after ${run.historyLength} events.`);
    const length = run?.historyLength ?? 0;
    if (length >= events) {
      mortal!.kill('SIGKILL');
      await mortal!.exited;
      await small.world.restartWorker();
      return length;
    }
    await new Promise(resolve => setTimeout(resolve, 5));
  }
}

async function agreePatiently(run: Started): Promise<void> {
  expect(await planned(small, run)).toMatchObject({ state: 'awaiting-approval' });
  await acknowledgeAll(small, run);
  const { plan } = await small.world.offboardings.status(run.run);
  await must(small, run, 'approve', 'priya', { plan: plan!.digest });
}
