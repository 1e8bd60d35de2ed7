/** Who is asked, who is reminded, who is told, and when a run expires: the bells of every kind of wait. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { policySchema } from '../../domain/policy.js';
import type { Run, Waiting } from '../../domain/run.js';
import {
  type Bell,
  bellSentence,
  dueAt,
  expirySentence,
  nextBell,
  toldOf,
  WAITS,
  waitingNow,
  waitingOn,
  waitingView,
} from '../../domain/waiting.js';
import { NOW, off, olivia, plan, progress, runIn, STATES, step } from './made-up.js';

const DAY = 86_400_000;
const SINCE = Date.parse(NOW);
const day = (n: number): string => new Date(SINCE + n * DAY).toISOString();

/** A run that began to wait at NOW, with this policy. */
function waiting(state: Run['state'], more: Partial<Run> = {}, policy: object = {}): Run {
  const run = runIn(state, { since: NOW, ...more });
  const parsed = policySchema.parse({ waiting: policy });
  if (run.plan) run.plan = plan({ ...run.plan, policy: parsed });
  run.patience = parsed.waiting;
  run.waiting = waitingNow(run, NOW);
  return run;
}

/** The bells that ring if nobody ever does anything: word and day. */
function ringing(run: Run, most = 12): [string, number][] {
  const rung: [string, number][] = [];
  while (rung.length < most) {
    const bell = nextBell(run);
    if (!bell) break;
    rung.push([bell.notice, (bell.at - SINCE) / DAY]);
    if (bell.notice === 'expiry') break;
    run.waiting = { ...(run.waiting as Waiting), told: run.waiting!.told + 1 };
  }
  return rung;
}

describe('whom it waits for', () => {
  test.each(STATES)('%s', state => {
    const expected: Record<Run['state'], string> = {
      preparing: 'nobody',
      'needs-correction': 'correction',
      'awaiting-approval': 'acknowledgement',
      scheduled: 'date',
      executing: 'nobody',
      'needs-attention': 'attention',
      deactivating: 'nobody',
      closing: 'nobody',
      closed: 'nobody',
    };
    expect(waitingOn(runIn(state))).toBe(expected[state]);
    expect(waitingOn(runIn(state, { pausedBy: olivia }))).toBe(
      state === 'closed' || state === 'closing' ? 'nobody' : 'resume',
    );
  });

  test('a plan waits for acknowledgements, then for approval, then for the confirmation', () => {
    const { acknowledgements, approvals } = runIn('scheduled');
    expect(waitingOn(runIn('awaiting-approval', { acknowledgements }))).toBe('approval');
    const confirming = plan({ policy: policySchema.parse({ confirmation: true }) });
    const approved = { acknowledgements, approvals, confirmedBy: null };
    expect(waitingOn(runIn('awaiting-approval', { ...approved, plan: confirming }))).toBe('confirmation');
    expect(waitingOn(runIn('awaiting-approval', approved))).toBe('nobody');
  });
});

