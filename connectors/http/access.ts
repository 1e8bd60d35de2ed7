/**
 * Who may sign in, changed by the system itself: its calls in their order, and then the account is read again.
 * What it says afterwards counts, not what the calls were answered with.
 */
import { randomBytes } from 'node:crypto';
import {
  type AccessChange,
  type AccessVerb,
  type Done,
  type Effect,
  type Fate,
  NO_OWNERS,
} from '../../domain/effect.js';
import type { HandoverFailure } from '../../domain/failure.js';
import type { Account, ItemException } from '../../domain/model.js';
import { own } from '../../domain/own.js';
import { isBlockOff } from '../catalog/head.js';
import type { Witness } from '../connector.js';
import { type CallSpec, carriedIn, type SwitchSpec, switchSpec } from './catalog.js';
import { claimOf } from './claims.js';
import { isSo } from './condition.js';
import { intended, lastSend } from './mark.js';
import { pause } from './pause.js';
import { type Entry, entryOf, guards, idOf, readEntry } from './people.js';
import { valueAt } from './pointer.js';
import type { Target } from './target.js';
import type { Filling, Values } from './template.js';
import { sentAlong } from './verbs.js';

const INVERSE: Record<AccessVerb, AccessVerb> = {
  block: 'unblock',
  unblock: 'block',
  deactivate: 'reactivate',
  reactivate: 'deactivate',
};

export async function applyAccess(
  target: Target,
  work: AccessChange,
  witness: Witness,
  signal?: AbortSignal,
): Promise<Done> {
  const spec = switchOf(target, work.verb);
  const entry = await entryFor(target, spec, work.account, signal);
  const about = { took: 1, owners: NO_OWNERS };
  // Somebody else has done it. Were it sent all the same and its answer lost, it would pass for ours.
  const isThere = isReached(target, work.verb, spec, entry);
  const isOurs = isThere && isOurBlock(target, work);
  if (entry === null || (isThere && !isOurs)) {
    const effect = effectOf(0);
    const intent = await intended(target, witness, signal, { ...about, effect });
    // Whoever did it may have left them signed in.
    if (entry) await endAlong(target, work, entry, lastSend(target, intent), signal);
    return { ...intent, effect, sure: 'asked' };
  }
  if (work.verb === 'block' || work.verb === 'deactivate') {
    const forbidden = await guards(target, [work.account], signal);
    if (forbidden.length > 0)
      throw target.failure('rejected', forbidden.map(({ message }) => message).join(' '));
  }
  const before = isOurs ? [...work.undoes!] : keptOf(spec, entry);
  const intent = await intended(target, witness, signal, { ...about, before });
  const until = lastSend(target, intent);
  await send(
    target,
    work,
    spec.calls,
    { values: valuesOf(target, spec, work, entry), item: entry.raw },
    until,
    signal,
  );
  await endAlong(target, work, entry, until, signal);
  if (!(await becomes(target, work, spec, signal)))
    throw target.failure(
      'rejected',
      `it was asked to ${work.verb} the account ${idOf(entry)}, and reading shows that nothing has changed`,
    );
  return { ...intent, effect: effectOf(1), sure: 'asked' };
}

export async function readAccess(
  target: Target,
  { verb, account }: AccessChange,
  signal?: AbortSignal,
): Promise<Fate> {
  const spec = switchOf(target, verb);
  return isReached(target, verb, spec, await entryFor(target, spec, account, signal))
    ? { kind: 'happened', effect: effectOf(1), sure: 'read' }
    : { kind: 'did-not', sure: 'read' };
}

/** The inverse of `applyAccess`: only where the account is still as we left it. */
export async function giveAccessBack(
  target: Target,
  work: AccessChange,
  before: readonly unknown[],
  effect: Effect,
  witness: Witness,
  signal?: AbortSignal,
): Promise<Done> {
  const entry = await entryOf(target, work.account, signal);
  if (effect.changed > 0 && isReached(target, work.verb, switchOf(target, work.verb), entry))
    return applyAccess(target, { ...work, verb: INVERSE[work.verb], undoes: before }, witness, signal);
  const why = 'the account is no longer as it was left: somebody has changed it since';
  const exceptions: ItemException[] = effect.changed > 0 ? [{ key: idOf(entry), kind: 'taken', why }] : [];
  const given = { ...effectOf(0), exceptions };
  const intent = await intended(target, witness, signal, { took: 1, owners: NO_OWNERS, effect: given });
  return { ...intent, effect: given, sure: 'asked' };
}

/**
 * Ends what leaves somebody signed in, right behind a block or a switch. What it comes to is a step's to say,
 * which looks whether it has ended and does it again: it never makes a switch fail that was made.
 */
