/**
 * The world moves while a run waits and works: what comes late follows the approved rule or asks again, what
 * others did stays.
 */

import { expect, test } from 'vitest';
import {
  acknowledgeAll,
  agree,
  atRest,
  ended,
  handOver,
  mail,
  must,
  planned,
  type Started,
  start,
  waitFor,
} from '../small-world/drive.js';
import { byOthers, newTicket, trap } from '../small-world/mischief.js';
import { useSmallWorld } from '../small-world/world.js';

const small = useSmallWorld();
const desk = (sql: string): Promise<{ rows: { n: number }[] }> => small.db.desk.query(sql);
const crm = (sql: string, values: unknown[] = []): Promise<{ rows: Record<string, unknown>[] }> =>
  small.db.crm.query(sql, values);

async function ticketsOf(assignee: number): Promise<number> {
  const { rows } = await desk(
    `select count(*)::int as n from tickets where assignee_id = ${assignee} and status = 'open'`,
  );
  return rows[0]!.n;
}

/** Approved, and held back by an acknowledgement that is still missing. */
async function approvedButHeld(request: Record<string, unknown> = {}): Promise<Started> {
  const run = await start(small, request);
  const { plan } = await planned(small, run);
  await must(small, run, 'approve', 'priya', { plan: plan!.digest });
  return run;
}

// --- late arrivals -----------------------------------------------------------------------------------------
test('what is assigned to the leaver after the scan follows the approved rule, and is reported', async () => {
  const run = await start(small);
  await planned(small, run);
  await desk(newTicket(700));
  await agree(small, run);
  const status = await ended(small, run);
  expect(status).toMatchObject({ outcome: 'completed', revision: 1 });
  expect(status.steps['desk/tickets']).toMatchObject({ changed: 10, arrived: 1 });
  expect(await ticketsOf(18)).toBe(10);
});

test('what is assigned to the leaver after the approval follows it while it is little', async () => {
  const run = await approvedButHeld();
  await desk(`${newTicket(700)}; ${newTicket(701)}; ${newTicket(702)}`);
  await acknowledgeAll(small, run);
  const status = await ended(small, run);
  expect(status).toMatchObject({ outcome: 'completed', revision: 1 });
  expect(status.steps['desk/tickets']).toMatchObject({ changed: 12, arrived: 3 });
});

test('more than the policy allows after the approval opens it again', async () => {
  const run = await approvedButHeld();
  await desk([700, 701, 702, 703].map(number => newTicket(number)).join(';'));
  await acknowledgeAll(small, run);
  const again = await waitFor(
    small,
    run,
    ({ state, revision }) => state === 'awaiting-approval' && revision === 2,
  );
  expect(again).toMatchObject({ approvals: [], waitingOn: 'approval' });
  expect(again.plan!.steps.find(step => step.id === 'desk/tickets')!.baseline.count).toBe(13);
  expect(await ticketsOf(17)).toBe(13);
  await agree(small, run, 'daniel');
  expect((await ended(small, run)).steps['desk/tickets']).toMatchObject({ changed: 13, arrived: 0 });
});

test('shrinking never asks again', async () => {
  const run = await approvedButHeld();
  await desk(`update tickets set assignee_id = 19 where assignee_id = 17 and number < 8 and status = 'open'`);
  await acknowledgeAll(small, run);
  const status = await ended(small, run);
  expect(status).toMatchObject({ outcome: 'completed', revision: 1 });
  expect(status.steps['desk/tickets']).toMatchObject({ changed: 1, taken: 8 });
});

test('what is assigned to the leaver while the step runs, or after it, is moved too', async () => {
  // One while tickets move; another while the next step of the same system runs, when the tickets are done.
  const during = await trap(small.db.desk, 'tickets', byOthers(newTicket(700)), {
    when: 'old.number = 5',
    timing: 'after',
  });
  const after = await trap(small.db.desk, 'watchers', byOthers(newTicket(701)), {
    when: `old.ticket = 'T-3'`,
    timing: 'after',
  });
  const { status } = await handOver(small);
  await Promise.all([during.mend(), after.mend()]);
  expect(status.outcome).toBe('completed');
  expect(status.steps['desk/tickets']).toMatchObject({ changed: 11, arrived: 2 });
  expect(await ticketsOf(17)).toBe(0);
});

