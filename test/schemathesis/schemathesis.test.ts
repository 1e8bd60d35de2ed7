/** A fuzzer that nobody here wrote reads what the gateway says of itself, and finds nothing that is not so. */
import { appendFileSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { newToken } from '../../gateway/tokens.js';
import { useGateway, withGateway } from '../gateway/front.js';
import { ended, mail, planned } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';
import { type Fuzzing, fuzz } from './fuzzer.js';

const SECRET = `whsec_${Buffer.from('a secret of twenty-four b').toString('base64')}`;
const WEBHOOKS = `webhooks:
  signed:
    signed: { scheme: standard, secrets: [HANDOVER_HOOK] }
    cases: [{ decide: pause, run: { at: /run }, by: { at: /by } }]
  known:
    signed: { scheme: token, tokens: [oscar] }
    delivery: { at: /id }
    cases: [{ decide: pause, run: { at: /run }, by: { at: /by } }]
`;
const small = useSmallWorld({
  once: true,
  change: withGateway(config => {
    const file = join(mkdtempSync(join(tmpdir(), 'handover-webhooks-')), 'webhooks.yaml');
    writeFileSync(file, WEBHOOKS);
    config.gateway = { ...config.gateway!, webhooks: file };
  }),
});
// It guesses more than anybody may.
const front = useGateway(small, { HANDOVER_HOOK: SECRET }, { guesses: 1_000_000 });
const known: Fuzzing['known'] = { open: [], closed: [], people: [], plans: [] };

test('there is a run that has closed, and one that waits', async () => {
  const over = await front.begin();
  await front.acknowledge(over);
  const path = `/offboardings/${encodeURIComponent(over.run)}/decisions/approve`;
  const plan = over.status.plan!.digest;
  expect(await front.call('priya', 'POST', path, { plan })).toMatchObject({ status: 200 });
  expect((await ended(small, over)).outcome).toBe('completed');
  const request = { user: mail(small, 'bob'), successor: 'manager' };
  const { body } = await front.call('olivia', 'POST', '/offboardings', request);
  const open = { run: body.workflowId as string, offboardingId: body.offboardingId as string };
  small.started.add(open.run);
  await planned(small, open);
  known.closed = [over.offboardingId, over.run];
  known.open = [open.offboardingId, open.run];
  known.plans = [plan];
  known.people = [mail(small, 'bob'), `id:${small.cast.carol.id}`, 'carol'];
});

test.each([
  ['nobody', () => null],
  ['a viewer', () => given('viewer')],
  ['an approver', () => front.tokenOf('priya')],
  ['an operator', () => front.tokenOf('oscar')],
  ['an administrator', () => given('administrator')],
])('as %s', async (_who, token) => {
  const { code, said, requests } = await fuzz({ url: front.gateway.url, token: token(), known });
  expect(code, said).toBe(0);
  expect(requests).toBeGreaterThan(500);
});

/** A token in the file that the directory would not give. */
function given(role: string): string {
  const { token, sha256 } = newToken();
  const line = `  - { name: a ${role}, sha256: ${sha256}, person: "id:${small.cast.oscar.id}", roles: [${role}] }\n`;
  appendFileSync(join(front.folder, 'tokens.yaml'), line);
  return token;
}
