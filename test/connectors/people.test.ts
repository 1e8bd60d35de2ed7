import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { AccessVerb, Intent } from '../../domain/effect.js';
import type { Sought } from '../../domain/model.js';
import {
  ALICE,
  access,
  account,
  type Bench,
  BOB,
  CAROL,
  createBench,
  failureOf,
  PEOPLE_YAML,
  someoneWaits,
  type WholeConnector,
  witness,
} from './fixture.js';

const YAML = `${PEOPLE_YAML}
identities:
  employee: { table: public.employees, key: number, person: user_id, when: employees.valid }
  badge: { column: badge }
guards:
  last_owner: users.admin
  protected: users.login = 'root'
categories: {}
block: { set: { status: 2 }, verify: users.status = 2, also_delete: [{ table: public.sessions, column: user_id }] }
unblock: { set: { status: 1 }, verify: users.status = 1 }
deactivate: { set: { status: 3 }, verify: users.status = 3, also_delete: [{ table: public.sessions, column: user_id }] }
reactivate: { set: { status: 1 }, verify: users.status = 1 }
`;

const SQL = `
  CREATE TABLE employees (number bigint, user_id bigint, valid boolean DEFAULT true);
  CREATE TABLE sessions (token text, user_id bigint);
  CREATE TABLE addresses (address text, user_id bigint, main boolean)`;

let bench: Bench;
let connector: WholeConnector;

beforeAll(async () => {
  bench = await createBench('people', SQL);
  connector = bench.connector(YAML);
});
afterAll(() => bench.drop());
beforeEach(async () => {
  await bench.db.query(`
    DROP TRIGGER IF EXISTS stubborn ON users;
    TRUNCATE employees, sessions, addresses;
    DELETE FROM users WHERE id > 3;
    UPDATE users SET status = 1, admin = id < 3, badge = NULL, human = NULL, service = false;
    UPDATE users SET email = 'Alice@example.com', login = 'alice' WHERE id = 1`);
});

const person = (id: string, email: string | null, more: Partial<Sought> = {}): Sought => ({
  id,
  home: false,
  known: email === null ? [] : [{ by: 'email', value: email }],
  shared: [],
  remembered: {},
  ...more,
});
const statusOf = async (id: string) =>
  (await bench.db.query('SELECT status FROM users WHERE id = $1', [id])).rows[0]?.status;

