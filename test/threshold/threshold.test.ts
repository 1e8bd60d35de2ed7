/**
 * One workflow task may wake a workflow's code several times: what is cancelled before it was handed out ends
 * at once, and nothing has come for the run. That is not reading ahead; a worker that does read ahead is in
 * e2e/taken-up.
 */
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bundled } from '../../workers/bundle.js';
import { temporalAddress } from '../support/servers.js';

// Quiet unless something fails.
Runtime.install({ logger: new DefaultLogger('ERROR'), telemetryOptions: { logging: { filter: 'OFF' } } });

const taskQueue = `threshold-${randomBytes(5).toString('hex')}`;
const activities = { lastLong: () => new Promise<void>(done => setTimeout(done, 2_000)) };

let connection: Connection;
let native: NativeConnection;
let worker: Worker;
let running: Promise<void>;
let workflowBundle: Awaited<ReturnType<typeof bundleWorkflowCode>>;
let client: Client;

beforeAll(async () => {
  connection = await Connection.connect({ address: temporalAddress() });
  native = await NativeConnection.connect({ address: temporalAddress() });
  client = new Client({ connection });
  workflowBundle = await bundleWorkflowCode({
    ...bundled(fileURLToPath(new URL('../..', import.meta.url))),
    workflowsPath: fileURLToPath(new URL('./workflow.ts', import.meta.url)),
    logger: new DefaultLogger('WARN'),
  });
  worker = await Worker.create({ connection: native, taskQueue, activities, workflowBundle });
  running = worker.run();
}, 120_000);

afterAll(async () => {
  worker?.shutdown();
  await running;
  await native?.close();
  await connection?.close();
});

test.each([
  'an activity that was not handed out yet',
  'an activity whose end nobody waits for',
  'an activity that is left to itself',
  'a workflow that has not begun',
  'a signal that was not sent yet',
])('a task in which %s is cancelled goes on to its end, and is replayed', async what => {
  const workflowId = `cancels-${randomBytes(5).toString('hex')}`;
  const run = await client.workflow.start('cancels', { workflowId, taskQueue, args: [what] });
  await run.signal('go');
  expect(await run.result()).toBe('it was cancelled');
  const history = await run.fetchHistory();
  const failed = (history.events ?? []).flatMap(
    ({ workflowTaskFailedEventAttributes: one }) => one?.failure?.message ?? [],
  );
  expect(failed).toEqual([]);
  await Worker.runReplayHistory({ workflowBundle, replayName: 'threshold' }, history, workflowId);
});
