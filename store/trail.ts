/**
 * Questions about the past, for auditors: reads only, and as raw as possible, since what was tampered with
 * must still be readable enough to be named. Nothing here trusts that a body parses.
 */
import { countOf, type Overrides } from '../domain/overrides.js';
import type { Pool } from './database.js';
import { PAGE_DIGEST } from './manifests.js';

/** One offboarding that the store knows of. */
export interface KnownOffboarding {
  offboarding: string;
  workflow: string | null;
  at: string;
}

export interface PlanRow {
  digest: string;
  offboarding: string;
  /** Temporal run id. */
  run: string;
  revision: number;
  body: string;
  made: string;
}

export interface ReceiptRow {
  offboarding: string;
  manifest: string;
  step: string;
  page: number;
  part: number;
  state: string;
  sure: string | null;
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
  elsewhere: string;
  before_images: string | null;
  digest: string;
  /** 0 = it stands. */
  aborted: number;
  at: string;
}

/** A before-image: its digest, and what it should be; `actual` is null where the body was purged. */
export interface ImageRow {
  images: string;
  n: number;
  digest: string;
  actual: string | null;
}

/** A manifest page without its keys, and whether its keys give what stands beside them. */
export interface PageRow {
  manifest: string;
  step: string;
  page: number;
  round: number;
  origin: string;
  count: number;
  fingerprint: string;
  digest: string;
  /** SHA-256 over the row as it is now. */
  actual: string;
  keys: number;
  assigned: number | null;
  /** Are `low` and `high` the first and the last key; or absent, where the keys have no order? */
  spans: boolean;
}

export interface FrozenRow {
  digest: string;
  count: number;
  actual: string;
  keys: number;
}

/** A catalog that a plan names, and the digest that its body gives now. */
export interface CatalogRow {
  digest: string;
  system: string;
  actual: string;
}

/** A stored set of overrides, and what its body gives now. */
export interface OverridesRow {
  digest: string;
  count: number;
  actual: string;
  /** Items in the body; null where it is no such set. */
  items: number | null;
}

export interface CertificateRow {
  number: number;
  digest: string;
  /** Null where it is gone. */
  body: string | null;
  at: string;
}

export interface ArchiveRow {
  run: string;
  offboarding: string;
  workflow: string;
  status: string;
  events: number;
  digest: string;
  history: Buffer;
  at: string;
}

/** What the store says of an offboarding as a whole. */
export interface OffboardingRow {
  workflow: string;
  leaver: string;
  human: string;
  requested: string;
  closed: string | null;
}

export interface ManifestRow {
  id: string;
  offboarding: string;
  plan: string | null;
  made: string;
}

/** One manifest page that names an item, and what became of it. */
export interface ItemTrace {
  manifest: string;
  step: string;
  page: number;
  round: number;
  origin: string;
  /** Index into the step's successors. */
  taker: number;
  /** The receipt that was last written about it; one that came to nothing only where there is no other. */
  receipt: ReceiptRow | null;
  /** What stood in the owner column before, as that receipt says. */
  owner: string | null;
}

export interface Trail {
  /** Does the schema exist? */
  ready(): Promise<boolean>;
  known(offboarding: string): Promise<KnownOffboarding | null>;
  offboarding(id: string): Promise<OffboardingRow | null>;
  /** Manifests that plans name, or that are filed under the offboarding and say that they count. */
  manifests(offboarding: string, named: readonly string[]): Promise<ManifestRow[]>;
  /** The chain's fence, and bodies that belong to no entry and no certificate. */
  loose(offboarding: string): Promise<{ fence: string | null; entries: number[]; certificates: number[] }>;
  /** The offboardings of one workflow id, newest first. */
  ofWorkflow(workflow: string): Promise<KnownOffboarding[]>;
  /** Hash of one entry of the chain. */
  links(offboarding: string): Promise<{ seq: number; hash: string }[]>;
  plans(offboarding: string): Promise<PlanRow[]>;
  /** What catalogs do, under these digests. */
  catalogs(digests: readonly string[]): Promise<CatalogRow[]>;
  /** The sets of overrides under these digests. */
  overrides(digests: readonly string[]): Promise<OverridesRow[]>;
  /** The plan that a manifest belongs to; null for a manifest of an attempt that did not count. */
  planOf(manifest: string): Promise<PlanRow | null>;
  receipts(offboarding: string): Promise<ReceiptRow[]>;
  /** The rows behind these sets of before-images, in their order. */
  images(sets: readonly string[]): Promise<ImageRow[]>;
  /** Pages of these manifests, their digests computed anew in the database. */
  pages(manifests: readonly string[]): Promise<PageRow[]>;
  rounds(manifests: readonly string[]): Promise<{ manifest: string; step: string; round: number }[]>;
  frozen(digests: readonly string[]): Promise<FrozenRow[]>;
  certificates(offboarding: string): Promise<CertificateRow[]>;
  /** Also those of the same workflow id that are filed under another offboarding. */
  archives(offboarding: string, workflow: string | null): Promise<ArchiveRow[]>;
  /** The lowest approved key of a step, or null. */
  firstKey(manifest: string, step: string): Promise<string | null>;
  /**
   * Every page that names the item, oldest receipt first. `step`: `system/category`, or a system followed by
   * a slash.
   */
  item(key: string, step: string | null): Promise<ItemTrace[]>;
  /** Items that a receipt is about, from one of them on, in the order of its page. */
  held(
    receipt: ReceiptRow,
    from: number,
    most: number,
  ): Promise<(Omit<ItemTrace, 'receipt'> & { key: string })[]>;
  /**
   * Successor indexes of these keys in a plan's manifest; keys that no page names are left out. The newest
   * round counts.
   */
  takers(manifest: string, step: string, keys: readonly string[]): Promise<Map<string, number>>;
}

