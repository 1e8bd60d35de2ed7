/** When a sweep looks, what it makes of what it finds, what it asks people, and what they may answer. */
import { describe, expect, test } from 'vitest';
import type { Sight, StepLook } from '../../domain/look.js';
import { policySchema } from '../../domain/policy.js';
import type { Run } from '../../domain/run.js';
import {
  apartFromReturning,
  asked,
  askedWithout,
  beyondRule,
  foundIn,
  isSweepInput,
  judgeSweep,
  nextMoment,
  nextSweepBell,
  offAfter,
  parseSweepDecision,
  type Question,
  type Sweep,
  type SweepDecision,
  type SweepPolicy,
  stillSeen,
  sweepOf,
} from '../../domain/sweep.js';
import { nextSweepMessages, sweepDetails, sweepStatus, sweepView } from '../../domain/sweep-view.js';
import { tree } from '../../domain/tree.js';
import { alice, DIGEST, dan, decider, LEFT, NOW, olivia, plan, runIn, step } from './made-up.js';

const DAY = 86_400_000;
const BEGAN = '2026-11-20T10:00:00.000Z';

/** Every moment of a rhythm, in days after the switch. */
function days(policy: SweepPolicy, began = BEGAN, most = 200): number[] {
  return moments(policy, began, most).map(at => (at - Date.parse(began)) / DAY);
}

function moments(policy: SweepPolicy, began: string, most = 200): number[] {
  const found: number[] = [];
  let after = Date.parse(began);
  while (found.length < most) {
    const next = nextMoment(policy, began, after);
    if (next === null) break;
    found.push(next);
    after = next;
  }
  return found;
}

const rhythm = (...parts: [number, number][]): SweepPolicy => ({
  rhythm: parts.map(([everyDays, forDays]) => ({ everyDays, forDays })),
  returns: 3,
});
const SHIPPED = policySchema.parse({ sweep: {} }).sweep as SweepPolicy;

describe('the rhythm', () => {
  test.each<[string, SweepPolicy, number[]]>([
    [
      'daily for a week, then weekly until day 90: the shipped one',
      SHIPPED,
      [1, 2, 3, 4, 5, 6, 7, 14, 21, 28, 35, 42, 49, 56, 63, 70, 77, 84],
    ],
    ['one part', rhythm([2, 7]), [2, 4, 6]],
    ['a part that ends before its first round has none', rhythm([7, 3]), []],
    ['the second part counts from the last round of the first', rhythm([2, 5], [3, 12]), [2, 4, 7, 10]],
    ['a part that was over before it began adds nothing', rhythm([1, 3], [1, 2]), [1, 2, 3]],
    ['fractions of days', rhythm([0.5, 2]), [0.5, 1, 1.5, 2]],
    ['the last moment of a part belongs to it', rhythm([7, 7], [10, 20]), [7, 17]],
  ])('%s', (_says, policy, expected) => {
    expect(days(policy)).toEqual(expected);
  });

  test.each<[string, number, number | null]>([
    ['the moment of the switch', 0, 1],
    ['just before a round', 2.9999, 3],
    ['a round itself: the one after it', 3, 4],
    ['a worker that was away for three rounds: they are one', 5.5, 6],
    ['between the parts', 8, 14],
    ['after the last', 84, null],
    ['long after the last', 400, null],
    ['a clock that went back to before the switch', -3, 1],
  ])('after %s', (_says, after, expected) => {
    const next = nextMoment(SHIPPED, BEGAN, Date.parse(BEGAN) + after * DAY);
    expect(next === null ? null : (next - Date.parse(BEGAN)) / DAY).toBe(expected);
  });

  // A day is twenty-four hours: no zone has a say in how long after a switch something is found.
  test.each<[string, string, string[]]>([
    [
      'a leap day is a day',
      '2028-02-27T10:00:00.000Z',
      ['2028-02-28T10:00', '2028-02-29T10:00', '2028-03-01T10:00'],
    ],
    [
      'a year without one has none',
      '2027-02-27T10:00:00.000Z',
      ['2027-02-28T10:00', '2027-03-01T10:00', '2027-03-02T10:00'],
    ],
    [
      'the night in which Berlin loses an hour (29 March 2026)',
      '2026-03-28T10:00:00.000Z',
      ['2026-03-29T10:00', '2026-03-30T10:00', '2026-03-31T10:00'],
    ],
    [
      'a switch that was written with the hours of a zone',
      '2026-10-25T01:30:00.000+02:00',
      ['2026-10-25T23:30', '2026-10-26T23:30', '2026-10-27T23:30'],
    ],
    [
      'the turn of a year',
      '2026-12-30T23:59:59.000Z',
      ['2026-12-31T23:59', '2027-01-01T23:59', '2027-01-02T23:59'],
    ],
  ])('%s', (_says, began, expected) => {
    const found = moments(SHIPPED, began, 3).map(at => new Date(at).toISOString().slice(0, 16));
    expect(found).toEqual(expected);
  });

  test.each([
    [undefined, null],
    ['off' as const, null],
    [SHIPPED, SHIPPED],
  ])('a policy of %j', (policy, expected) => {
    expect(sweepOf({ ...(policy !== undefined && { sweep: policy }) })).toEqual(expected);
  });
});

