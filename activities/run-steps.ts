/**
 * Runs steps of one system: moves the manifest's pages, two at a time, each effect with its receipt, and then
 * proves by a fresh look that nothing is left. May run twice at any point, or two attempts at once: pages
 * with a receipt are never touched again.
 *
 * What comes after a look (a further round, or a sentence for people) is decided in `domain/rounds.ts`.
 */
import type { Connector } from '../connectors/connector.js';
import { accountsIn } from '../domain/accounts.js';
import { type Bounds, boundsAfter, boundsOf } from '../domain/consequences.js';
import type { Batch, Mark, Sure } from '../domain/effect.js';
import { HandoverFailure } from '../domain/failure.js';
import type { KeySet, Shares } from '../domain/keys.js';
import type { Account, ItemException, ItemKey } from '../domain/model.js';
import { gaining, type Plan, type PlanStep, takersInTurn } from '../domain/plan.js';
import { NEW_PLAN } from '../domain/proof.js';
import {
  beyondSkip,
  firstRound,
  lateTakers,
  nextRound,
  sharesArrivals,
  takersOfArrivals,
} from '../domain/rounds.js';
import { joined, listOf, numbersOf, sharesOf } from '../store/keys.js';
import type { Receipt } from '../store/ledger.js';
import type { OpenPage, RoundSet } from '../store/manifests.js';
import { brokenOff, outOfPatience, showProgress, stopping, whenAbandoned } from './attempt.js';
import type { Deps } from './deps.js';
import { findOne } from './directory.js';
import { perform, settle } from './effects.js';
import { freshly } from './freshly.js';
import { planOf } from './look.js';
import { beginSteps, finishSteps } from './open-runs.js';
import { accountsMoved, leaverNow } from './recognise.js';
import { refusedSuccessors } from './successors.js';

export interface RunStepsInput {
  offboardingId: string;
  /** Digest of the approved plan. */
  plan: string;
  system: string;
  /** Step ids, in order. */
  steps: string[];
  /** How often an operator has sent `retry` for this plan. */
  retries: number;
  /** Frozen keys that approved skips waive, by step. */
  waived: Record<string, string>;
  /** Frozen keys that are left where they are although the step runs, by step; absent = none. */
  aside?: Record<string, string>;
}

export interface StepResult {
  state: 'completed' | 'failed' | 'not-run' | 'unfinished';
  message: string | null;
  changed: number;
  taken: number;
  gone: number;
  failed: number;
  arrived: number;
  remaining: number;
  leftover: { digest: string; count: number; sample: string[] } | null;
  exceptions: ItemException[];
  /** How it is known what became of its effects. */
  evidence: Sure | null;
}

export interface StepsResult {
  steps: Record<string, StepResult>;
}

/**
 * Two connections keep the target busy while the record of the last batch is written. One takes pages from
 * the front and one from the back, so that they work in different places of the target's indexes: side by
 * side on neighbouring pages, PostgreSQL looks over and over for index entries to delete, and the same
 * million items take half as long again (measured, bench/README.md).
 */
const LANES: readonly ((pages: OpenPage[]) => OpenPage | undefined)[] = [
  pages => pages.shift(),
  pages => pages.pop(),
];
/** An activity answers after this long, so that the workflow shows progress and takes up messages. */
const SLICE_MS = 3 * 60_000;

export async function runSteps(deps: Deps, input: RunStepsInput): Promise<StepsResult> {
  const { plan, runs } = await runningSteps(deps, input);
  const results: Record<string, StepResult> = {};
  try {
    await runEach(deps, input, plan, runs, results);
  } catch (error) {
    if (!brokenOff(error)) throw error;
    // The target may not answer at all. What is written down says how far this came; what of it is still in
    // doubt is settled by whoever comes next.
    for (const running of runs) results[running.step.id] ??= await soFar(running);
  }
  await conclude(deps, plan, input.retries, results);
  return { steps: results };
}

