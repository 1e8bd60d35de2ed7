/** A cover through the gateway: asked for, given back on a date that is changed, approved, called off; all proved. */
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { main } from '../../client/cli/main.js';
import { loginsOf } from '../../client/logins.js';
import type { GiveBackStatus } from '../../domain/give-back-view.js';
import { type Cli, cliOf, jsonLines, type Ran } from '../cli/cli.js';
import { type Back, backOf, LATER, ownersIn } from '../e2e/covers.js';
import { long, sweepOf } from '../e2e/sweeps.js';
import type { Who } from '../small-world/cast.js';
import { ended, mail, planned, type Started } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';
import { useGateway, withGateway } from './front.js';

const small = useSmallWorld({ change: withGateway(long) });
const front = useGateway(small);
let cli: Cli;
beforeAll(async () => {
  cli = await cliOf(small);
});
afterAll(() => cli?.remove());
beforeEach(() => small.db.desk.query(`grant insert on watchers to ${small.role}`));

const path = (run: string) => `/offboardings/${encodeURIComponent(run)}`;
const said = (who: Who, run: string, name: string, body: object = {}) =>
  front.call(who, 'POST', `${path(run)}/decisions/${name}`, body);
const look = async (run: string) =>
  (await front.call('oscar', 'GET', path(run))).body as unknown as {
    status: GiveBackStatus;
    after: { kind: string; run: string }[];
  };

const COVER = { successor: 'manager', mode: 'execute-only', giveBackAt: LATER };

/** Alice is away and Maya covers: everything about it went through the gateway. */
async function covered(): Promise<{ run: Started; back: Back; id: string }> {
  const { status, body } = await front.call('olivia', 'POST', '/offboardings', {
    user: mail(small, 'alice'),
    ...COVER,
  });
  expect(status, JSON.stringify(body)).toBe(201);
  const run = { run: body.workflowId as string, offboardingId: body.offboardingId as string };
  small.started.add(run.run);
  const { plan } = await planned(small, run);
  await front.acknowledge(run);
  expect(await said('priya', run.run, 'approve', { plan: plan!.digest })).toMatchObject({ status: 200 });
  expect((await ended(small, run)).outcome).toBe('completed');
  const back = backOf(small, run.offboardingId);
  return { run, back, id: back.id };
}

