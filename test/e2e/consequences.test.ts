/**
 * No effect beyond the approved one: what rules and triggers would do to rows that nobody named is known
 * before anybody approves, is not done where the catalog does not allow it, and is told as it happened.
 */
import { expect, test } from 'vitest';
import { tree } from '../../domain/tree.js';
import { type App, inApp } from '../consequences/world.js';

/** A membership whose end takes projects along, and a project's end its files. */
const MEMBERSHIPS: App = {
  sql: `
    create table public.members (id bigint primary key, org text not null, user_id bigint not null references public.users);
    create table public.projects (id bigint primary key, member_id bigint references public.members on delete cascade, name text);
    create table public.files (id bigint primary key, project_id bigint not null references public.projects on delete cascade);
    create table public.notes (id bigint primary key, project_id bigint references public.projects on delete set null);
    insert into public.members values (10, 'acme', 1), (11, 'acme', 2);
    insert into public.projects select n, 10 + n / 7, 'project ' || n from generate_series(1, 8) n;
    insert into public.files select n, 1 + n % 8 from generate_series(1, 16) n;
    insert into public.notes select n, 1 + n % 8 from generate_series(1, 8) n`,
  categories:
    'orgs: { title: Memberships, do: remove, table: public.members, key: [id], owner: { column: user_id } }',
};
const left = `select (select count(*)::int from members), (select count(*)::int from projects), (select count(*)::int from files),
  (select count(*)::int from notes where project_id is not null)`;

test('a removal that would take other rows along is not planned, and what it would take is said with its count', () =>
  inApp(MEMBERSHIPS, async (planned, it) => {
    expect(planned.state).toBe('needs-correction');
    expect(planned.findings.map(({ code }) => code)).toEqual(['effect-elsewhere']);
    const { message } = planned.findings[0]!;
    expect(message).toContain('6 rows of public.projects are deleted');
    expect(message).toContain('12 rows of public.files are deleted');
    expect(message).toContain('6 rows of public.notes are changed');
    expect(message).toContain('{ table: public.projects, does: delete }');
    expect(await it.rows(left)).toEqual([[2, 8, 16, 8]]);
  }));

const ALLOWED: App = {
  ...MEMBERSHIPS,
  categories: MEMBERSHIPS.categories
    .replace(
      ' }',
      ` }, cascades: [{ table: public.projects, does: delete }, { table: public.files, does: delete }, { table: public.notes, does: change }] `,
    )
    .replace('] } }', '] }'),
};

test('what the catalog allows stands in the plan, is done, and is in receipt and certificate', () =>
  inApp(ALLOWED, async (planned, it) => {
    expect(planned.findings).toEqual([]);
    expect(planned.plan!.steps.find(({ id }) => id === 'app/orgs')!.elsewhere).toMatchObject([
      { table: 'public.files', does: 'delete', count: 12 },
      { table: 'public.projects', does: 'delete', count: 6 },
      { table: 'public.notes', does: 'change', count: 6 },
    ]);
    expect(tree(planned).join('\n')).toContain(
      '↳ 6 rows of public.projects are deleted, by the foreign key projects_member_id_fkey (on delete cascade)',
    );
    expect(await it.agree()).toMatchObject({ outcome: 'completed' });
    expect(await it.rows(left)).toEqual([[1, 2, 4, 2]]);
    const elsewhere = [
      { table: 'public.files', does: 'delete', count: 12 },
      { table: 'public.projects', does: 'delete', count: 6 },
      { table: 'public.notes', does: 'change', count: 6 },
    ];
    expect(await it.receipts()).toMatchObject([
      { step: 'app/orgs', changed: 1, elsewhere },
      { step: 'app/deactivate', elsewhere: [] },
    ]);
    const steps = (await it.certificate()).steps as { id: string; elsewhere?: unknown }[];
    expect(steps.find(({ id }) => id === 'app/orgs')!.elsewhere).toMatchObject({ happened: elsewhere });
  }));

test('what hangs on a row only after the approval is not taken along beyond it: the step parks, and nothing is done', () =>
  inApp(ALLOWED, async (_planned, it) => {
    await it.db.query(`insert into projects select n, 10, 'late' from generate_series(101, 200) n`);
    const parked = await it.agree();
    expect(parked).toMatchObject({ state: 'needs-attention' });
    expect(parked.steps['app/orgs']!.message).toContain('106 rows of public.projects deleted');
    expect(await it.rows(left)).toEqual([[2, 108, 16, 8]]);
    await it.say('amend', 'olivia', { note: 'as it is now' });
    const again = await it.until(({ state }) => state === 'awaiting-approval');
    expect(again.plan!.steps.find(({ id }) => id === 'app/orgs')!.elsewhere).toMatchObject([
      {},
      { table: 'public.projects', count: 106 },
      {},
    ]);
  }));

