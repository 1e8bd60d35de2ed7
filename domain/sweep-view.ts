/** What people are shown of a sweep: the same answer to `status`, and the same view, as an offboarding has. */
import { markdown } from './markdown.js';
import type { NextMessage } from './next.js';
import { DAY_MS, instant } from './request.js';
import type { WaitingOn } from './run.js';
import { nextSweepBell, type Sweep } from './sweep.js';
import { sayWaits, type View } from './view.js';
import { WAITS, type WaitingView } from './waiting.js';
import { clockOf, items } from './words.js';

/** What the query `status` answers: the whole sweep, and what it waits for. */
export interface SweepStatus extends Sweep {
  kind: 'sweep';
  waitingOn: WaitingOn;
  /** Who is asked what no rule settles, since when, and when others are told; null = nobody is. */
  waitsFor: WaitingView | null;
  /** Messages that fit now, ready to paste, with `by` left blank. */
  next: NextMessage[];
}

export function sweepStatus(sweep: Sweep): SweepStatus {
  return {
    ...sweep,
    kind: 'sweep',
    waitingOn: sweepWaitsOn(sweep),
    waitsFor: waitingOf(sweep),
    next: nextSweepMessages(sweep),
  };
}

/** Whom a sweep waits for: its rounds go on meanwhile. */
export function sweepWaitsOn({ outcome, open }: Pick<Sweep, 'outcome' | 'open'>): WaitingOn {
  return open.length > 0 && !outcome ? 'attention' : 'nobody';
}

/** Messages that fit now, ready to paste: `by` and what else is empty is left to fill in. */
export function nextSweepMessages({ outcome, open }: Pick<Sweep, 'outcome' | 'open'>): NextMessage[] {
  if (outcome) return [];
  const by = '';
  const subjects = open.map(({ subject }) => subject);
  const seen: NextMessage[] =
    subjects.length === 0
      ? []
      : [
          {
            message: 'acknowledge',
            json: { by, category: subjects.length === 1 ? subjects[0] : subjects },
            why: 'seen, and handled or left as it is',
          },
        ];
  return [
    ...seen,
    { message: 'retry', json: { by }, why: 'the next round begins now' },
    { message: 'finish', json: { by, reason: '' }, why: 'the sweep ends' },
  ];
}

function waitingOf(sweep: Sweep): WaitingView | null {
  const { waits, patience } = sweep;
  const bell = nextSweepBell(sweep);
  if (!waits || !bell || sweep.outcome) return null;
  const { audience, asks } = WAITS.attention;
  const escalation = instant(waits.since) + patience.escalateAfterDays * DAY_MS;
  return {
    ...waits,
    on: 'attention',
    audience,
    asks,
    remindsAt: bell.notice === 'reminder' ? iso(bell.at) : null,
    escalatesAt: iso(bell.notice === 'escalation' ? bell.at : escalation),
    expiresAt: null,
  };
}

export function sweepView(sweep: Sweep): View {
  const { leaver, outcome, state, round, moved, addenda, due, open, bombs, of, refused } = sweep;
  const rounds = `${round === 1 ? '1 round' : `${round} rounds`} so far, ${items(moved)} caught and handed over`;
  const added = addenda.length > 0 ? `; addenda to the certificate: ${addenda.join(', ')}` : '';
  return {
    title: `Sweep after the offboarding of ${leaver.name}`,
    short: `${leaver.name}, after the switch`,
    state,
    over: state === 'closed',
    outcome,
    sentence: sweep.sentence,
    waits: sayWaits(waitingOf(sweep)),
    clocks: null,
    pausedBy: null,
    requested: null,
    plan: null,
    findings: open.map(({ subject, says, since }) => `${subject}, since ${clockOf(since)}: ${says}`),
    alerts: [],
    notes: [
      `${rounds}${added}.`,
      ...(due && !outcome ? [`The next round begins ${clockOf(due)} (UTC).`] : []),
      ...(bombs.length > 0 && !outcome
        ? [
            `What acts by itself is looked at just before: the next, in ${bombs[0]!.step}, ${clockOf(bombs[0]!.at)} (UTC).`,
          ]
        : []),
      `It comes after ${of}.`,
    ],
    systems: [],
    refused: refused.slice(-5).reverse(),
    next: nextSweepMessages(sweep),
    approvals: [],
    skips: [],
  };
}

/** The operators' screen in the Temporal UI. */
export function sweepDetails(sweep: Sweep): string {
  return markdown(sweepView(sweep));
}

function iso(at: number): string {
  return new Date(at).toISOString();
}
