/**
 * What a catalog says by an expression: labels and attributes from other tables, identities that are made of
 * several columns, rules that recognise people by some rows only; and keys that are secrets.
 */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Sought } from '../../domain/model.js';
import {
  ALICE,
  account,
  allPages,
  type Bench,
  batchOf,
  changed,
  createBench,
  PEOPLE_YAML,
  type WholeConnector,
  witness,
} from './fixture.js';

const YAML = `${PEOPLE_YAML.replace(
  '- { by: login, column: login }',
  `- { by: login, column: login, when: users.service is not true, fold: none }
    - { by: login, table: hr.logins, column: login, person: user_id, when: logins.kind = 'former', fold: case }`,
)}
identities:
  full_name: { value: "(select n.given || ' ' || n.family from hr.names n where n.user_id = users.id)", fold: [case, blanks] }
  former: { table: hr.logins, key: login, person: user_id, when: logins.kind = 'former' }
  employee: { table: hr.employees, key: number, person: user_id }
categories:
  orders:
    title: Orders
    do: transfer
    table: shop.orders
    key: [id]
    owner: { column: owner_id }
    label: { value: "orders.subject || ' for ' || (select c.name from shop.clients c where c.id = orders.client_id)" }
    attributes:
      region: { value: (select c.region from shop.clients c where c.id = orders.client_id) }
      subject: subject
  notes: { title: Notes, do: transfer, table: shop.notes, key: [id], owner: { column: written_by, identity: full_name } }
  drafts: { title: Drafts, do: transfer, table: shop.notes, key: [id], owner: { column: login, identity: former } }
  cases: { title: Cases, do: transfer, table: hr.cases, key: [company, no], owner: { column: employee_no, identity: employee } }
  sessions: { title: Sessions, do: revoke, table: shop.sessions, key: [token], owner: { column: user_id }, secret: [token] }
  doors: { title: Door codes, do: clear, table: shop.doors, key: [code, door], owner: { column: user_id }, secret: [code] }
  remember: { title: Remember me, do: revoke, table: shop.remember, key: [token], owner: { column: user_id }, secret: [token], set: { ended: true }, when: not remember.ended }
`;

const SQL = `
  CREATE SCHEMA hr; CREATE SCHEMA shop; CREATE SEQUENCE shop.numbers;
  CREATE TABLE hr.names (user_id bigint PRIMARY KEY, given text, family text);
  INSERT INTO hr.names VALUES (1, 'Alice', 'Anders'), (2, 'Bob', 'Brown'), (3, 'Carol', 'Clark');
  CREATE TABLE hr.logins (login text PRIMARY KEY, user_id bigint, kind text);
  INSERT INTO hr.logins VALUES ('aanders', 1, 'former'), ('ali', 1, 'former'), ('root', 1, 'shared'), ('bb', 2, 'former');
  CREATE TABLE hr.employees (company text, number int, user_id bigint, PRIMARY KEY (company, number));
  INSERT INTO hr.employees VALUES ('north', 903, 1), ('south', 1044, 1), ('north', 7, 2);
  CREATE TABLE hr.cases (company text, no int, employee_no int, PRIMARY KEY (company, no));
  INSERT INTO hr.cases VALUES ('north', 1, 903), ('south', 1, 1044), ('south', 2, 7), ('west', 3, 2001);
  CREATE TABLE shop.clients (id int PRIMARY KEY, name text, region text);
  INSERT INTO shop.clients VALUES (1, 'Acme', 'emea'), (2, 'Zenith', 'apac');
  CREATE TABLE shop.orders (id int PRIMARY KEY, owner_id bigint, subject text, client_id int);
  INSERT INTO shop.orders VALUES (1, 1, 'Bolts', 1), (2, 1, 'Nuts', 2), (3, 1, 'Nails', NULL), (4, 2, 'Tape', 1);
  CREATE TABLE shop.notes (id int PRIMARY KEY, written_by text, login text);
  INSERT INTO shop.notes VALUES (1, 'Alice Anders', 'ali'), (2, ' alice anders', 'aanders'), (3, 'Alice', 'root'), (4, 'Bob Brown', 'bb');
  CREATE TABLE shop.sessions (token text PRIMARY KEY, user_id bigint, data text);
  INSERT INTO shop.sessions VALUES ('s3cr3t-one', 1, 'x'), ('s3cr3t-two', 1, 'y'), ('s3cr3t-bob', 2, 'z');
  CREATE TABLE shop.doors (code text, door int, user_id bigint, PRIMARY KEY (code, door));
  INSERT INTO shop.doors VALUES ('s3cr3t-1111', 1, 1), ('s3cr3t-2222', 1, 2);
  CREATE TABLE shop.remember (token text PRIMARY KEY, user_id bigint, ended boolean NOT NULL DEFAULT false);
  INSERT INTO shop.remember (token, user_id) VALUES ('s3cr3t-r1', 1), ('s3cr3t-r2', 2)`;

