/**
 * What a look at one system costs: a hundred categories, ten million rows in all, five thousand of the leaver's. The reference is the best
 * hand-written SQL that counts and fingerprints the same: one statement for all tables, on one connection. Both read the same warm
 * database, in turns; the answers must be the same to the digit. What is measured is the connector's inventory, without the activity
 * around it, since the SQL has none either.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadCatalog } from '../../connectors/catalog-file.js';
import { createConnector } from '../../connectors/registry.js';
import type { Account, CategoryInventory } from '../../domain/model.js';
import { compared, type Effort, type Measured, median, seconds } from '../harness/figure.js';
import { withServers } from '../harness/servers.js';
import { withClient } from '../million/world.js';

const LIMIT = 1.3;
const LEAVER = 1;
/** One look takes a fraction of a second: a round is many. */
const LOOKS_PER_ROUND = 20;

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
    const connector = createConnector(await loadCatalog(path), { url });
    const names = connector.categories.map(category => category.category);
    const account: Account = {
      system: 'wide',
      status: 'found',
      identities: { user: String(LEAVER) },
      active: true,
      blocked: false,
    };
    try {
      return await withClient(url, async client => {
        const text = byHand(categories);
        const hand = async (): Promise<Counted[]> => (await client.query(text, [LEAVER])).rows;
        const ours: number[] = [];
        const reference: number[] = [];
        same(await connector.inventory(account, names), await hand());
        for (let look = 0; look < rounds * LOOKS_PER_ROUND; look++) {
          reference.push(await timed(hand));
          ours.push(await timed(() => connector.inventory(account, names)));
        }
        const line = compared('inventory', ours, reference, LIMIT, { looks: ours.length });
        return {
          lines: [line],
          profile: [
            await explain(client, text),
            `fastest of each: ours ${seconds(Math.min(...ours))}, by hand ${seconds(Math.min(...reference))}; medians ${seconds(median(ours))}, ${seconds(median(reference))}.`,
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

function byHand(categories: number): string {
  return tables(categories)
    .map(
      table => `select '${table}' as category, count(*)::text as count, coalesce(bit_xor(hashint8extended(id, 0)), 0)::text as fingerprint
           from public.${table} where owner_id = $1::bigint`,
    )
    .join('\nunion all\n');
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

/** How much of the hand-written statement is planning and how much is reading. */
async function explain(client: import('pg').Client, text: string): Promise<string> {
  const { rows } = await client.query(`explain (analyze, format json) ${text.replaceAll('$1', String(LEAVER))}`);
  const [plan] = rows[0]['QUERY PLAN'] as [{ 'Planning Time': number; 'Execution Time': number }];
  return `By hand, one statement: planning ${seconds(plan['Planning Time'])}, execution ${seconds(plan['Execution Time'])}.`;
}

function tables(categories: number): string[] {
  return Array.from({ length: categories }, (_, n) => `kind_${String(n + 1).padStart(3, '0')}`);
}

/** Every two-thousandth row is the leaver's, so that they lie apart, as they do in a table that grew over years. */
async function fill(url: string, categories: number, rows: number): Promise<void> {
  await withClient(url, async client => {
    await client.query(
      'create table public.people (id bigint primary key, name text not null, email text not null unique, active boolean not null)',
    );
    await client.query(`insert into public.people values (${LEAVER}, 'Lena Leaver', 'lena@bench.example', true)`);
    for (const table of tables(categories)) {
      await client.query(`create table public.${table} (id bigint primary key, owner_id bigint not null, title text not null)`);
      await client.query(
        `insert into public.${table} select n, case when n % ($1::int / 50) = 0 then ${LEAVER} else 10 + n % 997 end, 'Number ' || n from generate_series(1, $1::int) as n`,
        [rows],
      );
      await client.query(`create index on public.${table} (owner_id)`);
    }
    await client.query('vacuum (analyze, freeze)');
    for (const table of tables(categories)) await client.query(`select count(*) from public.${table} where title <> ''`);
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
      table => `  ${table}: { title: ${table}, do: transfer, table: public.${table}, key: [id], owner: { column: owner_id } }`,
    ),
    'deactivate: { set: { active: false }, verify: not people.active }',
    '',
  ].join('\n');
}
