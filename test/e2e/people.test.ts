/** Who is who, who may take over, and who may decide: nobody is guessed, nobody decides about themselves. */
import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import type { SystemAccounts } from '../../domain/model.js';
import { viewOf } from '../../domain/view.js';
import type { Who } from '../small-world/cast.js';
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
  waitFor,
} from '../small-world/drive.js';
import { byOthers, refuse, trap } from '../small-world/mischief.js';
import { useSmallWorld } from '../small-world/world.js';

const small = useSmallWorld();

const codes = (status: { findings: { code: string; step: string | null }[] }): string[] =>
  status.findings.map(finding => finding.code);
const request = (more: Record<string, unknown>): Promise<{ answer: string; reason?: string }> =>
  small.world.offboardings.request({
    user: mail(small, 'alice'),
    requestedBy: mail(small, 'olivia'),
    successor: 'manager',
    ...more,
  });

/** How many items each desk id holds among those that the engine moved. */
async function desk(table = 'tickets', owner = 'assignee_id'): Promise<Record<string, number>> {
  const { rows } = await small.db.desk.query(
    `select coalesce(new_row ->> $2, 'nobody') as who, count(*)::int as n from moves_seen where tbl = $1 and app = 'handover' and op = 'update' group by 1`,
    [table, owner],
  );
  return Object.fromEntries(rows.map(row => [row.who, row.n]));
}

// --- names and addresses -----------------------------------------------------------------------------------
test('an e-mail is an e-mail, although it is somebody else’s login', async () => {
  const run = await start(small);
  expect(run.run).toBe(small.world.offboardings.ids.offboarding(small.cast.alice.id));
  expect((await planned(small, run)).leaver.id).toBe(small.cast.alice.id);
});

test.each([
  ['a misspelt address', 'alise@small.example', /Nobody in Small CRM has the e-mail/],
  ['a name', 'Alice Anders', /Nobody in Small CRM has the login/],
  ['an id that nobody has', 'id:17', /Nobody in Small CRM has the id/],
])('%s is not taken for somebody who is nearly called that', async (_what, user, says) => {
  expect(await request({ user })).toMatchObject({
    answer: 'not-started',
    reason: expect.stringMatching(says),
  });
});

test('two people with one address: both are named, none is chosen', async () => {
  await small.db.crm.query('update people set email = $1 where id = $2', [
    mail(small, 'alice').toUpperCase(),
    small.cast.alicia.id,
  ]);
  const answer = await request({});
  expect(answer).toMatchObject({ answer: 'not-started' });
  expect(answer.reason).toContain(small.cast.alice.id);
  expect(answer.reason).toContain(small.cast.alicia.id);
});

test('two accounts in another system: a person says which, and only that one is touched', async () => {
  await small.db.desk.query(`insert into agents (id, name, email) values (99, 'Alice A.', $1)`, [
    mail(small, 'alice'),
  ]);
  await small.db.desk.query(`update tickets set assignee_id = 99 where number in (1, 2)`);
  const run = await start(small);
  const status = await planned(small, run);
  expect(status.state).toBe('needs-correction');
  expect(codes(status)).toEqual(['account-ambiguous']);
  expect(status.findings[0]!.message).toMatch(/17.*99/);
  await must(small, run, 'amend', 'olivia', { identities: { desk: { user: '17' } } });
  expect(await waitFor(small, run, ({ state }) => state === 'awaiting-approval')).toMatchObject({
    findings: [],
  });
  await agree(small, run);
  expect(await ended(small, run)).toMatchObject({ outcome: 'completed' });
  const { rows } = await small.db.desk.query(
    'select status, (select count(*)::int from tickets where assignee_id = 99) as n from agents where id = 99',
  );
  expect(rows).toEqual([{ status: 'active', n: 2 }]);
});

