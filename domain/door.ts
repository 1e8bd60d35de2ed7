/**
 * The door: what is not even looked at, however it was written. Everything that enters a workflow passes here
 * before anything else touches it, so that nothing behind it meets a value that it could stumble over.
 */
import { MESSAGE } from './limits.js';
import { clip } from './mistake.js';
import { droppedKey } from './own.js';
import { number } from './words.js';

/** Why a value is not looked at, as a clause in which "it" is that value; null = it may come in. */
export function objection(given: unknown): string | null {
  if (isDeep(given)) return `it is nested deeper than ${MESSAGE.depth} levels, and nothing here needs that`;
  const said = JSON.stringify(given) ?? '';
  const { length } = said;
  if (length > MESSAGE.characters)
    return `it is ${number(length)} long, at most ${number(MESSAGE.characters)} characters travel inline`;
  if (NUL.test(said)) return 'it has a NUL character in it (\\u0000), which no database can keep';
  const dropped = droppedKey(given);
  return dropped && `"${clip(dropped.join('.'))}" is no name that anything can have`;
}

/** As JSON writes it; behind a backslash that is itself written, it is no more than those letters. */
const NUL = /(?<!\\)(?:\\\\)*\\u0000/;

/** Level by level: whoever called itself for each would run out of stack before the message does. */
function isDeep(given: unknown): boolean {
  let level: unknown[] = [given];
  for (let depth = 0; depth <= MESSAGE.depth; depth++) {
    level = level.flatMap(value => (typeof value === 'object' && value !== null ? Object.values(value) : []));
    if (level.length === 0) return false;
  }
  return true;
}

/** A value as text, at most so long; what the door keeps out is not written at all. */
export function written(value: unknown, length: number): string {
  const why = objection(value);
  return why === null ? clip(JSON.stringify(value) ?? 'nothing', length) : `(not kept: ${why})`;
}
