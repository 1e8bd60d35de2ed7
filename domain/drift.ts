/**
 * How far the world may move between approval and execution before people are asked again. Shrinking never
 * asks.
 */
import { accountsIn } from './accounts.js';
import { type Covered, uncoveredIn } from './coverage.js';
import type { Account } from './model.js';
import { asksNobody, isEffect, type Plan, type PlanStep } from './plan.js';

export interface SeenWorld {
  system: string;
  inventory: readonly { category: string; complete: boolean; problem: string | null }[];
  steps: readonly { step: string; count: number; arrived: number }[];
  refused: readonly { step: string; sentence: string }[];
  catalogChanged: boolean;
  policyChanged?: boolean;
  accountsChanged?: readonly string[];
  rulesChanged?: readonly string[];
  accounts?: readonly Pick<Account, 'active'>[];
  coverage?: Covered;
}

/** Why this plan needs a new approval, as sentences; empty = it stands. */
export function reasonsToAskAgain(plan: Plan, world: readonly SeenWorld[]): string[] {
  const perSystem = world.flatMap(system => {
    const reasons: string[] = [];
    if (system.catalogChanged)
      reasons.push(`The catalog of ${system.system} has changed since the plan was made.`);
    reasons.push(...(system.accountsChanged ?? []));
    // Nobody was to be switched off, because everybody's account was off: that is no longer so.
    const planned = accountsIn(plan.accounts, system.system);
    const isOn = (account: Pick<Account, 'active'>): boolean => account.active;
    if (plan.modeReason !== null && planned.length > 0 && !planned.some(isOn) && system.accounts?.some(isOn))
      reasons.push(
        `The account in ${system.system} was inactive when the plan was made and is active again.`,
      );
    for (const category of system.inventory) {
      if (!category.complete)
        reasons.push(
          `${system.system}/${category.category} could not be read: ${category.problem ?? 'no answer'}`,
        );
    }
    for (const look of system.steps) {
      const step = plan.steps.find(one => one.id === look.step);
      if (!step || !isEffect(step)) continue;
      const limit = driftLimit(plan, step);
      if (look.arrived > limit) {
        reasons.push(
          `${look.arrived} new ${step.title} (${step.id}) have come since the plan was made; up to ${limit} may follow it without asking.`,
        );
      } else if (look.arrived > 0 && step.do === 'transfer' && step.successors.length === 0) {
        reasons.push(
          `${look.arrived} ${step.title} (${step.id}) have come and the plan names nobody to take them over.`,
        );
      }
    }
    for (const step of system.rulesChanged ?? [])
      reasons.push(`${step}: the rule that says who takes over has changed since the plan was made.`);
    const open = uncoveredIn(plan, system);
    if (open) reasons.push(open);
    for (const { step, sentence } of system.refused) reasons.push(`${step}: ${sentence}`);
    return reasons;
  });
  return world.some(system => system.policyChanged)
    ? ['The policy has changed since the plan was made.', ...perSystem]
    : perSystem;
}

/** How many new items a category may gain before people are asked again: none where nobody has been. */
export function driftLimit(plan: Plan, { baseline }: Pick<PlanStep, 'baseline'>): number {
  const { floor, percent } = plan.policy.drift;
  return asksNobody(plan) ? 0 : Math.max(floor, Math.floor((baseline.count * percent) / 100));
}