describe('people of the directory', () => {
  test('are found by id, e-mail and login, whatever the case, with everything the directory says', async () => {
    const alice = {
      id: '1',
      name: 'Alice',
      email: 'Alice@example.com',
      active: true,
      managerId: '2',
      team: 'sales',
      roles: ['operator'],
      human: '1',
      blocked: false,
      known: [
        { by: 'email', value: 'Alice@example.com' },
        { by: 'login', value: 'alice' },
      ],
    };
    expect(await connector.directory.findPeople({ by: 'id', value: '1' })).toEqual([alice]);
    expect(await connector.directory.findPeople({ by: 'email', value: ' ALICE@Example.COM' })).toEqual([
      alice,
    ]);
    expect(await connector.directory.findPeople({ by: 'login', value: 'Alice' })).toEqual([alice]);
  });

  test('are found when they are inactive or blocked, and an e-mail is never tried as a login', async () => {
    await bench.db.query(
      `UPDATE users SET status = 3 WHERE id = 1; INSERT INTO users (id, name, login) VALUES (4, 'Odd', 'carol@example.com')`,
    );
    expect(await connector.directory.findPeople({ by: 'id', value: '1' })).toMatchObject([
      { id: '1', active: false },
    ]);
    expect(
      (await connector.directory.findPeople({ by: 'email', value: 'carol@example.com' })).map(p => p.id),
    ).toEqual(['3']);
  });

  test('two matches are both returned, none is an empty list, and rows that are no people are not found', async () => {
    await bench.db.query(
      `INSERT INTO users (id, name, email, service) VALUES (4, 'Second', 'ALICE@example.com', false), (5, 'Robot', 'alice@example.com', true)`,
    );
    expect(
      (await connector.directory.findPeople({ by: 'email', value: 'alice@example.com' })).map(p => p.id),
    ).toEqual(['1', '4']);
    expect(await connector.directory.findPeople({ by: 'email', value: "x' OR true --" })).toEqual([]);
    expect(await connector.directory.findPeople({ by: 'id', value: 'no number' })).toEqual([]);
  });

  test('who holds a role is everybody whom the catalog gives it, and whoever is blocked says so', async () => {
    await bench.db.query(`UPDATE users SET status = 2 WHERE id = 1`);
    expect(await connector.directory.holders('operator')).toMatchObject([
      { id: '1', active: true, blocked: true },
      { id: '2', blocked: false },
    ]);
    expect(await connector.directory.holders('approver')).toEqual([]);
  });

  test('a team is its active members by id', async () => {
    await bench.db.query(`UPDATE users SET status = 3 WHERE id = 2`);
    expect((await connector.directory.team('sales')).map(p => p.id)).toEqual(['1', '3']);
    expect(await connector.directory.team('nobody')).toEqual([]);
  });

  test('may be recognised by a table of e-mail addresses of its own', async () => {
    const own = bench.connector(
      YAML.replace(
        '  email: email\n',
        '  email: { table: public.addresses, column: address, person: user_id, when: addresses.main }\n',
      ).replace(
        '{ by: email, column: email }',
        '{ by: email, table: public.addresses, column: address, person: user_id }',
      ),
    );
    await bench.db.query(
      `INSERT INTO addresses VALUES ('a@main', 1, true), ('a@other', 1, false), ('b@main', 2, true)`,
    );
    expect(await own.directory.findPeople({ by: 'email', value: 'A@Other' })).toMatchObject([
      { id: '1', email: 'a@main' },
    ]);
    expect(await own.directory.findPeople({ by: 'email', value: 'alice@example.com' })).toEqual([]);
    expect(await own.check()).toEqual([]);
  });
});

