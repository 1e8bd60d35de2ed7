/** Every decision in every state: what it gets, and in which words. */
import { describe, expect, test } from 'vitest';
import { applyAmendment, judge, type Sender, type Verdict } from '../../domain/judge.js';
import { isOver } from '../../domain/lifecycle.js';
import type { RunState } from '../../domain/model.js';
import { DECISIONS, type Decision, type DecisionName } from '../../domain/request.js';
import { isWaived, type Run } from '../../domain/run.js';
import {
  alice,
  bob,
  DIGEST,
  dan,
  decider,
  LEFT,
  NOW,
  olivia,
  order,
  plan,
  priya,
  runIn,
  STATES,
} from './made-up.js';

const by = 'somebody';
const SENT: Record<DecisionName, { who: Sender; decision: Decision }> = {
  approve: { who: priya, decision: { name: 'approve', by, plan: DIGEST } },
  reject: { who: priya, decision: { name: 'reject', by, plan: DIGEST } },
  acknowledge: { who: olivia, decision: { name: 'acknowledge', by, category: 'crm/mailbox' } },
  amend: { who: olivia, decision: { name: 'amend', by, successor: 'bob' } },
  execute: { who: olivia, decision: { name: 'execute', by, plan: DIGEST } },
  pause: { who: olivia, decision: { name: 'pause', by } },
  resume: { who: olivia, decision: { name: 'resume', by } },
  retry: { who: olivia, decision: { name: 'retry', by } },
  skip: { who: olivia, decision: { name: 'skip', by, step: 'crm/tasks', reason: 'they are done' } },
  finish: { who: olivia, decision: { name: 'finish', by, reason: 'enough' } },
  cancel: { who: olivia, decision: { name: 'cancel', by } },
};

const NOT_NOW: Record<Exclude<RunState, 'closing' | 'closed'>, string> = {
  preparing: 'the plan is still being made',
  'needs-correction': 'something must be settled first: send "amend" or "retry"',
  'awaiting-approval': 'the plan waits for acknowledgements and approval',
  scheduled: 'the plan is approved and waits for its date',
  executing: 'the steps are running',
  'needs-attention': 'a step needs attention: "retry", "amend", "skip" or "finish"',
  deactivating: 'the accounts are being switched off',
};

/**
 * What is accepted, with its sentence; everything else is refused. A sentence that starts with "no:" is a
 * refusal of its own kind.
 */
const TABLE: Record<DecisionName, Partial<Record<RunState, string>>> = {
  approve: { 'awaiting-approval': 'Approved (1 of 1). Still to be acknowledged: 1.' },
  reject: {
    'awaiting-approval': 'Rejected: the offboarding closes. Nothing was handed over.',
    scheduled: 'Rejected: the offboarding closes. Nothing was handed over.',
  },
  acknowledge: Object.fromEntries(
    ['awaiting-approval', 'scheduled', 'executing', 'needs-attention', 'deactivating'].map(state => [
      state,
      'Acknowledged "crm/mailbox".',
    ]),
  ),
  amend: {
    preparing: 'Amended; a new revision of the plan is being made.',
    'needs-correction': 'Amended; a new revision of the plan is being made.',
    'awaiting-approval': 'Amended; a new revision of the plan is being made.',
    scheduled: 'Amended; a new revision of the plan is being made. 1 approval is void.',
    'needs-attention': 'Amended; a new revision of the plan is being made. 1 approval is void.',
    executing:
      'no:Execution has started and the plan is locked. Send "pause" or "cancel", or wait: a failed step can be amended.',
    deactivating:
      'no:Execution has started and the plan is locked. Send "pause" or "cancel", or wait: a failed step can be amended.',
  },
  execute: {
    'awaiting-approval': 'no:This policy wants no second confirmation: the approvals start the run.',
  },
  pause: all('Paused: nothing more is changed after the current batch until "resume".'),
  resume: all('no:The run is not paused.'),
  retry: {
    'needs-correction': 'Preparing again.',
    'needs-attention': 'Trying again what is not done yet: "crm/tasks".',
  },
  skip: {
    'needs-attention':
      'Skipping "crm/tasks" would leave 2 items with the leaver. It counts once an approver approves it.',
  },
  finish: { 'needs-attention': 'Finishing as it is.' },
  cancel: all('Cancelling at the next safe boundary.'),
};

