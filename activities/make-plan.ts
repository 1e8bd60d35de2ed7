/**
 * Makes one revision of the plan: rules become successors, inventories become manifests, and everything that stands in the way
 * becomes a finding that says what to do. Nothing in a target system is changed.
 */
import { randomUUID } from 'node:crypto';
import type { CategoryFacts, Connector } from '../connectors/connector.js';
import { type Assignment, assigner } from '../domain/assign.js';
import { combined, type Shares } from '../domain/keys.js';
import type { Account, CategoryInventory, Finding, Person } from '../domain/model.js';
import {
  canonicalJson,
  deactivateId,
  isEffect,
  orderSteps,
  type Plan,
  type PlanStep,
  phaseOf,
  withMembershipEdges,
} from '../domain/plan.js';
import type { Order, SuccessorRule } from '../domain/request.js';
import { ruleFor } from '../domain/rules.js';
import type { Acknowledgement } from '../domain/run.js';
import { sha256 } from '../store/database.js';
import { listOf, sharesOf } from '../store/keys.js';
import type { Deps } from './deps.js';
import { report, signal } from './guard.js';
import { findOne } from './people.js';
import { SuccessorBook } from './successors.js';

export interface MakePlanInput {
  offboardingId: string;
  /** Temporal run id: a reset run makes plans of its own. */
  runId: string;
  revision: number;
  leaverId: string;
  order: Order;
  accounts: Account[];
  /** What `look` found, per system. */
  inventories: { system: string; inventory: CategoryInventory[] }[];
  acknowledgements: Record<string, Acknowledgement>;
}

export interface MadePlan {
  /** Null when the findings leave nothing to plan with. */
  plan: Plan | null;
  findings: Finding[];
  /** Acknowledged categories that hold keys nobody has seen. */
  reopened: string[];
}

export async function makePlan(deps: Deps, input: MakePlanInput): Promise<MadePlan> {
  // A second attempt answers with the plan that the first one stored, whatever the world looks like by now.
  const made = await deps.store.plans.made(input.offboardingId, input.runId, input.revision);
  if (made) return announce(deps, input, made);

  const found = await findOne(deps, `id:${input.leaverId}`);
  if ('sentence' in found)
    return { plan: null, findings: [finding('account-missing', null, null, found.sentence)], reopened: [] };
  const leaver = found.person;
  const manifest = randomUUID();
  const findings: Finding[] = [];
  const steps: PlanStep[] = [];
  const book = new SuccessorBook(deps, leaver, input.offboardingId);
  const accounts = inOrder(deps, input.accounts);
  const mode = effectiveMode(input.order, accounts);
  const systems: Plan['systems'] = [];
  const unusedRules = new Set([...Object.keys(input.order.successors ?? {}), ...Object.keys(input.order.overrides ?? {})]);

  for (const account of accounts) {
    const connector = await deps.systems.get(account.system);
    systems.push({
      system: connector.system,
      title: connector.title,
      catalog: connector.catalogDigest,
      accountExpected: await mayBeAbsent(connector, leaver, account),
      switchOff: switchOffOf(connector, account, mode.mode),
    });
    unusedRules.delete(connector.system);
    if (account.status === 'absent') {
      for (const facts of connector.categories) unusedRules.delete(`${connector.system}/${facts.category}`);
      continue;
    }
    const held = input.inventories.find(one => one.system === account.system)?.inventory ?? [];
    for (const facts of connector.categories) {
      const id = `${connector.system}/${facts.category}`;
      unusedRules.delete(id);
      report({ planning: id });
      const inventory = held.find(one => one.category === facts.category);
      if (!inventory?.complete) {
        const why = inventory?.problem ?? 'It was not part of the inventory.';
        findings.push(
          finding(
            'category-unreadable',
            connector.system,
            id,
            `${facts.title} (${id}) could not be read: ${why} Mend it and send "retry".`,
          ),
        );
        continue;
      }
      const step = stepOf(connector, facts, inventory, input.order);
      steps.push(step);
      if (step.phase !== 'keep')
        await fill(deps, {
          offboardingId: input.offboardingId,
          connector,
          facts,
          step,
          inventory,
          account,
          leaver,
          order: input.order,
          book,
          manifest,
          findings,
        });
    }
    if (switchOffOf(connector, account, mode.mode) === 'api') steps.push(deactivation(connector, account));
  }
  for (const name of unusedRules) {
    const known = steps.filter(isEffect).map(step => step.id);
    findings.push(
      finding(
        'override-unknown',
        null,
        null,
        `"successors" or "overrides" name "${name}", which is no system or category of this run; known are ${known.join(', ')}.`,
      ),
    );
  }
  if (findings.length > 0) return { plan: null, findings, reopened: [] };

  const plan = await deps.store.plans.save(
    {
      version: 1,
      offboardingId: input.offboardingId,
      revision: input.revision,
      manifest,
      leaver: { id: leaver.id, name: leaver.name, human: leaver.human },
      mode: mode.mode,
      modeReason: mode.reason,
      departure: input.order.departure,
      effectiveAt: input.order.effectiveAt ?? null,
      accounts,
      systems,
      steps: orderSteps(withMembershipEdges(steps)),
      policy: deps.policy,
      overridesDigest: sha256(canonicalJson(input.order.overrides ?? {})),
    },
    input.runId,
  );
  return announce(deps, input, plan);
}