test('more than the policy allows during the execution parks the step', async () => {
  const mischief = await trap(small.db.desk, 'tickets', byOthers(newTicket('old.number + 100')), {
    when: 'old.number < 4',
    timing: 'after',
  });
  const run = await handOver(small);
  await mischief.mend();
  expect(run.status.state).toBe('needs-attention');
  expect(run.status.steps['desk/tickets']).toMatchObject({
    state: 'failed',
    remaining: 4,
    message: expect.stringMatching(/4 new items.*more than the 3/),
  });
  expect(run.status.access).toMatchObject({ desk: 'open', crm: 'open' });
  await must(small, run, 'amend', 'olivia', {});
  await waitFor(small, run, ({ state, revision }) => state === 'awaiting-approval' && revision === 2);
  await agree(small, run);
  expect(await ended(small, run)).toMatchObject({ outcome: 'completed' });
});

// --- what others do ----------------------------------------------------------------------------------------
test('taken, vanished and closed items are told apart and left alone, the rest goes through', async () => {
  const run = await approvedButHeld();
  await desk(`update tickets set assignee_id = 19 where assignee_id = 17 and number in (1, 2)`);
  await desk(`delete from tickets where assignee_id = 17 and number = 3`);
  await desk(`update tickets set status = 'closed' where assignee_id = 17 and number in (4, 5)`);
  await crm(`update accounts set owner_id = null where name = 'Account 1'`);
  await acknowledgeAll(small, run);
  const status = await ended(small, run);
  expect(status.outcome).toBe('completed');
  expect(status.steps['desk/tickets']).toMatchObject({ changed: 4, taken: 2, gone: 3, failed: 0 });
  expect(status.steps['crm/accounts']).toMatchObject({ changed: 8, taken: 0, gone: 1 });
  const exceptions = status.steps['desk/tickets']!.exceptions.map(({ kind, why }) => `${kind}: ${why}`);
  expect(new Set(exceptions)).toEqual(
    new Set([
      'taken: somebody else owns it now',
      'gone: it no longer exists',
      "gone: it no longer matches the category's condition",
    ]),
  );
});

test('somebody takes an item while its batch is under way, and keeps it', async () => {
  const run = await approvedButHeld();
  const thief = await small.db.desk.connect();
  await thief.query('begin');
  await thief.query('update tickets set assignee_id = 20 where number = 8 and assignee_id = 17');
  await acknowledgeAll(small, run);
  // Our batch stands before the row by now.
  const waiting = `select 1 from pg_stat_activity where application_name = 'handover' and wait_event_type = 'Lock' and datname = current_database()`;
  await expect
    .poll(async () => (await small.db.desk.query(waiting)).rowCount, { timeout: 10_000, interval: 10 })
    .toBeGreaterThan(0);
  await thief.query('commit');
  thief.release();
  const status = await ended(small, run);
  expect(status).toMatchObject({ outcome: 'completed' });
  expect(status.steps['desk/tickets']).toMatchObject({ changed: 8, taken: 1 });
  expect(await ticketsOf(20)).toBe(1);
});

test('what was handed over and given back by somebody is moved once more', async () => {
  const mischief = await trap(
    small.db.desk,
    'watchers',
    byOthers('update public.tickets set assignee_id = 17 where number = 1'),
    {
      when: `old.ticket = 'T-3'`,
      timing: 'after',
    },
  );
  const { status } = await handOver(small);
  await mischief.mend();
  expect(status.outcome).toBe('completed');
  expect(await ticketsOf(17)).toBe(0);
});

// --- the inflow --------------------------------------------------------------------------------------------
test('whatever hands out work stops first, and then nothing new lands on the leaver', async () => {
  // Every account that changes hands brings a new one, for whomever the first active rule names.
  const mischief = await trap(
    small.db.crm,
    'accounts',
    byOthers(`insert into public.accounts (id, name, owner_id, region)
       select old.id + 500, 'new', r.assignee_id, 'emea' from public.assignment_rules r where r.active order by r.id limit 1`),
    { timing: 'after' },
  );
  const { status } = await handOver(small);
  await mischief.mend();
  expect(status.outcome).toBe('completed');
  expect(status.steps['crm/accounts']).toMatchObject({ changed: 9, arrived: 0 });
  const { rows } =
    await crm(`select max(txid::bigint) filter (where tbl = 'assignment_rules') < min(txid::bigint) filter (where tbl = 'accounts') as first
                                from moves_seen where app = 'handover'`);
  expect(rows).toEqual([{ first: true }]);
  const fresh = await crm(`select count(*)::int as n from accounts where name = 'new' and owner_id = $1`, [
    small.cast.maya.id,
  ]);
  expect(fresh.rows).toEqual([{ n: 9 }]);
});

