/** Whoever holds nothing is switched off at once, where the policy says so; and whatever comes meanwhile is asked. */
import { expect, test } from 'vitest';
import { ended, mail, type Started, waitFor } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';
import { useGateway, withGateway } from './front.js';

const small = useSmallWorld({
  change: withGateway(config => {
    config.policy = { ...config.policy, nothingLeft: 'deactivates' };
  }),
});
const front = useGateway(small);

const isActive = async (): Promise<boolean> => {
  const { rows } = await small.db.crm.query('select status from people where id = $1', [small.cast.dora.id]);
  return rows[0].status === 'active';
};

async function switchOff(more: object = {}): Promise<Started & { body: Record<string, unknown> }> {
  const { status, body } = await front.call('oscar', 'POST', '/deactivations', {
    user: mail(small, 'dora'),
    ...more,
  });
  expect(status).toBe(202);
  const { workflowId, offboardingId } = body.offboarding as Record<string, string>;
  small.started.add(workflowId!);
  return { run: workflowId!, offboardingId: offboardingId!, body };
}

test('nobody is asked to approve that somebody who holds nothing is switched off', async () => {
  const { body, ...run } = await switchOff();
  expect(body).toMatchObject({ clear: true, needsApproval: false });
  expect(body.sentence).toContain('switches them off at once, since nobody need approve that');
  // She has no account at the desk, which somebody has to have seen.
  await waitFor(small, run, ({ waitingOn }) => waitingOn === 'acknowledgement');
  await front.acknowledge(run);
  const status = await ended(small, run);
  expect(status).toMatchObject({ outcome: 'completed', approvals: [] });
  const certificate = await front.call(
    'oscar',
    'GET',
    `/offboardings/${encodeURIComponent(run.run)}/certificate`,
  );
  const unasked = { body: { approvals: [], needsApproval: false } };
  expect(certificate.body).toMatchObject({ certificates: [unasked] });
  expect(await isActive()).toBe(false);
});

test('who holds something needs approval as ever', async () => {
  const held = await front.call('oscar', 'POST', '/deactivations/check', { user: mail(small, 'alice') });
  expect(held.body).toMatchObject({ clear: false, needsApproval: true });
});

test('what comes before the switch is followed by nothing that nobody approved', async () => {
  const { body: _, ...run } = await switchOff({ successor: mail(small, 'bob') });
  await waitFor(small, run, ({ waitingOn }) => waitingOn === 'acknowledgement');
  const crm = small.db.crm;
  await crm.query(`insert into accounts (id, name, owner_id, region) values (985001, 'late', $1, 'north')`, [
    small.cast.dora.id,
  ]);
  await front.acknowledge(run);
  const { plan } = await waitFor(
    small,
    run,
    ({ waitingOn, plan }) => waitingOn === 'approval' && plan!.revision > 1,
  );
  expect(plan!.steps.find(({ id }) => id === 'crm/accounts')).toMatchObject({ baseline: { count: 1 } });
  expect(await isActive()).toBe(true);
});
