/**
 * What is looked for after the switch, when, and what becomes of it. Values only: the workflow waits and the
 * activities look.
 */
import { z } from 'zod';
import type { StepBomb } from './bombs.js';
import { uncoveredIn } from './coverage.js';
import { driftLimit } from './drift.js';
import type { Sender } from './judge.js';
import type { Sight, StepLook, Unread } from './look.js';
import { isSame, type Participant, type Refusal } from './people.js';
import { deactivateId, isEffect, type Plan, type PlanStep } from './plan.js';
import type { Policy } from './policy.js';
import { cameIn, keptIn, sayObstacle } from './proof.js';
import {
  DAY_MS,
  type Decision,
  type DecisionOf,
  decisionSchemas,
  instant,
  messageParser,
} from './request.js';
import type { Run } from './run.js';
import { type Audience, ringing, WAITS } from './waiting.js';

export type SweepPolicy = Exclude<Policy['sweep'], 'off'>;

/** The policy of a plan, where it wants a sweep at all; plans of earlier versions want none. */
export function sweepOf(policy: { sweep?: Policy['sweep'] }): SweepPolicy | null {
  return policy.sweep === undefined || policy.sweep === 'off' ? null : policy.sweep;
}

/**
 * Systems in which a run that ended like this has left every account off; none where nobody is to be looked
 * after: whoever cancels means the person to stay.
 */
export function offAfter({ outcome, access }: Pick<Run, 'outcome' | 'access'>): string[] {
  const systems = Object.keys(access);
  if (outcome === 'cancelled' || systems.every(system => access[system] !== 'deactivated')) return [];
  return systems.filter(system => access[system] === 'deactivated' || access[system] === 'was-inactive');
}

/**
 * Systems of the plan that a sweep looks after: not those that it was to switch off and did not, where the
 * leaver still works with what comes to them.
 */
export function sweptIn(
  { accounts, steps }: Pick<Plan, 'accounts' | 'steps'>,
  { off }: Pick<SweepInput, 'off'>,
): string[] {
  return accounts
    .map(({ system }) => system)
    .filter(system => off.includes(system) || steps.every(({ id }) => id !== deactivateId(system)));
}

/**
 * The first moment of the rhythm after `after`; null = there is none any more. A part of the rhythm counts
 * from where the one before it ended, and ends `forDays` after the switch.
 * @param began ISO 8601
 * @param after milliseconds since the epoch
 */
export function nextMoment({ rhythm }: SweepPolicy, began: string, after: number): number | null {
  let from = instant(began);
  for (const { everyDays, forDays } of rhythm) {
    const every = Math.max(1, Math.round(everyDays * DAY_MS));
    const until = instant(began) + forDays * DAY_MS;
    const turn = Math.max(1, Math.floor((after - from) / every) + 1);
    const next = from + turn * every;
    if (next <= until) return next;
    from = Math.max(from, from + Math.max(0, Math.floor((until - from) / every)) * every);
  }
  return null;
}

/** When the rhythm is over; ISO 8601. */
export function lastDay({ rhythm }: SweepPolicy, began: string): string {
  const days = Math.max(...rhythm.map(({ forDays }) => forDays));
  return new Date(instant(began) + days * DAY_MS).toISOString();
}

export type SweepOutcome = 'ended' | 'finished' | 'cancelled' | 'switched-on-again' | 'stood-aside';

/** Something that no approved rule settles, put to people under its subject. */
export interface Question {
  /** A step, or a system and what about it. */
  subject: string;
  says: string;
  /** Acknowledged once, the same one is not asked again for as long as every round finds it. */
  mark: string;
  /** Whoever looks adds to the mark which catalog, and which items of these steps, it is about. */
  about?: { system: string; steps: string[] };
  /** The keys that people are shown, frozen under this digest. */
  frozen?: string;
  /** It is told to everybody at once. */
  escalates?: true;
  /** Of something that acts once, at its moment: no later round takes it back. */
  stays?: true;
}

