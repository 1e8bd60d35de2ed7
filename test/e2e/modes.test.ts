/** The ways a departure can go: role change, preview, unplanned, scheduled; and what each leaves behind. */
import { afterEach, expect, test } from 'vitest';
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
  start,
  statesOf,
  waitFor,
} from '../small-world/drive.js';
import { refuse } from '../small-world/mischief.js';
import { useSmallWorld } from '../small-world/world.js';

const small = useSmallWorld();
afterEach(() => {
  small.world.config.policy.waiting.expiresAfterDays = 90;
});
const desk = (sql: string) => small.db.desk.query(sql);
const crm = (sql: string, values: unknown[] = []) => small.db.crm.query(sql, values);
const result = (run: { run: string }) => small.world.offboardings.result(run.run);
const statusOf = async (): Promise<string[]> => [
  (await crm('select status from people where id = $1', [small.cast.alice.id])).rows[0]?.status,
  (await desk('select status from agents where id = 17')).rows[0]?.status,
];
const engineChanges = async (): Promise<number> => {
  const counts = await Promise.all(
    [small.db.crm, small.db.desk].map(db =>
      db.query(`select count(*)::int as n from moves_seen where app = 'handover'`),
    ),
  );
  return counts.reduce((sum, { rows }) => sum + (rows[0].n as number), 0);
};

// --- Role change, preview ----------------------------------------------------------------------------------
test('execute-only moves what they own, leaves groups and tokens, and reminds that they are still active', async () => {
  const { status } = await handOver(small, { mode: 'execute-only' });
  expect(status).toMatchObject({ outcome: 'completed', access: { crm: 'open', desk: 'open' } });
  expect(status.sentence).toMatch(/still active.*execute-and-deactivate/);
  expect(status.steps['desk/tickets']!.changed).toBe(9);
  const kept = status.plan!.steps.filter(step => step.do === 'keep').map(step => step.id);
  expect(kept).toEqual(expect.arrayContaining(['desk/teams', 'crm/tokens']));
  expect(await statusOf()).toEqual(['active', 'active']);
  const { rows } = await crm(
    `select count(*)::int as n from tokens where person_id = $1 and revoked_at is null`,
    [small.cast.alice.id],
  );
  expect(rows).toEqual([{ n: 3 }]);
});

test.each(['planned', 'unplanned'])(
  'a preview plans, closes, and changes nothing at all (%s)',
  async departure => {
    const run = await start(small, { mode: 'preview', departure });
    expect(await result(run)).toMatchObject({ outcome: 'previewed', access: { crm: 'open', desk: 'open' } });
    expect(await engineChanges()).toBe(0);
  },
);

test('execute-and-deactivate switches off in every system, the directory last', async () => {
  const { status } = await handOver(small);
  expect(status.times.deactivated).not.toBeNull();
  expect(await statusOf()).toEqual(['inactive', 'inactive']);
  const { rows } = await crm('select count(*)::int as n from sessions where person_id = $1', [
    small.cast.alice.id,
  ]);
  expect(rows).toEqual([{ n: 0 }]);
});

test('a person without an account in a system is acknowledged, and handed over in the others', async () => {
  const run = await start(small, { user: mail(small, 'dora'), successor: mail(small, 'bob') });
  const status = await planned(small, run);
  expect(status).toMatchObject({ waitingOn: 'acknowledgement', access: { desk: 'absent' } });
  expect(status.next[0]!.json.category).toBe('desk/account');
  await agree(small, run);
  expect(await ended(small, run)).toMatchObject({
    outcome: 'completed',
    access: { crm: 'deactivated', desk: 'absent' },
  });
});

test('only the systems that were asked for are touched', async () => {
  const { status } = await handOver(small, { systems: ['desk'] });
  expect(status).toMatchObject({ outcome: 'completed', access: { desk: 'deactivated' } });
  expect(await statusOf()).toEqual(['active', 'inactive']);
});

