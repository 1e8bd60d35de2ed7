// Discovery against real databases that nobody wrote a catalog for: every way in which a column can hold a
// person, without one foreign key to say so, and what must not be taken for one.

import { afterEach, describe, expect, it } from 'vitest';
import { readCatalog } from '../../connectors/catalog/file.js';
import type { Draft } from '../../connectors/catalog/kind.js';
import { postgres } from '../../connectors/postgres/kind.js';
import { createConnector, discoverSystem } from '../../connectors/registry.js';
import { Bundle } from '../../domain/bundle.js';
import { type Bench, createBench, mustRead, PEOPLE_YAML, type WholeConnector } from './fixture.js';

let bench: Bench | undefined;
afterEach(async () => {
  await bench?.drop();
  bench = undefined;
});

async function discovered(
  sql: string,
  how: { leaver?: string; people?: string; yaml?: string } = {},
): Promise<Draft> {
  bench = await createBench('discover', sql);
  const { yaml, ...rest } = how;
  const loaded = yaml ? mustRead(yaml) : null;
  const connection = new Bundle('crm', { url: bench.url });
  return discoverSystem({ system: 'crm', loaded, ...rest }, { connection });
}

const found = (draft: Draft): string[] => draft.places.map(one => one.place.replace('public.', ''));
const at = (draft: Draft, place: string) => draft.places.find(one => one.place === `public.${place}`);
const open = (draft: Draft): string[] => draft.undecided.map(one => one.place.replace('public.', ''));

/** Forty people more, with large ids, addresses and names. */
const MANY = `
  INSERT INTO users (id, name, email, login)
  SELECT 10000 + n, 'Person ' || n || ' Sample', 'p' || n || '@example.com', 'login' || n FROM generate_series(1, 40) n;`;

