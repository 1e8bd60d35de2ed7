/**
 * What a catalog can say of a system: how it lets us in, how it lists, how it takes changes. Each against a
 * server that answers only where it was asked as its documentation says.
 */
import { generateKeyPairSync } from 'node:crypto';
import { jwtVerify } from 'jose';
import { afterEach, describe, expect, test } from 'vitest';
import { readCatalog } from '../../connectors/catalog/file.js';
import type { Connector } from '../../connectors/connector.js';
import { keysOf } from '../../connectors/keys.js';
import { createConnector, KINDS } from '../../connectors/registry.js';
import { Bundle } from '../../domain/bundle.js';
import type { Batch } from '../../domain/effect.js';
import type { Account } from '../../domain/model.js';
import { type Asked, type Reply, type Served, serve } from './simulator/serve.js';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

interface Told {
  auth?: string;
  /** Further keys under `connect`. */
  connect?: string;
  list?: string;
  /** Further lines of the category. */
  category?: string;
  /** Further lines of the catalog. */
  more?: string;
  connection?: Record<string, string>;
}

const PEOPLE = `people:
  key: /id
  read: { get: '/users/{user}' }
  self: { get: /me }
  find: [{ by: email, get: '/users?email={value}', items: '', match: /email }]
  active: { at: /on, equals: true }`;

const LIST = "{ get: '/of/{from}/deals', items: '' }";

/** A connector for a system that answers so; `/me` and people are answered here. */
async function system(
  { auth = '{ none: true }', connect = '', list = LIST, category = '', more = '', connection = {} }: Told,
  answer: (asked: Asked) => Reply | Promise<Reply>,
): Promise<{ connector: Connector; served: Served }> {
  const served = await serve(answer);
  const catalog = `version: 1
system: crm
title: CRM
kind: http
connect: { timeout: 2s, lands_within: 4s${connect} }
auth: ${auth}
${more}
${more.includes('people:') ? '' : PEOPLE}
categories:
  deals:
    title: Deals
    do: transfer
    list: ${list}
    key: /id
${/^owner:/m.test(category) ? '' : '    owner: /owner\n'}${/^(write|bulk):/m.test(category) ? '' : "    write: { put: '/deals/{key}', json: { owner: '{to}' } }\n"}${category
  .split('\n')
  .map(line => `    ${line}`)
  .join('\n')}
`;
  const reading = readCatalog(catalog, 'crm.yaml', KINDS);
  if (!reading.ok) throw new Error(`${reading.mistakes.join('\n')}\n${catalog}`);
  const connector = createConnector(reading, {
    connection: new Bundle('crm', { base: served.base, ...connection }),
  });
  closing.push(async () => {
    await connector.close();
    await served.close();
  });
  return { connector, served };
}

const alice: Account = { identities: { user: ['1'] }, active: true, blocked: false };
const held = async (connector: Connector) => (await connector.inventory([alice], ['deals']))[0]!;
const deals = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, n) => ({ id: from + n, owner: 1 }));
const batch = (keys: string[], more: Partial<Batch> = {}): Batch => ({
  kind: 'batch',
  category: 'deals',
  do: 'transfer',
  accounts: [alice],
  keys: keysOf(keys),
  count: keys.length,
  takers: ['2'],
  assignment: null,
  ...more,
});
const silent = { intend: async () => {} };
const PROOF = "proof: { none: 'the server here is ours' }";

// --- how it lets us in ---------------------------------------------------------------------------------------

