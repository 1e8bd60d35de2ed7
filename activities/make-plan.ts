/**
 * Makes one revision of the plan: gathers what the systems, the catalogs and the directory say, asks
 * `domain/planning.ts` what follows from it, and writes the manifest. Nothing in a target system is changed.
 */
import type { Connector, Foreseen } from '../connectors/connector.js';
import { accountsIn, existing } from '../domain/accounts.js';
import { type Cause, tooFew } from '../domain/approvers.js';
import { actsBefore, MOST_HOURS } from '../domain/bombs.js';
import { changeNotes } from '../domain/changes.js';
import type { Danger, Foresight } from '../domain/consequences.js';
import type { Covered } from '../domain/coverage.js';
import { movesAt } from '../domain/dates.js';
import type { Batch } from '../domain/effect.js';
import { HandoverFailure } from '../domain/failure.js';
import type { CategoryInventory, Finding, ItemKey, Person, SystemAccounts } from '../domain/model.js';
import type { When } from '../domain/moment.js';
import { outlineOf, tooLarge } from '../domain/outline.js';
import { digestIn } from '../domain/overrides.js';
import { own } from '../domain/own.js';
import {
  canonicalJson,
  gaining,
  isEffect,
  orderSteps,
  type Plan,
  type PlanStep,
  sayUndone,
  takersInTurn,
  withMembershipEdges,
} from '../domain/plan.js';
import {
  draftOf,
  type Facts,
  type Given,
  type Named,
  overridesMissing,
  planFrom,
  refusedTaker,
  type SystemFacts,
  sharing,
  unheld,
  unknownNames,
  withDangers,
  withForesight,
  withOverrides,
  withTakers,
} from '../domain/planning.js';
import type { FullOrder, Order } from '../domain/request.js';
import { ruleFor } from '../domain/rules.js';
import type { Acknowledgement } from '../domain/run.js';
import { sha256 } from '../store/digest.js';
import { listOf, sharesOf } from '../store/keys.js';
import type { Catalog } from '../store/plans.js';
import { showProgress, whenAbandoned } from './attempt.js';
import type { Deps } from './deps.js';
import { findOne } from './directory.js';
import { whenIs } from './moments.js';
import { naming, sayNaming } from './open-runs.js';
import { approvers } from './people.js';
import { Recogniser } from './recognise.js';
import { rulesUsed } from './rules.js';
import { SuccessorBook } from './successors.js';

export interface MakePlanInput {
  offboardingId: string;
  /** Temporal run id: a reset run makes plans of its own. */
  runId: string;
  revision: number;
  leaverId: string;
  order: Order;
  accounts: SystemAccounts[];
  /** What `look` found, per system. */
  inventories: { system: string; inventory: CategoryInventory[]; coverage?: Covered }[];
  acknowledgements: Record<string, Acknowledgement>;
  /** Who asked, who amended since, and what is known of them: they do not approve it. */
  cause: Cause;
}

export interface MadePlan {
  /** In outline; the store has all of it. Null when the findings leave nothing to plan with. */
  plan: Plan | null;
  findings: Finding[];
  /** Acknowledged categories that hold keys nobody has seen. */
  reopened: string[];
}

