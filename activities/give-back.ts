/**
 * Gives back what a cover still holds: plans it by reading who has what, and carries the approved plan out by
 * the inverse of each effect (`restore`), compare-and-set on what that effect wrote. What somebody else has
 * by now stays with them. May run twice at any point, or two attempts at once.
 */
import { activityInfo } from '@temporalio/activity';
import type { CategoryFacts, Connector } from '../connectors/connector.js';
import { accountsIn, existing } from '../domain/accounts.js';
import { listed } from '../domain/certificate.js';
import type { Batch, Mark } from '../domain/effect.js';
import { HandoverFailure } from '../domain/failure.js';
import type { BackPlan, GiveBackInput, GiveBackOutcome, Returned } from '../domain/give-back.js';
import type { Account, ItemKey, Person, Successor } from '../domain/model.js';
import type { When } from '../domain/moment.js';
import type { GivenFrom, Holding, Plan, PlanStep } from '../domain/plan.js';
import type { AuditEntry } from '../store/audit.js';
import { keysOf, listOf, numbersOf, sharesOf } from '../store/keys.js';
import type { Receipt } from '../store/ledger.js';
import type { OpenPage } from '../store/manifests.js';
import type { Catalog } from '../store/plans.js';
import { brokenOff, outOfPatience, scheduled, showProgress, stopping, whenAbandoned } from './attempt.js';
import type { Deps } from './deps.js';
import { findOne } from './directory.js';
import { giveBack, settle, settleAll } from './effects.js';
import { freshly } from './freshly.js';
import { planOf } from './look.js';
import { whenIs } from './moments.js';
import { beginSteps, finishSteps, leaving } from './open-runs.js';
import { type Ended, openAfter } from './ownership.js';
import { accountsMoved, leaverNow, Recogniser } from './recognise.js';

/** A give-back as its activities know it. */
type Named = GiveBackInput & { workflowId: string };

/** Opens the give-back, or says why not. */
export async function openGiveBack(
  deps: Deps,
  { workflowId, first, ...input }: Named & { first: string },
): Promise<{ refused: string | null }> {
  return { refused: await openAfter(deps, 'give-back', input.giveBackId, { workflowId, first }, input) };
}

/** When a moment is that somebody has written. */
export async function placeMoment(
  deps: Deps,
  { text }: { text: string },
): Promise<When | { problem: string }> {
  return whenIs(text, (await deps.rules()).zone);
}

export interface PlanGiveBackInput extends Named {
  /** Temporal run id. */
  runId: string;
  revision: number;
}

export type PlannedGiveBack =
  /** Whoever was away does not come back. */
  | { kind: 'not-back'; sentence: string }
  /** Something must be mended first. */
  | { kind: 'problem'; sentence: string }
  /** `back`: null = the cover holds nothing any more; `holdings` says why. */
  | { kind: 'planned'; back: BackPlan | null; holdings: Holding[] };

