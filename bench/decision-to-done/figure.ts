/**
 * How long an approver waits: from the last approval's arrival to the leaver being switched off everywhere,
 * for 500 items in twelve categories of two systems, one offboarding after the other on a quiet server in
 * memory. The reference does the same activities, in the same order and in the same breaths, as no-ops: what
 * Temporal itself takes to carry them.
 */
import { connectTemporal } from '../../runtime/temporal.js';
import { archived } from '../harness/archive.js';
import { offboard, startEngine } from '../harness/engine.js';
import { compared, type Effort, type Measured, median, quantile, seconds } from '../harness/figure.js';
import { type History, spentInWords, timeOf } from '../harness/history.js';
import { withServers } from '../harness/servers.js';
import { startBenchWorker } from '../harness/worker.js';
import { shapeOf } from '../noop/shape.js';
import { APPROVER, buildTeam, leaver, MANUAL, moved, OPERATOR } from '../team/team.js';

export async function decisionToDone({ rounds, quick, say }: Effort): Promise<Measured> {
  // So many that a 95th percentile means something.
  const runs = quick ? 3 : 20 * rounds;
  const size = { leavers: runs + 1, items: 500 };
  return withServers(async ({ postgres, temporal: startTemporal }) => {
    const temporal = await startTemporal();
    const { address } = temporal;
    const env = await buildTeam(postgres, 'decision', size);
    const engine = await startEngine({
      address,
      taskQueue: 'ours',
      config: new URL('../team/handover.yaml', import.meta.url),
      env,
    });
    const ours: History[] = [];
    try {
      // The first one warms everything up and is not counted.
      for (let n = 0; n <= runs; n++) {
        const people = { user: leaver(n + 1), requestedBy: OPERATOR, approver: APPROVER, manual: MANUAL };
        const run = await offboard(engine, people, moved(size));
        await archived(engine, run);
        if (n > 0) ours.push(run.history);
      }
    } finally {
      await engine.stop();
    }
    say(`${runs} offboardings, the middle one ${seconds(median(ours.map(toDone)))}`);
    const shape = shapeOf(afterApproval(ours[0]!));
    const reference = await noops(address, runs, shape);
    say(`${runs} no-ops, the middle one ${seconds(median(reference.map(toDone)))}`);
    const [a, b] = [ours.map(toDone), reference.map(toDone)];
    return {
      lines: [
        compared('decision-to-done-p50', [median(a)], [median(b)], null, { runs }),
        compared('decision-to-done-p95', [quantile(a, 0.95)], [quantile(b, 0.95)], null, { runs }),
      ],
      profile: [
        `ours, ms at work + on the queue after the approval: ${spentInWords(ours.map(afterApproval))}.`,
        `no-ops: ${spentInWords(reference.map(afterApproval))}.`,
      ],
    };
  });
}

/** One after the other, each told to go on when it stands at its gate, as an approver does. */
async function noops(address: string, runs: number, shape: ReturnType<typeof shapeOf>): Promise<History[]> {
  const worker = await startBenchWorker({ kind: 'noop', address, taskQueue: 'noops' });
  const client = await connectTemporal({ address, namespace: 'default' });
  try {
    const histories: History[] = [];
    for (let n = 0; n <= runs; n++) {
      const args = [{ shape: [['look'], 'gate', ...shape] }];
      const handle = await client.workflow.start('noop', {
        taskQueue: 'noops',
        workflowId: `noop/${n}`,
        args,
      });
      for (let events = 0; events < GATE_REACHED; events = (await handle.fetchHistory()).events?.length ?? 0)
        await new Promise(done => setTimeout(done, 50));
      await handle.signal('pass');
      await handle.result();
      if (n > 0) histories.push(await handle.fetchHistory());
    }
    return histories;
  } finally {
    await worker.stop();
    await client.connection.close();
  }
}

/** Started, a workflow task (3), an activity (3), a workflow task (3): now it waits. */
const GATE_REACHED = 10;

/**
 * The events from the last message (the approval) to the workflow task that learns of the last deactivation.
 */
function afterApproval(history: History): History {
  const events = history.events ?? [];
  const approval = events.findLastIndex(
    event =>
      event.workflowExecutionSignaledEventAttributes ?? event.workflowExecutionUpdateAcceptedEventAttributes,
  );
  const names = new Map(
    events.map(
      event =>
        [String(event.eventId), event.activityTaskScheduledEventAttributes?.activityType?.name] as const,
    ),
  );
  const last = events.findLastIndex(event => {
    const done = event.activityTaskCompletedEventAttributes;
    return done && ['deactivate', 'inPlaceOf'].includes(names.get(String(done.scheduledEventId)) ?? '');
  });
  const learned = events.findIndex((event, n) => n > last && event.workflowTaskStartedEventAttributes);
  return { ...history, events: events.slice(approval, learned + 1) } as History;
}

/** Milliseconds from the approval to the moment at which the run knows that everybody is switched off. */
function toDone(history: History): number {
  const events = afterApproval(history).events!;
  return timeOf(events.at(-1)!) - timeOf(events[0]!);
}
