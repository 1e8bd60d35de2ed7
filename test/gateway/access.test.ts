/** Who may call what: every operation, by everybody, about somebody else's run and about one's own. */
import { get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { Problem } from '../../client/problem.js';
import { DECISIONS } from '../../domain/request.js';
import { ACCESS, type Operation } from '../../gateway/roles.js';
import { madeUp, PLAN, plan } from './made-up.js';

let gateway: Awaited<ReturnType<typeof madeUp>>;
beforeAll(async () => {
  gateway = await madeUp();
});
afterAll(() => gateway.app.close());

const BODIES: Partial<Record<Operation, object>> = {
  approve: { plan: PLAN },
  reject: { plan: PLAN },
  execute: { plan: PLAN },
  acknowledge: { category: 'crm/mailbox' },
  amend: { successor: 'bob@example.com' },
  skip: { step: 'crm/leads', reason: 'they may stay' },
  finish: { reason: 'it ends here' },
};

/** How each operation is called about the run of a person. */
const call = (operation: Operation, run: string, token: string | null) => {
  const get = (url: string) => gateway.call('GET', url, token);
  const post = (url: string, body: object) => gateway.call('POST', url, token, body);
  switch (operation) {
    case 'whoAmI':
      return get('/me');
    case 'listOffboardings':
      return get('/offboardings');
    case 'showOffboarding':
      return get(`/offboardings/${run}`);
    case 'followOffboarding':
      return get(`/offboardings/${run}/progress`);
    case 'listItems':
      return get(`/offboardings/${run}/items/crm/leads`);
    case 'listPlans':
      return get(`/offboardings/${run}/plans`);
    case 'listMoved':
      return get(`/offboardings/${run}/moved`);
    case 'showCertificate':
      return get(`/offboardings/${run}/certificate`);
    case 'downloadAudit':
      return get(`/offboardings/${run}/audit`);
    case 'startOffboarding':
      return post('/offboardings', { user: `id:${run}`, successor: 'manager' });
    case 'checkDeactivation':
      return post('/deactivations/check', { user: `id:${run}` });
    case 'deactivate':
      return post('/deactivations', { user: `id:${run}` });
    default:
      return post(`/offboardings/${run}/decisions/${operation}`, BODIES[operation] ?? {});
  }
};

const OPERATIONS = Object.keys(ACCESS) as Operation[];
/** Somebody else's run. One that goes on would be followed for minutes. */
const another = (operation: Operation): string => (operation === 'followOffboarding' ? '50' : '40');
/** Token → the roles that it comes to. */
const CALLERS: Record<string, string[]> = {
  'olivia-token': ['operator'],
  'priya-token': ['approver'],
  'viewer-token': ['viewer'],
  'admin-token': ['administrator'],
  'bob-token': [],
};

describe.each(Object.entries(CALLERS))('%s', (token, roles) => {
  test.each(OPERATIONS)('%s', async operation => {
    const may = roles.some(role => (ACCESS[operation] as readonly string[]).includes(role));
    const answer = await call(operation, another(operation), token);
    if (may) expect(answer.statusCode, answer.body).toBeLessThan(300);
    else {
      expect(answer.statusCode, answer.body).toBe(403);
      expect(answer.json().error).toContain(`"${operation}" is for`);
    }
  });
});

const DOCUMENTS: string[] = [
  'listPlans',
  'listMoved',
  'showCertificate',
  'downloadAudit',
] satisfies Operation[];
const ABOUT_A_RUN = OPERATIONS.filter(
  one =>
    (DECISIONS as readonly string[]).includes(one) ||
    ['showOffboarding', 'followOffboarding', 'listItems', ...DOCUMENTS].includes(one),
);

test.each(ABOUT_A_RUN)('the leaver gets nothing of their own run: %s', async operation => {
  const before = gateway.reached.decided.length;
  const answer = await call(operation, '17', 'alice-token');
  expect(answer.statusCode, answer.body).toBe(403);
  expect(answer.json().error).toContain('not shown to you');
  expect(gateway.reached.decided).toHaveLength(before);
});

test.each(ABOUT_A_RUN)('nor by a second account of theirs: %s', async operation => {
  const answer = await call(operation, '17', 'alias-token');
  expect(answer.statusCode, answer.body).toBe(403);
});

test.each(DOCUMENTS as Operation[])(
  'where Temporal and the directory have forgotten both, their plan knows them: %s',
  async operation => {
    const forgotten = async (): Promise<never> => {
      throw new Problem('not-found', 'There is no such thing any more.');
    };
    const { app, call: ask } = await madeUp({
      behind: { status: forgotten, glance: forgotten, plans: async () => [{ plan, made: '2026-11-01' }] },
      gone: ['id:17'],
    });
    const path = {
      listPlans: 'plans',
      listMoved: 'moved',
      showCertificate: 'certificate',
      downloadAudit: 'audit',
    };
    const at = `/offboardings/17/${path[operation as keyof typeof path]}`;
    for (const token of ['alias-token', 'address-token'])
      expect((await ask('GET', at, token)).json().error, token).toContain('not shown to you');
    expect((await ask('GET', at, 'priya-token')).statusCode).toBe(200);
    await app.close();
  },
);

test.each(OPERATIONS)(
  'without a credential, with a wrong one, or switched off, nobody may: %s',
  async operation => {
    for (const [token, code] of [
      [null, 401],
      ['no-such-token', 401],
      ['ines-token', 403],
      ['unknown-token', 403],
    ] as const) {
      const answer = await call(operation, another(operation), token);
      // Guessing is slowed down after a while.
      expect([code, ...(code === 401 ? [429] : [])], `${operation} ${token} ${answer.body}`).toContain(
        answer.statusCode,
      );
    }
  },
);

test.each(['/offboardings', '/offboardings?leaver=17'])(
  'the leaver does not find their own run in the list, by no account of theirs: %s',
  async path => {
    for (const token of ['alice-token', 'alias-token']) {
      const runs = (await gateway.call('GET', path, token)).json().runs as { run: string }[];
      expect(runs.map(one => one.run)).toEqual(['offboarding/40', 'offboarding/41']);
    }
  },
);

test('what waits for me is what I can bring forward', async () => {
  const mine = async (token: string) =>
    (await gateway.call('GET', '/offboardings?waitingFor=me', token)).json();
  expect((await mine('priya-token')).runs).toHaveLength(3);
  // Olivia asked for them, so that her approval would not count.
  expect((await mine('olivia-token')).runs).toHaveLength(0);
  expect(await mine('tool-token')).toMatchObject({
    error: expect.stringContaining('Nothing waits for a tool'),
  });
});

test('a tool that is nobody looks, and starts and decides nothing', async () => {
  expect((await gateway.call('GET', '/offboardings/40', 'tool-token')).statusCode).toBe(200);
  expect((await gateway.call('POST', '/offboardings', 'tool-token', { user: 'x' })).statusCode).toBe(403);
});

test('whoever hangs up before their stream has begun leaves nothing running behind', async () => {
  let looked = (): void => {};
  const looking = new Promise<void>(resolve => {
    looked = resolve;
  });
  const { app } = await madeUp({
    behind: {
      glance: async () => {
        looked();
        await pause(300);
        return { moment: '1', live: null };
      },
    },
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  const every = vi.spyOn(globalThis, 'setInterval');
  const ended = vi.spyOn(globalThis, 'clearInterval');
  const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}/offboardings/40/progress`;
  const asking = get(url, { headers: { authorization: 'Bearer viewer-token' } }).on('error', () => {});
  await looking;
  asking.destroy();
  await pause(1_000);
  const begun = every.mock.results.map(({ value }) => value as unknown);
  const stopped = ended.mock.calls.map(([timer]) => timer as unknown);
  vi.restoreAllMocks();
  expect(begun.filter(timer => !stopped.includes(timer))).toEqual([]);
  await app.close();
});

describe('while no worker answers', () => {
  const away = async (): Promise<never> => {
    throw new Problem('out-of-reach', 'No worker answered within 15 s.');
  };
  const decide = async (token: string, body: object, name = 'approve') => {
    const { call, reached } = await madeUp({ behind: { ask: away, status: away } });
    const answer = await call('POST', `/offboardings/offboarding%2F40/decisions/${name}`, token, body);
    return { answer, reached };
  };

  test('a decision is left with its run, in the name of the credential', async () => {
    const { answer, reached } = await decide('priya-token', { plan: PLAN });
    expect(answer.statusCode).toBe(202);
    expect(answer.json()).toMatchObject({ verdict: 'sent' });
    expect(reached.decided).toEqual([]);
    expect(reached.left).toMatchObject([
      { workflowId: 'offboarding/40', name: 'approve', payload: { by: 'priya@example.com', plan: PLAN } },
    ]);
  });

  test('a decision that a gateway died over is not said to be left: it is sent again until it is', async () => {
    const { app, call, reached, deliveries } = await madeUp({ behind: { ask: away, status: away } });
    const key = { 'idempotency-key': 'a-click' };
    const url = '/offboardings/offboarding%2F40/decisions/approve';
    const { take } = deliveries;
    deliveries.take = async () => ({ kind: 'under-way' });
    const answer = await call('POST', url, 'priya-token', { plan: PLAN }, key);
    expect(answer.statusCode).toBe(202);
    expect(answer.json()).toMatchObject({ verdict: 'unknown', sentence: expect.stringContaining('again') });
    // Two minutes later it is free again.
    deliveries.take = take;
    expect((await call('POST', url, 'priya-token', { plan: PLAN }, key)).json().verdict).toBe('sent');
    expect(reached.left).toHaveLength(1);
    await app.close();
  });

  test.each(['alice-token', 'address-token'])(
    'the leaver is known by the plan, and refused: %s',
    async token => {
      const {
        app,
        call: ask,
        reached,
      } = await madeUp({
        behind: { ask: away, status: away, plans: async () => [{ plan, made: '2026-11-01' }] },
      });
      for (const name of DECISIONS) {
        const body = BODIES[name] ?? {};
        const answer = await ask('POST', `/offboardings/offboarding%2F17/decisions/${name}`, token, body);
        expect(answer.statusCode, `${name} ${answer.body}`).toBe(403);
      }
      expect(reached.left).toEqual([]);
      await app.close();
    },
  );

  test.each([
    ['somebody else’s name', 'priya-token', { by: 'olivia@example.com', plan: PLAN }, 403],
    ['a token that only looks', 'viewer-token', { plan: PLAN }, 403],
    ['a tool that is nobody', 'tool-token', { plan: PLAN }, 403],
    ['no token that is known', 'made-up-token', { plan: PLAN }, 401],
    ['no plan', 'priya-token', { plan: 7 }, 400],
  ])('but not with %s', async (_, token, body, code) => {
    const { answer, reached } = await decide(token, body);
    expect(answer.statusCode).toBe(code);
    expect(reached.left).toEqual([]);
  });

  test('what is shown is not shown', async () => {
    const { call } = await madeUp({ behind: { ask: away, status: away } });
    expect((await call('GET', '/offboardings/offboarding%2F40', 'priya-token')).statusCode).toBe(503);
  });
});

test('nobody decides or asks in somebody else’s name', async () => {
  const decided = await gateway.call('POST', '/offboardings/40/decisions/approve', 'priya-token', {
    by: 'olivia@example.com',
    plan: PLAN,
  });
  expect(decided.statusCode).toBe(403);
  expect(decided.json().error).toContain('nobody decides in somebody else');
  const asked = await gateway.call('POST', '/offboardings', 'olivia-token', {
    user: 'alice@example.com',
    requestedBy: 'priya@example.com',
  });
  expect(asked.statusCode).toBe(403);
});

describe('an Idempotency-Key', () => {
  test('is one message of one caller: said otherwise, about another run, or by another route, it is another', async () => {
    const { app, call, reached } = await madeUp();
    const post = (url: string, body: object, token = 'admin-token') =>
      call('POST', url, token, body, { 'idempotency-key': 'HR-10' });
    const decide = (run: string, name: string, body: object) =>
      post(`/offboardings/${run}/decisions/${name}`, body);
    const other = 'cd'.repeat(32);
    const messages = [
      () => decide('40', 'approve', { plan: PLAN }),
      () => decide('40', 'approve', { plan: other }),
      () => decide('40', 'reject', { plan: PLAN }),
      () => decide('41', 'approve', { plan: PLAN }),
      () => post('/offboardings', { user: 'alice@example.com', successor: 'manager' }),
      () => post('/offboardings', { user: 'priya@example.com', successor: 'manager' }),
      () => post('/offboardings', { user: 'alice@example.com', successor: 'manager' }, 'olivia-token'),
      () => post('/deactivations', { user: 'alice@example.com' }),
    ];
    const ids = () => [...reached.decided, ...reached.started].map(({ id }) => id);
    for (const send of messages) expect((await send()).statusCode, String(send)).toBeLessThan(300);
    expect(new Set(ids()).size).toBe(messages.length);
    // Sent again, each is what it was, also where its run is called otherwise.
    for (const send of messages) await send();
    await decide('offboarding%2F40', 'approve', { plan: PLAN });
    expect(new Set(ids()).size).toBe(messages.length);
    await app.close();
  });
});

test('what has no verdict yet says how to ask again, and names no id that nobody here knows', async () => {
  const unanswered = async (...given: unknown[]) => {
    const id = String(given.at(-1));
    return { verdict: 'unknown' as const, sentence: `Ask again with the same id ${id}.`, id };
  };
  const { app, call } = await madeUp({ behind: { decide: unanswered, start: unanswered } });
  for (const [url, body, token] of [
    ['/offboardings/40/decisions/approve', { plan: PLAN }, 'priya-token'],
    ['/offboardings', { user: 'alice@example.com', successor: 'manager' }, 'olivia-token'],
  ] as const) {
    const answer = await call('POST', url, token, body, { 'idempotency-key': 'HR-10' });
    expect(answer.statusCode).toBe(202);
    const { id, sentence, next } = answer.json();
    expect(id, url).toBeUndefined();
    expect(sentence ?? next, url).toContain('the same Idempotency-Key');
  }
  await app.close();
});

test('every route is in the table, and every operation has a route', () => {
  const described = gateway.app.swagger() as unknown as {
    paths: Record<string, Record<string, { operationId: string }>>;
  };
  const ids = Object.values(described.paths).flatMap(path => Object.values(path).map(one => one.operationId));
  const open = ['health', 'ready', 'openapi', 'waysIn', 'receiveLogout', 'receiveWebhook'];
  expect(ids.filter(id => !open.includes(id)).sort()).toEqual(Object.keys(ACCESS).sort());
});
