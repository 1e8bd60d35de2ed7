/**
 * The plan: what will be done with what, in which order, for whom. Pure: the same facts give the same plan
 * and the same digest.
 */

import { existing, sayOther } from './accounts.js';
import type { Assignment } from './assign.js';
import type { Consequence, Danger } from './consequences.js';
import { HandoverFailure } from './failure.js';
import type { Bomb, Departure, Disposition, Mode, Successor, SystemAccounts } from './model.js';
import type { Participant } from './people.js';
import type { Policy } from './policy.js';

/**
 * Phases give the order within a run; a catalog's `after` adds edges. Manual and kept categories have no
 * effect of ours.
 */
export const PHASES = [
  'inflow',
  'transfer',
  'membership',
  'credential',
  'manual',
  'keep',
  'deactivate',
] as const;
export type Phase = (typeof PHASES)[number];

export interface PlanStep {
  /** `system/category`, or `system/deactivate`. */
  id: string;
  system: string;
  category: string;
  title: string;
  do: Disposition | 'deactivate';
  phase: Phase;
  /** Ids of steps that must be completed or skipped first. */
  after: string[];
  /** What the leaver held when the plan was made. */
  baseline: { count: number; fingerprint: string };
  /**
   * How the successors were chosen, in words: "manager", "round-robin over 3 people". Null where nobody takes
   * over.
   */
  rule: string | null;
  /**
   * Whom the rule names, frozen: also for what may come later. Only who gets items by `counts` is a
   * successor: see `gaining`.
   */
  successors: Successor[];
  /** How the rule shares items out among the first `pool` successors, frozen; what comes later follows it. */
  assignment: Assignment;
  pool: number;
  /** Items per successor, same order. */
  counts: number[];
  /** In an outline that does not name them all: how many successors get items. */
  gain?: number;
  /** Items with a successor of their own. */
  overrides: number;
  /** Where people settle the category by hand. */
  page: string | null;
  /** When the first of these items acts by itself. */
  firesAt: string | null;
  /** When they act, by the hour, as far as that is still to come; absent where none does. */
  bombs?: Bomb[];
  /** Why a category is kept or left to people, where the catalog says. */
  reason: string | null;
  /** They act in the person's name by themselves. */
  actsAs?: true;
  /** Category of the same system: whoever takes that over takes this over. */
  successorOf?: string;
  /**
   * It moves only once the account is off, within so many days; null = whenever that is. `carried`: the switch
   * itself takes it to the one who takes over, and the step looks whether it has.
   */
  late?: { withinDays: number | null; carried?: true };
  /** The system itself shows when people have settled it. */
  observed?: true;
  /** What it does to rows that are in no step; absent where there is nothing of the kind. */
  elsewhere?: Consequence[];
}

export interface ByHand {
  page: string | null;
  reason: string | null;
}

/** Something that ends with an account elsewhere, and not here: `why` is the catalog's own words. */
export interface Undone {
  verb: string;
  why: string;
}

export interface Plan {
  version: 1;
  offboardingId: string;
  revision: number;
  /** The manifest that holds the keys behind the baselines. */
  manifest: string;
  leaver: { id: string; name: string; human: string };
  mode: Mode;
  /** Why the mode is not the one that was asked for. */
  modeReason: string | null;
  departure: Departure;
  /** When access ends; null = as soon as approved. */
  effectiveAt: string | null;
  /** The same as the clocks there show it; absent where there is no such moment. */
  effectiveSays?: string;
  /** When items move, where that is another moment; `approval` = as soon as approved. */
  handoverAt?: string | 'approval';
  handoverSays?: string;
  /** Of a cover: when what moved is given back. */
  giveBackAt?: string;
  giveBackSays?: string;
  accounts: SystemAccounts[];
  /** Systems of this plan in order, with the digest of the catalog that was used. */
  systems: {
    system: string;
    title: string;
    catalog: string;
    accountExpected: boolean;
    /** How the account is switched off there; `never` where this run does not. */
    switchOff: 'api' | 'by-hand' | 'never';
    /** Where and how, where a person does it and the catalog says. */
    byHand?: ByHand;
    /** What of the account this run does not end. */
    undone?: readonly Undone[];
    /** What deleting the account would do when all steps are done; absent where it would do nothing. */
    danger?: Danger[];
  }[];
  steps: PlanStep[];
  policy: Policy;
  overridesDigest: string;
  /** What the plan was made with: the digest of the standing rules, and per step of the rule that it follows. */
  rules: { standing: string; steps: Record<string, string> };
  /**
   * Name as the order or a rule has it → the directory id of the person that it meant. A name that comes to
   * mean somebody else is a question.
   */
  named?: Record<string, string>;
  /** What whoever approves should know beside the steps, as sentences. */
  notes: string[];
  /**
   * Of a plan that gives back: the plan whose effects they are, and per step, page by page, of which receipt
   * the keys are.
   */
  givesBack?: {
    of: string;
    from: Record<string, GivenFrom[]>;
    /** Step → whom its items go back from, as they took them over. */
    holders: Record<string, Successor[]>;
    holdings: Holding[];
  };
  /** In an outline: everybody who gains items by it, each entry once. */
  gainers?: Participant[];
  /** SHA-256 over the canonical JSON of everything above. Set once, by the store. */
  digest: string;
}

