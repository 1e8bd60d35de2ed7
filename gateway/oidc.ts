/**
 * People by the tokens of an identity provider: JWTs, checked against the keys that the issuer publishes. Who
 * they are says one claim; what they may do another, or the directory.
 */
import {
  createRemoteJWKSet,
  decodeJwt,
  errors,
  type JWTPayload,
  type JWTVerifyOptions,
  type JWTVerifyResult,
  jwtVerify,
} from 'jose';
import { z } from 'zod';
import { Problem } from '../client/problem.js';
import type { Config } from '../runtime/config.js';
import type { Logout, Session } from '../store/logouts.js';
import { type Recognise, Stranger } from './callers.js';
import type { Role } from './roles.js';

export type Issuer = NonNullable<Config['gateway']>['oidc'][number];

/** Only signatures with a public key: a shared secret would let whoever checks also sign. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
const CLOCK_SKEW_S = 60;
const PATIENCE_MS = 5_000;

/**
 * Is a token still good? Throws a `Problem`, out of reach, where nobody says.
 * @param atMostMs so old an answer may be; 0 = it is asked now
 */
export type Recheck = (token: string, sub: string | undefined, atMostMs: number) => Promise<boolean>;

/** What is asked of a token whose signature is good. */
export interface Checks {
  /** Was its session ended by the issuer? */
  hasEnded?: (session: Session) => Promise<boolean>;
  recheck?: Recheck;
}

/** Takes JWTs of this issuer, and leaves everything else to others. */
export function issuerOf(issuer: Issuer, { hasEnded, recheck }: Checks = {}): Recognise {
  const verified = verifierOf(issuer);
  return async bearer => {
    if (issuerIn(bearer) !== issuer.issuer) return null;
    const read = await verified(bearer, {
      audience: issuer.audience,
      requiredClaims: ['exp', 'iat'],
    });
    // What ends a session lets nobody in.
    if (!read || read.payload.events !== undefined) return null;
    const { payload } = read;
    if (await hasEnded?.(sessionIn(issuer, payload)))
      throw new Stranger(`That login was ended by ${issuer.issuer}: log in again.`);
    const person = personIn(issuer, payload);
    return {
      name: `login at ${issuer.issuer}`,
      how: `a login at ${issuer.issuer}`,
      person,
      roles: issuer.roles === undefined ? 'directory' : granted(issuer, payload),
      ...(recheck && {
        again: async atMostMs => {
          if (!(await recheck(bearer, payload.sub, atMostMs)))
            throw new Stranger(`${issuer.issuer} says that your login is no longer good: log in again.`);
        },
      }),
    };
  };
}

/**
 * Whom the claim names, as the directory is asked for them. It is taken for nothing but what the configuration
 * says that it holds: where people choose a name at their issuer, they could call themselves like somebody
 * else's id or address. Throws a `Problem` where it names nobody for certain.
 */
function personIn({ issuer, person: claim, names, emailVerified }: Issuer, payload: JWTPayload): string {
  const refuse = (why: string): Problem =>
    new Problem('refused', `The token of ${issuer} does not say who this is: its claim "${claim}" ${why}.`);
  const said = payload[claim];
  if (typeof said !== 'string' || said === '') throw refuse('is missing, or no text');
  const shown = `is "${said.slice(0, 80)}", which`;
  if (/^\s|\s$|\p{Cc}/u.test(said)) throw refuse(`${shown} has blanks around it or control characters in it`);
  switch (names ?? (claim === 'email' ? 'email' : 'login')) {
    case 'id':
      return `id:${said}`;
    case 'email': {
      if (!said.includes('@') || isId(said)) throw refuse(`${shown} is no e-mail address`);
      // An address that nobody has confirmed is whatever its owner typed.
      const { email_verified: verified } = payload;
      const isAssumed = emailVerified === 'assumed' && verified === undefined;
      if (verified !== true && !isAssumed) throw refuse('is not verified (email_verified)');
      return said;
    }
    case 'login':
      if (said.includes('@') || isId(said))
        throw refuse(`${shown} is no login; "names" in the configuration says what the claim holds`);
      return said;
  }
}

const isId = (said: string): boolean => /^id:/i.test(said);

const LOGOUT_EVENT = 'http://schemas.openid.net/event/backchannel-logout';
/** Many providers name no type, or the one of every JWT. */
const LOGOUT_TYPES: readonly unknown[] = ['logout+jwt', 'jwt', undefined];
/** Providers send it at once; one that is older has lain somewhere. */
const LOGOUT_GOOD_FOR_S = 600;

/** Reads logout tokens of these issuers: OpenID Connect Back-Channel Logout 1.0, section 2.6. */
export function logoutsBy(issuers: readonly Issuer[]): (token: string) => Promise<Logout> {
  const known = issuers.map(issuer => ({ issuer, verified: verifierOf(issuer) }));
  const refuse = (why: string): Problem =>
    new Problem('usage', `The logout token counts for nothing: ${why}.`);
  return async token => {
    const named = issuerIn(token);
    const found = known.find(one => one.issuer.issuer === named);
    if (!found) throw refuse('no issuer that is known here made it');
    const { issuer, login, audience } = found.issuer;
    const read = await found.verified(token, {
      audience: [audience, ...(login ? [login.client] : [])],
      requiredClaims: ['iat', 'jti'],
      maxTokenAge: LOGOUT_GOOD_FOR_S,
    });
    if (!read) throw refuse('its signature, its audience or its time is wrong');
    const said = logoutClaims.safeParse(read.payload);
    if (!said.success || !LOGOUT_TYPES.includes(read.protectedHeader.typ?.toLowerCase()))
      throw refuse('it does not say what one must say');
    const { nonce, sub = null, sid = null, jti, iat } = said.data;
    if (nonce !== undefined) throw refuse('it has a nonce, as tokens have that let somebody in');
    if (sub === null && sid === null) throw refuse('it names neither a person nor a session');
    return { issuer, jti, sub, sid, at: iat };
  };
}

const logoutClaims = z.looseObject({
  events: z.looseObject({ [LOGOUT_EVENT]: z.looseObject({}) }),
  nonce: z.unknown().optional(),
  sub: z.string().min(1).optional(),
  sid: z.string().min(1).optional(),
  jti: z.string().min(1),
  iat: z.number(),
});

function sessionIn({ issuer }: Issuer, { sub, sid, iat }: JWTPayload): Session {
  return { issuer, sub: sub ?? null, sid: typeof sid === 'string' ? sid : null, made: iat! };
}

/** Null = the token is not good. Throws a `Problem` where the issuer's keys cannot be read. */
function verifierOf(
  issuer: Issuer,
): (token: string, options: JWTVerifyOptions) => Promise<JWTVerifyResult | null> {
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
  return async (token, options) => {
    try {
      return await jwtVerify(token, await published(), {
        ...options,
        issuer: issuer.issuer,
        algorithms: ALGORITHMS,
        clockTolerance: CLOCK_SKEW_S,
      });
    } catch (error) {
      if (error instanceof errors.JWKSTimeout || !(error instanceof errors.JOSEError))
        throw new Problem('out-of-reach', `The keys of ${issuer.issuer} cannot be read: ask again.`, {
          cause: error,
        });
      return null;
    }
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
