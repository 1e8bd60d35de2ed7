/** What a run says about itself: who has approved, what is left, whom it waits for. */
import { describe, expect, test } from 'vitest';
import { mayRequest } from '../../domain/people.js';
import type { Plan } from '../../domain/plan.js';
import { type Policy, policySchema } from '../../domain/policy.js';
import {
  acknowledgeable,
  changedItems,
  departure,
  doneSoFar,
  failedSteps,
  isApproved,
  mode,
  notSwitchedOff,
  openAcknowledgements,
  quorum,
  type Run,
  remainingItems,
  stepOf,
} from '../../domain/run.js';
import {
  alice,
  bob,
  closedTasks,
  decider,
  mailbox,
  NOW,
  off,
  olivia,
  order,
  plan,
  priya,
  progress,
  runIn,
  step,
  tasks,
} from './made-up.js';

const policy = (more: Partial<Policy> = {}): Policy => policySchema.parse(more);
const approvedBy = (...people: Run['approvals'][number]['by'][]) => people.map(by => ({ by, at: NOW }));

describe('where nothing is left', () => {
  const idle = { ...tasks, baseline: { count: 0, fingerprint: '0' }, counts: [0] };
  const lenient = policy({ nothingLeft: 'deactivates' });
  const nothing = { policy: lenient, steps: [idle, closedTasks, off] };
  const losing = { table: 'notes', does: 'destroys', count: 3, by: 'a cascade' } as never;
  test.each<[string, boolean, Partial<Plan>, Partial<Run>?]>([
    ['nobody need approve, where the policy says so', true, nothing],
    ['somebody must, where it does not', false, { ...nothing, policy: policy() }],
    ['or says that it asks', false, { ...nothing, policy: policy({ nothingLeft: 'asks' }) }],
    ['or something is left', false, { ...nothing, steps: [tasks, off] }],
    ['or somebody has to settle something by hand', false, { ...nothing, steps: [idle, mailbox, off] }],
    ['or nobody is to be switched off', false, { ...nothing, mode: 'execute-only' }],
    [
      'or the switch itself destroys something',
      false,
      { ...nothing, systems: [{ ...plan().systems[0]!, danger: [losing] }] },
    ],
    [
      'or nothing proves who asked',
      false,
      { ...nothing, policy: policy({ nothingLeft: 'deactivates', decisions: 'verified' }) },
      { requester: { ...olivia, identity: { kind: 'claimed' } } },
    ],
  ])('%s', (_what, approved, more, run = {}) => {
    const its = plan(more);
    expect(isApproved(runIn('awaiting-approval', { plan: its, approvals: [], ...run }), its)).toBe(approved);
  });
});

describe('quorum', () => {
  test.each([
    ['nobody', [], policy(), false, 0],
    ['one approver', [priya], policy(), true, 1],
    ['one of two', [priya], policy({ approvals: 2 }), false, 1],
    ['one person twice', [priya, decider('Priya K', { human: 'priya' })], policy({ approvals: 2 }), false, 1],
    ['a successor alone', [bob], policy(), false, 1],
    ['a successor under a second entry', [decider('Robert', { human: 'bob' })], policy(), false, 1],
    ['a successor and somebody else', [bob, priya], policy(), true, 2],
    ['a successor and somebody else, of two', [bob, priya], policy({ approvals: 2 }), true, 2],
    [
      'a successor alone where the policy allows it',
      [bob],
      policy({ successorMayApproveAlone: true }),
      true,
      1,
    ],
  ])('%s', (_who, people, given, met, have) => {
    expect(
      quorum({ requester: olivia, humans: {}, plan: plan(), approvals: approvedBy(...people) }, given),
    ).toMatchObject({
      met,
      have,
      need: given.approvals,
    });
  });

  test('says what is missing although the number is reached', () => {
    expect(
      quorum({ requester: olivia, humans: {}, plan: plan(), approvals: approvedBy(bob) }, policy()).missing,
    ).toMatch(/one more person must approve$/);
    expect(
      quorum({ requester: olivia, humans: {}, plan: plan(), approvals: [] }, policy()).missing,
    ).toBeNull();
  });

  test('where decisions must be proved, two approve what nobody is proved to have asked for', () => {
    const claimed = {
      requester: { ...olivia, identity: { kind: 'claimed' as const } },
      humans: {},
      plan: plan(),
    };
    const verified = policy({ decisions: 'verified' });
    const one = quorum({ ...claimed, approvals: approvedBy(priya) }, verified);
    expect(one).toMatchObject({ met: false, have: 1, need: 2 });
    expect(one.missing).toBe('two must approve, since nothing proves who asked for it');
    expect(quorum({ ...claimed, approvals: approvedBy(priya, bob) }, verified).met).toBe(true);
    const proved = { ...olivia, identity: { kind: 'verified' as const, by: 'the gateway' } };
    expect(quorum({ ...claimed, requester: proved, approvals: approvedBy(priya) }, verified).met).toBe(true);
    const anybody = policy({ decisions: 'verified', requesterMayApprove: true });
    expect(quorum({ ...claimed, approvals: approvedBy(priya) }, anybody).met).toBe(true);
    const three = policy({ decisions: 'verified', approvals: 3 });
    expect(quorum({ ...claimed, approvals: [] }, three)).toMatchObject({ need: 3, missing: null });
  });

  test('whoever gains nothing counts like anybody else', () => {
    const empty = { ...tasks, baseline: { count: 0, fingerprint: '0' }, counts: [0] };
    expect(
      quorum(
        { requester: olivia, humans: {}, plan: plan({ steps: [empty] }), approvals: approvedBy(bob) },
        policy(),
      ).met,
    ).toBe(true);
    const two = {
      ...tasks,
      successors: [...tasks.successors, { ...tasks.successors[0]!, human: 'priya' }],
      counts: [3, 0],
    };
    expect(
      quorum(
        { requester: olivia, humans: {}, plan: plan({ steps: [two] }), approvals: approvedBy(priya) },
        policy(),
      ).met,
    ).toBe(true);
    expect(
      quorum(
        { requester: olivia, humans: {}, plan: plan({ steps: [two] }), approvals: approvedBy(bob) },
        policy(),
      ).met,
    ).toBe(false);
  });

  test('a queue and nobody are not people who could approve', () => {
    const queue = { kind: 'queue' as const, personId: null, human: null, label: 'queue tier1', value: '9' };
    const given = plan({ steps: [{ ...tasks, successors: [queue] }] });
    expect(
      quorum({ requester: olivia, humans: {}, plan: given, approvals: approvedBy(priya) }, policy()).met,
    ).toBe(true);
  });
});