let bench: Bench;
let connector: WholeConnector;
const logged: string[] = [];
const alice = account(ALICE, {
  full_name: ['Alice Anders'],
  former: ['aanders', 'ali'],
  employee: ['1044', '903'],
});

beforeAll(async () => {
  bench = await createBench('workedout', SQL);
  connector = bench.connector(YAML, { log: line => logged.push(line) });
  expect(await connector.check()).toEqual([]);
});
afterAll(() => bench?.drop());

const rows = async (sql: string): Promise<unknown[]> =>
  (await bench.db.query({ text: sql, rowMode: 'array' })).rows.map(row => row.join(' '));
const sought = (known: Sought['known']): Sought => ({
  id: 'x',
  home: false,
  known,
  shared: [],
  remembered: {},
});

describe('labels and attributes from other tables', () => {
  test('are shown, searched, and given to rules item by item', async () => {
    const { items } = await connector.items([alice], 'orders', { limit: 10 });
    expect(items.map(({ key, label, attributes }) => [key, label, attributes])).toEqual([
      ['1', 'Bolts for Acme', { region: 'emea', subject: 'Bolts' }],
      ['2', 'Nuts for Zenith', { region: 'apac', subject: 'Nuts' }],
      ['3', null, { region: null, subject: 'Nails' }],
    ]);
    const found = await connector.search([alice], 'orders', 'zen', { limit: 10 });
    expect(found.items.map(({ key }) => key)).toEqual(['2']);
    const [page] = await allPages(connector, alice, 'orders', 10, 'region');
    expect(page!.attributes).toEqual(['emea', 'apac', null]);
  });

  test('that mean nothing, or would change something, are refused with their place', async () => {
    const wrong = bench.connector(
      YAML.replace('value: (select c.region from', 'value: (select c.regio from').replace(
        'label: { value: "orders.subject',
        `label: { value: "nextval('shop.numbers') || orders.subject`,
      ),
    );
    expect((await wrong.check()).map(({ where, message }) => `${where}: ${message}`)).toEqual([
      expect.stringMatching(/label\.value: the expression cannot be used: it calls pg_catalog\.nextval\(\)/),
      expect.stringMatching(
        /attributes\.region\.value: the expression cannot be used: PostgreSQL refuses it/,
      ),
    ]);
  });
});

