/**
 * What people hold. A list is walked whole before anybody acts on it; a filter that the system ignores, or does
 * not understand, is noticed before "owns nothing" is believed; and single items are read again by themselves,
 * many at a time, or from their list.
 */
import { valuesOf } from '../../domain/accounts.js';
import { byHour } from '../../domain/bombs.js';
import { HandoverFailure } from '../../domain/failure.js';
import { fingerprintOf } from '../../domain/keys.js';
import type { Account, Bomb, CategoryInventory, ItemKey } from '../../domain/model.js';
import { linkFields } from '../catalog/head.js';
import type { Item, ItemPage, KeyPage } from '../connector.js';
import { keysOf } from '../keys.js';
import { type ReadPage, type Walked, walk, walkAll } from '../walk.js';
import type { CategorySpec, EndingSpec, ListSpec } from './catalog.js';
import { isOffGone, requestOf } from './catalog.js';
import { pagesOf, Unreadable } from './listing.js';
import { asProblem, proveSight, readEntry } from './people.js';
import { listAt, nameOf, textAt, textsAt, valueAt } from './pointer.js';
import { isSeen } from './probe.js';
import type { Target } from './target.js';
import { placeholdersIn } from './template.js';

/** All that a list of a hundred thousand is kept of, but for what its reader asks for. */
export interface Named {
  key: ItemKey;
  /** None: nobody's. Several where it can have several. */
  owners: readonly string[];
}

/** An item as it was read, with all that the system says of it. */
export interface Held extends Named {
  raw: unknown;
  etag: string | null;
}

const PROVED_FOR_MS = 10 * 60_000;

/** Everything that these accounts hold in a category, each as `as` keeps it, or why nobody can say. */
export async function held<T extends Named>(
  target: Target,
  category: string,
  accounts: readonly Account[],
  as: (item: Held) => T,
  signal?: AbortSignal,
): Promise<Walked<T>> {
  const spec = target.category(category);
  const owners = valuesOf(accounts, spec.owner.identity);
  const walked = await heldBy(target, category, owners, as, signal).catch(asProblem);
  if (!walked.complete || walked.items.length > 0 || owners.length === 0) return walked;
  const doubt = await proveFilter(target, category, signal).catch(error => asProblem(error).problem);
  return doubt === null ? walked : { complete: false, problem: doubt };
}

/** The same, for whoever can do nothing with a part of it. */
export async function whole<T extends Named>(
  target: Target,
  category: string,
  accounts: readonly Account[],
  as: (item: Held) => T,
  signal?: AbortSignal,
): Promise<T[]> {
  const walked = await held(target, category, accounts, as, signal);
  if (walked.complete) return walked.items;
  throw target.failure('transient', `${category} could not be read whole: ${walked.problem}`);
}

async function heldBy<T extends Named>(
  target: Target,
  category: string,
  owners: readonly string[],
  as: (item: Held) => T,
  signal?: AbortSignal,
): Promise<Walked<T>> {
  const spec = target.category(category);
  const isTheirs = (one: Named): boolean => one.owners.some(owner => owners.includes(owner));
  if (spec.list.of === 'everybody') {
    const walked = await walk(listOf(target, category, null, as, signal), ({ key }) => key);
    return walked.complete ? { ...walked, items: walked.items.filter(isTheirs) } : walked;
  }
  const lists = owners.map((owner): ReadPage<T> => {
    const read = listOf(target, category, owner, as, signal);
    return async cursor => {
      const page = await read(cursor);
      const stranger = page.items.find(one => !one.owners.includes(owner));
      if (stranger)
        throw new Unreadable(`${stranger.key} came, which is not theirs: the system ignores the filter`);
      return page;
    };
  });
  return walkAll(lists, ({ key }) => key);
}

/** The pages of the list of one owner, or of everybody's. */
function listOf<T extends Named>(
  target: Target,
  category: string,
  owner: string | null,
  as: (item: Held) => T,
  signal?: AbortSignal,
): ReadPage<T> {
  const spec = target.category(category);
  if (spec.account) return accountOf(target, category, spec.account, owner ?? '', as, signal);
  const read = pagesOf({
    client: target.client,
    spec: spec.list,
    filling: { values: { from: owner } },
    doing: `listing ${category}`,
    signal,
  });
  return async cursor => {
    const page = await read(cursor);
    return { ...page, items: page.items.map(raw => as(itemFrom(spec, raw, null, owner))) };
  };
}

