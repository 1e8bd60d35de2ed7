/**
 * Our own memory, in the PostgreSQL schema `handover`: plans by digest, manifests, ledger, audit trail, archived histories,
 * certificates and the register of open runs. Everything is keyed by the offboarding id, which travels in the workflow's input.
 */
import { type Archive, archiveOf } from './archive.js';
import { type Audit, auditOf } from './audit.js';
import { migrate, openPool, type Pool } from './database.js';
import { type Ledger, ledgerOf } from './ledger.js';
import { type Manifests, manifestsOf } from './manifests.js';
import { type Plans, plansOf, type Runs, runsOf } from './plans.js';

export interface Store {
  plans: Plans;
  runs: Runs;
  manifests: Manifests;
  ledger: Ledger;
  audit: Audit;
  archive: Archive;
  pool: Pool;
  close(): Promise<void>;
}

/** Opens the store, with its schema brought up to date unless the caller only reads. */
export async function openStore(url: string, options: { migrate?: boolean } = {}): Promise<Store> {
  if (options.migrate ?? true) await migrate(url);
  const pool = openPool(url);
  return {
    plans: plansOf(pool),
    runs: runsOf(pool),
    manifests: manifestsOf(pool),
    ledger: ledgerOf(pool),
    audit: auditOf(pool),
    archive: archiveOf(pool),
    pool,
    close: () => pool.end(),
  };
}
