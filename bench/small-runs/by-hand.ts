/**
 * The same people through the workflow written by hand (bench/by-hand), with databases and a worker of its
 * own.
 */
import { Client, Connection } from '@temporalio/client';
import type { offboardByHand } from '../by-hand/workflow.js';
import { whileCounting } from '../harness/process.js';
import type { Servers } from '../harness/servers.js';
import { everyoneClosed, span } from '../harness/visibility.js';
import { startBenchWorker } from '../harness/worker.js';
import { withClient } from '../million/databases.js';
import { APPROVER, buildTeam, FIRST_LEAVER, leaver, MANAGER, moved } from '../team/team.js';
import type { Round, Size, Temporal } from './round.js';

const QUEUE = 'by-hand';

/**
 * The approval is sent right after the start: waiting for the counts to appear would be work of its own,
 * which is not theirs.
 */
export async function offboardAllByHand(
  { postgres }: Servers,
  temporal: Temporal,
  name: string,
  size: Size,
): Promise<Round> {
  const env = await buildTeam(postgres, name, size);
  const worker = await startBenchWorker({
    kind: 'by-hand',
    address: temporal.address,
    taskQueue: QUEUE,
    env,
  });
  const client = new Client({ connection: await Connection.connect({ address: temporal.address }) });
  try {
    const run = (n: number) =>
      client.workflow.getHandle<typeof offboardByHand>(`by-hand/${FIRST_LEAVER + n + 1}`);
    const everybody = Array.from({ length: size.leavers }, (_, n) => n);
    const processes = { PostgreSQL: postgres.pid, Temporal: temporal.pid, worker: worker.pid };
    const { used } = await whileCounting(processes, async () => {
      await Promise.all(
        everybody.map(async n => {
          await client.workflow.start<typeof offboardByHand>('offboardByHand', {
            taskQueue: QUEUE,
            workflowId: run(n).workflowId,
            args: [{ leaver: leaver(n + 1), successor: MANAGER }],
          });
          await run(n).signal('approve', { by: APPROVER });
        }),
      );
      await everyoneClosed(client, { taskQueue: QUEUE }, size.leavers);
    });
    const results = await Promise.all(everybody.map(n => run(n).result()));
    const wrong = results.find(result => result.moved !== moved(size));
    if (wrong) throw new Error(`By hand, ${wrong.moved} of ${moved(size)} items were moved.`);
    await everybodyIsOff('By hand', env);
    const { ms } = await span(client, QUEUE);
    return { ms, used, histories: await Promise.all(everybody.map(n => run(n).fetchHistory())) };
  } finally {
    await worker.stop();
    await client.connection.close();
  }
}

/** Throws unless nobody who has left is active in either system. */
export async function everybodyIsOff(who: string, env: Record<string, string>): Promise<void> {
  for (const url of [env.BENCH_OFFICE_URL!, env.BENCH_DESK_URL!])
    await withClient(url, async client => {
      const { rows } = await client.query('select id from public.people where active and id > $1', [
        FIRST_LEAVER,
      ]);
      if (rows.length > 0) throw new Error(`${who}, ${rows.length} people were not switched off.`);
    });
}
