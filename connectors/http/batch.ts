/**
 * A batch of items: read just before, so that only what is still the leaver's is sent; made durable as an
 * intent; carried out; and, where nobody saw it end, found out by reading. What an undo needs is kept before.
 */
import { valuesOf } from '../../domain/accounts.js';
import {
  type Batch,
  type Done,
  type Effect,
  type Fate,
  type Intended,
  type Undoing,
  WHY_GONE,
  WHY_TAKEN,
} from '../../domain/effect.js';
import type { ItemException, ItemKey } from '../../domain/model.js';
import type { Witness } from '../connector.js';
import { listOf, numbersOf, sharesOf } from '../keys.js';
import { type CategorySpec, callsOf } from './catalog.js';
import type { Move } from './claims.js';
import { type Held, readItems } from './items.js';
import { type Compared, intended, lastSend } from './mark.js';
import { carryOut, isDone, type Moved } from './moves.js';
import { pause } from './pause.js';
import type { Target } from './target.js';

export async function applyBatch(
  target: Target,
  work: Batch,
  witness: Witness,
  signal?: AbortSignal,
): Promise<Done> {
  const spec = target.category(work.category);
  if (spec.switch?.when === 'with') return carriedAlong(target, work, witness, signal);
  const owners = ownersOf(target, spec, work);
  const keys = listOf(work.keys).slice(0, sizeOf(target, spec));
  const rows = await readItems(target, work.category, keys, [...owners, ...takersOf(work)], signal);
  // None of them: whoever asks later what became of this does not take it for ours.
  const whose = rows.map(row => {
    const at = owners.findIndex(owner => row?.owners.includes(owner));
    return at < 0 ? owners.length : at;
  });
  const intent = await intended(target, witness, signal, {
    took: keys.length,
    owners: { values: owners, perKey: sharesOf(whose) },
    before: keptOf(spec, work, rows, owners),
    compared: comparedBy(spec),
  });
  const early = rows.map((row, n): ItemException | null => {
    if (row === null) return { key: keys[n]!, kind: 'gone', why: WHY_GONE };
    if (row.owners.some(owner => owners.includes(owner))) return null;
    const to = takerOf(work, n);
    const why =
      typeof to === 'string' && row.owners.includes(to) ? 'it is the successor’s already' : WHY_TAKEN;
    return { key: keys[n]!, kind: 'taken', why };
  });
  const moves = rows.flatMap((held, n): Move[] =>
    held === null || early[n] !== null
      ? []
      : [{ key: keys[n]!, from: owners[whose[n]!]!, to: takerOf(work, n), held }],
  );
  const moved = await carryOut(target, work.category, moves, owners, lastSend(target, intent), signal);
  const byKey = new Map(moves.map((move, n) => [move.key, moved[n]!] as const));
  const each = keys.map((key, n) => byKey.get(key) ?? { done: false, exception: early[n]!, read: false });
  return { ...intent, effect: effectOf(work, each), sure: each.some(({ read }) => read) ? 'read' : 'asked' };
}

/** What the switch has taken along: nothing is sent, and what is read is what became of it. */
async function carriedAlong(
  target: Target,
  work: Batch,
  witness: Witness,
  signal?: AbortSignal,
): Promise<Done> {
  const { identity } = target.category(work.category).owner;
  const values = valuesOf(work.accounts, identity);
  const intent = await intended(target, witness, signal, {
    took: work.count,
    owners: { values, perKey: null },
    compared: 'read',
  });
  const until = Date.now() + target.settlesWithinMs;
  for (let ms = 100; ; ms *= 2) {
    const each = await asTheyRead(target, work, values, LEFT_BEHIND, signal);
    const missing = each.some(({ exception }) => exception?.kind === 'failed');
    if (!missing || Date.now() >= until) return { ...intent, effect: effectOf(work, each), sure: 'read' };
    await pause(Math.min(ms, until - Date.now()), signal);
  }
}

/**
 * Each item as it reads now: as the batch would have left it, or why not.
 * @param left what is said of those that are still the leaver's
 */
async function asTheyRead(
  target: Target,
  work: Batch,
  owners: readonly string[],
  left: Pick<ItemException, 'kind' | 'why'>,
  signal?: AbortSignal,
): Promise<Moved[]> {
  const keys = listOf(work.keys);
  const rows = await readItems(target, work.category, keys, [...owners, ...takersOf(work)], signal);
  return rows.map((row, n): Moved => {
    const not = (kind: ItemException['kind'], why: string): Moved => ({
      done: false,
      exception: { key: keys[n]!, kind, why },
      read: true,
    });
    if (isDone({ to: takerOf(work, n) }, row, owners)) return { done: true, exception: null, read: true };
    if (row === null) return not('gone', WHY_GONE);
    if (row.owners.some(owner => owners.includes(owner))) return not(left.kind, left.why);
    return not('taken', WHY_TAKEN);
  });
}

