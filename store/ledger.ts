/**
 * The ledger: a receipt per effect. It is stored as intended before anything is sent, with the mark by which
 * the target's connector can find out what became of it, and as done or aborted when that is known. So a lost
 * answer is settled, not guessed; and nothing that was ever intended is forgotten.
 */

import { listed } from '../domain/certificate.js';
import { type Elsewhere, summed } from '../domain/consequences.js';
import {
  ACCESS_VERBS,
  type AccessVerb,
  type Batch,
  type Effect,
  type Intent,
  leastSure,
  type Mark,
  type Sure,
} from '../domain/effect.js';
import type { Identities, ItemException } from '../domain/model.js';
import { canonicalJson } from '../domain/plan.js';
import { append, PURGED } from './audit.js';
import { imagesOf, readImages } from './before-images.js';
import { inTransaction, type Pool, type Queryable } from './database.js';
import { sha256 } from './digest.js';
import { numbersOf, sharesOf } from './keys.js';
import { orderIn } from './offboardings.js';

export interface ReceiptId {
  manifest: string;
  step: string;
  page: number;
  part: number;
}

export interface NewReceipt extends ReceiptId, Intent {
  offboarding: string;
  /** How many keys of the page stand before those of this part. */
  first: number;
  did: Batch['do'] | AccessVerb | 'give-back';
  /** Identities of the accounts whose items these were, or of the one that was switched. */
  accounts: readonly Identities[];
  takers: (string | null)[];
}

/** What items were (`before`) is left out of what is read back: `Ledger.before` fetches it. */
export interface Receipt extends Omit<NewReceipt, 'before'> {
  state: 'intended' | 'done' | 'aborted';
  /** Null while it is intended. */
  sure: Sure | null;
  /** Names the before-images; null = there are none. */
  images: string | null;
  at: string;
  digest: string;
  /** Which of the attempts that came to nothing it is; 0 = it stands. */
  aborted: number;
}

/** How an intent ended. `effect`: null = as it was intended. */
export type Ending = { state: 'done'; sure: Sure; effect: Effect | null } | { state: 'aborted'; sure: Sure };

/**
 * The same effect has a receipt already: another attempt was faster. What became of that one must be settled
 * first.
 */
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
  /** Held by others when they were last tried. */
  locked: number;
  /** How it is known what became of the effects, by the weakest of them; null where there were none. */
  sure: Sure | null;
  /** The first exceptions that need a person, failed and ineligible ones first. */
  exceptions: ItemException[];
}

/** A block that nobody of ours has taken back. */
export interface StandingBlock {
  system: string;
  identities: Identities;
  offboarding: string;
  /** ISO 8601. */
  at: string;
  /** Who had asked for that offboarding, as they wrote it; null where this version cannot read that. */
  by: string | null;
}

