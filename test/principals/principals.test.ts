/** Whose a decision is, by the word of Temporal's own server; and everything that must not pass for it. */
import { afterAll, expect, test } from 'vitest';
import { connectTemporal } from '../../runtime/temporal.js';
import type { Who } from '../small-world/cast.js';
import { mail, planned, type Started, start, waitFor } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';
import { asSomebody, startAuthorizingServer } from './server.js';

const WORKER = 'handover-worker';
const server = await startAuthorizingServer();
afterAll(() => server.stop());
// What the test itself asks, it asks as somebody who is in no directory.
Object.assign(process.env, asSomebody(await server.token('a-test')));
const small = useSmallWorld({
  env: asSomebody(await server.token(WORKER)),
  change: config => {
    config.temporal = {
      ...config.temporal,
      address: server.address,
      principals: { person: 'email', workers: [WORKER] },
    };
    config.policy = { ...config.policy, decisions: 'verified' };
  },
});

/** A client of Temporal with their own token. */
async function as(who: Who) {
  const env = asSomebody(await server.token(mail(small, who)));
  return connectTemporal(small.world.config.temporal, env);
}

async function signal(who: Who, { run }: Started, name: string, payload: object): Promise<void> {
  const client = await as(who);
  await client.workflow.getHandle(run).signal(name, payload);
  await client.connection.close();
}

test('a decision that its sender signals with a token of their own is verified by Temporal', async () => {
  const run = await start(small);
  const { plan, next } = await planned(small, run);
  const category = next.find(({ message }) => message === 'acknowledge')?.json.category;
  await signal('olivia', run, 'acknowledge', { by: mail(small, 'olivia'), category });
  await signal('priya', run, 'approve', { by: mail(small, 'priya'), plan: plan!.digest });
  const { approvals } = await waitFor(small, run, status => status.approvals.length > 0);
  expect(approvals[0]!.by).toMatchObject({
    name: 'Priya Approver',
    identity: { kind: 'verified', by: expect.stringMatching(/^Temporal \(event \d+\)$/) },
  });
});
