/**
 * What people are shown of a run, as a value: the same for every renderer. `tree.ts` draws it for a terminal,
 * `markdown.ts` for the Temporal UI. A renderer chooses marks and places; it decides nothing, and nobody has
 * to read a rendered text to know what it says.
 */
import { accountsIn, sayAccount, sayOther } from './accounts.js';
import { bombAlerts } from './bombs.js';
import { sayClocks } from './clocks.js';
import { type Danger, sayConsequence, sayDanger } from './consequences.js';
import { demandsCoverage, sayCovered } from './coverage.js';
import { sayDates } from './dates.js';
import { type Evidence, evidenceNow } from './evidence.js';
import { sayFlood } from './flood.js';
import { lateWords } from './late.js';
import { isOver } from './lifecycle.js';
import type { StepState, SystemAccounts } from './model.js';
import { type NextMessage, nextMessages } from './next.js';
import { own } from './own.js';
import { identityWords, type Refusal, type Signer } from './people.js';
import { isEffect, type PlanStep } from './plan.js';
import {
  type Acknowledgement,
  type Approval,
  isWaived,
  type Run,
  type StepProgress,
  sayEarlierBlocks,
} from './run.js';
import { type WaitingView, waitingView } from './waiting.js';
import { clockOf, items, minuteOf, number } from './words.js';

export interface View {
  /** What this is: "Offboarding of Alice Anders"; and where there is little room for it. */
  title: string;
  short: string;
  state: string;
  /** Nothing happens in it any more. */
  over: boolean;
  outcome: string | null;
  sentence: string;
  /** Who is asked, since when, and what happens if nobody answers: a sentence. */
  waits: string | null;
  /** How long a sudden departure has taken, and what is late; null where it is planned. */
  clocks: string | null;
  /** Who paused it, while it is paused. */
  pausedBy: string | null;
  /** By whom, how that is known, and what they said; null = nobody asked for it. */
  requested: { name: string; identity: string; note: string | null } | null;
  plan: PlanView | null;
  findings: string[];
  /** What does not work as it should beside the plan, and floods of messages: sentences. */
  alerts: string[];
  /** What whoever approves should know beside the steps. */
  notes: string[];
  systems: SystemView[];
  /** Newest first. */
  refused: Refusal[];
  next: NextMessage[];
  /** Who approved the plan, and how that is known. */
  approvals: { name: string; identity: string }[];
  skips: { step: string; reason: string; approvedBy: string | null }[];
}

export interface PlanView {
  revision: number;
  digest: string;
  mode: string;
  modeReason: string | null;
  departure: string;
  /** To the minute. */
  /** When items move and access ends, in words; null = once it is approved. */
  dates: string | null;
}

export interface SystemView {
  system: string;
  title: string;
  /** Each account in words. */
  accounts: string[];
  /** What may be theirs as well, and what speaks against these accounts: whoever approves has seen it. */
  doubts: string[];
  access: string;
  /** When access and counts were seen to be so, to the minute; null = not yet. */
  observed: string | null;
  /** What can hold a person there, and what of it is in no catalog. */
  coverage: string;
  /** What deleting the account later would do; null = nothing that is known. */
  danger: string | null;
  steps: StepView[];
}

/** One line about a step. `says` is its message, or what an approved skip left. */
export type StepView = {
  id: string;
  title: string;
  count: number;
  /** When the first of its items acts by itself, to the minute. */
  firesAt: string | null;
  /** How it is known; null = nothing is claimed. */
  evidence: Evidence | null;
  /** What it does to rows that are in no step, each in words. */
  besides: string[];
} & (
  | { kind: 'manual'; settled: string | null; page: string | null; reason: string | null }
  | { kind: 'kept'; reason: string | null }
  | { kind: 'switch'; state: StepState; says: string | null }
  | { kind: 'effect'; state: StepState; takers: string; counted: string | null; says: string | null }
);

