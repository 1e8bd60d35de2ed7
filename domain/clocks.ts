/**
 * The clocks of a sudden departure: how long it took until access was cut, everything was handed over, and the
 * accounts were switched off; and until when each should have happened. They begin when the departure took
 * effect. Values only: a workflow waits until the next of them is due and records that it was missed.
 */
import { isOver } from './lifecycle.js';
import { type ClockName, DEFAULT_CLOCKS } from './patience.js';
import { DAY_MS, instant } from './request.js';
import { departure, mode, type Run } from './run.js';
import { minuteOf } from './words.js';

/** Moments are ISO 8601; `at`: null = it has not happened. */
export interface Clock {
  clock: ClockName;
  from: string;
  by: string;
  at: string | null;
}

type Timed = Pick<Run, 'plan' | 'order' | 'times' | 'clocks' | 'state'>;

/** None where the departure is planned, and nothing is urgent. */
export function clocksOf(run: Timed): Clock[] {
  const { sudden, blocked, handedOver, deactivated } = run.times;
  if (!sudden || departure(run) !== 'unplanned' || mode(run) === 'preview') return [];
  const from = run.plan?.effectiveAt ?? sudden;
  const limits = run.plan?.policy.clocks ?? run.clocks ?? DEFAULT_CLOCKS;
  const clock = (name: ClockName, ms: number, at: string | null): Clock => ({
    clock: name,
    from,
    by: new Date(instant(from) + ms).toISOString(),
    at,
  });
  return [
    clock('access', limits.blockedWithinMinutes * 60_000, blocked ?? deactivated),
    clock('hand-over', limits.handedOverWithinDays * DAY_MS, handedOver),
    ...(mode(run) === 'execute-and-deactivate'
      ? [clock('switch-off', limits.deactivatedWithinDays * DAY_MS, deactivated)]
      : []),
  ];
}

/** Those that were missed and are still open, the most urgent first: what is late now. */
export function lateClocks(run: Timed & Pick<Run, 'missed'>): ClockName[] {
  if (isOver(run.state)) return [];
  const missed = run.missed ?? {};
  return clocksOf(run).flatMap(({ clock, at }) => (at === null && missed[clock] ? clock : []));
}

/** `again`: how often people were told before. */
export interface ClockBell {
  clock: Clock;
  /** Milliseconds since the epoch. */
  at: number;
  again: number;
}

/** The next one that is missed if nobody does anything, or that people are told of again; null = none. */
export function nextClockBell(run: Timed & Pick<Run, 'missed' | 'patience'>): ClockBell | null {
  if (isOver(run.state)) return null;
  const every = (run.plan?.policy.waiting ?? run.patience).escalateAfterDays * DAY_MS;
  const bells = clocksOf(run)
    .filter(({ at }) => at === null)
    .map((clock): ClockBell => {
      const again = run.missed?.[clock.clock] ?? 0;
      return { clock, at: instant(clock.by) + again * every, again };
    });
  return bells.sort((a, b) => a.at - b.at)[0] ?? null;
}

const OPEN: Record<ClockName, string> = {
  access: 'Access is not cut everywhere',
  'hand-over': 'Not everything is handed over',
  'switch-off': 'Not every account is switched off',
};
const NOT_DONE: Record<ClockName, string> = {
  access: 'access not cut',
  'hand-over': 'not handed over',
  'switch-off': 'not switched off',
};
const DONE: Record<ClockName, string> = {
  access: 'access cut',
  'hand-over': 'handed over',
  'switch-off': 'switched off',
};

/** What people are told of a clock that was missed. */
export function missedSentence(run: Pick<Run, 'access'>, { clock, by }: Clock): string {
  const open = Object.entries(run.access).flatMap(([system, access]) => (access === 'open' ? system : []));
  const where = clock === 'access' && open.length > 0 ? ` (open in ${open.join(', ')})` : '';
  return `${OPEN[clock]}${where}: that had to be by ${minuteOf(by)}.`;
}

/** "access cut 2026-11-28 07:52 UTC after 12 s; handed over: not yet, by 2026-12-12 07:52 UTC; ..." */
export function sayClocks(run: Timed & Pick<Run, 'missed'>): string | null {
  const clocks = clocksOf(run);
  if (clocks.length === 0) return null;
  const late = lateClocks(run);
  const said = clocks.map(({ clock, from, by, at }) => {
    if (at === null && isOver(run.state)) return NOT_DONE[clock];
    if (at === null)
      return `${DONE[clock]}: not yet, ${late.includes(clock) ? 'LATE, it had to be' : 'until'} ${minuteOf(by)}`;
    const took = spell(instant(at) - instant(from));
    return `${DONE[clock]} ${took}${instant(at) > instant(by) ? `, late (until ${minuteOf(by)})` : ''}`;
  });
  return `Clocks since ${minuteOf(clocks[0]!.from)}: ${said.join('; ')}.`;
}

/** "after 12 s", "after 3 min", "after 5 h", "after 12 days"; what came before the clock began came before. */
function spell(ms: number): string {
  if (ms < 0) return 'before that';
  const s = Math.round(ms / 1_000);
  if (s < 120) return `after ${s} s`;
  if (s < 7_200) return `after ${Math.round(s / 60)} min`;
  if (s < 172_800) return `after ${Math.round(s / 3_600)} h`;
  return `after ${Math.round(s / 86_400)} days`;
}