/** What the cover still holds, as a plan of its own with the keys behind it. */
export async function planGiveBack(deps: Deps, input: PlanGiveBackInput): Promise<PlannedGiveBack> {
  const { store } = deps;
  const { giveBackId, offboardingId, revision, runId } = input;
  await notOver(deps, giveBackId);
  const approved = await planOf(deps, input.plan);
  const away = await notBack(deps, approved, offboardingId);
  if (away !== null) return { kind: 'not-back', sentence: away };
  await settleAll(deps, offboardingId, true);
  await settleAll(deps, giveBackId);
  const effects = await effectsOf(deps, offboardingId);
  const given = await givenBy(deps, giveBackId);
  const problems = await problemsIn(deps, approved, [
    ...new Set([...effects.values()].map(one => one.step.system)),
  ]);
  if (problems.length > 0) return { kind: 'problem', sentence: problems.join(' ') };
  const manifest = await store.plans.manifest(giveBackId);
  const steps: PlanStep[] = [];
  const holdings: Holding[] = [];
  const from: Record<string, GivenFrom[]> = {};
  const holders: Record<string, Successor[]> = {};
  const catalogs = new Map<string, Catalog>();
  for (const { step, receipts } of effects.values()) {
    const connector = await deps.systems.get(step.system);
    const facts = connector.categories.find(one => one.category === step.category);
    if (!facts) {
      const sentence = `The catalog of ${connector.title} has no category "${step.category}" any more: nobody can say what of it is still held.`;
      return { kind: 'problem', sentence };
    }
    catalogs.set(step.system, {
      system: step.system,
      digest: connector.catalogDigest,
      body: connector.catalogBody,
    });
    const before = given.get(step.id) ?? NOTHING;
    const written = await hold(deps, { connector, facts, step, receipts, given: before, manifest, approved });
    holdings.push(written.holding);
    if (written.from.length === 0) continue;
    from[step.id] = written.from;
    holders[step.id] = step.successors;
    steps.push(returning(step, approved, written.holding.count));
  }
  if (steps.length === 0) return { kind: 'planned', back: null, holdings };
  const ids = steps.map(({ id }) => id);
  const { digest: _, ...rest } = approved;
  const next: Omit<Plan, 'digest'> = {
    ...rest,
    offboardingId: giveBackId,
    revision,
    manifest,
    systems: approved.systems.map(one => ({
      ...one,
      catalog: catalogs.get(one.system)?.digest ?? one.catalog,
    })),
    steps: steps.map(step => ({ ...step, after: step.after.filter(id => ids.includes(id)) })),
    notes: [`Gives back what the cover of the plan ${approved.digest} still holds.`],
    givesBack: { of: approved.digest, from, holders, holdings },
  };
  const plan = await store.plans.save(next, runId, [...catalogs.values()]);
  await store.audit.append(giveBackId, [
    {
      subject: `plan ${plan.digest}`,
      kind: 'planned',
      body: {
        revision,
        digest: plan.digest,
        of: approved.digest,
        steps: plan.steps.length,
        sealed: (await store.manifests.seals(giveBackId)).find(one => one.manifest === plan.manifest),
      },
    },
  ]);
  const shown = plan.givesBack!.holdings;
  return { kind: 'planned', back: { digest: plan.digest, revision, holdings: shown }, holdings: shown };
}

/** A give-back that was reset after its end does nothing more: what it did is told. */
async function notOver({ store }: Deps, giveBackId: string): Promise<void> {
  const { entries } = await store.audit.read(giveBackId);
  if (entries.some(({ kind }) => kind === ENDED))
    throw new HandoverFailure('rejected', 'This give-back is over, and its end is written down.');
}

/** Why whoever was away does not come back, as a sentence; null = they do. */
async function notBack(deps: Deps, { leaver }: Plan, offboardingId: string): Promise<string | null> {
  const found = await findOne(deps, `id:${leaver.id}`);
  if ('sentence' in found) return `${leaver.name} is not in the directory any more: nothing is given back.`;
  const { person } = found;
  if (!person.active) return `${person.name} is not active in the directory: nothing is given back.`;
  const isLeaving = (await leaving(deps, [person], offboardingId)).size > 0;
  return isLeaving ? `${person.name} is being offboarded: nothing is given back.` : null;
}

/** What keeps items from being given to them, as sentences: who they are there is found out again. */
async function problemsIn(deps: Deps, plan: Plan, systems: readonly string[]): Promise<string[]> {
  const problems: string[] = [];
  const now = await leaverNow(deps, plan);
  for (const system of systems) {
    const connector = await deps.systems.get(system);
    problems.push(...(await accountsMoved(connector, plan, now)));
    for (const account of existing(accountsIn(plan.accounts, system))) {
      const read = await connector.readAccount(account, whenAbandoned()).catch((error: unknown) => {
        if (error instanceof HandoverFailure && error.kind === 'rejected') return null;
        throw error;
      });
      if (read && (!read.active || read.blocked))
        problems.push(
          `${connector.title}: the account of ${plan.leaver.name} is ${read.active ? 'blocked' : 'not active'}.`,
        );
    }
  }
  return problems;
}

