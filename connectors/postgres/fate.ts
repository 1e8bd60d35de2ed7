/**
 * What became of a transaction whose end nobody saw. The database is asked; where it cannot know (it has
 * forgotten so old a transaction, or it is not the server that gave the id out, because it was restored from
 * a backup or a standby took over), the rows are read again, and the answer says so.
 *
 * A server that was started again since may have lost what it knew: after a crash it has not, with files of
 * yesterday in place it has, and gives the same ids out once more. So a commit counts there only where the
 * checkpoint with which the server came up lies behind the id (what is on disk then was given to nobody else),
 * or, once another checkpoint has taken its place, where a row that we changed still bears the id. What neither
 * can tell apart are files of yesterday that were used beyond the id and then started once more. Nothing of the
 * kind is needed for a transaction that did not commit: if the id is somebody else's, ours is lost.
 */

import { valuesOf } from '../../domain/accounts.js';
import type { AccessChange, Batch, Fate, Intended, Work } from '../../domain/effect.js';
import { HandoverFailure } from '../../domain/failure.js';
import { parameterOf } from '../keys.js';
import { keyOf } from './accounts.js';
import { andWhen, type BoundCategory, ownedBy, ownedByAny, sameOwner } from './binding.js';
import { sqlState } from './failures.js';
import { HERE, isFrom, isUnbroken, type Origin, originOf } from './mark.js';
import { Placeholders, quote } from './names.js';
import type { Row } from './session.js';
import type { Target } from './target.js';

export async function fateOf(
  target: Target,
  work: Work,
  intent: Intended,
  signal?: AbortSignal,
): Promise<Fate> {
  const asked = await ask(target, work, intent, signal);
  if ('kind' in asked) return asked;
  return work.kind === 'batch'
    ? readBatch(target, work, intent, asked, signal)
    : readAccess(target, work, intent, asked.why, signal);
}

const FATES: Record<string, Fate> = {
  committed: { kind: 'happened', effect: null, sure: 'asked' },
  aborted: { kind: 'did-not', sure: 'asked' },
  'in progress': { kind: 'under-way' },
};

/** The database cannot tell. */
interface Untold {
  why: string;
  /** It says that the id was committed, and that may be somebody else's by now. */
  committed?: true;
}

async function ask(
  target: Target,
  work: Work,
  { mark }: Intended,
  signal?: AbortSignal,
): Promise<Fate | Untold> {
  const origin = originOf(mark);
  if (!origin) return { why: `it gave out no such thing as "${mark}"` };
  const options = { mode: 'glance', doing: 'asking what became of a transaction', signal } as const;
  try {
    const said = await target.session.transaction(options, async tx => {
      const { cluster, timeline } = tx.identity;
      const [server] = await tx.query<Omit<Origin, 'id' | 'cluster'> & { standby: boolean } & Row>(
        `SELECT ${timeline} AS timeline, pg_catalog.pg_is_in_recovery() AS standby, ${HERE}`,
      );
      const { standby, ...it } = server!;
      if (standby) {
        const why = 'a standby answers, which may not know yet what the primary knows';
        throw new HandoverFailure('transient', `${target.system}: while ${options.doing}: ${why}`);
      }
      const here = { cluster, ...it };
      if (!isFrom(origin, here))
        return { why: 'it was restored from a backup, or another server took over, since' };
      const [row] = await tx.query<{ fate: string | null }>('SELECT pg_xact_status($1::xid8) AS fate', [
        origin.id,
      ]);
      const fate = FATES[row?.fate ?? ''] ?? { why: 'it has forgotten so old a transaction' };
      return 'kind' in fate &&
        fate.kind === 'happened' &&
        origin.started !== null &&
        !isUnbroken(origin, here)
        ? null
        : fate;
    });
    if (said) return said;
    return (await cameUpBehind(target, origin.id, signal)) || (await bearsIt(target, work, origin.id, signal))
      ? FATES.committed!
      : { why: 'it was started again since, and none of the rows bears the transaction', committed: true };
  } catch (error) {
    // 22023: an id that this database has not given out yet: it lost what came after a backup.
    const state = sqlState((error as { cause?: unknown } | null)?.cause);
    if (state?.startsWith('22')) return { why: 'it has not given out such an id yet' };
    throw error;
  }
}

