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