async function endAlong(
  target: Target,
  { verb }: AccessChange,
  entry: Entry,
  until: number,
  signal?: AbortSignal,
): Promise<void> {
  for (const spec of sentAlong(target.catalog, verb)) {
    const filling = { values: { user: idOf(entry) }, item: entry.raw };
    const doing = `ending what leaves an account signed in after ${verb}`;
    await target.client.write({ spec, filling, doing }, until, signal);
  }
}

async function send(
  target: Target,
  work: AccessChange,
  calls: readonly CallSpec[],
  filling: Filling,
  until: number,
  signal?: AbortSignal,
): Promise<void> {
  const failed = (failure: HandoverFailure, n: number): HandoverFailure =>
    // The first call decides whether anything was done: behind it we do not know.
    n === 0 ? failure : target.failure('transient', `it has done a part of ${work.verb}: ${failure.message}`);
  for (const [n, call] of calls.entries()) {
    const asking = { spec: call, filling, doing: `asking to ${work.verb} an account` };
    const claim = claimOf(await target.client.write(asking, until, signal));
    switch (claim.kind) {
      case 'unsent':
        throw failed(claim.failure, n);
      case 'lost':
        throw target.client.failure(
          'transient',
          asking,
          `${claim.why}; whether it happened is found out by reading`,
        );
      case 'refused':
        throw target.client.failure('rejected', asking, `it refused (${claim.says})`);
      case 'changed':
        throw target.client.failure(
          'transient',
          asking,
          'somebody else was changing the account at the same time',
        );
      case 'gone':
        // Sessions and keys that are not there need not be ended.
        if (n === 0) throw target.client.failure('rejected', asking, 'the account is not there');
        break;
      case 'accepted':
        break;
    }
  }
}

function valuesOf(
  { catalog }: Target,
  spec: SwitchSpec,
  { undoes = [], takers = {} }: AccessChange,
  entry: Entry,
): Values {
  const [kept] = undoes as readonly Record<string, unknown>[];
  const names = new Set([...Object.keys(spec.keep), ...Object.keys(kept ?? {})]);
  return {
    user: idOf(entry),
    /** A password that nobody knows: made anew, sent once and never kept. */
    random: randomBytes(24).toString('base64url'),
    ...Object.fromEntries(carriedIn(catalog).map(category => [`to.${category}`, own(takers, category)])),
    ...Object.fromEntries([...names].map(name => [`kept.${name}`, { raw: own(kept ?? {}, name) ?? null }])),
  };
}

/** Reads the account until it is so, for as long as the system may take to show a write. */
async function becomes(
  target: Target,
  { verb, account }: AccessChange,
  spec: SwitchSpec,
  signal?: AbortSignal,
): Promise<boolean> {
  const until = Date.now() + target.settlesWithinMs;
  for (let ms = 100; ; ms *= 2) {
    if (isReached(target, verb, spec, await entryFor(target, spec, account, signal))) return true;
    if (Date.now() >= until) return false;
    await pause(Math.min(ms, until - Date.now()), signal);
  }
}

/** The account as it is; null = it is gone, where that is how one is off. */
function entryFor(
  target: Target,
  { until }: SwitchSpec,
  account: Account,
  signal?: AbortSignal,
): Promise<Entry | null> {
  const [id = ''] = account.identities.user ?? [];
  return until === 'gone' ? readEntry(target, id, signal) : entryOf(target, account, signal);
}

/** Is the account as this verb leaves it? */
function isReached(
  { catalog }: Target,
  verb: AccessVerb,
  { until }: SwitchSpec,
  entry: Entry | null,
): boolean {
  if (entry === null || until === 'gone') return entry === null;
  const { account, raw } = entry;
  if (until !== undefined) return isSo(raw, until);
  switch (verb) {
    case 'block':
      return account.blocked || !account.active;
    case 'unblock':
      return account.active && !account.blocked;
    case 'deactivate':
      return !account.active;
    case 'reactivate':
      return account.active && !(catalog.people.blocked && account.blocked);
  }
}

function keptOf(spec: SwitchSpec, { raw }: Entry): unknown[] {
  const parts = Object.entries(spec.keep).map(([name, at]) => [name, valueAt(raw, at) ?? null] as const);
  return parts.length > 0 ? [Object.fromEntries(parts)] : [];
}

function switchOf(target: Target, verb: AccessVerb): SwitchSpec {
  const spec = switchSpec(target.catalog, verb);
  if (spec === undefined)
    throw target.failure('configuration', `the catalog does not say how to ${verb} an account`);
  return spec;
}

/** Is a block of ours made final? It reads as off already, and what was there before only the block knows. */
const isOurBlock = ({ catalog }: Target, { verb, undoes }: AccessChange): boolean =>
  isBlockOff(catalog) && verb === 'deactivate' && undoes !== undefined;

const effectOf = (changed: number): Effect => ({ changed, merged: 0, perTaker: [], exceptions: [] });
