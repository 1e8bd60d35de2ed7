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
import { type Sight, type StepLook, sayUnread, type Unread } from './look.js';
import { isEffect, type Plan, type PlanStep } from './plan.js';

export interface Evidence {
  plan: Pick<Plan, 'steps' | 'systems' | 'policy'>;
  /** The systems that the proof is about. */
  systems: readonly string[];
  looks: readonly Sight[];
  /** Systems that could not be looked at. */
  unread: readonly Unread[];
  /** Steps that have their turn only after the switch: what they hold is proved then. */
  later?: readonly string[];
}

/** Why nothing can be said about what is left. */
export type Obstacle =
  | ({ kind: 'system-unread' } & Unread)
  | { kind: 'category-unread'; step: string; why: string }
  | { kind: 'catalog-changed'; system: string }
  /** The leaver is somebody else there, or more, than the plan says. */
  | { kind: 'accounts-changed'; system: string; how: readonly string[] }
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
  const { later = [] } = evidence;
  const due = evidence.plan.steps.filter(step => isEffect(step) && !later.includes(step.id));
  const effects = new Set(due.map(step => step.id));
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
  const who: Obstacle[] =
    look.accountsChanged.length > 0 ? [{ kind: 'accounts-changed', system, how: look.accountsChanged }] : [];
  const categories = plan.steps.filter(step => step.system === system && step.phase !== 'deactivate');
  const open = uncoveredIn(plan, look);
  const where: Obstacle[] = open === null ? [] : [{ kind: 'uncovered', system, says: open }];
  return [...who, ...categories.flatMap(step => unreadIn(look, step)), ...where];
}

/**
 * Every category of the plan counts, also what is kept or left to people: an answer that leaves one out is no
 * answer.
 */
function unreadIn({ inventory, steps }: Sight, step: PlanStep): Obstacle[] {
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
    case 'accounts-changed':
      return `${obstacle.how.join(' ')} ${NEW_PLAN}`;
    case 'uncovered':
      return `${obstacle.says} Classify it and send "retry", or "amend" where it must be handed over.`;
  }
}

/** What people send when a plan is about other accounts than those there are. */
export const NEW_PLAN = 'Send "amend" to have a new plan made.';

/** The categories of one system that stay with the leaver, beside what they were. */
export function keptIn(look: Sight, plan: Pick<Plan, 'steps'>): Kept[] {
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

/** Of what is kept, what has lost items. */
export function lostIn({ plan, looks }: Pick<Evidence, 'plan' | 'looks'>): Kept[] {
  return looks.flatMap(look =>
    keptIn(look, plan).filter(({ step }) => look.steps.some(one => one.step === step && one.departed > 0)),
  );
}

/**
 * Systems with an account that is on again although this run had switched it off: somebody did that while the
 * run was parked.
 */
export function switchedOnAgain(looks: readonly Sight[], switchedOff: readonly string[]): string[] {
  return looks
    .filter(look => look.accounts.some(account => account.active) && switchedOff.includes(look.system))
    .map(look => look.system);
}

/** What the last look of a run still found, or could not read. */
export interface Came {
  /** A step, or a system that could not be looked at. */
  where: string;
  /** Null = it could not be read. */
  count: number | null;
}

/**
 * What is the leaver's after the last switch although nothing was, or nothing that people had not seen, when
 * each system was proven: whatever came meanwhile, also to what is left to people or kept.
 */
export function cameIn({ plan, systems, looks, unread }: Evidence): Came[] {
  return systems.flatMap((system): Came[] => {
    const look = looks.find(one => one.system === system);
    if (!look || look.catalogChanged || unread.some(one => one.system === system))
      return [{ where: system, count: null }];
    return plan.steps
      .filter(step => step.system === system && step.phase !== 'deactivate')
      .flatMap(step => cameTo(step, look));
  });
}

function cameTo(step: PlanStep, look: Sight): Came[] {
  const now = look.steps.find(one => one.step === step.id);
  if (unreadIn(look, step).length > 0 || !now) return [{ where: step.id, count: null }];
  const count = isEffect(step) ? now.unwaived : now.arrived;
  return count > 0 ? [{ where: step.id, count }] : [];
}
