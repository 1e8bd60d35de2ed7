import { TEMPORAL } from './limits.js';

/**
 * What stands beside an activity or a run in the Temporal UI. Servers take at most 400 bytes of it, as JSON
 * with its encoding's name, and names may be of any length: a longer one would be a task that fails again and
 * again.
 */
const MOST_BYTES = TEMPORAL.summary - 60;

/** The beginning of a text that fits, cut between characters. */
export function summary(text: string): string {
  let bytes = 0;
  let kept = '';
  for (const character of text) {
    bytes += bytesOf(character.codePointAt(0)!);
    if (bytes > MOST_BYTES) return `${kept}…`;
    kept += character;
  }
  return kept;
}

/** Length of one character in JSON and UTF-8. */
function bytesOf(codePoint: number): number {
  if (codePoint < 0x20) return 6;
  if (codePoint === 0x22 || codePoint === 0x5c) return 2;
  if (codePoint < 0x80) return 1;
  if (codePoint < 0x800) return 2;
  return codePoint < 0x10000 ? 3 : 4;
}