/** The account itself, for as long as what is to end with it has not ended. */
function accountOf<T extends Named>(
  target: Target,
  category: string,
  spec: EndingSpec,
  user: string,
  as: (item: Held) => T,
  signal?: AbortSignal,
): ReadPage<T> {
  return async () => {
    const entry = await readEntry(target, user, signal);
    // Without an account nothing of it is left, if that is what it means that the system shows none.
    if (entry === null && !isOffGone(target.catalog)) await proveSight(target, user, signal);
    const doing = `looking whether ${category} of an account has ended`;
    const ended =
      entry === null ||
      (await isSeen(target, spec, { id: user, raw: entry.raw }, doing, signal).catch(asUnreadable));
    const item = (): T => as({ key: user, owners: [user], raw: entry!.raw, etag: null });
    return { items: ended ? [] : [item()], next: null };
  };
}

/** An answer that is none says neither: what passes is thrown as it is. */
function asUnreadable(error: unknown): never {
  if (error instanceof HandoverFailure && error.kind === 'configuration') throw new Unreadable(error.message);
  throw error;
}

/**
 * A list that is empty may be one that the system did not understand: the same filter is asked for somebody
 * who is known to own something. Null = it is understood; otherwise a sentence.
 */
export async function proveFilter(
  target: Target,
  category: string,
  signal?: AbortSignal,
): Promise<string | null> {
  const spec = target.category(category);
  if (isInPath(spec.list) || spec.list.of === 'everybody') return null;
  if ((target.proved.get(`filter of ${category}`) ?? 0) > Date.now()) return null;
  const { proof } = spec;
  if (proof === undefined || 'none' in proof) return null;
  const doing = `proving the filter of ${category}`;
  const { items } = await pagesOf({
    client: target.client,
    spec: proof,
    filling: { values: {} },
    doing,
    signal,
  })(null);
  // Where nobody owns anything, the leaver does not either.
  const known = items.map(raw => itemFrom(spec, raw, null, null)).find(({ owners }) => owners.length > 0);
  if (items.length > 0 && !known)
    return 'of the first things that `proof` lists none has an owner on whom the filter could be proved: let it list some that have one';
  // Nor does anybody who may no longer see anything.
  if (!known) {
    await proveSight(target, '', signal);
    return null;
  }
  const page = await listOf(target, category, known.owners[0]!, asNamed, signal)(null);
  if (!page.items.some(one => one.owners.includes(known.owners[0]!)))
    return `${known.owners[0]} owns the item ${known.key}, and the filtered list does not show it as theirs: the system does not understand the filter, or the list lacks the field of its owner`;
  target.proved.set(`filter of ${category}`, Date.now() + PROVED_FOR_MS);
  return null;
}

/** A part of the path cannot be ignored, as a parameter can. */
export function isInPath(list: ListSpec): boolean {
  return placeholdersIn(requestOf(list).path.split('?')[0]).includes('from');
}

/** Items by their keys, as they are now; null = it is not there any more, or nobody's of these owners. */
export async function readItems(
  target: Target,
  category: string,
  keys: readonly ItemKey[],
  owners: readonly string[],
  signal?: AbortSignal,
): Promise<(Held | null)[]> {
  const { read } = target.category(category);
  if (keys.length === 0) return [];
  if (read === 'list') return fromLists(target, category, keys, owners, signal);
  const { many } = read;
  if (many === undefined) return Promise.all(keys.map(key => readItem(target, category, key, signal)));
  const slices = Array.from({ length: Math.ceil(keys.length / many) }, (_, n) =>
    keys.slice(n * many, (n + 1) * many),
  );
  return (await Promise.all(slices.map(slice => readMany(target, category, slice, signal)))).flat();
}

async function readItem(
  target: Target,
  category: string,
  key: ItemKey,
  signal?: AbortSignal,
): Promise<Held | null> {
  const spec = target.category(category);
  if (spec.read === 'list') throw new Error(`${category} has no call for one item`);
  const call = { spec: spec.read, filling: { values: { key } }, doing: `reading an item of ${category}` };
  const { answer, outcome } = await target.client.read(call, signal);
  if (outcome.kind === 'gone') return null;
  if (outcome.kind !== 'ok') throw target.client.failure('rejected', call, `it answered ${outcome.says}`);
  const raw = valueAt(answer.body, spec.read.at);
  if (raw === undefined || raw === null || raw === false) return null;
  const item = itemFrom(spec, raw, answer.headers.etag ?? null, null);
  if (item.key !== key)
    throw target.client.failure('configuration', call, 'it answered with another item than was asked for');
  return item;
}

