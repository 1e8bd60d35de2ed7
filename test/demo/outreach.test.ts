/** Demo outreach, the demo's application that speaks HTTP: what it keeps, shows and refuses. */
import { appendFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadCatalog } from '../../connectors/catalog/file.js';
import { createConnector, KINDS } from '../../connectors/registry.js';
import { Bundle } from '../../domain/bundle.js';
import { type DemoOutreach, openOutreach } from './outreach.js';

let outreach: DemoOutreach;
beforeAll(async () => {
  outreach = await openOutreach();
});
afterAll(() => outreach?.close());

const call = (path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`${outreach.base}${path}`, {
    ...init,
    headers: { authorization: `Bearer ${outreach.env.DEMO_OUTREACH_TOKEN}` },
  });

test('its catalog finds everything as it says, and Alice with all that is hers', async () => {
  const catalog = await loadCatalog(
    fileURLToPath(new URL('../../systems/demo-outreach.yaml', import.meta.url)),
    KINDS,
  );
  const connection = new Bundle('outreach', {
    base: outreach.base,
    token: outreach.env.DEMO_OUTREACH_TOKEN,
  });
  const connector = createConnector(catalog, { connection });
  try {
    expect(await connector.check?.()).toEqual([]);
    const alice = { identities: { user: ['u17'] }, active: true, blocked: false };
    const categories = Object.keys(catalog.catalog.categories);
    const counted = await connector.inventory([alice], categories);
    expect(counted.every(({ complete }) => complete)).toBe(true);
    expect(Object.fromEntries(counted.map(one => [one.category, one.count]))).toEqual({
      webhooks: 7,
      campaigns: 210,
      boards: 18,
      api_keys: 3,
      sent_campaigns: 180,
    });
  } finally {
    await connector.close();
  }
});

test('whoever has no token is told nothing, and a body that is no JSON, or too long, changes nothing', async () => {
  const [stranger, broken, long] = await Promise.all([
    fetch(`${outreach.base}/users`),
    call('/campaigns/c1', { method: 'PATCH', body: '{' }),
    call('/campaigns/c1', { method: 'PATCH', body: 'x'.repeat(200_000) }),
  ]);
  expect([stranger.status, broken.status, long.status]).toEqual([401, 400, 413]);
  expect(outreach.application.history).toEqual([]);
});

test('a change from an old version is refused, and so is an owner who is off or nobody', async () => {
  const change = (body: object): Promise<Response> =>
    call('/campaigns/c1', { method: 'PATCH', body: JSON.stringify(body) });
  const owner = outreach.application.items.campaigns.get('c1')!.owners[0]!;
  expect((await change({ owner: 'u4', version: 7 })).status).toBe(409);
  // Henrik left long ago.
  expect((await change({ owner: 'u33' })).status).toBe(422);
  expect((await change({ owner: 'nobody' })).status).toBe(422);
  expect(outreach.application.items.campaigns.get('c1')!.owners).toEqual([owner]);
});

test('what anybody was told of survives a crash, and half a line is no change', async () => {
  await call('/webhooks/w500', { method: 'DELETE' });
  const [hers] = [...outreach.application.items.webhooks.values()].filter(one => one.owners.includes('u17'));
  const told = await call(`/webhooks/${hers!.id}`, { method: 'PATCH', body: '{"owner":"u4","version":1}' });
  expect(told.status).toBe(200);
  appendFileSync(outreach.file, '{"at":"2026-11-27T20:00:00.000Z","kind":"webhooks","id":');
  const { application } = await outreach.again();
  expect(application.items.webhooks.get(hers!.id)).toMatchObject({ owners: ['u4'], version: 2 });
  application.setMember(application.members.get('u17')!, { sessions: 0 });
  const third = await outreach.again();
  expect(third.application.members.get('u17')!.sessions).toBe(0);
  expect(third.application.history.map(({ says }) => says)).toEqual([
    `Webhook “${hers!.name}”: Alice Moreno → Bruno Keller`,
    'Alice Moreno has 0 sessions',
  ]);
});

test('its page shows who holds what and what happened, and whatever is in a name stays text', async () => {
  const running = await outreach.again();
  running.application.members.get('u17')!.name = `<img src=x onerror="alert('1')">`;
  const everybody = await fetch(running.page);
  expect(everybody.headers.get('content-security-policy')).toContain("default-src 'none'");
  const text = await everybody.text();
  expect(text).toContain('Bruno Keller');
  expect(text).toContain('&#60;img src=x onerror=&#34;');
  expect(text).not.toContain('<img');
  const [one, nobody] = await Promise.all(
    ['u17', '"><script>'].map(async of =>
      (await fetch(`${running.page}?of=${encodeURIComponent(of)}`)).text(),
    ),
  );
  expect(one).toContain('<h3>390 campaigns</h3>');
  expect(one).not.toContain('<img');
  expect(nobody).not.toContain('<script>');
});