function all(sentence: string): Partial<Record<RunState, string>> {
  return Object.fromEntries(STATES.map(state => [state, sentence]));
}

const verdictOf = (run: Run, name: DecisionName, who = SENT[name].who, changes: object = {}): Verdict =>
  judge(run, { ...SENT[name].decision, ...changes } as Decision, who, NOW);

const refusal = (sentence: string) => ({ accepted: false, sentence });

describe.each(STATES)('a run that is %s', state => {
  test.each(DECISIONS)('%s', name => {
    const verdict = verdictOf(runIn(state), name);
    const { accepted, sentence } = verdict;
    if (isOver(state)) {
      expect(verdict).toEqual(
        refusal('The offboarding is closed (completed); start a new one if something is left to do.'),
      );
      return;
    }
    const expected = TABLE[name][state] ?? `no:"${name}" does not fit now: ${NOT_NOW[state]}.`;
    expect({ accepted, sentence }).toEqual({
      accepted: !expected.startsWith('no:'),
      sentence: expected.replace(/^no:/, ''),
    });
  });
});

const OURS = [{ system: 'crm', accounts: [{ identities: { user: ['1'] }, active: true, blocked: true }] }];

describe('who decides', () => {
  const open = runIn('awaiting-approval');

  test.each(DECISIONS)('the leaver never sends %s, not even as a second directory entry', name => {
    const words = refusal('Nobody decides anything about their own offboarding: ask a colleague to send it.');
    expect(verdictOf(open, name, alice)).toEqual(words);
    expect(verdictOf(open, name, decider('Alice B', { human: 'alice' }))).toEqual(words);
  });

  test.each(DECISIONS)('somebody who is switched off does not send %s', name => {
    expect(verdictOf(open, name, { ...bob, barred: 'is not active in the directory' })).toEqual(
      refusal('Bob is not active in the directory and cannot decide.'),
    );
  });

  test.each(DECISIONS)('%s wants its role', name => {
    const role = name === 'approve' || name === 'reject' ? 'approver' : 'operator';
    expect(verdictOf(open, name, { ...bob, [role]: false })).toEqual(
      refusal(
        `"${name}" is for ${role}s; Bob is not one. Ask somebody who is, or have the role given in the configuration.`,
      ),
    );
  });

  test('the requester approves only where the policy says so', () => {
    const requester = decider('Olivia');
    const words = 'The person who asked for the offboarding does not approve it: somebody else must.';
    expect(verdictOf(open, 'approve', requester)).toEqual(refusal(words));
    expect(verdictOf(open, 'approve', decider('Olivia II', { human: 'olivia' }))).toEqual(refusal(words));
    const trusting = { ...open, plan: plan({ policy: { ...plan().policy, requesterMayApprove: true } }) };
    expect(verdictOf(trusting, 'approve', requester).accepted).toBe(true);
    expect(verdictOf(open, 'reject', requester)).toEqual(
      refusal('The person who asked for the offboarding takes it back with "cancel".'),
    );
  });
});

