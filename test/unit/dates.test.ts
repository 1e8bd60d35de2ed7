// The two dates of a departure: what is waited for next, and how both are said.

import { describe, expect, test } from 'vitest';
import { movesAt, nextDate, sayDates } from '../../domain/dates.js';
import { plan, runIn } from './made-up.js';

const EARLY = '2026-12-20T17:00:00.000Z';
const LAST = '2026-12-24T17:00:00.000Z';

test.each([
  [{}, null, null],
  [{ effectiveAt: LAST }, LAST, 'access ends 2026-12-24 17:00 UTC'],
  [{ effectiveAt: LAST, effectiveSays: 'at six' }, LAST, 'access ends at six'],
  [
    { effectiveAt: LAST, handoverAt: 'approval' },
    null,
    'items move as soon as it is approved, access ends 2026-12-24 17:00 UTC',
  ],
  [
    { effectiveAt: LAST, handoverAt: EARLY, handoverSays: 'on Sunday' },
    EARLY,
    'items move on Sunday, access ends 2026-12-24 17:00 UTC',
  ],
])('%j', (dates, moves, says) => {
  expect(movesAt(plan(dates))).toBe(moves);
  expect(sayDates(plan(dates))).toBe(says);
});

describe('what is waited for', () => {
  const dated = plan({ effectiveAt: LAST, handoverAt: EARLY });
  const after = (state: 'queued' | 'completed' | 'skipped') => {
    const run = runIn('scheduled', { plan: dated });
    const steps = Object.entries(run.steps).map(([id, step]) => [id, { ...step, state }]);
    return { ...run, steps: Object.fromEntries(steps) };
  };

  test.each([
    ['queued', EARLY],
    ['completed', LAST],
    ['skipped', LAST],
  ] as const)('while items are %s', (state, date) => {
    expect(nextDate(after(state))).toBe(date);
  });

  test('is nothing without a plan', () => {
    expect(nextDate(runIn('preparing', { plan: null }))).toBe(null);
  });
});
