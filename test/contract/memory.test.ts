/** The connector without transactions keeps the contract, whatever its system does to it. */
import { readCatalog } from '../../connectors/catalog/file.js';
import { createConnector } from '../../connectors/registry.js';
import { Bundle } from '../../domain/bundle.js';
import { describeContract } from './contract.js';
import { ALICE, BOB, CAROL, EMAIL, ROBOT, TWIN, type World } from './harness.js';
import { KINDS_WITH_MEMORY } from './memory/kind.js';
import { type Member, Service } from './memory/service.js';

const CATALOG = `
version: 1
system: desk
title: Desk in a map
kind: memory
categories:
  things: { title: Things, do: transfer, label: label, unassigned: true }
  seats: { title: Seats, do: remove }
block: {}
unblock: {}
deactivate: {}
reactivate: {}
`;

describeContract({
  kind: 'memory',
  doubts: ['answer-lost', 'never-arrives', 'breaks-off'],
  sure: 'read',
  world: async () => memoryWorld(),
});

function memoryWorld(): World {
  const service = new Service('the contract');
  service.latencyMs = 2;
  const reading = readCatalog(CATALOG, 'desk.yaml', KINDS_WITH_MEMORY);
  if (!reading.ok) throw new Error(reading.mistakes.join('\n'));
  const connection = new Bundle('desk', { name: service.name });
  const connector = createConnector(reading, { connection }, KINDS_WITH_MEMORY);
  const member = (id: string, email: string): [string, Member] => [
    id,
    { id, name: id, email, manager: null, team: null, roles: [], status: 'active', protected: id === ROBOT },
  ];
  return {
    connector,
    async fill(items) {
      service.members.clear();
      for (const [id, one] of [
        member(ALICE, 'Alice@example.com'),
        member(BOB, EMAIL.bob),
        member(CAROL, 'carol@example.com'),
        member(ROBOT, 'robot@example.com'),
        member(TWIN[0], EMAIL.twin),
        member(TWIN[1], EMAIL.twin),
      ])
        service.members.set(id, one);
      for (const category of ['things', 'seats'] as const) {
        service.list(category).clear();
        for (const [key, owner] of Object.entries(items[category] ?? {}))
          service.list(category).set(key, { key, owner, label: `the ${key}` });
      }
    },
    async owners(category) {
      return Object.fromEntries([...service.list(category).values()].map(({ key, owner }) => [key, owner]));
    },
    async access(person) {
      const { status } = service.members.get(person)!;
      return status === 'suspended' ? 'blocked' : status;
    },
    async write(category, key, owner) {
      if (owner === undefined) service.list(category).delete(key);
      else service.list(category).set(key, { key, owner, label: `the ${key}` });
    },
    async refuse(category, key) {
      service.refused.set(`${category} ${key}`, 'it is locked');
      return async () => void service.refused.delete(`${category} ${key}`);
    },
    async unreadable(category) {
      // Somebody keeps giving the leaver one more thing while the list is read: its pages shift.
      let n = 0;
      service.betweenPages = changed => {
        if (changed !== category) return;
        service.list(category).set(`late-${n}`, { key: `late-${n++}`, owner: ALICE, label: 'late' });
      };
      return async () => {
        service.betweenPages = () => {};
        for (const key of [...service.list(category).keys()])
          if (key.startsWith('late-')) service.list(category).delete(key);
      };
    },
    async doubt(how) {
      service.faults.push(how);
    },
    close: async () => {},
  };
}
