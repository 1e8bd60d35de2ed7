/**
 * What a piece of work would do besides, in every shape that a schema gives it: counted without changing
 * anything, and then done, so that the two can be compared.
 */
import { afterAll, describe, expect, test } from 'vitest';
import type { Foreseen } from '../../connectors/connector.js';
import {
  ALICE,
  account,
  type Bench,
  BOB,
  batchOf,
  createBench,
  failureOf,
  PEOPLE_YAML,
  type WholeConnector,
  witness,
} from './fixture.js';

const benches: Bench[] = [];
afterAll(() => Promise.all(benches.map(bench => bench.drop())));
const alice = account(ALICE);

interface Given {
  sql: string;
  categories: string;
  /** What stands before the categories. */
  head?: string;
}

async function given({
  sql,
  categories,
  head = '',
}: Given): Promise<{ bench: Bench; connector: WholeConnector }> {
  const bench = await createBench('besides', sql);
  benches.push(bench);
  const connector = bench.connector(
    `${PEOPLE_YAML}${head}categories:\n${categories.trim().replace(/^/gm, '  ')}\ndeactivate: { set: { status: 3 }, verify: users.status = 3 }\n`,
  );
  expect(await connector.check()).toEqual([]);
  return { bench, connector };
}

const removal = (category: string): Foreseen => ({ kind: 'batch', category, do: 'remove', takers: [] });
const transfer = (category: string): Foreseen => ({ kind: 'batch', category, do: 'transfer', takers: [BOB] });
const briefly = (found: { table: string; does: string; count: number | null; more?: true }[]) =>
  found.map(({ table, does, count, more }) => `${does} ${count}${more ? '+' : ''} ${table.slice(7)}`);

const SEATS = 'seats: { title: Seats, do: remove, table: public.seats, key: [id], owner: { column: user_id }';