describe('signs in', () => {
  const ifSo =
    (isSo: (asked: Asked) => boolean) =>
    (asked: Asked): Reply =>
      isSo(asked) ? [200, deals(0, 2)] : [401, { error: 'who are you?' }];

  test.each([
    ['{ bearer: token }', { token: 't-123456' }, { authorization: 'Bearer t-123456' }],
    [
      '{ basic: { user: login, password: pw } }',
      { login: 'üser', pw: 'p:w' },
      { authorization: `Basic ${Buffer.from('üser:p:w').toString('base64')}` },
    ],
    ['{ header: { name: X-Api-Key, value: key } }', { key: 'k-123456' }, { 'x-api-key': 'k-123456' }],
    [
      "{ header: { name: Authorization, value: key, prefix: 'Token token=' } }",
      { key: 'k-123456' },
      { authorization: 'Token token=k-123456' },
    ],
  ])('by %s', async (auth, connection, headers) => {
    const [[name, value] = ['', '']] = Object.entries(headers);
    const { connector } = await system(
      { auth, connection: connection as unknown as Record<string, string> },
      ifSo(asked => asked.headers[name] === value),
    );
    expect(await held(connector)).toMatchObject({ count: 2, complete: true });
  });

  test('and says what a connection lacks', async () => {
    await expect(system({ auth: '{ bearer: token }' }, () => [200])).rejects.toThrow(
      /does not name token.*needs base, token/,
    );
  });

  test('with OAuth client credentials: one token for many calls, and a new one before it runs out or when it is refused', async () => {
    let given = 0;
    let refuse = false;
    const { connector, served } = await system(
      {
        auth: "{ oauth: { token: /oauth/token, client: id, secret: secret, scope: 'read write' } }",
        connection: { id: 'me', secret: 's3cret/+' },
      },
      ({ path, headers, body }) => {
        if (path === '/oauth/token') {
          expect(body).toMatchObject({ grant_type: 'client_credentials', scope: 'read write' });
          expect(headers.authorization).toBe(
            `Basic ${Buffer.from(`me:${encodeURIComponent('s3cret/+')}`).toString('base64')}`,
          );
          return [200, { access_token: `token-${++given}`, token_type: 'Bearer', expires_in: 1 }];
        }
        if (headers.authorization !== `Bearer token-${given}` || refuse) {
          refuse = false;
          return [401, {}];
        }
        return [200, deals(0, 2)];
      },
    );
    await Promise.all([held(connector), held(connector), held(connector)]);
    expect(given).toBe(1);
    refuse = true;
    expect(await held(connector)).toMatchObject({ complete: true });
    expect(given).toBe(2);
    await new Promise(resolve => setTimeout(resolve, 600));
    expect(await held(connector)).toMatchObject({ complete: true });
    expect(given).toBe(3);
    expect(served.asked.filter(({ path }) => path === '/oauth/token')).toHaveLength(3);
  });

  test('with a JWT that is signed by our key', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const { connector } = await system(
      {
        auth: "{ jwt: { token: /token, key: key, issuer: client, subject: user, audience: 'https://login.example.com' } }",
        connection: {
          key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
          client: 'app',
          user: 'robot',
        },
      },
      async ({ path, headers, body }) => {
        if (path !== '/token') return headers.authorization === 'Bearer yes' ? [200, deals(0, 1)] : [401];
        const { payload } = await jwtVerify(String(body.assertion), publicKey, {
          audience: 'https://login.example.com',
          issuer: 'app',
          subject: 'robot',
        });
        return payload.exp ? [200, { access_token: 'yes' }] : [400, { error: 'invalid_grant' }];
      },
    );
    expect(await held(connector)).toMatchObject({ count: 1, complete: true });
  });

  test('as JSON-RPC services have it: a call that signs in, a cookie, and what it answered in every other call', async () => {
    let sessions = 0;
    const { connector } = await system(
      {
        auth: `{ session: { post: /jsonrpc, json: { method: login, params: { db: '{connect.db}', login: '{connect.login}', password: '{connect.pw}' } }, keep: { uid: /result/uid }, cookies: true } }`,
        connection: { db: 'acme', login: 'robot', pw: 'robot-pw' },
        more: 'outcomes: [{ at: /error/code, equals: 100, is: credential }, { at: /error, exists: true, is: rejected, code: /error/code }]',
        list: "{ post: /jsonrpc, json: { method: search, params: { uid: '{session.uid:number}', owner: '{from:number}', offset: '{offset:number}', limit: '{size:number}' } }, items: /result/records, total: /result/length, page: { by: offset, size: 2 } }",
        category: PROOF,
      },
      ({ body, headers }) => {
        const { method, params } = body as { method: string; params: Record<string, unknown> };
        if (method === 'login') {
          if (params.password !== 'robot-pw') return [200, { result: { uid: false } }];
          return [
            200,
            { result: { uid: 7 } },
            { 'Set-Cookie': `session_id=s${++sessions}; HttpOnly; Path=/` },
          ];
        }
        // The first session ends while the list is walked.
        if (headers.cookie !== `session_id=s${sessions}` || (sessions === 1 && params.offset === 2))
          return [200, { error: { code: 100, message: 'Session expired' } }];
        expect(params).toMatchObject({ uid: 7, owner: 1, limit: 2 });
        const from = params.offset as number;
        return [200, { result: { length: 5, records: deals(from, Math.min(5, from + 2)) } }];
      },
    );
    expect(await held(connector)).toMatchObject({ count: 5, complete: true });
    expect(sessions).toBe(2);
  });

  test('or says that it is not let in, without the secret', async () => {
    const { connector } = await system(
      {
        auth: '{ oauth: { token: /t, client: id, secret: secret, send: body } }',
        connection: { id: 'me', secret: 'hush-hush' },
      },
      () => [400, { error: 'invalid_client', error_description: 'hush-hush is wrong' }],
    );
    const failing = held(connector);
    await expect(failing).rejects.toMatchObject({
      kind: 'credential',
      message: 'crm: it gives us no token (400 invalid_client)',
    });
  });
});