test('what several effects of a step do besides is counted together', () =>
  inApp(
    {
      ...ALLOWED,
      sql: `${ALLOWED.sql}; insert into public.members values (12, 'acme', 1), (13, 'acme', 1); insert into public.projects values (9, 12, 'project 9')`,
    },
    async (planned, it) => {
      expect(planned.plan!.steps.find(({ id }) => id === 'app/orgs')!.elsewhere).toMatchObject([
        {},
        { table: 'public.projects', does: 'delete', count: 7 },
        {},
      ]);
      // Seven were shown and ten may come without asking: any two pages keep within that, and all three do not.
      await it.db.query(
        `insert into projects select n, case n % 3 when 0 then 10 else 11 + n % 3 end, 'late' from generate_series(101, 115) n`,
      );
      const parked = await it.agree();
      expect(parked).toMatchObject({ state: 'needs-attention' });
      expect(parked.steps['app/orgs']).toMatchObject({ changed: 2, remaining: 1 });
      expect(parked.steps['app/orgs']!.message).toMatch(/rows of public.projects deleted; up to \d may be/);
    },
    { batch: 1 },
  ));

test('rows that keep the database from deleting are found before the approval', () =>
  inApp(
    { ...MEMBERSHIPS, sql: MEMBERSHIPS.sql.replace('public.members on delete cascade', 'public.members') },
    async planned => {
      expect(planned.findings).toMatchObject([{ code: 'effect-refused', step: 'app/orgs' }]);
      expect(planned.findings[0]!.message).toContain(
        'the database refuses it as long as 6 rows of public.projects refer to them',
      );
    },
  ));

// --- the application's own code -------------------------------------------------------------------------------
const TASKS: App = {
  sql: `
    create table public.tasks (id bigint primary key, owner_id bigint, project int, done boolean not null default false);
    create table public.tallies (project int primary key, open int not null, owners int not null default 0);
    create table public.drafts (id bigint primary key, task int);
    insert into public.tasks select n, 1, n % 2, false from generate_series(1, 6) n;
    insert into public.tallies values (0, 3), (1, 3);
    insert into public.drafts select n, n from generate_series(1, 6) n;`,
  categories:
    'tasks: { title: Open tasks, do: transfer, table: public.tasks, key: [id], owner: { column: owner_id } }',
};
const trigger = (body: string, on = 'tasks', event = 'after update') => `
  create function public.act() returns trigger language plpgsql as $$ begin ${body} return new; end $$;
  create trigger act ${event} on public.${on} for each row execute function public.act();`;

test('what a trigger changes elsewhere is tried beforehand, approved with the plan, and told', () =>
  inApp(
    {
      ...TASKS,
      sql: TASKS.sql + trigger('update public.tallies set owners = owners + 1 where project = new.project;'),
    },
    async (planned, it) => {
      expect(planned.state).toBe('awaiting-approval');
      const shown = tree(planned).join('\n');
      expect(shown).toContain('↳ 6 rows of public.tallies are changed, by the trigger act on public.tasks');
      expect(await it.rows('select sum(owners)::int from tallies')).toEqual([[0]]);
      expect(await it.agree()).toMatchObject({ outcome: 'completed' });
      expect(await it.receipts()).toMatchObject([
        { step: 'app/tasks', changed: 6, elsewhere: [{ table: 'public.tallies', does: 'change', count: 6 }] },
        { step: 'app/deactivate' },
      ]);
    },
  ));

test('what a trigger deletes elsewhere must be allowed', () =>
  inApp(
    { ...TASKS, sql: TASKS.sql + trigger('delete from public.drafts where task = new.id;') },
    async (planned, it) => {
      expect(planned.findings).toMatchObject([{ code: 'effect-elsewhere', step: 'app/tasks' }]);
      expect(planned.findings[0]!.message).toContain(
        '6 rows of public.drafts are deleted, by the trigger act',
      );
      expect(await it.rows('select count(*)::int from drafts')).toEqual([[6]]);
    },
  ));

