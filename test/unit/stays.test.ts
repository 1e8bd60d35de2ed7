/** What stays with the leaver is counted in every closing sentence, with who accepted it. */
import { describe, expect, test } from 'vitest';
import { certificateOf } from '../../domain/certificate.js';
import { STAYS_AND_KEEPS } from '../../domain/plan.js';
import type { Run } from '../../domain/run.js';
import { acceptedItems, handedOver, stays } from '../../domain/stays.js';
import { items } from '../../domain/words.js';
import { bob, closedTasks, dan, LEFT, mailbox, NOW, olivia, plan, priya, runIn, tasks } from './made-up.js';

const waiver = {
  step: 'crm/tasks',
  reason: 'they are done',
  leftover: { digest: LEFT, count: 1200 },
  proposedBy: olivia,
  approvals: [{ by: priya, at: NOW }],
};
/** Everything that this run holds, as the last look showed it. */
const run = (held: Record<string, number>, more: Partial<Run> = {}): Run =>
  runIn('deactivating', { held, ...more });
const GONE = { 'crm/mailbox': 0, 'crm/closed_tasks': 0 };

describe('what stays', () => {
  test('is nothing where the last look showed nothing, and only then is everything handed over', () => {
    expect([stays(run(GONE)), acceptedItems(run(GONE)), handedOver(run(GONE))]).toEqual([
      [],
      0,
      'Everything is handed over',
    ]);
  });

  test('is skipped, acknowledged and kept, each with who accepted it', () => {
    const all = run({ 'crm/mailbox': 2, 'crm/closed_tasks': 40 }, { waivers: { 'crm/tasks': waiver } });
    expect(stays(all)).toEqual([
      {
        step: 'crm/tasks',
        title: 'open tasks',
        how: 'skipped',
        count: 1200,
        by: ['Priya'],
        why: 'they are done',
      },
      {
        step: 'crm/mailbox',
        title: 'shared mailboxes',
        how: 'acknowledged',
        count: 2,
        by: ['Olivia'],
        why: null,
      },
      {
        step: 'crm/closed_tasks',
        title: 'closed tasks',
        how: 'kept',
        count: 40,
        by: ['Priya'],
        why: 'history stays',
      },
    ]);
    expect(acceptedItems(all)).toBe(1202);
    expect(handedOver(all)).toBe(
      'Everything is handed over but what was accepted to stay (1,200 items skipped, approved by Priya; ' +
        '2 items acknowledged by Olivia; 40 items kept as the approved plan says)',
    );
    const closing = {
      run: all,
      runId: 'r',
      outcome: 'completed' as const,
      sentence: handedOver(all),
      after: [],
    };
    expect(certificateOf(closing, [], null, [], []).stays).toEqual(stays(all));
  });

  test('is told apart where the person only changes role and keeps what others lose', () => {
    const whole = plan();
    const steps = whole.steps.map(one =>
      one.id === 'crm/closed_tasks' ? { ...one, reason: STAYS_AND_KEEPS } : one,
    );
    const all = run({ 'crm/mailbox': 0, 'crm/closed_tasks': 4 }, { plan: { ...whole, steps } });
    expect(handedOver(all)).toBe(
      'Everything is handed over but what was accepted to stay (4 items kept because the person stays)',
    );
  });

  test('is as many as are there now: what a person has settled by hand is gone', () => {
    const one = run(
      { 'crm/mailbox': 1, 'crm/closed_tasks': 0, 'crm/tasks': 3 },
      { waivers: { 'crm/tasks': waiver } },
    );
    expect(stays(one).map(({ count }) => count)).toEqual([3, 1]);
  });

  test('without a look it is what was shown', () => {
    const shown = run({}, { shown: { 'crm/mailbox': { frozen: 'f', count: 9 } } });
    expect(stays(shown).map(({ how, count }) => [how, count])).toEqual([
      ['acknowledged', 9],
      ['kept', closedTasks.baseline.count],
    ]);
  });

  test('a skip that nobody approved, and what nobody acknowledged, were not accepted', () => {
    const open = run(
      { ...GONE, 'crm/mailbox': 2 },
      { waivers: { 'crm/tasks': { ...waiver, approvals: [] } }, acknowledgements: {} },
    );
    expect([stays(open), acceptedItems(open)]).toEqual([[], 0]);
    const alone = run(GONE, { waivers: { 'crm/tasks': { ...waiver, approvals: [{ by: bob, at: NOW }] } } });
    expect(stays(alone)).toEqual([]);
  });

  test('names three people and says how many more there are', () => {
    const steps = ['a', 'b', 'c', 'd'].map(name => ({ ...mailbox, id: `crm/${name}`, category: name }));
    const by = [olivia, priya, dan, bob];
    const acknowledgements = Object.fromEntries(
      steps.map(({ id }, n) => [id, { by: by[n]!, at: NOW, frozen: null, manifest: 'm-1', count: 3 }]),
    );
    const four = run({}, { plan: plan({ steps: [tasks, ...steps] }), acknowledgements });
    expect(handedOver(four)).toBe(
      'Everything is handed over but what was accepted to stay (12 items acknowledged by Olivia and Priya and Dan and 1 more)',
    );
  });
});

test('one item is one item', () => {
  expect([items(0), items(1), items(2)]).toEqual(['0 items', '1 item', '2 items']);
});
