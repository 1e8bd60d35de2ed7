/**
 * What several directed faults begin with: a run in a certain state, and questions about the world around it.
 */
import type pg from 'pg';
import { expect } from 'vitest';
import { acknowledgeAll, agree, must, planned, type Started, start } from '../../small-world/drive.js';
import type { SmallWorld } from '../../small-world/world.js';

/** Planned, acknowledged and approved: it executes from here on. */
export async function agreed(small: SmallWorld, request: Record<string, unknown> = {}): Promise<Started> {
  const run = await start(small, request);
  expect(await planned(small, run)).toMatchObject({ state: 'awaiting-approval', findings: [] });
  await agree(small, run);
  return run;
}

/** Approved, and held back by an acknowledgement that is still missing. */
export async function approvedButHeld(
  small: SmallWorld,
  request: Record<string, unknown> = {},
): Promise<Started> {
  const run = await start(small, request);
  const { plan } = await planned(small, run);
  await must(small, run, 'approve', 'priya', { plan: plan!.digest });
  return run;
}

export function release(small: SmallWorld, run: Started): Promise<void> {
  return acknowledgeAll(small, run);
}

/** Alice's row in both systems. */
export async function leaverIs(small: SmallWorld): Promise<string[]> {
  const people = await small.db.crm.query('select status from people where id = $1', [small.cast.alice.id]);
  const agents = await small.db.desk.query('select status from agents where id = 17');
  return [people.rows[0]?.status, agents.rows[0]?.status];
}

/** Rows that the engine has changed in a table. */
export async function movesOf(db: pg.Pool, table: string): Promise<number> {
  const { rows } = await db.query(
    `select count(*)::int as n from moves_seen where app = 'handover' and tbl = $1`,
    [table],
  );
  return rows[0].n as number;
}

/** Rows of both systems that the engine has changed. */
export async function moves(small: SmallWorld): Promise<number> {
  let sum = 0;
  for (const db of [small.db.crm, small.db.desk]) {
    const { rows } = await db.query(`select count(*)::int as n from moves_seen where app = 'handover'`);
    sum += rows[0].n as number;
  }
  return sum;
}

/** Until a session of the engine stands behind somebody's lock: the fault has begun to bite. */
export async function waitsForLock(db: pg.Pool, everyMs = 25): Promise<void> {
  const waiting = `select 1 from pg_stat_activity where application_name = 'handover' and datname = current_database() and wait_event_type = 'Lock'`;
  await expect
    .poll(async () => (await db.query(waiting)).rowCount, { timeout: 20_000, interval: everyMs })
    .toBeGreaterThan(0);
}
