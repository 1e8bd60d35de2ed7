/** Two gateways in front of one installation: what a tool sends again and again, to either, counts once. */
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningGateway, startGateway } from '../../gateway/start.js';
import { ended } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';
import { useGateway, withGateway } from './front.js';

const SECRET = `whsec_${Buffer.from('a secret of twenty-four b').toString('base64')}`;
const small = useSmallWorld({
  change: withGateway(config => {
    config.gateway = { ...config.gateway!, webhooks: hooksFile() };
  }),
});
const front = useGateway(small);
let second: RunningGateway;
beforeAll(async () => {
  second = await startGateway(small.world.config, small.world.env);
});
afterAll(() => second?.stop());

function hooksFile(): string {
  const file = join(front.folder, 'webhooks.yaml');
  const secret = join(front.folder, 'hook-secret');
  writeFileSync(secret, SECRET);
  writeFileSync(
    file,
    `webhooks:
  tool:
    signed: { scheme: standard, secrets: [{ file: ${secret} }] }
    cases:
      - { decide: approve, run: { at: /run }, by: { at: /by }, fields: { plan: { at: /plan } } }
`,
  );
  return file;
}

/** One delivery, to one of the two. */
async function deliver(url: string, id: string, json: object): Promise<{ status: number; did: string }> {
  const body = JSON.stringify(json);
  const at = new Date();
  const answer = await fetch(`${url}/webhooks/tool`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      'webhook-signature': new Webhook(SECRET).sign(id, at, body),
    },
    body,
  });
  const { did } = (await answer.json()) as { did: string };
  return { status: answer.status, did };
}

test('a hundred webhooks for one decision, twice each, to two gateways at once: it is decided once', async () => {
  const run = await front.begin();
  await front.acknowledge(run);
  const json = { run: run.run, by: `id:${small.cast.priya.id}`, plan: run.status.plan!.digest };
  const ids = Array.from({ length: 100 }, () => `msg_${randomUUID()}`);
  const answers = await Promise.all(
    ids.flatMap((id, n) => {
      const urls = n % 2 === 0 ? [front.gateway.url, second.url] : [second.url, front.gateway.url];
      return urls.map(url => deliver(url, id, json));
    }),
  );
  expect(answers.filter(({ status }) => status >= 500)).toEqual([]);
  const status = await small.world.offboardings.status(run.run);
  expect(status.approvals.map(({ by }) => by.id)).toEqual([small.cast.priya.id]);
  const { entries } = await small.world.worker.deps.store.audit.read(run.offboardingId);
  const approvals = entries.filter(({ kind, body }) => kind === 'decision' && body.message === 'approve');
  expect(approvals).toHaveLength(1);
  // Whoever sends it again later learns what came of it.
  const later = await deliver(second.url, ids[0]!, json);
  expect(later.did).toBe('decided');
  expect((await ended(small, run)).outcome).toBe('completed');
});
