// What would be found out at the first move, or at the last, is found by `check`: values that do not fit, what
// constraints refuse, what triggers ask of our role. Nothing is written for that, and no trigger runs.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Bench, createBench, PEOPLE_YAML } from './fixture.js';

let bench: Bench;
const ROLE = 'checked_ahead';

beforeAll(async () => {
  bench = await createBench(
    'ahead',
    `CREATE TYPE state AS ENUM ('active', 'suspended', 'deactivated');
     CREATE DOMAIN short AS text CHECK (length(VALUE) < 5);
     CREATE DOMAIN never_empty AS text NOT NULL;
     ALTER TABLE users ADD state state NOT NULL DEFAULT 'active', ADD code varchar(3), ADD short short,
       ADD full_text never_empty DEFAULT '-', ADD level int CHECK (level BETWEEN 1 AND 9), ADD rate numeric(4, 2),
       ADD left_at timestamptz, ADD CONSTRAINT off_has_date CHECK (status <> 3 OR left_at IS NOT NULL),
       ADD counted serial;
     CREATE TABLE teams (id bigint PRIMARY KEY); INSERT INTO teams VALUES (1);
     ALTER TABLE users ADD team_id bigint REFERENCES teams;
     CREATE TABLE noticed (at timestamptz DEFAULT now());
     CREATE FUNCTION notice() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
       INSERT INTO public.noticed DEFAULT VALUES; NOTIFY noticed; RETURN NULL; END $$;
     CREATE TRIGGER notice AFTER UPDATE ON users FOR EACH STATEMENT EXECUTE FUNCTION notice();
     CREATE TABLE tasks (id bigint PRIMARY KEY, title text, owner_id bigint, status varchar(4));
     INSERT INTO tasks VALUES (1, 'one', 1);
     CREATE TABLE bound (id bigint PRIMARY KEY, owner_id bigint REFERENCES users CHECK (owner_id > 0));
     INSERT INTO bound VALUES (1, 1);
     CREATE TABLE task_log (id serial, task_id bigint);
     DO $$ BEGIN CREATE ROLE ${ROLE} LOGIN PASSWORD 'checks'; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
     GRANT SELECT ON users TO ${ROLE}; GRANT SELECT, UPDATE ON tasks TO ${ROLE}`,
  );
});
afterAll(async () => {
  await bench?.db.query(`DROP OWNED BY ${ROLE}`);
  await bench?.drop();
});

const category = (more: string, table = 'tasks'): string =>
  `categories:\n  things: { title: Things, do: transfer, table: public.${table}, key: [id], owner: { column: owner_id }${more} }\n`;
const switched = (set: string): string =>
  `categories: {}\ndeactivate: { set: { ${set} }, verify: users.status = 3 }\n`;

async function problems(yaml: string, url?: string): Promise<string[]> {
  const connector = bench.connector(`${PEOPLE_YAML}${yaml}`, url ? { url } : {});
  const found = await connector.check();
  await connector.close();
  return found.map(({ where, message }) => `${where}: ${message}`);
}

