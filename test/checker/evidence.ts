/**
 * What the checker looks at, read with its own SQL: the targets before and after, everything the witness saw
 * in between, and what our store claims. Nothing here is shared with the engine; numbers stay texts.
 */
import type pg from 'pg';
import { keyOf, PEOPLE, SYSTEMS, type SystemName, TABLES, type TextRow } from '../small-world/ground.js';

export type Db = Record<SystemName | 'store', Pick<pg.Pool, 'query'>>;

/** Table → key → row. */
export type Rows = Record<string, Map<string, TextRow>>;
export type Before = Record<SystemName, Rows>;

/** One change of one row, as the witness saw it. */
export interface Event {
  system: SystemName;
  seq: number;
  table: string;
  op: 'insert' | 'update' | 'delete';
  key: string;
  old: TextRow | null;
  new: TextRow | null;
  /** Grows over all databases of the cluster. */
  txid: bigint;
  engine: boolean;
  at: Date;
}

export interface PlanRow {
  digest: string;
  body: string;
  plan: {
    manifest: string;
    revision: number;
    leaver: { id: string };
    mode: string;
    systems: { system: string; catalog: string }[];
    accounts: { system: string; accounts: { identities: Record<string, string[]> }[] }[];
    steps: {
      id: string;
      system: string;
      do: string;
      phase: string;
      baseline: { count: number };
      successors: { value: string | null; personId: string | null }[];
      counts: number[];
      /** Declared to move only after the switch. */
      late?: { withinDays: number | null };
      elsewhere?: { table: string; does: string; count: number | null; by: string }[];
    }[];
    /** Of a plan that gives back: whose effects, and what it shows of each step. */
    givesBack?: { of: string; holdings: { step: string; from: { count: number }[]; count: number }[] };
    policy: {
      approvals: number;
      requesterMayApprove?: boolean;
      confirmation: boolean;
      nothingLeft?: 'asks' | 'deactivates';
      drift: { floor: number; percent: number };
      sweep?: 'off' | { returns: number };
    };
  };
}

export interface PageRow {
  manifest: string;
  step: string;
  page: number;
  round: number;
  origin: 'approved' | 'arrived' | 'again';
  count: number;
  keys: string[];
  assignment: number[] | null;
  digest: string;
  /** The row as the database writes it: what its digest is over, its keys and its shares apart. */
  told: string;
  keys_told: string;
  assignment_told: string;
}

export interface ReceiptRow {
  offboarding: string;
  manifest: string;
  step: string;
  page: number;
  part: number;
  state: 'intended' | 'done' | 'aborted';
  sure: 'asked' | 'read' | null;
  /** How many keys of the page stand before those of this part, and how many it is about. */
  first: number;
  count: number;
  did: string;
  accounts: string;
  takers: (string | null)[];
  mark: string;
  changed: number | null;
  merged: number;
  per_taker: number[];
  owners: (string | null)[];
  owner_of: number[] | null;
  exceptions: string;
  /** JSON: rows of other tables that went or changed along with these. */
  elsewhere: string;
  before_images: string | null;
  digest: string;
}

export interface ImageRow {
  images: string;
  digest: string;
  salt: string | null;
  body: string | null;
}

