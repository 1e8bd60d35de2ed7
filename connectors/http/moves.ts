/**
 * Carries out what is to become of some items, and finds out what did: each is sent by itself or in bulk, and
 * then all are read again. A reply is a claim, and what is read is what counts: a 200 that changed nothing is a
 * refusal, a lost reply whose item has moved is done.
 */
import { createHash } from 'node:crypto';
import { WHY_GONE, WHY_TAKEN } from '../../domain/effect.js';
import type { ItemException, ItemKey } from '../../domain/model.js';
import { sendBulk } from './bulk.js';
import { type CategorySpec, callsOf, type WriteSpec } from './catalog.js';
import { type Claim, claimOf, fillingOf, type Move } from './claims.js';
import { type Held, readItems } from './items.js';
import { pause } from './pause.js';
import { textAt } from './pointer.js';
import type { Target } from './target.js';

export interface Moved {
  done: boolean;
  exception: ItemException | null;
  /** Its reply was lost, and reading it again was all there was. */
  read: boolean;
}

/**
 * @param owners values of the leaver's: whoever is neither one of them nor the taker has taken it
 * @param until nothing is sent after this moment
 * @throws what kept all of them, where not a single one was answered: then nobody knows yet
 */
export async function carryOut(
  target: Target,
  category: string,
  moves: readonly Move[],
  owners: readonly string[],
  until: number,
  signal?: AbortSignal,
): Promise<Moved[]> {
  if (moves.length === 0) return [];
  const spec = target.category(category);
  const started = Date.now();
  const claims = await send(target, category, moves, owners, until, signal);
  target.writeMs = (target.writeMs + (Date.now() - started) / moves.length) / 2;
  throwIfNone(target, category, claims);
  await landing(target, claims, signal);
  return settled(target, spec, category, moves, owners, claims, until, signal);
}

async function send(
  target: Target,
  category: string,
  moves: readonly Move[],
  owners: readonly string[],
  until: number,
  signal?: AbortSignal,
): Promise<Claim[]> {
  const spec = target.category(category);
  // All of them come to rest before anything is thrown: no call of ours runs on behind a failed effect.
  if (spec.bulk) return sendBulk(target, category, spec.bulk, moves, owners, until, signal);
  const claims = await Promise.allSettled(
    moves.map(move => sendOne(target, category, move, owners, until, signal)),
  );
  const broken = claims.find(one => one.status === 'rejected');
  if (broken) throw broken.reason;
  return claims.flatMap(one => (one.status === 'fulfilled' ? one.value : []));
}

/** The calls of one item in their order; the first that is not accepted ends it. */
async function sendOne(
  target: Target,
  category: string,
  move: Move,
  owners: readonly string[],
  until: number,
  signal?: AbortSignal,
): Promise<Claim> {
  let claim: Claim = { kind: 'accepted', says: 'nothing', pending: false };
  for (const [n, spec] of callsOf(target.category(category).write).entries()) {
    const call = {
      spec,
      filling: fillingOf(target.category(category), move, owners, spec),
      doing: `changing an item of ${category}`,
      headers: headersOf(spec, move),
    };
    claim = claimOf(await target.client.write(call, until, signal));
    // What was begun and not finished is nobody's guess: it is read again like a lost reply.
    if (n > 0 && claim.kind === 'unsent') return { kind: 'lost', why: claim.failure.message, at: Date.now() };
    // Sessions and keys that are not there need not be ended.
    if (claim.kind === 'gone' && target.category(category).account) claim = GONE_IS_ENDED;
    if (claim.kind !== 'accepted') return claim;
  }
  return claim;
}

const GONE_IS_ENDED: Claim = { kind: 'accepted', says: 'that there is nothing', pending: false };

function headersOf({ compare, idempotency }: WriteSpec, move: Move): Record<string, string> {
  const { held, key, from, to } = move;
  const version =
    compare === undefined ? null : compare === 'etag' ? held.etag : textAt(held.raw, compare.version);
  const header = compare === 'etag' ? 'If-Match' : compare?.header;
  return {
    ...(header !== undefined && version !== null ? { [header]: version } : {}),
    ...(idempotency === undefined ? {} : { [idempotency]: digestOf([key, from, to ?? null, held.etag]) }),
  };
}

/** The same for the same change of the same item, and nothing that a header could not hold. */
const digestOf = (of: readonly (string | null)[]): string =>
  createHash('sha256').update(JSON.stringify(of)).digest('hex');

/** Where nothing at all was answered, nobody knows what became of any of them. */
function throwIfNone(target: Target, category: string, claims: readonly Claim[]): void {
  const blocked = claims.find(claim => claim.kind === 'refused' && claim.blocked);
  if (blocked?.kind === 'refused')
    throw target.failure(
      'rejected',
      `changing ${category} is blocked there (${blocked.says}): mend that, then retry`,
    );
  const unsent = claims.flatMap(claim => (claim.kind === 'unsent' ? claim.failure : []));
  const lost = claims.flatMap(claim => (claim.kind === 'lost' ? claim.why : []));
  if (unsent.length + lost.length < claims.length) {
    // What keeps us out altogether is nothing that passes with the next item.
    const hopeless = unsent.find(({ kind }) => kind === 'credential' || kind === 'configuration');
    if (hopeless) throw hopeless;
    return;
  }
  if (lost.length === 0) throw unsent[0]!;
  throw target.failure(
    'transient',
    `while changing items of ${category}: ${lost[0]}; whether it happened is found out by reading`,
  );
}