describe('what is left', () => {
  test('counts what we hand over and is not done: what was last seen, else what was planned', () => {
    expect(remainingItems(runIn('preparing'))).toBe(0);
    expect(remainingItems(runIn('scheduled'))).toBe(6);
    expect(remainingItems(runIn('needs-attention'))).toBe(2 + 3);
    const steps = {
      'crm/tasks': progress({ state: 'completed' }),
      'crm/teams': progress({ state: 'skipped', remaining: 2 }),
    };
    expect(remainingItems(runIn('deactivating', { steps }))).toBe(0);
  });

  test('names the failed steps and the open acknowledgements', () => {
    expect(failedSteps(runIn('needs-attention'))).toEqual(['crm/tasks']);
    expect(openAcknowledgements(runIn('preparing'))).toEqual([]);
    expect(openAcknowledgements(runIn('awaiting-approval')).map(item => item.subject)).toEqual([
      'crm/mailbox',
    ]);
    expect(openAcknowledgements(runIn('scheduled'))).toEqual([]);
    expect(stepOf(runIn('scheduled'), 'crm/tasks')).toBe(tasks);
    expect(stepOf(runIn('preparing'), 'crm/tasks')).toBeUndefined();
  });
});

describe('what people must look at', () => {
  const gained = { 'crm/mailbox': { frozen: 'f', count: 5 }, 'crm/late': { frozen: 'g', count: 2 } };
  const late = step('crm/late', {
    title: 'late things',
    phase: 'manual',
    baseline: { count: 0, fingerprint: '0' },
  });

  test('is what the plan shows, with what came since, also where there was nothing', () => {
    const run = runIn('scheduled', { shown: gained, plan: plan({ steps: [...plan().steps, late] }) });
    expect(acknowledgeable(run).map(({ subject, count }) => [subject, count])).toEqual([
      ['crm/mailbox', 5],
      ['crm/late', 2],
    ]);
    expect(openAcknowledgements(run).map(({ subject }) => subject)).toEqual(['crm/late']);
    expect(acknowledgeable(runIn('preparing'))).toEqual([]);
  });
});

describe('what has been done', () => {
  test('is counted over all steps, and never "nothing" when something moved', () => {
    expect(changedItems(runIn('needs-attention'))).toBe(1);
    expect(doneSoFar(runIn('needs-attention'))).toBe('1 item had been handed over and stay there.');
    expect(doneSoFar(runIn('scheduled'))).toBe('Nothing was handed over.');
  });

  test('who is not switched off is named with how far they get', () => {
    const access = {
      a: 'open',
      b: 'blocked',
      c: 'deactivated',
      d: 'was-inactive',
      e: 'absent',
      f: 'unknown',
    } as const;
    expect(notSwitchedOff({ access })).toEqual(['a (open)', 'b (blocked)']);
  });
});

test('an offboarding is asked for by an active operator who is somebody else', () => {
  expect(mayRequest(alice, olivia)).toBeNull();
  expect(mayRequest(alice, decider('Alice B', { human: 'alice' }))).toMatch(/^Nobody offboards themselves/);
  expect(mayRequest(alice, { ...olivia, barred: 'is not active in the directory' })).toBe(
    'Olivia is not active in the directory and cannot ask for an offboarding.',
  );
  expect(mayRequest(alice, priya)).toBe('Priya may not ask for an offboarding: that is for operators.');
});

test("mode and departure are the plan's once there is one, else what was asked for", () => {
  const asked = { order: { ...order, mode: 'preview' as const, departure: 'unplanned' as const } };
  expect([mode(runIn('preparing', asked)), departure(runIn('preparing', asked))]).toEqual([
    'preview',
    'unplanned',
  ]);
  expect([mode(runIn('scheduled', asked)), departure(runIn('scheduled', asked))]).toEqual([
    'execute-and-deactivate',
    'planned',
  ]);
});
