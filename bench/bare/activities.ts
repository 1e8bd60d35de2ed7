/**
 * What the design demands of a run, and nothing else: no engine, no choice, no check, plain statements for
 * the two systems of bench/team in the places of our activities. Each is as cheap as its promise allows:
 *
 *   looks        one statement a system, whenever a look has to be fresh: for the plan, before the first step,
 *                before the switch, with it, and at the end
 *   the plan     the keys behind it are kept, before anything is written
 *   a category   one UPDATE by these keys, and a receipt that names its transaction before that commits
 *   the trail    what happened is an entry in a chain of digests, committed before the run goes on
 *   the archive  the history, in the store
 */
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { activityInfo } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import type pg from 'pg';
import { type System, TABLES } from '../by-hand/activities.js';
import { FIRST_LEAVER, leaver, MANAGER } from '../team/team.js';

export type Pools = Record<System | 'store', pg.Pool>;

export const STORE = `
  create table open_runs (run text primary key, leaver bigint not null);
  create table entries (run text, n int, body jsonb not null, digest bytea not null, primary key (run, n));
  create table pages (run text, system text, category text, keys bigint[] not null,
                      primary key (run, system, category));
  create table receipts (run text, system text, category text, mark text not null, changed int not null,
                         primary key (run, system, category));
  create table documents (run text, kind text, body jsonb not null, primary key (run, kind));
  create table archives (run text primary key, history bytea not null)`;

const SYSTEMS = ['office', 'desk'] as const;

export function createBareActivities(pools: Pools, client: Client) {
  const work: Record<string, (run: Run, nth: number) => Promise<void>> = {
    introduce: ({ person }) => whoIs(pools, 'office', [leaver(person), MANAGER]),
    resolveAccounts: async ({ id, person }) => {
      await Promise.all(SYSTEMS.map(system => whoIs(pools, system, [leaver(person), MANAGER])));
      await pools.store.query('insert into open_runs values ($1, $2)', [id, FIRST_LEAVER + person]);
    },
    // One for each system, in this order.
    look: (run, nth) => look(pools[SYSTEMS[nth % 2]!], SYSTEMS[nth % 2]!, run),
    makePlan: run => plan(pools, run),
    identify: ({ person }) => whoIs(pools, 'office', [leaver(person)]),
    record: run => record(pools, run, 'recorded'),
    standing: async () =>
      void (await pools.store.query('select run, leaver from open_runs where leaver = 2')),
    runSteps: (run, nth) => moveAll(pools, SYSTEMS[nth]!, run),
    deactivate: (run, nth) => switchOff(pools, SYSTEMS.toReversed()[nth]!, run),
    lookOnceMore: async run =>
      void (await Promise.all(SYSTEMS.map(system => look(pools[system], system, run)))),
    closeRun: async run => {
      const body = JSON.stringify({ run: run.id, outcome: 'completed' });
      await pools.store.query(
        `with closed as (insert into documents values ($1, 'certificate', $2)),
              struck as (delete from open_runs where run = $1)
         insert into entries values ($1, $3, $2, $4)`,
        [run.id, body, run.entry, digestOf(body)],
      );
    },
    archive: () => archive(pools, client),
  };
  return {
    async inPlaceOf(activity: string, nth: number): Promise<void> {
      const promised = work[activity];
      if (!promised) throw new Error(`Nobody has said what the design demands of ${activity}.`);
      const { workflowExecution, activityId } = activityInfo();
      const id = workflowExecution!.workflowId;
      await promised({ id, person: Number(id.split('/').at(-1)) + 1, entry: Number(activityId) }, nth);
    },
  };
}

interface Run {
  id: string;
  /** As in bench/team. */
  person: number;
  /** The place of its entry in the trail. */
  entry: number;
}

async function whoIs(pools: Pools, system: System, emails: string[]): Promise<void> {
  const { rows } = await pools[system].query(
    'select id, name, active from public.people where email = any ($1)',
    [emails],
  );
  if (rows.length !== emails.length) throw new Error(`${rows.length} of ${emails.length} are known.`);
}

async function look(on: pg.Pool | pg.PoolClient, system: System, { person }: Run): Promise<void> {
  const counts = TABLES[system].map(
    table => `(select count(*)::int from public.${table} where owner_id = $1) as ${table}`,
  );
  await on.query(`select ${counts.join(', ')}`, [FIRST_LEAVER + person]);
}

