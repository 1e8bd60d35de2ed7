/** The one digest of the house: SHA-256, as lower-case hexadecimal. */
import { createHash } from 'node:crypto';

export function sha256(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

/**
 * Of a body that may be purged one day: without its salt, which goes with it, nobody can guess it back from
 * this.
 */
export function saltedDigest(salt: string, body: string): string {
  return sha256(`${salt}\n${body}`);
}