export interface Ledger {
  /**
   * Stores an intent, and says of earlier intents of the step, by their marks, that they are done as
   * intended, in the same breath. `scheduled`: when the attempt was, by Temporal's clock. Throws
   * ReceiptExists, or LeftBehind.
   */
  begin(receipt: NewReceipt, done: readonly Mark[], scheduled: Date): Promise<void>;
  /**
   * From now on nothing that was scheduled before this moment of Temporal's clock gets a receipt; those under
   * way are waited for.
   */
  fence(offboarding: string, before: Date): Promise<void>;
  /** The target's answer came: these are done as intended. Answers with what of the step is still intended. */
  done(step: Pick<ReceiptId, 'manifest' | 'step'>, marks: readonly Mark[]): Promise<Receipt[]>;
  /** Says how an intent ended. Of two that say so the first one stands. */
  end(receipt: ReceiptId & Pick<Intent, 'mark'>, ending: Ending): Promise<void>;
  /** The same for an offboarding that has closed: its chain says so in the same breath. */
  endAfterwards(receipt: Receipt, ending: Ending): Promise<void>;
  intended(manifest: string, steps: readonly string[]): Promise<Receipt[]>;
  /** Intents of a whole offboarding whose end nobody has settled. */
  unsettled(offboarding: string): Promise<Receipt[]>;
  /** Offboardings that have such intents and no open run in the register; in which steps. */
  owed(): Promise<{ offboarding: string; workflow: string; steps: string[] }[]>;
  /** The receipt that stands: intended or done. */
  find(id: ReceiptId): Promise<Receipt | null>;
  /** All receipts of an offboarding, those that came to nothing included, by step and page. */
  all(offboarding: string): Promise<Receipt[]>;
  /** Items changed per step, over what is done in an offboarding. */
  changed(offboarding: string): Promise<Record<string, number>>;
  /** What happened besides in one step of a plan, those effects included whose answer has not come. */
  elsewhere(manifest: string, step: string): Promise<Elsewhere[]>;
  /** Accounts of this human being whose access we changed last by a block, over all their offboardings. */
  blocked(leaver: { id: string; human: string }): Promise<StandingBlock[]>;
  /** Is a block what we did last to the access of this account, over all offboardings? */
  isBlocked(system: string, user: string): Promise<boolean>;
  /** What the last such change of access kept of this account, over all offboardings; empty = nothing is kept. */
  keptOf(system: string, did: AccessVerb, user: string): Promise<unknown[]>;
  /** Sums over what is done in one step, every revision of the plan included. */
  totals(offboarding: string, step: string): Promise<StepTotals>;
  /** The before-images that a receipt names, in their order; null for one that was purged. */
  before(images: string): Promise<unknown[]>;
  /**
   * Takes the before-images of all receipts of an offboarding away for good, so that it cannot be undone any
   * more, and chains an entry that says so, both or neither; their digests stay. Answers how many sets there
   * were; asked twice, none. Only the owner of the tables may.
   */
  purge(offboarding: string, said: { by: string; why: string }): Promise<number>;
}

/** Changes of access that happened, and whose: they stand under the offboarding itself, with one account each. */
const OF_ACCOUNT = `manifest = offboarding and state = 'done' and changed > 0 and accounts::json -> 0 -> 'user' ->> 0`;
const EFFECT = 'changed, merged, per_taker, owners, owner_of, exceptions, elsewhere, before_images, digest';