describe('identities', () => {
  test('are worked out from several columns, and found by every value that a person ever had', async () => {
    const known: Sought['known'] = [{ by: 'email', value: 'alice@example.com' }];
    expect(await connector.resolveAccounts(sought(known), {})).toMatchObject({
      kind: 'found',
      accounts: [
        {
          identities: {
            user: ['1'],
            full_name: ['Alice Anders'],
            former: ['aanders', 'ali'],
            employee: ['1044', '903'],
          },
        },
      ],
      others: [],
    });
  });

  test('say by which of several values their person is known today, where the catalog tells', async () => {
    const known: Sought['known'] = [{ by: 'email', value: 'alice@example.com' }];
    const current = async (condition: string) => {
      const one = bench.connector(
        YAML.replace("kind = 'former' }\n", `kind = 'former', current: "${condition}" }\n`),
      );
      expect(await one.check()).toEqual([]);
      const found = await one.resolveAccounts(sought(known), {});
      if (found.kind !== 'found') throw new Error(found.kind);
      expect(found.accounts[0]!.identities.former).toEqual(['aanders', 'ali']);
      return found.accounts[0]!.current;
    };
    expect(await current(`logins.login = 'ali'`)).toEqual({ former: 'ali' });
    // All of them, or none: nobody can tell.
    expect(await current('true')).toBe(undefined);
    expect(await current('false')).toBe(undefined);
  });

  test('of a rule with a condition recognise by these rows only', async () => {
    const who = async (login: string) =>
      connector.resolveAccounts(sought([{ by: 'login', value: login }]), {});
    expect(await who('AANDERS')).toMatchObject({
      kind: 'found',
      accounts: [{ identities: { user: ['1'] } }],
    });
    expect(await who('root')).toMatchObject({ kind: 'absent' });
    expect(await who('BOB')).toMatchObject({
      kind: 'ambiguous',
      why: expect.stringContaining('upper and lower case'),
    });
  });

  test('that are sets find what bears any of their values, in every company, once', async () => {
    const [cases] = await connector.inventory([alice], ['cases']);
    expect(cases).toMatchObject({ count: 2 });
    const done = await connector.apply(
      await batchOf(connector, alice, 'cases', { takers: ['7'] }),
      witness(),
    );
    expect(done.effect).toMatchObject({ changed: 2, exceptions: [] });
    expect(await rows('SELECT * FROM hr.cases ORDER BY 1, 2')).toEqual([
      'north 1 7',
      'south 1 7',
      'south 2 7',
      'west 3 2001',
    ]);
  });

  test('hand over what bears them', async () => {
    expect(
      await changed(connector, await batchOf(connector, alice, 'notes', { takers: ['Bob Brown'] })),
    ).toMatchObject({
      changed: 2,
    });
    expect(
      await changed(connector, await batchOf(connector, alice, 'drafts', { takers: ['bb'] })),
    ).toMatchObject({
      changed: 2,
    });
    expect(await rows('SELECT * FROM shop.notes ORDER BY 1')).toEqual([
      '1 Bob Brown bb',
      '2 Bob Brown bb',
      '3 Alice root',
      '4 Bob Brown bb',
    ]);
  });
});

describe('things whose only key is a secret', () => {
  test('are counted, listed and revoked, and no key of theirs is seen outside the database', async () => {
    const seen: unknown[] = [await connector.inventory([alice], ['sessions', 'doors', 'remember'])];
    expect(seen[0]).toMatchObject([{ count: 2, complete: true }, { count: 1 }, { count: 1 }]);
    for (const [category, rest] of [
      ['sessions', { do: 'revoke' }],
      ['doors', { do: 'clear' }],
      ['remember', { do: 'revoke' }],
    ] as const) {
      seen.push(
        await allPages(connector, alice, category),
        await connector.items([alice], category, { limit: 5 }),
      );
      const work = await batchOf(connector, alice, category, rest);
      const done = await connector.apply(work, witness());
      seen.push(done, await connector.restore({ work, ...done }, witness()));
      expect(done.effect).toMatchObject({ exceptions: [] });
    }
    expect(JSON.stringify([seen, logged])).not.toContain('s3cr3t');
    const one = createHash('sha256').update('s3cr3t-one').digest('hex');
    expect(JSON.stringify(seen)).toContain(one);
    expect(await rows('SELECT token FROM shop.sessions')).toEqual(['s3cr3t-bob']);
    expect(await rows('SELECT * FROM shop.doors ORDER BY 1')).toEqual(['s3cr3t-1111 1 1', 's3cr3t-2222 1 2']);
  });

  test('are not named by what the database says of them either', async () => {
    await bench.db.query(`
      INSERT INTO shop.sessions VALUES ('s3cr3t-held', 1, 'x');
      CREATE TABLE shop.uses (token text REFERENCES shop.sessions); INSERT INTO shop.uses VALUES ('s3cr3t-held')`);
    const done = await connector.apply(
      await batchOf(connector, alice, 'sessions', { do: 'revoke' }),
      witness(),
    );
    expect(done.effect).toMatchObject({ changed: 0, exceptions: [{ kind: 'failed' }] });
    expect(JSON.stringify([done, logged])).not.toContain('s3cr3t');
  });
});