describe('without any foreign key', () => {
  it('finds ids by their names, whatever way the words are put together', async () => {
    const draft = await discovered(`
      CREATE TABLE a (id int PRIMARY KEY, owner_id bigint, "assignedToId" bigint, createdby bigint, last_modified_by int,
        "ApproverID" bigint, reviewer1_id bigint, runs_as bigint, parent_user_id bigint, revoker_id bigint,
        project_id bigint, position int, user_count int, sorted_by int, user_type int, order_id bigint);
      CREATE TABLE projects (id bigint PRIMARY KEY, lead bigint);`);
    expect(found(draft)).toEqual([
      'a.owner_id',
      'a.assignedToId',
      'a.createdby',
      'a.last_modified_by',
      'a.ApproverID',
      'a.reviewer1_id',
      'a.runs_as',
      'a.parent_user_id',
      'a.revoker_id',
      'users.manager_id',
    ]);
    expect(open(draft)).toEqual(['projects.lead']);
  });

  it('finds ids by their values, where the name says nothing', async () => {
    const draft = await discovered(`${MANY}
      CREATE TABLE a (id int PRIMARY KEY, col7 bigint, amount bigint, project_id bigint, ticket_number bigint);
      CREATE TABLE projects (id bigint PRIMARY KEY);
      INSERT INTO a SELECT n, 10000 + n % 40 + 1, 10000 + n % 40 + 1, 10000 + n % 40 + 1, 10000 + n % 40 + 1
        FROM generate_series(1, 200) n;`);
    expect(found(draft)).toEqual(['a.col7', 'users.manager_id']);
    expect(at(draft, 'a.col7')).toMatchObject({ layer: 'values', share: 1, sampled: 200 });
    // All of a small table, and those of people.
    expect(draft.rowsRead).toBe(243);
  });

  it('finds what is named like a person although nobody is known who stands there, in few rows and in many', async () => {
    const draft = await discovered(`${MANY}
      CREATE TABLE a (id int PRIMARY KEY, owner_id bigint, author text);
      INSERT INTO a SELECT n, 777000 + n, 'Writer of book ' || n FROM generate_series(1, 50) n;`);
    expect(found(draft)).toEqual(['a.owner_id', 'a.author', 'users.manager_id']);
    expect(at(draft, 'a.author')!.evidence.join()).toContain('that we know');
    expect(open(draft)).toEqual([]);
  });

  it('finds e-mails, logins and names in texts, also several in one', async () => {
    const draft = await discovered(`${MANY}
      CREATE TABLE a (id int PRIMARY KEY, notify text, cc text, deputy varchar(80), in_charge text, handled_for text,
        customer_mail text, body text, team text);
      INSERT INTO a SELECT n, 'P' || n || '@Example.com', 'Person <p' || n || '@example.com>, x@elsewhere.org', 'login' || n,
          'Person ' || n || ' Sample', '  ', 'c' || n || '@customers.org',
          'Yesterday we called everybody in the list and p' || n || '@example.com said that nobody had heard of it', 'blue'
        FROM generate_series(1, 40) n;`);
    expect(found(draft)).toEqual(['a.notify', 'a.cc', 'a.deputy', 'a.in_charge', 'users.manager_id']);
    expect(at(draft, 'a.notify')).toMatchObject({ identity: 'email', layer: 'texts' });
    expect(at(draft, 'a.deputy')).toMatchObject({ identity: 'login' });
    expect(open(draft)).toEqual(['a.body']);
  });

  it('finds people in arrays and JSON, by value or under a telling key', async () => {
    const draft = await discovered(`${MANY}
      CREATE TABLE a (id int PRIMARY KEY, watchers text[], assignee_ids bigint[], doc jsonb, config json, tags text[], sizes int[], facts jsonb);
      INSERT INTO a SELECT n, ARRAY['p' || n || '@example.com'], ARRAY[1, 2, 3],
          jsonb_build_object('routing', jsonb_build_array(jsonb_build_object('assignee', 10000 + n))),
          json_build_object('cc', 'P' || n || '@example.com'), ARRAY['red', 'blue'], ARRAY[1, 2, 3],
          jsonb_build_object('count', 1, 'size', 2, 'year', 3)
        FROM generate_series(1, 40) n;`);
    expect(found(draft)).toEqual(['a.watchers', 'a.assignee_ids', 'a.doc', 'a.config', 'users.manager_id']);
    expect(at(draft, 'a.doc')).toMatchObject({ layer: 'document' });
    expect(at(draft, 'a.doc')!.evidence.join()).toContain('routing[].assignee');
    expect(draft.text).toContain('# - { table: public.a, column: doc, reason:');
  });

  it('finds polymorphic pairs that name people, and no others', async () => {
    const draft = await discovered(`${MANY}
      CREATE TABLE a (id int PRIMARY KEY, holder_type text, holder_id bigint, item_type text, item_id bigint, thing_type text, thing_id bigint);
      INSERT INTO a SELECT n, CASE n % 2 WHEN 0 THEN 'App\\Models\\User' ELSE 'Team' END, n, 'Issue', n, NULL, NULL FROM generate_series(1, 40) n;`);
    expect(found(draft)).toEqual(['a.holder_id', 'users.manager_id']);
    expect(at(draft, 'a.holder_id')).toMatchObject({ layer: 'pair' });
    expect(open(draft)).toEqual(['a.thing_id']);
  });

  it('follows a row that is a person once more, in both directions', async () => {
    const draft = await discovered(`
      ALTER TABLE users ADD partner_id bigint UNIQUE;
      CREATE TABLE partners (id bigint PRIMARY KEY, city text);
      CREATE TABLE employees (id int PRIMARY KEY, user_id bigint UNIQUE, badge text);
      CREATE TABLE documents (id int PRIMARY KEY, employee_id int, partner_id bigint, created_by_employee int);`);
    expect(found(draft)).toEqual([
      'documents.employee_id',
      'documents.partner_id',
      'documents.created_by_employee',
      'employees.user_id',
      'users.manager_id',
    ]);
    expect(at(draft, 'documents.employee_id')).toMatchObject({ layer: 'second-hop', identity: 'employee' });
    expect(at(draft, 'documents.partner_id')).toMatchObject({ layer: 'second-hop', identity: 'partner' });
  });

  it('sees uuids and texts as ids too', async () => {
    const draft = await discovered(
      `DROP TABLE users; CREATE TABLE members (uid uuid PRIMARY KEY, username text UNIQUE, email text, password_hash text);
       INSERT INTO members SELECT md5(n::text)::uuid, 'm' || n, 'm' || n || '@example.com', 'x' FROM generate_series(1, 30) n;
       CREATE TABLE a (id uuid PRIMARY KEY, x uuid, y uuid, z text);
       INSERT INTO a SELECT md5('a' || n)::uuid, md5(n::text)::uuid, md5('y' || n)::uuid, md5(n::text)::uuid::text FROM generate_series(1, 30) n;`,
      { people: 'public.members' },
    );
    expect(found(draft)).toEqual(['a.x', 'a.z']);
  });
});

