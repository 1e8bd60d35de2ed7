/**
 * Runs steps of one system: moves the manifest's pages, two at a time, each in one transaction with its receipt, and then proves by
 * a fresh look that nothing is left. May run twice at any point, or two attempts at once: pages with a receipt are never touched again.
 *
 * Rounds: 0 are the approved pages. What a look still finds gets pages of its own in a further round, a few times, then the step
 * fails and names what is left. Every `retry` by an operator opens a hundred rounds of its own (100, 101, ...).
 */
import type { BatchRequest, Connector } from '../connectors/connector.js';
import { assigner, continued } from '../domain/assign.js';
import { HandoverFailure } from '../domain/failure.js';
import type { Account, Disposition, ItemException } from '../domain/model.js';
import type { Plan, PlanStep } from '../domain/plan.js';
import { driftLimit } from '../domain/policy.js';
import { ReceiptExists, type StepTotals } from '../store/ledger.js';
import { type NewPage, type Origin, type Page, parseKeys } from '../store/manifests.js';
import type { Deps } from './deps.js';
import { receiptOf, settle } from './effects.js';
import { outOfPatience, report, scheduled, signal, stopping } from './guard.js';
import { allKeys, planOf } from './look.js';

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
}

export interface StepsResult {
  steps: Record<string, StepResult>;
}

/**
 * Two connections keep the target busy while the record of the last batch is written. One takes pages from the front and one from
 * the back, so that they work in different places of the target's indexes: side by side on neighbouring pages, PostgreSQL looks
 * over and over for index entries to delete, and the same million items take half as long again (measured, bench/README.md).
 */
const LANES: readonly ((pages: Page[]) => Page | undefined)[] = [pages => pages.shift(), pages => pages.pop()];
/** An activity answers after this long, so that the workflow shows progress and takes up messages. */
const SLICE_MS = 3 * 60_000;
const ROUNDS_PER_RETRY = 100;

export async function runSteps(deps: Deps, input: RunStepsInput): Promise<StepsResult> {
  const plan = await planOf(deps, input.plan);
  const connector = await deps.systems.get(input.system);
  const account = plan.accounts.find(one => one.system === input.system)!;
  const slice: Slice = { deadline: Date.now() + SLICE_MS, totals: {} };
  const results: Record<string, StepResult> = {};
  for (const id of input.steps) {
    const step = plan.steps.find(one => one.id === id);
    if (!step) throw new HandoverFailure('rejected', `Plan ${plan.revision} has no step "${id}".`);
    const running: Running = {
      deps,
      connector,
      plan,
      step,
      account,
      slice,
      retries: input.retries,
      waived: input.waived[id] ?? null,
    };
    const before = step.after.find(other => results[other] && results[other].state !== 'completed');
    try {
      results[id] = before ? await notRun(running, before) : await runStep(running);
    } catch (error) {
      if (!(error instanceof HandoverFailure) || !outOfPatience(error.kind, deps.patience)) throw error;
      // One step's hopeless failure must not take its neighbours' results with it.
      results[id] = await failed(running, error.message);
    }
    if (results[id].state === 'unfinished') break;
    if (results[id].state === 'completed') await deps.store.runs.finishStep(input.offboardingId, id);
    await deps.store.audit.append(input.offboardingId, [
      {
        subject: `step ${id} ${plan.digest.slice(0, 12)}.${input.retries} ${results[id].state}`,
        kind: `step-${results[id].state}`,
        body: { step: id, ...results[id] },
      },
    ]);
  }
  return { steps: results };
}

interface Slice {
  deadline: number;
  totals: Record<string, { changed: number; of: number }>;
}

interface Running {
  deps: Deps;
  connector: Connector;
  plan: Plan;
  step: PlanStep;
  account: Account;
  slice: Slice;
  retries: number;
  waived: string | null;
}