async function runEach(
  deps: Deps,
  input: RunStepsInput,
  plan: Plan,
  runs: readonly Running[],
  results: Record<string, StepResult>,
): Promise<void> {
  const moved = await runs[0]!.slice.moved();
  const starting = runs.map(({ step }) => ({ id: step.id, takers: gaining(step) }));
  const objections = await beginSteps(deps, input.offboardingId, starting);
  const owed = await deps.store.ledger.intended(plan.manifest, input.steps);
  for (const running of runs) {
    const { step } = running;
    const { id } = step;
    const before = step.after.find(other => results[other] && results[other].state !== 'completed');
    const objection = moved ?? (running.waived === null ? objections[id] : undefined);
    try {
      if (before) results[id] = await notRun(running, before);
      else if (objection) results[id] = await failed(running, objection);
      else {
        await settleAll(running, owed);
        results[id] = await runStep(running);
      }
    } catch (error) {
      const final = error instanceof HandoverFailure && outOfPatience(error.kind, deps.patience);
      if (!final || brokenOff(error)) throw error;
      // One step's hopeless failure must not take its neighbours' results with it.
      results[id] = await failed(running, error.message);
    }
    if (results[id].state === 'unfinished') break;
  }
}

/** Steps that the run is through with are struck off the register, and the trail says how they ended. */
async function conclude(
  deps: Deps,
  { offboardingId, digest }: Plan,
  retries: number,
  results: Readonly<Record<string, StepResult>>,
): Promise<void> {
  const ended = Object.entries(results).filter(([, { state }]) => state !== 'unfinished');
  const states = Object.fromEntries(ended.map(([id, { state }]) => [id, state]));
  await finishSteps(deps, offboardingId, states);
  const entries = ended.map(([step, result]) => ({
    subject: `step ${step} ${digest.slice(0, 12)}.${retries} ${result.state}`,
    kind: `step-${result.state}`,
    body: { step, ...result },
  }));
  if (entries.length > 0) await deps.store.audit.append(offboardingId, entries);
}

/**
 * What has become of these steps, where nobody lived to tell: a worker died while the run was to stop, and
 * what is to stop is not tried again. Settles what was under way and looks; changes nothing in the target.
 */
export async function stepsSoFar(deps: Deps, input: RunStepsInput): Promise<StepsResult> {
  const { plan, runs } = await runningSteps(deps, input);
  const results: Record<string, StepResult> = {};
  for (const running of runs) {
    const { id } = running.step;
    await settleAll(running, await intendedOf(running));
    const left =
      (running.waived ?? running.aside) ? await leftKeys(running) : { count: await count(running) };
    const finished = left.count === 0 && (await deps.store.manifests.open(plan.manifest, id)).length === 0;
    results[id] = {
      ...(await resultOf(running, finished ? 'completed' : 'unfinished', null)),
      remaining: left.count,
    };
  }
  await conclude(deps, plan, input.retries, results);
  return { steps: results };
}

/** The steps that are asked for, each with what it takes to run it. */
async function runningSteps(deps: Deps, input: RunStepsInput): Promise<{ plan: Plan; runs: Running[] }> {
  const plan = await planOf(deps, input.plan);
  const connector = await deps.systems.get(input.system);
  const accounts = accountsIn(plan.accounts, input.system);
  const moved = freshly(() => movedBy(deps, connector, plan));
  const slice: Slice = { deadline: Date.now() + SLICE_MS, moved, totals: {} };
  const runs = input.steps.map((id): Running => {
    const step = plan.steps.find(one => one.id === id) ?? unknownStep(plan, id);
    return {
      deps,
      connector,
      plan,
      step,
      accounts,
      slice,
      retries: input.retries,
      waived: input.waived[id] ?? null,
      aside: input.aside?.[id] ?? null,
      // Where nothing is foreseen, nothing is asked until something has happened.
      besides: step.elsewhere ? null : boundsOf(step, plan.policy),
    };
  });
  return { plan, runs };
}

function unknownStep(plan: Plan, id: string): never {
  throw new HandoverFailure('rejected', `Plan ${plan.revision} has no step "${id}".`);
}

/**
 * Since the plan was made the leaver has become somebody else here, or more, as a sentence; null = they have
 * not.
 */
async function movedBy(deps: Deps, connector: Connector, plan: Plan): Promise<string | null> {
  const moved = await accountsMoved(connector, plan, await leaverNow(deps, plan));
  return moved.length > 0 ? `${moved.join(' ')} ${NEW_PLAN}` : null;
}

interface Slice {
  deadline: number;
  /** See `movedBy`. */
  moved: () => Promise<string | null>;
  totals: Record<string, { changed: number; of: number }>;
}