describe('people who do not stand there as they are', () => {
  const FORTY = 'FROM users WHERE id > 1000';

  it('are found behind whatever stands around all of them, under any name', async () => {
    const forms: Record<string, string> = {
      word: "'user:' || id",
      mark: "'acct_' || id",
      urn: "'urn:corp:user:' || id",
      url: "'https://app.corp.example/users/' || id || '/profile'",
      gid: "encode(convert_to('gid://app/User/' || id, 'UTF8'), 'base64')",
      domain: "'CORP' || chr(92) || login",
      dn: "'uid=' || login || ',ou=people,dc=corp'",
      realm: "login || '@CORP.LOCAL'",
      decimal: "id || '.0'",
      zeros: "lpad(id::text, 9, '0')",
      hash: 'md5(lower(email))',
      soft: "'x-' || login || '-x'",
      invisible: 'email || chr(8203)',
    };
    const draft = await discovered(`${MANY}
      CREATE TABLE a AS SELECT ${Object.entries(forms).map(([name, sql]) => `${sql} AS ref_${name}`)} ${FORTY};
      CREATE TABLE b AS SELECT 'build-' || n AS tag, 'INV-' || 90000 + n AS invoice, 'v' || n || '.0' AS version_name,
        'https://x.example/' || n AS url FROM generate_series(1, 60) n;`);
    expect(found(draft)).toEqual([...Object.keys(forms).map(name => `a.ref_${name}`), 'users.manager_id']);
    expect(at(draft, 'a.ref_word')!.evidence.join()).toContain('as user:…');
  });

  it('are found by every value that only one person has, as a draft finds them', async () => {
    const yaml = `${PEOPLE_YAML.replace(/\n {4}- { by: login, column: login }/, '')}
categories: {}
`;
    const draft = await discovered(
      `${MANY} ALTER TABLE users ADD uuid uuid UNIQUE, ADD private_email text;
       UPDATE users SET uuid = md5(id::text)::uuid, private_email = login || '@home.example', badge = 'B-' || id, human = 'H' || id;
       CREATE TABLE a AS SELECT login AS last_editor, uuid AS subject, badge AS pass, human AS staff_ref, private_email AS reach ${FORTY};`,
      { yaml },
    );
    expect(found(draft)).toEqual([
      'a.last_editor',
      'a.subject',
      'a.pass',
      'a.staff_ref',
      'a.reach',
      'users.manager_id',
    ]);
  });

  it('are heard whatever the type of the column', async () => {
    const draft = await discovered(`${MANY} ALTER TABLE users ADD uuid uuid UNIQUE;
      UPDATE users SET uuid = md5(id::text)::uuid;
      CREATE TYPE rep AS ENUM ('login1', 'login2', 'login3', 'login4');
      CREATE TYPE member AS (user_id bigint, role text);
      CREATE TABLE a AS SELECT id::float8 AS owner_id, id::numeric(12, 2) AS col7, ('login' || id % 4 + 1)::rep AS deputy,
        ROW(id, 'x')::member AS lead_ref, ARRAY[ROW(id, 'x')::member] AS crew, uuid_send(uuid) AS bytes,
        ('<o owner="' || id || '"/>')::xml AS doc, id + 0.5 AS price, now() AS author_at, true AS author, '1.2.3.4'::inet AS approver ${FORTY};`);
    expect(found(draft)).toEqual([
      'a.owner_id',
      'a.col7',
      'a.deputy',
      'a.lead_ref',
      'a.crew',
      'a.bytes',
      'a.doc',
      'a.approver',
      'users.manager_id',
    ]);
  });

  it('are found wherever they stand in a document', async () => {
    const draft = await discovered(`${MANY}
      CREATE TABLE a AS SELECT jsonb_build_object('assignee', jsonb_build_object('id', id)) AS inner_id,
        jsonb_build_object('team', jsonb_build_array(jsonb_build_object('id', id))) AS list, jsonb_build_object('assigned_to', id) AS assigned,
        jsonb_build_object('owner_id', id, 'all', (SELECT jsonb_agg(n) FROM generate_series(1, 200) n), 'body', repeat('lorem "ipsum" ', 4000)) AS long, jsonb_build_object('owner', 'user:' || id) AS framed,
        E'---\nowner_id: ' || id || E'\nkind: report\n' AS yaml,
        (SELECT string_agg('x' || n || '@else.example', ', ') FROM generate_series(1, 30) n) || ', ' || email AS many,
        jsonb_build_object('project', jsonb_build_object('id', id), 'size', id) AS other ${FORTY};`);
    expect(at(draft, 'a.long')!.evidence.join()).toContain('at owner_id');
    expect(found(draft)).toEqual([
      ...['inner_id', 'list', 'assigned', 'long', 'framed', 'yaml', 'many'].map(name => `a.${name}`),
      'users.manager_id',
    ]);
  });

  it('are found in the rows of others', async () => {
    const draft = await discovered(`${MANY}
      ALTER TABLE users ADD settings jsonb, ADD forward_email text, ADD covers_for bigint[], ADD stand_in bigint, ADD contact_address text, ADD profile jsonb;
      UPDATE users SET settings = jsonb_build_object('away', jsonb_build_object('forward_to', 'p1@example.com')), forward_email = 'p1@example.com',
        covers_for = ARRAY[10001, 10002], stand_in = 10001, contact_address = email, profile = jsonb_build_object('email', email) WHERE id > 10001;`);
    expect(found(draft)).toEqual([
      'users.manager_id',
      'users.settings',
      'users.forward_email',
      'users.covers_for',
      'users.stand_in',
    ]);
  });

  it('are found in pairs whose words nobody knows, and are not where the words are known to be others', async () => {
    const draft = await discovered(`${MANY}
      CREATE TABLE projects (id bigint PRIMARY KEY);
      CREATE TABLE content_types (id int PRIMARY KEY, model text);
      CREATE TABLE a (who_type text, who_id bigint, thing_type text, thing_id bigint, content_type_id int REFERENCES content_types, object_id bigint, owner_kind smallint, owner_id bigint, for_class text, for_id bigint);
      INSERT INTO content_types VALUES (7, 'user');
      INSERT INTO a SELECT 'account_holder', id, 'Project', id, 7, id, 1, id, 'AppUser', id - 10000 ${FORTY};`);
    expect(found(draft)).toEqual(['a.who_id', 'a.object_id', 'a.owner_id', 'a.for_id', 'users.manager_id']);
  });

  it('are found over rows that are a person in several steps, and over rules of parts', async () => {
    const draft = await discovered(`
      CREATE TABLE parties (id bigint PRIMARY KEY); INSERT INTO parties SELECT id FROM users;
      ALTER TABLE users ADD FOREIGN KEY (id) REFERENCES parties;
      CREATE TABLE deals (id int PRIMARY KEY, col7 bigint REFERENCES parties);
      CREATE TABLE employees (id int PRIMARY KEY, user_id bigint UNIQUE REFERENCES users);
      CREATE TABLE seats (id int PRIMARY KEY, employee_id int UNIQUE REFERENCES employees);
      CREATE TABLE rooms (id int PRIMARY KEY, seat_id int REFERENCES seats);
      CREATE TABLE events (id bigint, col7 bigint, day date) PARTITION BY RANGE (day);
      CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2020-01-01') TO ('2030-01-01');
      ALTER TABLE events_1 ADD FOREIGN KEY (col7) REFERENCES users;
      CREATE TABLE base (id int PRIMARY KEY, col7 bigint);
      CREATE TABLE child (FOREIGN KEY (col7) REFERENCES users) INHERITS (base);`);
    expect(found(draft)).toEqual([
      'base.col7',
      'deals.col7',
      'employees.user_id',
      'events.col7',
      'rooms.seat_id',
      'seats.employee_id',
      'users.manager_id',
    ]);
  });

  it('are found where they are the key', async () => {
    const draft = await discovered(`${MANY}
      CREATE TABLE newsletter (id text PRIMARY KEY); INSERT INTO newsletter SELECT email ${FORTY};
      CREATE TABLE quota (key text PRIMARY KEY); INSERT INTO quota SELECT login ${FORTY};
      CREATE TABLE profiles (id bigint PRIMARY KEY); INSERT INTO profiles SELECT id ${FORTY};
      CREATE TABLE projects (id bigint PRIMARY KEY); INSERT INTO projects SELECT id ${FORTY};
      CREATE TABLE boxes (id text PRIMARY KEY); INSERT INTO boxes SELECT 'box_' || login ${FORTY};`);
    expect(found(draft)).toEqual(['newsletter.id', 'profiles.id', 'quota.key', 'users.manager_id']);
  });
});

