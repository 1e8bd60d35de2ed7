/**
 * Looks at the world: what the leaver holds in one system now, compared with what people were shown. Only
 * reads the target. Used for the first inventory, before execution, and as the proof before a deactivation.
 */
import type { Connector } from '../connectors/connector.js';
import type { Covered } from '../domain/coverage.js';
import { HandoverFailure } from '../domain/failure.js';
import {
  knownDifference,
  knownUnwaived,
  type Look,
  mustFreeze,
  type StepLook,
  takersToCheck,
} from '../domain/look.js';
import type { Account, CategoryInventory } from '../domain/model.js';
import { canonicalJson, type Plan, type PlanStep } from '../domain/plan.js';
import { joined } from '../store/keys.js';
import type { Shown } from '../store/manifests.js';
import { whenAbandoned } from './attempt.js';
import type { Deps } from './deps.js';
import { refusedSuccessors } from './successors.js';

export interface LookInput {
  offboardingId: string;
  system: string;
  accounts: readonly Account[];
  /** Digest of the plan to compare with; null = a first look. */
  plan: string | null;
  /** Frozen keys that approved skips waive, by step. */
  waived: Record<string, string>;
  /**
   * Keys that acknowledgements have seen, by step; a step that is not in here was seen as the plan shows it.
   */
  seen: Record<string, string>;
}

export async function look(deps: Deps, input: LookInput): Promise<Look> {
  const connector = await deps.systems.get(input.system);
  const plan = input.plan === null ? null : await planOf(deps, input.plan);
  const steps =
    plan?.steps.filter(step => step.system === connector.system && step.phase !== 'deactivate') ?? [];
  const known = new Set(connector.categories.map(category => category.category));
  const wanted = plan ? steps.map(step => step.category).filter(category => known.has(category)) : [...known];
  const inventory = await connector.inventory(input.accounts, wanted, whenAbandoned());
  const looks: StepLook[] = [];
  for (const step of steps) {
    const held = inventory.find(category => category.category === step.category);
    if (!held?.complete) continue;
    looks.push(await compare(deps, connector, input, plan!, step, held));
  }
  return {
    system: connector.system,
    inventory,
    steps: looks,
    refused: plan
      ? await refusedSuccessors(deps, connector, plan, input.accounts, step => takersToCheck(step, looks))
      : [],
    catalogChanged:
      plan !== null &&
      plan.systems.find(s => s.system === connector.system)?.catalog !== connector.catalogDigest,
    policyChanged: plan !== null && canonicalJson(plan.policy) !== canonicalJson(deps.policy),
    accounts: await readAll(connector, input.accounts),
    coverage: await coverageOf(connector),
  };
}

/** What can hold a person there, where the connector can say. */
async function coverageOf(connector: Connector): Promise<Covered> {
  return connector.coverage ? connector.coverage(whenAbandoned()) : { kind: 'unknown' };
}

/** The accounts as they are now. */
export function readAll(connector: Connector, accounts: readonly Account[]): Promise<Account[]> {
  return Promise.all(accounts.map(account => connector.readAccount(account, whenAbandoned())));
}

export async function planOf(deps: Deps, digest: string): Promise<Plan> {
  const plan = await deps.store.plans.find(digest);
  if (!plan) throw new HandoverFailure('rejected', `The store has no plan ${digest.slice(0, 12)}.`);
  return plan;
}

/** How a step stands now. Keys are read where the inventory leaves open what they are. */
async function compare(
  deps: Deps,
  connector: Connector,
  input: LookInput,
  plan: Plan,
  step: PlanStep,
  held: CategoryInventory,
): Promise<StepLook> {
  const { manifests } = deps.store;
  const decided = { seen: input.seen[step.id] ?? null, waived: input.waived[step.id] ?? null };
  const { seen, waived } = decided;
  const pages = () =>
    connector.pages(input.accounts, step.category, { size: plan.policy.batch, signal: whenAbandoned() });
  const shown: Shown = seen ? { frozen: seen } : { manifest: plan.manifest, step: step.id };
  const difference = knownDifference(step, held, decided) ?? (await manifests.drift(shown, pages()));
  const unwaived =
    knownUnwaived(held, decided) ?? (await manifests.drift({ frozen: waived! }, pages())).arrived;
  const frozen = mustFreeze(step, difference) ? await manifests.freeze((await joined(pages())).keys) : null;
  return { step: step.id, count: held.count, ...difference, unwaived, frozen };
}
