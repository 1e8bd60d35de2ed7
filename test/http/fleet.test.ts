/** Three workers, one budget: what a system allows in a time is for all of them together. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readCatalog } from '../../connectors/catalog/file.js';
import type { Connector } from '../../connectors/connector.js';
import { createConnector, KINDS } from '../../connectors/registry.js';
import { Bundle } from '../../domain/bundle.js';
import type { Account } from '../../domain/model.js';
import { openStore, type Store } from '../../store/store.js';
import { ALICE } from '../contract/harness.js';
import { createTestDatabase, type TestDatabase } from '../support/servers.js';
import { catalogOf } from './harness.js';
import { type Served, serve } from './simulator/serve.js';

let database: TestDatabase;
let served: Served;
let throttle = false;
const at: number[] = [];
const stores: Store[] = [];
const workers: Connector[] = [];
const alice: Account = { identities: { user: [ALICE] }, active: true, blocked: false };

beforeAll(async () => {
  database = await createTestDatabase('fleet');
  served = await serve(({ path }) => {
    at.push(Date.now());
    if (throttle) {
      throttle = false;
      return [429, { retry_after_ms: 1_500 }];
    }
    return [
      200,
      path === '/things' ? { items: [], total: 0, size: 3 } : { user: { id: '99', status: 'active' } },
    ];
  });
  const text = catalogOf({ limits: '{ concurrency: 10, rate: [{ requests: 20, per: 1s }] }' });
  const reading = readCatalog(text, 'desk.yaml', KINDS);
  if (!reading.ok) throw new Error(reading.mistakes.join('\n'));
  for (let n = 0; n < 3; n++) {
    const store = await openStore(database.url);
    stores.push(store);
    const connection = new Bundle('desk', { base: served.base, token: 'token' });
    workers.push(createConnector(reading, { connection, budgets: store.budgets }));
  }
});
afterAll(async () => {
  await Promise.all(workers.map(worker => worker.close()));
  await Promise.all(stores.map(store => store.close()));
  await served.close();
  await database.drop();
});

test('in no second are there more calls than the system allows, however many workers ask', async () => {
  at.length = 0;
  const asking = workers.flatMap(worker =>
    Array.from({ length: 20 }, () => worker.inventory([alice], ['things']).catch(() => null)),
  );
  await Promise.all(asking);
  expect(at.length).toBeGreaterThanOrEqual(60);
  for (const [n, moment] of at.entries()) {
    const within = at.slice(n).filter(other => other < moment + 1_000).length;
    // Arrival is a little later than sending: two may fall into the next second's beginning.
    expect(within, `from call ${n}`).toBeLessThanOrEqual(22);
  }
  // And the budget is used, not saved.
  expect(at.at(-1)! - at[0]!).toBeLessThan((at.length / 20) * 1_000 * 2);
});

test('a pause that one of them is asked for is kept by all', async () => {
  throttle = true;
  const first = workers[0]!.inventory([alice], ['things']);
  await new Promise(resolve => setTimeout(resolve, 700));
  const paused = at.length;
  const others = workers.slice(1).map(worker => worker.inventory([alice], ['things']));
  await new Promise(resolve => setTimeout(resolve, 300));
  expect(at.length).toBe(paused);
  await Promise.all([first, ...others]);
  expect(at.length).toBeGreaterThan(paused);
});
