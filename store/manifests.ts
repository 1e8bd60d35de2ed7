/**
 * Manifests: the keys behind an inventory, in pages. Keys travel as PostgreSQL array literals from the target to here and back, and
 * nobody parses them on the way: a million keys pass through in a few seconds and a few megabytes.
 */
import { parse } from 'postgres-array';
import type { ItemKey } from '../domain/model.js';
import { inTransaction, type Pool, type Queryable } from './database.js';

export type Origin = 'approved' | 'arrived' | 'again';

export interface NewPage {
  keys: string;
  count: number;
  fingerprint: string;
  low: ItemKey;
  high: ItemKey;
  /** Array literal of successor indexes; null = all to the first. */
  assignment: string | null;
}

export interface Page extends NewPage {
  page: number;
  round: number;
  origin: Origin;
}

/** How the keys held now differ from those that were approved. Sizes of sets of keys. */
export interface Drift {
  arrived: number;
  departed: number;
}

/** Which keys were shown: a step's pages in a manifest, or a set frozen under its digest. */
export type Shown = { manifest: string; step: string } | { frozen: string };

export interface Frozen {
  digest: string;
  count: number;
  /** The first few keys. */
  sample: ItemKey[];
}

export interface Manifests {
  write(manifest: string, step: string, page: number, content: NewPage): Promise<void>;
  /** Pages without a receipt, in order. */
  open(manifest: string, step: string): Promise<Page[]>;
  page(manifest: string, step: string, page: number): Promise<{ keys: string } | null>;
  /** Which of these keys any plan of the offboarding has shown in this step. */
  everShown(offboarding: string, step: string, keys: readonly ItemKey[]): Promise<string[]>;
  /** How many rounds numbered `from` or higher, up to 99 more, were opened. */
  roundsFrom(manifest: string, step: string, from: number): Promise<number>;
  /** How many keys came after the plan was made and got pages. */
  arrivedSoFar(manifest: string, step: string): Promise<number>;
  /** The keys (array literal) that are not in a frozen set. */
  beyond(keys: string, frozen: string): Promise<{ keys: string; count: number }>;
  /** Adds the pages of a further round; false when another attempt has opened that round already. */
  addRound(manifest: string, step: string, round: number, pages: (NewPage & { origin: Origin })[]): Promise<boolean>;
  /** Compares the keys held now with the keys that somebody was shown: a step's pages, or a frozen set. */
  drift(shown: Shown, now: AsyncIterable<{ keys: string }>): Promise<Drift>;
  /** Splits keys held now into those that a page of this step names already, with their successor, and those that are new. */
  sort(
    manifest: string,
    step: string,
    keys: string,
  ): Promise<{ again: { keys: string; assignment: string; count: number }; arrived: { keys: string; count: number } }>;
  /** Keeps a set of keys (array literal) under its digest. */
  freeze(keys: string): Promise<Frozen>;
}

