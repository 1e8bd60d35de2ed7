/**
 * Two roles, tried in the database: what a worker's role must not do to evidence is refused to it table by
 * table and column by column, as the catalogs of PostgreSQL list them, so that a new table or column cannot be
 * forgotten.
 */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { prepareStore, RIGHTS, SameRole } from '../../store/roles.js';
import { openStore } from '../../store/store.js';
import { createStoreRoles, createTestDatabase, type TestDatabase } from '../support/servers.js';

let database: TestDatabase;
let roles: Awaited<ReturnType<typeof createStoreRoles>>;
let worker: pg.Client;
let owner: pg.Client;

const connect = async (url: string): Promise<pg.Client> => {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return client;
};

beforeAll(async () => {
  database = await createTestDatabase('roles');
  roles = await createStoreRoles(database);
  await prepareStore(roles.owner, roles.worker);
  [worker, owner] = [await connect(roles.worker), await connect(roles.owner)];
});
afterAll(async () => {
  await Promise.all([worker?.end(), owner?.end()]);
  await database.drop();
  await roles.drop();
});

/** SQLSTATE of the refusal; null where it was done, which is taken back. */
async function attempt(client: pg.Client, statement: string): Promise<string | null> {
  await client.query('begin');
  try {
    await client.query(statement);
    return null;
  } catch (error) {
    return (error as { code: string }).code;
  } finally {
    await client.query('rollback');
  }
}
const REFUSED = '42501';

async function tables(): Promise<Map<string, string[]>> {
  const { rows } = await owner.query(
    `select table_name, array_agg(column_name::text order by ordinal_position) as columns
       from information_schema.columns where table_schema = 'handover' group by 1`,
  );
  return new Map(rows.map(row => [row.table_name, row.columns]));
}

test('every table has its line, and no line is about a table that is not there', async () => {
  expect(Object.keys(RIGHTS).sort()).toEqual([...(await tables()).keys()].sort());
});

test('the worker cannot delete, empty, change, drop or alter evidence, but for the columns that a run needs', async () => {
  const done: string[] = [];
  let tried = 0;
  for (const [table, columns] of await tables()) {
    const { update = [], delete: removes } = RIGHTS[table]!;
    const statements: [string, boolean][] = [
      [`delete from handover.${table}`, removes === true],
      [`truncate handover.${table}`, false],
      [`truncate handover.${table} cascade`, false],
      [`drop table handover.${table} cascade`, false],
      [`alter table handover.${table} add column more text`, false],
      [`alter table handover.${table} disable trigger all`, false],
      [`alter table handover.${table} disable trigger user`, false],
      [`alter table handover.${table} owner to current_user`, false],
      [`alter table handover.${table} rename to other`, false],
      [`alter table handover.${table} set schema public`, false],
      [
        `create trigger mine before insert on handover.${table} execute function handover.refuse_change()`,
        false,
      ],
      [`create rule mine as on insert to handover.${table} do instead nothing`, false],
      [`create index on handover.${table} ((1))`, false],
      [`create table public.mine () inherits (handover.${table})`, false],
      [`comment on table handover.${table} is 'mine'`, false],
      [`grant delete on handover.${table} to current_user; delete from handover.${table}`, removes === true],
      ...columns.map((column): [string, boolean] => [
        `update handover.${table} set "${column}" = "${column}"`,
        update.includes(column),
      ]),
      ...columns.map((column): [string, boolean] => [
        `alter table handover.${table} alter column "${column}" drop default`,
        false,
      ]),
    ];
    for (const [statement, allowed] of statements) {
      tried++;
      const code = await attempt(worker, statement);
      if ((code === null) !== allowed || (code !== null && code !== REFUSED))
        done.push(`${statement}: ${code}`);
    }
  }
  expect(done).toEqual([]);
  expect(tried).toBeGreaterThan(500);
});

test.each([
  'create table handover.mine ()',
  'create function handover.mine() returns int language sql as $$ select 1 $$',
  'create schema mine',
  'drop schema handover cascade',
  'alter schema handover rename to other',
  'create or replace function handover.refuse_change() returns trigger language plpgsql as $$ begin return old; end $$',
  'drop function handover.refuse_change() cascade',
  'alter function handover.refuse_change() rename to other',
  `set session_replication_role = replica`,
  `select set_config('session_replication_role', 'replica', true)`,
  'alter default privileges in schema handover grant delete on tables to public',
  'alter role current_user superuser',
  'create role mine',
])('the worker cannot %s', async statement => {
  // Nothing is in ours by default.
  const code = await attempt(worker, statement);
  if (statement.startsWith('alter default')) {
    // It is about tables that the worker itself would make there, and it makes none.
    expect(code).toBeNull();
    return;
  }
  expect(code).toBe(REFUSED);
});

