/**
 * The catalog's names, looked up in the live database: one statement reads every table it mentions with
 * columns, types, unique indexes, triggers and our rights. All SQL of this connector is built from what is
 * found here, so that a column that was renamed, dropped or changed its type becomes a sentence with file and
 * line instead of garbage.
 */

import { dottedSql, quote, splitTable } from './names.js';
import type { Transaction } from './session.js';

export interface LiveColumn {
  name: string;
  number: number;
  /**
   * The type without its length, domains resolved to what they stand on: safe to cast a value of the column
   * to.
   */
  type: string;
  /** What messages call the type. */
  shownType: string;
  kind: 'integer' | 'whole-number' | 'text' | 'time' | 'other';
  /** False for arrays, composites, JSON, ranges and the like: nothing an owner or a key can be. */
  scalar: boolean;
  notNull: boolean;
  generated: boolean;
  /** `=` of the type, with its schema where that is not pg_catalog (citext): search_path is empty. */
  equals: string;
  maySelect: boolean;
  mayUpdate: boolean;
}

/** A unique index or an exclusion constraint, with its parts as PostgreSQL compares them. */
export interface Exclusive {
  parts: {
    /** Null where the part is an expression. */
    column: string | null;
    expression: string;
    /** The operator that no two rows may fulfil in all parts, and ` COLLATE ...` where the index has one. */
    equals: string;
    collate: string;
  }[];
  /** Which rows are in it at all; null = all. */
  where: string | null;
  /** Do two NULLs collide? */
  nullsTogether: boolean;
  /** No index says so, only the catalog. */
  byWord?: true;
}

export interface LiveTable {
  /** As in the catalog: `schema.table`. */
  name: string;
  oid: string;
  kind: 'table' | 'view' | 'materialized view' | 'foreign table' | 'other';
  columns: Map<string, LiveColumn>;
  /** Column sets of valid unique indexes; `where` is the predicate of a partial one. */
  unique: { columns: string[]; where: string | null }[];
  exclusive: Exclusive[];
  /**
   * Triggers of the application on INSERT, UPDATE or DELETE of rows, here or in a partition or child; their
   * work is checked by reading.
   */
  hasTriggers: boolean;
  /** Foreign keys that delete or change rows elsewhere: when a row goes, or one of these columns changes. */
  rules: { delete: boolean; update: string[] };
  /** Columns by which rows lie in this partition or that; those of partitions that are parted again included. */
  partitionedBy: string[];
  /** The table itself and what is a part of it: partitions and children. */
  parts: string[];
  /** INSTEAD OF triggers or rewrite rules: what we write is not what happens. */
  rewritten: boolean;
  /**
   * Constraints or triggers that wait for COMMIT, here or wherever triggers and rules may write to: we make
   * them speak before the receipt is written.
   */
  hasDeferred: boolean;
  rowSecurity: boolean;
  /** May we use the schema that it lies in? Without that no right on the table is worth anything. */
  mayEnter: boolean;
  mayDelete: boolean;
  mayInsert: boolean;
  /** By the database's own statistics; negative where there are none. */
  rows: number;
  /** Columns that come first in an index over all rows. */
  leads: string[];
}

export interface LiveSchema {
  tables: Map<string, LiveTable>;
  /** Names of all tables in the schemas that the catalog mentions, for "did you mean". */
  known: string[];
  schemas: Set<string>;
  letters: Letters;
  /** Our database role, as SQL reads it. */
  role: string;
}

/** What this database knows of letters. */
export interface Letters {
  /** Is its encoding UTF-8? Others have one form of every character only. */
  utf8: boolean;
  /**
   * A collation, quoted, that knows the lower case of every letter, where the database's own knows that of
   * ASCII alone (LC_CTYPE `C`); null where its own is good enough, or there is no better one.
   */
  cases: string | null;
}

interface FoundTable {
  name: string;
  oid: string | null;
  relkind: string;
  triggers: boolean;
  rule_delete: boolean;
  rule_update: string[] | null;
  parted_by: string[] | null;
  parts: string[] | null;
  rewritten: boolean;
  deferred: boolean;
  row_security: boolean;
  may_enter: boolean;
  role: string;
  may_delete: boolean;
  may_insert: boolean;
  rows: number;
  leads: string[] | null;
  utf8: boolean;
  cases: string | null;
  columns: FoundColumn[];
  unique: { columns: (string | null)[]; where: string | null }[];
  exclusive: (Pick<Exclusive, 'where' | 'nullsTogether'> & {
    parts: {
      column: string | null;
      expression: string;
      operator: string;
      schema: string;
      collation: string | null;
      of: string | null;
    }[];
  })[];
}

