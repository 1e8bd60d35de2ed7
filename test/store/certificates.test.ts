import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { canonicalJson } from '../../domain/plan.js';
import { openPool, type Pool } from '../../store/database.js';
import { sha256 } from '../../store/digest.js';
import { openStore, type Store } from '../../store/store.js';
import { createTestDatabase, type TestDatabase } from '../support/servers.js';

let database: TestDatabase;
let store: Store;
let pool: Pool;

beforeAll(async () => {
  database = await createTestDatabase('store_certificates');
  store = await openStore(database.url);
  pool = openPool(database.url);
});
afterAll(async () => {
  await store.close();
  await pool.end();
  await database.drop();
});

const said = { by: 'olivia', why: 'asked' };

/** An offboarding with its certificate and one addendum. */
async function certified(): Promise<string> {
  const offboarding = randomUUID();
  await store.audit.append(offboarding, [{ subject: 'closed', kind: 'closed', body: {} }]);
  await store.archive.certify(offboarding, { leaver: 'Alice' });
  await store.archive.addendum(offboarding, { came: 'later' });
  return offboarding;
}

test('a certificate is what was handed out, under the digest of just that; a second one is refused', async () => {
  const offboarding = await certified();
  const again = await store.archive.certify(offboarding, { leaver: 'Mallory' });
  expect(again).toMatchObject({
    number: 0,
    body: { leaver: 'Alice' },
    digest: sha256(canonicalJson({ leaver: 'Alice' })),
    intact: true,
  });
  expect(await store.archive.certificates(offboarding)).toMatchObject([
    { number: 0 },
    { number: 1, body: { came: 'later' }, digest: sha256(canonicalJson({ came: 'later' })) },
  ]);
});

test('a purged one leaves its digest and an entry that says so, and does not come back', async () => {
  const offboarding = await certified();
  const [before] = await store.archive.certificates(offboarding);
  for (const _ of ['once', 'and again']) await store.archive.purge(offboarding, [0], said);
  await store.archive.certify(offboarding, { leaver: 'Alice' });
  expect(await store.archive.certificates(offboarding)).toMatchObject([
    { number: 0, digest: before!.digest, body: null },
    { number: 1, body: { came: 'later' } },
  ]);
  const { entries, breaks } = await store.audit.read(offboarding);
  expect(breaks).toEqual([]);
  expect(entries.map(({ kind, body }) => ({ kind, body }))).toEqual([
    { kind: 'closed', body: {} },
    { kind: 'purged', body: { certificates: [0], ...said } },
  ]);
});

test('a purge of what is not there changes nothing', async () => {
  const offboarding = await certified();
  for (const numbers of [[], [7], [0, 7]])
    await expect(store.archive.purge(offboarding, numbers, said)).rejects.toThrow(/Nothing was purged/);
  expect(await store.archive.certificates(offboarding)).toMatchObject([
    { body: { leaver: 'Alice' } },
    { body: { came: 'later' } },
  ]);
  expect((await store.audit.read(offboarding)).entries).toHaveLength(1);
});

test('no body goes without an entry that says so, and none is changed', async () => {
  const offboarding = await certified();
  await store.archive.purge(offboarding, [0], said);
  for (const change of [
    'delete from handover.certificate_bodies where number = 1',
    `update handover.certificate_bodies set body = '{}' where number = 1`,
    'delete from handover.certificates where number = 0',
    `update handover.certificates set digest = '' where number = 0`,
  ])
    await expect(pool.query(`${change} and offboarding = $1`, [offboarding])).rejects.toThrow(/append-only/);
});