describe('accounts', () => {
  test('are resolved with every identity that exists', async () => {
    await bench.db.query(
      `INSERT INTO employees VALUES (903, 1, true), (904, 1, false), (905, 2, true); UPDATE users SET badge = 'B-1' WHERE id = 1`,
    );
    expect(await connector.resolveAccounts(person('d1', 'alice@EXAMPLE.com'), {})).toEqual({
      kind: 'found',
      accounts: [
        {
          identities: { user: ['1'], employee: ['903'], badge: ['B-1'] },
          active: true,
          blocked: false,
          label: 'Alice (1)',
        },
      ],
      others: [],
      strangers: [],
    });
    expect(await connector.resolveAccounts(person('d3', 'carol@example.com'), {})).toMatchObject({
      accounts: [{ identities: { user: ['3'] } }],
    });
  });

  test('that nobody matches are absent, expected or not as the catalog says', async () => {
    expect(await connector.resolveAccounts(person('d', 'zoe@example.com'), {})).toEqual({
      kind: 'absent',
      expected: false,
      others: [],
    });
    expect(await connector.resolveAccounts(person('d', null), {})).toEqual({
      kind: 'absent',
      expected: false,
      others: [],
    });
    const relaxed = bench.connector(YAML.replace('kind: postgres', 'kind: postgres\nabsence: expected'));
    expect(await relaxed.resolveAccounts(person('d', 'zoe@example.com'), {})).toEqual({
      kind: 'absent',
      expected: true,
      others: [],
    });
  });

  test('with two candidates are ambiguous and name them', async () => {
    await bench.db.query(`INSERT INTO users (id, name, email) VALUES (4, 'Second', 'alice@example.com')`);
    expect(await connector.resolveAccounts(person('d', 'alice@example.com'), {})).toEqual({
      kind: 'ambiguous',
      identity: 'user',
      candidates: [
        { id: '1', label: 'Alice (1)' },
        { id: '4', label: 'Second (4)' },
      ],
      // Each is theirs by a value that nobody else has: whichever vanishes is not forgotten.
      sure: [
        expect.objectContaining({ label: 'Alice (1)' }),
        expect.objectContaining({ label: 'Second (4)' }),
      ],
    });
  });

  test('take what an operator settled, unless it does not fit', async () => {
    await bench.db.query(`INSERT INTO employees VALUES (903, 2), (904, 2), (905, NULL), (906, 1)`);
    const bob = (pinned: Record<string, string[]>) =>
      connector.resolveAccounts(person('d', 'bob@example.com'), pinned);
    expect(await bob({ employee: ['904'] })).toMatchObject({
      kind: 'found',
      accounts: [{ identities: { user: ['2'], employee: ['903', '904'] } }],
    });
    // Beside what the system itself ties to the account.
    expect(await bob({ employee: ['905'] })).toMatchObject({
      kind: 'found',
      accounts: [{ identities: { employee: ['903', '904', '905'] } }],
    });
    expect(await bob({ employee: ['905'] })).toMatchObject({
      strangers: [
        { id: 'employee 905', known: [{ by: 'email', value: '905' }, { by: 'login' }, { by: 'number' }] },
      ],
    });
    expect(await bob({ employee: [] })).toMatchObject({
      kind: 'found',
      accounts: [{ identities: { user: ['2'] } }],
      others: [{ id: 'employee 903' }, { id: 'employee 904' }],
    });
    expect(await bob({ employee: ['906'] })).toMatchObject({ kind: 'ambiguous', identity: 'employee' });
    expect(await bob({ user: ['3'] })).toMatchObject({
      kind: 'found',
      accounts: [{ identities: { user: ['3'] } }],
    });
    expect(await bob({ user: ['77'] })).toEqual({ kind: 'ambiguous', identity: 'user', candidates: [] });
    expect(await bob({ user: [] })).toMatchObject({ kind: 'absent' });
    expect(await failureOf(bob({ emploee: ['1'] }))).toEqual({
      kind: 'configuration',
      message: 'crm: there is no identity emploee; known are user, employee, badge',
    });
  });

  test('are several, with several values each, where an operator names them all', async () => {
    await bench.db.query(`INSERT INTO users (id, name, email) VALUES (4, 'Second', 'alice@example.com');
      INSERT INTO employees VALUES (903, 1), (904, 1), (905, 4), (906, NULL), (907, 2)`);
    const alice = (pinned: Record<string, string[]>) =>
      connector.resolveAccounts(person('d', 'alice@example.com'), pinned);
    const employee = ['903', '904', '905', '906'];
    expect(await alice({ user: ['1', '4'], employee })).toMatchObject({
      kind: 'found',
      accounts: [
        { identities: { user: ['1'], employee: ['903', '904', '906'] } },
        { identities: { user: ['4'], employee: ['905'] } },
      ],
    });
    expect(await alice({ user: ['1', '4'], employee: ['907'] })).toMatchObject({ kind: 'ambiguous' });
    expect(await alice({ user: ['4', '77'] })).toMatchObject({ kind: 'ambiguous', identity: 'user' });
  });

  test('have every value that the system ties to them', async () => {
    await bench.db.query(`INSERT INTO employees VALUES (903, 2), (904, 2), (905, 1)`);
    expect(await connector.resolveAccounts(person('d', 'bob@example.com'), {})).toMatchObject({
      accounts: [{ identities: { user: ['2'], employee: ['903', '904'] } }],
    });
  });

  test('share no value with somebody whose record of it does not count', async () => {
    await bench.db.query(`INSERT INTO employees VALUES (903, 2, true), (903, 1, false)`);
    expect(await connector.resolveAccounts(person('d', 'bob@example.com'), {})).toMatchObject({
      kind: 'found',
      accounts: [{ identities: { user: ['2'], employee: ['903'] } }],
    });
  });

  test('bear also what only the directory knows them by, where that is of the same kind', async () => {
    const mailed = bench.connector(YAML.replace('badge: { column: badge }', 'mail: { column: email }'));
    const known: Sought['known'] = [
      { by: 'email', value: 'bob@example.com' },
      { by: 'email', value: 'bobby@example.com' },
      { by: 'login', value: 'bobby' },
    ];
    expect(await mailed.resolveAccounts(person('d', null, { known, leaves: true }), {})).toMatchObject({
      kind: 'found',
      accounts: [{ identities: { user: ['2'], mail: ['bob@example.com', 'bobby@example.com'] } }],
    });
  });

  test('are found by every rule: one that two rules give to two people is a question', async () => {
    const login = { by: 'login', value: 'carol' } as const;
    const email = { by: 'email', value: 'alice@example.com' } as const;
    expect(await connector.resolveAccounts(person('d', null, { known: [login] }), {})).toMatchObject({
      kind: 'found',
      accounts: [{ identities: { user: ['3'] } }],
    });
    expect(await connector.resolveAccounts(person('d', null, { known: [login, email] }), {})).toMatchObject({
      kind: 'ambiguous',
      candidates: [{ id: '1' }, { id: '3' }],
    });
  });

  test('of one human being, as the system itself says, are all theirs', async () => {
    await bench.db.query(
      `UPDATE users SET human = ' E7 ' WHERE id = 1; UPDATE users SET human = 'E7', name = 'Alice (admin)' WHERE id = 3`,
    );
    const both = {
      kind: 'found',
      accounts: [{ label: 'Alice (1)' }, { label: 'Alice (admin) (3)' }],
      others: [],
    };
    expect(await connector.resolveAccounts(person('d', 'alice@example.com'), {})).toMatchObject(both);
    const number = { by: 'number', value: 'E7' } as const;
    expect(await connector.resolveAccounts(person('d', null, { known: [number] }), {})).toMatchObject(both);
    expect(await connector.resolveAccounts(person('d', 'alice@example.com'), { user: ['1'] })).toMatchObject({
      accounts: [{ label: 'Alice (1)' }],
      others: [{ id: '3', label: 'Alice (admin) (3)', why: 'it fits as well' }],
    });
  });

  test.each(['Alice <ALICE@example.com>', 'mailto:alice@example.com', 'x@y.example; alice@example.com'])(
    'whose e-mail is more than an address (%s) are a question',
    async mail => {
      await bench.db.query('UPDATE users SET email = $1, login = NULL WHERE id = 1', [mail]);
      expect(await connector.resolveAccounts(person('d', 'alice@example.com'), {})).toMatchObject({
        kind: 'ambiguous',
        candidates: [{ id: '1' }],
        why: expect.stringContaining('its e-mail is theirs and something beside it'),
      });
    },
  );

  test.each(['malice@example.com', 'alice@example.com.evil', 'alice@example.community'])(
    'whose e-mail only holds the same letters (%s) are nobody',
    async mail => {
      await bench.db.query('UPDATE users SET email = $1, login = NULL WHERE id = 1', [mail]);
      expect(await connector.resolveAccounts(person('d', 'alice@example.com'), {})).toMatchObject({
        kind: 'absent',
        others: [],
      });
    },
  );

  test('that have nothing but a number in common with theirs are named, and left alone', async () => {
    await bench.db.query(
      `UPDATE users SET human = 'E7' WHERE id IN (1, 3); UPDATE users SET name = 'Carol' WHERE id = 3`,
    );
    expect(await connector.resolveAccounts(person('d', 'alice@example.com'), {})).toMatchObject({
      accounts: [{ label: 'Alice (1)' }],
      others: [{ id: '3', why: 'it has their person number, and nothing else that is theirs' }],
    });
  });

  test.each(['N/A', '0', '---'])('are not tied by what stands for no number (%j)', async nothing => {
    await bench.db.query(
      `UPDATE users SET name = 'Carol' WHERE id = 3; UPDATE users SET human = $1`.replace(
        '$1',
        `'${nothing}'`,
      ),
    );
    expect(await connector.resolveAccounts(person('d', 'alice@example.com'), {})).toMatchObject({
      accounts: [{ label: 'Alice (1)' }],
      others: [],
    });
    expect((await connector.directory.findPeople({ by: 'id', value: '1' }))[0]).toMatchObject({ human: '1' });
  });

  test.each(['', '   ', '\u00a0', '\t'])('are never found by an empty value (%j)', async nothing => {
    await bench.db.query(
      `INSERT INTO users (id, name, email, login, human, badge) VALUES (4, 'Nil', $1, $1, $1, $1)`,
      [nothing],
    );
    const known = (['email', 'login', 'number'] as const).map(by => ({ by, value: nothing }));
    expect(await connector.resolveAccounts(person(nothing, null, { known }), {})).toMatchObject({
      kind: 'absent',
    });
    for (const by of ['email', 'login', 'number'] as const)
      expect(await connector.directory.findPeople({ by, value: nothing })).toEqual([]);
    const [nil] = await connector.directory.findPeople({ by: 'id', value: '4' });
    expect(nil).toMatchObject({ email: null, human: '4', known: [] });
    expect(await connector.resolveAccounts(person('d', null), { user: ['4'] })).toMatchObject({
      accounts: [{ identities: { user: ['4'] } }],
    });
  });

  test('that have a value of several people are a question, and beside a certain one they are named', async () => {
    const shared = [{ by: 'email', value: 'bob@example.com' }] as const;
    expect(await connector.resolveAccounts(person('d', null, { shared }), {})).toEqual({
      kind: 'ambiguous',
      identity: 'user',
      candidates: [{ id: '2', label: 'Bob (2)' }],
      why: 'Nobody is recognised for certain, but Bob (2): its e-mail is one that other people have too.',
    });
    expect(await connector.resolveAccounts(person('d', 'alice@example.com', { shared }), {})).toMatchObject({
      kind: 'found',
      accounts: [{ label: 'Alice (1)' }],
      others: [{ id: '2', label: 'Bob (2)', why: 'its e-mail is one that other people have too' }],
    });
  });

  test.each([
    ['composed and decomposed', 'ren\u00e9e@example.com', 'rene\u0301e@example.com'],
    ['blanks around it', 'zoe@example.com', ' ZOE@example.com\u00a0'],
    ['full-width letters', 'zoe@example.com', '\uff5aoe@example.com'],
  ])('are recognised by an e-mail however it is written: %s', async (_what, wanted, written) => {
    await bench.db.query(`INSERT INTO users (id, name, email) VALUES (4, 'Zoe', $1)`, [written]);
    expect(await connector.resolveAccounts(person('d', wanted), {})).toMatchObject({
      accounts: [{ identities: { user: ['4'] } }],
    });
    expect(await connector.resolveAccounts(person('d', written), {})).toMatchObject({
      accounts: [{ identities: { user: ['4'] } }],
    });
  });

  test.each([
    ['exactly as it is written, where the catalog says so', 'none', 'ZOE', 'zoe', 'upper and lower case'],
    ['but for leading zeros, which nobody has folded', 'case', '00712', '712', 'how a number is written'],
  ])('are compared %s: what nearly fits is a question', async (_what, fold, wanted, written, why) => {
    const strict = bench.connector(YAML.replace('column: login }', `column: login, fold: ${fold} }`));
    await bench.db.query(`INSERT INTO users (id, name, login) VALUES (4, 'Zoe', $1)`, [written]);
    const sought = person('d', null, { known: [{ by: 'login', value: wanted }] });
    expect(await strict.resolveAccounts(sought, {})).toMatchObject({
      kind: 'ambiguous',
      candidates: [{ id: '4' }],
      why: expect.stringContaining(`its login is theirs but for ${why}`),
    });
    const loose = bench.connector(YAML.replace('column: login }', 'column: login, fold: [case, zeros] }'));
    expect(await loose.resolveAccounts(sought, {})).toMatchObject({ accounts: [{ label: 'Zoe (4)' }] });
  });

  test('in the directory are the entry itself; one that looks like it is named, several say nothing', async () => {
    await bench.db.query(`INSERT INTO users (id, name, email) VALUES (4, 'Twin', 'alice@example.com')`);
    const home = person('1', 'alice@example.com', { home: true });
    expect(await connector.resolveAccounts(home, {})).toMatchObject({
      kind: 'found',
      accounts: [{ label: 'Alice (1)' }],
      others: [{ id: '4', label: 'Twin (4)', why: 'its e-mail is theirs' }],
    });
    expect(await connector.resolveAccounts(person('1', null, { home: true }), {})).toMatchObject({
      accounts: [{ label: 'Alice (1)' }],
    });
    await bench.db.query(`INSERT INTO users (id, name, email) VALUES (5, 'Third', 'alice@example.com')`);
    expect(await connector.resolveAccounts(home, {})).toMatchObject({ others: [] });
  });

  test('that an operator named against every rule come with what tells whose they are', async () => {
    expect(await connector.resolveAccounts(person('d', 'alice@example.com'), { user: ['2'] })).toMatchObject({
      accounts: [{ label: 'Bob (2)' }],
      others: [{ id: '1', why: 'it fits as well' }],
      strangers: [{ id: '2', label: 'the account Bob (2)', known: [{ by: 'email' }, { by: 'login' }] }],
    });
  });

  test('remember values that have vanished, unless somebody else has them now', async () => {
    await bench.db.query(`INSERT INTO employees VALUES (906, 2)`);
    const remembered = { user: ['1', '3', '77'], employee: ['903', '906'] };
    expect(
      await connector.resolveAccounts(person('d', 'alice@example.com', { remembered }), {}),
    ).toMatchObject({
      accounts: [
        { identities: { user: ['1'], employee: ['903'] }, active: true },
        { identities: { user: ['77'] }, label: '77', active: false, gone: true },
      ],
      others: [{ id: '3', label: 'Carol (3)', why: expect.stringContaining('no rule says so any more') }],
    });
  });

  test('whose value others have too own nothing by it before somebody says so', async () => {
    const shared = bench.connector(YAML.replace('badge: { column: badge }', 'mail: { column: email }'));
    await bench.db.query(`UPDATE users SET email = 'Bob@example.com' WHERE id = 3`);
    const carol = person('d', null, { known: [{ by: 'login', value: 'carol' }] });
    expect(await shared.resolveAccounts(carol, {})).toMatchObject({
      kind: 'ambiguous',
      identity: 'mail',
      why: expect.stringContaining('The mail of an account of theirs is also that of Bob (2)'),
    });
    expect(await shared.resolveAccounts(carol, { mail: ['Bob@example.com'] })).toMatchObject({
      accounts: [{ identities: { mail: ['Bob@example.com'] } }],
    });
    expect(await shared.resolveAccounts(carol, { mail: [] })).toMatchObject({
      accounts: [{ identities: { user: ['3'] } }],
      others: [{ id: 'mail Bob@example.com' }],
    });
    await bench.db.query(`UPDATE users SET email = 'carol@example.com' WHERE id = 3`);
  });

  test('are read as they are now; one that vanished is rejected', async () => {
    await bench.db.query('UPDATE users SET status = 2 WHERE id = 3');
    expect(await connector.readAccount(account(CAROL))).toMatchObject({ active: true, blocked: true });
    await bench.db.query('UPDATE users SET status = 3 WHERE id = 3');
    expect(await connector.readAccount(account(CAROL))).toMatchObject({ active: false, blocked: false });
    expect(await failureOf(connector.readAccount(account('77')))).toEqual({
      kind: 'rejected',
      message: 'crm: the account 77 no longer exists in public.users',
    });
  });

  test('are never off because nothing is filled in: of these nobody can tell', async () => {
    const unsure = bench.connector(YAML.replace('users.status <> 3', "users.badge <> 'off'"));
    const unknown = {
      kind: 'configuration',
      message: expect.stringContaining(
        "crm: of the account 1 nobody can tell whether it is active: people.active (users.badge <> 'off') says neither yes nor no there, since what it reads is NULL",
      ),
    };
    expect(await failureOf(unsure.readAccount(account(ALICE)))).toEqual(unknown);
    const alice = person('d1', 'alice@example.com');
    expect(await failureOf(unsure.resolveAccounts(alice, {}))).toEqual(unknown);
    expect(await failureOf(unsure.resolveAccounts(alice, { user: ['1'] }))).toEqual(unknown);
    // Whoever is unknown and somebody else is none of their business.
    await bench.db.query(`UPDATE users SET badge = 'on' WHERE id = 1`);
    expect(await unsure.resolveAccounts(alice, {})).toMatchObject({ accounts: [{ active: true }] });
    await bench.db.query(`UPDATE users SET badge = 'off' WHERE id = 1`);
    expect(await unsure.readAccount(account(ALICE))).toMatchObject({ active: false });
  });
});

