/**
 * The two dates of a departure: when items move, and when access ends. They are the same unless somebody wants
 * the hand-over earlier: then the run waits again once it is done, and looks once more before the switch.
 */
import { isEffect, type Plan } from './plan.js';
import type { Run } from './run.js';
import { minuteOf } from './words.js';

/** When items move, ISO 8601; null = as soon as the plan is approved. */
export function movesAt({
  handoverAt,
  effectiveAt,
}: Pick<Plan, 'handoverAt' | 'effectiveAt'>): string | null {
  if (handoverAt === undefined) return effectiveAt;
  return handoverAt === 'approval' ? null : handoverAt;
}

/** Everything that moves before the switch has moved. */
function isHandedOver({ plan, steps }: Pick<Run, 'plan' | 'steps'>): boolean {
  const isDone = (id: string): boolean => steps[id]?.state === 'completed' || steps[id]?.state === 'skipped';
  return (plan?.steps ?? []).every(step => !isEffect(step) || step.late !== undefined || isDone(step.id));
}

/** What the run waits for next, ISO 8601; null = it needs no date to go on. */
export function nextDate(run: Pick<Run, 'plan' | 'steps'>): string | null {
  if (!run.plan) return null;
  return isHandedOver(run) ? run.plan.effectiveAt : movesAt(run.plan);
}

/** When access ends, for people; null = as soon as the plan is approved. */
export function accessEnds({
  effectiveAt,
  effectiveSays,
}: Pick<Plan, 'effectiveAt' | 'effectiveSays'>): string | null {
  return effectiveSays ?? (effectiveAt && minuteOf(effectiveAt));
}

/** The same for people. */
export function sayNextDate(run: Pick<Run, 'plan' | 'steps'>): string | null {
  const next = nextDate(run);
  if (next === null) return null;
  return next === run.plan!.effectiveAt ? accessEnds(run.plan!) : (run.plan!.handoverSays ?? minuteOf(next));
}

/** When what a cover holds is given back, for people; null = it is no cover. */
export function comesBack({
  giveBackAt,
  giveBackSays,
}: Pick<Plan, 'giveBackAt' | 'giveBackSays'>): string | null {
  return giveBackSays ?? (giveBackAt === undefined ? null : minuteOf(giveBackAt));
}

/** "items move 2026-12-20 18:00 UTC, access ends 2026-12-24 18:00 UTC"; null = all of it once it is approved. */
export function sayDates(plan: DatesOfPlan): string | null {
  const back = comesBack(plan);
  if (back !== null) {
    const moves = movesAt(plan);
    const when = moves === null ? 'as soon as it is approved' : (sayMoves(plan) ?? minuteOf(moves));
    return `items move ${when}, and are given back ${back}`;
  }
  const ends = accessEnds(plan);
  const { handoverAt, handoverSays } = plan;
  if (handoverAt === undefined) return ends && `access ends ${ends}`;
  const moves =
    handoverAt === 'approval' ? 'as soon as it is approved' : (handoverSays ?? minuteOf(handoverAt));
  return `items move ${moves}, access ends ${ends ?? 'then'}`;
}

function sayMoves({ handoverAt, handoverSays, effectiveSays }: DatesOfPlan): string | undefined {
  return handoverAt === undefined ? effectiveSays : handoverSays;
}

export type DatesOfPlan = Pick<
  Plan,
  'effectiveAt' | 'effectiveSays' | 'handoverAt' | 'handoverSays' | 'giveBackAt' | 'giveBackSays'
>;
