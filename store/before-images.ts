/**
 * Before-images: rows of a target as they were, for an undo. They are the one thing in the ledger that holds
 * people's data, so they lie in rows of their own: a receipt's digest covers the digests of these rows, and
 * neither them nor their salts.
 */
import { randomBytes } from 'node:crypto';
import { canonicalJson } from '../domain/plan.js';
import type { Pool } from './database.js';
import { saltedDigest, sha256 } from './digest.js';

/** A set of images, column by column as it is stored. */
export interface Images {
  /** What a receipt calls the set; null = there are none. */
  name: string | null;
  digests: string[];
  salts: string[];
  bodies: string[];
}

export const NO_IMAGES: Images = { name: null, digests: [], salts: [], bodies: [] };

export function imagesOf(before: readonly unknown[]): Images {
  if (before.length === 0) return NO_IMAGES;
  // One for the set is enough: nobody has it who does not have the bodies.
  const salt = randomBytes(16).toString('hex');
  const bodies = before.map(canonicalJson);
  const digests = bodies.map(body => saltedDigest(salt, body));
  return { name: nameOf(digests), digests, salts: bodies.map(() => salt), bodies };
}

/** The name of a set, from the digests of its rows in their order. */
export function nameOf(digests: readonly string[]): string {
  return sha256(digests.join('\n'));
}

export async function readImages(pool: Pool, name: string): Promise<unknown[]> {
  const { rows } = await pool.query('select body from handover.before_images where images = $1 order by n', [
    name,
  ]);
  return rows.map(({ body }) => (body === null ? null : (JSON.parse(body as string) as unknown)));
}