export function ledgerOf(pool: Pool): Ledger {
  const select = async (where: string, values: unknown[]): Promise<Receipt[]> =>
    (await pool.query(`select * from handover.receipts where ${where}`, values)).rows.map(receiptOf);
  return {
    async begin(receipt, done, scheduled) {
      const images = imagesOf(receipt.before);
      const { rowCount } = await pool.query({
        name: 'handover-begin',
        // Whoever raises the fence waits for this lock, and is waited for.
        text: `with head as (
                 select from handover.audit_heads where offboarding = $1 and (fence is null or fence <= $2) for share),
               settled as (
                 update handover.receipts set state = 'done', sure = 'asked'
                  where manifest = $4 and step = $5 and mark = any($3) and state = 'intended'),
               receipt as (
                 insert into handover.receipts
                   (offboarding, manifest, step, page, part, state, first, count, did, accounts, takers, mark, ${EFFECT})
                 select $1, $4, $5, $6, $7, 'intended', $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22
                   from head
                 on conflict (manifest, step, page, part, aborted) do nothing
                 returning before_images),
               images as (
                 insert into handover.before_images (images, n, digest, salt, body)
                 select before_images, n, digest, salt, body
                   from receipt, unnest($23::text[], $24::text[], $25::text[]) with ordinality as row (digest, salt, body, n))
               select from receipt`,
        values: [
          receipt.offboarding,
          scheduled,
          done,
          receipt.manifest,
          receipt.step,
          receipt.page,
          receipt.part,
          receipt.first,
          receipt.took,
          receipt.did,
          canonicalJson(receipt.accounts),
          receipt.takers,
          receipt.mark,
          ...effectColumns(receipt, receipt.effect, images.name),
          images.digests,
          images.salts,
          images.bodies,
        ],
      });
      if (rowCount === 1) return;
      throw await whyNot(pool, receipt, scheduled);
    },
    async fence(offboarding, before) {
      await pool.query('update handover.audit_heads set fence = greatest(fence, $2) where offboarding = $1', [
        offboarding,
        before,
      ]);
    },
    async done({ manifest, step }, marks) {
      const { rows } = await pool.query(
        `with settled as (
           update handover.receipts set state = 'done', sure = 'asked'
            where manifest = $1 and step = $2 and mark = any($3) and state = 'intended')
         select * from handover.receipts
          where manifest = $1 and step = $2 and not mark = any($3) and state = 'intended' order by page, part`,
        [manifest, step, marks],
      );
      return rows.map(receiptOf);
    },
    async end(receipt, ending) {
      await end(pool, receipt, ending);
    },
    endAfterwards: (receipt, ending) =>
      inTransaction(pool, async client => {
        if (!(await end(client, receipt, ending))) return;
        const { rows } = await client.query(
          'select * from handover.receipts where manifest = $1 and step = $2 and page = $3 and part = $4 and mark = $5',
          [receipt.manifest, receipt.step, receipt.page, receipt.part, receipt.mark],
        );
        const receipts = rows.map(row => listed(receiptOf(row)));
        await append(client, receipt.offboarding, [
          {
            subject: `settled ${receipt.step} ${receipt.page}.${receipt.part} ${receipt.mark}`,
            kind: SETTLED,
            body: { receipts },
          },
        ]);
      }),
    intended: (manifest, steps) =>
      select(`manifest = $1 and step = any($2) and state = 'intended' order by step, page, part`, [
        manifest,
        steps,
      ]),
    unsettled: offboarding => select(`offboarding = $1 and state = 'intended' order by at`, [offboarding]),
    async owed() {
      // In no order: those that cannot be settled must not keep the others from their turn.
      const { rows } = await pool.query(
        `select r.offboarding, o.workflow, array_agg(distinct r.step) as steps
           from handover.receipts r join handover.offboardings o on o.id = r.offboarding
          where r.state = 'intended'
            and not exists (select from handover.open_runs open where open.offboarding = r.offboarding)
          group by r.offboarding, o.workflow order by random() limit 1000`,
      );
      return rows as { offboarding: string; workflow: string; steps: string[] }[];
    },
    async find({ manifest, step, page, part }) {
      const which = 'manifest = $1 and step = $2 and page = $3 and part = $4 and aborted = 0';
      const [receipt] = await select(which, [manifest, step, page, part]);
      return receipt ?? null;
    },
    all: offboarding => select('offboarding = $1 order by step, at, page, part', [offboarding]),
    async changed(offboarding) {
      const { rows } = await pool.query(
        `select step, sum(changed)::int as changed from handover.receipts where offboarding = $1 and state = 'done' group by step`,
        [offboarding],
      );
      return Object.fromEntries(rows.map(row => [row.step as string, row.changed as number]));
    },
    async elsewhere(manifest, step) {
      const { rows } = await pool.query(
        `select elsewhere from handover.receipts
          where manifest = $1 and step = $2 and state <> 'aborted' and elsewhere <> '[]'`,
        [manifest, step],
      );
      return summed(rows.flatMap(row => JSON.parse(row.elsewhere as string) as Elsewhere[]));
    },
    async blocked({ id, human }) {
      const { rows } = await pool.query(
        `select system, accounts, offboarding, at, "order" from (
           select distinct on (split_part(r.step, '/', 1), r.accounts::json -> 0 ->> 'user')
                  split_part(r.step, '/', 1) as system, r.accounts, r.did, r.offboarding, r.at, o."order"
             from handover.receipts r join handover.offboardings o on o.id = r.offboarding
            where (o.leaver = $1 or o.human = $2) and r.manifest = r.offboarding and r.state = 'done' and r.changed > 0
            order by 1, r.accounts::json -> 0 ->> 'user', r.at desc) as last
          where did = 'block'`,
        [id, human],
      );
      return rows.map(row => ({
        system: row.system as string,
        identities: (JSON.parse(row.accounts as string) as Identities[])[0]!,
        offboarding: row.offboarding as string,
        at: (row.at as Date).toISOString(),
        by: orderIn(row.order as string)?.requestedBy ?? null,
      }));
    },
    async isBlocked(system, user) {
      const steps = ACCESS_VERBS.map(verb => `${system}/${verb}`);
      const [last] = await select(`step = any($1) and ${OF_ACCOUNT} = $2 order by at desc limit 1`, [
        steps,
        user,
      ]);
      return last?.did === 'block';
    },
    async keptOf(system, did, user) {
      const [last] = await select(`step = $1 and did = $2 and ${OF_ACCOUNT} = $3 order by at desc limit 1`, [
        `${system}/${did}`,
        did,
        user,
      ]);
      return last?.images ? (await readImages(pool, last.images)).filter(image => image !== null) : [];
    },
    async totals(offboarding, step) {
      const receipts = await select(
        `offboarding = $1 and step = $2 and state = 'done' order by at, page, part`,
        [offboarding, step],
      );
      const excepted = new Set(
        receipts.flatMap(({ effect }) => effect!.exceptions.map(exception => exception.key)),
      );
      return sum(
        receipts,
        excepted.size > 0 ? await triedAgain(pool, offboarding, step, [...excepted]) : new Map(),
      );
    },
    before: images => readImages(pool, images),
    purge: (offboarding, { by, why }) =>
      inTransaction(pool, async client => {
        const { rows } = await client.query(
          `select distinct images from handover.receipts join handover.before_images on images = before_images
            where offboarding = $1 and body is not null order by images`,
          [offboarding],
        );
        const images = rows.map(row => row.images as string);
        if (images.length === 0) return 0;
        const subject = `purged rows ${sha256(images.join(' ')).slice(0, 12)}`;
        await append(client, offboarding, [{ subject, kind: PURGED, body: { images, by, why } }]);
        await client.query(
          'update handover.before_images set body = null, salt = null where images = any($1)',
          [images],
        );
        return images.length;
      }),
  };
}

