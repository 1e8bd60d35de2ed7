// What acts by itself at a moment: when people hear of it, what a sweep looks at, and what is said of it.

import { describe, expect, test } from 'vitest';
import {
  actsBefore,
  bombAlerts,
  byHour,
  isAlone,
  type Keeper,
  LOOKS_BEFORE_MS,
  nextBombBell,
  nextWatch,
  saySeen,
  toldOfBombs,
  toWatch,
} from '../../domain/bombs.js';
import type { Bomb } from '../../domain/model.js';
import { notCovered } from '../../domain/not-covered.js';
import { policySchema } from '../../domain/policy.js';
import type { Run } from '../../domain/run.js';
import { closedTasks, mailbox, NOW, off, plan, progress, runIn, tasks } from './made-up.js';

const HOUR = 3_600_000;
const later = (hours: number): string => new Date(Date.parse(NOW) + hours * HOUR).toISOString();
const bomb = (hours: number, count = 1): Bomb => ({
  at: later(hours),
  keys: Array.from({ length: Math.min(count, 5) }, (_, n) => `${hours}-${n}`),
  count,
});

function waiting(bombs: Bomb[], more: Partial<Run> = {}): Run {
  return { ...runIn('awaiting-approval', more), plan: plan({ steps: [{ ...tasks, bombs }, mailbox, off] }) };
}

test('items of one hour are one moment, the first of them named', () => {
  const items = [5, 1, 2, 61].map(minutes => ({
    key: `k${minutes}`,
    at: new Date(Date.parse(NOW) + minutes * 60_000).toISOString(),
  }));
  expect(byHour(items)).toEqual([
    { at: items[1]!.at, keys: ['k1', 'k2', 'k5'], count: 3 },
    { at: items[3]!.at, keys: ['k61'], count: 1 },
  ]);
  expect(byHour([])).toEqual([]);
  const many = Array.from({ length: 100 }, (_, n) => ({ key: `${n}`.padStart(3, '0'), at: NOW }));
  expect(byHour(many)).toEqual([{ at: NOW, keys: ['000', '001', '002', '003', '004'], count: 100 }]);
});

describe('whoever approves reads', () => {
  const steps = [
    { ...tasks, bombs: [bomb(5, 2), bomb(50)] },
    { ...closedTasks, bombs: [bomb(5)] },
  ];

  test.each([
    [null, []],
    [later(4), []],
    [later(6), [/^open tasks \(crm\/tasks\): 2 act by themselves before items move/]],
    [later(60), [/: 3 act by themselves/]],
  ])('what acts before items move at %s, but for what is kept', (moves, says) => {
    expect(actsBefore(steps, moves)).toEqual(says.map(text => expect.stringMatching(text)));
  });
});

describe('while a run waits', () => {
  test('people hear of it a day before, of all that acts within that day at once, and of each once', () => {
    const run = waiting([bomb(30), bomb(50), bomb(60), bomb(100)]);
    const heard: [number, number[]][] = [];
    for (let bell = nextBombBell(run); bell !== null; bell = nextBombBell(run)) {
      const hours = (ms: number): number => (ms - Date.parse(NOW)) / HOUR;
      heard.push([hours(bell.at), bell.bombs.map(({ at }) => hours(Date.parse(at)))]);
      run.bombsTold = toldOfBombs(run, bell);
    }
    expect(heard).toEqual([
      [6, [30, 50]],
      [36, [60]],
      [76, [100]],
    ]);
  });

  test('a later plan may have one that acts earlier, or more in the same hour: those are told as well', () => {
    const run = waiting([bomb(30)]);
    run.bombsTold = toldOfBombs(run, nextBombBell(run)!);
    expect(nextBombBell(run)).toBeNull();
    const again = waiting([bomb(10), bomb(30, 2), bomb(50)], { bombsTold: run.bombsTold });
    for (const hours of [[10, 30], [50]]) {
      const bell = nextBombBell(again)!;
      expect(bell.bombs.map(({ at }) => at)).toEqual(hours.map(later));
      again.bombsTold = toldOfBombs(again, bell);
    }
    expect(nextBombBell(again)).toBeNull();
    expect(nextBombBell(waiting([bomb(50)], { bombsTold: again.bombsTold }))).toBeNull();
  });

  const told = { bombsTold: { [`crm/tasks ${later(30).slice(0, 13)}`]: 1 } };
  test.each<[string, Run, number]>([
    ["it is still the leaver's", waiting([bomb(30), bomb(50)], told), 1],
    ['nobody has been told yet', waiting([bomb(30)]), 0],
    [
      'it has moved',
      { ...waiting([bomb(30)], told), steps: { 'crm/tasks': progress({ state: 'completed' }) } },
      0,
    ],
    [
      'it was left with them by name',
      { ...waiting([bomb(30)], told), steps: { 'crm/tasks': progress({ state: 'skipped' }) } },
      0,
    ],
    [
      'it failed to move',
      { ...waiting([bomb(30)], told), steps: { 'crm/tasks': progress({ state: 'failed' }) } },
      1,
    ],
    ['the run is over', { ...waiting([bomb(30)], told), state: 'closed' }, 0],
  ])('the status says so while %s', (_, run, lines) => {
    expect(bombAlerts(run)).toHaveLength(lines);
  });

  test('what people settle by hand is open until somebody has acknowledged it; what is kept never is', () => {
    const run = waiting([]);
    run.plan!.steps = [{ ...mailbox, bombs: [bomb(30)] }, { ...closedTasks, bombs: [bomb(31)] }, off];
    expect(nextBombBell(run)?.bombs).toMatchObject([{ step: mailbox.id, at: later(30) }]);
    const seen = { by: null, at: NOW, frozen: null, manifest: 'm', count: 1 };
    expect(nextBombBell({ ...run, acknowledgements: { [mailbox.id]: seen } })).toBeNull();
  });

  test('what is under way moves it by itself, unless it is paused', () => {
    const run = { ...waiting([bomb(1)]), state: 'executing' as const };
    expect(nextBombBell(run)).toBeNull();
    expect(nextBombBell({ ...run, pausedBy: run.requester })).not.toBeNull();
  });
});

