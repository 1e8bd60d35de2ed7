/**
 * What hangs on what in a database: foreign keys with their rules, the application's triggers, and which table
 * is a part of which. One statement reads it for the whole database, none of the tables themselves.
 */
import { quote } from './names.js';
import type { Transaction } from './session.js';

/** What PostgreSQL does with a row when the row that it refers to goes, or gets another key. */
export type Rule = 'no action' | 'restrict' | 'cascade' | 'set null' | 'set default';

/** A foreign key, seen from the row that is referred to. */
export interface Link {
  name: string;
  /** The table that refers, and the one that is referred to. */
  from: string;
  to: string;
  /** Pairs of columns, each with the operator that compares them (`to` on its left). */
  on: { from: string; to: string; equals: string }[];
  onDelete: Rule;
  onUpdate: Rule;
  /** Columns that `set null` or `set default` write; all of the key's where it does not say. */
  sets: string[];
  /** May we read the columns by which rows refer? */
  maySelect: boolean;
}

export interface Trigger {
  name: string;
  table: string;
  on: ('insert' | 'delete' | 'update')[];
}

export interface Relation {
  oid: string;
  name: string;
  partitioned: boolean;
  /** The table that it is a part of, and whether that is as a partition; children of several parents have all. */
  parents: { table: string; asPartition: boolean }[];
  /** By the database's own statistics; negative where nobody has counted yet. */
  rows: number;
  /** Columns that come first in an index. */
  indexed: string[];
}

export class Links {
  readonly #byTo = new Map<string, Link[]>();
  readonly #byOid = new Map<string, Relation>();
  readonly #byName = new Map<string, Relation>();
  readonly #children = new Map<string, string[]>();

  constructor(
    readonly version: number,
    /** Does the server count what a transaction writes? Without that nobody sees what triggers do. */
    readonly counts: boolean,
    /** Our database role, as SQL reads it. */
    readonly role: string,
    relations: readonly Relation[],
    links: readonly Link[],
    readonly triggers: readonly Trigger[],
  ) {
    for (const one of relations) {
      this.#byOid.set(one.oid, one);
      this.#byName.set(one.name, one);
      for (const { table } of one.parents)
        this.#children.set(table, [...(this.#children.get(table) ?? []), one.name]);
    }
    for (const link of links) this.#byTo.set(link.to, [...(this.#byTo.get(link.to) ?? []), link]);
  }