test.each<[Run['outcome'], Run['access'], string[]]>([
  ['completed', { crm: 'deactivated', desk: 'was-inactive', chat: 'absent' }, ['crm', 'desk']],
  ['completed-partially', { crm: 'deactivated', desk: 'blocked', chat: 'open' }, ['crm']],
  ['completed-partially', { crm: 'open', desk: 'was-inactive' }, []],
  // Whoever cancels means the person to stay, also where the account is off by then.
  ['cancelled', { crm: 'deactivated', desk: 'open' }, []],
])('after a run that is %s, with %j', (outcome, access, off) => {
  expect(offAfter({ outcome, access })).toEqual(off);
});

describe('what comes back', () => {
  const times = new Map([
    ['once', 1],
    ['twice', 2],
    ['thrice', 3],
    ['often', 9],
  ]);
  test.each<[number, string[]]>([
    [1, ['never']],
    [2, ['never', 'once']],
    [3, ['never', 'once', 'twice']],
    [10, ['never', 'once', 'twice', 'thrice', 'often']],
  ])('%i times is left alone, and the rest is handed over', (returns, moving) => {
    const keys = ['never', 'once', 'twice', 'thrice', 'often'];
    const left = keys.filter(key => !moving.includes(key));
    expect(apartFromReturning(keys, times, { returns })).toEqual({ moving, left });
  });
});

function looked(id: string, more: Partial<StepLook> = {}): StepLook {
  return { step: id, count: 0, arrived: 0, departed: 0, unwaived: 0, frozen: null, ...more };
}

function sight(more: Partial<Sight> = {}): Sight {
  return {
    system: 'crm',
    inventory: [],
    steps: [],
    catalogChanged: false,
    accountsChanged: [],
    accounts: [],
    ...more,
  };
}

const FROZEN = { digest: LEFT, count: 2, sample: ['4', '5'] };

const SMALL = plan({ steps: plan().steps.filter(({ phase }) => phase !== 'keep') });

/** Every step of the plan was read, and what is not named holds nothing. */
function readWhole(one: Sight): Sight {
  const steps = SMALL.steps.filter(({ phase }) => phase !== 'deactivate');
  const rest = steps.filter(({ id }) => one.steps.every(other => other.step !== id));
  const inventory = steps.map(({ category }) => ({
    category,
    count: 0,
    fingerprint: '0',
    complete: true,
    problem: null,
    firesAt: null,
  }));
  return { ...one, inventory, steps: [...one.steps, ...rest.map(({ id }) => looked(id))] };
}

test('what nothing but the switch hands over is for people', () => {
  const carried = { withinDays: null, carried: true as const };
  const steps = SMALL.steps.map(step => (step.id === 'crm/tasks' ? { ...step, late: carried } : step));
  const one = readWhole(sight({ steps: [looked('crm/tasks', { unwaived: 2 })] }));
  expect(foundIn({ ...SMALL, steps }, [one], [], { off: ['crm'], waived: {} })).toMatchObject({
    due: [],
    questions: [
      { subject: 'crm/tasks', says: expect.stringContaining('2 came after the switch'), mark: '2' },
    ],
  });
});