async function readMany(
  target: Target,
  category: string,
  keys: readonly ItemKey[],
  signal?: AbortSignal,
): Promise<(Held | null)[]> {
  const spec = target.category(category);
  if (spec.read === 'list') throw new Error(`${category} has no call for items`);
  const call = { spec: spec.read, filling: { values: { keys } }, doing: `reading items of ${category}` };
  const body = (await target.client.demand(call, signal)).body;
  const list = listAt(body, spec.read.at);
  if ('problem' in list)
    throw target.client.failure('configuration', call, `${list.problem}, where the items should be`);
  const found = new Map(
    list.map(raw => itemFrom(spec, raw, null, null)).map(item => [item.key, item] as const),
  );
  // What is missing may have been left out of a page that was cut: it is asked for by itself once more.
  const lacking = keys.filter(key => !found.has(key));
  if (lacking.length > 0 && lacking.length < keys.length)
    for (const item of await readMany(target, category, lacking, signal)) if (item) found.set(item.key, item);
  return keys.map(key => found.get(key) ?? null);
}

async function fromLists(
  target: Target,
  category: string,
  keys: readonly ItemKey[],
  owners: readonly string[],
  signal?: AbortSignal,
): Promise<(Held | null)[]> {
  const walked = await heldBy(target, category, owners, item => item, signal).catch(asProblem);
  if (!walked.complete)
    throw target.failure('transient', `${category} could not be read again: ${walked.problem}`);
  const found = new Map(walked.items.map(item => [item.key, item] as const));
  return keys.map(key => found.get(key) ?? null);
}

export const asNamed = ({ key, owners }: Named): Named => ({ key, owners });

/** @param owner for whom it was listed, where the list is of one owner */
function itemFrom(spec: CategorySpec, raw: unknown, etag: string | null, owner: string | null): Held {
  const key = textAt(raw, spec.key);
  if (key === null || key === '')
    throw new Unreadable(`an item has nothing at ${nameOf(spec.key)}, where its key should be`);
  if (spec.owner.listed) return { key, owners: owner === null ? [] : [owner], raw, etag };
  const owners = textsAt(raw, spec.owner.at).filter(one => one !== '' && one !== spec.nobody);
  return { key, owners, raw, etag };
}

// --- for the engine, and for human eyes ----------------------------------------------------------------------

export async function inventory(
  target: Target,
  accounts: readonly Account[],
  categories: readonly string[],
  signal?: AbortSignal,
): Promise<CategoryInventory[]> {
  const all: CategoryInventory[] = [];
  for (const category of categories) {
    const walked = await held(target, category, accounts, asFiring(target, category), signal);
    const items = walked.complete ? walked.items : [];
    all.push({
      category,
      count: items.length,
      fingerprint: fingerprintOf(items.map(({ key }) => key)),
      complete: walked.complete,
      problem: walked.complete ? null : `the list could not be read whole: ${walked.problem}`,
      firesAt: items.flatMap(({ firesAt }) => firesAt ?? []).sort()[0] ?? null,
    });
  }
  return all;
}

/** An item, and when it acts by itself. */
function asFiring(target: Target, category: string): (item: Held) => Named & { firesAt: string | null } {
  const { fires_at: at } = target.category(category);
  return item => ({ ...asNamed(item), firesAt: at === undefined ? null : momentOf(textAt(item.raw, at)) });
}

/** The first hours after `after` in which something of theirs acts by itself. */
export async function bombs(
  target: Target,
  accounts: readonly Account[],
  category: string,
  { after, hours }: { after: string; hours: number },
  signal?: AbortSignal,
): Promise<Bomb[]> {
  if (target.category(category).fires_at === undefined) return [];
  const all = await whole(target, category, accounts, asFiring(target, category), signal);
  return byHour(
    all.flatMap(({ key, firesAt }) => (firesAt !== null && firesAt > after ? { key, at: firesAt } : [])),
  ).slice(0, hours);
}

