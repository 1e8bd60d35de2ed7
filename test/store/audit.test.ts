/**
 * The chain of an offboarding under many hands at once: nothing is lost, nothing stands twice, and it
 * verifies.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openPool, type Pool } from '../../store/database.js';
import { openStore, type Store } from '../../store/store.js';
import { createTestDatabase, type TestDatabase } from '../support/servers.js';

let database: TestDatabase;
let store: Store;
let pool: Pool;

beforeAll(async () => {
  database = await createTestDatabase('store_audit');
  store = await openStore(database.url);
  pool = openPool(database.url);
});
afterAll(async () => {
  await pool.end();
  await store.close();
  await database.drop();
});

const entry = (subject: string) => ({ subject, kind: 'decision', body: { subject } });

test('entries that many write at once, and each twice, stand in one chain once', async () => {
  const offboarding = randomUUID();
  const subjects = Array.from({ length: 40 }, (_, n) => `subject ${n}`);
  await Promise.all(
    [...subjects, ...subjects].map(subject =>
      store.audit.append(offboarding, [entry(subject), entry('all say')]),
    ),
  );
  const { entries, breaks, head } = await store.audit.read(offboarding);
  expect(breaks).toEqual([]);
  expect(entries.map(one => one.subject).sort()).toEqual([...subjects, 'all say'].sort());
  expect(head!.seq).toBe(41);
});

test('several entries are written together or not at all', async () => {
  const offboarding = randomUUID();
  const broken = { ...entry('second'), kind: null as unknown as string };
  await expect(store.audit.append(offboarding, [entry('first'), broken])).rejects.toThrow(/null value/);
  expect(await store.audit.read(offboarding)).toEqual({ entries: [], breaks: [], head: null });
});

test('what is chained is what was given: quotes, line ends, any script', async () => {
  const offboarding = randomUUID();
  const odd = {
    subject: `it's "odd"\n{,}\\`,
    kind: 'decision',
    body: { text: 'naïve 名前 \u2028 {"a": [1, null]}' },
  };
  await store.audit.append(offboarding, [odd]);
  const { entries, breaks } = await store.audit.read(offboarding);
  expect(breaks).toEqual([]);
  expect(entries).toMatchObject([odd]);
});

test('a purged body is gone with its salt, an entry says so, and the chain verifies', async () => {
  const offboarding = randomUUID();
  await store.audit.append(offboarding, [entry('one'), entry('two'), entry('three')]);
  for (const _ of ['once', 'and again'])
    await store.audit.purge(offboarding, [2, 1], { by: 'olivia', why: 'asked' });
  const { entries, breaks } = await store.audit.read(offboarding);
  expect(breaks).toEqual([]);
  expect(entries.map(({ seq, gone, body }) => ({ seq, gone, body }))).toEqual([
    { seq: 1, gone: 'purged', body: {} },
    { seq: 2, gone: 'purged', body: {} },
    { seq: 3, gone: null, body: { subject: 'three' } },
    { seq: 4, gone: null, body: { seqs: [1, 2], by: 'olivia', why: 'asked' } },
  ]);
  const left = await pool.query('select seq from handover.audit_bodies where offboarding = $1 order by seq', [
    offboarding,
  ]);
  expect(left.rows.map(row => row.seq)).toEqual([3, 4]);
});

test('a purge of what is not there, or of what tells of a purge, changes nothing', async () => {
  const offboarding = randomUUID();
  const said = { by: 'olivia', why: 'asked' };
  await store.audit.append(offboarding, [entry('one'), entry('two')]);
  await store.audit.purge(offboarding, [1], said);
  const before = await store.audit.read(offboarding);
  for (const seqs of [[], [2, 9], [2, 3]])
    await expect(store.audit.purge(offboarding, seqs, said)).rejects.toThrow(/Nothing was purged/);
  expect(await store.audit.read(offboarding)).toEqual(before);
});

test('a body cannot be changed, nor removed without an entry that says so', async () => {
  const offboarding = randomUUID();
  await store.audit.append(offboarding, [entry('one'), entry('two')]);
  await store.audit.purge(offboarding, [1], { by: 'olivia', why: 'asked' });
  for (const change of [
    'delete from handover.audit_bodies where seq = 2',
    // What tells of the purge stays.
    'delete from handover.audit_bodies where seq = 3',
    `update handover.audit_bodies set body = '{}' where seq = 2`,
    `update handover.audit_bodies set salt = '' where seq = 2`,
  ])
    await expect(pool.query(`${change} and offboarding = $1`, [offboarding])).rejects.toThrow(/append-only/);
});

test('the same body twice does not give the same digest twice', async () => {
  const offboarding = randomUUID();
  await store.audit.append(offboarding, [
    { ...entry('one'), body: {} },
    { ...entry('two'), body: {} },
  ]);
  const { rows } = await pool.query(
    'select distinct body_digest from handover.audit where offboarding = $1',
    [offboarding],
  );
  expect(rows).toHaveLength(2);
});