/** The receipt of an effect that is given back. */
export interface GivenFrom {
  manifest: string;
  page: number;
  part: number;
}

/** What a cover still holds of one step, and what it does not hold any more. */
export interface Holding {
  step: string;
  system: string;
  title: string;
  /** Who has it, and how many go back from them. */
  from: { label: string; count: number }[];
  count: number;
  /** Those that stay where they are, by reason. */
  stays: { why: string; count: number }[];
}

/** The name under which an absent account is acknowledged. */
export function accountSubject(system: string): string {
  return `${system}/account`;
}

/** The name under which people acknowledge what may be the leaver's and is left out. */
export function othersSubject(system: string): string {
  return `${system}/others`;
}

export function deactivateId(system: string): string {
  return `${system}/deactivate`;
}

/** Is this the step that switches accounts off? */
export function isDeactivation(stepId: string): boolean {
  return stepId.endsWith('/deactivate');
}

/** The takers of a rule that asks item by item who is the first that may own it, in its order. */
export function takersInTurn({ assignment, successors, pool }: PlanStep): (string | null)[] | undefined {
  return assignment.kind === 'first-of' ? successors.slice(0, pool).map(({ value }) => value) : undefined;
}

/** Why somebody who only changes role keeps what others lose. */
export const STAYS_AND_KEEPS = 'the person stays and keeps it';

export function phaseOf(step: { do: Disposition; inflow: boolean }): Phase {
  switch (step.do) {
    case 'transfer':
      return step.inflow ? 'inflow' : 'transfer';
    case 'remove':
      return step.inflow ? 'inflow' : 'membership';
    case 'revoke':
    case 'clear':
      return step.inflow ? 'inflow' : 'credential';
    case 'acknowledge':
      return 'manual';
    case 'keep':
      return 'keep';
  }
}

/** Does this step change something in a target system by our hand? */
export function isEffect(step: PlanStep): boolean {
  return step.phase !== 'manual' && step.phase !== 'keep' && step.phase !== 'deactivate';
}

/**
 * Who gains items by this step of the plan. Whom the rule names only for what may come later gains nothing
 * yet: they need not approve with somebody else, and their own offboarding need not wait.
 */
export function gaining(step: Pick<PlanStep, 'successors' | 'counts'>): Successor[] {
  return step.successors.filter((_, n) => (step.counts[n] ?? 0) > 0);
}

/**
 * Orders steps by phase, keeping the given order within one, and moves a step behind everything its `after`
 * names.
 * @throws HandoverFailure (`configuration`) naming the circle when the edges contradict each other.
 */
export function orderSteps<S extends Pick<PlanStep, 'id' | 'phase' | 'after' | 'actsAs'>>(
  steps: readonly S[],
): S[] {
  // What acts by itself comes first among its like: nobody should have to look for it.
  const byPhase = [...steps].sort(
    (a, b) => PHASES.indexOf(a.phase) - PHASES.indexOf(b.phase) || Number(!a.actsAs) - Number(!b.actsAs),
  );
  const known = new Map(byPhase.map(step => [step.id, step]));
  const ordered: S[] = [];
  const done = new Set<string>();
  const visit = (step: S, path: string[]): void => {
    if (done.has(step.id)) return;
    if (path.includes(step.id)) {
      throw new HandoverFailure(
        'configuration',
        `The catalogs' "after" rules go round in a circle: ${[...path.slice(path.indexOf(step.id)), step.id].join(' → ')}.`,
      );
    }
    for (const id of step.after) {
      const before = known.get(id);
      if (before) visit(before, [...path, step.id]);
    }
    done.add(step.id);
    ordered.push(step);
  };
  for (const step of byPhase) visit(step, []);
  return ordered;
}