describe('what a look makes', () => {
  const off = { off: ['crm'], waived: {} };
  const onAgain = { identities: { user: ['1'] }, active: true, blocked: false };

  test.each<[string, Sight, object]>([
    ['nothing', sight(), { due: [], questions: [], again: [] }],
    [
      'items of an approved rule follow it',
      sight({ steps: [looked('crm/tasks', { unwaived: 2 })] }),
      { due: [{ step: 'crm/tasks', count: 2 }], questions: [] },
    ],
    [
      'what people settle by hand is asked, with its keys',
      sight({ steps: [looked('crm/mailbox', { arrived: 2, frozen: FROZEN })] }),
      { due: [], questions: [expect.objectContaining({ subject: 'crm/mailbox', frozen: LEFT })] },
    ],
    [
      'a changed catalog moves nothing there',
      sight({ catalogChanged: true, steps: [looked('crm/tasks', { unwaived: 2 })] }),
      { due: [], questions: [expect.objectContaining({ subject: 'crm/catalog' })] },
    ],
    [
      'a new account moves nothing there',
      sight({
        accountsChanged: ['A second account (9) is there.'],
        steps: [looked('crm/tasks', { unwaived: 2 })],
      }),
      {
        due: [],
        questions: [
          expect.objectContaining({
            subject: 'crm/account',
            says: 'A second account (9) is there. Nothing is moved there. What came stays: 2 in crm/tasks.',
          }),
        ],
      },
    ],
    ['an account that is on again', sight({ accounts: [onAgain] }), { again: ['crm'] }],
  ])('%s', (_says, one, expected) => {
    expect(foundIn(SMALL, [readWhole(one)], [], off)).toMatchObject(expected);
  });

  test('where the leaver was to be switched off and was not, everything is theirs', () => {
    const steps = [
      looked('crm/tasks', { unwaived: 2 }),
      looked('crm/mailbox', { arrived: 2, frozen: FROZEN }),
    ];
    const one = readWhole(sight({ accounts: [onAgain], steps, catalogChanged: true }));
    const on = { off: ['desk'], waived: {} };
    const nothing = { again: [], due: [], questions: [] };
    for (const seen of [one, { ...one, catalogChanged: false }])
      expect(foundIn(SMALL, [seen], [], on)).toEqual(nothing);
    expect(foundIn(SMALL, [], [{ system: 'crm', why: 'it does not answer' }], on)).toEqual(nothing);
  });

  test('who is to be switched off by hand is asked about until they are, beside whatever else comes', () => {
    const [system] = SMALL.systems;
    const systems = [
      {
        ...system!,
        switchOff: 'by-hand' as const,
        byHand: { page: 'https://crm.example/people/1', reason: null },
      },
    ];
    const steps = SMALL.steps.filter(({ phase }) => phase !== 'deactivate');
    const byHand = { ...SMALL, systems, steps };
    const seen = (active: boolean) =>
      foundIn(
        byHand,
        [
          readWhole(
            sight({ accounts: [{ ...onAgain, active }], steps: [looked('crm/tasks', { unwaived: 2 })] }),
          ),
        ],
        [],
        {
          off: ['desk'],
          waived: {},
        },
      );
    expect(seen(true)).toMatchObject({
      again: [],
      due: [{ step: 'crm/tasks', count: 2 }],
      questions: [
        {
          subject: 'crm/deactivate',
          says: expect.stringMatching(
            /still on; .* switched off by hand at https:\/\/crm.example\/people\/1\.$/,
          ),
        },
      ],
    });
    expect(seen(false).questions).toEqual([]);
  });

  test('where nothing was to be switched off, the rules count', () => {
    const steps = SMALL.steps.filter(({ phase }) => phase !== 'deactivate');
    const one = readWhole(sight({ steps: [looked('crm/tasks', { unwaived: 2 })] }));
    expect(foundIn({ ...SMALL, steps }, [one], [], { off: ['desk'], waived: {} }).due).toEqual([
      { step: 'crm/tasks', count: 2 },
    ]);
  });

  test('what goes beyond an approved skip is asked, never moved', () => {
    const one = readWhole(sight({ steps: [looked('crm/tasks', { unwaived: 2 })] }));
    const { due, questions } = foundIn(SMALL, [one], [], { ...off, waived: { 'crm/tasks': LEFT } });
    expect(due).toEqual([]);
    expect(questions[0]).toMatchObject({
      subject: 'crm/tasks',
      says: expect.stringContaining('approved skip'),
    });
  });

  test('a system out of reach is asked about once, with the reason', () => {
    const { questions } = foundIn(SMALL, [], [{ system: 'crm', why: 'it does not answer' }], off);
    expect(questions).toEqual([
      {
        subject: 'crm',
        says: 'crm could not be read: it does not answer',
        mark: 'unread: it does not answer',
      },
    ]);
  });

  test.each([
    [3, 10, null],
    [3, 11, 'more than the 10 that may follow'],
    [400, 20, null],
    [400, 21, 'more than the 20 that may follow'],
  ])('of a category that held %i, %i at once', (baseline, count, says) => {
    const held = step('crm/tasks', { baseline: { count: baseline, fingerprint: '7' } });
    const found = beyondRule(plan(), { approved: true }, held, count);
    expect(found).toEqual(says === null ? null : expect.stringContaining(says));
  });

  test('a category that had nobody to take it over is for people', () => {
    expect(beyondRule(plan(), { approved: true }, step('crm/tasks', { successors: [] }), 1)).toMatch(
      /names nobody/,
    );
    expect(beyondRule(plan(), { approved: false }, step('crm/tasks'), 1)).toMatch(
      /nobody approved the rules/,
    );
  });
});

