/**
 * Two hundred people leave at once: what the engine costs beyond what Temporal itself costs. The reference are as many workflows on the
 * same server and the same kind of worker, whose activities do nothing: as many of them as an offboarding has in its three workflows
 * (front door, run, archiver), started in one breath where the engine starts them in one breath, and with the same messages to wait for.
 * A second reference, without a limit, has those three workflows as well: what lies between the two is Temporal's price for them.
 * The time is Temporal's own: from the first start to the last close, the archivers' included. The reference's messages are sent at once;
 * the engine's when the plan is there, since they name it.
 */
import { connectTemporal } from '../../runtime/temporal.js';
import { archiveWorkflowId } from '../../workflows/messages.js';
import { type Engine, startEngine } from '../harness/engine.js';
import { compared, type Effort, type Measured, median, seconds } from '../harness/figure.js';
import { type History, spentIn } from '../harness/history.js';
import { whileCounting } from '../harness/process.js';
import { type Servers, withServers } from '../harness/servers.js';
import { everyoneClosed, span } from '../harness/visibility.js';
import { startBenchWorker } from '../harness/worker.js';
import { withClient } from '../million/databases.js';
import { activitiesIn, type Move, shapeOf } from '../noop/shape.js';
import type { Parts } from '../noop/workflow.js';
import { APPROVER, buildTeam, FIRST_LEAVER, leaver, MANUAL, moved, OPERATOR } from '../team/team.js';

const LIMIT = 1.3;
const MOST = { activities: 30, events: 250 };

interface Round {
  ms: number;
  used: Record<string, number>;
  histories: History[];
}

export async function smallRuns({ rounds, quick, say }: Effort): Promise<Measured> {
  const size = { leavers: quick ? 10 : 200, items: quick ? 120 : 1200 };
  return withServers(async servers => {
    const ours: Round[] = [];
    const reference: Round[] = [];
    const three: Round[] = [];
    let parts: Parts = { door: [], run: [], archiver: [] };
    for (let round = 0; round < rounds; round++) {
      const temporal = await servers.temporal();
      const offboardings = await offboardAll(servers, temporal, `${round}`, size);
      parts = offboardings.parts;
      const one = { shape: [...parts.door, ...parts.run, ...parts.archiver] };
      ours.push(offboardings);
      reference.push(await runNoops(servers, temporal, { runs: size.leavers, queue: 'noops', type: 'noop', input: one }));
      three.push(await runNoops(servers, temporal, { runs: size.leavers, queue: 'threes', type: 'noopDoor', input: parts }));
      await temporal.stop();
      const took = [ours, reference, three].map(rounds => seconds(rounds.at(-1)!.ms));
      say(`round ${round + 1}: ours ${took[0]}, no-ops ${took[1]}, three no-op workflows each ${took[2]}`);
    }
    const runs = ours.flatMap(round => round.histories);
    const activities = Math.max(...runs.map(run => activitiesIn(shapeOf(run))));
    const events = Math.max(...runs.map(run => run.events?.length ?? 0));
    const times = (rounds: Round[]): number[] => rounds.map(round => round.ms);
    const line = compared('small-runs', times(ours), times(reference), LIMIT, {
      runs: size.leavers,
      activities_with_front_door_and_archive: activitiesIn([...parts.door, ...parts.run, ...parts.archiver]),
    });
    const asThree = compared('small-runs-three-workflows', times(ours), times(three), null, {
      three_to_one: Number((median(times(three)) / median(times(reference))).toPrecision(3)),
    });
    const within = (name: string, found: number, most: number) => ({
      name: `small-runs-${name}`,
      ours_ms: line.ours_ms,
      reference_ms: null,
      ratio: Number((found / most).toPrecision(3)),
      limit: 1,
      [name]: found,
      [`limit_${name}`]: most,
    });
    return {
      lines: [line, asThree, within('activities', activities, MOST.activities), within('events', events, MOST.events)],
      profile: [
        describe('ours', ours, size.leavers),
        describe('no-ops', reference, size.leavers),
        describe('three no-op workflows each', three, size.leavers),
      ],
    };
  });
}

interface Temporal {
  address: string;
  pid: number;
}

