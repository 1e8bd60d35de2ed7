/** Who may decide what about a give-back, in which state, and what it changes: as values. */
import { describe, expect, test } from 'vitest';
import {
  backQuorum,
  GIVE_BACK_DECISIONS,
  GIVE_BACK_STATES,
  type GiveBack,
  type GiveBackDecision,
  isGiveBackInput,
  judgeGiveBack,
  parseGiveBackDecision,
  recountedBack,
  sayReturned,
} from '../../domain/give-back.js';
import { nextGiveBackMessages } from '../../domain/give-back-view.js';
import { policySchema } from '../../domain/policy.js';
import { alice, bob, dan, decider, NOW, olivia, priya } from './made-up.js';

const DIGEST = 'ab'.repeat(32);
const ID = '11111111-2222-4333-8444-555555555555';

function back(more: Partial<GiveBack> = {}): GiveBack {
  return {
    giveBackId: ID,
    offboardingId: ID,
    of: 'offboarding/alice',
    leaver: alice,
    requester: olivia,
    amendedBy: [],
    humans: {},
    plan: DIGEST,
    policy: policySchema.parse({}),
    due: '2030-03-31T16:00:00.000Z',
    dueSays: '2030-03-31 18:00 Europe/Berlin',
    workflowId: `give-back/${ID}`,
    state: 'awaiting-approval',
    outcome: null,
    sentence: '',
    revision: 1,
    back: { digest: DIGEST, revision: 1, holdings: [] },
    approvals: [],
    steps: {},
    waits: null,
    turn: null,
    addenda: [],
    decided: 0,
    refused: [],
    ...more,
  };
}

const DECISIONS: { [N in GiveBackDecision['name']]: Extract<GiveBackDecision, { name: N }> } = {
  approve: { name: 'approve', by: 'x', plan: DIGEST.slice(0, 12) },
  reject: { name: 'reject', by: 'x', plan: DIGEST, note: 'not yet' },
  amend: { name: 'amend', by: 'x', giveBackAt: 'now' },
  retry: { name: 'retry', by: 'x' },
  finish: { name: 'finish', by: 'x', reason: 'it is enough' },
  cancel: { name: 'cancel', by: 'x' },
};
const oscar = decider('Oscar', { approver: false });
const may = (name: GiveBackDecision['name']) => (name === 'approve' || name === 'reject' ? priya : oscar);
const judged = (
  name: GiveBackDecision['name'],
  more: Partial<GiveBack> = {},
  who = may(name),
  decision: GiveBackDecision = DECISIONS[name],
) => judgeGiveBack(back(more), decision, who, NOW);

/** What fits in which state; whatever is not named here is refused there. */
const FITS: Record<GiveBack['state'], GiveBackDecision['name'][]> = {
  waiting: ['amend', 'cancel'],
  planning: ['amend', 'cancel'],
  'awaiting-approval': ['approve', 'reject', 'amend', 'cancel'],
  'giving-back': ['cancel'],
  'needs-attention': ['amend', 'retry', 'finish', 'cancel'],
  closed: [],
};

describe.each(GIVE_BACK_STATES)('%s', state => {
  const ended = state === 'closed' ? ({ outcome: 'given-back', sentence: 'All is back.' } as const) : {};
  test.each(GIVE_BACK_DECISIONS)('%s', name => {
    const { accepted, sentence, changes } = judged(name, { state, ...ended });
    expect(accepted, sentence).toBe(FITS[state].includes(name));
    if (!accepted) expect(changes).toEqual({});
    if (!accepted && state !== 'closed') expect(sentence).toContain(`"${name}" does not fit now`);
    if (state === 'closed') expect(sentence).toBe('The give-back is over: All is back.');
  });

  test('what is offered is accepted', () => {
    const one = back({ state, ...ended });
    for (const { message } of nextGiveBackMessages(one))
      expect(FITS[state], message).toContain(message as GiveBackDecision['name']);
  });
});