interface Running {
  deps: Deps;
  connector: Connector;
  plan: Plan;
  step: PlanStep;
  accounts: readonly Account[];
  slice: Slice;
  retries: number;
  waived: string | null;
  aside: string | null;
  /** What the step may do besides, in its next effect; null = what happened so far must be added up. */
  besides: Bounds | null;
}

async function runStep(run: Running): Promise<StepResult> {
  const { deps, connector, plan, step } = run;
  if (run.waived) return leave(run);
  const pinned = plan.systems.find(one => one.system === step.system)?.catalog;
  if (pinned !== connector.catalogDigest) {
    return failed(
      run,
      `The catalog of ${connector.title} has changed since this plan was made. Send "amend" to have a plan made with the new one.`,
    );
  }
  for (;;) {
    const done: Mark[] = [];
    let finished: boolean;
    let held: number;
    let owed: Receipt[];
    try {
      finished = await movePages(run, done);
      held = await count(run);
    } finally {
      owed = await deps.store.ledger.done({ manifest: plan.manifest, step: step.id }, done);
    }
    if (!finished) return { ...(await resultOf(run, 'unfinished', null)), remaining: held };
    // What another attempt has done up to here is settled before anything is said about it.
    await settleAll(run, owed);
    if (held === 0) return resultOf(run, 'completed', null);
    const opened = await openedRounds(run);
    // Another attempt has opened a round and is still at it: join in, and judge when it is done.
    if (await underWay(run)) continue;
    const left = await leftKeys(run);
    if (left.count === 0) return resultOf(run, 'completed', null);
    if (!(await waitForLocks(run)))
      return { ...(await resultOf(run, 'unfinished', null)), remaining: left.count };
    const problem = await openRound(run, left, opened);
    if (problem) return failed(run, problem, left);
  }
}

/** Between two attempts at what others hold locked; the attempt itself waits for lock_timeout as well. */
const PAUSE_MS = 1_000;

/** Waits a little where others hold items locked, and says so; false when it is to stop. */
async function waitForLocks({ deps, plan, step, slice }: Running): Promise<boolean> {
  const { locked } = await deps.store.ledger.totals(plan.offboardingId, step.id);
  if (locked === 0 || outOfPatience('locked', deps.patience)) return true;
  const waits = `${locked} item${locked === 1 ? '' : 's'} of ${step.title}: other sessions hold locks on them`;
  showProgress({ steps: slice.totals, current: step.id, waits });
  await new Promise(resolve => setTimeout(resolve, PAUSE_MS));
  return !stopping();
}

async function leave(run: Running): Promise<StepResult> {
  const problem = beyondSkip((await leftKeys(run)).count);
  return problem ? failed(run, problem) : resultOf(run, 'completed', null);
}

/** Whoever finds an intent without an end settles it before anything else is done to its step. */
async function settleAll({ deps, connector, step }: Running, owed: readonly Receipt[]): Promise<void> {
  for (const receipt of owed) if (receipt.step === step.id) await settle(deps, connector, receipt);
}

function intendedOf({ deps, plan, step }: Running): Promise<Receipt[]> {
  return deps.store.ledger.intended(plan.manifest, [step.id]);
}

/**
 * Moves all pages without a receipt; false when it stopped early, at a batch boundary.
 * @param done takes up the marks of effects whose answers came, for the caller to write down whatever happens
 */
async function movePages(run: Running, done: Mark[]): Promise<boolean> {
  const { deps, plan, step, slice } = run;
  const pages = await deps.store.manifests.open(plan.manifest, step.id);
  slice.totals[step.id] ??= { changed: 0, of: 0 };
  const total = slice.totals[step.id]!;
  total.of += pages.reduce((sum, page) => sum + page.count, 0);
  let stopped = false;
  const lane = async (next: (pages: OpenPage[]) => OpenPage | undefined): Promise<void> => {
    for (;;) {
      if (stopping() || Date.now() > slice.deadline) stopped = pages.length > 0;
      const page = stopped ? undefined : next(pages);
      if (!page) return;
      const moved = await slice.moved();
      if (moved) throw new HandoverFailure('rejected', moved);
      total.changed += await movePage(run, page, done);
      showProgress({ steps: slice.totals, current: step.id });
    }
  };
  // What a step does besides was shown as a whole: its effects are added up, which two at once would not be.
  const open = step.elsewhere ? LANES.slice(0, 1) : LANES;
  // Both lanes come to rest before anything is thrown: no statement of ours runs on behind a failed activity.
  const lanes = await Promise.allSettled(open.map(lane));
  const broken = lanes.find(one => one.status === 'rejected');
  if (broken) throw broken.reason;
  return !stopped;
}