export async function makePlan(deps: Deps, input: MakePlanInput): Promise<MadePlan> {
  // A second attempt answers with the plan that the first one stored, whatever the world looks like by now.
  const made = await deps.store.plans.made(input.offboardingId, input.runId, input.revision);
  if (made) return announce(deps, input, made);

  const { offboardingId, revision } = input;
  const found = await findOne(deps, `id:${input.leaverId}`);
  if ('sentence' in found) {
    const missing: Finding = { code: 'account-missing', system: null, step: null, message: found.sentence };
    return { plan: null, findings: [missing], reopened: [] };
  }
  const leaver = found.person;
  const order = await fullOrder(deps, input.order);
  if ('code' in order) return { plan: null, findings: [order], reopened: [] };
  const { facts, catalogs } = await gather(deps, input, order, leaver);
  const draft = draftOf(facts);
  const manifest = await deps.store.plans.manifest(offboardingId);
  const book = new SuccessorBook(
    deps,
    leaver,
    offboardingId,
    {},
    await deps.store.plans.named(offboardingId),
  );
  const steps: PlanStep[] = [];
  const findings = [...draft.findings];
  const notes = draft.systems.flatMap(sayUndone);
  for (const step of draft.steps) {
    showProgress({ planning: step.id });
    const filled = await fill(deps, { input, order, draft: step, leaver, book, manifest });
    steps.push(await withBombs(deps, input, filled.step));
    findings.push(...filled.findings);
    notes.push(...(filled.notes ?? []));
  }
  const foreseen = await foreseeAll(deps, input.accounts, steps);
  notes.push(...foreseen.notes);
  findings.push(...foreseen.findings, ...unknownNames(facts, steps));
  findings.push(...(await misfitsOf(deps, input.accounts, findings)));
  if (draft.mode !== 'preview') findings.push(...(await approversMissing(deps, input.cause, steps)));
  if (findings.length > 0) return { plan: null, findings, reopened: [] };
  if (foreseen.steps.some(step => step.phase === 'deactivate'))
    notes.push(...(await naming(deps, leaver.id, offboardingId)).map(sayNaming));
  const before = await deps.store.plans.before(offboardingId, revision);
  const overridesDigest = sha256(canonicalJson(order.overrides ?? {}));
  const { policy, standing, zone } = await deps.rules();
  const given = {
    offboardingId,
    revision,
    manifest,
    leaver,
    order,
    ...datesOf(order, zone),
    policy,
    overridesDigest,
    named: Object.fromEntries(Object.entries(book.named).sort()),
    notes,
    rules: rulesUsed(standing, steps, order, leaver.team),
  };
  const next = planFrom(given, {
    ...draft,
    steps: foreseen.steps,
    systems: withDangers(draft.systems, foreseen.dangers),
  });
  notes.push(...actsBefore(steps, movesAt(next)));
  const changes = before ? changeNotes(before, next) : [];
  const plan = await deps.store.plans.save({ ...next, notes: [...changes, ...notes] }, input.runId, catalogs);
  return announce(deps, input, plan);
}

type Dates = Pick<Given, 'effectiveAt' | 'handoverAt' | 'giveBackAt'>;

function datesOf(order: Pick<Order, 'effectiveAt' | 'handoverAt' | 'giveBackAt'>, zone: string): Dates {
  const dates = departureOf(order, zone);
  if (order.giveBackAt === undefined) return { ...dates, giveBackAt: null };
  const back = mustBe(order.giveBackAt, zone);
  const moves = dates.handoverAt ?? dates.effectiveAt;
  const isEarly = moves !== null && moves !== 'approval' && back.at <= moves.at;
  if (isEarly)
    throw new HandoverFailure(
      'rejected',
      `Items would be given back (${back.says}) before they move (${moves.says}): send "amend" with other dates.`,
    );
  if (Date.parse(back.at) <= Date.now())
    throw new HandoverFailure(
      'rejected',
      `Items would be given back at a moment that is over (${back.says}): send "amend" with another "giveBackAt".`,
    );
  return { ...dates, giveBackAt: back };
}

function departureOf(
  { effectiveAt, handoverAt }: Pick<Order, 'effectiveAt' | 'handoverAt'>,
  zone: string,
): Omit<Dates, 'giveBackAt'> {
  const ends = effectiveAt === undefined ? null : mustBe(effectiveAt, zone);
  if (handoverAt === undefined) return { effectiveAt: ends, handoverAt: null };
  if (handoverAt === 'now') return { effectiveAt: ends, handoverAt: ends === null ? null : 'approval' };
  const moves = mustBe(handoverAt, zone);
  if (ends && moves.at > ends.at)
    throw new HandoverFailure(
      'rejected',
      `Items would move (${moves.says}) after access ends (${ends.says}): send "amend" with other dates.`,
    );
  // Without an end of its own, access ends once everything has moved.
  return { effectiveAt: ends ?? moves, handoverAt: ends === null ? null : moves };
}

