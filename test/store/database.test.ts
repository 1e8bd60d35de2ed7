/** Our own store's connections break: what was under way fails, and nothing else does. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { inTransaction, openPool, type Pool } from '../../store/database.js';
import { createTestDatabase, type TestDatabase } from '../support/servers.js';

let database: TestDatabase;
let pool: Pool;

beforeAll(async () => {
  database = await createTestDatabase('store_breaks');
  pool = openPool(database.url);
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

test('a connection that breaks between two statements fails its transaction, not the process', async () => {
  const thrown: unknown[] = [];
  const onThrown = (error: unknown): void => void thrown.push(error);
  process.on('uncaughtException', onThrown);
  try {
    const broken = inTransaction(pool, async client => {
      const { rows } = await client.query('select pg_backend_pid() as pid');
      await pool.query('select pg_terminate_backend($1)', [rows[0].pid]);
      // Nobody is asking anything while the news arrives.
      await new Promise(resolve => setTimeout(resolve, 200));
      await client.query('select 1');
    });
    await expect(broken).rejects.toThrow();
    expect(thrown).toEqual([]);
    expect((await pool.query('select 1 as still')).rows).toEqual([{ still: 1 }]);
  } finally {
    process.off('uncaughtException', onThrown);
  }
});