test('two accounts that are both this person’s: everything moves from both, and both are switched off', async () => {
  const { desk } = small.db;
  await desk.query(`insert into agents (id, name, email) values (99, 'Alice A.', $1)`, [
    mail(small, 'alice'),
  ]);
  await desk.query(`update tickets set assignee_id = 99 where number in (1, 2)`);
  const run = await start(small);
  expect(codes(await planned(small, run))).toEqual(['account-ambiguous']);
  await must(small, run, 'amend', 'olivia', { identities: { desk: { user: ['99', '17'] } } });
  const status = await waitFor(small, run, ({ state }) => state === 'awaiting-approval');
  const usersIn = (accounts: readonly SystemAccounts[]) =>
    accounts.find(({ system }) => system === 'desk')?.accounts.map(({ identities }) => identities.user);
  expect(usersIn(status.plan!.accounts)).toEqual([['17'], ['99']]);
  expect(viewOf(status).systems.find(({ system }) => system === 'desk')!.accounts).toEqual([
    'Alice Anders (17)',
    'Alice A. (99)',
  ]);
  const before = status.plan!.steps.find(({ id }) => id === 'desk/tickets')!.baseline.count;
  await agree(small, run);
  expect(await ended(small, run)).toMatchObject({ outcome: 'completed' });
  const { rows } = await desk.query(
    `select status, (select count(*)::int from tickets where assignee_id = agents.id and tickets.status = 'open') as n
       from agents where id in (17, 99)`,
  );
  expect(rows).toEqual([
    { status: 'inactive', n: 0 },
    { status: 'inactive', n: 0 },
  ]);
  const receipts = await small.db.store.query(
    `select step, part, accounts::jsonb, owners, sum(changed)::int as changed from handover.receipts
      where offboarding = $1 and step in ('desk/tickets', 'desk/deactivate')
      group by step, part, accounts::jsonb, owners order by step, part`,
    [status.offboardingId],
  );
  expect(receipts.rows).toEqual([
    { step: 'desk/deactivate', part: 1, accounts: [{ user: ['17'] }], owners: [], changed: 1 },
    { step: 'desk/deactivate', part: 2, accounts: [{ user: ['99'] }], owners: [], changed: 1 },
    {
      step: 'desk/tickets',
      part: 1,
      accounts: [{ user: ['17'] }, { user: ['99'] }],
      owners: ['17', '99'],
      changed: before,
    },
  ]);
  const certificate = await small.db.store.query(
    `select body::json -> 'accounts' as accounts from handover.certificate_bodies where offboarding = $1`,
    [status.offboardingId],
  );
  expect(usersIn(certificate.rows[0].accounts)).toEqual([['17'], ['99']]);
});

// --- successors --------------------------------------------------------------------------------------------
test('whoever cannot take over is refused when the plan is made, each with the reason', async () => {
  const leaving = await start(small, { user: mail(small, 'carol') });
  await planned(small, leaving);
  await small.db.desk.query(
    `update agents set status = 'locked' where id = 25; update agents set status = 'active' where id = 23`,
  );
  await small.db.crm.query(
    `insert into accounts (id, name, owner_id, region) values (1, 'Secret', $1, 'restricted')`,
    [small.cast.alice.id],
  );
  const cases: [successors: Record<string, string>, says: RegExp][] = [
    [{ 'desk/tickets': mail(small, 'ines') }, /Ines Idle is not active and cannot take over/],
    [{ 'desk/tickets': mail(small, 'alice') }, /is the leaver/],
    [{ 'desk/tickets': mail(small, 'alias') }, /is the leaver/],
    [{ 'desk/tickets': mail(small, 'carol') }, /Carol Cole is being offboarded too/],
    [{ 'desk/tickets': mail(small, 'lara') }, /light agents cannot be given tickets/],
    [{ 'desk/tickets': mail(small, 'dora') }, /Dora Deskless has no account in Small desk/],
    [{ 'desk/tickets': mail(small, 'daniel') }, /Daniel Approver is not active in Small desk/],
    [{ 'desk/tickets': 'nobody@small.example' }, /Nobody in Small CRM has the e-mail/],
    [{ 'desk/tickets': 'queue:third' }, /There is no queue "third"; known are second/],
    [{ 'desk/tickets': 'queue:constructor' }, /There is no queue "constructor"; known are second/],
    [
      { 'desk/watchers': 'unassigned', 'desk/tickets': 'manager' },
      /the catalog does not allow items without an owner/,
    ],
    [
      { 'crm/accounts': mail(small, 'bob'), 'desk/watchers': 'manager' },
      /Bob Brook may not own 1 of these items.*restricted accounts are for administrators/,
    ],
  ];
  const run = await start(small, { successors: { 'crm/accounts': mail(small, 'olivia') } });
  await planned(small, run);
  for (const [successors, says] of cases) {
    await must(small, run, 'amend', 'olivia', { successors });
    const status = await waitFor(
      small,
      run,
      one => one.state === 'needs-correction' && one.findings.some(finding => says.test(finding.message)),
    );
    expect(codes(status), String(says)).toEqual(['successor-refused']);
    expect(await decide(small, run, 'approve', 'priya', { plan: '0'.repeat(12) })).toMatchObject({
      verdict: 'refused',
    });
  }
  await must(small, run, 'amend', 'olivia', { successors: { 'crm/accounts': mail(small, 'oscar') } });
  await waitFor(small, run, ({ state }) => state === 'awaiting-approval');
});