describe('a value that does not fit is named with its place', () => {
  test.each([
    [
      'a word that an enumeration does not have',
      switched('state: inactive'),
      /deactivate\.set\.state: "inactive" cannot be written to public\.users\.state, which is of type public\.state \(did you mean active\?\); its values are active, suspended, deactivated \(22P02/,
    ],
    ['almost a word of it', switched('state: deactivate'), /did you mean deactivated\?/],
    [
      'a text that is too long',
      switched('code: left'),
      /"left" cannot be written to public\.users\.code, which is of type character varying\(3\) \(22001/,
    ],
    [
      'a number that is too large',
      switched('rate: 1000'),
      /1000 cannot be written to public\.users\.rate.*\(22003/,
    ],
    [
      'a word for a number',
      switched('status: off'),
      /cannot be written to public\.users\.status, which is of type integer/,
    ],
    [
      'what a domain does not take',
      switched('short: departed'),
      /"departed" cannot be written to public\.users\.short, which is of type public\.short \(23514/,
    ],
    [
      'nothing, in a domain that wants something',
      switched('full_text: $null'),
      /cannot be written to public\.users\.full_text.*\(23502/,
    ],
    ['nothing, where something must be', switched('name: $null'), /public\.users\.name is NOT NULL/],
    [
      'a time in a column of numbers',
      switched('level: $now'),
      /"\$now" cannot be written to public\.users\.level/,
    ],
    [
      'what a constraint refuses',
      switched('level: 12'),
      /deactivate\.set: the constraint users_level_check of public\.users refuses that: .*level >= 1/,
    ],
    [
      'what a constraint refuses beside the rest of the row',
      switched('status: 3'),
      /the constraint off_has_date of public\.users refuses that/,
    ],
    [
      'a row that is not there',
      switched('team_id: 7'),
      /there is no row 7 in public\.teams \(id\), which users_team_id_fkey asks for/,
    ],
    [
      'the same for everybody, where it may be there once',
      switched("badge: 'gone'"),
      /badge of public\.users is unique: only one row can have this/,
    ],
    ['touch', category(', touch: { status: handed }'), /things\.touch\.status: "handed" cannot be written/],
    [
      'set',
      category(', set: { status: handed }')
        .replace('transfer', 'remove')
        .replace(' }\n', ', when: "tasks.status <> \'x\'" }\n'),
      /things\.set\.status: "handed" cannot be written/,
    ],
    [
      'a queue',
      category(', queues: { triage: 99 }', 'bound'),
      /things\.queues\.triage: there is no row 99 in public\.users/,
    ],
    [
      'a queue that a constraint refuses',
      category(', queues: { triage: -1 }', 'bound'),
      /things\.queues\.triage: the constraint bound_owner_id_check/,
    ],
  ])('%s', async (_, yaml, says) => {
    const found = await problems(yaml);
    expect(found.filter(one => says.test(one))).toHaveLength(1);
  });

  test('what fits is fine, and nobody noticed', async () => {
    const listener = await bench.session();
    const heard: string[] = [];
    listener.on('notification', ({ channel }) => heard.push(channel));
    await listener.query('LISTEN noticed');
    const before = await bench.db.query('SELECT last_value, is_called FROM users_counted_seq');
    expect(
      await problems(
        switched(
          'status: 3, left_at: $now, state: deactivated, code: xyz, short: gone, level: 9, rate: 99.99, team_id: 1, email: $null',
        ),
      ),
    ).toEqual([]);
    expect(
      await problems(category(', queues: { triage: 2 }, unassigned: true, touch: { status: open }')),
    ).toEqual([]);
    await listener.query('SELECT 1');
    expect(heard).toEqual([]);
    expect((await bench.db.query('SELECT count(*)::int AS n FROM noticed')).rows).toEqual([{ n: 0 }]);
    expect((await bench.db.query('SELECT last_value, is_called FROM users_counted_seq')).rows).toEqual(
      before.rows,
    );
  });
});

describe('what a trigger asks of our role', () => {
  const url = (): string => {
    const there = new URL(bench.url);
    there.username = ROLE;
    there.password = 'checks';
    return there.href;
  };
  const withTrigger = async (
    body: string,
    run: () => Promise<void>,
    { on = 'UPDATE', more = '', table = 'tasks' } = {},
  ): Promise<void> => {
    await bench.db.query(
      `CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql ${more} AS $$ BEGIN ${body}; RETURN NEW; END $$;
       CREATE TRIGGER log_task AFTER ${on} ON ${table} FOR EACH ROW EXECUTE FUNCTION t()`,
    );
    try {
      await run();
    } finally {
      await bench.db.query('DROP FUNCTION t CASCADE');
    }
  };
  const printed = (said: string): string => said.slice(said.indexOf('GRANT'));
  const WRITES = '/* update */ INSERT INTO task_log (task_id) VALUES (NEW.id) ON CONFLICT DO NOTHING';

  test('what the role lacks is named with the statements that give it, which are enough as they stand', async () => {
    await withTrigger(WRITES, async () => {
      const lacks = await problems(category(''), url());
      const at =
        /things\.table: the trigger log_task of public\.tasks writes to public\.task_log with the rights of our database role, which /;
      expect(lacks).toEqual([expect.stringMatching(at), expect.stringMatching(at)]);
      expect(lacks[0]).toContain('lacks INSERT there: GRANT INSERT ON "public"."task_log" TO checked_ahead;');
      expect(lacks[1]).toContain('may not use the sequence that numbers its rows: GRANT USAGE ON SEQUENCE');
      for (const one of lacks) await bench.db.query(printed(one));
      expect(await problems(category(''), url())).toEqual([]);
      await bench.db.query(`REVOKE ALL ON task_log, task_log_id_seq FROM ${ROLE}`);
    });
  });

  test('so is what a switch needs to insert, but for a number that the catalog gives', async () => {
    const inserting = (values: string): string =>
      `categories: {}\ndeactivate: { set: { status: 3, left_at: $now }, verify: users.status = 3, also_insert: [{ table: public.task_log, values: { task_id: $user${values} } }] }\n`;
    await bench.db.query(`GRANT UPDATE ON users TO ${ROLE}`);
    const lacks = await problems(inserting(''), url());
    expect(lacks).toEqual([
      expect.stringMatching(/also_insert\.0\.table: our database role lacks SELECT on task_id/),
      expect.stringContaining('lacks INSERT on public.task_log: GRANT INSERT ON "public"."task_log" TO'),
      expect.stringContaining(
        'the sequence that numbers the rows of public.task_log: GRANT USAGE ON SEQUENCE',
      ),
    ]);
    for (const one of lacks) await bench.db.query(printed(one));
    expect(await problems(inserting(''), url())).toEqual([]);
    await bench.db.query(`REVOKE ALL ON task_log_id_seq FROM ${ROLE}`);
    expect(await problems(inserting(', id: 5'), url())).toEqual([
      expect.stringContaining('lacks SELECT on id of public.task_log'),
    ]);
    await bench.db.query(`REVOKE ALL ON task_log, users FROM ${ROLE}; GRANT SELECT ON users TO ${ROLE}`);
  });

  test('a schema that it may not use', async () => {
    await bench.db.query(`CREATE SCHEMA closed; CREATE TABLE closed.things (id bigint PRIMARY KEY, owner_id bigint);
      GRANT SELECT, UPDATE ON closed.things TO ${ROLE}`);
    const yaml = category('').replace('public.tasks', 'closed.things');
    const lacks = await problems(yaml, url());
    expect(lacks).toEqual([
      expect.stringContaining(
        'our database role may not use the schema closed: GRANT USAGE ON SCHEMA "closed" TO',
      ),
    ]);
    for (const one of lacks) await bench.db.query(printed(one));
    expect(await problems(yaml, url())).toEqual([]);
    await bench.db.query('DROP SCHEMA closed CASCADE');
  });

  test.each([
    ['runs with the rights of its owner', WRITES, { more: 'SECURITY DEFINER' }],
    ['is about another event', WRITES, { on: 'INSERT' }],
    ['is about another column', WRITES, { on: 'UPDATE OF title' }],
    [
      'only seems to write',
      `-- insert into task_log\n PERFORM 'insert into task_log'; PERFORM FROM tasks FOR UPDATE OF tasks`,
      {},
    ],
    ['can do without the setting', `PERFORM current_setting('app.actor', true)`, {}],
  ])('one that %s asks nothing', async (_, body, how) => {
    await withTrigger(body, async () => expect(await problems(category(''), url())).toEqual([]), how);
  });

  test('one that speaks where a merge deletes, and one of a single partition', async () => {
    await bench.db.query(`GRANT DELETE ON tasks TO ${ROLE};
      CREATE TABLE split (id bigint, owner_id bigint, PRIMARY KEY (id)) PARTITION BY RANGE (id);
      CREATE TABLE split_low PARTITION OF split FOR VALUES FROM (0) TO (10);
      GRANT SELECT, UPDATE ON split TO ${ROLE}`);
    const log = WRITES.replace('NEW.id', 'OLD.id');
    await withTrigger(
      log,
      async () => {
        expect(await problems(category(''), url())).toEqual([]);
        const lacks = await problems(category(', unique: [title]'), url());
        expect(lacks.join()).toContain('writes to public.task_log with the rights of our database role');
        await bench.db.query(
          'CREATE TRIGGER log_part AFTER UPDATE ON split_low FOR EACH ROW EXECUTE FUNCTION t()',
        );
        expect((await problems(category('', 'split'), url())).join()).toContain(
          'the trigger log_part of public.split_low writes to public.task_log',
        );
      },
      { on: 'DELETE' },
    );
    await bench.db.query(`DROP TABLE split; REVOKE DELETE ON tasks FROM ${ROLE}`);
  });

  test.each([
    ['what a change touches beside the owner', 'UPDATE OF status', 'tasks', ', touch: { status: open }'],
    ['the version that a change counts up', 'UPDATE OF version', 'tasks', ', version: version'],
    [
      'a copy of the owner',
      'UPDATE OF owner_id',
      'copies',
      ', mirrors: [{ table: public.copies, owner: owner_id, join: { task_id: id } }]',
    ],
    [
      'what goes with a row',
      'DELETE',
      'copies',
      ', unique: [title], with: [{ table: public.copies, join: { task_id: id } }]',
    ],
  ])('one that speaks for %s', async (_, on, table, more) => {
    await bench.db.query(`ALTER TABLE tasks ADD version int; GRANT DELETE ON tasks TO ${ROLE};
      CREATE TABLE copies (task_id bigint, owner_id bigint);
      GRANT SELECT, UPDATE, DELETE ON copies TO ${ROLE}`);
    const writes = 'INSERT INTO task_log (task_id) VALUES (1)';
    await withTrigger(
      writes,
      async () => {
        expect(await problems(category(''), url())).toEqual([]);
        expect((await problems(category(more), url())).join()).toContain(
          `the trigger log_task of public.${table} writes to public.task_log`,
        );
        await bench.db.query(`ALTER TABLE ${table} DISABLE TRIGGER log_task`);
        expect(await problems(category(more), url()), 'one that is switched off asks nothing').toEqual([]);
      },
      { on, table },
    );
    await bench.db.query(
      `DROP TABLE copies; ALTER TABLE tasks DROP version; REVOKE DELETE ON tasks FROM ${ROLE}`,
    );
  });

  test('a setting of the session is named, until the catalog or the role has it', async () => {
    await withTrigger(`PERFORM current_setting('app.actor')`, async () => {
      expect(await problems(category(''))).toEqual([
        expect.stringMatching(
          /things\.table: the trigger log_task of public\.tasks reads the setting app\.actor, which our database role does not have: name it under settings/,
        ),
      ]);
      expect(await problems(`settings: { app.actor: handover }\n${category('')}`)).toEqual([]);
      await bench.db.query(`ALTER ROLE ${ROLE} SET app.actor = 'handover'`);
      expect(await problems(category(''), url())).toEqual([]);
      await bench.db.query(`ALTER ROLE ${ROLE} RESET app.actor`);
    });
  });
});

describe('what changes together with a row', () => {
  const url = (): string => {
    const there = new URL(bench.url);
    there.username = ROLE;
    there.password = 'checks';
    return there.href;
  };
  const MIRROR = 'table: public.task_notes, owner: owner_id, join: { task_id: id }';
  const DELETE = /our database role lacks DELETE on public\.task_notes: GRANT DELETE/;

  beforeAll(() =>
    bench.db.query(`CREATE TABLE task_notes (task_id bigint, owner_id bigint, note text);
      CREATE TABLE task_rules (task_id bigint, owner_id bigint);
      CREATE RULE nothing AS ON DELETE TO task_rules DO INSTEAD NOTHING;
      GRANT DELETE ON tasks TO ${ROLE}; GRANT SELECT, UPDATE ON task_notes TO ${ROLE}`),
  );
  afterAll(() => bench.db.query(`DROP TABLE task_notes, task_rules; REVOKE DELETE ON tasks FROM ${ROLE}`));

  test('an owner that is stored once more is only written', async () => {
    expect(await problems(category(`, mirrors: [{ ${MIRROR} }]`), url())).toEqual([]);
  });

  test.each([
    [
      'a mirror beside which the successor may stand already',
      `, mirrors: [{ ${MIRROR}, unique: [note] }]`,
      'mirrors.0.table',
    ],
    [
      'a mirror that hangs on a row which is merged',
      `, unique: [title], mirrors: [{ ${MIRROR} }]`,
      'mirrors.0.table',
    ],
    [
      'what goes with a row',
      `, unique: [title], with: [{ table: public.task_notes, join: { task_id: id } }]`,
      'with.0.table',
    ],
  ])('%s is deleted, which our role must be allowed', async (_, more, at) => {
    const lacks = (await problems(category(more), url())).filter(one => one.includes(at));
    expect(lacks).toEqual([expect.stringMatching(DELETE)]);
  });

  test.each([
    ['mirrors', ', mirrors: [{ table: public.task_rules, owner: owner_id, join: { task_id: id } }]'],
    ['with', ', unique: [title], with: [{ table: public.task_rules, join: { task_id: id } }]'],
  ])('where rules stand in for it, %s is refused', async (key, more) => {
    expect((await problems(category(more))).join()).toMatch(
      new RegExp(`things\\.${key}\\.0\\.table: public\\.task_rules has rewrite rules`),
    );
  });
});

test('what fits is remembered until something changes that could make a difference', async () => {
  await bench.db.query(`CREATE FUNCTION calm(bigint) RETURNS boolean LANGUAGE sql STABLE AS 'SELECT true'`);
  const connector = bench.connector(`${PEOPLE_YAML}${category(', when: public.calm(tasks.id)')}`);
  const says = async (): Promise<string[]> => (await connector.misfits()).map(({ message }) => message);
  expect(await says()).toEqual([]);
  await bench.db.query(
    `CREATE OR REPLACE FUNCTION calm(bigint) RETURNS boolean LANGUAGE sql VOLATILE AS 'SELECT true'`,
  );
  expect(await says()).toEqual([]);
  expect((await connector.check()).length).toBe(1);
  for (const [change, back] of [
    ['ALTER TABLE tasks RENAME owner_id TO owner', 'ALTER TABLE tasks RENAME owner TO owner_id'],
    ['ALTER TABLE tasks DROP CONSTRAINT tasks_pkey', 'ALTER TABLE tasks ADD PRIMARY KEY (id)'],
  ] as const) {
    await bench.db.query(change);
    expect((await says()).length).toBeGreaterThan(0);
    await bench.db.query(back);
    // Nothing is remembered of what does not fit: what came besides is found as well.
    expect((await says()).length).toBe(1);
  }
});

test('a role that only reads is found before anything is moved, and may read for people all the same', async () => {
  const there = `${bench.url}?options=-c%20default_transaction_read_only%3Don`;
  expect(await problems(category(''), there)).toEqual([
    expect.stringMatching(
      /system: our database role only reads there \(default_transaction_read_only is on\)/,
    ),
  ]);
  expect(await problems('categories: {}\n', there)).toEqual([]);
});