interface Effects {
  step: PlanStep;
  /** Newest first. */
  receipts: Receipt[];
}

/** What the run before has changed, by step, in the order of its plan. */
async function effectsOf({ store }: Deps, offboardingId: string): Promise<Map<string, Effects>> {
  const plans = (await store.plans.all(offboardingId)).map(({ plan }) => plan).reverse();
  const effects = new Map<string, Effects>();
  const receipts = (await store.ledger.all(offboardingId)).filter(
    ({ state, effect, did }) =>
      state === 'done' && effect !== null && effect.changed > 0 && (did === 'transfer' || did === 'remove'),
  );
  const known = new Set(plans.map(({ manifest }) => manifest));
  const orphan = receipts.find(({ manifest }) => !known.has(manifest));
  if (orphan)
    throw new HandoverFailure(
      'rejected',
      `The plan behind the receipt of ${orphan.step} page ${orphan.page} is missing, or was changed since: nobody can say what it was about. "handover audit" names it.`,
    );
  for (const step of plans.flatMap(({ steps }) => steps)) {
    const its = receipts.filter(one => one.step === step.id);
    if (its.length > 0 && !effects.has(step.id)) effects.set(step.id, { step, receipts: its.reverse() });
  }
  return effects;
}

/** Step → keys that an earlier plan of this give-back has brought back: what has moved on since stays there. */
async function givenBy(deps: Deps, giveBackId: string): Promise<Map<string, Set<ItemKey>>> {
  const given = new Map<string, Set<ItemKey>>();
  for (const receipt of await deps.store.ledger.all(giveBackId)) {
    if (receipt.state !== 'done') continue;
    const { keys, excepted } = await partOf(deps, receipt);
    const known = given.get(receipt.step) ?? new Set();
    for (const key of keys) if (!excepted.has(key)) known.add(key);
    given.set(receipt.step, known);
  }
  return given;
}

const NOTHING: ReadonlySet<ItemKey> = new Set();

interface Holder {
  connector: Connector;
  facts: CategoryFacts;
  step: PlanStep;
  receipts: readonly Receipt[];
  /** What is given back already. */
  given: ReadonlySet<ItemKey>;
  manifest: string;
  approved: Plan;
}

const MOVED_ON = 'somebody else has it by now, or it is closed or gone';
const THERE_AGAIN = 'it is there again already';

/** Writes the keys of one step that are still as the run left them, a page for each of its receipts. */
async function hold(
  deps: Deps,
  { connector, facts, step, receipts, given, manifest, approved }: Holder,
): Promise<{ holding: Holding; from: GivenFrom[] }> {
  const theirs = await keysHeld(connector, facts.category, accountsIn(approved.accounts, step.system));
  const held = new Map<string, Promise<Set<ItemKey>>>();
  const heldBy = (value: string): Promise<Set<ItemKey>> => {
    const known = held.get(value) ?? keysOfTaker(deps, connector, facts, step, value);
    held.set(value, known);
    return known;
  };
  const seen = new Set<ItemKey>();
  const from: GivenFrom[] = [];
  const holders = new Map<string, number>();
  const stays = new Map<string, number>();
  const more = (counts: Map<string, number>, name: string): void =>
    void counts.set(name, (counts.get(name) ?? 0) + 1);
  for (const receipt of receipts) {
    const part = await partOf(deps, receipt);
    const merged =
      receipt.did === 'transfer' && receipt.effect!.merged > 0 ? await imagedBy(deps, receipt) : null;
    const back: { key: ItemKey; owner: number }[] = [];
    for (const [n, key] of part.keys.entries()) {
      // A later effect's word on an item replaces an earlier one's.
      if (seen.has(key) || part.excepted.has(key)) continue;
      seen.add(key);
      const value = receipt.takers[part.takers?.[n] ?? 0] ?? null;
      if (theirs.has(key)) more(stays, THERE_AGAIN);
      // Whoever has it by now was given it since.
      else if (given.has(key)) more(stays, MOVED_ON);
      // What has no owner, or was taken away, is compared when it is given back.
      else if (
        receipt.did === 'remove' ||
        value === null ||
        merged?.has(key) ||
        (await heldBy(value)).has(key)
      ) {
        back.push({ key, owner: part.owners?.[n] ?? 0 });
        more(holders, receipt.did === 'remove' ? 'nobody' : labelOf(step, value));
      } else more(stays, MOVED_ON);
    }
    showProgress({ planning: step.id, keys: seen.size });
    if (back.length === 0) continue;
    from.push({ manifest: receipt.manifest, page: receipt.page, part: receipt.part });
    await deps.store.manifests.write(manifest, step.id, from.length, {
      keys: keysOf(back.map(({ key }) => key)),
      count: back.length,
      order: 'none',
      low: null,
      high: null,
      fingerprint: '',
      assignment: part.owners && sharesOf(back.map(({ owner }) => owner)),
    });
  }
  const count = [...holders.values()].reduce((sum, one) => sum + one, 0);
  const holding: Holding = {
    step: step.id,
    system: step.system,
    title: step.title,
    from: [...holders].map(([label, n]) => ({ label, count: n })),
    count,
    stays: [...stays].map(([why, n]) => ({ why, count: n })),
  };
  return { holding, from };
}