// --- how it lists --------------------------------------------------------------------------------------------

describe('lists', () => {
  const five = deals(0, 5);

  test('by cursor in the answer, which is left out of the first call', async () => {
    const { connector, served } = await system(
      {
        list: "{ get: '/deals?owner={from}&after={cursor}&limit={size}', items: /data, page: { by: cursor, at: /paging/next, size: 2 } }",
        category: PROOF,
      },
      ({ query }) => {
        const at = Number(query.get('after') ?? 0);
        return [200, { data: five.slice(at, at + 2), paging: at + 2 < 5 ? { next: String(at + 2) } : {} }];
      },
    );
    expect(await held(connector)).toMatchObject({ count: 5, complete: true });
    expect(served.asked[0]!.query.has('after')).toBe(false);
  });

  test('by cursor in a search body', async () => {
    const { connector } = await system(
      {
        list: "{ post: /deals/search, json: { filter: { owner: '{from}' }, after: '{cursor}' }, items: /results, total: /total, page: { by: cursor, at: /next_cursor } }",
        category: PROOF,
      },
      ({ body }) => {
        expect(body.filter).toEqual({ owner: '1' });
        const at = Number(body.after ?? 0);
        return [200, { results: five.slice(at, at + 3), total: 5, next_cursor: at + 3 < 5 ? at + 3 : null }];
      },
    );
    expect(await held(connector)).toMatchObject({ count: 5, complete: true });
  });

  test('by a next link, absolute or not, and by the Link header', async () => {
    let base = '';
    const next = (at: number, way: string): string | null =>
      at + 2 < 5 ? `${way === 'absolute' ? base : ''}/deals?at=${at + 2}` : null;
    for (const way of ['absolute', 'relative', 'header']) {
      const { connector, served } = await system(
        {
          list: `{ get: '/deals?owner={from}', items: /items/*/data, page: ${way === 'header' ? '{ by: link }' : '{ by: next, at: /next }'} }`,
          category: PROOF,
        },
        ({ query }) => {
          const at = Number(query.get('at') ?? 0);
          const link = next(at, way === 'header' ? 'absolute' : way);
          return [
            200,
            {
              items: five.slice(at, at + 2).map(data => ({ data, meta: {} })),
              next: way === 'header' ? null : link,
            },
            (way === 'header' && link
              ? { Link: `<${base}/deals?at=0>; rel="first", <${link}>; rel="next"` }
              : {}) as Record<string, string>,
          ];
        },
      );
      base = served.base;
      expect(await held(connector), way).toMatchObject({ count: 5, complete: true });
    }
  });

  test('a next link to another host is not followed', async () => {
    const { connector } = await system(
      { list: "{ get: '/deals?owner={from}', items: '/d', page: { by: next, at: /next } }", category: PROOF },
      () => [200, { d: five.slice(0, 2), next: 'https://evil.example.com/deals' }],
    );
    await expect(held(connector)).rejects.toThrow('the next page leads to https://evil.example.com');
  });

  test('a page behind the last one may be an error, where the catalog says so', async () => {
    const { connector } = await system(
      {
        list: "{ get: '/deals?owner={from}&page={page}', items: '', page: { by: number, size: 2 }, outcomes: [{ status: 400, at: /code, equals: past_the_end, is: end }] }",
        category: PROOF,
      },
      ({ query }) => {
        const at = (Number(query.get('page')) - 1) * 2;
        return at < 4 ? [200, deals(at, at + 2)] : [400, { code: 'past_the_end' }];
      },
    );
    expect(await held(connector)).toMatchObject({ count: 4, complete: true });
  });

  test('everybody’s, where there is no filter: what is not theirs is left out on our side', async () => {
    const { connector } = await system({ list: "{ get: /deals, items: '', of: everybody }" }, () => [
      200,
      [...five, { id: 9, owner: 2 }, { id: 10, owner: null }],
    ]);
    expect(await held(connector)).toMatchObject({ count: 5, complete: true });
  });

  test('ids beyond what JavaScript can count, digit by digit', async () => {
    const { connector, served } = await system(
      {
        category:
          "read: { get: '/deals/{key}' }\nwrite: { put: '/deals/{key}', json: { owner: '{to:number}' } }",
      },
      ({ path, method }) => {
        if (method === 'PUT') return [204];
        if (path.startsWith('/deals/')) {
          const moved = served.asked.some(one => one.method === 'PUT');
          return [200, `{"id":9007199254740993,"owner":${moved ? '12345678901234567890' : '1'}}`];
        }
        return [200, '[{"id":9007199254740993,"owner":1}]'];
      },
    );
    const work = batch(['9007199254740993'], { takers: ['12345678901234567890'] });
    expect((await connector.apply(work, silent)).effect).toMatchObject({ changed: 1, exceptions: [] });
    expect(served.asked.map(({ path }) => path)).toContain('/deals/9007199254740993');
  });
});

