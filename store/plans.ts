/**
 * Plans by digest, what the catalogs they were made with do, and which manifest each of them counts on. A
 * plan's digest is over the plan alone, without a salt: it is what people approve by, and two attempts, or a
 * copy in somebody's hands, must be comparable by it.
 */
import { randomUUID } from 'node:crypto';
import type { SystemAccounts } from '../domain/model.js';
import { canonicalJson, type Plan } from '../domain/plan.js';
import type { Pool } from './database.js';
import { sha256 } from './digest.js';

/** What a catalog does, as its connector tells it. */
export interface Catalog {
  system: string;
  digest: string;
  /** Canonical JSON. */
  body: string;
}

export interface Plans {
  /**
   * Opens a manifest for one attempt at a plan: pages are written under its id, and it counts once a plan
   * that names it is saved.
   */
  manifest(offboarding: string): Promise<string>;
  /**
   * Computes the digest, stores the plan and returns it complete. Of two plans for one revision of a run the
   * first one stands. The catalogs that it was made with are kept in the same breath.
   */
  save(plan: Omit<Plan, 'digest'>, run: string, catalogs: readonly Catalog[]): Promise<Plan>;
  /** The plan that a run has for a revision. */
  made(offboarding: string, run: string, revision: number): Promise<Plan | null>;
  /** The newest plan of an offboarding with a lower revision. */
  before(offboarding: string, revision: number): Promise<Plan | null>;
  /**
   * All plans of an offboarding, oldest first, those of executions that were reset included. One that no longer
   * gives its digest is nobody's word, and is left out: an audit names it.
   */
  all(offboarding: string): Promise<{ plan: Plan; made: string }[]>;
  /** Throws where the stored plan no longer gives its digest: nobody approved what it says now. */
  find(digest: string): Promise<Plan | null>;
  /** What this human being was in every system, by all plans that were ever made for them. */
  accountsOf(leaver: { id: string; human: string }): Promise<SystemAccounts[]>;
  /** Whom names meant in the plans of an offboarding; the latest word counts. */
  named(offboarding: string): Promise<Record<string, string>>;
  /** What the catalog of a plan does; null where the store has none of that digest. */
  catalog(digest: string): Promise<Catalog | null>;
}

export function plansOf(pool: Pool): Plans {
  const first = async (where: string, values: unknown[]): Promise<Plan | null> => {
    const { rows } = await pool.query(
      `select digest, body from handover.plans where ${where} limit 1`,
      values,
    );
    return rows[0] ? planOf(rows[0]) : null;
  };
  // Every activity of a run asks for its plan, and a plan never changes: the last ones are kept at hand.
  const known = new Map<string, Plan>();
  const keep = (digest: string, plan: Plan): void => {
    known.delete(digest);
    known.set(digest, plan);
    if (known.size > KEPT) known.delete(known.keys().next().value!);
  };
  return {
    async manifest(offboarding) {
      const id = randomUUID();
      await pool.query('insert into handover.manifests (id, offboarding) values ($1, $2)', [id, offboarding]);
      return id;
    },
    async save(plan, run, catalogs) {
      const body = canonicalJson(plan);
      const odd = catalogs.find(catalog => sha256(catalog.body) !== catalog.digest);
      if (odd)
        throw new Error(`The catalog of ${odd.system} does not give its digest ${odd.digest.slice(0, 12)}.`);
      await pool.query(
        `with kept as (
           insert into handover.catalogs (digest, system, body)
           select * from unnest($7::text[], $8::text[], $9::text[])
           on conflict (digest) do nothing),
         saved as (
           insert into handover.plans (digest, offboarding, run, revision, body) values ($1, $2, $3, $4, $5)
           on conflict (offboarding, run, revision) do nothing returning digest)
         update handover.manifests set plan = saved.digest from saved where id = $6`,
        [
          sha256(body),
          plan.offboardingId,
          run,
          plan.revision,
          body,
          plan.manifest,
          catalogs.map(catalog => catalog.digest),
          catalogs.map(catalog => catalog.system),
          catalogs.map(catalog => catalog.body),
        ],
      );
      // Two attempts can see different worlds; both answer with the plan that stands.
      const stands = await this.made(plan.offboardingId, run, plan.revision);
      if (!stands)
        throw new Error(`Plan ${plan.revision} of offboarding ${plan.offboardingId} was not stored.`);
      return stands;
    },
    made: (offboarding, run, revision) =>
      first('offboarding = $1 and run = $2 and revision = $3', [offboarding, run, revision]),
    before: (offboarding, revision) =>
      first('offboarding = $1 and revision < $2 order by made desc, revision desc', [offboarding, revision]),
    async all(offboarding) {
      const { rows } = await pool.query(
        'select digest, body, made from handover.plans where offboarding = $1 order by made, revision',
        [offboarding],
      );
      return rows
        .filter(isIntact)
        .map(row => ({ plan: planOf(row), made: (row.made as Date).toISOString() }));
    },
    async find(digest) {
      const plan = known.get(digest) ?? (await first('digest = $1', [digest]));
      if (plan) keep(digest, plan);
      return plan;
    },
    async accountsOf({ id, human }) {
      const { rows } = await pool.query(
        `select distinct (p.body::json -> 'accounts')::text as accounts
           from handover.plans p join handover.offboardings o on o.id = p.offboarding
          where o.leaver = $1 or o.human = $2`,
        [id, human],
      );
      return rows.flatMap(row => JSON.parse(row.accounts as string) as SystemAccounts[]);
    },
    async named(offboarding) {
      const { rows } = await pool.query(
        `select body::json -> 'named' as named from handover.plans where offboarding = $1 order by made`,
        [offboarding],
      );
      return Object.assign({}, ...rows.map(row => row.named as Record<string, string> | null));
    },
    async catalog(digest) {
      const { rows } = await pool.query(
        'select digest, system, body from handover.catalogs where digest = $1',
        [digest],
      );
      return (rows[0] as Catalog | undefined) ?? null;
    },
  };
}

/** Plans kept in memory: tens of kilobytes each, a few hundred at the most. */
const KEPT = 50;

/** Does a stored plan say what it said when people approved it? */
export function isIntact({ digest, body }: { digest: string; body: string }): boolean {
  return sha256(body) === digest;
}

function planOf(row: { digest: string; body: string }): Plan {
  if (!isIntact(row))
    throw new Error(`The stored plan ${row.digest.slice(0, 12)} no longer gives its digest: it was changed.`);
  return { ...(JSON.parse(row.body) as Omit<Plan, 'digest'>), digest: row.digest };
}