/** True where it was not said before. */
async function end(
  store: Queryable,
  receipt: ReceiptId & Pick<Intent, 'mark'>,
  ending: Ending,
): Promise<boolean> {
  const { manifest, step, page, part, mark } = receipt;
  const which = `manifest = $1 and step = $2 and page = $3 and part = $4 and mark = $5 and state = 'intended'`;
  const id = [manifest, step, page, part, mark, ending.sure];
  const changed = async (text: string, values: unknown[]): Promise<boolean> =>
    (await store.query(text, values)).rowCount === 1;
  if (ending.state === 'aborted')
    return changed(
      `update handover.receipts set state = 'aborted', sure = $6, aborted = 1 + (
         select max(aborted) from handover.receipts where manifest = $1 and step = $2 and page = $3 and part = $4)
       where ${which}`,
      id,
    );
  if (ending.effect === null)
    return changed(`update handover.receipts set state = 'done', sure = $6 where ${which}`, id);
  const { rows } = await store.query(`select * from handover.receipts where ${which}`, id.slice(0, 5));
  if (!rows[0]) return false;
  const stored = receiptOf(rows[0] as Record<string, unknown>);
  return changed(
    `update handover.receipts
        set state = 'done', sure = $6, (${EFFECT}) = row ($7, $8, $9, $10, $11, $12, $13, $14, $15)
      where ${which}`,
    [...id, ...effectColumns(stored, ending.effect, stored.images)],
  );
}

/** The kind of the entries that say how an intent of a closed offboarding ended after all. */
export const SETTLED = 'settled';

/** Why an intent was not stored. */
async function whyNot(pool: Pool, { offboarding, step, page }: NewReceipt, scheduled: Date): Promise<Error> {
  const { rows } = await pool.query(
    'select fence > $2 as fenced from handover.audit_heads where offboarding = $1',
    [offboarding, scheduled],
  );
  if (!rows[0])
    return new Error(`${step}: offboarding ${offboarding} has no trail yet, so it has no effects.`);
  if (rows[0].fenced)
    return new LeftBehind(
      `This offboarding has ended while an attempt at ${step} was out of reach: nothing more is changed.`,
    );
  return new ReceiptExists(`${step} page ${page} has a receipt already.`);
}

function partOf(receipt: Pick<ReceiptId, 'manifest' | 'page' | 'part'>): string {
  return `${receipt.manifest} ${receipt.page} ${receipt.part}`;
}

/**
 * Part → which of these keys it was about. A key on a later page without an exception there was changed after
 * all.
 */
async function triedAgain(
  pool: Pool,
  offboarding: string,
  step: string,
  keys: string[],
): Promise<Map<string, string[]>> {
  const { rows } = await pool.query(
    `select manifest, page, part,
            array(select key from unnest(p.keys[r.first + 1 : r.first + r.count]) as key where key = any($3)) as keys
       from handover.receipts r join handover.manifest_pages p using (manifest, step, page)
      where r.offboarding = $1 and step = $2 and r.state = 'done' and p.keys && $3::text[]`,
    [offboarding, step, keys],
  );
  return new Map(rows.map(row => [partOf(row as ReceiptId), row.keys as string[]]));
}

