/** A whole offboarding through the gateway, and what its statements prove and do not prove. */
import { randomUUID } from 'node:crypto';
import { importPKCS8, SignJWT } from 'jose';
import { expect, test } from 'vitest';
import { contentOf, STATEMENT_TYPE } from '../../domain/statement.js';
import type { DecisionAnswer } from '../../workflows/messages.js';
import { ended, mail, planned, type Started, start, waitFor } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';
import { useGateway, withGateway } from './front.js';

const small = useSmallWorld({ change: withGateway() });
const front = useGateway(small);

const { begin, acknowledge } = front;
const path = ({ run }: Started) => `/offboardings/${encodeURIComponent(run)}`;
const look = async (run: Started) =>
  (await front.call('oscar', 'GET', path(run))).body.status as {
    plan: { digest: string; notes: string[] };
    approvals: { by: { name: string; identity: unknown } }[];
    refused: { reason: string; message: string }[];
    state: string;
    next: { message: string; why: string; json: Record<string, unknown> }[];
  };
/** Straight to Temporal, past the gateway. */
const straight = (run: Started, name: string, payload: unknown) =>
  small.world.offboardings.decide(run.run, name, payload) as Promise<DecisionAnswer>;

test('an offboarding is asked for, looked at, decided and closed through the gateway, and all of it is proved', async () => {
  const run = await begin();
  const { plan } = await look(run);
  await acknowledge(run);
  const approved = await front.call('priya', 'POST', `${path(run)}/decisions/approve`, { plan: plan.digest });
  expect(approved).toMatchObject({ status: 200, body: { verdict: 'accepted' } });
  const status = await ended(small, run);
  expect(status.outcome).toBe('completed');
  expect(status.requester).toMatchObject({
    name: 'Olivia Owner',
    identity: { kind: 'verified', by: 'the gateway (key new), through a bearer token ("olivia")' },
  });
  expect(status.approvals[0]!.by).toMatchObject({
    name: 'Priya Approver',
    identity: { kind: 'verified', by: 'the gateway (key new), through a bearer token ("priya")' },
  });
  // What moved to whom, in pages that meet.
  const moved = async (query: string) =>
    (await front.call('oscar', 'GET', `${path(run)}/moved?${query}`)).body as unknown as {
      items: { step: string; key: string; fate: string; to: { label: string } | null; at: string }[];
      next: number | null;
      total: number;
    };
  const all = await moved('limit=1000');
  expect(all).toMatchObject({ next: null, total: all.items.length });
  const accounts = all.items.filter(({ step }) => step === 'crm/accounts');
  expect(accounts.length).toBeGreaterThan(2);
  for (const item of accounts) expect(item).toMatchObject({ fate: 'moved', to: { label: 'Maya Manager' } });
  const paged: unknown[] = [];
  for (let after: number | null = 0; after !== null; ) {
    const page = await moved(`limit=2&after=${after}`);
    paged.push(...page.items);
    after = page.next;
  }
  expect(paged).toEqual(all.items);
  const certificate = await front.call('oscar', 'GET', `${path(run)}/certificate`);
  expect(JSON.stringify(certificate.body)).toContain('"by":"the gateway (key new)');
  const audit = await front.call('oscar', 'GET', `/offboardings/${run.offboardingId}/audit`);
  expect(String(audit.body.text)).toContain('"kind":"verified"');
  // What was signed is kept, so that somebody else can check it.
  expect(String(audit.body.text)).toContain('"statement":"eyJ');
});

test('a plan that was amended says what is new in it, to those who approve it and through the gateway', async () => {
  const run = await begin();
  const amended = await front.call('olivia', 'POST', `${path(run)}/decisions/amend`, {
    successor: mail(small, 'bob'),
    departure: 'planned',
  });
  expect(amended.status, JSON.stringify(amended.body)).toBe(200);
  await waitFor(small, run, status => status.plan?.revision === 2);
  const changed = /^crm\/accounts: \d+ .+ → Bob Brook, instead of \d+ .+ → Maya Manager\.$/;
  const { plans } = (await front.call('oscar', 'GET', `${path(run)}/plans`)).body as unknown as {
    plans: { revision: number; digest: string; changes: string[] }[];
  };
  expect(plans).toMatchObject([
    { revision: 1, changes: [] },
    { revision: 2, changes: expect.arrayContaining([expect.stringMatching(changed)]) },
  ]);
  const shown = await look(run);
  expect(shown.plan.digest).toBe(plans[1]!.digest);
  expect(shown.plan.notes.filter(note => note.startsWith('Since plan 1: '))).toEqual(
    plans[1]!.changes.map(change => `Since plan 1: ${change}`),
  );
});