// --- Unplanned ---------------------------------------------------------------------------------------------
test('an unplanned departure is blocked before anything else, and the block is not the deactivation', async () => {
  const run = await start(small, { departure: 'unplanned' });
  const status = await planned(small, run);
  expect(status).toMatchObject({
    state: 'awaiting-approval',
    access: { crm: 'blocked', desk: 'blocked' },
    plan: { mode: 'execute-and-deactivate' },
  });
  expect(status.times.blocked).not.toBeNull();
  expect(await statusOf()).toEqual(['suspended', 'locked']);
  expect(
    (await crm('select count(*)::int as n from sessions where person_id = $1', [small.cast.alice.id])).rows,
  ).toEqual([{ n: 0 }]);
  await agree(small, run);
  expect(await ended(small, run)).toMatchObject({
    outcome: 'completed',
    access: { crm: 'deactivated', desk: 'deactivated' },
  });
  expect(await statusOf()).toEqual(['inactive', 'inactive']);
});

test('a block that fails stops nothing and stays visible', async () => {
  const mischief = await refuse(small.db.desk, 'agents', `new.status = 'locked'`);
  const run = await start(small, { departure: 'unplanned' });
  const status = await planned(small, run);
  await mischief.mend();
  expect(status).toMatchObject({ state: 'awaiting-approval', access: { crm: 'blocked', desk: 'open' } });
  await agree(small, run);
  expect(await ended(small, run)).toMatchObject({ outcome: 'completed' });
});

test('a planned departure becomes unplanned by an amendment', async () => {
  const run = await start(small);
  expect(await planned(small, run)).toMatchObject({ access: { crm: 'open', desk: 'open' } });
  await must(small, run, 'amend', 'olivia', { departure: 'unplanned' });
  const status = await waitFor(
    small,
    run,
    ({ revision, state }) => revision === 2 && state === 'awaiting-approval',
  );
  expect(status).toMatchObject({ access: { crm: 'blocked', desk: 'blocked' } });
});

test('rejection keeps the block, and says so', async () => {
  const run = await start(small, { departure: 'unplanned' });
  const { plan } = await planned(small, run);
  await must(small, run, 'reject', 'priya', { plan: plan!.digest, note: 'wrong person' });
  expect(await result(run)).toMatchObject({
    outcome: 'rejected',
    sentence: expect.stringMatching(/stays blocked in .*crm/),
  });
  expect(await statusOf()).toEqual(['suspended', 'locked']);
});

test('expiry keeps the block, says so, and approves nothing', async () => {
  small.world.config.policy.waiting.expiresAfterDays = 2 / 86_400;
  const run = await start(small, { departure: 'unplanned' });
  const report = await result(run);
  expect(report).toMatchObject({
    outcome: 'expired',
    sentence: expect.stringMatching(/stays blocked in .*crm/),
  });
  expect(await statusOf()).toEqual(['suspended', 'locked']);
});

test.each([
  ['keep', ['suspended', 'locked']],
  ['restore', ['active', 'active']],
])('cancelling a blocked departure must say what becomes of the block: %s', async (access, expected) => {
  const run = await start(small, { departure: 'unplanned' });
  await planned(small, run);
  expect(await decide(small, run, 'cancel', 'olivia')).toMatchObject({
    verdict: 'refused',
    sentence: expect.stringMatching(/"keep".*"restore"/),
  });
  await must(small, run, 'cancel', 'olivia', { access });
  const report = await result(run);
  expect(report.outcome).toBe('cancelled');
  expect(report.access).toEqual(
    access === 'keep' ? { crm: 'blocked', desk: 'blocked' } : { crm: 'open', desk: 'open' },
  );
  expect(await statusOf()).toEqual(expected);
});

test('of two accounts only the one that this run blocked is given back', async () => {
  await small.db.desk.query(
    `insert into agents (id, name, email, status) values (99, 'Alice A.', $1, 'locked')`,
    [mail(small, 'alice')],
  );
  const identities = { desk: { user: ['17', '99'] } };
  const run = await start(small, { departure: 'unplanned', identities });
  expect(await planned(small, run)).toMatchObject({ access: { crm: 'blocked', desk: 'blocked' } });
  await must(small, run, 'cancel', 'olivia', { access: 'restore' });
  expect(await result(run)).toMatchObject({ access: { crm: 'open', desk: 'open' } });
  const agents = await small.db.desk.query('select status from agents where id in (17, 99) order by id');
  expect(agents.rows).toEqual([{ status: 'active' }, { status: 'locked' }]);
});