test('a cover is asked for and found behind its run; its date is changed, its plan shown and approved', async () => {
  const before = await ownersIn(small, 'accounts', 'owner_id');
  const { run, back, id } = await covered();
  const between = await ownersIn(small, 'accounts', 'owner_id');
  const moved = [...before].filter(([key, owner]) => between.get(key) !== owner).length;
  expect((await look(run.run)).after).toEqual([{ kind: 'give-back', run: id }]);
  const list = async (query: string) =>
    (await front.call('oscar', 'GET', `/offboardings?open=true&${query}`)).body.runs;
  const row = {
    kind: 'give-back',
    run: id,
    leaver: { id: String(small.cast.alice.id), name: small.cast.alice.name },
  };
  const waits = { ...row, state: 'waiting', waitingOn: 'date', due: '2030-03-31T16:00:00.000Z' };
  await expect.poll(() => list('waitingOn=date'), { timeout: 10_000 }).toMatchObject([waits]);
  expect(await look(id)).toMatchObject({
    status: { kind: 'give-back', next: [{ message: 'amend' }, { message: 'cancel' }] },
    after: [],
  });

  const sooner = '2028-03-26T18:00[Europe/Berlin]';
  expect(await said('olivia', id, 'amend', { giveBackAt: sooner })).toMatchObject({ status: 200 });
  await back.until(({ due }) => due === '2028-03-26T16:00:00.000Z');
  expect(await said('olivia', id, 'amend', { giveBackAt: 'now' })).toMatchObject({ status: 200 });
  await back.until(({ state }) => state === 'awaiting-approval');

  const { status } = await look(id);
  expect(status).toMatchObject({
    waitsFor: { audience: expect.arrayContaining(['approvers']) },
    next: [{ message: 'approve', json: { plan: status.back!.digest.slice(0, 12) } }, {}, {}, {}],
    back: { holdings: expect.arrayContaining([expect.objectContaining({ count: moved })]) },
  });
  const plans = await front.call('oscar', 'GET', `${path(id)}/plans`);
  expect(plans.body.plans).toMatchObject([{ revision: 1, digest: status.back!.digest, changes: [] }]);
  const mine = 'waitingFor=me';
  const asks = async (who: Who) => (await front.call(who, 'GET', `/offboardings?${mine}`)).body.runs;
  await expect.poll(() => asks('priya'), { timeout: 10_000 }).toMatchObject([row]);
  // She asked for the cover, and changed its date: nothing of it waits for her.
  expect(await asks('olivia')).toEqual([]);

  const plan = { plan: status.back!.digest };
  expect(await said('priya', id, 'approve', plan)).toMatchObject({
    status: 200,
    body: { verdict: 'accepted', sentence: 'Approved (1 of 1).' },
  });
  const after = await back.result();
  const proof = { kind: 'verified', by: expect.stringContaining('the gateway (key new)') };
  expect(after).toMatchObject({ outcome: 'given-back', approvals: [{ by: { identity: proof } }] });
  expect(await ownersIn(small, 'accounts', 'owner_id')).toEqual(before);
  const told = await front.call('oscar', 'GET', `${path(id)}/moved?limit=1000`);
  const items = told.body.items as { step: string; key: string }[];
  const accounts = items.filter(({ step }) => step === 'crm/accounts');
  expect(accounts).toHaveLength(moved);
  const { alice, maya } = small.cast;
  for (const one of accounts)
    expect(one).toMatchObject({
      fate: 'given-back',
      from: { id: String(maya.id), name: maya.name },
      to: { personId: String(alice.id), label: alice.name },
    });
  const shown = (await front.call('oscar', 'GET', `${path(id)}/items/crm/accounts?limit=500`)).body;
  expect(shown).toMatchObject({ total: moved });
  expect(await front.call('oscar', 'GET', `${path(run.run)}/certificate`)).toMatchObject({
    body: {
      certificates: [{ number: 0 }, { number: 1, body: { giveBack: after.giveBackId } }],
      after: [{ kind: 'give-back', run: id }],
    },
  });
  expect(await said('olivia', id, 'cancel')).toMatchObject({
    status: 409,
    body: { sentence: 'The give-back is over: nothing can be decided any more.' },
  });
});

test('who may not, may not: by role, whoever comes back, who asked, whoever only says who they are', async () => {
  const { back, id } = await covered();
  // At the door: an approver changes no date, an operator approves nothing, and the leaver is shown nothing.
  for (const [who, name, body] of [
    ['priya', 'amend', { giveBackAt: 'now' }],
    ['priya', 'cancel', {}],
    ['oscar', 'approve', { plan: 'a'.repeat(64) }],
    ['alice', 'cancel', {}],
    ['alias', 'amend', { giveBackAt: 'now' }],
  ] as const)
    expect(await said(who, id, name, body), `${who} ${name}`).toMatchObject({ status: 403 });
  expect(await front.call('alice', 'GET', path(id))).toMatchObject({ status: 403 });
  expect(await front.call('alias', 'GET', `${path(id)}/plans`)).toMatchObject({ status: 403 });
  expect(JSON.stringify((await front.call('alias', 'GET', '/offboardings')).body)).not.toContain(id);
  // Straight to Temporal, and with a statement that is about the cover before it.
  const { offboardings } = small.world;
  const claimed = { by: mail(small, 'olivia'), giveBackAt: 'now' };
  expect(await offboardings.decide(id, 'amend', claimed)).toMatchObject({
    verdict: 'refused',
    sentence: expect.stringContaining('only where it is proved whose they are'),
  });
  const { offboardingId } = await back.status();
  const about = { run: offboardingId, message: 'amend', by: mail(small, 'olivia'), how: 'a token' };
  const stolen = await (await front.sealed('new'))(claimed, about);
  expect(await offboardings.decide(id, 'amend', stolen)).toMatchObject({
    verdict: 'refused',
    sentence: expect.stringContaining('about another offboarding'),
  });
  expect(await back.status()).toMatchObject({ state: 'waiting', due: '2030-03-31T16:00:00.000Z' });

  expect(await said('oscar', id, 'amend', { giveBackAt: 'now' })).toMatchObject({ status: 200 });
  const { back: plan } = await back.until(({ state }) => state === 'awaiting-approval');
  expect(await said('priya', id, 'approve', { plan: 'a'.repeat(64) })).toMatchObject({
    status: 409,
    body: { sentence: expect.stringContaining('the plan is now revision 1') },
  });
  expect(await said('olivia', id, 'pause')).toMatchObject({
    status: 409,
    body: { sentence: expect.stringContaining('pause') },
  });
  expect(await said('priya', id, 'reject', { plan: plan!.digest, note: 'not yet' })).toMatchObject({
    status: 200,
  });
  expect(await back.result()).toMatchObject({ outcome: 'rejected', steps: {} });
});

