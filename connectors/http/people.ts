/**
 * Who somebody is here, by every way of the catalog at once. Searches are compared whole and on our side, and
 * "nobody" is believed only where the search has found somebody who is known to be there.
 */
import { setOf, valuesOf } from '../../domain/accounts.js';
import { folded, isBlank } from '../../domain/fold.js';
import type { Account, Identities, Known, Other, Sought } from '../../domain/model.js';
import { own } from '../../domain/own.js';
import type { AccountResolution, Guard } from '../connector.js';
import { walk } from '../walk.js';
import { type FindSpec, isOffGone } from './catalog.js';
import { isSo, unsaid } from './condition.js';
import { pagesOf, Unreadable } from './listing.js';
import { textAt, textsAt, valueAt } from './pointer.js';
import { isSeen } from './probe.js';
import type { Target } from './target.js';

/** What was proved counts for so long: systems are upgraded. */
const PROVED_FOR_MS = 10 * 60_000;

export interface Entry {
  account: Account;
  /** The account as the system writes it. */
  raw: unknown;
}

export async function resolveAccounts(
  target: Target,
  sought: Sought,
  pinned: Identities,
  signal?: AbortSignal,
): Promise<AccountResolution> {
  refuseUnknown(target, pinned);
  const expected = target.catalog.absence === 'expected';
  const sure = sought.home
    ? await entriesOf(target, [sought.id], signal)
    : await search(target, sought.known, signal);
  const remembered = own(sought.remembered, 'user') ?? [];
  const former = remembered.filter(id => !sure.some(one => idOf(one) === id));
  const { user } = pinned;
  const offIsGone = isOffGone(target.catalog);
  if (user?.length === 0)
    return { kind: 'absent', expected, others: sure.map(one => other(one, 'it fits as well')) };
  const chosen = user === undefined ? sure : await entriesOf(target, user, signal);
  // Somebody may have named an account that never was; one that was theirs is gone because it is off.
  const missing = (user ?? []).filter(id => !chosen.some(one => idOf(one) === id));
  if (missing.some(id => !(offIsGone && former.includes(id))))
    return { kind: 'ambiguous', identity: 'user', candidates: [] };
  if (user === undefined && sure.length > 1)
    return {
      kind: 'ambiguous',
      identity: 'user',
      candidates: sure.map(candidate),
      sure: sure.map(({ account }) => account),
    };
  if (user === undefined && sure.length === 0) {
    const near = await search(target, sought.shared, signal);
    if (near.length > 0)
      return {
        kind: 'ambiguous',
        identity: 'user',
        candidates: near.map(candidate),
        why: 'Nobody is recognised for certain: what these have in common with them, other people have too.',
      };
    if (!sought.home) await proveSearches(target, signal);
  }
  const stillThere = await entriesOf(target, former, signal);
  const gone = former.filter(id => !stillThere.some(one => idOf(one) === id));
  const others = [
    ...sure
      .filter(one => !chosen.some(each => idOf(each) === idOf(one)))
      .map(one => other(one, 'it fits as well')),
    ...stillThere
      .filter(one => !chosen.some(each => idOf(each) === idOf(one)))
      .map(one => other(one, "it was this person's in an earlier plan, and nothing says so any more")),
  ];
  const vanished = setOf([...gone, ...missing]).map(
    (id): Account => ({ identities: { user: [id] }, active: false, blocked: false, label: id, gone: true }),
  );
  const accounts = [...chosen.map(({ account }) => account), ...vanished];
  if (accounts.length === 0) return { kind: 'absent', expected, others };
  const strangers = chosen
    .filter(one => !sure.some(each => idOf(each) === idOf(one)))
    .map(({ account, raw }) => ({
      id: account.identities.user![0]!,
      label: `the account ${account.label}`,
      known: knownOf(target, raw),
    }));
  return { kind: 'found', accounts, others, strangers };
}

/** The account as it is now. Throws `rejected` when it has vanished, unless that is how one is off here. */
export async function readAccount(target: Target, account: Account, signal?: AbortSignal): Promise<Account> {
  const [id = ''] = account.identities.user ?? [];
  const off = isOffGone(target.catalog);
  const entry = off ? await readEntry(target, id, signal) : await entryOf(target, account, signal);
  if (entry === null) return { ...account, active: false, blocked: false, gone: true };
  return { ...entry.account, identities: account.identities };
}

