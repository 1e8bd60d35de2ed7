/**
 * Somebody starts workflows by hand with ids of other people's runs in their input. What they start is refused,
 * and writes nothing, settles nothing and closes nothing of anybody else's.
 */
import { randomUUID } from 'node:crypto';
import type { Client, WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectTemporal } from '../../runtime/temporal.js';
import type { Report } from '../../workflows/messages.js';
import { cliOf } from '../cli/cli.js';
import { agree, ended, handOver, mail, must, planned, start, waitFor } from '../small-world/drive.js';
import { trap } from '../small-world/mischief.js';
import { useSmallWorld } from '../small-world/world.js';

const SECOND = 1 / 86_400;
const small = useSmallWorld();
let temporal: Client;

beforeAll(async () => {
  temporal = await connectTemporal(small.world.config.temporal);
});
afterAll(() => temporal.connection.close());

/** Started by hand, with whatever somebody writes; `letter` is there before its first task. */
async function byHand(
  type: string,
  workflowId: string,
  input: Record<string, unknown>,
  memo: Record<string, unknown>,
  letter: { name: string; payload: unknown } | null = null,
): Promise<WorkflowHandle> {
  const { taskQueue } = small.world.config.temporal;
  small.started.add(workflowId);
  const options = { taskQueue, workflowId, args: [input], memo };
  return letter
    ? temporal.workflow.signalWithStart(type, {
        ...options,
        signal: letter.name,
        signalArgs: [letter.payload],
      })
    : temporal.workflow.start(type, options);
}

const nobody = { id: 'nobody', name: 'Nobody', human: 'nobody' };
const order = { user: 'id:nobody', requestedBy: 'id:nobody', mode: 'preview', departure: 'planned' };

/** All that the store has of an offboarding. */
async function kept(offboardingId: string): Promise<unknown> {
  const rows = async (sql: string) => (await small.db.store.query(sql, [offboardingId])).rows;
  return {
    open: await rows('select leaver, workflow from handover.open_runs where offboarding = $1'),
    row: await rows('select * from handover.offboardings where id = $1'),
    certificates: await rows(
      'select number, digest from handover.certificates where offboarding = $1 order by 1',
    ),
    chain: await rows('select seq, kind from handover.audit where offboarding = $1 order by 1'),
    head: await rows('select * from handover.audit_heads where offboarding = $1'),
  };
}

/** Exit code and words of an audit. */
async function audited(run: string): Promise<[code: number, said: string]> {
  await small.world.offboardings.archive(run);
  const cli = await cliOf(small);
  try {
    const { code, out, err } = await cli('audit', run, '--verify');
    return [code, out + err];
  } finally {
    await cli.remove();
  }
}

async function verified(run: string): Promise<void> {
  expect(await audited(run)).toEqual([0, expect.stringContaining('Verified')]);
}

test('with the id of a run that waits: nothing of that run is touched, not even by a letter that came along', async () => {
  const run = await start(small);
  await planned(small, run);
  const before = await kept(run.offboardingId);
  const forged = await byHand(
    'offboardUser',
    small.world.offboardings.ids.offboarding('nobody'),
    { offboardingId: run.offboardingId, order, leaver: nobody, requester: nobody },
    { offboardingId: run.offboardingId },
    { name: 'approve', payload: { by: mail(small, 'priya'), plan: 'f'.repeat(64) } },
  );
  const report = (await forged.result()) as Report;
  expect(report).toMatchObject({
    outcome: 'refused',
    certificate: null,
    sentence: expect.stringContaining(`The id ${run.offboardingId} is that of ${run.run}`),
  });
  expect(await kept(run.offboardingId)).toEqual(before);
  await agree(small, run);
  expect(await ended(small, run)).toMatchObject({ outcome: 'completed' });
  await verified(run.run);
});

