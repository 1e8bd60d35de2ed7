/** Who gets which item: even, exact, and the same every time. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Assignment, assigner, continued } from '../../domain/assign.js';

interface Item {
  key: string;
  attribute: string | null;
}

function assigned(
  assignment: Assignment,
  pool: number,
  items: readonly Item[],
  overrides = new Map<string, number>(),
): number[] {
  const assign = assigner(assignment, pool, overrides);
  return items.map(item => assign.next(item.key, item.attribute));
}

const items = (n: number): Item[] => Array.from({ length: n }, (_, i) => ({ key: `${i}`, attribute: null }));
const countsOf = (indexes: readonly number[], pool: number): number[] =>
  Array.from({ length: pool }, (_, i) => indexes.filter(index => index === i).length);

const anyItems = fc.uniqueArray(fc.record({ key: fc.string(), attribute: fc.option(fc.string()) }), {
  selector: item => item.key,
  maxLength: 200,
});
const anyAssignment = (pool: number): fc.Arbitrary<Assignment> =>
  fc.oneof(
    fc.constant({ kind: 'one' } as const),
    fc.constant({ kind: 'round-robin' } as const),
    fc
      .array(fc.nat(50), { minLength: pool, maxLength: pool })
      .map(loads => ({ kind: 'least-loaded' as const, loads })),
    fc.record({
      kind: fc.constant('match' as const),
      attribute: fc.constant('territory'),
      map: fc.dictionary(fc.string(), fc.nat(pool - 1)),
      otherwise: fc.integer({ min: -1, max: pool - 1 }),
    }),
  );
const anyCase = fc.integer({ min: 1, max: 8 }).chain(pool =>
  fc.record({
    pool: fc.constant(pool),
    assignment: anyAssignment(pool),
    items: anyItems,
    overridden: fc.array(fc.tuple(fc.nat(199), fc.nat(pool - 1))),
  }),
);
const overridesOf = (given: {
  items: readonly Item[];
  overridden: [number, number][];
}): Map<string, number> =>
  new Map(
    given.overridden.flatMap(([at, to]) => (given.items[at] ? [[given.items[at].key, to] as const] : [])),
  );

describe('every rule', () => {
  test('gives the same answer the second time, and changes nothing it was given', () => {
    fc.assert(
      fc.property(anyCase, given => {
        const before = JSON.stringify(given);
        const overrides = overridesOf(given);
        const first = assigned(given.assignment, given.pool, given.items, overrides);
        expect(assigned(given.assignment, given.pool, given.items, overrides)).toEqual(first);
        expect(JSON.stringify(given)).toBe(before);
      }),
    );
  });

  test('names one of its successors, or nobody only where a match rule names nobody', () => {
    fc.assert(
      fc.property(anyCase, given => {
        for (const index of assigned(given.assignment, given.pool, given.items)) {
          expect(Number.isInteger(index) && index < given.pool).toBe(true);
          expect(index).toBeGreaterThanOrEqual(given.assignment.kind === 'match' ? -1 : 0);
        }
      }),
    );
  });

  test('gives an overridden item to whom the override says, and nobody loses or gains a turn by it', () => {
    fc.assert(
      fc.property(anyCase, given => {
        const overrides = overridesOf(given);
        const all = assigned(given.assignment, given.pool, given.items, overrides);
        const others = given.items.filter(item => !overrides.has(item.key));
        const withoutThem = assigned(given.assignment, given.pool, others);
        given.items.forEach((item, n) => {
          expect(all[n]).toBe(
            overrides.has(item.key) ? overrides.get(item.key) : withoutThem[others.indexOf(item)],
          );
        });
      }),
    );
  });
});

test('one successor takes everything', () => {
  expect(assigned({ kind: 'one' }, 1, items(3))).toEqual([0, 0, 0]);
});

test('round-robin is even: nobody gets more than one item more than anybody else', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), fc.nat(300), (pool, n) => {
      const counts = countsOf(assigned({ kind: 'round-robin' }, pool, items(n)), pool);
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    }),
  );
});

test('the first who may is whom the system says, item by item; whom it names nobody for has nobody', () => {
  const said = ['2', '0', null, '1'].map((attribute, n) => ({ key: `${n}`, attribute }));
  expect(assigned({ kind: 'first-of' }, 3, said)).toEqual([2, 0, -1, 1]);
  expect(assigned({ kind: 'first-of' }, 3, said, new Map([['2', 1]]))).toEqual([2, 0, 1, 1]);
});

describe('least-loaded', () => {
  test('gives each item to whoever has least at that moment, the first named among equals', () => {
    expect(assigned({ kind: 'least-loaded', loads: [4, 1, 2] }, 3, items(6))).toEqual([1, 1, 2, 1, 2, 0]);
  });

  test('levels the loads exactly: nobody who got an item ends above anybody else by more than one', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(40), { minLength: 1, maxLength: 8 }), fc.nat(200), (loads, n) => {
        const counts = countsOf(
          assigned({ kind: 'least-loaded', loads }, loads.length, items(n)),
          loads.length,
        );
        const after = loads.map((load, i) => load + counts[i]!);
        expect(counts.reduce((a, b) => a + b, 0)).toBe(n);
        for (const [i, count] of counts.entries())
          if (count > 0) expect(after[i]! - Math.min(...after)).toBeLessThanOrEqual(1);
      }),
    );
  });
});

describe('match', () => {
  const rule = { kind: 'match', attribute: 'territory', map: { emea: 0, amer: 1 }, otherwise: 2 } as const;
  const of = (attribute: string | null) => assigned(rule, 3, [{ key: '1', attribute }]);

  test('follows the attribute; everything else goes to the fallback', () => {
    expect(of('emea')).toEqual([0]);
    expect(of('amer')).toEqual([1]);
    expect(of('EMEA')).toEqual([2]);
    expect(of(null)).toEqual([2]);
  });

  test.each(['constructor', 'toString', '__proto__', 'hasOwnProperty'])(
    'an attribute called "%s" is one like any other',
    name => {
      expect(of(name)).toEqual([2]);
    },
  );

  test('without a fallback it names nobody for what it does not know', () => {
    expect(assigned({ ...rule, otherwise: -1 }, 3, [{ key: '1', attribute: 'apac' }])).toEqual([-1]);
  });
});

test('what comes after the plan goes on where the plan left its shares', () => {
  const late = (assignment: Assignment, counts: number[], n: number) =>
    assigned(continued(assignment, counts), counts.length, items(n));
  expect(late({ kind: 'round-robin' }, [2, 1, 1], 2)).toEqual([1, 2]);
  expect(late({ kind: 'least-loaded', loads: [5, 0] }, [0, 4], 2)).toEqual([1, 0]);
  const match: Assignment = { kind: 'match', attribute: 'territory', map: { emea: 1 }, otherwise: -1 };
  expect(continued(match, [3, 3])).toEqual(match);
});
