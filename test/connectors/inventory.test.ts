import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import {
  ALICE,
  account,
  allPages,
  type Bench,
  batchOf,
  changed,
  createBench,
  failureOf,
  PEOPLE_YAML,
  type WholeConnector,
  witness,
} from './fixture.js';

const YAML = `${PEOPLE_YAML}
categories:
  tasks:
    title: Tasks
    do: transfer
    table: public.tasks
    key: [id]
    owner: { column: owner_id }
    when: tasks.status = 'open'
    attributes: { region: region }
    label: title
    link: https://crm.example.com/tasks/{id}?t={title}
    fires_at: due
  notes: { title: Notes, do: transfer, table: public.notes, key: [id], owner: { column: owner_id } }
  documents: { title: Documents, do: transfer, table: public.documents, key: [id], owner: { column: author, identity: employee } }
identities:
  employee: { table: public.employees, key: number, person: user_id }
`;

const SQL = `
  CREATE TABLE tasks (id bigint PRIMARY KEY, owner_id bigint, status text DEFAULT 'open', region text, title text, due timestamptz);
  INSERT INTO tasks SELECT g, 1 + g % 2, CASE WHEN g > 90 THEN 'done' ELSE 'open' END, CASE WHEN g % 4 = 0 THEN 'emea' END, 'T&' || g, '2030-01-01Z'::timestamptz + g * interval '1 day' FROM generate_series(1, 100) g;
  CREATE TABLE notes (id int PRIMARY KEY, owner_id bigint);
  INSERT INTO notes SELECT g, 1 FROM generate_series(1, 5) g;
  CREATE TABLE employees (number text PRIMARY KEY, user_id bigint);
  CREATE TABLE documents (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), author text);
  INSERT INTO documents (author) VALUES ('E-1'), ('E-1'), ('E-2')`;

let bench: Bench;
let connector: WholeConnector;
const alice = account(ALICE, { employee: ['E-1'] });

beforeAll(async () => {
  bench = await createBench('inventory', SQL);
  connector = bench.connector(YAML);
});
afterAll(() => bench.drop());

