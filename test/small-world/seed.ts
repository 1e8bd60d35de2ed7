/**
 * Fills the small world: a handful of rows per table, in a few statements. Numbers are items of the leaver.
 */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type pg from 'pg';
import type { Cast, Who } from './cast.js';
import { TABLES } from './ground.js';

export interface Sizes {
  rules: number;
  accounts: number;
  churned: number;
  fields: number;
  tokens: number;
  approvals: number;
  tickets: number;
  closed: number;
  watchers: number;
  teams: number;
}

export const SIZES: Sizes = {
  rules: 2,
  accounts: 9,
  churned: 3,
  fields: 5,
  tokens: 3,
  approvals: 2,
  tickets: 9,
  closed: 4,
  watchers: 6,
  teams: 2,
};

export const CANARY = 'canary-token-secret';

/** Tables and witnesses. `role` may do what docs say a connection needs, and nothing else. */
export async function build(db: Record<'crm' | 'desk', pg.Pool>, role: string): Promise<void> {
  const read = (file: string): Promise<string> => readFile(new URL(file, import.meta.url), 'utf8');
  for (const system of ['crm', 'desk'] as const) {
    await db[system].query(await read(`./${system}.sql`));
    await db[system].query(await read('./witness.sql'));
    await db[system].query(`grant usage on schema public to ${role};
      grant select, update, delete on ${Object.keys(TABLES[system])
        .map(table => `public.${table}`)
        .join(', ')} to ${role}`);
  }
}

/** Empties everything and begins again with this cast. */
export async function fill(db: Record<'crm' | 'desk', pg.Pool>, cast: Cast, sizes: Sizes): Promise<void> {
  for (const system of ['crm', 'desk'] as const) {
    await db[system].query(FORGET_MISCHIEF);
    await db[system].query(
      `truncate ${[...Object.keys(TABLES[system]), 'moves_seen'].map(table => `public.${table}`).join(', ')} cascade`,
    );
  }
  await settle(db, cast, sizes);
}

/** Adds a cast with all that is theirs; the witness forgets how it came. */
export async function settle(db: Record<'crm' | 'desk', pg.Pool>, cast: Cast, sizes: Sizes): Promise<void> {
  await fillCrm(db.crm, cast, sizes);
  await fillDesk(db.desk, cast, sizes);
  for (const system of ['crm', 'desk'] as const) await db[system].query('truncate public.moves_seen');
}

/** Traps that a failed test has left behind (mischief.ts) must not fail the next. */
const FORGET_MISCHIEF = String.raw`do $$
declare t record;
begin
  for t in select tgname, tgrelid::regclass as tbl from pg_trigger where tgname like 'aa\_%\_trap' loop
    execute format('drop trigger %I on %s', t.tgname, t.tbl);
  end loop;
end $$`;

async function fillCrm(db: pg.Pool, cast: Cast, sizes: Sizes): Promise<void> {
  await insert(
    db,
    'people',
    [
      'id',
      'login',
      'full_name',
      'email',
      'status',
      'role',
      'kind',
      'reviews',
      'team',
      'manager_id',
      'person_no',
    ],
    Object.values(cast).map(one => [
      one.id,
      one.login,
      one.name,
      one.email,
      one.status ?? 'active',
      one.role ?? 'member',
      one.kind ?? 'human',
      one.reviews ?? false,
      one.team ?? null,
      one.manager ? cast[one.manager].id : null,
      one.person,
    ]),
  );
  // Item keys are beyond 2^53 as well: neighbours that a JavaScript number could not tell apart.
  const key = (n: number): string => String(BigInt(cast.alice.id) * 100n + BigInt(n));
  const alice = cast.alice.id;
  const bob = cast.bob.id;
  await insert(db, 'sessions', ['person_id'], [[alice], [alice], [bob]]);
  await insert(
    db,
    'assignment_rules',
    ['id', 'name', 'assignee_id', 'active'],
    [
      ...times(sizes.rules, n => [key(n), `rule ${n}`, alice, true]),
      [key(90), 'an old rule', alice, false],
      [key(91), 'for Bob', bob, true],
    ],
  );
  await insert(
    db,
    'accounts',
    ['id', 'name', 'owner_id', 'status', 'region'],
    [
      ...times(sizes.accounts, n => [key(n), `Account ${n}`, alice, 'active', REGIONS[n % REGIONS.length]]),
      ...times(sizes.churned, n => [key(1_000_000 + n), `Gone ${n}`, alice, 'churned', 'emea']),
      ...times(3, n => [key(2_000_000 + n), `Bob's ${n}`, bob, 'active', 'emea']),
      [key(3_000_000), `Carol's`, cast.carol.id, 'active', 'emea'],
    ],
  );
  await insert(
    db,
    'fields',
    ['account_id', 'field', 'person_id'],
    [
      ...times(sizes.fields, n => [key(n), n % 2 === 0 ? 'sponsor' : `"odd", {field} \\ ${n}`, alice]),
      [key(2_000_000), 'sponsor', bob],
    ],
  );
  await insert(
    db,
    'tokens',
    ['id', 'person_id', 'name', 'secret', 'revoked_at'],
    [
      ...times(sizes.tokens, n => [randomUUID(), alice, `token ${n}`, `${CANARY}-${n}`, null]),
      [randomUUID(), alice, 'revoked long ago', null, '2025-01-01'],
      [randomUUID(), bob, `Bob's`, `${CANARY}-bob`, null],
    ],
  );
  await insert(
    db,
    'approvals',
    ['id', 'approver_id', 'subject', 'status'],
    [
      ...times(sizes.approvals, n => [key(n), alice, `Discount ${n}`, 'pending']),
      [key(90), alice, 'Decided', 'granted'],
    ],
  );
  await insert(
    db,
    'remarks',
    ['id', 'author_id', 'said'],
    times(3, n => [key(n), alice, `remark ${n}`]),
  );
}

