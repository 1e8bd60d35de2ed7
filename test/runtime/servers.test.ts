// The servers that all tests share, and the helpers that hand them out.

import { Connection } from '@temporalio/client';
import pg from 'pg';
import { expect, test } from 'vitest';
import { searchAttributes } from '../../runtime/search-attributes.js';
import { createTestDatabase, temporalAddress } from '../support/servers.js';

test('the shared Temporal knows every search attribute of the project', async () => {
  const connection = await Connection.connect({ address: temporalAddress() });
  const { customAttributes } = await connection.operatorService.listSearchAttributes({
    namespace: 'default',
  });
  await connection.close();
  expect(Object.keys(customAttributes ?? {})).toEqual(expect.arrayContaining(Object.keys(searchAttributes)));
});

test('a test database starts as a copy of its template and is gone after drop, open connections or not', async () => {
  const template = await createTestDatabase('template');
  await query(template.url, 'CREATE TABLE marker AS SELECT 42 AS value');
  const copy = await createTestDatabase('copy', template.name);
  expect(await query(copy.url, 'SELECT value FROM marker')).toEqual([{ value: 42 }]);

  const open = new pg.Client({ connectionString: copy.url });
  open.on('error', () => {}); // it is about to be cut off
  await open.connect();
  await copy.drop();
  await template.drop();
  await expect(query(copy.url, 'SELECT 1')).rejects.toThrow(/does not exist/);
});

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}
