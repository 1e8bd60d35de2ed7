/** The successor rules that a plan was made with, and whether they are others by now. */
import { canonicalJson, type Plan, type PlanStep } from '../domain/plan.js';
import type { Order } from '../domain/request.js';
import { ruleFor, type StandingRule } from '../domain/rules.js';
import { sha256 } from '../store/digest.js';
import type { Deps } from './deps.js';
import { findOne } from './directory.js';

/** Digests: a step that nobody has a rule for is left out. */
export function rulesUsed(
  standing: readonly StandingRule[],
  steps: readonly PlanStep[],
  order: Order,
  team: string | null,
): Plan['rules'] {
  const digests = steps
    .filter(step => step.do === 'transfer')
    .map(step => [step.id, ruleFor(step, order, standing, team)] as const);
  const each = digests.flatMap(([id, rule]) => (rule === null ? [] : [[id, shortDigest(rule)]]));
  return { standing: shortDigest(standing), steps: Object.fromEntries(each) };
}

/** Compared, never looked up: a part of the digest is enough. */
function shortDigest(rules: unknown): string {
  return sha256(canonicalJson(rules)).slice(0, 16);
}

/** Steps of the plan for which the configuration names others by now; what the request itself says stands. */
export async function changedRules(deps: Deps, plan: Plan, steps: readonly PlanStep[]): Promise<string[]> {
  const { standing } = await deps.rules();
  if (!plan.rules || plan.rules.standing === shortDigest(standing)) return [];
  const order = await deps.store.offboardings.openOrder(plan.leaver.id);
  const found = await findOne(deps, `id:${plan.leaver.id}`);
  if (!order || 'sentence' in found) return [];
  const now = rulesUsed(standing, steps, order, found.person.team);
  return steps.flatMap(({ id }) => (plan.rules.steps[id] === now.steps[id] ? [] : [id]));
}
