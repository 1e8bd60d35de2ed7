/**
 * People by the tokens of an identity provider: JWTs, checked against the keys that the issuer publishes. Who
 * they are says one claim; what they may do another, or the directory.
 */
import { createRemoteJWKSet, decodeJwt, errors, type JWTPayload, jwtVerify } from 'jose';
import { z } from 'zod';
import { Problem } from '../client/problem.js';
import type { Config } from '../runtime/config.js';
import type { Recognise } from './callers.js';
import type { Role } from './roles.js';

export type Issuer = NonNullable<Config['gateway']>['oidc'][number];

/** Only signatures with a public key: a shared secret would let whoever checks also sign. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
const CLOCK_SKEW_S = 60;
const PATIENCE_MS = 5_000;

/** Takes JWTs of this issuer, and leaves everything else to others. */
export function issuerOf(issuer: Issuer): Recognise {
  let keys: Promise<ReturnType<typeof createRemoteJWKSet>> | undefined;
  const published = (): Promise<ReturnType<typeof createRemoteJWKSet>> => {
    keys ??= whereKeysAre(issuer).then(url =>
      createRemoteJWKSet(new URL(url), { timeoutDuration: PATIENCE_MS }),
    );
    // An issuer that is away for a moment is asked again.
    keys.catch(() => {
      keys = undefined;
    });
    return keys;
  };
  return async bearer => {
    if (issuerIn(bearer) !== issuer.issuer) return null;
    let payload: JWTPayload;
    try {
      ({ payload } = await jwtVerify(bearer, await published(), {
        issuer: issuer.issuer,
        audience: issuer.audience,
        algorithms: ALGORITHMS,
        clockTolerance: CLOCK_SKEW_S,
        requiredClaims: ['exp', 'iat'],
      }));
    } catch (error) {
      if (error instanceof errors.JWKSTimeout || !(error instanceof errors.JOSEError))
        throw new Problem('out-of-reach', `The keys of ${issuer.issuer} cannot be read: ask again.`, {
          cause: error,
        });
      return null;
    }
    const person = payload[issuer.person];
    // An address that nobody has confirmed is whatever its owner typed.
    const unconfirmed = issuer.person === 'email' && payload.email_verified === false;
    if (typeof person !== 'string' || person === '' || unconfirmed)
      throw new Problem(
        'refused',
        `The token of ${issuer.issuer} does not say who this is: its claim "${issuer.person}" is ${unconfirmed ? 'not verified' : 'missing'}.`,
      );
    return {
      name: `login at ${issuer.issuer}`,
      how: `a login at ${issuer.issuer}`,
      person,
      roles: issuer.roles === undefined ? 'directory' : granted(issuer, payload),
    };
  };
}

/** Whose token it claims to be; null = it is none. Nothing is believed yet. */
function issuerIn(bearer: string): string | null {
  try {
    return decodeJwt(bearer).iss ?? null;
  } catch {
    return null;
  }
}

const discovery = z.object({ issuer: z.string(), jwks_uri: z.url() });

async function whereKeysAre({ issuer, jwks }: Issuer): Promise<string> {
  if (jwks !== undefined) return jwks;
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const answer = await fetch(url, { signal: AbortSignal.timeout(PATIENCE_MS), redirect: 'error' });
  const said = discovery.safeParse(await answer.json());
  if (!said.success || said.data.issuer !== issuer)
    throw new Error(`${url} does not describe the issuer ${issuer}.`);
  return said.data.jwks_uri;
}

/** `realm_access.roles` → the roles that its values are granted here. */
function granted({ roles, grant }: Issuer, payload: JWTPayload): Role[] {
  const found = roles!.split('.').reduce<unknown>((inside, key) => {
    const isThere = typeof inside === 'object' && inside !== null && Object.hasOwn(inside, key);
    return isThere ? (inside as Record<string, unknown>)[key] : undefined;
  }, payload);
  const values = [found].flat().filter(value => typeof value === 'string');
  return [...new Set(values.flatMap(value => (Object.hasOwn(grant, value) ? grant[value]! : [])))];
}
