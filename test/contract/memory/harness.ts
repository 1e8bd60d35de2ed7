/** The made-up system as the two suites want it: filled, read and disturbed in its own way. */
import { ALICE, BOB, CAROL, EMAIL, type Harness, type Lack, ROBOT, TWIN, type World } from '../harness.js';
import { KINDS_WITH_MEMORY } from './kind.js';
import { type Member, Service } from './service.js';

export interface MemoryOptions extends Pick<Harness, 'lacks' | 'keys' | 'doubts'> {
  /** What the catalog says under `connect`. */
  connect?: string;
}

export function memoryHarness({ connect = '{}', ...given }: MemoryOptions = {}): Harness {
  return {
    kind: 'memory',
    kinds: KINDS_WITH_MEMORY,
    doubts: ['breaks-off', 'lands-late'],
    sure: 'read',
    ...given,
    world: async () => memoryWorld(catalogOf(connect, given.lacks ?? []), given.lacks ?? []),
  };
}

function catalogOf(connect: string, lacks: readonly Lack[]): string {
  const can = (what: Lack): boolean => !lacks.includes(what);
  const unassigned = can('unassigned') ? ', unassigned: true' : '';
  return [
    `version: 1\nsystem: desk\ntitle: Desk in a map\nkind: memory\nconnect: ${connect}\ncategories:`,
    `  things: { title: Things, do: transfer, label: label${unassigned} }`,
    ...(can('seats') ? ['  seats: { title: Seats, do: remove }'] : []),
    ...(['block', 'unblock', 'deactivate', 'reactivate'] as const).filter(can).map(verb => `${verb}: {}`),
    '',
  ].join('\n');
}

let worlds = 0;

function memoryWorld(catalog: string, lacks: readonly Lack[]): World {
  const service = new Service(`desk ${++worlds} of ${process.pid}`);
  service.latencyMs = 2;
  const member = (id: string, email: string): [string, Member] => {
    const guarded = id === ROBOT && !lacks.includes('guards');
    const status = 'active' as const;
    return [id, { id, name: id, email, manager: null, team: null, roles: [], status, protected: guarded }];
  };
  return {
    catalog,
    connection: { name: service.name },
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
      service.log.length = 0;
    },
    async owners(category) {
      return Object.fromEntries([...service.list(category).values()].map(({ key, owner }) => [key, owner]));
    },
    async access(person) {
      const { status } = service.members.get(person)!;
      return status === 'suspended' ? 'blocked' : status;
    },
    log: async () => [...service.log],
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
      service.beforePage = async read => {
        if (read !== category) return;
        service.list(category).set(`late-${n}`, { key: `late-${n++}`, owner: ALICE, label: 'late' });
      };
      return async () => {
        service.beforePage = async () => {};
        for (const key of [...service.list(category).keys()])
          if (key.startsWith('late-')) service.list(category).delete(key);
      };
    },
    meanwhile(category, act) {
      let pages = 0;
      service.beforePage = async read => {
        if (read !== category || ++pages < 2) return;
        service.beforePage = async () => {};
        await act();
      };
    },
    async doubt(how) {
      service.faults.push(how);
    },
    async throttle() {
      service.faults.push('throttled');
    },
    close: async () => {},
  };
}
