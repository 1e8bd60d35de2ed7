/** Files that people write for us (catalogs, configuration): what is read of them at all. */

/** The longest that anybody has written is a tenth of this; a file without an end is refused at once. */
export const MOST_BYTES = 1_048_576;

/** Why something is not read, from what the file system says of it; null where it may be. */
export function objectionTo(file: { isFile(): boolean; size: number }): string | null {
  if (!file.isFile()) return 'it is no regular file';
  if (file.size > MOST_BYTES) return `it has ${file.size} bytes, and ${MOST_BYTES} are the most that is read`;
  return null;
}

/**
 * The text of a file; null where it is not UTF-8. In another encoding only some letters would be read wrongly,
 * and a condition with one of them would be true of nothing.
 */
export function textOf(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

export const NOT_UTF8 = 'it is not written in UTF-8: save it in that encoding';