/** Whoever wrote it was told where nobody can place it; a configuration, or a Node.js, may have changed since. */
function mustBe(text: string, zone: string): When {
  const when = whenIs(text, zone);
  if ('problem' in when)
    throw new HandoverFailure('rejected', `${when.problem}; send "amend" with another date.`);
  return when;
}

/** What `check` says against a catalog is never planned with; nothing is said a second time. */
async function misfitsOf(
  deps: Deps,
  accounts: readonly SystemAccounts[],
  said: readonly Finding[],
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const { system, accounts: there } of accounts) {
    const connector = await deps.systems.get(system);
    if (existing(there).length === 0 || !connector.misfits) continue;
    for (const { where, message } of await connector.misfits(whenAbandoned())) {
      if (said.some(one => one.message.includes(message))) continue;
      const sentence = `${connector.title}: ${where}: ${message}`;
      findings.push({ code: 'catalog-misfit', system, step: null, message: sentence });
    }
  }
  return findings;
}

/** What the steps do besides, asked of each system once. */
async function foreseeAll(
  deps: Deps,
  accounts: readonly SystemAccounts[],
  steps: readonly PlanStep[],
): Promise<{
  steps: PlanStep[];
  findings: Finding[];
  notes: string[];
  dangers: Record<string, Danger[]>;
}> {
  const found = new Map<string, Foresight>();
  const dangers: Record<string, Danger[]> = {};
  for (const { system } of accounts) {
    const connector = await deps.systems.get(system);
    const doing = orderSteps(withMembershipEdges(steps)).filter(
      step =>
        step.system === system &&
        (step.phase === 'deactivate' || (isEffect(step) && step.baseline.count > 0)),
    );
    const there = accountsIn(accounts, system);
    if (existing(there).length === 0) continue;
    const works = doing.map(foreseen);
    if (connector.foresee && doing.length > 0) {
      const foresights = await connector.foresee(there, works, whenAbandoned());
      for (const [n, step] of doing.entries()) found.set(step.id, foresights[n]!);
    }
    const danger = (await connector.dangers?.(there, works, whenAbandoned())) ?? [];
    if (danger.length > 0) dangers[system] = danger;
  }
  const all = steps.map(step => withForesight(step, found.get(step.id)));
  return {
    steps: all.map(one => one.step),
    findings: all.flatMap(one => one.findings),
    notes: all.flatMap(one => one.notes),
    dangers,
  };
}

function foreseen(step: PlanStep): Foreseen {
  if (step.phase === 'deactivate') return { kind: 'access', verb: 'deactivate' };
  const { category, do: does, successors } = step;
  return { kind: 'batch', category, do: does as Batch['do'], takers: successors.map(one => one.value) };
}

/** Who can approve is counted when the plan is made: nobody waits for weeks for people who do not exist. */
async function approversMissing(deps: Deps, cause: Cause, steps: PlanStep[]): Promise<Finding[]> {
  const known = await approvers(deps);
  const { policy } = await deps.rules();
  const message = tooFew(known, cause, { steps }, policy);
  return message ? [{ code: 'approvers-missing', system: null, step: null, message }] : [];
}

/** The order with its overrides as the store holds them under their digest, or that it has none. */
async function fullOrder(deps: Deps, { overrides, ...order }: Order): Promise<FullOrder | Finding> {
  if (typeof overrides !== 'string') return { ...order, overrides };
  const stored = await deps.store.overrides.find(digestIn(overrides));
  return stored ? { ...order, overrides: stored } : overridesMissing(overrides);
}

