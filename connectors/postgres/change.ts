/**
 * Changes one batch in one transaction.
 *
 *   fast path   one statement for all keys; when every key changed there is nothing else to do but the
 *               receipt and COMMIT. Where the leaver has several values of the owner's identity, one for each
 *               of them: so it is known which one every item had
 *   classify    keys that did not change are read once more: taken, gone, ineligible, or refused in silence
 *   in parts    where what an undo must keep of the rows is too much at once, the first of them are done, and
 *               the rest is left for the next part
 *   isolate     where the database refuses the whole because of single items, the transaction starts again
 *               and halves the batch behind savepoints until the bad items stand alone: they become
 *               exceptions, the rest goes through
 */

import { valuesOf } from '../../domain/accounts.js';
import { type Elsewhere, summed } from '../../domain/consequences.js';
import { type Batch, type Done, type OldOwners, WHY_GONE, WHY_TAKEN } from '../../domain/effect.js';
import { HandoverFailure } from '../../domain/failure.js';
import { folded } from '../../domain/fold.js';
import type { ItemException } from '../../domain/model.js';
import type { Witness } from '../connector.js';
import { parameterOf, sharesOf } from '../keys.js';
import { applySettings } from './application-settings.js';
import type { BoundCategory } from './binding.js';
import { lockUnique } from './collide.js';
import { batchHasConsequences, mustStayWithin, type Ours, rehearsed, watch, written } from './elsewhere.js';
import { databaseSays, LOCK_TIMEOUT, refusesItem, sqlState, TOOK_TOO_LONG, wordsOf } from './failures.js';
import { HELD, heldByOthers } from './locked.js';
import { parseTexts, type Transaction } from './session.js';
import {
  type Answer,
  type BoundBatch,
  changedHereStatement,
  changeStatement,
  classifyStatement,
  plainStatement,
  spellingsStatement,
  verifyStatement,
} from './statements.js';
import { runningBefore, stoppedSince } from './still-runs.js';
import type { Target } from './target.js';
import { mostBytes, sayTooLarge, TooSlow, TooWide } from './width.js';

export async function change(
  target: Target,
  work: Batch,
  witness: Witness,
  signal?: AbortSignal,
): Promise<Done> {
  return target.bound(signal, async binding => {
    const category = binding.category(work.category);
    const whole = toBatch(target, category, work);
    const { widths } = target;
    for (let count = widths.fitting(category.name, work.count); ; ) {
      const batch = count < whole.count ? cut(spread(whole), 0, count) : whole;
      try {
        return await changePart(target, category, batch, work, witness, signal);
      } catch (error) {
        if (error instanceof TooSlow) {
          if (count === 1) throw error.failure;
          widths.tooSlow(category.name, count);
        } else if (error instanceof TooWide) {
          if (count === 1) return await leaveOut(target, category, batch, witness, signal, error);
          widths.tooWide(category.name, error);
        } else throw error;
        count = Math.min(widths.fitting(category.name, work.count), count - 1);
      }
    }
  });
}

/**
 * As many of a batch's items as can be done at once. Throws `TooWide` or `TooSlow` before anything is said to
 * the witness.
 */