describe('foreign keys are followed as far as they go', () => {
  test.each<[string, string, string[]]>([
    [
      'a table that refers to itself, to the end',
      `create table seats (id bigint primary key, user_id bigint, under bigint references seats on delete cascade);
       insert into seats values (1, 1, null), (2, 3, 1), (3, 3, 2), (4, 3, 3), (5, 3, null)`,
      ['delete 3 seats'],
    ],
    [
      'two ways to the same rows, counted once',
      `create table seats (id bigint primary key, user_id bigint);
       create table a (id int primary key, seat bigint references seats on delete cascade);
       create table b (id int primary key, seat bigint references seats on delete cascade, a int references a on delete cascade);
       insert into seats values (1, 1), (2, 2); insert into a values (1, 1), (2, 1), (3, 2); insert into b values (1, 1, 1), (2, null, 2), (3, 2, null)`,
      ['delete 2 a', 'delete 2 b'],
    ],
    [
      'keys of several columns, of another type, and to another key than the first',
      `create table seats (id bigint primary key, user_id bigint, room text, place smallint, unique (room, place));
       create table a (id int primary key, room text, place int, foreign key (room, place) references seats (room, place) on delete cascade);
       insert into seats values (1, 1, 'x', 1), (2, 2, 'x', 2); insert into a values (1, 'x', 1), (2, 'x', 2), (3, 'x', null)`,
      ['delete 1 a'],
    ],
    [
      'set null and set default change rows, and what goes anyway is not counted as changed',
      `create table seats (id bigint primary key, user_id bigint);
       create table a (id int primary key, seat bigint references seats on delete set null, other bigint default 9 references seats on delete set default);
       create table b (id int primary key, seat bigint references seats on delete set null, same bigint references seats on delete cascade);
       insert into seats values (1, 1), (2, 2), (9, 2); insert into a values (1, 1, 1), (2, 2, 1), (3, 2, 2); insert into b values (1, 1, 1), (2, 1, 2)`,
      ['delete 1 b', 'change 2 a', 'change 1 b'],
    ],
    [
      'partitions on both sides, and a key that only one partition has',
      `create table seats (id bigint not null, user_id bigint, year int not null, primary key (id, year)) partition by list (year);
       create table seats_1 partition of seats for values in (1); create table seats_2 partition of seats for values in (2);
       create table a (id int, seat bigint, year int, foreign key (seat, year) references seats on delete cascade) partition by range (id);
       create table a_low partition of a for values from (0) to (10); create table a_high partition of a for values from (10) to (20);
       alter table seats_2 add unique (id);
       create table b (id int primary key, seat bigint references seats_2 (id) on delete cascade);
       insert into seats values (1, 1, 1), (2, 1, 2), (3, 2, 1); insert into a values (1, 1, 1), (11, 2, 2), (12, 3, 1); insert into b values (1, 2)`,
      ['delete 2 a', 'delete 1 b'],
    ],
    [
      'children that inherit have no part in the parent’s keys',
      `create table seats (id bigint primary key, user_id bigint);
       create table special (primary key (id)) inherits (seats);
       create table a (id int primary key, seat bigint references seats on delete cascade);
       create table b (id int primary key, seat bigint references special on delete cascade);
       insert into seats values (1, 1); insert into special values (2, 1); insert into a values (1, 1); insert into b values (1, 2)`,
      ['delete 1 a', 'delete 1 b'],
    ],
    [
      'a circle over two tables is followed once, and said to be more',
      `create table seats (id bigint primary key, user_id bigint);
       create table a (id int primary key, seat bigint references seats on delete cascade, b int);
       create table b (id int primary key, a int references a on delete cascade);
       alter table a add foreign key (b) references b on delete cascade;
       insert into seats values (1, 1); insert into a values (1, 1, null), (2, null, null); insert into b values (1, 1); update a set b = 1 where id = 2`,
      ['delete 1+ a', 'delete 1 b'],
    ],
    [
      'equal by the type of its own',
      `create extension citext; create table seats (id bigint primary key, user_id bigint, code citext unique);
       create table a (id int primary key, code citext references seats (code) on delete cascade);
       insert into seats values (1, 1, 'Red'); insert into a values (1, 'RED'), (2, null)`,
      ['delete 1 a'],
    ],
  ])('%s', async (_what, sql, expected) => {
    const { bench, connector } = await given({
      sql,
      categories: `${sql.includes('(id, year)') ? SEATS.replace('[id]', '[id, year]') : SEATS} }`,
    });
    const [{ besides } = { besides: [] }] = await connector.foresee([alice], [removal('seats')]);
    expect(briefly(besides)).toEqual(expected);
    expect(besides.every(one => one.by === 'rule' && !one.allowed)).toBe(true);
    // And so it would be: the same, done, and refused.
    const before = await bench.db.query('select count(*) from seats');
    const failure = await failureOf(
      connector.apply(await batchOf(connector, alice, 'seats', { do: 'remove' }), witness()),
    );
    expect(failure).toMatchObject({
      kind: 'rejected',
      message: expect.stringContaining('would have done more than was approved'),
    });
    expect((await bench.db.query('select count(*) from seats')).rows).toEqual(before.rows);
  });

  test('a change that is carried on (on update cascade) is counted, also where the owner is part of the key', async () => {
    const { connector } = await given({
      sql: `create table papers (id bigint, user_id bigint, primary key (id, user_id));
            create table pages (id int primary key, paper bigint, author bigint, foreign key (paper, author) references papers on update cascade);
            insert into papers values (1, 1), (2, 1), (3, 2); insert into pages values (1, 1, 1), (2, 1, 1), (3, 3, 2)`,
      categories: `papers: { title: Papers, do: transfer, table: public.papers, key: [id, user_id], owner: { column: user_id }, cascades: [{ table: public.pages, does: change }] }`,
    });
    const [{ besides } = { besides: [] }] = await connector.foresee([alice], [transfer('papers')]);
    expect(besides).toMatchObject([{ table: 'public.pages', does: 'change', count: 2, allowed: true }]);
    const { effect } = await connector.apply(await batchOf(connector, alice, 'papers'), witness());
    expect(effect).toMatchObject({
      changed: 2,
      elsewhere: [{ table: 'public.pages', does: 'change', count: 2 }],
    });
  });

  test('a row that goes to another partition changes; before PostgreSQL 15 that deletes what refers to it, and is refused', async () => {
    const { bench, connector } = await given({
      sql: `create table papers (id bigint not null, user_id bigint not null, primary key (id, user_id)) partition by list (user_id);
            create table papers_1 partition of papers for values in (1);
            create table papers_2 partition of papers for values in (2);
            create table pages (id int primary key, paper bigint, author bigint, foreign key (paper, author) references papers on delete cascade on update cascade);
            insert into papers select n, 1 from generate_series(1, 20) n; insert into pages select n, n, 1 from generate_series(1, 20) n`,
      categories: `papers: { title: Papers, do: transfer, table: public.papers, key: [id, user_id], owner: { column: user_id }, cascades: [{ table: public.pages, does: change }] }`,
    });
    const version = await bench.db.query(`select current_setting('server_version_num')::int as n`);
    const deletes = version.rows[0].n < 150_000;
    const [{ besides } = { besides: [] }] = await connector.foresee([alice], [transfer('papers')]);
    expect(briefly(besides)).toEqual([...(deletes ? ['delete 20 pages'] : []), 'change 20 pages']);

    const applied = connector.apply(await batchOf(connector, alice, 'papers'), witness());
    if (deletes) {
      await expect(applied).rejects.toThrow('more than was approved (20 rows of public.pages deleted)');
    } else {
      const elsewhere = [{ table: 'public.pages', does: 'change', count: 20 }];
      expect((await applied).effect).toMatchObject({ changed: 20, elsewhere });
    }
    const owner = deletes ? 1 : 2;
    expect(
      (await bench.db.query('select author::int, count(*)::int as n from pages group by author')).rows,
    ).toEqual([{ author: owner, n: 20 }]);
  });
});

