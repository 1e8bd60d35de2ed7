/**
 * What the independent checker cannot see in rows and ledger: that the run ended in time and left nothing
 * open (I12), that no secret got out (I13), that the faults were real (I14), and that what the database
 * acknowledged to others is there (I1, I10).
 */
import { gunzipSync } from 'node:zlib';
import type pg from 'pg';
import { CANARY } from '../small-world/seed.js';
import type { FaultWorld } from './fault-world.js';
import { insist, type Operated } from './operator.js';
import type { Acknowledged, Deed } from './writers.js';

export interface Finding {
  invariant: string;
  message: string;
}

/**
 * After the last fault has healed and people have done what was asked of them: the heartbeat timeout, and a
 * minute.
 */
const LIVELY_MS = 60_000;
const WORKER_LIMIT_MIB = 1_500;

export function checkLiveness(
  operated: Pick<Operated, 'lastDecision' | 'closedAt'>,
  healed: number,
  heartbeatTimeoutMs: number,
): Finding[] {
  const from = Math.max(healed, operated.lastDecision);
  const took = operated.closedAt - from;
  if (took <= heartbeatTimeoutMs + LIVELY_MS) return [];
  return [
    {
      invariant: 'I12',
      message: `the run took ${Math.round(took / 1000)} s to end after the last fault had healed`,
    },
  ];
}

/**
 * No workflow is stuck, and nobody sits in a transaction or on a lock. The workers are alive and have nothing
 * to do.
 */
export async function checkAtRest(world: FaultWorld): Promise<Finding[]> {
  const query = `TaskQueue = "${world.taskQueue}" and ExecutionStatus = "Running"`;
  const findings: Finding[] = [];
  const open = await patiently(30_000, async () => {
    const ids: string[] = [];
    for await (const run of world.temporal.workflow.list({ query })) ids.push(run.workflowId);
    return ids;
  });
  if (open.length > 0) findings.push({ invariant: 'I12', message: `still running: ${open.join(', ')}` });
  for (const [name, pool] of Object.entries(world.db)) {
    const busy = await patiently(70_000, () =>
      sessions(pool, `and (state <> 'idle' or pid in (select pid from pg_locks where granted))`),
    );
    if (busy.length > 0)
      findings.push({
        invariant: 'I12',
        message: `${name}: the engine still holds something: ${busy.join('; ')}`,
      });
  }
  return findings;
}

/**
 * After the workers have stopped in order: no connection is left, none ended by itself, none has eaten the
 * machine.
 */
export async function checkStopped(world: FaultWorld): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const exit of await world.fleet.stop())
    if (exit.code !== 0)
      findings.push({
        invariant: 'I12',
        message: `a worker that was asked to stop ended with ${JSON.stringify(exit)}`,
      });
  for (const deserter of world.fleet.deserters())
    findings.push({ invariant: 'I12', message: `a worker ended by itself: ${deserter}` });
  for (const worker of world.fleet.all)
    if (worker.peakMemory() > WORKER_LIMIT_MIB)
      findings.push({ invariant: 'I12', message: `a worker has used ${worker.peakMemory()} MiB` });
  for (const [name, pool] of Object.entries(world.db)) {
    const left = await patiently(10_000, () => sessions(pool, ''));
    if (left.length > 0)
      findings.push({ invariant: 'I12', message: `${name}: connections are left: ${left.join('; ')}` });
  }
  return findings;
}

async function sessions(pool: pg.Pool, and: string): Promise<string[]> {
  const { rows } = await pool.query(
    `select application_name || ' ' || coalesce(state, '?') || ' ' || left(query, 80) as session from pg_stat_activity
      where datname = current_database() and application_name like 'handover%' ${and}`,
  );
  return rows.map(row => row.session as string);
}

/** Until the list is empty, or for so long. */
async function patiently(ms: number, look: () => Promise<string[]>): Promise<string[]> {
  const deadline = Date.now() + ms;
  for (;;) {
    const left = await look();
    if (left.length === 0 || Date.now() > deadline) return left;
    await new Promise(resolve => setTimeout(resolve, 100));
  }
}