/** One page, in as many parts as the system takes at a time. Returns how many items it changed. */
async function movePage(run: Running, page: OpenPage, done: Mark[]): Promise<number> {
  const { deps, connector, plan, step, accounts } = run;
  const { manifest } = plan;
  let changed = 0;
  for (let rest: OpenPage | undefined = page; rest; ) {
    const batch: Batch = {
      kind: 'batch',
      category: step.category,
      do: step.do as Batch['do'],
      accounts,
      keys: rest.keys,
      count: rest.count,
      takers: step.do === 'transfer' ? step.successors.map(successor => successor.value) : [],
      assignment: rest.assignment,
      besides: await stillAllowed(run),
    };
    const place = {
      offboarding: plan.offboardingId,
      manifest,
      step: step.id,
      page: rest.page,
      part: rest.part,
      first: rest.first,
    };
    const performed = await perform(deps, connector, batch, place, done);
    if (performed.elsewhere) run.besides = null;
    // What another attempt changed stands in its own count.
    if (performed.byUs) changed += performed.changed;
    rest =
      performed.took < rest.count
        ? (await deps.store.manifests.open(manifest, step.id, rest.page))[0]
        : undefined;
  }
  return changed;
}

/** The plan has shown what a step does besides as a whole: what its effects so far have done counts. */
async function stillAllowed(run: Running): Promise<Bounds> {
  const { deps, plan, step } = run;
  run.besides ??= boundsAfter(
    boundsOf(step, plan.policy),
    await deps.store.ledger.elsewhere(plan.manifest, step.id),
  );
  return run.besides;
}

async function count({ connector, accounts, step }: Running): Promise<number> {
  const [held] = await connector.inventory(accounts, [step.category], whenAbandoned());
  if (!held?.complete) {
    throw new HandoverFailure(
      'configuration',
      `${step.title} could not be read after the move: ${held?.problem ?? 'no answer'}`,
    );
  }
  return held.count;
}

/**
 * How many rounds this plan, or this retry of it, has had. Asked before the look: a round that opens
 * meanwhile is then not opened twice.
 */
function openedRounds({ deps, plan, step, retries }: Running): Promise<number> {
  return deps.store.manifests.roundsFrom(plan.manifest, step.id, firstRound(retries));
}

async function underWay(run: Running): Promise<boolean> {
  const { deps, plan, step } = run;
  const pages = await deps.store.manifests.open(plan.manifest, step.id);
  return pages.length > 0 || (await intendedOf(run)).length > 0;
}

/** What the leaver still holds, but for the keys that an approved skip waives or that are left alone. */
async function leftKeys({ deps, connector, accounts, step, plan, waived, aside }: Running): Promise<KeySet> {
  const held = await joined(
    connector.pages(accounts, step.category, { size: plan.policy.batch, signal: whenAbandoned() }),
  );
  const beside = waived ?? aside;
  return beside ? deps.store.manifests.beyond(held.keys, beside) : held;
}

/** Opens pages for what is still there, or says in a sentence why not. */
async function openRound(run: Running, left: KeySet, opened: number): Promise<string | null> {
  const { deps, plan, step, retries } = run;
  const { manifests, ledger } = deps.store;
  const refused = await ledger.totals(plan.offboardingId, step.id);
  const { again, arrived } = await manifests.sort(plan.manifest, step.id, left.keys);
  const next = nextRound({
    step,
    plan,
    retries,
    opened,
    left: left.count,
    arrived: arrived.count,
    arrivedBefore: await manifests.arrivedSoFar(plan.manifest, step.id),
    refused,
    patient: !outOfPatience('locked', deps.patience),
  });
  if (next.kind === 'stop') return next.why;
  const shares = await sharesOfArrived(run, arrived);
  if ('problem' in shares) return shares.problem;
  const several = step.successors.length > 1;
  const sets: RoundSet[] = [
    { ...again, assignment: several ? again.assignment : null, origin: 'again' },
    { ...arrived, assignment: shares.assignment, origin: 'arrived' },
  ];
  const objection = await objectionToLate(run, sets);
  if (objection) return objection;
  await manifests.addRound(plan.manifest, step.id, next.round, sets, plan.policy.batch);
  return null;
}

