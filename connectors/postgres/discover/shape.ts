/**
 * The shape of a whole database in one statement: its tables with columns, keys, rules and what its own
 * statistics say about their size. Nothing of the tables themselves is read.
 *
 * Partitions are seen once, through their parent; so are columns that a child inherits. Views and
 * materialized views only repeat what tables hold.
 */
import { dottedSql } from '../names.js';
import type { Transaction } from '../session.js';

/**
 * What a value of a column can be, as far as it can name a person. `other`: nobody here can read it, so that
 * only its name speaks. `never`: true and false, and times.
 */
export type Family = 'whole' | 'uuid' | 'text' | 'json' | 'other' | 'never';

export interface Column {
  name: string;
  /** As messages call it. */
  type: string;
  /** Of its elements, where `array`. */
  family: Family;
  array: boolean;
  /** A number that may have decimals. */
  decimals: boolean;
  notNull: boolean;
  maySelect: boolean;
}

export interface Reference {
  column: string;
  table: string;
  to: string;
  onDelete: 'no action' | 'restrict' | 'cascade' | 'set null' | 'set default';
}

export interface Table {
  /** `schema.table`. */
  name: string;
  kind: 'table' | 'foreign table';
  /** What the statistics say, partitions and children included; null where nobody has counted yet. */
  rows: number | null;
  columns: readonly Column[];
  /** The columns of the primary key, or else of a unique index over columns that are never NULL. */
  key: readonly string[];
  /** Valid unique indexes over plain columns, partial ones too. */
  unique: readonly (readonly string[])[];
  /** Columns that an index begins with. */
  indexed: readonly string[];
  references: readonly Reference[];
}

export interface Shape {
  tables: ReadonlyMap<string, Table>;
}

/**
 * Families by the type that a domain stands on. Numbers with decimals are ids only where none of them has any
 * (judge.ts). Composite values are read as documents of their fields.
 */
const FAMILY = `CASE
  WHEN e.typname IN ('int2', 'int4', 'int8') THEN 'whole'
  WHEN e.typname IN ('numeric', 'float4', 'float8') THEN 'whole'
  WHEN e.typname = 'uuid' THEN 'uuid'
  WHEN e.typname IN ('json', 'jsonb', 'hstore') OR e.typtype = 'c' THEN 'json'
  WHEN (e.typcategory = 'S' AND e.typtype = 'b') OR e.typtype = 'e' THEN 'text'
  WHEN e.typname IN ('xml', 'bytea', 'ltree') THEN 'text'
  WHEN e.typcategory IN ('B', 'D', 'T') THEN 'never'
  ELSE 'other' END`;

const READ = `
WITH RECURSIVE base(oid, stands_on) AS (
    SELECT t.oid, t.oid FROM pg_catalog.pg_type t WHERE t.typtype <> 'd'
    UNION ALL
    SELECT t.oid, b.stands_on FROM pg_catalog.pg_type t JOIN base b ON b.oid = t.typbasetype WHERE t.typtype = 'd'),
  rel AS (
    SELECT c.oid, ${dottedSql('n.nspname', 'c.relname')} AS name, c.relkind, c.reltuples
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'f') AND NOT c.relispartition AND c.relpersistence <> 't'
       AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
       -- An extension's own tables are no part of the application.
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                        WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')),
  part(root, oid) AS (
    SELECT rel.oid, rel.oid FROM rel
    UNION ALL
    SELECT part.root, i.inhrelid FROM part JOIN pg_catalog.pg_inherits i ON i.inhparent = part.oid),
  size AS (
    SELECT part.root, sum(c.reltuples) FILTER (WHERE c.reltuples >= 0) AS rows
      FROM part JOIN pg_catalog.pg_class c ON c.oid = part.oid
     WHERE c.relkind <> 'p' GROUP BY part.root),
  col AS (
    SELECT a.attrelid, json_agg(json_build_object(
             'name', a.attname, 'type', pg_catalog.format_type(a.atttypid, a.atttypmod),
             'family', ${FAMILY}, 'array', bt.typcategory = 'A',
             'decimals', e.typname IN ('float4', 'float8')
                         OR e.typname = 'numeric' AND a.atttypmod >= 4 AND ((a.atttypmod - 4) & 65535) > 0,
             'notNull', a.attnotnull,
             'maySelect', pg_catalog.has_schema_privilege(r.relnamespace, 'USAGE')
                          AND pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'SELECT')) ORDER BY a.attnum) AS list
      FROM pg_catalog.pg_attribute a
      JOIN pg_catalog.pg_class r ON r.oid = a.attrelid
      JOIN base ON base.oid = a.atttypid
      JOIN pg_catalog.pg_type bt ON bt.oid = base.stands_on
      LEFT JOIN base AS element ON bt.typcategory = 'A' AND element.oid = bt.typelem
      JOIN pg_catalog.pg_type e ON e.oid = coalesce(element.stands_on, bt.oid)
     WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attinhcount = 0
     GROUP BY a.attrelid),
  ind AS (
    SELECT i.indrelid, json_agg(json_build_object(
             'unique', i.indisunique AND i.indisvalid, 'primary', i.indisprimary, 'partial', i.indpred IS NOT NULL,
             'columns', (SELECT json_agg(a.attname ORDER BY k.at)
                           FROM unnest(i.indkey[0:i.indnkeyatts - 1]) WITH ORDINALITY AS k(n, at)
                           LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.n AND k.n <> 0))
             ORDER BY i.indisprimary DESC, i.indexrelid) AS list
      FROM pg_catalog.pg_index i GROUP BY i.indrelid),
  fk AS (
    -- A rule of one partition or child says of the column of the whole table where it points.
    SELECT up.root, json_agg(json_build_object(
             'column', a.attname, 'table', ${dottedSql('n.nspname', 'c.relname')}, 'to', t.attname,
             'onDelete', CASE k.confdeltype WHEN 'c' THEN 'cascade' WHEN 'n' THEN 'set null' WHEN 'd' THEN 'set default'
                                            WHEN 'r' THEN 'restrict' ELSE 'no action' END) ORDER BY k.oid, pair.at) AS list
      FROM pg_catalog.pg_constraint k
      CROSS JOIN LATERAL unnest(k.conkey, k.confkey) WITH ORDINALITY AS pair(from_n, to_n, at)
      JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = pair.from_n
      JOIN part AS up ON up.oid = k.conrelid
      JOIN pg_catalog.pg_attribute t ON t.attrelid = k.confrelid AND t.attnum = pair.to_n
      JOIN pg_catalog.pg_class c ON c.oid = k.confrelid
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE k.contype = 'f' AND k.conparentid = 0 GROUP BY up.root)
SELECT rel.name, rel.relkind = 'f' AS foreign, size.rows::text AS rows,
       coalesce(col.list, '[]') AS columns, coalesce(ind.list, '[]') AS indexes, coalesce(fk.list, '[]') AS references
  FROM rel
  LEFT JOIN size ON size.root = rel.oid
  LEFT JOIN col ON col.attrelid = rel.oid
  LEFT JOIN ind ON ind.indrelid = rel.oid
  LEFT JOIN fk ON fk.root = rel.oid
 ORDER BY rel.name COLLATE "C"`;

