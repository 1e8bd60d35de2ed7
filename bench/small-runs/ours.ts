/**
 * Everybody leaves at once, through the engine: from the requests to the end of the look that archives them.
 */
import { archiveEverything } from '../harness/archive.js';
import { type Engine, startEngine } from '../harness/engine.js';
import { whileCounting } from '../harness/process.js';
import type { Servers } from '../harness/servers.js';
import { everyoneClosed, span } from '../harness/visibility.js';
import { withClient } from '../million/databases.js';
import { shapeOf } from '../noop/shape.js';
import type { Parts } from '../noop/workflow.js';
import { APPROVER, buildTeam, FIRST_LEAVER, leaver, MANUAL, moved, OPERATOR } from '../team/team.js';
import type { Round, Size, Temporal } from './round.js';

export async function offboardAll(
  { postgres }: Servers,
  temporal: Temporal,
  name: string,
  size: Size,
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
      const people = Array.from({ length: size.leavers }, (_, n) => ({
        user: leaver(n + 1),
        requestedBy: OPERATOR,
      }));
      await Promise.all(people.map(request => engine.offboardings.request(request)));
      await gates;
      await everyoneClosed(engine.client, { taskQueue: 'ours', type: 'offboardUser' }, size.leavers);
      await archiveEverything(engine);
    });
    const runs = Array.from({ length: size.leavers }, (_, n) => `${FIRST_LEAVER + n + 1}`);
    const reports = await Promise.all(runs.map(run => engine.offboardings.result(run)));
    const wrong = reports.find(
      report =>
        report.outcome !== 'completed' ||
        report.steps.reduce((sum, step) => sum + step.changed, 0) !== moved(size),
    );
    if (wrong) throw new Error(`An offboarding ended as ${wrong.outcome}: ${wrong.sentence}`);
    await everybodyIsArchived(env.HANDOVER_STORE_URL!, size.leavers);
    const { ms } = await span(engine.client, 'ours');
    const histories = await Promise.all(runs.map(run => engine.offboardings.handle(run).fetchHistory()));
    // The front door looks two people up together.
    return { ms, used, histories, parts: { door: [['introduce']], run: shapeOf(histories[0]!) } };
  } finally {
    await engine.stop();
  }
}

async function everybodyIsArchived(store: string, leavers: number): Promise<void> {
  await withClient(store, async client => {
    const { rows } = await client.query('select count(*)::int as n from handover.archives');
    if (rows[0].n !== leavers) throw new Error(`${rows[0].n} of ${leavers} histories were archived.`);
  });
}

/**
 * Looks into the store for new plans, ten times a second and all at once: asking 200 runs for their status
 * would be work of its own. A plan is stored a moment before its run knows it, and refuses what comes too
 * early: only one that has told people that it waits is answered.
 */
async function answerGates(
  { offboardings, client: temporal }: Engine,
  store: string,
  leavers: number,
): Promise<void> {
  await withClient(store, async client => {
    /** Workflow id → digest of its plan. */
    const answered = new Map<string, string>();
    let asked = Date.now();
    while (answered.size < leavers) {
      if (Date.now() - asked > STUCK_MS) {
        await nobodyIsStuck(temporal, offboardings);
        asked = Date.now();
      }
      const { rows } = await client.query<{ digest: string; workflow: string }>(
        `select plans.digest, runs.workflow
           from handover.plans as plans join handover.open_runs as runs using (offboarding)
          where exists (select from handover.audit where audit.offboarding = plans.offboarding and kind = 'notice')`,
      );
      const fresh = rows.filter(({ digest, workflow }) => answered.get(workflow) !== digest);
      await Promise.all(
        fresh.map(async ({ digest, workflow }) => {
          // Nothing happens here that nobody has planned: no figure would be one.
          if (answered.has(workflow))
            throw new Error(`${workflow} was planned anew, and nothing has changed.`);
          answered.set(workflow, digest);
          const handle = offboardings.handle(workflow);
          await handle.signal('acknowledge', { by: OPERATOR, category: MANUAL });
          await handle.signal('approve', { by: APPROVER, plan: digest });
        }),
      );
      await new Promise(done => setTimeout(done, 100));
    }
  });
}

/** Rarely, since it is work for the server that is being measured. */
const STUCK_MS = 20_000;

/** A run that waits for a correction will never have a plan: better no figure than waiting for it. */
async function nobodyIsStuck(
  temporal: Engine['client'],
  offboardings: Engine['offboardings'],
): Promise<void> {
  const query = 'TaskQueue = "ours" and OffboardingState = "needs-correction"';
  for await (const { workflowId } of temporal.workflow.list({ query })) {
    const { findings } = await offboardings.status(workflowId);
    throw new Error(`${workflowId} needs a correction: ${findings.map(({ message }) => message).join(' ')}`);
  }
}