interface FoundColumn {
  name: string;
  number: number;
  type: string;
  shown: string;
  base: string;
  category: string;
  typtype: string;
  typmod: number;
  not_null: boolean;
  generated: boolean;
  equals: string | null;
  equals_schema: string | null;
  may_select: boolean;
  may_update: boolean;
}

const RESOLVE = `
SELECT ${dottedSql('w.schema', 'w.name')} AS name, c.oid::text AS oid, c.relkind::text AS relkind,
       busy.triggers, busy.rule_delete, busy.rule_update, family.names AS parts,
       (SELECT json_agg(DISTINCT a.attname) FROM pg_catalog.pg_partitioned_table p
          JOIN pg_catalog.pg_attribute a ON a.attrelid = p.partrelid AND a.attnum > 0
         WHERE p.partrelid = ANY (family.oids)
           AND (a.attnum = ANY (p.partattrs::int2[])
                -- A table depends on itself by the columns of an expression that its rows are parted by.
                OR EXISTS (SELECT FROM pg_catalog.pg_depend d
                            WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = p.partrelid AND d.deptype = 'i'
                              AND d.refclassid = d.classid AND d.refobjid = d.objid AND d.refobjsubid = a.attnum))) AS parted_by,
       EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid AND t.tgtype & 64 <> 0)
         OR EXISTS (SELECT FROM pg_catalog.pg_rewrite r WHERE r.ev_class = c.oid AND r.ev_type <> '1') AS rewritten,
       EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE (t.tgrelid = ANY (family.oids) OR busy.anywhere) AND t.tgdeferrable AND t.tgenabled <> 'D')
         OR EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE (k.conrelid = ANY (family.oids) OR busy.anywhere) AND k.condeferrable) AS deferred,
       coalesce(pg_catalog.row_security_active(c.oid), false) AS row_security,
       coalesce(pg_catalog.has_schema_privilege(n.oid, 'USAGE'), false) AS may_enter, pg_catalog.quote_ident(current_user) AS role,
       coalesce(pg_catalog.has_table_privilege(c.oid, 'DELETE'), false) AS may_delete,
       coalesce(pg_catalog.has_any_column_privilege(c.oid, 'INSERT'), false) AS may_insert,
       coalesce(c.reltuples, 0)::float8 AS rows, pg_catalog.getdatabaseencoding() = 'UTF8' AS utf8,
       CASE WHEN pg_catalog.getdatabaseencoding() = 'UTF8' AND pg_catalog.lower(U&'\\00C9') <> U&'\\00E9' THEN (
         SELECT 'pg_catalog.' || pg_catalog.quote_ident(l.collname) FROM pg_catalog.pg_collation l
          WHERE l.collname = ANY (ARRAY['pg_c_utf8', 'und-x-icu', 'C.utf8', 'C.UTF-8', 'en_US.utf8'])
            AND l.collnamespace = 'pg_catalog'::regnamespace AND l.collencoding IN (-1, 6)
          ORDER BY pg_catalog.array_position(ARRAY['pg_c_utf8', 'und-x-icu', 'C.utf8', 'C.UTF-8', 'en_US.utf8'], l.collname::text)
          LIMIT 1) END AS cases,
       (SELECT json_agg(DISTINCT a.attname) FROM pg_catalog.pg_index i
          JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid AND x.relam = 403
          JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
         WHERE i.indrelid = c.oid AND i.indisvalid AND i.indpred IS NULL) AS leads,
       coalesce(cols.list, '[]') AS columns,
       coalesce(uniques.list, '[]') AS unique, coalesce(exclusives.list, '[]') AS exclusive
  FROM unnest($1::text[], $2::text[]) AS w(schema, name)
  LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = w.schema
  LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = w.name AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
  -- The table with its partitions and children.
  LEFT JOIN LATERAL (
    WITH RECURSIVE f(oid) AS (
      SELECT c.oid UNION SELECT i.inhrelid FROM f JOIN pg_catalog.pg_inherits i ON i.inhparent = f.oid)
    SELECT array_agg(f.oid) AS oids, json_agg(pn.nspname || '.' || pc.relname) AS names
      FROM f JOIN pg_catalog.pg_class pc ON pc.oid = f.oid JOIN pg_catalog.pg_namespace pn ON pn.oid = pc.relnamespace
    ) AS family ON true
  LEFT JOIN LATERAL (
    SELECT e.triggers, e.rule_delete, e.rule_update, e.triggers OR e.rule_delete OR e.rule_update IS NOT NULL AS anywhere
      FROM (SELECT EXISTS (SELECT FROM pg_catalog.pg_trigger t
                            WHERE t.tgrelid = ANY (family.oids) AND NOT t.tgisinternal AND t.tgenabled IN ('O', 'A')) AS triggers,
                   EXISTS (SELECT FROM pg_catalog.pg_constraint k
                            WHERE k.contype = 'f' AND k.confrelid = ANY (family.oids) AND k.confdeltype IN ('c', 'n', 'd')) AS rule_delete,
                   (SELECT json_agg(DISTINCT a.attname) FROM pg_catalog.pg_constraint k
                      JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = ANY (k.confkey)
                     WHERE k.contype = 'f' AND k.confrelid = ANY (family.oids) AND k.confupdtype IN ('c', 'n', 'd')) AS rule_update) AS e
    ) AS busy ON true
  LEFT JOIN LATERAL (
    SELECT json_agg(json_build_object(
             'name', a.attname, 'number', a.attnum,
             'type', pg_catalog.format_type(base.oid, -1), 'shown', pg_catalog.format_type(a.atttypid, a.atttypmod),
             'base', bt.typname, 'category', bt.typcategory, 'typtype', bt.typtype, 'typmod', a.atttypmod,
             'not_null', a.attnotnull, 'generated', a.attgenerated <> '',
             'equals', eq.oprname, 'equals_schema', eq.nspname,
             'may_select', pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT'),
             'may_update', pg_catalog.has_column_privilege(c.oid, a.attnum, 'UPDATE')) ORDER BY a.attnum) AS list
      FROM pg_catalog.pg_attribute a
      CROSS JOIN LATERAL (
        WITH RECURSIVE d(oid, depth) AS (
          SELECT a.atttypid, 0
          UNION ALL
          SELECT t.typbasetype, d.depth + 1 FROM d JOIN pg_catalog.pg_type t ON t.oid = d.oid WHERE t.typtype = 'd')
        SELECT d.oid FROM d ORDER BY d.depth DESC LIMIT 1) AS base
      JOIN pg_catalog.pg_type bt ON bt.oid = base.oid
      LEFT JOIN LATERAL (
        SELECT o.oprname, s.nspname
          FROM pg_catalog.pg_opclass oc
          JOIN pg_catalog.pg_amop ao ON ao.amopfamily = oc.opcfamily AND ao.amoplefttype = oc.opcintype
                                    AND ao.amoprighttype = oc.opcintype AND ao.amopstrategy = 3
          JOIN pg_catalog.pg_operator o ON o.oid = ao.amopopr
          JOIN pg_catalog.pg_namespace s ON s.oid = o.oprnamespace
         WHERE oc.opcmethod = 403 AND oc.opcdefault AND oc.opcintype = base.oid
         LIMIT 1) AS eq ON true
     WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS cols ON true
  LEFT JOIN LATERAL (
    SELECT json_agg(json_build_object(
             'columns', (SELECT json_agg(a.attname) FROM unnest(i.indkey[0:i.indnkeyatts - 1]) AS k(n)
                           LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.n AND k.n <> 0),
             'where', pg_catalog.pg_get_expr(i.indpred, i.indrelid))) AS list
      FROM pg_catalog.pg_index i
     WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid) AS uniques ON true
  LEFT JOIN LATERAL (
    SELECT json_agg(json_build_object(
             'where', pg_catalog.pg_get_expr(i.indpred, i.indrelid),
             -- Since PostgreSQL 15.
             'nullsTogether', coalesce(to_jsonb(i) ->> 'indnullsnotdistinct', 'false')::boolean,
             'parts', (SELECT json_agg(json_build_object(
                                'column', a.attname, 'expression', pg_catalog.pg_get_indexdef(i.indexrelid, k.at, false),
                                'operator', o.oprname, 'schema', s.nspname, 'collation', l.collname, 'of', ln.nspname) ORDER BY k.at)
                         FROM generate_series(1, i.indnkeyatts::int) AS k(at)
                         JOIN pg_catalog.pg_opclass oc ON oc.oid = i.indclass[k.at - 1]
                         JOIN pg_catalog.pg_operator o ON o.oid = coalesce(
                           (x.conexclop)[k.at],
                           (SELECT ao.amopopr FROM pg_catalog.pg_amop ao
                             WHERE ao.amopfamily = oc.opcfamily AND ao.amoplefttype = oc.opcintype
                               AND ao.amoprighttype = oc.opcintype AND ao.amopstrategy = 3))
                         JOIN pg_catalog.pg_namespace s ON s.oid = o.oprnamespace
                         LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[k.at - 1] AND a.attnum <> 0
                         LEFT JOIN pg_catalog.pg_collation l ON l.oid = i.indcollation[k.at - 1]
                         LEFT JOIN pg_catalog.pg_namespace ln ON ln.oid = l.collnamespace))
             ORDER BY i.indexrelid) AS list
      FROM pg_catalog.pg_index i
      LEFT JOIN pg_catalog.pg_constraint x ON x.conindid = i.indexrelid AND x.conrelid = c.oid AND x.conexclop IS NOT NULL
     WHERE i.indrelid = c.oid AND (i.indisunique OR i.indisexclusion) AND i.indisvalid) AS exclusives ON true`;

