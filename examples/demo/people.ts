/**
 * Who works in the demo world. The first rows of each team are characters of the stories in the docs; ids and
 * addresses are stable, so that commands in the docs can be copied.
 */

export interface Colleague {
  id: number;
  name: string;
  team: Team;
  title: string;
  /** The part of the e-mail address before the @; `first.last` where it is not said. */
  login?: string;
  role?: 'owner' | 'admin' | 'manager';
  /** The head of the team where it is not said; null = nobody. */
  manager?: number | null;
  /** Reviews offboardings: an approver in Handover. */
  reviews?: true;
  /** May be an approver in the workspace's approval processes. */
  approves?: true;
  inactive?: true;
  /**
   * Can send e-mail: a connected mailbox and a signature. Everyone in customer success and sales but those
   * who say no.
   */
  sender?: false;
  /** Id in the helpdesk; nobody without one has an account there. */
  agent?: number;
  seat?: 'light';
  voice?: true;
  /** The same human being as another entry here. */
  alsoKnownAs?: number;
}

export type Team =
  | 'leadership'
  | 'operations'
  | 'finance'
  | 'customer-success'
  | 'sales'
  | 'support'
  | 'product';

export const TEAMS: { key: Team; name: string; region: string; head: number }[] = [
  { key: 'leadership', name: 'Leadership', region: 'Global', head: 1001 },
  { key: 'operations', name: 'Operations', region: 'Global', head: 1002 },
  { key: 'finance', name: 'Finance', region: 'Global', head: 1003 },
  { key: 'customer-success', name: 'Customer Success', region: 'Global', head: 1004 },
  { key: 'sales', name: 'Sales', region: 'Global', head: 1005 },
  { key: 'support', name: 'Support', region: 'Global', head: 1006 },
  { key: 'product', name: 'Product', region: 'Global', head: 1072 },
];

/** Alice leaves: alice@demo.example. Bruno is her manager. */
export const ALICE = 1017;
export const BRUNO = 1004;
/** Her id in the helpdesk. */
export const ALICE_AGENT = 217;
export const BRUNO_AGENT = 204;

const team = (key: Team, rows: Omit<Colleague, 'team'>[]): Colleague[] =>
  rows.map(row => ({ ...row, team: key }));

