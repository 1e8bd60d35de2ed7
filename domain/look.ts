/**
 * A look at one system as a value: what the leaver holds there now, category by category, beside what people
 * were shown. An inventory says how many and a fingerprint; keys are compared only where these leave a
 * question open.
 */
import type { Danger } from './consequences.js';
import type { Covered } from './coverage.js';
import type { Account, CategoryInventory, ItemKey } from './model.js';
import { gaining, type PlanStep } from './plan.js';

/** Keys kept under their digest, so that people decide about exactly these. */
export interface Frozen {
  digest: string;
  count: number;
  /** The first few keys. */
  sample: ItemKey[];
}

/** A category as it is now, against the plan. */
export interface StepLook {
  step: string;
  count: number;
  /** Keys that nobody was shown. */
  arrived: number;
  /** Keys that were shown and are no longer the leaver's. */
  departed: number;
  /** Keys held now beyond those that an approved skip waives. */
  unwaived: number;
  /** For manual categories that gained keys: what is held now, frozen, so that it can be acknowledged. */
  frozen: Frozen | null;
}

/** What is seen of the leaver in one system: all that the proof is judged by. */
export interface Sight {
  system: string;
  /** Every category that was asked for; one that could not be read is in here as incomplete. */
  inventory: CategoryInventory[];
  /** The categories of the plan that could be read. */
  steps: StepLook[];
  /** True when the catalog is not the one that the plan was made with. */
  catalogChanged: boolean;
  /** How who the leaver is there differs from the plan, as sentences. */
  accountsChanged: string[];
  /** The plan's accounts there as they read now. */
  accounts: Account[];
  /** What can hold a person there; absent where it was not asked. */
  coverage?: Covered;
  /** What deleting the accounts would do as things are now; absent where it was not asked. */
  danger?: Danger[];
}

/** What can hold a person, by system. */
export function coverageIn(looks: readonly Sight[]): Record<string, Covered> {
  return Object.fromEntries(looks.flatMap(look => (look.coverage ? [[look.system, look.coverage]] : [])));
}

export interface Look extends Sight {
  /** Successors that may no longer take over, as sentences with their step. */
  refused: { step: string; sentence: string }[];
  /** True when the policy is not the one that the plan was made with. */
  policyChanged: boolean;
  /** Steps for which another rule than the plan's says by now who takes over. */
  rulesChanged: string[];
}

/** A system that could not be looked at at all, and why, as a sentence. */
export interface Unread {
  system: string;
  why: string;
}

export function sayUnread({ system, why }: Unread): string {
  return `${system} could not be read: ${why}`;
}

/** What was decided about keys of a step, by the digest under which they are frozen. */
export interface Decided {
  /** Keys that an acknowledgement has seen; null = those that the plan shows. */
  seen: string | null;
  /** Keys that an approved skip waives; null = none. */
  waived: string | null;
}

export interface Difference {
  arrived: number;
  departed: number;
}

type Held = Pick<CategoryInventory, 'count' | 'fingerprint'>;

/**
 * How the keys differ from those that were shown, where that is known without reading them; null = the keys
 * must be compared. What people have acknowledged is always compared key by key: whoever chooses ids can make
 * other items with the same count and fingerprint.
 */
export function knownDifference(step: PlanStep, held: Held, { seen }: Decided): Difference | null {
  const asPlanned = held.count === step.baseline.count && held.fingerprint === step.baseline.fingerprint;
  const isAcknowledged = step.phase === 'manual' && held.count > 0;
  if (asPlanned && seen === null && !isAcknowledged) return { arrived: 0, departed: 0 };
  return held.count === 0 ? { arrived: 0, departed: step.baseline.count } : null;
}

/**
 * How many keys no approved skip waives, where that is known without reading them; null = the keys must be
 * compared.
 */
export function knownUnwaived(held: Held, { waived }: Decided): number | null {
  return waived === null || held.count === 0 ? held.count : null;
}

/**
 * People are shown exactly what they are asked to acknowledge: manual categories that gained keys are frozen
 * as they are now.
 */
export function mustFreeze(step: PlanStep, { arrived }: Difference): boolean {
  return step.phase === 'manual' && arrived > 0;
}

/**
 * Who is checked again: whoever gains by the plan, and anybody the rule names where something has come that
 * it will share out.
 */
export function takersToCheck(step: PlanStep, looks: readonly StepLook[]): PlanStep['successors'] {
  return looks.some(look => look.step === step.id && look.arrived > 0) ? step.successors : gaining(step);
}