/** Whose these items are now, and when they act. */
export async function keepers(
  target: Target,
  category: string,
  keys: readonly ItemKey[],
  among: readonly string[],
  signal?: AbortSignal,
): Promise<{ key: ItemKey; owner: string | null; firesAt: string | null }[]> {
  const { fires_at: at } = target.category(category);
  const found = await readItems(target, category, keys, among, signal);
  return found.flatMap(item =>
    item === null
      ? []
      : {
          key: item.key,
          owner: item.owners[0] ?? null,
          firesAt: at === undefined ? null : momentOf(textAt(item.raw, at)),
        },
  );
}

/** No page is larger than what one effect takes: two pages can be moved side by side, and the parts of one cannot. */
export async function* pages(
  target: Target,
  accounts: readonly Account[],
  category: string,
  { size, attribute, signal }: { size: number; attribute?: string; signal?: AbortSignal },
): AsyncIterable<KeyPage> {
  const spec = target.category(category);
  const at = attribute === undefined ? undefined : spec.attributes[attribute];
  const asAttributed = (item: Held): Named & { attribute: string | null } => ({
    ...asNamed(item),
    attribute: at === undefined ? null : textAt(item.raw, at),
  });
  const items = await whole(target, category, accounts, asAttributed, signal);
  const atOnce = Math.min(size, target.mostAtOnce(spec));
  for (let from = 0; from < items.length; from += atOnce) {
    const some = items.slice(from, from + atOnce);
    const keys = some.map(({ key }) => key);
    yield {
      keys: keysOf(keys),
      count: keys.length,
      fingerprint: fingerprintOf(keys),
      attributes: at === undefined ? null : some.map(one => one.attribute),
      order: 'none',
      low: null,
      high: null,
    };
  }
}

export async function shown(
  target: Target,
  accounts: readonly Account[],
  category: string,
  { after, limit, search }: { after?: ItemKey; limit: number; search?: string },
  signal?: AbortSignal,
): Promise<ItemPage> {
  const spec = target.category(category);
  const all = (await whole(target, category, accounts, item => item, signal)).map(one => asItem(spec, one));
  const wanted = search?.toLowerCase();
  const fits = ({ key, label }: Item): boolean =>
    wanted === undefined ||
    key.toLowerCase().includes(wanted) ||
    (label ?? '').toLowerCase().includes(wanted);
  const sorted = all.filter(fits).sort((a, b) => (a.key < b.key ? -1 : 1));
  const rest = sorted.filter(({ key }) => after === undefined || key > after);
  const items = rest.slice(0, limit);
  return { items, next: rest.length > limit ? items.at(-1)!.key : null };
}

function asItem(spec: CategorySpec, { key, raw }: Held): Item {
  const link = linkFields(spec.link).reduce(
    (text, at) => text.replaceAll(`{${at}}`, encodeURIComponent(textAt(raw, at) ?? '')),
    spec.link ?? '',
  );
  return {
    key,
    label: spec.label === undefined ? null : textAt(raw, spec.label),
    link: link === '' ? null : link,
    attributes: Object.fromEntries(
      Object.entries(spec.attributes).map(([name, at]) => [name, textAt(raw, at)]),
    ),
    firesAt: spec.fires_at === undefined ? null : momentOf(textAt(raw, spec.fires_at)),
  };
}

function momentOf(text: string | null): string | null {
  const moment =
    text === null
      ? Number.NaN
      : Date.parse(/^\d{10}$/.test(text) ? `${new Date(Number(text) * 1_000).toISOString()}` : text);
  return Number.isNaN(moment) ? null : new Date(moment).toISOString();
}

/** Some item of the category and its owner, from the list that proves the filter; null where there is none. */
export async function sampleOf(target: Target, category: string, signal?: AbortSignal): Promise<Held | null> {
  const spec = target.category(category);
  const everybody = spec.list.of === 'everybody' ? spec.list : null;
  const proof = spec.proof !== undefined && !('none' in spec.proof) ? spec.proof : null;
  const list = everybody ?? proof;
  if (list === null) return null;
  const listing = {
    client: target.client,
    spec: list,
    filling: { values: {} },
    doing: `listing ${category}`,
    signal,
  };
  const { items } = await pagesOf(listing)(null);
  return items.map(raw => itemFrom(spec, raw, null, null)).find(({ owners }) => owners.length > 0) ?? null;
}
