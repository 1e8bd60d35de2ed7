/**
 * Looks at the world: what the leaver holds in one system now, compared with what people were shown. Only
 * reads the target. Used for the first inventory, before execution, as the proof before and inside a
 * deactivation, and as the last act of a run.
 */
import type { Connector, Inside } from '../connectors/connector.js';
import { existing } from '../domain/accounts.js';
import type { Covered } from '../domain/coverage.js';
import { HandoverFailure } from '../domain/failure.js';
import {
  knownDifference,
  knownUnwaived,
  type Look,
  mustFreeze,
  type Sight,
  type StepLook,
  takersToCheck,
  type Unread,
} from '../domain/look.js';
import type { Account, CategoryInventory } from '../domain/model.js';
import { canonicalJson, type Plan, type PlanStep } from '../domain/plan.js';
import { mostAge } from '../domain/policy.js';
import { joined } from '../store/keys.js';
import type { Shown } from '../store/manifests.js';
import { outOfPatience, whenAbandoned } from './attempt.js';
import type { Deps } from './deps.js';
import { withOurBlocks } from './our-blocks.js';
import { accountsMoved, type LeaverNow, leaverNow } from './recognise.js';
import { changedRules } from './rules.js';
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
  /** Are successors, policy and standing rules compared with the plan as well? For a proof they do not matter. */
  terms: boolean;
}

export async function look(deps: Deps, input: LookInput): Promise<Look> {
  const connector = await deps.systems.get(input.system);
  const plan = input.plan === null ? null : await planOf(deps, input.plan);
  const leaver = plan && (await leaverNow(deps, plan));
  const sight = await see(deps, connector, plan, input, leaver);
  if (!plan || !leaver || !input.terms)
    return { ...sight, refused: [], policyChanged: false, rulesChanged: [] };
  const checked = (step: PlanStep) => takersToCheck(step, sight.steps);
  return {
    ...sight,
    refused:
      'sentence' in leaver
        ? []
        : await refusedSuccessors(deps, connector, plan, input.accounts, leaver.person, checked),
    policyChanged: canonicalJson(plan.policy) !== canonicalJson((await deps.rules()).policy),
    rulesChanged: await changedRules(deps, plan, stepsIn(plan, input.system)),
  };
}

/**
 * What is seen of the leaver in one system, beside the plan where there is one.
 * @param leaver who they are now; null where there is no plan, and inside a transaction, where no other
 *   connection is waited for: that was asked just before it
 * @param inside reads within a transaction of the system's
 */
export async function see(
  deps: Deps,
  connector: Connector,
  plan: Plan | null,
  input: Pick<LookInput, 'accounts' | 'waived' | 'seen'>,
  leaver: LeaverNow | null,
  inside: Inside = connector,
): Promise<Sight> {
  const steps = plan === null ? [] : stepsIn(plan, connector.system);
  const known = new Set(connector.categories.map(category => category.category));
  const wanted = plan ? steps.map(step => step.category).filter(category => known.has(category)) : [...known];
  const inventory = await inside.inventory(input.accounts, wanted, whenAbandoned());
  const looks: StepLook[] = [];
  for (const step of steps) {
    const held = inventory.find(category => category.category === step.category);
    if (!held?.complete) continue;
    looks.push(await compare(deps, inside, input, plan!, step, held));
  }
  return {
    system: connector.system,
    inventory,
    steps: looks,
    catalogChanged:
      plan !== null &&
      plan.systems.find(s => s.system === connector.system)?.catalog !== connector.catalogDigest,
    accountsChanged: plan && leaver ? await accountsMoved(connector, plan, leaver) : [],
    ...(inside === connector && { coverage: await coverageOf(connector, input.accounts, plan) }),
    accounts: await readAll(deps, connector, input.accounts, inside),
  };
}

/** What the plan has to be done, or left, in one system before the leaver is switched off there. */
function stepsIn(plan: Plan, system: string): PlanStep[] {
  return plan.steps.filter(step => step.system === system && step.phase !== 'deactivate');
}

/** What can hold a person there, where the connector can say. */
async function coverageOf(
  connector: Connector,
  accounts: readonly Account[],
  plan: Plan | null,
): Promise<Covered> {
  if (!connector.coverage) return { kind: 'unknown' };
  const withinMs = plan ? mostAge(plan.policy) : undefined;
  return connector.coverage(accounts, { signal: whenAbandoned(), withinMs });
}

export interface LookOnceMoreInput {
  /** Digest of the plan. */
  plan: string;
  waived: Record<string, string>;
  seen: Record<string, string>;
}

/**
 * The last act of a run: every system of the plan as it is when all accounts have been switched off.
 * @param within only these
 */
export async function lookOnceMore(
  deps: Deps,
  input: LookOnceMoreInput,
  within?: readonly string[],
): Promise<{ sights: Sight[]; unread: Unread[] }> {
  const plan = await planOf(deps, input.plan);
  const leaver = await leaverNow(deps, plan);
  const sights: Sight[] = [];
  const unread: Unread[] = [];
  for (const { system, accounts } of plan.accounts) {
    if (within && !within.includes(system)) continue;
    try {
      const connector = await deps.systems.get(system);
      const sight = await see(deps, connector, plan, { ...input, accounts }, leaver);
      const there = existing(accounts);
      const danger = there.length > 0 ? await connector.dangers?.(there, [], whenAbandoned()) : undefined;
      sights.push({ ...sight, ...(danger && { danger }) });
    } catch (error) {
      if (!(error instanceof HandoverFailure) || !outOfPatience(error.kind, deps.patience)) throw error;
      unread.push({ system, why: error.message });
    }
  }
  return { sights, unread };
}

/** The accounts as they are now. */
export async function readAll(
  deps: Deps,
  connector: Connector,
  accounts: readonly Account[],
  inside: Inside = connector,
): Promise<Account[]> {
  const read = await Promise.all(accounts.map(account => inside.readAccount(account, whenAbandoned())));
  return withOurBlocks(deps, connector, read);
}

export async function planOf(deps: Deps, digest: string): Promise<Plan> {
  const plan = await deps.store.plans.find(digest);
  if (!plan) throw new HandoverFailure('rejected', `The store has no plan ${digest.slice(0, 12)}.`);
  return plan;
}

/** How a step stands now. Keys are read where the inventory leaves open what they are. */
async function compare(
  deps: Deps,
  inside: Inside,
  input: Pick<LookInput, 'accounts' | 'waived' | 'seen'>,
  plan: Plan,
  step: PlanStep,
  held: CategoryInventory,
): Promise<StepLook> {
  const { manifests } = deps.store;
  const decided = { seen: input.seen[step.id] ?? null, waived: input.waived[step.id] ?? null };
  const { seen, waived } = decided;
  const pages = () =>
    inside.pages(input.accounts, step.category, {
      size: plan.policy.batch,
      expected: held.count,
      signal: whenAbandoned(),
    });
  const shown: Shown = seen ? { frozen: seen } : { manifest: plan.manifest, step: step.id };
  const difference = knownDifference(step, held, decided) ?? (await manifests.drift(shown, pages()));
  const unwaived =
    knownUnwaived(held, decided) ?? (await manifests.drift({ frozen: waived! }, pages())).arrived;
  const frozen = mustFreeze(step, difference) ? await manifests.freeze((await joined(pages())).keys) : null;
  return { step: step.id, count: held.count, ...difference, unwaived, frozen };
}