export const COLLEAGUES: Colleague[] = [
  ...team('leadership', [
    // The only Owner of the workspace: cannot be offboarded before somebody else is promoted.
    {
      id: 1001,
      name: 'Victor Almeida',
      title: 'Chief Executive',
      login: 'victor',
      role: 'owner',
      manager: null,
      approves: true,
    },
  ]),
  ...team('operations', [
    // The two who may approve an offboarding are Priya and, in finance, Daniel.
    {
      id: 1002,
      name: 'Priya Raman',
      title: 'VP Operations',
      login: 'priya',
      role: 'manager',
      reviews: true,
      approves: true,
    },
    // Olivia runs the offboardings; Samuel stands in for her.
    {
      id: 1007,
      name: 'Olivia Bennett',
      title: 'IT & People Operations',
      login: 'olivia',
      role: 'admin',
      agent: 207,
      seat: 'light',
    },
    { id: 1008, name: 'Samuel Adeyemi', title: 'IT Administrator', login: 'samuel', role: 'admin' },
    // Alice's second account, for administration: the same human being, who must not approve her own
    // offboarding through it.
    {
      id: 1080,
      name: 'Alice Moreno (admin)',
      title: 'Workspace administration',
      login: 'alice.admin',
      role: 'admin',
      reviews: true,
      sender: false,
      alsoKnownAs: ALICE,
    },
    { id: 1041, name: 'Hana Suzuki', title: 'Operations Analyst' },
    { id: 1042, name: 'Leo Fischer', title: 'Operations Analyst' },
    { id: 1043, name: 'Grace Mwangi', title: 'Procurement' },
  ]),
  ...team('finance', [
    {
      id: 1003,
      name: 'Daniel Osei',
      title: 'Head of Finance',
      login: 'daniel',
      role: 'manager',
      reviews: true,
      approves: true,
    },
    { id: 1044, name: 'Elena Petrova', title: 'Controller', approves: true },
    { id: 1045, name: 'Marcus Lee', title: 'Billing Specialist' },
    { id: 1046, name: 'Fatima Zahra', title: 'Revenue Analyst' },
  ]),
  ...team('customer-success', [
    {
      id: BRUNO,
      name: 'Bruno Keller',
      title: 'VP Customer Success',
      login: 'bruno',
      role: 'manager',
      approves: true,
      agent: 204,
      voice: true,
    },
    {
      id: ALICE,
      name: 'Alice Moreno',
      title: 'Senior CSM',
      login: 'alice',
      approves: true,
      agent: ALICE_AGENT,
      voice: true,
    },
    // Chloe and Diego report to Alice.
    { id: 1018, name: 'Chloe Martin', title: 'Associate CSM', manager: ALICE, agent: 218 },
    { id: 1019, name: 'Diego Santos', title: 'Associate CSM', manager: ALICE, agent: 219 },
    // Nina has no sender set-up; Caleb has no helpdesk account; Henrik left long ago and still owns work.
    { id: 1036, name: 'Nina Okafor', title: 'CSM', sender: false, agent: 236 },
    { id: 1037, name: 'Caleb Brooks', title: 'CSM' },
    { id: 1033, name: 'Henrik Sato', title: 'CSM', inactive: true, sender: false },
    { id: 1047, name: 'Mei Tanaka', title: 'Senior CSM', approves: true, agent: 247, voice: true },
    { id: 1048, name: 'Omar Haddad', title: 'Senior CSM', approves: true, agent: 248, voice: true },
    { id: 1049, name: 'Sofia Rossi', title: 'CSM', agent: 249, voice: true },
    { id: 1050, name: 'Liam Murphy', title: 'CSM', agent: 250 },
    { id: 1051, name: 'Anika Sharma', title: 'CSM', agent: 251 },
    { id: 1052, name: 'Pavel Novák', title: 'CSM', agent: 252 },
  ]),
  ...team('sales', [
    {
      id: 1005,
      name: 'Ingrid Halvorsen',
      title: 'VP Sales',
      login: 'ingrid',
      role: 'manager',
      approves: true,
    },
    // The second leaver.
    { id: 1021, name: 'Tomás Lindqvist', title: 'Account Executive', login: 'tomas' },
    // Not Jonas Webber, who is in support.
    { id: 1025, name: 'Jonas Weber', title: 'Account Executive' },
    { id: 1053, name: 'Rachel Stein', title: 'Account Executive', approves: true },
    { id: 1054, name: 'Mateo García', title: 'Account Executive' },
    { id: 1055, name: 'Yuki Mori', title: 'Account Executive' },
    { id: 1056, name: 'Emma Clarke', title: 'Account Executive' },
    { id: 1057, name: 'Ahmed Nasser', title: 'Account Executive' },
    { id: 1058, name: 'Julia Nowak', title: 'Sales Development' },
    { id: 1059, name: 'Kwame Boateng', title: 'Sales Development' },
    { id: 1060, name: 'Laura Jensen', title: 'Sales Operations' },
    { id: 1061, name: 'Felix Braun', title: 'Solutions Engineer' },
  ]),
  ...team('support', [
    // The only Owner of the helpdesk.
    {
      id: 1006,
      name: 'Marta Kowalska',
      title: 'Head of Support',
      login: 'marta',
      role: 'manager',
      approves: true,
      agent: 201,
      voice: true,
    },
    { id: 1026, name: 'Jonas Webber', title: 'Support Agent', agent: 226, voice: true },
    { id: 1062, name: 'Zoe Papadakis', title: 'Support Lead', agent: 262, voice: true },
    { id: 1063, name: 'Ravi Menon', title: 'Support Agent', agent: 263, voice: true },
    { id: 1064, name: 'Isla Campbell', title: 'Support Agent', agent: 264 },
    { id: 1065, name: 'Noah Dubois', title: 'Support Agent', agent: 265, voice: true },
    { id: 1066, name: 'Amara Nwosu', title: 'Support Agent', agent: 266 },
    { id: 1067, name: 'Erik Lund', title: 'Support Agent', agent: 267 },
    { id: 1068, name: 'Camila Torres', title: 'Support Agent', agent: 268, voice: true },
    { id: 1069, name: 'Hugo Bernard', title: 'Support Agent', agent: 269 },
    { id: 1070, name: 'Aisha Khan', title: 'Support Agent', agent: 270 },
    { id: 1071, name: 'Tom Becker', title: 'Support Agent', agent: 271 },
  ]),
  ...team('product', [
    {
      id: 1072,
      name: 'Vera Kozlova',
      title: 'Head of Product',
      role: 'manager',
      manager: 1001,
      approves: true,
    },
    { id: 1073, name: 'Ben Carter', title: 'Product Manager' },
    { id: 1074, name: 'Lin Wei', title: 'Product Manager', agent: 274, seat: 'light' },
    { id: 1075, name: 'Sara Ibrahim', title: 'Designer' },
    { id: 1076, name: 'Oscar Nilsson', title: 'Engineer' },
  ]),
];

/** Accounts that no person stands behind. `system` is the author of what the workspace does by itself. */
export const MACHINES = [
  { id: 1, name: 'Workspace', login: 'system', kind: 'system', title: 'The workspace itself' },
  { id: 1090, name: 'Data Sync', login: 'svc-sync', kind: 'service', title: 'Integration' },
  { id: 1091, name: 'Billing Export', login: 'svc-billing', kind: 'service', title: 'Integration' },
];

/** Customers' own people with a guest account, in two companies: what happens when a company leaves. */
export const GUESTS = [
  ...['Signe Dahl', 'Mikael Strand', 'Petra Åberg', 'Nils Holm', 'Astrid Ek', 'Jon Sund'].map((name, i) => ({
    id: 1201 + i,
    name,
    company: 100001,
    domain: 'norrland-steel.example',
  })),
  ...['Harriet Cole', 'George Finch', 'Nora Wells', 'Simon Pike', 'Edith Hart', 'Owen Marsh'].map(
    (name, i) => ({
      id: 1211 + i,
      name,
      company: 100002,
      domain: 'brightwater-foods.example',
    }),
  ),
];

/** `Tomás Lindqvist` → `tomas.lindqvist`. */
export function loginOf(person: { name: string; login?: string }): string {
  return (
    person.login ??
    person.name
      .normalize('NFD')
      .replace(/[^A-Za-z ]/g, '')
      .toLowerCase()
      .replaceAll(' ', '.')
  );
}

export function emailOf(person: { name: string; login?: string }): string {
  return `${loginOf(person)}@demo.example`;
}

export function headOf(key: Team): number {
  return TEAMS.find(one => one.key === key)!.head;
}

/** Can be the sender of an e-mail. */
export function isSender(person: Colleague): boolean {
  return person.sender !== false && (person.team === 'customer-success' || person.team === 'sales');
}
