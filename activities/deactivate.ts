/** The last effect on a system, and only with proof: a fresh look immediately before it, and a reading after it. */
import type { Connector } from '../connectors/connector.js';
import { HandoverFailure } from '../domain/failure.js';
import type { Account } from '../domain/model.js';
import { isEffect, type Plan } from '../domain/plan.js';
import type { Deps } from './deps.js';
import { switchAccount, switchedBefore } from './effects.js';
import { outOfPatience, scheduled, signal } from './guard.js';
import { type Look, look, planOf, type StepLook } from './look.js';
import { claimDeactivation } from './open-runs.js';

export interface DeactivateInput {
  offboardingId: string;
  workflowId: string;
  /** Digest of the approved plan. */
  plan: string;
  system: string;
  /** Counts effects on accounts, so that a retry after a refusal is a new effect. */
  turn: number;
  waived: Record<string, string>;
  seen: Record<string, string>;
}

export interface Landed {
  step: string;
  /** Null = could not be read. */
  count: number | null;
}

export type DeactivateResult =
  /** `after`: what still landed on the leaver between the proof and the switch. */
  | { kind: 'deactivated'; bySomebodyElse: boolean; proof: ProofOfSystem; after: Landed[] }
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

export async function deactivate(deps: Deps, input: DeactivateInput): Promise<DeactivateResult> {
  const plan = await planOf(deps, input.plan);
  const account = plan.accounts.find(one => one.system === input.system)!;
  const connector = await deps.systems.get(input.system);
  const effect = { offboardingId: input.offboardingId, account, verb: 'deactivate', turn: input.turn } as const;
  const proof = await look(deps, { ...input, account });
  let changed = true;
  let wasActive = true;
  // An attempt whose answer was lost proved and switched already: what landed since belongs to the time after.
  if (!(await switchedBefore(deps, effect))) {
    const inTheWay = await claim(deps, input, plan);
    if (inTheWay) return { kind: 'refused', message: inTheWay };
    const unproven = provenEmpty(proof, plan);
    if (unproven.kind !== 'proven') return unproven;
    wasActive = (await connector.readAccount(account, signal())).active;
    try {
      ({ changed } = await switchAccount(deps, effect));
    } catch (error) {
      if (!(error instanceof HandoverFailure) || !outOfPatience(error.kind, deps.patience)) throw error;
      return { kind: 'refused', message: error.message };
    }
  }
  if ((await connector.readAccount(account, signal())).active) {
    const message = `${connector.title} reported success, but reading shows that the account is still active. Look at it there, then send "retry".`;
    return { kind: 'refused', message };
  }
  const after = await landed(connector, plan, account, input.waived);
  const kept = keptOf(proof, plan);
  await deps.store.audit.append(input.offboardingId, [
    {
      subject: `deactivated ${input.system} ${input.turn}`,
      kind: 'deactivated',
      body: { system: input.system, changed, after, kept },
    },
  ]);
  return { kind: 'deactivated', bySomebodyElse: !changed && !wasActive, proof: { at: new Date().toISOString(), kept }, after };
}

/** Two runs never work against each other: nobody is switched off while another open run still hands things to them. */
async function claim(deps: Deps, input: DeactivateInput, plan: Plan): Promise<string | null> {
  const { id, human } = plan.leaver;
  // A run that was reset after its end has no row of its own any more.
  const { offboardingId, workflowId } = input;
  await deps.store.runs.open(
    { leaver: id, human, offboarding: offboardingId, workflow: workflowId, preview: false },
    scheduled(),
  );
  const inTheWay = await claimDeactivation(deps, input.offboardingId);
  if (!inTheWay) return null;
  return `Another offboarding (${inTheWay.workflow}) is still handing items over to this leaver. Amend that run's successors or let it finish, then send "retry".`;
}

/** Nothing left but waived keys, every category of the plan read by the approved catalog, and no manual item that nobody has seen. */
function provenEmpty(
  proof: Look,
  plan: Pick<Plan, 'steps'>,
): { kind: 'proven' } | Extract<DeactivateResult, { kind: 'left' | 'reopened' | 'refused' }> {
  if (proof.catalogChanged) {
    return {
      kind: 'refused',
      message: `The catalog of ${proof.system} has changed since the plan was made: what nobody approved proves nothing. Send "amend" to have a new plan made.`,
    };
  }
  const effects = plan.steps.filter(step => step.system === proof.system && isEffect(step));
  const unread = effects.find(step => !proof.steps.some(seen => seen.step === step.id));
  const problem = proof.inventory.find(category => !category.complete);
  if (problem || unread) {
    const what = problem ? `${proof.system}/${problem.category}` : unread!.id;
    return {
      kind: 'refused',
      message: `${what} could not be read for the proof: ${problem?.problem ?? 'the catalog no longer names it.'} Mend it and send "retry".`,
    };
  }
  const left = proof.steps
    .filter(seen => effects.some(step => step.id === seen.step) && seen.unwaived > 0)
    .map(seen => ({ step: seen.step, count: seen.unwaived }));
  if (left.length > 0) return { kind: 'left', steps: left };
  const reopened = proof.steps.filter(seen => seen.frozen !== null);
  if (reopened.length > 0) return { kind: 'reopened', looks: reopened };
  return { kind: 'proven' };
}

async function landed(connector: Connector, plan: Plan, account: Account, waived: Record<string, string>): Promise<Landed[]> {
  const steps = plan.steps.filter(step => step.system === account.system && isEffect(step) && !waived[step.id]);
  const held = await connector.inventory(
    account,
    steps.map(step => step.category),
    signal(),
  );
  return held
    .filter(category => !category.complete || category.count > 0)
    .map(category => ({ step: `${account.system}/${category.category}`, count: category.complete ? category.count : null }));
}

function keptOf(proof: Look, plan: Plan): ProofOfSystem['kept'] {
  return plan.steps
    .filter(step => step.system === proof.system && step.phase === 'keep')
    .map(step => {
      const category = proof.inventory.find(one => one.category === step.category);
      return {
        step: step.id,
        before: step.baseline.count,
        now: category?.count ?? 0,
        untouched: category?.fingerprint === step.baseline.fingerprint,
      };
    });
}
