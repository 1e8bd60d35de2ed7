/** People by their login: a certified provider's tokens, and what is no such token. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
// @ts-expect-error: it brings no types of its own
import { Provider } from 'oidc-provider';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Problem } from '../../client/problem.js';
import { callersOf, type Recognise } from '../../gateway/callers.js';
import { issuerOf } from '../../gateway/oidc.js';
import { newToken, openTokens } from '../../gateway/tokens.js';
import { madeUp, PEOPLE, PLAN } from './made-up.js';

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

/** A gateway that knows people by their logins here, and by whatever else is named. */
const gatewayWith = async (away: boolean, ...others: Recognise[]) => {
  const ask = async <T>({ who }: { who?: string }): Promise<T> => {
    if (away) throw new Problem('out-of-reach', 'No worker answered.');
    return (PEOPLE[who!] ?? Object.values(PEOPLE).find(one => `id:${one.id}` === who)) as T;
  };
  return madeUp({
    behind: { ask: ask as never },
    callers: callersOf({ ask: ask as never }, [...others, recognise()]),
  });
};

describe('two people of one issuer who send the same Idempotency-Key are two messages', () => {
  const key = { 'idempotency-key': '1' };
  async function both(call: Awaited<ReturnType<typeof gatewayWith>>['call']): Promise<void> {
    const [olivia, priya] = await Promise.all(
      ['olivia', 'priya'].map(who => made({ email: `${who}@example.com` })),
    );
    const decisions = '/offboardings/offboarding%2F40/decisions';
    await call('POST', `${decisions}/acknowledge`, olivia!, { category: 'crm/mailbox' }, key);
    await call('POST', `${decisions}/reject`, priya!, { plan: PLAN }, key);
  }

  test('to a run', async () => {
    const { app, call, reached } = await gatewayWith(false);
    await both(call);
    expect(new Set(reached.decided.map(({ id }) => id)).size).toBe(2);
    await app.close();
  });

  test('left with a run while no worker answers', async () => {
    const { app, call, reached } = await gatewayWith(true);
    await both(call);
    expect(reached.left.map(({ name }) => name)).toEqual(['acknowledge', 'reject']);
    await app.close();
  });
});

describe('one way in that is out of order closes no other', () => {
  test('a file of tokens that cannot be read', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'handover-tokens-'));
    const file = join(folder, 'tokens.yaml');
    const { token, sha256 } = newToken();
    const good = `tokens:\n  - { name: priya, sha256: ${sha256}, person: priya@example.com }\n`;
    writeFileSync(file, good);
    const faults: string[] = [];
    const tokens = await openTokens(file, { onFault: error => faults.push(error.message) });
    const { app, call } = await gatewayWith(false, tokens.find);
    const login = await made({});
    const answers = async () => ({
      login: (await call('GET', '/me', login)).statusCode,
      token: await call('GET', '/me', token),
    });
    expect((await answers()).token.json()).toMatchObject({ name: 'Person 21' });
    for (const broken of ['tokens: [', `${good}  - { name: priya }\n`, 'hello', '', null]) {
      if (broken === null) rmSync(file);
      else writeFileSync(file, broken);
      for (let n = 0; n < 3; n++) {
        const { login: status, token: answer } = await answers();
        expect(status, String(broken)).toBe(200);
        expect(answer.statusCode, String(broken)).toBe(503);
        expect(answer.json().error).toContain('The file of tokens cannot be read');
        // Where it lies, and what stands in it, is for the log.
        expect(answer.json().error).not.toContain(file);
      }
      expect(faults.splice(0), String(broken)).toEqual([expect.stringContaining(file)]);
    }
    writeFileSync(file, good);
    expect((await answers()).token.statusCode).toBe(200);
    await app.close();
    rmSync(folder, { recursive: true });
  });

  test('keys of an issuer that cannot be read, where another audience of the same issuer has its own', async () => {
    const away = recognise({ jwks: 'http://127.0.0.1:9/jwks' });
    const { app, call } = await gatewayWith(false, away);
    expect((await call('GET', '/me', await made({}))).statusCode).toBe(200);
    await app.close();
  });
});
