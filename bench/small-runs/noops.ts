/**
 * The same number of runs whose activities do nothing: what Temporal takes for workflows of this shape. Or
 * with bare statements in their place (bench/bare), on databases and a store of their own.
 */
import { connectTemporal } from '../../runtime/temporal.js';
import { whileCounting } from '../harness/process.js';
import type { Servers } from '../harness/servers.js';
import { everyoneClosed, span } from '../harness/visibility.js';
import { startBenchWorker } from '../harness/worker.js';
import type { Move } from '../noop/shape.js';
import type { Parts } from '../noop/workflow.js';
import type { Round, Temporal } from './round.js';

export interface Noops {
  runs: number;
  queue: string;
  type: 'noop' | 'noopDoor';
  input: { shape: Move[] } | Parts;
  /** Connections of the team that the statements are for. */
  bare?: Record<string, string>;
}

export async function runNoops(
  { postgres }: Servers,
  temporal: Temporal,
  { runs, queue, type, input, bare }: Noops,
): Promise<Round> {
  const worker = await startBenchWorker({
    ...(bare ? { kind: 'bare', env: bare } : { kind: 'noop' }),
    address: temporal.address,
    taskQueue: queue,
  });
  const client = await connectTemporal({ address: temporal.address, namespace: 'default' });
  try {
    const shape = 'shape' in input ? input.shape : input.run;
    const gates = shape.filter(move => move === 'gate').length;
    const run = (n: number) => client.workflow.getHandle(`${queue}/run/${n}`);
    const processes = { PostgreSQL: postgres.pid, Temporal: temporal.pid, worker: worker.pid };
    const { used } = await whileCounting(processes, async () => {
      await Promise.all(
        Array.from({ length: runs }, async (_, n) => {
          const workflowId = `${queue}/${type === 'noop' ? 'run' : 'door'}/${n}`;
          const handle = await client.workflow.start(type, { taskQueue: queue, workflowId, args: [input] });
          // A front door is over when the run has been started.
          if (type === 'noopDoor') await handle.result();
          for (let gate = 0; gate < gates; gate++) await run(n).signal('pass');
        }),
      );
      await everyoneClosed(client, { taskQueue: queue }, type === 'noop' ? runs : runs * 2);
      if (bare)
        await client.workflow.execute('noop', {
          taskQueue: queue,
          workflowId: `${queue}/archive/0`,
          args: [{ shape: [['archive']] }],
        });
    });
    const { ms } = await span(client, queue);
    const histories = await Promise.all(Array.from({ length: runs }, (_, n) => run(n).fetchHistory()));
    return { ms, used, histories };
  } finally {
    await worker.stop();
    await client.connection.close();
  }
}
