/** A sweep in the places where runs are seen and decided: list, status, decisions, and the gateway, all proved. */
import { expect, test } from 'vitest';
import { connectTemporal } from '../../runtime/temporal.js';
import { cliOf } from '../cli/cli.js';
import { useGateway, withGateway } from '../gateway/front.js';
import { ended, mail } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';
import { long, sweepOf } from './sweeps.js';

const small = useSmallWorld({ change: withGateway(long) });
const front = useGateway(small);

/** Alice is switched off by proved decisions, and an approval lands on her that people settle by hand. */
async function asked() {
  const run = await front.begin();
  await front.acknowledge(run);
  const path = `/offboardings/${encodeURIComponent(run.run)}`;
  const { plan } = (await front.call('oscar', 'GET', path)).body.status as { plan: { digest: string } };
  const approved = await front.call('priya', 'POST', `${path}/decisions/approve`, { plan: plan.digest });
  expect(approved.status, JSON.stringify(approved.body)).toBe(200);
  const status = await ended(small, run);
  expect(status.outcome).toBe('completed');
  const sweep = await sweepOf(small, run.offboardingId);
  await small.db.crm.query(`insert into approvals (id, approver_id, subject) values (970001, $1, 'late')`, [
    small.cast.alice.id,
  ]);
  const open = await sweep.until(now => now.open.length > 0);
  const id = small.world.offboardings.ids.sweep(run.offboardingId);
  return { run, sweep, open, id, path: `/offboardings/${encodeURIComponent(id)}` };
}

test('through the gateway: listed, shown, decided, its statements believed and nobody else’s', async () => {
  const { sweep, id, path, open } = await asked();
  const list = async (query: string) =>
    (await front.call('oscar', 'GET', `/offboardings?${query}`)).body.runs as Record<string, unknown>[];
  const row = {
    kind: 'sweep',
    run: id,
    leaver: { id: String(small.cast.alice.id), name: small.cast.alice.name },
    waitingOn: 'attention',
    due: expect.stringMatching(/^20/),
  };
  await expect.poll(() => list('waitingOn=attention'), { timeout: 10_000 }).toMatchObject([row]);
  expect(await list('waitingOn=attention&waitingFor=me&open=true')).toMatchObject([row]);
  const shown = await front.call('oscar', 'GET', path);
  expect(shown).toMatchObject({
    status: 200,
    body: {
      status: {
        kind: 'sweep',
        sweepId: open.sweepId,
        waitsFor: { audience: ['operators', 'requester'] },
        next: [
          { message: 'acknowledge', json: { category: 'crm/approvals' } },
          { message: 'retry' },
          { message: 'finish' },
        ],
      },
    },
  });
  // Nobody is shown their own.
  expect((await front.call('alice', 'GET', path)).status).toBe(403);
  const { offboardings } = small.world;
  const claimed = { by: mail(small, 'olivia'), category: 'crm/approvals' };
  expect(await offboardings.decide(id, 'acknowledge', claimed)).toMatchObject({
    verdict: 'refused',
    sentence: expect.stringContaining('only where it is proved whose they are'),
  });
  const stolen = await front.sealed('new');
  const by = mail(small, 'olivia');
  const elsewhere = await stolen(claimed, {
    run: open.offboardingId,
    message: 'acknowledge',
    by,
    how: 'a token',
  });
  expect(await offboardings.decide(id, 'acknowledge', elsewhere)).toMatchObject({
    verdict: 'refused',
    sentence: expect.stringContaining('about another offboarding'),
  });
  const decided = (name: string, body: object) =>
    front.call('olivia', 'POST', `${path}/decisions/${name}`, body);
  expect(await decided('approve', { plan: 'a'.repeat(64) })).toMatchObject({ status: 403 });
  expect(await decided('acknowledge', { category: 'crm/approvals' })).toMatchObject({
    status: 200,
    body: { verdict: 'accepted' },
  });
  expect((await sweep.status()).open).toEqual([]);
  expect(await decided('finish', { reason: 'that is enough' })).toMatchObject({ status: 200 });
  expect(await sweep.result()).toMatchObject({ outcome: 'finished' });
  const { rows } = await small.db.store.query(
    `select kind, body from handover.audit join handover.audit_bodies using (offboarding, seq)
      where offboarding = $1 and kind in ('decision', 'refusal') order by seq`,
    [open.sweepId],
  );
  const told = rows.map(row => [row.kind, JSON.parse(row.body as string).identity?.kind]);
  expect(told.filter(([kind]) => kind === 'decision')).toEqual([
    ['decision', 'verified'],
    ['decision', 'verified'],
  ]);
  expect(told.filter(([kind]) => kind === 'refusal').length).toBeGreaterThanOrEqual(2);
  // What the store keeps of it is shown as well.
  const moved = await front.call('oscar', 'GET', `${path}/moved`);
  expect(moved, JSON.stringify(moved.body)).toMatchObject({ status: 200 });
  expect(await front.call('oscar', 'GET', `${path}/certificate`)).toMatchObject({
    status: 200,
    body: { offboarding: open.offboardingId },
  });
});