/**
 * Reads the live shape of `tables` (`schema.table`). Tables that do not exist are simply not in the result.
 */
export async function readSchema(tx: Transaction, tables: readonly string[]): Promise<LiveSchema> {
  const wanted = [...new Set(tables)].map(splitTable);
  const found = await tx.query<FoundTable & { [column: string]: unknown }>(RESOLVE, [
    wanted.map(w => w.schema),
    wanted.map(w => w.name),
  ]);
  const schema: LiveSchema = {
    tables: new Map(),
    known: [],
    schemas: new Set(),
    letters: { utf8: found.every(one => one.utf8), cases: found[0]?.cases ?? null },
    role: found[0]?.role ?? '',
  };
  for (const table of found) {
    if (table.oid !== null) schema.tables.set(table.name, toTable(table, table.oid));
  }
  if (schema.tables.size < wanted.length) {
    const names = await tx.query<{ schema: string; name: string | null }>(
      `SELECT n.nspname AS schema, ${dottedSql('n.nspname', 'c.relname')} AS name
         FROM pg_catalog.pg_namespace n
         LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'v')
        WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
        ORDER BY 2 LIMIT 2000`,
    );
    for (const { schema: name, name: table } of names) {
      schema.schemas.add(name);
      if (table) schema.known.push(table);
    }
  }
  return schema;
}