// --- how it takes changes ------------------------------------------------------------------------------------

describe('changes', () => {
  /** Deals that can be read one by one, and what else answers. */
  const store = (owners: Record<string, number | number[]>, else_: (asked: Asked) => Reply) => {
    return (asked: Asked): Reply => {
      const [, key] = /^\/deals\/(\w+)$/.exec(asked.path) ?? [];
      if (asked.method === 'GET' && key !== undefined)
        return key in owners ? [200, { id: key, owner: owners[key], version: 7 }] : [404];
      return else_(asked);
    };
  };
  const READ = "read: { get: '/deals/{key}' }";

  test('in bulk by id: only refusals are believed, and what came of the rest is read', async () => {
    const owners: Record<string, number> = { a: 1, b: 1, c: 1 };
    const { connector, served } = await system(
      {
        category: `${READ}
bulk:
  patch: /deals
  size: 50
  json: { allOrNone: false, records: '{each}' }
  each: { id: '{key}', OwnerId: '{to}' }
  results: { at: '', by: /id, outcomes: [{ at: /success, equals: true, is: ok }, { at: /success, equals: false, is: rejected, code: /errors/0/code }] }`,
      },
      store(owners, ({ body }) => {
        expect(body).toEqual({
          allOrNone: false,
          records: ['a', 'b', 'c'].map(id => ({ id, OwnerId: '2' })),
        });
        owners.a = 2;
        return [
          200,
          [
            { id: 'c', success: true, errors: [] },
            { id: 'b', success: false, errors: [{ code: 'ENTITY_IS_LOCKED' }] },
            { id: 'a', success: true, errors: [] },
          ],
        ];
      }),
    );
    const { effect } = await connector.apply(batch(['a', 'b', 'c']), silent);
    expect(effect.changed).toBe(1);
    expect(Object.fromEntries(effect.exceptions.map(({ key, why }) => [key, why]))).toEqual({
      b: 'the system refused it (200 ENTITY_IS_LOCKED)',
      c: 'the system answered 200 and changed nothing',
    });
    expect(served.asked.filter(({ method }) => method === 'PATCH')).toHaveLength(1);
  });

  test('in bulk as a job that is asked after', async () => {
    const owners: Record<string, number> = { a: 1, b: 1 };
    let asked = 0;
    const { connector } = await system(
      {
        category: `${READ}
bulk:
  put: '/deals/update_many?ids={keys}'
  size: 100
  json: { deal: { owner: '{to:number}' } }
  results: { at: /job/results, by: /id, outcomes: [{ at: /error, exists: true, is: rejected, code: /error }], job: { get: '/jobs/{job}', id: /job/id, every: 10ms, until: { at: /job/status, equals: completed } } }`,
      },
      store(owners, ({ path, query, body }) => {
        if (path === '/deals/update_many') {
          expect([query.get('ids'), body]).toEqual(['a,b', { deal: { owner: 2 } }]);
          return [200, { job: { id: 'j1', status: 'queued' } }];
        }
        if (++asked < 3) return [200, { job: { id: 'j1', status: 'working' } }];
        owners.a = 2;
        return [
          200,
          { job: { id: 'j1', status: 'completed', results: [{ id: 'a' }, { id: 'b', error: 'Closed' }] } },
        ];
      }),
    );
    const { effect } = await connector.apply(batch(['a', 'b']), silent);
    expect(effect).toMatchObject({
      changed: 1,
      exceptions: [{ key: 'b', kind: 'failed', why: 'the system refused it (200 Closed)' }],
    });
  });

  test('one of several owners: the others stay', async () => {
    const owners: Record<string, number[]> = { a: [5, 1, 6], b: [1, 2] };
    const { connector } = await system(
      {
        list: "{ get: '/of/{from}/deals', items: '' }",
        category: `${READ}
owner: { at: /owner/* }
write: { put: '/deals/{key}', json: { owner: '{owners:number}' } }`,
      },
      store(owners, ({ path, body }) => {
        owners[path.split('/').at(-1)!] = body.owner as number[];
        return [204];
      }),
    );
    const { effect } = await connector.apply(batch(['a', 'b']), silent);
    expect(effect).toMatchObject({ changed: 2, exceptions: [] });
    expect(owners).toEqual({ a: [5, 6, 2], b: [2] });
  });

  test('by a verb that answers with a redirect, or takes it up and does it later, or waits for somebody', async () => {
    const owners: Record<string, number> = { a: 1, b: 1, c: 1 };
    const { connector } = await system(
      {
        more: 'limits: { concurrency: 2 }',
        category: `${READ}\nwrite: { post: '/deals/{key}/transfer', form: { new_owner: '{to}' } }`,
      },
      store(owners, ({ path, body }) => {
        expect(body).toEqual({ new_owner: '2' });
        const key = path.split('/')[2]!;
        if (key === 'a') {
          owners.a = 2;
          return [302, '', { Location: '/somewhere' }];
        }
        if (key === 'b') owners.b = 2;
        return [202, { status: 'pending' }];
      }),
    );
    const { effect } = await connector.apply(batch(['a', 'b', 'c']), silent);
    expect(effect).toMatchObject({
      changed: 2,
      exceptions: [{ key: 'c', kind: 'failed', why: 'the system has taken it up and not done it yet (202)' }],
    });
  });

  test('only what is still as it was read, by a version of the system’s own; and the receipt says so', async () => {
    const owners: Record<string, number> = { a: 1, b: 1 };
    let tries = 0;
    const { connector } = await system(
      {
        category: `${READ}\nwrite: { put: '/deals/{key}', json: { owner: '{to}', lock_version: '{version:number}' }, compare: { version: /version } }`,
      },
      store(owners, ({ path, body }) => {
        expect(body).toMatchObject({ lock_version: 7 });
        const key = path.split('/').at(-1)!;
        // Somebody else was faster, once; and took the other one away for good.
        if (key === 'a' && tries++ === 0) return [409];
        if (key === 'b') {
          owners.b = 3;
          return [409];
        }
        owners[key] = 2;
        return [200, {}];
      }),
    );
    const done = await connector.apply(batch(['a', 'b']), silent);
    expect(done.effect).toMatchObject({ changed: 1, exceptions: [{ key: 'b', kind: 'taken' }] });
    expect(done.mark).toContain('compared by version');
  });

  test('not at all, where something stands in the way of all of them: the step stops and says what', async () => {
    const { connector } = await system(
      {
        more: 'outcomes: [{ status: 422, at: /error, equals: PERIOD_CLOSED, is: blocked, code: /error, says: the books are closed }]',
        category: READ,
      },
      store({ a: 1, b: 1 }, () => [422, { error: 'PERIOD_CLOSED' }]),
    );
    await expect(connector.apply(batch(['a', 'b']), silent)).rejects.toMatchObject({
      kind: 'rejected',
      message:
        'crm: changing deals is blocked there (422 PERIOD_CLOSED: the books are closed): mend that, then retry',
    });
  });

  test('once, where the system knows a call again by its idempotency key', async () => {
    const owners: Record<string, number> = { a: 1, b: 1 };
    const keys: unknown[] = [];
    const { connector } = await system(
      {
        category: `${READ}\nwrite: { put: '/deals/{key}', json: { owner: '{to}' }, idempotency: Idempotency-Key }`,
      },
      store(owners, ({ path, headers }) => {
        keys.push(headers['idempotency-key']);
        owners[path.split('/').at(-1)!] = 2;
        return [204];
      }),
    );
    expect((await connector.apply(batch(['a', 'b']), silent)).effect.changed).toBe(2);
    expect(new Set(keys).size).toBe(2);
    for (const key of keys) expect(key).toMatch(/^[0-9a-f]{64}$/);
  });

  test('nothing can be read again, and the catalog says why: then the answer is all there is', async () => {
    const { connector } = await system(
      { category: `${READ}\nunread: the API shows no owner of a deal that was handed over` },
      store({ a: 1 }, () => [204]),
    );
    const done = await connector.apply(batch(['a']), silent);
    expect(done.effect).toMatchObject({ changed: 1 });
    const fate = await connector.fateOf(batch(['a']), {
      ...done,
      effect: null,
      mark: 'call x of 2020-01-01T00:00:00Z',
    });
    expect(fate).toMatchObject({ kind: 'unknown', why: expect.stringContaining('shows no owner') });
  });
});

