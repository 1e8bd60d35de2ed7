/**
 * What a look at one system costs: a hundred categories, ten million rows in all, five thousand of the
 * leaver's. The reference is the best hand-written SQL that counts and fingerprints the same, on one
 * connection: of several ways to cut it into statements the fastest, with the tricks that made ours fast (no
 * helper processes of PostgreSQL's, statements that it has read before). All read the same warm database, in
 * turns; the answers must be the same to the digit. What is measured is the connector's inventory, without
 * the activity around it, since the SQL has none either.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from 'pg';
import { loadCatalog } from '../../connectors/catalog/file.js';
import { createConnector, KINDS } from '../../connectors/registry.js';
import { Bundle } from '../../domain/bundle.js';
import type { Account, CategoryInventory } from '../../domain/model.js';
import { compared, type Effort, type Measured, median, seconds } from '../harness/figure.js';
import { withServers } from '../harness/servers.js';
import { withClient } from '../million/databases.js';

const LIMIT = 1.3;
const LEAVER = 1;
/** One look takes a fraction of a second: a round is many. */
const LOOKS_PER_ROUND = 20;
/** How many tables a hand-written statement names. */
const CUTS = [100, 25, 10];

export async function inventoryFigure({ rounds, quick, say }: Effort): Promise<Measured> {
  const categories = 100;
  const rows = quick ? 1000 : 100_000;
  return withServers(async ({ postgres, dir }) => {
    await postgres.createDatabase('wide');
    const url = postgres.url('wide');
    await fill(url, categories, rows);
    say(`${categories} tables of ${rows} rows`);
    const path = join(dir, 'wide.yaml');
    await writeFile(path, catalog(categories));
    const connector = createConnector(await loadCatalog(path, KINDS), {
      connection: new Bundle('the bench', { url }),
    });
    const names = connector.categories.map(category => category.category);
    const account: Account = {
      identities: { user: [String(LEAVER)] },
      active: true,
      blocked: false,
    };
    try {
      return await withClient(url, async client => {
        const asTyped = byHand(categories, categories)[0]!;
        const shared = await explain(client, asTyped);
        await client.query(
          'set max_parallel_workers_per_gather = 0; set plan_cache_mode = force_custom_plan',
        );
        const alone = await explain(client, asTyped);
        const ways = CUTS.map(size => ({ size, statements: byHand(categories, size), ms: [] as number[] }));
        const ours: number[] = [];
        for (const { statements } of ways)
          same(await connector.inventory([account], names), await ask(client, statements));
        for (let look = 0; look < rounds * LOOKS_PER_ROUND; look++) {
          for (const { statements, ms } of ways) {
            // Whoever asks right after another way would find this connection's process awake and its memory
            // warm: ours goes between.
            ms.push(await timed(() => ask(client, statements)));
            ours.push(await timed(() => connector.inventory([account], names)));
          }
        }
        const best = ways.reduce((a, b) => (median(b.ms) < median(a.ms) ? b : a));
        const line = compared('inventory', ours, best.ms, LIMIT, {
          looks: ours.length,
          tables_per_statement_by_hand: best.size,
        });
        return {
          lines: [line],
          profile: [
            `One statement by hand with helper processes: ${shared}; without: ${alone}.`,
            `By hand, tables per statement: ${ways.map(({ size, ms }) => `${size} ${seconds(median(ms))}`).join(', ')}; ` +
              `ours ${seconds(median(ours))}, fastest ${seconds(Math.min(...ours))}.`,
          ],
        };
      });
    } finally {
      await connector.close();
    }
  });
}

interface Counted {
  category: string;
  count: string;
  fingerprint: string;
}

/** One text per `size` tables. */
function byHand(categories: number, size: number): string[] {
  const counts = tables(categories).map(
    table => `select '${table}' as category, count(*)::text as count, coalesce(bit_xor(hashint8extended(id, 0)), 0)::text as fingerprint
         from public.${table} where owner_id = $1::bigint`,
  );
  return Array.from({ length: Math.ceil(categories / size) }, (_, n) =>
    counts.slice(n * size, (n + 1) * size).join('\nunion all\n'),
  );
}

/** In one snapshot, as ours. */
async function ask(client: Client, statements: readonly string[]): Promise<Counted[]> {
  if (statements.length > 1) await client.query('begin isolation level repeatable read read only');
  const rows: Counted[] = [];
  for (const [n, text] of statements.entries()) {
    const name = `${n + 1} of ${statements.length}`;
    rows.push(...(await client.query<Counted>({ name, text, values: [LEAVER] })).rows);
  }
  if (statements.length > 1) await client.query('commit');
  return rows;
}

function same(ours: CategoryInventory[], reference: Counted[]): void {
  const expected = new Map(reference.map(row => [row.category, row]));
  for (const { category, count, fingerprint, complete } of ours) {
    const row = expected.get(category);
    if (!complete || String(count) !== row?.count || fingerprint !== row.fingerprint)
      throw new Error(`${category}: ours ${count} ${fingerprint}, by hand ${row?.count} ${row?.fingerprint}`);
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

/** How much of a statement is planning and how much is reading. */
async function explain(client: Client, text: string): Promise<string> {
  const { rows } = await client.query(
    `explain (analyze, format json) ${text.replaceAll('$1', String(LEAVER))}`,
  );
  const [plan] = rows[0]['QUERY PLAN'] as [{ 'Planning Time': number; 'Execution Time': number }];
  return `planning ${seconds(plan['Planning Time'])}, execution ${seconds(plan['Execution Time'])}`;
}

function tables(categories: number): string[] {
  return Array.from({ length: categories }, (_, n) => `kind_${String(n + 1).padStart(3, '0')}`);
}

/**
 * Every two-thousandth row is the leaver's, so that they lie apart, as they do in a table that grew over
 * years.
 */
async function fill(url: string, categories: number, rows: number): Promise<void> {
  await withClient(url, async client => {
    await client.query(
      'create table public.people (id bigint primary key, name text not null, email text not null unique, active boolean not null)',
    );
    await client.query(
      `insert into public.people values (${LEAVER}, 'Lena Leaver', 'lena@bench.example', true)`,
    );
    for (const table of tables(categories)) {
      await client.query(
        `create table public.${table} (id bigint primary key, owner_id bigint not null, title text not null)`,
      );
      await client.query(
        `insert into public.${table}
         select n, case when n % ($1::int / 50) = 0 then ${LEAVER} else 10 + n % 997 end, 'Number ' || n
           from generate_series(1, $1::int) as n`,
        [rows],
      );
      await client.query(`create index on public.${table} (owner_id)`);
    }
    await client.query('vacuum (analyze, freeze)');
    for (const table of tables(categories))
      await client.query(`select count(*) from public.${table} where title <> ''`);
  });
}

function catalog(categories: number): string {
  return [
    'version: 1',
    'system: wide',
    'title: Wide',
    'kind: postgres',
    'people:',
    '  table: public.people',
    '  key: id',
    '  name: name',
    '  email: email',
    '  match: [{ by: email, column: email }]',
    '  active: people.active',
    'categories:',
    ...tables(categories).map(
      table =>
        `  ${table}: { title: ${table}, do: transfer, table: public.${table}, key: [id], owner: { column: owner_id } }`,
    ),
    'deactivate: { set: { active: false }, verify: not people.active }',
    '',
  ].join('\n');
}
