/** The PostgreSQL connector keeps the contract, over a real database and a link that loses its answers. */
import pg from 'pg';
import { inject } from 'vitest';
import { openLink } from '../faults/link.js';
import { createTestDatabase } from '../support/servers.js';
import { describeContract } from './contract.js';
import { ALICE, EMAIL, ROBOT, TWIN, type World } from './harness.js';

const SQL = `
  create table people (id bigint primary key, name text not null, email text, status text not null);
  create table things (key text primary key, owner bigint, label text);
  create table seats (key text primary key, owner bigint not null, since date default '2020-02-29');
  create table refused (key text primary key);
  create function refuse() returns trigger language plpgsql as $$ begin
    if exists (select from public.refused r where r.key = old.key) then raise check_violation using message = 'it is locked'; end if;
    return case tg_op when 'DELETE' then old else new end; end $$;
  create trigger refuse before update or delete on things for each row execute function refuse();
  create trigger refuse before update or delete on seats for each row execute function refuse();`;

const CATALOG = `
version: 1
system: desk
title: Database
kind: postgres
connect: { statement_timeout: 5s, lock_timeout: 300ms }
people:
  table: public.people
  key: id
  name: name
  match: [{ by: email, column: email }]
  active: people.status <> 'off'
  blocked: people.status = 'blocked'
guards:
  protected: people.name = 'robot'
categories:
  things:
    title: Things
    do: transfer
    table: public.things
    key: [key]
    owner: { column: owner }
    label: label
    unassigned: true
  seats:
    title: Seats
    do: remove
    table: public.seats
    key: [key]
    owner: { column: owner }
block: { set: { status: blocked }, verify: people.status = 'blocked' }
unblock: { set: { status: active }, verify: people.status = 'active' }
deactivate: { set: { status: 'off' }, verify: people.status = 'off' }
reactivate: { set: { status: active }, verify: people.status = 'active' }
`;

describeContract({
  kind: 'postgres',
  sure: 'asked',
  proves: true,
  world: postgresWorld,
});

async function postgresWorld(): Promise<World> {
  const database = await createTestDatabase('contract');
  const db = new pg.Pool({ connectionString: database.url, max: 2 });
  await db.query(SQL);
  const server = new URL(inject('postgresUrl'));
  const link = await openLink({
    target: () => ({ host: server.hostname, port: Number(server.port) }),
    watch: /^\s*commit\b/i,
  });
  const through = new URL(database.url);
  through.hostname = '127.0.0.1';
  through.port = String(link.port);
  return {
    catalog: CATALOG,
    connection: { url: through.href },
    async fill(items) {
      await db.query('truncate people, things, seats, refused');
      await db.query(
        'insert into people select id, name, email, $4 from unnest($1::bigint[], $2::text[], $3::text[]) as p (id, name, email)',
        [
          [ALICE, '2', '3', ROBOT, ...TWIN],
          ['alice', 'bob', 'carol', 'robot', 'twin', 'twin'],
          ['Alice@example.com', EMAIL.bob, 'carol@example.com', 'robot@example.com', EMAIL.twin, EMAIL.twin],
          'active',
        ],
      );
      for (const category of ['things', 'seats'] as const) {
        const owners = items[category] ?? {};
        await db.query(
          `insert into ${category} (key, owner) select key, owner from unnest($1::text[], $2::bigint[]) as i (key, owner)`,
          [Object.keys(owners), Object.values(owners)],
        );
      }
    },
    async owners(category) {
      const { rows } = await db.query(`select key, owner::text from ${category}`);
      return Object.fromEntries(rows.map(row => [row.key as string, row.owner as string | null]));
    },
    async access(person) {
      const { rows } = await db.query('select status from people where id = $1', [person]);
      return rows[0].status;
    },
    async write(category, key, owner) {
      if (owner === undefined) await db.query(`delete from ${category} where key = $1`, [key]);
      else
        await db.query(
          `insert into ${category} (key, owner) values ($1, $2) on conflict (key) do update set owner = $2`,
          [key, owner],
        );
    },
    async refuse(_category, key) {
      await db.query('insert into refused values ($1)', [key]);
      return async () => void (await db.query('delete from refused'));
    },
    async unreadable(category) {
      await db.query(`alter table ${category} rename column owner to somebody`);
      return async () => void (await db.query(`alter table ${category} rename column somebody to owner`));
    },
    async doubt(how) {
      void link.cut(1, how === 'answer-lost' ? 'swallow' : 'withhold', /\b(update|delete)\b/i);
    },
    async close() {
      await link.close();
      await db.end();
      await database.drop();
    },
  };
}
