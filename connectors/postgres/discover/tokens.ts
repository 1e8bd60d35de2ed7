/**
 * What in one cell could be somebody: the value itself, elements of a list, addresses in a line of text,
 * values and keys of a document.
 */
import { AS_PEOPLE_WRITE, folded } from '../../../domain/fold.js';
import type { Column } from './shape.js';
import { IDS, isBy, stemOf, wordsOf } from './words.js';

export interface Token {
  /** In lower case, without blanks at its ends. */
  text: string;
  /** Where in a document. */
  path: string | null;
  /** It stands among other words, so that it mentions somebody and belongs to nobody. */
  inProse: boolean;
  /** Where the value stands in a frame (`user:1001`): the frame (`user:`). The text is what is in it. */
  frame: string;
}

export interface Found extends Token {
  rows: number;
  paths: string[];
  /** Keys of the rows that held it, where these are people themselves. */
  of: Set<string>;
}

const ADDRESS = /[\p{L}\p{N}._%+'-]+@[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)+/gu;
const LIST = /\s*[,;|]\s*|\s*\n\s*/;

export function tokensIn(cell: string, { array, family }: Pick<Column, 'array' | 'family'>): Token[] {
  if (array || family === 'json') return inDocument(cell, array);
  const text = cell.trim();
  // 1001.00 of a type with decimals.
  if (family !== 'text') return [token(text.replace(/[.]0+$/, ''))];
  if (/^[[{]/.test(text) && /[\]}]$/.test(text)) return [...inDocument(text, false), ...framed(text)];
  // XML, and no page of HTML, which mentions people.
  if (/^<(?!!doctype html|(html|p|div|br|span|table|ul|ol|h\d|b|i|a|strong)\b)/i.test(text))
    return inMarkup(text);
  return /\n/.test(text) && /^\s*(- )?[\w.-]+:(\s|$)/m.test(text) ? inLines(text) : inText(text);
}

/** XML: its attributes and what stands between its tags. */
const inMarkup = (text: string): Token[] =>
  [...text.matchAll(/([\w.-]+)\s*=\s*"([^"]{1,200})"|<([\w.-]+)[^<>]*>([^<>]{1,200})</g)].flatMap(
    ([, attribute, value, element, inner]) => entry(attribute ?? element!, value ?? inner!),
  );

