import { expect, test } from 'vitest';
import {
  boundsAfter,
  boundsOf,
  type Consequence,
  mustBeAllowed,
  sayConsequence,
  sayDanger,
  summed,
} from '../../domain/consequences.js';

const one = (more: Partial<Consequence> = {}): Consequence => ({
  table: 'public.notes',
  does: 'delete',
  count: 3,
  why: 'the foreign key notes_fkey (on delete cascade)',
  by: 'rule',
  allowed: false,
  ...more,
});
const drift = { floor: 10, percent: 5 };

test('the catalog must allow what rules do and what triggers delete; what they change is shown', () => {
  expect(mustBeAllowed(one())).toBe(true);
  expect(mustBeAllowed(one({ does: 'change' }))).toBe(true);
  expect(mustBeAllowed(one({ by: 'trigger' }))).toBe(true);
  expect(mustBeAllowed(one({ by: 'trigger', does: 'change' }))).toBe(false);
  expect(mustBeAllowed(one({ allowed: true }))).toBe(false);
  // What nobody could count may be any number.
  expect(mustBeAllowed(one({ count: null }))).toBe(true);
  expect(mustBeAllowed(one({ does: 'refuse' }))).toBe(false);
});

test('as much more may come as the policy lets come; of what was not followed to the end, any number', () => {
  const elsewhere = [
    one({ count: 3 }),
    one({ table: 'b', count: 1_000, times: 2 }),
    one({ table: 'c', more: true }),
  ];
  expect(boundsOf({ elsewhere }, { drift })).toEqual({
    upTo: [
      { table: 'public.notes', does: 'delete', count: 13 },
      { table: 'b', does: 'delete', count: 2_050 },
      { table: 'c', does: 'delete', count: Number.MAX_SAFE_INTEGER },
    ],
    others: 10,
  });
  expect(boundsOf({}, { drift })).toEqual({ upTo: [], others: 10 });
});

test('what has happened is taken from what may', () => {
  const bounds = boundsOf({ elsewhere: [one({ count: 3 })] }, { drift });
  expect(
    boundsAfter(bounds, [
      { table: 'public.notes', does: 'delete', count: 4 },
      { table: 'public.notes', does: 'change', count: 9 },
      { table: 'b', does: 'change', count: 11 },
    ]),
  ).toEqual({
    upTo: [
      { table: 'public.notes', does: 'delete', count: 9 },
      { table: 'public.notes', does: 'change', count: 1 },
      { table: 'b', does: 'change', count: 0 },
    ],
    others: 10,
  });
});

test('it is said in words, one row and many', () => {
  expect(sayConsequence(one({ count: 1 }))).toBe(
    '1 row of public.notes is deleted, by the foreign key notes_fkey (on delete cascade)',
  );
  expect(sayConsequence(one({ more: true, does: 'change' }))).toContain(
    'at least 3 rows of public.notes are changed',
  );
  expect(sayConsequence(one({ count: null, why: 'it took too long' }))).toContain(
    'how many is not known: it took too long',
  );
  expect(sayDanger([])).toBe(null);
  expect(
    sayDanger([
      { table: 'a', does: 'delete', count: 1_200 },
      { table: 'b', does: 'change', count: null },
      { table: 'c', does: 'refuse', count: 2 },
    ]),
  ).toBe(
    'Deleting the account later destroys 1,200 of a; changes rows of b; is refused by the database while there are 2 of c.',
  );
  const many = [...'abcdefgh'].map(table => ({ table, does: 'delete' as const, count: 1 }));
  expect(sayDanger(many)).toBe(
    'Deleting the account later destroys 1 of a, 1 of b, 1 of c, 1 of d, 1 of e, 1 of f, rows of 2 more tables.',
  );
});

test('the same facts add up in the same order', () => {
  const rows = [
    { table: 'b', does: 'change' as const, count: 1 },
    { table: 'a', does: 'delete' as const, count: 2 },
    { table: 'b', does: 'change' as const, count: 4 },
  ];
  const sum = [
    { table: 'a', does: 'delete', count: 2 },
    { table: 'b', does: 'change', count: 5 },
  ];
  expect(summed(rows)).toEqual(sum);
  expect(summed([...rows].reverse())).toEqual(sum);
});