describe('what is seen once', () => {
  it('partitions and inherited columns through their parent, views not at all', async () => {
    const draft = await discovered(`
      CREATE TABLE tasks (id bigint, at date, assignee_id bigint REFERENCES users ON DELETE CASCADE, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
      CREATE TABLE tasks_25 PARTITION OF tasks FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
      CREATE TABLE tasks_26 PARTITION OF tasks FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
      CREATE TABLE things (id bigint PRIMARY KEY, owner_id bigint);
      CREATE TABLE special_things (reviewer_id bigint) INHERITS (things);
      CREATE VIEW my_tasks AS SELECT * FROM tasks;
      CREATE MATERIALIZED VIEW all_tasks AS SELECT * FROM tasks;`);
    expect(found(draft)).toEqual([
      'special_things.reviewer_id',
      'tasks.assignee_id',
      'things.owner_id',
      'users.manager_id',
    ]);
    expect(draft.tables).toBe(4);
    expect(at(draft, 'tasks.assignee_id')).toMatchObject({
      layer: 'rule',
      rule: 'public.users.id on delete cascade',
    });
  });
});

describe('the draft', () => {
  const APPLICATION = `
    CREATE TABLE teams (key text PRIMARY KEY);
    CREATE TABLE team_members (team text REFERENCES teams, user_id bigint REFERENCES users, PRIMARY KEY (team, user_id));
    CREATE TABLE tasks (id bigint PRIMARY KEY, title text, "assignee id" bigint, created_by bigint, notify text);
    CREATE TABLE api_tokens (id uuid PRIMARY KEY, user_id bigint, secret text);
    CREATE TABLE audit_log (id bigint PRIMARY KEY, actor_id bigint);
    CREATE TABLE assignment_rules (id bigint PRIMARY KEY, assignee_id bigint);
    CREATE TABLE preferences (user_id bigint PRIMARY KEY, dark boolean);
    CREATE TABLE loose (owner_id bigint);
    INSERT INTO teams VALUES ('a');
    INSERT INTO team_members VALUES ('a', 1), ('a', 2);
    INSERT INTO tasks SELECT n, 'Task', n % 3 + 1, 2, 'bob@example.com' FROM generate_series(1, 30) n;`;

  it('says owners in lists and keys that are secrets as a catalog can', async () => {
    const draft = await discovered(`${MANY}
      CREATE TABLE tasks (id int PRIMARY KEY, title text, assignee_ids bigint[]);
      INSERT INTO tasks SELECT n, 'Task', ARRAY[1, 10000 + n] FROM generate_series(1, 40) n;
      CREATE TABLE user_sessions (token text PRIMARY KEY, user_id bigint REFERENCES users);`);
    const reading = readCatalog(draft.text, 'draft.yaml', { postgres });
    if (!reading.ok) throw new Error(`${reading.mistakes.join('\n')}\n${draft.text}`);
    const connector = createConnector(reading, { connection: new Bundle('crm', { url: bench!.url }) });
    expect(await connector.check!()).toEqual([]);
    await connector.close();
    const all = Object.values(reading.catalog.categories);
    expect(all.find(({ table }) => table === 'public.tasks')).toMatchObject({
      do: 'transfer',
      owner: { column: 'assignee_ids', inside: 'array' },
    });
    expect(all.find(({ table }) => table === 'public.user_sessions')).toMatchObject({
      do: 'revoke',
      key: ['token'],
      secret: ['token'],
    });
  });

  it('is a catalog that fits the database it was drafted from, with a disposition for every column', async () => {
    const draft = await discovered(APPLICATION, { leaver: 'alice' });
    const reading = readCatalog(draft.text, 'draft.yaml', { postgres });
    if (!reading.ok) throw new Error(`${reading.mistakes.join('\n')}\n${draft.text}`);
    const connector = createConnector(reading, { connection: new Bundle('crm', { url: bench!.url }) });
    expect(await connector.check!()).toEqual([]);
    await connector.close();
    const { categories, acknowledged } = reading.catalog;
    const done = Object.values(categories).map(
      ({ table, owner, do: is, inflow }) =>
        `${table.slice(7)}.${owner.column} ${is}${inflow ? ' first' : ''}`,
    );
    expect(done.sort()).toEqual([
      'api_tokens.user_id revoke',
      'assignment_rules.assignee_id transfer first',
      'audit_log.actor_id keep',
      'tasks.assignee id transfer',
      'tasks.created_by keep',
      'tasks.notify transfer',
      'team_members.user_id remove',
      'users.manager_id transfer',
    ]);
    expect(acknowledged.map(one => `${one.table}.${one.column}`)).toEqual(['public.preferences.user_id']);
    expect(draft.text).toContain('# - { table: public.loose, column: owner_id');
    expect(at(draft, 'tasks.assignee id')).toMatchObject({ ofLeaver: 10, rows: null });
    // Whatever it says, it says within a hundred and ten columns, but for names and reasons of the database.
    expect(draft.text.split('\n').filter(line => line.startsWith('#') && line.length > 110)).toEqual([]);
  });

  it('is only what a catalog leaves out, where there is one', async () => {
    const yaml = `${PEOPLE_YAML}
categories:
  tasks: { title: Tasks, do: transfer, table: public.tasks, key: [id], owner: { column: "assignee id" }, attributes: { maker: created_by } }
  teams: { title: Teams, do: remove, table: public.team_members, key: [team, user_id], owner: { column: user_id } }
deactivate: { set: { status: 3 }, verify: users.status = 3, also_delete: [ { table: public.api_tokens, column: user_id } ] }
acknowledged:
  - { table: public.audit_log, column: actor_id, reason: history }
  - { table: public.loose, column: owner_id, reason: nothing }
`;
    const draft = await discovered(APPLICATION, { yaml });
    expect(draft.places.filter(one => !one.classified).map(one => one.place)).toEqual([
      'public.assignment_rules.assignee_id',
      'public.preferences.user_id',
      'public.tasks.notify',
    ]);
    expect(draft.text).toContain('  assignment_rules_assignee:');
    expect(draft.text).toContain('- { table: public.preferences, column: user_id, reason:');
    expect(draft.text).not.toContain('people:');
  });
});

