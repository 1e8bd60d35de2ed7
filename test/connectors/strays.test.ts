/** Rows of somebody's for which no category's condition holds: nobody handed them over, and it is said. */
import { afterEach, expect, test } from 'vitest';
import type { Account } from '../../domain/model.js';
import { type Bench, createBench, PEOPLE_YAML } from './fixture.js';

let bench: Bench | undefined;
afterEach(async () => {
  await bench?.drop();
  bench = undefined;
});

const TASKS = `CREATE TABLE tasks (id int PRIMARY KEY, title text, status text, kind text, owner_id bigint REFERENCES users);
  INSERT INTO tasks VALUES (1, 'a', 'open', 'call', 1), (2, 'b', 'closed', 'call', 1), (3, 'c', NULL, 'call', 1),
    (4, 'd', 'snoozed', 'call', 1), (5, 'e', NULL, 'call', 2), (6, 'f', NULL, 'call', NULL);`;

const category = (name: string, when: string | null, more = 'do: keep, reason: history') => `
  ${name}: { title: ${name}, table: public.tasks, key: [id], owner: { column: owner_id }, label: title, ${more}${when === null ? '' : `, when: "${when}"`} }`;

async function strays(categories: string, accounts: Account[], tail = ''): Promise<unknown> {
  bench = await createBench('strays', TASKS);
  const covered = await bench.connector(`${PEOPLE_YAML}categories:${categories}\n${tail}`).coverage(accounts);
  return covered.kind === 'read' ? covered.strays : covered;
}

const account = (id: string): Account => ({ identities: { user: [id] }, active: true, blocked: false });

const OPEN = category('open', `status = 'open'`, 'do: transfer');
const CLOSED = category('closed', `status = 'closed'`);

test('what neither condition holds for is counted, NULL as well, and only theirs', async () => {
  expect(await strays(OPEN + CLOSED, [account('1')])).toEqual([{ place: 'public.tasks.owner_id', count: 2 }]);
  await bench!.drop();
  expect(await strays(OPEN + CLOSED, [account('1'), account('2')])).toMatchObject([{ count: 3 }]);
});

test.each([
  ['a category without a condition takes the rest', OPEN + category('all', null), [account('1')], ''],
  [
    'conditions that leave nothing out',
    OPEN + category('rest', `status IS DISTINCT FROM 'open'`),
    [account('1')],
    '',
  ],
  ['nobody’s rows', OPEN + CLOSED, [account('3')], ''],
  ['nobody', OPEN + CLOSED, [], ''],
  [
    'somebody said that the rest is nothing to hand over',
    OPEN + CLOSED,
    [account('1')],
    'acknowledged: [{ table: public.tasks, column: owner_id, reason: "drafts" }]',
  ],
])('nothing is said where %s', async (_, categories, accounts, tail) => {
  expect(await strays(categories, accounts, tail)).toEqual([]);
});

test('what our role may not read is not counted, and keeps nobody from looking at the rest', async () => {
  bench = await createBench('strays', TASKS);
  const role = `reader_${Math.random().toString(36).slice(2)}`;
  await bench.db.query(
    `CREATE ROLE ${role} LOGIN PASSWORD 'x'; GRANT SELECT ON users TO ${role}; GRANT SELECT (id, title) ON tasks TO ${role}`,
  );
  const url = new URL(bench.url);
  [url.username, url.password] = [role, 'x'];
  try {
    const connector = bench.connector(`${PEOPLE_YAML}categories:${OPEN}${CLOSED}\n`, { url: url.href });
    expect(await connector.coverage([account('1')])).toMatchObject({
      kind: 'read',
      strays: [{ place: 'places that could not be read', count: null }],
    });
  } finally {
    await bench.db.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  }
});
