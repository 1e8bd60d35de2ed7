/** Who is logged out, or disabled at the identity provider, loses what they had: through every gateway, at once. */
import { get } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { logIn } from '../../client/device-login.js';
import { type RunningGateway, startGateway } from '../../gateway/start.js';
import type { Who } from '../small-world/cast.js';
import { mail } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';
import { useGateway, withGateway } from './front.js';
import { AUDIENCE, CLIENT, startProvider } from './provider.js';

const provider = await startProvider();
const small = useSmallWorld({
  change: withGateway(config => {
    config.gateway = {
      ...config.gateway!,
      oidc: [
        provider.settings({
          recheck: { client: provider.introspection.client, secret: 'HANDOVER_TEST_INTROSPECTION' },
        }),
      ],
    };
  }),
});
const front = useGateway(small, { HANDOVER_TEST_INTROSPECTION: provider.introspection.secret });
let second: RunningGateway;
beforeAll(async () => {
  const env = { ...small.world.env, HANDOVER_TEST_INTROSPECTION: provider.introspection.secret };
  second = await startGateway(small.world.config, env);
});
afterAll(async () => {
  await second?.stop();
  await provider.stop();
});

const logInAs = async (who: Who): Promise<string> => {
  const { login } = provider.settings();
  const way = { issuer: provider.issuer, ...login };
  const { access } = await logIn(way, ({ complete }) => void provider.confirm(complete!, mail(small, who)));
  return access;
};
const urls = () => [front.gateway.url, second.url];
const statusOf = async (url: string, token: string, path = '/me', body?: object) => {
  const answer = await fetch(`${url}${path}`, {
    method: body ? 'POST' : 'GET',
    headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  });
  return { status: answer.status, said: await answer.text() };
};
const end = (token: string, url = front.gateway.url) =>
  fetch(`${url}/logout`, { method: 'POST', body: new URLSearchParams({ logout_token: token }) });
const nextSecond = () => new Promise(resolve => setTimeout(resolve, 1_100 - (Date.now() % 1_000)));

/** A stream until its end, and how long that took since `since()`. */
function streamOf(url: string, token: string, opened: () => void): Promise<string> {
  return new Promise((resolve, reject) => {
    get(url, { headers: { authorization: `Bearer ${token}` } }, answer => {
      let text = '';
      answer.setEncoding('utf8').on('data', chunk => {
        text += chunk;
        if (text.includes('event: status')) opened();
      });
      answer.on('end', () => resolve(text));
    }).on('error', reject);
  });
}

test('a session that the provider ends lets nobody in through any gateway, and closes what is open', async () => {
  const run = await front.begin();
  const token = await logInAs('priya');
  const other = await logInAs('oscar');
  for (const url of urls()) expect(await statusOf(url, token)).toMatchObject({ status: 200 });
  let stream!: Promise<string>;
  await new Promise<void>(opened => {
    stream = streamOf(`${second.url}/offboardings/${encodeURIComponent(run.run)}/progress`, token, opened);
  });
  const at = Date.now();
  await provider.logOut(mail(small, 'priya'), front.gateway.url);
  for (const url of urls())
    expect(await statusOf(url, token)).toMatchObject({
      status: 401,
      said: expect.stringContaining(`That login was ended by ${provider.issuer}`),
    });
  expect(await stream).toContain('event: trouble');
  expect(Date.now() - at).toBeLessThan(15_000);
  // Nobody else lost anything, and whoever logs in again is in.
  expect(await statusOf(second.url, other)).toMatchObject({ status: 200 });
  await nextSecond();
  expect(await statusOf(second.url, await logInAs('priya'))).toMatchObject({ status: 200 });
}, 60_000);

