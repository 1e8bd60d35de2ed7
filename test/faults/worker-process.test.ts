/**
 * The processes that the fault tests kill are what they claim: shipped workers that die exactly where they
 * are told to.
 */
import { expect, onTestFinished, test } from 'vitest';
import { agree, planned, start, waitFor } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';
import { startWorkerProcess, type WorkerProcess } from './worker-process.js';

const small = useSmallWorld();

async function workerThatDies(crashAt?: string): Promise<WorkerProcess> {
  const worker = await startWorkerProcess({ config: small.world.config, env: small.world.env, crashAt });
  onTestFinished(async () => void (await worker.stop(5_000)));
  return worker;
}

const receipts = async (): Promise<{ state: string; page: string }[]> =>
  (
    await small.db.store.query(
      `select state, manifest || ' ' || page as page from handover.receipts where step = 'desk/tickets' and owners[1] = '17' order by at`,
    )
  ).rows;

test.each([
  ['batch:r:3', 'its receipt is durable and intended, and its batch is not committed'],
  ['runSteps:b:1', 'its steps are done, and nobody heard of it'],
])(
  'a worker that dies at %s: %s; another one brings the run to its end',
  async crashAt => {
    await small.world.worker.stop();
    const first = await workerThatDies(crashAt);
    const run = await start(small);
    await planned(small, run);
    await agree(small, run);
    expect(await first.exited).toEqual({ code: null, signal: 'SIGKILL' });
    expect(first.peakMemory()).toBeGreaterThan(20);
    const second = await workerThatDies();
    // The dead worker's activity is noticed by its missing heartbeats.
    const status = await waitFor(small, run, ({ state }) => state === 'closed', 60_000);
    await small.world.offboardings.result(run.run);
    expect(status).toMatchObject({ state: 'closed', outcome: 'completed' });
    expect(await second.stop()).toEqual({ code: 0, signal: null });
    // What the dead worker had only intended came to nothing, and its page was done by another.
    const standing = (await receipts()).filter(receipt => receipt.state !== 'aborted');
    expect(standing.every(receipt => receipt.state === 'done')).toBe(true);
    expect(new Set(standing.map(receipt => receipt.page)).size).toBe(standing.length);
    await small.world.restartWorker();
  },
  120_000,
);