describe('guards', () => {
  test('name the last active owner and protected accounts, and nobody else', async () => {
    const kinds = async (id: string) => (await connector.guards([account(id)])).map(g => g.kind);
    expect(await kinds(ALICE)).toEqual([]);
    await bench.db.query('UPDATE users SET status = 3 WHERE id = 2');
    expect(await kinds(ALICE)).toEqual(['last-owner']);
    expect(await kinds(CAROL)).toEqual([]);
    await bench.db.query(
      `UPDATE users SET status = 2 WHERE id = 2; INSERT INTO users (id, name, login) VALUES (9, 'root', 'root')`,
    );
    expect(await kinds(ALICE)).toEqual(['last-owner']);
    expect(await kinds('9')).toEqual(['protected']);
    const receiving = bench.connector(
      YAML.replace(/( +)(protected: .*)/, '$1$2\n$1protected_receives: true'),
    );
    const said = async (of: WholeConnector) => (await of.guards([account('9')])).map(g => g.receives);
    expect([await said(connector), await said(receiving)]).toEqual([[false], [true]]);
  });

  test('see all accounts of one person together: their second account is no other owner', async () => {
    expect(await connector.guards([account(ALICE), account(BOB)])).toEqual([
      {
        kind: 'last-owner',
        message:
          'crm: the accounts 1, 2 are the last active owner or administrator (guards.last_owner in the catalog): make somebody else one first',
      },
    ]);
  });
});