test('one of two accounts that cannot be blocked leaves access open, and the other block is given back', async () => {
  await small.db.desk.query(`insert into agents (id, name, email) values (99, 'Alice A.', $1)`, [
    mail(small, 'alice'),
  ]);
  const mischief = await refuse(small.db.desk, 'agents', `new.status = 'locked' and new.id = 99`);
  const identities = { desk: { user: ['17', '99'] } };
  const run = await start(small, { departure: 'unplanned', identities });
  const status = await planned(small, run);
  await mischief.mend();
  expect(status).toMatchObject({ access: { desk: 'open' }, blockProblems: { desk: expect.any(String) } });
  expect(status.blockedByUs.find(({ system }) => system === 'desk')!.accounts).toMatchObject([
    { identities: { user: ['17'] } },
  ]);
  await must(small, run, 'cancel', 'olivia', { access: 'restore' });
  await result(run);
  const agents = await small.db.desk.query('select status from agents where id in (17, 99) order by id');
  expect(agents.rows).toEqual([{ status: 'active' }, { status: 'active' }]);
});

test('sign-in is given back although there never was a plan', async () => {
  const run = await start(small, { departure: 'unplanned', successor: mail(small, 'ines') });
  expect(await planned(small, run)).toMatchObject({
    state: 'needs-correction',
    plan: null,
    access: { crm: 'blocked', desk: 'blocked' },
  });
  await must(small, run, 'cancel', 'olivia', { access: 'restore' });
  expect(await result(run)).toMatchObject({ outcome: 'cancelled', access: { crm: 'open', desk: 'open' } });
  expect(await statusOf()).toEqual(['active', 'active']);
});

test('an account that others have switched off since is not switched on again, and it is said', async () => {
  const run = await start(small, { departure: 'unplanned' });
  await planned(small, run);
  await small.db.desk.query(`update agents set status = 'inactive' where id = 17`);
  await must(small, run, 'cancel', 'olivia', { access: 'restore' });
  expect(await result(run)).toMatchObject({
    access: { crm: 'open', desk: 'blocked' },
    sentence: expect.stringMatching(
      /Small desk: switched off by somebody since, and left as it is: Alice Anders \(17\)/,
    ),
  });
  expect(await statusOf()).toEqual(['active', 'inactive']);
});

test('an account that is somebody else’s by now is not given back', async () => {
  const run = await start(small, { departure: 'unplanned' });
  await planned(small, run);
  await small.db.desk.query(`update agents set email = 'gone@small.example' where id = 19`);
  await small.db.desk.query('update agents set email = $1 where id = 17', [mail(small, 'bob')]);
  await must(small, run, 'cancel', 'olivia', { access: 'restore' });
  expect(await result(run)).toMatchObject({
    access: { crm: 'open', desk: 'blocked' },
    sentence: expect.stringMatching(
      /the account Alice Anders \(17\) belongs to Bob Brook \(id:\d+\) by its e-mail/,
    ),
  });
  expect(await statusOf()).toEqual(['active', 'locked']);
});

test('what somebody else has blocked is not ours: a cancellation need not say what becomes of it', async () => {
  await crm(`update people set status = 'suspended' where id in ($1, $2)`, [
    small.cast.alice.id,
    small.cast.alias.id,
  ]);
  const run = await start(small);
  expect(await planned(small, run)).toMatchObject({
    access: { crm: 'blocked', desk: 'open' },
    blockedByUs: [],
  });
  await must(small, run, 'cancel', 'olivia');
  expect(await result(run)).toMatchObject({ outcome: 'cancelled' });
  expect(await statusOf()).toEqual(['suspended', 'active']);
});

test('a block outlives its run and is remembered: a later run gives it back', async () => {
  const first = await start(small, { departure: 'unplanned' });
  await planned(small, first);
  await must(small, first, 'cancel', 'olivia', { access: 'keep' });
  await result(first);
  const second = await start(small, { departure: 'unplanned' });
  const status = await planned(small, second);
  expect(status.blockedByUs.map(({ system }) => system).sort()).toEqual(['crm', 'desk']);
  await must(small, second, 'cancel', 'olivia', { access: 'restore' });
  expect(await result(second)).toMatchObject({ access: { crm: 'open', desk: 'open' } });
  expect(await statusOf()).toEqual(['active', 'active']);
  const [certificate] = await small.world.worker.deps.store.archive.certificates(second.offboardingId);
  expect(certificate!.body!.earlier).toEqual([
    {
      offboarding: first.offboardingId,
      outcome: 'cancelled',
      requested: expect.any(String),
      closed: expect.any(String),
    },
  ]);
});