async function runStep(run: Running): Promise<StepResult> {
  const { connector, plan, step } = run;
  await settlePending(run);
  if (run.waived) return leave(run);
  const pinned = plan.systems.find(one => one.system === step.system)?.catalog;
  if (pinned !== connector.catalogDigest) {
    return failed(
      run,
      `The catalog of ${connector.title} has changed since this plan was made. Send "amend" to have a plan made with the new one.`,
    );
  }
  for (;;) {
    if (!(await movePages(run))) return { ...(await resultOf(run, 'unfinished', null)), remaining: await count(run) };
    const held = await count(run);
    // What another attempt has done up to here is settled before anything is said about it.
    await settlePending(run);
    if (held === 0) return resultOf(run, 'completed', null);
    const opened = await openedRounds(run);
    // Another attempt has opened a round and is still at it: join in, and judge when it is done.
    if (await underWay(run)) continue;
    const left = await leftKeys(run);
    if (left.count === 0) return resultOf(run, 'completed', null);
    const problem = await nextRound(run, left, opened);
    if (problem) return failed(run, problem, left);
  }
}

/** An approved skip leaves its items where they are: it is done when nothing but them is there. */
async function leave(run: Running): Promise<StepResult> {
  const left = await leftKeys(run);
  if (left.count === 0) return resultOf(run, 'completed', null);
  return failed(
    run,
    `${left.count} items are there that the approved skip does not cover. Send "skip" again, or "amend" for a new plan.`,
  );
}

/** Whoever finds a pending receipt settles it before anything else is done to the step. */
async function settlePending({ deps, connector, plan, step }: Running): Promise<void> {
  for (const receipt of await deps.store.ledger.pending(plan.manifest, step.id)) await settle(deps, connector, receipt);
}

/** Moves all pages without a receipt; false when it stopped early, at a batch boundary. */
async function movePages(run: Running): Promise<boolean> {
  const { deps, plan, step, slice } = run;
  const pages = await deps.store.manifests.open(plan.manifest, step.id);
  const committed: string[] = [];
  slice.totals[step.id] ??= { changed: 0, of: 0 };
  const total = slice.totals[step.id]!;
  total.of += pages.reduce((sum, page) => sum + page.count, 0);
  let stopped = false;
  const lane = async (next: (pages: Page[]) => Page | undefined): Promise<void> => {
    for (;;) {
      if (stopping() || Date.now() > slice.deadline) stopped = pages.length > 0;
      const page = stopped ? undefined : next(pages);
      if (!page) return;
      total.changed += await movePage(run, page, committed);
      report({ steps: slice.totals, current: step.id });
    }
  };
  try {
    // Both lanes come to rest before anything is thrown: no statement of ours runs on behind a failed activity.
    const lanes = await Promise.allSettled(LANES.map(lane));
    const broken = lanes.find(one => one.status === 'rejected');
    if (broken) throw broken.reason;
  } finally {
    await deps.store.ledger.commit({ manifest: plan.manifest, step: step.id }, committed);
  }
  return !stopped;
}

/** One batch. Returns how many items it changed. */
async function movePage(run: Running, page: Page, committed: string[]): Promise<number> {
  const { deps, connector, plan, step, account } = run;
  const facts = connector.categories.find(category => category.category === step.category)!;
  const takers = step.do === 'transfer' ? step.successors.map(successor => successor.value) : [];
  const request: BatchRequest = {
    category: step.category,
    do: step.do as Exclude<Disposition, 'acknowledge' | 'keep'>,
    account,
    keys: page.keys,
    count: page.count,
    takers,
    assignment: page.assignment,
  };
  const id = { offboarding: plan.offboardingId, manifest: plan.manifest, step: step.id, page: page.page };
  let transaction: string | undefined;
  try {
    const effect = await connector.change(
      request,
      async given => {
        const settled = committed.splice(0);
        try {
          await deps.store.ledger.begin(
            receiptOf(id, given, { takers, from: account.identities[facts.identity] ?? null }),
            settled,
            scheduled(),
          );
        } catch (error) {
          committed.push(...settled);
          throw error;
        }
        transaction = given.transaction;
      },
      signal(),
    );
    committed.push(effect.transaction);
    return effect.changed;
  } catch (error) {
    if (error instanceof ReceiptExists) {
      // Another attempt at this page was faster: its receipt counts, once its transaction is known to have happened.
      const receipt = await deps.store.ledger.find(id);
      if (receipt && (await settle(deps, connector, receipt))) return 0;
      return movePage(run, page, committed);
    }
    // The answer to COMMIT may be lost: ask the target before anything is reported.
    const receipt = transaction ? await deps.store.ledger.find(id) : null;
    if (receipt?.transaction === transaction && receipt && (await settle(deps, connector, receipt).catch(() => false)))
      return receipt.changed;
    throw error;
  }
}