/** YAML, or settings line by line. */
const inLines = (text: string): Token[] => [
  ...[...text.matchAll(/^\s*(?:- )?([\w.-]+):[ \t]+["']?(.{1,200}?)["']?\s*$/gm)].flatMap(([, key, value]) =>
    entry(key!, value!),
  ),
  ...inText(text),
];

/** A value under its name: a number only where the name may be a person's. */
function entry(key: string, value: string): Token[] {
  const text = value.trim();
  if (/^\d+([.]0+)?$/.test(text)) return mayBeId(key) ? [token(text.replace(/[.]0+$/, ''), key)] : [];
  return inText(text).map(one => ({ ...one, path: key }));
}

const token = (text: string, path: string | null = null, inProse = false, frame = ''): Token => ({
  text: folded(text.replace(INVISIBLE, ''), AS_PEOPLE_WRITE),
  path,
  inProse,
  frame,
});

/** Nobody sees these, and no comparison forgives them. */
const INVISIBLE = /[\u00ad\u200b-\u200d\u2060\ufeff]/g;

const UUID = '[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}';
const FRAMES: readonly RegExp[] = [
  // Ids as something else writes them: 00001001, 1001.0, {uuid}, a uuid without hyphens, \x... of a bytea.
  new RegExp(`^(urn:uuid:|[{]|\\\\x)?(${UUID})([}]?)$`, 'i'),
  /^(0+|[+])(\d+)()$/,
  /^()(\d+)([.]0+)$/,
  // LDAP, and the local part of an address or of a Kerberos name.
  /^((?:uid|cn|samaccountname)=)([^,=]+)(,\S*)$/i,
  /^()([^@\s]+)(@[^@\s]+)$/,
  // A path, a URN, a domain, a class: the last part, or the id in the middle.
  /^(.*[:/\\=#|])([^:/\\=#|@]+)()$/,
  new RegExp(`^(.*?[:/=])(\\d+|${UUID})([/?&#;,].*)$`, 'i'),
  new RegExp(`^(.*[^0-9a-z-])(${UUID})()$`, 'i'),
  /^(.*\D)(\d+)()$/,
];

/** The frame of what may be the hash of an e-mail. */
export const HASH = 'hash';

/** What of a value may be somebody, if the same stands around all of them. */
function framed(text: string, path: string | null = null): Token[] {
  if (text.length > 200 || /\s/.test(text.replace(/\s+$/, ''))) return [];
  const found = FRAMES.flatMap((frame, n) => {
    const [, before, inner, behind] = frame.exec(text) ?? [];
    if (inner === undefined) return [];
    const around = n < 3 ? WRITTEN[n]! : `${before}…${behind}`;
    return [token(n === 0 ? hyphened(inner) : inner, path, false, around)];
  });
  if (/^(?:[0-9a-f]{32}|[0-9a-f]{64})$/i.test(text)) found.push(token(text, path, false, HASH));
  const decoded = base64(text);
  return decoded === null
    ? found
    : [...found, ...framed(decoded, path).map(one => ({ ...one, frame: `base64 of ${one.frame}` }))];
}

/** How an id is written is no frame of one: the number of its zeros differs. */
export const DECIMAL = '….0';
export const WRITTEN = ['uuid', '0…', DECIMAL];

const hyphened = (uuid: string): string =>
  uuid.replaceAll('-', '').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');

function base64(text: string): string | null {
  if (text.length < 8 || text.length % 4 !== 0 || !/^[A-Za-z0-9+/_-]+={0,2}$/.test(text)) return null;
  const decoded = Buffer.from(text, 'base64').toString('latin1');
  return /^[\x21-\x7e]{4,}$/.test(decoded) ? decoded : null;
}

/** Of texts that all begin, or end, with the same: what is between. */
export function between(texts: readonly string[]): { before: string; behind: string } | null {
  const [first, ...others] = texts;
  if (first === undefined || others.length < 2) return null;
  let before = first.length;
  let behind = first.length;
  for (const other of others) {
    before = Math.min(before, [...Array(before).keys()].find(n => other[n] !== first[n]) ?? before);
    behind = Math.min(
      behind,
      [...Array(behind).keys()].find(n => other.at(-1 - n) !== first.at(-1 - n)) ?? behind,
    );
  }
  const shortest = Math.min(...texts.map(text => text.length));
  if (before + behind === 0 || before + behind >= shortest) return null;
  return { before: first.slice(0, before), behind: behind === 0 ? '' : first.slice(-behind) };
}

function inText(text: string): Token[] {
  const addresses = text.match(ADDRESS) ?? [];
  if (addresses.length > 0) {
    // `Alice Lee <alice@example.com>, bob@example.com` names people; a sentence only mentions them.
    const rest = text.replace(ADDRESS, ' ').match(/[\p{L}\p{N}]+/gu) ?? [];
    const prose = rest.length > addresses.length * 4;
    const own = prose ? [] : [token(text)];
    const alone = addresses.length === 1 && addresses[0] === text;
    return [...own, ...addresses.map(address => token(address, null, prose)), ...(alone ? framed(text) : [])];
  }
  if (text.length > 120 && !LIST.test(text)) return framed(text);
  // A distinguished name is no list.
  if (/^(uid|cn|samaccountname)=[^,=]+,/i.test(text)) return [token(text), ...framed(text)];
  const parts = text.split(LIST).filter(Boolean);
  if (parts.length > 1 && parts.every(part => part.length <= 60)) return parts.map(part => token(part));
  return text.length <= 120 ? [token(text), ...framed(text)] : framed(text);
}

function inDocument(cell: string, array: boolean): Token[] {
  let value: unknown;
  try {
    // Numbers beyond 2^53 would change, and 1001.0 would look like 1001: they become texts first.
    value = JSON.parse(cell.replace(/(?<=[:[,]\s*)(\d{16,}|\d+[.]0+)(?=\s*[,\]}])/g, '"$1"'));
  } catch {
    // Cut off, or no JSON after all.
    const numbers = [...cell.matchAll(/"([^"\\]{1,60})"\s*:\s*(\d{1,18})\b/g)].flatMap(([, key, value]) =>
      entry(key!, value!),
    );
    const elements = /^[{][^"{}:]*[}]$/.test(cell) ? cell.slice(1, -1).split(',') : [];
    const texts = (cell.match(/"([^"\\]{2,100})"|=>\s*"?([^",]{2,100})/g) ?? []).map(part =>
      token(part.replace(/^(=>\s*)?"?|"$/g, ''), '...'),
    );
    return [...numbers, ...elements.map(one => token(one, '[]')), ...texts];
  }
  const found: Token[] = [];
  walk(value, '', array, found);
  return found;
}

const MOST = 400;

/** `numbers`: a number here may be an id, because of the key that it stands under. */
function walk(value: unknown, path: string, numbers: boolean, found: Token[]): void {
  if (found.length >= MOST) return;
  if (typeof value === 'string') {
    if (value.length <= 200) for (const one of inText(value)) found.push({ ...one, path: path || null });
  } else if (typeof value === 'number') {
    if (numbers && Number.isInteger(value)) found.push(token(String(value), path || null));
  } else if (Array.isArray(value)) {
    for (const one of value) walk(one, `${path}[]`, numbers, found);
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, one] of Object.entries(value)) {
      const isValue = /@|^[0-9a-f]{8}-[0-9a-f]{4}-|^\d{4,}$/i.test(key);
      if (isValue) found.push(token(key, `${path}{}`));
      const at = isValue ? `${path}{}` : `${path}.${key}`.replace(/^\./, '');
      // An id is whoever the key above it names: { assignee: { id: 1001 } }.
      walk(one, at, isValue ? false : mayBeId(key) || (isId(key) && (numbers || isGroup(path))), found);
    }
  }
}

/** `user_id`, `assignee`, `watchers`, `assigned_to`: under such a key a number is somebody. */
export function mayBeId(key: string): boolean {
  const stem = stemOf(key, false);
  return isPersonKey(stem.at(-1) ?? '') || isBy(stem) || wordsOf(key).some(word => word === 'by');
}

export const isId = (key: string): boolean => IDS.has(key.toLowerCase());

/** `team[].id`: whoever is in such a list is a person. */
export const isGroup = (path: string): boolean =>
  /(^|[._])(team|crew|squad|roster|rota|shift|panel|committee|board|on_?call)s?(\[\])?$/i.test(path);

const isPersonKey = (word: string): boolean =>
  /^(user|person|people|member|employee|agent|staff|lead|manager|contact|account|principal|uid|cc|bcc)$/.test(
    word,
  ) || /(er|or|ee|ant)$/.test(word);
