/** What a run says about itself: who has approved, what is left, whom it waits for. */
import { describe, expect, test } from 'vitest';
import { type Policy, policySchema } from '../../domain/policy.js';
import {
  departure,
  failedSteps,
  handedOver,
  items,
  mode,
  openAcknowledgements,
  quorum,
  type Run,
  remainingItems,
  stepOf,
  waitingOn,
  waivedItems,
} from '../../domain/run.js';
import { bob, decider, NOW, olivia, order, plan, priya, progress, runIn, STATES, tasks } from './made-up.js';

const policy = (more: Partial<Policy> = {}): Policy => policySchema.parse(more);
const approvedBy = (...people: Run['approvals'][number]['by'][]) => people.map(by => ({ by, at: NOW }));

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
    ['a successor alone where the policy allows it', [bob], policy({ successorMayApproveAlone: true }), true, 1],
  ])('%s', (_who, people, given, met, have) => {
    expect(quorum({ plan: plan(), approvals: approvedBy(...people) }, given)).toMatchObject({ met, have, need: given.approvals });
  });

  test('says what is missing although the number is reached', () => {
    expect(quorum({ plan: plan(), approvals: approvedBy(bob) }, policy()).missing).toMatch(/one more person must approve$/);
    expect(quorum({ plan: plan(), approvals: [] }, policy()).missing).toBeNull();
  });

  test('a queue and nobody are not people who could approve', () => {
    const queue = { kind: 'queue' as const, personId: null, human: null, label: 'queue tier1', value: '9' };
    const given = plan({ steps: [{ ...tasks, successors: [queue] }] });
    expect(quorum({ plan: given, approvals: approvedBy(priya) }, policy()).met).toBe(true);
  });
});

describe('what is left', () => {
  test('counts what we hand over and is not done: what was last seen, else what was planned', () => {
    expect(remainingItems(runIn('preparing'))).toBe(0);
    expect(remainingItems(runIn('scheduled'))).toBe(6);
    expect(remainingItems(runIn('needs-attention'))).toBe(2 + 3);
    const steps = { 'crm/tasks': progress({ state: 'completed' }), 'crm/teams': progress({ state: 'skipped', remaining: 2 }) };
    expect(remainingItems(runIn('deactivating', { steps }))).toBe(0);
  });

  test('names the failed steps and the open acknowledgements', () => {
    expect(failedSteps(runIn('needs-attention'))).toEqual(['crm/tasks']);
    expect(openAcknowledgements(runIn('preparing'))).toEqual([]);
    expect(openAcknowledgements(runIn('awaiting-approval')).map(item => item.subject)).toEqual(['crm/mailbox']);
    expect(openAcknowledgements(runIn('scheduled'))).toEqual([]);
    expect(stepOf(runIn('scheduled'), 'crm/tasks')).toBe(tasks);
    expect(stepOf(runIn('preparing'), 'crm/tasks')).toBeUndefined();
  });
});

describe('what an approved skip leaves', () => {
  const waiver = { step: 'crm/tasks', reason: 'r', leftover: { digest: 'd', count: 1200 }, proposedBy: olivia, approvedBy: null };

  test('is counted once it is approved, and "everything" is said of nothing less', () => {
    expect([handedOver({ waivers: {} }), handedOver({ waivers: { 'crm/tasks': waiver } })]).toEqual(
      Array(2).fill('Everything is handed over'),
    );
    const waivers = {
      'crm/tasks': { ...waiver, approvedBy: priya },
      'crm/x': { ...waiver, leftover: { digest: 'd', count: 1 }, approvedBy: priya },
    };
    expect(waivedItems({ waivers })).toBe(1201);
    expect(handedOver({ waivers })).toBe('Everything is handed over except 1,201 items, left by approved skips');
    expect([items(0), items(1), items(2)]).toEqual(['0 items', '1 item', '2 items']);
  });
});

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
      closed: 'nobody',
    };
    expect(waitingOn(runIn(state))).toBe(expected[state]);
    expect(waitingOn(runIn(state, { pausedBy: olivia }))).toBe(state === 'closed' ? 'nobody' : 'resume');
  });

  test('a plan waits for acknowledgements, then for approval, then for the confirmation', () => {
    const { acknowledgements, approvals } = runIn('scheduled');
    expect(waitingOn(runIn('awaiting-approval', { acknowledgements }))).toBe('approval');
    expect(waitingOn(runIn('awaiting-approval', { acknowledgements, approvals }))).toBe('confirmation');
  });
});

test("mode and departure are the plan's once there is one, else what was asked for", () => {
  const asked = { order: { ...order, mode: 'preview' as const, departure: 'unplanned' as const } };
  expect([mode(runIn('preparing', asked)), departure(runIn('preparing', asked))]).toEqual(['preview', 'unplanned']);
  expect([mode(runIn('scheduled', asked)), departure(runIn('scheduled', asked))]).toEqual(['execute-and-deactivate', 'planned']);
});
