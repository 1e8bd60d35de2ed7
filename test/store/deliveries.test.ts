/** What a tool sends counts once: for as long as it may come again, and that may be for ever. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { openPool, type Pool } from '../../store/database.js';
import { openStore, type Store } from '../../store/store.js';
import { createTestDatabase, type TestDatabase } from '../support/servers.js';

let database: TestDatabase;
let store: Store;
let pool: Pool;

beforeAll(async () => {
  database = await createTestDatabase('deliveries');
  store = await openStore(database.url);
  pool = openPool(database.url);
});
beforeEach(async () => {
  await pool.query('truncate handover.deliveries');
});
afterAll(async () => {
  await store.close();
  await pool.end();
  await database.drop();
});

/** Days go by, for all that was taken in. */
const later = (days: number) =>
  pool.query(
    `update handover.deliveries set at = at - make_interval(days => $1), came = came - make_interval(days => $1)`,
    [days],
  );
const UNDATED = { undated: true };

test('what says nothing of when it was sent counts once for ever, and what was said to it is forgotten', async () => {
  const { deliveries } = store;
  expect(await deliveries.take('jira', 'a', UNDATED)).toEqual({ kind: 'first' });
  await deliveries.settle('jira', 'a', { sentence: 'Alice leaves.' });
  expect(await deliveries.take('jira', 'a', UNDATED)).toMatchObject({ kind: 'answered' });
  for (let n = 0; n < 3; n++) {
    await later(8);
    expect(await deliveries.take('jira', 'a', UNDATED)).toEqual({ kind: 'past' });
  }
  expect((await pool.query('select answer from handover.deliveries')).rows).toEqual([{ answer: null }]);
  // Another webhook's is another one.
  expect(await deliveries.take('other', 'a', UNDATED)).toEqual({ kind: 'first' });
});

test('what a gateway died over may come again soon, and not years later, when nobody knows what became of it', async () => {
  const { deliveries } = store;
  await deliveries.take('jira', 'a', UNDATED);
  expect(await deliveries.take('jira', 'a', UNDATED)).toEqual({ kind: 'under-way' });
  await later(1);
  expect(await deliveries.take('jira', 'a', UNDATED)).toEqual({ kind: 'first' });
  await later(8);
  expect(await deliveries.take('jira', 'a', UNDATED)).toEqual({ kind: 'past' });
});

test('what came to nothing may come again for a week, however often it is tried', async () => {
  const { deliveries } = store;
  for (let day = 0; day < 7; day++) {
    expect(await deliveries.take('jira', 'a', UNDATED), `day ${day}`).toEqual({ kind: 'first' });
    await deliveries.release('jira', 'a');
    await later(1);
  }
  expect(await deliveries.take('jira', 'a', UNDATED)).toEqual({ kind: 'past' });
});

test('what is refused by its time once it is old need not be remembered', async () => {
  const { deliveries } = store;
  await deliveries.take('slack', 'a');
  await deliveries.settle('slack', 'a', { sentence: 'Counted.' });
  await later(8);
  await deliveries.take('slack', 'b');
  expect((await pool.query('select id from handover.deliveries')).rows).toEqual([{ id: 'b' }]);
});