/** Keys of an effect one by one, with who took each and whose it was. */
interface Part {
  keys: ItemKey[];
  takers: number[] | null;
  owners: number[] | null;
  excepted: Set<ItemKey>;
}

async function partOf({ store }: Deps, receipt: Receipt): Promise<Part> {
  const part = await store.manifests.part(receipt);
  if (!part)
    throw new HandoverFailure(
      'rejected',
      `The receipt of ${receipt.step} page ${receipt.page} has no page in its manifest: nobody can say what it was about.`,
    );
  return {
    keys: listOf(part.keys),
    takers: part.assignment && numbersOf(part.assignment),
    owners: receipt.owners.perKey && numbersOf(receipt.owners.perKey),
    excepted: new Set(receipt.effect!.exceptions.map(({ key }) => key)),
  };
}

/** Keys whose rows an effect took away because the successor held the same thing already. */
async function imagedBy({ store }: Deps, { images }: Receipt): Promise<Set<ItemKey>> {
  const before = images === null ? [] : await store.ledger.before(images);
  return new Set(before.flatMap(image => (image as { key?: ItemKey } | null)?.key ?? []));
}

function labelOf({ successors }: PlanStep, value: string | null): string {
  return successors.find(one => one.value === value)?.label ?? (value === null ? 'nobody' : `"${value}"`);
}

async function keysHeld(
  connector: Connector,
  category: string,
  accounts: readonly Account[],
): Promise<Set<ItemKey>> {
  const keys = new Set<ItemKey>();
  for await (const page of connector.pages(accounts, category, { size: 10_000, signal: whenAbandoned() }))
    for (const key of listOf(page.keys)) keys.add(key);
  return keys;
}

/** What whoever took over holds now under the value that was written. */
async function keysOfTaker(
  deps: Deps,
  connector: Connector,
  { category, identity }: CategoryFacts,
  { successors }: PlanStep,
  value: string,
): Promise<Set<ItemKey>> {
  const personId = successors.find(one => one.value === value)?.personId ?? null;
  const account = personId === null ? null : await accountOf(deps, connector, personId, identity, value);
  const asked: Account = {
    active: true,
    blocked: false,
    ...account,
    // Only what was written counts: what they hold under another value is their own.
    identities: { ...account?.identities, [identity]: [value] },
  };
  return keysHeld(connector, category, [asked]);
}

/** Their account with this value; null where nobody can tell, as of somebody who has left. */
async function accountOf(
  deps: Deps,
  connector: Connector,
  personId: string,
  identity: string,
  value: string,
): Promise<Account | null> {
  const found = await findOne(deps, `id:${personId}`);
  if ('sentence' in found) return null;
  const there = await new Recogniser(deps, found.person).in(connector, {});
  if (there.kind !== 'found') return null;
  return there.accounts.accounts.find(one => one.identities[identity]?.includes(value)) ?? null;
}