test('a cover that makes no sense is not started, and says what to write instead', async () => {
  const ask = (more: object) =>
    front.call('olivia', 'POST', '/offboardings', { user: mail(small, 'alice'), ...COVER, ...more });
  expect(await ask({ mode: 'execute-and-deactivate' })).toMatchObject({
    status: 400,
    body: { error: expect.stringContaining('it needs "mode": "execute-only"') },
  });
  expect(await ask({ giveBackAt: 'soon' })).toMatchObject({ status: 400 });
});

test('what comes after a run, and its date, stand in the description', async () => {
  const { paths } = (await front.call(null, 'GET', '/openapi.json')).body as unknown as {
    paths: Record<string, Record<string, object>>;
  };
  const bodyOf = (route: string) => {
    const { requestBody } = paths[route]!.post as { requestBody: object };
    return (requestBody as { content: Record<string, { schema: { properties: object } }> }).content[
      'application/json'
    ]!.schema.properties;
  };
  const date = { description: expect.stringContaining('when what moved is given back') };
  expect(bodyOf('/offboardings')).toMatchObject({ giveBackAt: date });
  expect(bodyOf('/offboardings/{run}/decisions/amend')).toMatchObject({ giveBackAt: date });
  const listed = JSON.stringify(paths['/offboardings']!.get);
  for (const word of ['"give-back"', '"giving-back"', '"awaiting-approval"']) expect(listed).toContain(word);
  for (const route of ['/offboardings/{run}', '/offboardings/{run}/certificate'])
    expect(JSON.stringify(paths[route]!.get), route).toContain('What came after the run');
});

