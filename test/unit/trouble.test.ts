import { expect, test } from 'vitest';
import { gotOn, isTimeToTell, withTold, withTrouble } from '../../domain/trouble.js';

test('a run is told after a minute, and then each time twice as long has passed', () => {
  const told: number[] = [];
  for (let at = 0, before = 0; at < 7 * 86_400; before = at, at += 30)
    if (isTimeToTell(before * 1_000, at * 1_000)) told.push(at);
  expect(told.slice(0, 4)).toEqual([60, 120, 240, 480]);
  expect(told.length).toBeLessThan(15);
});

test('what an activity says is shown until the story gets on; nothing else is taken for it', () => {
  const troubles = withTold({}, { activity: 'makePlan', attempt: 7, sentence: 'The store is away.' })!;
  expect(Object.values(troubles)).toEqual([
    '"makePlan" is tried again and again (attempt 7): The store is away.',
  ]);
  for (const odd of [
    undefined,
    7,
    {},
    { activity: '__proto__', attempt: 1, sentence: '' },
    { ...troubles, by: 'x' },
  ])
    expect(withTold(troubles, odd)).toBeNull();
  const both = withTrouble(troubles, 'record', 'Not written.');
  expect(gotOn(both)).toEqual({ record: 'Not written.' });
  expect(withTrouble(both, 'record', null)).toEqual(troubles);
});
