/** One budget for a fleet: what several workers take from it together is never more than it holds. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openStore, type Store } from '../../store/store.js';
import { createTestDatabase, type TestDatabase } from '../support/servers.js';

let database: TestDatabase;
const workers: Store[] = [];

beforeAll(async () => {
  database = await createTestDatabase('budgets');
  for (let n = 0; n < 3; n++) workers.push(await openStore(database.url));
});
afterAll(async () => {
  await Promise.all(workers.map(worker => worker.close()));
  await database.drop();
});

describe('three workers', () => {
  test('have one budget between them: calls that they may all send at once are no more than the burst', async () => {
    const pace = { everyMs: 1_000, burst: 4 };
    const waits = await Promise.all(
      workers.flatMap(worker => [1, 2, 3, 4].map(() => worker.budgets('crm').take('one', pace, 1))),
    );
    const sorted = waits.sort((a, b) => a - b);
    expect(sorted.filter(ms => ms === 0)).toHaveLength(4);
    // Eight more, one a second.
    for (const [n, ms] of sorted.slice(4).entries()) {
      expect(ms).toBeGreaterThan(n * 1_000);
      expect(ms).toBeLessThanOrEqual((n + 1) * 1_000);
    }
  });

  test('and another system, or another budget, has its own', async () => {
    const pace = { everyMs: 60_000, burst: 1 };
    expect(await workers[0]!.budgets('crm').take('two', pace, 1)).toBe(0);
    expect(await workers[0]!.budgets('desk').take('two', pace, 1)).toBe(0);
    expect(await workers[1]!.budgets('crm').take('two', pace, 1)).toBeGreaterThan(50_000);
  });

  test('hear of a pause that one of them was asked for, and a shorter one does not end it', async () => {
    expect(await workers[2]!.budgets('crm').paused()).toBe(0);
    await workers[0]!.budgets('crm').pause(60_000);
    await workers[1]!.budgets('crm').pause(10);
    expect(await workers[2]!.budgets('crm').paused()).toBeGreaterThan(50_000);
    expect(await workers[2]!.budgets('desk').paused()).toBe(0);
  });

  test('take turns in a group whose calls must never meet, and the place of one that died is free in the end', async () => {
    const entered = await Promise.all(
      workers.map((worker, n) => worker.budgets('lms').enter('branch', 1, `call ${n}`, 60_000)),
    );
    expect(entered.filter(Boolean)).toHaveLength(1);
    const winner = entered.indexOf(true);
    await workers[winner]!.budgets('lms').leave('branch', `call ${winner}`);
    expect(await workers[0]!.budgets('lms').enter('branch', 1, 'next', 1)).toBe(true);
    await new Promise(resolve => setTimeout(resolve, 20));
    expect(await workers[1]!.budgets('lms').enter('branch', 1, 'after a death', 60_000)).toBe(true);
    expect(await workers[2]!.budgets('lms').enter('branch', 2, 'beside it', 60_000)).toBe(true);
  });
});