test('items that grow as fast as they are moved park the run; retry goes on when it is over', async () => {
  // A ticket brings a watcher, a watcher brings a ticket, for ever.
  const watcher = `insert into public.watchers (ticket, agent_id) values (gen_random_uuid()::text, 17)`;
  const tickets = await trap(small.db.desk, 'tickets', byOthers(watcher), {
    when: `old.number = 1 or old.subject = 'late'`,
    timing: 'after',
  });
  const watchers = await trap(small.db.desk, 'watchers', byOthers(newTicket(700)), {
    when: `old.ticket not like 'T-%' or old.ticket = 'T-3'`,
    timing: 'after',
  });
  const run = await handOver(small);
  expect(run.status.state).toBe('needs-attention');
  expect(run.status.sentence).toMatch(/failed/);
  expect(run.status.access).toMatchObject({ desk: 'open', crm: 'open' });
  await Promise.all([tickets.mend(), watchers.mend()]);
  await must(small, run, 'amend', 'olivia', {});
  await waitFor(small, run, ({ state, revision }) => state === 'awaiting-approval' && revision === 2);
  await agree(small, run);
  expect(await ended(small, run)).toMatchObject({ outcome: 'completed' });
});

// --- acknowledgements --------------------------------------------------------------------------------------
const addApproval = (id: number): Promise<unknown> =>
  crm(`insert into approvals (id, approver_id, subject) values ($1, $2, 'late')`, [id, small.cast.alice.id]);

test('an acknowledgement survives a new revision, and fewer items', async () => {
  const run = await start(small);
  await planned(small, run);
  await acknowledgeAll(small, run);
  await crm(`update approvals set status = 'granted' where subject = 'Discount 1'`);
  await must(small, run, 'amend', 'olivia', { successor: mail(small, 'bob') });
  const status = await waitFor(
    small,
    run,
    ({ state, revision }) => state === 'awaiting-approval' && revision === 2,
  );
  expect(status.waitingOn).toBe('approval');
  await agree(small, run);
  expect(await ended(small, run)).toMatchObject({ outcome: 'completed' });
});

test('an item that nobody has seen opens the acknowledgement again, with a new revision', async () => {
  const run = await start(small);
  await planned(small, run);
  await acknowledgeAll(small, run);
  await addApproval(1);
  await must(small, run, 'amend', 'olivia', { successor: mail(small, 'bob') });
  const status = await waitFor(
    small,
    run,
    ({ state, revision }) => state === 'awaiting-approval' && revision === 2,
  );
  expect(status.waitingOn).toBe('acknowledgement');
  await agree(small, run);
  expect(await ended(small, run)).toMatchObject({ outcome: 'completed' });
});

test('an item that came after the acknowledgement is shown again before anything runs; the approval stands', async () => {
  const run = await start(small);
  const { plan } = await planned(small, run);
  await acknowledgeAll(small, run);
  await addApproval(1);
  await must(small, run, 'approve', 'priya', { plan: plan!.digest });
  const status = await waitFor(
    small,
    run,
    ({ waitingOn, sentence }) => waitingOn === 'acknowledgement' && /look at them again/.test(sentence),
  );
  expect(status).toMatchObject({
    state: 'awaiting-approval',
    revision: 1,
    approvals: [{ by: { id: small.cast.priya.id } }],
  });
  expect(status.shown['crm/approvals']).toMatchObject({ count: 3 });
  await acknowledgeAll(small, run);
  const done = await ended(small, run);
  expect(done.outcome).toBe('completed');
  expect(done.acknowledgements['crm/approvals']).toMatchObject({ count: 3 });
});