async function changePart(
  target: Target,
  category: BoundCategory,
  batch: BoundBatch,
  work: Batch,
  witness: Witness,
  signal: AbortSignal | undefined,
): Promise<Done> {
  const doing = `changing ${batch.count} items of ${category.name}`;
  let intended = false;
  const attempt = (change: (tx: Transaction, batch: BoundBatch) => Promise<Outcome>) => {
    const done = target.session.transaction({ mode: 'write', doing, signal }, async tx => {
      await applySettings(target, tx);
      if (batch.do === 'transfer') await lockUnique(category, sql => tx.query(sql));
      const { effect, owners, before, bytes } = await change(tx, await asWritten(tx, category, batch));
      mustStayWithin(effect.elsewhere ?? [], {
        system: target.system,
        subject: `the change of ${batch.count} items of ${category.name}`,
        cascades: allowedBesides(category),
        bounds: work.besides,
      });
      target.widths.kept(category.name, bytes, effect.changed);
      intended = true;
      await tx.flush();
      const intent = { mark: tx.mark, took: batch.count, owners, before, effect };
      await witness.intend(intent);
      return { ...intent, sure: 'asked' as const };
    });
    return done.catch(error => {
      const slow = error instanceof HandoverFailure && sqlState(error.cause) === TOOK_TOO_LONG;
      throw slow && !intended && !signal?.aborted ? new TooSlow(error) : error;
    });
  };
  try {
    return await attempt((tx, written) => whole(tx, category, written));
  } catch (error) {
    const refused = error instanceof HandoverFailure && refusesItem(error.cause);
    if (intended && refused) await mustSpeakBeforeCommit(target, category, doing, error, signal);
    const held = error instanceof HandoverFailure && sqlState(error.cause) === LOCK_TIMEOUT;
    if (!intended && held) return await attempt((tx, written) => besidesHeld(tx, category, written, error));
    if (intended || !(error instanceof Rewritten || refused)) throw error;
    if (error instanceof HandoverFailure) await mustFitTypes(target, category, batch, error, signal);
    return await attempt((tx, written) => isolate(tx, category, written));
  }
}

/** The one item of which too much would have to be kept: nothing is changed, and a receipt says why. */
function leaveOut(
  target: Target,
  c: BoundCategory,
  batch: BoundBatch,
  witness: Witness,
  signal: AbortSignal | undefined,
  { perItem }: TooWide,
): Promise<Done> {
  const doing = `leaving an item of ${c.name} that is too large`;
  return target.session.transaction({ mode: 'write', doing, signal }, async tx => {
    const tally = new Tally(batch);
    tally.exceptions.push({ key: spread(batch).keys[0]!, kind: 'failed', why: sayTooLarge(perItem) });
    const { effect, owners } = tally.outcome();
    await tx.flush();
    const intent = { mark: tx.mark, took: batch.count, owners, before: [], effect };
    await witness.intend(intent);
    return { ...intent, sure: 'asked' as const };
  });
}

/** What a batch would do to rows that nobody named: it is done, seen, and taken back. */
export async function tryOut(target: Target, work: Batch, signal?: AbortSignal): Promise<Elsewhere[]> {
  const doing = `trying to change ${work.count} items of ${work.category}`;
  return target.bound(signal, binding => {
    const category = binding.category(work.category);
    const batch = { ...toBatch(target, category, work), keeps: false };
    const attempt = (change: typeof whole) =>
      rehearsed(target, { doing, signal }, async tx => {
        await applySettings(target, tx);
        const { effect } = await change(tx, category, await asWritten(tx, category, batch));
        return effect.elsewhere ?? [];
      });
    return attempt(whole).catch(error => {
      const refused = error instanceof HandoverFailure && refusesItem(error.cause);
      if (!(error instanceof Rewritten || refused)) throw error;
      return attempt(isolate);
    });
  });
}

/** The batch with its owners as its rows have them; as they are where none of its rows is theirs any more. */
async function asWritten(tx: Transaction, c: BoundCategory, batch: BoundBatch): Promise<BoundBatch> {
  if (!c.fold || c.inside) return batch;
  const spellings = spellingsStatement(c, batch);
  const rows = await tx.query<{ owner: string }>(spellings.text, spellings.values);
  const [first] = rows;
  return first ? { ...batch, owner: first.owner, owners: rows.map(row => row.owner) } : batch;
}

type Outcome = Pick<Done, 'effect' | 'owners' | 'before'> & { bytes: number };

/** A piece that was cut out of a batch: its keys one by one. */
type Part = Omit<BoundBatch, 'keys' | 'assignment'> & { keys: string[]; assignment: number[] | null };

/** All keys at once; the exceptions, if any, are read afterwards. */
async function whole(tx: Transaction, c: BoundCategory, batch: BoundBatch): Promise<Outcome> {
  const tally = new Tally(batch);
  const only = batch.owners.length === 1 && !c.inside;
  for (const [n, owner] of ownersOf(c, batch).entries()) {
    const theirs = { ...batch, owner };
    tally.add((only && (await plain(tx, c, theirs))) || (await attempt(tx, c, theirs, !only)), n);
  }
  return settleRest(tx, c, batch, tally);
}