const APPROVALS: Question = { subject: 'crm/mailbox', says: '2 came.', mark: LEFT, frozen: LEFT };
const ACCOUNT: Question = { subject: 'crm/account', says: 'A second account.', mark: 'second' };

function sweep(more: Partial<Sweep> = {}): Sweep {
  return {
    sweepId: '5b7a3ad0-3b52-4a57-9a0f-5c2f0c8a2f10',
    offboardingId: '0e8d4c1c-8a1b-4b55-8f70-9d2f3c2d1a77',
    of: 'offboarding/alice',
    leaver: { id: alice.id, name: alice.name, human: alice.human },
    plan: DIGEST,
    approved: true,
    policy: SHIPPED,
    patience: { remindAfterDays: 3, escalateAfterDays: 14 },
    off: ['crm'],
    waived: {},
    seen: {},
    began: BEGAN,
    workflowId: 'sweep/0e8d4c1c-8a1b-4b55-8f70-9d2f3c2d1a77',
    state: 'waiting',
    outcome: null,
    sentence: 'Round 2 found nothing to hand over; 1 for people.',
    round: 2,
    due: '2026-11-23T10:00:00.000Z',
    moved: 3,
    addenda: [1, 2],
    open: [{ ...APPROVALS, since: NOW }],
    bombs: [],
    acknowledged: {},
    waits: { since: NOW, told: 1 },
    turn: null,
    decided: 0,
    refused: [],
    ...more,
  };
}

