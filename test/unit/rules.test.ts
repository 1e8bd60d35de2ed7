/** Standing rules fill what a request leaves open; what is said for less wins over what is said for more. */
import { describe, expect, test } from 'vitest';
import { ruleFor, type StandingRule, standingRuleSchema } from '../../domain/rules.js';

const tasks = { system: 'crm', category: 'tasks' };
const standing: StandingRule[] = [
  { team: 'sales', category: 'crm/tasks', rule: 'sam' },
  { team: 'sales', rule: 'sue' },
  { system: 'crm', category: 'crm/tasks', rule: 'tom' },
  { system: 'crm', rule: 'cat' },
  { rule: 'manager' },
];

describe('the request', () => {
  const said = { successor: 'all', successors: { 'crm/tasks': 'one', crm: 'system' } };

  test('its word for the category comes first, then for the system, then for everything, then the standing rules', () => {
    expect(ruleFor(tasks, said, standing, null)).toBe('one');
    expect(ruleFor({ ...tasks, category: 'deals' }, said, standing, null)).toBe('system');
    expect(ruleFor({ system: 'hr', category: 'cases' }, said, standing, null)).toBe('all');
    expect(
      ruleFor({ system: 'hr', category: 'cases' }, { successors: said.successors }, standing, null),
    ).toBe('manager');
  });

  test('what is tied to another category follows that one, whatever is said for it alone', () => {
    const tied = { system: 'crm', category: 'quotes', successorOf: 'tasks' };
    expect(ruleFor(tied, { successors: { ...said.successors, 'crm/quotes': 'other' } }, standing, null)).toBe(
      'one',
    );
    expect(ruleFor(tied, {}, standing, 'sales')).toBe('sam');
  });

  test('a system called like something that every object has is one like any other', () => {
    expect(ruleFor({ system: 'constructor', category: 'x' }, { successors: {} }, [], null)).toBeNull();
  });
});

describe('standing rules', () => {
  test.each([
    ['crm', 'tasks', 'sales', 'sam'],
    ['hr', 'cases', 'sales', 'sue'],
    ['crm', 'tasks', 'support', 'tom'],
    ['crm', 'tasks', null, 'tom'],
    ['crm', 'deals', null, 'cat'],
    ['hr', 'cases', null, 'manager'],
  ])('%s/%s of team %s goes to the first that fits: %s', (system, category, team, rule) => {
    expect(ruleFor({ system, category }, {}, standing, team)).toBe(rule);
  });

  test('where none fits there is no rule', () => {
    expect(ruleFor(tasks, {}, [{ team: 'sales', rule: 'sam' }], 'support')).toBeNull();
    expect(ruleFor(tasks, {}, [], 'sales')).toBeNull();
  });

  test('an unknown key is a mistake, not a rule for everything', () => {
    expect(standingRuleSchema.safeParse({ teams: 'sales', rule: 'sam' }).success).toBe(false);
    expect(standingRuleSchema.safeParse({ rule: { 'round-robin': 'team' } }).success).toBe(true);
  });
});
