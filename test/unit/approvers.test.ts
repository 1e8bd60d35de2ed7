/** Who may approve, and whose approval still counts when the plan is about to be carried out. */
import { describe, expect, test } from 'vitest';
import { concerned, recounted, tooFew, unfit } from '../../domain/approvers.js';
import { judge } from '../../domain/judge.js';
import { barredBy, type Decider, headCount, isSame, met } from '../../domain/people.js';
import { policySchema } from '../../domain/policy.js';
import { isWaived, quorum, type Run } from '../../domain/run.js';
import { alice, bob, DIGEST, dan, decider, LEFT, NOW, olivia, plan, priya, runIn } from './made-up.js';

const policy = (more: object = {}) => policySchema.parse(more);
const signed = (...people: Run['approvals'][number]['by'][]) => people.map(by => ({ by, at: NOW }));
const now = (...people: Decider[]): Record<string, Decider> =>
  Object.fromEntries(people.map(person => [person.id, person]));
/** An entry that has a person number by now. */
const numbered = (who: Decider, human: string): Decider => ({ ...who, human });

describe('the same human being', () => {
  test('is recognised by id, by human, and by what either was before', () => {
    const then = { id: '1', name: 'A', human: '1' };
    const other = { id: '2', name: 'A (admin)', human: '2' };
    expect(isSame({}, then, other)).toBe(false);
    const humans = met(met({}, [then, other]), [
      { ...then, human: 'P1' },
      { ...other, human: 'P1' },
    ]);
    expect(humans).toEqual({ 1: ['P1'], 2: ['P1'] });
    expect(isSame(humans, then, other)).toBe(true);
    // Whoever was the same once stays the same, whatever is written into the directory since.
    expect(isSame(met(humans, [{ ...other, human: 'P9' }]), then, other)).toBe(true);
    expect(isSame({}, { id: '1', human: 'x' }, { id: '1', human: 'y' })).toBe(true);
  });

  test('is counted once, also where only a third entry says that two are the same', () => {
    const [a, b, c] = ['1', '2', '3'].map(id => ({ id, name: id, human: id })) as [Decider, Decider, Decider];
    const humans = { 1: ['P1'], 2: ['P2'], 3: ['P1', 'P2'] };
    expect(headCount(humans, [a, b])).toBe(2);
    expect(headCount(humans, [a, b, c])).toBe(1);
  });

  test.each(['constructor', '__proto__', 'toString'])('an id may be called %s', id => {
    const humans = met({}, [{ id, name: 'x', human: 'P1' }]);
    expect(isSame(humans, { id, human: id }, { id: '2', human: 'P1' })).toBe(true);
    expect(isSame({}, { id, human: id }, { id: '2', human: 'P1' })).toBe(false);
  });
});

describe('judged with what is known by now', () => {
  const open = runIn('awaiting-approval');
  const approve = (run: Run, who = priya) => judge(run, { name: 'approve', by: 'x', plan: DIGEST }, who, NOW);
  const knowing = (run: Run, ...people: Decider[]): Run => ({ ...run, humans: met(run.humans, people) });

  test('a person number that was filled in since makes the approver the leaver', () => {
    const run = knowing(open, numbered(alice, 'P1'));
    expect(approve(run, { ...priya, human: 'P1' })).toEqual({
      accepted: false,
      sentence: 'Nobody decides anything about their own offboarding: ask a colleague to send it.',
    });
    expect(approve(run).accepted).toBe(true);
  });

  test('or whoever asked, or whoever amended, or whoever approved before', () => {
    const asked = knowing(open, numbered(olivia, 'P2'));
    expect(approve(asked, { ...priya, human: 'P2' }).sentence).toMatch(/^The person who asked/);
    const amended = knowing({ ...open, amendedBy: [dan] }, numbered(dan, 'P3'));
    expect(approve(amended, { ...priya, human: 'P3' }).sentence).toMatch(/^Whoever amended/);
    const approved = knowing({ ...open, approvals: signed(dan) }, numbered(dan, 'P4'));
    expect(approve(approved, { ...priya, human: 'P4' }).sentence).toMatch(
      /^Priya has approved this plan already/,
    );
  });

  test('two approvals of one human being are one, and a successor under another entry is a successor', () => {
    const humans = met({}, [numbered(priya, 'P1'), numbered(dan, 'P1'), numbered(bob, 'P8')]);
    const run = { requester: olivia, plan: plan(), approvals: signed(priya, dan), humans };
    expect(quorum(run, policy({ approvals: 2 }))).toMatchObject({ met: false, have: 1 });
    const second = decider('Robert', { human: 'P8' });
    expect(quorum({ ...run, approvals: signed(second) }, policy())).toMatchObject({ met: false, have: 1 });
  });

  test.each([
    [{ active: false, blocked: true }, true, 'is not active in the directory'],
    [{ active: true, blocked: true }, true, 'is blocked in the directory'],
    [{ active: true, blocked: false }, true, 'is being offboarded'],
    [{ active: true, blocked: false }, false, null],
  ])('%o, leaving %s: %s', (entry, isLeaving, words) => {
    expect(barredBy(entry, isLeaving)).toBe(words);
  });
});