const KINDS: Record<string, LiveTable['kind']> = {
  r: 'table',
  p: 'table',
  v: 'view',
  m: 'materialized view',
  f: 'foreign table',
};

function toTable(t: FoundTable, oid: string): LiveTable {
  return {
    name: t.name,
    oid,
    kind: KINDS[t.relkind] ?? 'other',
    columns: new Map(t.columns.map(c => [c.name, toColumn(c)])),
    unique: t.unique
      .filter(u => !u.columns.includes(null))
      .map(u => ({ columns: u.columns as string[], where: u.where })),
    exclusive: t.exclusive.map(({ parts, ...one }) => ({
      ...one,
      parts: parts.map(({ column, expression, operator, schema, collation, of }) => ({
        column,
        expression,
        equals: `OPERATOR(${quote(schema)}.${operator})`,
        collate: collation === null || of === null ? '' : ` COLLATE ${quote(of)}.${quote(collation)}`,
      })),
    })),
    hasTriggers: t.triggers,
    rules: { delete: t.rule_delete, update: t.rule_update ?? [] },
    partitionedBy: t.parted_by ?? [],
    parts: t.parts ?? [],
    rewritten: t.rewritten,
    hasDeferred: t.deferred,
    rowSecurity: t.row_security,
    mayEnter: t.may_enter,
    mayDelete: t.may_delete,
    mayInsert: t.may_insert,
    rows: t.rows,
    leads: t.leads ?? [],
  };
}

function toColumn(c: FoundColumn): LiveColumn {
  const foreignOperator = c.equals !== null && c.equals_schema !== null && c.equals_schema !== 'pg_catalog';
  return {
    name: c.name,
    number: c.number,
    type: c.type,
    shownType: c.shown,
    kind: kindOf(c),
    scalar:
      (c.typtype === 'b' || c.typtype === 'e') &&
      !['A', 'G', 'P', 'R', 'C'].includes(c.category) &&
      !['json', 'jsonb', 'xml', 'tsvector', 'tsquery'].includes(c.base),
    notNull: c.not_null,
    generated: c.generated,
    equals: foreignOperator ? `OPERATOR(${quote(c.equals_schema as string)}.${c.equals})` : '=',
    maySelect: c.may_select,
    mayUpdate: c.may_update,
  };
}

function kindOf(c: FoundColumn): LiveColumn['kind'] {
  if (['int2', 'int4', 'int8'].includes(c.base)) return 'integer';
  // numeric(p, 0): the scale is in the low 16 bits of the type modifier, which starts at 4.
  if (c.base === 'numeric' && c.typmod >= 4 && ((c.typmod - 4) & 0xffff) === 0) return 'whole-number';
  if (c.category === 'S') return 'text';
  if (['timestamptz', 'timestamp', 'date'].includes(c.base)) return 'time';
  return 'other';
}
