/** The simulated desk as the two suites want it: filled, read and disturbed in its own way. */
import { join } from 'node:path';
import {
  ALICE,
  BOB,
  CAROL,
  EMAIL,
  type Harness,
  type Lack,
  ROBOT,
  TWIN,
  type World,
} from '../contract/harness.js';
import { CALLER, Desk } from './simulator/desk.js';

export interface DeskOptions extends Pick<Harness, 'lacks' | 'doubts'> {
  /** What the catalog says under `connect`. */
  connect?: string;
  /** How a write is compared. */
  compare?: string;
}

export function deskHarness({ connect = '{}', compare, ...given }: DeskOptions = {}): Harness {
  return {
    kind: 'http',
    doubts: ['breaks-off', 'lands-late'],
    sure: 'read',
    ...given,
    world: async () => deskWorld(await Desk.open(), catalogOf({ connect, compare, lacks: given.lacks })),
  };
}

/** A catalog of the desk. */
/** A system of a configuration whose catalog, address and token stand in files of this folder. */
export function fromFiles(dir: string, name: string, base = 'base') {
  const file = (which: string) => ({ file: join(dir, which) });
  return { catalog: join(dir, `${name}.yaml`), connect: { base: file(base), token: file('token') } };
}

export function catalogOf({
  connect = '{}',
  compare,
  lacks = [],
  limits = '{ concurrency: 10 }',
}: {
  connect?: string;
  compare?: string | undefined;
  lacks?: readonly Lack[] | undefined;
  limits?: string;
} = {}): string {
  const can = (what: Lack): boolean => !lacks.includes(what);
  const status = { block: 'suspended', unblock: 'active', deactivate: 'off', reactivate: 'active' } as const;
  const verbs = (['block', 'unblock', 'deactivate', 'reactivate'] as const).filter(can);
  const listed = (category: string): string =>
    `list: { get: '/${category}?owner={from}&page={page}&size={size}', items: /items, page: { by: number, size: 3 }, total: /total }
    proof: { get: '/${category}?page=1&size=5', items: /items }
    key: /key
    owner: /owner
    label: /label
    read: { get: '/${category}/{key}', at: /item }`;
  return `version: 1
system: desk
title: Desk
kind: http
connect: ${connect}
auth: { bearer: token }
limits: ${limits}
outcomes:
  - { status: 429, is: throttled, wait: { at: /retry_after_ms, unit: ms }, code: /error }
  - { status: 422, is: rejected, code: /error }
  - { at: /success, equals: false, is: rejected, code: /error }
people:
  key: /id
  name: /name
  read: { get: '/users/{user}', at: /user }
  self: { get: /me, at: /user }
  find:
    - { by: email, get: '/users?search={value}', items: /users, total: /total, match: /email }
  active: { at: /status, equals: [active, suspended] }
  blocked: { at: /status, equals: suspended }
${can('guards') ? 'guards: { protected: { at: /service, equals: true } }\n' : ''}categories:
  things:
    title: Things
    do: transfer
    ${can('unassigned') ? 'unassigned: true\n    ' : ''}${listed('things')}
    write: { put: '/things/{key}', json: { owner: '{to}' }${compare ? `, compare: ${compare}` : ''} }
${
  can('seats')
    ? `  seats:
    title: Seats
    do: remove
    ${listed('seats')}
    write: { delete: '/seats/{key}' }
    restore: { post: /seats, json: { key: '{key}', owner: '{from}' } }
`
    : ''
}${verbs.map(verb => `${verb}: { calls: [{ patch: '/users/{user}', json: { status: ${status[verb] === 'off' ? "'off'" : status[verb]} } }] }`).join('\n')}
`;
}

export function deskWorld(desk: Desk, catalog: string): World & { desk: Desk } {
  return {
    desk,
    catalog,
    connection: { base: desk.base, token: desk.token },
    async fill(items) {
      desk.members.clear();
      desk.join(ALICE, 'Alice', 'Alice@example.com');
      desk.join(BOB, 'Bob', EMAIL.bob);
      desk.join(CAROL, 'Carol', 'carol@example.com');
      desk.join(ROBOT, 'Robot', 'robot@example.com', { service: true });
      for (const id of TWIN) desk.join(id, 'Twin', EMAIL.twin);
      desk.join(CALLER, 'Handover', 'handover@example.com');
      for (const category of ['things', 'seats'] as const) {
        desk.list(category).clear();
        for (const [key, owner] of Object.entries(items[category] ?? {})) desk.put(category, key, owner);
      }
      desk.log.length = 0;
    },
    async owners(category) {
      return Object.fromEntries([...desk.list(category).values()].map(({ key, owner }) => [key, owner]));
    },
    async access(person) {
      const { status } = desk.members.get(person)!;
      return status === 'suspended' ? 'blocked' : status;
    },
    log: async () => [...desk.log],
    async write(category, key, owner) {
      if (owner === undefined) desk.list(category).delete(key);
      else desk.put(category, key, owner);
    },
    async refuse(category, key) {
      desk.refused.set(`${category} ${key}`, 'locked');
      return async () => void desk.refused.delete(`${category} ${key}`);
    },
    async unreadable(category) {
      // Somebody keeps giving the leaver one more thing while the list is read: its pages shift.
      let n = 0;
      desk.beforePage = async read => {
        if (read === category) desk.put(category, `late-${n++}`, ALICE);
      };
      return async () => {
        desk.beforePage = async () => {};
        for (const key of [...desk.list(category).keys()])
          if (key.startsWith('late-')) desk.list(category).delete(key);
      };
    },
    meanwhile(category, act) {
      let pages = 0;
      desk.beforePage = async read => {
        if (read !== category || ++pages < 2) return;
        desk.beforePage = async () => {};
        await act();
      };
    },
    doubt: async how => desk.goWrong(how),
    throttle: async () => desk.goWrong('throttled'),
    close: () => desk.close(),
  };
}