test.each(GIVE_BACK_DECISIONS)('who may not %s', name => {
  const state = name === 'retry' || name === 'finish' ? 'needs-attention' : 'awaiting-approval';
  const other = may(name) === priya ? 'operator' : 'approver';
  const cases: [who: ReturnType<typeof decider>, why: string, humans?: GiveBack['humans']][] = [
    [alice, 'Whoever is given something back decides nothing'],
    [decider('Alias', { human: 'alice' }), 'Whoever is given something back decides nothing'],
    [decider('Ines', { barred: 'is not active in the directory' }), 'Ines is not active in the directory'],
    [decider('Nina', { operator: false, approver: false }), `"${name}" is for `],
    [decider('Nina', { operator: other === 'operator', approver: other === 'approver' }), 'is not one.'],
    [
      decider('Nina', { operator: false, approver: false, doubt: 'Two people have that login.' }),
      'Two people have that login.',
    ],
  ];
  for (const [who, why] of cases) {
    const { accepted, sentence, changes } = judged(name, { state }, who);
    expect([accepted, changes], why).toEqual([false, {}]);
    expect(sentence).toContain(why);
  }
  // What ends it already is not overtaken by what comes after.
  const turn = { kind: 'end', outcome: 'cancelled', says: 'Cancelled by Oscar.' } as const;
  expect(judged(name, { state, turn })).toMatchObject({
    accepted: false,
    sentence: 'The give-back is about to end: Cancelled by Oscar.',
  });
});

describe('an approval', () => {
  const approve = (who = priya, more: Partial<GiveBack> = {}, plan = DIGEST) =>
    judged('approve', more, who, { ...DECISIONS.approve, plan });

  test('is one for this plan, by somebody who neither asked nor changed the date; one counts once', () => {
    const both = decider('Olivia');
    expect(approve(both).sentence).toContain('who asked for the cover does not approve');
    expect(approve(dan, { amendedBy: [dan] }).sentence).toContain('Whoever changed the date');
    expect(approve(priya, {}, 'c'.repeat(12)).sentence).toContain(
      'the plan is now revision 1, abababababab…',
    );
    expect(approve(priya, { back: null }).sentence).toBe('There is no plan yet.');
    const one = approve();
    expect(one).toMatchObject({ accepted: true, sentence: 'Approved (1 of 1).' });
    const { approvals } = one.changes;
    expect(approvals).toMatchObject([{ by: { id: 'priya' }, at: NOW }]);
    expect(approve(priya, { approvals: approvals! }).sentence).toContain('has approved this already');
  });

  test('is one of as many as the policy wants, also where the requester may be one of them', () => {
    const policy = policySchema.parse({ approvals: 2, requesterMayApprove: true });
    const first = approve(decider('Olivia'), { policy });
    expect(first).toMatchObject({
      accepted: true,
      sentence: expect.stringMatching(/^Approval 1 of 2 counted/),
    });
    const { approvals } = first.changes;
    expect(backQuorum(back({ policy, approvals: approvals! })).met).toBe(false);
    expect(approve(priya, { policy, approvals: approvals! }).sentence).toBe('Approved (2 of 2).');
  });

  test('counts no more once whoever gave it may not any more', () => {
    const given = back({ approvals: [priya, dan, bob].map(by => ({ by, at: NOW })) });
    const now = { priya, dan: { ...dan, approver: false } };
    const { approvals, lost } = recountedBack(given, now);
    expect(approvals.map(({ by }) => by.id)).toEqual(['priya']);
    expect(lost).toEqual([
      expect.stringMatching(/^The approval of Dan no longer counts: Dan /),
      'The approval of Bob no longer counts: Bob is no longer in the directory.',
    ]);
  });
});

