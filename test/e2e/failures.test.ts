/**
 * What fails, lies, cannot be read or goes away: it is named, nobody is switched off, and the run goes on
 * once it is mended.
 */
import { expect, test } from 'vitest';
import type { StepsResult } from '../../activities/run-steps.js';
import {
  acknowledgeAll,
  agree,
  atRest,
  decide,
  ended,
  handOver,
  mail,
  must,
  planned,
  type Started,
  start,
  statesOf,
  waitFor,
} from '../small-world/drive.js';
import { byOthers, newTicket, refuse, trap } from '../small-world/mischief.js';
import { useSmallWorld } from '../small-world/world.js';

/** Steps that say "done" and do nothing. */
let lying: string | null = null;
const small = useSmallWorld({
  wrap: activities => ({
    ...activities,
    async runSteps(input: Parameters<typeof activities.runSteps>[0]): Promise<StepsResult> {
      if (!lying || !input.steps.includes(lying)) return activities.runSteps(input);
      const done = {
        state: 'completed',
        message: null,
        changed: 0,
        taken: 0,
        gone: 0,
        failed: 0,
        arrived: 0,
        remaining: 0,
      } as const;
      return { steps: { [lying]: { ...done, leftover: null, exceptions: [], evidence: null } } };
    },
  }),
});

const desk = (sql: string) => small.db.desk.query(sql);
const crm = (sql: string, values: unknown[] = []) => small.db.crm.query(sql, values);
const statusOf = async (): Promise<string[]> => [
  (await crm('select status from people where id = $1', [small.cast.alice.id])).rows[0]?.status,
  (await desk('select status from agents where id = 17')).rows[0]?.status,
];

async function approvedButHeld(request: Record<string, unknown> = {}): Promise<Started> {
  const run = await start(small, request);
  const { plan } = await planned(small, run);
  await must(small, run, 'approve', 'priya', { plan: plan!.digest });
  return run;
}

// --- false success -----------------------------------------------------------------------------------------
test('a target that accepts a change and does not make it is caught at the item', async () => {
  const mischief = await trap(small.db.desk, 'tickets', 'new.assignee_id := old.assignee_id;', {
    when: 'old.number = 3',
    on: 'update',
  });
  const run = await handOver(small);
  await mischief.mend();
  expect(run.status.steps['desk/tickets']).toMatchObject({
    state: 'failed',
    changed: 8,
    failed: 1,
    remaining: 1,
  });
  expect(run.status.steps['desk/tickets']!.message).toMatch(/another owner or put it back/);
  expect(await statusOf()).toEqual(['active', 'active']);
  await must(small, run, 'retry', 'olivia');
  // What was refused and then went through is not counted as refused any more.
  const done = await ended(small, run);
  expect(done).toMatchObject({
    outcome: 'completed',
    steps: { 'desk/tickets': { changed: 9, failed: 0, exceptions: [] } },
  });
});

test('items that come after a refusal was mended are moved like others', async () => {
  const mischief = await refuse(small.db.desk, 'tickets', 'old.number in (2, 3)');
  const run = await handOver(small);
  await mischief.mend();
  const late = await trap(small.db.desk, 'tickets', byOthers(newTicket(700)), {
    when: 'old.number = 3',
    timing: 'after',
  });
  await must(small, run, 'retry', 'olivia');
  const done = await ended(small, run);
  await late.mend();
  expect(done).toMatchObject({
    outcome: 'completed',
    steps: { 'desk/tickets': { changed: 10, failed: 0, arrived: 1 } },
  });
});

test('a step that says "done" and has done nothing is caught by the proof, and nobody is switched off', async () => {
  lying = 'desk/tickets';
  const run = await handOver(small);
  lying = null;
  expect(run.status.state).toBe('needs-attention');
  expect(run.status.steps['desk/tickets']).toMatchObject({ state: 'failed', remaining: 9 });
  expect(await statusOf()).toEqual(['active', 'active']);
  await must(small, run, 'retry', 'olivia');
  expect(await ended(small, run)).toMatchObject({ outcome: 'completed' });
});

test('a deactivation that is accepted and not made is caught', async () => {
  const mischief = await trap(small.db.desk, 'agents', `new.status := 'active';`, {
    when: `new.status = 'inactive'`,
    on: 'update',
  });
  const run = await handOver(small);
  await mischief.mend();
  expect(statesOf(run.status)).toMatchObject({ 'desk/deactivate': 'failed', 'crm/deactivate': 'not-run' });
  expect(run.status.steps['desk/deactivate']!.message).toMatch(/verify is not true afterwards/);
  expect(await statusOf()).toEqual(['active', 'active']);
  await must(small, run, 'retry', 'olivia');
  expect(await ended(small, run)).toMatchObject({ outcome: 'completed' });
});