test('rows that leave a partition to which others refer would take them along: nothing is done that nobody has seen', async () => {
  const { bench, connector } = await given({
    sql: `create table papers (id bigint not null, user_id bigint not null, primary key (id, user_id)) partition by list (user_id);
          create table papers_1 partition of papers for values in (1);
          create table papers_2 partition of papers for values in (2);
          alter table papers_1 add unique (id);
          create table pages (id int primary key, paper bigint references papers_1 (id) on delete cascade);
          insert into papers values (1, 1), (2, 1); insert into pages values (1, 1), (2, 1), (3, 2)`,
    categories: `papers: { title: Papers, do: transfer, table: public.papers, key: [id, user_id], owner: { column: user_id } }`,
  });
  const [{ besides } = { besides: [] }] = await connector.foresee([alice], [transfer('papers')]);
  expect(briefly(besides)).toEqual(['delete 3 pages']);
  const applied = connector.apply(await batchOf(connector, alice, 'papers'), witness());
  await expect(applied).rejects.toThrow('more than was approved (3 rows of public.pages deleted)');
  expect((await bench.db.query('select count(*)::int as n from pages')).rows).toEqual([{ n: 3 }]);
});

describe('what is dealt with by name is no effect besides', () => {
  const sql = `create table seats (id bigint primary key, user_id bigint);
     create table roles (id int primary key, seat bigint not null references seats);
     create table works (id int primary key, seat bigint references seats on delete cascade, open boolean not null);
     insert into seats values (1, 1), (2, 2); insert into roles values (1, 1), (2, 1), (3, 2); insert into works values (1, 1, true), (2, 1, false), (3, 2, true)`;
  const WORKS = `works: { title: Works, do: transfer, table: public.works, key: [id], owner: { column: seat, identity: seat }, when: works.open }`;
  const HEAD = 'identities: { seat: { table: public.seats, key: id, person: user_id } }\n';
  const who = account(ALICE, { seat: ['1'] });

  const given_ = () =>
    given({
      sql,
      head: HEAD,
      categories: `${WORKS}\n${SEATS}, with: [{ table: public.roles, join: { seat: id } }] }`,
    });
  const works: Foreseen = { kind: 'batch', category: 'works', do: 'transfer', takers: ['2'] };

  test('rows that go with an item, and rows that were handed over before; not those that are handed over later', async () => {
    const { connector } = await given_();
    const before = await connector.foresee([who], [works, removal('seats')]);
    expect(before.map(one => briefly(one.besides))).toEqual([[], ['delete 1 works']]);
    const after = await connector.foresee([who], [removal('seats'), works]);
    expect(after.map(one => briefly(one.besides))).toEqual([['delete 2 works'], []]);
  });

  test('what goes with an item takes its own along, which is counted', async () => {
    const { bench, connector } = await given_();
    await bench.db.query(
      'create table marks (id int primary key, role int references roles on delete cascade); insert into marks values (1, 1), (2, 1), (3, 3)',
    );
    const fresh = bench.connector(
      `${PEOPLE_YAML}${HEAD}categories:\n  ${SEATS}, with: [{ table: public.roles, join: { seat: id } }] }\n`,
    );
    const [{ besides } = { besides: [] }] = await fresh.foresee([who], [removal('seats')]);
    expect(briefly(besides)).toEqual(['delete 2 marks', 'delete 2 works']);
    void connector;
  });
});

