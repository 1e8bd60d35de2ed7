/**
 * What waits for people and for the date: corrections, acknowledgements, approvals, the second confirmation,
 * `effectiveAt`.
 */
import { nextDate, sayDates, sayNextDate } from '../../../domain/dates.js';
import { DAY_MS, instant } from '../../../domain/request.js';
import { missingFor } from '../../../domain/waiting.js';
import type { Desk, Happening } from '../desk.js';
import { decided } from './decided.js';
import { lookAgain } from './look-again.js';

/** Timers are re-armed at least this often, so that a changed date or clock never waits for an old one. */
const LONGEST_TIMER_MS = 30 * DAY_MS;
/** Questions about a scheduled run come while people are at work, not on its date. */
const LOOK_AHEAD_MS = DAY_MS;

export async function correction(desk: Desk): Promise<Happening> {
  await desk.wait(() => desk.run.turn !== null);
  return decided(desk)!;
}

export async function approval(desk: Desk): Promise<Happening> {
  const { run } = desk;
  await desk.wait(() => run.turn !== null || missingFor(run) === 'nobody');
  const turn = decided(desk);
  if (turn) return turn;
  if (isLater(desk))
    return {
      event: 'approved-for-later',
      says: `${run.approvals.length > 0 ? 'Approved' : 'Nobody need approve it'}: ${sayDates(run.plan!)}.`,
    };
  const says = run.approvals.length > 0 ? 'Approved.' : 'Nothing is left, and the policy asks nobody then.';
  return { event: 'approved', says: `${says} Looking once more before anything is changed.` };
}

/** Waits for the date in pieces, looks a day before it, and again on it (when execution starts). */
export async function date(desk: Desk): Promise<Happening> {
  const { run } = desk;
  const when = sayNextDate(run);
  let looked = left(desk) <= LOOK_AHEAD_MS;
  while (isLater(desk)) {
    const until = looked ? left(desk) : left(desk) - LOOK_AHEAD_MS;
    const woken = await desk.wait(() => run.turn !== null, {
      ms: Math.max(1, Math.min(until, LONGEST_TIMER_MS)),
      summary: looked ? `Waits for ${when}` : `Looks again a day before ${when}`,
    });
    const turn = decided(desk);
    if (turn) return turn;
    if (!woken && !looked && left(desk) <= LOOK_AHEAD_MS) {
      looked = true;
      const { moved } = await lookAgain(desk);
      if (moved) return moved;
    }
  }
  // What was decided while nobody was there to take it up counts, although the date has come.
  return (
    decided(desk) ?? {
      event: 'due',
      says: 'The date has come. Looking once more before anything is changed.',
    }
  );
}

function left(desk: Desk): number {
  const next = nextDate(desk.run);
  return next === null ? 0 : instant(next) - Date.now();
}

/** Does the next thing wait for its date? */
export function isLater(desk: Desk): boolean {
  return left(desk) > 0;
}