test('an old receipt is no block: what somebody has unblocked is read, and blocked again', async () => {
  const run = await start(small, { departure: 'unplanned' });
  await planned(small, run);
  await small.db.desk.query(`update agents set status = 'active' where id = 17`);
  await must(small, run, 'amend', 'olivia', { effectiveAt: new Date(Date.now() + 86_400_000).toISOString() });
  const status = await waitFor(
    small,
    run,
    ({ revision, state }) => revision === 2 && state === 'awaiting-approval',
  );
  expect(status).toMatchObject({ access: { crm: 'blocked', desk: 'blocked' } });
  expect(await statusOf()).toEqual(['suspended', 'locked']);
});

test('the clocks of a sudden departure: what is late is told, searched for, and certified', async () => {
  const { clocks } = small.world.config.policy;
  small.world.config.policy.clocks = { ...clocks, blockedWithinMinutes: 0.05, handedOverWithinDays: 0.00003 };
  // Nobody can block her there: the desk refuses it.
  const lift = await refuse(small.db.desk, 'agents');
  try {
    const run = await start(small, { departure: 'unplanned' });
    await planned(small, run);
    const late = await waitFor(small, run, one => one.late.length === 2);
    expect(late).toMatchObject({ late: ['access', 'hand-over'], access: { crm: 'blocked', desk: 'open' } });
    const found = async (): Promise<string[]> => {
      const all: string[] = [];
      for await (const one of small.world.offboardings.list(`OffboardingLate = "access"`))
        all.push(one.workflowId);
      return all;
    };
    await expect.poll(found).toContain(run.run);
    await must(small, run, 'cancel', 'olivia', { access: 'restore' });
    await result(run);
    const { archive, audit } = small.world.worker.deps.store;
    const [certificate] = await archive.certificates(run.offboardingId);
    expect(certificate!.body!.clocks).toMatchObject([
      { clock: 'access', at: null },
      { clock: 'hand-over', at: null },
      { clock: 'switch-off', at: null },
    ]);
    const { entries } = await audit.read(run.offboardingId);
    const notices = entries.flatMap(({ kind, body }) =>
      kind === 'notice' && body.notice === 'late' ? [body] : [],
    );
    expect(notices).toMatchObject([
      { on: 'hand-over' },
      {
        on: 'access',
        sentence: expect.stringMatching(/^Access is not cut everywhere \(open in desk\): that had to be by/),
      },
    ]);
  } finally {
    await lift.mend().catch(() => {});
    small.world.config.policy.clocks = clocks;
  }
});

// --- Dates -------------------------------------------------------------------------------------------------
test('an approved run waits for its date and starts by itself', async () => {
  const at = new Date(Date.now() + 3_000);
  const run = await start(small, { effectiveAt: at.toISOString() });
  await planned(small, run);
  await agree(small, run);
  expect(await waitFor(small, run, ({ state }) => state !== 'awaiting-approval')).toMatchObject({
    state: 'scheduled',
    waitingOn: 'date',
  });
  expect(await engineChanges()).toBe(0);
  expect(await ended(small, run)).toMatchObject({ outcome: 'completed' });
  const { rows } = await crm(`select min(at) >= $1 as later from moves_seen where app = 'handover'`, [at]);
  expect(rows).toEqual([{ later: true }]);
});

