/**
 * Does to the store whatever can be done to rows of evidence (each column changed and swapped, each row taken
 * away, copied, each table emptied), asks an audit after each, and puts the table back. The columns come from
 * `information_schema`, so that a new one cannot be forgotten.
 */
import type pg from 'pg';
import { expect } from 'vitest';
import type { Verdict } from '../../client/audit/verify.js';
import { RIGHTS } from '../../store/roles.js';

export interface Tampering {
  /** A connection for which triggers and foreign keys are off. */
  client: pg.Client;
  /** Whose rows: an offboarding, or what came after one. */
  id: string;
  /** Digests of the sets of keys that somebody was shown. */
  shown(): readonly string[];
  audited(): Promise<Verdict>;
  /** What is done where, as `table.column how` or `table how` → why nobody can know. */
  cannotBeKnown: readonly (readonly [what: RegExp, because: string])[];
  /** Tables of which this has no rows. */
  without?: readonly string[];
  /** One row of each table, and one change of each column: for what another test does at length. */
  brief?: boolean;
}

/** What cannot be known, as docs/cli.md has it too: what is done where → why. */
export const CANNOT_BE_KNOWN = {
  order: [
    /^offboardings\.order (changed|swapped)$/,
    'the chain has every word of it; it is kept at hand for an open run, and no audit reads it',
  ],
  times: [
    /^(plans\.made|manifests\.made|certificates\.at|offboardings\.(requested|closed)) swapped$/,
    'these times are compared with the chain to within an hour, because two clocks wrote them',
  ],
  fence: [
    /^audit_heads\.fence swapped$/,
    'a fence may only be raised, and a later run of the same person may have raised it',
  ],
  another: [
    /^(offboardings|audit_heads) copied$/,
    'it is another offboarding, whose own audit says that it has no chain',
  ],
  unnamed: [
    /^(catalogs|overrides|frozen_keys|before_images) copied$/,
    'nothing names it: it is shown to nobody and counts for nothing',
  ],
} as const satisfies Record<string, readonly [what: RegExp, because: string]>;

interface Column {
  table: string;
  column: string;
  type: string;
}

async function columns({ client, without = [] }: Tampering): Promise<Column[]> {
  const { rows } = await client.query(
    `select table_name as table, column_name as column, udt_name as type
       from information_schema.columns where table_schema = 'handover' order by table_name, ordinal_position`,
  );
  return (rows as Column[]).filter(
    ({ table }) => RIGHTS[table]?.evidence !== false && !without.includes(table),
  );
}

/** Rows that are its own: as conditions. */
function ownRows({ id: offboarding, shown }: Tampering, table: string): string {
  const id = `'${offboarding}'`;
  const manifests = `(select id from handover.manifests where offboarding = ${id} and plan is not null)`;
  const conditions: Record<string, string> = {
    offboardings: `id = ${id}`,
    catalogs: 'true',
    overrides: 'true',
    manifests: `id in ${manifests}`,
    manifest_pages: `manifest in ${manifests}`,
    manifest_rounds: `manifest in ${manifests}`,
    frozen_keys: `digest = any('{${shown().join(',')}}')`,
    before_images: `images in (select before_images from handover.receipts where offboarding = ${id})`,
  };
  return conditions[table] ?? `offboarding = ${id}`;
}

const MOST_ROWS = 3;

/** The first, the last and one in between. */
async function some(tampering: Tampering, table: string, most = MOST_ROWS): Promise<string[]> {
  const { rows } = await tampering.client.query(
    `select ctid::text as at from handover.${table} where ${ownRows(tampering, table)} order by ctid`,
  );
  const all = rows.map(row => row.at as string);
  if (all.length <= most) return all;
  return Array.from(
    { length: most },
    (_, n) => all[Math.round((n * (all.length - 1)) / Math.max(most - 1, 1))]!,
  );
}

/** How a value of a type is changed, in each way that matters. */
function changes(type: string, column: string): string[] {
  const c = `"${column}"`;
  switch (type) {
    case 'uuid':
      return ['gen_random_uuid()'];
    case 'int4':
    case 'int2':
      return [`coalesce(${c}, 0) + 1`];
    case 'bool':
      return [`not ${c}`];
    case 'timestamptz':
      return [
        `coalesce(${c}, now()) + interval '1 day'`,
        `coalesce(${c}, now()) - interval '1 day'`,
        ...(NULLABLE_TIMES.has(column) ? ['null'] : []),
      ];
    case '_text':
      return [`array_append(${c}, '7')`, `coalesce(${c}[2:], '{7}')`];
    case '_int4':
    case '_int2':
      return [`array_append(${c}, 1::${type.slice(1)})`];
    case 'bytea':
      return [`set_byte(${c}, 100, get_byte(${c}, 100) # 1)`];
    case 'text':
      return [`coalesce(${c}, '') || 'x'`];
    default:
      throw new Error(`Say how a ${type} is changed (${column}).`);
  }
}
const NULLABLE_TIMES = new Set(['closed', 'fence']);

/** Does something to a table, asks whether an audit names it, and puts the table back. */
async function unseen(
  { client, audited, cannotBeKnown }: Tampering,
  table: string,
  what: string,
  statement: string,
): Promise<string | null> {
  return putBack(client, table, async () => {
    const { rowCount } = await client.query(statement);
    const differs = await client.query(
      `select from ((table handover.${table} except all table public.kept)
                    union all (table public.kept except all table handover.${table})) as d limit 1`,
    );
    if (rowCount === 0 || differs.rowCount === 0) return `${what}: nothing was done`;
    const { breaks } = await audited();
    const because = cannotBeKnown.find(([fits]) => fits.test(what));
    if (breaks.length > 0 && because) return `${what}: it is known after all`;
    return breaks.length > 0 || because ? null : `${what}: nobody noticed`;
  });
}

