/**
 * The audit trail: what happened, hash-chained per offboarding. Each entry has a subject that makes it
 * unique, so that an activity which runs twice records once. Chain: hash = SHA-256 of [seq, subject, kind,
 * at, body digest, previous hash] as canonical JSON. Bodies hold people's data and lie apart from the chain,
 * each beside a salt of its own that its digest covers. A purged body is gone with its salt, the chain
 * verifies as before, and an entry of kind `purged` says who took it away and why.
 */
import { randomBytes } from 'node:crypto';
import { canonicalJson } from '../domain/plan.js';
import { inTransaction, type Pool, type Queryable } from './database.js';
import { saltedDigest, sha256 } from './digest.js';

export interface AuditEntry {
  seq: number;
  subject: string;
  kind: string;
  /** ISO 8601, UTC. */
  at: string;
  /** Empty where it is gone. */
  body: Record<string, unknown>;
  /** Where there is no body: did a later entry say so? */
  gone: 'purged' | 'missing' | null;
}

export type NewEntry = Pick<AuditEntry, 'subject' | 'kind' | 'body'>;

export interface ChainVerdict {
  entries: AuditEntry[];
  head: { seq: number; hash: string } | null;
  /** One sentence per broken link; empty = the chain verifies. */
  breaks: string[];
}

export interface Audit {
  /** Appends what is not there yet (by subject), all of it or nothing. */
  append(offboarding: string, entries: NewEntry[]): Promise<void>;
  /**
   * Takes the bodies of these entries away for good and chains an entry that says so, both or neither.
   * Entries that are not there, and those that tell of a purge, are refused. Asked twice, it happens once.
   */
  purge(offboarding: string, seqs: readonly number[], said: { by: string; why: string }): Promise<void>;
  /** Reads and verifies the whole chain. */
  read(offboarding: string): Promise<ChainVerdict>;
}

const GENESIS = '0'.repeat(64);
/** The kind of the entries that tell of a purge; the triggers of our tables know it too. */
export const PURGED = 'purged';

export function auditOf(pool: Pool): Audit {
  const heads = new Heads();
  return {
    append: (offboarding, entries) => append(pool, offboarding, entries, heads),

    purge: (offboarding, given, { by, why }) =>
      inTransaction(pool, async client => {
        const seqs = [...new Set(given)].sort((a, b) => a - b);
        const { rows } = await client.query(
          `select seq from handover.audit where offboarding = $1 and seq = any($2) and kind <> $3`,
          [offboarding, seqs, PURGED],
        );
        const refused = seqs.filter(seq => !rows.some(row => row.seq === seq));
        if (seqs.length === 0 || refused.length > 0) {
          const which =
            seqs.length === 0
              ? 'no entry was named'
              : `entries ${refused.join(', ')} are not there or tell of a purge`;
          throw new Error(`Nothing was purged of offboarding ${offboarding}: ${which}.`);
        }
        const subject = `purged ${seqs.join(', ')}`;
        await append(client, offboarding, [{ subject, kind: PURGED, body: { seqs, by, why } }]);
        await client.query('delete from handover.audit_bodies where offboarding = $1 and seq = any($2)', [
          offboarding,
          seqs,
        ]);
      }),

    read: offboarding =>
      inTransaction(pool, async client => {
        // One moment for both reads: between two, an entry may come, and a chain that only grew would look
        // cut.
        await client.query('set transaction isolation level repeatable read, read only');
        const { rows } = await client.query(
          `select audit.*, salt, body from handover.audit left join handover.audit_bodies using (offboarding, seq)
            where offboarding = $1 order by seq`,
          [offboarding],
        );
        const heads = await client.query(
          'select seq, hash from handover.audit_heads where offboarding = $1',
          [offboarding],
        );
        const head = (heads.rows[0] as { seq: number; hash: string } | undefined) ?? null;
        return { ...verify(rows as Row[], head), head };
      }),
  };
}

/**
 * `Audit.append`, in a transaction of the caller's.
 * @param heads where chains ended when this process last wrote to them; not in a transaction, which may be
 *   taken back
 */
export async function append(
  store: Queryable,
  offboarding: string,
  entries: readonly NewEntry[],
  heads?: Heads,
): Promise<void> {
  // Nearly always nobody has written since; where somebody has, nothing is changed, and what they wrote is
  // read first.
  const end = heads?.of(offboarding);
  let from = end && { ...end, known: [] as string[] };
  for (;;) {
    from ??= await headOf(store, offboarding, entries);
    const fresh = chained(entries, from.known, from);
    const last = fresh.at(-1);
    if (!last) return;
    if (await advance(store, offboarding, from, fresh)) return heads?.set(offboarding, last);
    from = undefined;
  }
}

interface Head {
  seq: number;
  hash: string;
}

/** Chains that this process wrote to lately. */
class Heads {
  readonly #ends = new Map<string, Head>();

  of(offboarding: string): Head | undefined {
    return this.#ends.get(offboarding);
  }