test.each<[string, () => Promise<unknown>, RegExp]>([
  [
    'is inactive',
    () => small.db.crm.query(`update people set status = 'inactive' where id = $1`, [small.cast.maya.id]),
    /Maya Manager is not active/,
  ],
  [
    'is leaving',
    async () =>
      planned(small, await start(small, { user: mail(small, 'maya'), successor: mail(small, 'bob') })),
    /is being offboarded too/,
  ],
  [
    'has lost the account',
    () => small.db.desk.query(`update agents set email = 'x' where id = 18`),
    /has no account in Small desk/,
  ],
  [
    'is locked out',
    () => small.db.desk.query(`update agents set status = 'locked' where id = 18`),
    /is not active in Small desk/,
  ],
  [
    'has another account',
    () =>
      small.db.desk.query(
        `update agents set email = 'x' where id = 18; update agents set email = 'maya@small.example' where id = 21`,
      ),
    /Maya Manager has another account|light agents/,
  ],
])(
  'a successor who %s by the time of the execution is not given anything: the approval is open again',
  async (_what, change, says) => {
    const run = await start(small);
    const { plan } = await planned(small, run);
    await must(small, run, 'approve', 'priya', { plan: plan!.digest });
    await change();
    await acknowledgeAll(small, run);
    const status = await waitFor(small, run, one => one.revision > 1 || one.state === 'needs-attention');
    const again = await atRest(small, run);
    expect(again.approvals).toEqual([]);
    if (again.state === 'needs-correction')
      expect(again.findings.map(finding => finding.message).join()).toMatch(says);
    else expect(again.state).toBe('awaiting-approval');
    expect(status.outcome).toBeNull();
    expect(await desk()).toEqual({});
  },
);

test('a successor who has lost the right to own an item meanwhile is not given it: the step parks with the reason', async () => {
  const run = await start(small);
  const { plan } = await planned(small, run);
  await must(small, run, 'approve', 'priya', { plan: plan!.digest });
  await small.db.desk.query(`update agents set seat = 'light' where id = 18`);
  await acknowledgeAll(small, run);
  const status = await ended(small, run);
  expect(status.steps['desk/tickets']).toMatchObject({
    state: 'failed',
    failed: 9,
    message: expect.stringMatching(/light agents cannot be given tickets/),
  });
  expect(status.access).toMatchObject({ crm: 'open', desk: 'open' });
  expect(await desk()).toEqual({});
  // Amending what is left is a new plan that has to be approved.
  await must(small, run, 'amend', 'olivia', { successors: { 'desk/tickets': mail(small, 'bob') } });
  await waitFor(small, run, ({ state }) => state === 'awaiting-approval');
  await agree(small, run);
  expect(await ended(small, run)).toMatchObject({ outcome: 'completed' });
  expect(await desk()).toEqual({ '19': 9 });
});

// --- nobody decides about themselves -----------------------------------------------------------------------
test.each<Who>(['alice', 'alias'])(
  'the leaver cannot ask for their own offboarding, not even as %s',
  async who => {
    await small.db.crm.query(`update people set role = 'admin' where id = $1`, [small.cast.alice.id]);
    expect(await request({ requestedBy: mail(small, who) })).toMatchObject({
      answer: 'not-started',
      reason: expect.stringMatching(/Nobody offboards themselves/),
    });
  },
);