// --- how much of it ------------------------------------------------------------------------------------------

describe('is asked', () => {
  test('so many times in a time, and no more', async () => {
    const at: number[] = [];
    const { connector } = await system({ more: 'limits: { rate: [{ requests: 5, per: 500ms }] }' }, () => {
      at.push(Date.now());
      return [200, []];
    });
    await Promise.all(Array.from({ length: 12 }, () => held(connector)));
    // A little later than it was sent is when it arrives.
    for (const [n, moment] of at.entries())
      if (at[n + 5] !== undefined) expect(at[n + 5]! - moment).toBeGreaterThan(430);
  });

  test('one call of a group at a time', async () => {
    let inside = 0;
    let most = 0;
    const { connector } = await system(
      {
        more: 'limits: { concurrency: 8, groups: { branch: 1 } }',
        list: "{ get: '/of/{from}/deals', items: '', group: branch }",
      },
      async () => {
        most = Math.max(most, ++inside);
        await new Promise(resolve => setTimeout(resolve, 20));
        inside -= 1;
        return [200, []];
      },
    );
    await Promise.all([held(connector), held(connector), held(connector)]);
    expect(most).toBe(1);
  });

  test('what was sent is read again before all of another batch is sent', async () => {
    const owners = new Map([...deals(0, 3), ...deals(10, 20)].map(({ id, owner }) => [String(id), owner]));
    const asked: string[] = [];
    const { connector } = await system(
      {
        category: "read: { get: '/deals?ids={keys}', many: 20 }",
        more: 'limits: { concurrency: 1 }',
      },
      ({ method, path, query }) => {
        asked.push(method);
        if (method === 'PUT') owners.set(path.split('/')[2]!, 2);
        const ids = query.get('ids')?.split(',') ?? [];
        return [200, ids.map(id => ({ id: Number(id), owner: owners.get(id) }))];
      },
    );
    const some = [deals(0, 3), deals(10, 20)].map(part => batch(part.map(({ id }) => String(id))));
    const done = await Promise.all(some.map(one => connector.apply(one, silent)));
    expect(done.map(({ effect }) => effect.changed)).toEqual([3, 10]);
    const readings = asked.flatMap((method, n) => (method === 'GET' ? [n] : []));
    expect(readings).toHaveLength(4);
    expect(asked.slice(readings[2]).filter(method => method === 'PUT').length).toBeGreaterThan(5);
  });

  test('for keys in pages that one effect takes as a whole', async () => {
    const { connector } = await system({ connect: ', batch: 3' }, () => [200, deals(0, 7)]);
    const sizes: number[] = [];
    for await (const { count } of connector.pages([alice], 'deals', { size: 5 })) sizes.push(count);
    for await (const { count } of connector.pages([alice], 'deals', { size: 2 })) sizes.push(count);
    expect(sizes).toEqual([3, 3, 1, 2, 2, 2, 1]);
  });

  test('again when it says so: by a header, in the body, or as a 403 with a code', async () => {
    const replies: Reply[] = [
      [429, {}, { 'Retry-After': '0' }],
      [503, {}, { 'Retry-After': new Date(Date.now() + 500).toUTCString() }],
      [403, [{ errorCode: 'REQUEST_LIMIT_EXCEEDED' }]],
      [200, deals(0, 1)],
    ];
    const { connector, served } = await system(
      {
        more: 'outcomes: [{ status: 403, at: /0/errorCode, equals: REQUEST_LIMIT_EXCEEDED, is: throttled, wait: { fixed: 50ms } }]',
      },
      () => replies.shift() ?? [500],
    );
    expect(await held(connector)).toMatchObject({ count: 1, complete: true });
    expect(served.asked).toHaveLength(4);
  });

  test('not when that takes too long: the engine hears how long', async () => {
    const { connector } = await system({}, () => [429, {}, { 'Retry-After': '7200' }]);
    await expect(held(connector)).rejects.toMatchObject({ kind: 'throttled', retryAfterMs: 7_200_000 });
  });

  test('no more once it says that others would go without: budget headers', async () => {
    let calls = 0;
    const { connector } = await system(
      {
        more: 'limits: { budget: { usage: Sforce-Limit-Info, keep_free: 10%, reset: { header: X-Reset, unit: ms } } }',
      },
      () => [200, [], { 'Sforce-Limit-Info': `api-usage=${++calls === 1 ? 95 : 10}/100`, 'X-Reset': '400' }],
    );
    const started = Date.now();
    await held(connector);
    await held(connector);
    expect(Date.now() - started).toBeGreaterThan(390);
  });

  test('and its answers are bounded: by time, by size, and by what they are', async () => {
    const odd: [Reply, string][] = [
      [[200, JSON.stringify('x'.repeat(20_000))], 'larger than 5000 bytes'],
      [[200, '<html>', { 'Content-Type': 'text/html; charset=utf-8' }], 'the answer is no JSON (text/html)'],
    ];
    for (const [reply, says] of odd) {
      const { connector } = await system({ connect: ', most_bytes: 5000' }, () => reply);
      await expect(held(connector)).rejects.toThrow(says);
    }
    const { connector } = await system({}, () => new Promise<Reply>(() => {}));
    await expect(held(connector)).rejects.toThrow('no whole answer within 2 s');
  });
});

