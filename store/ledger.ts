/**
 * The ledger: a receipt per effect. It is stored as pending inside the target's transaction, with that transaction's id, and
 * committed afterwards; whoever finds a pending receipt asks the target what became of it. So a lost answer is settled, not guessed.
 */
import type { ItemException } from '../domain/model.js';
import { canonicalJson } from '../domain/plan.js';
import type { Pool } from './database.js';
import { sha256 } from './digest.js';

export interface ReceiptId {
  manifest: string;
  step: string;
  page: number;
}

export interface NewReceipt extends ReceiptId {
  offboarding: string;
  transaction: string;
  changed: number;
  merged: number;
  perTaker: number[];
  takers: (string | null)[];
  fromOwner: string | null;
  exceptions: ItemException[];
  before: unknown[] | null;
}

export interface Receipt extends NewReceipt {
  state: 'pending' | 'committed';
  at: string;
  digest: string;
}

/** The same effect has a receipt already: another attempt was faster. Its transaction must be settled first. */
export class ReceiptExists extends Error {
  override readonly name = 'ReceiptExists';
}

/** The offboarding has ended since the attempt that wants this effect was scheduled: it was left behind. */
export class LeftBehind extends Error {
  override readonly name = 'LeftBehind';
}

/** What the receipts of one step add up to. */
export interface StepTotals {
  changed: number;
  taken: number;
  gone: number;
  failed: number;
  ineligible: number;
  /** The first exceptions that need a person, failed and ineligible ones first. */
  exceptions: ItemException[];
}

export interface Ledger {
  /**
   * Stores a pending receipt, and marks the given earlier transactions of the step as committed in the same breath. `scheduled`: when
   * the attempt was, by Temporal's clock. Throws ReceiptExists, or LeftBehind.
   */
  begin(receipt: NewReceipt, committed: readonly string[], scheduled: Date): Promise<void>;
  /** From now on nothing that was scheduled before this moment of Temporal's clock gets a receipt; those under way are waited for. */
  fence(offboarding: string, before: Date): Promise<void>;
  commit(id: Pick<ReceiptId, 'manifest' | 'step'>, transactions: readonly string[]): Promise<void>;
  /** Forgets a pending receipt whose transaction was rolled back. */
  abort(id: ReceiptId, transaction: string): Promise<void>;
  pending(manifest: string, step: string): Promise<Receipt[]>;
  /** Pending receipts of a whole offboarding. */
  unsettled(offboarding: string): Promise<Receipt[]>;
  find(id: ReceiptId): Promise<Receipt | null>;
  /** All receipts of an offboarding, by step and page. */
  all(offboarding: string): Promise<Receipt[]>;
  /** Items changed per step, over the committed receipts of an offboarding. */
  changed(offboarding: string): Promise<Record<string, number>>;
  /** Sums over the committed receipts of one step, every revision of the plan included. */
  totals(offboarding: string, step: string): Promise<StepTotals>;
}

function pageOf(receipt: Pick<ReceiptId, 'manifest' | 'page'>): string {
  return `${receipt.manifest} ${receipt.page}`;
}

