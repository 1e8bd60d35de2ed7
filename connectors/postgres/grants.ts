/** What our role lacks, and the statements that give it, as somebody may paste them. */
import { dottedSql, quote, quoteTable } from './names.js';
import type { Transaction } from './session.js';

export type Right = 'SELECT' | 'INSERT' | 'UPDATE' | 'DELETE';

/**
 * @param role as SQL reads it (`quote_ident`)
 * @param columns the whole table where there are none
 */
export function grant(right: Right, table: string, role: string, columns: readonly string[] = []): string {
  const only = columns.length > 0 ? ` (${columns.map(quote).join(', ')})` : '';
  return `GRANT ${right}${only} ON ${quoteTable(table)} TO ${role};`;
}

export const grantSchema = (schema: string, role: string): string =>
  `GRANT USAGE ON SCHEMA ${quote(schema)} TO ${role};`;

/**
 * Sequences that number the rows of these tables by a default, and which our role may not use: an insert takes
 * the default wherever it names no value. An identity column asks for no right.
 */
export async function closedSequences(
  tx: Transaction,
  tables: readonly string[],
): Promise<{ table: string; column: string; sequence: string }[]> {
  if (tables.length === 0) return [];
  return tx.query<{ table: string; column: string; sequence: string }>(
    `SELECT DISTINCT ${dottedSql('n.nspname', 'c.relname')} AS table, a.attname AS column, ${dottedSql('sn.nspname', 's.relname')} AS sequence
       FROM unnest($1::text[]) AS w(name)
       JOIN pg_catalog.pg_class c ON true
       JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND ${dottedSql('n.nspname', 'c.relname')} = w.name
       JOIN pg_catalog.pg_attrdef d ON d.adrelid = c.oid
       JOIN pg_catalog.pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
       JOIN pg_catalog.pg_depend k ON k.classid = 'pg_catalog.pg_attrdef'::regclass AND k.objid = d.oid
                                  AND k.refclassid = 'pg_catalog.pg_class'::regclass
       JOIN pg_catalog.pg_class s ON s.oid = k.refobjid
       JOIN pg_catalog.pg_namespace sn ON sn.oid = s.relnamespace
      -- In this order: of anything else it must not be asked.
      WHERE CASE WHEN s.relkind = 'S' THEN NOT pg_catalog.has_sequence_privilege(s.oid, 'USAGE')
                                           AND NOT pg_catalog.has_sequence_privilege(s.oid, 'UPDATE') END
      ORDER BY 1, 2, 3`,
    [tables],
  );
}

export const grantSequence = (sequence: string, role: string): string =>
  `GRANT USAGE ON SEQUENCE ${quoteTable(sequence)} TO ${role};`;