async function gather(
  deps: Deps,
  { accounts, inventories }: MakePlanInput,
  order: FullOrder,
  leaver: Person,
): Promise<{ facts: Facts; catalogs: Catalog[] }> {
  const systems: SystemFacts[] = [];
  const catalogs: Catalog[] = [];
  const recogniser = new Recogniser(deps, leaver);
  for (const { system, accounts: there, others, warnings } of accounts) {
    const connector = await deps.systems.get(system);
    catalogs.push({ system, digest: connector.catalogDigest, body: connector.catalogBody });
    const looked = inventories.find(one => one.system === system);
    systems.push({
      system: connector.system,
      title: connector.title,
      catalog: connector.catalogDigest,
      categories: connector.categories,
      blockedBy: connector.access.block,
      switchedOffBy: connector.access.deactivate,
      byHand: connector.byHand?.deactivate,
      undone: connector.undone ?? [],
      accounts: there,
      others: others ?? [],
      warnings: warnings ?? [],
      accountExpected: existing(there).length > 0 || (await mayBeAbsent(connector, recogniser)),
      inventory: looked?.inventory ?? [],
      coverage: looked?.coverage,
    });
  }
  const { names: configured, directory } = deps.systems;
  const { policy } = await deps.rules();
  return { facts: { order, configured, directory, policy, systems }, catalogs };
}

async function mayBeAbsent(connector: Connector, recogniser: Recogniser): Promise<boolean> {
  const resolution = await recogniser.in(connector, {});
  return resolution.kind === 'absent' && resolution.expected;
}

interface Filling {
  input: MakePlanInput;
  order: FullOrder;
  draft: PlanStep;
  leaver: Person;
  book: SuccessorBook;
  manifest: string;
}

/** A step with the moments at which its items act by themselves; also where they are kept. */
async function withBombs(deps: Deps, input: MakePlanInput, step: PlanStep): Promise<PlanStep> {
  if (step.firesAt === null || step.phase === 'deactivate') return step;
  const connector = await deps.systems.get(step.system);
  const options = { after: new Date().toISOString(), hours: MOST_HOURS };
  const accounts = accountsIn(input.accounts, step.system);
  const bombs = (await connector.bombs?.(accounts, step.category, options, whenAbandoned())) ?? [];
  return bombs.length > 0 ? { ...step, bombs } : step;
}

/** Successors and manifest of one step. */
async function fill(
  deps: Deps,
  filling: Filling,
): Promise<{ step: PlanStep; findings: Finding[]; notes?: string[] }> {
  const { input, draft } = filling;
  if (draft.phase === 'keep' || draft.phase === 'deactivate') return { step: draft, findings: [] };
  const connector = await deps.systems.get(draft.system);
  const ruled =
    draft.do === 'transfer'
      ? await takeOver(deps, connector, filling)
      : { step: draft, findings: [], notes: [] };
  if (ruled.findings.length > 0) return ruled;
  const named = withOverrides(ruled.step, await namedOnes(connector, filling));
  const written =
    draft.baseline.count > 0
      ? await writeManifest(deps, connector, filling, named.step, named.overrides)
      : { step: named.step, findings: [], unmet: [...named.overrides.keys()] };
  // An override that an earlier plan has carried out is done, not a mistake.
  const { unmet, step } = written;
  const done =
    unmet.length > 0 ? await deps.store.manifests.everShown(input.offboardingId, step.id, unmet) : [];
  const never = unmet.filter(key => !done.includes(key));
  const findings = [...named.findings, ...written.findings, ...unheld(step, never)];
  return { step, findings, notes: ruled.notes };
}

async function takeOver(deps: Deps, connector: Connector, { order, draft, leaver, book }: Filling) {
  const { standing } = await deps.rules();
  const rule = ruleFor(draft, order, standing, leaver.team);
  return withTakers(
    draft,
    rule === null ? null : await book.resolve(connector, factsOf(connector, draft), rule),
  );
}

/** Those whom the request names for single items of a step. */
async function namedOnes(connector: Connector, { order, draft, book }: Filling): Promise<[ItemKey, Named][]> {
  const named: [ItemKey, Named][] = [];
  for (const [key, name] of Object.entries((order.overrides && own(order.overrides, draft.id)) ?? {}))
    named.push([
      key,
      draft.do === 'transfer' ? await book.taker(connector, factsOf(connector, draft), name) : NOBODY,
    ]);
  return named;
}

