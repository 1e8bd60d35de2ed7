/**
 * What a whole look at one system costs: who the leaver is by now in the directory and in the system, whether
 * a column has appeared that can hold a person, and what they hold: by id, and by an e-mail address however
 * it is written, nearly written included. The reference is hand-written SQL that asks the same, a connection
 * to each database, each question in one statement that PostgreSQL has read before. Both read the same warm
 * databases, in turns, and the answers must be the same.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from 'pg';
import { loadCatalog } from '../../connectors/catalog/file.js';
import type { Connector } from '../../connectors/connector.js';
import { createConnector, KINDS } from '../../connectors/registry.js';
import { Bundle } from '../../domain/bundle.js';
import type { SystemAccounts } from '../../domain/model.js';
import { compared, type Effort, type Measured, median, seconds } from '../harness/figure.js';
import { withServers } from '../harness/servers.js';
import { withClient } from '../million/databases.js';

/** Set after the first measurement (2.14). */
const LIMIT = 2.5;
const LOOKS_PER_ROUND = 60;
const LEAVER = { id: '1', email: 'lena@bench.example' };
const BY_ID = names('kind', 20);
const BY_EMAIL = names('mail', 5);

/** A fold as systems/README.md describes it, and the index that `handover check` asks for. */
const folded = (text: string): string => `lower(btrim(normalize(${text}, NFKC)))`;

export async function lookFigure({ rounds, quick, say }: Effort): Promise<Measured> {
  const rows = quick ? 1000 : 100_000;
  const people = 1000;
  return withServers(async ({ postgres, dir }) => {
    for (const database of ['office', 'desk']) await postgres.createDatabase(database);
    const urls = { office: postgres.url('office'), desk: postgres.url('desk') };
    await withClient(urls.office, client => fillPeople(client, people));
    await withClient(urls.desk, client => fill(client, people, rows));
    say(
      `${people} people, ${BY_ID.length} tables by id and ${BY_EMAIL.length} by e-mail, of ${rows} rows each`,
    );
    const open = async (system: 'office' | 'desk'): Promise<Required<Connector>> => {
      const path = join(dir, `${system}.yaml`);
      await writeFile(path, catalog(system));
      const connection = new Bundle('the bench', { url: urls[system] });
      return createConnector(await loadCatalog(path, KINDS), { connection }) as Required<Connector>;
    };
    const office = await open('office');
    const desk = await open('desk');
    try {
      for (const [system, connector] of [
        ['office', office],
        ['desk', desk],
      ] as const)
        await makeIndexes(urls[system], connector);
      return await withClient(urls.office, directory =>
        withClient(urls.desk, async client => {
          await client.query(
            'set max_parallel_workers_per_gather = 0; set plan_cache_mode = force_custom_plan',
          );
          const ours: number[] = [];
          const byHand: number[] = [];
          for (let look = 0; look < rounds * LOOKS_PER_ROUND; look++) {
            const hand = await timed(() => askByHand(directory, client));
            const engine = await timed(() => lookAt(office, desk));
            if (JSON.stringify(hand.answer) !== JSON.stringify(engine.answer))
              throw new Error(
                `ours ${JSON.stringify(engine.answer)}, by hand ${JSON.stringify(hand.answer)}`,
              );
            // The first look of both reads schemas and prepares statements.
            if (look === 0) continue;
            byHand.push(hand.ms);
            ours.push(engine.ms);
          }
          return {
            lines: [compared('look', ours, byHand, LIMIT, { looks: ours.length })],
            profile: [`ours ${seconds(median(ours))}, by hand ${seconds(median(byHand))}.`],
          };
        }),
      );
    } finally {
      await Promise.all([office.close(), desk.close()]);
    }
  });
}

/** Those that `handover check` asks for, as whoever connects a system makes them. */
async function makeIndexes(url: string, connector: Required<Connector>): Promise<void> {
  const wanted = (await connector.doubts()).flatMap(({ message }) => /CREATE INDEX .*$/.exec(message) ?? []);
  await withClient(url, async client => {
    for (const statement of wanted) await client.query(statement);
    await client.query('vacuum (analyze)');
  });
}

interface Answer {
  account: string;
  active: boolean;
  /** By category. */
  counts: Record<string, number>;
  /** Owners that are nearly the leaver. */
  near: number;
}

async function lookAt(office: Required<Connector>, desk: Required<Connector>): Promise<Answer> {
  const [person] = await office.directory.findPeople({ by: 'id', value: LEAVER.id });
  const same = await office.directory.findPeople({ by: 'email', value: person!.email! });
  const known = same.every(({ id }) => id === person!.id) ? person!.known : [];
  const sought = { id: person!.id, home: false, known, shared: [], remembered: {} };
  const found = await desk.resolveAccounts(sought, {});
  if (found.kind !== 'found') throw new Error(`The leaver is ${found.kind}.`);
  const { accounts, others }: Pick<SystemAccounts, 'accounts' | 'others'> = found;
  const covered = await desk.coverage(accounts);
  if (covered.kind !== 'read' || covered.open.length > 0)
    throw new Error(`Not covered: ${JSON.stringify(covered)}`);
  const inventory = await desk.inventory(accounts, [...BY_ID, ...BY_EMAIL]);
  const [account] = accounts;
  return {
    account: account!.identities.user![0]!,
    active: account!.active,
    counts: Object.fromEntries(inventory.map(({ category, count }) => [category, count])),
    near: others?.length ?? 0,
  };
}