export function ledgerOf(pool: Pool): Ledger {
  /** Page → which of these keys stood on it. A key on a later page without an exception there was changed after all. */
  const triedAgain = async (offboarding: string, step: string, keys: string[]): Promise<Map<string, string[]>> => {
    const { rows } = await pool.query(
      `select manifest, page, array(select key from unnest(p.keys) as key where key = any($3)) as keys
         from handover.receipts r join handover.manifest_pages p using (manifest, step, page)
        where r.offboarding = $1 and step = $2 and r.state = 'committed' and p.keys && $3::text[]`,
      [offboarding, step, keys],
    );
    return new Map(rows.map(row => [pageOf(row as ReceiptId), row.keys as string[]]));
  };
  return {
    async begin(receipt, committed, scheduled) {
      const { rowCount } = await pool.query({
        name: 'handover-begin',
        // Whoever raises the fence waits for this lock, and is waited for.
        text: `with head as (
                 select from handover.audit_heads where offboarding = $1 and (fence is null or fence <= $15) for share),
               settled as (
                 update handover.receipts set state = 'committed' where manifest = $2 and step = $3 and transaction = any($14) and state = 'pending')
               insert into handover.receipts
                 (offboarding, manifest, step, page, state, transaction, changed, merged, per_taker, takers, from_owner, exceptions, before_images, digest)
               select $1, $2, $3, $4, 'pending', $5, $6, $7, $8, $9, $10, $11, $12, $13 from head
               on conflict (manifest, step, page) do nothing`,
        values: [
          receipt.offboarding,
          receipt.manifest,
          receipt.step,
          receipt.page,
          receipt.transaction,
          receipt.changed,
          receipt.merged,
          receipt.perTaker,
          receipt.takers,
          receipt.fromOwner,
          canonicalJson(receipt.exceptions),
          receipt.before === null ? null : canonicalJson(receipt.before),
          receiptDigest(receipt),
          committed,
          scheduled,
        ],
      });
      if (rowCount === 1) return;
      const { rows } = await pool.query('select fence > $2 as fenced from handover.audit_heads where offboarding = $1', [
        receipt.offboarding,
        scheduled,
      ]);
      if (!rows[0])
        throw new Error(`${receipt.step}: offboarding ${receipt.offboarding} has no trail yet, so it has no effects.`);
      if (rows[0].fenced)
        throw new LeftBehind(
          `This offboarding has ended while an attempt at ${receipt.step} was out of reach: nothing more is changed.`,
        );
      throw new ReceiptExists(`${receipt.step} page ${receipt.page} has a receipt already.`);
    },
    async fence(offboarding, before) {
      await pool.query('update handover.audit_heads set fence = greatest(fence, $2) where offboarding = $1', [
        offboarding,
        before,
      ]);
    },
    async commit(id, transactions) {
      if (transactions.length === 0) return;
      await pool.query(
        `update handover.receipts set state = 'committed' where manifest = $1 and step = $2 and transaction = any($3) and state = 'pending'`,
        [id.manifest, id.step, transactions],
      );
    },
    async abort(id, transaction) {
      await pool.query(
        `delete from handover.receipts where manifest = $1 and step = $2 and page = $3 and transaction = $4 and state = 'pending'`,
        [id.manifest, id.step, id.page, transaction],
      );
    },
    async pending(manifest, step) {
      const { rows } = await pool.query(
        `select * from handover.receipts where manifest = $1 and step = $2 and state = 'pending' order by page`,
        [manifest, step],
      );
      return rows.map(receiptOf);
    },
    async unsettled(offboarding) {
      const { rows } = await pool.query(
        `select * from handover.receipts where offboarding = $1 and state = 'pending' order by at`,
        [offboarding],
      );
      return rows.map(receiptOf);
    },
    async find(id) {
      const { rows } = await pool.query('select * from handover.receipts where manifest = $1 and step = $2 and page = $3', [
        id.manifest,
        id.step,
        id.page,
      ]);
      return rows[0] ? receiptOf(rows[0]) : null;
    },
    async all(offboarding) {
      const { rows } = await pool.query('select * from handover.receipts where offboarding = $1 order by step, at, page', [
        offboarding,
      ]);
      return rows.map(receiptOf);
    },
    async changed(offboarding) {
      const { rows } = await pool.query(
        `select step, sum(changed)::int as changed from handover.receipts where offboarding = $1 and state = 'committed' group by step`,
        [offboarding],
      );
      return Object.fromEntries(rows.map(row => [row.step as string, row.changed as number]));
    },
    async totals(offboarding, step) {
      const { rows } = await pool.query(
        `select * from handover.receipts where offboarding = $1 and step = $2 and state = 'committed' order by at, page`,
        [offboarding, step],
      );
      const receipts = rows.map(receiptOf);
      const excepted = new Set(receipts.flatMap(receipt => receipt.exceptions.map(exception => exception.key)));
      return sum(receipts, excepted.size > 0 ? await triedAgain(offboarding, step, [...excepted]) : new Map());
    },
  };
}

/**
 * A later receipt's word on an item replaces an earlier one's: a failed item that was moved in a later round no longer counts.
 * `touched`: which of the excepted keys stood on a receipt's page.
 */
function sum(receipts: Receipt[], touched: ReadonlyMap<string, string[]>): StepTotals {
  const last = new Map<string, ItemException>();
  let changed = 0;
  for (const receipt of receipts) {
    changed += receipt.changed;
    for (const key of touched.get(pageOf(receipt)) ?? []) last.delete(key);
    for (const exception of receipt.exceptions) last.set(exception.key, exception);
  }
  const exceptions = [...last.values()];
  const of = (kind: ItemException['kind']): ItemException[] => exceptions.filter(exception => exception.kind === kind);
  return {
    changed,
    taken: of('taken').length,
    gone: of('gone').length,
    failed: of('failed').length,
    ineligible: of('ineligible').length,
    exceptions: [...of('failed'), ...of('ineligible'), ...of('taken'), ...of('gone')].slice(0, 10),
  };
}

export function receiptDigest(receipt: NewReceipt): string {
  const { offboarding, manifest, step, page, transaction, changed, merged, perTaker, takers, fromOwner, exceptions, before } =
    receipt;
  return sha256(
    canonicalJson([
      offboarding,
      manifest,
      step,
      page,
      transaction,
      changed,
      merged,
      perTaker,
      takers,
      fromOwner,
      exceptions,
      before,
    ]),
  );
}

function receiptOf(row: Record<string, unknown>): Receipt {
  return {
    offboarding: row.offboarding as string,
    manifest: row.manifest as string,
    step: row.step as string,
    page: row.page as number,
    state: row.state as Receipt['state'],
    transaction: row.transaction as string,
    changed: row.changed as number,
    merged: row.merged as number,
    perTaker: row.per_taker as number[],
    takers: row.takers as (string | null)[],
    fromOwner: row.from_owner as string | null,
    exceptions: JSON.parse(row.exceptions as string) as ItemException[],
    before: row.before_images === null ? null : (JSON.parse(row.before_images as string) as unknown[]),
    digest: row.digest as string,
    at: (row.at as Date).toISOString(),
  };
}
