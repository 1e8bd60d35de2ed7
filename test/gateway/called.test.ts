/** What people call a run at the gateway: whoever names one person means their run, and several are nobody. */
import { expect, test } from 'vitest';
import { Problem } from '../../client/problem.js';
import { mail } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';
import { useGateway, withGateway } from './front.js';
import { madeUp, OFFBOARDING } from './made-up.js';

const small = useSmallWorld({ change: withGateway() });
const front = useGateway(small);

test('a run is called by its leaver’s id, e-mail or login, by its own id, or as Temporal does', async () => {
  const run = await front.begin();
  const { id } = small.cast.alice;
  for (const name of [id, `id:${id}`, mail(small, 'alice'), 'alice', run.offboardingId, run.run]) {
    const path = `/offboardings/${encodeURIComponent(name)}`;
    const { status, body } = await front.call('oscar', 'GET', path);
    expect(status, `${name} ${JSON.stringify(body).slice(0, 200)}`).toBe(200);
    expect(body.status, name).toMatchObject({ offboardingId: run.offboardingId });
    expect((await front.call('oscar', 'GET', `${path}/plans`)).status, name).toBe(200);
  }
  expect(await front.call('oscar', 'POST', '/offboardings/alice/decisions/pause', {})).toMatchObject({
    status: 200,
  });
  // Nobody's own, whatever they call it; and nobody's login names nobody's run.
  expect(await front.call('alice', 'GET', '/offboardings/alice')).toMatchObject({ status: 403 });
  expect(await front.call('oscar', 'GET', '/offboardings/nobody')).toMatchObject({ status: 404 });
});

test('one person’s login that is another one’s id is nobody, and both are said', async () => {
  const run = await front.begin();
  const { alice, oscar } = small.cast;
  await small.db.crm.query('update people set login = $1 where id = $2', [alice.id, oscar.id]);
  const { status, body } = await front.call(
    'olivia',
    'POST',
    `/offboardings/${alice.id}/decisions/pause`,
    {},
  );
  expect(status).toBe(400);
  expect(body.error).toMatch(
    new RegExp(`may be .*\\(id:(${alice.id}|${oscar.id})\\) or .*\\(id:.*Say which: id:<directory id>`),
  );
  expect(await front.call('olivia', 'GET', `/offboardings/id:${alice.id}`)).toMatchObject({
    status: 200,
    body: { status: { offboardingId: run.offboardingId, pausedBy: null } },
  });
});

test('while no worker answers, an id still names its run, and a login does not', async () => {
  const gateway = await madeUp({
    behind: {
      async ask() {
        throw new Problem('out-of-reach', 'No worker answers.');
      },
      async offboardingOf(workflowId) {
        if (workflowId === 'offboarding/40') return OFFBOARDING;
        throw new Problem('not-found', 'There is none.');
      },
    },
  });
  const tool = (run: string) => gateway.call('GET', `/offboardings/${run}`, 'tool-token');
  expect((await tool('40')).statusCode).toBe(200);
  expect((await tool('alice')).statusCode).toBe(503);
  await gateway.app.close();
});