// --- what people do there ------------------------------------------------------------------------------------

describe('what a person does there', () => {
  const verbs = (until: string): string => `
block: { by: nobody, reason: it knows no block }
deactivate:
  by: person
  page: https://crm.example.com/admin/users
  observe: { get: '/users/{user}/access', until: ${until} }`;
  const watched = (until: string, access: () => Reply) =>
    system({ more: verbs(until) }, ({ path }) =>
      path === '/users/1/access' ? access() : [200, { id: 1, on: true }],
    );

  test('is seen as soon as the probe shows it, and not before', async () => {
    let state = 'on';
    const { connector } = await watched('{ at: /state, equals: [off, gone] }', () => [200, { state }]);
    expect(await connector.readAccount(alice)).toMatchObject({ active: true });
    state = 'gone';
    expect(await connector.readAccount(alice)).toMatchObject({ active: false });
    // Somebody has undone it.
    state = 'on';
    expect(await connector.readAccount(alice)).toMatchObject({ active: true });
  });

  test.each<[string, Reply]>([
    ['an error', [500, { state: 'off' }]],
    ['an error of ours', [404, { state: 'off' }]],
    ['that it is taken up', [202, { state: 'off' }]],
    ['that we may not ask', [401, { state: 'off' }]],
    ['a page that is no JSON', [200, '<html>off</html>']],
  ])('is not believed where the probe answers %s: the account cannot be read', async (_, reply) => {
    const { connector } = await watched('{ at: /state, equals: off }', () => reply);
    await expect(connector.readAccount(alice)).rejects.toThrow(/looking whether somebody did deactivate/);
  });

  test.each<[string, unknown]>([
    ['nothing', ''],
    ['an empty block', {}],
    ['null', 'null'],
    ['another state', { sessions: [1] }],
  ])('is not believed where the probe answers %s', async (_, body) => {
    const { connector } = await watched('{ at: /sessions, exists: false }', () => [200, body]);
    expect(await connector.readAccount(alice)).toMatchObject({ active: true });
  });
});