describe('what people decide', () => {
  const acknowledge: SweepDecision = { name: 'acknowledge', by: 'olivia', category: 'crm/mailbox' };
  const retry: SweepDecision = { name: 'retry', by: 'olivia' };
  const finish: SweepDecision = { name: 'finish', by: 'olivia', reason: 'they come back' };

  test.each<[string, Sweep, SweepDecision, typeof olivia, string | null]>([
    ['an operator', sweep(), acknowledge, olivia, null],
    ['somebody who is no operator', sweep(), acknowledge, { ...dan, operator: false }, 'Dan is no operator.'],
    ['the leaver', sweep(), retry, alice, 'The leaver decides nothing'],
    [
      'the leaver under another entry',
      sweep(),
      retry,
      decider('Alias', { human: alice.human }),
      'The leaver decides nothing',
    ],
    ['somebody barred', sweep(), finish, { ...olivia, barred: 'is switched off' }, 'Olivia is switched off'],
    [
      'a subject that is not open',
      sweep(),
      { ...acknowledge, category: ['crm/mailbox', 'crm/nothing'] },
      olivia,
      'There is nothing called "crm/nothing" to acknowledge; open is crm/mailbox.',
    ],
    ['a sweep that is over', sweep({ outcome: 'ended' }), retry, olivia, 'The sweep is over'],
    [
      'a round after it was ended',
      sweep({ turn: { outcome: 'finished', says: 'Ended by Olivia: enough' } }),
      retry,
      olivia,
      'The sweep is about to end',
    ],
  ])('%s', (_says, one, decision, who, refusal) => {
    const { accepted, sentence, changes } = judgeSweep(one, decision, who);
    expect(accepted).toBe(refusal === null);
    if (refusal === null) return;
    expect(sentence).toContain(refusal);
    expect(changes).toEqual({});
  });

  test('what was acknowledged is not asked again until something else is found', () => {
    const before = sweep({ open: [APPROVALS, ACCOUNT].map(one => ({ ...one, since: NOW })) });
    const all: SweepDecision = { ...acknowledge, category: ['crm/mailbox', 'crm/account'] };
    const { changes } = judgeSweep(before, all, olivia);
    expect(changes).toMatchObject({ open: [], seen: { 'crm/mailbox': LEFT } });
    const after = { ...before, ...changes };
    expect(asked(after, [APPROVALS, ACCOUNT], NOW)).toEqual([]);
    const other = { ...ACCOUNT, mark: 'third', says: 'A third account.' };
    expect(asked(after, [APPROVALS, other], NOW)).toEqual([{ ...other, since: NOW }]);
  });

  test('a finding that was gone is asked again, also where it looks the same', () => {
    const day = (one: Sweep, questions: readonly Question[]): Sweep => ({
      ...one,
      open: asked(one, questions, NOW),
      acknowledged: stillSeen(one, questions),
    });
    const first = day(sweep({ open: [] }), [ACCOUNT]);
    const seen = {
      ...first,
      ...judgeSweep(first, { ...acknowledge, category: 'crm/account' }, olivia).changes,
    };
    const still = day(seen, [ACCOUNT]);
    expect(still.open).toEqual([]);
    expect(day(still, [ACCOUNT]).open).toEqual([]);
    expect(day(day(still, []), [ACCOUNT]).open).toMatchObject([ACCOUNT]);
    const other = { ...ACCOUNT, mark: 'third' };
    expect(day(day(still, [other]), [ACCOUNT]).open).toMatchObject([ACCOUNT]);
  });

  test.each<[string, string, boolean]>([
    ['its system is out of reach', 'crm', true],
    ['its catalog has changed', 'crm/catalog', true],
    ['its account has changed', 'crm/account', true],
    ['another category cannot be read', 'crm/tasks', false],
    ['another system is out of reach', 'desk', false],
  ])('what nobody can look at, because %s, is neither there nor gone', (_says, subject, stays) => {
    const acknowledged = { 'crm/mailbox': LEFT };
    const found = stillSeen(sweep({ acknowledged }), [{ subject, says: '', mark: 'unread: away' }]);
    expect(found).toEqual(stays ? acknowledged : {});
  });

  test('another reason, another catalog, other items are other questions', () => {
    const off = { off: ['crm'], waived: { 'crm/tasks': LEFT } };
    const unread = (why: string) => foundIn(SMALL, [], [{ system: 'crm', why }], off).questions[0]!.mark;
    expect(unread('it restarts')).not.toBe(unread('our credential is refused'));
    const came = [
      looked('crm/tasks', { unwaived: 2 }),
      looked('crm/mailbox', { arrived: 1, frozen: FROZEN }),
    ];
    const about = { system: 'crm', steps: ['crm/tasks', 'crm/mailbox'] };
    const changed = foundIn(SMALL, [sight({ catalogChanged: true, steps: came })], [], off).questions;
    expect(changed).toMatchObject([
      { about, says: expect.stringContaining('What came stays: 2 in crm/tasks, 1 in crm/mailbox.') },
    ]);
    const beyond = foundIn(SMALL, [readWhole(sight({ steps: [came[0]!] }))], [], off).questions;
    expect(beyond).toMatchObject([{ about: { system: 'crm', steps: ['crm/tasks'] } }]);
  });

  test('a round that did not come about is asked beside all the rest, once for each reason', () => {
    const away = { says: 'Round 3 could not look: it is away.', mark: 'it is away.' };
    const before = sweep({ open: [{ ...APPROVALS, since: NOW }] });
    const later = '2026-11-25T00:00:00.000Z';
    const open = askedWithout(before, away, later);
    const ours = { subject: 'round', ...away, since: later };
    expect(open).toEqual([{ ...APPROVALS, since: NOW }, ours]);
    const again = { says: 'Round 4 could not look: it is away.', mark: 'it is away.' };
    expect(askedWithout({ ...before, open }, again, NOW)).toEqual([open[0], { ...ours, ...again }]);
    const { changes } = judgeSweep({ ...before, open }, { ...acknowledge, category: 'round' }, olivia);
    expect(askedWithout({ ...before, ...changes }, again, NOW)).toEqual([open[0]]);
    const refused = { says: 'Round 5 could not look: refused.', mark: 'refused.' };
    expect(askedWithout({ ...before, ...changes }, refused, NOW)).toMatchObject([open[0], refused]);
    // A round that does come about answers it.
    expect(asked({ ...before, open }, [APPROVALS], NOW)).toEqual([open[0]]);
  });

  test('a question that stays keeps its date', () => {
    expect(asked(sweep(), [APPROVALS, ACCOUNT], '2026-11-25T00:00:00.000Z')).toEqual([
      { ...APPROVALS, since: NOW },
      { ...ACCOUNT, since: '2026-11-25T00:00:00.000Z' },
    ]);
  });

  test('the messages are those of a run, and others are named', () => {
    expect(parseSweepDecision('finish', { by: 'olivia', reason: 'enough' })).toMatchObject({ ok: true });
    expect(parseSweepDecision('approve', { by: 'olivia' })).toMatchObject({
      ok: false,
      sentence: 'There is no message "approve". Known are: acknowledge, retry, finish.',
    });
  });

  test.each<[number, string, number]>([
    [0, 'waits', 0],
    [1, 'reminder', 3],
    [4, 'reminder', 12],
    [5, 'escalation', 14],
    [6, 'escalation', 28],
  ])('told %i times: then %s on day %i', (told, notice, day) => {
    const bell = nextSweepBell(sweep({ waits: { since: NOW, told } }))!;
    expect([bell.notice, (bell.at - Date.parse(NOW)) / DAY]).toEqual([notice, day]);
    expect(bell.audience.includes('approvers')).toBe(notice === 'escalation');
  });

  test('nobody is told anything where nothing is asked', () => {
    expect(nextSweepBell(sweep({ waits: null }))).toBe(null);
  });
});