test.each<Who>(['alice', 'alias'])(
  'the leaver cannot approve, acknowledge or steer their own run, not even as %s',
  async who => {
    await small.db.crm.query(`update people set role = 'admin', reviews = true where id = $1`, [
      small.cast.alice.id,
    ]);
    const run = await start(small);
    const { plan } = await planned(small, run);
    const digest = plan!.digest;
    const messages = [
      ['approve', { plan: digest }],
      ['reject', { plan: digest }],
      ['acknowledge', { category: 'crm/approvals' }],
      ['amend', { successor: mail(small, 'bob') }],
      ['cancel', {}],
      ['pause', {}],
    ] as const;
    for (const [name, more] of messages)
      expect(await decide(small, run, name, who, more), name).toMatchObject({
        verdict: 'refused',
        sentence: expect.stringMatching(/their own offboarding/),
      });
    const status = await small.world.offboardings.status(run.run);
    expect(status).toMatchObject({
      state: 'awaiting-approval',
      approvals: [],
      acknowledgements: {},
      revision: 1,
    });
    expect(status.refused).toHaveLength(messages.length);
  },
);

test('whoever asked does not approve, and whoever gains is not the only one to approve', async () => {
  await small.db.crm.query(`update people set reviews = true where id = any($1)`, [
    [small.cast.olivia.id, small.cast.maya.id],
  ]);
  const run = await start(small);
  const { plan } = await planned(small, run);
  expect(await decide(small, run, 'approve', 'olivia', { plan: plan!.digest })).toMatchObject({
    verdict: 'refused',
  });
  await acknowledgeAll(small, run);
  expect(await decide(small, run, 'approve', 'maya', { plan: plan!.digest })).toMatchObject({
    verdict: 'accepted',
    sentence: expect.stringMatching(/one more person must approve/),
  });
  expect((await small.world.offboardings.status(run.run)).state).toBe('awaiting-approval');
  await must(small, run, 'approve', 'priya', { plan: plan!.digest });
  expect(await ended(small, run)).toMatchObject({ outcome: 'completed' });
});

test('a successor’s second account does not make them a second approver', async () => {
  await small.db.crm.query(`update people set person_no = $2 where id = $1`, [
    small.cast.daniel.id,
    small.cast.maya.person,
  ]);
  const run = await start(small);
  const { plan } = await planned(small, run);
  await acknowledgeAll(small, run);
  await must(small, run, 'approve', 'daniel', { plan: plan!.digest });
  // Daniel is Maya, who takes everything over.
  expect((await small.world.offboardings.status(run.run)).state).toBe('awaiting-approval');
});

test.each<[Who, RegExp]>([
  ['bob', /may not ask/],
  ['ines', /is not active/],
])('%s may not ask for an offboarding', async (who, says) => {
  expect(await request({ requestedBy: mail(small, who) })).toMatchObject({
    answer: 'not-started',
    reason: expect.stringMatching(says),
  });
});

// --- accounts that must stay -------------------------------------------------------------------------------
test.each(['planned', 'unplanned'] as const)(
  'a service account is refused and not even blocked (%s)',
  async departure => {
    const run = await start(small, { user: mail(small, 'robot'), successor: mail(small, 'bob'), departure });
    const status = await planned(small, run);
    expect(status.state).toBe('needs-correction');
    expect(codes(status)).toContain('leaver-protected');
    await must(small, run, 'retry', 'olivia');
    await waitFor(small, run, one => one.state === 'needs-correction' && one.decided > 0);
    const { rows } = await small.db.crm.query('select status from people where id = $1', [
      small.cast.robot.id,
    ]);
    expect(rows).toEqual([{ status: 'active' }]);
    const bot = await small.db.desk.query('select status from agents where id = 24');
    expect(bot.rows).toEqual([{ status: 'active' }]);
  },
);