export async function entryOf(target: Target, account: Account, signal?: AbortSignal): Promise<Entry> {
  const [id = ''] = account.identities.user ?? [];
  const entry = await readEntry(target, id, signal);
  if (!entry) throw target.failure('rejected', `the account ${id} no longer exists`);
  return entry;
}

export async function guards(
  target: Target,
  accounts: readonly Account[],
  signal?: AbortSignal,
): Promise<Guard[]> {
  const { guards: rules, people } = target.catalog;
  const found: Guard[] = [];
  const self = people.self && (await selfOf(target, signal));
  const entries = await Promise.all(
    accounts.filter(({ gone }) => !gone).map(one => entryOf(target, one, signal)),
  );
  for (const entry of entries) {
    const id = idOf(entry);
    if (self && idOf(self) === id)
      found.push({
        kind: 'own-credential',
        message: `${target.system}: the account ${id} is the one that Handover calls with: it cannot switch itself off`,
      });
    if (rules.protected && isSo(entry.raw, rules.protected))
      found.push({ kind: 'protected', message: `${target.system}: the account ${id} is protected` });
  }
  if (rules.last_owner && entries.length > 0) {
    const doing = 'looking for the last owner';
    const walked = await walk(
      pagesOf({ client: target.client, spec: rules.last_owner, filling: { values: {} }, doing, signal }),
      one => textAt(one, people.key) ?? '',
    ).catch(asProblem);
    if (!walked.complete)
      throw target.failure('transient', `who the owners are could not be read whole: ${walked.problem}`);
    const active: (string | null)[] = [];
    for (const one of walked.items)
      if (await isActive(target, one, signal)) active.push(textAt(one, people.key));
    const leaving = entries.map(idOf);
    if (active.some(id => leaving.includes(id!)) && active.every(id => leaving.includes(id!)))
      found.push({
        kind: 'last-owner',
        message: `${target.system}: nobody else is an owner there: make somebody one first`,
      });
  }
  return found;
}

/** As the list says, and where it shows less than reading the account does, as that says. */
async function isActive(target: Target, raw: unknown, signal?: AbortSignal): Promise<boolean> {
  const { people } = target.catalog;
  if (unsaid(raw, people.active) === null) return isSo(raw, people.active);
  return (await readEntry(target, keyOf(target, raw), signal))?.account.active ?? false;
}

/** Every account that bears one of these values, whole and in the catalog's own fold. */
async function search(target: Target, known: readonly Known[], signal?: AbortSignal): Promise<Entry[]> {
  const found = new Map<string, Entry>();
  for (const one of known) {
    if (isBlank(one.value)) continue;
    for (const spec of target.catalog.people.find.filter(({ by }) => by === one.by))
      for (const raw of await matching(target, spec, one.value, signal)) {
        const entry = await asEntry(target, raw, signal);
        found.set(idOf(entry), entry);
      }
  }
  return [...found.values()].sort((a, b) => (idOf(a) < idOf(b) ? -1 : 1));
}

async function matching(
  target: Target,
  spec: FindSpec,
  value: string,
  signal?: AbortSignal,
): Promise<unknown[]> {
  const doing = `looking people up by ${SAYS[spec.by]}`;
  const listing = { client: target.client, spec, filling: { values: { value } }, doing, signal };
  const walked = await walk(pagesOf(listing), raw => keyOf(target, raw)).catch(asProblem);
  if (!walked.complete) throw target.failure('transient', `while ${doing}: ${walked.problem}`);
  const wanted = folded(value, spec.fold);
  return walked.items.filter(raw => textsAt(raw, spec.match).some(one => folded(one, spec.fold) === wanted));
}

