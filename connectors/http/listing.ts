/**
 * Lists that come in pages. What speaks against a page is said by name, and makes the list incomplete: a list
 * that is not there, a page that was cut, a total that is no number.
 */
import type { Page, ReadPage } from '../walk.js';
import type { ListSpec } from './catalog.js';
import type { Client, Told } from './client.js';
import { isSo } from './condition.js';
import { listAt, nameOf, textAt } from './pointer.js';
import type { Filling } from './template.js';

/** A list that cannot be read whole, and never will by trying again: the reason is a sentence. */
export class Unreadable extends Error {}

export interface Listing {
  client: Client;
  spec: ListSpec;
  filling: Filling;
  doing: string;
  signal?: AbortSignal | undefined;
}

/** Would nobody notice that the list was cut? */
export const mayBeCut = ({ page, total }: ListSpec): boolean =>
  page.by === 'none' && page.most === undefined && page.whole === undefined && total === undefined;

/** Said of a list that may have been cut. */
export const MAY_BE_CUT =
  'in one answer, and neither a total nor page.most nor page.whole says that it is all';

/** Where the next page is, as one text: `walk` notices one that comes twice. */
type Cursor = string;

/**
 * Pages that are asked for beside the one that is awaited, where it is known how many there are: a look at
 * somebody with much would otherwise take a call's time for each page, one after the other.
 */
const AHEAD = 4;

/**
 * Reads pages of a list, for `walk`. Throws `Unreadable`, and what passes as a failure. What was asked for
 * ahead counts only where its turn comes.
 */
export function pagesOf(listing: Listing): ReadPage<unknown> {
  let collected = 0;
  let first: First | null = null;
  let asked = new Map<Cursor, Promise<Told>>();
  const askFor = (cursor: Cursor): Promise<Told> => {
    const told = asked.get(cursor) ?? ask(listing, cursor);
    // One whose turn does not come is nobody's failure.
    told.catch(() => {});
    asked.set(cursor, told);
    return told;
  };
  return async cursor => {
    if (cursor === null) {
      collected = 0;
      asked = new Map();
    }
    const now = cursor === null ? ask(listing, null) : askFor(cursor);
    // Whoever looks at the first page alone asks for no other.
    if (cursor !== null && first)
      for (const next of behind(listing.spec, cursor, collected, first)) askFor(next);
    const told = await now;
    if (cursor !== null) asked.delete(cursor);
    const page = pageIn(listing, told, cursor, collected);
    if (cursor === null) first = { size: page.raw, total: page.whole };
    collected += page.raw;
    return page;
  };
}

/** What the first page says: how many come at a time, and how many there are; null = nobody says. */
interface First {
  size: number;
  total: number | null;
}

/** The cursors of the pages that come next, if all are as the first one. */
function behind({ page }: ListSpec, cursor: Cursor, before: number, { size, total }: First): Cursor[] {
  if ((page.by !== 'number' && page.by !== 'offset') || total === null || size === 0) return [];
  const step = page.by === 'number' ? 1 : size;
  return Array.from({ length: AHEAD }, (_, n) => n + 1)
    .filter(n => before + n * size < total)
    .map(n => String(Number(cursor) + n * step));
}

function ask({ client, spec, filling, doing, signal }: Listing, cursor: Cursor | null): Promise<Told> {
  const { page } = spec;
  const values = { ...filling.values, ...valuesFor(page, cursor) };
  const url =
    cursor !== null && isLink(page)
      ? { url: client.boundary.follow(cursor, client.boundary.base, 'the next page') }
      : {};
  return client.read({ spec, filling: { ...filling, values }, doing, ...url }, signal);
}