/** Says of a stored plan who takes over and that it was made; a second attempt says the same again. */
async function announce(deps: Deps, input: MakePlanInput, plan: Plan): Promise<MadePlan> {
  const gains = plan.steps.map(step => [step.id, step.successors.flatMap(successor => successor.personId ?? [])] as const);
  await deps.store.runs.setSuccessors(input.offboardingId, Object.fromEntries(gains.filter(([, people]) => people.length > 0)));
  await deps.store.audit.append(input.offboardingId, [
    {
      subject: `plan ${plan.digest}`,
      kind: 'planned',
      body: { revision: plan.revision, digest: plan.digest, steps: plan.steps.length },
    },
  ]);
  return { plan, findings: [], reopened: await reopenedSubjects(deps, input, plan) };
}

/** The directory last: it is what people sign in with, and what tells us who they are. */
function inOrder(deps: Deps, accounts: readonly Account[]): Account[] {
  const rank = (account: Account): number =>
    account.system === deps.systems.directory ? Number.MAX_SAFE_INTEGER : deps.systems.names.indexOf(account.system);
  return [...accounts].sort((a, b) => rank(a) - rank(b));
}

/** Whoever is switched off everywhere already cannot be deactivated any more; what they still own is handed over all the same. */
function effectiveMode(order: Order, accounts: readonly Account[]): { mode: Order['mode']; reason: string | null } {
  const present = accounts.filter(account => account.status === 'found');
  if (order.mode !== 'execute-and-deactivate' || present.some(account => account.active))
    return { mode: order.mode, reason: null };
  return {
    mode: 'execute-only',
    reason:
      present.length === 0
        ? 'the leaver has no account in any of these systems'
        : 'every account of the leaver is inactive already',
  };
}

/** A plan never promises what the system cannot do: without a way to switch somebody off it is a thing for people. */
function switchOffOf(connector: Connector, account: Account, mode: Order['mode']): Plan['systems'][number]['switchOff'] {
  if (mode !== 'execute-and-deactivate' || account.status === 'absent') return 'never';
  // An account that is off already may be on again by then: the last step makes sure of it.
  if (connector.access.deactivate === 'system') return 'api';
  return account.active && connector.access.deactivate === 'person' ? 'by-hand' : 'never';
}

