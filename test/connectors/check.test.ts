import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readCatalog } from '../../connectors/catalog/file.js';
import { keysAsWritten } from '../../connectors/keys.js';
import { KINDS } from '../../connectors/registry.js';
import {
  ALICE,
  account,
  allPages,
  type Bench,
  batchOf,
  changed,
  createBench,
  failureOf,
  mustRead,
  PEOPLE_YAML,
  witness,
} from './fixture.js';

const TASKS = `
categories:
  tasks:
    title: Tasks
    do: transfer
    table: public.tasks
    key: [id]
    owner: { column: owner_id }
`;
const YAML = PEOPLE_YAML + TASKS;

const SQL = `
  CREATE TABLE tasks (id bigint PRIMARY KEY, owner_id bigint NOT NULL, status text NOT NULL DEFAULT 'open', project text, tags text[], data jsonb, code text, maybe bigint UNIQUE,
                      doubled bigint GENERATED ALWAYS AS (id * 2) STORED, UNIQUE (owner_id, project));
  CREATE VIEW open_tasks AS SELECT * FROM tasks WHERE status = 'open';
  CREATE TABLE ruled (id bigint PRIMARY KEY, owner_id bigint);
  CREATE RULE nothing AS ON UPDATE TO ruled DO INSTEAD NOTHING;
  CREATE TABLE "select" (id bigint PRIMARY KEY, "Owner Id" bigint, "it's; DROP TABLE users --" text);
  INSERT INTO "select" VALUES (1, 1, 'x'), (2, 1, 'y');
  CREATE SCHEMA evil;
  CREATE TABLE evil.tasks (id bigint PRIMARY KEY, owner_id bigint);
  CREATE FUNCTION evil.lower(text) RETURNS text LANGUAGE sql AS 'SELECT ''evil''';
  CREATE FUNCTION evil.wipe() RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$ BEGIN DELETE FROM public.tasks; RETURN true; END $$;
  CREATE FUNCTION public.calm(bigint) RETURNS boolean LANGUAGE sql STABLE AS 'SELECT true'`;

let bench: Bench;
beforeAll(async () => {
  bench = await createBench('check', SQL);
});
afterAll(() => bench.drop());

const problems = async (yaml: string): Promise<string[]> =>
  (await bench.connector(yaml).check()).map(p => `${p.where}: ${p.message}`);
const withTask = (line: string): string => `${YAML}    ${line}\n`;