/** The same, since when it waits. */
export interface OpenQuestion extends Question {
  since: string;
}

/** What the run that was before has left to look after. */
export interface SweepInput {
  /** Its own id: of its chain, its receipts and its fence. */
  sweepId: string;
  /** The offboarding that it comes after. */
  offboardingId: string;
  /** Workflow id of that. */
  of: string;
  leaver: Participant;
  /** Digest of the plan that the run ended with. */
  plan: string;
  /** Whether it was approved; if not, all that comes goes to people. */
  approved: boolean;
  policy: SweepPolicy;
  patience: { remindAfterDays: number; escalateAfterDays: number };
  /** Systems in which every account is off. */
  off: string[];
  /** Frozen keys that approved skips waive, and that acknowledgements have seen, by step. */
  waived: Record<string, string>;
  seen: Record<string, string>;
  /** When the leaver was switched off; ISO 8601. */
  began: string;
}

const written = z.object({
  sweepId: z.guid(),
  offboardingId: z.guid(),
  of: z.string().min(1),
  leaver: z.object({ id: z.string().min(1), name: z.string(), human: z.string().min(1) }),
  plan: z.string().regex(/^[0-9a-f]{64}$/),
  approved: z.boolean(),
  policy: z.object({
    rhythm: z.array(z.object({ everyDays: z.number().positive(), forDays: z.number().positive() })).min(1),
    returns: z.number().int().min(1),
  }),
  patience: z.object({
    remindAfterDays: z.number().positive(),
    escalateAfterDays: z.number().positive(),
  }),
  off: z.array(z.string()),
  waived: z.record(z.string(), z.string()),
  seen: z.record(z.string(), z.string()),
  began: z.iso.datetime(),
});

/** Is it what a run gives the sweep that it starts? Whoever starts one by hand writes something else. */
export function isSweepInput(given: unknown): given is SweepInput {
  return written.safeParse(given).success;
}

export const SWEEP_STATES = ['waiting', 'sweeping', 'closed'] as const;

export interface Sweep extends SweepInput {
  workflowId: string;
  state: (typeof SWEEP_STATES)[number];
  outcome: SweepOutcome | null;
  sentence: string;
  /** How many rounds have begun. */
  round: number;
  /** When the next one begins; ISO 8601, null = never. */
  due: string | null;
  /** It goes on in a fresh execution, and the round that is due is still to come. */
  ahead?: boolean;
  moved: number;
  /** Numbers of the addenda that it has written. */
  addenda: number[];
  open: OpenQuestion[];
  /** What acts by itself and is looked at just before, the next first. */
  bombs: StepBomb[];
  /** Subject → the mark of what people have acknowledged. */
  acknowledged: Record<string, string>;
  /** Since when people are asked something, and how often they were told; null = nobody is asked. */
  waits: { since: string; told: number } | null;
  /** What people decided and the story has not taken up yet: a round now, or an end. */
  turn: 'retry' | SweepEnd | null;
  /** Messages judged so far, and the last of those that were refused. */
  decided: number;
  refused: Refusal[];
}

/** How people end a sweep. */
export interface SweepEnd {
  outcome: 'finished' | 'cancelled';
  says: string;
}

/** The decisions of a run that a sweep takes as well: the same messages, judged by rules of its own. */
export const SWEEP_DECISIONS = ['acknowledge', 'retry', 'finish'] as const;
export type SweepDecision = DecisionOf<(typeof SWEEP_DECISIONS)[number]>;

export function isSweepDecision(name: Decision['name']): name is SweepDecision['name'] {
  return (SWEEP_DECISIONS as readonly string[]).includes(name);
}

const { acknowledge, retry, finish } = decisionSchemas;
export const parseSweepDecision = messageParser<SweepDecision['name'], SweepDecision>(
  { acknowledge, retry, finish },
  {
    acknowledge: '{"by": "you@example.com", "category": "crm/approvals"}',
    retry: '{"by": "you@example.com"}',
    finish: '{"by": "you@example.com", "reason": "they come back on Monday"}',
  },
);

