/**
 * What moves only once the accounts are off: steps that wait for the switch of their system, and the moment
 * until which they can still be done. What the switch itself carries along is among them: there the step only
 * looks whether it has.
 */
import type { PlanStep } from './plan.js';
import { DAY_MS, instant } from './request.js';
import type { Run } from './run.js';
import { minuteOf } from './words.js';

/** Those that are not done yet, in the plan's order. */
export function lateSteps({ plan, steps }: Pick<Run, 'plan' | 'steps'>): PlanStep[] {
  const isDone = ({ id }: PlanStep): boolean =>
    steps[id]?.state === 'completed' || steps[id]?.state === 'skipped';
  return (plan?.steps ?? []).filter(step => step.late !== undefined && !isDone(step));
}

/** ISO 8601; null while nobody is switched off, and where there is no deadline. */
export function lateUntil(run: Pick<Run, 'times'>, { late }: Pick<PlanStep, 'late'>): string | null {
  const { deactivated } = run.times;
  if (!late || late.withinDays === null || deactivated === null) return null;
  return new Date(instant(deactivated) + late.withinDays * DAY_MS).toISOString();
}

/** "moves only after the switch, within 30 days", "moves with the switch"; null = like everything else. */
export function lateWords(run: Pick<Run, 'times'>, step: Pick<PlanStep, 'late'>): string | null {
  if (!step.late) return null;
  if (step.late.carried) return 'moves with the switch';
  const until = lateUntil(run, step);
  const days = step.late.withinDays;
  if (until !== null) return `moves only after the switch, until ${minuteOf(until)}`;
  return `moves only after the switch${days === null ? '' : `, within ${days === 1 ? '1 day' : `${days} days`}`}`;
}

/** What is still to come once everybody is switched off, as a sentence. */
export function sayLate(run: Run): string {
  const steps = lateSteps(run).map(step => {
    const until = lateUntil(run, step);
    return `${step.title} (${step.id})${until === null ? '' : ` until ${minuteOf(until)}`}`;
  });
  return `${run.leaver.name} is switched off. What moves only now: ${steps.join(', ')}.`;
}