/** Those that need a statement each; inside a column one statement replaces them all. */
function ownersOf(
  c: BoundCategory,
  { owner, owners }: Pick<BoundBatch, 'owner' | 'owners'>,
): readonly string[] {
  return c.inside ? [owner] : owners;
}

/** The fast path: a row count, and the keys only where it is short. Null where the case is not plain. */
async function plain(tx: Transaction, c: BoundCategory, batch: BoundBatch): Promise<Answer | null> {
  const statement = batchHasConsequences(c, batch.do) ? null : plainStatement(c, batch);
  if (!statement) return null;
  const changed = await tx.execute(statement.text, statement.values);
  mustBeOneRowPerKey(c, batch, changed);
  await speakBeforeCommit(tx, c);
  let keys: string | null = null;
  if (changed < batch.count) {
    const here = changedHereStatement(c, batch);
    keys = (await tx.query<{ keys: string }>(here.text, here.values))[0]!.keys;
  }
  return { changed, merged: 0, per_taker: null, keys, before: null, bytes: 0, followed: [] };
}

/** Halves the batch until what the database refuses stands alone. */
async function isolate(tx: Transaction, c: BoundCategory, batch: BoundBatch): Promise<Outcome> {
  const tally = new Tally(batch);
  await bisect(tx, c, spread(batch), tally);
  return settleRest(tx, c, batch, tally);
}

/**
 * What others hold locked is left to them, and said by name; the rest goes through. Where they hold something
 * else that the change needs, the whole of it waits.
 */
async function besidesHeld(
  tx: Transaction,
  c: BoundCategory,
  batch: BoundBatch,
  locked: HandoverFailure,
): Promise<Outcome> {
  const all = spread(batch);
  const held = await heldByOthers(tx, c, batch);
  const left = all.keys.flatMap((key, n) => (held.has(key) ? [] : [n]));
  if (held.size === 0) throw locked;
  const tally = new Tally(batch);
  for (const key of held) tally.exceptions.push({ key, kind: 'locked', why: HELD });
  if (left.length > 0) await bisect(tx, c, pick(all, left), tally);
  return settleRest(tx, c, batch, tally);
}

async function bisect(tx: Transaction, c: BoundCategory, part: Part, tally: Tally): Promise<void> {
  await tx.query('SAVEPOINT part');
  try {
    const answers: Attempted[] = [];
    for (const owner of ownersOf(c, part)) answers.push(await attempt(tx, c, { ...part, owner }, true));
    await tx.query('RELEASE SAVEPOINT part');
    for (const [n, answer] of answers.entries()) tally.add(answer, n);
    return;
  } catch (error) {
    if (!(error instanceof Rewritten || refusesItem(error))) throw error;
    await tx.query('ROLLBACK TO SAVEPOINT part');
    await tx.query('RELEASE SAVEPOINT part');
    if (part.keys.length === 1) {
      const why =
        error instanceof Rewritten ? error.message : `the database refused it (${databaseSays(error)})`;
      tally.exceptions.push({ key: part.keys[0]!, kind: 'failed', why, ...wordsOf(error) });
      return;
    }
  }
  const middle = part.keys.length >> 1;
  await bisect(tx, c, cut(part, 0, middle), tally);
  await bisect(tx, c, cut(part, middle, part.keys.length), tally);
}

/**
 * The statement, and everything that could still object to it before COMMIT. Throws `Rewritten` when a
 * trigger changed our change.
 */