async function offboardAll(
  { postgres }: Servers,
  temporal: Temporal,
  name: string,
  size: { leavers: number; items: number },
): Promise<Round & { parts: Parts }> {
  const env = await buildTeam(postgres, name, size);
  const engine = await startEngine({
    address: temporal.address,
    taskQueue: 'ours',
    config: new URL('../team/handover.yaml', import.meta.url),
    env,
  });
  try {
    const processes = { PostgreSQL: postgres.pid, Temporal: temporal.pid, worker: engine.worker.pid };
    const { used } = await whileCounting(processes, async () => {
      const gates = answerGates(engine, env.HANDOVER_STORE_URL!, size.leavers);
      const people = Array.from({ length: size.leavers }, (_, n) => ({ user: leaver(n + 1), requestedBy: OPERATOR }));
      await Promise.all(people.map(request => engine.offboardings.request(request)));
      await gates;
      await everyoneClosed(engine.client, 'ours', size.leavers * 3);
    });
    const reports = await Promise.all(ids(size.leavers).map(id => engine.offboardings.result(id)));
    const wrong = reports.find(
      report => report.outcome !== 'completed' || report.steps.reduce((sum, step) => sum + step.changed, 0) !== moved(size),
    );
    if (wrong) throw new Error(`An offboarding ended as ${wrong.outcome}: ${wrong.sentence}`);
    const { ms } = await span(engine.client, 'ours');
    const histories = await Promise.all(ids(size.leavers).map(id => engine.offboardings.handle(id).fetchHistory()));
    const archive = await engine.client.workflow.getHandle(archiveWorkflowId(reports[0]!.offboardingId!)).fetchHistory();
    // The front door looks two people up, one after the other. The archiver is told once, which is no gate of a person's.
    const parts = { door: [1, 1], run: shapeOf(histories[0]!), archiver: shapeOf(archive).filter(move => move !== 'gate') };
    return { ms, used, histories, parts };
  } finally {
    await engine.stop();
  }
}

function ids(leavers: number): string[] {
  return Array.from({ length: leavers }, (_, n) => `offboarding/${FIRST_LEAVER + n + 1}`);
}

/** Looks into the store for new plans, ten times a second and all at once: asking 200 runs for their status would be work of its own. */
async function answerGates({ offboardings }: Engine, store: string, leavers: number): Promise<void> {
  await withClient(store, async client => {
    const answered = new Set<string>();
    while (answered.size < leavers) {
      const { rows } = await client.query(
        `select plans.digest, runs.workflow from handover.plans as plans join handover.open_runs as runs using (offboarding)`,
      );
      const fresh = rows.filter(({ digest }) => !answered.has(digest as string)) as { digest: string; workflow: string }[];
      await Promise.all(
        fresh.map(async ({ digest, workflow }) => {
          answered.add(digest);
          const handle = offboardings.handle(workflow);
          await handle.signal('acknowledge', { by: OPERATOR, category: MANUAL });
          await handle.signal('approve', { by: APPROVER, plan: digest });
        }),
      );
      await new Promise(done => setTimeout(done, 100));
    }
  });
}

interface Noops {
  runs: number;
  queue: string;
  type: 'noop' | 'noopDoor';
  input: { shape: Move[] } | Parts;
}

async function runNoops({ postgres }: Servers, temporal: Temporal, { runs, queue, type, input }: Noops): Promise<Round> {
  const worker = await startBenchWorker({ kind: 'noop', address: temporal.address, taskQueue: queue });
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
      await everyoneClosed(client, queue, type === 'noop' ? runs : runs * 3);
    });
    const { ms } = await span(client, queue);
    const histories = await Promise.all(Array.from({ length: runs }, (_, n) => run(n).fetchHistory()));
    return { ms, used, histories };
  } finally {
    await worker.stop();
    await client.connection.close();
  }
}

function describe(who: string, rounds: Round[], runs: number): string {
  const used = Object.keys(rounds[0]!.used).map(
    name => `${name} ${(median(rounds.map(round => round.used[name]!)) / runs).toFixed(0)}`,
  );
  const spent = spentIn(rounds.flatMap(round => round.histories));
  const per = (number: number): string => (number / rounds.length / runs).toFixed(number / rounds.length / runs < 10 ? 1 : 0);
  const parts = spent.map(one => `${one.name} x${per(one.count)}: ${per(one.worked)} + ${per(one.waited)}`);
  return `${who}, per run: processor ms ${used.join(', ')}; ms at work + on the queue: ${parts.join(', ')}.`;
}