// --- what cannot be read is never "nothing" ----------------------------------------------------------------
const HIDINGS: [what: string, hide: () => string, show: () => string, step: string, says: RegExp][] = [
  [
    'a column is gone',
    () => 'alter table watchers rename column agent_id to agent',
    () => 'alter table watchers rename column agent to agent_id',
    'desk/watchers',
    /agent_id/,
  ],
  [
    'a table is gone',
    () => 'alter table team_members rename to members_of_teams',
    () => 'alter table members_of_teams rename to team_members',
    'desk/teams',
    /team_members/,
  ],
  [
    'row-level security hides some rows',
    () =>
      `alter table tickets enable row level security; create policy only_english on tickets using (language = 'en')`,
    () => 'drop policy only_english on tickets; alter table tickets disable row level security',
    'desk/tickets',
    /row-level security/,
  ],
  [
    'the right to read is missing',
    () => `revoke select on watchers from ${small.role}`,
    () => `grant select on watchers to ${small.role}`,
    'desk/watchers',
    /right/,
  ],
];

test.each(HIDINGS)(
  '%s before the plan: there is none until it can be read',
  async (_what, hide, show, step, says) => {
    await desk(hide());
    try {
      const run = await start(small);
      const status = await planned(small, run);
      expect(status).toMatchObject({ state: 'needs-correction', plan: null });
      expect(status.findings.map(finding => finding.code)).toContain('category-unreadable');
      expect(status.findings.find(finding => finding.step === step)!.message).toMatch(says);
      await desk(show());
      await must(small, run, 'retry', 'olivia');
      await waitFor(small, run, ({ state }) => state === 'awaiting-approval');
    } finally {
      await desk(show()).catch(() => {});
    }
  },
);

test.each(HIDINGS)('%s after the approval: it is open again, by name', async (_what, hide, show, step) => {
  const run = await approvedButHeld();
  await desk(hide());
  try {
    await acknowledgeAll(small, run);
    const status = await waitFor(small, run, ({ state }) => state === 'needs-correction');
    expect(status.approvals).toEqual([]);
    expect(status.findings.map(finding => finding.step)).toContain(step);
    expect(await statusOf()).toEqual(['active', 'active']);
  } finally {
    await desk(show());
  }
});

test('a category that cannot be read for the proof keeps the leaver active', async () => {
  const mischief = await trap(
    small.db.desk,
    'team_members',
    `revoke select on public.tickets from ${small.role};`,
    {
      on: 'delete',
    },
  );
  const run = await handOver(small);
  await mischief.mend();
  expect(run.status.state).toBe('needs-attention');
  expect(statesOf(run.status)).toMatchObject({ 'desk/deactivate': 'failed', 'crm/deactivate': 'not-run' });
  expect(run.status.steps['desk/deactivate']!.message).toMatch(/desk\/tickets could not be read|tickets/);
  expect(await statusOf()).toEqual(['active', 'active']);
  await desk(`grant select on tickets to ${small.role}`);
  await must(small, run, 'retry', 'olivia');
  expect(await ended(small, run)).toMatchObject({ outcome: 'completed' });
});

test.each([
  ['to move', 'tickets', 'desk/tickets'],
  ['to switch off', 'agents', 'desk/deactivate'],
])(
  'the right %s is missing: the step says so, and retry finishes once it is given',
  async (_what, table, step) => {
    try {
      // What is missing already when the plan is made is a finding of it.
      const run = await start(small);
      await planned(small, run);
      await desk(`revoke update on ${table} from ${small.role}`);
      await agree(small, run);
      const status = await ended(small, run);
      expect(status.steps[step]).toMatchObject({
        state: 'failed',
        message: expect.stringMatching(/lacks a right/),
      });
      expect(await statusOf()).toEqual(['active', 'active']);
      await desk(`grant update on ${table} to ${small.role}`);
      await must(small, run, 'retry', 'olivia');
      expect(await ended(small, run)).toMatchObject({ outcome: 'completed' });
    } finally {
      await desk(`grant update on ${table} to ${small.role}`);
    }
  },
);

