/**
 * JSON whose numbers keep their digits: ids beyond 2^53 are common, and JavaScript would change them. A number
 * that a double cannot hold is read as the text that was written, and texts can be written as numbers.
 */
import { isSafeNumber, parse } from 'lossless-json';

/** Only a text with this many digits in a row can hold a number that is too long. */
const LONG = /\d{16}/;

/** Throws what is wrong with the text. */
export function parseJson(text: string): unknown {
  if (!LONG.test(text)) return JSON.parse(text);
  return parse(text, undefined, digits => (isSafeNumber(digits) ? Number(digits) : digits));
}

/** A number that is written digit by digit as it is given. */
export class Digits {
  constructor(readonly text: string) {}
}

/** `undefined` is left out, of lists as well. */
export function writeJson(value: unknown): string {
  if (value instanceof Digits) return value.text;
  if (Array.isArray(value))
    return `[${value
      .filter(one => one !== undefined)
      .map(writeJson)
      .join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null);
  const entries = Object.entries(value).filter(([, one]) => one !== undefined);
  return `{${entries.map(([key, one]) => `${JSON.stringify(key)}:${writeJson(one)}`).join(',')}}`;
}
