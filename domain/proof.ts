/**
 * The proof, and nothing else, lets somebody be switched off: a fresh look shows that the leaver holds
 * nothing any more but what an approved skip waives by its keys, and nothing that a person should have seen
 * and has not. It is judged here, for all systems before the first account is switched off and for each
 * system again immediately before its own.
 *
 * Whatever is not known is an obstacle and never "nothing": a new kind of doubt is a new kind of obstacle
 * with its sentence.
 */
import { uncoveredIn } from './coverage.js';
import { type Look, type StepLook, sayUnread, type Unread } from './look.js';
import type { CategoryInventory } from './model.js';
import { isEffect, type Plan, type PlanStep } from './plan.js';

export interface Evidence {
  plan: Pick<Plan, 'steps' | 'systems' | 'policy'>;
  /** The systems that the proof is about. */
  systems: readonly string[];
  looks: readonly Look[];
  /** Systems that could not be looked at. */
  unread: readonly Unread[];
}

/** Why nothing can be said about what is left. */
export type Obstacle =
  | ({ kind: 'system-unread' } & Unread)
  | { kind: 'category-unread'; step: string; why: string }
  | { kind: 'catalog-changed'; system: string }
  /** A place that can hold a person is in no catalog, so that no look has seen what is there. */
  | { kind: 'uncovered'; system: string; says: string };

export type Verdict =
  | { kind: 'proven'; kept: Kept[] }
  /** The leaver holds something in these steps, beyond what approved skips waive. */
  | { kind: 'left'; steps: { step: string; count: number }[] }
  /** Manual categories with keys that nobody has acknowledged. */
  | { kind: 'reopened'; looks: StepLook[] }
  | { kind: 'refused'; obstacles: Obstacle[]; message: string };

/** A category that the leaver keeps, before and now. */
export interface Kept {
  step: string;
  before: number;
  now: number;
  /** The same keys as when the plan was made. */
  untouched: boolean;
}

/**
 * Is it proven that nothing is left? Only of what could be read through the approved catalog is anything else
 * said at all. A policy that has changed is no obstacle: the plan was approved with its own.
 */
export function judgeProof(evidence: Evidence): Verdict {
  const obstacles = evidence.systems.flatMap(system => obstaclesIn(evidence, system));
  if (obstacles.length > 0)
    return { kind: 'refused', obstacles, message: obstacles.map(sayObstacle).join(' ') };
  const looks = evidence.looks.filter(look => evidence.systems.includes(look.system));
  const steps = looks.flatMap(look => look.steps);
  const effects = new Set(evidence.plan.steps.filter(isEffect).map(step => step.id));
  const left = steps.filter(look => effects.has(look.step) && look.unwaived > 0);
  if (left.length > 0)
    return { kind: 'left', steps: left.map(look => ({ step: look.step, count: look.unwaived })) };
  const reopened = steps.filter(look => look.frozen !== null);
  if (reopened.length > 0) return { kind: 'reopened', looks: reopened };
  return { kind: 'proven', kept: looks.flatMap(look => keptIn(look, evidence.plan)) };
}

function obstaclesIn({ plan, looks, unread }: Evidence, system: string): Obstacle[] {
  const away = unread.filter(one => one.system === system);
  if (away.length > 0) return away.map(one => ({ kind: 'system-unread', ...one }));
  const look = looks.find(one => one.system === system);
  if (!look) return [{ kind: 'system-unread', system, why: 'nobody has looked at it.' }];
  if (look.catalogChanged) return [{ kind: 'catalog-changed', system }];
  const open = uncoveredIn(plan, look);
  return [
    ...plan.steps
      .filter(step => step.system === system && step.phase !== 'deactivate')
      .flatMap(step => unreadIn(look, step)),
    ...(open === null ? [] : [{ kind: 'uncovered', system, says: open } as const]),
  ];
}

/**
 * Every category of the plan counts, also what is kept or left to people: an answer that leaves one out is no
 * answer.
 */
function unreadIn({ inventory, steps }: Look, step: PlanStep): Obstacle[] {
  const held = inventory.find(one => one.category === step.category);
  if (held?.complete && steps.some(look => look.step === step.id)) return [];
  const why = held ? (held.problem ?? 'no answer.') : 'the catalog no longer names it.';
  return [{ kind: 'category-unread', step: step.id, why }];
}

/** The obstacle as a sentence that says what to do. */
export function sayObstacle(obstacle: Obstacle): string {
  switch (obstacle.kind) {
    case 'system-unread':
      return sayUnread(obstacle);
    case 'category-unread':
      return `${obstacle.step} could not be read: ${obstacle.why} Mend it and send "retry".`;
    case 'catalog-changed':
      return (
        `The catalog of ${obstacle.system} has changed since the plan was made, and what the new one finds is not what was ` +
        'approved. Send "amend" to have a new plan made.'
      );
    case 'uncovered':
      return `${obstacle.says} Classify it and send "retry", or "amend" where it must be handed over.`;
  }
}

/** The categories of one system that stay with the leaver, beside what they were. */
export function keptIn(look: Look, plan: Pick<Plan, 'steps'>): Kept[] {
  return plan.steps
    .filter(step => step.system === look.system && step.phase === 'keep')
    .map(step => {
      const held = look.inventory.find(one => one.category === step.category);
      return {
        step: step.id,
        before: step.baseline.count,
        now: held?.count ?? 0,
        untouched: held?.fingerprint === step.baseline.fingerprint,
      };
    });
}

/**
 * Systems with an account that is on again although this run had switched it off: somebody did that while the
 * run was parked.
 */
export function switchedOnAgain(looks: readonly Look[], switchedOff: readonly string[]): string[] {
  return looks
    .filter(look => look.accounts.some(account => account.active) && switchedOff.includes(look.system))
    .map(look => look.system);
}

/** What a step holds after the switch although the proof before it showed nothing. */
export interface Landed {
  step: string;
  /** Null = could not be read. */
  count: number | null;
}

/**
 * Steps that are looked at once more after the switch: what we would have handed over, but for what skips
 * leave there.
 */
export function stepsAfterwards(
  plan: Pick<Plan, 'steps'>,
  system: string,
  waived: Readonly<Record<string, string>>,
): PlanStep[] {
  return plan.steps.filter(step => step.system === system && isEffect(step) && !waived[step.id]);
}

/** What landed on the leaver between the proof and the switch. */
export function landedIn(steps: readonly PlanStep[], inventory: readonly CategoryInventory[]): Landed[] {
  return steps.flatMap((step): Landed[] => {
    const held = inventory.find(one => one.category === step.category);
    if (!held?.complete) return [{ step: step.id, count: null }];
    return held.count > 0 ? [{ step: step.id, count: held.count }] : [];
  });
}
