// A real application that nobody here wrote, over its REST API: what it says and is not so, and somebody who is
// handed over in it. Afterwards WordPress itself is asked, by people who sign in.

import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadCatalog } from '../../connectors/catalog/file.js';
import type { Connector } from '../../connectors/connector.js';
import { keysOf } from '../../connectors/keys.js';
import { createConnector, KINDS } from '../../connectors/registry.js';
import { Bundle } from '../../domain/bundle.js';
import type { Batch } from '../../domain/effect.js';
import type { Account } from '../../domain/model.js';
import { startStaffed } from '../support/staffed.js';
import { startWordPress, type WordPress } from './wordpress.js';

const CATALOG = fileURLToPath(new URL('../../systems/wordpress.yaml', import.meta.url));

interface Thing {
  id: number;
  author: number;
  status: string;
}

let site: WordPress;
let wordpress: Required<Connector>;
const ids: Record<string, number> = {};
const silent = { intend: async () => {} };

beforeAll(async () => {
  site = await startWordPress();
  const loaded = await loadCatalog(CATALOG, KINDS);
  wordpress = createConnector(loaded, {
    connection: new Bundle('WordPress', connection()),
  }) as Required<Connector>;
  for (const [login, role] of Object.entries({
    alice: 'editor',
    bob: 'editor',
    carol: 'editor',
    sam: 'subscriber',
    // Whoever looks for al@acme.test finds her as well.
    pal: 'author',
  }))
    ids[login] = (
      await as<{ id: number }>('POST', '/users', {
        username: login,
        email: `${login}@acme.test`,
        password: `${login}-pw-1`,
        roles: [role],
      })
    ).id;
});
afterAll(async () => {
  await wordpress?.close();
  await site?.stop();
});

const connection = () => ({
  base: `${site.baseUrl}/wp-json`,
  user: site.admin.login,
  password: site.admin.applicationPassword,
});