test('what only says whose it is decides nothing, and the run remembers that somebody tried', async () => {
  const run = await begin();
  const { plan } = await look(run);
  const claimed = { by: mail(small, 'priya'), plan: plan.digest };
  expect(await straight(run, 'approve', claimed)).toMatchObject({
    verdict: 'refused',
    sentence: expect.stringContaining('only where it is proved whose they are'),
  });
  expect((await look(run)).approvals).toEqual([]);
});

test('nothing proves who asked: then two must approve, since one of them may have asked', async () => {
  const run = await start(small);
  await planned(small, run);
  const { plan, next } = await look(run);
  expect(next.find(({ message }) => message === 'approve')!.why).toContain(
    'two must approve, since nothing proves who asked for it',
  );
  await acknowledge(run);
  const approve = (who: 'priya' | 'daniel') =>
    front.call(who, 'POST', `${path(run)}/decisions/approve`, { plan: plan.digest });
  expect((await approve('priya')).body.sentence).toBe(
    'Approval 1 of 2 counted; two must approve, since nothing proves who asked for it.',
  );
  expect((await look(run)).state).toBe('awaiting-approval');
  expect((await approve('daniel')).body.sentence).toBe('Approved (2 of 2).');
  expect(await ended(small, run)).toMatchObject({
    outcome: 'completed',
    requester: { identity: { kind: 'claimed' } },
  });
});

test('a proof of who asked counts for the one request that it came with', async () => {
  const by = `id:${small.cast.olivia.id}`;
  const request = { user: mail(small, 'alice'), successor: 'manager', requestedBy: by };
  const about = { run: null, message: 'request', by, how: 'a test' };
  const { worker, config, offboardings } = small.world;
  const sealed = await (await front.sealed('new'))(request, about);
  const answer = await worker.deps.temporal.workflow.execute('requestOffboarding', {
    workflowId: randomUUID(),
    taskQueue: config.temporal.taskQueue,
    args: [sealed],
  });
  const run = { run: answer.workflowId as string, offboardingId: answer.offboardingId as string };
  small.started.add(run.run);
  await planned(small, run);
  const { leaver, requester } = await offboardings.status(run.run);
  expect(requester.identity.kind).toBe('verified');
  await offboardings.handle(run.run).terminate('to be started by hand');

  const byHand = async (order: object, statement: unknown): Promise<string> => {
    await worker.deps.temporal.workflow.start('offboardUser', {
      workflowId: run.run,
      taskQueue: config.temporal.taskQueue,
      args: [{ offboardingId: randomUUID(), order, statement, leaver, requester }],
    });
    return (await offboardings.result(run.run)).sentence;
  };
  expect(await byHand(request, sealed.statement)).toContain('its statement was used already');
  const other = await (await front.sealed('new'))(request, about);
  expect(await byHand({ ...request, successor: mail(small, 'bob') }, other.statement)).toContain(
    'it was changed after its statement was made',
  );
  const oscar = { ...request, requestedBy: `id:${small.cast.oscar.id}` };
  const his = await (await front.sealed('new'))(oscar, { ...about, by: oscar.requestedBy });
  expect(await byHand(oscar, his.statement)).toContain('is not Olivia Owner');
});