async function sharesOfArrived(
  run: Running,
  arrived: KeySet,
): Promise<{ assignment: Shares | null } | { problem: string }> {
  const { step } = run;
  if (arrived.count === 0 || !sharesArrivals(step)) return { assignment: null };
  const keys = listOf(arrived.keys);
  const chosen = takersOfArrivals(step, keys, await attributesOf(run, new Set(keys)));
  return 'problem' in chosen ? chosen : { assignment: sharesOf(chosen.takers) };
}

/**
 * Whoever gains items only now is checked and registered now, like everybody else when the step began: a
 * sentence when they may not.
 */
async function objectionToLate(
  { deps, connector, plan, step, accounts }: Running,
  sets: RoundSet[],
): Promise<string | null> {
  const taken = sets.flatMap(set =>
    set.count === 0 ? [] : set.assignment ? numbersOf(set.assignment) : [0],
  );
  const takers = lateTakers(step, taken);
  if (takers.length === 0) return null;
  const leaver = await findOne(deps, `id:${plan.leaver.id}`);
  if ('sentence' in leaver) return leaver.sentence;
  const checked = (other: PlanStep) => (other.id === step.id ? takers : []);
  const [refused] = await refusedSuccessors(deps, connector, plan, accounts, leaver.person, checked);
  if (refused) return `New items have come. ${refused.sentence} Send "amend" with another successor.`;
  return (await beginSteps(deps, plan.offboardingId, [{ id: step.id, takers }]))[step.id] ?? null;
}

/**
 * Values of the attribute that the step's rule matches on, or which of its takers is the first who may own
 * it, for these keys; empty where the rule asks for neither.
 */
async function attributesOf(
  run: Running,
  wanted: ReadonlySet<ItemKey>,
): Promise<Map<ItemKey, string | null>> {
  const { connector, accounts, step, plan } = run;
  const values = new Map<ItemKey, string | null>();
  const attribute = step.assignment.kind === 'match' ? step.assignment.attribute : undefined;
  const takers = takersInTurn(step);
  if (attribute === undefined && takers === undefined) return values;
  const options = { size: plan.policy.batch, attribute, firstOf: takers, signal: whenAbandoned() };
  for await (const page of connector.pages(accounts, step.category, options)) {
    listOf(page.keys).forEach((key, n) => {
      if (wanted.has(key)) values.set(key, page.attributes?.[n] ?? null);
    });
  }
  return values;
}

/** A step that was broken off, by what is written down alone. */
async function soFar(run: Running): Promise<StepResult> {
  const result = await resultOf(run, 'unfinished', null);
  return { ...result, remaining: Math.max(0, run.step.baseline.count + result.arrived - result.changed) };
}

async function failed(run: Running, message: string, left?: KeySet): Promise<StepResult> {
  // What is left is frozen so that a skip waives exactly what people were shown; a category that cannot be
  // read cannot be waived.
  const held = left ?? (await leftKeys(run).catch(() => null));
  const leftover = held ? await run.deps.store.manifests.freeze(held.keys) : null;
  return {
    ...(await resultOf(run, 'failed', message)),
    remaining: held?.count ?? run.step.baseline.count,
    leftover,
  };
}

async function notRun(run: Running, before: string): Promise<StepResult> {
  return {
    ...(await resultOf(run, 'not-run', `Waits for "${before}".`)),
    remaining: run.step.baseline.count,
  };
}

async function resultOf(
  { deps, plan, step }: Running,
  state: StepResult['state'],
  message: string | null,
): Promise<StepResult> {
  const totals = await deps.store.ledger.totals(plan.offboardingId, step.id);
  return {
    state,
    message,
    changed: totals.changed,
    taken: totals.taken,
    gone: totals.gone,
    failed: totals.failed + totals.ineligible + totals.locked,
    arrived: await deps.store.manifests.arrivedSoFar(plan.manifest, step.id),
    remaining: 0,
    leftover: null,
    exceptions: totals.exceptions,
    evidence: totals.sure,
  };
}
