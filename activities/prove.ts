/**
 * Proves who sent a message: the statement that a gateway signed beside it is checked against the keys of the
 * configuration, against the message itself, and against having been used before. Of a signal without one
 * Temporal itself is asked, where the configuration says that it knows.
 */
import { decodeProtectedHeader, errors, importSPKI, jwtVerify } from 'jose';
import type { Identity } from '../domain/people.js';
import type { Trace } from '../domain/principal.js';
import {
  CLOCK_SKEW_S,
  type Claims,
  claimsSchema,
  type Letter,
  misfit,
  STATEMENT_TYPE,
  type StatementKey,
} from '../domain/statement.js';
import type { Deps } from './deps.js';
import { askTemporal, historyReader, type TemporalsWord } from './principals.js';

export type Proof = { ok: true; identity: Identity } | { ok: false; sentence: string };

/** @param history of the run that asks, read only where it says something */
export async function prove(deps: Deps, letter: Letter, history = historyReader(deps)): Promise<Proof> {
  const { statements } = await deps.rules();
  const { name: message, run, by, use, seal } = letter;
  if (!seal) return unsealedProof(deps, letter, history);
  const read = await signed(seal.statement, statements);
  if ('objection' in read) return refused(letter, read.objection);
  const { claims, key } = read;
  const { installation } = deps.ids;
  const { content, plan } = seal;
  const now = Math.floor(Date.now() / 1000);
  const objection = misfit(claims, { installation, run, message, by, plan, content }, now);
  if (objection) return refused(letter, objection);
  // The very last: a statement that proves nothing is not used up.
  if (!(await deps.store.statements.use(claims.jti, use)))
    return refused(letter, 'its statement was used already, and each counts once');
  return {
    ok: true,
    identity: { kind: 'verified', by: `the gateway (key ${key.id}), through ${claims.how}` },
  };
}

/** Without a statement: Temporal's word, where there is one; else it is claimed. */
async function unsealedProof(deps: Deps, letter: Letter, history: () => Promise<Trace[]>): Promise<Proof> {
  const { principals, policy } = await deps.rules();
  const { name, run, signal } = letter;
  const word: TemporalsWord | null =
    principals && signal ? await askTemporal(deps, principals, { ...letter, signal }, history) : null;
  if (word && 'event' in word)
    return { ok: true, identity: { kind: 'verified', by: `Temporal (event ${word.event})` } };
  if (word && 'objection' in word)
    return {
      ok: false,
      sentence: `Nothing proves whose "${name}" this is: ${word.objection}. Send it in your own name.`,
    };
  if (policy.decisions !== 'verified' || run === null) return { ok: true, identity: { kind: 'claimed' } };
  const why = word ? `of this one nothing proves it, because ${word.doubt}` : 'this one merely says so';
  const instead = principals
    ? 'Send it as a signal in Temporal, or through the gateway'
    : 'Send it through the gateway';
  return { ok: false, sentence: `${ONLY_PROVED}, and ${why}. ${instead}, signed in.` };
}

const ONLY_PROVED =
  'Decisions count here only where it is proved whose they are (policy: "decisions: verified")';

function refused({ name }: Letter, objection: string): Proof {
  return {
    ok: false,
    sentence: `Nothing proves whose "${name}" this is: ${objection}. Send it through the gateway again.`,
  };
}

/** A statement whose signature is one of ours; what it claims is judged elsewhere. */
async function signed(
  statement: string,
  keys: readonly StatementKey[],
): Promise<{ claims: Claims; key: StatementKey } | { objection: string }> {
  let kid: unknown;
  try {
    ({ kid } = decodeProtectedHeader(statement));
  } catch {
    return { objection: 'its statement is no signed token' };
  }
  const key = keys.find(one => one.id === kid);
  if (!key) {
    const known = keys.map(one => one.id).join(', ') || 'none';
    return { objection: `its statement names a key that is not configured (known: ${known})` };
  }
  try {
    const { payload } = await jwtVerify(statement, await importSPKI(key.pem, ALGORITHM), {
      algorithms: [ALGORITHM],
      typ: STATEMENT_TYPE,
      clockTolerance: CLOCK_SKEW_S,
    });
    const claims = claimsSchema.safeParse(payload);
    if (!claims.success) return { objection: 'its statement does not say what one must say' };
    if (key.until && claims.data.iat > Date.parse(key.until) / 1000)
      return { objection: `its statement was made after its key "${key.id}" was retired (${key.until})` };
    return { claims: claims.data, key };
  } catch (error) {
    if (error instanceof errors.JWTExpired) return { objection: 'its statement is no longer valid' };
    if (error instanceof errors.JWTClaimValidationFailed)
      return {
        objection:
          error.claim === 'typ'
            ? 'its statement is another kind of token'
            : 'its statement does not say what one must say',
      };
    if (error instanceof errors.JOSEError)
      return { objection: `its statement was not signed with the key "${key.id}"` };
    throw error;
  }
}

export const ALGORITHM = 'EdDSA';