describe('how much is read', () => {
  it('is little: five hundred tables with a hundred million rows take seconds', async () => {
    const tables = Array.from(
      { length: 500 },
      (_, n) => `
      CREATE TABLE t${n} (id bigint PRIMARY KEY, title text, owner_id bigint, reviewer_id bigint, note text, doc jsonb, amount int, project_id bigint);
      UPDATE pg_class SET reltuples = 100000000, relpages = 2000000 WHERE oid = 't${n}'::regclass;`,
    ).join('');
    const draft = await discovered(`${MANY}${tables}`);
    expect(draft.places).toHaveLength(1_001);
    expect(at(draft, 't7.owner_id')).toMatchObject({ rows: 100_000_000 });
    expect(draft.milliseconds).toBeLessThan(15_000);
  }, 120_000);

  it('is a part of a large table, taken from everywhere', async () => {
    const draft = await discovered(`${MANY}
      CREATE TABLE big (id bigint PRIMARY KEY, col7 bigint);
      INSERT INTO big SELECT n, CASE WHEN n < 150000 THEN NULL ELSE 10000 + n % 40 + 1 END FROM generate_series(1, 200000) n;
      ANALYZE big;`);
    expect(found(draft)).toEqual(['big.col7', 'users.manager_id']);
    expect(draft.rowsRead).toBeLessThan(2_000);
  });
});