/** Searches find somebody who is there for certain. Throws a `configuration` failure where one does not. */
export async function proveSearches(target: Target, signal?: AbortSignal): Promise<void> {
  const { people } = target.catalog;
  for (const by of new Set(people.find.map(one => one.by))) {
    const name = `search by ${by}`;
    if ((target.proved.get(name) ?? 0) > Date.now()) continue;
    const specs = people.find.filter(one => one.by === by);
    const proof = await somebody(target, by, specs, signal);
    if (proof === null) {
      const says = `nobody is known to be there whom a search by ${SAYS[by]} must find, so "nobody" cannot be believed: name people.self, or somebody under people.known`;
      throw target.failure('configuration', says);
    }
    let seen = false;
    for (const spec of specs) seen ||= (await matching(target, spec, proof.value, signal)).length > 0;
    if (!seen) {
      const says = `a search by ${SAYS[by]} does not find ${proof.who}, who is there: the system does not understand it, so "nobody" cannot be believed`;
      throw target.failure('configuration', `${says} (${target.file.where(['people', 'find'])})`);
    }
    target.proved.set(name, Date.now() + PROVED_FOR_MS);
  }
}

async function somebody(
  target: Target,
  by: FindSpec['by'],
  specs: readonly FindSpec[],
  signal?: AbortSignal,
): Promise<{ value: string; who: string } | null> {
  const { self, known } = target.catalog.people;
  if (known?.by === by)
    return { value: target.client.filled(known.value), who: 'the person of people.known' };
  if (!self) return null;
  const { raw } = await selfOf(target, signal);
  const value = specs.flatMap(({ match }) => textsAt(raw, match)).find(one => !isBlank(one));
  return value === undefined ? null : { value, who: 'our own account' };
}

/** The account that we call with. */
export async function selfOf(target: Target, signal?: AbortSignal): Promise<Entry> {
  const self = target.catalog.people.self!;
  const call = { spec: self, filling: { values: {} }, doing: 'asking who we are' };
  const { body } = await target.client.demand(call, signal);
  // Whether we are active needs no saying: we call with it.
  return entryFrom(target, valueAt(body, self.at), []);
}

async function entriesOf(target: Target, ids: readonly string[], signal?: AbortSignal): Promise<Entry[]> {
  const read = await Promise.all(ids.map(id => readEntry(target, id, signal)));
  return read.flatMap(entry => entry ?? []);
}

/**
 * Null = there is no such account. Where that is how one is off, it is believed only of a system that shows
 * somebody at this moment: to a credential that may no longer see people everybody is gone.
 */
export async function readEntry(target: Target, id: string, signal?: AbortSignal): Promise<Entry | null> {
  const raw = await readRaw(target, id, signal);
  if (raw === null) {
    if (isOffGone(target.catalog)) await proveSight(target, id, signal);
    return null;
  }
  const entry = entryFrom(target, raw);
  if (idOf(entry) !== id)
    throw target.client.failure(
      'configuration',
      readingOf(target, id),
      'it answered with somebody else than was asked for',
    );
  return observed(target, entry, signal);
}

async function readRaw(target: Target, id: string, signal?: AbortSignal): Promise<unknown> {
  const call = readingOf(target, id);
  const { answer, outcome } = await target.client.read(call, signal);
  if (outcome.kind === 'gone') return null;
  if (outcome.kind !== 'ok') throw target.client.failure('rejected', call, `it answered ${outcome.says}`);
  // JSON-RPC has no 404: nobody is an empty list.
  const raw = valueAt(answer.body, target.catalog.people.read.at);
  return raw === undefined || raw === false ? null : raw;
}

const readingOf = ({ catalog }: Target, id: string) => ({
  spec: catalog.people.read,
  filling: { values: { user: id } },
  doing: 'reading an account',
});

/**
 * The same call shows somebody who is there for certain. Throws a `configuration` failure where it does not.
 * @param id whom it does not show; empty = nothing was listed
 */
export async function proveSight(target: Target, id: string, signal?: AbortSignal): Promise<void> {
  for (const one of await certain(target, signal))
    if (one !== id && (await readRaw(target, one, signal)) !== null) return;
  const { known, self } = target.catalog.people;
  const who = known ? 'the person of people.known' : 'our own account (people.self)';
  const none = id === '' ? 'it lists nothing at all' : `it shows no account ${id}`;
  const says =
    known || self
      ? `${none}, and not ${who} either, who is there: our credential may no longer see people, so nobody counts as gone`
      : `${none}, and nobody is named who must be there (people.self or people.known), so that it cannot be told from a credential that sees nobody`;
  throw target.failure('configuration', `${says} (${target.file.where(['people'])})`);
}