// --- finish, and skip --------------------------------------------------------------------------------------
test('a run that was finished half-way leaves its record, and the next one does the other half', async () => {
  const mischief = await refuse(small.db.crm, 'fields');
  const first = await handOver(small);
  expect(first.status.state).toBe('needs-attention');
  await must(small, first, 'finish', 'oscar', { reason: 'the vendor mends it next week' });
  const report = await small.world.offboardings.result(first.run);
  expect(report).toMatchObject({ outcome: 'completed-partially', access: { crm: 'open', desk: 'open' } });
  expect(report.sentence).toMatch(/Not switched off: .*crm/);
  const { rows } = await small.db.store.query(
    `select kind from handover.audit where offboarding = $1 and kind like 'step-%'`,
    [first.offboardingId],
  );
  expect(rows.map(row => row.kind)).toContain('step-failed');
  await mischief.mend();

  const second = await handOver(small);
  expect(second.status).toMatchObject({ outcome: 'completed' });
  expect(second.status.steps['crm/fields']!.changed).toBe(5);
  expect(second.status.steps['desk/tickets']!.changed).toBe(0);
});

test('refused items are shown with the reason; skipping them counts once somebody else approves, and waives exactly them', async () => {
  const mischief = await refuse(small.db.desk, 'tickets', 'old.number in (2, 3)');
  const run = await handOver(small);
  await mischief.mend();
  const step = run.status.steps['desk/tickets']!;
  expect(step).toMatchObject({ state: 'failed', changed: 7, failed: 2, leftover: { count: 2 } });
  expect(step.exceptions).toHaveLength(2);
  for (const exception of step.exceptions)
    expect(exception).toMatchObject({
      kind: 'failed',
      why: expect.stringMatching(/the database refused it/),
    });
  const skip = { plan: run.status.plan!.digest, step: 'desk/tickets', keys: step.leftover!.digest };
  expect(await decide(small, run, 'approve', 'priya', skip)).toMatchObject({ verdict: 'refused' });
  expect(
    await decide(small, run, 'skip', 'olivia', { step: 'crm/accounts', reason: 'because' }),
  ).toMatchObject({
    verdict: 'refused',
  });
  expect(
    await decide(small, run, 'skip', 'olivia', { step: 'crm/deactivate', reason: 'because' }),
  ).toMatchObject({
    verdict: 'refused',
  });
  await must(small, run, 'skip', 'olivia', { step: 'desk/tickets', reason: 'the customer is gone' });
  expect((await small.world.offboardings.status(run.run)).state).toBe('needs-attention');
  expect(await decide(small, run, 'approve', 'olivia', skip)).toMatchObject({ verdict: 'refused' });
  expect(await decide(small, run, 'approve', 'alias', skip)).toMatchObject({ verdict: 'refused' });
  expect(await decide(small, run, 'approve', 'priya', { ...skip, keys: '0'.repeat(64) })).toMatchObject({
    verdict: 'refused',
  });
  await must(small, run, 'approve', 'priya', skip);
  const status = await ended(small, run);
  expect(status.outcome).toBe('completed');
  expect(status.steps['desk/tickets']).toMatchObject({ state: 'skipped', changed: 7 });
  expect(status.sentence).toBe(
    'Everything is handed over but what was accepted to stay (2 items skipped, approved by Priya Approver; ' +
      '2 items acknowledged by Olivia Owner; 7 items kept as the approved plan says), and the leaver is switched off.',
  );
  expect(
    (await desk('select count(*)::int as n from tickets where assignee_id = 17 and number in (2, 3)')).rows,
  ).toEqual([{ n: 2 }]);
  const { rows } = await small.db.store.query(
    'select body from handover.certificate_bodies where offboarding = $1',
    [run.offboardingId],
  );
  expect(JSON.parse(rows[0].body).waivers['desk/tickets']).toMatchObject({
    reason: 'the customer is gone',
    approvals: [{ by: { id: small.cast.priya.id } }],
  });
  const { notCovered, observed, steps } = JSON.parse(rows[0].body);
  expect(notCovered).toEqual([
    'crm/approvals: 2 still there; what becomes of them is attested by Olivia Owner alone.',
    'That the decisions of Priya Approver, Olivia Owner are theirs is claimed, not verified.',
  ]);
  expect(Object.keys(observed).sort()).toEqual(['crm', 'desk']);
  const known = new Map(steps.map((step: { id: string; evidence: string }) => [step.id, step.evidence]));
  expect(['desk/tickets', 'crm/approvals', 'desk/closed', 'crm/deactivate'].map(id => known.get(id))).toEqual(
    ['asked', 'attested', 'observed', 'observed'],
  );
  expect(JSON.parse(rows[0].body).stays[0]).toEqual({
    step: 'desk/tickets',
    title: 'Open tickets',
    how: 'skipped',
    count: 2,
    by: ['Priya Approver'],
    why: 'the customer is gone',
  });
  // As docs/operators.md has it: visibility follows a moment later.
  const found = async () => {
    const listed = [];
    for await (const one of small.world.offboardings.list('OffboardingAccepted > 0')) listed.push(one);
    return listed
      .filter(one => one.workflowId === run.run)
      .map(one => [one.outcome, one.remaining, one.accepted]);
  };
  await expect.poll(found, { timeout: 10_000 }).toEqual([['completed', 0, 4]]);
});

