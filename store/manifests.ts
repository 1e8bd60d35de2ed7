/**
 * Manifests: the keys behind an inventory, in pages. Keys travel sealed from the target to here and back, and
 * nobody opens them on the way: a million keys pass through in a few seconds and a few megabytes.
 */
import type { KeySet, KeySpan, Keys, Shares } from '../domain/keys.js';
import type { ItemKey } from '../domain/model.js';
import { inTransaction, type Pool, type Queryable } from './database.js';
import { keysOf } from './keys.js';

export type Origin = 'approved' | 'arrived' | 'again';

export interface NewPage extends KeySet, KeySpan {
  fingerprint: string;
  /** Which of the step's successors takes each key; null = all go to the first. */
  assignment: Shares | null;
}

/** What of a page has no receipt yet: all of it, or what is behind the parts that have. */
export interface OpenPage extends KeySet {
  page: number;
  round: number;
  origin: Origin;
  /** The next part's number, from 1. */
  part: number;
  /** How many keys of the page stand before these. */
  first: number;
  assignment: Shares | null;
}

/** Keys that a further round takes up. */
export interface RoundSet extends KeySet {
  origin: Exclude<Origin, 'approved'>;
  assignment: Shares | null;
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
  /** What has no receipt that stands, page by page in order; `page` asks for this one only. */
  open(manifest: string, step: string, page?: number): Promise<OpenPage[]>;
  /** The keys that a part of a page is about. */
  part(of: {
    manifest: string;
    step: string;
    page: number;
    first: number;
    took: number;
  }): Promise<{ keys: Keys; assignment: Shares | null } | null>;
  /** Which of these keys any plan of the offboarding has shown in this step. */
  everShown(offboarding: string, step: string, keys: readonly ItemKey[]): Promise<string[]>;
  /** How many plans of these offboardings have shown each of these keys in this step; never shown = not in it. */
  timesShown(
    offboardings: readonly string[],
    step: string,
    keys: readonly ItemKey[],
  ): Promise<Map<ItemKey, number>>;
  /** How many rounds numbered `from` or higher, up to 99 more, were opened. */
  roundsFrom(manifest: string, step: string, from: number): Promise<number>;
  /** How many keys came after the plan was made and got pages. */
  arrivedSoFar(manifest: string, step: string): Promise<number>;
  /** The keys that are not in a frozen set. */
  beyond(keys: Keys, frozen: string): Promise<KeySet>;
  /**
   * Adds the pages of a further round, of at most `size` keys; false when another attempt has opened that
   * round already.
   */
  addRound(
    manifest: string,
    step: string,
    round: number,
    sets: readonly RoundSet[],
    size: number,
  ): Promise<boolean>;
  /** Compares the keys held now with the keys that somebody was shown: a step's pages, or a frozen set. */
  drift(shown: Shown, now: AsyncIterable<{ keys: Keys }>): Promise<Drift>;
  /**
   * Splits keys held now into those that a page of this step names already, with their successor, and those
   * that are new.
   */
  sort(
    manifest: string,
    step: string,
    keys: Keys,
  ): Promise<{ again: KeySet & { assignment: Shares }; arrived: KeySet }>;
  /** Keeps a set of keys under its digest. */
  freeze(keys: Keys): Promise<Frozen>;
  /** What seals the pages of the manifests that count for an offboarding's plans, as they are now. */
  seals(offboarding: string): Promise<Seal[]>;
}

/** All pages of a manifest, so that none can be changed, taken away or added unseen. */
export interface Seal {
  manifest: string;
  pages: number;
  /** SHA-256 over their digests; null where there is none. */
  digest: string | null;
}

/** What part of the connections may wait for pages of a target: the others are for everybody else. */
const COMPARING = 1 / 3;