describe('a skip is approved as a plan is', () => {
  const strict = plan({ policy: policy({ approvals: 2 }) });
  const waiver = {
    step: 'crm/tasks',
    reason: 'done',
    leftover: { digest: LEFT, count: 2 },
    proposedBy: olivia,
    approvals: [],
  };
  const parked = (more: Partial<Run> = {}): Run =>
    runIn('needs-attention', { waivers: { 'crm/tasks': waiver }, ...more });
  const approve = (run: Run, who = priya) =>
    judge(run, { name: 'approve', by: 'x', plan: DIGEST, step: 'crm/tasks', keys: LEFT }, who, NOW);
  const having = (run: Run, who = priya): Run => {
    const verdict = approve(run, who);
    return verdict.accepted ? { ...run, ...verdict.changes } : run;
  };

  test('a successor alone does not waive what they would have got', () => {
    const successor = decider('Bob', { operator: false });
    const verdict = approve(parked(), successor);
    expect(verdict).toMatchObject({
      accepted: true,
      sentence:
        'Approval 1 of 1 of skipping "crm/tasks" counted; everyone who approved so far gains items by this plan: one more person must approve.',
    });
    const alone = having(parked(), successor);
    expect([isWaived(alone, 'crm/tasks'), alone.turn]).toEqual([false, null]);
    const both = having(alone);
    expect([isWaived(both, 'crm/tasks'), both.turn]).toEqual([true, { kind: 'retry' }]);
  });

  test('it takes as many people as a plan, each once', () => {
    const one = having(parked({ plan: strict }));
    expect(isWaived(one, 'crm/tasks')).toBe(false);
    expect(approve(one, decider('Priya K', { human: 'priya' })).sentence).toBe(
      'Priya K has approved this skip already; one more person counts, the same one twice does not.',
    );
    expect(isWaived(having(one, dan), 'crm/tasks')).toBe(true);
  });

  test('whoever amended the plan does not approve one', () => {
    expect(approve(parked({ amendedBy: [priya] })).sentence).toBe(
      'Whoever amended the plan does not approve a skip: somebody else must.',
    );
  });
});

