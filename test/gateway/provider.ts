/**
 * A certified identity provider, and somebody with a browser at it: people log in with their e-mail, confirm a
 * device's code, and can be switched off or logged out.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { decodeJwt, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
// @ts-expect-error: it brings no types of its own
import { Provider } from 'oidc-provider';
import { browse } from './browser.js';

export const AUDIENCE = 'urn:handover';
/** As the provider knows the command line. */
export const CLIENT = 'handover-cli';

const INTROSPECTION = { client: 'handover-gateway', secret: 'a secret of a test' };

export interface TestProvider {
  issuer: string;
  /** For `gateway.oidc`. */
  settings(more?: object): {
    issuer: string;
    audience: string;
    person: string;
    grant: Record<string, never>;
    login: { client: string; scope: string; resource: string };
  };
  /** Opens the page of a device's code, logs in there as this e-mail, and confirms it. */
  confirm(url: string, email: string): Promise<void>;
  /** How long a token is good from now on, in seconds. */
  lifetime: number;
  /** It answers nothing but 503. */
  away: boolean;
  /** So often it was asked whether a token is still good. */
  asked: number;
  /** Nothing of theirs is good any more. */
  disable(email: string): void;
  enable(email: string): void;
  /** Ends whatever sessions of theirs there are, and says so to a gateway. */
  logOut(email: string, gateway: string): Promise<void>;
  /** A JWT of its own. */
  sign(claims: JWTPayload, header?: object): Promise<string>;
  /** Its secret for whoever may ask about tokens. */
  introspection: { client: string; secret: string };
  stop(): Promise<void>;
}

export async function startProvider(): Promise<TestProvider> {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  const jwk = { ...(await exportJWK(privateKey)), use: 'sig', alg: 'RS256', kid: 'one' };
  const made = { lifetime: 3_600, away: false, asked: 0 };
  let callback: (request: IncomingMessage, answer: ServerResponse) => void;
  const server = createServer((request, answer) =>
    made.away ? answer.writeHead(503).end() : callback(request, answer),
  );
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const disabled = new Set<string>();
  const provider = new Provider(issuer, {
    jwks: { keys: [jwk] },
    clients: [
      {
        client_id: CLIENT,
        client_name: 'Handover',
        token_endpoint_auth_method: 'none',
        grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
        redirect_uris: [],
        response_types: [],
      },
    ],
    features: {
      deviceFlow: { enabled: true },
      devInteractions: { enabled: true },
      revocation: { enabled: true },
      // Its address stands in what the provider says of itself.
      introspection: { enabled: true },
      backchannelLogout: { enabled: true },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          audience: AUDIENCE,
          scope: '',
          accessTokenTTL: made.lifetime,
          accessTokenFormat: 'jwt' as const,
        }),
      },
    },
    findAccount: (_: unknown, id: string) =>
      disabled.has(id)
        ? undefined
        : { accountId: id, claims: () => ({ sub: id, email: id, email_verified: true }) },
    extraTokenClaims: (_: unknown, token: { accountId?: string }) => ({
      email: token.accountId,
      email_verified: true,
    }),
    rotateRefreshToken: true,
    // By itself it sends nothing to this machine.
    fetch: (url: string, options: RequestInit) =>
      fetch(url, { ...options, dispatcher: undefined } as RequestInit),
    cookies: { keys: ['a key of a test'] },
    ttl: { DeviceCode: 60, Grant: 3_600, Session: 3_600, Interaction: 600, RefreshToken: 3_600 },
  });
  // It introspects no JWT by itself, as Keycloak does: this answers as RFC 7662 wants, from the same accounts.
  provider.use(async (ctx: Asking, next: () => Promise<void>) => {
    if (ctx.path === '/me') {
      // Nor does it show anything for a token that is for somebody else; Keycloak does.
      made.asked += 1;
      const { sub } = decodeJwt(ctx.req.headers.authorization!.replace(/^Bearer /, ''));
      ctx.status = disabled.has(sub!) ? 401 : 200;
      if (ctx.status === 401) ctx.set('www-authenticate', 'Bearer error="invalid_token"');
      ctx.body = disabled.has(sub!) ? { error: 'invalid_token' } : { sub };
      return;
    }
    if (ctx.path !== '/token/introspection') return next();
    made.asked += 1;
    const given = new URLSearchParams(await textOf(ctx.req));
    if (given.get('client_secret') !== INTROSPECTION.secret) {
      ctx.status = 401;
      ctx.body = { error: 'invalid_client' };
      return;
    }
    ctx.body = { active: !disabled.has(decodeJwt(given.get('token')!).sub!) };
  });
  callback = provider.callback();
  return Object.assign(made, {
    issuer,
    settings: (more: object = {}) => ({
      issuer,
      audience: AUDIENCE,
      person: 'email',
      grant: {},
      login: { client: CLIENT, scope: 'openid offline_access', resource: AUDIENCE },
      ...more,
    }),
    confirm: (url: string, email: string) => browse(url, email),
    disable: (email: string) => disabled.add(email),
    enable: (email: string) => disabled.delete(email),
    async logOut(email: string, gateway: string) {
      const client = await provider.Client.find(CLIENT);
      client.backchannelLogoutUri = `${gateway}/logout`;
      await client.backchannelLogout(email);
    },
    sign: (claims: JWTPayload, header: object = {}) =>
      new SignJWT({ iss: issuer, ...claims })
        .setProtectedHeader({ alg: 'RS256', kid: 'one', ...header })
        .sign(privateKey),
    introspection: INTROSPECTION,
    stop: () =>
      new Promise<void>(resolve => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  });
}

interface Asking {
  path: string;
  req: IncomingMessage;
  status: number;
  body: unknown;
  set(header: string, value: string): void;
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += chunk;
  return text;
}
