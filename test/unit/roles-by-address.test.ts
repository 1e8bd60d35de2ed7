/** A role that is given to an address is nobody's whose address is merely written like it. */
import { MockActivityEnvironment } from '@temporalio/testing';
import { expect, test } from 'vitest';
import type { Deps } from '../../activities/deps.js';
import { identified } from '../../activities/people.js';
import type { Person } from '../../domain/model.js';

const person = (id: string, email: string): Person =>
  ({
    id,
    name: `Person ${id}`,
    human: id,
    email,
    active: true,
    blocked: false,
    roles: [],
    known: [{ by: 'email', value: email }],
  }) as unknown as Person;

/** A directory that compares addresses to the letter, as its catalog may say. */
function directoryOf(...people: Person[]): Deps {
  const findPeople = async ({ by, value }: { by: string; value: string }) =>
    people.filter(one => (by === 'id' ? one.id : one.email) === value);
  return {
    ids: { installation: 'handover' },
    systems: { directory: 'staff', get: async () => ({ title: 'Staff', directory: { findPeople } }) },
    rules: async () => ({ roles: { operators: 'directory', approvers: ['priya@example.com'] } }),
    store: { runs: { leaving: async () => [] } },
  } as unknown as Deps;
}

test('an address in capitals is a doubt, and no role', async () => {
  const deps = directoryOf(person('21', 'priya@example.com'), person('66', 'PRIYA@example.com'));
  const found = await new MockActivityEnvironment().run(() => identified(deps, 'id:66'));
  expect(found).toMatchObject({
    person: { approver: false, doubt: expect.stringContaining('more than one') },
  });
});

test('one that is nobody else’s gives its role, however it is written', async () => {
  const deps = directoryOf(person('21', 'Priya@example.com'));
  const found = await new MockActivityEnvironment().run(() => identified(deps, 'id:21'));
  expect(found).toMatchObject({ person: { approver: true, doubt: null } });
});