test('an item that came during the execution is acknowledged before anybody is switched off', async () => {
  const mischief = await trap(
    small.db.crm,
    'tokens',
    byOthers(
      `insert into public.approvals (id, approver_id, subject) select 1, ${small.cast.alice.id}, 'late' where not exists (select from public.approvals where id = 1)`,
    ),
    { timing: 'after' },
  );
  const run = await handOver(small);
  await mischief.mend();
  expect(run.status).toMatchObject({ state: 'needs-attention', access: { crm: 'open', desk: 'open' } });
  expect(run.status.sentence).toMatch(/Acknowledge again: crm\/approvals/);
  await acknowledgeAll(small, run);
  expect(await waitFor(small, run, ({ state }) => state === 'closed')).toMatchObject({
    outcome: 'completed',
  });
  await small.world.offboardings.result(run.run);
});

test('what is due is looked at again on its date', async () => {
  const run = await start(small, { effectiveAt: new Date(Date.now() + 4_000).toISOString() });
  const { plan } = await planned(small, run);
  await acknowledgeAll(small, run);
  await must(small, run, 'approve', 'priya', { plan: plan!.digest });
  expect((await waitFor(small, run, ({ state }) => state !== 'awaiting-approval')).state).toBe('scheduled');
  await desk([700, 701, 702, 703].map(number => newTicket(number)).join(';'));
  expect(await waitFor(small, run, ({ revision }) => revision === 2)).toBeTruthy();
  expect(await atRest(small, run)).toMatchObject({ state: 'awaiting-approval', approvals: [] });
});

/**
 * Which of these pairs may be exchanged, one for the other, so that count and fingerprint stay what they are.
 * @param hashes what PostgreSQL makes of each key
 */
function exchangeable(pairs: readonly [string, string][], hashes: ReadonlyMap<string, bigint>): number[] {
  const reduced: { value: bigint; of: bigint }[] = [];
  for (const [n, [before, after]] of pairs.entries()) {
    let value = hashes.get(before)! ^ hashes.get(after)!;
    let of = 1n << BigInt(n);
    for (const row of reduced) {
      if ((value ^ row.value) < value) {
        value ^= row.value;
        of ^= row.of;
      }
    }
    if (value === 0n) return pairs.flatMap((_, m) => ((of >> BigInt(m)) & 1n ? [m] : []));
    reduced.push({ value, of });
    reduced.sort((a, b) => (a.value > b.value ? -1 : 1));
  }
  throw new Error('more pairs are needed');
}

test('acknowledged items that are exchanged for others with the same count and fingerprint are asked about again', async () => {
  const pairs = Array.from({ length: 70 }, (_, n): [string, string] => [
    String(10_000 + n),
    String(20_000 + n),
  ]);
  const { alice, bob } = small.cast;
  for (const [owner, side] of [
    [alice, 0],
    [bob, 1],
  ] as const)
    await crm(
      `insert into approvals (id, approver_id, subject, status) select id, $1, 'made up', 'pending' from unnest($2::bigint[]) as id`,
      [owner.id, pairs.map(pair => pair[side])],
    );
  const run = await start(small);
  const { plan } = await planned(small, run);
  await acknowledgeAll(small, run);
  const { rows } = await crm(
    'select id::text, hashint8extended(id, 0)::text as hash from unnest($1::bigint[]) as id',
    [pairs.flat()],
  );
  const hashes = rows.map(({ id, hash }) => [String(id), BigInt.asUintN(64, BigInt(String(hash)))] as const);
  const changed = exchangeable(pairs, new Map(hashes));
  expect(changed.length).toBeGreaterThan(1);
  const held = async () => {
    const sql = `select count(*)::int as n, bit_xor(hashint8extended(id, 0))::text as hash from approvals where approver_id = $1 and status = 'pending'`;
    return (await crm(sql, [alice.id])).rows[0];
  };
  const before = await held();
  const exchange = 'update approvals set approver_id = $2 where id = $1';
  for (const n of changed) {
    await crm(exchange, [pairs[n]![0], bob.id]);
    await crm(exchange, [pairs[n]![1], alice.id]);
  }
  expect(await held()).toEqual(before);
  await must(small, run, 'approve', 'priya', { plan: plan!.digest });
  const again = await waitFor(small, run, ({ sentence }) => sentence.startsWith('New items came'));
  expect(again).toMatchObject({ state: 'awaiting-approval', waitingOn: 'acknowledgement' });
  await acknowledgeAll(small, run);
  expect(await ended(small, run)).toMatchObject({ outcome: 'completed' });
});