test('rows that go with an item take nothing along that nobody has seen, where the item itself takes nothing', async () => {
  const { bench, connector } = await given({
    sql: `create table seats (id bigint primary key, user_id bigint);
          create table roles (id int primary key, seat bigint not null);
          create table marks (id int primary key, role int references roles on delete cascade);
          insert into seats values (1, 1); insert into roles values (1, 1), (2, 2); insert into marks values (1, 1), (2, 1), (3, 2)`,
    categories: `${SEATS}, with: [{ table: public.roles, join: { seat: id } }] }`,
  });
  const failure = await failureOf(
    connector.apply(await batchOf(connector, alice, 'seats', { do: 'remove' }), witness()),
  );
  expect(failure.message).toContain('2 rows of public.marks deleted');
  expect((await bench.db.query('select count(*)::int as n from marks')).rows).toEqual([{ n: 3 }]);
});

test('nor does a mirror that is removed because the successor has one', async () => {
  const { bench, connector } = await given({
    sql: `create table seats (id bigint primary key, user_id bigint);
          create table holders (id int primary key, seat bigint not null, user_id bigint, unique (seat, user_id));
          create table marks (id int primary key, holder int references holders on delete cascade);
          insert into seats values (1, 1); insert into holders values (1, 1, 1), (2, 1, 2);
          insert into marks values (1, 1), (2, 2)`,
    categories: `${SEATS.replace('do: remove', 'do: transfer')}, mirrors: [{ table: public.holders, owner: user_id, join: { seat: id }, unique: [seat] }] }`,
  });
  const failure = await failureOf(connector.apply(await batchOf(connector, alice, 'seats'), witness()));
  expect(failure.message).toContain('1 row of public.marks deleted');
  expect((await bench.db.query('select count(*)::int as n from marks')).rows).toEqual([{ n: 2 }]);
});

