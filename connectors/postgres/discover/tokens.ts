/**
 * What in one cell could be somebody: the value itself, elements of a list, addresses in a line of text,
 * values and keys of a document.
 */
import type { Column } from './shape.js';
import { stemOf, wordsOf } from './words.js';

export interface Token {
  /** In lower case, without blanks at its ends. */
  text: string;
  /** Where in a document. */
  path: string | null;
  /** It stands among other words, so that it mentions somebody and belongs to nobody. */
  inProse: boolean;
}

export interface Found extends Omit<Token, 'path'> {
  rows: number;
  paths: string[];
}

const ADDRESS = /[\p{L}\p{N}._%+'-]+@[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)+/gu;
const LIST = /\s*[,;|]\s*|\s*\n\s*/;

export function tokensIn(cell: string, { array, family }: Pick<Column, 'array' | 'family'>): Token[] {
  if (array || family === 'json') return inDocument(cell, array);
  const text = cell.trim();
  if (family !== 'text') return [token(text)];
  if (/^[[{]/.test(text)) return inDocument(text, false);
  return inText(text);
}

const token = (text: string, path: string | null = null, inProse = false): Token => ({
  text: text.trim().toLowerCase(),
  path,
  inProse,
});

function inText(text: string): Token[] {
  const addresses = text.match(ADDRESS) ?? [];
  if (addresses.length > 0) {
    // `Alice Lee <alice@example.com>, bob@example.com` names people; a sentence only mentions them.
    const rest = text.replace(ADDRESS, ' ').match(/[\p{L}\p{N}]+/gu) ?? [];
    const prose = rest.length > addresses.length * 4;
    const own = prose ? [] : [token(text)];
    return [...own, ...addresses.map(address => token(address, null, prose))];
  }
  if (text.length > 120 && !LIST.test(text)) return [];
  const parts = text.split(LIST).filter(Boolean);
  if (parts.length > 1 && parts.every(part => part.length <= 60)) return parts.map(part => token(part));
  return text.length <= 120 ? [token(text)] : [];
}

function inDocument(cell: string, array: boolean): Token[] {
  let value: unknown;
  try {
    // Numbers beyond 2^53 would change: they become texts first.
    value = JSON.parse(cell.replace(/(?<=[:[,]\s*)(\d{16,})(?=\s*[,\]}])/g, '"$1"'));
  } catch {
    // Cut off, or no JSON after all.
    return (cell.match(/"([^"\\]{2,100})"|=>\s*"?([^",]{2,100})/g) ?? []).map(part =>
      token(part.replace(/^(=>\s*)?"?|"$/g, ''), '...'),
    );
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
      walk(one, at, isValue ? false : mayBeId(key), found);
    }
  }
}

/** `user_id`, `assignee`, `watchers`: under such a key a number is somebody. */
function mayBeId(key: string): boolean {
  const stem = stemOf(key, false);
  return isPersonKey(stem.at(-1) ?? '') || wordsOf(key).some(word => word === 'by');
}

const isPersonKey = (word: string): boolean =>
  /^(user|person|people|member|employee|agent|staff|lead|manager|contact|account|principal|uid|cc|bcc)$/.test(
    word,
  ) || /(er|or|ee|ant)$/.test(word);