test('a trigger that came after the approval is not let do more: the step parks, and nothing is changed', () =>
  inApp(TASKS, async (planned, it) => {
    expect(planned.state).toBe('awaiting-approval');
    await it.db.query(trigger('delete from public.drafts where task = new.id;'));
    // What is remembered of the schema is a minute old at most; here it is forgotten.
    await it.world.restartWorker();
    const parked = await it.agree();
    expect(parked).toMatchObject({ state: 'needs-attention' });
    expect(parked.steps['app/tasks']!.message).toContain('6 rows of public.drafts deleted');
    expect(parked.steps['app/tasks']!.message).toContain('{ table: public.drafts, does: delete }');
    expect(await it.rows('select count(*)::int from tasks where owner_id = 1')).toEqual([[6]]);
    expect(await it.rows('select count(*)::int from drafts')).toEqual([[6]]);
  }));

test('a trigger on one partition that gives rows to somebody else makes these items failed, and no others', () =>
  inApp(
    {
      sql: `
        create table public.events (id bigint not null, happens date not null, owner_id bigint, primary key (id, happens)) partition by range (happens);
        create table public.events_2026 partition of public.events for values from ('2026-01-01') to ('2027-01-01');
        create table public.events_2027 partition of public.events for values from ('2027-01-01') to ('2028-01-01');
        create function public.keep_owner() returns trigger language plpgsql as $$ begin new.owner_id := 5; return new; end $$;
        create trigger keep_owner before update on public.events_2027 for each row execute function public.keep_owner();
        insert into public.events select n, case when n < 4 then date '2026-06-01' else '2027-06-01' end, 1 from generate_series(1, 6) n`,
      categories:
        'events: { title: Events, do: transfer, table: public.events, key: [id, happens], owner: { column: owner_id } }',
    },
    async (_planned, it) => {
      const parked = await it.agree();
      expect(parked).toMatchObject({ state: 'needs-attention' });
      expect(parked.steps['app/events']).toMatchObject({ state: 'failed', changed: 3, failed: 3 });
      expect(parked.steps['app/events']!.exceptions![0]!.why).toContain(
        'a trigger gave the row another owner',
      );
      expect(await it.rows('select id::int, owner_id::int from events order by 1')).toEqual([
        [1, 2],
        [2, 2],
        [3, 2],
        [4, 1],
        [5, 1],
        [6, 1],
      ]);
    },
  ));

test('an owner that is written in another way by a trigger is the same where the column’s type says so', () =>
  inApp(
    {
      sql: `
        create extension citext;
        create table public.docs (id bigint primary key, owner citext not null);
        insert into public.docs select n, 'alice@corp.example' from generate_series(1, 3) n;
        update public.users set email = 'Bob@Corp.Example' where id = 2;
        create function public.lower_owner() returns trigger language plpgsql as $$ begin new.owner := lower(new.owner::text); return new; end $$;
        create trigger lower_owner before update on public.docs for each row execute function public.lower_owner();`,
      categories:
        'docs: { title: Documents, do: transfer, table: public.docs, key: [id], owner: { column: owner, identity: email } }',
      rest: `identities: { email: { column: email } }\ndeactivate: { set: { active: false }, verify: not users.active }`,
    },
    async (_planned, it) => {
      expect(await it.agree()).toMatchObject({ outcome: 'completed' });
      expect(await it.rows('select owner, count(*)::int from docs group by 1')).toEqual([
        ['bob@corp.example', 3],
      ]);
    },
  ));

// --- switching off ----------------------------------------------------------------------------------------------
test('what is kept is read after the switch: a trigger that gave it away is told in certificate and closing words', () =>
  inApp(
    {
      sql: `
        create table public.tasks (id bigint primary key, owner_id bigint, done boolean not null default false);
        create function public.orphan() returns trigger language plpgsql set search_path = public as
          $$ begin if not new.active and old.active then update tasks set owner_id = 3 where owner_id = old.id; end if; return new; end $$;
        create trigger orphan after update on public.users for each row execute function public.orphan();
        insert into public.tasks values (1, 1, false), (2, 1, true), (3, 1, true)`,
      categories: `
tasks: { title: Open tasks, do: transfer, table: public.tasks, key: [id], owner: { column: owner_id }, when: not tasks.done }
history: { title: Done tasks, do: keep, table: public.tasks, key: [id], owner: { column: owner_id }, when: tasks.done, reason: who did it is history }`,
    },
    async (planned, it) => {
      expect(tree(planned).join('\n')).toContain(
        '3 rows of public.tasks are changed, by the trigger orphan on public.users',
      );
      const ended = await it.agree();
      expect(ended).toMatchObject({ outcome: 'completed' });
      expect(await it.rows('select id::int, owner_id::int from tasks order by 1')).toEqual([
        [1, 2],
        [2, 3],
        [3, 3],
      ]);
      const certificate = await it.certificate();
      expect(certificate.proofs).toMatchObject({
        app: { kept: [{ step: 'app/history', before: 2, now: 0, untouched: false }] },
      });
      expect(ended.sentence).toContain('Kept, and not as it was: app/history (2 when planned, 0 now).');
      const steps = certificate.steps as { id: string; elsewhere?: unknown }[];
      expect(steps.find(({ id }) => id === 'app/deactivate')!.elsewhere).toMatchObject({
        happened: [{ table: 'public.tasks', does: 'change', count: 2 }],
      });
    },
  ));