describe('triggers', () => {
  const sql = `create table seats (id bigint primary key, user_id bigint, note text);
     create table tally (id int primary key, n int not null);
     insert into seats select n, 1 from generate_series(1, 60) n; insert into tally values (1, 0)`;
  const MOVE = `seats: { title: Seats, do: transfer, table: public.seats, key: [id], owner: { column: user_id } }`;

  test('are tried with a few items: what they do is known, and nothing of it stays', async () => {
    const { bench, connector } = await given({ sql, categories: MOVE });
    await bench.db.query(`
      create function act() returns trigger language plpgsql as $$ begin update public.tally set n = n + 1; return new; end $$;
      create trigger act after update on seats for each row execute function act()`);
    const fresh = bench.connector(`${PEOPLE_YAML}categories:\n  ${MOVE}\n`);
    const [{ besides, unknown } = { besides: [], unknown: '' }] = await fresh.foresee(
      [alice],
      [transfer('seats')],
    );
    expect(unknown).toBe(null);
    expect(besides).toMatchObject([
      { table: 'public.tally', does: 'change', count: 50, more: true, by: 'trigger' },
    ]);
    expect((await bench.db.query('select n from tally')).rows).toEqual([{ n: 0 }]);
    expect((await bench.db.query('select count(*)::int as n from seats where user_id = 1')).rows).toEqual([
      { n: 60 },
    ]);
    void connector;
  });

  test('that cannot be tried are said to be unknown, and then do nothing that nobody has seen', async () => {
    const { bench } = await given({ sql, categories: MOVE });
    await bench.db.query(`
      create function act() returns trigger language plpgsql as $$ begin update public.tally set n = n + 1; return new; end $$;
      create trigger act after update on seats for each row execute function act()`);
    const fresh = bench.connector(`${PEOPLE_YAML}categories:\n  ${MOVE}\n`);
    const other = await bench.session();
    await other.query('begin; select from seats where id = 1 for update');
    const [{ besides, unknown } = { besides: [], unknown: '' }] = await fresh.foresee(
      [alice],
      [transfer('seats')],
    );
    await other.query('rollback');
    expect(besides).toEqual([]);
    expect(unknown).toContain('55P03');
    const failure = await failureOf(fresh.apply(await batchOf(fresh, alice, 'seats'), witness()));
    expect(failure.message).toContain('60 rows of public.tally changed');
  });

  test('that wait for COMMIT are heard before the receipt, wherever they write to', async () => {
    const { bench } = await given({ sql, categories: MOVE });
    await bench.db.query(`
      create function act() returns trigger language plpgsql as $$ begin delete from public.tally; return new; end $$;
      create constraint trigger act after update on seats deferrable initially deferred for each row execute function act()`);
    const fresh = bench.connector(`${PEOPLE_YAML}categories:\n  ${MOVE}\n`);
    const failure = await failureOf(fresh.apply(await batchOf(fresh, alice, 'seats'), witness()));
    expect(failure.message).toContain('1 row of public.tally deleted');
    expect((await bench.db.query('select count(*)::int as n from tally')).rows).toEqual([{ n: 1 }]);
  });

  test('that move rows to another partition change them', async () => {
    const { bench } = await given({ sql, categories: MOVE });
    await bench.db.query(`
      create table places (id int, half int) partition by list (half);
      create table places_1 partition of places for values in (1); create table places_2 partition of places for values in (2);
      insert into places values (1, 1), (2, 1);
      create function act() returns trigger language plpgsql as $$ begin update public.places set half = 2 where half = 1; return new; end $$;
      create trigger act after update on seats for each row execute function act()`);
    const fresh = bench.connector(`${PEOPLE_YAML}categories:\n  ${MOVE}\n`);
    const [{ besides } = { besides: [] }] = await fresh.foresee([alice], [transfer('seats')]);
    expect(briefly(besides)).toEqual(['change 2+ places']);
  });

  test('of a single partition are tried as well', async () => {
    const { bench } = await given({
      sql: `create table seats (id bigint, user_id bigint, primary key (id)) partition by range (id);
        create table seats_low partition of seats for values from (0) to (10);
        create table seats_high partition of seats for values from (10) to (99);
        create table tally (id int primary key, n int not null); insert into tally values (1, 0);
        insert into seats values (1, 1), (20, 1), (21, 1)`,
      categories: MOVE,
    });
    await bench.db.query(`
      create function act() returns trigger language plpgsql as $$ begin update public.tally set n = n + 1; return new; end $$;
      create trigger act after update on seats_high for each row execute function act()`);
    const fresh = bench.connector(`${PEOPLE_YAML}categories:\n  ${MOVE}\n`);
    const [{ besides } = { besides: [] }] = await fresh.foresee([alice], [transfer('seats')]);
    expect(briefly(besides)).toEqual(['change 2 tally']);
  });

  test('that only add rows are nobody’s loss', async () => {
    const { bench } = await given({ sql, categories: MOVE });
    await bench.db.query(`
      create function act() returns trigger language plpgsql as $$ begin insert into public.tally values (new.id + 10, 0); return new; end $$;
      create trigger act after update on seats for each row execute function act()`);
    const fresh = bench.connector(`${PEOPLE_YAML}categories:\n  ${MOVE}\n`);
    const { effect } = await fresh.apply(await batchOf(fresh, alice, 'seats'), witness());
    expect(effect).toMatchObject({ changed: 60 });
    expect(effect.elsewhere).toBeUndefined();
  });
});

test('a row that goes, and was written by another rule before that, only goes', async () => {
  const { connector, bench } = await given({
    sql: `create table seats (id bigint primary key, user_id bigint); insert into seats values (1, 1), (2, 1);
      create table notes (id bigint primary key, about bigint references seats on delete set null,
        within bigint references seats on delete cascade);
      insert into notes values (1, 1, 1), (2, 2, 2)`,
    categories: `${SEATS}, cascades: [{ table: public.notes, does: delete }] }`,
  });
  const work = await batchOf(connector, alice, 'seats', { do: 'remove' });
  const { effect } = await connector.apply(work, witness());
  expect(effect).toMatchObject({ changed: 2, exceptions: [] });
  expect(effect.elsewhere).toEqual(
    expect.arrayContaining([{ table: 'public.notes', does: 'delete', count: 2 }]),
  );
  expect((await bench.db.query('select count(*)::int as n from notes')).rows).toEqual([{ n: 0 }]);
});

