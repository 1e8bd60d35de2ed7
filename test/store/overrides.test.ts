/** Sets of overrides: one digest for one set, kept as it was. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openPool, type Pool } from '../../store/database.js';
import { openStore, type Store } from '../../store/store.js';
import { createTestDatabase, type TestDatabase } from '../support/servers.js';

let database: TestDatabase;
let store: Store;
let pool: Pool;
beforeAll(async () => {
  database = await createTestDatabase('store_overrides');
  store = await openStore(database.url);
  pool = openPool(database.url);
});
afterAll(async () => {
  await store.close();
  await pool.end();
  await database.drop();
});

const set = { 'desk/b': { 2: 'eve' }, 'crm/a': { 4711: 'bob', 17: 'carol' } };

test('a set is kept once, whatever the order in which it is said, and found by its digest', async () => {
  const digest = await store.overrides.save(set);
  expect(digest).toMatch(/^[0-9a-f]{64}$/);
  expect(await store.overrides.save({ 'crm/a': { 17: 'carol', 4711: 'bob' }, 'desk/b': { 2: 'eve' } })).toBe(
    digest,
  );
  expect(await store.overrides.find(digest)).toEqual(set);
  expect((await pool.query('select count from handover.overrides')).rows).toEqual([{ count: 3 }]);
  expect(await store.overrides.find('0'.repeat(64))).toBeNull();
});

test('nobody changes one, and one that was changed all the same is not believed', async () => {
  const digest = await store.overrides.save({ 'crm/a': { 1: 'bob' } });
  const change = `update handover.overrides set body = replace(body, 'bob', 'eve') where digest = '${digest}'`;
  await expect(pool.query(change)).rejects.toThrow('append-only');
  await pool.query(`begin; alter table handover.overrides disable trigger append_only; ${change}; commit`);
  await expect(store.overrides.find(digest)).rejects.toThrow('no longer give their digest');
});
