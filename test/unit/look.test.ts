/** How a reading becomes a look, and when the keys must be read for it. */
import { describe, expect, test } from 'vitest';
import { knownDifference, knownUnwaived, mustFreeze, sayUnread, takersToCheck } from '../../domain/look.js';
import { LEFT, mailbox, step, tasks } from './made-up.js';

const planned = { count: 3, fingerprint: '7' };
const nothing = { count: 0, fingerprint: '0' };
const nobody = { seen: null, waived: null };

describe('keys are read again', () => {
  test.each([
    ['not when the fingerprint is the plan’s', planned, nobody, { arrived: 0, departed: 0 }],
    ['not when nothing is held any more', nothing, nobody, { arrived: 0, departed: 3 }],
    ['when there are as many and they are others', { count: 3, fingerprint: '8' }, nobody, null],
    ['when there are more', { count: 4, fingerprint: '7' }, nobody, null],
    ['when an acknowledgement has seen others than the plan shows', planned, { ...nobody, seen: LEFT }, null],
    ['not even then, when nothing is held', nothing, { ...nobody, seen: LEFT }, { arrived: 0, departed: 3 }],
  ])('%s', (_when, held, decided, known) => {
    expect(knownDifference(tasks, held, decided)).toEqual(known);
  });

  test('always for what people acknowledge, as long as something is held: a fingerprint can be made to fit', () => {
    expect(knownDifference(mailbox, planned, nobody)).toBeNull();
    expect(knownDifference(mailbox, nothing, nobody)).toEqual({ arrived: 0, departed: 3 });
  });

  test('for a skip, as long as something is held: it waives keys and not a number', () => {
    expect(knownUnwaived(planned, nobody)).toBe(3);
    expect(knownUnwaived(planned, { ...nobody, waived: LEFT })).toBeNull();
    expect(knownUnwaived(nothing, { ...nobody, waived: LEFT })).toBe(0);
  });
});

test('what people must see anew is frozen: manual categories that gained keys', () => {
  expect(mustFreeze(mailbox, { arrived: 1, departed: 0 })).toBe(true);
  expect(mustFreeze(mailbox, { arrived: 0, departed: 2 })).toBe(false);
  expect(mustFreeze(tasks, { arrived: 1, departed: 0 })).toBe(false);
});

test('whoever gains is checked again, and whoever else the rule names once there is something for them', () => {
  const [bob] = tasks.successors;
  const carol = { ...bob!, personId: 'carol', label: 'Carol' };
  const shared = step('crm/tasks', { successors: [bob!, carol], counts: [3, 0] });
  const look = { step: 'crm/tasks', count: 3, arrived: 0, departed: 0, unwaived: 3, frozen: null };
  expect(takersToCheck(shared, [look])).toEqual([bob]);
  expect(takersToCheck(shared, [{ ...look, arrived: 1 }])).toEqual([bob, carol]);
  expect(takersToCheck(step('crm/tasks', { counts: [0] }), [])).toEqual([]);
});

test('a system that could not be looked at is named', () => {
  expect(sayUnread({ system: 'crm', why: 'it is down.' })).toBe('crm could not be read: it is down.');
});