describe('an inventory', () => {
  test('counts by the identity of each category, with the earliest moment at which an item fires', async () => {
    expect(await connector.check()).toEqual([]);
    const [tasks, notes, documents] = await connector.inventory([alice], ['tasks', 'notes', 'documents']);
    expect(tasks).toMatchObject({
      category: 'tasks',
      count: 45,
      complete: true,
      problem: null,
      firesAt: '2030-01-03T00:00:00.000Z',
    });
    expect(notes).toMatchObject({ count: 5, firesAt: null });
    expect(documents).toMatchObject({ count: 2 });
  });

  test('somebody without the identity that a category is about holds nothing of it', async () => {
    expect(await connector.inventory([account(ALICE)], ['documents'])).toEqual([
      { category: 'documents', count: 0, fingerprint: '0', complete: true, problem: null, firesAt: null },
    ]);
    expect(await allPages(connector, account(ALICE), 'documents')).toEqual([]);
    expect(await connector.items([account(ALICE)], 'documents', { limit: 5 })).toEqual({
      items: [],
      next: null,
    });
  });

  test('an owner column whose type ignores case is compared by that type, also when it changes', async () => {
    await bench.db.query(`
      CREATE EXTENSION IF NOT EXISTS citext;
      CREATE TABLE IF NOT EXISTS companies (id int PRIMARY KEY, manager citext);
      INSERT INTO companies VALUES (1, 'ALICE@example.com'), (2, 'alice@EXAMPLE.com'), (3, 'bob@example.com')`);
    const byMail = bench.connector(`${PEOPLE_YAML}
identities: { email: { column: email } }
categories:
  companies: { title: Companies, do: transfer, table: public.companies, key: [id], owner: { column: manager, identity: email } }
`);
    expect(await byMail.check()).toEqual([]);
    const byAddress = account(ALICE, { email: ['Alice@example.com'] });
    expect((await byMail.inventory([byAddress], ['companies']))[0]).toMatchObject({ count: 2 });
    const request = await batchOf(byMail, byAddress, 'companies', { takers: ['bob@example.com'] });
    expect(await changed(byMail, request)).toMatchObject({ changed: 2, exceptions: [] });
  });

  test('says by the hour when something acts by itself, and whose some items are now', async () => {
    const after = '2030-01-10T12:00:00.000Z';
    expect(await connector.bombs!([alice], 'tasks', { after, hours: 2 })).toEqual([
      { at: '2030-01-11T00:00:00.000Z', keys: ['10'], count: 1 },
      { at: '2030-01-13T00:00:00.000Z', keys: ['12'], count: 1 },
    ]);
    await bench.db.query(
      `update tasks set due = '2030-02-01T08:00Z'::timestamptz + id * interval '1 min' where id <= 40`,
    );
    const [hour] = await connector.bombs!([alice], 'tasks', { after: '2030-02-01T00:00:00Z', hours: 1 });
    expect(hour).toEqual({ at: '2030-02-01T08:02:00.000Z', keys: ['2', '4', '6', '8', '10'], count: 20 });
    expect(await connector.bombs!([alice], 'notes', { after, hours: 2 })).toEqual([]);
    expect(await connector.bombs!([account(ALICE)], 'documents', { after, hours: 2 })).toEqual([]);
    // 91 is done, and 5000 was never there: neither is in the category.
    expect(await connector.keepers!('tasks', ['91', '3', '5000', '2'], [])).toEqual([
      { key: '3', owner: '2', firesAt: '2030-02-01T08:03:00.000Z' },
      { key: '2', owner: '1', firesAt: '2030-02-01T08:02:00.000Z' },
    ]);
    expect(await connector.keepers!('notes', ['1'], [])).toEqual([{ key: '1', owner: '1', firesAt: null }]);
    await bench.db.query(`update tasks set due = '2030-01-01Z'::timestamptz + id * interval '1 day'`);
  });

  test('is one snapshot: what is given away while it is taken counts once', async () => {
    const before = (await connector.inventory([alice], ['notes']))[0]!.fingerprint;
    await bench.db.query('UPDATE notes SET id = id + 1000');
    const after = (await connector.inventory([alice], ['notes']))[0]!;
    expect(after.count).toBe(5);
    expect(after.fingerprint).not.toBe(before);
    await bench.db.query('UPDATE notes SET id = id - 1000');
    expect((await connector.inventory([alice], ['notes']))[0]!.fingerprint).toBe(before);
  });

  test('is never a write, whatever a condition calls', async () => {
    await bench.db.query(`CREATE TABLE written (id bigint);
      CREATE FUNCTION sneak(id bigint) RETURNS boolean LANGUAGE sql AS 'INSERT INTO public.written VALUES (id) RETURNING true'`);
    const sneaky = bench.connector(YAML.replace("tasks.status = 'open'", 'public.sneak(tasks.id)'));
    try {
      const [tasks] = await sneaky.inventory([alice], ['tasks', 'notes']);
      expect(tasks).toMatchObject({ complete: false, problem: expect.stringContaining('25006') });
      expect((await bench.db.query('SELECT * FROM written')).rowCount).toBe(0);
    } finally {
      await sneaky.close();
      await bench.db.query('DROP FUNCTION sneak; DROP TABLE written');
    }
  });

  test('a table that changed between two looks of one connection is read as it is now', async () => {
    const one = bench.connector(YAML, { poolSize: 1 });
    const notes = async () => (await one.inventory([alice], ['notes']))[0];
    try {
      const before = await notes();
      await bench.db.query('ALTER TABLE notes ALTER id TYPE bigint, ADD COLUMN colour text');
      expect(await notes()).toEqual(before);
      await bench.db.query(
        'DROP TABLE notes; CREATE TABLE notes (id int PRIMARY KEY, owner_id bigint); INSERT INTO notes VALUES (7, 1)',
      );
      expect(await notes()).toMatchObject({ count: 1, complete: true });
    } finally {
      await one.close();
      await bench.db.query('DELETE FROM notes; INSERT INTO notes SELECT g, 1 FROM generate_series(1, 5) g');
    }
  });

  test('pages carry attributes in the order of their keys, and lists carry labels, links and fire times', async () => {
    const [page] = await allPages(connector, alice, 'tasks', 4, 'region');
    expect(page).toMatchObject({
      keys: '{2,4,6,8}',
      count: 4,
      low: '2',
      high: '8',
      attributes: [null, 'emea', null, 'emea'],
    });
    expect((await connector.items([alice], 'tasks', { limit: 1 })).items).toEqual([
      {
        key: '2',
        label: 'T&2',
        link: 'https://crm.example.com/tasks/2?t=T%262',
        attributes: { region: null },
        firesAt: '2030-01-03T00:00:00.000Z',
      },
    ]);
    expect((await failureOf(allPages(connector, alice, 'tasks', 4, 'planet'))).message).toContain(
      'tasks has no attribute planet; known are region',
    );
  });

  test('the load of successors is counted in their order', async () => {
    expect(await connector.load('tasks', ['3', '2', '1'])).toEqual([0, 45, 45]);
  });
});

