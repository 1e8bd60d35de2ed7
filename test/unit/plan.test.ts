/** The plan as a value: order, edges, what must be acknowledged, and the bytes its digest is taken over. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nextGroup, stuckSteps } from '../../domain/order.js';
import {
  accountSubject,
  canonicalJson,
  deactivateId,
  isEffect,
  orderSteps,
  PHASES,
  type PlanStep,
  phaseOf,
  toAcknowledge,
  withMembershipEdges,
} from '../../domain/plan.js';
import { closedTasks, mailbox, off, plan, progress, runIn, step, tasks, teams } from './made-up.js';

const ids = (steps: readonly { id: string }[]): string[] => steps.map(one => one.id);

describe('phases', () => {
  test.each([
    ['transfer', 'transfer'],
    ['remove', 'membership'],
    ['revoke', 'credential'],
    ['clear', 'credential'],
    ['acknowledge', 'manual'],
    ['keep', 'keep'],
  ] as const)('%s belongs to %s', (disposition, phase) => {
    expect(phaseOf({ do: disposition, inflow: false })).toBe(phase);
    const first = disposition === 'acknowledge' || disposition === 'keep' ? phase : 'inflow';
    expect(phaseOf({ do: disposition, inflow: true })).toBe(first);
  });

  test('only what we change by our own hand is an effect', () => {
    expect([tasks, teams, mailbox, closedTasks, off].filter(isEffect)).toEqual([tasks, teams]);
    expect(deactivateId('crm')).toBe(off.id);
  });
});

describe('order', () => {
  test('steps go by phase and keep their order within one', () => {
    const later = step('crm/deals');
    const rules = step('crm/rules', { phase: 'inflow' });
    expect(ids(orderSteps([off, teams, tasks, later, closedTasks, mailbox, rules]))).toEqual([
      'crm/rules',
      'crm/tasks',
      'crm/deals',
      'crm/teams',
      'crm/mailbox',
      'crm/closed_tasks',
      'crm/deactivate',
    ]);
  });

  test('an edge moves a step behind what it waits for, across phases and systems', () => {
    const first = step('crm/first', { after: ['hr/last', 'crm/mailbox', 'not/here'] });
    expect(ids(orderSteps([first, step('hr/last'), mailbox]))).toEqual([
      'hr/last',
      'crm/mailbox',
      'crm/first',
    ]);
  });

  test.each([
    [[step('a/x', { after: ['a/x'] })], 'a/x → a/x'],
    [[step('a/x', { after: ['a/y'] }), step('a/y', { after: ['a/x'] })], 'a/x → a/y → a/x'],
    [
      [
        step('a/s', { after: ['a/x'] }),
        step('a/x', { after: ['b/y'] }),
        step('b/y', { after: ['b/z'] }),
        step('b/z', { after: ['a/x'] }),
      ],
      'a/x → b/y → b/z → a/x',
    ],
  ])('a circle is a configuration failure that names it', (steps, circle) => {
    expect(() => orderSteps(steps)).toThrow(
      expect.objectContaining({
        kind: 'configuration',
        message: `The catalogs' "after" rules go round in a circle: ${circle}.`,
      }),
    );
  });

  test('whatever the edges, every step comes once and after everything it waits for', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({ phase: fc.constantFrom(...PHASES), backwards: fc.array(fc.nat(30), { maxLength: 4 }) }),
          {
            maxLength: 30,
          },
        ),
        fc.nat(),
        (drawn, seed) => {
          // Edges only to earlier numbers: never a circle.
          const steps = drawn.map(({ phase, backwards }, n) =>
            step(`s/${n}`, { phase, after: backwards.filter(to => to < n).map(to => `s/${to}`) }),
          );
          const ordered = ids(orderSteps(rotated(steps, seed)));
          expect([...ordered].sort()).toEqual(ids(steps).sort());
          for (const one of steps) {
            for (const before of one.after)
              expect(ordered.indexOf(before)).toBeLessThan(ordered.indexOf(one.id));
          }
        },
      ),
    );
  });

  test('memberships wait for every transfer of their own system, and no other', () => {
    const deals = step('crm/deals');
    const elsewhere = step('hr/cases');
    const edged = withMembershipEdges([{ ...teams, after: ['hr/x', 'crm/tasks'] }, tasks, deals, elsewhere]);
    expect(edged[0]!.after).toEqual(['hr/x', 'crm/tasks', 'crm/deals']);
    expect(edged.slice(1)).toEqual([tasks, deals, elsewhere]);
  });
});

describe('what may run next', () => {
  const groupOf = (
    steps: PlanStep[],
    states: Record<string, 'queued' | 'completed' | 'failed' | 'skipped' | 'not-run'> = {},
  ) => {
    const run = {
      plan: plan({ steps }),
      steps: Object.fromEntries(steps.map(one => [one.id, progress({ state: states[one.id] ?? 'queued' })])),
      acknowledgements: {},
      shown: {},
    };
    return { group: ids(nextGroup(run)?.steps ?? []), stuck: stuckSteps(run) };
  };
  const sized = (id: string, count: number, more: Partial<PlanStep> = {}) =>
    step(id, { baseline: { count, fingerprint: '1' }, ...more });

  test('small neighbours of one system share an activity, another system and a large step do not', () => {
    const steps = [sized('a/1', 10), sized('a/2', 20), sized('b/1', 1), sized('a/3', 1)];
    expect(groupOf(steps).group).toEqual(['a/1', 'a/2']);
    expect(groupOf([sized('a/1', 4000), sized('a/2', 1000), sized('a/3', 1)]).group).toEqual(['a/1', 'a/2']);
    expect(groupOf([sized('a/1', 90_000), sized('a/2', 0)]).group).toEqual(['a/1']);
  });

  test('a step that waits for an earlier one of the same group comes along; one that waits for another does not', () => {
    expect(groupOf([sized('a/1', 1), sized('a/2', 1, { after: ['a/1'] })]).group).toEqual(['a/1', 'a/2']);
    expect(groupOf([sized('a/1', 1), sized('a/2', 1, { after: ['b/1'] }), sized('b/1', 1)]).group).toEqual([
      'a/1',
    ]);
  });

  test.each([
    ['completed', ['a/2']],
    ['skipped', ['a/2']],
    ['failed', []],
    ['not-run', []],
  ] as const)('a step behind one that is %s', (state, group) => {
    const { group: next, stuck } = groupOf([sized('a/1', 1), sized('a/2', 1, { after: ['a/1'] })], {
      'a/1': state,
    });
    expect(next).toEqual(group);
    expect(stuck).toEqual(group.length > 0 ? [] : [{ step: 'a/2', waitsFor: 'a/1' }]);
  });

  test('a step behind a manual category waits for its acknowledgement, unless there is nothing to acknowledge', () => {
    const behind = step('crm/deals', { after: ['crm/mailbox', 'crm/closed_tasks', 'not/planned'] });
    const run = (acknowledged: boolean, held = 3) => ({
      plan: plan({
        steps: [behind, { ...mailbox, baseline: { count: held, fingerprint: '1' } }, closedTasks],
      }),
      steps: { 'crm/deals': progress() },
      acknowledgements: acknowledged ? runIn('executing').acknowledgements : {},
      shown: {},
    });
    expect(nextGroup(run(false))).toBeNull();
    expect(stuckSteps(run(false))).toEqual([{ step: 'crm/deals', waitsFor: 'crm/mailbox' }]);
    expect(ids(nextGroup(run(true))!.steps)).toEqual(['crm/deals']);
    expect(ids(nextGroup(run(false, 0))!.steps)).toEqual(['crm/deals']);
  });

  test('without a plan, and when all is done, nothing runs and nothing is stuck', () => {
    expect(nextGroup(runIn('preparing'))).toBeNull();
    expect(stuckSteps(runIn('preparing'))).toEqual([]);
    expect(groupOf([sized('a/1', 1)], { 'a/1': 'completed' })).toEqual({ group: [], stuck: [] });
  });

  test('whatever fails, the run comes to an end: every step is completed, failed or stuck behind one that is not', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ fails: fc.boolean(), after: fc.array(fc.nat(20), { maxLength: 3 }) }), {
          maxLength: 20,
        }),
        drawn => {
          const steps = orderSteps(
            drawn.map(({ after }, n) =>
              step(`a/${n}`, { after: after.filter(to => to < n).map(to => `a/${to}`) }),
            ),
          );
          const run = {
            plan: plan({ steps }),
            steps: Object.fromEntries(steps.map(one => [one.id, progress()])),
            acknowledgements: {},
            shown: {},
          };
          let turns = 0;
          for (let group = nextGroup(run); group; group = nextGroup(run)) {
            expect(++turns).toBeLessThanOrEqual(steps.length);
            // As the activity does it: what waits for a failed step of the same group is not run.
            for (const one of group.steps) {
              const blocked = one.after.some(id => run.steps[id]!.state !== 'completed');
              run.steps[one.id] = progress({
                state: blocked ? 'not-run' : drawn[Number(one.category)]!.fails ? 'failed' : 'completed',
              });
            }
          }
          const stuck = stuckSteps(run);
          const queued = ids(steps).filter(id => run.steps[id]!.state === 'queued');
          expect(ids(stuck.map(({ step }) => ({ id: step })))).toEqual(queued);
          for (const { waitsFor } of stuck) expect(run.steps[waitsFor]!.state).not.toBe('completed');
        },
      ),
    );
  });
});

describe('what must be acknowledged', () => {
  const absent = (system: string) => ({ system, accounts: [] });

  test('manual categories that hold something, and accounts that should be there and are not', () => {
    const given = plan({
      steps: [
        mailbox,
        step('crm/empty', { phase: 'manual', baseline: { count: 0, fingerprint: '0' } }),
        tasks,
      ],
      accounts: [...plan().accounts, absent('hr'), absent('chat')],
      systems: [
        ...plan().systems,
        { system: 'hr', title: 'HR', catalog: 'c', accountExpected: false, switchOff: 'never' },
        { system: 'chat', title: 'Chat', catalog: 'c', accountExpected: true, switchOff: 'by-hand' },
      ],
    });
    expect(toAcknowledge(given)).toEqual([
      { subject: 'crm/mailbox', title: 'shared mailboxes', count: 3, page: 'https://crm.example/mailboxes' },
      { subject: accountSubject('hr'), title: 'no account here', count: 0, page: null },
      { subject: 'chat/deactivate', title: 'switch the account off by hand', count: 1, page: null },
    ]);
  });
});

describe('canonical JSON', () => {
  test('is the same for the same value, whatever the order of its keys', () => {
    fc.assert(
      fc.property(fc.jsonValue(), value => {
        expect(canonicalJson(shuffled(value))).toBe(canonicalJson(value));
      }),
    );
  });

  test('loses nothing: reading it gives the value back', () => {
    fc.assert(
      fc.property(fc.jsonValue(), value => {
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  test('different values give different bytes', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
        const same = JSON.stringify(shuffled(a)) === JSON.stringify(shuffled(b));
        expect(canonicalJson(a) === canonicalJson(b)).toBe(same);
      }),
    );
  });

  test('has no white space of its own, and what is undefined is not there', () => {
    expect(canonicalJson({ b: [1, undefined, 'x y'], a: undefined, c: { z: null, y: true } })).toBe(
      '{"b":[1,null,"x y"],"c":{"y":true,"z":null}}',
    );
    expect(canonicalJson(undefined)).toBe('null');
  });
});

/** The same value with every object's keys in reverse alphabetical order. */
function shuffled(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shuffled);
  if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? 0 : value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? 1 : -1));
  return Object.fromEntries(entries.map(([key, item]) => [key, shuffled(item)]));
}

function rotated<T>(items: readonly T[], by: number): T[] {
  const at = items.length === 0 ? 0 : by % items.length;
  return [...items.slice(at), ...items.slice(0, at)];
}