test('a date that nobody can place starts nothing, and changes no run', async () => {
  const nowhere = '2027-03-28T02:30[Europe/Berlin]';
  const says = expect.stringMatching(
    /^"2027-03-28T02:30\[Europe\/Berlin\]": the clocks of Europe\/Berlin never show that, .*write .*T03:30/,
  );
  const given = { user: mail(small, 'alice'), requestedBy: mail(small, 'olivia'), effectiveAt: nowhere };
  expect(await small.world.offboardings.request(given)).toMatchObject({
    answer: 'not-started',
    reason: says,
  });
  const run = await start(small, {
    effectiveAt: '2090-07-01T18:00[Europe/Berlin]',
    handoverAt: '2090-07-02',
  });
  expect((await planned(small, run)).findings).toMatchObject([
    {
      message: expect.stringMatching(
        /Items would move \(2090-07-03 00:00 UTC\) after access ends \(2090-07-01/,
      ),
    },
  ]);
  await must(small, run, 'amend', 'olivia', { handoverAt: null });
  const status = await planned(small, run);
  expect(status.plan).toMatchObject({
    effectiveAt: '2090-07-01T16:00:00.000Z',
    effectiveSays: '2090-07-01 18:00 Europe/Berlin (16:00 UTC)',
  });
  await agree(small, run);
  await waitFor(small, run, ({ state }) => state === 'scheduled');
  expect(await decide(small, run, 'amend', 'olivia', { effectiveAt: nowhere })).toMatchObject({
    verdict: 'refused',
    sentence: says,
  });
  expect(await small.world.offboardings.status(run.run)).toMatchObject({
    state: 'scheduled',
    revision: status.revision,
  });
  await must(small, run, 'cancel', 'olivia');
});

test('a date can be brought forward to now, and back again; each time the plan is approved anew', async () => {
  const run = await start(small, { effectiveAt: '2090-01-01' });
  await planned(small, run);
  await agree(small, run);
  await waitFor(small, run, ({ state }) => state === 'scheduled');
  await must(small, run, 'amend', 'olivia', { effectiveAt: '2091-02-28T23:30:00+01:00' });
  const later = await waitFor(
    small,
    run,
    ({ revision, state }) => revision === 2 && state === 'awaiting-approval',
  );
  expect(later).toMatchObject({ approvals: [], plan: { effectiveAt: '2091-02-28T22:30:00.000Z' } });
  await must(small, run, 'amend', 'olivia', { effectiveAt: 'now' });
  const now = await waitFor(
    small,
    run,
    ({ revision, state }) => revision === 3 && state === 'awaiting-approval',
  );
  expect(now.plan!.effectiveAt).toBeNull();
  await agree(small, run);
  const status = await ended(small, run);
  expect(status).toMatchObject({ outcome: 'completed', revision: 3 });
  expect(new Set(Object.values(statesOf(status)))).toEqual(new Set(['completed']));
});

test('a scheduled run can still be rejected', async () => {
  const run = await start(small, { effectiveAt: '2090-01-01' });
  const { plan } = await planned(small, run);
  await acknowledgeAll(small, run);
  await must(small, run, 'approve', 'priya', { plan: plan!.digest });
  await waitFor(small, run, ({ state }) => state === 'scheduled');
  await must(small, run, 'reject', 'daniel', { plan: plan!.digest });
  expect(await atRest(small, run)).toMatchObject({ outcome: 'rejected' });
  await result(run);
});

test('items move before the last day, access ends on it, and what came in between goes the same way', async () => {
  const ends = new Date(Date.now() + 8_000);
  const run = await start(small, { handoverAt: 'now', effectiveAt: ends.toISOString() });
  expect((await planned(small, run)).plan).toMatchObject({ handoverAt: 'approval' });
  await agree(small, run);
  const waiting = await waitFor(
    small,
    run,
    ({ state, times }) => state === 'scheduled' && times.handedOver !== null,
  );
  expect(waiting).toMatchObject({ waitingOn: 'date', due: ends.toISOString() });
  expect(waiting.sentence).toMatch(/^.*handed over.*Access ends .* UTC/);
  expect(await statusOf()).toEqual(['active', 'active']);
  await desk(
    `insert into tickets (id, number, subject, assignee_id, status, language) values ('00000000-0000-4000-8000-000000990001', 990001, 'came late', 17, 'open', 'de')`,
  );
  const closed = await ended(small, run);
  expect(closed).toMatchObject({ outcome: 'completed' });
  expect(await statusOf()).toEqual(['inactive', 'inactive']);
  expect((await desk(`select assignee_id from tickets where number = 990001`)).rows[0].assignee_id).not.toBe(
    '17',
  );
  const { rows } = await desk(
    `select min(at) < '${ends.toISOString()}' as early, max(at) >= '${ends.toISOString()}' as late from moves_seen where app = 'handover'`,
  );
  expect(rows).toEqual([{ early: true, late: true }]);
});