/** WordPress's answer to somebody, whatever it is. */
async function ask(method: string, path: string, body?: unknown, by?: string): Promise<Response> {
  const who = by ?? `${site.admin.login}:${site.admin.applicationPassword}`;
  return fetch(`${site.baseUrl}/wp-json/wp/v2${path}`, {
    method,
    headers: {
      Authorization: `Basic ${Buffer.from(who).toString('base64')}`,
      ...(body ? { 'Content-Type': 'application/json' } : {}),
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
}

async function as<T>(method: string, path: string, body?: unknown): Promise<T> {
  const answer = await ask(method, path, body);
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as T;
}

const account = (login: string): Account => ({
  identities: { user: [String(ids[login])] },
  active: true,
  blocked: false,
});

/** Whose post it is, by WordPress. */
const authorOf = async (id: number, kind = 'posts'): Promise<number> =>
  (await as<Thing>('GET', `/${kind}/${id}?context=edit`)).author;

async function posts(login: string, count: number, more: object = {}): Promise<string[]> {
  const made: string[] = [];
  for (let n = 0; n < count; n++) {
    const body = { title: `${login} ${n}`, status: 'publish', author: ids[login], ...more };
    made.push(String((await as<Thing>('POST', '/posts', body)).id));
  }
  return made;
}

const batch = (category: string, keys: string[], from: string, to: string): Batch => ({
  kind: 'batch',
  category,
  do: 'transfer',
  accounts: [account(from)],
  keys: keysOf(keys),
  count: keys.length,
  takers: [String(ids[to])],
  assignment: null,
});

const lookAt = async (category: string, login: string) =>
  (await wordpress.inventory([account(login)], [category]))[0]!;

/** A session begun on the login page, as people do, as its cookies; null = WordPress does not let them in. */
async function signIn(login: string, password: string): Promise<string | null> {
  const answer = await fetch(`${site.baseUrl}/wp-login.php`, {
    method: 'POST',
    redirect: 'manual',
    headers: { Cookie: 'wordpress_test_cookie=WP%20Cookie%20check' },
    body: new URLSearchParams({ log: login, pwd: password, testcookie: '1', 'wp-submit': 'Log In' }),
  });
  const cookies = answer.headers.getSetCookie().map(one => one.split(';')[0]);
  const isIn = answer.status === 302 && cookies.some(one => one?.startsWith('wordpress_logged_in_'));
  return isIn ? cookies.join('; ') : null;
}

const signsIn = async (login: string, password: string): Promise<boolean> =>
  (await signIn(login, password)) !== null;

/** Does the page on one's own account open in this session? */
async function goesOn(session: string): Promise<boolean> {
  const page = `${site.baseUrl}/wp-admin/profile.php`;
  return (await fetch(page, { redirect: 'manual', headers: { Cookie: session } })).status === 200;
}

test('the catalog fits a WordPress as Debian ships it', async () => {
  await posts('alice', 1);
  expect(await wordpress.check()).toEqual([]);
  expect(await wordpress.doubts()).toEqual([]);
});

describe('what WordPress says, and is not so', () => {
  test('a search finds parts of words: only the whole address counts', async () => {
    expect(await as('GET', '/users?search=al@acme.test&context=edit')).toHaveLength(1);
    const sought = {
      id: 'x',
      home: false,
      known: [{ by: 'email' as const, value: 'al@acme.test' }],
      shared: [],
      remembered: {},
    };
    expect(await wordpress.resolveAccounts(sought, {})).toMatchObject({ kind: 'absent' });
    const pal = { ...sought, known: [{ by: 'email' as const, value: 'Pal@acme.test' }] };
    expect(await wordpress.resolveAccounts(pal, {})).toMatchObject({
      kind: 'found',
      accounts: [{ identities: { user: [String(ids.pal)] } }],
    });
  });

  test('a list of published posts looks like all of them: drafts, private ones and the trash are theirs as well', async () => {
    await posts('carol', 1);
    await posts('carol', 1, { status: 'draft' });
    await posts('carol', 1, { status: 'private' });
    const [gone] = await posts('carol', 1);
    await as('DELETE', `/posts/${gone}`);
    expect(await as('GET', `/posts?author=${ids.carol}`)).toHaveLength(1);
    expect(await lookAt('posts', 'carol')).toMatchObject({ count: 4, complete: true });
  });

  test('a parameter that it does not know is ignored: nobody is taken for the owner of everybody’s posts', async () => {
    const loaded = await loadCatalog(CATALOG, KINDS);
    const wrong = structuredClone(loaded.catalog);
    if (wrong.kind !== 'http') throw new Error('another kind');
    wrong.categories.posts!.list.get = wrong.categories.posts!.list.get!.replace('author=', 'owner=');
    const misled = createConnector(
      { ...loaded, catalog: wrong },
      { connection: new Bundle('WordPress', connection()) },
    );
    const naive = await as<Thing[]>('GET', `/posts?owner=${ids.bob}&per_page=100`);
    expect(naive.some(({ author }) => author !== ids.bob)).toBe(true);
    const [seen] = await misled.inventory([account('bob')], ['posts']);
    await misled.close();
    expect(seen).toMatchObject({ complete: false, problem: expect.stringContaining('ignores the filter') });
  });

  test('a subscriber, who cannot edit, is accepted as author: not as a successor', async () => {
    const [id] = await posts('alice', 1);
    expect((await ask('POST', `/posts/${id}`, { author: ids.sam })).status).toBe(200);
    expect(await authorOf(Number(id))).toBe(ids.sam);
    await as('POST', `/posts/${id}`, { author: ids.alice });
    expect(await wordpress.ineligible([account('alice')], 'posts', account('sam'))).toMatchObject({
      why: expect.stringContaining('could not edit'),
    });
    expect(await wordpress.ineligible([account('alice')], 'posts', account('bob'))).toMatchObject({
      count: 0,
    });
  });

  test('a misspelt field answers 200 and changes nothing', async () => {
    const [id] = await posts('alice', 1);
    expect((await ask('POST', `/posts/${id}`, { autor: ids.bob })).status).toBe(200);
    const loaded = await loadCatalog(CATALOG, KINDS);
    const misspelt = structuredClone(loaded.catalog);
    if (misspelt.kind !== 'http') throw new Error('another kind');
    misspelt.categories.posts!.bulk!.each = {
      method: 'POST',
      path: '/wp/v2/posts/{key}',
      body: { autor: '{to:number}' },
    };
    const misled = createConnector(
      { ...loaded, catalog: misspelt },
      { connection: new Bundle('WordPress', connection()) },
    );
    const { effect } = await misled.apply(batch('posts', [id!], 'alice', 'bob'), silent);
    await misled.close();
    expect(effect).toMatchObject({
      changed: 0,
      exceptions: [{ kind: 'failed', why: expect.stringContaining('changed nothing') }],
    });
  });

  test('pages shift while items are reassigned: ours are listed before anything is written', async () => {
    await posts('pal', 25);
    const made = (await as<Thing[]>('GET', `/posts?author=${ids.pal}&per_page=100`)).map(({ id }) =>
      String(id),
    );
    const [seen] = await wordpress.inventory([account('pal')], ['posts']);
    expect(seen).toMatchObject({ count: 25, complete: true });
    expect((await wordpress.apply(batch('posts', made, 'pal', 'bob'), silent)).effect).toMatchObject({
      changed: 25,
      exceptions: [],
    });
    expect(await lookAt('posts', 'pal')).toMatchObject({ count: 0, complete: true });
  });

  test('in bulk it answers 207 whatever happened: what is gone and who is nobody is told item by item', async () => {
    const [kept, lost] = await posts('alice', 2);
    await as('DELETE', `/posts/${lost}?force=true`);
    const { effect } = await wordpress.apply(batch('posts', [kept!, lost!], 'alice', 'bob'), silent);
    expect(effect).toMatchObject({ changed: 1, exceptions: [{ key: lost, kind: 'gone' }] });
    const again = await posts('alice', 1);
    const nobody = { ...batch('posts', again, 'alice', 'bob'), takers: ['9999'] };
    expect((await wordpress.apply(nobody, silent)).effect.exceptions).toMatchObject([
      { kind: 'failed', why: expect.stringContaining('rest_invalid_author') },
    ]);
  });

  test('a user without a role still signs in with an application password: ours does not any more', async () => {
    const made = await as<{ password: string }>('POST', `/users/${ids.carol}/application-passwords`, {
      name: 'cli',
    });
    const key = `carol:${made.password}`;
    expect(await signsIn('carol', 'carol-pw-1')).toBe(true);
    await as('POST', `/users/${ids.carol}`, { roles: [] });
    expect((await ask('GET', '/users/me', undefined, key)).status).toBe(200);
    await as('POST', `/users/${ids.carol}`, { roles: ['editor'] });
    const done = await wordpress.apply(
      { kind: 'access', verb: 'deactivate', account: account('carol') },
      silent,
    );
    expect(done).toMatchObject({ effect: { changed: 1 }, before: [{ roles: ['editor'] }] });
    expect((await ask('GET', '/users/me', undefined, key)).status).toBe(401);
    expect(await signsIn('carol', 'carol-pw-1')).toBe(false);
    expect(await wordpress.readAccount(account('carol'))).toMatchObject({ active: false });
    const work = { kind: 'access', verb: 'deactivate', account: account('carol') } as const;
    await wordpress.restore({ work, ...done }, silent);
    expect(await as('GET', `/users/${ids.carol}?context=edit`)).toMatchObject({ roles: ['editor'] });
  });

  test('a block is all that WordPress has, and is given back with the role; a new password is chosen by mail', async () => {
    const block = { kind: 'access', verb: 'block', account: account('pal') } as const;
    const done = await wordpress.apply(block, silent);
    expect(done).toMatchObject({ effect: { changed: 1 }, before: [{ roles: ['author'] }] });
    expect(await signsIn('pal', 'pal-pw-1')).toBe(false);
    await wordpress.apply({ ...block, verb: 'unblock', undoes: done.before! }, silent);
    expect(await as('GET', `/users/${ids.pal}?context=edit`)).toMatchObject({ roles: ['author'] });
    expect(await signsIn('pal', 'pal-pw-1')).toBe(false);
  });

  test('the account that we call with is never switched off', async () => {
    const admin: Account = { identities: { user: ['1'] }, active: true, blocked: false };
    expect(await wordpress.guards([admin])).toMatchObject([{ kind: 'own-credential' }]);
  });
});

test('a sudden departure: blocked, handed over, switched off and swept, as WordPress itself says', async () => {
  const there = await startStaffed({ name: 'wordpress', catalog: CATALOG }, connection(), [
    { name: 'Alice', email: 'alice@acme.test', manager: 'bob@acme.test' },
    { name: 'Bob', email: 'bob@acme.test' },
    { name: 'Olivia', email: 'olivia@acme.test', role: 'operator' },
    { name: 'Priya', email: 'priya@acme.test', role: 'approver' },
  ]);
  try {
    await posts('alice', 3);
    const [draft] = await posts('alice', 1, { status: 'draft' });
    const page = await as<Thing>('POST', '/pages', { title: 'About', status: 'publish', author: ids.alice });
    const key = await as<{ password: string }>('POST', `/users/${ids.alice}/application-passwords`, {
      name: 'phone',
    });
    const session = (await signIn('alice', 'alice-pw-1'))!;
    const waysIn = async () => ({
      form: await signsIn('alice', 'alice-pw-1'),
      session: await goesOn(session),
      applicationPassword: (await ask('GET', '/users/me', undefined, `alice:${key.password}`)).status,
    });
    expect(await waysIn()).toEqual({ form: true, session: true, applicationPassword: 200 });
    const shut = { form: false, session: false, applicationPassword: 401 };
    const held = (await lookAt('posts', 'alice')).count;
    const others = (await lookAt('posts', 'bob')).count;

    // Blocked, and nothing else: what they have is still theirs.
    const run = await there.depart({ user: 'alice@acme.test', successor: 'manager', departure: 'unplanned' });
    const planned = await run.planned();
    expect(planned.state, planned.findings.map(one => one.message).join('\n')).toBe('awaiting-approval');
    expect(planned.access).toEqual({ staff: 'blocked', wordpress: 'blocked' });
    expect((await run.happened()).slice(0, 4)).toEqual(['requested', 'access', 'access', 'planned']);
    expect(planned.plan).toMatchObject({ mode: 'execute-and-deactivate', modeReason: null });
    expect(planned.plan!.steps.find(({ id }) => id === 'wordpress/posts')!.baseline.count).toBe(held);
    expect(await waysIn()).toEqual(shut);
    expect(await authorOf(Number(draft))).toBe(ids.alice);
    expect(await authorOf(page.id, 'pages')).toBe(ids.alice);

    // Handed over, and switched off.
    await run.agree();
    const ended = await run.ended();
    expect(ended.outcome, ended.sentence).toBe('completed');
    expect(ended.access).toEqual({ staff: 'deactivated', wordpress: 'deactivated' });
    expect((await lookAt('posts', 'bob')).count).toBe(others + held);
    expect(await authorOf(Number(draft))).toBe(ids.bob);
    expect(await authorOf(page.id, 'pages')).toBe(ids.bob);
    expect(await as('GET', `/users/${ids.alice}?context=edit`)).toMatchObject({ roles: [] });
    expect(await waysIn()).toEqual(shut);
    expect(await signsIn('bob', 'bob-pw-1')).toBe(true);
    const { ledger } = there.world.worker.deps.store;
    // What the block found is what an undo of the switch would give back.
    expect(await ledger.keptOf('wordpress', 'deactivate', String(ids.alice))).toEqual([
      { roles: ['editor'] },
    ]);

    // WordPress takes somebody without a role as author: an integration goes on writing.
    const [late] = await posts('alice', 1);
    expect(await authorOf(Number(late))).toBe(ids.alice);
    await run.sweep.until(({ moved }) => moved > 0);
    expect(await authorOf(Number(late))).toBe(ids.bob);
    expect(await run.sweep.finish()).toMatchObject({ outcome: 'finished', moved: 1, addenda: [1] });
    expect(await run.addenda()).toMatchObject([
      { number: 1, moved: 1, steps: [{ step: 'wordpress/posts', changed: 1 }] },
    ]);
    expect(await waysIn()).toEqual(shut);
    // Nothing of our credential is in what is remembered.
    const { rows } = await there.world.db.store!.query('select body from handover.audit_bodies');
    expect(JSON.stringify(rows)).not.toContain(connection().password);
  } finally {
    await there.stop();
  }
});
