/**
 * What the application's triggers ask of our role: rights on the tables they write to, where they run with
 * ours, and settings of the session that they read. Read from the text of their functions: what is put together
 * only as they run is not seen.
 */
import type { KeyPath } from '../catalog/loaded.js';
import type { Binder } from './binding.js';
import { closedSequences, grant, grantSequence, type Right } from './grants.js';
import { dottedSql } from './names.js';
import { switchesOf } from './rules.js';
import type { Transaction } from './session.js';

type Event = 'insert' | 'update' | 'delete';

/** One way in which we change a table. */
interface Write {
  path: KeyPath;
  table: string;
  event: Event;
  /** Columns that an update writes. */
  columns: string[];
}

interface Trigger {
  [column: string]: unknown;
  /** The table of ours that it is reached through. */
  root: string;
  table: string;
  name: string;
  events: Event[];
  /** Columns of `UPDATE OF`; empty = any. */
  columns: string[];
  body: string;
  /** Does it run with our rights? */
  ours: boolean;
  search_path: string | null;
}

export async function checkTriggers(tx: Transaction, binder: Binder): Promise<void> {
  const writes = writesOf(binder);
  const oids = writes.flatMap(one => binder.schema.tables.get(one.table)?.oid ?? []);
  for (const trigger of await tx.query<Trigger>(TRIGGERS, [[...new Set(oids)]])) {
    const write = writes.find(one => isReached(trigger, one, binder));
    if (!write) continue;
    const said = `the trigger ${trigger.name} of ${trigger.table}`;
    if (trigger.ours) {
      const writes = await writtenBy(tx, trigger);
      for (const { table, right } of writes.filter(one => !one.may))
        binder.report(
          write.path,
          `${said} writes to ${table} with the rights of our database role, which lacks ${right} there: ${grant(right, table, binder.schema.role)}`,
        );
      const inserts = writes.filter(one => one.right === 'INSERT').map(one => one.table);
      for (const { table, sequence } of await closedSequences(tx, inserts))
        binder.report(
          write.path,
          `${said} writes to ${table} with the rights of our database role, which may not use the sequence that numbers its rows: ${grantSequence(sequence, binder.schema.role)}`,
        );
    }
    for (const name of await missingSettings(tx, trigger, Object.keys(binder.catalog.settings)))
      binder.report(
        write.path,
        `${said} reads the setting ${name}, which our database role does not have: name it under settings (or ALTER ROLE ... SET ${name})`,
      );
  }
}

function writesOf({ catalog }: Binder): Write[] {
  const writes: Write[] = [];
  const add = (path: KeyPath, table: string, event: Event, columns: string[] = []): void =>
    void writes.push({ path, table, event, columns });
  for (const [name, spec] of Object.entries(catalog.categories)) {
    if (spec.do === 'keep' || spec.do === 'acknowledge') continue;
    const path = ['categories', name, 'table'];
    const deletes = (spec.do === 'remove' || spec.do === 'revoke') && !spec.set;
    const besides = [...Object.keys(spec.touch), ...(spec.version === undefined ? [] : [spec.version])];
    if (deletes || spec.unique) add(path, spec.table, 'delete');
    if (!deletes)
      add(path, spec.table, 'update', [
        ...(spec.set ? Object.keys(spec.set) : [spec.owner.column]),
        ...besides,
      ]);
    for (const [i, one] of spec.mirrors.entries())
      add(['categories', name, 'mirrors', i, 'table'], one.table, 'update', [one.owner]);
    for (const [i, one] of spec.with.entries())
      add(['categories', name, 'with', i, 'table'], one.table, 'delete');
  }
  for (const [verb, spec] of switchesOf(catalog)) {
    const set = Object.keys(spec.set);
    if (set.length > 0) add([verb, 'set'], catalog.people.table, 'update', set);
    for (const [i, one] of spec.also_set.entries())
      add([verb, 'also_set', i, 'table'], one.table, 'update', Object.keys(one.set));
    for (const [i, one] of spec.also_insert.entries())
      add([verb, 'also_insert', i, 'table'], one.table, 'insert');
    for (const [i, one] of spec.also_delete.entries())
      add([verb, 'also_delete', i, 'table'], one.table, 'delete');
  }
  return writes;
}

function isReached({ root, events, columns }: Trigger, write: Write, { schema }: Binder): boolean {
  return (
    schema.tables.get(write.table)?.oid === root &&
    events.includes(write.event) &&
    (write.event !== 'update' || columns.length === 0 || columns.some(one => write.columns.includes(one)))
  );
}

