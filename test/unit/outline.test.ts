/** What a run carries of its plan stays small, and is judged and shown as the whole would be. */
import { expect, test } from 'vitest';
import { CARRIED } from '../../domain/limits.js';
import { nextGroup, stuckSteps } from '../../domain/order.js';
import { outlineOf, tooLarge } from '../../domain/outline.js';
import { type Plan, type PlanStep, withMembershipEdges } from '../../domain/plan.js';
import { gainers, queuedStep } from '../../domain/run.js';
import { takers } from '../../domain/view.js';
import { plan as madeUpPlan } from './made-up.js';

const CATEGORIES = 500;
const POOL = 500;

function large(): Plan {
  const pool = Array.from({ length: POOL }, (_, n) => ({
    kind: 'person' as const,
    value: `${n}`,
    personId: `p${n}`,
    human: `h${n}`,
    label: `Somebody with the number ${n}`,
  }));
  const base = madeUpPlan();
  const steps = Array.from({ length: CATEGORIES }, (_, n): PlanStep => {
    const isTransfer = n % 2 === 0;
    return {
      ...base.steps[0]!,
      id: `crm/category_with_a_long_name_${n}`,
      category: `category_with_a_long_name_${n}`,
      system: 'crm',
      do: isTransfer ? 'transfer' : 'remove',
      phase: isTransfer ? 'transfer' : 'membership',
      after: [],
      successors: isTransfer ? pool : [],
      counts: isTransfer ? pool.map(() => 1) : [],
      assignment: { kind: 'least-loaded', loads: pool.map((_, k) => k) },
      pool: POOL,
      baseline: { count: POOL, fingerprint: 'f'.repeat(64) },
    };
  });
  return {
    ...base,
    steps: withMembershipEdges(steps),
    notes: Array.from({ length: 5_000 }, () => 'a note '.repeat(20)),
  };
}

test('five hundred categories and a pool of five hundred: megabytes in the store, a fraction of what Temporal carries in the run', () => {
  const plan = large();
  const outline = outlineOf(plan);
  expect(JSON.stringify(plan).length).toBeGreaterThan(5 * CARRIED);
  expect(JSON.stringify(outline).length).toBeLessThan(CARRIED / 2);
  expect(tooLarge(outline)).toBeNull();
  expect(gainers(outline)).toEqual(gainers(plan));
  expect(outline.steps.map(takers)).toEqual(plan.steps.map(takers));
});

test('what runs next, and what waits for what, is the same in outline', () => {
  const plan = large();
  const run = (of: Plan, states: Record<string, 'completed' | 'failed'> = {}) => ({
    plan: of,
    steps: Object.fromEntries(
      of.steps.map(({ id }) => [id, { ...queuedStep(), state: states[id] ?? ('queued' as const) }]),
    ),
    acknowledgements: {},
    shown: {},
  });
  const outline = outlineOf(plan);
  const ids = (of: Plan, states = {}) => nextGroup(run(of, states))?.steps.map(({ id }) => id);
  expect(ids(outline)).toEqual(ids(plan));
  const failed = { [plan.steps[0]!.id]: 'failed' as const };
  expect(stuckSteps(run(outline, failed))).toEqual(stuckSteps(run(plan, failed)));
  expect(stuckSteps(run(outline, failed))).toHaveLength(CATEGORIES / 2);
});

test('a plan that is too large even in outline is a finding that says what to do', () => {
  const plan = large();
  const steps = plan.steps.map(step => ({ ...step, title: 'x'.repeat(5_000) }));
  expect(tooLarge(outlineOf({ ...plan, steps }))).toMatchObject({
    code: 'plan-too-large',
    message: expect.stringMatching(/Temporal carries .* some "systems" at a time/),
  });
});

test('a small pool stays whole', () => {
  const plan = madeUpPlan();
  expect(outlineOf(plan).steps.map(step => step.successors)).toEqual(plan.steps.map(step => step.successors));
});
