/**
 * A worker is killed before an effect, after it and after its report, at the first, a middle and the last
 * turn of every activity, batch and switch. Another worker brings the run to its end; the checker finds each
 * item moved once and each effect receipted.
 */
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { connectTemporal } from '../../../runtime/temporal.js';
import { backOf, LATER, ownersIn } from '../../e2e/covers.js';
import { land, long, ownerOf, sweepOf } from '../../e2e/sweeps.js';
import {
  acknowledgeAll,
  mail,
  must,
  planned,
  type Started,
  start,
  waitFor,
} from '../../small-world/drive.js';
import { useSmallWorld } from '../../small-world/world.js';
import { startWorkerProcess, type WorkerProcess } from '../worker-process.js';
import { activityNames, CRASHES, IN_NO_STORY, oneOfEach, type Story, TURNS } from './crash-table.js';
import { LONG } from './long.js';
import { leaverIs, moves } from './scenes.js';
import { shortBundle } from './short-bundle.js';
import { stillHeld } from './states.js';

const small = useSmallWorld();

beforeEach(() => small.db.desk.query(`grant insert on watchers to ${small.role}`));
const KILLED = { code: null, signal: 'SIGKILL' };
let bundle: string;
let mortal: WorkerProcess | null = null;
/** Whoever takes over from it, also where a test did not live to see that. */
let takeover: Promise<unknown> = Promise.resolve();

let policy: typeof small.world.config.policy;

beforeAll(async () => {
  policy = structuredClone(small.world.config.policy);
  bundle = await shortBundle();
  await small.world.worker.stop();
});
afterEach(async () => {
  await mortal?.stop(5_000);
  await takeover;
  mortal = null;
  // One story has a sweep of its own.
  small.world.config.policy = structuredClone(policy);
  // The next test begins without a worker.
  await small.world.worker.stop();
});

/** Starts a worker that will die, and another one once it has. */
async function mortalWorker(
  crashAt: string,
  kind: { shipped: boolean } = { shipped: false },
): Promise<{ death: Promise<unknown> }> {
  const { config, env } = small.world;
  // A task that was meant for a dead worker's cache is given to another one after 10 s otherwise.
  const quick = { bundle, worker: { stickyQueueScheduleToStartTimeout: '1s' as const } };
  mortal = await startWorkerProcess({ config, env, crashAt, ...(kind.shipped ? {} : quick) });
  const death = mortal.exited.then(async exit => {
    await small.world.restartWorker();
    return exit;
  });
  takeover = death;
  return { death };
}

const STORIES: Record<Story, () => Promise<Started>> = {
  async 'handed over'() {
    const run = await start(small);
    await agreePatiently(run);
    await small.world.offboardings.result(run.run);
    return run;
  },
  async archived() {
    const run = await STORIES['handed over']();
    await small.world.offboardings.archive(run.run);
    return run;
  },
  async 'blocked and given back'() {
    const run = await start(small, { departure: 'unplanned' });
    expect(await planned(small, run)).toMatchObject({ access: { crm: 'blocked', desk: 'blocked' } });
    await must(small, run, 'cancel', 'olivia', { access: 'restore' });
    await small.world.offboardings.result(run.run);
    return run;
  },
  async 'asked for twice'() {
    const run = await start(small);
    const again = {
      user: mail(small, 'alice'),
      requestedBy: mail(small, 'oscar'),
      successor: mail(small, 'bob'),
    };
    expect(await small.world.offboardings.request(again)).toMatchObject({
      answer: 'already-running',
      differs: ['successor'],
    });
    await agreePatiently(run);
    await small.world.offboardings.result(run.run);
    return run;
  },
  async swept() {
    return swept(await STORIES['handed over']());
  },
  async 'swept under a taken id'() {
    const run = await start(small);
    await planned(small, run);
    const temporal = await connectTemporal(small.world.config.temporal);
    const workflowId = small.world.offboardings.ids.sweep(run.offboardingId);
    await temporal.workflow.start('whatever', { taskQueue: 'nobody-polls', workflowId });
    await temporal.connection.close();
    await agreePatiently(run);
    await small.world.offboardings.result(run.run);
    return swept(run);
  },
  async 'covered and given back'() {
    const before = await ownersIn(small, 'accounts', 'owner_id');
    const run = await start(small, { mode: 'execute-only', giveBackAt: LATER });
    await agreePatiently(run);
    await small.world.offboardings.result(run.run);
    expect(await ownersIn(small, 'accounts', 'owner_id')).not.toEqual(before);
    const back = backOf(small, run.offboardingId);
    await back.send('amend', 'olivia', { giveBackAt: '2028-03-26T18:00[Europe/Berlin]' });
    await back.until(({ due }) => due === '2028-03-26T16:00:00.000Z');
    await back.send('amend', 'olivia', { giveBackAt: 'now' });
    await back.agree();
    expect(await back.result()).toMatchObject({ outcome: 'given-back', addenda: [1] });
    expect(await ownersIn(small, 'accounts', 'owner_id')).toEqual(before);
    return run;
  },
};