interface Verdict {
  accepted: boolean;
  sentence: string;
  changes: Partial<Sweep>;
}

/** May this person decide this now, and what does it change? Operators decide, and the leaver never does. */
export function judgeSweep(sweep: Sweep, decision: SweepDecision, who: Sender): Verdict {
  const refuse = (sentence: string): Verdict => ({ accepted: false, sentence, changes: {} });
  if (isSame({}, who, sweep.leaver)) return refuse('The leaver decides nothing about their own offboarding.');
  if (who.barred) return refuse(`${who.name} ${who.barred} and decides nothing.`);
  if (!who.operator) return refuse(who.doubt ?? `${who.name} is no operator.`);
  if (sweep.outcome) return refuse(`The sweep is over: ${sweep.sentence}`);
  switch (decision.name) {
    case 'acknowledge':
      return acknowledged(sweep, [decision.category].flat(), refuse);
    case 'retry':
      if (isEnd(sweep.turn)) return refuse(`The sweep is about to end: ${sweep.turn.says}`);
      return { accepted: true, sentence: 'The next round begins now.', changes: { turn: 'retry' } };
    case 'finish':
      return {
        accepted: true,
        sentence: 'The sweep ends.',
        changes: { turn: { outcome: 'finished', says: `Ended by ${who.name}: ${decision.reason}` } },
      };
  }
}

/** Has somebody ended it, and the story not taken that up yet? */
export function isEnd(turn: Sweep['turn']): turn is SweepEnd {
  return turn !== null && turn !== 'retry';
}

function acknowledged(
  sweep: Sweep,
  subjects: readonly string[],
  refuse: (sentence: string) => Verdict,
): Verdict {
  const unknown = subjects.filter(subject => sweep.open.every(one => one.subject !== subject));
  if (unknown.length > 0) {
    const known = sweep.open.map(({ subject }) => subject).join(', ') || 'nothing';
    return refuse(`There is nothing called "${unknown[0]}" to acknowledge; open is ${known}.`);
  }
  const seen = sweep.open.filter(({ subject }) => subjects.includes(subject));
  const frozen = seen.flatMap(one => (one.frozen ? [[one.subject, one.frozen]] : []));
  return {
    accepted: true,
    sentence: `Acknowledged: ${seen.map(({ says }) => says).join(' ')}`,
    changes: {
      open: sweep.open.filter(one => !seen.includes(one)),
      acknowledged: {
        ...sweep.acknowledged,
        ...Object.fromEntries(seen.map(({ subject, mark }) => [subject, mark])),
      },
      ...(frozen.length > 0 && { seen: { ...sweep.seen, ...Object.fromEntries(frozen) } }),
    },
  };
}

export type SweepBell = ReturnType<typeof ringing> & { audience: readonly Audience[] };

/** Who is told next, and when; null = nobody is asked anything. */
export function nextSweepBell({ waits, patience }: Pick<Sweep, 'waits' | 'patience'>): SweepBell | null {
  if (!waits) return null;
  const { remindAfterDays, escalateAfterDays } = patience;
  const bell = ringing(
    waits.told,
    instant(waits.since),
    remindAfterDays * DAY_MS,
    escalateAfterDays * DAY_MS,
  );
  const { audience, escalation } = WAITS.attention;
  return { ...bell, audience: bell.notice === 'escalation' ? [...audience, ...escalation] : audience };
}

/** Items of one step that the approved rule covers. */
export interface Due {
  step: string;
  count: number;
}

export interface Found {
  /** Systems with an account that is on again. */
  again: string[];
  due: Due[];
  questions: Question[];
}