test('a skip waives what was shown and nothing that comes later', async () => {
  const mischief = await refuse(small.db.desk, 'tickets', `old.number in (2, 3) or old.subject = 'late'`);
  const run = await handOver(small);
  const { digest } = run.status.steps['desk/tickets']!.leftover!;
  await must(small, run, 'skip', 'olivia', { step: 'desk/tickets', reason: 'the customer is gone' });
  await desk(newTicket(700));
  await must(small, run, 'approve', 'priya', {
    plan: run.status.plan!.digest,
    step: 'desk/tickets',
    keys: digest,
  });
  const status = await waitFor(
    small,
    run,
    one => one.state === 'closed' || (one.state === 'needs-attention' && one.retries > 0),
  );
  expect(status).toMatchObject({
    state: 'needs-attention',
    steps: { 'desk/tickets': { state: 'failed', remaining: 1 } },
  });
  expect(await statusOf()).toEqual(['active', 'active']);
  expect(status.steps['desk/tickets']!.message).toMatch(/does not cover/);
  await mischief.mend();
  // A new plan asks again about everything that is left.
  await must(small, run, 'amend', 'olivia', {});
  await waitFor(small, run, ({ state, revision }) => state === 'awaiting-approval' && revision === 2);
  await agree(small, run);
  expect(await ended(small, run)).toMatchObject({ outcome: 'completed' });
  expect(
    (await desk(`select count(*)::int as n from tickets where assignee_id = 17 and status = 'open'`)).rows,
  ).toEqual([{ n: 0 }]);
});

// --- accounts that others switch ---------------------------------------------------------------------------
test('inactive everywhere already: the mode says so, and what they still own is handed over', async () => {
  await crm(`update people set status = 'inactive' where id in ($1, $2)`, [
    small.cast.alice.id,
    small.cast.alias.id,
  ]);
  await desk(`update agents set status = 'inactive' where id = 17`);
  const { status } = await handOver(small);
  expect(status).toMatchObject({
    outcome: 'completed',
    access: { crm: 'was-inactive', desk: 'was-inactive' },
  });
  expect(status.plan).toMatchObject({
    mode: 'execute-only',
    modeReason: 'every account of the leaver is inactive already',
  });
  expect(status.steps['desk/tickets']!.changed).toBe(9);
  // Nobody stays here: groups and tokens go as they would have.
  expect(statesOf(status)).not.toHaveProperty('crm/deactivate');
});

test('inactive in one system already: the plan only makes sure that it stays so', async () => {
  await desk(`update agents set status = 'inactive' where id = 17`);
  const { status } = await handOver(small);
  expect(status).toMatchObject({ outcome: 'completed', access: { crm: 'deactivated' } });
  expect(status.plan!.mode).toBe('execute-and-deactivate');
  expect(status.plan!.steps.find(step => step.id === 'desk/deactivate')!.title).toMatch(/stays off/);
  const { rows } = await desk(
    `select count(*)::int as n from moves_seen where tbl = 'agents' and app = 'handover'`,
  );
  expect(rows).toEqual([{ n: 0 }]);
  expect(await statusOf()).toEqual(['inactive', 'inactive']);
});

test('switched off by somebody else in the middle: the rest is done, and the report says who did not do it', async () => {
  const mischief = await trap(
    small.db.desk,
    'tickets',
    byOthers(`update public.agents set status = 'inactive' where id = 17`),
    {
      when: 'old.number = 4',
      timing: 'after',
    },
  );
  const { status } = await handOver(small);
  await mischief.mend();
  expect(status).toMatchObject({ outcome: 'completed' });
  expect(status.steps['desk/deactivate']!.message).toMatch(/somebody else had switched it off/);
});