/** Ids of those who are there. Whoever is named says more than we do: one may always see oneself. */
async function certain(target: Target, signal?: AbortSignal): Promise<string[]> {
  const { known, self, find } = target.catalog.people;
  if (!known) return self ? [idOf(await selfOf(target, signal))] : [];
  const value = target.client.filled(known.value);
  const found: string[] = [];
  for (const spec of find.filter(({ by }) => by === known.by))
    for (const raw of await matching(target, spec, value, signal)) found.push(keyOf(target, raw));
  return found;
}

/** What a person does there is seen where the catalog says, if the account itself does not show it. */
async function observed(target: Target, entry: Entry, signal?: AbortSignal): Promise<Entry> {
  const isDone = async (verb: 'block' | 'deactivate'): Promise<boolean> => {
    const spec = target.catalog[verb];
    if (spec?.by !== 'person') return false;
    const about = { id: idOf(entry), raw: entry.raw };
    return isSeen(target, spec, about, `looking whether somebody did ${verb} an account`, signal);
  };
  const { active, blocked } = entry.account;
  const account = {
    ...entry.account,
    active: active && !(await isDone('deactivate')),
    blocked: blocked || (await isDone('block')),
  };
  return { ...entry, account };
}

/** Lists often show less of an account than reading it does; what says whether it is active decides. */
async function asEntry(target: Target, raw: unknown, signal?: AbortSignal): Promise<Entry> {
  const id = keyOf(target, raw);
  return (await readEntry(target, id, signal)) ?? entryFrom(target, raw);
}

/** @param certain what it must say, for anybody to believe it */
function entryFrom(
  target: Target,
  raw: unknown,
  certain: readonly ('active' | 'blocked')[] = ['active', 'blocked'],
): Entry {
  const { people, identities } = target.catalog;
  const id = keyOf(target, raw);
  const label = people.name === undefined ? null : textAt(raw, people.name);
  const further = Object.entries(identities)
    .map(([name, at]) => [name, textsAt(raw, at).filter(one => !isBlank(one))] as const)
    .filter(([, values]) => values.length > 0);
  for (const part of certain) {
    const lacking = people[part] && unsaid(raw, people[part]);
    if (lacking)
      throw target.failure(
        'configuration',
        `the account ${id} has nothing at ${lacking}, where it should say whether it is ${part}, so nobody can tell: what it means that there is nothing is said with exists (${target.file.where(['people', part])})`,
      );
  }
  const blocked = people.blocked !== undefined && isSo(raw, people.blocked);
  const account: Account = {
    identities: { user: [id], ...Object.fromEntries(further) },
    active: isSo(raw, people.active),
    blocked,
    label: label === null ? id : `${label} (${id})`,
  };
  return { account, raw };
}

function keyOf(target: Target, raw: unknown): string {
  const key = textAt(raw, target.catalog.people.key);
  if (key === null || key === '')
    throw target.failure(
      'configuration',
      `an account has nothing at ${target.catalog.people.key} (${target.file.where(['people', 'key'])})`,
    );
  return key;
}

function knownOf(target: Target, raw: unknown): Known[] {
  return target.catalog.people.find.flatMap(({ by, match }) =>
    textsAt(raw, match).map(value => ({ by, value })),
  );
}

function refuseUnknown(target: Target, pinned: Identities): void {
  const known = ['user', ...Object.keys(target.catalog.identities)];
  const unknown = Object.keys(pinned).filter(name => !known.includes(name));
  if (unknown.length > 0)
    throw target.failure(
      'configuration',
      `there is no identity ${unknown.join(', ')}; known are ${known.join(', ')}`,
    );
}

/** What a list cannot be read for, as a walk says it; anything else is passed on. */
export function asProblem(error: unknown): { complete: false; problem: string } {
  if (error instanceof Unreadable) return { complete: false, problem: error.message };
  throw error;
}

export const idOf = ({ account }: Entry): string => valuesOf([account], 'user')[0] ?? '';

const candidate = (entry: Entry): { id: string; label: string } => ({
  id: idOf(entry),
  label: entry.account.label ?? idOf(entry),
});

const other = (entry: Entry, why: string): Other => ({ ...candidate(entry), why });

const SAYS: Record<FindSpec['by'], string> = {
  email: 'e-mail',
  login: 'login',
  id: "the directory's id",
  number: 'person number',
};
