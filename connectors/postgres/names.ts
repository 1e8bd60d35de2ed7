/**
 * Names and values in SQL text. A name gets here only from the catalog and after it was found in the live
 * database (live.ts); it is quoted all the same. A value never becomes part of the text: `Placeholders` hands
 * out placeholders with their type.
 */
import pg from 'pg';

export const quote = (name: string): string => pg.escapeIdentifier(name);

/** `schema.table` of the catalog as quoted SQL. */
export function quoteTable(table: string): string {
  const { schema, name } = splitTable(table);
  return `${quote(schema)}.${quote(name)}`;
}

/** `"crm.v2".docs`: a part that has a dot of its own stands in quotes. */
export function splitTable(table: string): { schema: string; name: string } {
  const [, schema, name] = /^("(?:[^"]|"")+"|[^."][^.]*)\.(.+)$/s.exec(table) ?? ['', '', table];
  return { schema: bare(schema!), name: bare(name!) };
}

const bare = (part: string): string =>
  /^"(?:[^"]|"")+"$/.test(part) ? part.slice(1, -1).replaceAll('""', '"') : part;

/** A table as catalogs and messages call it: the one text that `splitTable` takes apart into these two. */
export const dotted = (schema: string, name: string): string => `${part(schema)}.${part(name)}`;
/** One part of a name among dots. */
export const part = (name: string): string =>
  /[.]|^"/.test(name) ? `"${name.replaceAll('"', '""')}"` : name;
/** `dotted` in SQL. */
export const dottedSql = (schema: string, name: string): string =>
  `(${[schema, name].map(one => `CASE WHEN ${one} ~ '[.]|^"' THEN '"' || pg_catalog.replace(${one}, '"', '""') || '"' ELSE ${one} END`).join(" || '.' || ")})`;

/** The name under which conditions of the catalog know the table: the bare table name. */
export const aliasOf = (table: string): string => quote(splitTable(table).name);

/**
 * The name under which conditions of a table (by its alias) know the successor. A table that is called so
 * itself keeps its name.
 */
export const successorBeside = (alias: string): string =>
  alias === quote('successor') ? 'taker' : 'successor';

/** Hands out `$1`, `$2`, ... for the values of one statement. */
export class Placeholders {
  readonly values: unknown[] = [];

  /** `type` comes from the live database (format_type), never from the catalog. */
  add(value: unknown, type: string): string {
    this.values.push(value);
    return `$${this.values.length}::${type}`;
  }
}

/** For LIKE with `\` as its escape character. */
export const escapeLike = (text: string): string => text.replace(/[\\%_]/g, '\\$&');

/** Unquoted where SQL reads it the same way. */
export const sqlName = (name: string): string =>
  /^[a-z_][a-z0-9_]*$/.test(name) && !RESERVED.has(name) ? name : `"${name.replace(/"/g, '""')}"`;
const RESERVED = new Set([
  'user',
  'order',
  'group',
  'table',
  'default',
  'end',
  'select',
  'references',
  'check',
  'column',
]);