describe('what people see', () => {
  test('is the view of a run: what it waits for, until when, and what to send', () => {
    const one = sweep();
    expect(sweepStatus(one)).toMatchObject({
      kind: 'sweep',
      waitingOn: 'attention',
      due: '2026-11-23T10:00:00.000Z',
      waitsFor: { audience: ['operators', 'requester'], remindsAt: '2026-11-23T10:00:00.000Z' },
      next: [
        { message: 'acknowledge', json: { by: '', category: 'crm/mailbox' } },
        { message: 'retry' },
        { message: 'finish', json: { by: '', reason: '' } },
      ],
    });
    const { title, findings, notes } = sweepView(one);
    expect([title, ...findings, ...notes].join('\n')).toBe(
      [
        'Sweep after the offboarding of Alice',
        'crm/mailbox, since 2026-11-20 10:00: 2 came.',
        '2 rounds so far, 3 items caught and handed over; addenda to the certificate: 1, 2.',
        'The next round begins 2026-11-23 10:00 (UTC).',
        'It comes after offboarding/alice.',
      ].join('\n'),
    );
    expect(sweepDetails(one)).toContain('{"by": "", "category": "crm/mailbox"}');
    expect(tree(runIn('closed'))[0]).toContain('Offboarding of Alice');
  });

  test('one that is over asks and offers nothing', () => {
    const over = sweep({ state: 'closed', outcome: 'finished' });
    expect(sweepStatus(over)).toMatchObject({ waitingOn: 'nobody', waitsFor: null, next: [] });
    expect(nextSweepMessages(over)).toEqual([]);
    expect(sweepDetails(over)).not.toContain('What to send');
  });
});

describe('what starts one', () => {
  const {
    workflowId: _workflowId,
    state: _state,
    outcome: _outcome,
    sentence: _sentence,
    round: _round,
    due: _due,
    ...rest
  } = sweep();
  const input = { ...rest };

  test.each<[string, unknown, boolean]>([
    ['what a run gives it', input, true],
    ['nothing', undefined, false],
    ['a text', 'alice', false],
    ['no rhythm', { ...input, policy: { rhythm: [], returns: 3 } }, false],
    ['a round every no days', { ...input, policy: rhythm([0, 7]) }, false],
    ['a plan that is no digest', { ...input, plan: 'mine' }, false],
    ['a date that is none', { ...input, began: 'yesterday' }, false],
  ])('%s', (_says, given, expected) => {
    expect(isSweepInput(given)).toBe(expected);
  });
});