/** The keys of every category are read, and kept with the plan in one transaction. */
async function plan(pools: Pools, { id, person, entry }: Run): Promise<void> {
  const pages = await Promise.all(
    SYSTEMS.map(async system => {
      const keys = TABLES[system].map(
        table => `(select array_agg(id order by id) from public.${table} where owner_id = $1) as ${table}`,
      );
      const { rows } = await pools[system].query(`select ${keys.join(', ')}`, [FIRST_LEAVER + person]);
      return Object.entries(rows[0] as Record<string, string[]>).map(([category, held]) => ({
        system,
        category,
        keys: `{${held.join(',')}}`,
      }));
    }),
  );
  const steps = pages.flat();
  const body = JSON.stringify({
    run: id,
    steps: steps.map(({ system, category }) => `${system}/${category}`),
  });
  await pools.store.query(
    `with planned as (insert into documents values ($1, 'plan', $2)),
          kept as (insert into pages select $1, s, c, k::bigint[]
                     from unnest($5::text[], $6::text[], $7::text[]) as u(s, c, k))
     insert into entries values ($1, $3, $2, $4)`,
    [id, body, entry, digestOf(body), ...columns(steps, ['system', 'category', 'keys'])],
  );
}

async function record({ store }: Pools, { id, entry }: Run, what: string): Promise<void> {
  const body = JSON.stringify({ run: id, what });
  await store.query('insert into entries values ($1, $2, $3, $4)', [id, entry, body, digestOf(body)]);
}

/** One category after the other, since one that fails must not take others along. */
async function moveAll(pools: Pools, system: System, run: Run): Promise<void> {
  const { rows: pages } = await pools.store.query<{ category: string; keys: string[] }>(
    'select category, keys from pages where run = $1 and system = $2',
    [run.id, system],
  );
  for (const { category, keys } of pages)
    await withReceipt(pools, { system, category, run }, async client => {
      const { rows } = await client.query<{ mark: string; changed: number }>(
        `with moved as (
           update public.${category} set owner_id = 2 where id = any ($2) and owner_id = $1 returning id)
         select pg_current_xact_id()::text as mark, count(*)::int as changed from moved`,
        [FIRST_LEAVER + run.person, keys],
      );
      if (rows[0]!.changed !== keys.length) throw new Error(`${rows[0]!.changed} of ${keys.length} moved.`);
      return rows[0]!;
    });
  await record(pools, run, `${pages.length} steps of ${system} are done`);
}

async function switchOff(pools: Pools, system: System, run: Run): Promise<void> {
  await withReceipt(pools, { system, category: 'deactivate', run }, async client => {
    const { rows } = await client.query<{ mark: string; changed: number }>(
      `update public.people set active = false where id = $1
       returning pg_current_xact_id()::text as mark, 1 as changed`,
      [FIRST_LEAVER + run.person],
    );
    await look(client, system, run);
    return rows[0]!;
  });
  await record(pools, run, `nobody is active in ${system} any more`);
}

/** A receipt names a transaction before it commits. */
async function withReceipt(
  pools: Pools,
  { system, category, run }: { system: System; category: string; run: Run },
  change: (client: pg.PoolClient) => Promise<{ mark: string; changed: number }>,
): Promise<void> {
  const client = await pools[system].connect();
  try {
    await client.query('begin');
    const { mark, changed } = await change(client);
    await pools.store.query('insert into receipts values ($1, $2, $3, $4, $5)', [
      run.id,
      system,
      category,
      mark,
      changed,
    ]);
    await client.query('commit');
  } finally {
    client.release();
  }
}

/** The histories of all runs that have closed. */
async function archive({ store }: Pools, client: Client): Promise<void> {
  const { taskQueue } = activityInfo();
  const query = `TaskQueue = "${taskQueue}" and ExecutionStatus = "Completed" and WorkflowType = "noop"`;
  for await (const { workflowId } of client.workflow.list({ query })) {
    const history = await client.workflow.getHandle(workflowId).fetchHistory();
    await store.query('insert into archives values ($1, $2)', [
      workflowId,
      gzipSync(JSON.stringify(history)),
    ]);
  }
}

function columns<T>(rows: readonly T[], names: readonly (keyof T)[]): unknown[][] {
  return names.map(name => rows.map(row => row[name]));
}

/** A chain costs the digest of one more digest, which is nothing. */
function digestOf(body: string): Buffer {
  return createHash('sha256').update(body).digest();
}
