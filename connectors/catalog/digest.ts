/**
 * Two digests of a catalog. What it *does* is pinned by every plan: a change voids approvals. What it only
 * words or classifies (titles, labels, links, pages, reasons, and what the kind says) may change at any time;
 * only the digest of the whole tells.
 */
import { createHash } from 'node:crypto';
import type { Head } from './head.js';
import { VERBS } from './head.js';

export interface Digests {
  /**
   * Canonical JSON of what the catalog does, defaults filled in: what is stored when a plan is made with it.
   */
  body: string;
  /** SHA-256 over the body. */
  does: string;
  /** The same over all of the catalog. */
  whole: string;
}

/** Keys of a kind's own that only word or classify. */
export interface Words {
  catalog?: readonly string[];
  category?: readonly string[];
}

const WORDS = {
  catalog: ['title', 'run_against'],
  category: ['title', 'label', 'link', 'page', 'reason'],
  verb: ['page', 'reason'],
};

export function digestsOf(catalog: Head, words: Words = {}): Digests {
  const body = canonical(effectOf(catalog, words));
  return { body, does: sha256(body), whole: sha256(canonical(catalog)) };
}

function effectOf(catalog: Head, words: Words): unknown {
  const { categories, ...rest } = catalog;
  const left = without(rest, [...WORDS.catalog, ...(words.catalog ?? [])]);
  for (const verb of VERBS) if (catalog[verb]) left[verb] = without(catalog[verb], WORDS.verb);
  const own = [...WORDS.category, ...(words.category ?? [])];
  return {
    ...left,
    categories: Object.fromEntries(
      Object.entries(categories).map(([name, spec]) => [name, without(spec, own)]),
    ),
  };
}

function without(value: object, keys: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).filter(([key]) => !keys.includes(key)));
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** JSON with sorted keys and without undefined values. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).filter(([, v]) => v !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([k, v]) => `${JSON.stringify(k)}:${canonical(v)}`).join(',')}}`;
}