/** @param before how many items the pages before it had */
function pageIn(
  { spec }: Listing,
  told: Told,
  cursor: Cursor | null,
  before: number,
): Page<unknown> & { raw: number; whole: number | null } {
  const { answer, outcome } = told;
  // Some systems answer a page behind the last one with an error.
  if (outcome.kind === 'end' && cursor !== null) return { items: [], next: null, raw: 0, whole: null };
  if (outcome.kind !== 'ok') throw new Unreadable(`it answered ${outcome.says}`);
  const found = listAt(answer.body, spec.items);
  if ('problem' in found) throw new Unreadable(`${found.problem}, where the items should be`);
  const items = spec.when === undefined ? found : found.filter(item => isSo(item, spec.when!));
  const whole = totalOf(spec, told);
  const next = nextOf(spec, told, cursor, found.length, before + found.length, whole);
  // What is left out on our side is missing in a total that counts it.
  const total = spec.when === undefined ? whole : null;
  if (spec.when !== undefined && next === null && whole !== null && whole !== before + found.length)
    throw new Unreadable(`${before + found.length} of ${whole} entries were collected`);
  return { items, next, total, raw: found.length, whole };
}

function valuesFor(page: ListSpec['page'], cursor: Cursor | null): Record<string, string | undefined> {
  switch (page.by) {
    case 'number':
      return { page: cursor ?? String(page.first), size: String(page.size) };
    case 'offset':
      return { offset: cursor ?? String(page.first), size: String(page.size) };
    case 'cursor':
      return { cursor: cursor ?? undefined, size: page.size === undefined ? undefined : String(page.size) };
    case 'next':
    case 'link':
      return { size: page.size === undefined ? undefined : String(page.size) };
    case 'none':
      return {};
  }
}

const isLink = (page: ListSpec['page']): boolean => page.by === 'next' || page.by === 'link';

function totalOf({ total }: ListSpec, { answer }: Told): number | null {
  if (total === undefined) return null;
  const [text, where] =
    typeof total === 'string'
      ? [textAt(answer.body, total), nameOf(total)]
      : [answer.headers[total.header.toLowerCase()] ?? null, `the header ${total.header}`];
  const number = Number(text);
  if (text === null || text.trim() === '' || !Number.isInteger(number) || number < 0)
    throw new Unreadable(`${where} should say how many there are, and does not`);
  return number;
}

/**
 * A short page is the last one only where the system says how many it gives: sizes are cut in silence
 * (`limit=200` is answered with 100), and then the rest would be missing.
 */
function nextOf(
  { page }: ListSpec,
  { answer }: Told,
  cursor: Cursor | null,
  came: number,
  sofar: number,
  total: number | null,
): Cursor | null {
  switch (page.by) {
    case 'number':
    case 'offset': {
      const given = page.echo === undefined ? null : Number(textAt(answer.body, page.echo) ?? Number.NaN);
      if (given !== null && !(given > 0))
        throw new Unreadable(`${nameOf(page.echo!)} should say how large a page is, and does not`);
      if (came === 0 || (total !== null && sofar >= total)) return null;
      if (given !== null && came < given) return null;
      const at = Number(cursor ?? page.first);
      return String(page.by === 'number' ? at + 1 : at + came);
    }
    case 'cursor': {
      if (page.more !== undefined && !isSo(answer.body, page.more)) return null;
      const next =
        page.header === undefined
          ? textAt(answer.body, page.at ?? '')
          : (answer.headers[page.header.toLowerCase()] ?? null);
      return next === null || next === '' ? null : next;
    }
    case 'next':
      return textAt(answer.body, page.at) || null;
    case 'link':
      return nextIn(answer.headers.link);
    case 'none':
      if (page.most !== undefined && came >= page.most)
        throw new Unreadable(`as many came as the system gives at most (${page.most}): there may be more`);
      return null;
  }
}

/** RFC 8288. */
function nextIn(link: string | undefined): string | null {
  for (const [, target, parameters] of (link ?? '').matchAll(/<([^>]*)>([^<]*)/g))
    if (/;\s*rel\s*=\s*"?[^";,]*\bnext\b/i.test(parameters!)) return target!;
  return null;
}