/** A step of the plan before, the other way round. */
function returning(step: PlanStep, { leaver }: Plan, count: number): PlanStep {
  return {
    ...step,
    baseline: { count, fingerprint: '' },
    rule: 'as it was before the cover',
    successors: [takerOf(leaver)],
    assignment: { kind: 'one' },
    pool: 1,
    counts: [count],
    overrides: 0,
  };
}

function takerOf({ id, name, human }: Pick<Person, 'id' | 'name' | 'human'>): Successor {
  return { kind: 'person', personId: id, human, label: name, value: null };
}

export interface ReturnStepsInput {
  giveBackId: string;
  /** The cover that it comes after. */
  offboardingId: string;
  /** Digest of the approved plan of the give-back. */
  plan: string;
  system: string;
  steps: string[];
}

/** An activity answers after this long, so that the workflow shows progress and takes up messages. */
const SLICE_MS = 3 * 60_000;

/** Gives back what the plan names in one system, as far as it comes in one slice, and looks whether it is there. */
export async function returnSteps(
  deps: Deps,
  input: ReturnStepsInput,
): Promise<{ steps: Record<string, Returned> }> {
  await notOver(deps, input.giveBackId);
  const plan = await planOf(deps, input.plan);
  const connector = await deps.systems.get(input.system);
  const until = Date.now() + SLICE_MS;
  const steps: Record<string, Returned> = {};
  const problemNow = freshly(() => problemWith(deps, plan, connector, input.offboardingId));
  const taker = takerOf(plan.leaver);
  const refused = await beginSteps(
    deps,
    plan.offboardingId,
    input.steps.map(id => ({ id, takers: [taker] })),
  );
  for (const id of input.steps) {
    const step = plan.steps.find(one => one.id === id);
    if (!step) throw new HandoverFailure('rejected', `Plan ${plan.revision} has no step "${id}".`);
    const returning: Returning = { connector, plan, step, until, problemNow };
    try {
      steps[id] =
        refused[id] === undefined
          ? await returnStep(deps, returning)
          : await returned(deps, returning, 'failed', refused[id]);
    } catch (error) {
      // One step's hopeless failure must not take its neighbours' results with it.
      const isHopeless = error instanceof HandoverFailure && outOfPatience(error.kind, deps.patience);
      if (!isHopeless || brokenOff(error)) throw error;
      steps[id] = await returned(deps, returning, 'failed', error.message);
    }
    if (steps[id].state === 'unfinished') break;
  }
  const ended = Object.entries(steps).filter(([, { state }]) => state !== 'unfinished');
  await finishSteps(
    deps,
    plan.offboardingId,
    Object.fromEntries(ended.map(([id, { state }]) => [id, state])),
  );
  return { steps };
}

/** Why nothing may go back in this system by now, as a sentence; null = it may. */
async function problemWith(
  deps: Deps,
  plan: Plan,
  { system, title, catalogDigest }: Connector,
  offboardingId: string,
): Promise<string | null> {
  if (plan.systems.find(one => one.system === system)?.catalog !== catalogDigest)
    return `The catalog of ${title} has changed since this plan was made: send "retry" to have it planned again.`;
  const away = await notBack(deps, plan, offboardingId);
  if (away !== null) return away;
  const problems = await problemsIn(deps, plan, [system]);
  return problems.length > 0 ? `${problems.join(' ')} Mend it and send "retry".` : null;
}

interface Returning {
  connector: Connector;
  plan: Plan;
  step: PlanStep;
  until: number;
  /** See `problemWith`: weeks may lie between the plan and its approval. */
  problemNow: () => Promise<string | null>;
}

