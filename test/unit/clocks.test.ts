// The clocks of a sudden departure: from when they run, until when, what is late, and what is said of it.

import { describe, expect, test } from 'vitest';
import { clocksOf, lateClocks, missedSentence, nextClockBell, sayClocks } from '../../domain/clocks.js';
import { policySchema } from '../../domain/policy.js';
import type { Run } from '../../domain/run.js';
import { plan, runIn } from './made-up.js';

const T0 = '2026-11-28T08:00:00.000Z';
const at = (minutes: number): string => new Date(Date.parse(T0) + minutes * 60_000).toISOString();
const DAY = 1_440;

function sudden(more: Partial<Run> = {}, dates: Parameters<typeof plan>[0] = {}): Run {
  const run = runIn('awaiting-approval', more);
  return {
    ...run,
    plan:
      more.plan === null ? null : plan({ departure: 'unplanned', policy: policySchema.parse({}), ...dates }),
    order: { ...run.order, departure: 'unplanned' },
    times: { requested: T0, sudden: T0, blocked: null, handedOver: null, deactivated: null, ...more.times },
  };
}

describe('run', () => {
  test('from the request on, as long as the policy gives them', () => {
    expect(clocksOf(sudden())).toEqual([
      { clock: 'access', from: T0, by: at(15), at: null },
      { clock: 'hand-over', from: T0, by: at(14 * DAY), at: null },
      { clock: 'switch-off', from: T0, by: at(30 * DAY), at: null },
    ]);
    const policy = policySchema.parse({ clocks: { blockedWithinMinutes: 1, handedOverWithinDays: 2 } });
    expect(clocksOf(sudden({}, { policy })).map(({ by }) => by)).toEqual([at(1), at(2 * DAY), at(30 * DAY)]);
    const { clocks } = policy;
    expect(clocksOf(sudden({ plan: null, clocks })).map(({ by }) => by)[0]).toBe(at(1));
  });

  test('from when the departure took effect, where that is said', () => {
    const from = at(-600);
    expect(clocksOf(sudden({}, { effectiveAt: from }))[0]).toMatchObject({ from, by: at(-585) });
  });

  test('not where it is planned, nor in a preview; and to no switch where there is none', () => {
    expect(clocksOf(sudden({}, { departure: 'planned' }))).toEqual([]);
    expect(clocksOf(sudden({}, { mode: 'preview' }))).toEqual([]);
    expect(clocksOf(sudden({}, { mode: 'execute-only' })).map(({ clock }) => clock)).toEqual([
      'access',
      'hand-over',
    ]);
  });
});

describe('what is missed', () => {
  test('is told when it is due, and again every fortnight until it is done', () => {
    const run = sudden();
    const told: [string, number][] = [];
    for (let n = 0; n < 6; n++) {
      const { clock, at: when, again } = nextClockBell(run)!;
      told.push([clock.clock, Math.round((when - Date.parse(T0)) / 60_000)]);
      run.missed = { ...run.missed, [clock.clock]: again + 1 };
      if (clock.clock === 'hand-over') run.times.handedOver = at(20 * DAY);
    }
    expect(told).toEqual([
      ['access', 15],
      ['hand-over', 14 * DAY],
      ['access', 15 + 14 * DAY],
      ['access', 15 + 28 * DAY],
      ['switch-off', 30 * DAY],
      ['access', 15 + 42 * DAY],
    ]);
  });

  test('is late until it is done, or the run is over', () => {
    const missed = { access: 1, 'switch-off': 2 };
    expect(lateClocks(sudden({ missed }))).toEqual(['access', 'switch-off']);
    expect(lateClocks(sudden())).toEqual([]);
    const times = { ...sudden().times, blocked: at(40) };
    expect(lateClocks(sudden({ missed, times }))).toEqual(['switch-off']);
    expect(lateClocks(sudden({ missed, state: 'closed' }))).toEqual([]);
    expect(nextClockBell(sudden({ state: 'closing' }))).toBe(null);
  });

  test('names where access is open', () => {
    const [access] = clocksOf(sudden());
    expect(missedSentence({ access: { crm: 'blocked', desk: 'open' } }, access!)).toBe(
      'Access is not cut everywhere (open in desk): that had to be by 2026-11-28 08:15 UTC.',
    );
  });
});

test('everybody reads how long it took, and what is late', () => {
  const times = { ...sudden().times, blocked: new Date(Date.parse(T0) + 12_000).toISOString() };
  const run = sudden({ times: { ...times, handedOver: at(15 * DAY) }, missed: { 'switch-off': 1 } });
  expect(sayClocks(run)).toBe(
    'Clocks since 2026-11-28 08:00 UTC: access cut after 12 s; handed over after 15 days, late (until 2026-12-12 08:00 UTC); switched off: not yet, LATE, it had to be 2026-12-28 08:00 UTC.',
  );
  expect(sayClocks(sudden({ state: 'closed' }))).toBe(
    'Clocks since 2026-11-28 08:00 UTC: access not cut; not handed over; not switched off.',
  );
  expect(sayClocks(sudden({}, { departure: 'planned' }))).toBe(null);
});
