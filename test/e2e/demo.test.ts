/** The main job on the demo workspace: one person handed over and switched off. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { seedDemo } from '../../examples/demo/seed.js';
import { type DemoOutreach, openOutreach } from '../demo/outreach.js';
import { startWorld, type World } from '../support/world.js';

let outreach: DemoOutreach;
let world: World;
beforeAll(async () => {
  outreach = await openOutreach();
  world = await startWorld({
    config: 'examples/demo/handover.yaml',
    env: outreach.env,
    seed: urls => seedDemo({ workspaceUrl: urls.workspace!, helpdeskUrl: urls.helpdesk! }),
  });
});
afterAll(async () => {
  await world?.stop();
  await outreach?.close();
});

test('a leaver is handed over and switched off, and nothing is left', async () => {
  const { offboardings } = world;
  const answer = await offboardings.request({
    user: 'alice@demo.example',
    requestedBy: 'olivia@demo.example',
  });
  expect(answer).toMatchObject({ answer: 'started' });
  if (answer.answer !== 'started') return;
  const run = answer.workflowId;
  const planned = await offboardings.waitFor(run, status => status.state !== 'preparing', {
    timeoutMs: 60_000,
  });
  expect(planned.findings).toEqual([]);
  expect(planned.state).toBe('awaiting-approval');
  const { category } = planned.next[0]!.json;
  expect(
    await offboardings.decide(run, 'acknowledge', { by: 'olivia@demo.example', category }),
  ).toMatchObject({
    verdict: 'accepted',
  });
  expect(
    await offboardings.decide(run, 'approve', { by: 'priya@demo.example', plan: planned.plan!.digest }),
  ).toMatchObject({
    verdict: 'accepted',
  });
  const done = await offboardings.waitFor(
    run,
    status => ['closed', 'needs-attention'].includes(status.state),
    {
      timeoutMs: 60_000,
    },
  );
  expect(done).toMatchObject({
    outcome: 'completed',
    access: { workspace: 'deactivated', helpdesk: 'deactivated', outreach: 'deactivated' },
  });
  // The demo's configuration says nothing about it: what still lands on her is looked for from tomorrow on.
  const sweep = offboardings.handle(offboardings.ids.sweep(answer.offboardingId));
  expect(await sweep.query('status')).toMatchObject({ kind: 'sweep', state: 'waiting', round: 0 });
  const { rows } = await world.db.workspace!.query("select status from public.users where login = 'alice'");
  expect(rows).toEqual([{ status: 'inactive' }]);
  // What the application itself says, whatever we read of it: only what was sent stays hers.
  const { members, items } = outreach.application;
  expect(members.get('u17')).toMatchObject({ status: 'off', sessions: 0 });
  const hers = Object.values(items).flatMap(list =>
    [...list.values()].filter(({ owners }) => owners.includes('u17')),
  );
  expect(hers.length).toBeGreaterThan(0);
  expect(new Set(hers.map(({ status }) => status))).toEqual(new Set(['sent']));
});
