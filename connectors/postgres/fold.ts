/**
 * Folds (domain/fold.ts) as SQL. Every expression is immutable, so that an index can hold it: where one is
 * missing and the table is large, `check` says how to make it.
 */
import { type Fold, UNSEEN } from '../../domain/fold.js';
import type { Letters } from './live.js';

/** What JavaScript's `trim` takes away, and what of it a database that knows only some characters has. */
const ASCII_BLANKS = '\\t\\n\\u000b\\f\\r ';
const ALL_BLANKS = `${ASCII_BLANKS}\\u00a0\\u1680\\u2000\\u2001\\u2002\\u2003\\u2004\\u2005\\u2006\\u2007\\u2008\\u2009\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000\\ufeff`;

const ESCAPED = UNSEEN.map(one => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`).join('');

/** @param text an expression of type text */
export function foldSql(text: string, folds: readonly Fold[], { utf8, cases }: Letters): string {
  const has = (fold: Fold): boolean => folds.includes(fold);
  let sql = text;
  // ASCII is its own normal form, and nothing of it is unseen. Most values are, and counting their letters is far
  // quicker: that counts where a table is read whole.
  if (has('unicode') && utf8)
    sql = `CASE WHEN octet_length(${sql}) = length(${sql}) THEN ${sql} ELSE translate(normalize(${sql}, NFKC), E'${ESCAPED}', '') END`;
  if (has('blanks')) sql = `btrim(${sql}, E'${utf8 ? ALL_BLANKS : ASCII_BLANKS}')`;
  if (has('case')) sql = cases ? `lower(${sql} COLLATE ${cases})` : `lower(${sql})`;
  // Patterns are not for collations in which different texts are equal.
  if (has('uuid') || has('zeros')) sql = `(${sql} COLLATE "C")`;
  if (has('uuid')) {
    const bare = `translate(regexp_replace(lower(${sql}), '^urn:uuid:', ''), '{}-', '')`;
    sql = `CASE WHEN ${bare} ~ '^[0-9a-f]{32}$' THEN ${bare} ELSE ${sql} END`;
  }
  if (!has('zeros')) return sql;
  return `regexp_replace(regexp_replace(${sql}, '^[+]?0*(?=.)', ''), '^([0-9]+)[.]0+$', '\\1')`;
}
