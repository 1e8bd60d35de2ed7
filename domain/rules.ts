/**
 * Standing rules: who takes over what a request leaves open, by team, system and category. The first that
 * fits wins.
 */
import { z } from 'zod';
import { type Order, type SuccessorRule, successorRule } from './request.js';

export const standingRuleSchema = z.strictObject({
  /** Only for leavers of this team of the directory. */
  team: z.string().optional(),
  system: z.string().optional(),
  /** `system/category`. */
  category: z.string().optional(),
  rule: successorRule,
});
export type StandingRule = z.infer<typeof standingRuleSchema>;

/**
 * The rule for one step: the request's word for the category, for the system, for everything; then the
 * standing rules; else null. What is said for less wins over what is said for more.
 */
export function ruleFor(
  step: { system: string; category: string; successorOf?: string },
  order: Pick<Order, 'successor' | 'successors'>,
  standing: readonly StandingRule[],
  team: string | null,
): SuccessorRule | null {
  // What is tied to another category goes to whoever takes that over.
  const id = `${step.system}/${step.successorOf ?? step.category}`;
  const said = new Map(Object.entries(order.successors ?? {}));
  const asked = said.get(id) ?? said.get(step.system) ?? order.successor;
  if (asked !== undefined) return asked;
  const fits = standing.find(
    rule =>
      (rule.team === undefined || rule.team === team) &&
      (rule.system === undefined || rule.system === step.system) &&
      (rule.category === undefined || rule.category === id),
  );
  return fits?.rule ?? null;
}
