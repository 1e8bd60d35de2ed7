/**
 * A company in which many people leave at once: two systems, twelve categories, three of which only people
 * can hand over.
 */
import type { Postgres } from '../../runtime/embedded/postgres.js';
import { withClient } from '../million/databases.js';

const TABLES = {
  office: ['accounts', 'contacts', 'deals', 'reports', 'tasks', 'contracts'],
  desk: ['tickets', 'views', 'macros', 'articles', 'dashboards', 'phones'],
} as const;

export const MANUAL = ['office/contracts', 'desk/dashboards', 'desk/phones'];
export const CATEGORIES = 12;

export interface TeamSize {
  leavers: number;
  /** Items of one leaver in all twelve categories together. */
  items: number;
}

/** Items of a leaver that the engine moves itself. */
export function moved({ items }: TeamSize): number {
  return Object.entries(TABLES)
    .flatMap(([system, tables]) => tables.map(table => `${system}/${table}`))
    .filter(category => !MANUAL.includes(category))
    .reduce((sum, category) => sum + itemsIn(items, category), 0);
}

/** Shared out evenly; what is left over goes to the first ones. */
function itemsIn(items: number, category: string): number {
  const all = Object.entries(TABLES).flatMap(([system, tables]) => tables.map(table => `${system}/${table}`));
  return Math.floor(items / CATEGORIES) + (all.indexOf(category) < items % CATEGORIES ? 1 : 0);
}

export function leaver(n: number): string {
  return `leaver${n}@bench.example`;
}

export const OPERATOR = 'olga@bench.example';
export const MANAGER = 'mark@bench.example';
export const APPROVER = 'anna@bench.example';

/** Directory ids of leavers begin here. */
export const FIRST_LEAVER = 1000;

/** Fresh databases of this size; answers what the configuration's connections are. */
export async function buildTeam(
  postgres: Postgres,
  name: string,
  size: TeamSize,
): Promise<Record<string, string>> {
  const env: Record<string, string> = {};
  for (const [system, tables] of Object.entries(TABLES)) {
    const database = `${system}_${name}`;
    await postgres.createDatabase(database);
    env[`BENCH_${system.toUpperCase()}_URL`] = postgres.url(database);
    await withClient(postgres.url(database), async client => {
      await client.query(PEOPLE);
      await client.query(LEAVERS, [FIRST_LEAVER, size.leavers]);
      for (const table of tables) {
        await client.query(
          `create table public.${table} (id bigint primary key, owner_id bigint not null, title text not null)`,
        );
        await client.query(
          `insert into public.${table}
           select l * 100000 + n, $1 + l, 'Number ' || n
             from generate_series(1, $2::int) as l, generate_series(1, $3::int) as n`,
          [FIRST_LEAVER, size.leavers, itemsIn(size.items, `${system}/${table}`)],
        );
        await client.query(`create index on public.${table} (owner_id)`);
      }
      await client.query('vacuum (analyze)');
      await client.query('checkpoint');
    });
  }
  await postgres.createDatabase(`store_${name}`);
  env.HANDOVER_STORE_URL = postgres.url(`store_${name}`);
  return env;
}

const PEOPLE = `
  create table public.people (
    id bigint primary key, name text not null, email text not null unique, active boolean not null,
    manager_id bigint, role text not null);
  insert into public.people values
    (2, 'Mark Manager', '${MANAGER}', true, null, 'member'),
    (3, 'Olga Operator', '${OPERATOR}', true, 2, 'operator'),
    (4, 'Anna Approver', '${APPROVER}', true, 2, 'approver')`;
const LEAVERS = `
  insert into public.people
  select $1::bigint + n, 'Leaver ' || n, 'leaver' || n || '@bench.example', true, 2, 'member' from generate_series(1, $2::int) as n`;
