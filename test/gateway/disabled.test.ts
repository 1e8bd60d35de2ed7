/** Who is disabled at the identity provider decides nothing from then on, and sees nothing a minute later. */
import { afterAll, afterEach, expect, test, vi } from 'vitest';
import { logIn } from '../../client/device-login.js';
import { mail } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';
import { useGateway, withGateway } from './front.js';
import { startProvider } from './provider.js';

const provider = await startProvider();
const small = useSmallWorld({
  change: withGateway(config => {
    config.gateway = { ...config.gateway!, oidc: [provider.settings({ recheck: 'userinfo' })] };
  }),
});
const front = useGateway(small);
afterAll(() => provider.stop());
afterEach(() => {
  vi.useRealTimers();
  provider.away = false;
  provider.enable(mail(small, 'priya'));
});

async function priya(): Promise<
  (path?: string, body?: object) => Promise<{ status: number; error?: string }>
> {
  const { login } = provider.settings();
  const { access } = await logIn(
    { issuer: provider.issuer, ...login },
    ({ complete }) => void provider.confirm(complete!, mail(small, 'priya')),
  );
  return async (path = '/me', body) => {
    const headers = { authorization: `Bearer ${access}` };
    const { status, body: said } = await front.call(null, body ? 'POST' : 'GET', path, body, headers);
    return { status, ...(said.error && { error: said.error }) };
  };
}

test('whoever looks is asked about once a minute, and whoever decides each time', async () => {
  const run = await front.begin();
  await front.acknowledge(run);
  const path = `/offboardings/${encodeURIComponent(run.run)}`;
  const approve = { plan: run.status.plan!.digest };
  const call = await priya();
  const before = provider.asked;
  for (let n = 0; n < 5; n++) expect(await call(path)).toEqual({ status: 200 });
  expect(provider.asked - before).toBe(1);
  provider.disable(mail(small, 'priya'));
  const gone = { status: 401, error: expect.stringContaining('says that your login is no longer good') };
  expect(await call(`${path}/decisions/approve`, approve)).toEqual(gone);
  // What was no is not remembered as yes.
  expect(await call(path)).toEqual(gone);
  provider.enable(mail(small, 'priya'));
  expect(await call(path)).toEqual({ status: 200 });
  expect(await call(`${path}/decisions/approve`, approve)).toEqual({ status: 200 });
});

test('whoever was disabled sees nothing a minute later, and nobody does where nobody can say', async () => {
  const call = await priya();
  expect(await call()).toEqual({ status: 200 });
  provider.disable(mail(small, 'priya'));
  const later = (seconds: number): void => {
    vi.setSystemTime(Date.now() + seconds * 1_000);
  };
  later(50);
  expect(await call()).toEqual({ status: 200 });
  later(11);
  expect(await call()).toMatchObject({ status: 401 });
  provider.enable(mail(small, 'priya'));
  expect(await call()).toEqual({ status: 200 });
  provider.away = true;
  expect(await call()).toEqual({ status: 200 });
  later(61);
  expect(await call()).toMatchObject({ status: 503, error: expect.stringContaining('cannot be asked') });
});
