/** The chain of an offboarding under many hands at once: nothing is lost, nothing stands twice, and it verifies. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openStore, type Store } from '../../store/store.js';
import { createTestDatabase, type TestDatabase } from '../support/servers.js';

let database: TestDatabase;
let store: Store;

beforeAll(async () => {
  database = await createTestDatabase('store_audit');
  store = await openStore(database.url);
});
afterAll(async () => {
  await store.close();
  await database.drop();
});

const entry = (subject: string) => ({ subject, kind: 'decision', body: { subject } });

test('entries that many write at once, and each twice, stand in one chain once', async () => {
  const offboarding = randomUUID();
  const subjects = Array.from({ length: 40 }, (_, n) => `subject ${n}`);
  await Promise.all(
    [...subjects, ...subjects].map(subject => store.audit.append(offboarding, [entry(subject), entry('all say')])),
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
  const odd = { subject: `it's "odd"\n{,}\\`, kind: 'decision', body: { text: 'naïve 名前 \u2028 {"a": [1, null]}' } };
  await store.audit.append(offboarding, [odd]);
  const { entries, breaks } = await store.audit.read(offboarding);
  expect(breaks).toEqual([]);
  expect(entries).toMatchObject([odd]);
});
