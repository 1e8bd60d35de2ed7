/** Whoever approved one revision is told what the next one says that it did not. */
import { expect, test } from 'vitest';
import { changesSince } from '../../domain/changes.js';
import type { Successor } from '../../domain/model.js';
import type { Plan } from '../../domain/plan.js';
import { off, plan, step } from './made-up.js';

const person = (id: string, label: string): Successor => ({
  kind: 'person',
  personId: id,
  value: id,
  label,
  human: id,
});
const bob = person('2', 'Bob');
const carol = person('3', 'Carol');
const held = (count: number, fingerprint = String(count)) => ({ baseline: { count, fingerprint } });
const moving = step('crm/tasks', {
  title: 'open tasks',
  ...held(12),
  successors: [bob, carol],
  counts: [12, 0],
  pool: 2,
});
const before = plan({ steps: [moving, off] });
const [first] = before.systems;

test('nothing is nothing, whatever differs that nobody approves', () => {
  expect(changesSince(before, plan({ ...before, revision: 2, manifest: 'another', notes: ['new'] }))).toEqual(
    [],
  );
});

test.each<[string, Partial<Plan>, string[]]>([
  ['the mode', { mode: 'execute-only' }, ['The mode is execute-only instead of execute-and-deactivate.']],
  ['the departure', { departure: 'unplanned' }, ['The departure is unplanned instead of planned.']],
  [
    'the date',
    { effectiveAt: '2026-12-01T17:00:00.000Z' },
    ['The dates: access ends 2026-12-01 17:00 UTC; before: access ends as soon as it is approved.'],
  ],
  ['the policy', { policy: { ...before.policy, batch: 7 } }, ['The policy is another one.']],
  ['overrides', { overridesDigest: 'ff' }, ['Other items have a successor of their own.']],
  [
    'a catalog',
    { systems: before.systems.map(one => ({ ...one, catalog: 'other' })) },
    before.systems.map(({ title }) => `${title}: its catalog does something else.`),
  ],
  [
    'who takes over',
    { steps: [{ ...moving, counts: [0, 12] }, off] },
    ['crm/tasks: 12 open tasks → Carol, instead of 12 open tasks → Bob.'],
  ],
  [
    'shares',
    { steps: [{ ...moving, counts: [5, 7] }, off] },
    ['crm/tasks: 12 open tasks → Bob 5, Carol 7, instead of 12 open tasks → Bob.'],
  ],
  [
    'how many there are',
    { steps: [{ ...moving, ...held(13), counts: [13, 0] }, off] },
    ['crm/tasks: 13 open tasks → Bob, instead of 12 open tasks → Bob.'],
  ],
  [
    'other items, as many',
    { steps: [{ ...moving, ...held(12, 'x') }, off] },
    ['crm/tasks: as many as before, and other items.'],
  ],
  [
    'what happens to them',
    { steps: [{ ...moving, do: 'remove' }, off] },
    ['crm/tasks: 12 open tasks (remove), instead of 12 open tasks → Bob.'],
  ],
  [
    'what happens besides',
    {
      steps: [
        {
          ...moving,
          elsewhere: [{ table: 'a', does: 'delete', count: 1, why: 'x', by: 'rule', allowed: true }],
        },
        off,
      ],
    },
    ['crm/tasks: what it changes besides is something else.'],
  ],
  [
    'a category that is new, one that is gone, and none that is empty',
    {
      steps: [
        step('crm/notes', { title: 'notes', ...held(3), counts: [3], successors: [bob] }),
        step('crm/x', held(0)),
        off,
      ],
    },
    [
      'crm/notes: 3 notes → Bob; it was not in it before.',
      'crm/tasks: not in it any more; it was 12 open tasks → Bob.',
    ],
  ],
  ['switching off', { steps: [moving] }, ['crm/deactivate: not in it any more; it was switched off.']],
  [
    'a system',
    { systems: [{ ...first!, system: 'desk', title: 'Desk' }] },
    ['Desk was not in it before.', ...before.systems.map(({ title }) => `${title} is not in it any more.`)],
  ],
  [
    'an account',
    {
      accounts: before.accounts.map(one =>
        one.system === first!.system
          ? {
              ...one,
              accounts: [{ identities: { user: ['99'] }, active: true, blocked: false, label: 'Alice (99)' }],
            }
          : one,
      ),
    },
    ['CRM: Alice (99) is one of theirs now.', 'CRM: user 1 is left out now.'],
  ],
])('%s', (_what, change, said) => {
  expect(changesSince(before, { ...before, revision: 2, ...change })).toEqual(said);
});