test('switched on again in one system, while the plan waits or in the middle: it is off at the end', async () => {
  await desk(`update agents set status = 'inactive' where id = 17`);
  const mischief = await trap(
    small.db.desk,
    'tickets',
    byOthers(`update public.agents set status = 'active' where id = 17`),
    {
      when: 'old.number = 4',
      timing: 'after',
    },
  );
  const { status } = await handOver(small);
  await mischief.mend();
  expect(status).toMatchObject({ outcome: 'completed', access: { desk: 'deactivated' } });
  expect(await statusOf()).toEqual(['inactive', 'inactive']);
});

test('switched on again after it was off everywhere: the plan that switches nobody off is open again', async () => {
  await crm(`update people set status = 'inactive' where id in ($1, $2)`, [
    small.cast.alice.id,
    small.cast.alias.id,
  ]);
  await desk(`update agents set status = 'inactive' where id = 17`);
  const run = await approvedButHeld();
  await desk(`update agents set status = 'active' where id = 17`);
  await acknowledgeAll(small, run);
  const again = await waitFor(
    small,
    run,
    ({ revision, state }) => (revision === 2 && state === 'awaiting-approval') || state === 'closed',
  );
  expect(again).toMatchObject({
    state: 'awaiting-approval',
    plan: { mode: 'execute-and-deactivate', modeReason: null },
  });
  await agree(small, run);
  expect(await ended(small, run)).toMatchObject({ outcome: 'completed' });
  expect(await statusOf()).toEqual(['inactive', 'inactive']);
});

test('deleted while the plan waits: a person without an account is acknowledged', async () => {
  await desk(
    `delete from watchers where agent_id = 17; delete from team_members where agent_id = 17; update tickets set assignee_id = null where assignee_id = 17`,
  );
  const run = await approvedButHeld();
  await desk('delete from agents where id = 17');
  await acknowledgeAll(small, run);
  const again = await waitFor(
    small,
    run,
    ({ revision, state }) => revision === 2 && state === 'awaiting-approval',
  );
  expect(again).toMatchObject({ waitingOn: 'acknowledgement', access: { desk: 'absent' } });
  await agree(small, run);
  expect(await ended(small, run)).toMatchObject({ outcome: 'completed' });
});

test('whoever has nothing and stays is told so, and nothing is called a success', async () => {
  const run = await start(small, { user: mail(small, 'daniel'), mode: 'execute-only' });
  expect(await atRest(small, run)).toMatchObject({ state: 'closed', outcome: 'nothing-to-do' });
  await small.world.offboardings.result(run.run);
});

test('whoever has nothing and leaves is switched off all the same, once that is approved', async () => {
  const { status } = await handOver(small, { user: mail(small, 'daniel') });
  expect(status).toMatchObject({ outcome: 'completed', access: { crm: 'deactivated', desk: 'deactivated' } });
});

// --- the record of a run does not depend on what can still be asked ----------------------------------------
test('a receipt that nobody can settle is listed as intended, and the run closes with its certificate all the same', async () => {
  const mischief = await refuse(small.db.desk, 'tickets');
  const { status, ...run } = await handOver(small);
  expect(status.state).toBe('needs-attention');
  // A transaction that the target has never heard of, on a page that the store does not have: nothing tells
  // what became of it.
  const { ledger } = small.world.worker.deps.store;
  const owners = { values: ['1'], perKey: null };
  const lost = {
    offboarding: run.offboardingId,
    manifest: run.offboardingId,
    step: 'desk/tickets',
    page: 99,
    part: 1,
    first: 0,
    took: 1,
    did: 'transfer' as const,
    accounts: [{ user: ['1'] }],
    takers: ['2'],
    mark: 'transaction 9223372036854775807',
    owners,
    before: [],
    effect: { changed: 1, merged: 0, perTaker: [1], exceptions: [] },
  };
  await ledger.begin(lost, [], new Date());
  try {
    await must(small, run, 'finish', 'oscar', { reason: 'the vendor mends it next week' });
    const report = await small.world.offboardings.result(run.run);
    expect(report).toMatchObject({
      outcome: 'completed-partially',
      certificate: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    const closed = await small.db.store.query(
      `select body::jsonb from handover.audit join handover.audit_bodies using (offboarding, seq)
        where offboarding = $1 and kind = 'closed'`,
      [run.offboardingId],
    );
    const listed = closed.rows[0].body.receipts as { mark: string; state: string }[];
    expect(listed.find(one => one.mark === lost.mark)).toMatchObject({ state: 'intended', sure: null });
  } finally {
    // Whoever looked by hand says so.
    await ledger.end(lost, { state: 'aborted', sure: 'read' });
    await mischief.mend();
  }
});
