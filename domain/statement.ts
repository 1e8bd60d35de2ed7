/**
 * Statements: what a gateway signs when it forwards somebody's message, and whether such a statement fits the
 * message that it came with. A message without one is claimed: nobody but its sender says whose it is. How a
 * signature is checked stands elsewhere (`activities/prove.ts`); here it is believed.
 */
import { z } from 'zod';
import { canonicalJson } from './plan.js';
import type { SignalPlace } from './principal.js';
import { sha256 } from './sha256.js';

/** The key under which a message carries its statement. */
export const STATEMENT = 'statement';

/** What stands in the header of every statement, so that no other token of the same key passes for one. */
export const STATEMENT_TYPE = 'handover-statement+jwt';

/** A statement is used once. This only bounds how long one may lie unused, as while no worker runs. */
export const VALID_FOR_S = 3 * 86_400;
/** Two machines' clocks are never quite the same. */
export const CLOCK_SKEW_S = 60;

const text = z.string().min(1).max(512);

/** The claims of a statement; names as JSON Web Tokens have them (RFC 7519). Times are in seconds. */
export const claimsSchema = z.object({
  /** The installation that it is for. */
  aud: text,
  /** Who sent the message, as the message says it in `by`: an e-mail, a login or `id:...`. */
  sub: text,
  /** Unique: a statement counts once. */
  jti: z.string().min(16).max(64),
  iat: z.number().int(),
  exp: z.number().int(),
  /** The offboarding that it is about; null for a request, which begins one. */
  run: text.nullable(),
  /** Digest of the plan that was decided on, as far as the message named it. */
  plan: text.nullable(),
  /** The message's name, or `request`. */
  message: text,
  /** SHA-256 over the canonical JSON of the message without its statement. */
  content: z.string().regex(/^[0-9a-f]{64}$/),
  /** How the sender was recognised, in words that follow "by": `a bearer token ("laptop")`. */
  how: text,
});
export type Claims = z.infer<typeof claimsSchema>;

/** A key whose statements are believed: the public half. */
export interface StatementKey {
  id: string;
  /** SubjectPublicKeyInfo, Ed25519. */
  pem: string;
  /** What was signed later than this is not believed; ISO 8601. Null = it is in use. */
  until: string | null;
}

/** A message whose sender is to be known. */
export interface Letter {
  /** Its name; `request` for a request. */
  name: string;
  /** The offboarding that it was sent to; null for a request. */
  run: string | null;
  /** Who it says it is from. */
  by: string;
  /** Which message this is, for ever: Temporal run id and number there. */
  use: string;
  /** What came with it as a proof, and what that must be about; absent where nothing came. */
  seal?: { statement: string; content: string; plan: string | null };
  /** Where it stands in the run's history; absent where it did not come as a signal. */
  signal?: SignalPlace;
}

/** A message as it really came: what its statement must fit. */
export interface Signed {
  installation: string;
  run: string | null;
  message: string;
  /** Who it says it is from. */
  by: string;
  plan: string | null;
  /** See `contentOf`. */
  content: string;
}

/** A signed token is far shorter. */
const LONGEST_STATEMENT = 4_096;

/**
 * A message, and what came with it as a proof: undefined where nothing did, empty where it can be none. Nothing
 * else of it goes further.
 */
export function unsealed(payload: unknown): { body: unknown; statement: string | undefined } {
  if (typeof payload !== 'object' || payload === null || Array.isArray(payload))
    return { body: payload, statement: undefined };
  if (!Object.hasOwn(payload, STATEMENT)) return { body: payload, statement: undefined };
  // Not by the rest of a destructuring: compiled, it would lose a key like __proto__, which is to be refused.
  const body = Object.fromEntries(Object.entries(payload).filter(([key]) => key !== STATEMENT));
  const given = (payload as Record<string, unknown>)[STATEMENT];
  return { body, statement: typeof given === 'string' && given.length <= LONGEST_STATEMENT ? given : '' };
}

/** What a statement says about the message that it is for: a digest over all of it, and the plan it names. */
export function contentOf(body: unknown): { content: string; plan: string | null } {
  const plan = (body as { plan?: unknown } | null)?.plan;
  return { content: sha256(canonicalJson(body)), plan: typeof plan === 'string' ? plan : null };
}

/**
 * Why a statement whose signature is good does not prove this message; null = it does.
 * @param now seconds since 1970
 */
export function misfit(claims: Claims, sent: Signed, now: number): string | null {
  if (claims.aud !== sent.installation)
    return `its statement is for the installation "${claims.aud}", and this one is "${sent.installation}"`;
  if (claims.run !== sent.run)
    return claims.run === null
      ? 'its statement is about a request, and this is a decision'
      : `its statement is about ${sent.run === null ? 'a decision of a run' : 'another offboarding'}`;
  if (claims.message !== sent.message)
    return `its statement is about "${claims.message}", and this is "${sent.message}"`;
  if (claims.sub !== sent.by)
    return `its statement was made for "${claims.sub}", and it says it is from "${sent.by}"`;
  if (claims.plan !== sent.plan) return 'its statement is about another plan';
  if (claims.content !== sent.content) return 'it was changed after its statement was made';
  if (claims.exp - claims.iat > VALID_FOR_S) return 'its statement is valid for longer than any may be';
  if (claims.iat > now + CLOCK_SKEW_S)
    return 'its statement was made in the future: set the clocks of the gateway and the workers';
  return claims.exp + CLOCK_SKEW_S < now
    ? `its statement was valid until ${new Date(claims.exp * 1000).toISOString()}`
    : null;
}