/** I13: the planted canaries are in no history, no log line, and no row of the store. */
export async function checkSecrets(world: FaultWorld): Promise<{ findings: Finding[]; searched: number }> {
  const canaries = [world.password, CANARY];
  const findings: Finding[] = [];
  let searched = 0;
  const search = (where: string, text: string): void => {
    searched += text.length;
    for (const canary of canaries)
      if (text.includes(canary))
        findings.push({ invariant: 'I13', message: `${where} holds "${canary.slice(0, 15)}…"` });
  };
  for (const [n, worker] of world.fleet.all.entries()) search(`the output of worker ${n}`, worker.output());
  for await (const run of world.temporal.workflow.list({ query: `TaskQueue = "${world.taskQueue}"` })) {
    const history = await insist(Date.now() + 20_000, 'a history', () =>
      world.temporal.workflow.getHandle(run.workflowId, run.runId).fetchHistory(),
    );
    search(`the history of ${run.workflowId}`, textsOf(history));
    search(`the memo of ${run.workflowId}`, JSON.stringify([run.memo, run.searchAttributes]));
  }
  const { rows: tables } = await world.db.store.query(
    `select tablename as name from pg_tables where schemaname = 'handover'`,
  );
  for (const { name } of tables) {
    // Packed as bytes: unpacked below.
    if (name === 'archives') continue;
    const { rows } = await world.db.store.query(
      `select string_agg(t::text, E'\n') as text from handover.${name} t`,
    );
    search(`handover.${name}`, rows[0].text ?? '');
  }
  const { rows: archives } = await world.db.store.query('select history from handover.archives');
  for (const { history } of archives)
    search('an archive', textsOf(JSON.parse(gunzipSync(history as Buffer).toString())));
  return { findings, searched };
}

/** Every text in there, payloads decoded. */
function textsOf(value: unknown): string {
  const texts: string[] = [];
  const walk = (one: unknown): void => {
    if (typeof one === 'string') {
      texts.push(one);
      if (/^[A-Za-z0-9+/]{8,}=*$/.test(one)) texts.push(Buffer.from(one, 'base64').toString());
    } else if (one instanceof Uint8Array) texts.push(Buffer.from(one).toString());
    else if (typeof one === 'object' && one !== null) for (const part of Object.values(one)) walk(part);
  };
  walk(value);
  return texts.join('\n');
}

/**
 * I1, I10: what the database acknowledged to a writer was seen by the witness, and is not undone by a crash.
 */
export async function checkAcknowledged(
  world: FaultWorld,
  acknowledged: readonly Acknowledged[],
): Promise<Finding[]> {
  const { rows } = await world.db.crm.query(
    `select app, op, coalesce(old_row, new_row) ->> 'id' as key, count(*)::int as n from public.moves_seen
      where app like 'writer-%' group by 1, 2, 3`,
  );
  const seen = new Map(rows.map(row => [`${row.app} ${row.op} ${row.key}`, row.n as number]));
  const findings: Finding[] = [];
  for (const { by, op, key, deed } of acknowledged) {
    const name = `${by} ${op} ${key}`;
    const left = seen.get(name) ?? 0;
    if (left === 0)
      findings.push({
        invariant: 'I10',
        message: `${by} was told that ${deed} of ${key} is done, and nobody saw it`,
      });
    seen.set(name, left - 1);
  }
  return findings;
}

export interface Struck {
  fault: string;
  happened: boolean;
  /** Receipts of the big category when it struck, and in the end. */
  receipts: [number, number];
  seen: Record<string, unknown>;
}

/** I14: every fault really happened, while work was done before and after it, and while others wrote. */
export function checkVacuity(
  struck: readonly Struck[],
  writes: Partial<Record<Deed, number>>,
  deeds: readonly Deed[],
): Finding[] {
  const findings: Finding[] = [];
  for (const { fault, happened, receipts, seen } of struck) {
    if (!happened)
      findings.push({
        invariant: 'I14',
        message: `"${fault}" did not really happen: ${JSON.stringify(seen)}`,
      });
    if (receipts[0] <= 0 || receipts[1] <= receipts[0])
      findings.push({
        invariant: 'I14',
        message: `"${fault}" struck when ${receipts[0]} of ${receipts[1]} batches were done`,
      });
  }
  for (const deed of deeds)
    if (!writes[deed]) findings.push({ invariant: 'I14', message: `nobody ever did "${deed}"` });
  return findings;
}
