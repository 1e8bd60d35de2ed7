/**
 * The last effect on a system, and only with proof: a fresh look immediately before it, and a reading after
 * it.
 */
import type { Connector } from '../connectors/connector.js';
import { accountsIn } from '../domain/accounts.js';
import type { Covered } from '../domain/coverage.js';
import type { Account } from '../domain/model.js';
import type { Plan } from '../domain/plan.js';
import {
  judgeProof,
  type Kept,
  keptIn,
  type Landed,
  landedIn,
  stepsAfterwards,
  type Verdict,
} from '../domain/proof.js';
import { scheduled, whenAbandoned } from './attempt.js';
import type { Deps } from './deps.js';
import { switchAccounts, switchedBefore } from './effects.js';
import { look, planOf, readAll } from './look.js';
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

export type DeactivateResult =
  /** `after`: what still landed on the leaver between the proof and the switch. */
  | {
      kind: 'deactivated';
      bySomebodyElse: boolean;
      proof: { at: string; kept: Kept[]; coverage?: Covered };
      after: Landed[];
    }
  | Extract<Verdict, { kind: 'left' | 'reopened' }>
  | { kind: 'refused'; message: string };

export async function deactivate(deps: Deps, input: DeactivateInput): Promise<DeactivateResult> {
  const plan = await planOf(deps, input.plan);
  const accounts = accountsIn(plan.accounts, input.system);
  const connector = await deps.systems.get(input.system);
  const effect = {
    offboardingId: input.offboardingId,
    system: input.system,
    accounts,
    verb: 'deactivate',
    turn: input.turn,
  } as const;
  const seen = await look(deps, { ...input, accounts });
  const verdict = judgeProof({ plan, systems: [input.system], looks: [seen], unread: [] });
  let changed = true;
  let wasActive = true;
  // An attempt whose answer was lost proved and switched already: what landed since belongs to the time
  // after.
  if (!(await switchedBefore(deps, effect))) {
    const inTheWay = await claim(deps, input, plan);
    if (inTheWay) return { kind: 'refused', message: inTheWay };
    if (verdict.kind === 'refused') return { kind: 'refused', message: verdict.message };
    if (verdict.kind !== 'proven') return verdict;
    wasActive = await anyActive(connector, accounts);
    const switched = await switchAccounts(deps, effect);
    if (switched.problems.length > 0) return { kind: 'refused', message: switched.problems.join(' ') };
    changed = switched.changed.length > 0;
  }
  if (await anyActive(connector, accounts)) {
    const subject = accounts.length === 1 ? 'the account' : `one of the ${accounts.length} accounts`;
    const message = `${connector.title} reported success, but reading shows that ${subject} is still active. Look at it there, then send "retry".`;
    return { kind: 'refused', message };
  }
  const after = await landed(connector, plan, accounts, input.waived);
  const kept = keptIn(seen, plan);
  await deps.store.audit.append(input.offboardingId, [
    {
      subject: `deactivated ${input.system} ${input.turn}`,
      kind: 'deactivated',
      body: { system: input.system, changed, after, kept },
    },
  ]);
  return {
    kind: 'deactivated',
    bySomebodyElse: !changed && !wasActive,
    proof: { at: new Date().toISOString(), kept, coverage: seen.coverage },
    after,
  };
}

async function anyActive(connector: Connector, accounts: readonly Account[]): Promise<boolean> {
  return (await readAll(connector, accounts)).some(account => account.active);
}

/**
 * Two runs never work against each other: nobody is switched off while another open run still hands things to
 * them.
 */
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

async function landed(
  connector: Connector,
  plan: Plan,
  accounts: readonly Account[],
  waived: Record<string, string>,
): Promise<Landed[]> {
  const steps = stepsAfterwards(plan, connector.system, waived);
  const categories = steps.map(step => step.category);
  return landedIn(steps, await connector.inventory(accounts, categories, whenAbandoned()));
}