export function manifestsOf(pool: Pool): Manifests {
  return {
    async write(manifest, step, page, content) {
      await insertPage(pool, manifest, step, { ...content, page, round: 0, origin: 'approved' });
    },
    async open(manifest, step) {
      const { rows } = await pool.query(
        `select p.page, p.round, p.origin, p.count, p.low, p.high, p.keys::text as keys, p.assignment::text as assignment, p.fingerprint
           from handover.manifest_pages p
           left join handover.receipts r using (manifest, step, page)
          where p.manifest = $1 and p.step = $2 and r.page is null
          order by p.page`,
        [manifest, step],
      );
      return rows as Page[];
    },
    async page(manifest, step, page) {
      const { rows } = await pool.query(
        'select keys::text as keys from handover.manifest_pages where manifest = $1 and step = $2 and page = $3',
        [manifest, step, page],
      );
      return (rows[0] as { keys: string } | undefined) ?? null;
    },
    async everShown(offboarding, step, keys) {
      const { rows } = await pool.query(
        `select distinct key from unnest($3::text[]) as key, handover.manifests m, handover.manifest_pages p
          where m.offboarding = $1 and m.plan is not null and p.manifest = m.id and p.step = $2 and key = any(p.keys)`,
        [offboarding, step, keys],
      );
      return rows.map(row => row.key as string);
    },
    async roundsFrom(manifest, step, from) {
      const { rows } = await pool.query(
        'select count(*)::int as n from handover.manifest_rounds where manifest = $1 and step = $2 and round >= $3 and round < $3 + 100',
        [manifest, step, from],
      );
      return rows[0].n as number;
    },
    async arrivedSoFar(manifest, step) {
      const { rows } = await pool.query(
        `select coalesce(sum(count), 0)::int as n from handover.manifest_pages where manifest = $1 and step = $2 and origin = 'arrived'`,
        [manifest, step],
      );
      return rows[0].n as number;
    },
    async beyond(keys, frozen) {
      const { rows } = await pool.query(
        `with waived as (select unnest(keys) as key from handover.frozen_keys where digest = $2)
         select coalesce(array_agg(key order by n), '{}')::text as keys, count(*)::int as count
           from unnest($1::text[]) with ordinality as held (key, n) where not exists (select from waived where waived.key = held.key)`,
        [keys, frozen],
      );
      return rows[0] as { keys: string; count: number };
    },
    addRound: (manifest, step, round, pages) =>
      inTransaction(pool, async client => {
        const opened = await client.query('insert into handover.manifest_rounds values ($1, $2, $3) on conflict do nothing', [
          manifest,
          step,
          round,
        ]);
        if (opened.rowCount === 0) return false;
        const { rows } = await client.query(
          'select coalesce(max(page), 0) as last from handover.manifest_pages where manifest = $1 and step = $2',
          [manifest, step],
        );
        let page = rows[0].last as number;
        for (const content of pages) await insertPage(client, manifest, step, { ...content, page: ++page, round });
        return true;
      }),
    drift: (shown, now) =>
      inTransaction(pool, async client => {
        await client.query('create temporary table held (key text) on commit drop');
        for await (const page of now) await client.query('insert into held select unnest($1::text[])', [page.keys]);
        const { rows } = await client.query(
          `with known as (
             select distinct unnest(keys) as key from (
               select keys from handover.manifest_pages where manifest = $1 and step = $2
               union all select keys from handover.frozen_keys where digest = $3) as shown)
           select (select count(*) from held left join known using (key) where known.key is null)::int as arrived,
                  (select count(*) from known left join held using (key) where held.key is null)::int as departed`,
          'frozen' in shown ? [null, null, shown.frozen] : [shown.manifest, shown.step, null],
        );
        return rows[0] as Drift;
      }),
    async sort(manifest, step, keys) {
      const { rows } = await pool.query(
        `with held as (select key, n from unnest($3::text[]) with ordinality as held (key, n)),
              known as (
                select distinct on (k.key) k.key, coalesce(p.assignment[k.n], 0) as taker
                  from handover.manifest_pages p, unnest(p.keys) with ordinality as k (key, n)
                 where p.manifest = $1 and p.step = $2 and k.key in (select key from held)
                 order by k.key, p.page)
         select coalesce(array_agg(key order by n) filter (where taker is not null), '{}')::text as again,
                coalesce(array_agg(taker order by n) filter (where taker is not null), '{}')::text as takers,
                count(taker)::int as again_count,
                coalesce(array_agg(key order by n) filter (where taker is null), '{}')::text as arrived,
                (count(*) - count(taker))::int as arrived_count
           from held left join known using (key)`,
        [manifest, step, keys],
      );
      const row = rows[0] as { again: string; takers: string; again_count: number; arrived: string; arrived_count: number };
      return {
        again: { keys: row.again, assignment: row.takers, count: row.again_count },
        arrived: { keys: row.arrived, count: row.arrived_count },
      };
    },
    async freeze(keys) {
      const { rows } = await pool.query(
        `with given as (select $1::text[] as keys),
              frozen as (
                insert into handover.frozen_keys (digest, count, keys)
                select encode(sha256(convert_to(keys::text, 'UTF8')), 'hex'), cardinality(keys), keys from given on conflict do nothing)
         select encode(sha256(convert_to(keys::text, 'UTF8')), 'hex') as digest, cardinality(keys) as count, coalesce(keys[1:5], '{}') as sample
           from given`,
        [keys],
      );
      return rows[0] as Frozen;
    },
  };
}

/** The keys of an array literal, where they must be looked at one by one. */
export function parseKeys(literal: string): ItemKey[] {
  return parse(literal);
}

async function insertPage(to: Queryable, manifest: string, step: string, page: Page): Promise<void> {
  await to.query(
    `insert into handover.manifest_pages (manifest, step, page, round, origin, count, low, high, keys, assignment, fingerprint, digest)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9::text[], $10::smallint[], $11,
             encode(sha256(convert_to($9::text[]::text || coalesce($10::smallint[]::text, ''), 'UTF8')), 'hex'))`,
    [
      manifest,
      step,
      page.page,
      page.round,
      page.origin,
      page.count,
      page.low,
      page.high,
      page.keys,
      page.assignment,
      page.fingerprint,
    ],
  );
}
