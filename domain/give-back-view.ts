/** What people are shown of a give-back: the same answer to `status`, and the same view, as an offboarding has. */
import { backQuorum, broughtBack, type GiveBack, plannedBack, sayHolders, sayStaying } from './give-back.js';
import { markdown } from './markdown.js';
import type { NextMessage } from './next.js';
import { patienceFor } from './patience.js';
import { identityWords } from './people.js';
import { DAY_MS, instant } from './request.js';
import type { WaitingOn } from './run.js';
import { sayWaits, type View } from './view.js';
import { type Audience, ringing, WAITS, type WaitingView } from './waiting.js';
import { clockOf, items } from './words.js';

/** What the query `status` answers: the whole of it, and what it waits for. */
export interface GiveBackStatus extends GiveBack {
  kind: 'give-back';
  waitingOn: WaitingOn;
  /** Who is asked, since when, and when others are told; null = nobody is. */
  waitsFor: WaitingView | null;
  /** Messages that fit now, ready to paste, with `by` left blank. */
  next: NextMessage[];
}

export function giveBackStatus(back: GiveBack): GiveBackStatus {
  return {
    ...back,
    kind: 'give-back',
    waitingOn: giveBackWaitsOn(back),
    waitsFor: waitingOf(back),
    next: nextGiveBackMessages(back),
  };
}

/** Whom or what it waits for: a person, its date, or nobody. */
export function giveBackWaitsOn({ state, waits }: Pick<GiveBack, 'state' | 'waits'>): WaitingOn {
  if (state === 'waiting') return 'date';
  return waits?.on ?? 'nobody';
}

/** Messages that fit now, ready to paste: `by` and what else is empty is left to fill in. */
export function nextGiveBackMessages({ state, back, outcome, turn }: GiveBack): NextMessage[] {
  if (outcome) return [];
  const by = '';
  const plan = back?.digest.slice(0, 12) ?? '';
  const cancel: NextMessage = {
    message: 'cancel',
    json: { by },
    why:
      state === 'giving-back'
        ? 'it stops where it is'
        : 'nothing is given back, everything stays where it is',
  };
  const otherDate: NextMessage = {
    message: 'amend',
    json: { by, giveBackAt: '' },
    why: 'on another date, or "now"',
  };
  if (turn?.kind === 'date') return [otherDate, cancel];
  switch (state) {
    case 'awaiting-approval':
      return [
        {
          message: 'approve',
          json: { by, plan },
          why: 'an approver: give it back like this',
        },
        { message: 'reject', json: { by, plan }, why: 'an approver: leave everything' },
        otherDate,
        cancel,
      ];
    case 'needs-attention':
      return [
        { message: 'retry', json: { by }, why: 'what is not given back yet is planned again' },
        { message: 'finish', json: { by, reason: '' }, why: 'it ends as it is' },
        otherDate,
        cancel,
      ];
    case 'waiting':
      return [otherDate, cancel];
    case 'planning':
    case 'giving-back':
    case 'closed':
      return [cancel];
  }
}

/** What happens next if nobody decides anything; null = nobody is asked. */
export interface BackBell {
  notice: 'waits' | 'reminder' | 'escalation' | 'expiry';
  /** Milliseconds since the epoch. */
  at: number;
  audience: readonly Audience[];
}

export function nextBackBell({ waits, policy }: Pick<GiveBack, 'waits' | 'policy'>): BackBell | null {
  if (!waits) return null;
  const { remindAfterDays, escalateAfterDays } = patienceFor(policy.waiting, waits.on);
  const since = instant(waits.since);
  const { audience, escalation } = WAITS[waits.on];
  const all = [...audience, ...escalation];
  const bell = ringing(waits.told, since, remindAfterDays * DAY_MS, escalateAfterDays * DAY_MS);
  const expiry = expiryOf({ waits, policy });
  if (expiry !== null && expiry <= bell.at) return { notice: 'expiry', at: expiry, audience: all };
  return { ...bell, audience: bell.notice === 'escalation' ? all : audience };
}

function expiryOf({ waits, policy }: Pick<GiveBack, 'waits' | 'policy'>): number | null {
  return waits && WAITS[waits.on].expires
    ? instant(waits.since) + policy.waiting.expiresAfterDays * DAY_MS
    : null;
}

/** What they are asked, as a sentence. */
export function asksOf({ on }: NonNullable<GiveBack['waits']>): string {
  return `${WAITS[on].asks}.`;
}

function waitingOf(back: GiveBack): WaitingView | null {
  const { waits, policy, outcome } = back;
  const bell = nextBackBell(back);
  if (!waits || !bell || outcome) return null;
  const { audience, asks } = WAITS[waits.on];
  const patience = patienceFor(policy.waiting, waits.on);
  const expiry = expiryOf(back);
  return {
    ...waits,
    audience,
    asks,
    remindsAt: bell.notice === 'reminder' ? iso(bell.at) : null,
    escalatesAt: iso(
      bell.notice === 'escalation' ? bell.at : instant(waits.since) + patience.escalateAfterDays * DAY_MS,
    ),
    expiresAt: expiry === null ? null : iso(expiry),
  };
}

export function giveBackView(back: GiveBack): View {
  const { leaver, outcome, state, due, dueSays, of, refused, back: plan, approvals } = back;
  const { have, need } = backQuorum(back);
  return {
    title: `Give-back to ${leaver.name} after a cover`,
    short: `${leaver.name}, after a cover`,
    state,
    over: state === 'closed',
    outcome,
    sentence: back.sentence,
    waits: sayWaits(waitingOf(back)),
    clocks: null,
    pausedBy: null,
    requested: null,
    plan: null,
    findings: [],
    alerts: [],
    notes: [
      ...(outcome ? [] : [`Gives back ${dueSays || clockOf(due)}.`]),
      ...(plan ? linesOf(back) : []),
      ...(plan && state === 'awaiting-approval' ? [`Approvals: ${have} of ${need}.`] : []),
      `It comes after ${of}.`,
    ],
    systems: [],
    refused: refused.slice(-5).reverse(),
    next: nextGiveBackMessages(back),
    approvals: approvals.map(({ by }) => ({ name: by.name, identity: identityWords(by.identity) })),
    skips: [],
  };
}

/** A line for each step: what goes back from whom, what stays and why, and what became of it. */
function linesOf({ back: plan, steps }: GiveBack): string[] {
  if (!plan) return [];
  const whole = `Plan ${plan.revision} ${plan.digest.slice(0, 12)}: ${items(plannedBack(plan))} go back; ${items(broughtBack(steps))} are back.`;
  const each = plan.holdings.map(holding => {
    const stays = holding.stays.map(({ why, count }) => `; ${sayStaying(count)}: ${why}`).join('');
    const from = holding.count > 0 ? ` from ${sayHolders(holding)}` : '';
    const done = steps[holding.step];
    const became = done ? ` (${done.state}${done.message ? `: ${done.message}` : ''})` : '';
    return `${holding.title} (${holding.step}): ${items(holding.count)}${from}${stays}${became}.`;
  });
  return [whole, ...each];
}

/** The operators' screen in the Temporal UI. */
export function giveBackDetails(back: GiveBack): string {
  return markdown(giveBackView(back));
}

function iso(at: number): string {
  return new Date(at).toISOString();
}