test('what names one session ends that one alone', async () => {
  const now = Math.floor(Date.now() / 1000);
  const email = mail(small, 'priya');
  const inSession = (sid: string) =>
    provider.sign({
      aud: AUDIENCE,
      sub: email,
      email,
      email_verified: true,
      sid,
      iat: now,
      exp: now + 300,
    });
  const [one, two] = [await inSession('one'), await inSession('two')];
  const ended = await end(await provider.sign(logoutOf({ sid: 'one' })), second.url);
  expect(ended.status, await ended.clone().text()).toBe(200);
  expect(ended.headers.get('cache-control')).toContain('no-store');
  expect((await statusOf(front.gateway.url, one)).status).toBe(401);
  expect((await statusOf(front.gateway.url, two)).status).toBe(200);
});

const logoutOf = (more: object = {}) => {
  const iat = Math.floor(Date.now() / 1000);
  return {
    aud: CLIENT,
    iat,
    exp: iat + 120,
    jti: `jti-${iat}-${JSON.stringify(more)}`,
    sub: mail(small, 'priya'),
    events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
    ...more,
  };
};

test('what is no logout token of a known issuer ends nothing, and says why', async () => {
  const stranger = await startProvider();
  const token = await logInAs('priya');
  const long = Math.floor(Date.now() / 1000) - 3_600;
  const tried: [string, string][] = [
    ['nothing', ''],
    ['no token', 'logout'],
    ['another issuer', await stranger.sign(logoutOf())],
    ['signed by somebody else', await stranger.sign(logoutOf({ iss: provider.issuer }))],
    ['for somebody else', await provider.sign(logoutOf({ aud: 'another' }))],
    ['an hour old', await provider.sign(logoutOf({ iat: long, exp: long + 7_200 }))],
    ['over', await provider.sign(logoutOf({ exp: long }))],
    ['without a time', await provider.sign(logoutOf({ iat: undefined }))],
    ['without a name of its own', await provider.sign(logoutOf({ jti: undefined }))],
    ['with a nonce', await provider.sign(logoutOf({ nonce: 'n' }))],
    ['about nothing', await provider.sign(logoutOf({ events: undefined }))],
    ['about another event', await provider.sign(logoutOf({ events: { 'urn:other': {} } }))],
    ['about nobody', await provider.sign(logoutOf({ sub: undefined }))],
    ['what lets somebody in', token],
    ['another kind of token', await provider.sign(logoutOf(), { typ: 'at+jwt' })],
  ];
  for (const [what, given] of tried) {
    const answer = await end(given);
    expect(answer.status, `${what}: ${await answer.text()}`).toBe(400);
  }
  expect((await statusOf(front.gateway.url, token)).status).toBe(200);
  await stranger.stop();
  // One that is good counts once, and never lets anybody in.
  const good = await provider.sign(logoutOf({ aud: AUDIENCE, email: mail(small, 'oscar'), sub: 'oscar' }));
  expect((await statusOf(front.gateway.url, good)).status).toBe(401);
  expect((await end(good)).status).toBe(200);
  expect((await end(good, second.url)).status).toBe(400);
});

test('before a decision the provider is asked again; where it does not answer nothing counts', async () => {
  const run = await front.begin();
  await front.acknowledge(run);
  await nextSecond();
  const token = await logInAs('priya');
  const approve = (url: string) =>
    statusOf(url, token, `/offboardings/${encodeURIComponent(run.run)}/decisions/approve`, {
      plan: run.status.plan!.digest,
    });
  provider.disable(mail(small, 'priya'));
  for (const url of urls())
    expect(await approve(url)).toMatchObject({
      status: 401,
      said: expect.stringContaining('says that your login is no longer good'),
    });
  expect((await small.world.offboardings.status(run.run)).approvals).toEqual([]);
  provider.enable(mail(small, 'priya'));
  provider.away = true;
  expect(await approve(second.url)).toMatchObject({
    status: 503,
    said: expect.stringContaining('cannot be asked whether your login is still good'),
  });
  provider.away = false;
  expect(await approve(second.url)).toMatchObject({ status: 200 });
});