describe('one plan, one approval', () => {
  const open = runIn('awaiting-approval');

  test.each(['approve', 'reject', 'execute'] as const)(
    '%s for another plan is refused and names both',
    name => {
      expect(verdictOf(open, name, undefined, { plan: 'ffffffffffff' })).toEqual(
        refusal(
          'That decision is for plan ffffffffffff…; the plan is now revision 1, a1b2c3d4e5f6…. Look at it and decide again.',
        ),
      );
    },
  );

  test('a digest that only begins like the plan is another plan', () => {
    const other = `${DIGEST.slice(0, 20)}${'f'.repeat(44)}`;
    expect(verdictOf(open, 'approve', priya, { plan: other }).accepted).toBe(false);
  });

  test('whoever amended the plan does not approve it, unless the policy trusts requesters', () => {
    const amended = { ...open, amendedBy: [priya] };
    expect(verdictOf(amended, 'approve', decider('Priya K', { human: 'priya' }))).toEqual(
      refusal('Whoever amended the plan does not approve it: somebody else must.'),
    );
    expect(verdictOf(amended, 'approve', dan).accepted).toBe(true);
    const trusting = { ...amended, plan: plan({ policy: { ...plan().policy, requesterMayApprove: true } }) };
    expect(verdictOf(trusting, 'approve').accepted).toBe(true);
  });

  test('the first twelve characters of a digest are enough', () => {
    expect(verdictOf(open, 'approve', priya, { plan: DIGEST.slice(0, 12) }).accepted).toBe(true);
  });

  test('an approval is recorded with its time, and the same person counts once', () => {
    const verdict = verdictOf(open, 'approve');
    expect(verdict).toMatchObject({
      changes: {
        approvals: [
          { by: { id: 'priya', name: 'Priya', human: 'priya', identity: { kind: 'claimed' } }, at: NOW },
        ],
      },
    });
    const again = { ...open, approvals: [{ by: priya, at: NOW }] };
    expect(verdictOf(again, 'approve', decider('Priya K', { human: 'priya' }))).toEqual(
      refusal('Priya K has approved this plan already; one more person counts, the same one twice does not.'),
    );
  });

  test('two approvals are asked for one by one', () => {
    const two = { ...open, plan: plan({ policy: { ...plan().policy, approvals: 2 } }) };
    expect(verdictOf(two, 'approve').sentence).toBe('Approval 1 of 2 counted.');
    expect(verdictOf({ ...two, approvals: [{ by: priya, at: NOW }] }, 'approve', dan).sentence).toBe(
      'Approved (2 of 2). Still to be acknowledged: 1.',
    );
  });

  test('a successor as the only approver is counted, and one more person is asked for', () => {
    expect(verdictOf(open, 'approve', bob).sentence).toBe(
      'Approval 1 of 1 counted; everyone who approved so far gains items by this plan: one more person must approve.',
    );
  });

  test('execute confirms only what is approved and acknowledged', () => {
    const wanted = { ...open, plan: plan({ policy: { ...plan().policy, confirmation: true } }) };
    expect(verdictOf(wanted, 'execute')).toEqual(
      refusal('The plan is not approved yet: "execute" confirms an approved plan.'),
    );
    const approved = { ...wanted, approvals: [{ by: priya, at: NOW }] };
    expect(verdictOf(approved, 'execute')).toEqual(refusal('Still to be acknowledged: "crm/mailbox".'));
    const { acknowledgements } = runIn('scheduled');
    expect(verdictOf({ ...approved, acknowledgements }, 'execute')).toMatchObject({
      accepted: true,
      sentence: 'Confirmed.',
      changes: { confirmedBy: { name: 'Olivia' } },
    });
  });
});

describe('acknowledgements', () => {
  const open = runIn('awaiting-approval');

  test('an unknown category is refused with those that are open', () => {
    expect(verdictOf(open, 'acknowledge', olivia, { category: ['crm/mailbox', 'crm/tasks'] })).toEqual(
      refusal('There is nothing called "crm/tasks" to acknowledge; open are "crm/mailbox".'),
    );
    expect(verdictOf(runIn('executing'), 'acknowledge', olivia, { category: 'x/y' })).toEqual(
      refusal('There is nothing called "x/y" to acknowledge; nothing is open.'),
    );
  });

  test('it keeps the keys that were shown: those of the plan, or those that came later', () => {
    expect(verdictOf(open, 'acknowledge')).toMatchObject({
      changes: { acknowledgements: { 'crm/mailbox': { manifest: 'm-1', frozen: null, count: 3, at: NOW } } },
    });
    const reopened = { ...open, shown: { 'crm/mailbox': { frozen: 'f-1', count: 5 } } };
    expect(verdictOf(reopened, 'acknowledge')).toMatchObject({
      changes: { acknowledgements: { 'crm/mailbox': { frozen: 'f-1', count: 5 } } },
    });
  });

  test('an absent account is acknowledged too, and what is still open is named', () => {
    const absent = { system: 'hr', accounts: [] };
    const run = { ...open, plan: plan({ accounts: [...plan().accounts, absent] }) };
    expect(verdictOf(run, 'acknowledge', olivia, { category: 'hr/account' }).sentence).toBe(
      'Acknowledged "hr/account". Still open: "crm/mailbox".',
    );
  });
});

