/**
 * What runs inside a worker process of the fault tests (worker-process.ts starts it): the worker as it is
 * shipped, with crash points around it. Says "ready" once it takes work. Ends in order on SIGTERM, and at
 * once when its parent is gone.
 *
 *   HANDOVER_FAULT_WORKER   the order as JSON, see WorkerOrder
 *   HANDOVER_CRASH_AT       see crash-points.ts
 */
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { startWorker } from '../../workers/worker.js';
import { crashInConnectors, crashingActivities, crashPoint } from './crash-points.js';
import type { WorkerOrder } from './worker-process.js';

process.stdin.on('end', () => process.exit(2)).resume();
const order = JSON.parse(process.env.HANDOVER_FAULT_WORKER!) as WorkerOrder;
const pass = crashPoint(process.env.HANDOVER_CRASH_AT);

Runtime.install({
  logger: new DefaultLogger('WARN', entry =>
    console.error(entry.level, entry.message, JSON.stringify(entry.meta ?? {})),
  ),
  shutdownSignals: [],
  telemetryOptions: { logging: { forward: {}, filter: { core: 'WARN', other: 'WARN' } } },
});
const worker = await startWorker({
  config: order.config,
  cacheDir: order.cacheDir,
  log: message => console.log(message),
  patience: order.patience,
  wrap: activities => crashingActivities(activities, pass),
  worker: order.bundle ? { ...order.worker, workflowBundle: { codePath: order.bundle } } : order.worker,
});
crashInConnectors(worker.deps.systems, pass);
process.once('SIGTERM', () => void worker.stop());
console.log('ready');
await worker.stopped;
process.exit(0);