async function fillDesk(db: pg.Pool, cast: Cast, sizes: Sizes): Promise<void> {
  await insert(
    db,
    'agents',
    ['id', 'name', 'email', 'status', 'kind', 'seat'],
    [
      ...Object.values(cast).flatMap(one =>
        one.desk
          ? [
              [
                one.desk,
                one.name,
                one.email.toUpperCase(),
                one.status ?? 'active',
                one.kind ? 'bot' : 'agent',
                one.seat ?? 'full',
              ],
            ]
          : [],
      ),
    ],
  );
  await db.query(
    `insert into public.agents (id, name, email, status, kind, seat)
     values (902, 'Second line', 'second@small.example', 'active', 'queue', 'full') on conflict do nothing`,
  );
  const id = (who: Who): number => cast[who].desk!;
  await insert(
    db,
    'tickets',
    ['id', 'number', 'subject', 'assignee_id', 'status', 'language'],
    [
      ...times(sizes.tickets, n => [
        randomUUID(),
        n,
        `Ticket ${n}`,
        id('alice'),
        'open',
        n % 2 === 0 ? 'en' : 'de',
      ]),
      ...times(sizes.closed, n => [randomUUID(), 1_000 + n, `Closed ${n}`, id('alice'), 'closed', 'en']),
      ...times(2, n => [randomUUID(), 2_000 + n, `Bob's ${n}`, id('bob'), 'open', 'en']),
    ],
  );
  await insert(
    db,
    'watchers',
    ['ticket', 'agent_id'],
    [
      ...times(sizes.watchers, n => [`T-${n}`, id('alice')]),
      // The manager watches two of them already: those of the leaver go away instead of moving.
      ...times(Math.min(2, sizes.watchers), n => [`T-${n}`, id('maya')]),
    ],
  );
  await insert(
    db,
    'team_members',
    ['team', 'agent_id'],
    [...times(sizes.teams, n => [`team ${n}`, id('alice')]), ['team 0', id('maya')], ['team 0', id('bob')]],
  );
  await insert(
    db,
    'duties',
    ['team', 'agent_id', 'duty'],
    [
      ...times(Math.min(3, sizes.teams * 2), n => [`team ${n >> 1}`, id('alice'), `duty ${n}`]),
      ['team 0', id('bob'), 'his own'],
    ],
  );
}

const REGIONS = ['emea', 'amer', 'apac'];

function times<T>(n: number, row: (n: number) => T): T[] {
  return Array.from({ length: n }, (_, i) => row(i));
}

/** All rows in one statement, as JSON that PostgreSQL unpacks by the table's own types. */
async function insert(db: pg.Pool, table: string, columns: string[], rows: unknown[][]): Promise<void> {
  const list = columns.map(column => `"${column}"`).join(', ');
  const json = JSON.stringify(
    rows.map(row => Object.fromEntries(columns.map((column, n) => [column, row[n]]))),
  );
  await db.query(
    `insert into public.${table} (${list}) select ${list} from json_populate_recordset(null::public.${table}, $1)`,
    [json],
  );
}
