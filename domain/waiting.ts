/**
 * Who waits, for whom, and until when. A run waits in one state for one kind of thing at a time; for each
 * kind stands here who is asked, who is told when nobody answers, and whether waiting may end the run. The
 * policy says after how many days. Values only: a workflow waits until the next bell and records that it
 * rang.
 */
import { nextDate } from './dates.js';
import { lateSteps, lateUntil } from './late.js';
import { isOver } from './lifecycle.js';
import { type PatienceOfWaits, patienceFor, type WaitForPeople } from './patience.js';
import { DAY_MS, instant } from './request.js';
import { isApproved, openAcknowledgements, type Run, type Waiting, type WaitingOn } from './run.js';
import { minuteOf } from './words.js';

export type Audience = 'requester' | 'operators' | 'approvers';

export interface Wait {
  /** Who is asked, and reminded. */
  audience: readonly Audience[];
  /** Who is told once reminders have not helped. */
  escalation: readonly Audience[];
  /** What they are asked to do, as a sentence without a full stop. */
  asks: string;
  /**
   * Whether nobody's answer is an answer one day: the run ends as `expired`. Only before the first step: what
   * is half done waits for a person, however long that takes, and escalates again and again.
   */
  expires: boolean;
}

/** Every kind of wait that asks people something. */
export const WAITS: Readonly<Record<WaitForPeople, Wait>> = {
  correction: {
    audience: ['operators', 'requester'],
    escalation: ['approvers'],
    asks: 'Something must be settled before there can be a plan',
    expires: true,
  },
  acknowledgement: {
    audience: ['operators'],
    escalation: ['requester', 'approvers'],
    asks: 'What the plan leaves to people must be acknowledged',
    expires: true,
  },
  approval: {
    audience: ['approvers'],
    escalation: ['requester', 'operators'],
    asks: 'The plan must be approved or rejected',
    expires: true,
  },
  confirmation: {
    audience: ['operators'],
    escalation: ['requester', 'approvers'],
    asks: 'The approved plan must be confirmed',
    expires: true,
  },
  attention: {
    audience: ['operators', 'requester'],
    escalation: ['approvers'],
    asks: 'Something did not go through and must be decided',
    expires: false,
  },
  resume: {
    audience: ['operators'],
    escalation: ['requester', 'approvers'],
    asks: 'The run is paused and must be resumed or ended',
    expires: false,
  },
};

/** Whom or what the run waits for now: one word, also a search attribute. */
export function waitingOn(run: Run): WaitingOn {
  if (run.pausedBy && !isOver(run.state)) return 'resume';
  switch (run.state) {
    case 'needs-correction':
      return 'correction';
    case 'needs-attention':
      return 'attention';
    case 'scheduled':
      return 'date';
    case 'awaiting-approval':
      return missingFor(run);
    case 'preparing':
    case 'executing':
    case 'deactivating':
    case 'closing':
    case 'closed':
      return 'nobody';
  }
}

/** What the plan still lacks before it may be carried out. */
export function missingFor(run: Run): 'acknowledgement' | 'approval' | 'confirmation' | 'nobody' {
  if (openAcknowledgements(run).length > 0) return 'acknowledgement';
  if (run.plan && !isApproved(run, run.plan)) return 'approval';
  return run.plan?.policy.confirmation && run.confirmedBy === null ? 'confirmation' : 'nobody';
}

/** The wait that this run is in, kept as it is while it goes on. @param now ISO 8601 */
export function waitingNow(run: Run, now: string): Waiting | null {
  const on = waitingOn(run);
  if (on === 'nobody') return null;
  return run.waiting?.on === on ? run.waiting : { on, since: now, told: 0 };
}

/** What happens next if nobody does anything. `notice` is the word under which it is recorded. */
export interface Bell {
  notice: 'waits' | 'reminder' | 'escalation' | 'expiry';
  /** Milliseconds since the epoch. */
  at: number;
  audience: readonly Audience[];
  /** It rings because of what had to be done by then, a time after the switch. */
  deadline?: true;
}

/** Null while the run waits for nobody, or only for its date. */
export function nextBell(run: Run): Bell | null {
  const asked = askedOf(run);
  if (!asked) return null;
  const { waiting, wait, reminder, escalation } = asked;
  const since = instant(waiting.since);
  const expiry = expiresAt(run);
  const bell = atDeadline(run, ringing(waiting.told, since, reminder, escalation));
  if (expiry !== null && expiry <= bell.at)
    return { notice: 'expiry', at: expiry, audience: [...wait.audience, ...wait.escalation] };
  const audience = bell.notice === 'escalation' ? [...wait.audience, ...wait.escalation] : wait.audience;
  return { ...bell, audience };
}

