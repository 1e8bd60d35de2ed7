/**
 * What was truly approved, and what was done under it. A run may have several plans, and each has approvals of
 * its own: an amendment voids them for what comes, and what was done before it was done under the plan before.
 */
import type { ReceiptSummary } from './effect.js';
import type { Identity } from './people.js';
import { isEffect, type Plan, type PlanStep } from './plan.js';

/** As a plan is named. */
export interface PlanName {
  revision: number;
  /** What approvers saw and approved by. */
  digest: string;
}

/** An approval that was given and accepted, as the chain has it. */
export interface GivenApproval {
  /** `id`: null where the entry does not say. */
  by: { id: string | null; name: string; identity: Identity };
  /** ISO 8601. */
  at: string;
  plan: PlanName;
}

/** Who got how many items of a step. */
export interface Gained {
  label: string;
  personId: string | null;
  items: number;
}

/** What was done of a step under one plan. */
export interface DoneUnder extends PlanName {
  /** Names, in the order in which they approved. */
  approvedBy: string[];
  /** Items, or accounts, that were changed. */
  changed: number;
  successors: Gained[];
}

/** An entry of the chain, as far as it matters here. */
interface Entry {
  kind: string;
  at: string;
  body: Readonly<Record<string, unknown>>;
}

/**
 * Accepted approvals of a plan that still count; those of a skip are the skip's own. Of one person the first
 * counts.
 * @param entries as the chain has them, in order
 */
export function approvalsIn(entries: readonly Entry[], { revision, digest }: PlanName): GivenApproval[] {
  const standing = new Map<string | null, GivenApproval>();
  for (const { kind, at, body } of entries) {
    const { message, by, decider, payload, identity, recount } = body as {
      message?: string;
      by?: unknown;
      decider?: { id: string; name: string } | null;
      payload?: { step?: string };
      identity?: Identity;
      recount?: { plan: string; lost: string[] };
    };
    if (kind === 'notice' && recount?.plan === digest) for (const id of recount.lost) standing.delete(id);
    if (kind !== 'decision' || message !== 'approve' || payload?.step || body.plan !== digest) continue;
    const id = decider?.id ?? null;
    const who = { id, name: decider?.name ?? String(by), identity: identity ?? { kind: 'claimed' } } as const;
    if (!standing.has(id)) standing.set(id, { by: who, at, plan: { revision, digest } });
  }
  return [...standing.values()];
}

/** A plan whole, with who had approved it. */
export interface Approved {
  plan: Plan;
  /** ISO 8601. */
  made: string;
  approvals: readonly GivenApproval[];
}

/**
 * What was done of a step, plan by plan, from the receipts: whom a plan names and who got nothing is not there.
 * @param plans oldest first
 */
export function doneUnder(
  step: string,
  plans: readonly Approved[],
  receipts: readonly ReceiptSummary[],
): DoneUnder[] {
  return plans.flatMap(({ plan, approvals }): DoneUnder[] => {
    const done = receipts.filter(
      one => one.step === step && isDone(one) && planOf(one, plans)?.digest === plan.digest,
    );
    if (done.length === 0) return [];
    const { revision, digest } = plan;
    const changed = done.reduce((sum, { effect }) => sum + effect!.changed, 0);
    const successors = (plan.steps.find(({ id }) => id === step)?.successors ?? []).map((one, n) => ({
      label: one.label,
      personId: one.personId,
      items: done.reduce((sum, { effect }) => sum + (effect!.perTaker[n] ?? 0), 0),
    }));
    const approvedBy = approvals.map(({ by }) => by.name);
    return [{ revision, digest, approvedBy, changed, successors: successors.filter(one => one.items > 0) }];
  });
}

function isDone({ state, effect }: ReceiptSummary): boolean {
  return state === 'done' && (effect?.changed ?? 0) > 0;
}

/**
 * Under which plan something was done: the one whose page it is about; of an account, which has no pages, the
 * one that stood then.
 */
function planOf({ manifest, at }: ReceiptSummary, plans: readonly Approved[]): Plan | undefined {
  const its = plans.find(({ plan }) => plan.manifest === manifest);
  return (its ?? plans.findLast(({ made }) => made <= at))?.plan;
}

/** Everybody who got something of a step, under whichever plan. */
export function gainedIn(under: readonly DoneUnder[]): Gained[] {
  const all: Gained[] = [];
  for (const { label, personId, items } of under.flatMap(({ successors }) => successors)) {
    const known = all.find(one => one.personId === personId && one.label === label);
    if (known) known.items += items;
    else all.push({ label, personId, items });
  }
  return all;
}

/** Steps of earlier plans that the last one has no more, and under which something was done; newest first. */
export function stepsDropped(
  last: Plan | null,
  plans: readonly Approved[],
  receipts: readonly ReceiptSummary[],
): PlanStep[] {
  const known = new Set(last?.steps.map(({ id }) => id));
  return plans
    .toReversed()
    .flatMap(({ plan }) => plan.steps)
    .filter(step => {
      if (known.has(step.id) || !(isEffect(step) || step.phase === 'deactivate')) return false;
      known.add(step.id);
      return doneUnder(step.id, plans, receipts).length > 0;
    });
}
