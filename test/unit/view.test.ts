/** What operators see and paste. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { judge } from '../../domain/judge.js';
import { details } from '../../domain/markdown.js';
import { nextMessages } from '../../domain/next.js';
import { DECISIONS, parseDecision } from '../../domain/request.js';
import type { Run } from '../../domain/run.js';
import { tree } from '../../domain/tree.js';
import { accessWords, takers } from '../../domain/view.js';
import { number } from '../../domain/words.js';
import {
  alice,
  decider,
  mailbox,
  NOW,
  olivia,
  order,
  plan,
  priya,
  progress,
  runIn,
  STATES,
  step,
  tasks,
} from './made-up.js';

const confirming = plan({ policy: { ...plan().policy, confirmation: true } });
const decided = runIn('scheduled');
const waiver = {
  step: 'crm/tasks',
  reason: 'they are done',
  leftover: { digest: '0f1e2d3c4b5a6978', count: 2 },
  proposedBy: olivia,
  approvals: [],
};

/** As it typically is; what is scheduled has a date. */
function typical(state: (typeof STATES)[number], more: Partial<Run> = {}): Run {
  return runIn(state, {
    ...(state === 'scheduled' ? { order: { ...order, effectiveAt: '2026-12-24' } } : {}),
    ...more,
  });
}

/** Every state, and what else changes the messages that fit. */
const RUNS: [string, Run][] = [
  ...STATES.map((state): [string, Run] => [state, typical(state)]),
  ...STATES.map((state): [string, Run] => [`${state}, paused`, typical(state, { pausedBy: olivia })]),
  ...STATES.map((state): [string, Run] => [
    `${state}, blocked`,
    typical(state, { access: { crm: 'blocked' } }),
  ]),
  ['acknowledged', runIn('awaiting-approval', { acknowledgements: decided.acknowledgements })],
  ['approved', runIn('awaiting-approval', { approvals: decided.approvals })],
  [
    'to be confirmed',
    runIn('awaiting-approval', { ...decided, state: 'awaiting-approval', plan: confirming }),
  ],
  [
    'parked for acknowledgements',
    runIn('needs-attention', {
      acknowledgements: {},
      steps: { 'crm/tasks': progress({ state: 'completed' }) },
    }),
  ],
  ['parked with a skip to approve', runIn('needs-attention', { waivers: { 'crm/tasks': waiver } })],
  [
    'parked with a skip that counts',
    runIn('needs-attention', {
      waivers: { 'crm/tasks': { ...waiver, approvals: [{ by: priya, at: NOW }] } },
    }),
  ],
  [
    'parked without anything to skip',
    runIn('needs-attention', { steps: { 'crm/teams': progress({ state: 'failed' }) } }),
  ],
];

/** What a person does with a message: fills in whatever is empty. */
function filledIn(json: Record<string, unknown>): Record<string, unknown> {
  const fill = (value: unknown): unknown => {
    if (value === '') return 'somebody@example.com';
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, fill(inner)]));
  };
  return fill(json) as Record<string, unknown>;
}

describe('the messages to paste', () => {
  test.each(RUNS)(
    '%s: each leaves "by" blank, can be read once the blanks are filled in, and is accepted',
    (_name, run) => {
      for (const { message, json, why } of nextMessages(run)) {
        expect(json.by).toBe('');
        expect(why).not.toBe('');
        const parsed = parseDecision(message, filledIn(json));
        expect(parsed).toMatchObject({ ok: true });
        if (parsed.ok)
          expect(judge(run, parsed.value, decider('Somebody'), NOW)).toMatchObject({ accepted: true });
      }
    },
  );

  test('every step that failed can be skipped, the first of many', () => {
    const leftover = { digest: '0f1e2d3c4b5a6978', count: 2, sample: [] };
    const names = ['crm/tasks', 'crm/teams', 'crm/a', 'crm/b', 'crm/c', 'crm/d'];
    const failed = Object.fromEntries(names.map(id => [id, progress({ state: 'failed', leftover })]));
    const offered = nextMessages(runIn('needs-attention', { steps: failed }));
    expect(offered.flatMap(({ message, json }) => (message === 'skip' ? json.step : []))).toEqual(
      names.slice(0, 5),
    );
  });

  test.each(STATES)('%s: there is a way on, unless the run is busy or closed', state => {
    expect(nextMessages(runIn(state)).length > 0).toBe(!['preparing', 'closing', 'closed'].includes(state));
  });

  test('a paused run offers "resume" first, whatever its state', () => {
    for (const state of STATES) {
      const [first] = nextMessages(runIn(state, { pausedBy: olivia }));
      expect(first?.message).toBe(state === 'closed' || state === 'closing' ? undefined : 'resume');
    }
  });

  test('between them, the states offer every decision there is', () => {
    const offered = new Set(RUNS.flatMap(([, run]) => nextMessages(run).map(next => next.message)));
    expect([...offered].sort()).toEqual([...DECISIONS].sort());
  });
});