test('another date voids what was approved, and whoever sets it approves nothing from then on', () => {
  const approvals = [{ by: priya, at: NOW }];
  const { sentence, changes } = judged('amend', { approvals, amendedBy: [dan] });
  expect(sentence).toBe('The date is changed. What was approved so far is void.');
  expect(changes).toMatchObject({
    turn: { kind: 'date', at: 'now' },
    approvals: [],
    amendedBy: [{ id: 'dan' }, { id: 'oscar' }],
  });
  expect(judged('amend', { amendedBy: [oscar] }).changes.amendedBy).toHaveLength(1);
});

test('while a date is being changed nothing is decided about the plan before', () => {
  const turn = { kind: 'date', at: '2031-01-01' } as const;
  for (const state of ['awaiting-approval', 'needs-attention'] as const) {
    for (const name of ['approve', 'reject', 'retry'] as const)
      expect(judged(name, { state, turn }), `${name}, ${state}`).toEqual({
        accepted: false,
        sentence: expect.stringContaining('The date was changed just now'),
        changes: {},
      });
    for (const name of ['amend', 'cancel'] as const)
      expect(judged(name, { state, turn }).accepted, `${name}, ${state}`).toBe(true);
    const offered = nextGiveBackMessages(back({ state, turn })).map(({ message }) => message);
    expect(offered).toEqual(['amend', 'cancel']);
  }
});

test.each([
  ['reject', 'awaiting-approval', 'rejected', 'Rejected by Priya: not yet'],
  ['cancel', 'giving-back', 'cancelled', 'Cancelled by Oscar.'],
  ['finish', 'needs-attention', 'given-back-partially', 'Ended by Oscar: it is enough'],
] as const)('%s in %s ends it as %s', (name, state, outcome, says) => {
  expect(judged(name, { state }).changes).toEqual({ turn: { kind: 'end', outcome, says } });
});

test('a plan that is old is neither approved nor rejected', () => {
  const old = { ...DECISIONS.reject, plan: 'c'.repeat(64) };
  expect(judged('reject', {}, priya, old)).toMatchObject({
    accepted: false,
    sentence: expect.stringContaining('Look at it and decide again'),
  });
});

test.each([
  ['amend', { by: 'x' }, 'giveBackAt'],
  ['amend', { by: 'x', giveBackAt: 'now', successor: 'manager' }, 'successor'],
  ['approve', { by: 'x', plan: DIGEST, step: 'crm/tasks' }, 'step'],
  ['cancel', { by: 'x', access: 'keep' }, 'access'],
  ['pause', { by: 'x' }, 'pause'],
])('%s %j is no message of a give-back, and what is wrong is named', (name, payload, named) => {
  const parsed = parseGiveBackDecision(name, payload);
  expect(parsed.ok).toBe(false);
  if (!parsed.ok) expect(parsed.sentence).toContain(named);
});

test('what somebody starts by hand with something else is no input', () => {
  const { giveBackId, offboardingId, of, leaver, requester, amendedBy, humans, ...rest } = back();
  const { plan, policy, due, dueSays } = rest;
  const own = {
    giveBackId,
    offboardingId,
    of,
    leaver,
    requester,
    amendedBy,
    humans,
    plan,
    policy,
    due,
    dueSays,
  };
  expect(isGiveBackInput(own)).toBe(true);
  for (const key of Object.keys(own) as (keyof typeof own)[])
    expect(isGiveBackInput({ ...own, [key]: undefined }), key).toBe(false);
  expect(isGiveBackInput({ ...own, plan: 'latest' })).toBe(false);
  expect(isGiveBackInput(null)).toBe(false);
});

test('what is back, what had moved on and what could not be given back stand in one sentence each', () => {
  const one = { state: 'completed', message: null, changed: 3, taken: 1, gone: 1, failed: 0 } as const;
  expect(sayReturned({ steps: {} })).toBe('0 items given back.');
  expect(sayReturned({ steps: { a: one } })).toBe('3 items given back. 2 items had moved on meanwhile.');
  expect(sayReturned({ steps: { a: one, b: { ...one, taken: 0, gone: 0, failed: 1 } } })).toBe(
    '6 items given back. 2 items had moved on meanwhile. 1 item could not be given back.',
  );
});