describe('skips', () => {
  const parked = runIn('needs-attention');
  const asked = { ...parked, ...changesOf(verdictOf(parked, 'skip')) };

  test('a skip waives exactly the frozen keys, and only once somebody else has approved it', () => {
    expect(asked.waivers['crm/tasks']).toMatchObject({
      leftover: { digest: LEFT, count: 2 },
      approvals: [],
    });
    expect(isWaived(asked, 'crm/tasks')).toBe(false);
    const approved = verdictOf(asked, 'approve', priya, { step: 'crm/tasks', keys: LEFT });
    expect(approved).toMatchObject({
      accepted: true,
      sentence: 'Skipping "crm/tasks" is approved; what stays with the leaver: 2 items.',
      changes: {
        turn: { kind: 'retry' },
        waivers: { 'crm/tasks': { approvals: [{ by: { name: 'Priya' }, at: NOW }] } },
      },
    });
    const both = { ...asked, ...changesOf(approved) };
    expect(isWaived(both, 'crm/tasks')).toBe(true);
    expect(verdictOf(both, 'approve', dan, { step: 'crm/tasks', keys: LEFT })).toEqual(
      refusal('Skipping "crm/tasks" is approved already, by Priya.'),
    );
  });

  test('an approval of a skip is for the keys that were shown, and says which they are now', () => {
    const sentence = (given: string): string =>
      `The skip of "crm/tasks" now leaves 2 items, keys ${LEFT.slice(0, 12)}; ${given}. Look at them and approve with "keys": "${LEFT.slice(0, 12)}".`;
    expect(verdictOf(asked, 'approve', priya, { step: 'crm/tasks' })).toEqual(
      refusal(sentence('the approval names none')),
    );
    expect(verdictOf(asked, 'approve', priya, { step: 'crm/tasks', keys: 'ffffffffffff' })).toEqual(
      refusal(sentence('the approval is for ffffffffffff')),
    );
    expect(verdictOf(asked, 'approve', priya, { step: 'constructor', keys: LEFT })).toEqual(
      refusal('Nobody has asked to skip "constructor".'),
    );
  });

  test('whoever asked for the skip, or for the offboarding, does not approve it', () => {
    expect(verdictOf(asked, 'approve', decider('Olivia'), { step: 'crm/tasks', keys: LEFT })).toEqual(
      refusal('The person who asked for the skip does not approve it: somebody else must.'),
    );
    const byBob = { ...asked, waivers: { 'crm/tasks': { ...asked.waivers['crm/tasks']!, proposedBy: bob } } };
    expect(verdictOf(byBob, 'approve', decider('Olivia'), { step: 'crm/tasks', keys: LEFT })).toEqual(
      refusal('The person who asked for the offboarding does not approve a skip: somebody else must.'),
    );
  });

  test('nobody approves a skip that nobody asked for, or one of another plan', () => {
    expect(verdictOf(parked, 'approve', priya, { step: 'crm/tasks', keys: LEFT })).toEqual(
      refusal('Nobody has asked to skip "crm/tasks".'),
    );
    expect(verdictOf(asked, 'approve', priya, { step: 'crm/tasks', plan: 'ffffffffffff' }).accepted).toBe(
      false,
    );
  });

  test('only what failed and was seen is skipped, and never a deactivation', () => {
    expect(verdictOf(parked, 'skip', olivia, { step: 'crm/nothing' })).toEqual(
      refusal('There is no failed step "crm/nothing"; failed are "crm/tasks".'),
    );
    expect(verdictOf(parked, 'skip', olivia, { step: 'crm/deactivate' })).toEqual(
      refusal('A deactivation cannot be skipped: send "finish" to close the run with the account as it is.'),
    );
    const unread = {
      ...parked,
      steps: { ...parked.steps, 'crm/tasks': { ...parked.steps['crm/tasks']!, leftover: null } },
    };
    expect(verdictOf(parked, 'skip', olivia, { step: 'crm/teams' })).toEqual(
      refusal(
        '"crm/teams" has not been tried yet, so nobody has seen what it would leave: send "retry" first.',
      ),
    );
    expect(verdictOf(unread, 'skip')).toEqual(
      refusal(
        'What is left of "crm/tasks" could not be read, and what nobody has seen cannot be waived. Mend the cause and send "retry".',
      ),
    );
  });
});

