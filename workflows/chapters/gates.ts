/** What waits for people and for the date: corrections, acknowledgements, approvals, the second confirmation, `effectiveAt`. */
import { instant } from '../../domain/request.js';
import { doneSoFar, openAcknowledgements, quorum } from '../../domain/run.js';
import type { Desk } from '../desk.js';
import { lookAgain } from './look-again.js';

const DAY_MS = 86_400_000;
/** Timers are re-armed at least this often, so that a changed date or clock never waits for an old one. */
const LONGEST_TIMER_MS = 30 * DAY_MS;
/** Questions about a scheduled run come while people are at work, not on its date. */
const LOOK_AHEAD_MS = DAY_MS;

export async function correction(desk: Desk): Promise<void> {
  const { run } = desk;
  await desk.wait(() => run.replan);
  if (desk.stopped()) return;
  desk.enter('preparing', 'Preparing again.');
}

export async function approval(desk: Desk): Promise<void> {
  const { run } = desk;
  const plan = run.plan!;
  const ready = (): boolean =>
    quorum(run, plan.policy).met &&
    openAcknowledgements(run).length === 0 &&
    (!plan.policy.confirmation || run.confirmedBy !== null);
  const answered = await desk.wait(() => run.replan || run.rejection !== null || ready(), {
    ms: plan.policy.expiresAfterDays * DAY_MS,
    summary: 'The plan expires if nobody decides',
  });
  if (desk.stopped()) return;
  if (run.rejection) return rejected(desk);
  if (run.replan) return desk.enter('preparing', 'Making a new revision of the plan.');
  if (!answered) {
    return desk.change({
      state: 'closed',
      outcome: 'expired',
      sentence: `Nobody decided within ${plan.policy.expiresAfterDays} days. ${doneSoFar(run)}${blockNote(desk)}`,
    });
  }
  if (isLater(desk)) return desk.enter('scheduled', `Approved; access ends ${plan.effectiveAt}.`);
  desk.enter('executing', 'Approved. Looking once more before anything is changed.');
}

/** Waits for the date in pieces, looks a day before it, and again on it (when execution starts). */
export async function date(desk: Desk): Promise<void> {
  const { run } = desk;
  let looked = left(desk) <= LOOK_AHEAD_MS;
  while (isLater(desk)) {
    const until = looked ? left(desk) : left(desk) - LOOK_AHEAD_MS;
    const woken = await desk.wait(() => run.replan || run.rejection !== null, {
      ms: Math.max(1, Math.min(until, LONGEST_TIMER_MS)),
      summary: looked ? `Waits for ${run.plan?.effectiveAt}` : `Looks again a day before ${run.plan?.effectiveAt}`,
    });
    if (desk.stopped()) return;
    if (run.rejection) return rejected(desk);
    if (run.replan) return desk.enter('preparing', 'Making a new revision of the plan.');
    if (!woken && !looked && left(desk) <= LOOK_AHEAD_MS) {
      looked = true;
      if (!(await lookAgain(desk)) && run.state !== 'scheduled') return;
    }
  }
  // What was decided while nobody was there to take it up counts, although the date has come.
  if (run.rejection) return rejected(desk);
  if (run.replan) return desk.enter('preparing', 'Making a new revision of the plan.');
  desk.enter('executing', 'The date has come. Looking once more before anything is changed.');
}

function left(desk: Desk): number {
  const { effectiveAt } = desk.run.plan!;
  return effectiveAt ? instant(effectiveAt) - Date.now() : 0;
}

function isLater(desk: Desk): boolean {
  return left(desk) > 0;
}

function rejected(desk: Desk): void {
  const { by, note } = desk.run.rejection!;
  desk.change({
    state: 'closed',
    outcome: 'rejected',
    sentence: `Rejected by ${by.name}${note ? `: ${note}` : ''}. ${doneSoFar(desk.run)}${blockNote(desk)}`,
  });
}

/** Rejection and expiry keep a block, and say so. */
export function blockNote(desk: Desk): string {
  const blocked = Object.entries(desk.run.access).filter(([, access]) => access === 'blocked');
  return blocked.length > 0 ? ` Sign-in stays blocked in ${blocked.map(([system]) => system).join(', ')}.` : '';
}
