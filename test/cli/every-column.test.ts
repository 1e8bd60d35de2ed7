/**
 * Every column of every table that holds evidence, changed, swapped between two rows, and every row taken away,
 * copied, or emptied with its whole table: `audit --verify` names it, or the list below says why nobody can
 * know. The columns come from `information_schema`, so that a new one cannot be forgotten; what cannot be
 * known stands in docs/cli.md in the same words.
 */
import { readFileSync } from 'node:fs';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { gather } from '../../client/audit/evidence.js';
import { type Verdict, verify } from '../../client/audit/verify.js';
import { referenceTo } from '../../domain/overrides.js';
import { RIGHTS } from '../../store/roles.js';
import {
  acknowledgeAll,
  ended,
  handOver,
  mail,
  must,
  planned,
  type Started,
  start,
  waitFor,
} from '../small-world/drive.js';
import { refuse } from '../small-world/mischief.js';
import { useSmallWorld } from '../small-world/world.js';

const small = useSmallWorld({ once: true, check: false });
let run: Started;
let client: pg.Client;

/** What is done where, as `table.column how` or `table how` → why nobody can know. */
const CANNOT_BE_KNOWN: [what: RegExp, because: string][] = [
  [
    /^offboardings\.order (changed|swapped)$/,
    'the chain has every word of it; it is kept at hand for an open run, and no audit reads it',
  ],
  [
    /^(plans\.made|manifests\.made|certificates\.at|offboardings\.(requested|closed)) swapped$/,
    'these times are compared with the chain to within an hour, because two clocks wrote them',
  ],
  [
    /^audit_heads\.fence swapped$/,
    'a fence may only be raised, and a later run of the same person may have raised it',
  ],
  [
    /^(offboardings|audit_heads) copied$/,
    'it is another offboarding, whose own audit says that it has no chain',
  ],
  [
    /^(catalogs|overrides|frozen_keys|before_images) copied$/,
    'nothing names it: it is shown to nobody and counts for nothing',
  ],
];

beforeAll(async () => {
  // Everything that evidence is made of: rounds, parts, exceptions, a skip, overrides, a block, addenda of nothing.
  const mischief = await refuse(small.db.crm, 'accounts', `old.name = 'Account 5'`);
  const key = String(BigInt(small.cast.alice.id) * 100n + 3n);
  const digest = await small.world.worker.deps.store.overrides.save({
    'crm/accounts': { [key]: mail(small, 'carol') },
  });
  run = await start(small, {
    departure: 'unplanned',
    successor: mail(small, 'bob'),
    overrides: referenceTo(digest),
  });
  const { plan } = await planned(small, run);
  await acknowledgeAll(small, run);
  await must(small, run, 'approve', 'priya', { plan: plan!.digest });
  await waitFor(small, run, status => status.state === 'needs-attention');
  await must(small, run, 'retry', 'olivia');
  await waitFor(small, run, status => status.state === 'needs-attention');
  await must(small, run, 'skip', 'olivia', { step: 'crm/accounts', reason: 'sold next week' });
  const { waivers } = await small.world.offboardings.status(run.run);
  const keys = waivers['crm/accounts']!.leftover.digest;
  await must(small, run, 'approve', 'daniel', { step: 'crm/accounts', keys, plan: plan!.digest });
  await waitFor(small, run, status => status.state === 'closed');
  await ended(small, run);
  await mischief.mend();
  // Somebody else's, to swap with.
  await handOver(small, { user: mail(small, 'bob'), successor: mail(small, 'carol') });
  await small.world.offboardings.archive(run.run);
  client = new pg.Client({ connectionString: small.world.urls.store });
  await client.connect();
  await client.query('set session_replication_role = replica');
  // From here on every row keeps its place: putting a table back writes it anew.
  for (const table of new Set((await columns()).map(one => one.table)))
    await putBack(table, () => client.query('select 1'));
});
afterAll(() => client?.end());

interface Column {
  table: string;
  column: string;
  type: string;
}

async function columns(): Promise<Column[]> {
  const { rows } = await client.query(
    `select table_name as table, column_name as column, udt_name as type
       from information_schema.columns where table_schema = 'handover' order by table_name, ordinal_position`,
  );
  return (rows as Column[]).filter(({ table }) => RIGHTS[table]?.evidence !== false);
}

/** Rows that belong to the run: as conditions. */
function ownRows(table: string): string {
  const id = `'${run.offboardingId}'`;
  const manifests = `(select id from handover.manifests where offboarding = ${id} and plan is not null)`;
  const conditions: Record<string, string> = {
    offboardings: `id = ${id}`,
    catalogs: 'true',
    overrides: 'true',
    manifests: `id in ${manifests}`,
    manifest_pages: `manifest in ${manifests}`,
    manifest_rounds: `manifest in ${manifests}`,
    frozen_keys: `digest = any('{${shown.join(',')}}')`,
    before_images: `images in (select before_images from handover.receipts where offboarding = ${id})`,
  };
  return conditions[table] ?? `offboarding = ${id}`;
}

const MOST_ROWS = 3;
let shown: string[] = [];