async function attempt(
  tx: Transaction,
  c: BoundCategory,
  batch: BoundBatch,
  needKeys = false,
): Promise<Attempted> {
  const statement = changeStatement(c, batch, needKeys || c.table.hasTriggers);
  const watched = batchHasConsequences(c, batch.do) ? await watch(tx) : null;
  const running = c.spec.still_runs === undefined ? null : await runningBefore(tx, c, batch.keys);
  const [answer] = await tx.query<Answer>(statement.text, statement.values);
  mustBeOneRowPerKey(c, batch, answer!.changed);
  mustFit(answer!.bytes, answer!.changed, batch.count);
  await speakBeforeCommit(tx, c);
  const elsewhere = watched ? await watched(ours(c, batch, answer!)) : [];
  const survived = c.survives.length > 0 ? answer!.followed.filter(one => one.table === c.table.name) : [];
  elsewhere.push(...survived.filter(one => one.count > 0));
  if (c.table.hasTriggers && answer!.changed > 0) {
    const verify = verifyStatement(c, batch, answer!.keys ?? '{}');
    const [{ wrong } = { wrong: 0 }] = await tx.query<{ wrong: number }>(verify.text, verify.values);
    if (wrong > 0) throw new Rewritten();
  }
  if (running !== null && (await stoppedSince(tx, c, running)))
    throw new Rewritten('it works now and would not any more under the successor (still_runs)');
  return { ...answer!, elsewhere };
}

/** What is kept of `changed` items must not be more than may be at once, where `count` are done together. */
function mustFit(bytes: number, changed: number, count: number): void {
  if (bytes > mostBytes(count)) throw new TooWide(bytes / Math.max(changed, 1));
}

/** What the catalog lets a batch do besides: what it says, and that the stronger value survives a merge. */
export function allowedBesides(c: BoundCategory): BoundCategory['spec']['cascades'] {
  const survives = c.survives.length > 0 ? [{ table: c.table.name, does: 'change' as const }] : [];
  return [...c.spec.cascades, ...survives];
}

/** An answer, and what happened to rows that nobody had named. */
type Attempted = Answer & { elsewhere: Elsewhere[] };

/** The rows that the statement named. */
function ours(c: BoundCategory, batch: BoundBatch, { changed, merged, followed }: Answer): Ours[] {
  const { deletes } = written(c, batch.do);
  const deleted = batch.do === 'transfer' ? merged : deletes ? changed : 0;
  return [
    { table: c.table, deleted, changed: changed - deleted },
    ...followed.map(({ table: name, does, count }) => ({
      table: [c, ...c.mirrors, ...c.with].find(one => one.table.name === name)!.table,
      deleted: does === 'delete' ? count : 0,
      changed: does === 'change' ? count : 0,
    })),
  ];
}

function mustBeOneRowPerKey(c: BoundCategory, batch: BoundBatch, changed: number): void {
  if (changed <= batch.count) return;
  const why = `${batch.count} keys matched ${changed} rows: the columns ${c.spec.key.join(', ')} do not identify a row`;
  throw new HandoverFailure('configuration', `${c.table.name}: ${why}`);
}

/**
 * Deferred constraints would object at COMMIT, when the receipt is written already and nobody can say which
 * item it was.
 */
async function speakBeforeCommit(tx: Transaction, c: BoundCategory): Promise<void> {
  if (!hasDeferred(c)) return;
  await tx.query('SET CONSTRAINTS ALL IMMEDIATE');
  await tx.query('SET CONSTRAINTS ALL DEFERRED');
}

function hasDeferred(c: BoundCategory): boolean {
  return [c.table, ...[...c.mirrors, ...c.with].map(m => m.table)].some(table => table.hasDeferred);
}

/**
 * Where the one that objected at COMMIT is younger than our reading of the schema, the batch passes: the next
 * attempt knows it.
 */
async function mustSpeakBeforeCommit(
  target: Target,
  c: BoundCategory,
  doing: string,
  error: HandoverFailure,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (hasDeferred(c) || !hasDeferred((await target.binding(true, signal)).category(c.name))) return;
  const why =
    'a constraint that is checked at COMMIT came after the schema was read; the schema has been read again';
  throw new HandoverFailure('transient', `${target.system}: while ${doing}: ${why}`, { cause: error.cause });
}