export interface AuditRow {
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

/** What an offboarding has, and whatever comes after it: plans with their pages, receipts, and a chain. */
interface Recorded {
  plans: PlanRow[];
  pages: PageRow[];
  receipts: ReceiptRow[];
  images: ImageRow[];
  audit: AuditRow[];
  head: { seq: number; hash: string } | null;
}

/** One offboarding as the store tells it. */
export interface Told extends Recorded {
  offboarding: string;
  leaver: string;
  /** Who the leaver is in each system, for a run that never got as far as a plan. */
  known: Record<SystemName, readonly string[]>;
  /** What the catalogs do that the plans name. */
  catalogs: { digest: string; system: string; body: string }[];
  certificates: { number: number; digest: string; body: string }[];
  /** What came after the switch. */
  sweeps: After[];
  /** What gave back what a cover held. */
  giveBacks: After[];
}

/** A sweep or a give-back as the store tells it. */
export interface After extends Recorded {
  id: string;
  /** The store holds it for over. */
  closed: boolean;
}

export interface Evidence {
  before: Before;
  now: Before;
  /** Tables that the small world did not have when it was built: nobody described them. */
  elsewhere: Record<SystemName, Record<string, TextRow[]>>;
  events: Event[];
  runs: Told[];
  /** Frozen sets of keys by digest. */
  frozen: Map<string, string[]>;
}

export async function snapshot(db: Pick<Db, SystemName>): Promise<Before> {
  const all = {} as Before;
  for (const system of SYSTEMS) {
    all[system] = {};
    for (const table of Object.keys(TABLES[system])) {
      const { rows } = await db[system].query(
        `select public.as_texts(to_jsonb(t)) as row from public.${table} t`,
      );
      all[system][table] = new Map(
        rows.map(({ row }) => [keyOf(system, table, row as TextRow), row as TextRow]),
      );
    }
  }
  return all;
}

/** Every other table of the database, by its name. */
async function strangers(db: Pick<Db, SystemName>, system: SystemName): Promise<Record<string, TextRow[]>> {
  const { rows: tables } = await db[system].query(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables
      where schemaname not in ('pg_catalog', 'information_schema')
        and not (schemaname = 'public' and tablename = any($1))`,
    [[...Object.keys(TABLES[system]), 'moves_seen']],
  );
  const all: Record<string, TextRow[]> = {};
  for (const { name } of tables) {
    const { rows } = await db[system].query(`select public.as_texts(to_jsonb(t)) as row from ${name} t`);
    all[name] = rows.map(({ row }) => row as TextRow);
  }
  return all;
}

export async function gather(db: Db, before: Before): Promise<Evidence> {
  const events: Event[] = [];
  for (const system of SYSTEMS) {
    const { rows } = await db[system].query('select * from public.moves_seen order by seq');
    for (const row of rows) {
      const whole = (row.old_row ?? row.new_row) as TextRow;
      events.push({
        system,
        seq: Number(row.seq),
        table: row.tbl,
        op: row.op,
        key: keyOf(system, row.tbl, whole),
        old: row.old_row,
        new: row.new_row,
        txid: BigInt(row.txid),
        engine: row.app === 'handover',
        at: row.at,
      });
    }
  }
  const { rows: frozen } = await db.store.query('select digest, keys from handover.frozen_keys');
  return {
    before,
    now: await snapshot(db),
    elsewhere: { crm: await strangers(db, 'crm'), desk: await strangers(db, 'desk') },
    events,
    runs: await told(db.store, before),
    frozen: new Map(frozen.map(row => [row.digest as string, row.keys as string[]])),
  };
}

/**
 * What came after an offboarding, under a word for it: what the store knows under the offboarding's id, and what
 * addenda name.
 */
const AFTER = `
  select id, exists (select from handover.offboardings o where o.id = named.id and o.closed is not null) as closed
    from (select id from handover.offboardings where workflow ~ ('(^|/)' || $2::text || '/' || $1::text || '$')
          union select (body::json ->> $3::text)::uuid from handover.certificate_bodies
            where offboarding = $1::uuid and number > 0 and body::json ->> $3::text is not null) as named`;

type All = <R>(sql: string, values: unknown[]) => Promise<R[]>;

/** Every offboarding of the people that lived here before. */
async function told(store: Pick<pg.Pool, 'query'>, before: Before): Promise<Told[]> {
  const people = [...before.crm[PEOPLE.crm.table]!.keys()];
  // Not by the database's own reading of JSON: a message may be called "approve\u0000", which it refuses.
  const { rows } = await store.query(
    `select offboarding, body from handover.audit join handover.audit_bodies using (offboarding, seq)
      where kind = 'requested' and body is not null`,
  );
  const requested = rows
    .map(row => ({ offboarding: row.offboarding as string, leaver: JSON.parse(row.body).leaver as string }))
    .filter(({ leaver }) => people.includes(leaver));
  const all: All = async <R>(sql: string, values: unknown[]) => (await store.query(sql, values)).rows as R[];
  return Promise.all(
    requested.map(async ({ offboarding, leaver }): Promise<Told> => {
      const record = await recordOf(all, offboarding);
      const after = async (word: string, name: string): Promise<After[]> => {
        const found = await all<{ id: string; closed: boolean }>(AFTER, [offboarding, word, name]);
        return Promise.all(found.map(async one => ({ ...one, ...(await recordOf(all, one.id)) })));
      };
      return {
        offboarding,
        leaver,
        known: { crm: entriesOf(before, leaver), desk: agentsOf(before, leaver) },
        ...record,
        catalogs: await all('select digest, system, body from handover.catalogs where digest = any($1)', [
          record.plans.flatMap(row => row.plan.systems.map(one => one.catalog)),
        ]),
        sweeps: await after('sweep', 'sweep'),
        giveBacks: await after('give-back', 'giveBack'),
        certificates: await all(
          `select number, digest, body from handover.certificates join handover.certificate_bodies using (offboarding, number)
            where offboarding = $1 order by number`,
          [offboarding],
        ),
      };
    }),
  );
}

async function recordOf(all: All, id: string): Promise<Recorded> {
  const plans = await all<{ digest: string; body: string }>(
    'select digest, body from handover.plans where offboarding = $1 order by made',
    [id],
  );
  const parsed = plans.map(row => ({ ...row, plan: JSON.parse(row.body) as PlanRow['plan'] }));
  return {
    plans: parsed,
    pages: await all<PageRow>(
      `select manifest, step, page, round, origin, count, keys, assignment, digest,
              json_build_array(manifest, step, page, round, origin, count, key_order, low, high, fingerprint)::text as told,
              keys::text as keys_told, coalesce(assignment::text, '') as assignment_told
         from handover.manifest_pages where manifest = any($1) order by step collate "C", page`,
      [parsed.map(row => row.plan.manifest)],
    ),
    receipts: await all<ReceiptRow>(
      'select * from handover.receipts where offboarding = $1 order by at, step, page, part',
      [id],
    ),
    images: await all<ImageRow>(
      `select * from handover.before_images where images in (select before_images from handover.receipts where offboarding = $1)
        order by images, n`,
      [id],
    ),
    audit: await all<AuditRow>(
      `select audit.*, salt, body from handover.audit join handover.audit_bodies using (offboarding, seq)
        where offboarding = $1 order by seq`,
      [id],
    ),
    head:
      (
        await all<{ seq: number; hash: string }>(
          'select seq, hash from handover.audit_heads where offboarding = $1',
          [id],
        )
      )[0] ?? null,
  };
}

/** Every entry of the same human being. */
function entriesOf(before: Before, person: string): string[] {
  const number = before.crm.people!.get(person)?.person_no;
  const same = [...before.crm.people!.values()].filter(one => number && one.person_no === number);
  return [...new Set([person, ...same.map(one => one.id!)])];
}

/** By e-mail, as people know each other. */
function agentsOf(before: Before, person: string): string[] {
  const email = before.crm.people!.get(person)?.email?.toLowerCase();
  const agents = [...before.desk.agents!.values()].filter(agent => agent.email?.toLowerCase() === email);
  return agents.slice(0, 1).map(agent => agent.id!);
}
