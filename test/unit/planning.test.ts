/** How facts become a plan: its steps, who takes over, and what stands in the way. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Account, CategoryInventory } from '../../domain/model.js';
import { canonicalJson, orderSteps, sayUndone } from '../../domain/plan.js';
import {
  type CategoryRule,
  draftOf,
  type Facts,
  planFrom,
  type SystemFacts,
  sharing,
  type Takers,
  unheld,
  unknownNames,
  withOverrides,
  withTakers,
} from '../../domain/planning.js';
import { policySchema } from '../../domain/policy.js';
import type { FullOrder, Order } from '../../domain/request.js';
import { alice, order, step, tasks, teams } from './made-up.js';

const rule = (category: string, more: Partial<CategoryRule> = {}): CategoryRule => ({
  category,
  title: category.replaceAll('_', ' '),
  do: 'transfer',
  inflow: false,
  after: [],
  page: null,
  reason: null,
  actsAs: false,
  successorOf: null,
  goesOnRoleChange: false,
  ...more,
});
const held = (category: string, count: number, more: Partial<CategoryInventory> = {}): CategoryInventory => ({
  category,
  count,
  fingerprint: String(count),
  complete: true,
  problem: null,
  firesAt: null,
  ...more,
});
const account = (more: Partial<Account> = {}): Account => ({
  identities: { user: ['1'] },
  active: true,
  blocked: false,
  ...more,
});

function system(name: string, more: Partial<SystemFacts> = {}): SystemFacts {
  return {
    system: name,
    title: name.toUpperCase(),
    catalog: `digest of ${name}`,
    categories: [
      rule('tasks'),
      rule('teams', { do: 'remove' }),
      rule('history', { do: 'keep', reason: 'history stays' }),
    ],
    blockedBy: 'system',
    switchedOffBy: 'system',
    accounts: [account()],
    others: [],
    warnings: [],
    accountExpected: false,
    inventory: [held('tasks', 3), held('teams', 2), held('history', 9)],
    ...more,
  };
}
const facts = (systems: SystemFacts[], more: Partial<FullOrder> = {}): Facts => ({
  order: { ...order, ...more },
  configured: ['crm', 'hr', 'desk'],
  directory: 'crm',
  policy: { coverage: 'required' },
  systems,
});
const ids = (given: Facts) => draftOf(given).steps.map(one => one.id);

describe('systems', () => {
  test('come in the configured order, the directory last', () => {
    const given = facts([system('crm'), system('desk'), system('hr')]);
    expect(draftOf(given).systems.map(one => one.system)).toEqual(['hr', 'desk', 'crm']);
    expect(draftOf(given).accounts.map(one => one.system)).toEqual(['hr', 'desk', 'crm']);
  });

  test('without an account have no steps; whether that may be is said', () => {
    const given = facts([
      system('crm', { accounts: [], accountExpected: true }),
      system('hr', { accounts: [] }),
    ]);
    expect(ids(given)).toEqual([]);
    expect(draftOf(given).systems).toMatchObject([{ accountExpected: false }, { accountExpected: true }]);
  });

  test.each<[string, SystemFacts['switchedOffBy'], Partial<Account>, Order['mode'], string]>([
    ['by the system', 'system', {}, 'execute-and-deactivate', 'api'],
    [
      'by the system, also where the account is off: it may be on again by then',
      'system',
      { active: false },
      'execute-and-deactivate',
      'api',
    ],
    ['by a person where the system cannot', 'person', {}, 'execute-and-deactivate', 'by-hand'],
    [
      'by nobody where a person has done it already',
      'person',
      { active: false },
      'execute-and-deactivate',
      'never',
    ],
    ['by nobody where nobody can', 'nobody', {}, 'execute-and-deactivate', 'never'],
    ['by nobody where the leaver stays', 'system', {}, 'execute-only', 'never'],
    ['by nobody where it is a preview', 'system', {}, 'preview', 'never'],
  ])('switch off %s', (_who, switchedOffBy, more, mode, expected) => {
    const given = facts([system('hr', { switchedOffBy, accounts: [account(more)] }), system('crm')], {
      mode,
    });
    const draft = draftOf(given);
    expect(draft.systems[0]).toMatchObject({ system: 'hr', switchOff: expected });
    expect(draft.steps.some(one => one.id === 'hr/deactivate')).toBe(expected === 'api');
  });
});

describe('what ends with an account', () => {
  const ending = (more: Partial<SystemFacts> = {}): SystemFacts =>
    system('crm', {
      categories: [
        rule('sessions', { do: 'revoke', ofAccount: true, afterSwitch: { withinDays: null } }),
        rule('licence', { do: 'acknowledge', ofAccount: true, observed: true, page: 'https://crm/{user}' }),
      ],
      accounts: [account({ identities: { user: ['a 1'] } })],
      inventory: [held('sessions', 1), held('licence', 1)],
      undone: [{ verb: 'erase', why: 'nobody may' }],
      byHand: { page: 'https://crm/off/{user}', reason: null },
      ...more,
    });

  test('comes behind the switch, or is a person’s with the page of the very account', () => {
    const { steps, findings, systems } = draftOf(facts([ending()]));
    expect(findings).toEqual([]);
    expect(steps.find(one => one.id === 'crm/sessions')).toMatchObject({
      late: { withinDays: null },
      after: ['crm/deactivate'],
    });
    expect(steps.find(one => one.id === 'crm/licence')).toMatchObject({
      phase: 'manual',
      observed: true,
      page: 'https://crm/a%201',
    });
    expect(sayUndone(systems[0]!)).toEqual(['CRM: erase is not done by an offboarding (nobody may).']);
  });

  test('comes with everything else where no switch of the system’s comes before it', () => {
    const { steps, findings, systems } = draftOf(facts([ending({ switchedOffBy: 'person' })]));
    expect(findings).toEqual([]);
    expect(steps.find(one => one.id === 'crm/sessions')!.late).toBeUndefined();
    expect(systems[0]).toMatchObject({ byHand: { page: 'https://crm/off/a%201' } });
  });

  test('stays where the person stays, and nobody is asked about it', () => {
    const { steps, systems } = draftOf(facts([ending()], { mode: 'execute-only' }));
    expect(steps.map(one => one.do)).toEqual(['keep', 'keep']);
    expect(systems[0]!.undone).toBeUndefined();
  });
});

const off = account({ active: false });

describe('the mode', () => {
  test('falls back to execute-only where everybody’s account is off, or where there is none, and says why', () => {
    expect(draftOf(facts([system('crm', { accounts: [off] })]))).toMatchObject({
      mode: 'execute-only',
      modeReason: 'every account of the leaver is inactive already',
    });
    expect(draftOf(facts([system('crm', { accounts: [] })]))).toMatchObject({
      mode: 'execute-only',
      modeReason: 'the leaver has no account in any of these systems',
    });
  });

  test('is the one that was asked for otherwise', () => {
    expect(draftOf(facts([system('crm', { accounts: [off] }), system('hr')]))).toMatchObject({
      modeReason: null,
    });
    expect(draftOf(facts([system('crm', { accounts: [off] })], { mode: 'preview' }))).toMatchObject({
      mode: 'preview',
      modeReason: null,
    });
  });
});

describe('steps', () => {
  test('hold what the catalog says and what the inventory found', () => {
    const rules = [
      rule('tasks', { after: ['teams', 'hr/cases'], page: 'https://crm.example', reason: null }),
    ];
    const [only] = draftOf(
      facts([system('crm', { categories: rules, inventory: [held('tasks', 3, { firesAt: '2027' })] })]),
    ).steps;
    expect(only).toMatchObject({
      id: 'crm/tasks',
      phase: 'transfer',
      after: ['crm/teams', 'hr/cases'],
      baseline: { count: 3, fingerprint: '3' },
      successors: [],
      page: 'https://crm.example',
      firesAt: '2027',
    });
  });

  test('what acts in their name by itself comes first among its like, and is marked', () => {
    const categories = [rule('tasks'), rule('bots', { actsAs: true }), rule('teams', { do: 'remove' })];
    const inventory = categories.map(one => held(one.category, 1));
    const { steps } = draftOf(facts([system('crm', { categories, inventory })]));
    expect(orderSteps(steps).map(one => [one.category, one.actsAs])).toEqual([
      ['bots', true],
      ['tasks', undefined],
      ['teams', undefined],
      ['deactivate', undefined],
    ]);
  });

  test('somebody who stays keeps groups and tokens, but not what gives them new work, and what goes with a role', () => {
    const categories = [
      rule('tasks'),
      rule('teams', { do: 'remove' }),
      rule('tokens', { do: 'revoke' }),
      rule('note', { do: 'clear' }),
      rule('rotas', { do: 'remove', inflow: true }),
      rule('admins', { do: 'remove', goesOnRoleChange: true }),
    ];
    const inventory = categories.map(one => held(one.category, 1));
    const stays = draftOf(facts([system('crm', { categories, inventory })], { mode: 'execute-only' })).steps;
    expect(stays.map(one => [one.category, one.do])).toEqual([
      ['tasks', 'transfer'],
      ['teams', 'keep'],
      ['tokens', 'keep'],
      ['note', 'keep'],
      ['rotas', 'remove'],
      ['admins', 'remove'],
    ]);
    expect(stays[1]).toMatchObject({ phase: 'keep', reason: 'the person stays and keeps it' });
  });

  test('a category that was not read, or not asked for, is a finding and never "nothing"', () => {
    const inventory = [
      held('tasks', 0, { complete: false, problem: 'The table is locked.' }),
      held('history', 1),
    ];
    const draft = draftOf(facts([system('crm', { inventory })]));
    expect(draft.findings.map(one => [one.code, one.message])).toEqual([
      [
        'category-unreadable',
        'tasks (crm/tasks) could not be read: The table is locked. Mend it and send "retry".',
      ],
      [
        'category-unreadable',
        'teams (crm/teams) could not be read: It was not part of the inventory. Mend it and send "retry".',
      ],
    ]);
    expect(draft.steps.map(one => one.id)).toEqual(['crm/history', 'crm/deactivate']);
  });
});

describe('around the switch', () => {
  const active = rule('tasks', { needsActive: true });
  const along = rule('tasks', { afterSwitch: { withinDays: null, carried: true } });
  const unplanned = { departure: 'unplanned' } as const;

  test.each<[string, CategoryRule, Partial<SystemFacts>, Partial<FullOrder>, RegExp | null]>([
    [
      'what needs an active account, before a block',
      active,
      {},
      unplanned,
      /an unplanned departure blocks it/,
    ],
    ['what needs an active account, where nobody blocks', active, { blockedBy: 'nobody' }, unplanned, null],
    [
      'what needs an active account, once it is off',
      active,
      { accounts: [off] },
      {},
      /it is not\. Switch it on/,
    ],
    ['what goes along with the switch', along, {}, {}, null],
    [
      'what goes along with the switch, once it is off',
      along,
      { accounts: [off] },
      {},
      /the account is off already/,
    ],
    [
      'what goes along with a switch that is not made',
      along,
      {},
      { mode: 'execute-only' },
      /does not switch it off/,
    ],
  ])('%s', (_what, category, more, request, says) => {
    const one = system('hr', { categories: [category], inventory: [held('tasks', 3)], ...more });
    const { findings } = draftOf(facts([one, system('crm')], request));
    expect(findings.map(({ message }) => message)).toEqual(says ? [expect.stringMatching(says)] : []);
  });
});

test('the same facts give the same plan, whatever order they come in', () => {
  const systems = ['crm', 'hr', 'desk'].map(name =>
    fc.record({
      name: fc.constant(name),
      active: fc.boolean(),
      here: fc.boolean(),
      counts: fc.array(fc.nat(3), { minLength: 3, maxLength: 3 }),
    }),
  );
  const mode = fc.constantFrom<Order['mode']>('execute-and-deactivate', 'execute-only', 'preview');
  fc.assert(
    fc.property(fc.tuple(...systems), mode, fc.nat(), (drawn, wanted, seed) => {
      const names = ['tasks', 'teams', 'history'];
      const given = drawn.map(({ name, active, here, counts }) =>
        system(name, {
          accounts: here ? [account({ active })] : [],
          inventory: names.map((category, n) => held(category, counts[n]!)),
        }),
      );
      const turned = turn(given, seed).map(one => ({ ...one, inventory: turn(one.inventory, seed) }));
      const made = (all: SystemFacts[], successors: Order['successors']) => {
        const asked = facts(all, { mode: wanted, successors });
        const draft = draftOf(asked);
        const plan = {
          offboardingId: 'o',
          revision: 1,
          manifest: 'm',
          leaver: alice,
          order: asked.order,
          effectiveAt: null,
          handoverAt: null,
          giveBackAt: null,
          policy: policySchema.parse({}),
          overridesDigest: 'x',
          named: {},
          notes: [],
          rules: { standing: 's', steps: {} },
        };
        return canonicalJson([planFrom(plan, draft), draft.findings, unknownNames(asked, draft.steps)]);
      };
      expect(made(turned, { b: 'x', a: 'y' })).toBe(made(given, { a: 'y', b: 'x' }));
    }),
  );
});

function turn<T>(items: readonly T[], by: number): T[] {
  const at = items.length === 0 ? 0 : by % items.length;
  return [...items.slice(at), ...items.slice(0, at)].reverse();
}

describe('who takes over', () => {
  const bare = step('crm/tasks', { rule: null, successors: [], counts: [], pool: 0 });
  const none = { ...bare, baseline: { count: 0, fingerprint: '0' } };
  const [bob] = tasks.successors;
  const takers = (more: Partial<Takers> = {}): Takers => ({
    successors: [bob!],
    assignment: { kind: 'round-robin' },
    rule: 'round-robin over 1',
    refusals: [],
    leftOut: [],
    ...more,
  });

  test('is pinned in the step with the rule', () => {
    expect(withTakers(bare, takers())).toMatchObject({
      step: {
        rule: 'round-robin over 1',
        assignment: { kind: 'round-robin' },
        successors: [bob],
        pool: 1,
        counts: [0],
      },
      findings: [],
    });
  });

  test('must be named where there is something', () => {
    expect(withTakers(bare, null).findings).toEqual([
      {
        code: 'successor-missing',
        system: 'crm',
        step: 'crm/tasks',
        message:
          'tasks (crm/tasks): 3 items and nobody to take them over. Send amend with {"successors": {"crm/tasks": "<e-mail>"}}.',
      },
    ]);
    expect(withTakers(none, null)).toEqual({ step: none, findings: [], notes: [] });
  });

  test('and who may not is refused where there is something, and left out where there is nothing', () => {
    const refused = takers({ refusals: ['Bob is not active.', 'Carol is the leaver.'] });
    expect(withTakers(bare, refused).findings.map(one => one.message)).toEqual([
      'tasks (crm/tasks): Bob is not active.',
      'tasks (crm/tasks): Carol is the leaver.',
    ]);
    expect(withTakers(none, refused)).toMatchObject({
      step: { successors: [], pool: 0, counts: [] },
      findings: [],
    });
  });

  test('and whoever may not take what goes along with the switch is refused, whatever there is', () => {
    const along = { ...none, late: { withinDays: null, carried: true as const } };
    const refused = takers({ assignment: { kind: 'one' }, refusals: ['Bob is not active.'] });
    expect(withTakers(along, refused).findings).toMatchObject([
      { code: 'successor-refused', message: 'tasks (crm/tasks): Bob is not active.' },
    ]);
  });

  test('and what is tied to another category cannot be shared out item by item', () => {
    const tied = { ...bare, successorOf: 'deals' };
    expect(withTakers(tied, takers()).findings.map(one => one.message)).toEqual([
      'tasks (crm/tasks) goes to whoever takes over crm/deals, which is shared out (round-robin over 1): name one person there.',
    ]);
    expect(withTakers(tied, takers({ assignment: { kind: 'one' } })).findings).toEqual([]);
    expect(withTakers({ ...none, successorOf: 'deals' }, takers()).findings).toEqual([]);
  });

  test('a pool that became smaller says so where there is something to share', () => {
    const smaller = takers({ leftOut: ['Ines is not active', 'Alice is the leaver'] });
    expect(withTakers(bare, smaller).notes).toEqual([
      'tasks (crm/tasks): left out of the pool: Ines is not active; Alice is the leaver.',
    ]);
    expect(withTakers(none, smaller).notes).toEqual([]);
    const many = takers({ leftOut: Array.from({ length: 500 }, (_, n) => `P${n} is not active`) });
    expect(withTakers(bare, many).notes[0]).toMatch(/P19 is not active; and 480 more\.$/);
  });

  const carol = { ...bob!, personId: 'carol', label: 'Carol', value: '3' };

  test('single items have their own, beside the rule’s', () => {
    const given = withTakers(bare, takers()).step;
    const { step: made, overrides } = withOverrides(given, [
      ['7', { successor: carol }],
      ['8', { successor: bob! }],
      ['9', { successor: carol }],
    ]);
    expect(made).toMatchObject({ pool: 1, successors: [bob, carol], counts: [0, 0], overrides: 3 });
    expect([...overrides]).toEqual([
      ['7', 1],
      ['8', 0],
      ['9', 1],
    ]);
  });

  test('a single item needs somebody who may, and a step that hands over', () => {
    expect(withOverrides(bare, [['7', { refusal: 'Bob is not active.' }]]).findings[0]!.message).toBe(
      'tasks (crm/tasks), item 7: Bob is not active.',
    );
    expect(withOverrides(teams, [['7', { successor: carol }]])).toMatchObject({
      overrides: new Map(),
      findings: [
        {
          code: 'override-unknown',
          message:
            'team memberships (crm/teams) is not handed to anybody, so "7" cannot have a successor of its own.',
        },
      ],
    });
    const many = unheld(
      bare,
      Array.from({ length: 100_000 }, (_, n) => `${n}`),
    );
    expect(many).toHaveLength(21);
    expect(many[20]!.message).toBe('The same goes for 99980 more.');
    expect(unheld(bare, ['7'])[0]!.message).toBe(
      'tasks (crm/tasks): the leaver does not hold "7", which an override names.',
    );
  });
});

describe('sharing', () => {
  const [bob] = tasks.successors;
  const two = { ...tasks, successors: [bob!, { ...bob!, label: 'Carol' }], counts: [0, 0], pool: 2 };
  const page = (count: number, fingerprint: string, attributes: (string | null)[] | null = null) => ({
    count,
    fingerprint,
    attributes,
  });
  const never = () => {
    throw new Error('nobody may look at the keys');
  };

  test('one successor takes all, and nobody looks at the keys', () => {
    const shares = sharing({ ...tasks, counts: [0] }, new Map());
    expect([shares.share(page(2, '5'), never), shares.share(page(1, '3'), never)]).toEqual([null, null]);
    expect(shares.takenBy(0)).toBeNull();
    expect(shares.finish()).toMatchObject({
      step: { baseline: { count: 3, fingerprint: '6' }, counts: [3] },
      findings: [],
      unmet: [],
    });
  });

  test('what is removed is nobody’s', () => {
    const shares = sharing(teams, new Map());
    expect(shares.share(page(2, '5'), never)).toBeNull();
    expect(shares.finish().step).toMatchObject({ baseline: { count: 2, fingerprint: '5' }, counts: [] });
  });

  test('goes on over the pages, and single items go their own way', () => {
    const shares = sharing(
      { ...two, assignment: { kind: 'round-robin' } },
      new Map([
        ['b', 0],
        ['z', 1],
      ]),
    );
    expect(shares.share(page(2, '5'), () => ['a', 'b'])).toEqual([0, 0]);
    expect(shares.share(page(2, '3'), () => ['c', 'd'])).toEqual([1, 0]);
    expect([shares.takenBy(0), shares.takenBy(1)]).toEqual([['a', 'b', 'd'], ['c']]);
    expect(shares.finish()).toMatchObject({ step: { counts: [3, 1] }, unmet: ['z'] });
  });

  test('says for which items a match rule names nobody', () => {
    const match = { kind: 'match' as const, attribute: 'region', map: { north: 1 }, otherwise: -1 };
    const shares = sharing({ ...two, assignment: match }, new Map());
    expect(shares.share(page(2, '5', ['north', null]), () => ['a', 'b'])).toEqual([1, -1]);
    expect(shares.finish()).toMatchObject({
      step: { counts: [0, 1] },
      findings: [
        {
          code: 'successor-missing',
          message: 'open tasks (crm/tasks): the match rule names nobody for 1 items (b); add "otherwise".',
        },
      ],
    });
  });

  test('every key is somebody’s, and the counts are what was shared, however it is paged', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.string(), { maxLength: 40 }),
        fc.integer({ min: 1, max: 9 }),
        (keys, size) => {
          const whole = sharing({ ...two, assignment: { kind: 'round-robin' } }, new Map());
          const paged = sharing({ ...two, assignment: { kind: 'round-robin' } }, new Map());
          const all = keys.length > 0 ? whole.share(page(keys.length, '0'), () => keys)! : [];
          const parts: number[] = [];
          for (let at = 0; at < keys.length; at += size)
            parts.push(
              ...paged.share(page(Math.min(size, keys.length - at), '0'), () => keys.slice(at, at + size))!,
            );
          expect(parts).toEqual(all);
          const { step: made } = paged.finish();
          expect(made.counts.reduce((sum, n) => sum + n, 0)).toBe(keys.length);
          expect(made.baseline.count).toBe(keys.length);
          expect(made.counts).toEqual(whole.finish().step.counts);
        },
      ),
    );
  });
});

test('names that are no system and no category of the run are said, also where the account is absent', () => {
  const given = facts([system('crm'), system('hr', { accounts: [] })], {
    successors: { crm: 'x', 'crm/tasks': 'x', 'hr/teams': 'x', 'crm/taskz': 'x' },
    overrides: { desk: {} },
  });
  expect(unknownNames(given, draftOf(given).steps).map(one => one.message)).toEqual([
    '"successors" or "overrides" name "crm/taskz", which is no system or category of this run; known are crm/tasks, crm/teams.',
    '"successors" or "overrides" name "desk", which is no system or category of this run; known are crm/tasks, crm/teams.',
  ]);
});