describe('counted once more before anything is changed', () => {
  const approved = (...people: Run['approvals'][number]['by'][]): Run =>
    runIn('scheduled', { approvals: signed(...people) });

  test('what stands, stands', () => {
    const run = approved(priya);
    expect(recounted(run, now(priya))).toEqual({
      approvals: run.approvals,
      waivers: {},
      stands: true,
      lost: [],
    });
  });

  test.each<[string, Decider | null, string]>([
    [
      'was switched off',
      { ...priya, barred: 'is not active in the directory' },
      'is not active in the directory',
    ],
    ['is leaving', { ...priya, barred: 'is being offboarded' }, 'is being offboarded'],
    ['lost the role', { ...priya, approver: false }, 'is no approver'],
    ['is no longer known', null, 'is no longer in the directory'],
    ['turned out to be the leaver', { ...priya, human: 'alice' }, 'is the leaver'],
    ['turned out to have asked for it', { ...priya, human: 'olivia' }, 'asked for it'],
  ])('whoever %s does not count any more', (_what, person, words) => {
    const { approvals, stands, lost } = recounted(approved(priya), { priya: person });
    expect({ approvals, stands, lost }).toEqual({
      approvals: [],
      stands: false,
      lost: [`The approval of Priya no longer counts: Priya ${words}.`],
    });
  });

  test('one of three who is gone changes nothing as long as the others are enough', () => {
    const { approvals, stands } = recounted(approved(priya, dan), { priya: null, dan });
    expect([approvals.map(({ by }) => by.id), stands]).toEqual([['dan'], true]);
  });

  test('the only successor, and one person under two entries, are found out', () => {
    const both = { ...approved(priya, dan), plan: plan({ policy: policy({ approvals: 2 }) }) };
    const same = { ...both, humans: met({}, [numbered(priya, 'P1'), numbered(dan, 'P1')]) };
    expect(recounted(both, now(priya, dan)).stands).toBe(true);
    expect(recounted(same, now(priya, dan))).toMatchObject({
      stands: false,
      lost: ['Approvals that were counted as two turned out to be of one person.'],
    });
    const successor = { ...approved(priya), humans: met({}, [numbered(priya, 'P8'), numbered(bob, 'P8')]) };
    expect(recounted(successor, now(priya)).lost).toEqual([
      'Everyone who approved so far gains items by this plan: one more person must approve.',
    ]);
  });

  test('the approval of a skip is counted once more as well', () => {
    const waiver = {
      step: 'crm/tasks',
      reason: 'done',
      leftover: { digest: LEFT, count: 2 },
      proposedBy: olivia,
      approvals: signed(dan),
    };
    const run = runIn('needs-attention', { waivers: { 'crm/tasks': waiver } });
    expect(isWaived(run, 'crm/tasks')).toBe(true);
    const { waivers, stands } = recounted(run, { priya, dan: null });
    expect([waivers['crm/tasks']!.approvals, stands]).toEqual([[], true]);
    expect(concerned(run).sort()).toEqual(['alice', 'bob', 'dan', 'olivia', 'priya']);
  });

  test('a policy that trusts requesters trusts them here too', () => {
    const trusting = policy({ requesterMayApprove: true });
    const asked = { ...runIn('scheduled'), amendedBy: [dan] };
    expect([unfit(asked, decider('Olivia'), trusting), unfit(asked, dan, trusting)]).toEqual([null, null]);
    expect(unfit(asked, alice, trusting)).toBe('leaver');
  });
});

describe('who can approve is counted when the plan is made', () => {
  const cause = { leaver: alice, requester: olivia, amendedBy: [], humans: {} };
  const also = decider('Olivia');
  const mend =
    'Give somebody else the role of an approver and send "retry", or have somebody else ask for the offboarding.';
  const few = (known: Decider[], more: object = {}, given = cause) =>
    tooFew(known, given, plan(), policy(more));

  test.each<[string, Decider[], object, string | null]>([
    ['one is enough', [also, priya], {}, null],
    ['only whoever asked for it', [also], {}, `Nobody can approve this (Olivia asked for it). ${mend}`],
    ['whoever asked, where the policy trusts them', [also], { requesterMayApprove: true }, null],
    ['nobody at all', [], {}, `Nobody can approve this: nobody else has the role of an approver. ${mend}`],
    [
      'the leaver, and somebody who is switched off',
      [alice, { ...priya, barred: 'is not active in the directory' }],
      {},
      `Nobody can approve this (Alice is the leaver, Priya is not active in the directory). ${mend}`,
    ],
    [
      'one of two',
      [also, priya],
      { approvals: 2 },
      `Only 1 of the 2 who are needed can approve this (Olivia asked for it). ${mend}`,
    ],
    [
      'one person under two entries',
      [priya, decider('Priya K', { human: 'priya' })],
      { approvals: 2 },
      `Only 1 of the 2 who are needed can approve this: nobody else has the role of an approver. ${mend}`,
    ],
    [
      'only successors',
      [bob],
      {},
      `Everybody who can approve this gains items by it (Bob), and one who does not is needed. ${mend}`,
    ],
  ])('%s', (_what, known, more, sentence) => {
    expect(few(known, more)).toBe(sentence);
  });

  test('whoever amended it does not count either, and a long list is short', () => {
    expect(few([priya], {}, { ...cause, amendedBy: [priya] } as typeof cause)).toMatch(
      /^Nobody can approve this \(Priya amended it\)/,
    );
    const many = Array.from({ length: 9 }, (_, n) => decider(`A${n}`, { barred: 'is being offboarded' }));
    expect(few(many)).toMatch(/A4 is being offboarded, and 4 more\)/);
  });
});