describe('coverage', () => {
  const yaml = `${PEOPLE_YAML}
categories:
  tasks: { title: Tasks, do: transfer, table: public.tasks, key: [id], owner: { column: owner_id } }
acknowledged:
  - { table: public.tasks, column: created_by, reason: history }
`;
  const TASKS =
    'CREATE TABLE tasks (id bigint PRIMARY KEY, owner_id bigint, created_by bigint, reviewer_id bigint)';

  it('names what the catalog leaves out, with its evidence and the line that classifies it', async () => {
    bench = await createBench('coverage', TASKS);
    expect(await bench.connector(yaml).coverage()).toMatchObject({
      kind: 'read',
      places: 4,
      acknowledged: 1,
      open: [
        {
          place: 'public.tasks.reviewer_id',
          evidence: 'named reviewer; no value to look at yet',
          line: '- { table: public.tasks, column: reviewer_id, reason: "somebody must go on with it" }',
        },
      ],
      more: 0,
    });
  });

  it('is remembered, and a column or a rule that is new is seen at once', async () => {
    bench = await createBench('coverage', TASKS);
    const connector = bench.connector(yaml);
    const places = async () => {
      const covered = await connector.coverage();
      if (covered.kind !== 'read') throw new Error(covered.kind);
      return { at: covered.at, open: covered.open.map(one => one.place) };
    };
    const first = await places();
    // Values alone are not looked at again so soon.
    await bench.db.query(`INSERT INTO tasks SELECT n, 1, 2, 3 FROM generate_series(1, 9) n`);
    expect(await places()).toEqual(first);
    await bench.db.query('ALTER TABLE tasks ADD approver_id bigint');
    const second = await places();
    expect(second.open).toEqual([...first.open, 'public.tasks.approver_id']);
    await bench.db.query('ALTER TABLE tasks ADD boss bigint');
    expect((await places()).open).toEqual(second.open);
    await bench.db.query('ALTER TABLE tasks ADD FOREIGN KEY (boss) REFERENCES users');
    expect((await places()).open).toEqual([...second.open, 'public.tasks.boss']);
  });

  it('judges what our role may not read by its name', async () => {
    bench = await createBench(
      'coverage',
      `${TASKS}; CREATE SCHEMA hidden; CREATE TABLE hidden.notes (id int, author_id bigint, col7 bigint)`,
    );
    const role = `reader_${Math.random().toString(36).slice(2)}`;
    await bench.db.query(`CREATE ROLE ${role} LOGIN PASSWORD 'x'; GRANT SELECT ON users TO ${role}`);
    try {
      const url = new URL(bench.url);
      url.username = role;
      url.password = 'x';
      const covered = await bench.connector(yaml, { url: url.href }).coverage();
      expect(covered).toMatchObject({
        open: [{ place: 'hidden.notes.author_id' }, { place: 'public.tasks.reviewer_id' }],
      });
    } finally {
      await bench.db.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
    }
  });

  it('is not fooled by a category whose identity can never be what stands there', async () => {
    const framed = (identity: string) => `
  refs: { title: Refs, do: transfer, table: public.refs, key: [id], owner: { column: owner_ref${identity} } }
`;
    const withRefs = (identity: string, more = '') =>
      yaml
        .replace('categories:', `${more}categories:`)
        .replace('acknowledged:', `${framed(identity).slice(1)}acknowledged:`);
    bench = await createBench(
      'coverage',
      `${TASKS}; ${MANY} CREATE TABLE refs (id int PRIMARY KEY, owner_ref text);
       INSERT INTO refs SELECT id - 10000, 'user:' || id FROM users WHERE id > 10000`,
    );
    const open = async (text: string): Promise<string[]> => {
      const covered = await bench!.connector(text).coverage();
      if (covered.kind !== 'read') throw new Error(covered.kind);
      return covered.open.map(({ place }) => place).filter(place => place.includes('refs'));
    };
    expect(await open(withRefs(''))).toEqual(['public.refs.owner_ref (as user:…)']);
    const value = `identities: { ref: { value: "'user:' || users.id" } }\n`;
    expect(await open(withRefs(', identity: ref', value))).toEqual([]);
    const other = `identities: { ref: { value: "'agent:' || users.id" } }\n`;
    expect(await open(withRefs(', identity: ref', other))).toEqual(['public.refs.owner_ref (as user:…)']);
    // Some stand alone by now: each form is asked for by itself.
    await bench.db.query(
      `UPDATE refs SET owner_ref = replace(owner_ref, 'user:', '') WHERE id % 2 = 0; ALTER TABLE refs ADD x int`,
    );
    expect(await open(withRefs(''))).toEqual(['public.refs.owner_ref (as user:…)']);
    expect(await open(withRefs(', identity: ref', value))).toEqual(['public.refs.owner_ref (user)']);
  });

  it('hands to nobody the row that says whose a further value is', async () => {
    const { text } = await discovered(
      `CREATE TABLE employees (id bigint PRIMARY KEY, user_id bigint UNIQUE REFERENCES users);
       CREATE TABLE leaves (id bigint PRIMARY KEY, employee_id bigint REFERENCES employees)`,
    );
    expect(text).toMatch(
      /identities:\n {2}employee: [{] table: public.employees, key: id, person: user_id [}]/,
    );
    expect(text).toMatch(/owner: [{] column: employee_id, identity: employee [}]/);
    expect(text).not.toContain('column: user_id }');
  });

  it('drafts a category for each form in which people stand in a column, with an identity where it takes one', async () => {
    const { text } = await discovered(
      `${TASKS}; ${MANY} CREATE TABLE refs (id int PRIMARY KEY, owner_ref text);
       INSERT INTO refs SELECT id - 10000, CASE WHEN id % 2 = 0 THEN 'user:' || id ELSE id::text END FROM users WHERE id > 10000`,
    );
    expect(text).toContain('\n  manager: manager_id\n');
    expect(text).toContain(`  user_as_user: { value: "'user:' || users.id" }`);
    expect(text).toMatch(/refs_owner_ref:\n.*\n.*\n.*\n.*\n {4}owner: [{] column: owner_ref [}]/);
    expect(text).toMatch(
      /refs_owner_ref_2:\n {4}title: "Refs \(owner_ref as user:…\)"[\s\S]*?owner: [{] column: owner_ref, identity: user_as_user [}]/,
    );
  });

  it("names what of a column is somebody's beside what a category takes from it", async () => {
    const more = `
  docs: { title: Docs, do: transfer, table: public.docs, key: [id], owner: { column: doc, inside: { json: "$.owner_id" } } }
  pages: { title: Pages, do: transfer, table: public.docs, key: [id], owner: { column: page_owner, identity: login } }
  rights: { title: Rights, do: transfer, table: public.docs, key: [id], owner: { column: holder_id }, when: "docs.holder_type = 'User'" }
  same: { title: Same, do: transfer, table: public.docs, key: [id], owner: { column: by_mail, identity: mail } }
`;
    const whole = yaml
      .replace(
        'categories:',
        'identities: { login: { column: login }, mail: { column: email } }\ncategories:',
      )
      .replace('acknowledged:', `${more.slice(1)}acknowledged:`);
    bench = await createBench(
      'coverage',
      `${TASKS}; ${MANY} CREATE TABLE employees (id bigint PRIMARY KEY, user_id bigint UNIQUE REFERENCES users);
       CREATE TABLE docs (id int PRIMARY KEY, doc jsonb, page_owner text, by_mail text, holder_type text, holder_id bigint);
       INSERT INTO docs SELECT id - 10000, CASE WHEN id % 9 = 1 THEN jsonb_build_object('owner_id', id + 0.0) WHEN id % 9 = 0 THEN jsonb_build_object('owner_id', jsonb_build_object('id', id))
           ELSE jsonb_build_object('owner_id', id, 'reviewer', jsonb_build_array(id)) END,
         CASE WHEN id % 2 = 0 THEN login ELSE email END, email, CASE WHEN id % 2 = 0 THEN 'User' ELSE 'Employee' END, id
       FROM users WHERE id > 10000`,
    );
    const covered = await bench.connector(whole).coverage();
    if (covered.kind !== 'read') throw new Error(covered.kind);
    expect(covered.open.map(({ place }) => place)).toEqual([
      'public.employees.user_id',
      'public.tasks.reviewer_id',
      'public.docs.doc (as ….0)',
      'public.docs.doc $.reviewer[*]',
      'public.docs.doc $.owner_id.id',
      'public.docs.page_owner (mail)',
      'public.docs.holder_id (holder_type "Employee")',
    ]);
    const { line } = covered.open[2]!;
    const said = await bench.connector(`${whole}  ${line}\n`).coverage();
    expect(JSON.stringify(said)).not.toContain('docs.doc');
  });

  describe('of what it could not look at', () => {
    /** As a role that does not own the tables, and that may read all of them. */
    async function asReader<T>(sql: string, work: (connector: WholeConnector) => Promise<T>): Promise<T> {
      bench = await createBench('coverage', sql);
      const role = `reader_${Math.random().toString(36).slice(2)}`;
      await bench.db.query(
        `CREATE ROLE ${role} LOGIN PASSWORD 'x'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${role}`,
      );
      try {
        const url = new URL(bench.url);
        url.username = role;
        url.password = 'x';
        return await work(bench.connector(yaml, { url: url.href }));
      } finally {
        await bench.db.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
      }
    }

    it('rows that a policy hides are named, with who must do what', async () => {
      const covered = await asReader(
        `${TASKS}; CREATE TABLE letters (id int PRIMARY KEY, addressee_ref bigint); ALTER TABLE letters ENABLE ROW LEVEL SECURITY`,
        connector => connector.coverage(),
      );
      expect(covered).toMatchObject({
        unread: [
          { place: 'public.letters', line: '- { table: public.letters, column: "*", reason: "..." }' },
        ],
      });
      expect(JSON.stringify(covered)).toContain('BYPASSRLS');
    });

    it('a table that somebody has locked is named, and looked at again', async () => {
      bench = await createBench('coverage', `${TASKS}; CREATE TABLE letters (id int PRIMARY KEY, body text)`);
      const migration = await bench.session();
      await migration.query('BEGIN; LOCK TABLE letters');
      const connector = bench.connector(yaml);
      expect(await connector.coverage()).toMatchObject({ unread: [{ place: 'public.letters' }] });
      await migration.query('ROLLBACK');
      expect(await connector.coverage()).toMatchObject({ unread: [] });
    });

    it("the catalog may say that nothing there is anybody's", async () => {
      bench = await createBench('coverage', `${TASKS}; CREATE TABLE letters (id int PRIMARY KEY, body text)`);
      const migration = await bench.session();
      const connector = bench.connector(
        `${yaml}  - { table: public.letters, column: "*", reason: "printed letters" }\n`,
      );
      expect(await connector.check()).toEqual([]);
      await migration.query('BEGIN; LOCK TABLE letters');
      expect(await connector.coverage()).toMatchObject({ unread: [] });
      await migration.query('ROLLBACK');
    });

    it('dots and quotes in names are no reason', async () => {
      const odd = `CREATE SCHEMA "mail.v2"; CREATE TABLE "mail.v2"."in.box" (id int PRIMARY KEY, "to.whom" text);
        INSERT INTO "mail.v2"."in.box" SELECT id, email FROM users`;
      bench = await createBench('coverage', `${TASKS}; ${odd}`);
      const place = '"mail.v2"."in.box"."to.whom"';
      const covered = await bench.connector(yaml).coverage();
      expect(covered).toMatchObject({ unread: [] });
      const [first] = covered.kind === 'read' ? covered.open : [];
      expect(first).toMatchObject({ place });
      const classified = bench.connector(`${yaml}  ${first!.line}\n`);
      expect(await classified.check()).toEqual([]);
      expect(await classified.coverage()).toMatchObject({ open: [{ place: 'public.tasks.reviewer_id' }] });
    });
  });
});