test('with the id of a run that is at work: it works on', async () => {
  const slow = await trap(small.db.desk, 'tickets', 'perform pg_sleep(0.3);');
  const run = await start(small);
  await planned(small, run);
  await agree(small, run);
  await waitFor(small, run, one => one.steps['desk/tickets']?.state === 'running');
  const forged = await byHand(
    'offboardUser',
    small.world.offboardings.ids.offboarding('nobody'),
    { offboardingId: run.offboardingId, order, leaver: nobody, requester: nobody },
    { offboardingId: run.offboardingId },
  );
  await forged.result();
  await slow.mend();
  expect(await ended(small, run)).toMatchObject({ state: 'closed', outcome: 'completed' });
});

test('with the id of an offboarding that is over, under its own workflow id: it stays over', async () => {
  const run = await handOver(small);
  await small.db.crm.query(`update people set status = 'active' where id = $1`, [small.cast.alice.id]);
  await small.world.offboardings.result(run.run);
  const before = await kept(run.offboardingId);
  const person = (who: 'alice' | 'olivia') => ({
    id: small.cast[who].id,
    name: who,
    human: small.cast[who].id,
  });
  const forged = await byHand(
    'offboardUser',
    run.run,
    {
      offboardingId: run.offboardingId,
      order: { user: mail(small, 'alice'), requestedBy: mail(small, 'olivia'), successor: 'manager' },
      leaver: person('alice'),
      requester: person('olivia'),
    },
    { offboardingId: run.offboardingId },
  );
  expect(await forged.result()).toMatchObject({
    outcome: 'refused',
    sentence: expect.stringContaining('a new offboarding has a new id'),
  });
  expect(await kept(run.offboardingId)).toEqual(before);
});

test.each([
  ['sweep', 'sweepStragglers'],
  ['give-back', 'giveBack'],
])('a %s that no run has announced moves nothing', async (kind, type) => {
  const run = await start(small);
  const { plan } = await planned(small, run);
  await must(small, run, 'reject', 'priya', { note: 'no', plan: plan!.digest });
  expect(await ended(small, run)).toMatchObject({ outcome: 'rejected' });
  const { ids } = small.world.offboardings;
  const id = randomUUID();
  const leaver = { id: small.cast.alice.id, name: 'Alice', human: small.cast.alice.id };
  const { policy } = (await small.world.worker.deps.store.plans.find(plan!.digest))!;
  const workflowId = kind === 'sweep' ? ids.sweep(run.offboardingId) : ids.giveBack(run.offboardingId);
  const forged = await byHand(
    type,
    workflowId,
    {
      ...(kind === 'sweep'
        ? {
            sweepId: id,
            approved: true,
            policy: { rhythm: [{ everyDays: SECOND, forDays: 8 * SECOND }], returns: 1000 },
            patience: { remindAfterDays: 1, escalateAfterDays: 2 },
            off: [],
            waived: {},
            seen: {},
            began: new Date().toISOString(),
          }
        : {
            giveBackId: id,
            requester: { ...leaver, identity: { kind: 'claimed' } },
            amendedBy: [],
            humans: {},
            policy,
            due: new Date().toISOString(),
            dueSays: 'now',
          }),
      offboardingId: run.offboardingId,
      of: run.run,
      leaver,
      plan: plan!.digest,
    },
    { offboardingId: id },
  );
  await expect(forged.result()).rejects.toMatchObject({
    cause: { message: expect.stringContaining('that has announced it as it closed') },
  });
  const { rows } = await small.db.store.query('select from handover.receipts where offboarding = $1', [id]);
  expect(rows).toEqual([]);
  await verified(run.run);
  // Where somebody makes the store know it all the same, an audit names it.
  await small.db.store.query(
    `insert into handover.offboardings (id, workflow, leaver, human, "order")
     select $1, $2, leaver, human, "order" from handover.offboardings where id = $3`,
    [id, workflowId, run.offboardingId],
  );
  expect(await audited(run.run)).toEqual([7, expect.stringContaining('did not announce it as it closed')]);
});