async function count({ connector, account, step }: Running): Promise<number> {
  const [held] = await connector.inventory(account, [step.category], signal());
  if (!held?.complete) {
    throw new HandoverFailure('configuration', `${step.title} could not be read after the move: ${held?.problem ?? 'no answer'}`);
  }
  return held.count;
}

/** How many rounds this plan, or this retry of it, has had. Asked before the look: a round that opens meanwhile is then not opened twice. */
function openedRounds({ deps, plan, step, retries }: Running): Promise<number> {
  return deps.store.manifests.roundsFrom(plan.manifest, step.id, retries * ROUNDS_PER_RETRY);
}

async function underWay({ deps, plan, step }: Running): Promise<boolean> {
  const pages = await deps.store.manifests.open(plan.manifest, step.id);
  return pages.length > 0 || (await deps.store.ledger.pending(plan.manifest, step.id)).length > 0;
}

/** What the leaver still holds, but for the keys that an approved skip waives. */
async function leftKeys({ deps, connector, account, step, plan, waived }: Running): Promise<{ keys: string; count: number }> {
  const held = await allKeys(connector.pages(account, step.category, { size: plan.policy.batch, signal: signal() }));
  return waived ? deps.store.manifests.beyond(held.keys, waived) : held;
}

/** Opens pages for what is still there, or says in a sentence why not. */
async function nextRound(run: Running, left: { keys: string; count: number }, opened: number): Promise<string | null> {
  const { deps, plan, step, retries } = run;
  const { manifests, ledger } = deps.store;
  const byOperator = retries > 0 && opened === 0;
  const totals = await ledger.totals(plan.offboardingId, step.id);
  const { again, arrived } = await manifests.sort(plan.manifest, step.id, left.keys);
  if (!byOperator && totals.failed + totals.ineligible > 0) return refusedItems(totals);
  // An operator's retry has a round of its own before the automatic ones.
  if (opened >= plan.policy.rounds + (retries > 0 ? 1 : 0)) {
    return `${left.count} items are still there after ${opened} rounds: something keeps giving them to the leaver. Stop that, then send "retry".`;
  }
  const known = await manifests.arrivedSoFar(plan.manifest, step.id);
  const limit = driftLimit(plan.policy, step.baseline.count);
  if (known + arrived.count > limit) {
    return `${known + arrived.count} new items have come since the plan was approved, more than the ${limit} that may follow it. Send "amend" to have a new plan approved.`;
  }
  if (arrived.count > 0 && step.do === 'transfer' && step.successors.length === 0) {
    return `${arrived.count} new items have come and the plan names nobody to take them over. Send "amend" with a successor.`;
  }
  const shares = await sharesOfArrived(run, arrived);
  if ('problem' in shares) return shares.problem;
  const pages: (NewPage & { origin: Origin })[] = [
    ...pagesOf(
      again.keys,
      again.count,
      step.successors.length > 1 ? again.assignment : null,
      plan.policy.batch,
      'again' as const,
    ),
    ...pagesOf(arrived.keys, arrived.count, shares.assignment, plan.policy.batch, 'arrived' as const),
  ];
  await manifests.addRound(plan.manifest, step.id, retries * ROUNDS_PER_RETRY + opened + (retries > 0 ? 0 : 1), pages);
  return null;
}