describe("details, the operators' screen", () => {
  test.each(RUNS)('%s: the JSON of every message is a line of its own that can be pasted', (_name, run) => {
    const lines = [...details(run).matchAll(/^`(\{.*\})`$/gm)].map(match => JSON.parse(match[1]!));
    expect(lines).toEqual(nextMessages(run).map(({ json }) => json));
  });

  test('a backtick in what is to be pasted does not end it', () => {
    const run = runIn('needs-attention', { waivers: { '`odd`': { ...waiver, step: '`odd`' } } });
    expect(details(run)).toMatch(/^``\{"by": "", "plan": "a1b2c3d4e5f6", "step": "`odd`",.*\}``$/m);
  });

  test('no text of another system becomes Markdown, HTML or a line of its own', () => {
    const hostile = fc.oneof(
      fc.string({ unit: fc.constantFrom(...'<>*_`#|[]()\\\n\r\t~&! ab1.-\u2028') }),
      fc.constantFrom(
        '<img src=x onerror=alert(1)>',
        '[x](javascript:alert(1))',
        'a\n\n# b',
        '```\n',
        '| a | b |',
        '&lt;b&gt;',
      ),
    );
    fc.assert(
      fc.property(hostile, text => {
        const named = decider(text);
        const run = runIn('needs-attention', {
          leaver: named,
          sentence: text,
          pausedBy: named,
          findings: [{ code: 'account-missing', system: null, step: null, message: text }],
          plan: plan({
            modeReason: text,
            systems: [{ ...plan().systems[0]!, title: text }],
            steps: [step('crm/tasks', { title: text })],
          }),
          approvals: [{ by: named, at: NOW }],
          waivers: { 'crm/tasks': { ...waiver, reason: text, approvals: [{ by: named, at: NOW }] } },
          refused: [{ at: NOW, message: text, by: text, reason: text }],
        });
        const harmless = runIn('needs-attention', { ...run, ...harmlessly(run) });
        const screen = details(run);
        // As many lines as with a harmless text, and no mark of Markdown that is not ours or escaped.
        expect(screen.split('\n').length).toBe(details(harmless).split('\n').length);
        const unescaped = (all: string) => all.replace(/\\[\\`*_[\]<>#|~&]/g, '').replace(/^`\{.*\}`$/gm, '');
        for (const mark of ['<', '>', '[', '#', '|', '~', '&', '*', '`', '_'])
          expect(unescaped(screen).split(mark).length).toBe(unescaped(details(harmless)).split(mark).length);
      }),
      { numRuns: 300 },
    );
  });

  test('it says who is paused, what was refused, which plan, who approved and which skips count', () => {
    const screen = details(
      runIn('needs-attention', {
        pausedBy: olivia,
        waivers: { 'crm/tasks': waiver },
        refused: Array.from({ length: 7 }, (_, n) => ({
          at: NOW,
          message: 'approve',
          by: 'bruno',
          reason: `reason ${n}`,
        })),
        plan: plan({
          effectiveAt: '2026-12-24',
          modeReason: 'every account is inactive already',
          mode: 'execute-only',
        }),
      }),
    );
    expect(screen).toContain('**Paused** by Olivia.');
    expect(screen).toContain(
      '**Plan 1** `a1b2c3d4e5f6` · execute-only (every account is inactive already) · planned · access ends 2026-12-24',
    );
    expect(screen).toContain('Approved by Priya (claimed, not verified).');
    expect(screen).toContain('- skip crm/tasks: they are done (not approved yet)');
    expect(screen).toContain('**Refused** 2026-11-20 10:00 UTC approve by bruno: reason 6');
    expect(screen.indexOf('reason 6')).toBeLessThan(screen.indexOf('What to send now'));
    const closed = details(
      runIn('closed', { refused: [{ at: NOW, message: 'approve', by: null, reason: 'too late' }] }),
    );
    expect(closed.indexOf('too late')).toBeGreaterThan(closed.indexOf('Approved by'));
    expect(screen).toContain('- 2026-11-20 10:00 UTC approve by bruno: reason 5');
    expect(screen).not.toContain('reason 1');
    expect(screen).toContain('acknowledged by Olivia ([open](https://crm.example/mailboxes))');
  });
});

function harmlessly(run: Run): Partial<Run> {
  const x = decider('x');
  return {
    leaver: x,
    sentence: 'x',
    pausedBy: x,
    findings: run.findings.map(finding => ({ ...finding, message: 'x' })),
    plan: plan({
      modeReason: run.plan!.modeReason ? 'x' : '',
      systems: [{ ...plan().systems[0]!, title: 'x' }],
      steps: [step('crm/tasks', { title: 'x' })],
    }),
    approvals: [{ by: x, at: NOW }],
    waivers: { 'crm/tasks': { ...waiver, reason: 'x', approvals: [{ by: x, at: NOW }] } },
    refused: [{ at: NOW, message: 'x', by: 'x', reason: 'x' }],
  };
}

describe('the tree', () => {
  test('shows a step in every state, with what happened to its items', () => {
    const steps = {
      'crm/tasks': progress({
        state: 'failed',
        message: 'Locked.',
        changed: 1200,
        arrived: 2,
        taken: 3,
        gone: 4,
        failed: 5,
        remaining: 6,
        evidence: 'read',
      }),
      'crm/teams': progress({ state: 'running' }),
      'crm/deactivate': progress({ state: 'not-run', message: 'Not every step succeeded.' }),
    };
    expect(
      tree(
        runIn('needs-attention', {
          steps,
          findings: [{ code: 'last-owner', system: 'crm', step: null, message: 'Look out.' }],
          observed: { crm: NOW },
        }),
      ),
    ).toEqual([
      'Offboarding of Alice: needs-attention, plan 1 a1b2c3d4e5f6',
      '  It is needs-attention.',
      '  Requested by Olivia (claimed).',
      '  ! Look out.',
      '└─ CRM (user 1): access open, observed 2026-11-20 10:00 UTC',
      '   ├─   coverage was not looked at',
      '   ├─ ✗ 3 open tasks → Bob: failed (1,200 done, 2 came later, 3 taken by others, 4 gone, 5 refused, 6 left): Locked. · read',
      '   ├─ ▸ 3 team memberships (remove): running · observed',
      '   ├─ ✓ 3 shared mailboxes: acknowledged by Olivia · attested',
      '   ├─   3 closed tasks: kept (history stays) · observed',
      '   └─ ○ switch the account off in CRM: not-run (Not every step succeeded.)',
    ]);
  });

  test('leaves out what holds nothing, unless something happened to it', () => {
    const empty = step('crm/empty', { baseline: { count: 0, fingerprint: '0' } });
    const shown = (changes: object) =>
      tree(runIn('executing', { plan: plan({ steps: [empty] }), steps: { 'crm/empty': progress(changes) } }))
        .length;
    expect(shown({})).toBe(5);
    expect(shown({ changed: 1 })).toBe(6);
    expect(shown({ state: 'failed' })).toBe(6);
  });

  test('a text of another system is one line and cannot steer the terminal', () => {
    const run = runIn('executing', { leaver: { ...alice, name: 'A\u001b[31mB\nC\u0007\u202eD' } });
    expect(tree(run)[0]).toBe('Offboarding of A [31mB C D: executing, plan 1 a1b2c3d4e5f6');
  });

  test('says that it is paused, and what an approved skip leaves', () => {
    const steps = { 'crm/tasks': progress({ state: 'skipped', changed: 1, failed: 2 }) };
    const waivers = { 'crm/tasks': { ...waiver, approvals: [{ by: priya, at: NOW }] } };
    const lines = tree(
      runIn('executing', { pausedBy: olivia, steps, waivers, plan: plan({ steps: [tasks] }) }),
    );
    expect(lines[3]).toBe('  Paused by Olivia.');
    expect(lines.at(-1)).toBe(
      '   └─ – 3 open tasks → Bob: skipped (1 done, 2 refused): 2 items left with the leaver, approved by Priya: they are done · observed',
    );
  });

  test('what was refused at first and then went through is done', () => {
    const steps = { 'crm/tasks': progress({ state: 'completed', changed: 3, failed: 1, evidence: 'asked' }) };
    expect(tree(runIn('executing', { steps, plan: plan({ steps: [tasks] }) })).at(-1)).toBe(
      '   └─ ✓ 3 open tasks → Bob: completed (3 done) · asked',
    );
  });

  test('says when the first item acts by itself', () => {
    const run = runIn('executing', {
      plan: plan({ steps: [{ ...tasks, firesAt: '2026-12-01T08:30:00.000Z' }] }),
    });
    expect(tree(run).at(-1)).toBe(
      '   └─ · 3 open tasks → Bob: queued, first acts 2026-12-01 08:30 UTC · observed',
    );
  });

  test('marks what acts in their name by itself', () => {
    const run = runIn('executing', { plan: plan({ steps: [{ ...tasks, actsAs: true }] }) });
    expect(tree(run).at(-1)).toBe('   └─ · 3 open tasks, acting in their name → Bob: queued · observed');
  });

  test.each([
    ['2026-12-24T17:00:00.000Z', undefined, '2026-12-24 17:00 UTC'],
    [
      '2026-12-24T17:00:00.000Z',
      '2026-12-24 18:00 Europe/Berlin (17:00 UTC)',
      '2026-12-24 18:00 Europe/Berlin (17:00 UTC)',
    ],
  ])('says the moment with its zone: %s, %s', (effectiveAt, effectiveSays, words) => {
    const run = runIn('scheduled', { plan: plan({ effectiveAt, ...(effectiveSays && { effectiveSays }) }) });
    expect(details(run)).toContain(` · access ends ${words}`);
  });

  test('shows the reason of what people settle, and what to know beside the steps, where they decide', () => {
    const reason = 'disconnect it before the switch';
    const notes = ['tasks (crm/tasks): left out of the pool: Ines is not active.'];
    const run = runIn('awaiting-approval', { plan: plan({ steps: [{ ...mailbox, reason }], notes }) });
    expect(tree(run)).toContain(`  i ${notes[0]}`);
    expect(tree(run).at(-1)).toBe(`   └─ · 3 shared mailboxes: to be acknowledged (${reason}) · observed`);
    expect(details(run)).toContain(`- ${notes[0]}`);
    expect(details(run)).toContain(
      `- 3 shared mailboxes: to be acknowledged (${reason}) ([open](https://crm.example/mailboxes)) · observed`,
    );
    expect(tree({ ...run, state: 'closed' })).not.toContain(`  i ${notes[0]}`);
  });
});

describe('words', () => {
  const to = (...counts: number[]) => ({
    ...tasks,
    successors: counts.map((_, n) => ({ ...tasks.successors[0]!, label: `P${n}` })),
    counts,
  });

  test.each([
    [to(3), ' → P0'],
    [to(0, 4), ' → P1'],
    [to(1200, 1), ' → P0 1,200, P1 1'],
    [to(1, 1, 1, 1, 1, 1), ' → P0 1, P1 1, P2 1, P3 1 and 2 more'],
    [to(), ''],
    [{ ...to(), do: 'revoke' as const }, ' (revoke)'],
  ])('who takes over', (given, words) => {
    expect(takers(given)).toBe(words);
  });

  test('access has a word for every case, and numbers have commas', () => {
    const all = ['unknown', 'absent', 'open', 'blocked', 'deactivated', 'was-inactive'] as const;
    expect(all.map(crm => accessWords(runIn('executing', { access: { crm } }), 'crm'))).toEqual([
      'access not known yet',
      'no account',
      'access open',
      'access blocked',
      'switched off',
      'inactive already',
    ]);
    expect(accessWords(runIn('executing'), 'hr')).toBe('access not known yet');
    expect(number(1234567)).toBe('1,234,567');
  });
});