const NOBODY: Named = { refusal: 'Nobody takes anything over here.' };

function factsOf(connector: Connector, step: PlanStep) {
  return connector.categories.find(one => one.category === step.category)!;
}

/**
 * Writes the keys in pages, with a successor per key where one does not take all, and asks whether each may
 * own what they get.
 */
async function writeManifest(
  deps: Deps,
  connector: Connector,
  { input, book, manifest }: Filling,
  draft: PlanStep,
  overrides: ReadonlyMap<ItemKey, number>,
): Promise<{ step: PlanStep; findings: Finding[]; unmet: ItemKey[] }> {
  const accounts = accountsIn(input.accounts, draft.system);
  const attribute = draft.assignment.kind === 'match' ? draft.assignment.attribute : undefined;
  const shares = sharing(draft, overrides);
  const { policy } = await deps.rules();
  const options = {
    size: policy.batch,
    attribute,
    firstOf: takersInTurn(draft),
    expected: draft.baseline.count,
    signal: whenAbandoned(),
  };
  let number = 0;
  let written = 0;
  for await (const page of connector.pages(accounts, draft.category, options)) {
    const taken = shares.share(page, () => listOf(page.keys));
    await deps.store.manifests.write(manifest, draft.id, ++number, {
      ...page,
      assignment: taken && sharesOf(taken),
    });
    written += page.count;
    showProgress({ planning: draft.id, keys: written });
  }
  const { step, findings, unmet } = shares.finish();
  for (const [n, successor] of step.successors.entries()) {
    if (step.counts[n] === 0) continue;
    const refusal = await book.ineligible(connector, accounts, step.category, successor, shares.takenBy(n));
    if (refusal) findings.push(refusedTaker(step, refusal));
  }
  return { step, findings, unmet };
}

/** Says of a stored plan who takes over and that it was made; a second attempt says the same again. */
async function announce(deps: Deps, input: MakePlanInput, plan: Plan): Promise<MadePlan> {
  const outline = outlineOf(plan);
  const tooMuch = tooLarge(outline);
  if (tooMuch) return { plan: null, findings: [tooMuch], reopened: [] };
  const gains = plan.steps.map(
    step => [step.id, gaining(step).flatMap(successor => successor.personId ?? [])] as const,
  );
  await deps.store.runs.setSuccessors(
    input.offboardingId,
    Object.fromEntries(gains.filter(([, people]) => people.length > 0)),
  );
  await deps.store.audit.append(input.offboardingId, [
    {
      subject: `plan ${plan.digest}`,
      kind: 'planned',
      body: {
        revision: plan.revision,
        digest: plan.digest,
        steps: plan.steps.length,
        // Which pages lie behind the plan: who takes which item stands in them alone.
        sealed: (await deps.store.manifests.seals(input.offboardingId)).find(
          ({ manifest }) => manifest === plan.manifest,
        ),
      },
    },
  ]);
  return { plan: outline, findings: [], reopened: await reopenedSubjects(deps, input, plan) };
}

/** Acknowledgements survive revisions; only keys that nobody has seen re-open one. */
async function reopenedSubjects(deps: Deps, input: MakePlanInput, plan: Plan): Promise<string[]> {
  const reopened: string[] = [];
  for (const step of plan.steps) {
    const acknowledged = input.acknowledgements[step.id];
    const accounts = accountsIn(input.accounts, step.system);
    if (step.phase !== 'manual' || !acknowledged || accounts.length === 0 || step.baseline.count === 0)
      continue;
    const connector = await deps.systems.get(step.system);
    const shown = acknowledged.frozen
      ? { frozen: acknowledged.frozen }
      : { manifest: acknowledged.manifest, step: step.id };
    const { arrived } = await deps.store.manifests.drift(
      shown,
      connector.pages(accounts, step.category, {
        size: plan.policy.batch,
        expected: step.baseline.count,
        signal: whenAbandoned(),
      }),
    );
    if (arrived > 0) reopened.push(step.id);
  }
  return reopened;
}
