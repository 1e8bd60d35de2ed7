/**
 * The closing document as a value: who decided what, what became of every step, and how sure we are of it. It
 * says nothing that is not in the run, in the receipts or in the proofs.
 */
import { type Approved, doneUnder, gainedIn, stepsDropped } from './approved.js';
import { clocksOf } from './clocks.js';
import { sayDanger, summed } from './consequences.js';
import { demandsCoverage, sayCovered } from './coverage.js';
import type { ReceiptSummary } from './effect.js';
import { evidenceNow, evidenceOf } from './evidence.js';
import { lateUntil } from './late.js';
import type { Outcome } from './model.js';
import { notCovered } from './not-covered.js';
import { own } from './own.js';
import { asksNobody, canonicalJson, isEffect, type PlanStep } from './plan.js';
import { departure, mode, type Run, type StepProgress } from './run.js';
import { sha256 } from './sha256.js';
import { stays } from './stays.js';

/** What seals the pages of a manifest (`Manifests.seals`). */
export interface SealedManifest {
  manifest: string;
  pages: number;
  digest: string | null;
}

/** A workflow that an offboarding starts as it closes: only that one, with just that input, comes after it. */
export interface Announced {
  kind: 'sweep' | 'give-back';
  /** Its own id. */
  id: string;
  /** SHA-256 over its input as canonical JSON. */
  input: string;
}

/** The notice that what was announced could not be started. */
export const NOT_BEGUN = 'not-begun';

export function announced(kind: Announced['kind'], id: string, input: object): Announced {
  return { kind, id, input: sha256(canonicalJson(input)) };
}

export interface Closing {
  run: Run;
  /** Temporal run id. */
  runId: string;
  outcome: Outcome;
  sentence: string;
  /** What comes after it. */
  after: Announced[];
}

/**
 * The chain's last entry: every receipt with its digest, and what seals the manifests. What is not listed there
 * never happened by our hand; behind it comes nothing but what does not count, and how effects ended that
 * nobody had seen end.
 */
export function closingEntry(
  { outcome, sentence, after }: Pick<Closing, 'outcome' | 'sentence' | 'after'>,
  receipts: readonly ReceiptSummary[],
  manifests: readonly SealedManifest[],
) {
  return { outcome, sentence, after, receipts: receipts.map(listed), manifests };
}

/** A receipt as the chain lists it: its digest, and what the digest is not over. */
export function listed(receipt: ReceiptSummary) {
  return {
    step: receipt.step,
    page: receipt.page,
    part: receipt.part,
    state: receipt.state,
    aborted: receipt.aborted,
    sure: receipt.sure,
    mark: receipt.mark,
    changed: receipt.effect?.changed ?? null,
    digest: receipt.digest,
    at: receipt.at,
  };
}

/** What steps have changed where the run remembers another number, by step id. */
export type Recount = Record<string, Pick<StepProgress, 'changed' | 'before'>>;

/**
 * Where the receipts say something else than the run: an attempt that a reset has left behind did its part as
 * well, and what came of it may be known only at the end.
 */
export function recounted(run: Run, receipts: readonly ReceiptSummary[]): Recount {
  const sum = (some: readonly ReceiptSummary[]): number =>
    some.reduce((all, { effect }) => all + (effect?.changed ?? 0), 0);
  const differs = Object.entries({ ...run.dropped, ...run.steps }).flatMap(([id, progress]) => {
    const done = receipts.filter(({ step, state }) => step === id && state === 'done');
    const changed = sum(done);
    if (done.length === 0 || changed === progress.changed) return [];
    const before = sum(done.filter(({ manifest }) => manifest !== run.plan?.manifest));
    return [[id, { changed, ...(before > 0 && { before }) }] as const];
  });
  return Object.fromEntries(differs);
}

/** The steps of a run with these numbers. */
export function withCounts({ steps, dropped }: Run, counts: Recount): Pick<Run, 'steps' | 'dropped'> {
  const told = (some: Run['steps']): Run['steps'] =>
    Object.fromEntries(Object.entries(some).map(([id, step]) => [id, { ...step, ...counts[id] }]));
  return { steps: told(steps), ...(dropped && { dropped: told(dropped) }) };
}

/** An offboarding of the same person that was asked for before. */
export interface Earlier {
  offboarding: string;
  /** ISO 8601. */
  requested: string;
  /** Null: its run is open. */
  closed: string | null;
  /** As its newest certificate has it; null = it has none, or it was purged. */
  outcome: string | null;
}

/**
 * @param chain head of the chain, its last entry included
 * @param earlier newest first
 * @param plans every plan that was made, oldest first
 */