async function askByHand(directory: Client, client: Client): Promise<Answer> {
  const ask = async <R>(on: Client, name: string, text: string, values: unknown[] = []): Promise<R[]> =>
    (await on.query({ name, text, values })).rows as R[];
  const [person] = await ask<{ email: string }>(
    directory,
    'person',
    'select id, name, email, active from public.people where id = $1::bigint',
    [LEAVER.id],
  );
  const same = await ask(
    directory,
    'same',
    `select id from public.people where ${folded('email')} = ${folded('$1')}`,
    [person!.email],
  );
  if (same.length !== 1) throw new Error('The e-mail is not the leaver’s alone.');
  const [account] = await ask<{ id: string; active: boolean }>(
    client,
    'account',
    `select id::text, active from public.people where ${folded('email')} = ${folded('$1')}`,
    [person!.email],
  );
  const [schema] = await ask<{ known: string }>(
    client,
    'schema',
    `select md5(string_agg(concat_ws(' ', a.attrelid, a.attnum, a.attname, a.atttypid), ',' order by a.attrelid, a.attnum))
            || (select coalesce(md5(string_agg(oid::text, ',' order by oid)), '') from pg_constraint where contype = 'f') as known
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
       join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
      where c.relkind in ('r', 'p', 'f') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'`,
  );
  if (!schema?.known) throw new Error('There is no schema.');
  const hash = 'coalesce(bit_xor(hashint8extended(id, 0)), 0)::text as fingerprint';
  const counts = [
    ...BY_ID.map(
      table =>
        `select '${table}' as category, count(*)::int as count, ${hash} from public.${table} where owner_id = $1::bigint`,
    ),
    ...BY_EMAIL.map(
      table =>
        `select '${table}', count(*)::int, ${hash} from public.${table} where ${folded('owner')} = ${folded('$2')}`,
    ),
  ];
  const counted = await ask<{ category: string; count: number }>(
    client,
    'counts',
    counts.join('\nunion all\n'),
    [account!.id, person!.email],
  );
  const bare = (text: string): string => `regexp_replace(${folded(text)}, '^0+(?=.)', '')`;
  const near = BY_EMAIL.map(
    table => `select owner from (
      with recursive next(owner) as (
        (select owner from public.${table} order by owner limit 1)
        union all
        select (select owner from public.${table} where owner > next.owner order by owner limit 1) from next where next.owner is not null)
      select owner from next where owner is not null) as each
      where ${bare('owner')} = ${bare('$1')} and ${folded('owner')} <> ${folded('$1')}`,
  );
  const nearly = await ask(client, 'near', near.join('\nunion all\n'), [person!.email]);
  return {
    account: account!.id,
    active: account!.active,
    counts: Object.fromEntries(counted.map(({ category, count }) => [category, count])),
    near: nearly.length,
  };
}

async function timed<T>(work: () => Promise<T>): Promise<{ ms: number; answer: T }> {
  const started = performance.now();
  const answer = await work();
  return { ms: performance.now() - started, answer };
}

function names(kind: string, count: number): string[] {
  return Array.from({ length: count }, (_, n) => `${kind}_${String(n + 1).padStart(2, '0')}`);
}

async function fillPeople(client: Client, people: number): Promise<void> {
  await client.query(`
    create table public.people (id bigint primary key, name text not null, email text not null unique, active boolean not null);
    insert into public.people
    select n, 'Person ' || n, case n when ${LEAVER.id} then '${LEAVER.email}' else 'p' || n || '@bench.example' end, true
      from generate_series(1, ${people}) as n;
    create index on public.people ((${folded('email')}));
    analyze public.people`);
}

/** In the desk everybody has a number of its own. A thousandth of everything is the leaver's. */
async function fill(client: Client, people: number, rows: number): Promise<void> {
  await fillPeople(client, people);
  await client.query('update public.people set id = id + 100000');
  for (const table of [...BY_ID, ...BY_EMAIL]) {
    const byId = BY_ID.includes(table);
    await client.query(
      `create table public.${table} (id bigint primary key, ${byId ? 'owner_id bigint' : 'owner text'} not null, title text not null)`,
    );
    const owner = byId ? `p.id` : `case n % 3 when 0 then upper(p.email) else p.email end`;
    await client.query(
      `insert into public.${table}
       select n, ${owner}, 'Number ' || n from generate_series(1, ${rows}) as n
         join public.people p on p.id = 100001 + n % ${people}`,
    );
    await client.query(
      byId
        ? `create index on public.${table} (owner_id)`
        : `create index on public.${table} (owner); create index on public.${table} ((${folded('owner')}))`,
    );
  }
  await client.query('vacuum (analyze, freeze)');
}

function catalog(system: 'office' | 'desk'): string {
  const category = (table: string, owner: string): string =>
    `  ${table}: { title: ${table}, do: transfer, table: public.${table}, key: [id], owner: ${owner} }`;
  return [
    'version: 1',
    `system: ${system}`,
    `title: ${system}`,
    'kind: postgres',
    'people:',
    '  table: public.people',
    '  key: id',
    '  name: name',
    '  email: email',
    '  match: [{ by: email, column: email }]',
    '  active: people.active',
    ...(system === 'desk'
      ? [
          'identities: { mail: { column: email } }',
          'categories:',
          ...BY_ID.map(table => category(table, '{ column: owner_id }')),
          ...BY_EMAIL.map(table => category(table, '{ column: owner, identity: mail }')),
        ]
      : ['categories: {}']),
    'deactivate: { set: { active: false }, verify: not people.active }',
    '',
  ].join('\n');
}