describe('the bells', () => {
  test('a plan: told at once, reminded until it escalates, again and again, and expired in the end', () => {
    expect(ringing(waiting('awaiting-approval'))).toEqual([
      ['waits', 0],
      ['reminder', 3],
      ['reminder', 6],
      ['reminder', 9],
      ['reminder', 12],
      ['escalation', 14],
      ['escalation', 28],
      ['escalation', 42],
      ['escalation', 56],
      ['escalation', 70],
      ['escalation', 84],
      ['expiry', 90],
    ]);
  });

  test('what cannot be planned expires as well; what is half done never does', () => {
    expect(ringing(waiting('needs-correction')).at(-1)).toEqual(['expiry', 90]);
    for (const run of [waiting('needs-attention'), waiting('executing', { pausedBy: olivia })])
      expect(ringing(run, 40).at(-1)).toEqual(['escalation', 35 * 14]);
  });

  test('a policy says otherwise for all waits, or for one kind', () => {
    const policy = {
      remindAfterDays: 1,
      escalateAfterDays: 2,
      expiresAfterDays: 5,
      attention: { escalateAfterDays: 0.5 },
    };
    expect(ringing(waiting('awaiting-approval', {}, policy))).toEqual([
      ['waits', 0],
      ['reminder', 1],
      ['escalation', 2],
      ['escalation', 4],
      ['expiry', 5],
    ]);
    // Escalated before there would be a reminder: there is none.
    expect(ringing(waiting('needs-attention', {}, policy), 3)).toEqual([
      ['waits', 0],
      ['escalation', 0.5],
      ['escalation', 1],
    ]);
  });

  test('before there is a plan the policy that was read last holds', () => {
    const run = waiting('needs-correction', { plan: null }, { expiresAfterDays: 2 });
    expect(ringing(run).at(-1)).toEqual(['expiry', 2]);
    expect(expirySentence(run)).toBe('Nobody decided within 2 days.');
  });

  test('pausing puts an expiry off by nothing, and what goes on waiting is not told again', () => {
    const run = waiting('awaiting-approval');
    run.waiting = { on: 'approval', since: NOW, told: 3 };
    run.pausedBy = olivia;
    run.waiting = waitingNow(run, day(40));
    expect(run.waiting).toEqual({ on: 'resume', since: day(40), told: 0 });
    expect(waitingView(run)).toMatchObject({ expiresAt: day(90) });
    expect(waitingNow(run, day(50))).toBe(run.waiting);
  });

  test.each(STATES)('%s: nobody is asked, or it is said who, and who is told after them', state => {
    const run = waiting(state);
    const on = waitingOn(run);
    const bell = nextBell(run);
    if (on === 'nobody' || on === 'date') return expect(bell).toBeNull();
    const { audience, escalation, asks } = WAITS[on];
    expect(bell).toEqual({ notice: 'waits', at: SINCE, audience });
    expect(audience.length * escalation.length).toBeGreaterThan(0);
    expect(escalation.filter(one => audience.includes(one))).toEqual([]);
    expect(bellSentence(run, bell as Bell, SINCE)).toBe(`${asks}.`);
    expect(bellSentence(run, { ...(bell as Bell), notice: 'reminder' }, SINCE + 3 * DAY)).toBe(
      `${asks}. It has waited for 3 days.`,
    );
  });
});

describe('by when', () => {
  test('what expires, what is told to others, the date: whatever comes first', () => {
    expect(dueAt(waiting('awaiting-approval'))).toBe(day(90));
    expect(dueAt(waiting('needs-attention'))).toBe(day(14));
    const later = waiting('awaiting-approval');
    later.plan = { ...later.plan!, effectiveAt: day(10) };
    expect(dueAt(later)).toBe(day(10));
    expect(dueAt({ ...later, started: true })).toBe(day(90));
    expect(dueAt(waiting('executing'))).toBeNull();
    expect(dueAt(waiting('closed'))).toBeNull();
  });
});

test('docs/operators.md shows the same waits', () => {
  const page = readFileSync(new URL('../../docs/operators.md', import.meta.url), 'utf8');
  const rows = Object.entries(WAITS).map(([on, { audience, escalation, expires }]) => {
    const end = expires ? '`expired`' : 'goes on waiting';
    return `| \`${on}\` | ${audience.join(', ')} | ${escalation.join(', ')} | ${end}`;
  });
  for (const row of rows) expect(page, `The rows to show are:\n${rows.join('\n')}`).toContain(row);
});

test('what must be done a time after the switch is due by then, and everybody is told once when it is over', () => {
  const files = step('crm/files', { late: { withinDays: 30 } });
  const run = waiting('needs-attention', {
    plan: plan({ steps: [files, off] }),
    steps: { 'crm/files': progress({ state: 'failed' }), 'crm/deactivate': progress({ state: 'completed' }) },
    times: { requested: NOW, blocked: null, handedOver: null, deactivated: day(-29.5) },
  });
  expect(dueAt(run)).toBe(day(0.5));
  run.waiting = toldOf(run.waiting!, nextBell(run)!);
  const bell = nextBell(run)!;
  expect(bell).toMatchObject({ notice: 'escalation', at: SINCE + DAY / 2, deadline: true });
  expect(bell.audience).toEqual(['operators', 'requester', 'approvers']);
  expect(bellSentence(run, bell, bell.at)).toContain('had to be done by 2026-11-20 22:00');
  run.waiting = toldOf(run.waiting, bell);
  expect(nextBell(run)).toMatchObject({ notice: 'reminder', at: SINCE + 3 * DAY });
  run.steps['crm/files'] = progress({ state: 'completed' });
  expect(dueAt(run)).not.toBe(day(0.5));
});
