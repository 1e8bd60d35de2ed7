/**
 * Where the state of an account lies in other tables than people: rows are changed, inserted and deleted in the
 * transaction of the switch, and a block gives back what was there before it.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { AccessVerb, Done } from '../../domain/effect.js';
import {
  ALICE,
  access,
  account,
  type Bench,
  BOB,
  createBench,
  failureOf,
  PEOPLE_YAML,
  type WholeConnector,
  witness,
} from './fixture.js';

const YAML = `${PEOPLE_YAML.replace(
  /active: .*\n {2}blocked: .*\n/,
  `active: not exists (select from iam.members m where m.person = users.id and m.circle = 'gone')
  blocked: exists (select from iam.members m where m.person = users.id and m.circle = 'suspended')\n`,
)}
categories: {}
block:
  also_insert: [{ table: iam.members, values: { person: $user, circle: suspended, since: $now } }, { table: iam.holds, values: { person: $user, what: mail } }]
  also_set: [{ table: iam.logins, column: person, set: { state: 'off', changed: $now }, when: logins.kind <> 'audit' }]
  also_delete: [{ table: iam.members, column: person, when: members.circle like 'may-%', kept: true }, { table: iam.sessions, column: person }]
  verify: exists (select from iam.members m where m.person = users.id and m.circle = 'suspended')
unblock:
  restore: true
  verify: not exists (select from iam.members m where m.person = users.id and m.circle = 'suspended')
deactivate:
  set: { status: 3 }
  also_insert: [{ table: iam.members, values: { person: $user, circle: gone } }]
  verify: exists (select from iam.members m where m.person = users.id and m.circle = 'gone')
reactivate:
  restore: true
  set: { status: 1 }
  also_delete: [{ table: iam.members, column: person, when: members.circle = 'gone', kept: true }]
  verify: not exists (select from iam.members m where m.person = users.id and m.circle = 'gone')
`;

const SQL = `
  CREATE SCHEMA iam;
  CREATE TABLE iam.members (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, person bigint REFERENCES users, circle text, since timestamptz, UNIQUE (person, circle));
  CREATE TABLE iam.logins (person bigint, kind text, state text NOT NULL, secret text, changed timestamptz, PRIMARY KEY (kind, person));
  CREATE TABLE iam.sessions (token text, person bigint);
  CREATE TABLE iam.holds (person bigint, what text)`;

let bench: Bench;
let connector: WholeConnector;

beforeAll(async () => {
  bench = await createBench('switchrows', SQL);
  connector = bench.connector(YAML);
  expect(await connector.check()).toEqual([]);
});
afterAll(() => bench?.drop());
beforeEach(() =>
  bench.db.query(`
    TRUNCATE iam.members, iam.logins, iam.sessions, iam.holds; UPDATE users SET status = 1;
    INSERT INTO iam.members (person, circle) VALUES (1, 'may-enter'), (1, 'choir'), (2, 'may-enter');
    INSERT INTO iam.logins VALUES (1, 'web', 'trial', 'hash', '2020-01-01'), (1, 'ssh', 'on', 'hash', NULL), (1, 'audit', 'on', 'hash', NULL), (2, 'web', 'on', 'hash', NULL);
    INSERT INTO iam.sessions VALUES ('tok', 1)`),
);

async function rows(sql: string): Promise<unknown[]> {
  return (await bench.db.query({ text: sql, rowMode: 'array' })).rows.map(row => row.join(' '));
}
const MEMBERS = 'SELECT person, circle FROM iam.members ORDER BY 1, 2';
const LOGINS = `SELECT person, kind, state, changed FROM iam.logins ORDER BY 1, 2`;

const flip = (verb: AccessVerb, undoes?: readonly unknown[]): Promise<Done> =>
  connector.apply({ ...access(verb, ALICE), ...(undoes && { undoes }) }, witness());

describe('a switch that is made of rows of other tables', () => {
  test('is one transaction, changes nobody else, and keeps no secret', async () => {
    const done = await flip('block');
    expect(done.effect).toMatchObject({ changed: 1 });
    expect(await rows(MEMBERS)).toEqual(['1 choir', '1 suspended', '2 may-enter']);
    expect(await rows(`SELECT person, kind, state FROM iam.logins WHERE state <> 'on' ORDER BY 2`)).toEqual([
      '1 ssh off',
      '1 web off',
    ]);
    expect(await rows('SELECT * FROM iam.sessions')).toEqual([]);
    expect(JSON.stringify(done.before)).not.toMatch(/hash|tok/);
    expect(await connector.readAccount(account(ALICE))).toMatchObject({ active: true, blocked: true });
    expect(await connector.readAccount(account(BOB))).toMatchObject({ active: true, blocked: false });
    expect((await flip('block')).effect).toMatchObject({ changed: 0 });
  });

  test('is given back as it was, every old value of its own', async () => {
    const before = [await rows(MEMBERS), await rows(LOGINS)];
    const { before: kept } = await flip('block');
    expect((await flip('unblock', kept)).effect).toMatchObject({ changed: 1, exceptions: [] });
    expect([await rows(MEMBERS), await rows(LOGINS)]).toEqual(before);
    expect((await flip('unblock', kept)).effect).toMatchObject({ changed: 0 });
  });

  test('is left alone, with a sentence, where somebody has changed it since', async () => {
    const { before: kept } = await flip('block');
    await bench.db.query(`UPDATE iam.logins SET state = 'locked' WHERE person = 1 AND kind = 'web'`);
    const now = await rows(LOGINS);
    expect(await failureOf(flip('unblock', kept))).toEqual({
      kind: 'rejected',
      message:
        'crm: the account 1 is no longer as block left it: somebody has changed it since, and it is left as it is',
    });
    expect([await rows(LOGINS), await rows(MEMBERS)]).toEqual([
      now,
      ['1 choir', '1 suspended', '2 may-enter'],
    ]);
  });

  test('cannot be given back where nobody kept it, unless the catalog says what it is to be', async () => {
    await flip('block');
    expect(await failureOf(flip('unblock'))).toMatchObject({
      kind: 'rejected',
      message: expect.stringContaining('nobody kept what the account was before'),
    });
    await bench.db.query(`DELETE FROM iam.members WHERE circle = 'suspended'`);
    await flip('deactivate');
    expect(await connector.readAccount(account(ALICE))).toMatchObject({ active: false });
    await flip('reactivate');
    expect(await rows('SELECT status FROM users WHERE id = 1')).toEqual(['1']);
    expect(await rows(MEMBERS)).toEqual(['1 choir', '2 may-enter']);
  });

  test('is undone from its receipt, and what could not be kept is named', async () => {
    const before = [await rows(MEMBERS), await rows(LOGINS)];
    const work = access('block', ALICE);
    const done = await connector.apply(work, witness());
    const back = await connector.restore({ work, ...done }, witness());
    expect(back.effect).toMatchObject({ changed: 1, exceptions: [{ key: 'iam.sessions', kind: 'failed' }] });
    expect([await rows(MEMBERS), await rows(LOGINS)]).toEqual(before);
  });

  test('adds no row that is there already, and takes none away that it did not add', async () => {
    await bench.db.query(`INSERT INTO iam.holds VALUES (1, 'mail'), (2, 'mail')`);
    const work = access('block', ALICE);
    const done = await connector.apply(work, witness());
    expect(await rows('SELECT * FROM iam.holds ORDER BY 1')).toEqual(['1 mail', '2 mail']);
    await connector.restore({ work, ...done }, witness());
    expect(await rows('SELECT * FROM iam.holds ORDER BY 1')).toEqual(['1 mail', '2 mail']);
  });

  test('changes no row of an account that is off already, and ends its sessions all the same', async () => {
    await flip('block');
    await bench.db.query(`UPDATE iam.logins SET state = 'locked' WHERE person = 1 AND kind = 'web';
      TRUNCATE iam.holds; INSERT INTO iam.sessions VALUES ('new', 1)`);
    expect((await flip('block')).effect).toMatchObject({ changed: 0 });
    expect(await rows(`SELECT state FROM iam.logins WHERE person = 1 AND kind = 'web'`)).toEqual(['locked']);
    expect(await rows('SELECT * FROM iam.holds')).toEqual([]);
    expect(await rows('SELECT * FROM iam.sessions')).toEqual([]);
  });
});