  /** A table and everything that is a part of it: partitions and children, theirs included. */
  family(table: string): Relation[] {
    const found = new Map<string, Relation>();
    const visit = (name: string): void => {
      const relation = this.#byName.get(name);
      if (!relation || found.has(name)) return;
      found.set(name, relation);
      for (const child of this.#children.get(name) ?? []) visit(child);
    };
    visit(table);
    return [...found.values()];
  }

  /** Whose rules apply to rows of a partition: its own, and those of the tables that it is a partition of. */
  #above(table: string): string[] {
    const partitionOf = this.#byName.get(table)?.parents.find(one => one.asPartition)?.table;
    return partitionOf === undefined ? [table] : [table, ...this.#above(partitionOf)];
  }

  /**
   * Foreign keys that refer to rows of a table, wherever in it they lie. `rows`: only rows of these parts are
   * meant; null = all of the table.
   */
  into(table: string): { link: Link; rows: string[] | null }[] {
    const above = new Set(this.#above(table));
    const family = this.family(table);
    const names = new Set([...above, ...family.map(one => one.name)]);
    return [...names].flatMap(name =>
      (this.#byTo.get(name) ?? []).map(link => {
        // A key that refers to a table means its own rows and those of its partitions; a child that only
        // inherits from it has none of them.
        const meant = above.has(name) ? this.#partitions(table) : this.#partitions(name);
        return { link, rows: meant.length === family.length ? null : meant.map(one => one.oid) };
      }),
    );
  }

  #partitions(table: string): Relation[] {
    return this.family(table).filter(one => one.name === table || this.#above(one.name).includes(table));
  }

  relation(table: string): Relation | null {
    return this.#byName.get(table) ?? null;
  }

  /** Does such a change of the table, or of a part of it, run code of the application? */
  triggersOf(table: string, on: Trigger['on'][number]): Trigger[] {
    const names = new Set(this.family(table).map(one => one.name));
    return this.triggers.filter(one => names.has(one.table) && one.on.includes(on));
  }
}

const RULES: Record<string, Rule> = {
  a: 'no action',
  r: 'restrict',
  c: 'cascade',
  n: 'set null',
  d: 'set default',
};

const READ = `
WITH rel AS (
  SELECT c.oid, n.nspname || '.' || c.relname AS name, c.relkind
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema')
SELECT pg_catalog.current_setting('server_version_num') AS version,
  pg_catalog.current_setting('track_counts') = 'on' AS counts,
  pg_catalog.quote_ident(current_user) AS role,
  (SELECT coalesce(json_agg(json_build_object(
            'oid', rel.oid::text, 'name', rel.name, 'partitioned', rel.relkind = 'p',
            'parents', (SELECT coalesce(json_agg(json_build_object('table', up.name, 'asPartition', c.relispartition)), '[]')
                          FROM pg_catalog.pg_inherits i JOIN rel AS up ON up.oid = i.inhparent WHERE i.inhrelid = rel.oid),
            'rows', c.reltuples::float8,
            'indexed', (SELECT coalesce(json_agg(DISTINCT a.attname), '[]') FROM pg_catalog.pg_index i
                          JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
                         WHERE i.indrelid = rel.oid AND i.indisvalid AND i.indpred IS NULL))), '[]')
     FROM rel JOIN pg_catalog.pg_class c ON c.oid = rel.oid) AS relations,
  (SELECT coalesce(json_agg(json_build_object(
            'name', k.conname, 'from', f.name, 'to', t.name, 'onDelete', k.confdeltype, 'onUpdate', k.confupdtype,
            'on', (SELECT json_agg(json_build_object('from', a.attname, 'to', b.attname,
                                                     'schema', s.nspname, 'operator', o.oprname) ORDER BY part.at)
                     FROM unnest(k.conkey, k.confkey, k.conpfeqop) WITH ORDINALITY AS part(from_n, to_n, op, at)
                     JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = part.from_n
                     JOIN pg_catalog.pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = part.to_n
                     JOIN pg_catalog.pg_operator o ON o.oid = part.op
                     JOIN pg_catalog.pg_namespace s ON s.oid = o.oprnamespace),
            -- Which columns are set is said since PostgreSQL 15.
            'sets', (SELECT json_agg(a.attname) FROM pg_catalog.pg_attribute a
                      WHERE a.attrelid = k.conrelid
                        AND to_jsonb(k) -> 'confdelsetcols' @> to_jsonb(a.attnum::int)),
            'maySelect', pg_catalog.has_schema_privilege(fc.relnamespace, 'USAGE')
                         AND NOT EXISTS (SELECT FROM unnest(k.conkey) AS part(n)
                                          WHERE NOT pg_catalog.has_column_privilege(k.conrelid, part.n, 'SELECT')))), '[]')
     FROM pg_catalog.pg_constraint k
     JOIN rel AS f ON f.oid = k.conrelid JOIN pg_catalog.pg_class fc ON fc.oid = f.oid
     JOIN rel AS t ON t.oid = k.confrelid
    WHERE k.contype = 'f' AND k.conparentid = 0) AS links,
  (SELECT coalesce(json_agg(json_build_object(
            'name', g.tgname, 'table', rel.name,
            'insert', g.tgtype & 4 <> 0, 'delete', g.tgtype & 8 <> 0, 'update', g.tgtype & 16 <> 0)), '[]')
     FROM pg_catalog.pg_trigger g JOIN rel ON rel.oid = g.tgrelid
    WHERE NOT g.tgisinternal AND g.tgenabled IN ('O', 'A')) AS triggers`;

interface Found {
  [column: string]: unknown;
  version: string;
  counts: boolean;
  role: string;
  relations: Relation[];
  links: (Omit<Link, 'on' | 'onDelete' | 'onUpdate' | 'sets'> & {
    on: { from: string; to: string; schema: string; operator: string }[];
    onDelete: string;
    onUpdate: string;
    sets: string[] | null;
  })[];
  triggers: { name: string; table: string; insert: boolean; delete: boolean; update: boolean }[];
}

export async function readLinks(tx: Transaction): Promise<Links> {
  const [found] = await tx.query<Found>(READ);
  const { version, counts, role, relations, links, triggers } = found!;
  return new Links(
    Number(version),
    counts,
    role,
    relations,
    links.map(link => ({
      ...link,
      on: link.on.map(({ from, to, schema, operator }) => ({
        from,
        to,
        equals: `OPERATOR(${quote(schema)}.${operator})`,
      })),
      onDelete: RULES[link.onDelete] ?? 'no action',
      onUpdate: RULES[link.onUpdate] ?? 'no action',
      sets: link.sets ?? link.on.map(one => one.from),
    })),
    triggers.map(({ name, table, ...on }) => ({
      name,
      table,
      on: (['insert', 'delete', 'update'] as const).filter(event => on[event]),
    })),
  );
}