export function viewOf(run: Run): View {
  const { plan } = run;
  return {
    title: `Offboarding of ${run.leaver.name}`,
    short: run.leaver.name,
    state: run.state,
    over: isOver(run.state),
    outcome: run.outcome,
    sentence: run.sentence,
    waits: sayWaits(waitingView(run)),
    clocks: sayClocks(run),
    pausedBy: run.pausedBy?.name ?? null,
    requested: { ...signed(run.requester), note: run.order.note ?? null },
    plan: plan && {
      revision: plan.revision,
      digest: plan.digest.slice(0, 12),
      mode: plan.mode,
      modeReason: plan.modeReason,
      departure: plan.departure,
      dates: sayDates(plan),
    },
    findings: run.findings.map(finding => finding.message),
    alerts: [
      ...(isOver(run.state) ? [] : Object.values(run.troubles ?? {})),
      ...bombAlerts(run),
      ...(isOver(run.state) ? [] : sayEarlierBlocks(run)),
      ...(run.flood ? [sayFlood(run.flood)] : []),
    ],
    notes: isOver(run.state) ? [] : (plan?.notes ?? []),
    systems: (plan?.systems ?? []).map(({ system, title }) => ({
      system,
      title,
      accounts: accountsIn(plan!.accounts, system).map(sayAccount),
      doubts: doubtsIn(plan!.accounts, system),
      access: accessWords(run, system),
      observed: observedAt(run, system),
      coverage: sayCovered(own(run.coverage ?? {}, system), demandsCoverage(plan!.policy, system)),
      danger: sayDanger(dangerIn(run, system)),
      steps: shownSteps(run, system).map(step => stepView(run, step)),
    })),
    refused: run.refused.slice(-5).reverse(),
    next: nextMessages(run),
    approvals: plan ? run.approvals.map(({ by }) => signed(by)) : [],
    skips: plan
      ? Object.values(run.waivers).map(({ step, reason, approvals }) => ({
          step,
          reason,
          approvedBy: isWaived(run, step) ? namesOf(approvals) : null,
        }))
      : [],
  };
}

/** As the last look found it, or before that as the plan expects it. */
function dangerIn(run: Run, system: string): readonly Danger[] {
  const now = run.afterwards?.danger;
  if (now) return own(now, system) ?? [];
  return run.plan?.systems.find(one => one.system === system)?.danger ?? [];
}

/** Who is asked, since when, and what happens if nobody answers. */
export function sayWaits(waits: WaitingView | null): string | null {
  if (!waits) return null;
  const reminded = waits.remindsAt ? `reminded ${clockOf(waits.remindsAt)}, ` : '';
  const end = waits.expiresAt
    ? `expires ${clockOf(waits.expiresAt)}`
    : `others are told ${clockOf(waits.escalatesAt)}`;
  return `Asked: ${waits.audience.join(' and ')}, since ${clockOf(waits.since)}; ${reminded}${end} (UTC).`;
}

function doubtsIn(all: readonly SystemAccounts[], system: string): string[] {
  const { others = [], warnings = [] } = all.find(one => one.system === system) ?? {};
  return [...warnings, ...others.map(other => `left out: ${sayOther(other)}`)];
}

function signed({ name, identity }: Signer): { name: string; identity: string } {
  return { name, identity: identityWords(identity) };
}

function namesOf(approvals: readonly Approval[]): string {
  return approvals.map(({ by }) => by.name).join(' and ');
}

/** Steps worth a line: what holds or held something, what went wrong, and the deactivation. */
function shownSteps(run: Run, system: string): PlanStep[] {
  return (run.plan?.steps ?? []).filter(step => {
    if (step.system !== system) return false;
    const progress = run.steps[step.id];
    if (run.shown[step.id]) return true;
    const something = step.baseline.count > 0 || (progress?.changed ?? 0) > 0 || progress?.state === 'failed';
    return step.phase === 'deactivate' || something;
  });
}

function observedAt(run: Run, system: string): string | null {
  const at = own(run.observed ?? {}, system);
  return at === undefined ? null : minuteOf(at);
}