/** Says of every key that was neither changed nor refused what became of it. */
async function settleRest(
  tx: Transaction,
  c: BoundCategory,
  batch: BoundBatch,
  tally: Tally,
): Promise<Outcome> {
  for (const again of [true, false]) {
    if (tally.changed + tally.exceptions.length >= batch.count) break;
    const rest = classifyStatement(c, batch, tally.settled());
    const rows = await tx.query<{ key: string; taker: number; fate: Fate }>(rest.text, rest.values);
    const stays = rows.filter(r => r.fate === 'stays');
    for (const { key, fate } of rows) {
      if (fate !== 'stays' || !again)
        tally.exceptions.push({
          key,
          kind: KIND[fate],
          why: fate === 'ineligible' ? ineligible(c) : WHY[fate],
        });
    }
    if (stays.length === 0 || !again) break;
    // It may have come back to the leaver between our two statements: once more for these, and then it is a
    // refusal.
    const part: Part = {
      ...batch,
      keys: stays.map(s => s.key),
      count: stays.length,
      assignment: batch.assignment === null ? null : stays.map(s => s.taker),
    };
    await bisect(tx, c, part, tally);
  }
  return tally.outcome();
}

type Fate = 'gone' | 'nobody' | 'taken' | 'closed' | 'ineligible' | 'stays';
const KIND: Record<Fate, ItemException['kind']> = {
  gone: 'gone',
  nobody: 'gone',
  taken: 'taken',
  closed: 'gone',
  ineligible: 'ineligible',
  stays: 'failed',
};
const WHY: Record<Fate, string> = {
  gone: WHY_GONE,
  nobody: 'nobody owns it any more',
  taken: WHY_TAKEN,
  closed: "it no longer matches the category's condition",
  ineligible: '',
  stays: 'the database accepted the change, but the row is as before: a trigger or a rule suppresses it',
};
const ineligible = (c: BoundCategory): string =>
  c.spec.successor_must_says ?? 'the successor may not own it (successor_must)';

/** A row came back other than we wrote it. */
class Rewritten extends Error {
  constructor(
    says = 'the database accepted the change, but a trigger gave the row another owner or put it back',
  ) {
    super(says);
  }
}

/** What has been done so far, over the parts of a batch. */
class Tally {
  changed = 0;
  merged = 0;
  readonly exceptions: ItemException[] = [];
  readonly #perTaker: number[];
  readonly #before: unknown[] = [];
  #bytes = 0;
  readonly #elsewhere: Elsewhere[] = [];
  readonly #keys: string[] = [];
  /** Key → which owner it had, where that is not the first. */
  readonly #owners = new Map<string, number>();

  constructor(private readonly batch: BoundBatch) {
    this.#perTaker = batch.takers.map(() => 0);
  }