export function manifestsOf(pool: Pool): Manifests {
  const comparing = turns(Math.max(1, Math.floor((pool.options.max ?? 1) * COMPARING)));
  return {
    async write(manifest, step, page, { count, order, low, high, keys, assignment, fingerprint }) {
      await pool.query(
        `insert into handover.manifest_pages
           (manifest, step, page, round, origin, count, key_order, low, high, keys, assignment, fingerprint, digest)
         select *, ${PAGE_DIGEST} from (
           select $1::uuid as manifest, $2::text as step, $3::integer as page, 0 as round, 'approved' as origin, $4::integer as count,
                  $5::text as key_order, $6::text as low, $7::text as high, $8::text[] as keys, $9::smallint[] as assignment,
                  $10::text as fingerprint) as p`,
        [manifest, step, page, count, order, low, high, keys, assignment, fingerprint],
      );
    },
    async open(manifest, step, page) {
      const { rows } = await pool.query(
        `select p.page, p.round, p.origin, coalesce(r.parts, 0) + 1 as part, coalesce(r.keys, 0) as first,
                p.count - coalesce(r.keys, 0) as count,
                case when r.keys is null then p.keys else p.keys[r.keys + 1 :] end::text as keys,
                case when r.keys is null then p.assignment else p.assignment[r.keys + 1 :] end::text as assignment
           from handover.manifest_pages p
           left join (select page, count(*)::int as parts, sum(count)::int as keys
                        from handover.receipts where manifest = $1 and step = $2 and aborted = 0 group by page) r using (page)
          where p.manifest = $1 and p.step = $2 and ($3::integer is null or page = $3) and coalesce(r.keys, 0) < p.count
          order by p.page`,
        [manifest, step, page ?? null],
      );
      return rows as OpenPage[];
    },
    async part({ manifest, step, page, first, took }) {
      const { rows } = await pool.query(
        `select keys[$4 + 1 : $4 + $5]::text as keys, assignment[$4 + 1 : $4 + $5]::text as assignment
           from handover.manifest_pages where manifest = $1 and step = $2 and page = $3`,
        [manifest, step, page, first, took],
      );
      return (rows[0] as { keys: Keys; assignment: Shares | null } | undefined) ?? null;
    },
    async everShown(offboarding, step, keys) {
      const { rows } = await pool.query(
        `select distinct key from unnest($3::text[]) as key, handover.manifests m, handover.manifest_pages p
          where m.offboarding = $1 and m.plan is not null and p.manifest = m.id and p.step = $2 and key = any(p.keys)`,
        [offboarding, step, keys],
      );
      return rows.map(row => row.key as string);
    },
    async timesShown(offboardings, step, keys) {
      const { rows } = await pool.query(
        `select key, count(distinct m.id)::int as times
           from unnest($3::text[]) as key, handover.manifests m, handover.manifest_pages p
          where m.offboarding = any($1) and m.plan is not null and p.manifest = m.id and p.step = $2 and key = any(p.keys)
          group by key`,
        [offboardings, step, keys],
      );
      return new Map(rows.map(row => [row.key as string, row.times as number]));
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
      return rows[0] as KeySet;
    },
    addRound: (manifest, step, round, sets, size) =>
      inTransaction(pool, async client => {
        const opened = await client.query(
          'insert into handover.manifest_rounds values ($1, $2, $3) on conflict do nothing',
          [manifest, step, round],
        );
        if (opened.rowCount === 0) return false;
        for (const { keys, assignment, origin } of sets) {
          await client.query(
            `insert into handover.manifest_pages (manifest, step, page, round, origin, count, key_order, keys, assignment, fingerprint, digest)
             select manifest, step, page, round, origin, count, key_order, keys, assignment, fingerprint, ${PAGE_DIGEST} from (
               select $1::uuid as manifest, $2::text as step, (last.page + row_number() over (order by n))::integer as page,
                      $3::integer as round, $4::text as origin, cardinality(slice.keys) as count, 'none' as key_order,
                      null::text as low, null::text as high, slice.keys, slice.assignment, '' as fingerprint
                 from (select $5::text[] as keys, $6::smallint[] as assignment) as given,
                      (select coalesce(max(page), 0) as page from handover.manifest_pages where manifest = $1 and step = $2) as last,
                      generate_series(1, cardinality(given.keys), $7::integer) as n,
                      lateral (select given.keys[n : n + $7 - 1] as keys, given.assignment[n : n + $7 - 1] as assignment) as slice) as p`,
            [manifest, step, round, origin, keys, assignment, size],
          );
        }
        return true;
      }),
    async drift(shown, now) {
      const pages = now[Symbol.asyncIterator]();
      try {
        const first = await pages.next();
        const second = first.done ? first : await pages.next();
        // Most sets are small: one page is compared as it came, without a table to put it into.
        if (second.done) return await compare(pool, shown, first.done ? keysOf([]) : first.value.keys);
        return await comparing(() =>
          inTransaction(pool, async client => {
            await client.query('create temporary table held (key text) on commit drop');
            const keep = ({ keys }: { keys: Keys }) =>
              client.query('insert into held select unnest($1::text[])', [keys]);
            await keep(first.value);
            for (let page: typeof first = second; !page.done; page = await pages.next())
              await keep(page.value);
            return compare(client, shown, null);
          }),
        );
      } finally {
        await pages.return?.();
      }
    },
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
      const row = rows[0] as {
        again: Keys;
        takers: Shares;
        again_count: number;
        arrived: Keys;
        arrived_count: number;
      };
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
    async seals(offboarding) {
      const { rows } = await pool.query(
        `select m.id::text as manifest, count(p.digest)::int as pages, ${SEAL} as digest
           from handover.manifests m left join handover.manifest_pages p on p.manifest = m.id
          where m.offboarding = $1 and m.plan is not null group by m.id order by m.id`,
        [offboarding],
      );
      return rows as Seal[];
    },
  };
}

/** So many at a time; the others wait for their turn, in order. */
function turns(most: number): <T>(work: () => Promise<T>) => Promise<T> {
  let free = most;
  const waiting: (() => void)[] = [];
  return async work => {
    if (free > 0) free--;
    else await new Promise<void>(resolve => waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free++;
    }
  };
}

/** @param keys what is held now; null where it lies in the temporary table `held` */
async function compare(store: Queryable, shown: Shown, keys: Keys | null): Promise<Drift> {
  const { rows } = await store.query(
    `with ${keys === null ? '' : 'held as (select unnest($4::text[]) as key), '}known as (
            select distinct unnest(keys) as key from (
              select keys from handover.manifest_pages where manifest = $1 and step = $2
              union all select keys from handover.frozen_keys where digest = $3) as shown)
     select (select count(*) from held left join known using (key) where known.key is null)::int as arrived,
            (select count(*) from known left join held using (key) where held.key is null)::int as departed`,
    [
      ...('frozen' in shown ? [null, null, shown.frozen] : [shown.manifest, shown.step, null]),
      ...(keys === null ? [] : [keys]),
    ],
  );
  return rows[0] as Drift;
}

/**
 * SHA-256 over everything that a page `p` says. Its keys and successors are joined as texts: a million of them
 * are not made into JSON.
 */
export const PAGE_DIGEST = `encode(sha256(convert_to(
  json_build_array(p.manifest, p.step, p.page, p.round, p.origin, p.count, p.key_order, p.low, p.high, p.fingerprint)::text
  || E'\\n' || p.keys::text || E'\\n' || coalesce(p.assignment::text, ''), 'UTF8')), 'hex')`;

/** SHA-256 over the digests of a manifest's pages, in their order. */
const SEAL = `encode(sha256(convert_to(string_agg(p.digest, E'\\n' order by p.step collate "C", p.page), 'UTF8')), 'hex')`;