test('a statement that is forged, moved, changed, too old or used before proves nothing', async () => {
  const run = await begin();
  const other = { run: 'offboarding/other', offboardingId: '11111111-2222-4333-8444-555555555555' };
  const { plan } = await look(run);
  const by = `id:${small.cast.priya.id}`;
  const body = { by, plan: plan.digest };
  const about = { run: run.offboardingId, message: 'approve', by, how: 'a test' };
  const seal = await front.sealed('new');
  const tried: [string, unknown, string][] = [
    [
      'a key that nobody knows',
      await (await front.sealed('stranger'))(body, about),
      'names a key that is not configured',
    ],
    [
      'a key that is retired',
      await (await front.sealed('old'))(body, about),
      'after its key "old" was retired',
    ],
    [
      'another offboarding',
      await seal(body, { ...about, run: other.offboardingId }),
      'about another offboarding',
    ],
    ['a request', await seal(body, { ...about, run: null, message: 'request' }), 'about a request'],
    [
      'another message',
      await seal(body, { ...about, message: 'reject' }),
      'about "reject", and this is "approve"',
    ],
    ['another person', await seal(body, { ...about, by: mail(small, 'daniel') }), 'was made for'],
    [
      'another plan',
      { ...(await seal({ ...body, plan: 'ab'.repeat(32) }, about)), plan: plan.digest },
      'about another plan',
    ],
    [
      'a note put in later',
      { ...(await seal(body, about)), note: 'and more' },
      'changed after its statement',
    ],
    ['no token', { ...body, statement: 'approved!' }, 'is no signed token'],
    ['not even text', { ...body, statement: { alg: 'none' } }, 'is no signed token'],
  ];
  const none = await seal(body, about);
  const [, claims] = String(none.statement).split('.');
  const header = Buffer.from(
    JSON.stringify({ alg: 'none', kid: 'new', typ: 'handover-statement+jwt' }),
  ).toString('base64url');
  tried.push([
    'no signature at all',
    { ...body, statement: `${header}.${claims}.` },
    'was not signed with the key',
  ]);
  // Signed with the right key, and what is said is wrong.
  const now = Math.floor(Date.now() / 1000);
  const whole = {
    aud: small.world.config.installation,
    sub: by,
    iat: now,
    exp: now + 60,
    run: run.offboardingId,
    message: 'approve',
    ...contentOf(body),
    how: 'a test',
  };
  const secret = await importPKCS8(front.keys.new!.secret, 'EdDSA');
  const made = async (
    say: object,
    header: object = {},
    key: typeof secret | Uint8Array = secret,
  ): Promise<object> => ({
    ...body,
    statement: await new SignJWT({ ...whole, jti: randomUUID(), ...say })
      .setProtectedHeader({ alg: 'EdDSA', kid: 'new', typ: STATEMENT_TYPE, ...header })
      .sign(key),
  });
  const publicHalf = new TextEncoder().encode(front.keys.new!.public);
  tried.push(
    ['another installation', await made({ aud: 'elsewhere' }), 'is for the installation "elsewhere"'],
    ['over', await made({ iat: now - 1000, exp: now - 100 }), 'is no longer valid'],
    ['not yet', await made({ iat: now + 3600, exp: now + 3700 }), 'made in the future'],
    ['for too long', await made({ exp: now + 4 * 86_400 }), 'valid for longer than any may be'],
    ['for ever', await made({ exp: undefined }), 'does not say what one must say'],
    ['without how', await made({ how: undefined }), 'does not say what one must say'],
    ['a number that may be guessed', await made({ jti: '7' }), 'does not say what one must say'],
    ['another kind of token', await made({}, { typ: 'JWT' }), 'is another kind of token'],
    ['no kind at all', await made({}, { typ: undefined }), 'is another kind of token'],
    ['a day ahead', await made({ nbf: now + 86_400 }), 'does not say what one must say'],
    // The public half is no secret, and must not do as one.
    ['the public half', await made({}, { alg: 'HS256' }, publicHalf), 'was not signed with the key'],
  );
  for (const [what, payload, reason] of tried)
    expect(await straight(run, 'approve', payload), what).toMatchObject({
      verdict: 'refused',
      sentence: expect.stringContaining(reason),
    });
  expect((await look(run)).approvals).toEqual([]);

  const good = await seal({ by, note: 'a while' }, { ...about, message: 'pause', by });
  expect(await straight(run, 'pause', good)).toMatchObject({
    verdict: 'refused',
    sentence: expect.stringContaining('is for operators'),
  });
  expect(await straight(run, 'pause', good)).toMatchObject({
    verdict: 'refused',
    sentence: expect.stringContaining('used already'),
  });
});

test('what is decided while no worker runs is left with the run, and counts once when one does', async () => {
  const run = await begin();
  const { plan } = await look(run);
  await acknowledge(run);
  await small.world.worker.stop();
  const leave = () =>
    front.call(
      'priya',
      'POST',
      `${path(run)}/decisions/approve`,
      { plan: plan.digest },
      { 'idempotency-key': 'click-4711' },
    );
  const left = await leave();
  expect(left).toMatchObject({ status: 202, body: { verdict: 'sent' } });
  expect(left.body.sentence).toContain('was left with the run');
  // Clicked again, it is the same click.
  expect(await leave()).toEqual(left);
  // What needs a worker says so.
  const shown = await front.call('priya', 'GET', path(run));
  expect(shown).toMatchObject({
    status: 503,
    body: { error: expect.stringContaining('No worker answered') },
  });
  await small.world.restartWorker();
  const status = await ended(small, run);
  expect(status.outcome).toBe('completed');
  expect(status.approvals).toMatchObject([
    { by: { name: 'Priya Approver', identity: { kind: 'verified' } } },
  ]);
  expect(status.refused).toEqual([]);
  // And once more, when there is a worker again.
  expect(await leave()).toEqual(left);
  const { entries } = await small.world.worker.deps.store.audit.read(run.offboardingId);
  expect(entries.filter(({ body }) => body.message === 'approve')).toHaveLength(1);
}, 120_000);