const LEFT_BEHIND = {
  kind: 'failed',
  why: 'the switch was to take it along, and it is still the leaver’s',
} as const;
const BROKEN_OFF = { kind: 'missed', why: 'the effect broke off before it came to it' } as const;

/**
 * What became of a batch whose end nobody saw. Items that are as it would have left them count as done by it, but
 * for those that were nobody's of its owners when it began: nothing was sent for them.
 */
export async function readBatch(
  target: Target,
  work: Batch,
  { owners: old }: Pick<Intended, 'owners'>,
  signal?: AbortSignal,
): Promise<Fate> {
  const spec = target.category(work.category);
  const owners = valuesOf(work.accounts, spec.owner.identity);
  if (spec.unread !== undefined)
    return {
      kind: 'unknown',
      why: `What was changed in ${work.category} cannot be read again: ${spec.unread}.`,
    };
  const keys = listOf(work.keys);
  const whose = old.perKey && numbersOf(old.perKey);
  const each = (await asTheyRead(target, work, owners, BROKEN_OFF, signal)).map((one, n): Moved => {
    const wasTheirs = whose === null || (whose[n] ?? 0) < old.values.length;
    if (wasTheirs || !one.done) return one;
    const exception: ItemException =
      work.do === 'transfer'
        ? { key: keys[n]!, kind: 'taken', why: WHY_TAKEN }
        : { key: keys[n]!, kind: 'gone', why: WHY_GONE };
    return { done: false, exception, read: true };
  });
  if (!each.some(({ done }) => done)) return { kind: 'did-not', sure: 'read' };
  const effect = effectOf(work, each);
  return { kind: effect.exceptions.length > 0 ? 'partly' : 'happened', effect, sure: 'read' };
}

/** The inverse of `applyBatch`: only what is still as we left it is given back, to whom it was. */
export async function giveBack(
  target: Target,
  { work, owners, before, effect }: Undoing & { work: Batch },
  witness: Witness,
  signal?: AbortSignal,
): Promise<Done> {
  const spec = target.category(work.category);
  const excepted = new Set(effect.exceptions.map(({ key }) => key));
  const all = listOf(work.keys);
  const places = all.flatMap((key, n) => (excepted.has(key) ? [] : [{ key, n }]));
  const whose = owners.perKey && numbersOf(owners.perKey);
  const ownerOf = (n: number): string | null => owners.values[whose?.[n] ?? 0] ?? null;
  // Read before the intent: from then on time runs.
  const rows = work.do === 'transfer' ? await asTheyAre(target, work, places, signal) : [];
  const isKept = new Set(places.flatMap(({ n }, i) => (isAsLeft(work, n, rows[i] ?? null) ? [n] : [])));
  const takers = work.assignment && numbersOf(work.assignment);
  // As above: none of them has what is no longer as we left it.
  const held = all.map((_, n) => (isKept.has(n) ? (takers?.[n] ?? 0) : work.takers.length));
  const intent = await intended(target, witness, signal, {
    took: all.length,
    owners: {
      values: work.takers,
      perKey: work.do === 'transfer' ? sharesOf(held) : work.assignment,
    },
    compared: comparedBy(spec),
  });
  const until = lastSend(target, intent);
  const each =
    work.do === 'transfer'
      ? await handBack(target, work, places, rows, ownerOf, until, signal)
      : await makeAgain(target, work, places, ownerOf, before as readonly Kept[], until, signal);
  return { ...intent, effect: effectOf({ ...work, do: 'remove' }, each), sure: 'asked' };
}

interface Place {
  key: ItemKey;
  n: number;
}

function asTheyAre(
  target: Target,
  work: Batch,
  places: readonly Place[],
  signal?: AbortSignal,
): Promise<(Held | null)[]> {
  const { identity } = target.category(work.category).owner;
  const among = [...takersOf(work), ...valuesOf(work.accounts, identity)];
  const keys = places.map(({ key }) => key);
  return readItems(target, work.category, keys, among, signal);
}

/** Is an item still with whoever was given it? */
function isAsLeft(work: Batch, n: number, held: Held | null): held is Held {
  const ours = takerOf(work, n) ?? null;
  return held !== null && (ours === null ? held.owners.length === 0 : held.owners.includes(ours));
}

async function handBack(
  target: Target,
  work: Batch,
  places: readonly Place[],
  rows: readonly (Held | null)[],
  ownerOf: (n: number) => string | null,
  until: number,
  signal?: AbortSignal,
): Promise<Moved[]> {
  const moves = places.flatMap(({ key, n }, i): Move[] => {
    const held = rows[i] ?? null;
    return isAsLeft(work, n, held) ? [{ key, from: takerOf(work, n) ?? '', to: ownerOf(n), held }] : [];
  });
  const moved = await carryOut(target, work.category, moves, takersOf(work), until, signal);
  const byKey = new Map(moves.map((move, n) => [move.key, moved[n]!] as const));
  return places.map(({ key }, i): Moved => {
    const exception: ItemException =
      (rows[i] ?? null) === null
        ? { key, kind: 'gone', why: WHY_GONE }
        : { key, kind: 'taken', why: WHY_TAKEN };
    return byKey.get(key) ?? { done: false, exception, read: false };
  });
}