/**
 * A later receipt's word on an item replaces an earlier one's: a failed item that was moved in a later round
 * no longer counts. `touched`: which of the excepted keys a receipt was about.
 */
function sum(receipts: Receipt[], touched: ReadonlyMap<string, string[]>): StepTotals {
  const last = new Map<string, ItemException>();
  let changed = 0;
  for (const receipt of receipts) {
    changed += receipt.effect!.changed;
    for (const key of touched.get(partOf(receipt)) ?? []) last.delete(key);
    // What somebody's trigger said lies in the receipt: totals travel.
    for (const { said: _, ...exception } of receipt.effect!.exceptions) last.set(exception.key, exception);
  }
  const exceptions = [...last.values()];
  const of = (kind: ItemException['kind']): ItemException[] =>
    exceptions.filter(exception => exception.kind === kind);
  return {
    changed,
    taken: of('taken').length,
    gone: of('gone').length,
    failed: of('failed').length,
    ineligible: of('ineligible').length,
    locked: of('locked').length,
    sure: leastSure(receipts.map(({ sure }) => sure)),
    exceptions: [...of('failed'), ...of('ineligible'), ...of('locked'), ...of('taken'), ...of('gone')].slice(
      0,
      10,
    ),
  };
}

/** What a receipt's digest is over: everything but how it ended. `images` names the before-images. */
export function receiptDigest(
  receipt: Omit<NewReceipt, 'before'>,
  effect: Effect | null,
  images: string | null,
): string {
  const { offboarding, manifest, step, page, part, first, took, did, accounts, takers, mark } = receipt;
  const { values, perKey } = receipt.owners;
  return sha256(
    canonicalJson([
      offboarding,
      manifest,
      step,
      page,
      part,
      first,
      took,
      did,
      accounts,
      takers,
      mark,
      effect?.changed ?? null,
      effect?.merged ?? 0,
      effect?.perTaker ?? [],
      values,
      perKey && numbersOf(perKey),
      effect?.exceptions ?? [],
      effect?.elsewhere ?? [],
      images,
    ]),
  );
}

/** Values of the columns that EFFECT names. */
function effectColumns(
  receipt: Omit<NewReceipt, 'before'>,
  effect: Effect | null,
  images: string | null,
): unknown[] {
  return [
    effect?.changed ?? null,
    effect?.merged ?? 0,
    effect?.perTaker ?? [],
    receipt.owners.values,
    receipt.owners.perKey,
    canonicalJson(effect?.exceptions ?? []),
    canonicalJson(effect?.elsewhere ?? []),
    images,
    receiptDigest(receipt, effect, images),
  ];
}

function besides(elsewhere: string): Pick<Effect, 'elsewhere'> {
  const rows = JSON.parse(elsewhere) as Elsewhere[];
  return rows.length > 0 ? { elsewhere: rows } : {};
}

function receiptOf(row: Record<string, unknown>): Receipt {
  const perKey = row.owner_of as number[] | null;
  return {
    offboarding: row.offboarding as string,
    manifest: row.manifest as string,
    step: row.step as string,
    page: row.page as number,
    part: row.part as number,
    state: row.state as Receipt['state'],
    sure: row.sure as Sure | null,
    first: row.first as number,
    took: row.count as number,
    did: row.did as Receipt['did'],
    accounts: JSON.parse(row.accounts as string) as Identities[],
    takers: row.takers as (string | null)[],
    mark: row.mark as Mark,
    owners: { values: row.owners as (string | null)[], perKey: perKey && sharesOf(perKey) },
    effect:
      row.changed === null
        ? null
        : {
            changed: row.changed as number,
            merged: row.merged as number,
            perTaker: row.per_taker as number[],
            exceptions: JSON.parse(row.exceptions as string) as ItemException[],
            ...besides(row.elsewhere as string),
          },
    images: row.before_images as string | null,
    digest: row.digest as string,
    aborted: row.aborted as number,
    at: (row.at as Date).toISOString(),
  };
}