/**
 * Had this id been given out already when the server came up? Its last checkpoint says so as long as it is the
 * one of the start: that one alone has nothing between its beginning and itself. Until PostgreSQL 17 the others
 * have nothing there either where the log is kept at its least.
 */
async function cameUpBehind(target: Target, id: string, signal?: AbortSignal): Promise<boolean> {
  const options = { mode: 'glance', doing: 'reading with what the server came up', signal } as const;
  const text = `SELECT c.redo_lsn OPERATOR(pg_catalog.=) c.checkpoint_lsn
         AND (pg_catalog.current_setting('wal_level') OPERATOR(pg_catalog.<>) 'minimal'
              OR pg_catalog.current_setting('server_version_num')::pg_catalog.int4 OPERATOR(pg_catalog.>=) 170000)
       AS started, c.next_xid AS next
  FROM pg_catalog.pg_control_checkpoint() AS c`;
  try {
    const [row] = await target.session.transaction(options, tx =>
      tx.query<{ started: boolean; next: string }>(text),
    );
    const [epoch = '', next = ''] = row!.next.split(':');
    return row!.started && BigInt(epoch) * 4_294_967_296n + BigInt(next) > BigInt(id);
  } catch (error) {
    // 42501, 42883: our role may not ask, or there is no such question.
    if (['42501', '42883'].includes(sqlState((error as { cause?: unknown } | null)?.cause) ?? ''))
      return false;
    throw error;
  }
}

/**
 * Does one of the rows that the work was about bear the id of this transaction as the last that wrote it? Who
 * changed them afterwards has put another one there, and what is no table has none.
 */
async function bearsIt(target: Target, work: Work, id: string, signal?: AbortSignal): Promise<boolean> {
  const options = { mode: 'glance', doing: 'reading who wrote rows last', signal } as const;
  // A row keeps the lower half of an id.
  const half = String(BigInt(id) % 4_294_967_296n);
  try {
    return await target.bound(signal, async binding => {
      const bind = new Placeholders();
      let from: string;
      let alias: string;
      if (work.kind === 'access') {
        const people = binding.people();
        const { key } = people;
        alias = people.alias;
        from = `${people.from} WHERE ${alias}.${quote(key.name)} ${key.equals} ${bind.add(keyOf(work.account), 'text')}::${key.type}`;
      } else {
        const c = binding.category(work.category);
        const keys = bind.add(parameterOf(work.keys), `${c.key.elementType}[]`);
        alias = c.alias;
        from = `${c.key.rows(keys, 'ho_batch')} JOIN ${c.from} ON ${c.key.joins(alias, 'ho_batch')} WHERE true`;
      }
      const text = `SELECT EXISTS (SELECT FROM ${from} AND ${alias}.xmin::text = ${bind.add(half, 'text')}) AS bears`;
      return target.session.transaction(
        options,
        async tx => (await tx.query<{ bears: boolean }>(text, bind.values))[0]!.bears,
      );
    });
  } catch (error) {
    // 42703: there is no such column, as in a view.
    if (sqlState((error as { cause?: unknown } | null)?.cause) === '42703') return false;
    throw error;
  }
}

interface Rows {
  [column: string]: unknown;
  /** Rows as the transaction would have left them. */
  done: number;
  /** Rows that are still the leaver's. */
  still: number;
}

/**
 * A transaction happened as a whole or not at all: rows on both sides mean that somebody else was there, too.
 */