describe('on the command line, of people who have nothing but a login at the gateway', () => {
  /** Neither Temporal nor the store is where their configuration says. */
  const nothing = async (): Promise<string> =>
    cli.writeConfig('nothing.yaml', config => {
      config.temporal.address = '127.0.0.1:1';
      config.store = { connection: 'NOWHERE', owner: 'NOWHERE' } as typeof config.store;
    });
  const as = async (who: Who, ...args: string[]): Promise<Ran> => {
    const env = { XDG_CONFIG_HOME: join(cli.dir, `home-of-${who}`) };
    await loginsOf(env).keep({
      gateway: front.gateway.url,
      issuer: 'https://login.example.com',
      client: 'handover-cli',
      resource: null,
      access: front.tokenOf(who),
      refresh: null,
      until: null,
    });
    let out = '';
    let err = '';
    const code = await main([...args, '--gateway', front.gateway.url, '--config', await nothing()], {
      stdout: { columns: 120, write: text => (out += text) },
      stderr: { write: text => (err += text) },
      env,
      cwd: cli.dir,
    });
    return { code, out, err, json: () => jsonLines(out) };
  };

  test('a cover is started, its date changed, its plan looked at and approved, and another called off', async () => {
    const began = await as(
      'olivia',
      ...['start', mail(small, 'alice'), '--mode', 'execute-only', '--successor', 'manager'],
      ...['--give-back-at', LATER, '--json'],
    );
    expect(began, began.err).toMatchObject({ code: 0 });
    const { workflowId, offboardingId } = began.json()[0] as Record<string, string>;
    const run = { run: workflowId!, offboardingId: offboardingId! };
    small.started.add(run.run);
    const { plan } = await planned(small, run);
    expect(await as('olivia', 'acknowledge', run.run, '--all')).toMatchObject({ code: 0 });
    expect(await as('priya', 'approve', run.run, plan!.digest)).toMatchObject({ code: 0 });
    await ended(small, run);
    const back = backOf(small, run.offboardingId);
    const { giveBackId } = await back.status();
    expect(await as('priya', 'amend', back.id, '--give-back-at', 'now')).toMatchObject({
      code: 3,
      err: expect.stringContaining('is for operator'),
    });
    expect(await as('olivia', 'amend', back.id, '--give-back-at', 'soon')).toMatchObject({ code: 2 });
    expect(await as('olivia', 'amend', giveBackId, '--give-back-at', 'now')).toMatchObject({ code: 0 });
    await back.until(({ state }) => state === 'awaiting-approval');
    // What the gateway shows is up to a second old.
    await expect
      .poll(
        async () =>
          (await front.call('priya', 'GET', `/offboardings/${encodeURIComponent(back.id)}`)).body.status,
      )
      .toMatchObject({ state: 'awaiting-approval' });
    const shown = await as('priya', 'approve', back.id);
    expect(shown).toMatchObject({ code: 2, out: expect.stringContaining('items from Maya Manager') });
    const again = /repeat: handover (.*)$/m.exec(shown.err)![1]!.split(' ');
    expect(await as('priya', ...again)).toMatchObject({ code: 0, out: 'Approved (1 of 1).\n' });
    expect(await back.result()).toMatchObject({
      outcome: 'given-back',
      approvals: [{ by: { name: 'Priya Approver', identity: { kind: 'verified' } } }],
    });
    const over = await covered();
    expect(await as('olivia', 'cancel', over.id)).toMatchObject({ code: 0 });
    expect(await over.back.result()).toMatchObject({ outcome: 'cancelled' });
    expect(await as('olivia', 'cancel', over.id)).toMatchObject({
      code: 3,
      err: expect.stringContaining('The give-back is over'),
    });
  });

  test('a sweep is found behind its run, looked at, asked and stopped', async () => {
    const run = await front.begin();
    expect(await as('olivia', 'sweep', run.run)).toMatchObject({ code: 4 });
    await front.acknowledge(run);
    await said('priya', run.run, 'approve', { plan: run.status.plan!.digest });
    expect((await ended(small, run)).outcome).toBe('completed');
    const sweep = await sweepOf(small, run.offboardingId);
    await small.db.crm.query(`insert into approvals (id, approver_id, subject) values (970001, $1, 'late')`, [
      small.cast.alice.id,
    ]);
    const { sweepId, round } = await sweep.until(now => now.open.length > 0);
    for (const given of [run.run, `id:${small.cast.alice.id}`, run.offboardingId, sweepId])
      expect(await as('oscar', 'sweep', given), given).toMatchObject({
        code: 5,
        err: '',
        out: expect.stringContaining(`Sweep after the offboarding of ${small.cast.alice.name}: waiting`),
      });
    expect(await as('oscar', 'sweep', run.run, '--now')).toMatchObject({ code: 0 });
    await sweep.until(now => now.round > round);
    expect(await as('oscar', 'sweep', run.run, '--now', '--stop', 'both')).toMatchObject({ code: 2 });
    expect(await as('priya', 'sweep', run.run, '--stop', 'enough')).toMatchObject({ code: 3 });
    expect(await as('alias', 'sweep', run.run)).toMatchObject({ code: 3, out: '' });
    const seen = await as('oscar', 'sweep', run.run, '--acknowledge', 'crm/approvals');
    expect(seen, seen.err).toMatchObject({ code: 0 });
    expect((await sweep.status()).open).toEqual([]);
    expect(await as('oscar', 'sweep', run.run, '--stop', 'that is enough')).toMatchObject({ code: 0 });
    expect(await sweep.result()).toMatchObject({ outcome: 'finished' });
  });
});