/** What `before` keeps of an item that is taken away. */
interface Kept {
  key: ItemKey;
  raw: unknown;
}

async function makeAgain(
  target: Target,
  work: Batch,
  places: readonly Place[],
  ownerOf: (n: number) => string | null,
  before: readonly Kept[],
  until: number,
  signal?: AbortSignal,
): Promise<Moved[]> {
  const { restore } = target.category(work.category);
  const kept = new Map(before.map(({ key, raw }) => [key, raw] as const));
  const moved: Moved[] = [];
  for (const { key, n } of places) {
    const failed = (why: string): void =>
      void moved.push({ done: false, exception: { key, kind: 'failed', why }, read: false });
    if (restore === undefined) failed('the catalog does not say how to make it again');
    else if (!kept.has(key)) failed('nobody kept what it was: it may have been purged');
    else {
      const filling = { values: { key, from: ownerOf(n) }, item: kept.get(key) };
      const call = { spec: restore, filling, doing: `making an item of ${work.category} again` };
      const written = await target.client.write(call, until, signal);
      if (written.kind === 'told' && ['ok', 'unchanged'].includes(written.outcome.kind))
        moved.push({ done: true, exception: null, read: false });
      else if (written.kind === 'told' && written.outcome.kind === 'changed')
        moved.push({
          done: false,
          exception: { key, kind: 'taken', why: 'somebody has made it anew' },
          read: false,
        });
      else
        failed(
          written.kind === 'told' ? `the system refused it (${written.outcome.says})` : 'no answer came',
        );
    }
  }
  return moved;
}

function ownersOf(
  target: Target,
  spec: CategorySpec,
  { accounts, do: disposition, takers }: Batch,
): string[] {
  const owners = valuesOf(accounts, spec.owner.identity);
  if (owners.length === 0)
    throw target.failure('rejected', 'the leaver has no account here, so no item can be theirs');
  if (disposition === 'transfer' && takers.length === 0)
    throw target.failure('rejected', 'a transfer needs at least one successor');
  if (owners.some(owner => takers.includes(owner)))
    throw target.failure('rejected', 'the successor is the leaver');
  if (callsOf(spec.write).length === 0 && spec.bulk === undefined)
    throw target.failure('configuration', 'the catalog does not say how to change these items');
  return owners;
}

/** How many items one effect takes: as many as are sent in half of the time in which a call lands. */
function sizeOf(target: Target, spec: CategorySpec): number {
  const most = target.mostAtOnce(spec);
  const half = target.landsWithinMs / 2;
  const calls = spec.bulk ? spec.bulk.size : 1;
  const { pace } = target.client.limits;
  const byRate = pace === null ? most : Math.floor(half * 0.5 * pace * calls);
  const bySpeed = target.writeMs > 0 ? Math.floor((half * 0.5) / target.writeMs) : most;
  return Math.max(1, Math.min(most, byRate, bySpeed));
}

function comparedBy(spec: CategorySpec): Compared {
  const [first] = callsOf(spec.write);
  if (spec.bulk || first?.compare === undefined) return 'read';
  return first.compare === 'etag' ? 'etag' : 'version';
}

/** Items as they are until then, where they are taken away: without what is secret. */
function keptOf(
  spec: CategorySpec,
  work: Batch,
  rows: readonly (Held | null)[],
  owners: readonly string[],
): Kept[] {
  if (work.do === 'transfer') return [];
  return rows.flatMap(row =>
    row?.owners.some(owner => owners.includes(owner))
      ? [{ key: row.key, raw: without(row.raw, spec.secret) }]
      : [],
  );
}

function without(raw: unknown, secret: readonly string[]): unknown {
  const hidden = new Set(secret);
  const walk = (value: unknown, path: string): unknown => {
    if (hidden.has(path)) return undefined;
    if (Array.isArray(value)) return value.map(one => walk(one, `${path}/*`));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, walk(one, `${path}/${key}`)]));
  };
  return walk(raw, '');
}

const takersOf = ({ takers }: Batch): string[] => takers.flatMap(taker => taker ?? []);

/** What the nth item's owner becomes; undefined: it is taken away. */
function takerOf(work: Batch, n: number): string | null | undefined {
  if (work.do !== 'transfer') return undefined;
  return work.takers[work.assignment ? numbersOf(work.assignment)[n]! : 0]!;
}

/** Per item of the effect, in their order. */
function effectOf(work: Batch, each: readonly Moved[]): Effect {
  const perTaker = work.do === 'transfer' ? work.takers.map(() => 0) : [];
  if (work.do === 'transfer')
    for (const [n, { done }] of each.entries())
      if (done) perTaker[work.assignment ? numbersOf(work.assignment)[n]! : 0]! += 1;
  return {
    changed: each.filter(({ done }) => done).length,
    merged: 0,
    perTaker,
    exceptions: each.flatMap(({ exception }) => exception ?? []),
  };
}
