/**
 * Successors of single items. Few travel inline; a set of more lies in the store, and a request or an
 * amendment names it by its digest.
 */

/** Step → item key → taker. */
export type Overrides = Record<string, Record<string, string>>;

/** More would swell the history, where payloads stay for good. */
export const MOST_INLINE = 200;

const PREFIX = 'sha256:';
const REFERENCE = /^sha256:[0-9a-f]{64}$/;

/**
 * The name of a set in the store: `sha256:` and its digest. It is a text, and what is said inline is an
 * object: whatever a step may be called, neither can be taken for the other.
 */
export function referenceTo(digest: string): string {
  return `${PREFIX}${digest}`;
}

export function isReference(text: string): boolean {
  return REFERENCE.test(text);
}

/** The digest that a reference names. */
export function digestIn(reference: string): string {
  return reference.slice(PREFIX.length);
}

/** How many items have a successor of their own. */
export function countOf(overrides: Readonly<Record<string, object>>): number {
  return Object.values(overrides).reduce((sum, items) => sum + Object.keys(items).length, 0);
}
