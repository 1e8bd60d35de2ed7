/**
 * What a catalog can say, end to end: applications that store owners in ways of their own are planned, handed
 * over, switched off and certified, and what must stay in the database stays there.
 */
import { expect, test } from 'vitest';
import { tree } from '../../domain/tree.js';
import { type App, inApp, OFF } from '../consequences/world.js';

const WORKSHOP: App = {
  sql: `
    create schema shop;
    create table shop.employees (company text, number int primary key, user_id bigint references public.users);
    insert into shop.employees values ('north', 903, 1), ('south', 1044, 1), ('north', 7, 2);
    create table shop.cases (id int primary key, employee_no int);
    insert into shop.cases values (1, 903), (2, 1044), (3, 7);
    create table shop.tasks (id int primary key, subject text, client text, assignees bigint[]);
    insert into shop.tasks values (1, 'Bolts', 'Acme', '{1,5}'), (2, 'Nuts', 'Acme', '{2,1}'), (3, 'Nails', 'Zenith', '{5}');
    create table shop.boards (id int primary key, doc jsonb);
    insert into shop.boards values (1, '{"team": [{"id": 1, "role": "lead"}, {"id": 5}]}'), (2, '{"team": []}');
    create table shop.posts (id int primary key, body text);
    insert into shop.posts values (1, 'ask @user:1'), (2, 'ask @user:11');
    create table shop.sessions (token text primary key, user_id bigint);
    insert into shop.sessions values ('s3cr3t-one', 1), ('s3cr3t-two', 1), ('s3cr3t-bob', 2);
    create table shop.automations (id int primary key, run_as bigint, enabled boolean not null default true);
    insert into shop.automations values (1, 1, true);
    create table shop.tickets (id int primary key, owner bigint);
    create table shop.circles (id int primary key, ticket int);
    create table shop.members (circle int, person bigint, unique (circle, person));
    insert into shop.tickets values (1, 1), (2, 1);
    insert into shop.circles values (10, 1), (20, 2);
    insert into shop.members values (10, 1), (20, 1), (20, 2);
    create table shop.seats (id int primary key, person bigint, room text);
    create table shop.perks (seat_id int references shop.seats, perk text);
    insert into shop.seats values (1, 1, 'a'), (2, 1, 'b'), (3, 2, 'a');
    insert into shop.perks values (1, 'key'), (2, 'lamp');
    create table shop.heard (said text);
    create function shop.listen() returns trigger language plpgsql as $$ begin
      insert into shop.heard values (current_setting('app.user')); return null; end $$;
    create trigger listen after update on shop.tickets for each row execute function shop.listen();`,
  categories: `
automations: { title: Automations, do: transfer, table: shop.automations, key: [id], owner: { column: run_as }, acts_as: true, still_runs: automations.enabled }
cases: { title: Cases, do: transfer, table: shop.cases, key: [id], owner: { column: employee_no, identity: employee } }
tasks:
  title: Shared tasks
  do: transfer
  table: shop.tasks
  key: [id]
  owner: { column: assignees, inside: array }
  label: { value: tasks.subject || ' for ' || tasks.client }
  attributes: { client: { value: lower(tasks.client) } }
boards: { title: Boards, do: transfer, table: shop.boards, key: [id], owner: { column: doc, inside: { json: '$.team[*].id' } } }
posts: { title: Mentions, do: acknowledge, table: shop.posts, key: [id], owner: { column: body, inside: { text: '@user:{id}' } } }
tickets:
  title: Tickets
  do: transfer
  table: shop.tickets
  key: [id]
  owner: { column: owner }
  mirrors:
    - { table: shop.members, owner: person, unique: [circle], when: 'exists (select from shop.circles c where c.id = members.circle and c.ticket = tickets.id)' }
seats: { title: Seats, do: transfer, table: shop.seats, key: [id], owner: { column: person }, unique: [room], with: [{ table: shop.perks, join: { seat_id: id } }] }
sessions: { title: Sessions, do: revoke, table: shop.sessions, key: [token], owner: { column: user_id }, secret: [token] }
`,
  rest: `settings: { app.user: handover }
identities: { employee: { table: shop.employees, key: number, person: user_id } }
${OFF}`,
};

