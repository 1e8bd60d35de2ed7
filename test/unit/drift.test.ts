/** How far the world may move before people are asked again. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { driftLimit, reasonsToAskAgain, type SeenWorld } from '../../domain/drift.js';
import { policySchema } from '../../domain/policy.js';
import { plan, step, tasks } from './made-up.js';

const policy = policySchema.parse({});
const limitOf = (count: number, given = policy): number =>
  driftLimit(plan({ policy: given }), { baseline: { count, fingerprint: '' } });

describe('the limit', () => {
  test.each([
    [0, 10],
    [200, 10],
    [219, 10],
    [220, 11],
    [10_000, 500],
  ])('a baseline of %i may gain %i', (baseline, limit) => {
    expect(limitOf(baseline)).toBe(limit);
  });

  test('is a whole number, never less than the floor, and never falls when the baseline grows', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(1_000_000), fc.nat(100), fc.nat(100), (a, b, floor, percent) => {
        const given = { ...policy, drift: { floor, percent } };
        const [less, more] = [limitOf(Math.min(a, b), given), limitOf(Math.max(a, b), given)];
        expect(Number.isInteger(less)).toBe(true);
        expect(less).toBeGreaterThanOrEqual(floor);
        expect(more).toBeGreaterThanOrEqual(less);
      }),
    );
  });
});

describe('reasons to ask again', () => {
  const world = (more: Partial<SeenWorld> = {}): SeenWorld => ({
    system: 'crm',
    inventory: [{ category: 'tasks', complete: true, problem: null }],
    steps: [{ step: 'crm/tasks', count: 3, arrived: 0 }],
    refused: [],
    catalogChanged: false,
    ...more,
  });
  const arrived = (n: number, id = 'crm/tasks') => world({ steps: [{ step: id, count: 3 + n, arrived: n }] });

  test('an unchanged world, or one that shrank, gives none', () => {
    expect(
      reasonsToAskAgain(plan(), [world(), world({ steps: [{ step: 'crm/tasks', count: 0, arrived: 0 }] })]),
    ).toEqual([]);
  });

  test('up to the limit follows the plan; one more asks', () => {
    expect(reasonsToAskAgain(plan(), [arrived(10)])).toEqual([]);
    expect(reasonsToAskAgain(plan(), [arrived(11)])).toEqual([
      '11 new open tasks (crm/tasks) have come since the plan was made; up to 10 may follow it without asking.',
    ]);
  });

  test('new items that nobody is named for ask at once; what is removed needs nobody', () => {
    const empty = { ...tasks, successors: [], counts: [] };
    expect(reasonsToAskAgain(plan({ steps: [empty] }), [arrived(1)])).toEqual([
      '1 open tasks (crm/tasks) have come and the plan names nobody to take them over.',
    ]);
    expect(reasonsToAskAgain(plan(), [arrived(1, 'crm/teams')])).toEqual([]);
  });

  test('manual and kept categories, and steps that are not in the plan, never ask here', () => {
    expect(
      reasonsToAskAgain(plan(), [
        arrived(999, 'crm/mailbox'),
        arrived(999, 'crm/closed_tasks'),
        arrived(999, 'hr/x'),
      ]),
    ).toEqual([]);
  });

  test('an account that was inactive and is active again asks, where that was why nobody is switched off', () => {
    const [crm] = plan().accounts;
    const accounts = [{ ...crm!, accounts: crm!.accounts.map(one => ({ ...one, active: false })) }];
    const active = world({ accounts: [{ active: true }] });
    expect(
      reasonsToAskAgain(plan({ accounts, modeReason: 'every account is inactive already' }), [active]),
    ).toEqual(['The account in crm was inactive when the plan was made and is active again.']);
    expect(reasonsToAskAgain(plan({ accounts }), [active])).toEqual([]);
    expect(reasonsToAskAgain(plan({ modeReason: 'x' }), [active])).toEqual([]);
  });

  test('what could not be read, a changed catalog and a refused successor each ask, in words', () => {
    expect(
      reasonsToAskAgain(plan({ steps: [step('crm/tasks')] }), [
        world({
          inventory: [
            { category: 'tasks', complete: false, problem: 'the table is locked' },
            { category: 'deals', complete: false, problem: null },
          ],
          refused: [{ step: 'crm/tasks', sentence: 'Bob is not active.' }],
          catalogChanged: true,
        }),
      ]),
    ).toEqual([
      'The catalog of crm has changed since the plan was made.',
      'crm/tasks could not be read: the table is locked',
      'crm/deals could not be read: no answer',
      'crm/tasks: Bob is not active.',
    ]);
  });

  test('a rule that changed asks for the step that it is about', () => {
    expect(reasonsToAskAgain(plan(), [world({ rulesChanged: ['crm/tasks'] })])).toEqual([
      'crm/tasks: the rule that says who takes over has changed since the plan was made.',
    ]);
  });

  test('a policy that changed asks once, not once per system', () => {
    expect(
      reasonsToAskAgain(plan(), [world({ policyChanged: true }), world({ policyChanged: true })]),
    ).toEqual(['The policy has changed since the plan was made.']);
  });
});
