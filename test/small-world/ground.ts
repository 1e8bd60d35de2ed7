/**
 * What the small world consists of, said once more and in its own words: the checker trusts neither the
 * catalogs nor the engine's reading of them. Rows are texts throughout (witness.sql), so conditions compare
 * texts.
 */
export type TextRow = Record<string, string | null>;

export type SystemName = 'crm' | 'desk';

/** Primary keys of all tables, in the order in which they are filled. */
export const TABLES: Record<SystemName, Record<string, string[]>> = {
  crm: {
    people: ['id'],
    sessions: ['id'],
    assignment_rules: ['id'],
    accounts: ['id'],
    fields: ['account_id', 'field'],
    tokens: ['id'],
    approvals: ['id'],
    remarks: ['id'],
  },
  desk: {
    agents: ['id'],
    tickets: ['id'],
    watchers: ['id'],
    team_members: ['team', 'agent_id'],
    duties: ['id'],
  },
};

export interface Ground {
  step: string;
  system: SystemName;
  table: string;
  owner: string;
  do: 'transfer' | 'remove' | 'revoke' | 'acknowledge' | 'keep';
  holds: (row: TextRow) => boolean;
  /** Columns that a change of ours may alter besides the owner. */
  may: string[];
  /** Column beside the owner in a unique index: where the successor has one already, ours goes away. */
  unique?: string;
  /** Rows of other tables that go with an item, and which these are. */
  takesAlong?: { table: string; belongs: (row: TextRow, item: TextRow) => boolean };
}

export const GROUND: Ground[] = [
  {
    step: 'crm/rules',
    system: 'crm',
    table: 'assignment_rules',
    owner: 'assignee_id',
    do: 'transfer',
    holds: r => r.active === 'true',
    may: [],
  },
  {
    step: 'crm/accounts',
    system: 'crm',
    table: 'accounts',
    owner: 'owner_id',
    do: 'transfer',
    holds: r => r.status === 'active',
    may: ['version', 'updated_at'],
  },
  {
    step: 'crm/fields',
    system: 'crm',
    table: 'fields',
    owner: 'person_id',
    do: 'transfer',
    holds: () => true,
    may: [],
  },
  {
    step: 'crm/tokens',
    system: 'crm',
    table: 'tokens',
    owner: 'person_id',
    do: 'revoke',
    holds: r => r.revoked_at === null,
    may: ['revoked_at', 'secret'],
  },
  {
    step: 'crm/approvals',
    system: 'crm',
    table: 'approvals',
    owner: 'approver_id',
    do: 'acknowledge',
    holds: r => r.status === 'pending',
    may: [],
  },
  {
    step: 'crm/churned',
    system: 'crm',
    table: 'accounts',
    owner: 'owner_id',
    do: 'keep',
    holds: r => r.status === 'churned',
    may: [],
  },
  {
    step: 'desk/tickets',
    system: 'desk',
    table: 'tickets',
    owner: 'assignee_id',
    do: 'transfer',
    holds: r => r.status === 'open',
    may: ['updated_at'],
  },
  {
    step: 'desk/watchers',
    system: 'desk',
    table: 'watchers',
    owner: 'agent_id',
    do: 'transfer',
    holds: () => true,
    may: [],
    unique: 'ticket',
  },
  {
    step: 'desk/teams',
    system: 'desk',
    table: 'team_members',
    owner: 'agent_id',
    do: 'remove',
    holds: () => true,
    may: [],
    takesAlong: {
      table: 'duties',
      belongs: (row, item) => row.team === item.team && row.agent_id === item.agent_id,
    },
  },
  {
    step: 'desk/closed',
    system: 'desk',
    table: 'tickets',
    owner: 'assignee_id',
    do: 'keep',
    holds: r => r.status === 'closed',
    may: [],
  },
];

/** Where somebody's name may stand for good although no step is about it. */
export const REMAINS: {
  system: SystemName;
  table: string;
  column: string;
  holds: (row: TextRow) => boolean;
}[] = [
  // What people are called in their own rows, and whose boss they were.
  ...['login', 'email', 'manager_id'].map(column => ({
    system: 'crm' as const,
    table: 'people',
    column,
    holds: () => true,
  })),
  { system: 'desk', table: 'agents', column: 'email', holds: () => true },
  // Who wrote something wrote it.
  { system: 'crm', table: 'remarks', column: 'author_id', holds: () => true },
  // A duty ends with the membership that it belongs to.
  { system: 'desk', table: 'duties', column: 'agent_id', holds: () => true },
  // A session ends with the account.
  { system: 'crm', table: 'sessions', column: 'person_id', holds: () => true },
  // What is over.
  { system: 'crm', table: 'assignment_rules', column: 'assignee_id', holds: r => r.active === 'false' },
  { system: 'crm', table: 'tokens', column: 'person_id', holds: r => r.revoked_at !== null },
  { system: 'crm', table: 'approvals', column: 'approver_id', holds: r => r.status !== 'pending' },
];

/** Numbers that are nobody, although somebody's id may be the same number. So are keys of one column. */
export const MERE_NUMBERS = ['desk.tickets.number'];

/** Steps that change something, in the order in which a plan runs them. */
export const EFFECTS = [
  'crm/rules',
  'desk/tickets',
  'crm/accounts',
  'crm/fields',
  'desk/watchers',
  'desk/teams',
  'crm/tokens',
] as const;

/** People are switched in these tables, and in no other column than these. */
export const PEOPLE: Record<
  SystemName,
  { title: string; table: string; switches: string[]; gone: string; alsoDeletes: string[] }
> = {
  crm: {
    title: 'Small CRM',
    table: 'people',
    switches: ['status', 'switched_off_at'],
    gone: 'inactive',
    alsoDeletes: ['sessions'],
  },
  desk: { title: 'Small desk', table: 'agents', switches: ['status'], gone: 'inactive', alsoDeletes: [] },
};

export const SYSTEMS = ['crm', 'desk'] as const satisfies SystemName[];

/** The key of a row as everybody names it: one column as it is, several as a JSON list. */
export function keyOf(system: SystemName, table: string, row: TextRow): string {
  const columns = TABLES[system][table]!;
  return columns.length === 1 ? row[columns[0]!]! : JSON.stringify(columns.map(column => row[column]));
}