/** Triggers of tables and of everything that is a part of them, but for copies of a parent's. */
const TRIGGERS = `
WITH RECURSIVE part(root, oid) AS (
  SELECT o, o FROM unnest($1::oid[]) AS o
  UNION SELECT part.root, i.inhrelid FROM part JOIN pg_catalog.pg_inherits i ON i.inhparent = part.oid)
SELECT part.root::text AS root, ${dottedSql('n.nspname', 'c.relname')} AS table, t.tgname AS name,
       array_to_json(array_remove(ARRAY[CASE WHEN t.tgtype & 4 <> 0 THEN 'insert' END, CASE WHEN t.tgtype & 16 <> 0 THEN 'update' END,
                                        CASE WHEN t.tgtype & 8 <> 0 THEN 'delete' END], NULL)) AS events,
       (SELECT coalesce(json_agg(a.attname), '[]') FROM unnest(t.tgattr::int2[]) AS k(n)
          JOIN pg_catalog.pg_attribute a ON a.attrelid = t.tgrelid AND a.attnum = k.n) AS columns,
       p.prosrc AS body, NOT p.prosecdef AS ours,
       (SELECT substr(s, 13) FROM unnest(p.proconfig) AS s WHERE s LIKE 'search\\_path=%') AS search_path
  FROM part
  JOIN pg_catalog.pg_trigger t ON t.tgrelid = part.oid AND NOT t.tgisinternal AND t.tgenabled IN ('O', 'A')
  JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
  JOIN pg_catalog.pg_language l ON l.oid = p.prolang AND l.lanname = 'plpgsql'
 WHERE NOT EXISTS (SELECT FROM part AS other JOIN pg_catalog.pg_trigger parent ON parent.tgrelid = other.oid
                    WHERE parent.oid = t.tgparentid)
 ORDER BY 2, 3`;

const NAME = `(?:"[^"]+"|[\\p{L}_][\\p{L}\\p{N}_$]*)`;
const WRITES = new RegExp(
  `\\b(insert\\s+into|update|delete\\s+from)\\s+(?:only\\s+)?(${NAME}(?:\\s*\\.\\s*${NAME})?)`,
  'giu',
);
/** What follows `update` where it is no statement: ON CONFLICT DO UPDATE SET, FOR UPDATE OF. */
const NO_TABLE = /^(set|of|skip|nowait)$/i;
const RIGHTS: Record<string, Right> = { i: 'INSERT', u: 'UPDATE', d: 'DELETE' };

/** Tables that a function writes to, by its text, and whether our role may. */
async function writtenBy(
  tx: Transaction,
  { body, search_path }: Trigger,
): Promise<{ table: string; right: Right; may: boolean }[]> {
  const code = withoutComments(body).replace(/'(?:[^']|'')*'/g, "''");
  const found = [...code.matchAll(WRITES)].flatMap(([, verb, table]) =>
    NO_TABLE.test(table!)
      ? []
      : [{ table: table!.replace(/\s/g, ''), right: RIGHTS[verb![0]!.toLowerCase()]! }],
  );
  if (found.length === 0) return [];
  // Names mean what they mean to the function. What they do not name then (a table that it makes) is passed over.
  const [row] = await tx.query<{ written: { table: string; right: Right; may: boolean }[] }>(
    `SELECT pg_catalog.set_config('search_path', $3::text, true) AS before,
            (SELECT coalesce(json_agg(DISTINCT jsonb_build_object('table', ${dottedSql('n.nspname', 'c.relname')}, 'right', w.r, 'may',
                      CASE WHEN w.r = 'DELETE' THEN pg_catalog.has_table_privilege(c.oid, w.r)
                           ELSE pg_catalog.has_any_column_privilege(c.oid, w.r) END)), '[]')
               FROM unnest($1::text[], $2::text[]) AS w(t, r)
               JOIN pg_catalog.pg_class c ON c.oid = pg_catalog.to_regclass(w.t)
               JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace) AS written,
            pg_catalog.set_config('search_path', '', true) AS after`,
    [found.map(one => one.table), found.map(one => one.right), search_path],
  );
  return row!.written;
}

const READS = /\bcurrent_setting\s*\(\s*'([^']+\.[^']+)'\s*\)/gi;

/** Settings that a function reads without minding that they may be missing, and that nobody sets for us. */
async function missingSettings(
  tx: Transaction,
  { body }: Trigger,
  set: readonly string[],
): Promise<string[]> {
  const names = [
    ...new Set([...withoutComments(body).matchAll(READS)].map(([, name]) => name!.toLowerCase())),
  ];
  const open = names.filter(name => !set.some(one => one.toLowerCase() === name));
  if (open.length === 0) return [];
  const rows = await tx.query<{ name: string }>(
    `SELECT w.name FROM unnest($1::text[]) AS w(name) WHERE pg_catalog.current_setting(w.name, true) IS NULL`,
    [open],
  );
  return rows.map(row => row.name);
}

const withoutComments = (body: string): string =>
  body.replace(/--[^\n]*/g, '').replace(/\/\*[\s\S]*?\*\//g, '');
