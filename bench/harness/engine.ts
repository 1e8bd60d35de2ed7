/** The engine for a figure: a worker process, a client, and one offboarding from the request to the close. */
import type { Client } from '@temporalio/client';
import { Offboardings } from '../../client/runs.js';
import { connectTemporal } from '../../runtime/temporal.js';
import { type History, type HistoryEvent, timeOf } from './history.js';
import { type BenchWorker, startBenchWorker } from './worker.js';

export interface Engine {
  worker: BenchWorker;
  client: Client;
  offboardings: Offboardings;
  stop(): Promise<void>;
}

export interface EngineOrder {
  address: string;
  taskQueue: string;
  config: URL;
  env: Record<string, string>;
  memoryMb?: number;
}

export async function startEngine({ config, ...order }: EngineOrder): Promise<Engine> {
  const { address, taskQueue } = order;
  const worker = await startBenchWorker({ kind: 'engine', ...order, config: config.pathname });
  const client = await connectTemporal({ address, namespace: 'default' });
  return {
    worker,
    client,
    offboardings: new Offboardings(client, taskQueue, taskQueue),
    async stop() {
      await worker.stop();
      await client.connection.close();
    },
  };
}

export interface People {
  user: string;
  requestedBy: string;
  approver: string;
  /** Steps to be acknowledged, if any. */
  manual?: string[];
}

export interface EngineRun {
  workflowId: string;
  offboardingId: string;
  /** From the request to the report. */
  ms: number;
  /** From the run's start to its plan, from the approval to the last step's end, from there to the close. */
  phases: { plan: number; handOver: number; close: number };
  history: History;
  historyBytes: number;
}

/** One offboarding whose gates are answered at once. Throws unless it completed and moved exactly `items`. */
export async function offboard({ offboardings }: Engine, people: People, items: number): Promise<EngineRun> {
  const started = performance.now();
  const answer = await offboardings.request({ user: people.user, requestedBy: people.requestedBy });
  if (answer.answer !== 'started') throw new Error(`Not started: ${JSON.stringify(answer)}`);
  const run = answer.workflowId;
  const planned = await offboardings.waitFor(run, status => status.state !== 'preparing', {
    timeoutMs: 600_000,
    everyMs: 20,
  });
  if (planned.state !== 'awaiting-approval') throw new Error(`${planned.state}: ${planned.sentence}`);
  if (people.manual)
    await offboardings.decide(run, 'acknowledge', { by: people.requestedBy, category: people.manual });
  await offboardings.decide(run, 'approve', { by: people.approver, plan: planned.plan!.digest });
  const report = await offboardings.result(run);
  const ms = performance.now() - started;
  const moved = report.steps.reduce((sum, step) => sum + step.changed, 0);
  if (report.outcome !== 'completed' || moved !== items)
    throw new Error(
      `The engine moved ${moved} of ${items} and ended as ${report.outcome}: ${report.sentence}`,
    );
  const handle = offboardings.handle(run);
  const history = await handle.fetchHistory();
  return {
    workflowId: run,
    offboardingId: answer.offboardingId,
    ms,
    phases: phasesOf(history),
    history,
    historyBytes: Number((await handle.describe()).raw.workflowExecutionInfo?.historySizeBytes ?? 0),
  };
}

function phasesOf({ events }: History): EngineRun['phases'] {
  const all = events ?? [];
  const names = new Map(
    all.map(event => [String(event.eventId), event.activityTaskScheduledEventAttributes?.activityType?.name]),
  );
  const ended = (name: string) => (event: HistoryEvent) =>
    names.get(String(event.activityTaskCompletedEventAttributes?.scheduledEventId)) === name;
  const planned = timeOf(all.find(ended('makePlan'))!);
  const approved = timeOf(all.findLast(event => event.workflowExecutionUpdateAcceptedEventAttributes)!);
  const handedOver = timeOf(all.findLast(ended('runSteps'))!);
  return {
    plan: planned - timeOf(all[0]!),
    handOver: handedOver - approved,
    close: timeOf(all.at(-1)!) - handedOver,
  };
}
