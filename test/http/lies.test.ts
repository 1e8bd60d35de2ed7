/**
 * What systems say and is not so: each believed by a client that takes an answer at its word, in the same test,
 * and caught by ours.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readCatalog } from '../../connectors/catalog/file.js';
import type { Connector, Witness } from '../../connectors/connector.js';
import { keysOf } from '../../connectors/keys.js';
import { createConnector, KINDS } from '../../connectors/registry.js';
import { Bundle } from '../../domain/bundle.js';
import type { Batch, Fate, Intent } from '../../domain/effect.js';
import type { Account } from '../../domain/model.js';
import { ALICE, BOB, CAROL, EMAIL } from '../contract/harness.js';
import { catalogOf, deskWorld } from './harness.js';
import { Desk } from './simulator/desk.js';

let desk: Desk;
let world: ReturnType<typeof deskWorld>;
const opened: Connector[] = [];

function connect(change: (catalog: string) => string = text => text): Connector {
  const catalog = change(catalogOf({ connect: '{ timeout: 2s, lands_within: 4s }' }));
  const reading = readCatalog(catalog, 'desk.yaml', KINDS);
  if (!reading.ok) throw new Error(reading.mistakes.join('\n'));
  const connector = createConnector(reading, { connection: new Bundle('desk', world.connection) });
  opened.push(connector);
  return connector;
}

beforeEach(async () => {
  desk = await Desk.open();
  world = deskWorld(desk, '');
});
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
  await desk.close();
});

const account = (user: string): Account => ({ identities: { user: [user] }, active: true, blocked: false });
const keys = (n: number): string[] => Array.from({ length: n }, (_, i) => `thing-${i}`);
const many = (n: number) => Object.fromEntries(keys(n).map(key => [key, ALICE]));
const batch = (n: number): Batch => ({
  kind: 'batch',
  category: 'things',
  do: 'transfer',
  accounts: [account(ALICE)],
  keys: keysOf(keys(n)),
  count: n,
  takers: [BOB],
  assignment: null,
});
const silent = { intend: async () => {} };
const lookAt = async (connector: Connector) => (await connector.inventory([account(ALICE)], ['things']))[0]!;

interface Body {
  items: { key: string }[];
  users: unknown[];
}

/** Somebody who takes an answer at its word. */
async function naively(method: string, path: string, body?: unknown): Promise<{ ok: boolean; body: Body }> {
  const headers = { Authorization: `Bearer ${desk.token}`, 'Content-Type': 'application/json' };
  const answer = await fetch(`${desk.base}${path}`, {
    method,
    headers,
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  return { ok: answer.ok, body: (await answer.json()) as Body };
}

describe('a write', () => {
  test('is answered 200 and changes nothing', async () => {
    await world.fill({ things: many(2) });
    desk.lies = { changesNothing: true };
    expect((await naively('PUT', '/things/thing-0', { owner: BOB })).ok).toBe(true);
    const { effect } = await connect().apply(batch(2), silent);
    expect(effect).toMatchObject({ changed: 0 });
    expect(effect.exceptions).toEqual(
      keys(2).map(key => ({ key, kind: 'failed', why: 'the system answered 200 and changed nothing' })),
    );
  });

  test('gives the item to somebody else than was asked for', async () => {
    await world.fill({ things: many(2) });
    desk.lies = { gives: CAROL };
    expect((await naively('PUT', '/things/thing-0', { owner: BOB })).ok).toBe(true);
    const { effect } = await connect().apply({ ...batch(2), keys: keysOf(['thing-1']), count: 1 }, silent);
    expect(effect).toMatchObject({ changed: 0, exceptions: [{ key: 'thing-1', kind: 'taken' }] });
  });

  test('is refused within a 200', async () => {
    await world.fill({ things: many(1) });
    desk.lies = { refusesInside: 'owner_inactive' };
    expect((await naively('PUT', '/things/thing-0', { owner: BOB })).ok).toBe(true);
    const { effect } = await connect().apply(batch(1), silent);
    expect(effect.exceptions).toEqual([
      { key: 'thing-0', kind: 'failed', why: 'the system refused it (200 owner_inactive)' },
    ]);
  });

  test('shows only after a while: it is waited for as long as the catalog says, and no longer', async () => {
    await world.fill({ things: many(2) });
    desk.lies = { settlesAfterMs: 400 };
    const patient = connect(text => text.replace('lands_within: 4s', 'lands_within: 4s, settles_within: 3s'));
    expect((await patient.apply(batch(2), silent)).effect).toMatchObject({ changed: 2, exceptions: [] });
    await world.fill({ things: many(2) });
    expect((await connect().apply(batch(2), silent)).effect).toMatchObject({ changed: 0 });
  });

  test('is sent to nobody who has the item already: that would only move its dates', async () => {
    await world.fill({ things: { 'thing-0': BOB } });
    const { effect } = await connect().apply(batch(1), silent);
    expect(effect.exceptions).toMatchObject([{ kind: 'taken', why: expect.stringContaining('already') }]);
    expect(desk.log).toEqual([]);
  });

  test('of a switch is answered 200, and the account is as active as before', async () => {
    await world.fill({});
    desk.lies = { changesNothing: true };
    expect((await naively('PATCH', `/users/${ALICE}`, { status: 'off' })).ok).toBe(true);
    const switching = connect().apply(
      { kind: 'access', verb: 'deactivate', account: account(ALICE) },
      silent,
    );
    await expect(switching).rejects.toMatchObject({
      kind: 'rejected',
      message: expect.stringContaining('nothing has changed'),
    });
  });
});

describe('an effect whose end nobody saw', () => {
  /** What the system says of it once it can no longer be under way, and its intent. */
  async function lost(
    effect: (connector: Connector, witness: Witness) => Promise<unknown>,
    asked: Batch,
  ): Promise<{ connector: Connector; intent: Intent; fate: Extract<Fate, { kind: 'partly' }> }> {
    const connector = connect(text =>
      text.replace('timeout: 2s, lands_within: 4s', 'timeout: 500ms, lands_within: 1s'),
    );
    let intent!: Intent;
    await effect(connector, {
      intend: async one => {
        intent = one;
      },
    });
    await expect
      .poll(async () => (await connector.fateOf(asked, intent)).kind, { timeout: 5_000 })
      .toBe('partly');
    const fate = (await connector.fateOf(asked, intent)) as Extract<Fate, { kind: 'partly' }>;
    return { connector, intent, fate };
  }

  test('is not said to have moved what the successor had before it, nor does an undo take that away', async () => {
    await world.fill({ things: { 'thing-0': ALICE, 'thing-1': BOB } });
    const { connector, intent, fate } = await lost((it, witness) => it.apply(batch(2), witness), batch(2));
    expect(fate.effect).toMatchObject({ changed: 1, exceptions: [{ key: 'thing-1', kind: 'taken' }] });
    const undoing = { work: batch(2), owners: intent.owners, before: intent.before, effect: fate.effect };
    await connector.restore(undoing, silent);
    expect(await world.owners('things')).toEqual({ 'thing-0': ALICE, 'thing-1': BOB });
  });

  test('is not said to have given back what somebody else had returned before it', async () => {
    await world.fill({ things: { 'thing-0': BOB, 'thing-1': ALICE } });
    const work = batch(2);
    const effect = { changed: 2, merged: 0, perTaker: [2], exceptions: [] };
    const undoing = { work, owners: { values: [ALICE], perKey: null }, before: [], effect };
    const back: Batch = { ...work, accounts: [account(BOB)], takers: [ALICE] };
    const { fate } = await lost((it, witness) => it.restore(undoing, witness), back);
    expect(fate.effect).toMatchObject({ changed: 1, exceptions: [{ key: 'thing-1', kind: 'taken' }] });
  });
});

describe('a list', () => {
  test('ignores the filter: what is not theirs came, and nothing is believed', async () => {
    await world.fill({ things: { ...many(2), other: CAROL } });
    desk.lies = { ignoresFilter: true };
    expect((await naively('GET', `/things?owner=${ALICE}`)).body.items).toHaveLength(3);
    expect(await lookAt(connect())).toMatchObject({
      complete: false,
      problem: expect.stringContaining('ignores the filter'),
    });
  });

  test('is empty because the filter is not understood: it is asked for somebody who owns something', async () => {
    await world.fill({ things: { ...many(2), other: CAROL } });
    // As the catalog of another version would write it.
    const connector = connect(text => text.replaceAll('things?owner={from}', 'things?owner=user-{from}'));
    expect((await naively('GET', `/things?owner=user-${ALICE}`)).body.items).toEqual([]);
    expect(await lookAt(connector)).toMatchObject({
      complete: false,
      problem: expect.stringContaining('does not understand the filter'),
    });
  });

  test('is empty, and truly so', async () => {
    await world.fill({ things: { other: CAROL } });
    expect(await lookAt(connect())).toMatchObject({ count: 0, complete: true });
    await world.fill({});
    expect(await lookAt(connect())).toMatchObject({ count: 0, complete: true });
  });

  test('cuts its pages in silence, and is read whole all the same', async () => {
    await world.fill({ things: many(11) });
    desk.lies = { mostPerPage: 2 };
    const inOnePage = await naively('GET', `/things?owner=${ALICE}&size=100`);
    expect(inOnePage.body.items).toHaveLength(2);
    expect(await lookAt(connect())).toMatchObject({ count: 11, complete: true });
    const withoutTotal = connect(text => text.replaceAll(', total: /total', ''));
    expect(await lookAt(withoutTotal)).toMatchObject({ count: 11, complete: true });
  });

  test('gives the first page again and again', async () => {
    await world.fill({ things: many(7) });
    desk.lies = { ignoresPaging: true };
    expect(await lookAt(connect())).toMatchObject({
      complete: false,
      problem: expect.stringContaining('the system may ignore which page is asked for'),
    });
  });

  test('claims more than it gives', async () => {
    await world.fill({ things: many(4) });
    desk.lies = { total: 2 };
    expect(await lookAt(connect())).toMatchObject({
      complete: false,
      problem: expect.stringContaining('4 of 6 items were collected'),
    });
  });

  test('comes in one answer, as long as the system gives at all', async () => {
    await world.fill({ things: many(5) });
    desk.lies = { mostPerPage: 5 };
    const connector = connect(text =>
      text.replaceAll(
        "&page={page}&size={size}', items: /items, page: { by: number, size: 3 }, total: /total",
        "', items: /items, page: { by: none, most: 5 }",
      ),
    );
    expect(await lookAt(connector)).toMatchObject({
      complete: false,
      problem: expect.stringContaining('as many came as the system gives at most (5)'),
    });
  });

  test('comes in one answer: what would not be noticed is doubted, by place, until the catalog knows better', async () => {
    const inOne = (page: string) =>
      connect(text =>
        text
          .replaceAll(
            "&page={page}&size={size}', items: /items, page: { by: number, size: 3 }, total: /total",
            `', items: /items${page}`,
          )
          .replace(
            "get: '/users?search={value}', items: /users, total: /total",
            `get: '/users', items: /users${page}`,
          ),
      );
    const doubtsOf = async (connector: Connector) =>
      ((await connector.doubts?.()) ?? []).filter(({ message }) => message.includes('in one answer'));
    const doubted = await doubtsOf(inOne(''));
    expect(doubted.map(({ where }) => where.split(' ').at(-1))).toEqual([
      'people.find.0',
      'categories.things',
      'categories.seats',
    ]);
    expect(await doubtsOf(inOne(", page: { by: none, whole: 'read in its code' }"))).toEqual([]);
  });

  test('has another shape than the catalog says, which is no empty list', async () => {
    await world.fill({ things: many(2) });
    const connector = connect(text => text.replaceAll('items: /items', 'items: /entries'));
    expect(await lookAt(connector)).toMatchObject({
      complete: false,
      problem: expect.stringContaining('there is no list at /entries'),
    });
  });

  test('redirects to another machine', async () => {
    await world.fill({ things: many(2) });
    desk.lies = { redirects: 'http://169.254.169.254/latest/meta-data' };
    const looking = connect().inventory([account(ALICE)], ['things']);
    await expect(looking).rejects.toMatchObject({
      kind: 'configuration',
      message: expect.stringContaining('a redirect leads to http://169.254.169.254'),
    });
  });

  test('shifts while it is read and moved at once: a naive walk leaves some behind, ours none', async () => {
    await world.fill({ things: many(25) });
    for (let page = 1; ; page++) {
      const { items } = (await naively('GET', `/things?owner=${ALICE}&page=${page}&size=5`)).body;
      if (items.length === 0) break;
      for (const { key } of items) await naively('PUT', `/things/${key}`, { owner: BOB });
    }
    const left = Object.values(await world.owners('things')).filter(owner => owner === ALICE);
    expect(left.length).toBeGreaterThan(0);
    await world.fill({ things: many(25) });
    expect((await connect().apply(batch(25), silent)).effect).toMatchObject({ changed: 25, exceptions: [] });
  });
});

describe('a search', () => {
  const sought = (email: string) => ({
    id: 'someone',
    home: false,
    known: [{ by: 'email' as const, value: email }],
    shared: [],
    remembered: {},
  });

  test('finds everybody whose address holds the text: only the whole one counts', async () => {
    await world.fill({});
    desk.join('7', 'Bigbob', 'bigbob@example.com');
    expect((await naively('GET', '/users?search=bob@example.com')).body.users).toHaveLength(2);
    expect(await connect().resolveAccounts(sought('BOB@example.com'), {})).toMatchObject({
      kind: 'found',
      accounts: [{ identities: { user: [BOB] } }],
    });
  });

  test('finds nobody because it is broken: "nobody" is believed only where it finds who is there', async () => {
    await world.fill({});
    desk.lies = { findsNobody: true };
    expect((await naively('GET', '/users?search=alice@example.com')).body.users).toEqual([]);
    await expect(connect().resolveAccounts(sought('alice@example.com'), {})).rejects.toMatchObject({
      kind: 'configuration',
      message: expect.stringContaining('does not find our own account'),
    });
    desk.lies = {};
    expect(await connect().resolveAccounts(sought('nobody@example.com'), {})).toMatchObject({
      kind: 'absent',
    });
  });
});

describe('what is never done or said', () => {
  test('our own account is not switched off', async () => {
    await world.fill({});
    expect(await connect().guards([account('99')])).toMatchObject([{ kind: 'own-credential' }]);
  });

  test('no message holds our token, a key that an answer shows, or an address', async () => {
    await world.fill({ things: many(1) });
    desk.lies = { findsNobody: true };
    const wrong = [
      connect().resolveAccounts(
        {
          id: 'x',
          home: false,
          known: [{ by: 'email', value: 'alice@example.com' }],
          shared: [],
          remembered: {},
        },
        {},
      ),
      connect(text => text.replace("'/users/{user}'", "'/nothing/{user}'")).readAccount(account(ALICE)),
      connect(text => text.replaceAll('items: /items', 'items: /api_key')).items([account(ALICE)], 'things', {
        limit: 1,
      }),
    ];
    for (const one of await Promise.allSettled(wrong)) {
      expect(one.status).toBe('rejected');
      const said =
        one.status === 'rejected' ? `${one.reason.message} ${one.reason.stack} ${one.reason.cause}` : '';
      expect(said).not.toMatch(/desk-token|key-of|alice@example/);
    }
  });

  test('an id cannot climb up in an address', async () => {
    await world.fill({});
    await expect(connect().readAccount(account('..'))).rejects.toMatchObject({ kind: 'rejected' });
    await expect(connect().readAccount(account('../things'))).rejects.toMatchObject({ kind: 'rejected' });
  });
});

describe('an account', () => {
  test('is not there, and neither is anybody else: to a credential that sees nobody nobody is gone', async () => {
    await world.fill({});
    const connector = connect(text =>
      text
        .replace('  find:', `  known: { by: email, value: ${EMAIL.bob} }\n  find:`)
        .replace(/^deactivate: .*$/m, "deactivate: { calls: [{ delete: '/users/{user}' }], until: gone }")
        .replace(/^reactivate: .*$/m, 'reactivate: { by: nobody, reason: invited anew }'),
    );
    desk.members.delete(ALICE);
    expect(await connector.readAccount(account(ALICE))).toMatchObject({ active: false, gone: true });
    expect(await lookAt(connector)).toMatchObject({ complete: true, count: 0 });
    desk.members.delete(BOB);
    await expect(connector.readAccount(account(ALICE))).rejects.toMatchObject({
      kind: 'configuration',
      message: expect.stringContaining('nobody counts as gone'),
    });
    await expect(lookAt(connector)).rejects.toThrow('nobody counts as gone');
  });

  test('shows nobody at all: nothing that it does not list, and no session, is over', async () => {
    await world.fill({});
    const connector = connect(text =>
      text
        .replace('  find:', `  known: { by: email, value: ${EMAIL.bob} }\n  find:`)
        .concat(
          "\nsessions: { calls: [{ post: '/users/{user}/sessions/end' }], until: { at: /sessions, equals: 0 } }\n",
        ),
    );
    const look = async () => (await connector.inventory([account(ALICE)], ['sessions']))[0]!;
    desk.members.delete(ALICE);
    // Somebody else removed it: without an account there are no sessions, and nobody owns a thing.
    expect(await look()).toMatchObject({ complete: true, count: 0 });
    expect(await lookAt(connector)).toMatchObject({ complete: true, count: 0 });
    desk.members.delete(BOB);
    await expect(look()).rejects.toThrow('our credential may no longer see people');
    await expect(lookAt(connector)).rejects.toThrow('our credential may no longer see people');
  });

  test('lacks the very field that says whether it is active: nobody calls that switched off', async () => {
    await world.fill({});
    const connector = connect();
    // It has another name since the last upgrade, or is shown to administrators alone.
    (desk.members.get(ALICE) as { status?: string }).status = undefined;
    const says = {
      kind: 'configuration',
      message: expect.stringContaining(
        'the account 1 has nothing at /status, where it should say whether it is active',
      ),
    };
    await expect(connector.readAccount(account(ALICE))).rejects.toMatchObject(says);
    const switching = connector.apply(
      { kind: 'access', verb: 'deactivate', account: account(ALICE) },
      silent,
    );
    await expect(switching).rejects.toMatchObject(says);
    expect(desk.log).toEqual([]);
    const meant = connect(text =>
      text
        .replace(
          'active: { at: /status, equals: [active, suspended] }',
          'active: { at: /status, exists: true }',
        )
        .replace('  blocked: { at: /status, equals: suspended }\n', '')
        .replace(/^(un)?block: .*\n/gm, ''),
    );
    expect(await meant.readAccount(account(ALICE))).toMatchObject({ active: false });
  });
});