/** What moves only after the switch is told to everybody when its time is over, once in a wait. */
function atDeadline(run: Run, bell: Pick<Bell, 'notice' | 'at'>): Pick<Bell, 'notice' | 'at' | 'deadline'> {
  const until = lateSteps(run).flatMap(step => lateUntil(run, step) ?? []);
  if (until.length === 0 || run.waiting?.overdueTold) return bell;
  const at = Math.min(...until.map(instant));
  return at < bell.at ? { notice: 'escalation', at, deadline: true } : bell;
}

/** The wait once a bell has rung. */
export function toldOf(waiting: Waiting, bell: Bell): Waiting {
  return bell.deadline ? { ...waiting, overdueTold: true } : { ...waiting, told: waiting.told + 1 };
}

/**
 * Told at once, then reminded until it escalates, and from then on escalated again each time as much later.
 */
export function ringing(
  told: number,
  since: number,
  reminder: number,
  escalation: number,
): Pick<Bell, 'notice' | 'at'> {
  if (told === 0) return { notice: 'waits', at: since };
  const reminders = Math.ceil(escalation / reminder) - 1;
  if (told <= reminders) return { notice: 'reminder', at: since + told * reminder };
  return { notice: 'escalation', at: since + (told - reminders) * escalation };
}

/** When waiting ends the run, in milliseconds since the epoch; null = never. Pausing puts nothing off. */
export function expiresAt(run: Run): number | null {
  const on = waitingOn({ ...run, pausedBy: null });
  if (on === 'nobody' || on === 'date' || !WAITS[on].expires) return null;
  const { expiresAfterDays } = patienceOf(run);
  return instant(run.since) + expiresAfterDays * DAY_MS;
}

/** What people are shown of a wait. Moments are ISO 8601; null = that never comes. */
export interface WaitingView extends Waiting {
  audience: readonly Audience[];
  asks: string;
  remindsAt: string | null;
  escalatesAt: string;
  expiresAt: string | null;
}

export function waitingView(run: Run): WaitingView | null {
  const asked = askedOf(run);
  if (!asked) return null;
  const { waiting, escalation } = asked;
  const { audience, asks } = asked.wait;
  const bell = nextBell(run);
  const expiry = expiresAt(run);
  return {
    ...waiting,
    audience,
    asks,
    remindsAt: bell?.notice === 'reminder' ? iso(bell.at) : null,
    escalatesAt: iso(bell?.notice === 'escalation' ? bell.at : instant(waiting.since) + escalation),
    expiresAt: expiry === null ? null : iso(expiry),
  };
}

/**
 * The moment by which somebody must have acted, or at which something happens by itself; ISO 8601, null =
 * there is none. Shown in lists and searched for as `OffboardingDue`.
 */
export function dueAt(run: Run): string | null {
  const view = waitingView(run);
  const moments = [
    run.started || isOver(run.state) ? null : nextDate(run),
    view && (view.expiresAt ?? view.escalatesAt),
    ...(isOver(run.state) ? [] : lateSteps(run).map(step => lateUntil(run, step))),
  ];
  const known = moments.flatMap(moment => (moment === null ? [] : instant(moment)));
  return known.length > 0 ? iso(Math.min(...known)) : null;
}

/** What a bell says, for the trail and whoever is told. @param now milliseconds since the epoch */
export function bellSentence(run: Run, bell: Bell, now: number): string {
  const asked = askedOf(run);
  if (!asked) return run.sentence;
  const { waiting, wait } = asked;
  const { asks } = wait;
  if (bell.notice === 'waits') return `${asks}.`;
  if (bell.deadline)
    return `${asks}. What moves only after the switch had to be done by ${minuteOf(iso(bell.at))}.`;
  const days = Math.floor((now - instant(waiting.since)) / DAY_MS);
  return `${asks}. It has waited for ${days === 1 ? '1 day' : `${days} days`}.`;
}

/** Why a run that nobody answered ends. */
export function expirySentence(run: Run): string {
  const days = patienceOf(run).expiresAfterDays;
  return `Nobody decided within ${days === 1 ? '1 day' : `${days} days`}.`;
}

/** The plan's own, or what was read last while there is no plan yet. */
function patienceOf(run: Run): PatienceOfWaits {
  return run.plan?.policy.waiting ?? run.patience;
}

/** What people are asked, and after how many milliseconds they are reminded and others told; null = nobody is asked. */
function askedOf(run: Run): { waiting: Waiting; wait: Wait; reminder: number; escalation: number } | null {
  const { waiting } = run;
  if (!waiting || waiting.on === 'date') return null;
  const patience = patienceFor(patienceOf(run), waiting.on);
  return {
    waiting,
    wait: WAITS[waiting.on],
    reminder: patience.remindAfterDays * DAY_MS,
    escalation: patience.escalateAfterDays * DAY_MS,
  };
}

function iso(at: number): string {
  return new Date(at).toISOString();
}
