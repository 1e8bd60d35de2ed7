/**
 * A login from a terminal, at the identity provider that a gateway trusts: the device authorization grant (RFC
 * 8628). A person confirms it in a browser, wherever that is; what they type there is never seen here.
 */
import type { Configuration, TokenEndpointResponse } from 'openid-client';
import { z } from 'zod';
import type { Login } from './logins.js';
import { Problem } from './problem.js';

/** How a gateway says that people log in. */
const wayIn = z.object({
  issuer: z.string(),
  client: z.string().describe('Which the provider knows the command line as; it has no secret.'),
  scope: z.string(),
  resource: z.string().nullable(),
});
export type WayIn = z.infer<typeof wayIn>;

/** What a gateway answers to whoever asks how to log in. */
export const waysIn = z.object({ issuers: z.array(wayIn) });

/** What a person needs in order to confirm it. */
export interface Asked {
  /** Where they type the code. */
  at: string;
  code: string;
  /** The same with the code in it, where the provider has that. */
  complete: string | null;
  /** How long it waits for them. */
  seconds: number;
}

type Tokens = Pick<Login, 'access' | 'refresh' | 'until'>;

const PATIENCE_S = 15;

/** Asks, tells the person, and waits for them. Throws a `Problem`. */
export async function logIn(way: WayIn, tell: (asked: Asked) => void, signal?: AbortSignal): Promise<Tokens> {
  const openid = await import('openid-client');
  const provider = await discovered(way);
  const about = aboutResource(way);
  try {
    const asked = await openid.initiateDeviceAuthorization(provider, { scope: way.scope, ...about });
    tell({
      at: asked.verification_uri,
      code: asked.user_code,
      complete: asked.verification_uri_complete ?? null,
      seconds: asked.expires_in,
    });
    return tokensOf(await openid.pollDeviceAuthorizationGrant(provider, asked, about, signal && { signal }));
  } catch (error) {
    throw refusal(error, way.issuer);
  }
}

/** Throws a `Problem`; it is `refused` where the login has ended. */
export async function refreshed(login: Login): Promise<Tokens> {
  const openid = await import('openid-client');
  const provider = await discovered(login);
  try {
    const tokens = tokensOf(await openid.refreshTokenGrant(provider, login.refresh!, aboutResource(login)));
    // An issuer that gives no new one leaves the old one good.
    return { ...tokens, refresh: tokens.refresh ?? login.refresh };
  } catch (error) {
    throw refusal(error, login.issuer);
  }
}

/** Tells the issuer that the login is over, where it takes that. Throws a `Problem`. */
export async function revoke(login: Login): Promise<void> {
  const openid = await import('openid-client');
  const provider = await discovered(login);
  if (provider.serverMetadata().revocation_endpoint === undefined) return;
  try {
    await openid.tokenRevocation(provider, login.refresh ?? login.access);
  } catch (error) {
    throw refusal(error, login.issuer);
  }
}

async function discovered({ issuer, client }: Pick<WayIn, 'issuer' | 'client'>): Promise<Configuration> {
  const openid = await import('openid-client');
  const url = new URL(issuer);
  if (url.protocol !== 'https:' && !isHere(url))
    throw new Problem('usage', `The issuer ${issuer} is not reached over https: nobody logs in there.`);
  try {
    return await openid.discovery(url, client, undefined, openid.None(), {
      timeout: PATIENCE_S,
      ...(isHere(url) && { execute: [openid.allowInsecureRequests] }),
    });
  } catch (error) {
    if (codeOf(error) === 'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED')
      throw new Problem('refused', `What answers at ${issuer} says that it is another issuer.`, {
        cause: error,
      });
    throw refusal(error, issuer);
  }
}

function aboutResource({ resource }: Pick<WayIn, 'resource'>): Record<string, string> {
  return resource === null ? {} : { resource };
}

/** On this machine nothing lies between us and it. */
export function isHere({ hostname }: URL): boolean {
  return /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}

function tokensOf(given: TokenEndpointResponse): Tokens {
  const { access_token, refresh_token, expires_in } = given;
  return {
    access: access_token,
    refresh: refresh_token ?? null,
    until: expires_in === undefined ? null : new Date(Date.now() + expires_in * 1_000).toISOString(),
  };
}

/** What the provider says, in words. Codes: RFC 6749 section 5.2, RFC 8628 section 3.5. */
function refusal(error: unknown, issuer: string): Problem {
  if (error instanceof Problem) return error;
  const { error: said, error_description: description } = error as {
    error?: string;
    error_description?: string;
  };
  const cause = { cause: error };
  switch (said) {
    case 'access_denied':
      return new Problem('refused', `The login was turned down at ${issuer}.`, cause);
    case 'expired_token':
      return new Problem('refused', `Nobody confirmed the login at ${issuer} in time: begin again.`, cause);
    case 'invalid_grant':
      return new Problem('refused', `Your login at ${issuer} has ended.`, cause);
  }
  if (said !== undefined)
    return new Problem(
      'refused',
      `${issuer} does not let this command line log in (${[said, description].filter(Boolean).join(': ')}).`,
      cause,
    );
  const code = codeOf(error);
  if (code === 'OAUTH_ABORT') return new Problem('refused', 'The login was broken off.', cause);
  if (code === 'OAUTH_TIMEOUT' || error instanceof TypeError || isNetwork(error))
    return new Problem('out-of-reach', `The issuer ${issuer} does not answer: ask again.`, cause);
  return new Problem(
    'refused',
    `${issuer} offers no login that a terminal can use (${(error as Error).message}).`,
    cause,
  );
}

function codeOf(error: unknown): string | undefined {
  return (error as { code?: string }).code;
}

/** `fetch` failed below us. */
function isNetwork(error: unknown): boolean {
  return (error as { cause?: unknown }).cause instanceof TypeError;
}