  set(offboarding: string, { seq, hash }: Head): void {
    this.#ends.delete(offboarding);
    this.#ends.set(offboarding, { seq, hash });
    const [oldest] = this.#ends.keys();
    if (this.#ends.size > MOST_HEADS) this.#ends.delete(oldest!);
  }
}

/** Of a thousand runs that are written to by turns each finds its own; a forgotten one is read again. */
const MOST_HEADS = 1_000;

/** Where the chain ends, and which of these entries it has already: both as of one moment. */
async function headOf(
  store: Queryable,
  offboarding: string,
  entries: readonly NewEntry[],
): Promise<Head & { known: string[] }> {
  const { rows } = await store.query(
    `select coalesce(head.seq, 0) as seq, coalesce(head.hash, $3) as hash,
            array(select subject from handover.audit where offboarding = $1 and subject = any($2)) as known
       from (select $1::uuid as offboarding) as one left join handover.audit_heads as head using (offboarding)`,
    [offboarding, entries.map(entry => entry.subject), GENESIS],
  );
  return rows[0] as Head & { known: string[] };
}

/** The entries that are not there yet, as rows that follow the head. */
function chained(entries: readonly NewEntry[], known: readonly string[], head: Head): NewRow[] {
  const seen = new Set(known);
  const rows: NewRow[] = [];
  let { seq, hash: previous } = head;
  for (const { subject, kind, body: given } of entries) {
    if (seen.has(subject)) continue;
    seen.add(subject);
    const at = new Date();
    const body = canonicalJson(given);
    const salt = randomBytes(16).toString('hex');
    const body_digest = saltedDigest(salt, body);
    seq += 1;
    const hash = link({ seq, subject, kind, at: at.toISOString(), bodyDigest: body_digest, previous });
    rows.push({ seq, subject, kind, at, salt, body, body_digest, previous, hash });
    previous = hash;
  }
  return rows;
}

/**
 * Writes the rows and moves the head, in one statement; false when the head is no longer where it was, or one
 * of the subjects is there already.
 */
async function advance(
  store: Queryable,
  offboarding: string,
  from: Head,
  rows: readonly NewRow[],
): Promise<boolean> {
  const { seq, hash } = rows.at(-1)!;
  const column = <K extends keyof NewRow>(name: K): NewRow[K][] => rows.map(row => row[name]);
  const { rowCount } = await store.query(
    `with head as (
       insert into handover.audit_heads as h values ($1, $2, $3)
       on conflict (offboarding) do update set seq = excluded.seq, hash = excluded.hash where h.seq = $4 and h.hash = $5
         and not exists (select from handover.audit where offboarding = $1 and subject = any($9))
       returning offboarding),
     bodies as (
       insert into handover.audit_bodies
       select head.offboarding, told.* from head, unnest($6::int[], $7::text[], $8::text[]) as told)
     insert into handover.audit
     select head.offboarding, entry.*
       from head, unnest($6::int[], $9::text[], $10::text[], $11::timestamptz[], $12::text[], $13::text[], $14::text[]) as entry`,
    [
      offboarding,
      seq,
      hash,
      from.seq,
      from.hash,
      column('seq'),
      column('salt'),
      column('body'),
      column('subject'),
      column('kind'),
      column('at'),
      column('body_digest'),
      column('previous'),
      column('hash'),
    ],
  );
  return rowCount === rows.length;
}

interface NewRow {
  seq: number;
  subject: string;
  kind: string;
  at: Date;
  salt: string;
  body: string;
  body_digest: string;
  previous: string;
  hash: string;
}

/** As it is read: the body may be gone, and its salt with it. */
type Row = Omit<NewRow, 'salt' | 'body'> & { salt: string | null; body: string | null };

function verify(rows: Row[], head: { seq: number; hash: string } | null): Omit<ChainVerdict, 'head'> {
  const breaks: string[] = [];
  const entries: AuditEntry[] = [];
  const purges = purgesOf(rows);
  let previous = GENESIS;
  let expected = 1;
  for (const row of rows) {
    const name = `Entry ${row.seq} (${row.subject})`;
    const at = row.at.toISOString();
    if (row.seq !== expected)
      breaks.push(`Entry ${expected} is missing: ${name} follows entry ${expected - 1}.`);
    const gone = row.body !== null ? null : (purges.get(row.seq) ?? 0) > row.seq ? 'purged' : 'missing';
    if (gone === 'missing')
      breaks.push(`${name}: its body is missing, and no entry says that it was purged.`);
    if (row.body !== null && saltedDigest(row.salt ?? '', row.body) !== row.body_digest)
      breaks.push(`${name} has a changed body.`);
    if (row.body !== null && purges.has(row.seq))
      breaks.push(`${name} has a body, and entry ${purges.get(row.seq)} says that it was purged.`);
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
      breaks.push(
        `${name} was changed: its hash is ${row.hash.slice(0, 12)}…, its content gives ${hash.slice(0, 12)}….`,
      );
    entries.push({
      seq: row.seq,
      subject: row.subject,
      kind: row.kind,
      at,
      body: row.body === null ? {} : readBody(row.body),
      gone,
    });
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

/**
 * Whose bodies were purged: seq → seq of the last entry that says so. What such an entry says counts only as
 * it was chained.
 */
function purgesOf(rows: readonly Row[]): Map<number, number> {
  const purges = new Map<number, number>();
  for (const { seq, kind, salt, body, body_digest } of rows) {
    if (kind !== PURGED || salt === null || body === null || saltedDigest(salt, body) !== body_digest)
      continue;
    const { seqs } = readBody(body);
    if (Array.isArray(seqs)) for (const one of seqs) purges.set(Number(one), seq);
  }
  return purges;
}

function readBody(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return { unreadable: text };
  }
}

function link(entry: {
  seq: number;
  subject: string;
  kind: string;
  at: string;
  bodyDigest: string;
  previous: string;
}): string {
  return sha256(
    canonicalJson([entry.seq, entry.subject, entry.kind, entry.at, entry.bodyDigest, entry.previous]),
  );
}