/** A straggler is caught, nothing more comes for a while, and somebody ends it. */
async function swept(run: Started): Promise<Started> {
  const sweep = await sweepOf(small, run.offboardingId);
  await land(small, 995_001);
  await sweep.until(({ moved, round, state }) => moved === 1 && round >= 3 && state === 'waiting');
  expect(await ownerOf(small, 995_001)).toBe(String(small.cast.maya.id));
  const { offboardings } = small.world;
  const stop = { by: mail(small, 'olivia'), reason: 'that is enough' };
  await offboardings.tell(offboardings.ids.sweep(run.offboardingId), 'finish', stop);
  expect(await sweep.result()).toMatchObject({ outcome: 'finished', moved: 1, addenda: [1] });
  return run;
}

async function agreePatiently(run: Started): Promise<void> {
  expect(await planned(small, run)).toMatchObject({ state: 'awaiting-approval' });
  await acknowledgeAll(small, run);
  const { plan } = await small.world.offboardings.status(run.run);
  await must(small, run, 'approve', 'priya', { plan: plan!.digest });
}

test('every activity that there is stands in the table', () => {
  expect([...Object.keys(TURNS), ...IN_NO_STORY].sort()).toEqual([...activityNames].sort());
});

describe('a worker dies, and another one goes on', () => {
  test.each((LONG ? CRASHES : oneOfEach(CRASHES)).map(crash => [crash.at, crash.story] as const))(
    'at %s, while somebody is %s',
    async (at, story) => {
      if (story.startsWith('swept')) long(small.world.config);
      const { death } = await mortalWorker(at);
      const run = await STORIES[story]();
      expect(await death).toEqual(KILLED);
      const report = await small.world.offboardings.result(run.run);
      if (story === 'blocked and given back') {
        expect(report).toMatchObject({ outcome: 'cancelled', access: { crm: 'open', desk: 'open' } });
        expect(await leaverIs(small)).toEqual(['active', 'active']);
        // Three accounts (two in the CRM) blocked and unblocked, and two sessions ended: each once.
        expect(await moves(small)).toBe(8);
      } else if (story === 'covered and given back') {
        expect(report).toMatchObject({ outcome: 'completed', access: { crm: 'open', desk: 'open' } });
        expect(await leaverIs(small)).toEqual(['active', 'active']);
      } else {
        expect(report).toMatchObject({
          outcome: 'completed',
          access: { crm: 'deactivated', desk: 'deactivated' },
        });
        expect(await stillHeld(small)).toBe(0);
        expect(await leaverIs(small)).toEqual(['inactive', 'inactive']);
      }
      await archived(run);
    },
  );
});

async function archived({ run, offboardingId }: Started): Promise<void> {
  expect(await small.world.offboardings.archive(run)).toMatchObject({ failures: [] });
  const { rowCount } = await small.db.store.query('select 1 from handover.archives where offboarding = $1', [
    offboardingId,
  ]);
  expect(rowCount).toBe(1);
}

test.runIf(LONG).each([
  ['runSteps:b:1', 30_000],
  ['closeRun:b:1', 75_000],
])(
  'the shipped timeouts: after a crash at %s the run goes on within %i ms',
  { timeout: 180_000 },
  async (at, within) => {
    const { death } = await mortalWorker(at, { shipped: true });
    const run = await start(small);
    await agreePatiently(run);
    expect(await death).toEqual(KILLED);
    const began = Date.now();
    await waitFor(small, run, one => one.state === 'closed', 120_000);
    await small.world.offboardings.result(run.run);
    expect(Date.now() - began).toBeLessThan(within);
  },
);