function stepView(run: Run, step: PlanStep): StepView {
  const progress = run.steps[step.id];
  const late = lateWords(run, step);
  const common = {
    id: step.id,
    title: step.actsAs ? `${step.title}, acting in their name` : step.title,
    count: step.baseline.count,
    firesAt: firstMoment(step),
    evidence: evidenceNow(run, step),
    besides: [...(late === null ? [] : [late]), ...(step.elsewhere ?? []).map(sayConsequence)],
  };
  if (step.phase === 'manual') {
    return {
      ...common,
      kind: 'manual',
      count: run.shown[step.id]?.count ?? step.baseline.count,
      settled: settledWords(run.acknowledgements[step.id]),
      page: step.page,
      reason: step.reason,
    };
  }
  if (step.phase === 'keep') return { ...common, kind: 'kept', reason: step.reason };
  const state = progress?.state ?? 'queued';
  if (step.phase === 'deactivate')
    return { ...common, kind: 'switch', state, says: progress?.message ?? null };
  const waiver = state === 'skipped' ? run.waivers[step.id] : undefined;
  const left =
    waiver &&
    `${items(waiver.leftover.count)} left with the leaver, approved by ${namesOf(waiver.approvals)}`;
  return {
    ...common,
    kind: 'effect',
    state,
    takers: takers(step),
    counted: progress && isEffect(step) ? countedWords(progress) : null,
    says: waiver ? `${left}: ${waiver.reason}` : (progress?.message ?? null),
  };
}

/** When the first of its items acts by itself: the next that is to come, where that is known. */
function firstMoment({ firesAt, bombs }: PlanStep): string | null {
  const at = bombs?.[0]?.at ?? firesAt;
  return at === null ? null : minuteOf(at);
}

function settledWords(seen: Acknowledgement | undefined): string | null {
  if (!seen) return null;
  return seen.by === null ? 'seen done in the system' : `acknowledged by ${seen.by.name}`;
}

/** "→ Bob 12, Carol 11", or what is done where nobody takes over. */
export function takers(step: PlanStep): string {
  if (step.do !== 'transfer') return ` (${step.do})`;
  const all = step.successors.map((successor, n) => ({ successor, count: step.counts[n] ?? 0 }));
  const named = all.filter(one => one.count > 0);
  if (named.length === 0) return '';
  if (named.length === 1 && !step.gain) return ` → ${named[0]!.successor.label}`;
  const said = named.slice(0, 4).map(one => `${one.successor.label} ${number(one.count)}`);
  const more = (step.gain ?? named.length) - said.length;
  return ` → ${said.join(', ')}${more > 0 ? ` and ${number(more)} more` : ''}`;
}

function countedWords(progress: StepProgress): string | null {
  const words: string[] = [];
  const { changed, before = 0 } = progress;
  const earlier =
    before > 0 ? `, ${before === changed ? 'all' : number(before)} of it under an earlier plan` : '';
  if (changed > 0) words.push(`${number(changed)} done${earlier}`);
  if (progress.arrived > 0) words.push(`${number(progress.arrived)} came later`);
  if (progress.taken > 0) words.push(`${number(progress.taken)} taken by others`);
  if (progress.gone > 0) words.push(`${number(progress.gone)} gone`);
  // What was refused at first and then went through is done.
  if (progress.failed > 0 && progress.state !== 'completed') words.push(`${number(progress.failed)} refused`);
  if (progress.remaining) words.push(`${number(progress.remaining)} left`);
  return words.join(', ') || null;
}

const ACCESS_WORDS: Record<Run['access'][string], string> = {
  unknown: 'access not known yet',
  absent: 'no account',
  open: 'access open',
  blocked: 'access blocked',
  deactivated: 'switched off',
  'was-inactive': 'inactive already',
};

export function accessWords(run: Run, system: string): string {
  const access = own(run.access, system) ?? 'unknown';
  const words = ACCESS_WORDS[access];
  if (access !== 'open' && access !== 'blocked') return words;
  const problem = access === 'open' ? own(run.blockProblems, system) : undefined;
  const byHand = run.plan?.systems.find(one => one.system === system)?.byHand;
  const where = byHand?.page ? `, to be switched off by hand at ${byHand.page}` : '';
  return `${words}${problem ? `, could not be blocked: ${problem}` : ''}${where}`;
}