test('nor become somebody who can', async () => {
  const { rows } = await owner.query('select current_user as owner');
  expect(await attempt(worker, `set role "${rows[0].owner}"`)).toBe(REFUSED);
  expect(await attempt(worker, `set session authorization "${rows[0].owner}"`)).toBe(REFUSED);
});

describe('the owner', () => {
  const id = '00000000-0000-4000-8000-000000000001';
  beforeAll(async () => {
    // A row in every table of evidence: what fires per row says nothing of an empty one.
    const values: Record<string, string> = {
      offboardings: `('${id}', 'w', 'l', 'h', '{}')`,
      plans: `('d', '${id}', 'r', 1, '{}')`,
      catalogs: `('d', 's', '{}')`,
      overrides: `('d', 1, '{}')`,
      manifests: `('${id}', '${id}', 'd')`,
      manifest_pages: `('${id}', 's', 1, 0, 'approved', 1, 'none', null, null, '{1}', null, '0', 'd')`,
      manifest_rounds: `('${id}', 's', 1)`,
      frozen_keys: `('d', 1, '{1}')`,
      receipts: `('${id}', '${id}', 's', 1, 1, 0, 'done', 'asked', 0, 1, 'transfer', '[]', '{}', 'm', 1, 0, '{}', '{}', null, '[]', '[]', null, 'd')`,
      before_images: `('i', 1, 'd', 's', '{}')`,
      audit: `('${id}', 1, 's', 'k', now(), 'b', 'p', 'h')`,
      audit_bodies: `('${id}', 1, 's', '{}')`,
      audit_heads: `('${id}', 1, 'h', now())`,
      archives: `('r', '${id}', 'w', 'COMPLETED', 1, 'd', '', now())`,
      certificates: `('${id}', 0, 'd')`,
      certificate_bodies: `('${id}', 0, '{}')`,
    };
    for (const [table, row] of Object.entries(values))
      await worker.query(`insert into handover.${table} values ${row}`);
  });

  test('is held by triggers as long as it leaves them there: no row goes, no table is emptied', async () => {
    const done: string[] = [];
    for (const [table, { evidence }] of Object.entries(RIGHTS)) {
      if (!evidence) continue;
      for (const statement of [`delete from handover.${table}`, `truncate handover.${table}`]) {
        const code = await attempt(owner, statement);
        if (code !== REFUSED) done.push(`${statement}: ${code}`);
      }
    }
    expect(done).toEqual([]);
  });

  test('changes nothing that was said once: neither how a receipt ended, nor what a plan counts on, nor the end of a chain', async () => {
    for (const statement of [
      `update handover.receipts set changed = 2`,
      `update handover.receipts set state = 'intended', sure = null`,
      `update handover.manifests set plan = 'other'`,
      `update handover.audit_heads set seq = 0`,
      `update handover.audit_heads set fence = null`,
      `update handover.audit_heads set fence = fence - interval '1 s'`,
      `update handover.before_images set body = '[]'`,
      `update handover.before_images set body = null, salt = null`,
    ])
      for (const client of [owner, worker]) expect(await attempt(client, statement), statement).toBe(REFUSED);
  });
});

test('the rights are made again as they should be, by several at once, and what somebody gave besides is taken', async () => {
  const { rows } = await worker.query('select current_user as role');
  await owner.query(`grant delete, truncate on all tables in schema handover to "${rows[0].role}", public`);
  expect(await attempt(worker, 'truncate handover.open_runs')).toBeNull();
  await Promise.all([1, 2, 3].map(() => prepareStore(roles.owner, roles.worker)));
  expect(await attempt(worker, 'truncate handover.open_runs')).toBe(REFUSED);
});

test('one role for both, or a superuser, is no worker to whom anything could be refused', async () => {
  await expect(prepareStore(roles.owner, roles.owner)).rejects.toThrow(SameRole);
  await expect(prepareStore(roles.owner, database.url)).rejects.toThrow(/"postgres" is a superuser/);
});

test('a worker that comes before the owner says who is missing', async () => {
  const other = await createTestDatabase('roles_empty');
  const theirs = await createStoreRoles(other);
  try {
    await expect(openStore(theirs.worker)).rejects.toThrow(
      /The store lacks 0001_ground.*its owner brings it up to date/,
    );
  } finally {
    await other.drop();
    await theirs.drop();
  }
});
