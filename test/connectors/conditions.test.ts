// A condition is one expression that only reads, as PostgreSQL itself reads it: whatever our own reading of its
// text takes it for.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkCondition, mistakeIn } from '../../connectors/postgres/conditions.js';
import { Session } from '../../connectors/postgres/session.js';
import { type Bench, createBench, mustRead, PEOPLE_YAML } from './fixture.js';

let bench: Bench;
let session: Session;

beforeAll(async () => {
  bench = await createBench(
    'conditions',
    `CREATE TABLE tasks (id bigint PRIMARY KEY, title text, owner_id bigint);
     INSERT INTO tasks SELECT n, 'task ' || n, 1 FROM generate_series(1, 5) AS n;
     CREATE FUNCTION wipes(bigint) RETURNS boolean LANGUAGE plpgsql AS
       'BEGIN DELETE FROM tasks; RETURN true; END';
     CREATE FUNCTION wipes(text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 <> ''''';
     CREATE OPERATOR <<<< (FUNCTION = wipes, RIGHTARG = bigint);
     CREATE FUNCTION calm(bigint) RETURNS boolean LANGUAGE sql STABLE AS 'SELECT $1 > 0'`,
  );
  session = new Session(mustRead(`${PEOPLE_YAML}categories: {}\n`).catalog, bench.url, 1, () => {});
});
afterAll(async () => {
  await session?.close();
  await bench?.drop();
});

const asked = (condition: string, scalar?: true): Promise<string | null> =>
  session.transaction({ mode: 'read', doing: 'asking' }, tx =>
    checkCondition(tx, { condition, scalar, from: 'public.tasks AS tasks' }),
  );

/**
 * The second string goes on in the way of the first, to which a backslash is an escape: it ends later than it
 * seems, and what seems to be a string is none.
 */
const HIDES_ITS_END = `tasks.title = E'a'\n'\\' or tasks.title = '); DELETE FROM public.tasks; --'`;

describe('what PostgreSQL reads otherwise than it looks', () => {
  test('runs nothing, and is refused from the text alone as well', async () => {
    expect(await asked(HIDES_ITS_END)).toMatch(/PostgreSQL refuses it/);
    expect(await asked(HIDES_ITS_END, true)).toMatch(/PostgreSQL refuses it/);
    expect((await bench.db.query('SELECT count(*)::int AS n FROM tasks')).rows).toEqual([{ n: 5 }]);
    expect(mistakeIn(HIDES_ITS_END)).toMatch(/two strings side by side/);
  });

  test.each<[string, RegExp]>([
    ["tasks.title = E'\\''", /backslash escapes/],
    ["tasks.title = e'\\''", /backslash escapes/],
    ...['update', 'share', 'no key update', 'key share'].map(
      strength => [`exists (select from public.tasks for ${strength})`, /row locks/] as [string, RegExp],
    ),
  ])('%s is refused from its text alone', (condition, says) => {
    expect(mistakeIn(condition)).toMatch(says);
  });

  test.each([
    ['out of round brackets', 'true) OR (true', /does not read it as one expression/],
    ['out of square brackets', 'true] || ARRAY[true', /refuses it/],
    ['a comment that swallows what follows', 'true --', /refuses it/],
    ['a second statement', 'true; DELETE FROM public.tasks', /refuses it/],
    ['another list', 'true, false', /refuses it/],
    ['another query', 'true) UNION ALL SELECT FROM public.users WHERE (true', /does not read it as one/],
  ])('%s', async (_, condition, says) => {
    expect(await asked(condition)).toMatch(says);
  });
});

describe('a volatile function', () => {
  test.each([
    ['by its name', 'public.wipes(tasks.id)', /it calls public.wipes\(\)/],
    ['by an operator', 'OPERATOR(public.<<<<) tasks.id', /it calls/],
    [
      'deep in a subselect',
      'exists (select from public.users u where public.wipes(u.id))',
      /it calls public.wipes/,
    ],
    ['of the database itself', 'random() < 2', /it calls pg_catalog.random/],
    ['beside what is false', 'false and public.wipes(tasks.id)', /it calls public.wipes/],
  ])('%s is refused', async (_, condition, says) => {
    expect(await asked(condition)).toMatch(says);
    expect((await bench.db.query('SELECT count(*)::int AS n FROM tasks')).rows).toEqual([{ n: 5 }]);
  });

  test.each([
    'public.wipes(tasks.title)',
    'public.calm(tasks.id)',
    "now() > tasks.id * interval '1 day' + timestamptz '2000-01-01'",
    'exists (select from public.users u where u.id = tasks.owner_id and lower(u.name) = tasks.title)',
    "tasks.title in ('a', 'b') or tasks.title like '%c' and tasks.id between 1 and 3",
    'true',
    'false',
    'null',
  ])('another one of that name is not meant, and what is fine is fine: %s', async condition => {
    expect(await asked(condition)).toBe(null);
  });

  test.each(["'x'", 'tasks.id', 'tasks.title || 1', 'null', "coalesce(tasks.title, '-')"])(
    'so is an expression: %s',
    async expression => {
      expect(await asked(expression, true)).toBe(null);
    },
  );
});