describe('a catalog that does not fit the live database is told so, with file, line and key', () => {
  const cases: [name: string, yaml: () => string, says: string][] = [
    [
      'a missing table',
      () => YAML.replace('public.tasks', 'public.task'),
      'crm.yaml:27:5 categories.tasks.table: there is no table public.task (did you mean public.tasks?) in the database of crm',
    ],
    [
      'a missing schema',
      () => YAML.replace('public.tasks', 'pubic.tasks'),
      'categories.tasks.table: there is no schema pubic (did you mean public?)',
    ],
    [
      'a missing column',
      () => withTask('label: titel'),
      'crm.yaml:30:5 categories.tasks.label: public.tasks has no column titel; its columns are id, owner_id, status, project, tags, data, code, maybe, doubled',
    ],
    [
      'a missing column of people',
      () => YAML.replace('name: name', 'name: nam'),
      'people.name: public.users has no column nam (did you mean name?)',
    ],
    [
      'a key that is not unique',
      () => YAML.replace('key: [id]', 'key: [status]'),
      'categories.tasks.key: public.tasks has no unique index over status: these columns do not name one row; unique there are id | maybe | owner_id, project',
    ],
    [
      'a key that may be NULL',
      () => YAML.replace('key: [id]', 'key: [maybe]'),
      'categories.tasks.key.0: public.tasks.maybe may be NULL: such a row has no name',
    ],
    [
      'an owner that is an array',
      () => YAML.replace('column: owner_id', 'column: tags'),
      'public.tasks.tags is of type text[]; an owner is one id',
    ],
    [
      'an owner that is JSON',
      () => YAML.replace('column: owner_id', 'column: data'),
      'public.tasks.data is of type jsonb; an owner is one id',
    ],
    [
      'an owner of another type than the identity',
      () =>
        YAML.replace('column: owner_id', 'column: owner_id, identity: login').replace(
          'categories:',
          'identities: { login: { column: login } }\ncategories:',
        ),
      'public.tasks.owner_id is of type bigint, but the identity login is of type text: it must be another identity',
    ],
    [
      'owners in a list that is none',
      () => YAML.replace('column: owner_id', 'column: owner_id, inside: array'),
      'categories.tasks.owner.inside: public.tasks.owner_id is of type bigint, which is no array: an array such as bigint[] is needed',
    ],
    [
      'unassigned where the owner is NOT NULL',
      () => withTask('unassigned: true'),
      'categories.tasks.unassigned: public.tasks.owner_id is NOT NULL: items cannot be left without an owner',
    ],
    [
      'clear where the owner is NOT NULL',
      () => YAML.replace('do: transfer', 'do: clear'),
      'public.tasks.owner_id is NOT NULL and cannot be cleared',
    ],
    [
      'a queue that cannot be an owner',
      () => withTask('queues: { support: second-level }'),
      'categories.tasks.queues.support: "second-level" was given, but public.tasks.owner_id is of type bigint',
    ],
    [
      'a version that does not count',
      () => withTask('version: status'),
      'public.tasks.status is of type text, a whole number is needed',
    ],
    [
      'a fire time that is no time',
      () => withTask('fires_at: status'),
      'public.tasks.status is of type text, a date or time is needed',
    ],
    [
      'a generated column that would be set',
      () => withTask('touch: { doubled: 1 }'),
      'doubled of public.tasks is generated by the database and cannot be set',
    ],
    [
      'a view that would be written to',
      () => YAML.replace('public.tasks', 'public.open_tasks'),
      'public.open_tasks is a view: only tables can be written to; name the table behind it',
    ],
    [
      'a table with a rule that does something else',
      () => YAML.replace('public.tasks', 'public.ruled'),
      'public.ruled has rewrite rules or INSTEAD OF triggers: what is written to it is not what happens',
    ],
    [
      'a condition on a column that does not exist',
      () => withTask('when: tasks.state = 1'),
      'crm.yaml:30:5 categories.tasks.when: the condition cannot be used: PostgreSQL refuses it (42703: column tasks.state does not exist)',
    ],
    [
      'a condition that is no boolean',
      () => withTask('when: tasks.id'),
      'PostgreSQL refuses it (42804: argument of IS TRUE must be type boolean, not type bigint)',
    ],
    [
      'a condition with an aggregate',
      () => withTask('when: count(tasks.id) > 1'),
      'PostgreSQL refuses it (42803: aggregate functions are not allowed in WHERE)',
    ],
    [
      'a condition that relies on a search_path',
      () => withTask('when: exists (select from members)'),
      'PostgreSQL refuses it (42P01: relation "members" does not exist)',
    ],
    [
      'a volatile function in a condition',
      () => withTask('when: evil.wipe()'),
      'it calls evil.wipe(), which may change data or give another answer every time: only immutable and stable functions are allowed',
    ],
    ['randomness in a condition', () => withTask('when: random() < 0.5'), 'it calls pg_catalog.random()'],
    [
      'sleep in a condition, in capitals and quotes',
      () => withTask(`when: '"pg_sleep" (1) is null'`),
      'it calls pg_catalog.pg_sleep()',
    ],
    [
      'a successor condition about an identity that is not the owner',
      () => withTask('successor_must: successor.login = tasks.status'),
      'PostgreSQL refuses it (42703: column successor.login does not exist)',
    ],
    [
      'a guard with an error',
      () => YAML.replace('categories:', 'guards: { last_owner: users.boss }\ncategories:'),
      'guards.last_owner: the condition cannot be used',
    ],
    [
      'a switch that sets a missing column',
      () =>
        YAML.replace(
          'categories:',
          'deactivate: { set: { staus: 3 }, verify: users.status = 3 }\ncategories:',
        ),
      'deactivate.set.staus: public.users has no column staus (did you mean status?)',
    ],
    [
      'an acknowledged column that does not exist',
      () =>
        YAML.replace(
          'categories:',
          'acknowledged: [{ table: public.tasks, column: author, reason: x }]\ncategories:',
        ),
      'acknowledged.0.column: public.tasks has no column author',
    ],
    [
      'an identity in a missing table',
      () =>
        YAML.replace(
          'categories:',
          'identities: { e: { table: public.staff, key: a, person: b } }\ncategories:',
        ),
      'identities.e.table: there is no table public.staff',
    ],
  ];
  for (const [name, yaml, says] of cases) {
    test(name, async () => {
      const found = await problems(yaml());
      expect(found.filter(p => p.includes(says))).toHaveLength(1);
      expect(found).toHaveLength(1);
    });
  }

  test('all of them are said at once', async () => {
    expect(
      await problems(
        withTask('label: nope\n    when: nope\n    unassigned: true').replace('name: name', 'name: nope'),
      ),
    ).toHaveLength(3);
  });

  test('a good catalog has none, stable functions and subselects included', async () => {
    expect(
      await problems(
        withTask(
          `when: public.calm(tasks.id) and exists (select from public.users u where u.id = tasks.owner_id and lower(u.name) = 'x' and u.status in (1, 2))`,
        ),
      ),
    ).toEqual([]);
  });

  test('an unreachable database is a failure, not a list of problems', async () => {
    expect(
      (await failureOf(bench.connector(YAML, { url: 'postgres://nobody@127.0.0.1:1/x' }).check())).kind,
    ).toBe('transient');
  });
});

