/** The main job on the demo workspace: one person handed over and switched off. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Sweep } from '../../domain/sweep.js';
import { seedDemo } from '../../examples/demo/seed.js';
import type { Status } from '../../workflows/messages.js';
import { type DemoOutreach, openOutreach } from '../demo/outreach.js';
import { startWorld, type World } from '../support/world.js';
import { EACH_SECOND } from './sweeps.js';

const TOMAS = 1021;

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

test('a sudden departure is blocked, handed over, switched off and swept: each as the tables say', async () => {
  const { offboardings } = world;
  world.config.policy.sweep = EACH_SECOND;
  const one = async (sql: string): Promise<Record<string, unknown>> =>
    (await world.db.workspace!.query(sql, [TOMAS])).rows[0];
  const account = () =>
    one(`select status, (select count(*)::int from sessions where user_id = users.id) as sessions,
           (select count(*)::int from tasks where assignee_id = users.id and status <> 'done') as tasks
           from users where id = $1`);
  const before = await account();
  expect(before).toEqual({ status: 'active', sessions: expect.any(Number), tasks: expect.any(Number) });
  expect(before.tasks).toBeGreaterThan(0);
  await world.db.workspace!.query(
    `insert into sessions (id, user_id, device, last_seen_at) values ('left open', $1, 'phone', now())`,
    [TOMAS],
  );
  const answer = await offboardings.request({
    user: 'tomas@demo.example',
    requestedBy: 'olivia@demo.example',
    departure: 'unplanned',
  });
  if (answer.answer !== 'started') throw new Error(JSON.stringify(answer));
  const run = answer.workflowId;
  const until = (is: (status: Status) => boolean) => offboardings.waitFor(run, is, { timeoutMs: 60_000 });
  const planned = await until(({ state }) => state !== 'preparing');
  expect([planned.state, planned.findings]).toEqual(['awaiting-approval', []]);
  expect(await account()).toEqual({ status: 'suspended', sessions: 0, tasks: before.tasks });

  const decided = async (name: 'acknowledge' | 'approve', by: string, more: object) =>
    expect(await offboardings.decide(run, name, { by, ...more })).toMatchObject({ verdict: 'accepted' });
  const { category } = planned.next.find(({ message }) => message === 'acknowledge')!.json;
  await decided('acknowledge', 'olivia@demo.example', { category });
  await decided('approve', 'priya@demo.example', { plan: planned.plan!.digest });
  const done = await until(({ state }) => ['closed', 'needs-attention'].includes(state));
  expect(done.outcome, done.sentence).toBe('completed');
  expect(await account()).toEqual({ status: 'inactive', sessions: 0, tasks: 0 });

  // An integration that still knows the old owner.
  const late = await one(
    `update tasks set assignee_id = $1
      where id = (select min(id) from tasks where status <> 'done' and assignee_id <> $1) returning id::text`,
  );
  expect(await account()).toMatchObject({ tasks: 1 });
  const sweep = offboardings.handle(offboardings.ids.sweep(answer.offboardingId));
  await expect
    .poll(() => sweep.query<Sweep>('status'), { timeout: 60_000 })
    .toMatchObject({ moved: 1, addenda: [1] });
  expect(await account()).toMatchObject({ tasks: 0 });
  const { rows } = await world.db.workspace!.query(
    'select users.status from users join tasks on assignee_id = users.id where tasks.id = $1',
    [late.id],
  );
  expect(rows).toEqual([{ status: 'active' }]);
  await sweep.terminate('seen');
});