test('who is switched off decides nothing any more, within seconds', async () => {
  const run = await begin();
  const { plan } = await look(run);
  const approve = () => front.call('priya', 'POST', `${path(run)}/decisions/approve`, { plan: plan.digest });
  await small.db.crm.query(`update people set status = 'suspended' where id = $1`, [small.cast.priya.id]);
  // Workers judge what they see now, whatever the gateway remembers.
  const refused = await approve();
  expect([403, 409]).toContain(refused.status);
  expect(JSON.stringify(refused.body)).toContain('is blocked in the directory');
  await small.db.crm.query(`update people set status = 'active' where id = $1`, [small.cast.priya.id]);
});

test('items are shown page by page, sorted and searched, by workers', async () => {
  const run = await begin();
  const items = (query: string) => front.call('oscar', 'GET', `${path(run)}/items/crm/accounts?${query}`);
  const first = (await items('limit=2')).body as {
    items: { key: string; label: string; successor: string }[];
    next: string;
    total: number;
  };
  expect(first.items).toHaveLength(2);
  expect(first.items[0]!.successor).toContain('Maya');
  expect(first.total).toBeGreaterThan(2);
  const second = (await items(`limit=2&after=${first.next}`)).body as typeof first;
  expect(second.items[0]!.key).not.toBe(first.items[0]!.key);
  const down = (await items('limit=500&sort=-label')).body as typeof first;
  const labels = down.items.map(item => item.label);
  expect(labels).toEqual([...labels].sort((a, b) => b.localeCompare(a, 'en', { numeric: true })));
  expect((await items('sort=colour')).body.error).toContain('"sort" is one of label, region');
  expect((await front.call('oscar', 'GET', `${path(run)}/items/crm/nothing`)).body.error).toContain(
    'has no category',
  );
});

test('the guard says what somebody still holds, and how to start', async () => {
  const held = await front.call('oscar', 'POST', '/deactivations/check', { user: mail(small, 'alice') });
  expect(held).toMatchObject({ status: 200, body: { clear: false, name: 'Alice Anders' } });
  const free = await front.call('oscar', 'POST', '/deactivations/check', { user: mail(small, 'dora') });
  expect(free.body).toMatchObject({ clear: true, holds: [], open: [] });
  const stopped = await front.call('oscar', 'POST', '/deactivations', { user: mail(small, 'alice') });
  expect(stopped).toMatchObject({
    status: 202,
    body: {
      clear: false,
      sentence: expect.stringContaining('an offboarding was started'),
      offboarding: { answer: 'started' },
    },
  });
  small.started.add((stopped.body.offboarding as { workflowId: string }).workflowId);
  const again = await front.call('oscar', 'POST', '/deactivations', { user: mail(small, 'alice') });
  expect(again.body.sentence).toContain('is under way already');
  const nobody = await front.call('oscar', 'POST', '/deactivations/check', { user: 'x@small.example' });
  expect(nobody).toMatchObject({ status: 404, body: { error: expect.stringContaining('Nobody in') } });
});

test('who holds nothing is switched off by an offboarding of nothing, once it is approved', async () => {
  const answer = await front.call('oscar', 'POST', '/deactivations', { user: mail(small, 'dora') });
  expect(answer).toMatchObject({
    status: 202,
    body: {
      clear: true,
      sentence: expect.stringContaining(
        'has nothing to hand over, and switches them off as soon as it is approved',
      ),
      offboarding: { answer: 'started' },
    },
  });
  const { workflowId, offboardingId } = answer.body.offboarding as Record<string, string>;
  const run = { run: workflowId!, offboardingId: offboardingId! };
  small.started.add(run.run);
  await planned(small, run);
  const statusOf = async () =>
    (await small.db.crm.query('select status from people where id = $1', [small.cast.dora.id])).rows[0]
      .status;
  expect(await statusOf()).toBe('active');
  await front.acknowledge(run);
  const { plan } = await look(run);
  expect(
    await front.call('priya', 'POST', `${path(run)}/decisions/approve`, { plan: plan.digest }),
  ).toMatchObject({
    status: 200,
  });
  expect((await ended(small, run)).outcome).toBe('completed');
  expect(await statusOf()).toBe('inactive');
});
