/**
 * The ledger: receipts from intent to end, in parts, with rows as they were; the register that steps begin
 * in; and the fence around a closed offboarding: what was left behind gets no receipt, what a reset starts
 * anew does, nothing slips through.
 */
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Effect } from '../../domain/effect.js';
import { nameOf } from '../../store/before-images.js';
import { keysOf, listOf, numbersOf, sharesOf } from '../../store/keys.js';
import { LeftBehind, type NewReceipt, ReceiptExists, receiptDigest } from '../../store/ledger.js';
import { openStore, type Store } from '../../store/store.js';
import { createTestDatabase, type TestDatabase } from '../support/servers.js';

let database: TestDatabase;
let store: Store;
/** Beside the store: what nobody outside it reaches otherwise. */
let pool: pg.Pool;
let offboarding: string;

beforeAll(async () => {
  database = await createTestDatabase('store_ledger');
  store = await openStore(database.url);
  pool = new pg.Pool({ connectionString: database.url, max: 2 });
});
afterAll(async () => {
  await pool.end();
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
    accounts: [{ user: ['1'] }],
    takers: ['2'],
    mark: `transaction ${page}`,
    owners: { values: ['1'], perKey: null },
    before: [],
    effect: effect(),
    ...more,
  };
}

function effect(more: Partial<Effect> = {}): Effect {
  return { changed: 1, merged: 0, perTaker: [1], exceptions: [], ...more };
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
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    try {
      await client.query('begin');
      await client.query('select from handover.audit_heads where offboarding = $1 for share', [offboarding]);
      const fenced = store.ledger.fence(offboarding, at(10)).then(() => 'fenced');
      expect(await Promise.race([fenced, later('waits')])).toBe('waits');
      await client.query('commit');
      expect(await fenced).toBe('fenced');

      await client.query('begin');
      await client.query('update handover.audit_heads set fence = $2 where offboarding = $1', [
        offboarding,
        at(20),
      ]);
      const begun = store.ledger.begin(receipt(1), [], at(15)).catch((error: Error) => error);
      expect(await Promise.race([begun, later('waits')])).toBe('waits');
      await client.query('commit');
      expect(await begun).toBeInstanceOf(LeftBehind);
    } finally {
      await client.end();
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

describe('a receipt', () => {
  test('of the same effect twice is told from one that was left behind', async () => {
    await store.ledger.begin(receipt(1), [], at(5));
    await expect(store.ledger.begin(receipt(1), [], at(6))).rejects.toThrow(ReceiptExists);
  });

  test('is intended until somebody says how it ended, and of two who say so the first one stands', async () => {
    await store.ledger.begin(receipt(1), [], at(5));
    expect(await store.ledger.find(receipt(1))).toMatchObject({ state: 'intended', sure: null });
    await store.ledger.end(receipt(1), { state: 'done', sure: 'read', effect: null });
    await store.ledger.end(receipt(1), { state: 'aborted', sure: 'asked' });
    await store.ledger.done(receipt(1), ['transaction 1']);
    const { before: _, ...stored } = receipt(1);
    expect(await store.ledger.all(offboarding)).toMatchObject([{ ...stored, state: 'done', sure: 'read' }]);
    expect(await store.ledger.unsettled(offboarding)).toEqual([]);
  });

  test('is settled along with the next one, by its mark', async () => {
    await store.ledger.begin(receipt(1), [], at(5));
    await store.ledger.begin(receipt(2), ['transaction 1', 'transaction 9'], at(5));
    const states = (await store.ledger.all(offboarding)).map(one => [one.page, one.state, one.sure]);
    expect(states).toEqual([
      [1, 'done', 'asked'],
      [2, 'intended', null],
    ]);
  });

  test('that came to nothing stays, and every further attempt has one of its own', async () => {
    const attempts = ['one', 'two', 'three'].map(mark => receipt(1, { mark }));
    for (const attempt of attempts) {
      await store.ledger.begin(attempt, [], at(5));
      if (attempt.mark !== 'three') await store.ledger.end(attempt, { state: 'aborted', sure: 'asked' });
    }
    // Somebody who saw the first attempt speaks late.
    await store.ledger.end(attempts[0]!, { state: 'aborted', sure: 'read' });
    await store.ledger.done(attempts[0]!, ['one', 'two']);
    const all = await store.ledger.all(offboarding);
    expect(all.map(one => [one.mark, one.state, one.sure])).toEqual([
      ['one', 'aborted', 'asked'],
      ['two', 'aborted', 'asked'],
      ['three', 'intended', null],
    ]);
    expect(await store.ledger.find(receipt(1))).toMatchObject({ mark: 'three' });
    expect(await store.ledger.changed(offboarding)).toEqual({});
    await store.ledger.done(receipt(1), ['three']);
    expect(await store.ledger.changed(offboarding)).toEqual({ 'crm/tasks': 1 });
    expect((await store.ledger.totals(offboarding, 'crm/tasks')).changed).toBe(1);
  });

  test('says what was done once that is known, where it was not known beforehand', async () => {
    const owners = { values: ['1', '7'], perKey: sharesOf([0, 1, 0]) };
    const before = [{ key: '1' }, { key: '2' }];
    const unknown = receipt(1, { effect: null, took: 3, owners, before });
    await store.ledger.begin(unknown, [], at(5));
    const intended = await store.ledger.find(unknown);
    expect(intended).toMatchObject({ state: 'intended', effect: null, owners });
    const done = effect({
      changed: 2,
      exceptions: [{ key: '3', kind: 'missed', why: 'the call broke off' }],
    });
    await store.ledger.end(unknown, { state: 'done', sure: 'read', effect: done });
    const [ended] = await store.ledger.all(offboarding);
    expect(ended).toMatchObject({ state: 'done', sure: 'read', owners, effect: done });
    expect(ended!.digest).not.toBe(intended!.digest);
    expect(ended!.digest).toBe(receiptDigest(ended!, ended!.effect, ended!.images));
    // What they were was known when it was intended, and stays.
    expect(ended!.images).toBe(intended!.images);
    expect(await store.ledger.before(ended!.images!)).toEqual(before);
  });
});

describe('before-images', () => {
  const before = [
    { key: '1', row: { name: 'Ärger "quoted", {braces} \\ back' } },
    { key: '2', row: { name: null } },
  ];

  test('lie in rows of their own, in order, under a digest that the receipt covers', async () => {
    await store.ledger.begin(receipt(1, { before }), [], at(5));
    const [stored] = await store.ledger.all(offboarding);
    expect(stored!.digest).toBe(receiptDigest(stored!, stored!.effect, stored!.images));
    expect(stored!.digest).not.toBe(receiptDigest(stored!, stored!.effect, null));
    expect(await store.ledger.before(stored!.images!)).toEqual(before);
  });

  test('can be purged, and the receipt says the same as before', async () => {
    await store.ledger.begin(receipt(1, { before }), [], at(5));
    const [stored] = await store.ledger.all(offboarding);
    const said = { by: 'olivia', why: 'asked' };
    await store.ledger.purge(offboarding, said);
    await store.ledger.purge(offboarding, said);
    expect(await store.ledger.before(stored!.images!)).toEqual([null, null]);
    const { rows } = await pool.query(
      'select digest from handover.before_images where images = $1 order by n',
      [stored!.images],
    );
    expect(nameOf(rows.map(row => row.digest as string))).toBe(stored!.images);
  });

  test('of the same rows have other digests each time, so that nobody can guess a row from one', async () => {
    await store.ledger.begin(receipt(1, { before }), [], at(5));
    await store.ledger.begin(receipt(2, { before }), [], at(5));
    const [one, two] = await store.ledger.all(offboarding);
    expect(one!.images).not.toBe(two!.images);
  });

  test('are not kept for an intent that was refused', async () => {
    await store.ledger.begin(receipt(1), [], at(5));
    const count = async () =>
      (await pool.query('select count(*)::int as n from handover.before_images')).rows[0].n;
    const had = await count();
    await expect(store.ledger.begin(receipt(1, { before }), [], at(5))).rejects.toThrow(ReceiptExists);
    expect(await count()).toBe(had);
  });
});

describe('parts of a page', () => {
  const keys = ['1', '2', '3', '4', '5'];
  const step = 'crm/tasks';
  const openPages = async () =>
    (await store.manifests.open(offboarding, step)).map(({ page, part, first, count, keys, assignment }) => ({
      page,
      part,
      first,
      count,
      keys: listOf(keys),
      shares: assignment && numbersOf(assignment),
    }));
  const part = (n: number, first: number, took: number, more: Partial<NewReceipt> = {}) =>
    receipt(1, { part: n, first, took, mark: `part ${n}`, effect: effect({ changed: took }), ...more });

  beforeEach(async () => {
    for (const page of [1, 2])
      await store.manifests.write(offboarding, step, page, {
        keys: keysOf(keys),
        count: 5,
        fingerprint: '7',
        order: 'number',
        low: '1',
        high: '5',
        assignment: page === 1 ? sharesOf([0, 1, 0, 1, 0]) : null,
      });
  });

  test('follow each other: what has a receipt is not open any more, what came to nothing is open again', async () => {
    expect(await openPages()).toEqual([
      { page: 1, part: 1, first: 0, count: 5, keys, shares: [0, 1, 0, 1, 0] },
      { page: 2, part: 1, first: 0, count: 5, keys, shares: null },
    ]);
    await store.ledger.begin(part(1, 0, 2), [], at(5));
    expect((await openPages())[0]).toEqual({
      page: 1,
      part: 2,
      first: 2,
      count: 3,
      keys: ['3', '4', '5'],
      shares: [0, 1, 0],
    });
    await store.ledger.begin(part(2, 2, 3), ['part 1'], at(5));
    expect((await openPages()).map(one => one.page)).toEqual([2]);
    expect(await store.manifests.open(offboarding, step, 1)).toEqual([]);
    await store.ledger.end(part(2, 2, 3), { state: 'aborted', sure: 'asked' });
    expect((await openPages())[0]).toMatchObject({ part: 2, first: 2, count: 3 });
  });

  test('are found again with the keys that each was about', async () => {
    const { keys: second, assignment } = (await store.manifests.part(part(2, 2, 3)))!;
    expect([listOf(second), numbersOf(assignment!)]).toEqual([
      ['3', '4', '5'],
      [0, 1, 0],
    ]);
    expect(await store.manifests.part(receipt(9))).toBeNull();
  });

  test('add up, and a later part’s word on an item is about its own keys only', async () => {
    const refused = { key: '2', kind: 'failed' as const, why: 'no' };
    await store.ledger.begin(
      part(1, 0, 2, { effect: effect({ changed: 1, exceptions: [refused] }) }),
      [],
      at(5),
    );
    await store.ledger.begin(part(2, 2, 3), ['part 1'], at(5));
    await store.ledger.done(receipt(1), ['part 2']);
    expect(await store.ledger.totals(offboarding, step)).toMatchObject({
      changed: 4,
      failed: 1,
      exceptions: [refused],
    });
    // Tried again in a later round, and moved.
    await store.ledger.begin(receipt(2, { took: 5, effect: effect({ changed: 1 }) }), [], at(6));
    await store.ledger.done(receipt(2), ['transaction 2']);
    expect(await store.ledger.totals(offboarding, step)).toMatchObject({
      changed: 5,
      failed: 0,
      exceptions: [],
    });
  });
});

test('a further round takes up keys in pages of at most so many, once', async () => {
  const sets = [
    { keys: keysOf(['b', 'a', 'c']), count: 3, assignment: sharesOf([1, 0, 1]), origin: 'again' as const },
    { keys: keysOf([]), count: 0, assignment: null, origin: 'arrived' as const },
    { keys: keysOf(['n,1', '"n2"']), count: 2, assignment: null, origin: 'arrived' as const },
  ];
  expect(await store.manifests.addRound(offboarding, 'crm/tasks', 1, sets, 2)).toBe(true);
  expect(await store.manifests.addRound(offboarding, 'crm/tasks', 1, sets, 2)).toBe(false);
  const open = await store.manifests.open(offboarding, 'crm/tasks');
  expect(
    open.map(one => [one.page, one.origin, listOf(one.keys), one.assignment && numbersOf(one.assignment)]),
  ).toEqual([
    [1, 'again', ['b', 'a'], [1, 0]],
    [2, 'again', ['c'], [1]],
    [3, 'arrived', ['n,1', '"n2"'], null],
  ]);
  expect(await store.manifests.arrivedSoFar(offboarding, 'crm/tasks')).toBe(2);
});

describe('a step that begins', () => {
  const run = (leaver: string) => ({
    leaver,
    human: leaver,
    offboarding: randomUUID(),
    workflow: `offboarding/${leaver}`,
    preview: false,
  });

  test('is registered again after an earlier proof had struck it off', async () => {
    const mine = run(`leaver ${offboarding}`);
    await store.runs.open(mine, at(1));
    await store.runs.setSuccessors(mine.offboarding, { 'crm/tasks': ['bob'], 'crm/notes': ['eve'] });
    await store.runs.finishSteps(mine.offboarding, ['crm/tasks']);
    expect(await store.runs.beginSteps(mine.offboarding, { 'crm/tasks': ['bob'] })).toEqual([]);
    const registered = (await store.runs.all()).find(one => one.offboarding === mine.offboarding)!;
    expect(registered.successors).toEqual({ 'crm/tasks': ['bob'], 'crm/notes': ['eve'] });
  });

  test('is registered beside those who take what came later, as long as it is not finished', async () => {
    const mine = run(`leaver ${offboarding}`);
    await store.runs.open(mine, at(1));
    await store.runs.beginSteps(mine.offboarding, { 'crm/tasks': ['bob'] });
    await store.runs.beginSteps(mine.offboarding, { 'crm/tasks': ['carol'] });
    await store.runs.beginSteps(mine.offboarding, { 'crm/tasks': ['bob'], 'crm/notes': ['eve'] });
    const registered = (await store.runs.all()).find(one => one.offboarding === mine.offboarding)!;
    expect(registered.successors).toEqual({ 'crm/tasks': ['bob', 'carol'], 'crm/notes': ['eve'] });
  });

  test('keeps its successors from being switched off, or hears that it comes too late', async () => {
    const bob = run(`bob ${offboarding}`);
    const mine = run(`leaver ${offboarding}`);
    await store.runs.open(bob, at(1));
    await store.runs.open(mine, at(1));
    expect(await store.runs.beginSteps(mine.offboarding, { 'crm/tasks': [bob.leaver] })).toEqual([]);
    expect(await store.runs.claimDeactivation(bob.offboarding)).toMatchObject({
      offboarding: mine.offboarding,
    });
    await store.runs.finishSteps(mine.offboarding, ['crm/tasks']);
    expect(await store.runs.claimDeactivation(bob.offboarding)).toBeNull();
    expect(await store.runs.beginSteps(mine.offboarding, { 'crm/tasks': [bob.leaver] })).toMatchObject([
      { workflow: bob.workflow },
    ]);
  });

  test('waits for a deactivation that is being claimed, and then knows of it', async () => {
    const bob = run(`bob ${offboarding}`);
    const mine = run(`leaver ${offboarding}`);
    await store.runs.open(bob, at(1));
    await store.runs.open(mine, at(1));
    const client = await pool.connect();
    try {
      await client.query('begin; lock table handover.open_runs in exclusive mode');
      await client.query('update handover.open_runs set deactivating = true where offboarding = $1', [
        bob.offboarding,
      ]);
      const begun = store.runs.beginSteps(mine.offboarding, { 'crm/tasks': [bob.leaver] });
      expect(await Promise.race([begun, later('waits')])).toBe('waits');
      await client.query('commit');
      expect(await begun).toMatchObject([{ leaver: bob.leaver }]);
    } finally {
      client.release();
    }
  });
});

test('an offboarding without a trail has no effects', async () => {
  offboarding = randomUUID();
  await expect(store.ledger.begin(receipt(1), [], at(5))).rejects.toThrow(/no trail yet/);
  expect(await pages()).toEqual([]);
});

function later<T>(value: T): Promise<T> {
  return new Promise(resolve => setTimeout(resolve, 150, value));
}
