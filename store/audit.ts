/**
 * The audit trail: what happened, hash-chained per offboarding. Each entry has a subject that makes it unique, so that an activity
 * which runs twice records once. Chain: hash = SHA-256 of [seq, subject, kind, at, body digest, previous hash] as canonical JSON.
 */
import { canonicalJson } from '../domain/plan.js';
import { inTransaction, type Pool, sha256 } from './database.js';

export interface AuditEntry {
  seq: number;
  subject: string;
  kind: string;
  /** ISO 8601, UTC. */
  at: string;
  body: Record<string, unknown>;
}

export type NewEntry = Omit<AuditEntry, 'seq' | 'at'>;

export interface ChainVerdict {
  entries: AuditEntry[];
  head: { seq: number; hash: string } | null;
  /** One sentence per broken link; empty = the chain verifies. */
  breaks: string[];
}

export interface Audit {
  /** Appends what is not there yet (by subject), in one transaction. */
  append(offboarding: string, entries: NewEntry[]): Promise<void>;
  /** Reads and verifies the whole chain. */
  read(offboarding: string): Promise<ChainVerdict>;
}

const GENESIS = '0'.repeat(64);

export function auditOf(pool: Pool): Audit {
  return {
    append: (offboarding, entries) =>
      inTransaction(pool, async client => {
        // The head's row lock makes concurrent writers of one offboarding queue.
        await client.query('insert into handover.audit_heads values ($1, 0, $2) on conflict do nothing', [offboarding, GENESIS]);
        const { rows } = await client.query('select seq, hash from handover.audit_heads where offboarding = $1 for update', [
          offboarding,
        ]);
        let { seq, hash } = rows[0] as { seq: number; hash: string };
        const known = await client.query('select subject from handover.audit where offboarding = $1 and subject = any($2)', [
          offboarding,
          entries.map(entry => entry.subject),
        ]);
        const seen = new Set(known.rows.map(row => row.subject as string));
        for (const entry of entries) {
          if (seen.has(entry.subject)) continue;
          seen.add(entry.subject);
          const at = new Date().toISOString();
          const body = canonicalJson(entry.body);
          const next = link({ ...entry, seq: seq + 1, at, bodyDigest: sha256(body), previous: hash });
          await client.query('insert into handover.audit values ($1, $2, $3, $4, $5, $6, $7, $8, $9)', [
            offboarding,
            seq + 1,
            entry.subject,
            entry.kind,
            at,
            body,
            sha256(body),
            hash,
            next,
          ]);
          seq += 1;
          hash = next;
        }
        await client.query('update handover.audit_heads set seq = $2, hash = $3 where offboarding = $1', [
          offboarding,
          seq,
          hash,
        ]);
      }),

    read: offboarding =>
      inTransaction(pool, async client => {
        // One moment for both reads: between two, an entry may come, and a chain that only grew would look cut.
        await client.query('set transaction isolation level repeatable read, read only');
        const { rows } = await client.query('select * from handover.audit where offboarding = $1 order by seq', [offboarding]);
        const heads = await client.query('select seq, hash from handover.audit_heads where offboarding = $1', [offboarding]);
        const head = (heads.rows[0] as { seq: number; hash: string } | undefined) ?? null;
        return { ...verify(rows as Row[], head), head };
      }),
  };
}

interface Row {
  seq: number;
  subject: string;
  kind: string;
  at: Date;
  body: string;
  body_digest: string;
  previous: string;
  hash: string;
}

function verify(rows: Row[], head: { seq: number; hash: string } | null): Omit<ChainVerdict, 'head'> {
  const breaks: string[] = [];
  const entries: AuditEntry[] = [];
  let previous = GENESIS;
  let expected = 1;
  for (const row of rows) {
    const name = `Entry ${row.seq} (${row.subject})`;
    const at = row.at.toISOString();
    if (row.seq !== expected) breaks.push(`Entry ${expected} is missing: ${name} follows entry ${expected - 1}.`);
    if (sha256(row.body) !== row.body_digest) breaks.push(`${name} has a changed body.`);
    if (row.previous !== previous) breaks.push(`${name} does not follow from the entry before it.`);
    const hash = link({
      seq: row.seq,
      subject: row.subject,
      kind: row.kind,
      at,
      bodyDigest: row.body_digest,
      previous: row.previous,
    });
    if (hash !== row.hash)
      breaks.push(`${name} was changed: its hash is ${row.hash.slice(0, 12)}…, its content gives ${hash.slice(0, 12)}….`);
    entries.push({ seq: row.seq, subject: row.subject, kind: row.kind, at, body: readBody(row.body) });
    previous = row.hash;
    expected = row.seq + 1;
  }
  if (head && (head.seq !== expected - 1 || head.hash !== previous)) {
    breaks.push(
      `The chain ends at entry ${expected - 1}, but its checkpoint says ${head.seq}: entries were removed or changed at the end.`,
    );
  }
  return { entries, breaks };
}

function readBody(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return { unreadable: text };
  }
}

function link(entry: { seq: number; subject: string; kind: string; at: string; bodyDigest: string; previous: string }): string {
  return sha256(canonicalJson([entry.seq, entry.subject, entry.kind, entry.at, entry.bodyDigest, entry.previous]));
}
