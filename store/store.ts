/**
 * Our own memory, in the PostgreSQL schema `handover`: offboardings, plans, catalogs and sets of overrides by
 * digest, manifests, ledger, audit trail, archived histories, certificates and the register of open runs. Everything is keyed by
 * the offboarding id, which travels in the workflow's input.
 */
import { type Archive, archiveOf } from './archive.js';
import { type Audit, auditOf } from './audit.js';
import { type Budgets, budgetsOf } from './budgets.js';
import { migrate, openPool, type Pool } from './database.js';
import { type Deliveries, deliveriesOf } from './deliveries.js';
import { type Inquiries, inquiriesOf } from './inquiries.js';
import { type Ledger, ledgerOf } from './ledger.js';
import { type Logouts, logoutsOf } from './logouts.js';
import { type Looks, looksOf } from './looks.js';
import { type Manifests, manifestsOf } from './manifests.js';
import { type Offboardings, offboardingsOf } from './offboardings.js';
import { type OpenRuns, openRunsOf } from './open-runs.js';
import { type OverrideSets, overrideSetsOf } from './overrides.js';
import { type Plans, plansOf } from './plans.js';
import { type Standing, standingOf } from './roles.js';
import { type Statements, statementsOf } from './statements.js';
import { type Trail, trailOf } from './trail.js';

export interface Store {
  offboardings: Offboardings;
  plans: Plans;
  overrides: OverrideSets;
  runs: OpenRuns;
  manifests: Manifests;
  ledger: Ledger;
  audit: Audit;
  archive: Archive;
  /** Looks at what has closed. */
  looks: Looks;
  /** What a system may be asked in a time, by all workers together. */
  budgets(system: string): Budgets;
  /** Questions about the past, for auditors. */
  trail: Trail;
  /** What the gateway and the workers share. */
  statements: Statements;
  inquiries: Inquiries;
  deliveries: Deliveries;
  logouts: Logouts;
  /** Makes this the store of an installation, if it is nobody's yet; answers whose it is. */
  claim(installation: string): Promise<string>;
  /** Whose it is; null = nobody's yet. */
  installation(): Promise<string | null>;
  /**
   * The server's version, the migrations that were run (null: our tables are not there), whether we may make
   * tables, and what we may do to evidence.
   */
  about(): Promise<{
    version: string;
    migrations: string[] | null;
    mayCreate: boolean;
    standing: Standing | null;
  }>;
  /** Rejects when the database does not answer. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens the store. `migrate`: brings its schema up to date first, with the rights of this very connection;
 * where it has an owner of its own that is `prepareStore`'s.
 */
export async function openStore(
  url: string,
  options: { migrate?: boolean; connections?: number } = {},
): Promise<Store> {
  if (options.migrate ?? true) await migrate(url);
  const pool = openPool(url, options.connections);
  return {
    offboardings: offboardingsOf(pool),
    plans: plansOf(pool),
    overrides: overrideSetsOf(pool),
    runs: openRunsOf(pool),
    manifests: manifestsOf(pool),
    ledger: ledgerOf(pool),
    audit: auditOf(pool),
    archive: archiveOf(pool),
    looks: looksOf(pool),
    budgets: budgetsOf(pool),
    trail: trailOf(pool),
    statements: statementsOf(pool),
    inquiries: inquiriesOf(pool),
    deliveries: deliveriesOf(pool),
    logouts: logoutsOf(pool),
    async claim(installation) {
      await pool.query('insert into handover.installation (name) values ($1) on conflict do nothing', [
        installation,
      ]);
      return (await nameIn(pool))!;
    },
    installation: () => nameIn(pool),
    async about() {
      const { rows } = await pool.query(
        `select current_setting('server_version') as version, to_regclass('handover.migrations') is not null as migrated,
                has_database_privilege(current_database(), 'create') as "mayCreate"`,
      );
      const { version, migrated, mayCreate } = rows[0];
      if (!migrated) return { version, migrations: null, mayCreate, standing: null };
      const done = await pool.query<{ name: string }>('select name from handover.migrations order by id');
      return {
        version,
        migrations: done.rows.map(row => row.name),
        mayCreate,
        standing: await standingOf(pool),
      };
    },
    async ping() {
      await pool.query('select 1');
    },
    close: () => pool.end(),
  };
}

async function nameIn(pool: Pool): Promise<string | null> {
  const { rows } = await pool.query('select name from handover.installation');
  return (rows[0]?.name as string | undefined) ?? null;
}