test('owners in sets, lists, documents, texts and second tables are handed over, and no secret is seen', () =>
  inApp(
    WORKSHOP,
    async (planned, it) => {
      expect(planned.findings).toEqual([]);
      // What the catalog speaks of in its own ways counts as classified.
      const open = planned.coverage!.app!;
      expect(open).toMatchObject({ kind: 'read', open: [] });
      const steps = planned.plan!.steps.map(({ category, baseline }) => [category, baseline.count]);
      expect(steps[0]).toEqual(['automations', 1]);
      expect(Object.fromEntries(steps)).toEqual({
        ...{ automations: 1, cases: 2, tasks: 2, boards: 1, tickets: 2, seats: 2 },
        ...{ sessions: 2, posts: 1, deactivate: 0 },
      });
      expect(tree(planned).join('\n')).toContain('1 Automations, acting in their name → Bob');
      const closed = await it.agree();
      expect(closed, JSON.stringify(closed.steps)).toMatchObject({ state: 'closed', outcome: 'completed' });
      expect(await it.rows('select employee_no from shop.cases order by id')).toEqual([[7], [7], [7]]);
      expect(await it.rows('select assignees::text from shop.tasks order by id')).toEqual([
        ['{2,5}'],
        ['{2}'],
        ['{5}'],
      ]);
      expect(await it.rows('select doc from shop.boards where id = 1')).toEqual([
        [{ team: [{ id: 2, role: 'lead' }, { id: 5 }] }],
      ]);
      expect(await it.rows('select circle, person from shop.members order by 1, 2')).toEqual([
        [10, '2'],
        [20, '2'],
      ]);
      expect(await it.rows('select id, person from shop.seats order by 1')).toEqual([
        [2, '2'],
        [3, '2'],
      ]);
      expect(await it.rows('select seat_id, perk from shop.perks')).toEqual([[2, 'lamp']]);
      expect(await it.rows('select token from shop.sessions')).toEqual([['s3cr3t-bob']]);
      expect(await it.rows('select distinct said from shop.heard')).toEqual([['handover']]);
      const seen = [
        closed,
        await it.certificate(),
        await it.receipts(),
        await everythingStored(it.world.db.store!),
      ];
      expect(JSON.stringify(seen)).not.toContain('s3cr3t');
    },
    {
      request: {
        successors: { 'app/tasks': { match: { attribute: 'client', map: { acme: 'bob@corp.example' } } } },
      },
    },
  ));

/** Every row of every table of the store, as text. */
async function everythingStored(store: {
  query(sql: string): Promise<{ rows: unknown[] }>;
}): Promise<unknown[]> {
  const tables = await store.query(
    `select format('handover.%I', relname) as name from pg_class where relnamespace = 'handover'::regnamespace and relkind in ('r', 'p')`,
  );
  const all: unknown[] = [];
  for (const { name } of tables.rows as { name: string }[])
    all.push((await store.query(`select t::text from ${name} as t`)).rows);
  expect(all.flat().length).toBeGreaterThan(20);
  return all;
}

