/** The process behind worker.ts: one worker, until whoever started it lets go. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { readConfig } from '../../runtime/config.js';
import { connectTemporal, payloadConverterPath } from '../../runtime/temporal.js';
import { cachedRuns, startWorker } from '../../workers/worker.js';
import { createBareActivities } from '../bare/activities.js';
import { poolOf, startByHandWorker } from '../by-hand/worker.js';
import type { InPlace } from '../noop/workflow.js';
import type { WorkerOrder } from './worker.js';

const order = JSON.parse(process.argv[2]!) as WorkerOrder;
Runtime.install({
  logger: new DefaultLogger('ERROR'),
  shutdownSignals: [],
  telemetryOptions: { logging: { filter: 'OFF' } },
});
const stop = await { engine, noop, bare, 'by-hand': byHand }[order.kind]();
process.once('disconnect', () => void stop().then(() => process.exit(0)));
process.send!('ready');

async function engine(): Promise<() => Promise<void>> {
  const config = readConfig(order.config!);
  // Every round has a store of its own, so it is an installation of its own.
  config.installation = order.taskQueue;
  config.temporal = { ...config.temporal, address: order.address, taskQueue: order.taskQueue };
  const worker = await startWorker({
    config,
    cacheDir: join(tmpdir(), 'handover-bench-bundles'),
    log: () => {},
    ...(order.memoryMb && { worker: { maxCachedWorkflows: cachedRuns(order.memoryMb * 1024 * 1024) } }),
  });
  return worker.stop;
}

/** Activities that do nothing. */
function noop(): Promise<() => Promise<void>> {
  return inPlace(async () => {});
}

/** Activities that do what the design demands of them, and nothing else. */
async function bare(): Promise<() => Promise<void>> {
  const { BENCH_OFFICE_URL: office, BENCH_DESK_URL: desk, HANDOVER_STORE_URL: store } = process.env;
  const pools = { office: poolOf(office!), desk: poolOf(desk!), store: poolOf(store!) };
  const client = await connectTemporal({ address: order.address, namespace: 'default' });
  const stop = await inPlace(createBareActivities(pools, client).inPlaceOf);
  return async () => {
    await stop();
    await client.connection.close();
    await Promise.all(Object.values(pools).map(pool => pool.end()));
  };
}

/** The same settings as workers/worker.ts, and other activities in the places of ours. */
async function inPlace(inPlaceOf: InPlace['inPlaceOf']): Promise<() => Promise<void>> {
  const connection = await NativeConnection.connect({ address: order.address });
  const worker = await Worker.create({
    connection,
    taskQueue: order.taskQueue,
    workflowsPath: new URL('../noop/workflow.ts', import.meta.url).pathname,
    dataConverter: { payloadConverterPath },
    activities: { inPlaceOf },
    shutdownGraceTime: '30s',
    maxHeartbeatThrottleInterval: '1s',
  });
  const running = worker.run();
  return async () => {
    worker.shutdown();
    await running;
    await connection.close();
  };
}

function byHand(): Promise<() => Promise<void>> {
  const { BENCH_OFFICE_URL: office, BENCH_DESK_URL: desk } = process.env;
  return startByHandWorker({
    address: order.address,
    taskQueue: order.taskQueue,
    office: office!,
    desk: desk!,
  });
}