describe('a sweep', () => {
  const all = plan({
    steps: [
      { ...tasks, bombs: [bomb(-1), bomb(10), bomb(3_000)] },
      { ...closedTasks, bombs: [bomb(5)] },
      off,
    ],
  });

  test('looks at what is to come until its end, what is kept as well, in order of time', () => {
    const { watched, beyond } = toWatch(all, NOW, later(2_000));
    expect(watched.map(({ step, at }) => [step, at])).toEqual([
      [closedTasks.id, later(5)],
      [tasks.id, later(10)],
    ]);
    expect(beyond.map(({ at }) => at)).toEqual([later(3_000)]);
    expect(toWatch(all, NOW, null)).toMatchObject({ watched: [], beyond: [{}, {}, {}] });
  });

  test('wakes up for so many moments and no more', () => {
    const many = plan({
      steps: Array.from({ length: 10 }, () => ({
        ...tasks,
        bombs: Array.from({ length: 24 }, (_, n) => bomb(n + 1)),
      })),
    });
    const { watched, beyond } = toWatch(many, NOW, later(2_000));
    expect([watched.length, beyond.length]).toEqual([100, 140]);
  });

  test('wakes up an hour before, for all that acts within that hour', () => {
    const watch = nextWatch(toWatch(all, NOW, later(2_000)).watched)!;
    expect(watch.at).toBe(Date.parse(later(5)) - LOOKS_BEFORE_MS);
    expect(watch.bombs).toHaveLength(1);
    expect(nextWatch([])).toBeNull();
  });

  test('says whose it is, and whether anybody will answer', () => {
    const seen = (keeper: Keeper) => ({ step: 'desk/calls', title: 'Calls', key: '4711', at: NOW, keeper });
    const cases: [Keeper, boolean, string][] = [
      [{ kind: 'somebody', name: 'Bob', active: true }, false, "It is Bob's, who is active."],
      [{ kind: 'somebody', name: 'Bob', active: false }, true, 'not active: nobody will answer.'],
      [{ kind: 'leaver', name: 'Alice' }, true, "still Alice's, who has left: nobody will answer."],
      [{ kind: 'nobody' }, true, "It is nobody's: nobody will answer."],
      [{ kind: 'queue', name: 'queue second' }, false, 'It is with queue second.'],
      [{ kind: 'gone' }, false, 'It is no longer there'],
      [{ kind: 'unknown', why: 'it is away.' }, true, 'could not be seen: it is away.'],
    ];
    for (const [keeper, alone, says] of cases) {
      expect(isAlone(seen(keeper))).toBe(alone);
      expect(saySeen(seen(keeper))).toContain(
        'Calls (desk/calls): 4711 acts by itself at 2026-11-20 10:00 UTC.',
      );
      expect(saySeen(seen(keeper))).toContain(says);
    }
  });
});

describe('a certificate says that nobody looks', () => {
  const certified = (sweep: 'off' | object, deactivated: string | null): string[] =>
    notCovered(
      {
        ...runIn('closed', { times: { requested: NOW, blocked: null, handedOver: null, deactivated } }),
        plan: plan({
          policy: policySchema.parse({ sweep }),
          steps: [{ ...tasks, bombs: [bomb(10), bomb(3_000, 2)] }],
        }),
      },
      [],
      [],
    ).filter(line => line.includes('nobody looks then'));

  test.each([
    [
      'off' as const,
      NOW,
      [
        'crm/tasks: 3 act by themselves from 2026-11-20 20:00 UTC on, and nobody looks then whose they are: there is no sweep.',
      ],
    ],
    [{}, null, [expect.stringContaining('3 act by themselves')]],
    [
      {},
      NOW,
      [
        'crm/tasks: 2 act by themselves from 2027-03-25 10:00 UTC on, and nobody looks then whose they are: the sweep ends by 2027-02-18 10:00 UTC.',
      ],
    ],
  ])('with the sweep %j, switched off %s', (sweep, deactivated, says) => {
    expect(certified(sweep, deactivated)).toEqual(says);
  });
});