function stepOf(connector: Connector, facts: CategoryFacts, inventory: CategoryInventory, order: Order): PlanStep {
  // Somebody who stays keeps groups and tokens; only what they own moves.
  const stays =
    order.mode === 'execute-only' && (facts.do === 'remove' || facts.do === 'revoke' || facts.do === 'clear') && !facts.inflow;
  const disposition = stays ? 'keep' : facts.do;
  const qualified = facts.after.map(name => (name.includes('/') ? name : `${connector.system}/${name}`));
  return {
    id: `${connector.system}/${facts.category}`,
    system: connector.system,
    category: facts.category,
    title: facts.title,
    do: disposition,
    phase: phaseOf({ do: disposition, inflow: facts.inflow }),
    after: qualified,
    baseline: { count: inventory.count, fingerprint: inventory.fingerprint },
    rule: null,
    successors: [],
    assignment: { kind: 'one' },
    pool: 0,
    counts: [],
    overrides: 0,
    page: facts.page,
    firesAt: inventory.firesAt,
    reason: stays ? 'the person stays and keeps it' : facts.reason,
  };
}

function deactivation(connector: Connector, account: Account): PlanStep {
  return {
    id: deactivateId(connector.system),
    system: connector.system,
    category: 'deactivate',
    title: `${account.active ? 'switch the account off' : 'make sure that the account stays off'} in ${connector.title}`,
    do: 'deactivate',
    phase: 'deactivate',
    after: [],
    baseline: { count: 0, fingerprint: '0' },
    rule: null,
    successors: [],
    assignment: { kind: 'one' },
    pool: 0,
    counts: [],
    overrides: 0,
    page: null,
    firesAt: null,
    reason: null,
  };
}

interface Filling {
  offboardingId: string;
  connector: Connector;
  facts: CategoryFacts;
  step: PlanStep;
  inventory: CategoryInventory;
  account: Account;
  leaver: Person;
  order: Order;
  book: SuccessorBook;
  manifest: string;
  findings: Finding[];
}

/** Successors and manifest of one step. */
async function fill(deps: Deps, given: Filling): Promise<void> {
  const { connector, facts, step, book, findings } = given;
  const empty = given.inventory.count === 0;
  if (step.do === 'transfer') {
    const rule = ruleFor(step, given.order, deps.standingRules, given.leaver.team);
    if (rule === null) {
      if (!empty) findings.push(finding('successor-missing', step.system, step.id, missing(step)));
      if (!empty) return;
    } else {
      const resolved = await book.resolve(connector, facts, rule as SuccessorRule);
      if (resolved.refusals.length > 0 && !empty) {
        for (const refusal of resolved.refusals)
          findings.push(finding('successor-refused', step.system, step.id, `${step.title} (${step.id}): ${refusal}`));
        return;
      }
      step.rule = resolved.rule;
      step.assignment = resolved.assignment;
      step.successors = resolved.refusals.length > 0 ? [] : resolved.successors;
    }
  }
  step.pool = step.successors.length;
  const overrides = await overridesOf(given);
  if (!empty) await writeManifest(deps, given, step.assignment, overrides);
  // An override that an earlier plan has carried out is done, not a mistake.
  const done = new Set(
    overrides.size > 0 ? await deps.store.manifests.everShown(given.offboardingId, step.id, [...overrides.keys()]) : [],
  );
  for (const key of [...overrides.keys()].filter(key => !done.has(key))) {
    findings.push(
      finding(
        'override-unknown',
        step.system,
        step.id,
        `${step.title} (${step.id}): the leaver does not hold "${key}", which an override names.`,
      ),
    );
  }
}

function missing(step: PlanStep): string {
  return `${step.title} (${step.id}): ${step.baseline.count} items and nobody to take them over. Send amend with {"successors": {"${step.id}": "<e-mail>"}}.`;
}

/** Item key → index of its own successor, appended to the step's successors. */
async function overridesOf({ connector, facts, step, order, book, findings }: Filling): Promise<Map<string, number>> {
  const overrides = new Map<string, number>();
  for (const [key, name] of Object.entries(order.overrides?.[step.id] ?? {})) {
    if (step.do !== 'transfer') {
      findings.push(
        finding(
          'override-unknown',
          step.system,
          step.id,
          `${step.title} (${step.id}) is not handed to anybody, so "${key}" cannot have a successor of its own.`,
        ),
      );
      continue;
    }
    const { successor, refusal } = await book.taker(connector, facts, name);
    if (!successor) {
      findings.push(finding('successor-refused', step.system, step.id, `${step.title} (${step.id}), item ${key}: ${refusal}`));
      continue;
    }
    let index = step.successors.findIndex(known => known.value === successor.value && known.kind === successor.kind);
    if (index < 0) index = step.successors.push(successor) - 1;
    overrides.set(key, index);
  }
  step.overrides = overrides.size;
  return overrides;
}

