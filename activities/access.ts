/** Cutting access: the reversible block of an unplanned departure, and the final deactivation with its proof. */
import { HandoverFailure } from '../domain/failure.js';
import type { Account } from '../domain/model.js';
import { isEffect } from '../domain/plan.js';
import type { Deps } from './deps.js';
import { switchAccount } from './effects.js';
import { outOfPatience, signal } from './guard.js';
import { type Look, look, planOf, type StepLook } from './look.js';

export interface AccessInput {
  offboardingId: string;
  account: Account;
  /** Counts blocks and unblocks of one run, so that each happens once. */
  turn: number;
}

export type AccessResult = { access: 'blocked' | 'open'; message: string | null };

/** A block that cannot be done stops nothing; it stays visible as `access open` with its reason. */
export async function blockAccess(deps: Deps, input: AccessInput): Promise<AccessResult> {
  const connector = await deps.systems.get(input.account.system);
  if (!connector.can.block)
    return { access: 'open', message: `The catalog of ${connector.title} says no way to block sign-in: do it by hand.` };
  try {
    await switchAccount(deps, { ...input, verb: 'block' });
  } catch (error) {
    if (!(error instanceof HandoverFailure) || !outOfPatience(error.kind, deps.patience)) throw error;
    return { access: 'open', message: error.message };
  }
  await recordAccess(deps, input, 'blocked');
  return { access: 'blocked', message: null };
}

/** Gives sign-in back after a cancelled run. */
export async function restoreAccess(deps: Deps, input: AccessInput): Promise<AccessResult> {
  try {
    await switchAccount(deps, { ...input, verb: 'unblock' });
  } catch (error) {
    if (!(error instanceof HandoverFailure) || !outOfPatience(error.kind, deps.patience)) throw error;
    return { access: 'blocked', message: error.message };
  }
  await recordAccess(deps, input, 'open');
  return { access: 'open', message: null };
}

async function recordAccess(deps: Deps, input: AccessInput, access: string): Promise<void> {
  await deps.store.audit.append(input.offboardingId, [
    {
      subject: `access ${input.account.system} ${access} ${input.turn}`,
      kind: 'access',
      body: { system: input.account.system, access },
    },
  ]);
}

export interface DeactivateInput {
  offboardingId: string;
  /** Digest of the approved plan. */
  plan: string;
  system: string;
  /** Counts attempts by operators, so that a retry after a refusal is a new effect. */
  turn: number;
  waived: Record<string, string>;
  seen: Record<string, string>;
}

export type DeactivateResult =
  /** `after`: what still landed on the leaver between the proof and the switch. */
  | { kind: 'deactivated'; bySomebodyElse: boolean; proof: ProofOfSystem; after: { step: string; count: number }[] }
  /** The proof failed: these steps hold something again. */
  | { kind: 'left'; steps: { step: string; count: number }[] }
  /** Manual categories with keys that nobody has acknowledged. */
  | { kind: 'reopened'; looks: StepLook[] }
  | { kind: 'refused'; message: string };

export interface ProofOfSystem {
  at: string;
  /** `keep` categories: the same as when the plan was made, or not. */
  kept: { step: string; before: number; now: number; untouched: boolean }[];
}

/** The last effect on a system, and only with proof: a fresh look immediately before it. */
export async function deactivate(deps: Deps, input: DeactivateInput): Promise<DeactivateResult> {
  const plan = await planOf(deps, input.plan);
  const account = plan.accounts.find(one => one.system === input.system)!;
  const connector = await deps.systems.get(input.system);
  const inTheWay = await deps.store.runs.claimDeactivation(input.offboardingId);
  if (inTheWay) {
    return {
      kind: 'refused',
      message: `Another offboarding (${inTheWay.workflow}) is still handing items over to this leaver. Amend that run's successors or let it finish, then send "retry".`,
    };
  }
  const proof = await look(deps, { ...input, account });
  const unproven = provenEmpty(
    proof,
    plan.steps.filter(isEffect).map(step => step.id),
  );
  if (unproven.kind !== 'proven') return unproven;

  const before = await connector.readAccount(account, signal());
  let changed = false;
  try {
    ({ changed } = await switchAccount(deps, {
      offboardingId: input.offboardingId,
      account,
      verb: 'deactivate',
      turn: input.turn,
    }));
  } catch (error) {
    if (!(error instanceof HandoverFailure) || !outOfPatience(error.kind, deps.patience)) throw error;
    return { kind: 'refused', message: error.message };
  }
  const now = await connector.readAccount(account, signal());
  if (now.active)
    return {
      kind: 'refused',
      message: `${connector.title} reported success, but reading shows that the account is still active. Look at it there, then send "retry".`,
    };

  const after = (
    await connector.inventory(
      account,
      plan.steps.filter(step => step.system === input.system && isEffect(step)).map(step => step.category),
      signal(),
    )
  )
    .filter(category => category.count > 0 && !input.waived[`${input.system}/${category.category}`])
    .map(category => ({ step: `${input.system}/${category.category}`, count: category.count }));
  const kept = plan.steps
    .filter(step => step.system === input.system && step.phase === 'keep')
    .map(step => {
      const category = proof.inventory.find(one => one.category === step.category);
      return {
        step: step.id,
        before: step.baseline.count,
        now: category?.count ?? 0,
        untouched: category?.fingerprint === step.baseline.fingerprint,
      };
    });
  const result: DeactivateResult = {
    kind: 'deactivated',
    bySomebodyElse: !changed && !before.active,
    proof: { at: new Date().toISOString(), kept },
    after,
  };
  await deps.store.audit.append(input.offboardingId, [
    { subject: `deactivated ${input.system}`, kind: 'deactivated', body: { system: input.system, changed, after, kept } },
  ]);
  return result;
}

/** Nothing left but waived keys, every category read, and no manual item that nobody has seen. */
export function provenEmpty(
  proof: Look,
  effects: readonly string[],
): { kind: 'proven' } | Extract<DeactivateResult, { kind: 'left' | 'reopened' | 'refused' }> {
  const unread = proof.inventory.find(category => !category.complete);
  if (unread)
    return {
      kind: 'refused',
      message: `${proof.system}/${unread.category} could not be read for the proof: ${unread.problem ?? 'no answer'} Mend it and send "retry".`,
    };
  const left = proof.steps
    .filter(step => effects.includes(step.step) && step.unwaived > 0)
    .map(step => ({ step: step.step, count: step.unwaived }));
  if (left.length > 0) return { kind: 'left', steps: left };
  const reopened = proof.steps.filter(step => step.frozen !== null);
  if (reopened.length > 0) return { kind: 'reopened', looks: reopened };
  return { kind: 'proven' };
}