describe('switches', () => {
  const flip = async (verb: AccessVerb, id: string, intend?: (intent: Intent) => unknown) => {
    const { effect, before } = await connector.apply(access(verb, id), witness(intend));
    return { ...effect, before };
  };

  test('block and unblock, deactivate and reactivate change one row, keep how it was, and do nothing the second time', async () => {
    await bench.db.query(`INSERT INTO sessions VALUES ('canary', 3), ('canary', 3), ('other', 2)`);
    const blocked = await flip('block', CAROL);
    expect(blocked).toMatchObject({ changed: 1, exceptions: [] });
    expect(blocked.before).toEqual([
      { table: 'public.users', key: '3', row: { status: '1' } },
      { table: 'public.sessions', key: null, deleted: 2 },
    ]);
    expect(await flip('block', CAROL)).toMatchObject({ changed: 0, before: [] });
    expect(await flip('unblock', CAROL)).toMatchObject({ changed: 1 });
    expect(await flip('deactivate', CAROL)).toMatchObject({ changed: 1 });
    expect(await flip('deactivate', CAROL)).toMatchObject({ changed: 0 });
    expect(await flip('reactivate', CAROL)).toMatchObject({ changed: 1 });
    expect(await statusOf(CAROL)).toBe(1);
    expect((await bench.db.query('SELECT token FROM sessions')).rows).toEqual([{ token: 'other' }]);
  });

  test('a receipt that cannot be stored rolls the switch back', async () => {
    const boom = new Error('no store');
    await expect(flip('deactivate', CAROL, () => Promise.reject(boom))).rejects.toBe(boom);
    expect(await statusOf(CAROL)).toBe(1);
  });

  test('a switch that the database takes back is rejected, not believed', async () => {
    await bench.db.query(`
      CREATE OR REPLACE FUNCTION stubborn() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN new.status := 1; RETURN new; END $$;
      CREATE TRIGGER stubborn BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION stubborn()`);
    const failure = await failureOf(flip('deactivate', CAROL));
    expect(failure).toEqual({
      kind: 'rejected',
      message:
        "crm: the database accepted to deactivate the account 3, but the catalog's deactivate.verify is not true afterwards: nothing was changed",
    });
    await bench.db.query(
      `CREATE OR REPLACE FUNCTION stubborn() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$`,
    );
    expect((await failureOf(flip('deactivate', CAROL))).message).toContain(
      'must change exactly one row of public.users, but it changed 0',
    );
  });

  test('the last owner and a protected account are refused in the deactivating transaction itself', async () => {
    await bench.db.query('UPDATE users SET status = 3 WHERE id = 2');
    expect(await failureOf(flip('deactivate', ALICE))).toMatchObject({ kind: 'rejected' });
    expect(await statusOf(ALICE)).toBe(1);
  });

  test('of two administrators who are deactivated at the same time exactly one is refused', async () => {
    for (let round = 0; round < 10; round++) {
      await bench.db.query('UPDATE users SET status = 1');
      const results = await Promise.allSettled([ALICE, BOB].map(id => flip('deactivate', id)));
      expect(results.map(r => r.status).sort()).toEqual(['fulfilled', 'rejected']);
      const { rows } = await bench.db.query(
        'SELECT count(*)::int AS n FROM users WHERE admin AND status = 1',
      );
      expect(rows[0].n).toBe(1);
    }
  });

  test('the second of two administrators waits for the first and sees that they are the last', async () => {
    const patient = bench.connector(YAML.replace('lock_timeout: 300ms', 'lock_timeout: 20s'));
    let second: Promise<{ kind: string; message: string }> | undefined;
    await patient.apply(
      access('deactivate', ALICE),
      witness(async () => {
        second = failureOf(patient.apply(access('deactivate', BOB), witness()));
        await someoneWaits(bench.db);
      }),
    );
    expect((await second!).message).toContain('the last active owner');
    expect([await statusOf(ALICE), await statusOf(BOB)]).toEqual([3, 1]);
  });

  test('a verb that the catalog does not have, an absent account and one that vanished are said', async () => {
    const bare = bench.connector(`${PEOPLE_YAML}\ncategories: {}\n`);
    const all = (by: string) => ({ block: by, unblock: by, deactivate: by, reactivate: by });
    expect(bare.access).toEqual(all('person'));
    expect(connector.access).toEqual(all('system'));
    expect((await failureOf(bare.apply(access('deactivate', CAROL), witness()))).message).toBe(
      'crm: the catalog does not say how to deactivate an account',
    );
    expect(
      (
        await failureOf(
          connector.apply(
            { ...access('block', CAROL), account: { ...account(CAROL), identities: {} } },
            witness(),
          ),
        )
      ).kind,
    ).toBe('rejected');
    expect((await failureOf(flip('block', '77'))).message).toContain('no longer exists');
  });
});
