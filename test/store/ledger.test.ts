/** The fence around a closed offboarding: what was left behind gets no receipt, what a reset starts anew does, nothing slips through. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Effect } from '../../domain/effect.js';
import { LeftBehind, type NewReceipt, ReceiptExists } from '../../store/ledger.js';
import { openStore, type Store } from '../../store/store.js';
import { createTestDatabase, type TestDatabase } from '../support/servers.js';

let database: TestDatabase;
let store: Store;
let offboarding: string;

beforeAll(async () => {
  database = await createTestDatabase('store_ledger');
  store = await openStore(database.url);
});
afterAll(async () => {
  await store.close();
  await database.drop();
});
beforeEach(async () => {
  offboarding = randomUUID();
  await store.audit.append(offboarding, [{ subject: 'requested', kind: 'requested', body: {} }]);
});

/** Seconds after midnight. */
const at = (second: number): Date => new Date(Date.UTC(2026, 0, 1, 0, 0, second));

function receipt(page: number, more: Partial<NewReceipt> = {}): NewReceipt {
  return {
    offboarding,
    manifest: offboarding,
    step: 'crm/tasks',
    page,
    part: 1,
    first: 0,
    took: 1,
    did: 'transfer',
    account: { user: '1' },
    takers: ['2'],
    mark: `transaction ${page}`,
    effect: effect(),
    ...more,
  };
}

function effect(more: Partial<Effect> = {}): Effect {
  const owners = { values: ['1'], perKey: null };
  return { changed: 1, merged: 0, perTaker: [1], exceptions: [], owners, before: [], ...more };
}

async function pages(): Promise<number[]> {
  return (await store.ledger.all(offboarding)).map(one => one.page);
}

describe('a fence', () => {
  test('refuses what was scheduled before it, and nothing else', async () => {
    await store.ledger.begin(receipt(1), [], at(5));
    await store.ledger.fence(offboarding, at(10));
    await expect(store.ledger.begin(receipt(2), [], at(9))).rejects.toThrow(LeftBehind);
    await store.ledger.begin(receipt(3), [], at(10));
    await store.ledger.begin(receipt(4), [], at(11));
    expect(await pages()).toEqual([1, 3, 4]);
  });

  test('is never lowered', async () => {
    await store.ledger.fence(offboarding, at(10));
    await store.ledger.fence(offboarding, at(3));
    await expect(store.ledger.begin(receipt(1), [], at(5))).rejects.toThrow(LeftBehind);
  });

  test('of one offboarding is none of another', async () => {
    await store.ledger.fence(randomUUID(), at(10));
    await store.ledger.begin(receipt(1), [], at(5));
    expect(await pages()).toEqual([1]);
  });

  test('waits for a receipt that is being written, and whoever writes one waits for a fence that is being raised', async () => {
    const client = await store.pool.connect();
    try {
      await client.query('begin');
      await client.query('select from handover.audit_heads where offboarding = $1 for share', [offboarding]);
      const fenced = store.ledger.fence(offboarding, at(10)).then(() => 'fenced');
      expect(await Promise.race([fenced, later('waits')])).toBe('waits');
      await client.query('commit');
      expect(await fenced).toBe('fenced');

      await client.query('begin');
      await client.query('update handover.audit_heads set fence = $2 where offboarding = $1', [offboarding, at(20)]);
      const begun = store.ledger.begin(receipt(1), [], at(15)).catch((error: Error) => error);
      expect(await Promise.race([begun, later('waits')])).toBe('waits');
      await client.query('commit');
      expect(await begun).toBeInstanceOf(LeftBehind);
    } finally {
      client.release();
    }
  });

  test('is raised around a run that was terminated when the next run of the same person is registered', async () => {
    const run = { leaver: offboarding, human: offboarding, workflow: 'offboarding/1', preview: false };
    await store.runs.open({ ...run, offboarding }, at(1));
    await store.runs.open({ ...run, offboarding }, at(2));
    await store.ledger.begin(receipt(1), [], at(1));
    await store.runs.open({ ...run, offboarding: randomUUID() }, at(10));
    await expect(store.ledger.begin(receipt(2), [], at(5))).rejects.toThrow(LeftBehind);
    // Nor does what it left behind put itself into the register again.
    await expect(store.runs.open({ ...run, offboarding }, at(5))).rejects.toThrow(LeftBehind);
    expect((await store.runs.all()).map(one => one.offboarding)).not.toContain(offboarding);
  });
});

test('the same effect twice is told from one that was left behind', async () => {
  await store.ledger.begin(receipt(1), [], at(5));
  await expect(store.ledger.begin(receipt(1), [], at(6))).rejects.toThrow(ReceiptExists);
});

test('an offboarding without a trail has no effects', async () => {
  offboarding = randomUUID();
  await expect(store.ledger.begin(receipt(1), [], at(5))).rejects.toThrow(/no trail yet/);
  expect(await pages()).toEqual([]);
});

function later<T>(value: T): Promise<T> {
  return new Promise(resolve => setTimeout(resolve, 150, value));
}