describe('hostile names and conditions reach no other object', () => {
  const alice = account(ALICE);

  test('keywords, blanks, capitals and quotes in names are names', async () => {
    const odd = `${PEOPLE_YAML}
categories:
  odd: { title: Odd, do: transfer, table: public.select, key: [id], owner: { column: Owner Id }, label: "it's; DROP TABLE users --", touch: { "it's; DROP TABLE users --": "'); DROP TABLE users; --" } }
`;
    const connector = bench.connector(odd);
    expect(await connector.check()).toEqual([]);
    expect(await changed(connector, await batchOf(connector, alice, 'odd'))).toMatchObject({ changed: 2 });
    expect((await bench.db.query('SELECT count(*)::int AS n FROM users')).rows[0].n).toBe(3);
    expect(
      (await bench.db.query(`SELECT DISTINCT "it's; DROP TABLE users --" AS x FROM "select"`)).rows,
    ).toEqual([{ x: "'); DROP TABLE users; --" }]);
  });

  test('a search_path, schema or function of the same name somewhere else changes nothing', async () => {
    await bench.db.query(
      `ALTER DATABASE ${bench.db.database} SET search_path = evil, public; INSERT INTO evil.tasks VALUES (7, 1)`,
    );
    const connector = bench.connector(YAML);
    expect((await connector.inventory([alice], ['tasks']))[0]).toMatchObject({ count: 0 });
    expect(
      (await connector.directory.findPeople({ by: 'email', value: 'alice@example.com' })).map(p => p.id),
    ).toEqual(['1']);
    await bench.db.query(`ALTER DATABASE ${bench.db.database} RESET search_path`);
  });

  test('1,000 drawn names are refused by the schema, missing in the database, or exactly the column of that name', async () => {
    const known = ['id', 'owner_id', 'status', 'project', 'tags', 'data', 'code', 'maybe', 'doubled'];
    const nasty = fc.oneof(
      fc.constantFrom(
        ...known,
        'OWNER_ID',
        'owner_id ',
        'оwner_id',
        'owner_id"',
        `owner_id" = 1; --`,
        'owner_id\0',
        'o'.repeat(64),
        `owner_id${' '.repeat(60)}`,
        '*',
        'ctid',
        'xmin',
        'tableoid',
        '$1',
        "'",
        '\\',
        'owner_id::text',
      ),
      fc.string({ unit: 'binary', maxLength: 70 }),
    );
    const names = fc.sample(nasty, { numRuns: 1000, seed: 4 });
    const connector = bench.connector(YAML);
    expect(await connector.check()).toEqual([]);
    const outcomes = { refused: 0, missing: 0, found: 0 };
    const readable: string[] = [];
    for (const name of names) {
      const reading = readCatalog(`${YAML}    label: ${JSON.stringify(name)}\n`, 'crm.yaml', KINDS);
      if (!reading.ok) outcomes.refused++;
      else readable.push(reading.catalog.categories.tasks!.label as string);
    }
    // All that the schema lets through go to the live database as attributes of one catalog.
    const attributes = [...new Set(readable)].map((column, i) => `      a${i}: ${JSON.stringify(column)}`);
    const found = await problems(`${YAML}    attributes:\n${attributes.join('\n')}\n`);
    outcomes.missing = found.length;
    outcomes.found = new Set(readable).size - found.length;
    expect(outcomes.found).toBe(known.length);
    expect(outcomes.refused).toBeGreaterThan(20);
    expect(outcomes.missing).toBeGreaterThan(100);
    expect((await bench.db.query('SELECT count(*)::int AS n FROM users')).rows[0].n).toBe(3);
  });

  test('values with anything in them stay values', async () => {
    const connector = bench.connector(YAML);
    const evil = account('1; DROP TABLE users; --');
    expect((await connector.inventory([evil], ['tasks']))[0]).toMatchObject({ complete: false });
    await failureOf(allPages(connector, evil, 'tasks'));
    expect(
      (
        await failureOf(
          connector.apply(
            {
              kind: 'batch',
              category: 'tasks',
              do: 'transfer',
              accounts: [alice],
              keys: keysAsWritten('{1); DROP TABLE users; --}'),
              count: 1,
              takers: ['2'],
              assignment: null,
            },
            witness(),
          ),
        )
      ).kind,
    ).toBe('configuration');
    expect(
      (
        await failureOf(
          connector
            .inventory([alice], ['tasks'])
            .then(() => connector.items([alice], 'nothing', { limit: 1 })),
        )
      ).message,
    ).toContain('the catalog has no category nothing; known are tasks');
    expect((await bench.db.query('SELECT count(*)::int AS n FROM users')).rows[0].n).toBe(3);
  });

  test('failures carry no connection string', async () => {
    const url = new URL(bench.url);
    url.username = 'stranger';
    url.password = 'canary-password';
    url.port = '1';
    const { message } = await failureOf(bench.connector(YAML, { url: url.href }).check());
    expect(message).not.toContain('canary');
    expect(JSON.stringify(mustRead(YAML).catalog)).not.toContain('canary');
  });
});
