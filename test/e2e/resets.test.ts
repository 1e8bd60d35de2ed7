/**
 * A run that somebody resets gets the messages of before once more, updates ahead of signals, and behind them
 * when it is replayed: it judges them in one order, or no worker could take it up again.
 */
import { randomUUID } from 'node:crypto';
import { Worker } from '@temporalio/worker';
import { expect, test } from 'vitest';
import { FLOOD } from '../../domain/limits.js';
import { payloadConverterPath } from '../../runtime/temporal.js';
import { workflowBundle } from '../../workers/bundle.js';
import { agree, mail, planned, start, waitFor } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';
import { bundleCache } from '../support/world.js';

const small = useSmallWorld();

/** More than are judged at a time. */
const MANY = FLOOD.letters + 1;

test('a run that was reset behind updates and signals replays, and comes to its end', async () => {
  const run = await start(small);
  const { plan } = await planned(small, run);
  const { offboardings, worker } = small.world;
  const handle = offboardings.handle(run.run);
  const by = mail(small, 'priya');
  const refused = await offboardings.decide(run.run, 'approve', { by, plan: `not ${plan!.digest}` });
  expect(refused).toMatchObject({ verdict: 'refused' });
  for (let n = 0; n < MANY; n++) await handle.signal('no-such-message', { by });

  const { events } = await handle.fetchHistory();
  const [, , task] = events!.filter(event => event.workflowTaskCompletedEventAttributes);
  await worker.deps.temporal.workflowService.resetWorkflowExecution({
    namespace: 'default',
    workflowExecution: { workflowId: run.run, runId: (await handle.describe()).runId },
    workflowTaskFinishEventId: task!.eventId!,
    requestId: randomUUID(),
    reason: 'again',
  });
  await waitFor(small, run, status => status.state === 'awaiting-approval');
  await agree(small, run);
  expect(await offboardings.result(run.run)).toMatchObject({ outcome: 'completed' });

  const history = await handle.fetchHistory();
  expect(history.events!.some(event => event.workflowExecutionUpdateAdmittedEventAttributes)).toBe(true);
  const codePath = await workflowBundle(bundleCache);
  await Worker.runReplayHistory(
    { workflowBundle: { codePath }, dataConverter: { payloadConverterPath }, replayName: 'reset' },
    history,
    run.run,
  );
});
