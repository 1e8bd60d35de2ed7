import { describe, expect, test } from 'vitest';
import { policySchema } from '../../domain/policy.js';
import {
  beyondSkip,
  firstRound,
  lateTakers,
  nextRound,
  type Standing,
  sharesArrivals,
  takersOfArrivals,
} from '../../domain/rounds.js';
import { plan, step } from './made-up.js';

const policy = policySchema.parse({ rounds: 3, drift: { floor: 10, percent: 5 } });
const none = { failed: 0, ineligible: 0, locked: 0, exceptions: [] };

/** Something is still there after the approved pages, and nothing else is odd. */
function standing(more: Partial<Standing> = {}): Standing {
  const given = step('crm/tasks', { baseline: { count: 1_000, fingerprint: '7' } });
  return {
    step: given,
    plan: plan({ policy }),
    retries: 0,
    opened: 0,
    left: 2,
    arrived: 1,
    arrivedBefore: 0,
    refused: none,
    patient: false,
    ...more,
  };
}

const why = (more: Partial<Standing>): string => {
  const next = nextRound(standing(more));
  return next.kind === 'stop' ? next.why : `round ${next.round}`;
};

describe('the next round', () => {
  test('takes up what is still there, a few times', () => {
    expect([0, 1, 2].map(opened => why({ opened }))).toEqual(['round 1', 'round 2', 'round 3']);
    expect(why({ opened: 3 })).toBe(
      '2 items are still there after 3 rounds: something keeps giving them to the leaver. Stop that, then send "retry".',
    );
  });

  test('after a retry comes on top of the automatic ones, with numbers of its own', () => {
    expect([0, 1, 2, 3].map(opened => why({ retries: 2, opened }))).toEqual([
      'round 200',
      'round 201',
      'round 202',
      'round 203',
    ]);
    expect(why({ retries: 2, opened: 4 })).toMatch(/^2 items are still there after 4 rounds/);
    expect([0, 1, 7].map(firstRound)).toEqual([0, 100, 700]);
  });

  test('is not opened where items were refused: people mend that', () => {
    const exceptions = [
      { key: '1', kind: 'failed' as const, why: 'no' },
      { key: '9', kind: 'taken' as const, why: 'somebody else owns it now' },
    ];
    expect(why({ refused: { failed: 1, ineligible: 0, locked: 0, exceptions } })).toBe(
      '1 item was refused (1: no). Mend the cause and send "retry", or "skip" them with a reason.',
    );
    const many = [1, 2, 3, 4].map(n => ({ key: String(n), kind: 'ineligible' as const, why: 'no member' }));
    expect(why({ refused: { failed: 0, ineligible: 5, locked: 0, exceptions: many } })).toBe(
      '5 items were refused (1: no member; 2: no member; 3: no member; …). Mend the cause and send "retry", or "skip" them with a reason.',
    );
  });

  test('is opened for refused items by the first look after a retry, and only by that', () => {
    const refused = {
      failed: 1,
      ineligible: 0,
      locked: 0,
      exceptions: [{ key: '1', kind: 'failed' as const, why: 'no' }],
    };
    expect(why({ refused, retries: 1, opened: 0 })).toBe('round 100');
    expect(why({ refused, retries: 1, opened: 1 })).toMatch(/^1 item was refused/);
  });

  test('is opened again and again for items that others hold locked, for as long as that is waited for', () => {
    const held = [{ key: '7', kind: 'locked' as const, why: 'another session holds a lock on it' }];
    const refused = { failed: 0, ineligible: 0, locked: 1, exceptions: held };
    expect([0, 5, 50].map(opened => why({ refused, opened, patient: true }))).toEqual([
      'round 1',
      'round 6',
      'round 51',
    ]);
    expect(why({ refused, opened: 2, patient: false })).toBe(
      '1 item was refused (7: another session holds a lock on it). Mend the cause and send "retry", or "skip" them with a reason.',
    );
    expect(why({ refused, opened: 95, patient: true })).toMatch(/^1 item was refused/);
  });

  test('follows new items up to the drift that the policy allows, over all rounds', () => {
    expect(why({ arrivedBefore: 49, arrived: 1 })).toBe('round 1');
    expect(why({ arrivedBefore: 49, arrived: 2 })).toBe(
      '51 new items have come since the plan was approved, more than the 50 that may follow it. Send "amend" to have a new plan approved.',
    );
    // What is only tried again is no drift.
    expect(why({ left: 900, arrived: 0, arrivedBefore: 50 })).toBe('round 1');
  });

  test('names nobody by itself', () => {
    const empty = { baseline: { count: 0, fingerprint: '0' }, successors: [], counts: [] };
    expect(why({ step: step('crm/tasks', empty) })).toBe(
      '1 new items have come and the plan names nobody to take them over. Send "amend" with a successor.',
    );
    expect(why({ step: step('crm/teams', { ...empty, do: 'remove' }) })).toBe('round 1');
    expect(why({ step: step('crm/tasks', empty), arrived: 0 })).toBe('round 1');
  });
});

test('a skip covers what it named, and nothing more', () => {
  expect(beyondSkip(0)).toBeNull();
  expect(beyondSkip(3)).toMatch(/^3 items are there that the approved skip does not cover/);
});

describe('who takes what came later', () => {
  const nobody = new Map<string, string | null>();

  test('is asked only where several share', () => {
    const two = step('crm/tasks').successors.concat(step('crm/tasks').successors);
    expect(sharesArrivals(step('crm/tasks'))).toBe(false);
    expect(sharesArrivals(step('crm/tasks', { successors: two }))).toBe(true);
    expect(sharesArrivals(step('crm/tasks', { successors: two, do: 'remove' }))).toBe(false);
  });

  test('goes on where the plan left off, and never to whom only an override named', () => {
    const shared = { assignment: { kind: 'round-robin' as const }, pool: 2, counts: [3, 1, 9] };
    expect(takersOfArrivals(shared, ['a', 'b', 'c'], nobody)).toEqual({ takers: [1, 1, 0] });
    expect(takersOfArrivals({ ...shared, counts: [3, 1, 0] }, ['a', 'b', 'c'], nobody)).toEqual({
      takers: [1, 1, 0],
    });
  });

  test('and who gains only now is told apart from who gained by the plan', () => {
    const [bob] = step('crm/tasks').successors;
    const carol = { ...bob!, personId: 'carol', label: 'Carol' };
    const shared = step('crm/tasks', { successors: [bob!, carol], counts: [3, 0] });
    expect(lateTakers(shared, [0, 0])).toEqual([]);
    expect(lateTakers(shared, [0, 1, 1])).toEqual([carol]);
    expect(lateTakers(step('crm/tasks', { counts: [0] }), [0])).toEqual([bob]);
    expect(lateTakers({ ...shared, do: 'remove' }, [1])).toEqual([]);
  });

  test('follows the attribute of the match rule, or says for whom it names nobody', () => {
    const match = { kind: 'match' as const, attribute: 'region', map: { north: 1 }, otherwise: 0 };
    const given = { assignment: match, pool: 2, counts: [1, 1] };
    const regions = new Map([['a', 'north']]);
    expect(takersOfArrivals(given, ['a', 'b'], regions)).toEqual({ takers: [1, 0] });
    const strict = { ...given, assignment: { ...match, otherwise: -1 } };
    expect(takersOfArrivals(strict, ['a', 'b'], regions)).toEqual({
      problem:
        '1 new items have come for which the match rule names nobody (b). Send "amend" with a successor for them.',
    });
  });
});