  /** @param owner which of the batch's owners the items had */
  add(answer: Answer & Partial<Attempted>, owner: number): void {
    this.changed += answer.changed;
    this.#bytes += answer.bytes;
    mustFit(this.#bytes, this.changed, this.batch.count);
    this.merged += answer.merged;
    this.#elsewhere.push(...(answer.elsewhere ?? []));
    if (answer.per_taker)
      for (const [i, n] of Object.entries(answer.per_taker)) this.#perTaker[Number(i)]! += n;
    else if (this.#perTaker.length > 0) this.#perTaker[0]! += answer.changed;
    if (answer.before) this.#before.push(...answer.before);
    if (!answer.keys) return;
    const keys = elements(answer.keys);
    this.#keys.push(...keys);
    if (owner > 0) for (const key of keys) this.#owners.set(key, owner);
  }

  /** Changed or refused: nothing more needs to be said about these. */
  settled(): string[] {
    return [...this.#keys, ...this.exceptions.map(e => e.key)];
  }

  outcome(): Outcome {
    const { changed, merged, exceptions } = this;
    const elsewhere = summed(this.#elsewhere);
    const effect = {
      changed,
      merged,
      perTaker: this.#perTaker,
      exceptions,
      ...(elsewhere.length > 0 && { elsewhere }),
    };
    const owners = { values: this.batch.owners, perKey: this.#ownerPerKey() };
    return { effect, owners, before: this.#before, bytes: this.#bytes };
  }

  #ownerPerKey(): OldOwners['perKey'] {
    if (this.#owners.size === 0) return null;
    const { keys } = this.batch;
    const all = typeof keys === 'string' ? elements(keys) : keys;
    return sharesOf(all.map(key => this.#owners.get(key) ?? 0));
  }
}

function toBatch(target: Target, c: BoundCategory, request: Batch): BoundBatch {
  const refuse = (why: string) => new HandoverFailure('rejected', `${target.system}: ${c.name}: ${why}`);
  const owners = valuesOf(request.accounts, c.spec.owner.identity);
  const [owner] = owners;
  if (owner === undefined)
    throw refuse(`the leaver has no identity ${c.spec.owner.identity} here, so no item can be theirs`);
  const takers = request.do === 'transfer' ? request.takers : [];
  if (request.do === 'transfer') {
    if (takers.length === 0) throw refuse('a transfer needs at least one successor');
    const ours = owners.map(each => folded(each, c.folds));
    if (takers.some(taker => taker !== null && ours.includes(folded(taker, c.folds))))
      throw refuse('the successor is the leaver');
    if (takers.includes(null) && !c.spec.unassigned)
      throw refuse('items may not be left without an owner (unassigned is not true in the catalog)');
  }
  const queues = new Set(Object.values(c.spec.queues).map(String));
  return {
    do: request.do,
    owner,
    owners,
    keys: parameterOf(request.keys),
    count: request.count,
    takers,
    keeps: true,
    exempt: (request.assignment === null ? takers.slice(0, 1) : takers).map(t => t === null || queues.has(t)),
    assignment:
      request.do === 'transfer' && request.assignment !== null ? parameterOf(request.assignment) : null,
  };
}

/**
 * A key or an id that the column's type cannot even hold is no item's fault: the column changed its type
 * since the plan was made.
 */
async function mustFitTypes(
  target: Target,
  c: BoundCategory,
  batch: BoundBatch,
  error: HandoverFailure,
  signal?: AbortSignal,
): Promise<void> {
  if (!sqlState(error.cause)?.startsWith('22')) return;
  try {
    await target.session.transaction(
      { mode: 'glance', doing: `checking the keys of ${c.name}`, signal },
      tx =>
        tx.query(
          `SELECT count(*) FROM ${c.key.rows(`$1::${c.key.elementType}[]`, 'ho_batch')}
          WHERE (ho_batch.*) IS NOT NULL AND ($2::${c.owner.type}[] IS NOT NULL OR $3::${c.owner.type}[] IS NOT NULL)`,
          [batch.keys, batch.owners, batch.takers],
        ),
    );
  } catch (misfit) {
    if (!(misfit instanceof HandoverFailure) || !sqlState(misfit.cause)?.startsWith('22')) throw misfit;
    const types = c.key.columns.map(k => `${k.name} ${k.shownType}`).join(', ');
    throw new HandoverFailure(
      'configuration',
      `${target.system}: ${c.name}: the approved keys and owners do not fit the columns of ${c.table.name} (${types}; owner ${c.owner.name} ${c.owner.shownType}): a type was changed since the plan was made`,
      { cause: error.cause },
    );
  }
}

/** Array literal → texts. Only ever needed where something went wrong with a batch. */
function elements(literal: string): string[] {
  return parseTexts(literal) as string[];
}

function spread(batch: BoundBatch): Part {
  const { keys, assignment } = batch;
  return {
    ...batch,
    keys: typeof keys === 'string' ? elements(keys) : keys,
    assignment: typeof assignment === 'string' ? elements(assignment).map(Number) : assignment,
  };
}

function pick(part: Part, places: readonly number[]): Part {
  const assignment = part.assignment && places.map(n => part.assignment![n]!);
  return { ...part, keys: places.map(n => part.keys[n]!), count: places.length, assignment };
}

function cut(part: Part, from: number, to: number): Part {
  const assignment = Array.isArray(part.assignment) ? part.assignment.slice(from, to) : null;
  return { ...part, keys: part.keys.slice(from, to), count: to - from, assignment };
}
