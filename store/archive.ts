/**
 * Whole histories and certificates: written once, each with its digest. A certificate is handed out, and its
 * digest is over what was handed out, without a salt: whoever has a copy can hold it against the run's own
 * result.
 */
import { gunzipSync, gzipSync } from 'node:zlib';
import { canonicalJson } from '../domain/plan.js';
import type { Pool } from './database.js';
import { sha256 } from './digest.js';

export interface ArchivedHistory {
  run: string;
  offboarding: string;
  workflow: string;
  status: string;
  events: number;
  digest: string;
  at: string;
  /** The history as Temporal's own JSON. */
  history: unknown;
  /** False when the stored bytes no longer give the stored digest. */
  intact: boolean;
}

export interface Certificate {
  number: number;
  digest: string;
  body: Record<string, unknown>;
  at: string;
  intact: boolean;
}

export interface Archive {
  /** Stores a closed run's history; false when it is there already (it is never overwritten). */
  save(entry: {
    run: string;
    offboarding: string;
    workflow: string;
    status: string;
    events: number;
    history: unknown;
  }): Promise<boolean>;
  of(offboarding: string): Promise<ArchivedHistory[]>;
  /**
   * Stores the certificate (0) once; a second, different one is refused, so that what was handed out stays
   * true.
   */
  certify(offboarding: string, body: Record<string, unknown>): Promise<Certificate>;
  /** Adds a numbered addendum. */
  addendum(offboarding: string, body: Record<string, unknown>): Promise<Certificate>;
  certificates(offboarding: string): Promise<Certificate[]>;
}

export function archiveOf(pool: Pool): Archive {
  return {
    async save(entry) {
      const bytes = gzipSync(JSON.stringify(entry.history));
      const { rowCount } = await pool.query(
        `insert into handover.archives (run, offboarding, workflow, status, events, digest, history) values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (run) do nothing`,
        [entry.run, entry.offboarding, entry.workflow, entry.status, entry.events, sha256(bytes), bytes],
      );
      return rowCount === 1;
    },
    async of(offboarding) {
      const { rows } = await pool.query(
        'select * from handover.archives where offboarding = $1 order by at',
        [offboarding],
      );
      return rows.map(row => {
        const intact = sha256(row.history as Buffer) === row.digest;
        return {
          ...row,
          at: (row.at as Date).toISOString(),
          intact,
          history: intact ? JSON.parse(gunzipSync(row.history as Buffer).toString()) : null,
        };
      });
    },
    async certify(offboarding, body) {
      const text = canonicalJson(body);
      await pool.query(
        'insert into handover.certificates (offboarding, number, digest, body) values ($1, 0, $2, $3) on conflict do nothing',
        [offboarding, sha256(text), text],
      );
      return (await this.certificates(offboarding))[0]!;
    },
    async addendum(offboarding, body) {
      const text = canonicalJson(body);
      const { rows } = await pool.query(
        `insert into handover.certificates (offboarding, number, digest, body)
         select $1, coalesce(max(number), 0) + 1, $2, $3 from handover.certificates where offboarding = $1 returning number, at`,
        [offboarding, sha256(text), text],
      );
      return {
        number: rows[0].number as number,
        digest: sha256(text),
        body,
        at: (rows[0].at as Date).toISOString(),
        intact: true,
      };
    },
    async certificates(offboarding) {
      const { rows } = await pool.query(
        'select number, digest, body, at from handover.certificates where offboarding = $1 order by number',
        [offboarding],
      );
      return rows.map(row => ({
        number: row.number as number,
        digest: row.digest as string,
        body: JSON.parse(row.body as string) as Record<string, unknown>,
        at: (row.at as Date).toISOString(),
        intact: sha256(row.body as string) === row.digest,
      }));
    },
  };
}