test('switching somebody off does not delete what nobody has allowed', () =>
  inApp(
    {
      sql: `
        create table public.sessions (id bigint primary key, user_id bigint not null);
        create table public.carts (id bigint primary key, session_id bigint not null references public.sessions on delete cascade);
        insert into public.sessions values (1, 1), (2, 2);
        insert into public.carts select n, 1 from generate_series(1, 4) n`,
      categories: '{}',
      rest: 'deactivate: { set: { active: false }, verify: not users.active, also_delete: [{ table: public.sessions, column: user_id }] }',
    },
    async planned => {
      expect(planned.findings).toMatchObject([{ code: 'effect-elsewhere', step: 'app/deactivate' }]);
      expect(planned.findings[0]!.message).toContain('4 rows of public.carts are deleted');
    },
  ));

// --- what deleting the person would do ------------------------------------------------------------------------
const KEEPSAKES: App = {
  sql: `
    create table public.profiles (user_id bigint primary key references public.users on delete cascade);
    create table public.alerts (id bigint primary key, user_id bigint not null references public.users on delete cascade);
    create table public.marks (id bigint primary key, alert bigint references public.alerts on delete cascade);
    create table public.notes (id bigint primary key, author bigint references public.users on delete set null);
    create table public.bills (id bigint primary key, signer bigint references public.users);
    create table public.tasks (id bigint primary key, owner_id bigint references public.users on delete cascade);
    insert into public.profiles values (1), (2);
    insert into public.alerts select n, 1 + n / 7 from generate_series(1, 8) n;
    insert into public.marks select n, 1 + n % 8 from generate_series(1, 16) n;
    insert into public.notes values (1, 1), (2, 1), (3, 2);
    insert into public.bills values (1, 1);
    insert into public.tasks values (1, 1), (2, 1)`,
  categories: `
tasks: { title: Tasks, do: transfer, table: public.tasks, key: [id], owner: { column: owner_id } }
alerts: { title: Alerts, do: keep, table: public.alerts, key: [id], owner: { column: user_id }, reason: history }`,
};

test('what a later deletion of the account would destroy stands in plan, tree and certificate, table by table', () =>
  inApp(KEEPSAKES, async (planned, it) => {
    expect(planned.findings).toEqual([]);
    // What is handed over before is no danger.
    expect(planned.plan!.systems[0]!.danger).toEqual(
      expect.arrayContaining([
        { table: 'public.profiles', does: 'delete', count: 1 },
        { table: 'public.alerts', does: 'delete', count: 6 },
        { table: 'public.marks', does: 'delete', count: 12 },
        { table: 'public.notes', does: 'change', count: 2 },
        { table: 'public.bills', does: 'refuse', count: 1 },
      ]),
    );
    expect(planned.plan!.systems[0]!.danger).toHaveLength(5);
    expect(tree(planned).join('\n')).toMatch(/destroys [^;]*6 of public.alerts/);
    await it.db.query('insert into marks values (101, 1)');
    await it.agree();
    const { danger } = (await it.certificate()) as { danger: { app: { says: string; rows: unknown[] } } };
    expect(danger.app.rows).toContainEqual({ table: 'public.marks', does: 'delete', count: 13 });
    expect(danger.app.says).toContain('is refused by the database while there are 1 of public.bills');
    const connector = await it.world.worker.deps.systems.get('app');
    const doubts = (await connector.doubts!()).map(({ message }) => message).join('\n');
    expect(doubts).toMatch(/destroys [^;]*rows of public.alerts/);
  }));