describe('pause, cancel, retry', () => {
  test('a run is paused once and resumed once', () => {
    const run = runIn('executing');
    const paused = { ...run, ...changesOf(verdictOf(run, 'pause')) };
    expect(verdictOf(paused, 'pause')).toEqual(
      refusal('Olivia has paused the run already; "resume" goes on.'),
    );
    expect(verdictOf(paused, 'resume')).toEqual({
      accepted: true,
      sentence: 'Resumed.',
      changes: { pausedBy: null },
    });
  });

  test('a run that is paused in the middle of its effects may be finished as it is', () => {
    for (const state of ['executing', 'deactivating'] as const) {
      expect(verdictOf(runIn(state), 'finish').accepted).toBe(false);
      expect(verdictOf(runIn(state, { pausedBy: olivia }), 'finish')).toMatchObject({
        changes: { turn: { kind: 'finish', by: { name: 'Olivia' }, reason: 'enough' } },
      });
    }
    expect(verdictOf(runIn('scheduled', { pausedBy: olivia }), 'finish').accepted).toBe(false);
  });

  test('of two decisions that the story has not taken up, the stronger one counts', () => {
    const run = runIn('needs-attention');
    const cancelled = { ...run, ...changesOf(verdictOf(run, 'cancel')) };
    for (const name of ['retry', 'amend', 'finish'] as const)
      expect({ ...cancelled, ...changesOf(verdictOf(cancelled, name)) }.turn?.kind).toBe('cancel');
    const amended = { ...run, ...changesOf(verdictOf(run, 'amend')) };
    expect({ ...amended, ...changesOf(verdictOf(amended, 'retry')) }.turn?.kind).toBe('prepare');
    expect({ ...amended, ...changesOf(verdictOf(amended, 'finish')) }.turn?.kind).toBe('finish');
  });

  test('a block of one account beside one that failed is a block, and one of somebody else is none of ours', () => {
    const blockedByUs = [{ system: 'hr', accounts: [{ identities: {}, active: true, blocked: false }] }];
    const partly = runIn('executing', { access: { hr: 'open' }, blockProblems: { hr: 'no' }, blockedByUs });
    expect(verdictOf(partly, 'cancel').sentence).toMatch(/Sign-in is blocked in "hr"/);
    const byOthers = runIn('executing', { access: { hr: 'blocked' } });
    expect(verdictOf(byOthers, 'cancel')).toMatchObject({ accepted: true });
  });

  test('a cancellation must say what becomes of a block', () => {
    const blocked = runIn('scheduled', { access: { crm: 'blocked', hr: 'open' }, blockedByUs: OURS });
    expect(verdictOf(blocked, 'cancel')).toEqual(
      refusal(
        'Sign-in is blocked in "crm". Say what becomes of it: "access": "keep" or "access": "restore" (--access on the command line).',
      ),
    );
    expect(verdictOf(blocked, 'cancel', olivia, { access: 'restore' })).toMatchObject({
      changes: { turn: { kind: 'cancel', access: 'restore', by: { name: 'Olivia' } } },
    });
    expect(verdictOf(runIn('scheduled'), 'cancel')).toMatchObject({
      changes: { turn: { kind: 'cancel', access: 'keep' } },
    });
  });

  test('a retry of a run that waits for acknowledgements alone names no steps', () => {
    expect(verdictOf(runIn('needs-attention', { steps: {} }), 'retry').sentence).toBe(
      'Trying again what is not done yet.',
    );
  });
});

