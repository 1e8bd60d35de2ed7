/** Signs what the gateway forwards, so that workers can tell a proved decision from a claimed one. */
import { randomBytes } from 'node:crypto';
import { exportPKCS8, exportSPKI, generateKeyPair, importPKCS8, SignJWT } from 'jose';
import { type Claims, contentOf, STATEMENT, STATEMENT_TYPE, VALID_FOR_S } from '../domain/statement.js';

const ALGORITHM = 'EdDSA';

export interface Sealing {
  /** The offboarding; null for a request. */
  run: string | null;
  message: string;
  by: string;
  how: string;
}

/** The message with a statement about it. */
export type Seal = (body: Record<string, unknown>, about: Sealing) => Promise<Record<string, unknown>>;

/** Throws a sentence where the key is none. @param key PKCS #8, Ed25519 */
export async function sealWith(
  key: { id: string; pem: string },
  installation: string,
  now: () => number = Date.now,
): Promise<Seal> {
  const secret = await importPKCS8(key.pem, ALGORITHM).catch((error: Error) => {
    throw new Error(
      `The secret key "${key.id}" of the gateway cannot be used (${error.message}): make one with "handover gateway --new-key ${key.id}".`,
    );
  });
  return async (body, { run, message, by, how }) => {
    const iat = Math.floor(now() / 1000);
    const claims: Claims = {
      aud: installation,
      sub: by,
      jti: randomBytes(18).toString('base64url'),
      iat,
      exp: iat + VALID_FOR_S,
      run,
      message,
      ...contentOf(body),
      how,
    };
    const statement = await new SignJWT(claims)
      .setProtectedHeader({ alg: ALGORITHM, kid: key.id, typ: STATEMENT_TYPE })
      .sign(secret);
    return { ...body, [STATEMENT]: statement };
  };
}

/** Without a key nothing is signed: what is forwarded stays claimed. */
export const unsigned: Seal = async body => body;

/** A new pair, as PEM. */
export async function newKey(): Promise<{ public: string; secret: string }> {
  const { publicKey, privateKey } = await generateKeyPair(ALGORITHM, { extractable: true });
  return { public: await exportSPKI(publicKey), secret: await exportPKCS8(privateKey) };
}