/** The first, the last and one in between. */
async function some(table: string, most = MOST_ROWS): Promise<string[]> {
  const { rows } = await client.query(
    `select ctid::text as at from handover.${table} where ${ownRows(table)} order by ctid`,
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

/** Whoever rewrites the store may wait until Temporal has forgotten: the store alone must show it. */
async function audited(withTemporal = false): Promise<Verdict> {
  const { store, temporal } = small.world.worker.deps;
  const known = { offboarding: run.offboardingId, workflow: run.run, at: new Date().toISOString() };
  const evidence = await gather(store, known, async () =>
    withTemporal ? temporal : Promise.reject(new Error('away')),
  );
  shown = evidence.shown;
  return verify(evidence);
}

/** Does something to a table, asks whether an audit names it, and puts the table back. */
async function unseen(table: string, what: string, statement: string): Promise<string | null> {
  return putBack(table, async () => {
    const { rowCount } = await client.query(statement);
    const differs = await client.query(
      `select from ((table handover.${table} except all table public.kept) union all (table public.kept except all table handover.${table})) as d limit 1`,
    );
    if (rowCount === 0 || differs.rowCount === 0) return `${what}: nothing was done`;
    const { breaks } = await audited();
    const because = CANNOT_BE_KNOWN.find(([fits]) => fits.test(what));
    if (breaks.length > 0 && because) return `${what}: it is known after all`;
    return breaks.length > 0 || because ? null : `${what}: nobody noticed`;
  });
}

async function putBack<T>(table: string, work: () => Promise<T>): Promise<T> {
  await client.query(`create table public.kept as table handover.${table}`);
  try {
    return await work();
  } finally {
    await client.query(`truncate handover.${table}`);
    await client.query(`insert into handover.${table} table public.kept`);
    await client.query('drop table public.kept');
  }
}

test('the run verifies as it is, with Temporal and without', async () => {
  expect(await audited(true)).toMatchObject({ breaks: [], unasked: null });
  expect(await audited()).toMatchObject({ breaks: [], unasked: expect.stringContaining('away') });
});

test('every column changed, and swapped between two rows', { timeout: 600_000 }, async () => {
  // Whoever owns the tables has their constraints out of the way as well.
  const { rows } = await client.query(
    `select conrelid::regclass as table, conname from pg_constraint c join pg_namespace n on n.oid = c.connamespace
      where n.nspname = 'handover' and contype in ('p', 'u', 'c') order by contype`,
  );
  for (const one of rows)
    await client.query(`alter table ${one.table} drop constraint if exists "${one.conname}" cascade`);
  await client.query(
    `do $$ declare c record; begin for c in select table_name, column_name from information_schema.columns where table_schema = 'handover' and is_nullable = 'NO'
      loop execute format('alter table handover.%I alter column %I drop not null', c.table_name, c.column_name); end loop; end $$`,
  );
  const found: (string | null)[] = [];
  let tried = 0;
  for (const { table, column, type } of await columns()) {
    const all = await some(table);
    expect(all.length, `${table} has rows`).toBeGreaterThan(0);
    for (const at of all) {
      for (const value of changes(type, column)) {
        tried++;
        const statement = `update handover.${table} set "${column}" = ${value} where ctid = '${at}'`;
        found.push(await unseen(table, `${table}.${column} changed`, statement));
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
        table,
        `${table}.${column} swapped`,
        `update handover.${table} a set "${column}" = b."${column}" from handover.${table} b
          where (a.ctid, b.ctid) in (${pair}, (${pair.replace(/\((.*), (.*)\)/, '$2, $1')}))`,
      ),
    );
  }
  expect(found.filter(one => one !== null && !one.endsWith('nothing was done'))).toEqual([]);
  expect(tried).toBeGreaterThan(300);
});

test('every row taken away or copied, and every table emptied', { timeout: 600_000 }, async () => {
  const found: (string | null)[] = [];
  const tables = new Map<string, string[]>();
  for (const { table, column } of await columns()) tables.set(table, [...(tables.get(table) ?? []), column]);
  for (const table of tables.keys()) {
    for (const at of await some(table, 100))
      found.push(
        await unseen(table, `${table} removed`, `delete from handover.${table} where ctid = '${at}'`),
      );
    found.push(
      await unseen(
        table,
        `${table} emptied`,
        `with gone as (delete from handover.${table} returning 1) select from gone`,
      ),
    );
    // A copy under a key of its own, as somebody makes a row up.
    const key = KEYS[table];
    expect(key, `how a row of ${table} is made up`).toBeDefined();
    const values = tables.get(table)!.map(column => (key![column] ? key![column] : `"${column}"`));
    for (const at of await some(table, 1))
      found.push(
        await unseen(
          table,
          `${table} copied`,
          `insert into handover.${table} select ${values.join(', ')} from handover.${table} where ctid = '${at}'`,
        ),
      );
  }
  expect(found.filter(one => one !== null)).toEqual([]);
});

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

test('what cannot be known stands in the documentation, in the same words', () => {
  const docs = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8').replace(/\s+/g, ' ');
  for (const [, because] of CANNOT_BE_KNOWN) expect(docs).toContain(because);
});