describe('amendments', () => {
  test('a run that has changed something cannot become a preview', () => {
    const words =
      'This run has changed something already and cannot become a preview: send "cancel" to end it.';
    expect(verdictOf(runIn('needs-attention'), 'amend', olivia, { mode: 'preview' })).toEqual(refusal(words));
    expect(
      verdictOf(runIn('scheduled', { access: { crm: 'blocked' }, blockedByUs: OURS }), 'amend', olivia, {
        mode: 'preview',
      }),
    ).toEqual(refusal(words));
    expect(verdictOf(runIn('scheduled'), 'amend', olivia, { mode: 'preview' }).accepted).toBe(true);
  });

  test('everybody who amended is remembered once', () => {
    const twice = runIn('scheduled', { amendedBy: [bob, olivia] });
    expect(verdictOf(twice, 'amend', bob)).toMatchObject({
      changes: { amendedBy: [{ human: 'olivia' }, { human: 'bob' }] },
    });
  });

  test('what is left unsaid stays; successors, overrides and identities are merged', () => {
    const before = {
      ...order,
      successor: 'manager',
      successors: { 'crm/tasks': 'bob', hr: 'eve' },
      overrides: { 'crm/tasks': { '1': 'bob', '2': 'bob' } },
      identities: { crm: { user: '1' } },
      effectiveAt: '2026-12-24',
    };
    expect(
      applyAmendment(before, {
        successors: { 'crm/tasks': { 'round-robin': 'team' } },
        overrides: { 'crm/tasks': { '2': 'eve' }, 'hr/cases': { '9': 'eve' } },
        identities: { crm: { email: 'a@x' }, hr: { user: '7' } },
        departure: 'unplanned',
        mode: undefined,
      }),
    ).toEqual({
      ...before,
      departure: 'unplanned',
      successors: { 'crm/tasks': { 'round-robin': 'team' }, hr: 'eve' },
      overrides: { 'crm/tasks': { '1': 'bob', '2': 'eve' }, 'hr/cases': { '9': 'eve' } },
      identities: { crm: { user: '1', email: 'a@x' }, hr: { user: '7' } },
    });
  });

  test('null takes back what was said: one item, one category, or all of it', () => {
    const before = {
      ...order,
      successor: 'manager',
      successors: { 'crm/tasks': 'bob', hr: 'eve' },
      overrides: { 'crm/tasks': { '1': 'bob', '2': 'bob' }, 'hr/cases': { '9': 'eve' } },
      identities: { crm: { user: '1' } },
      effectiveAt: '2026-12-24',
      systems: ['crm'],
      mode: 'preview' as const,
    };
    const nulls = { successor: null, successors: null, overrides: null, identities: null, effectiveAt: null };
    expect(applyAmendment(before, { ...nulls, systems: null, mode: null, departure: null })).toEqual(order);
    const some = applyAmendment(before, {
      successors: { hr: null },
      overrides: { 'crm/tasks': { '1': null }, 'hr/cases': null },
      identities: { crm: { user: null } },
    });
    expect(some.successors).toEqual({ 'crm/tasks': 'bob' });
    expect(some.overrides).toEqual({ 'crm/tasks': { '2': 'bob' } });
    expect(some.identities).toBeUndefined();
  });

  test('one that changes nothing voids no approval, but a parked run may have a new plan made', () => {
    const words =
      'That changes nothing, so nothing is voided. Say what is to be different; null takes back what was said before.';
    for (const changes of [
      { successor: undefined },
      { successor: null },
      { successor: undefined, mode: order.mode },
    ])
      expect(verdictOf(runIn('scheduled'), 'amend', olivia, changes)).toEqual(refusal(words));
    expect(verdictOf(runIn('needs-attention'), 'amend', olivia, { successor: undefined }).accepted).toBe(
      true,
    );
  });

  test('"now" takes the date away; another date replaces it', () => {
    const dated = { ...order, effectiveAt: '2026-12-24' };
    expect(applyAmendment(dated, { effectiveAt: 'now' }).effectiveAt).toBeUndefined();
    expect(applyAmendment(dated, { effectiveAt: '2027-01-01' }).effectiveAt).toBe('2027-01-01');
    expect(applyAmendment(dated, {}).effectiveAt).toBe('2026-12-24');
  });

  test('amendments cannot pile up more overrides than one request may have', () => {
    const many = (from: number) => ({
      'crm/tasks': Object.fromEntries(Array.from({ length: 150 }, (_, n) => [`${from + n}`, 'bob'])),
    });
    const run = runIn('awaiting-approval', { order: { ...order, overrides: many(0) } });
    expect(verdictOf(run, 'amend', olivia, { overrides: many(10) }).accepted).toBe(true);
    expect(verdictOf(run, 'amend', olivia, { overrides: many(100) })).toEqual(
      refusal(
        'With these the run would have 250 overrides, and at most 200 travel inline: give a file of all of them (--overrides), or use a "match" rule.',
      ),
    );
  });

  test('a set in the store takes the place of all overrides, goes with null, and takes no single ones', () => {
    const stored = `sha256:${'0'.repeat(64)}`;
    const bare = { ...order, overrides: { 'crm/tasks': { '1': 'bob' } } };
    const named = applyAmendment(bare, { overrides: stored });
    expect(named.overrides).toBe(stored);
    expect(applyAmendment(named, {}).overrides).toBe(stored);
    expect(applyAmendment(named, { overrides: null }).overrides).toBeUndefined();
    const run = runIn('awaiting-approval', { order: named });
    expect(verdictOf(run, 'amend', olivia, { overrides: { 'crm/tasks': { '1': 'bob' } } })).toEqual(
      refusal(
        'The overrides of this run lie in the store (sha256:000000000000…), and single ones cannot be added to them: ' +
          'give all of them, more than 200, in a new file (--overrides), or take them back with "overrides": null first.',
      ),
    );
    expect(verdictOf(run, 'amend', olivia, { mode: 'execute-only' }).accepted).toBe(true);
  });

  test('an amendment voids every approval and the confirmation, and leaves the plan to be made again', () => {
    const verdict = verdictOf(
      runIn('scheduled', {
        approvals: [
          { by: priya, at: NOW },
          { by: dan, at: NOW },
        ],
        confirmedBy: olivia,
      }),
      'amend',
      olivia,
      { note: 'Bob asked for it' },
    );
    expect(verdict).toEqual({
      accepted: true,
      sentence: 'Amended; a new revision of the plan is being made. 2 approvals are void.',
      changes: {
        order: { ...order, successor: 'bob' },
        turn: { kind: 'prepare' },
        approvals: [],
        confirmedBy: null,
        amendedBy: [{ id: 'olivia', name: 'Olivia', human: 'olivia', identity: { kind: 'claimed' } }],
      },
    });
  });
});

test('a judged run is left as it was: what changes is in the verdict', () => {
  for (const state of STATES) {
    for (const name of DECISIONS) {
      const run = runIn(state);
      const before = JSON.stringify(run);
      verdictOf(run, name);
      expect(JSON.stringify(run)).toBe(before);
    }
  }
});

function changesOf(verdict: Verdict): Partial<Run> {
  return verdict.accepted ? verdict.changes : {};
}