describe('what ends with an account', () => {
  const verb = (by: string): string =>
    `licence: { ${by}, observe: { get: '/users/{user}/plan', until: { at: /seats, equals: 0 } } }`;
  const served = async (by: string, plan: () => Reply) => {
    const { connector } = await system({ more: verb(by) }, ({ path }) =>
      path === '/users/1/plan' ? plan() : [200, { id: 1, on: true }],
    );
    const [licence] = await connector.inventory([alice], ['licence']);
    return { connector, licence: licence! };
  };
  const CALLS = "calls: [{ delete: '/users/{user}/plan' }, { delete: '/users/{user}/seat' }]";

  test('is the account itself, until the probe shows that it has ended', async () => {
    let seats = 1;
    const { connector, licence } = await served(CALLS, () => [200, { seats }]);
    expect(licence).toMatchObject({ count: 1, complete: true });
    expect(connector.categories.at(-1)).toMatchObject({
      category: 'licence',
      do: 'remove',
      afterSwitch: { withinDays: null },
      ofAccount: true,
    });
    seats = 0;
    expect((await connector.inventory([alice], ['licence']))[0]).toMatchObject({ count: 0 });
  });

  test.each<[string, Reply]>([
    ['an error', [404, { seats: 0 }]],
    ['that we may not ask', [403, { seats: 0 }]],
    ['that it is taken up', [202, { seats: 0 }]],
  ])('is not known where the probe answers %s', async (_, reply) => {
    const { licence } = await served(CALLS, () => reply);
    expect(licence).toMatchObject({
      complete: false,
      problem: expect.stringContaining('looking whether licence of an account has ended'),
    });
  });

  test('is ended call by call, and what is not there need not be ended', async () => {
    let seats = 1;
    const { connector } = await system({ more: verb(CALLS) }, ({ method, path }) => {
      if (method === 'DELETE' && path === '/users/1/plan') return [404, {}];
      if (method === 'DELETE') seats = 0;
      return path === '/users/1/plan' ? [200, { seats }] : [200, { id: 1, on: true }];
    });
    const work = batch(['1'], { category: 'licence', do: 'remove', takers: [] });
    expect(await connector.apply(work, silent)).toMatchObject({ effect: { changed: 1, exceptions: [] } });
    // Again: it is not there any more, and nothing is sent.
    expect(await connector.apply(work, silent)).toMatchObject({ effect: { changed: 0 } });
  });

  test('is left to people, with the page and whether anybody will see that it is done', async () => {
    const { connector } = await served(
      'by: person, page: "https://crm.example.com/plans/{user}", reason: seats are counted by hand',
      () => [200, { seats: 1 }],
    );
    expect(connector.categories.at(-1)).toMatchObject({
      do: 'acknowledge',
      page: 'https://crm.example.com/plans/{user}',
      reason: 'seats are counted by hand',
      observed: true,
    });
  });
});