test('on the command line: in the list, under its own ids and behind its run, with what fits now', async () => {
  const { run, open, id, sweep } = await asked();
  const cli = await cliOf(small);
  try {
    await expect
      .poll(async () => (await cli('list', '--waiting-on', 'attention', '--json')).json(), {
        timeout: 10_000,
      })
      .toMatchObject([
        { kind: 'sweep', workflowId: id, state: 'waiting', leaver: small.cast.alice.id.toString() },
      ]);
    const list = await cli('list', '--state', 'waiting');
    expect(list.out).toContain(`sweep after id:${small.cast.alice.id}`);
    for (const given of [id, open.sweepId]) {
      const shown = await cli('status', given);
      expect([shown.code, shown.err]).toEqual([0, '']);
      expect(shown.out).toContain(`Sweep after the offboarding of ${small.cast.alice.name}: waiting`);
      expect(shown.out).toContain(`handover acknowledge ${id} crm/approvals --by …`);
      expect(shown.out).toMatch(/The next round begins 20.* \(UTC\)/);
    }
    const behind = await cli('status', run.run);
    expect(behind.out).toMatch(/Offboarding of .*: closed[\s\S]*Sweep after the offboarding/);
    expect((await cli('status', run.run, '--json')).json()).toMatchObject([
      { state: 'closed', sweep: { kind: 'sweep', waitingOn: 'attention' } },
    ]);
    expect(await cli('sweep', run.run)).toMatchObject({ code: 5 });
    // Where decisions must be proved the command line goes through a gateway, which is named or not gone to.
    expect(await cli('retry', id, '--by', mail(small, 'olivia'))).toMatchObject({
      code: 2,
      err: expect.stringContaining('does not say where the gateway is'),
    });
    const straight = await cli.writeConfig('claimed.yaml', config => {
      config.policy.decisions = 'claimed';
    });
    const said = (...args: string[]) => cli(...args, '--config', straight);
    expect(await said('approve', id, '--by', mail(small, 'priya'))).toMatchObject({
      code: 2,
      err: expect.stringContaining(
        'A sweep takes acknowledge, retry, finish; "approve" is for an offboarding.',
      ),
    });
    expect(await cli('status', id, '--watch')).toMatchObject({ code: 2 });
    // Here only what is proved counts: it was judged, and the sweep remembers it.
    expect(await said('acknowledge', id, '--all', '--by', mail(small, 'olivia'))).toMatchObject({ code: 3 });
    expect((await sweep.status()).refused).not.toEqual([]);
    await small.world.offboardings.handle(id).cancel();
    expect(await sweep.result()).toMatchObject({
      state: 'closed',
      outcome: 'cancelled',
      sentence: 'Cancelled in Temporal.',
    });
    expect((await cli('status', id)).out).toContain('closed (cancelled)');
    expect(await said('retry', id, '--by', mail(small, 'olivia'))).toMatchObject({
      code: 3,
      err: expect.stringContaining(`The sweep ${id} is over (cancelled)`),
    });
  } finally {
    await cli.remove();
  }
});

test('one that somebody starts by hand is refused, and touches nothing of what it names', async () => {
  const { sweep, open, run } = await asked();
  const { offboardings, config } = small.world;
  const { sweepId, offboardingId, of, leaver, plan, approved, ...more } = open;
  const { policy, patience, off, waived, seen, began } = more;
  const about = { sweepId, offboardingId, of, leaver, plan, approved };
  const input = { ...about, policy, patience, off, waived, seen, began };
  const temporal = await connectTemporal(config.temporal);
  const begin = async (workflowId: string, more: object) => {
    const handle = await temporal.workflow.start('sweepStragglers', {
      taskQueue: config.temporal.taskQueue,
      workflowId,
      args: [{ ...input, ...more }],
    });
    return handle.result().then(
      () => 'done',
      (error: { cause?: Error }) => String(error.cause?.message),
    );
  };
  const ids = offboardings.ids;
  const other = '00000000-0000-4000-8000-000000000001';
  const refused = /comes after no offboarding that has announced it as it closed/;
  expect(await begin(ids.sweep(other), {})).toMatch(refused);
  expect(await begin(ids.sweep(other), { offboardingId: other })).toMatch(refused);
  await offboardings.handle(ids.sweep(run.offboardingId)).cancel();
  await sweep.result();
  expect(await begin(ids.sweep(offboardingId), { plan: 'b'.repeat(64) })).toMatch(refused);
  expect(await begin(ids.sweep(offboardingId), { sweepId: offboardingId })).toMatch(refused);
  expect(await begin(ids.sweep(offboardingId), { approved: !approved })).toMatch(refused);
  await temporal.connection.close();
});
