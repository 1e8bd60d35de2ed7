/**
 * Who lives in the small world. Every test gets a fresh cast under new ids, so that no run meets another
 * test's.
 */
import { randomInt } from 'node:crypto';

interface Role {
  login: string;
  name: string;
  email: string;
  role?: 'owner' | 'admin';
  kind?: 'service';
  status?: 'inactive';
  reviews?: true;
  team?: 'cs' | 'sales';
  manager?: Who;
  /** Same number = same human being. */
  person: string;
  /** Their id in the desk; who has none has no account there. */
  desk?: number;
  seat?: 'light';
}

const ROLES = {
  alice: {
    login: 'alice',
    name: 'Alice Anders',
    email: 'alice@small.example',
    team: 'cs',
    manager: 'maya',
    person: 'P1',
    desk: 17,
  },
  /** The leaver's second account: an administrator and an approver, and the same human being. */
  alias: {
    login: 'alice-admin',
    name: 'Alice Anders (admin)',
    email: 'alice.anders@small.example',
    role: 'admin',
    reviews: true,
    person: 'P1',
  },
  /** Somebody else with the same name, nearly the same address, and the leaver's address as a login. */
  alicia: {
    login: 'alice@small.example',
    name: 'Alice Anders',
    email: 'alice.a@small.example',
    team: 'sales',
    person: 'P2',
    desk: 16,
  },
  maya: {
    login: 'maya',
    name: 'Maya Manager',
    email: 'maya@small.example',
    team: 'cs',
    person: 'P3',
    desk: 18,
  },
  olivia: {
    login: 'olivia',
    name: 'Olivia Owner',
    email: 'olivia@small.example',
    role: 'owner',
    person: 'P4',
    desk: 22,
  },
  oscar: {
    login: 'oscar',
    name: 'Oscar Operator',
    email: 'oscar@small.example',
    role: 'admin',
    person: 'P5',
  },
  priya: {
    login: 'priya',
    name: 'Priya Approver',
    email: 'priya@small.example',
    reviews: true,
    person: 'P6',
  },
  daniel: {
    login: 'daniel',
    name: 'Daniel Approver',
    email: 'daniel@small.example',
    reviews: true,
    person: 'P7',
    desk: 25,
  },
  bob: {
    login: 'bob',
    name: 'Bob Brook',
    email: 'bob@small.example',
    team: 'cs',
    manager: 'maya',
    person: 'P8',
    desk: 19,
  },
  carol: {
    login: 'carol',
    name: 'Carol Cole',
    email: 'carol@small.example',
    team: 'cs',
    manager: 'maya',
    person: 'P9',
    desk: 20,
  },
  ines: {
    login: 'ines',
    name: 'Ines Idle',
    email: 'ines@small.example',
    team: 'cs',
    status: 'inactive',
    person: 'P10',
    desk: 23,
  },
  robot: {
    login: 'robot',
    name: 'Sync Robot',
    email: 'robot@small.example',
    kind: 'service',
    person: 'P11',
    desk: 24,
  },
  lara: {
    login: 'lara',
    name: 'Lara Light',
    email: 'lara@small.example',
    team: 'sales',
    person: 'P12',
    desk: 21,
    seat: 'light',
  },
  dora: { login: 'dora', name: 'Dora Deskless', email: 'dora@small.example', team: 'sales', person: 'P13' },
} as const satisfies Record<string, Omit<Role, 'manager'> & { manager?: string }>;

export type Who = keyof typeof ROLES;

export interface Member extends Role {
  who: Who;
  /** Directory id, beyond 2^53. */
  id: string;
}

export type Cast = Record<Who, Member>;

/**
 * @param family several casts may live in one world: those of a family have addresses, logins and desk ids of
 * their own
 */
export function newCast(family = 0): Cast {
  const base = 9_007_199_254_740_993n + BigInt(randomInt(2 ** 40)) * 1_000n;
  return Object.fromEntries(
    Object.entries(ROLES).map(([who, role], n) => [
      who,
      {
        ...role,
        ...(family > 0 && {
          login: ofFamily(role.login, family),
          email: ofFamily(role.email, family),
          ...('desk' in role && { desk: role.desk + 1_000 * family }),
        }),
        who,
        id: String(base + BigInt(n)),
        person: `${role.person}-${base}`,
      } as Member,
    ]),
  ) as Cast;
}

function ofFamily(text: string, family: number): string {
  return text.includes('@') ? text.replace('@', `@f${family}.`) : `${text}-${family}`;
}