async function returnStep(deps: Deps, returning: Returning): Promise<Returned> {
  const { connector, plan, step, problemNow } = returning;
  const { ledger, manifests } = deps.store;
  const id = { manifest: plan.manifest, step: step.id };
  for (const owed of await ledger.intended(plan.manifest, [step.id])) await settle(deps, connector, owed);
  const done: Mark[] = [];
  let stopped = false;
  try {
    for (const page of await manifests.open(plan.manifest, step.id)) {
      stopped = stopping() || Date.now() > returning.until;
      if (stopped) break;
      const problem = await problemNow();
      if (problem !== null) throw new HandoverFailure('rejected', problem);
      await returnPage(deps, returning, page, done);
      showProgress({ givingBack: step.id, page: page.page });
    }
  } finally {
    for (const owed of await ledger.done(id, done)) await settle(deps, connector, owed);
  }
  return stopped ? returned(deps, returning, 'unfinished', null) : proved(deps, returning);
}

/** One page: what is left of one effect is given back by the inverse of that effect. */
async function returnPage(
  deps: Deps,
  { connector, plan, step }: Returning,
  page: OpenPage,
  done: Mark[],
): Promise<void> {
  const { ledger } = deps.store;
  const from = plan.givesBack!.from[step.id]![page.page - 1]!;
  const receipt = await ledger.find({ ...from, step: step.id });
  if (!receipt?.effect)
    throw new HandoverFailure(
      'rejected',
      `The effect behind ${step.id} page ${page.page} is not in the ledger.`,
    );
  const part = await partOf(deps, receipt);
  const places = new Map(part.keys.map((key, n) => [key, n] as const));
  const keys = listOf(page.keys);
  const at = keys.map(key => places.get(key)!);
  const facts = connector.categories.find(one => one.category === step.category)!;
  const work: Batch = {
    kind: 'batch',
    category: step.category,
    do: receipt.did as Batch['do'],
    accounts: receipt.accounts.map(identities => ({ identities, active: true, blocked: false })),
    keys: page.keys,
    count: page.count,
    takers: receipt.takers,
    assignment: part.takers && sharesOf(at.map(n => part.takers![n]!)),
  };
  const undoing = {
    work,
    owners: { values: receipt.owners.values, perKey: part.owners && sharesOf(at.map(n => part.owners![n]!)) },
    // What was purged is missing: the item says so.
    before: receipt.images === null ? [] : (await ledger.before(receipt.images)).filter(one => one !== null),
    effect: { ...receipt.effect, exceptions: [] },
  };
  const values = receipt.takers.filter(value => value !== null);
  const place = {
    offboarding: plan.offboardingId,
    manifest: plan.manifest,
    step: step.id,
    page: page.page,
    part: page.part,
    first: page.first,
  };
  await giveBack(deps, connector, undoing, [{ [facts.identity]: values }], place, done);
}

/** Reads whether everything is where the plan wants it, and says what is not. */
async function proved(deps: Deps, returning: Returning): Promise<Returned> {
  const { connector, plan, step } = returning;
  const { ledger, manifests } = deps.store;
  const accounts = accountsIn(plan.accounts, step.system);
  const pages = connector.pages(accounts, step.category, {
    size: plan.policy.batch,
    signal: whenAbandoned(),
  });
  const { departed } = await manifests.drift({ manifest: plan.manifest, step: step.id }, pages);
  const receipts = (await ledger.all(plan.offboardingId)).filter(
    one => one.manifest === plan.manifest && one.step === step.id && one.state === 'done',
  );
  const excepted = receipts.reduce((sum, { effect }) => sum + (effect?.exceptions.length ?? 0), 0);
  const missing = departed - excepted;
  if (missing > 0)
    return returned(
      deps,
      returning,
      'failed',
      `${missing} of ${step.title} (${step.id}) were given back, and are not ${plan.leaver.name}'s now.`,
    );
  const { failed, exceptions } = await ledger.totals(plan.offboardingId, step.id);
  const first = exceptions.find(({ kind }) => kind !== 'taken' && kind !== 'gone');
  return failed > 0
    ? returned(
        deps,
        returning,
        'failed',
        `${step.title} (${step.id}): ${failed} refused; ${first?.key}: ${first?.why}.`,
      )
    : returned(deps, returning, 'completed', null);
}

