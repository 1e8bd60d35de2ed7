import { expect, test } from 'vitest';
import {
  accountsChanged,
  accountsIn,
  existing,
  inOrder,
  sayAccount,
  valuesOf,
} from '../../domain/accounts.js';
import type { Account, Identities } from '../../domain/model.js';
import { accountThere, personAsTaker } from '../../domain/successors.js';

const account = (identities: Identities, more: Partial<Account> = {}): Account => ({
  identities,
  active: true,
  blocked: false,
  ...more,
});
const one = account({ user: ['2'], employee: ['9', '10', '9'] });
const other = account({ employee: ['7'], user: ['10'], badge: [] });

test('the same accounts are written the same, in whatever order they were found', () => {
  const written = [
    account({ employee: ['10', '9'], user: ['2'] }),
    account({ employee: ['7'], user: ['10'] }),
  ];
  expect(JSON.stringify(inOrder([one, other]))).toBe(JSON.stringify(written));
  expect(JSON.stringify(inOrder([other, one]))).toBe(JSON.stringify(written));
});

test('an owner column may hold any value of its identity in any of the accounts', () => {
  expect(valuesOf([one, other], 'employee')).toEqual(['10', '7', '9']);
  expect(valuesOf([one, other], 'badge')).toEqual([]);
  expect(valuesOf([one], 'constructor')).toEqual([]);
});

test('a system that nobody has asked holds no accounts', () => {
  const all = [{ system: 'crm', accounts: [one] }];
  expect(accountsIn(all, 'crm')).toEqual([one]);
  expect(accountsIn(all, 'desk')).toEqual([]);
});

test('an account is said with every value', () => {
  expect(sayAccount(inOrder([one])[0]!)).toBe('employee 10 and 9, user 2');
});

const bob = {
  id: '2',
  name: 'Bob',
  email: null,
  active: true,
  blocked: false,
  managerId: null,
  team: null,
  roles: [],
  human: 'P2',
  known: [],
};

test('a successor with two accounts that may own something is a question; one that is off is none', () => {
  const off = { ...other, active: false };
  expect(accountThere(bob, 'CRM', { kind: 'found', accounts: [one, other] })).toMatchObject({
    refusal: expect.stringContaining('Bob has several accounts in CRM'),
  });
  expect(accountThere(bob, 'CRM', { kind: 'found', accounts: [off, one] })).toEqual({ account: one });
  expect(accountThere(bob, 'CRM', { kind: 'found', accounts: [off] })).toMatchObject({
    refusal: expect.stringContaining('not active'),
  });
});

test('a successor with two values of the identity that owns the items is a question', () => {
  const rule = { attributes: [], queues: {}, mayBeUnassigned: false, identity: 'employee' };
  expect(personAsTaker(bob, one, rule, 'CRM')).toEqual({
    refusal:
      'Bob has several values of "employee" in CRM (10, 9), and nobody can tell which is to own this: name somebody else, or say in the catalog which is current.',
  });
  const current = { employee: '9' };
  expect(personAsTaker(bob, { ...one, current }, rule, 'CRM')).toMatchObject({ successor: { value: '9' } });
  expect(personAsTaker(bob, other, rule, 'CRM')).toMatchObject({ successor: { value: '7' } });
});

test('how accounts differ from those of a plan is said by name; what was left out then is no news', () => {
  const planned = {
    system: 'crm',
    accounts: [account({ user: ['17'], mail: ['a@x'] }, { label: 'Ann (17)' })],
    others: [{ id: '99', label: 'Ann B. (99)', why: 'it fits as well' }],
    warnings: ['CRM: known.'],
  };
  expect(accountsChanged(planned, { ...planned, others: [], warnings: [] })).toEqual([]);
  const now = {
    system: 'crm',
    accounts: [
      account({ user: ['17'], mail: ['b@x'] }),
      account({ user: ['99'] }),
      account({ user: ['5'] }, { label: 'New (5)' }),
    ],
    others: [{ id: '7', label: 'Near (7)', why: 'nearly' }],
    warnings: ['CRM: known.', 'CRM: news.'],
  };
  expect(accountsChanged(planned, now)).toEqual([
    'crm: Ann (17), mail a@x has another mail now: b@x.',
    "crm: the mail a@x is somebody else's now.",
    'crm: there is an account that the plan does not know: New (5).',
    'crm: something may be theirs that the plan does not know: Near (7): nearly.',
    'CRM: news.',
  ]);
  expect(accountsChanged(planned, { system: 'crm', accounts: [] })).toEqual([
    'crm: the account Ann (17), mail a@x is not theirs any more.',
  ]);
  const gone = { ...planned.accounts[0]!, gone: true as const };
  expect(accountsChanged(planned, { ...planned, accounts: [gone] })).toEqual([
    'crm: the account Ann (17), mail a@x no longer exists.',
  ]);
  expect(existing([gone, one])).toEqual([one]);
});

test('of two accounts that are gone only the one that this run has switched off is no news', () => {
  const [ours, others] = [account({ user: ['17'] }), account({ user: ['18'] }, { label: 'Ann (18)' })];
  const planned = { system: 'crm', accounts: [ours, others] };
  const now = { ...planned, accounts: planned.accounts.map(one => ({ ...one, gone: true as const })) };
  expect(accountsChanged(planned, now, ['17'])).toEqual(['crm: the account Ann (18) no longer exists.']);
  expect(accountsChanged(planned, now, ['17', '18'])).toEqual([]);
});