test.each(['planned', 'unplanned'] as const)(
  'the last owner is refused before anything is written (%s), and may go once there is another',
  async departure => {
    const run = await start(small, {
      user: mail(small, 'olivia'),
      requestedBy: mail(small, 'oscar'),
      successor: mail(small, 'bob'),
      departure,
    });
    const status = await planned(small, run);
    expect(codes(status)).toEqual(['last-owner']);
    expect(status.access.crm).toBe('open');
    const { rows } = await small.db.crm.query('select status from people where id = $1', [
      small.cast.olivia.id,
    ]);
    expect(rows).toEqual([{ status: 'active' }]);
    await small.db.crm.query(`update people set role = 'owner' where id = $1`, [small.cast.oscar.id]);
    await must(small, run, 'retry', 'oscar');
    await waitFor(small, run, ({ state }) => state === 'awaiting-approval');
    await agree(small, run);
    expect(await ended(small, run)).toMatchObject({ outcome: 'completed' });
  },
);

test('whoever has become the last owner meanwhile is not switched off', async () => {
  await small.db.crm.query(`update people set role = 'owner' where id = $1`, [small.cast.alice.id]);
  const run = await start(small);
  const { plan } = await planned(small, run);
  await must(small, run, 'approve', 'priya', { plan: plan!.digest });
  await small.db.crm.query(`update people set role = 'admin' where id = $1`, [small.cast.olivia.id]);
  await acknowledgeAll(small, run, 'oscar');
  const status = await ended(small, run);
  expect(status.steps['crm/deactivate']).toMatchObject({
    state: 'failed',
    message: expect.stringMatching(/last active owner/),
  });
  expect(status.access.crm).toBe('open');
});

// --- Successor rules ---------------------------------------------------------------------------------------
test('round-robin among the team gives everybody active the same, and nobody else anything', async () => {
  const { status } = await handOver(small, { successors: { 'desk/tickets': { 'round-robin': 'team' } } });
  expect(status.outcome).toBe('completed');
  expect(await desk()).toEqual({ '18': 3, '19': 3, '20': 3 });
});

test('the least loaded gets the next one', async () => {
  const pool = [mail(small, 'bob'), mail(small, 'carol')];
  await handOver(small, { successors: { 'desk/tickets': { 'least-loaded': pool } } });
  // Bob had two, Carol none: eleven are shared as six and five.
  const { rows } = await small.db.desk.query(
    `select count(*)::int as n from tickets where status = 'open' and assignee_id = any('{19,20}') group by assignee_id order by 1`,
  );
  expect(rows).toEqual([{ n: 5 }, { n: 6 }]);
});

test('a match rule, a default per category, one for the rest, and single items of their own', async () => {
  const [first] = (
    await small.db.crm.query(
      'select id::text from accounts where owner_id = $1 and status = $2 order by id limit 1',
      [small.cast.alice.id, 'active'],
    )
  ).rows;
  const { status } = await handOver(small, {
    successors: {
      'desk/tickets': {
        match: { attribute: 'language', map: { en: mail(small, 'bob') }, otherwise: mail(small, 'carol') },
      },
      'desk/watchers': mail(small, 'carol'),
      crm: mail(small, 'bob'),
    },
    overrides: { 'crm/accounts': { [first.id]: mail(small, 'dora') } },
  });
  expect(status.outcome).toBe('completed');
  expect(await desk()).toEqual({ '19': 5, '20': 4 });
  expect(await desk('watchers', 'agent_id')).toEqual({ '20': 6 });
  const { rows } = await small.db.crm.query(
    `select new_row ->> 'id' as id, new_row ->> 'owner_id' as owner from moves_seen where tbl = 'accounts' and app = 'handover'`,
  );
  for (const { id, owner } of rows)
    expect(owner).toBe(id === first.id ? small.cast.dora.id : small.cast.bob.id);
  expect(rows).toHaveLength(9);
});

test('an override for an item that the leaver does not hold is refused, by name', async () => {
  const run = await start(small, { overrides: { 'crm/accounts': { '4711': mail(small, 'bob') } } });
  const status = await planned(small, run);
  expect(codes(status)).toEqual(['override-unknown']);
  expect(status.findings[0]!.message).toMatch(/"4711"/);
});

test('conversations can be left unassigned, or given to a queue', async () => {
  await handOver(small, { successors: { 'desk/tickets': 'unassigned' } });
  expect(await desk()).toEqual({ nobody: 9 });
  await small.refill({});
  await handOver(small, { successors: { 'desk/tickets': 'queue:second' } });
  expect(await desk()).toEqual({ '902': 9 });
});