async function returned(
  { store }: Deps,
  { plan, step }: Returning,
  state: Returned['state'],
  message: string | null,
): Promise<Returned> {
  const totals = await store.ledger.totals(plan.offboardingId, step.id);
  const { changed, taken, gone } = totals;
  const failed = totals.failed + totals.ineligible + totals.locked;
  if (state !== 'unfinished') {
    const body = { step: step.id, state, message, changed, taken, gone, failed };
    const subject = `step ${step.id} ${plan.digest.slice(0, 12)} ${state}`;
    await store.audit.append(plan.offboardingId, [{ subject, kind: `step-${state}`, body }]);
  }
  return { state, message, changed, taken, gone, failed };
}

/** The kind of the last entry of its chain: every receipt that there is stands in it. */
const ENDED = 'given-back';

export interface EndGiveBackInput extends Pick<Named, 'giveBackId' | 'offboardingId' | 'workflowId'> {
  outcome: GiveBackOutcome | 'broken-off';
  sentence: string;
}

/** The give-back is over: nothing of it gets a receipt from here on. Answers the number of its addendum. */
export async function endGiveBack(deps: Deps, input: EndGiveBackInput): Promise<{ addendum: number }> {
  await deps.store.ledger.fence(input.giveBackId, scheduled());
  return tellReturned(deps, { ...input, runId: activityInfo().workflowExecution!.runId });
}

/**
 * The end of a give-back behind its fence, also of one that ran no code at it: an addendum to the certificate
 * of the cover says what became of it. Throws where a system does not say what became of an effect: whoever
 * asks again goes on from there.
 */
export async function tellReturned(
  deps: Deps,
  { giveBackId, offboardingId, workflowId, runId, outcome, sentence }: Ended<EndGiveBackInput>,
): Promise<{ addendum: number }> {
  const { archive, audit, ledger, manifests, plans, runs } = deps.store;
  await settleAll(deps, giveBackId);
  const receipts = (await ledger.all(giveBackId)).map(listed);
  const moved = receipts.reduce(
    (sum, { state, changed }) => sum + (state === 'done' ? (changed ?? 0) : 0),
    0,
  );
  const last = (await plans.all(giveBackId)).at(-1)?.plan ?? null;
  const steps = [];
  for (const { step, title } of last?.givesBack?.holdings ?? []) {
    const { changed, taken, gone, failed } = await ledger.totals(giveBackId, step);
    steps.push({ step, title, changed, taken, gone, failed });
  }
  const seals = await manifests.seals(giveBackId);
  const body = { outcome, sentence, plan: last?.digest ?? null, moved, steps, receipts, manifests: seals };
  const isEnd = ({ kind }: AuditEntry): boolean => kind === ENDED;
  // One that was reset after its end has done nothing more.
  if (!(await audit.read(giveBackId)).entries.some(isEnd))
    await audit.append(giveBackId, [{ subject: `${ENDED} ${runId}`, kind: ENDED, body }]);
  // What an earlier attempt has written is what counts.
  const { entries, head } = await audit.read(giveBackId);
  const told = entries.find(isEnd)!;
  const [certificate] = await archive.certificates(offboardingId);
  const addendum = await archive.addendum(
    offboardingId,
    {
      ...told.body,
      giveBack: giveBackId,
      workflow: workflowId,
      offboarding: offboardingId,
      certificate: certificate?.digest ?? null,
      giveBackChain: head,
    },
    one => one.giveBack === giveBackId,
  );
  const { number, digest } = addendum;
  await audit.append(offboardingId, [
    {
      subject: `addendum ${number} ${digest} ${giveBackId}`,
      kind: 'addendum',
      body: { number, digest, giveBack: giveBackId, moved: told.body.moved },
    },
  ]);
  await runs.close(giveBackId);
  return { addendum: number };
}