const RECEIPT = `r.offboarding::text, r.manifest::text, r.step, r.page, r.part, r.state, r.sure, r.first, r.count, r.did, r.accounts,
                 r.takers, r.mark, r.changed, r.merged, r.per_taker, r.owners, r.owner_of, r.exceptions, r.elsewhere, r.before_images, r.digest, r.aborted, r.at`;

/**
 * Pages that may name the key in parameter $1 ($3: the same as a number, or null), without reading their
 * keys.
 */
const MAY_HOLD = `(case p.key_order when 'bytes' then p.low <= $1 and $1 <= p.high
                                     when 'number' then case when p.low ~ '^-?[0-9]+$' and p.high ~ '^-?[0-9]+$'
                                          then $3::numeric between p.low::numeric and p.high::numeric else true end
                                     else true end)`;

export function trailOf(pool: Pool): Trail {
  const select = async <T>(text: string, values: unknown[] = []): Promise<T[]> =>
    (await pool.query(text, values)).rows.map(iso) as T[];
  return {
    async ready() {
      const [row] = await select<{ there: boolean }>(
        `select to_regclass('handover.audit') is not null as there`,
      );
      return row!.there;
    },
    async known(offboarding) {
      const [row] = await select<KnownOffboarding>(`${KNOWN} where offboarding = $1 ${GROUPED}`, [
        offboarding,
      ]);
      return row ?? null;
    },
    async offboarding(id) {
      const [row] = await select<OffboardingRow>(
        'select workflow, leaver, human, requested, closed from handover.offboardings where id = $1',
        [id],
      );
      return row ?? null;
    },
    manifests: (offboarding, named) =>
      select(
        `select id::text, offboarding::text, plan, made from handover.manifests
          where id = any($2) or (offboarding = $1 and plan is not null)`,
        [offboarding, named],
      ),
    async loose(offboarding) {
      const [row] = await select<{ fence: string | null; entries: number[]; certificates: number[] }>(
        `select (select fence from handover.audit_heads where offboarding = $1) as fence,
                array(select seq from handover.audit_bodies b where offboarding = $1 and not exists (
                  select from handover.audit a where a.offboarding = $1 and a.seq = b.seq) order by 1) as entries,
                array(select number from handover.certificate_bodies b where offboarding = $1 and not exists (
                  select from handover.certificates c where c.offboarding = $1 and c.number = b.number) order by 1) as certificates`,
        [offboarding],
      );
      return row!;
    },
    ofWorkflow: workflow =>
      select<KnownOffboarding>(
        `${KNOWN} where offboarding in (select offboarding from known where workflow = $1) ${GROUPED}`,
        [workflow],
      ),
    links: offboarding =>
      select('select seq, hash from handover.audit where offboarding = $1 order by seq', [offboarding]),
    plans: offboarding =>
      select(
        'select digest, offboarding::text, run, revision, body, made from handover.plans where offboarding = $1 order by made, revision',
        [offboarding],
      ),
    catalogs: digests =>
      select(
        `select digest, system, encode(sha256(convert_to(body, 'UTF8')), 'hex') as actual
           from handover.catalogs where digest = any($1)`,
        [digests],
      ),
    async overrides(digests) {
      const rows = await select<Omit<OverridesRow, 'items'> & { body: string }>(
        `select digest, count, body, encode(sha256(convert_to(body, 'UTF8')), 'hex') as actual
           from handover.overrides where digest = any($1)`,
        [digests],
      );
      return rows.map(({ body, ...row }) => ({ ...row, items: itemsIn(body) }));
    },
    async planOf(manifest) {
      const [row] = await select<PlanRow>(
        `select p.digest, p.offboarding::text, p.run, p.revision, p.body, p.made
           from handover.manifests m join handover.plans p on p.digest = m.plan where m.id = $1`,
        [manifest],
      );
      return row ?? null;
    },
    receipts: offboarding =>
      select(
        `select ${RECEIPT} from handover.receipts r where offboarding = $1 order by at, step, page, part`,
        [offboarding],
      ),
    images: sets =>
      select(
        `select images, n, digest, encode(sha256(convert_to(salt || E'\\n' || body, 'UTF8')), 'hex') as actual
           from handover.before_images where images = any($1) order by images, n`,
        [sets],
      ),
    pages: manifests =>
      select(
        `select manifest::text, step, page, round, origin, count, fingerprint, digest, ${PAGE_DIGEST} as actual,
                cardinality(keys) as keys, cardinality(assignment) as assigned,
                case key_order when 'none' then low is null and high is null
                               else coalesce(low = keys[1] and high = keys[cardinality(keys)], false) end as spans
           from handover.manifest_pages p where manifest = any($1) order by manifest, step collate "C", page`,
        [manifests],
      ),
    rounds: manifests =>
      select('select manifest::text, step, round from handover.manifest_rounds where manifest = any($1)', [
        manifests,
      ]),
    frozen: digests =>
      select(
        `select digest, count, encode(sha256(convert_to(keys::text, 'UTF8')), 'hex') as actual, cardinality(keys) as keys
           from handover.frozen_keys where digest = any($1)`,
        [digests],
      ),
    certificates: offboarding =>
      select(
        `select number, digest, body, at
           from handover.certificates left join handover.certificate_bodies using (offboarding, number)
          where offboarding = $1 order by number`,
        [offboarding],
      ),
    archives: (offboarding, workflow) =>
      select(
        `select run, offboarding::text, workflow, status, events, digest, history, at
           from handover.archives where offboarding = $1 or workflow = $2 order by at`,
        [offboarding, workflow],
      ),
    async firstKey(manifest, step) {
      const [row] = await select<{ low: string }>(
        'select low from handover.manifest_pages where manifest = $1 and step = $2 order by page limit 1',
        [manifest, step],
      );
      return row?.low ?? null;
    },
    async item(key, step) {
      const rows = await select<Record<string, unknown>>(
        `select p.manifest::text as p_manifest, p.step as p_step, p.page as p_page, p.round, p.origin,
                coalesce(p.assignment[held.n], 0)::int as taker, ${RECEIPT},
                r.owners[coalesce(r.owner_of[held.n - r.first], 0) + 1] as owner
           from handover.manifest_pages p
          cross join lateral (select array_position(p.keys, $1) as n) as held
           left join lateral (
             select * from handover.receipts r
              where r.manifest = p.manifest and r.step = p.step and r.page = p.page and r.first < held.n and held.n <= r.first + r.count
              order by r.state = 'aborted', r.at desc limit 1) as r on true
          where ${MAY_HOLD} and ($2::text is null or p.step = $2 or (right($2, 1) = '/' and starts_with(p.step, $2))) and $1 = any(p.keys)
          order by r.at nulls last, p.manifest, p.page`,
        [key, step, /^-?\d+$/.test(key) ? key : null],
      );
      return rows.map(row => ({
        manifest: row.p_manifest as string,
        step: row.p_step as string,
        page: row.p_page as number,
        round: row.round as number,
        origin: row.origin as string,
        taker: row.taker as number,
        receipt: row.state === null ? null : (row as unknown as ReceiptRow),
        owner: row.owner as string | null,
      }));
    },
    async held({ manifest, step, page, first, count, owners, owner_of }, from, most) {
      const rows = await select<Omit<ItemTrace, 'receipt' | 'owner'> & { key: string; n: number }>(
        `select p.manifest::text, p.step, p.page, p.round, p.origin, held.key, held.n::int as n,
                coalesce(p.assignment[held.n], 0)::int as taker
           from handover.manifest_pages p cross join lateral unnest(p.keys) with ordinality as held (key, n)
          where p.manifest = $1 and p.step = $2 and p.page = $3 and held.n > $4 and held.n <= $5
          order by held.n`,
        [manifest, step, page, first + from, first + Math.min(count, from + most)],
      );
      return rows.map(({ n, ...row }) => ({
        ...row,
        owner: owners[owner_of?.[n - first - 1] ?? 0] ?? null,
      }));
    },
    async takers(manifest, step, keys) {
      const rows = await select<{ key: string; taker: number }>(
        `select held.key, coalesce(p.assignment[held.n], 0)::int as taker
           from handover.manifest_pages p cross join lateral unnest(p.keys) with ordinality as held (key, n)
          where p.manifest = $1 and p.step = $2 and held.key = any($3) order by p.page`,
        [manifest, step, keys],
      );
      return new Map(rows.map(row => [row.key, row.taker]));
    },
  };
}

function itemsIn(body: string): number | null {
  try {
    return countOf(JSON.parse(body) as Overrides);
  } catch {
    return null;
  }
}

/** Every place that names an offboarding: where its row is gone, the rest must still be found. */
const KNOWN = `
  with known as (
    select id as offboarding, workflow, requested as at from handover.offboardings
    union all select offboarding, null, at from handover.audit where seq = 1
    union all select offboarding, workflow, at from handover.archives
    union all select offboarding, workflow, opened from handover.open_runs)
  select offboarding::text, max(workflow) as workflow, min(at) as at from known`;
const GROUPED = 'group by offboarding order by min(at) desc';

function iso(row: Record<string, unknown>): Record<string, unknown> {
  for (const [key, value] of Object.entries(row)) if (value instanceof Date) row[key] = value.toISOString();
  return row;
}