/** Who may sign in stands in two other tables. */
const CLUB: App = {
  sql: `
    create table public.logins (user_id bigint, kind text, state text, primary key (user_id, kind));
    insert into public.logins values (1, 'web', 'trial'), (1, 'ssh', 'on'), (2, 'web', 'on');
    create table public.circles (user_id bigint, circle text, primary key (user_id, circle));
    insert into public.circles values (1, 'staff'), (1, 'choir'), (2, 'staff');
    create table public.tasks (id int primary key, owner_id bigint); insert into public.tasks values (1, 1)`,
  categories: `
tasks: { title: Tasks, do: transfer, table: public.tasks, key: [id], owner: { column: owner_id } }
choir: { title: Choir, do: remove, table: public.circles, key: [user_id, circle], owner: { column: user_id }, when: circles.circle = 'choir' }
staff: { title: Staff, do: remove, table: public.circles, key: [user_id, circle], owner: { column: user_id }, when: circles.circle = 'staff', on_role_change: remove }
`,
  rest: `block:
  also_insert: [{ table: public.circles, values: { user_id: $user, circle: suspended } }]
  also_set: [{ table: public.logins, column: user_id, set: { state: locked } }]
  verify: exists (select from public.circles c where c.user_id = users.id and c.circle = 'suspended')
unblock: { restore: true, verify: not exists (select from public.circles c where c.user_id = users.id and c.circle = 'suspended') }
deactivate: { set: { active: false }, also_set: [{ table: public.logins, column: user_id, set: { state: gone } }], verify: not users.active }`,
};
const blocked = `exists (select from public.circles c where c.user_id = users.id and c.circle = 'suspended')`;
const logins = 'select kind, state from logins where user_id = 1 order by 1';

test('a block in other tables is lifted with every old value as it was', () =>
  inApp(
    CLUB,
    async (planned, it) => {
      expect(planned).toMatchObject({ state: 'awaiting-approval', access: { app: 'blocked' } });
      expect(await it.rows(logins)).toEqual([
        ['ssh', 'locked'],
        ['web', 'locked'],
      ]);
      expect(await it.rows(`select ${blocked} from users where id = 1`)).toEqual([[true]]);
      await it.say('cancel', 'olivia', { access: 'restore' });
      const closed = await it.until(({ state }) => state === 'closed');
      expect(closed).toMatchObject({ outcome: 'cancelled', access: { app: 'open' } });
      expect(await it.rows(logins)).toEqual([
        ['ssh', 'on'],
        ['web', 'trial'],
      ]);
      expect(await it.rows('select circle from circles where user_id = 1 order by 1')).toEqual([
        ['choir'],
        ['staff'],
      ]);
      expect(await it.rows(`select state from logins where user_id = 2`)).toEqual([['on']]);
    },
    { request: { departure: 'unplanned' }, people: { blocked } },
  ));

test('whoever changes role loses what goes with the role, keeps the rest, and the closing sentence counts it', () =>
  inApp(
    CLUB,
    async (planned, it) => {
      expect(planned.plan!.steps.map(({ category, do: does }) => [category, does])).toEqual(
        expect.arrayContaining([
          ['tasks', 'transfer'],
          ['staff', 'remove'],
          ['choir', 'keep'],
        ]),
      );
      const closed = await it.agree();
      expect(closed.outcome).toBe('completed');
      expect(closed.sentence).toContain('1 item kept because the person stays');
      expect(await it.rows('select circle from circles where user_id = 1')).toEqual([['choir']]);
      expect(await it.rows('select active from users where id = 1')).toEqual([[true]]);
    },
    { request: { mode: 'execute-only' }, people: { blocked } },
  ));

const LICENSED: App = {
  sql: `
    create table public.licences (user_id bigint, region text, primary key (user_id, region));
    insert into public.licences values (2, 'emea'), (5, 'emea'), (5, 'apac');
    create table public.orders (id int primary key, owner_id bigint, region text);
    insert into public.orders values (1, 1, 'emea'), (2, 1, 'apac'), (3, 1, 'emea'), (4, 1, 'emea')`,
  categories: `
orders:
  title: Orders
  do: transfer
  table: public.orders
  key: [id]
  owner: { column: owner_id }
  successor_must: exists (select from public.licences l where l.user_id = successor."user" and l.region = orders.region)
`,
};
const firstOf = { successor: { 'first-of': ['bob@corp.example', 'carol@corp.example'] } };