/** Waits until what was not answered has landed, or never will. */
async function landing(target: Target, claims: readonly Claim[], signal?: AbortSignal): Promise<void> {
  const lost = claims.flatMap(claim => (claim.kind === 'lost' ? claim.at : []));
  if (lost.length === 0) return;
  await pause(Math.max(...lost) + target.landsWithinMs / 2 - Date.now(), signal);
}

async function settled(
  target: Target,
  spec: CategorySpec,
  category: string,
  moves: readonly Move[],
  owners: readonly string[],
  claims: readonly Claim[],
  until: number,
  signal?: AbortSignal,
): Promise<Moved[]> {
  if (spec.unread !== undefined) return claims.map((claim, n) => believed(moves[n]!, claim));
  const takers = moves.flatMap(({ to }) => to ?? []);
  const seen = await readBack(target, category, moves, claims, [...owners, ...takers], owners, signal);
  const moved: Moved[] = [];
  for (const [n, move] of moves.entries()) {
    const claim = claims[n]!;
    const now = seen[n] ?? null;
    // A definite no may be sent again under the same intent, where the item is still the leaver's.
    if (claim.kind === 'changed' && now !== null && stillTheirs(now, owners) && Date.now() < until) {
      const again = { ...move, held: now };
      const second = await sendOne(target, category, again, owners, until, signal);
      const [after] = await readItems(target, category, [move.key], [...owners, ...takers], signal);
      moved.push(judged(again, second, after ?? null, owners));
    } else moved.push(judged(move, claim, now, owners));
  }
  return moved;
}

/** Reads until what was accepted shows, for as long as the system may take for that. */
async function readBack(
  target: Target,
  category: string,
  moves: readonly Move[],
  claims: readonly Claim[],
  among: readonly string[],
  owners: readonly string[],
  signal?: AbortSignal,
): Promise<(Held | null)[]> {
  const until = Date.now() + target.settlesWithinMs;
  const read = (keys: readonly ItemKey[]): Promise<(Held | null)[]> =>
    readItems(target, category, keys, among, signal);
  const seen = await read(moves.map(({ key }) => key));
  for (let ms = 100; Date.now() < until; ms *= 2) {
    const late = moves.flatMap((move, n) => {
      const claim = claims[n]!;
      const now = seen[n] ?? null;
      return claim.kind === 'accepted' && !isDone(move, now, owners) ? [n] : [];
    });
    if (late.length === 0) break;
    await pause(Math.min(ms, until - Date.now()), signal);
    const again = await read(late.map(n => moves[n]!.key));
    for (const [i, n] of late.entries()) seen[n] = again[i] ?? null;
  }
  return seen;
}

const stillTheirs = (now: Held, owners: readonly string[]): boolean =>
  now.owners.some(owner => owners.includes(owner));

/** Is an item as the move would have left it? */
export function isDone({ to }: Pick<Move, 'to'>, now: Held | null, owners: readonly string[]): boolean {
  if (to === undefined) return now === null || !stillTheirs(now, owners);
  if (now === null || stillTheirs(now, owners)) return false;
  return to === null ? true : now.owners.includes(to);
}

/** What an item is now decides; what its call said only explains it. */
function judged(move: Move, claim: Claim, now: Held | null, owners: readonly string[]): Moved {
  const { key } = move;
  const read = claim.kind === 'lost';
  const excepted = (kind: ItemException['kind'], why: string): Moved => ({
    done: false,
    exception: { key, kind, why },
    read,
  });
  if (isDone(move, now, owners) && claim.kind !== 'unsent' && claim.kind !== 'gone')
    return { done: true, exception: null, read };
  if (now === null) return excepted('gone', WHY_GONE);
  if (!stillTheirs(now, owners)) return excepted('taken', WHY_TAKEN);
  switch (claim.kind) {
    case 'accepted':
      return excepted(
        'failed',
        claim.pending
          ? `the system has taken it up and not done it yet (${claim.says})`
          : `the system answered ${claim.says} and changed nothing`,
      );
    case 'refused':
      return excepted('failed', `the system refused it (${claim.says})`);
    case 'changed':
      return excepted('missed', 'somebody else was changing it at the same time');
    case 'gone':
      return excepted('failed', 'the system does not find it, although it shows it');
    case 'lost':
      return excepted('missed', `no answer came, and nothing has happened (${claim.why})`);
    case 'unsent':
      return excepted('missed', 'it was not sent: the system asked us to come again later, or was away');
  }
}

/** Where the catalog says that nothing can be read again, the reply is all there is. */
function believed(move: Move, claim: Claim): Moved {
  const { key } = move;
  if (claim.kind === 'accepted' && !claim.pending) return { done: true, exception: null, read: false };
  if (claim.kind === 'gone')
    return { done: false, exception: { key, kind: 'gone', why: WHY_GONE }, read: false };
  const why =
    claim.kind === 'refused' ? `the system refused it (${claim.says})` : 'no answer says that it was done';
  const kind = claim.kind === 'refused' ? 'failed' : 'missed';
  return { done: false, exception: { key, kind, why }, read: claim.kind === 'lost' };
}
