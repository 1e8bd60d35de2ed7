/**
 * Connections are taken in one order: a target's, then the store's. Whoever holds one of the store's waits for
 * no other, so that runs go on however few there are of either.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ALICE, account, type Bench, batchOf, createBench, PEOPLE_YAML } from '../connectors/fixture.js';
import { handOver } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';

const small = useSmallWorld({
  change: config => {
    config.connections = { systems: 2, store: 1 };
  },
});

test('whole runs need no more than one connection to each system, and one to the store', async () => {
  const { status } = await handOver(small);
  expect(status).toMatchObject({ state: 'closed', outcome: 'completed' });
  const { rows } = await small.db.store.query(
    `select datname, usename, count(*)::int as n from pg_stat_activity
      where application_name in ('handover', 'handover-store') and datname = any($1) group by 1, 2`,
    [Object.values(small.world.urls).map(url => new URL(url).pathname.slice(1))],
  );
  expect(rows.length).toBeGreaterThan(0);
  for (const { n } of rows) expect(n).toBe(1);
});

let bench: Bench;
beforeAll(async () => {
  bench = await createBench(
    'connections',
    `CREATE TABLE tasks (id bigint PRIMARY KEY, owner_id bigint);
     INSERT INTO tasks SELECT n, 1 FROM generate_series(1, 400) AS n`,
  );
});
afterAll(() => bench.drop());

test('ten comparisons and eight batches at once do not wait for one another', async () => {
  const connector = bench.connector(
    `${PEOPLE_YAML}
categories:
  tasks: { title: Tasks, do: transfer, table: public.tasks, key: [id], owner: { column: owner_id } }
`,
    { poolSize: 2 },
  );
  const { store } = small.world.worker.deps;
  const alice = account(ALICE);
  const batch = await batchOf(connector, alice, 'tasks');
  const nobody = { manifest: '00000000-0000-4000-8000-000000000000', step: 'crm/tasks' };
  const since = performance.now();
  const compare = () => store.manifests.drift(nobody, connector.pages([alice], 'tasks', { size: 20 }));
  const move = () =>
    connector
      .apply(batch, { intend: async () => void (await store.ledger.intended(nobody.manifest, [])) })
      .catch((error: Error) => expect(error.message).toMatch(/lock/));
  await Promise.all([...Array.from({ length: 10 }, compare), ...Array.from({ length: 8 }, move)]);
  expect(performance.now() - since).toBeLessThan(15_000);
});