/** New items follow the approved rule: the same shares, the same attribute map. Nobody whom only an override named gets any. */
async function sharesOfArrived(
  run: Running,
  arrived: { keys: string; count: number },
): Promise<{ assignment: string | null } | { problem: string }> {
  const { step, account, connector, plan } = run;
  if (step.do !== 'transfer' || arrived.count === 0 || step.successors.length < 2) return { assignment: null };
  const keys = parseKeys(arrived.keys);
  const attributes = new Map<string, string | null>();
  if (step.assignment.kind === 'match') {
    const { attribute } = step.assignment;
    const wanted = new Set(keys);
    for await (const page of connector.pages(account, step.category, { size: plan.policy.batch, attribute, signal: signal() })) {
      parseKeys(page.keys).forEach((key, n) => {
        if (wanted.has(key)) attributes.set(key, page.attributes?.[n] ?? null);
      });
    }
  }
  const share = assigner(continued(step.assignment, step.counts), step.pool, new Map());
  const takers = keys.map(key => share.next(key, attributes.get(key) ?? null));
  const nobody = keys.filter((_, n) => takers[n]! < 0);
  if (nobody.length > 0) {
    return {
      problem: `${nobody.length} new items have come for which the match rule names nobody (${nobody.slice(0, 3).join(', ')}). Send "amend" with a successor for them.`,
    };
  }
  return { assignment: literal(takers.map(String)) };
}

function pagesOf(
  keys: string,
  total: number,
  assignment: string | null,
  size: number,
  origin: Origin,
): (NewPage & { origin: Origin })[] {
  if (total === 0) return [];
  const all = parseKeys(keys);
  const takers = assignment === null ? null : parseKeys(assignment);
  const pages: (NewPage & { origin: Origin })[] = [];
  for (let from = 0; from < all.length; from += size) {
    const part = all.slice(from, from + size);
    const sorted = [...part].sort();
    pages.push({
      keys: literal(part),
      count: part.length,
      fingerprint: '',
      low: sorted[0]!,
      high: sorted.at(-1)!,
      assignment: takers === null ? null : literal(takers.slice(from, from + size)),
      origin,
    });
  }
  return pages;
}

function literal(values: readonly string[]): string {
  return `{${values.map(value => `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`).join(',')}}`;
}

function refusedItems(totals: StepTotals): string {
  const refused = totals.exceptions.filter(exception => exception.kind === 'failed' || exception.kind === 'ineligible');
  const said = refused.slice(0, 3).map(exception => `${exception.key}: ${exception.why}`);
  const number = totals.failed + totals.ineligible;
  return `${number} item${number === 1 ? ' was' : 's were'} refused (${said.join('; ')}${number > said.length ? '; …' : ''}). Mend the cause and send "retry", or "skip" them with a reason.`;
}

async function failed(run: Running, message: string, left?: { keys: string; count: number }): Promise<StepResult> {
  // What is left is frozen so that a skip waives exactly what people were shown; a category that cannot be read cannot be waived.
  const held = left ?? (await leftKeys(run).catch(() => null));
  const leftover = held ? await run.deps.store.manifests.freeze(held.keys) : null;
  return { ...(await resultOf(run, 'failed', message)), remaining: held?.count ?? run.step.baseline.count, leftover };
}

async function notRun(run: Running, before: string): Promise<StepResult> {
  return { ...(await resultOf(run, 'not-run', `Waits for "${before}".`)), remaining: run.step.baseline.count };
}

async function resultOf({ deps, plan, step }: Running, state: StepResult['state'], message: string | null): Promise<StepResult> {
  const totals = await deps.store.ledger.totals(plan.offboardingId, step.id);
  return {
    state,
    message,
    changed: totals.changed,
    taken: totals.taken,
    gone: totals.gone,
    failed: totals.failed + totals.ineligible,
    arrived: await deps.store.manifests.arrivedSoFar(plan.manifest, step.id),
    remaining: 0,
    leftover: null,
    exceptions: totals.exceptions,
  };
}