test('each item goes to the first who may own it, also one that comes late', () =>
  inApp(
    LICENSED,
    async (planned, it) => {
      expect(planned.findings).toEqual([]);
      expect(planned.plan!.steps[0]).toMatchObject({ rule: 'first-of over 2', counts: [3, 1] });
      await it.db.query(`insert into orders values (5, 1, 'apac')`);
      expect(await it.agree()).toMatchObject({ outcome: 'completed' });
      expect(await it.rows('select id, owner_id from orders order by 1')).toEqual([
        [1, '2'],
        [2, '5'],
        [3, '2'],
        [4, '2'],
        [5, '5'],
      ]);
    },
    { request: firstOf },
  ));

test('an item that none of them may own is a finding, by name', () =>
  inApp(
    { ...LICENSED, sql: `${LICENSED.sql}; insert into orders values (6, 1, 'moon')` },
    async planned => {
      expect(planned.findings.map(({ code, message }) => [code, message])).toEqual([
        [
          'successor-missing',
          'Orders (app/orders): none of those who are named may own 1 items (6); name one who may.',
        ],
      ]);
    },
    { request: firstOf },
  ));

const GROUPED: App = {
  sql: `${LICENSED.sql};
    create table public.circles (id bigint primary key, name text, archived boolean not null default false);
    insert into public.circles values (100, 'Support', false), (101, 'Twins', false), (102, 'Twins', false), (103, 'Old', true);`,
  categories: `${LICENSED.categories}  groups: { table: public.circles, key: id, name: name, when: not circles.archived }`,
};

test('a group takes over where the catalog names groups, without being asked what people are asked', () =>
  inApp(
    GROUPED,
    async (planned, it) => {
      expect(planned.plan!.steps[0]).toMatchObject({
        successors: [{ label: 'group Support', value: '100' }],
      });
      expect(await it.agree()).toMatchObject({ outcome: 'completed' });
      expect(await it.rows('select distinct owner_id from orders')).toEqual([['100']]);
    },
    { request: { successor: 'group:Support' } },
  ));

test.each([
  ['group:Nobody', GROUPED, 'There is no group "Nobody" in App.'],
  ['group:Old', GROUPED, 'There is no group "Old" in App.'],
  [
    'group:Twins',
    GROUPED,
    'Several groups are called "Twins" in App, and nobody can tell which is to own this.',
  ],
  [
    'group:Support',
    LICENSED,
    'Groups own nothing of the kind in App: the catalog names none. Name a person.',
  ],
])('%s is a finding where it names no one group', (successor, app, says) =>
  inApp(
    app,
    async planned => {
      expect(planned.findings.map(({ message }) => message)).toEqual([`Orders (app/orders): ${says}`]);
    },
    { request: { successor } },
  ),
);

const TIED: App = {
  sql: `
    create table public.deals (id int primary key, owner_id bigint); insert into public.deals values (1, 1), (2, 1);
    create table public.quotes (id int primary key, owner_id bigint); insert into public.quotes values (1, 1)`,
  categories: `
deals: { title: Deals, do: transfer, table: public.deals, key: [id], owner: { column: owner_id } }
quotes: { title: Quotes, do: transfer, table: public.quotes, key: [id], owner: { column: owner_id }, successor_of: deals }
`,
};

test('what is tied to another category goes to whoever takes that over, whatever is said for it alone', () =>
  inApp(
    TIED,
    async (planned, it) => {
      expect(planned.plan!.steps.slice(0, 2).map(({ successors }) => successors[0]!.label)).toEqual([
        'Carol',
        'Carol',
      ]);
      expect(await it.agree()).toMatchObject({ outcome: 'completed' });
      expect(await it.rows('select owner_id from quotes')).toEqual([['5']]);
    },
    { request: { successors: { 'app/deals': 'carol@corp.example', 'app/quotes': 'bob@corp.example' } } },
  ));

test('what is tied to a category that is shared out is a finding', () =>
  inApp(
    TIED,
    async planned => {
      expect(planned.findings.map(({ message }) => message)).toEqual([
        'Quotes (app/quotes) goes to whoever takes over app/deals, which is shared out (round-robin over 2): name one person there.',
      ]);
    },
    {
      request: { successors: { 'app/deals': { 'round-robin': ['bob@corp.example', 'carol@corp.example'] } } },
    },
  ));