interface Found {
  [column: string]: unknown;
  name: string;
  foreign: boolean;
  rows: string | null;
  columns: Column[];
  indexes: { unique: boolean; primary: boolean; partial: boolean; columns: (string | null)[] }[];
  references: Reference[];
}

export async function readShape(tx: Transaction): Promise<Shape> {
  const found = await tx.query<Found>(READ);
  return { tables: new Map(found.map(one => [one.name, tableOf(one)])) };
}

/** Every column and every foreign key of the application, but for partitions, which repeat their parent. */
const STAMP = `
SELECT coalesce((SELECT pg_catalog.md5(pg_catalog.string_agg(
                          pg_catalog.concat_ws(' ', a.attrelid, a.attnum, a.attname, a.atttypid, a.attinhcount, a.attisdropped),
                          ',' ORDER BY a.attrelid, a.attnum))
                   FROM pg_catalog.pg_class c
                   JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
                  WHERE c.relkind IN ('r', 'p', 'f') AND NOT c.relispartition
                    AND c.relnamespace <> ALL (SELECT n.oid FROM pg_catalog.pg_namespace n
                                                WHERE n.nspname ~ '^pg_' OR n.nspname = 'information_schema')), '')
    || coalesce((SELECT pg_catalog.md5(pg_catalog.string_agg(k.oid::text, ',' ORDER BY k.oid))
                   FROM pg_catalog.pg_constraint k WHERE k.contype = 'f'), '') AS stamp`;

/** As long as the stamp stays the same, no column and no rule was added, changed or taken away. */
export async function readStamp(tx: Transaction): Promise<string> {
  const [row] = await tx.repeated<{ stamp: string }>(STAMP, []);
  return row!.stamp;
}

function tableOf({ name, foreign, rows, columns, indexes, references }: Found): Table {
  const whole = (names: readonly (string | null)[]): names is string[] => !names.includes(null);
  const never = new Set(columns.filter(column => column.notNull).map(column => column.name));
  const names = (one: { columns: (string | null)[] }) => (whole(one.columns) ? [one.columns] : []);
  const unique = indexes.filter(index => index.unique);
  const keys = unique
    .filter(index => !index.partial)
    .flatMap(names)
    .filter(key => key.every(column => never.has(column)));
  return {
    name,
    kind: foreign ? 'foreign table' : 'table',
    rows: rows === null ? null : Math.round(Number(rows)),
    columns,
    key: keys[0] ?? [],
    unique: unique.flatMap(names),
    indexed: [...new Set(indexes.flatMap(index => index.columns[0] ?? []))],
    references: references.filter(
      (one, n) =>
        references.findIndex(other => other.column === one.column && other.table === one.table) === n,
    ),
  };
}