// --- Two runs at once --------------------------------------------------------------------------------------
test('a second request is shown the open run, and how to change it', async () => {
  const run = await start(small);
  await planned(small, run);
  expect(await request({})).toMatchObject({
    answer: 'already-running',
    workflowId: run.run,
    differs: [],
    amend: null,
  });
  expect(await request({ successor: mail(small, 'bob'), requestedBy: mail(small, 'oscar') })).toMatchObject({
    answer: 'already-running',
    workflowId: run.run,
    differs: ['successor'],
    amend: { successor: mail(small, 'bob') },
  });
  expect((await small.world.offboardings.status(run.run)).revision).toBe(1);
});

test('a second request is answered with what it said, never with what it left open', async () => {
  const run = await start(small, { departure: 'unplanned', mode: 'execute-only' });
  await planned(small, run);
  expect(await request({})).toMatchObject({ answer: 'already-running', differs: [], amend: null });
  expect(await request({ departure: 'planned' })).toMatchObject({
    differs: ['departure'],
    amend: { departure: 'planned' },
  });
});

test.each([
  [
    'a leaver who is somebody else behind the same id',
    { leaver: { human: 'nobody' } },
    /the leaver is who was asked about/,
  ],
  ['a requester who is somebody else', { requester: { human: 'nobody' } }, /the requester is who asked/],
  ['a requester who does not exist', { requester: { id: '17' } }, /Nobody in Small CRM has the id "17"/],
  ['a requester who is no operator', { requester: 'bob' }, /that is for operators/],
  ['the leaver as the requester', { requester: 'alice' }, /Nobody offboards themselves/],
] as const)(
  'started by hand with %s, the offboarding is refused and nobody is asked',
  async (_what, forged, says) => {
    const real = await start(small, { mode: 'preview' });
    const { leaver, requester } = await waitFor(small, real, ({ state }) => state === 'closed');
    await small.world.offboardings.result(real.run);
    const given = 'requester' in forged ? forged.requester : {};
    const named = typeof given === 'string' ? await personOf(given as Who) : { ...requester, ...given };
    const input = {
      offboardingId: randomUUID(),
      order: { user: mail(small, 'alice'), requestedBy: mail(small, 'olivia'), successor: 'manager' },
      leaver: { ...leaver, ...('leaver' in forged ? forged.leaver : {}) },
      requester: named,
    };
    await small.world.worker.deps.temporal.workflow.start('offboardUser', {
      workflowId: real.run,
      taskQueue: small.world.config.temporal.taskQueue,
      args: [input],
    });
    expect(await small.world.offboardings.result(real.run)).toMatchObject({
      outcome: 'refused',
      sentence: expect.stringMatching(says),
      steps: [],
    });
  },
);

/** As the front door would have found them. */
async function personOf(who: Who): Promise<{ id: string; name: string; human: string }> {
  const answer = await request({ user: mail(small, who), mode: 'preview', successor: mail(small, 'carol') });
  const run = (answer as unknown as { workflowId: string }).workflowId;
  await small.world.offboardings.result(run);
  return (await small.world.offboardings.status(run)).leaver;
}

test('nobody is switched off while another run is still handing things over to them', async () => {
  const first = await start(small, { successor: mail(small, 'carol') });
  await planned(small, first);
  const mischief = await refuse(small.db.desk, 'tickets');
  const second = await handOver(small, { user: mail(small, 'bob') });
  await mischief.mend();
  // Two plans that were made in the same moment: each saw nothing of the other yet.
  await small.db.store.query(
    `update handover.open_runs set successors = jsonb_build_object('desk/tickets', jsonb_build_array($2::text)) where workflow = $1`,
    [first.run, small.cast.bob.id],
  );
  await must(small, second, 'retry', 'olivia');
  const parked = await ended(small, second);
  expect(parked.steps['desk/deactivate']).toMatchObject({
    state: 'failed',
    message: expect.stringMatching(/still handing items over to this leaver/),
  });
  expect(parked.access).toMatchObject({ crm: 'open', desk: 'open' });
  await must(small, first, 'amend', 'olivia', { successor: mail(small, 'maya') });
  await waitFor(small, first, ({ revision, state }) => revision === 2 && state === 'awaiting-approval');
  await must(small, second, 'retry', 'olivia');
  expect(await ended(small, second)).toMatchObject({ outcome: 'completed' });
});

