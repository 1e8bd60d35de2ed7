/** People by their login: a certified provider's tokens, and what is no such token. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
// @ts-expect-error: it brings no types of its own
import { Provider } from 'oidc-provider';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { issuerOf } from '../../gateway/oidc.js';

const AUDIENCE = 'urn:handover';
const { privateKey } = await generateKeyPair('RS256', { extractable: true });
const jwk = { ...(await exportJWK(privateKey)), use: 'sig', alg: 'RS256', kid: 'one' };
let server: Server;
let issuer: string;
let callback: (request: IncomingMessage, answer: ServerResponse) => void;

beforeAll(async () => {
  server = createServer((request, answer) => callback(request, answer));
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const provider = new Provider(issuer, {
    jwks: { keys: [jwk] },
    clients: [
      {
        client_id: 'tool',
        client_secret: 'a-secret-of-a-test',
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
      },
    ],
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => AUDIENCE,
        getResourceServerInfo: () => ({ audience: AUDIENCE, scope: '', accessTokenFormat: 'jwt' as const }),
      },
    },
    extraTokenClaims: () => ({
      email: 'olivia@example.com',
      email_verified: true,
      realm_access: { roles: ['handover-operators', 'constructor', 'others'] },
    }),
  });
  callback = provider.callback();
}, 60_000);
afterAll(() => server.close());

const recognise = (more: object = {}) =>
  issuerOf({ issuer, audience: AUDIENCE, person: 'email', grant: {}, ...more });

const login = async (): Promise<string> => {
  const answer = await fetch(`${issuer}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from('tool:a-secret-of-a-test').toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', resource: AUDIENCE }),
  });
  const said = (await answer.json()) as { access_token?: string };
  expect(said.access_token, JSON.stringify(said)).toBeTruthy();
  return said.access_token!;
};

const made = (
  claims: object,
  { alg = 'RS256', key = privateKey as Parameters<SignJWT['sign']>[0], kid = 'one' } = {},
) =>
  new SignJWT({ iss: issuer, aud: AUDIENCE, email: 'olivia@example.com', email_verified: true, ...claims })
    .setProtectedHeader({ alg, kid })
    .setIssuedAt()
    .setExpirationTime('5m')
    .sign(key);

test('a token of the provider says who somebody is, and its claim what they may do here', async () => {
  const token = await login();
  expect(await recognise()(token)).toEqual({
    name: `login at ${issuer}`,
    how: `a login at ${issuer}`,
    person: 'olivia@example.com',
    roles: 'directory',
  });
  const roles = { roles: 'realm_access.roles', grant: { 'handover-operators': 'operator' as const } };
  expect(await recognise(roles)(token)).toMatchObject({ roles: ['operator'] });
  expect(await recognise({ ...roles, grant: {} })(token)).toMatchObject({ roles: [] });
});

test('what another key signed, is for others, is over, or is signed with a secret, is nobody', async () => {
  const other = await generateKeyPair('RS256');
  const tokens = await Promise.all([
    made({}, { key: other.privateKey }),
    made({ aud: 'urn:another' }),
    made({ iss: 'https://another.example' }),
    made({}, { alg: 'HS256', key: new TextEncoder().encode(JSON.stringify(jwk.n)) }),
    new SignJWT({ iss: issuer, aud: AUDIENCE, email: 'olivia@example.com' })
      .setProtectedHeader({ alg: 'RS256', kid: 'one' })
      .setIssuedAt(1)
      .setExpirationTime(2)
      .sign(privateKey),
  ]);
  const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${tokens[0]!.split('.')[1]}.`;
  for (const token of [...tokens, none, 'no.token.atall', 'handover_something'])
    expect(await recognise()(token), token).toBeNull();
});

test('a token that does not say who it is, or whose address nobody confirmed, is refused with a sentence', async () => {
  await expect(recognise()(await made({ email: undefined }))).rejects.toThrow('its claim "email" is missing');
  for (const email_verified of [false, undefined, null, 'true', 1])
    await expect(recognise()(await made({ email_verified })), String(email_verified)).rejects.toThrow(
      'is not verified',
    );
  // An address is one whatever the claim is called.
  const upn = { person: 'upn', names: 'email' as const };
  const claims = { upn: 'olivia@example.com', email_verified: undefined };
  await expect(recognise(upn)(await made(claims))).rejects.toThrow('is not verified');
  // An issuer may say nothing of it, where the configuration answers for that; what it denies stays denied.
  const assumed = { ...upn, emailVerified: 'assumed' as const };
  expect(await recognise(assumed)(await made(claims))).toMatchObject({ person: 'olivia@example.com' });
  await expect(recognise(assumed)(await made({ ...claims, email_verified: false }))).rejects.toThrow(
    'is not verified',
  );
});

test('a name that somebody chose at their issuer is no id and no address, unless the configuration says so', async () => {
  const login = recognise({ person: 'preferred_username' });
  expect(await login(await made({ preferred_username: 'olivia' }))).toMatchObject({ person: 'olivia' });
  for (const name of ['id:21', ' id:21', 'ID:21', 'priya@example.com', 'priya\n', ' '])
    await expect(login(await made({ preferred_username: name })), name).rejects.toThrow(
      'its claim "preferred_username"',
    );
  await expect(recognise()(await made({ email: 'id:21' }))).rejects.toThrow('is no e-mail address');
  await expect(recognise()(await made({ email: 'id:a@b' }))).rejects.toThrow('is no e-mail address');
  const ids = recognise({ person: 'employee', names: 'id' });
  expect(await ids(await made({ employee: '21' }))).toMatchObject({ person: 'id:21' });
});

test('an issuer that does not answer is no reason to let anybody in, nor to say that nobody is known', async () => {
  const away = issuerOf({
    issuer,
    audience: AUDIENCE,
    person: 'email',
    grant: {},
    jwks: 'http://127.0.0.1:9/jwks',
  });
  await expect(away(await made({}))).rejects.toThrow('cannot be read: ask again');
});