/** What of a look follows the approved rules, and what is for people. */
export function foundIn(
  plan: Plan,
  sights: readonly Sight[],
  unread: readonly Unread[],
  { off, waived }: Pick<SweepInput, 'off' | 'waived'>,
): Found {
  const systems = sweptIn(plan, { off });
  const again = sights
    .filter(({ system, accounts }) => off.includes(system) && accounts.some(account => account.active))
    .map(({ system }) => system);
  const due: Due[] = [];
  const questions: Question[] = [];
  for (const sight of sights.filter(({ system }) => systems.includes(system))) {
    questions.push(...aboutSystem(plan, sight));
    if (sight.catalogChanged || sight.accountsChanged.length > 0) continue;
    for (const look of sight.steps) {
      const step = plan.steps.find(one => one.id === look.step)!;
      if (isEffect(step) && !step.late?.carried && look.unwaived > 0 && waived[step.id] === undefined)
        due.push({ step: step.id, count: look.unwaived });
      else questions.push(...aboutStep(step, look));
    }
    for (const kept of keptIn(sight, plan)) {
      const now = sight.inventory.find(one => `${sight.system}/${one.category}` === kept.step);
      if (kept.untouched || !now?.complete) continue;
      const says = `${kept.step} is kept, and has changed: ${kept.before} items before, ${kept.now} now.`;
      questions.push({ subject: kept.step, says, mark: `${kept.now}: ${now.fingerprint}` });
    }
  }
  for (const { where, count } of cameIn({ plan, systems, looks: sights, unread })) {
    const isAsked = questions.some(({ subject }) => subject === where || subject.startsWith(`${where}/`));
    if (count !== null || isAsked) continue;
    const why = unread.find(({ system }) => system === where)?.why ?? problemWith(sights, where);
    const says = `${where} could not be read${why ? `: ${why}` : '.'}`;
    questions.push({ subject: where, says, mark: `unread: ${why ?? ''}` });
  }
  return { again, due, questions };
}

/** Why a category could not be read, where its system says so. */
function problemWith(sights: readonly Sight[], step: string): string | null {
  const all = sights.flatMap(({ system, inventory }) => inventory.map(one => ({ system, ...one })));
  return all.find(({ system, category }) => `${system}/${category}` === step)?.problem ?? null;
}

function aboutSystem(plan: Plan, sight: Sight): Question[] {
  const { system } = sight;
  const questions: Question[] = [];
  const staying = sight.steps.filter(({ step, unwaived, frozen }) =>
    plan.steps.some(one => one.id === step && isEffect(one)) ? unwaived > 0 : frozen !== null,
  );
  const counts = staying.map(
    ({ step, unwaived, arrived, frozen }) => `${frozen ? arrived : unwaived} in ${step}`,
  );
  const there = counts.length > 0 ? ` What came stays: ${counts.join(', ')}.` : '';
  const about = { system, steps: staying.map(({ step }) => step) };
  if (sight.catalogChanged)
    questions.push({
      subject: `${system}/catalog`,
      says: `The catalog of ${system} has changed since the plan was approved: nothing is moved there.${there}`,
      mark: 'changed',
      about,
    });
  if (sight.accountsChanged.length > 0) {
    const says = sight.accountsChanged.join(' ');
    questions.push({
      subject: `${system}/account`,
      says: `${says} Nothing is moved there.${there}`,
      mark: says,
      about,
    });
  }
  const { switchOff, title, byHand } = plan.systems.find(one => one.system === system) ?? {};
  if (switchOff === 'by-hand' && sight.accounts.some(({ active }) => active)) {
    const where = byHand?.page ? ` at ${byHand.page}` : '';
    questions.push({
      subject: deactivateId(system),
      says: `${title}: the account is still on; it is to be switched off by hand${where}.`,
      mark: 'on',
    });
  }
  const open = uncoveredIn(plan, sight);
  if (open !== null)
    questions.push({
      subject: `${system}/coverage`,
      says: sayObstacle({ kind: 'uncovered', system, says: open }),
      mark: open,
    });
  return questions;
}