export function certificateOf(
  { run, runId, outcome, sentence }: Closing,
  receipts: readonly ReceiptSummary[],
  chain: { seq: number; hash: string } | null,
  earlier: readonly Earlier[],
  plans: readonly Approved[],
) {
  const { plan } = run;
  const approvals = plans.flatMap(one => one.approvals);
  const dropped = stepsDropped(plan, plans, receipts);
  return {
    run: runId,
    offboarding: run.offboardingId,
    workflow: run.workflowId,
    leaver: run.leaver,
    requester: run.requester,
    outcome,
    sentence,
    mode: mode(run),
    departure: departure(run),
    plan: plan ? { revision: plan.revision, digest: plan.digest } : null,
    accounts: plan?.accounts ?? [],
    access: run.access,
    /** Blocks that another offboarding of the same person had made when this one looked. */
    earlierBlocks: run.earlierBlocks ?? [],
    /** When each system was read last: accounts, access and counts are as they were seen then. */
    observed: run.observed ?? {},
    steps: [
      ...(plan?.steps ?? []).map(step => certified(run, step, receipts, plans)),
      ...dropped.map(step => ({ ...certified(run, step, receipts, plans), dropped: true as const })),
    ],
    acknowledgements: run.acknowledgements,
    /** Of every plan; what was done under which of them stands at the steps. */
    approvals,
    /** False: the policy has nobody asked where nothing is left (`nothingLeft`). */
    needsApproval: plan !== null && !asksNobody(plan),
    confirmedBy: run.confirmedBy,
    waivers: run.waivers,
    stays: stays(run),
    proofs: run.proofs,
    afterwards: run.afterwards,
    coverage: certifiedCoverage(run),
    danger: dangerOf(run),
    notCovered: notCovered(run, receipts, approvals),
    times: run.times,
    /** Of a sudden departure: from when each clock ran, by when it had to be, and when it was. */
    clocks: clocksOf(run),
    /** Other offboardings of this person, before this one: what they moved is not counted here. */
    earlier,
    chain,
  };
}

/** What deleting an account later would do, by system: as the last look found it, or as the plan expects it. */
function dangerOf(run: Run) {
  const seen = run.afterwards?.danger;
  const all = (run.plan?.systems ?? []).map(({ system, danger }) => ({
    system,
    rows: (seen ? own(seen, system) : danger) ?? [],
  }));
  return Object.fromEntries(
    all.flatMap(({ system, rows }) => (rows.length > 0 ? [[system, { says: sayDanger(rows), rows }]] : [])),
  );
}

/** What was covered where, and whether the policy asked for it. What stays open is named. */
function certifiedCoverage(run: Run) {
  const { plan } = run;
  if (!plan) return {};
  const present = plan.accounts.filter(({ accounts }) => accounts.length > 0);
  return Object.fromEntries(
    present.map(({ system }) => {
      const covered = own(run.coverage ?? {}, system);
      const demanded = demandsCoverage(plan.policy, system);
      return [
        system,
        {
          policy: demanded ? 'required' : 'advisory',
          says: sayCovered(covered, demanded),
          ...(covered ?? { kind: 'not-looked-at' }),
        },
      ];
    }),
  );
}

function certified(
  run: Run,
  step: PlanStep,
  receipts: readonly ReceiptSummary[],
  plans: readonly Approved[],
) {
  const progress = run.steps[step.id] ?? run.dropped?.[step.id];
  const under = doneUnder(step.id, plans, receipts);
  const isOurs = isEffect(step) || step.phase === 'deactivate';
  const ours = receipts.filter(receipt => receipt.step === step.id);
  const effects = isOurs ? evidenceOf(ours) : null;
  const besides = ours.flatMap(({ state, effect }) => (state === 'done' ? (effect?.elsewhere ?? []) : []));
  return {
    id: step.id,
    title: step.title,
    do: step.do,
    /** It was done after the switch, and what it held was proved then. */
    ...(step.late && { late: { ...step.late, until: lateUntil(run, step) } }),
    baseline: step.baseline,
    /** When what it held acts by itself, by the hour. */
    ...(step.bombs && { bombs: step.bombs }),
    /** Who got what, over all plans; and plan by plan, with who had approved it. */
    successors: gainedIn(under),
    under,
    ...progress,
    /** Rows that are in no step: what was foreseen, and what happened to them. */
    ...((step.elsewhere || besides.length > 0) && {
      elsewhere: { foreseen: step.elsewhere ?? [], happened: summed(besides) },
    }),
    evidence: evidenceNow(run, step, effects),
    /** Of what was changed by our hand; of a switch beside that the account was seen to be off. */
    effects,
  };
}
