/**
 * A plan as a run carries it: everything that people are shown and that decisions are judged by, and of whom
 * it names no more than that. The plan itself lies in the store under its digest. With hundreds of categories
 * and pools of hundreds it is many times larger than Temporal carries.
 */
import { CARRIED } from './limits.js';
import type { Finding } from './model.js';
import { type Plan, type PlanStep, waitsFor } from './plan.js';
import { gainers } from './run.js';
import { number } from './words.js';

/** Successors that are shown of a step; a small pool stays whole. */
const MOST_SHOWN = 8;
/** Sentences beside the plan; those that are more stand in the store. */
const MOST_NOTES = 200;

export function outlineOf(plan: Plan): Plan {
  const { notes } = plan;
  const more = notes.length - MOST_NOTES;
  return {
    ...plan,
    steps: plan.steps.map(step => outlined(step, plan.steps)),
    gainers: gainers(plan),
    rules: { ...plan.rules, steps: {} },
    named: {},
    notes:
      more > 0
        ? [...notes.slice(0, MOST_NOTES), `${number(more)} more notes stand in the stored plan.`]
        : notes,
  };
}

function outlined(step: PlanStep, all: readonly PlanStep[]): PlanStep {
  const { successors, counts, assignment } = step;
  // What every plan has is not carried: see `waitsFor`.
  const implied = new Set(waitsFor({ ...step, after: [] }, all));
  const bare: PlanStep = { ...step, after: step.after.filter(id => !implied.has(id)) };
  // Of an hour, people are shown the first item.
  if (step.bombs) bare.bombs = step.bombs.map(bomb => ({ ...bomb, keys: bomb.keys.slice(0, 1) }));
  if (assignment.kind === 'match') bare.assignment = { ...assignment, map: {} };
  if (assignment.kind === 'least-loaded') bare.assignment = { ...assignment, loads: [] };
  if (successors.length <= MOST_SHOWN) return bare;
  const gain = [...successors.keys()].filter(n => (counts[n] ?? 0) > 0);
  // That somebody is named at all counts, also where nobody gains anything yet.
  const shown = gain.length > 0 ? gain.slice(0, MOST_SHOWN) : [0];
  return {
    ...bare,
    successors: shown.map(n => successors[n]!),
    counts: shown.map(n => counts[n] ?? 0),
    gain: gain.length,
  };
}

/** Why a plan cannot be carried, as a finding; null = it can. */
export function tooLarge(outline: Plan): Finding | null {
  const { length } = JSON.stringify(outline);
  if (length <= CARRIED) return null;
  const message = `The plan has ${number(length)} characters even in outline, and Temporal carries ${number(CARRIED)}: offboard the person in parts, some "systems" at a time.`;
  return { code: 'plan-too-large', system: null, step: null, message };
}
