/**
 * A target whose files of yesterday were put back between a lost answer and the question: the same server,
 * timeline and database by every name, giving out the same transaction ids once more.
 */
import { execFileSync } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createConnector } from '../../connectors/registry.js';
import { Bundle } from '../../domain/bundle.js';
import type { Intent } from '../../domain/effect.js';
import { type Postgres, startPostgres } from '../../runtime/embedded/postgres.js';
import {
  ALICE,
  account,
  BOB,
  batchOf,
  mustRead,
  PEOPLE_SQL,
  PEOPLE_YAML,
  type WholeConnector,
  witness,
} from './fixture.js';

const CATALOG = mustRead(`${PEOPLE_YAML}
categories:
  tasks: { title: Tasks, do: transfer, table: public.tasks, key: [id], owner: { column: owner_id } }
`);

let dir: string;
let server: Postgres;
let connector: WholeConnector;
const alice = account(ALICE);

async function start(): Promise<void> {
  server = await startPostgres({ dataDir: join(dir, 'data'), say: () => {}, port: server?.port });
  const connection = new Bundle('system "crm"', { url: server.url('postgres') });
  connector = createConnector(CATALOG, { connection, log: () => {} }) as WholeConnector;
}
async function stop(how: 'in order' | 'killed'): Promise<void> {
  await connector.close();
  if (how === 'killed') {
    server.kill('SIGKILL');
    await server.exited;
  } else await server.stop();
}
async function query(text: string): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: server.url('postgres') });
  await client.connect();
  return client.query(text).finally(() => client.end());
}
/** Owners as well: the server does not start on anything less. */
const copy = (from: string, to: string): Buffer => execFileSync('cp', ['-a', join(dir, from), join(dir, to)]);

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'handover-restored-'));
  await chmod(dir, 0o755);
  await start();
  await query(`${PEOPLE_SQL}; create table tasks (id bigint primary key, owner_id bigint);
    insert into tasks select n, 1 from generate_series(1, 10) n`);
});
afterEach(async () => {
  await connector?.close();
  await server?.stop();
  await rm(dir, { recursive: true, force: true });
});

/** Moves the ten tasks; the answer gets lost on the way. */
async function moved(): Promise<{ work: Awaited<ReturnType<typeof batchOf>>; intent: Intent }> {
  const work = await batchOf(connector, alice, 'tasks', { takers: [BOB] });
  let intent!: Intent;
  await connector.apply(
    work,
    witness(seen => {
      intent = seen;
    }),
  );
  return { work, intent };
}

test('a server that was killed and started again still says what it knows', async () => {
  const { work, intent } = await moved();
  await stop('killed');
  await start();
  expect(await connector.fateOf(work, intent)).toEqual({ kind: 'happened', effect: null, sure: 'asked' });
});

test('somebody else’s transaction under our id settles nothing: the rows are read, and the answer says so', async () => {
  await stop('in order');
  copy('data', 'yesterday');
  await start();
  const { work, intent } = await moved();
  await stop('in order');
  await rm(join(dir, 'data'), { recursive: true });
  copy('yesterday', 'data');
  await start();
  // The application goes on, well beyond our id. Nine of the ten it moves to the same successor by itself.
  const id = BigInt(/\d+/.exec(intent.mark)![0]);
  for (;;) {
    const { rows } = await query('select pg_current_xact_id()::text as id');
    if (BigInt(rows[0].id) > id + 2n) break;
  }
  const status = await query(`select pg_xact_status('${id}') as status`);
  expect(status.rows[0].status).toBe('committed');
  expect(await connector.fateOf(work, intent)).toEqual({ kind: 'did-not', sure: 'read' });
  await query('update tasks set owner_id = 2 where id > 1');
  expect(await connector.fateOf(work, intent)).toMatchObject({
    kind: 'unknown',
    why: expect.stringContaining('it was started again since, and none of the rows bears the transaction'),
  });
  await query('update tasks set owner_id = 2');
  expect(await connector.fateOf(work, intent)).toEqual({ kind: 'happened', effect: null, sure: 'read' });
});

test('a commit before a crash is known even where others have written every row since', async () => {
  const { work, intent } = await moved();
  await stop('killed');
  await start();
  // Some of them back to whoever had them.
  await query('update tasks set owner_id = case when id > 5 then 1 else 3 end');
  expect(await connector.fateOf(work, intent)).toEqual({ kind: 'happened', effect: null, sure: 'asked' });
});

test('once the server has forgotten with what it came up, what others have passed on is not taken for what never came', async () => {
  const { work, intent } = await moved();
  await stop('killed');
  await start();
  await query('update tasks set owner_id = case when id > 5 then 1 else 3 end');
  await query('checkpoint');
  expect(await connector.fateOf(work, intent)).toMatchObject({
    kind: 'unknown',
    why: expect.stringContaining('and its rows do not tell either'),
  });
});

test('nor where our role may not ask with what it came up', async () => {
  const { work, intent } = await moved();
  await stop('killed');
  await start();
  await query('update tasks set owner_id = case when id > 5 then 1 else 3 end');
  await query(`create role blind login password 'blind'; grant select on all tables in schema public to blind;
    revoke execute on function pg_control_checkpoint() from public`);
  const url = new URL(server.url('postgres'));
  url.username = 'blind';
  url.password = 'blind';
  await connector.close();
  connector = createConnector(CATALOG, {
    connection: new Bundle('system "crm"', { url: url.href }),
    log: () => {},
  }) as WholeConnector;
  expect(await connector.fateOf(work, intent)).toMatchObject({ kind: 'unknown' });
});

test('a standby is not asked: what it does not know yet may have happened', async () => {
  const { work, intent } = await moved();
  await stop('in order');
  await writeFile(join(dir, 'data', 'standby.signal'), '');
  await start();
  await expect(connector.fateOf(work, intent)).rejects.toMatchObject({
    kind: 'transient',
    message: expect.stringContaining('a standby answers'),
  });
});
