/**
 * The audit trail: what happened, hash-chained per offboarding. Each entry has a subject that makes it unique, so that an activity
 * which runs twice records once. Chain: hash = SHA-256 of [seq, subject, kind, at, body digest, previous hash] as canonical JSON.
 */
import { canonicalJson } from '../domain/plan.js';
import { inTransaction, type Pool } from './database.js';
import { sha256 } from './digest.js';

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
  /** Appends what is not there yet (by subject), all of it or nothing. */
  append(offboarding: string, entries: NewEntry[]): Promise<void>;
  /** Reads and verifies the whole chain. */
  read(offboarding: string): Promise<ChainVerdict>;
}

const GENESIS = '0'.repeat(64);

export function auditOf(pool: Pool): Audit {
  return {
    async append(offboarding, entries) {
      // Somebody else may append between the two statements: then the second changes nothing, and what they wrote is read first.
      for (;;) {
        const { seq, hash, known } = await headOf(pool, offboarding, entries);
        const fresh = chained(entries, known, { seq, hash });
        if (fresh.length === 0 || (await advance(pool, offboarding, { seq, hash }, fresh))) return;
      }
    },

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

interface Head {
  seq: number;
  hash: string;
}

/** Where the chain ends, and which of these entries it has already: both as of one moment. */
async function headOf(pool: Pool, offboarding: string, entries: readonly NewEntry[]): Promise<Head & { known: string[] }> {
  const { rows } = await pool.query(
    `select coalesce(head.seq, 0) as seq, coalesce(head.hash, $3) as hash,
            array(select subject from handover.audit where offboarding = $1 and subject = any($2)) as known
       from (select $1::uuid as offboarding) as one left join handover.audit_heads as head using (offboarding)`,
    [offboarding, entries.map(entry => entry.subject), GENESIS],
  );
  return rows[0] as Head & { known: string[] };
}

/** The entries that are not there yet, as rows that follow the head. */
function chained(entries: readonly NewEntry[], known: readonly string[], head: Head): Row[] {
  const seen = new Set(known);
  const rows: Row[] = [];
  let { seq, hash: previous } = head;
  for (const { subject, kind, body: given } of entries) {
    if (seen.has(subject)) continue;
    seen.add(subject);
    const at = new Date();
    const body = canonicalJson(given);
    const body_digest = sha256(body);
    seq += 1;
    const hash = link({ seq, subject, kind, at: at.toISOString(), bodyDigest: body_digest, previous });
    rows.push({ seq, subject, kind, at, body, body_digest, previous, hash });
    previous = hash;
  }
  return rows;
}

/** Writes the rows and moves the head, in one statement; false when the head is no longer where it was. */
async function advance(pool: Pool, offboarding: string, from: Head, rows: readonly Row[]): Promise<boolean> {
  const { seq, hash } = rows.at(-1)!;
  const column = <K extends keyof Row>(name: K): Row[K][] => rows.map(row => row[name]);
  const { rowCount } = await pool.query(
    `with head as (
       insert into handover.audit_heads as h values ($1, $2, $3)
       on conflict (offboarding) do update set seq = excluded.seq, hash = excluded.hash where h.seq = $4 and h.hash = $5
       returning offboarding)
     insert into handover.audit
     select head.offboarding, entry.*
       from head, unnest($6::int[], $7::text[], $8::text[], $9::timestamptz[], $10::text[], $11::text[], $12::text[], $13::text[]) as entry`,
    [
      offboarding,
      seq,
      hash,
      from.seq,
      from.hash,
      column('seq'),
      column('subject'),
      column('kind'),
      column('at'),
      column('body'),
      column('body_digest'),
      column('previous'),
      column('hash'),
    ],
  );
  return rowCount === rows.length;
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