/** The leaver watches nothing, so that whoever takes the watchers over has nothing to take. */
const noWatchers = () => small.db.desk.query('delete from watchers where agent_id = 17');
const newWatcher = `insert into public.watchers (id, ticket, agent_id) values (9001, 'T-late', 17)`;

test('whoever another run names only for categories that hold nothing can be switched off, and is given nothing later', async () => {
  await noWatchers();
  const first = await start(small, {
    successor: mail(small, 'carol'),
    successors: { 'desk/watchers': mail(small, 'bob') },
  });
  const { plan } = await planned(small, first);
  const second = await handOver(small, { user: mail(small, 'bob') });
  expect(second.status).toMatchObject({
    outcome: 'completed',
    access: { crm: 'deactivated', desk: 'deactivated' },
  });
  // What comes now would be Bob's: whoever approved is asked again.
  await must(small, first, 'approve', 'priya', { plan: plan!.digest });
  await small.db.desk.query(newWatcher);
  await acknowledgeAll(small, first);
  const again = await waitFor(small, first, one => one.state === 'needs-correction');
  expect(again.findings.map(finding => finding.message).join()).toMatch(/watchers.*Bob Brook is not active/);
});

test('whoever gains nothing counts as anybody else when the plan is approved, and the rule for what comes later stands', async () => {
  await noWatchers();
  await small.db.crm.query(`update people set reviews = true where id = $1`, [small.cast.maya.id]);
  const run = await start(small, {
    successor: mail(small, 'carol'),
    successors: { 'desk/watchers': 'manager' },
  });
  const { plan } = await planned(small, run);
  expect(plan!.steps.find(step => step.id === 'desk/watchers')).toMatchObject({
    rule: 'manager',
    counts: [0],
  });
  await must(small, run, 'approve', 'maya', { plan: plan!.digest });
  await small.db.desk.query(newWatcher);
  await acknowledgeAll(small, run);
  expect(await ended(small, run)).toMatchObject({ outcome: 'completed' });
  expect(await desk('watchers', 'agent_id')).toEqual({ '18': 1 });
});

test('what comes while steps run is not given to somebody who is leaving by then: the step parks and says so', async () => {
  await noWatchers();
  const run = await start(small, {
    successor: mail(small, 'carol'),
    successors: { 'desk/watchers': mail(small, 'bob') },
  });
  const { plan } = await planned(small, run);
  await planned(small, await start(small, { user: mail(small, 'bob') }));
  const mischief = await trap(small.db.desk, 'tickets', byOthers(newWatcher), {
    when: 'old.number = 5',
    timing: 'after',
  });
  await must(small, run, 'approve', 'priya', { plan: plan!.digest });
  await acknowledgeAll(small, run);
  const status = await ended(small, run);
  await mischief.mend();
  expect(status.steps['desk/watchers']).toMatchObject({
    state: 'failed',
    remaining: 1,
    message: expect.stringMatching(/Bob Brook is being offboarded too.*"amend" with another successor/),
  });
  expect(status.access).toMatchObject({ crm: 'open', desk: 'open' });
});

test('a terminated run stands in nobody’s way, although it could not say that it is over', async () => {
  const first = await start(small, { successor: mail(small, 'bob') });
  await planned(small, first);
  await small.world.offboardings.handle(first.run).terminate('in a hurry');
  // Bob leaves, and Alice, whose own run is over, takes over from him.
  const second = await handOver(small, { user: mail(small, 'bob'), successor: mail(small, 'alice') });
  expect(second.status).toMatchObject({
    outcome: 'completed',
    access: { crm: 'deactivated', desk: 'deactivated' },
  });
});

test('a run that is terminated while another waits for it no longer holds it up', async () => {
  const first = await start(small, { successor: mail(small, 'bob') });
  await planned(small, first);
  const second = await handOver(small, { user: mail(small, 'bob') });
  expect(second.status.steps['desk/deactivate']).toMatchObject({ state: 'failed' });
  await small.world.offboardings.handle(first.run).terminate('in a hurry');
  await must(small, second, 'retry', 'olivia');
  expect(await ended(small, second)).toMatchObject({ outcome: 'completed' });
});