/**
 * Writes the keys in pages, with a successor index per key where one successor does not take all. The baseline becomes what the
 * manifest holds: the two must never differ. Overrides that were met are removed from the map.
 */
async function writeManifest(deps: Deps, given: Filling, assignment: Assignment, overrides: Map<string, number>): Promise<void> {
  const { connector, step, account, manifest, book } = given;
  const transfers = step.do === 'transfer';
  const single = assignment.kind === 'one' && overrides.size === 0;
  const counts: number[] = step.successors.map(() => 0);
  const perSuccessor: string[][] = step.successors.map(() => []);
  const unnamed: string[] = [];
  const assign = assigner(assignment, step.pool, new Map(overrides));
  const attribute = assignment.kind === 'match' ? assignment.attribute : undefined;
  let page = 0;
  let count = 0;
  let fingerprint = '0';
  for await (const keys of connector.pages(account, step.category, { size: deps.policy.batch, attribute, signal: signal() })) {
    let indexes: Shares | null = null;
    if (transfers && !single) {
      const taken = listOf(keys.keys).map((key, n) => {
        const index = assign.next(key, keys.attributes?.[n] ?? null);
        overrides.delete(key);
        if (index < 0) unnamed.push(key);
        else {
          counts[index]!++;
          perSuccessor[index]!.push(key);
        }
        return index;
      });
      indexes = sharesOf(taken);
    } else if (transfers && counts.length > 0) counts[0]! += keys.count;
    await deps.store.manifests.write(manifest, step.id, ++page, { ...keys, assignment: indexes });
    count += keys.count;
    fingerprint = combined([fingerprint, keys.fingerprint]);
    report({ planning: step.id, keys: count });
  }
  step.baseline = { count, fingerprint };
  step.counts = counts;
  if (unnamed.length > 0) {
    given.findings.push(
      finding(
        'successor-missing',
        step.system,
        step.id,
        `${step.title} (${step.id}): the match rule names nobody for ${unnamed.length} items (${unnamed.slice(0, 5).join(', ')}); add "otherwise".`,
      ),
    );
  }
  if (!transfers) return;
  for (const [n, successor] of step.successors.entries()) {
    if (counts[n] === 0) continue;
    const refusal = await book.ineligible(connector, account, step, successor, single ? null : perSuccessor[n]!);
    if (refusal)
      given.findings.push(finding('successor-refused', step.system, step.id, `${step.title} (${step.id}): ${refusal}`));
  }
}

async function mayBeAbsent(connector: Connector, leaver: Person, account: Account): Promise<boolean> {
  if (account.status === 'found') return true;
  const resolution = await connector.resolveAccount(leaver, {}, signal());
  return resolution.kind === 'absent' && resolution.expected;
}

/** Acknowledgements survive revisions; only keys that nobody has seen re-open one. */
async function reopenedSubjects(deps: Deps, input: MakePlanInput, plan: Plan): Promise<string[]> {
  const reopened: string[] = [];
  for (const step of plan.steps) {
    const acknowledged = input.acknowledgements[step.id];
    const account = input.accounts.find(one => one.system === step.system);
    if (step.phase !== 'manual' || !acknowledged || !account || step.baseline.count === 0) continue;
    const connector = await deps.systems.get(step.system);
    const shown = acknowledged.frozen ? { frozen: acknowledged.frozen } : { manifest: acknowledged.manifest, step: step.id };
    const { arrived } = await deps.store.manifests.drift(
      shown,
      connector.pages(account, step.category, { size: deps.policy.batch, signal: signal() }),
    );
    if (arrived > 0) reopened.push(step.id);
  }
  return reopened;
}

function finding(code: Finding['code'], system: string | null, step: string | null, message: string): Finding {
  return { code, system, step, message };
}