function aboutStep(step: PlanStep, look: StepLook): Question[] {
  if (look.frozen)
    return [
      {
        subject: step.id,
        says: `${step.title} (${step.id}): ${look.arrived} came that nobody has seen; people settle them by hand.`,
        mark: look.frozen.digest,
        frozen: look.frozen.digest,
      },
    ];
  if (!isEffect(step) || look.unwaived === 0) return [];
  const came = `${step.title} (${step.id}): ${look.unwaived}`;
  const says = step.late?.carried
    ? `${came} came after the switch, and nothing but the switch hands them over: people do it by hand.`
    : `${came} are there that the approved skip does not cover.`;
  const about = { system: step.system, steps: [step.id] };
  return [{ subject: step.id, says, mark: String(look.unwaived), about }];
}

/** Why these items do not follow the approved rule, as a sentence; null = they do. */
export function beyondRule(
  plan: Plan,
  { approved }: Pick<SweepInput, 'approved'>,
  step: PlanStep,
  count: number,
): string | null {
  if (!approved)
    return `${step.title} (${step.id}): ${count} came, and nobody approved the rules that the run ended with.`;
  const limit = driftLimit(plan, step);
  if (count > limit)
    return `${step.title} (${step.id}): ${count} came at once, more than the ${limit} that may follow the approved plan.`;
  if (step.do === 'transfer' && step.successors.length === 0)
    return `${step.title} (${step.id}): ${count} came, and the approved plan names nobody to take them over.`;
  return null;
}

/** The questions as they stand after a round: what people have acknowledged is not asked again. */
export function asked(sweep: Sweep, questions: readonly Question[], now: string): OpenQuestion[] {
  const staying = sweep.open.filter(({ stays }) => stays);
  return [...staying.filter(one => questions.every(({ subject }) => subject !== one.subject)), ...questions]
    .filter(({ subject, mark }) => sweep.acknowledged[subject] !== mark)
    .map(question => {
      const before = sweep.open.find(one => one.subject === question.subject && one.mark === question.mark);
      return { ...question, since: before?.since ?? now };
    });
}

/** Under which a round that did not come about is put to people. */
export const ROUND = 'round';

/** What is asked after a round that did not come about: that as well, and all that was asked before. */
export function askedWithout(sweep: Sweep, question: Omit<Question, 'subject'>, now: string): OpenQuestion[] {
  const isOther = ({ subject }: Question): boolean => subject !== ROUND;
  const others = sweep.open.filter(isOther);
  return [...others, ...asked(sweep, [{ subject: ROUND, ...question }], now).filter(one => !isOther(one))];
}

/**
 * What stays acknowledged after a round that has found these: a finding that was gone, or was another one, is
 * asked again. What nobody could look at is neither there nor gone.
 */
export function stillSeen({ acknowledged }: Sweep, questions: readonly Question[]): Sweep['acknowledged'] {
  const isFound = (subject: string, mark: string): boolean =>
    questions.some(one => one.subject === subject && one.mark === mark);
  const isHidden = (subject: string): boolean => {
    const [system] = subject.split('/');
    const whole = [system, `${system}/catalog`, `${system}/account`];
    return !whole.includes(subject) && questions.some(one => whole.includes(one.subject));
  };
  const still = Object.entries(acknowledged).filter(
    ([subject, mark]) => isFound(subject, mark) || isHidden(subject),
  );
  return Object.fromEntries(still);
}

/** Which of these keys are handed over, and which have come back too often and are left alone. */
export function apartFromReturning<K>(
  keys: readonly K[],
  /** How often each was handed over already, or was about to be. */
  times: ReadonlyMap<K, number>,
  { returns }: Pick<SweepPolicy, 'returns'>,
): { moving: K[]; left: K[] } {
  const isLeft = (key: K): boolean => (times.get(key) ?? 0) >= returns;
  return { moving: keys.filter(key => !isLeft(key)), left: keys.filter(isLeft) };
}