test('a merge is foreseen as the removal that it is, with all that hangs on it', async () => {
  const { connector } = await given({
    sql: `create table seats (id bigint primary key, user_id bigint, room text, unique (room, user_id));
          create table a (id int primary key, seat bigint references seats on delete cascade);
          insert into seats values (1, 1, 'x'), (2, 2, 'x'), (3, 1, 'y'); insert into a values (1, 1), (2, 2), (3, 3)`,
    categories: `seats: { title: Seats, do: transfer, table: public.seats, key: [id], owner: { column: user_id }, unique: [room] }`,
  });
  const [{ besides } = { besides: [] }] = await connector.foresee([alice], [transfer('seats')]);
  expect(besides).toMatchObject([
    { table: 'public.a', does: 'delete', count: 1, by: 'rule', allowed: false },
    { table: 'public.seats', does: 'delete', count: 1, by: 'merge', allowed: true },
  ]);
});

test('what deleting the person later would do is counted, unless that means reading the whole of a large table', async () => {
  const { bench, connector } = await given({
    sql: `create table acks (id int primary key, person bigint references users on delete cascade);
          create table deals (id int primary key, owner bigint references users on delete set null);
          create table seats (id bigint primary key, user_id bigint not null references users);
          create table empty (id int primary key, person bigint references users on delete cascade);
          create table logs (person bigint);
          insert into acks values (1, 1), (2, 1), (3, 2); insert into deals values (1, 1); insert into seats values (1, 1), (2, 2);
          insert into logs select 2 from generate_series(1, 60000); analyze logs`,
    categories: `${SEATS.replace('do: remove', 'do: transfer')} }`,
  });
  const dangers = async (works: Foreseen[], whole = connector) =>
    (await whole.dangers([alice], works)).map(one => `${one.does} ${one.count} ${one.table.slice(7)}`).sort();
  const kept = ['change 1 deals', 'delete 2 acks'];
  expect(await dangers([])).toEqual([...kept, 'refuse 1 seats']);
  expect(await dangers([transfer('seats')])).toEqual(kept);

  await bench.db.query('alter table logs add foreign key (person) references users on delete cascade');
  const fresh = () => bench.connector(`${PEOPLE_YAML}categories: {}\n`);
  expect(await dangers([], fresh())).toEqual([
    'change null deals',
    'delete null acks',
    'delete null empty',
    'delete null logs',
    'refuse null seats',
  ]);
  await bench.db.query('create index on logs (person)');
  expect(await dangers([], fresh())).toEqual([...kept, 'refuse 1 seats']);
});

test('rows that our role may not read are not counted: the right that is missing is named, as it is given', async () => {
  const { bench } = await given({
    sql: `create table seats (id bigint primary key, user_id bigint);
          create table a (id int primary key, seat bigint references seats on delete cascade);
          insert into seats values (1, 1); insert into a values (1, 1);
          drop role if exists besides_blind; create role besides_blind login password 'blind';
          grant select, update, delete on users, seats to besides_blind`,
    categories: `${SEATS} }`,
  });
  try {
    const url = new URL(bench.url);
    Object.assign(url, { username: 'besides_blind', password: 'blind' });
    const blind = bench.connector(`${PEOPLE_YAML}categories:\n  ${SEATS} }\n`, { url: url.href });
    const besides = async () => (await blind.foresee([alice], [removal('seats')]))[0]!.besides;
    expect(await besides()).toMatchObject([
      {
        table: 'public.a',
        does: 'delete',
        count: null,
        why: 'our database role lacks SELECT there: GRANT SELECT ON "public"."a" TO besides_blind;',
      },
    ]);
    await bench.db.query('GRANT SELECT ON "public"."a" TO besides_blind');
    expect(briefly(await besides())).toEqual(['delete 1 a']);
    await blind.close();
  } finally {
    await bench.db.query('drop owned by besides_blind; drop role besides_blind');
  }
});
