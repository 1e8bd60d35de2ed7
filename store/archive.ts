/**
 * Whole histories and certificates: written once, each with its digest. A certificate is handed out, and its
 * digest is over what was handed out, without a salt: whoever has a copy can hold it against the run's own
 * result. Its body lies apart and can be purged, which an entry of the chain then says.
 */
import { gunzipSync, gzipSync } from 'node:zlib';
import { canonicalJson } from '../domain/plan.js';
import { append, PURGED } from './audit.js';
import { inTransaction, type Pool, type Queryable } from './database.js';
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
  /** False when the row no longer gives its digest. */
  intact: boolean;
}

export interface Certificate {
  number: number;
  digest: string;
  /** Null where it was taken away. */
  body: Record<string, unknown> | null;
  at: string;
  /** False when there is a body and it no longer gives the digest. */
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
  /**
   * Adds a numbered addendum. Two attempts at the same one, which `isIt` tells by its body, make one.
   */
  addendum(
    offboarding: string,
    body: Record<string, unknown>,
    isIt?: (body: Record<string, unknown>) => boolean,
  ): Promise<Certificate>;
  certificates(offboarding: string): Promise<Certificate[]>;
  /**
   * Takes the bodies of these certificates away for good and chains an entry that says so, both or neither;
   * their digests stay. Numbers that are not there are refused. Asked twice, it happens once.
   */
  purge(offboarding: string, numbers: readonly number[], said: { by: string; why: string }): Promise<void>;
}

/** What the digest of an archived history is over: the row, and the gzipped bytes as they lie there. */
export function archiveDigest(
  row: Pick<ArchivedHistory, 'run' | 'offboarding' | 'workflow' | 'status' | 'events' | 'at'>,
  bytes: Buffer,
): string {
  const { run, offboarding, workflow, status, events, at } = row;
  return sha256(
    Buffer.concat([
      Buffer.from(`${canonicalJson([run, offboarding, workflow, status, events, at])}\n`),
      bytes,
    ]),
  );
}

export function archiveOf(pool: Pool): Archive {
  return {
    async save(entry) {
      const bytes = gzipSync(JSON.stringify(entry.history));
      const { run, offboarding, workflow, status, events } = entry;
      const at = new Date();
      const digest = archiveDigest(
        { run, offboarding, workflow, status, events, at: at.toISOString() },
        bytes,
      );
      const { rowCount } = await pool.query(
        `insert into handover.archives (run, offboarding, workflow, status, events, digest, history, at)
         values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (run) do nothing`,
        [run, offboarding, workflow, status, events, digest, bytes, at],
      );
      return rowCount === 1;
    },
    async of(offboarding) {
      const { rows } = await pool.query(
        'select * from handover.archives where offboarding = $1 order by at',
        [offboarding],
      );
      return rows.map(row => {
        const at = (row.at as Date).toISOString();
        const intact =
          archiveDigest({ ...(row as ArchivedHistory), at }, row.history as Buffer) === row.digest;
        return {
          ...row,
          at,
          intact,
          history: intact ? JSON.parse(gunzipSync(row.history as Buffer).toString()) : null,
        };
      });
    },
    async certify(offboarding, body) {
      const text = canonicalJson(body);
      await pool.query(
        `with first as (
           insert into handover.certificates (offboarding, number, digest) values ($1, 0, $2)
           on conflict do nothing returning offboarding, number)
         insert into handover.certificate_bodies select offboarding, number, $3 from first`,
        [offboarding, sha256(text), text],
      );
      return (await this.certificates(offboarding))[0]!;
    },
    addendum: (offboarding, body, isIt) =>
      inTransaction(pool, async client => {
        await client.query(`select pg_advisory_xact_lock(hashtext('addenda of ' || $1))`, [offboarding]);
        const made =
          isIt && (await certificatesOf(client, offboarding)).find(one => one.body && isIt(one.body));
        if (made) return made;
        const text = canonicalJson(body);
        const { rows } = await client.query(
          `with next as (
             insert into handover.certificates (offboarding, number, digest)
             select $1, coalesce(max(number), 0) + 1, $2 from handover.certificates where offboarding = $1
             returning offboarding, number, at),
           body as (insert into handover.certificate_bodies select offboarding, number, $3 from next)
           select number, at from next`,
          [offboarding, sha256(text), text],
        );
        return {
          number: rows[0].number as number,
          digest: sha256(text),
          body,
          at: (rows[0].at as Date).toISOString(),
          intact: true,
        };
      }),
    certificates: offboarding => certificatesOf(pool, offboarding),
    purge: (offboarding, given, { by, why }) =>
      inTransaction(pool, async client => {
        const numbers = [...new Set(given)].sort((a, b) => a - b);
        const known = await client.query(
          'select number from handover.certificates where offboarding = $1 and number = any($2)',
          [offboarding, numbers],
        );
        const refused = numbers.filter(number => !known.rows.some(row => row.number === number));
        if (numbers.length === 0 || refused.length > 0) {
          const which =
            numbers.length === 0
              ? 'no certificate was named'
              : `there is no certificate ${refused.join(', ')}`;
          throw new Error(`Nothing was purged of offboarding ${offboarding}: ${which}.`);
        }
        const subject = `purged certificate ${numbers.join(', ')}`;
        await append(client, offboarding, [
          { subject, kind: PURGED, body: { certificates: numbers, by, why } },
        ]);
        await client.query(
          'delete from handover.certificate_bodies where offboarding = $1 and number = any($2)',
          [offboarding, numbers],
        );
      }),
  };
}

async function certificatesOf(from: Queryable, offboarding: string): Promise<Certificate[]> {
  const { rows } = await from.query(
    `select number, digest, body, at
       from handover.certificates left join handover.certificate_bodies using (offboarding, number)
      where offboarding = $1 order by number`,
    [offboarding],
  );
  return rows.map(row => {
    const body = row.body as string | null;
    return {
      number: row.number as number,
      digest: row.digest as string,
      body: body === null ? null : (JSON.parse(body) as Record<string, unknown>),
      at: (row.at as Date).toISOString(),
      intact: body === null || sha256(body) === row.digest,
    };
  });
}
