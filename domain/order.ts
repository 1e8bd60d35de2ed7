/** What may run next: edges decide what must wait, and small neighbours of one system share an activity. */
import { isEffect, type Plan, type PlanStep, waitsFor } from './plan.js';
import { openAcknowledgements, type Run } from './run.js';

/**
 * Items that steps of one activity may hold together: an activity is the price of a run on Temporal, and
 * small steps are quick.
 */
const SHARED_ITEMS = 5_000;

export interface Group {
  system: string;
  steps: PlanStep[];
}

/** The next steps to run together; null when nothing that is queued may run. */
export function nextGroup(run: Pick<Run, 'plan' | 'steps' | 'acknowledgements' | 'shown'>): Group | null {
  const { plan } = run;
  if (!plan) return null;
  const queued = plan.steps.filter(step => isEffect(step) && run.steps[step.id]?.state === 'queued');
  const first = queued.find(step => waitsFor(step, plan.steps).every(id => isSettled(run, plan, id)));
  if (!first) return null;
  const steps = [first];
  let items = first.baseline.count;
  for (const step of queued.slice(queued.indexOf(first) + 1)) {
    if (step.system !== first.system || items + step.baseline.count > SHARED_ITEMS) break;
    const isDone = (id: string): boolean =>
      isSettled(run, plan, id) || steps.some(earlier => earlier.id === id);
    if (!waitsFor(step, plan.steps).every(isDone)) break;
    steps.push(step);
    items += step.baseline.count;
  }
  return { system: first.system, steps };
}

/**
 * Queued steps that can never run now, because something they wait for failed or was not run; with what they
 * wait for. What waits for the switch still has its turn.
 */
export function stuckSteps(
  run: Pick<Run, 'plan' | 'steps' | 'acknowledgements' | 'shown'>,
): { step: string; waitsFor: string }[] {
  const { plan } = run;
  if (!plan) return [];
  return plan.steps
    .filter(step => isEffect(step) && run.steps[step.id]?.state === 'queued')
    .flatMap(step => {
      const open = waitsFor(step, plan.steps).filter(id => !isSettled(run, plan, id));
      const [first] = open;
      return first === undefined || open.some(id => isSwitch(plan, id))
        ? []
        : [{ step: step.id, waitsFor: first }];
    });
}

const isSwitch = ({ steps }: Plan, id: string): boolean =>
  steps.some(step => step.id === id && step.phase === 'deactivate');

/**
 * Completed, skipped, or (for a manual category) acknowledged; an edge to something that is not in this plan
 * is satisfied.
 */
function isSettled(
  run: Pick<Run, 'plan' | 'steps' | 'acknowledgements' | 'shown'>,
  plan: Plan,
  id: string,
): boolean {
  const step = plan.steps.find(one => one.id === id);
  if (!step) return true;
  if (step.phase === 'manual') return !openAcknowledgements(run).some(item => item.subject === id);
  if (step.phase === 'keep') return true;
  const state = run.steps[id]?.state;
  return state === 'completed' || state === 'skipped';
}
