/**
 * What comes after a look at a step: nothing, a further round for what is still there, or a sentence for
 * people. Round 0 are the approved pages. What a look still finds gets pages of its own in a further round, a
 * few times; then the step fails and names what is left. Every `retry` by an operator opens a hundred rounds
 * of its own (100, 101, ...).
 */
import { assigner, continued } from './assign.js';
import { driftLimit } from './drift.js';
import type { ItemException, ItemKey, Successor } from './model.js';
import type { Plan, PlanStep } from './plan.js';

const ROUNDS_PER_RETRY = 100;

/** Number of the first round that belongs to this plan (0 retries) or to the latest retry of it. */
export function firstRound(retries: number): number {
  return retries * ROUNDS_PER_RETRY;
}

/** Where a step stands when something is still there after its pages were done. */
export interface Standing {
  step: Pick<PlanStep, 'do' | 'baseline' | 'successors'>;
  plan: Plan;
  /** How often an operator has sent `retry` for this plan. */
  retries: number;
  /** How many rounds this plan, or this retry of it, has had. */
  opened: number;
  /** Items still there that nobody waived. */
  left: number;
  /** Of these, how many no page of the step names; and how many such had pages in earlier rounds. */
  arrived: number;
  arrivedBefore: number;
  /** What the receipts of the step add up to. */
  refused: { failed: number; ineligible: number; locked: number; exceptions: readonly ItemException[] };
  /** Is what others hold locked still waited for? */
  patient: boolean;
}

export type NextRound = { kind: 'round'; round: number } | { kind: 'stop'; why: string };

export function nextRound(standing: Standing): NextRound {
  const { plan, retries, opened, left, refused } = standing;
  const byOperator = retries > 0 && opened === 0;
  // A lock passes by itself: what is held is tried again and again, and counts as refused only in the end.
  const waits = refused.locked > 0 && standing.patient && opened < ROUNDS_PER_RETRY - 10;
  if (!byOperator && !waits && refused.failed + refused.ineligible + refused.locked > 0)
    return stop(refusedItems(refused));
  // An operator's retry has a round of its own before the automatic ones.
  if (!waits && opened >= plan.policy.rounds + (retries > 0 ? 1 : 0)) {
    return stop(
      `${left} items are still there after ${opened} rounds: something keeps giving them to the leaver. Stop that, then send "retry".`,
    );
  }
  const objection = objectionToArrivals(standing);
  if (objection) return stop(objection);
  return { kind: 'round', round: firstRound(retries) + opened + (retries > 0 ? 0 : 1) };
}

/** Why what came after the approval may not follow it, as a sentence; null = it may. */
export function objectionToArrivals({
  step,
  plan,
  arrived,
  arrivedBefore,
}: Pick<Standing, 'step' | 'plan' | 'arrived' | 'arrivedBefore'>): string | null {
  const limit = driftLimit(plan, step);
  if (arrivedBefore + arrived > limit)
    return `${arrivedBefore + arrived} new items have come since the plan was approved, more than the ${limit} that may follow it. Send "amend" to have a new plan approved.`;
  if (arrived > 0 && step.do === 'transfer' && step.successors.length === 0)
    return `${arrived} new items have come and the plan names nobody to take them over. Send "amend" with a successor.`;
  return null;
}

function stop(why: string): NextRound {
  return { kind: 'stop', why };
}

function refusedItems({ failed, ineligible, locked, exceptions }: Standing['refused']): string {
  const refused = exceptions.filter(
    ({ kind }) => kind === 'failed' || kind === 'ineligible' || kind === 'locked',
  );
  const said = refused.slice(0, 3).map(exception => `${exception.key}: ${exception.why}`);
  const number = failed + ineligible + locked;
  return `${number} item${number === 1 ? ' was' : 's were'} refused (${said.join('; ')}${number > said.length ? '; …' : ''}). Mend the cause and send "retry", or "skip" them with a reason.`;
}

/**
 * An approved skip leaves its items where they are: null when nothing but them is there, or else a sentence.
 */
export function beyondSkip(left: number): string | null {
  if (left === 0) return null;
  return `${left} items are there that the approved skip does not cover. Send "skip" again, or "amend" for a new plan.`;
}

/** Does anybody have to be chosen for items that came after the plan? */
export function sharesArrivals(step: Pick<PlanStep, 'do' | 'successors'>): boolean {
  return step.do === 'transfer' && step.successors.length > 1;
}

/**
 * Who gains items in this round and gained none by the plan. @param taken which successor takes an item, in
 * any order
 */
export function lateTakers(
  step: Pick<PlanStep, 'do' | 'successors' | 'counts'>,
  taken: readonly number[],
): Successor[] {
  if (step.do !== 'transfer' || step.successors.every((_, n) => step.counts[n])) return [];
  const chosen = new Set(taken);
  return step.successors.filter((_, n) => chosen.has(n) && !step.counts[n]);
}

/**
 * Items that came after the plan follow its rule: the same shares, the same attribute map. Nobody whom only
 * an override named gets any.
 * @param attributes the value of the rule's attribute by key, where it matches on one
 * @returns which of the step's successors takes each key, or a sentence
 */
export function takersOfArrivals(
  step: Pick<PlanStep, 'assignment' | 'counts' | 'pool'>,
  keys: readonly ItemKey[],
  attributes: ReadonlyMap<ItemKey, string | null>,
): { takers: number[] } | { problem: string } {
  const share = assigner(continued(step.assignment, step.counts.slice(0, step.pool)), step.pool, new Map());
  const takers = keys.map(key => share.next(key, attributes.get(key) ?? null));
  const nobody = keys.filter((_, n) => takers[n]! < 0);
  if (nobody.length === 0) return { takers };
  return {
    problem: `${nobody.length} new items have come for which the match rule names nobody (${nobody.slice(0, 3).join(', ')}). Send "amend" with a successor for them.`,
  };
}