async function readBatch(
  target: Target,
  work: Batch,
  intent: Intended,
  { why, committed }: Untold,
  signal?: AbortSignal,
): Promise<Fate> {
  const { effect } = intent;
  const cannot = `${target.system} cannot say what became of ${intent.mark} (${why}), and its rows do not tell either.`;
  const unknown: Fate = { kind: 'unknown', why: cannot };
  if (!effect) return unknown;
  const stays = effect.changed - effect.merged;
  const rows = await target.bound(signal, binding => {
    const c = binding.category(work.category);
    // Where the owner is part of the key, a row has another key afterwards.
    if (c.key.columns.some(column => column.name === c.owner.name)) return Promise.resolve(null);
    return count(
      target,
      c,
      work,
      effect.exceptions.map(one => one.key),
      signal,
    );
  });
  if (!rows || stays === 0) return unknown;
  if (work.do === 'transfer') {
    // What others have passed on since looks the same as what never came: then all of it must still be there.
    const isNot = rows.done === 0 && (!committed || rows.still >= stays);
    if (isNot) return { kind: 'did-not', sure: 'read' };
    if (rows.done >= stays) return { kind: 'happened', effect: null, sure: 'read' };
    return unknown;
  }
  if (rows.still === 0) return { kind: 'happened', effect: null, sure: 'read' };
  if (rows.still >= stays) return { kind: 'did-not', sure: 'read' };
  return unknown;
}

function count(
  target: Target,
  c: BoundCategory,
  work: Batch,
  excepted: string[],
  signal?: AbortSignal,
): Promise<Rows> {
  const bind = new Placeholders();
  const own = `${c.alias}.${quote(c.owner.name)}`;
  const owners = valuesOf(work.accounts, c.spec.owner.identity);
  const keys = bind.add(parameterOf(work.keys), `${c.key.elementType}[]`);
  const shares = work.assignment === null ? undefined : bind.add(parameterOf(work.assignment), 'integer[]');
  const takers = bind.add(work.takers, `${c.owner.type}[]`);
  // What leaves the owner as it was takes the row out of the category.
  const still = work.do === 'transfer' ? '' : andWhen(c.spec.when);
  const taker = `(${takers})[${shares ? 'ho_batch.ho_i + 1' : '1'}]`;
  // Inside a column the leaver is gone, and the successor is there if there is one.
  const done = c.inside
    ? `(${ownedByAny(c, owners, bind)}) IS NOT TRUE AND (${taker} IS NULL OR ${ownedBy(c, taker)})`
    : `${sameOwner(c, own, taker)} OR (${own} IS NULL AND ${taker} IS NULL)`;
  const text = `SELECT (count(*) FILTER (WHERE ${done}))::integer AS done,
       (count(*) FILTER (WHERE ${ownedByAny(c, owners, bind)}${still}))::integer AS still
  FROM ${c.key.rows(keys, 'ho_batch', shares)}
  JOIN ${c.from} ON ${c.key.joins(c.alias, 'ho_batch')}
 WHERE ho_batch.ho_key <> ALL (${bind.add(excepted, `${c.key.elementType}[]`)})`;
  const options = { mode: 'glance', doing: `reading the items of ${c.name} again`, signal } as const;
  return target.session.transaction(options, async tx => (await tx.query<Rows>(text, bind.values))[0]!);
}

/** The catalog's `verify` says whether the account is as the change would have left it. */
async function readAccess(
  target: Target,
  { verb, account }: AccessChange,
  intent: Intended,
  why: string,
  signal?: AbortSignal,
): Promise<Fate> {
  const spec = target.catalog[verb];
  const rows =
    spec?.by === 'system'
      ? await target.bound(signal, binding => {
          const { from, alias, key } = binding.people();
          const options = { mode: 'glance', doing: 'reading an account again', signal } as const;
          return target.session.transaction(options, tx =>
            tx.query<{ holds: boolean }>(
              `SELECT (${spec.verify}) IS TRUE AS holds FROM ${from} WHERE ${alias}.${quote(key.name)} ${key.equals} $1::text::${key.type}`,
              [keyOf(account)],
            ),
          );
        })
      : [];
  if (!rows[0])
    return { kind: 'unknown', why: `${target.system} cannot say what became of ${intent.mark} (${why}).` };
  return rows[0].holds ? { kind: 'happened', effect: null, sure: 'read' } : { kind: 'did-not', sure: 'read' };
}
