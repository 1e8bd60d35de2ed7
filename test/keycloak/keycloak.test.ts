/** People of a Keycloak: they log in from a terminal, and lose what they had when they are logged out or disabled. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { logIn } from '../../client/device-login.js';
import { browse } from '../gateway/browser.js';
import { useGateway, withGateway } from '../gateway/front.js';
import type { Who } from '../small-world/cast.js';
import { useSmallWorld } from '../small-world/world.js';
import { AUDIENCE, CLIENT, INTROSPECTION, PASSWORD, startKeycloak } from './keycloak.js';

const keycloak = await startKeycloak();
// Its tokens are good for as long as the session, without a right of their own to be renewed.
const login = { client: CLIENT, scope: 'openid' };
const small = useSmallWorld({
  change: withGateway(config => {
    const recheck = { client: INTROSPECTION.client, secret: 'HANDOVER_TEST_INTROSPECTION' };
    const issuer = {
      issuer: keycloak.issuer,
      audience: AUDIENCE,
      person: 'email',
      grant: {},
      login,
      recheck,
    };
    config.gateway = { ...config.gateway!, oidc: [issuer] };
  }),
});
const front = useGateway(small, { HANDOVER_TEST_INTROSPECTION: INTROSPECTION.secret });
beforeAll(() =>
  keycloak.realm(front.gateway.url, [
    { login: 'priya', email: 'priya@small.example' },
    { login: 'daniel', email: 'daniel@small.example' },
  ]),
);
afterAll(() => keycloak.stop());

const logInAs = async (who: Who): Promise<string> => {
  const way = { issuer: keycloak.issuer, ...login, resource: null };
  const { access, refresh } = await logIn(way, ({ complete }) => void browse(complete!, who, PASSWORD));
  expect(refresh).not.toBeNull();
  return access;
};
const call = async (token: string, path: string, body?: object) => {
  const answer = await fetch(`${front.gateway.url}${path}`, {
    method: body ? 'POST' : 'GET',
    headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  });
  return { status: answer.status, said: await answer.text() };
};

test('who is disabled decides nothing from then on; who is logged out is in no longer', async () => {
  const run = await front.begin();
  await front.acknowledge(run);
  const [priya, daniel] = [await logInAs('priya'), await logInAs('daniel')];
  expect(await call(priya, '/me')).toMatchObject({ status: 200, said: expect.stringContaining('approver') });
  const approve = (token: string) =>
    call(token, `/offboardings/${encodeURIComponent(run.run)}/decisions/approve`, {
      plan: run.status.plan!.digest,
    });
  // It is asked whether her login is good, and she is known; only it is not hers to decide.
  const path = `/offboardings/${encodeURIComponent(run.run)}/decisions/pause`;
  expect(await call(priya, path, {})).toMatchObject({
    status: 403,
    said: expect.stringContaining('is for operator'),
  });
  // Keycloak sends no logout token when somebody is disabled.
  await keycloak.setEnabled('priya', false);
  expect(await approve(priya)).toMatchObject({
    status: 401,
    said: expect.stringContaining('says that your login is no longer good'),
  });
  await keycloak.logOut('daniel');
  const ended = async () => (await call(daniel, '/me')).status === 401;
  await expect.poll(ended, { timeout: 5_000 }).toBe(true);
  expect(await call(daniel, '/me')).toMatchObject({
    said: expect.stringContaining('That login was ended by'),
  });
  // Back again, and logged in anew, they decide as before.
  await keycloak.setEnabled('priya', true);
  expect(await approve(await logInAs('priya'))).toMatchObject({ status: 200 });
});