/**
 * What must be completed or skipped before a step. Removing memberships can cost the leaver's colleagues their
 * view of things that are still to be moved: transfers first.
 */
export function waitsFor(
  step: Pick<PlanStep, 'phase' | 'system' | 'after' | 'late'>,
  all: readonly Pick<PlanStep, 'id' | 'phase' | 'system' | 'late'>[],
): string[] {
  if (step.phase !== 'membership') return step.after;
  const transfers = all.filter(
    one => one.system === step.system && one.phase === 'transfer' && (!one.late || step.late !== undefined),
  );
  return [...new Set([...step.after, ...transfers.map(one => one.id)])];
}

export function withMembershipEdges(steps: readonly PlanStep[]): PlanStep[] {
  return steps.map(step => (step.phase === 'membership' ? { ...step, after: waitsFor(step, steps) } : step));
}

/**
 * What a person must acknowledge: manual categories that hold something, absent accounts, what may be theirs
 * and is left out, and what must be switched off by hand.
 */
export function toAcknowledge(
  plan: Plan,
): { subject: string; title: string; count: number; page: string | null }[] {
  const manual = plan.steps
    .filter(step => step.phase === 'manual' && step.baseline.count > 0)
    .map(step => ({ subject: step.id, title: step.title, count: step.baseline.count, page: step.page }));
  const absent = plan.accounts
    .filter(
      ({ system, accounts }) =>
        existing(accounts).length === 0 && !plan.systems.find(one => one.system === system)?.accountExpected,
    )
    .map(({ system }) => ({
      subject: accountSubject(system),
      title: 'no account here',
      count: 0,
      page: null,
    }));
  const others = plan.accounts.flatMap(({ system, others = [] }) =>
    others.length > 0
      ? [
          {
            subject: othersSubject(system),
            title: `left out, and may be theirs: ${others.map(sayOther).join('; ')}`,
            count: others.length,
            page: null,
          },
        ]
      : [],
  );
  const byHand = plan.systems
    .filter(system => system.switchOff === 'by-hand')
    .map(system => ({
      subject: deactivateId(system.system),
      title: `switch the account off by hand${system.byHand?.reason ? `: ${system.byHand.reason}` : ''}`,
      count: 1,
      page: system.byHand?.page ?? null,
    }));
  return [...manual, ...absent, ...others, ...byHand];
}

/**
 * A plan that needs nobody's approval: it only switches somebody off who holds nothing, that destroys nothing,
 * and its policy wants none then. Nothing may come to it either; what is to be acknowledged still is.
 */
export function asksNobody({ policy, mode, steps, systems }: Whole): boolean {
  const isIdle = ({ phase, do: does, baseline }: PlanStep): boolean =>
    phase === 'deactivate' || does === 'keep' || baseline.count === 0;
  return (
    policy.nothingLeft === 'deactivates' &&
    mode === 'execute-and-deactivate' &&
    steps.every(isIdle) &&
    systems.every(({ danger = [] }) => danger.length === 0)
  );
}

type Whole = Pick<Plan, 'policy' | 'mode' | 'steps' | 'systems'>;

/** What of an account stays as it is, as a sentence each. */
export function sayUndone({ title, undone = [] }: Plan['systems'][number]): string[] {
  return undone.map(({ verb, why }) => `${title}: ${verb} ${UNDONE[verb] ?? 'is not done'} (${why}).`);
}

const UNDONE: Readonly<Record<string, string>> = {
  sessions: 'are ended by nobody',
  tokens: 'are revoked by nobody',
  memberships: 'are taken away by nobody',
  licence: 'is given back by nobody',
  erase: 'is not done by an offboarding',
};

/** JSON with sorted keys and no white space: the same value always gives the same bytes. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value))
    return `[${value.map(item => canonicalJson(item === undefined ? null : item)).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join(',')}}`;
  }
  return JSON.stringify(value) ?? 'null';
}