async function putBack<T>(client: pg.Client, table: string, work: () => Promise<T>): Promise<T> {
  await client.query(`create table public.kept as table handover.${table}`);
  try {
    return await work();
  } finally {
    await client.query(`truncate handover.${table}`);
    await client.query(`insert into handover.${table} table public.kept`);
    await client.query('drop table public.kept');
  }
}

/** Every column changed, and swapped between two rows. Answers what nobody noticed. */
export async function changeEveryColumn(tampering: Tampering): Promise<(string | null)[]> {
  const { client } = tampering;
  // Whoever owns the tables has their constraints out of the way as well.
  const { rows } = await client.query(
    `select conrelid::regclass as table, conname from pg_constraint c join pg_namespace n on n.oid = c.connamespace
      where n.nspname = 'handover' and contype in ('p', 'u', 'c') order by contype`,
  );
  for (const one of rows)
    await client.query(`alter table ${one.table} drop constraint if exists "${one.conname}" cascade`);
  await client.query(
    `do $$ declare c record; begin
       for c in select table_name, column_name from information_schema.columns
                 where table_schema = 'handover' and is_nullable = 'NO'
       loop execute format('alter table handover.%I alter column %I drop not null', c.table_name, c.column_name);
       end loop; end $$`,
  );
  const found: (string | null)[] = [];
  let tried = 0;
  for (const { table, column, type } of await columns(tampering)) {
    const all = await some(tampering, table, tampering.brief ? 1 : MOST_ROWS);
    expect(all.length, `${table} has rows`).toBeGreaterThan(0);
    for (const at of all) {
      for (const value of changes(type, column).slice(0, tampering.brief ? 1 : undefined)) {
        tried++;
        const statement = `update handover.${table} set "${column}" = ${value} where ctid = '${at}'`;
        found.push(await unseen(tampering, table, `${table}.${column} changed`, statement));
      }
    }
    const [first] = all;
    const other = await client.query(
      `select b.ctid::text as at from handover.${table} a, handover.${table} b
        where a.ctid = '${first}' and a."${column}" is distinct from b."${column}" order by b.ctid limit 1`,
    );
    if (!other.rows[0]) continue;
    tried++;
    const pair = `('${first}'::tid, '${other.rows[0].at}'::tid)`;
    found.push(
      await unseen(
        tampering,
        table,
        `${table}.${column} swapped`,
        `update handover.${table} a set "${column}" = b."${column}" from handover.${table} b
          where (a.ctid, b.ctid) in (${pair}, (${pair.replace(/\((.*), (.*)\)/, '$2, $1')}))`,
      ),
    );
  }
  expect(tried).toBeGreaterThan(tampering.brief ? 50 : 300);
  return found.filter(one => one !== null && !one.endsWith('nothing was done'));
}

/** Every row taken away or copied, and every table emptied. Answers what nobody noticed. */
export async function takeEveryRow(tampering: Tampering): Promise<(string | null)[]> {
  const found: (string | null)[] = [];
  const tables = new Map<string, string[]>();
  for (const { table, column } of await columns(tampering))
    tables.set(table, [...(tables.get(table) ?? []), column]);
  for (const table of tables.keys()) {
    for (const at of await some(tampering, table, tampering.brief ? 1 : 100))
      found.push(
        await unseen(
          tampering,
          table,
          `${table} removed`,
          `delete from handover.${table} where ctid = '${at}'`,
        ),
      );
    found.push(
      await unseen(
        tampering,
        table,
        `${table} emptied`,
        `with gone as (delete from handover.${table} returning 1) select from gone`,
      ),
    );
    // A copy under a key of its own, as somebody makes a row up.
    const key = KEYS[table];
    expect(key, `how a row of ${table} is made up`).toBeDefined();
    const values = tables.get(table)!.map(column => (key![column] ? key![column] : `"${column}"`));
    for (const at of await some(tampering, table, 1))
      found.push(
        await unseen(
          tampering,
          table,
          `${table} copied`,
          `insert into handover.${table} select ${values.join(', ')} from handover.${table} where ctid = '${at}'`,
        ),
      );
  }
  return found.filter(one => one !== null);
}

/** What a made-up row has of its own. */
const KEYS: Record<string, Record<string, string>> = {
  offboardings: { id: 'gen_random_uuid()' },
  plans: { digest: `digest || 'x'`, revision: 'revision + 1' },
  catalogs: { digest: `digest || 'x'` },
  overrides: { digest: `digest || 'x'` },
  manifests: { id: 'gen_random_uuid()' },
  manifest_pages: { page: 'page + 1000' },
  manifest_rounds: { round: 'round + 1000' },
  frozen_keys: { digest: `digest || 'x'` },
  receipts: { page: 'page + 1000', at: `at + interval '1 day'` },
  before_images: { images: `images || 'x'` },
  audit: { seq: 'seq + 1000', subject: `subject || 'x'` },
  audit_bodies: { seq: 'seq + 1000' },
  audit_heads: { offboarding: 'gen_random_uuid()' },
  archives: { run: 'gen_random_uuid()::text' },
  certificates: { number: 'number + 1' },
  certificate_bodies: { number: 'number + 1' },
};

/** From here on every row keeps its place: putting a table back writes it anew. */
export async function settled(tampering: Tampering): Promise<void> {
  const { client } = tampering;
  await client.query('set session_replication_role = replica');
  for (const table of new Set((await columns(tampering)).map(one => one.table)))
    await putBack(client, table, () => client.query('select 1'));
}
