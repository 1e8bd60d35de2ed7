/** A lie told in a transaction that is rolled back, and what the checker says to it. */
import type pg from 'pg';
import { expect, test } from 'vitest';
import type { SmallWorld } from '../small-world/world.js';
import { checkInvariants } from './check.js';
import type { Db } from './evidence.js';
import type { Violation } from './violation.js';

/** Behind the witness' back. */
export const unseen = (table: string, sql: string): string =>
  `alter table public.${table} disable trigger zz_witness; ${sql}; alter table public.${table} enable trigger zz_witness`;

export async function withLie(
  small: SmallWorld,
  where: keyof Db,
  sql: string,
  more: Partial<Record<keyof Db, string>> = {},
): Promise<Violation[]> {
  const clients = {} as Record<keyof Db, pg.PoolClient>;
  for (const name of ['crm', 'desk', 'store'] as const) clients[name] = await small.db[name].connect();
  try {
    for (const client of Object.values(clients)) await client.query('begin');
    // Our own tables refuse changes; who has the database has them all the same.
    await clients.store.query('set local session_replication_role = replica');
    for (const [name, lie] of Object.entries({ ...more, [where]: sql })) {
      await clients[name as keyof Db].query(lie);
      await clients[name as keyof Db].query(`set local application_name = 'checker'`);
    }
    return await checkInvariants(clients, small.before);
  } finally {
    for (const client of Object.values(clients)) {
      await client.query('rollback');
      client.release();
    }
  }
}

/** What is said of the lie, what it is, where it is told, and what must be told elsewhere for it to hold. */
export type Lie = [
  invariant: Violation['invariant'],
  says: RegExp,
  what: string,
  where: keyof Db,
  sql: string,
  more?: Partial<Record<keyof Db, string>>,
];

/** A test for each of them: the checker names it. */
export function eachIsNamed(small: SmallWorld, lies: readonly Lie[]): void {
  test.each(
    lies.map(
      ([invariant, says, what, where, sql, more]) => [invariant, what, says, where, sql, more] as const,
    ),
  )('%s: %s', async (invariant, _what, says, where, sql, more) => {
    const violations = await withLie(small, where, sql, more);
    expect(violations.filter(one => one.invariant === invariant).map(one => one.message)).toContainEqual(
      expect.stringMatching(says),
    );
  });
}

/** Says something else in the bodies that these conditions leave, by a change (`a`: the body) of their JSON. */
export function retold(table: 'audit_bodies' | 'certificate_bodies', change: string, where = 'true'): string {
  return `update handover.${table}
    set body = (select (${change})::text from (select body::jsonb as a) as now) where ${where}`;
}
