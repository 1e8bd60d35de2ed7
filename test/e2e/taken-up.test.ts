/**
 * A run whose worker died is taken up by another one, with the messages that came meanwhile; and by a third,
 * which replays what the second did with them.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { WorkflowUpdateStage } from '@temporalio/client';
import { Worker } from '@temporalio/worker';
import { expect, onTestFinished, test } from 'vitest';
import { payloadConverterPath } from '../../runtime/temporal.js';
import { workflowBundle as bundle } from '../../workers/bundle.js';
import { startWorkerProcess, type WorkerProcess } from '../faults/worker-process.js';
import { atRest, mail, planned, start, waitFor } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';
import { bundleCache } from '../support/world.js';

const small = useSmallWorld();

async function anotherWorker(): Promise<WorkerProcess> {
  const { config, env } = small.world;
  const worker = await startWorkerProcess({ config, env });
  onTestFinished(async () => void (await worker.stop(5_000)));
  return worker;
}

// A question waits for the dead worker's patience, and by then the messages are there. The second worker reads
// what happened for it, and gets what is asked afterwards; whoever replays that gets both at once.
test.each([
  ['a signal, then updates', ['signal', 'updates']],
  ['updates, then a signal', ['updates', 'signal']],
  ['signals, and updates once it is asked', ['signal', 'signal', 'asked', 'updates']],
] as const)(
  'asked about by its status, and sent %s, it is judged in the same order when it is replayed',
  async (_, sent) => {
    const { offboardings } = small.world;
    await small.world.worker.stop();
    onTestFinished(() => small.world.restartWorker());
    const first = await anotherWorker();
    const run = await start(small);
    const { plan, next } = await planned(small, run);
    const handle = offboardings.handle(run.run);
    const { category } = next.find(({ message }) => message === 'acknowledge')!.json;
    await waitFor(small, run, ({ state }) => state === 'awaiting-approval');
    // Until nothing is on its way any more, so that the task it dies behind did nothing.
    await pause(1_000);
    first.kill('SIGKILL');
    await first.exited;

    await anotherWorker();
    const asked = offboardings.status(run.run);
    await pause(2_000);
    const approve = async (digest: string): Promise<unknown> => {
      const args: [unknown] = [{ by: mail(small, 'priya'), plan: digest }];
      const update = await handle.startUpdate('approve', {
        waitForStage: WorkflowUpdateStage.ACCEPTED,
        args,
      });
      return update.result().catch(error => error);
    };
    const answers: Promise<unknown>[] = [];
    for (const kind of sent) {
      if (kind === 'asked') await asked;
      else if (kind === 'updates') answers.push(approve(plan!.digest), approve('another'));
      else await handle.signal('acknowledge', { by: mail(small, 'olivia'), category });
      await pause(300);
    }
    expect(await asked).toMatchObject({ state: 'awaiting-approval' });
    expect(await Promise.all(answers)).toMatchObject([
      { verdict: 'accepted' },
      { cause: { type: 'refused' } },
    ]);
    expect(await atRest(small, run)).toMatchObject({ state: 'closed', outcome: 'completed' });
    await offboardings.result(run.run);

    const history = await handle.fetchHistory();
    const workflowBundle = { codePath: await bundle(bundleCache) };
    await Worker.runReplayHistory(
      { workflowBundle, dataConverter: { payloadConverterPath }, replayName: 'taken-up' },
      history,
      run.run,
    );
  },
  120_000,
);
