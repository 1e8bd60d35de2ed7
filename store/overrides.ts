/**
 * Sets of overrides that are too many to travel inline, by digest: what a request names stays what it was. The
 * digest has no salt, since whoever has the same file must come to the same name.
 */

import { countOf, type Overrides } from '../domain/overrides.js';
import { canonicalJson } from '../domain/plan.js';
import type { Pool } from './database.js';
import { sha256 } from './digest.js';

export interface OverrideSets {
  /** Stores a set, once however often it is given, and answers its digest. */
  save(overrides: Overrides): Promise<string>;
  /** Null where the store has none of that digest. Throws where what is stored no longer gives it. */
  find(digest: string): Promise<Overrides | null>;
}

export function overrideSetsOf(pool: Pool): OverrideSets {
  return {
    async save(overrides) {
      const body = canonicalJson(overrides);
      const digest = sha256(body);
      await pool.query(
        'insert into handover.overrides (digest, count, body) values ($1, $2, $3) on conflict (digest) do nothing',
        [digest, countOf(overrides), body],
      );
      return digest;
    },
    async find(digest) {
      const { rows } = await pool.query('select body from handover.overrides where digest = $1', [digest]);
      if (!rows[0]) return null;
      const body = rows[0].body as string;
      if (sha256(body) !== digest)
        throw new Error(
          `The stored overrides ${digest.slice(0, 12)} no longer give their digest: they were changed.`,
        );
      return JSON.parse(body) as Overrides;
    },
  };
}