describe('what cannot be read is never "owns nothing"', () => {
  let role: string;
  let reader: WholeConnector;
  beforeAll(async () => {
    role = `reader_${bench.db.database}`;
    await bench.db.query(
      `CREATE ROLE ${role} LOGIN PASSWORD 'reader'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${role}; GRANT UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${role}`,
    );
    const url = new URL(bench.url);
    url.username = role;
    url.password = 'reader';
    reader = bench.connector(YAML, { url: url.href });
  });
  afterAll(async () => {
    await reader.close();
    await bench.db.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  });
  afterEach(() =>
    bench.db.query(
      `ALTER TABLE tasks DISABLE ROW LEVEL SECURITY; GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${role}`,
    ),
  );

  const others = { notes: true, documents: true };
  const state = async () =>
    Object.fromEntries(
      (await reader.inventory([alice], ['tasks', 'notes', 'documents'])).map(i => [i.category, i.complete]),
    );
  const problem = async (category: string) => (await reader.inventory([alice], [category]))[0]!.problem;

  test('rows that row-level security hides make a category incomplete, while the others are counted', async () => {
    await bench.db.query(
      'ALTER TABLE tasks ENABLE ROW LEVEL SECURITY; DROP POLICY IF EXISTS mine ON tasks; CREATE POLICY mine ON tasks USING (owner_id = 2)',
    );
    expect(await state()).toEqual({ tasks: false, ...others });
    expect(await problem('tasks')).toContain('row-level security');
    expect((await reader.check()).map(p => p.message).join()).toContain(
      'row-level security of public.tasks hides rows',
    );
    const failure = await failureOf(allPages(reader, alice, 'tasks'));
    expect(failure.kind).toBe('credential');
    const request = await batchOf(connector, alice, 'tasks');
    expect((await failureOf(reader.apply(request, witness()))).kind).toBe('credential');
  });

  test('a missing right makes a category incomplete, and is named before anything starts', async () => {
    await bench.db.query(
      `REVOKE SELECT ON tasks FROM ${role}; GRANT SELECT (id, status) ON tasks TO ${role}`,
    );
    expect(await state()).toEqual({ tasks: false, ...others });
    expect(await problem('tasks')).toContain('our database role lacks a right');
    expect((await reader.check()).map(p => `${p.where}: ${p.message}`)).toEqual([
      `crm.yaml:27:5 categories.tasks.table: our database role lacks SELECT on owner_id, title, due, region of public.tasks: GRANT SELECT ("owner_id", "title", "due", "region") ON "public"."tasks" TO ${role};`,
    ]);
  });

  test('a missing UPDATE or DELETE is named with the GRANT that mends it', async () => {
    await bench.db.query(`REVOKE UPDATE ON tasks FROM ${role}; GRANT UPDATE (title) ON tasks TO ${role}`);
    expect((await reader.check()).map(p => p.message)).toEqual([
      `our database role lacks UPDATE on owner_id of public.tasks: GRANT UPDATE ("owner_id") ON "public"."tasks" TO ${role};`,
    ]);
    const request = await batchOf(reader, alice, 'tasks');
    expect((await failureOf(reader.apply(request, witness()))).kind).toBe('credential');
    const url = new URL(bench.url);
    url.username = role;
    url.password = 'reader';
    await bench.db.query(`REVOKE DELETE ON notes FROM ${role}; GRANT UPDATE ON tasks TO ${role}`);
    const remover = bench.connector(
      YAML.replace('notes: { title: Notes, do: transfer', 'notes: { title: Notes, do: remove'),
      {
        url: url.href,
      },
    );
    expect((await remover.check()).map(p => p.message)).toEqual([
      `our database role lacks DELETE on public.notes: GRANT DELETE ON "public"."notes" TO ${role};`,
    ]);
  });

  test('a statement that takes too long makes its category incomplete', async () => {
    const hasty = bench.connector(
      YAML.replace('statement_timeout: 5s', 'statement_timeout: 1s').replace(
        "tasks.status = 'open'",
        '(select count(*) from pg_catalog.generate_series(1, 200000000)) > 0',
      ),
    );
    const [tasks, notes] = await hasty.inventory([alice], ['tasks', 'notes']);
    expect(tasks).toMatchObject({ complete: false });
    expect(tasks!.problem).toContain('it took longer than statement_timeout');
    expect(notes).toMatchObject({ complete: true, count: 5 });
  });

  test('rows without a key make their category incomplete', async () => {
    await bench.db.query(
      'CREATE TABLE IF NOT EXISTS loose (id bigint UNIQUE, owner_id bigint); INSERT INTO loose VALUES (1, 1), (NULL, 1)',
    );
    const loose = bench.connector(YAML.replace('table: public.notes', 'table: public.loose'));
    expect((await loose.inventory([alice], ['notes']))[0]).toMatchObject({
      complete: false,
      problem:
        'crm: notes cannot be read completely: 1 rows of public.loose have no key (NULL in id) and cannot be handed over by name',
    });
  });

  test('a server that goes away spoils the whole inventory instead of part of it', async () => {
    await bench.db.query('CREATE TABLE IF NOT EXISTS nothing ()');
    const doomed = bench.connector(
      YAML.replace("tasks.status = 'open'", "tasks.status = 'open' and pg_catalog.pg_sleep(0.5) is not null"),
    );
    const failure = failureOf(doomed.inventory([alice], ['notes', 'tasks']));
    for (let i = 0; i < 400; i++) {
      const { rowCount } = await bench.db.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'handover' AND query LIKE '%pg_sleep%' AND state = 'active' AND datname = current_database()`,
      );
      if (rowCount) break;
      await new Promise(resolve => setTimeout(resolve, 5));
    }
    expect((await failure).kind).toBe('transient');
  });
});

describe('schema drift between approval and execution', () => {
  const drifted = async (
    ddl: string,
    undo: string,
  ): Promise<{ change: string; kind: string; inventory: string | null; checked: string }> => {
    const fresh = bench.connector(YAML);
    const request = await batchOf(fresh, alice, 'tasks');
    await bench.db.query(ddl);
    try {
      const { kind, message } = await failureOf(fresh.apply(request, witness()));
      const [inventory] = await fresh.inventory([alice], ['tasks']);
      expect(inventory!.complete).toBe(false);
      return {
        change: message,
        kind,
        inventory: inventory!.problem,
        checked: (await fresh.check()).map(p => `${p.where}: ${p.message}`).join('\n'),
      };
    } finally {
      await bench.db.query(undo);
    }
  };

  test('a renamed column is a configuration failure with file, line and the nearest name', async () => {
    const says = await drifted(
      'ALTER TABLE tasks RENAME owner_id TO ownerid',
      'ALTER TABLE tasks RENAME ownerid TO owner_id',
    );
    const sentence =
      'crm: the category tasks does not fit the live database: crm.yaml:29:14 categories.tasks.owner.column: public.tasks has no column owner_id (did you mean ownerid?); its columns are id, ownerid, status, region, title, due';
    expect(says).toEqual({
      kind: 'configuration',
      change: sentence,
      inventory: sentence,
      checked: sentence.replace('crm: the category tasks does not fit the live database: ', ''),
    });
  });

  test('an inventory that finds the drift first says it with file and line as well', async () => {
    const fresh = bench.connector(YAML);
    expect((await fresh.inventory([alice], ['tasks']))[0]).toMatchObject({ complete: true });
    await bench.db.query('ALTER TABLE tasks RENAME owner_id TO ownerid');
    const [tasks, notes] = await fresh.inventory([alice], ['tasks', 'notes']);
    await bench.db.query('ALTER TABLE tasks RENAME ownerid TO owner_id');
    expect(tasks!.problem).toContain(
      'crm.yaml:29:14 categories.tasks.owner.column: public.tasks has no column owner_id (did you mean ownerid?)',
    );
    expect(notes).toMatchObject({ complete: true });
  });

  test('a dropped table is one too', async () => {
    const says = await drifted('ALTER TABLE tasks RENAME TO taskz', 'ALTER TABLE taskz RENAME TO tasks');
    expect(says).toMatchObject({ kind: 'configuration' });
    expect(says.change).toContain(
      'there is no table public.tasks (did you mean public.taskz?) in the database of crm',
    );
  });

  test('a column that only a condition uses is named by PostgreSQL', async () => {
    const says = await drifted(
      'ALTER TABLE tasks RENAME status TO state',
      'ALTER TABLE tasks RENAME state TO status',
    );
    expect(says.kind).toBe('configuration');
    expect(says.change).toContain(
      'the catalog does not fit the live database (42703: column tasks.status does not exist)',
    );
    expect(says.checked).toContain(
      'crm.yaml:30:5 categories.tasks.when: the condition cannot be used: PostgreSQL refuses it (42703',
    );
  });

  test('a key that changed its type is a configuration failure, not ten thousand failed items', async () => {
    const fresh = bench.connector(YAML);
    const request = await batchOf(fresh, alice, 'tasks');
    await bench.db.query(`ALTER TABLE tasks ALTER id TYPE uuid USING lpad(to_hex(id), 32, '0')::uuid`);
    const failure = await failureOf(fresh.apply(request, witness()));
    await bench.db.query(
      `ALTER TABLE tasks ALTER id TYPE bigint USING ('x' || right(id::text, 12))::bit(48)::bigint`,
    );
    expect(failure.kind).toBe('configuration');
    expect(failure.message).toContain('a type was changed since the plan was made');
    expect(failure.message).toContain('id uuid; owner owner_id bigint');
  });

  test('a type that still holds the same keys does no harm: the batch is done with the new one', async () => {
    const fresh = bench.connector(YAML);
    const request = await batchOf(fresh, alice, 'notes');
    await bench.db.query('ALTER TABLE notes ALTER id TYPE text');
    expect(await changed(fresh, request)).toMatchObject({ changed: 5 });
    await bench.db.query('UPDATE notes SET owner_id = 1; ALTER TABLE notes ALTER id TYPE int USING id::int');
  });
});
