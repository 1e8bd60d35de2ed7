/**
 * Who competes: the statement an engineer would type, the fastest hand-written batches, the loop people write
 * today, and the engine.
 */
import pg from 'pg';
import type { Offboardings } from '../../client/runs.js';
import { withClient } from './databases.js';

/** `UPDATE ... SET owner WHERE owner`. Milliseconds. */
export async function bareUpdate(url: string): Promise<number> {
  return withClient(url, async client => {
    const started = performance.now();
    await client.query('update public.items set owner_id = 2 where owner_id = 1');
    return performance.now() - started;
  });
}

/**
 * Two connections, batches of 10,000 keys in key order, one from the front and one from the back, no record
 * of anything: the fastest that we know, and so the limit. `is true` keeps the planner away from the owner's
 * index, as in the engine. Milliseconds.
 */
export async function handWritten(url: string, items: number): Promise<number> {
  const pool = new pg.Pool({ connectionString: url, max: 3 });
  const started = performance.now();
  const { rows } = await pool.query({
    text: `select array_agg(id order by id)::text as keys
             from (select id, (row_number() over (order by id) - 1) / 10000 as page from public.items where owner_id = 1) as numbered
            group by page order by page`,
  });
  const pages = rows.map(row => row.keys as string);
  let changed = 0;
  const lane = async (next: () => string | undefined): Promise<void> => {
    for (let keys = next(); keys; keys = next()) {
      const { rowCount } = await pool.query(
        'update public.items set owner_id = 2 where id = any($1::bigint[]) and (owner_id = 1) is true',
        [keys],
      );
      changed += rowCount ?? 0;
    }
  };
  await Promise.all([lane(() => pages.shift()), lane(() => pages.pop())]);
  const ms = performance.now() - started;
  await pool.end();
  if (changed !== items) throw new Error(`The hand-written batches changed ${changed} of ${items} items.`);
  return ms;
}

/** One awaited UPDATE per row, as it is written today. Milliseconds for `rows` rows. */
export async function rowByRow(url: string, rows: number): Promise<number> {
  return withClient(url, async client => {
    const { rows: ids } = await client.query('select id from public.items where owner_id = 1 limit $1', [
      rows,
    ]);
    const started = performance.now();
    for (const { id } of ids)
      await client.query('update public.items set owner_id = 2 where id = $1 and owner_id = 1', [id]);
    return performance.now() - started;
  });
}

export interface EngineRun {
  ms: number;
  /**
   * Milliseconds from the request to the plan, from the approval to the end of the hand-over, and from there
   * to the close.
   */
  phases: { plan: number; handOver: number; close: number };
  events: number;
  historyBytes: number;
  activities: { name: string; ms: number }[];
}

/**
 * The whole engine: request, inventory, plan with manifest, gates answered at once, transfer with receipts,
 * proof, deactivation.
 */
export async function engine(offboardings: Offboardings, items: number): Promise<EngineRun> {
  const started = performance.now();
  const answer = await offboardings.request({
    user: 'lena@bench.example',
    requestedBy: 'olga@bench.example',
  });
  if (answer.answer !== 'started') throw new Error(JSON.stringify(answer));
  const run = answer.workflowId;
  const planned = await offboardings.waitFor(run, status => status.state !== 'preparing', {
    timeoutMs: 600_000,
    everyMs: 20,
  });
  if (planned.state !== 'awaiting-approval') throw new Error(`${planned.state}: ${planned.sentence}`);
  const plan = performance.now() - started;
  await offboardings.decide(run, 'approve', { by: 'anna@bench.example', plan: planned.plan!.digest });
  const report = await offboardings.result(run);
  const ms = performance.now() - started;
  const moved = report.steps.reduce((sum, step) => sum + step.changed, 0);
  if (report.outcome !== 'completed' || moved !== items)
    throw new Error(`The engine moved ${moved} of ${items}: ${report.sentence}`);
  const handle = offboardings.handle(run);
  const history = await handle.fetchHistory();
  const scheduled = new Map<string, { name: string; at: number }>();
  const activities: EngineRun['activities'] = [];
  for (const event of history.events ?? []) {
    const at = Number(event.eventTime?.seconds ?? 0) * 1000 + Number(event.eventTime?.nanos ?? 0) / 1e6;
    const schedule = event.activityTaskScheduledEventAttributes;
    if (schedule) scheduled.set(String(event.eventId), { name: schedule.activityType?.name ?? '', at });
    const done = event.activityTaskCompletedEventAttributes;
    const begun = done && scheduled.get(String(done.scheduledEventId));
    if (begun) activities.push({ name: begun.name, ms: Math.round(at - begun.at) });
  }
  const status = await offboardings.status(run);
  const handedOver = Date.parse(status.times.handedOver ?? '');
  const begun = Date.parse(status.times.requested);
  return {
    ms,
    phases: { plan, handOver: handedOver - begun - plan, close: ms - (handedOver - begun) },
    events: history.events?.length ?? 0,
    historyBytes: Number((await handle.describe()).raw.workflowExecutionInfo?.historySizeBytes ?? 0),
    activities,
  };
}
