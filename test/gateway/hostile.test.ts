/** Hundreds of odd, oversized and hostile requests: each gets an answer of ours, and none changes anything. */
import { randomBytes } from 'node:crypto';
import { type AddressInfo, connect } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DECISIONS } from '../../domain/request.js';
import { madeUp, PLAN, TOKENS } from './made-up.js';

let gateway: Awaited<ReturnType<typeof madeUp>>;
let port: number;
beforeAll(async () => {
  gateway = await madeUp();
  await gateway.app.listen({ host: '127.0.0.1', port: 0 });
  ({ port } = gateway.app.server.address() as AddressInfo);
});
afterAll(() => gateway.app.close());

/** What nobody means: wrong types, too much, names that every object has, and what is dangerous elsewhere. */
const ODD: unknown[] = [
  null,
  [],
  0,
  '',
  'x'.repeat(5_000),
  {},
  { by: 'priya@example.com', plan: 7 },
  { plan: 'zz' },
  { plan: PLAN, extra: true },
  { plan: PLAN, statement: 'eyJhbGciOiJub25lIn0.e30.' },
  { plan: PLAN, by: { $ne: null } },
  { plan: PLAN, note: 'y'.repeat(10_000) },
  { plan: [PLAN] },
  JSON.parse('{"__proto__": {"admin": true}, "plan": "abcdefabcdef"}'),
  { constructor: { prototype: { admin: true } } },
  { user: "'; drop table people; --", requestedBy: 'id:20' },
  { user: 'alice@example.com', mode: 'everything' },
  { user: ['alice@example.com'] },
  { user: 'alice@example.com', successor: { $gt: '' } },
  { category: [] },
  { reason: '' },
  { effectiveAt: 'tomorrow' },
];
const PATHS = [
  '/offboardings',
  ...DECISIONS.map(name => `/offboardings/40/decisions/${name}`),
  '/deactivations/check',
  '/deactivations',
];

/** Half a character, which no address can hold. */
const LONE = /\p{Surrogate}/gu;

const unharmed = (statusCode: number, body: string, what: string): void => {
  expect(statusCode, `${what} ${body}`).toBeLessThan(500);
  expect(statusCode, `${what} ${body}`).toBeGreaterThanOrEqual(400);
  const said = JSON.parse(body) as { error?: unknown; kind?: unknown };
  expect(typeof said.error, what).toBe('string');
  expect(said.error, what).not.toMatch(/\bat \w+ \(|node_modules|\.ts:\d/);
};

test('bodies that mean nothing are refused with a sentence', async () => {
  let sent = 0;
  for (const path of PATHS)
    for (const body of ODD) {
      // Nothing need be said to pause, to go on, to try again or to cancel; the run itself refuses an
      // amendment that changes nothing.
      if (/\/(pause|resume|retry|cancel|amend)$/.test(path) && JSON.stringify(body) === '{}') continue;
      const { statusCode, body: said } = await gateway.call(
        'POST',
        path,
        'admin-token',
        JSON.stringify(body),
        {
          'content-type': 'application/json',
        },
      );
      unharmed(statusCode, said, `${path} ${JSON.stringify(body)?.slice(0, 80)}`);
      sent += 1;
    }
  expect(sent).toBeGreaterThan(300);
  expect(gateway.reached.decided).toEqual([]);
  expect(gateway.reached.started).toEqual([]);
});

test.each([
  ['no JSON', '{"plan": ', { 'content-type': 'application/json' }, 400],
  [
    'XML',
    '<!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]>',
    { 'content-type': 'application/xml' },
    415,
  ],
  ['a form', 'plan=1', { 'content-type': 'application/x-www-form-urlencoded' }, 415],
  ['nothing at all', '', { 'content-type': 'application/json' }, 400],
  ['too much', 'x'.repeat(300 * 1024), { 'content-type': 'application/json' }, 413],
  ['a NUL', '{"plan": "abcdefabcdef", "note": "a\\u0000b"}', { 'content-type': 'application/json' }, 400],
  [
    'a bomb of brackets',
    '['.repeat(100_000) + ']'.repeat(100_000),
    { 'content-type': 'application/json' },
    400,
  ],
])('%s is no body', async (_what, payload, headers, code) => {
  const answer = await gateway.app.inject({
    method: 'POST',
    url: '/offboardings/40/decisions/approve',
    headers: { authorization: 'Bearer priya-token', ...headers },
    payload,
  });
  expect(answer.statusCode, answer.body).toBe(code);
  expect(typeof answer.json().error).toBe('string');
  expect(gateway.reached.decided).toEqual([]);
});

test('paths, queries and credentials of any kind get an answer of ours', async () => {
  const odd = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.constantFrom(
      '..',
      '%2e%2e%2f',
      '\u202e',
      '\u0000',
      'offboarding/../17',
      "' or 1=1",
      '{{7*7}}',
      '-1',
      '1e9',
    ),
  );
  await fc.assert(
    fc.asyncProperty(
      odd,
      odd,
      fc.constantFrom(...Object.keys(TOKENS), 'x'.repeat(9_000), '\t'),
      async (a, b, token) => {
        const [one, other] = [
          encodeURIComponent(a.replace(LONE, '?')),
          encodeURIComponent(b.replace(LONE, '?')),
        ];
        for (const url of [
          `/offboardings/${one}`,
          `/offboardings?limit=${one}&page=${other}`,
          `/offboardings?leaver=${one}&state=${other}`,
          `/offboardings/40/items/${one}/${other}?after=${one}`,
          `/${one}/${other}`,
        ]) {
          const { statusCode } = await gateway.call('GET', url, token);
          expect(statusCode, url).toBeLessThan(500);
        }
      },
    ),
    { numRuns: 60 },
  );
  expect(gateway.reached.decided).toEqual([]);
});

test.each([
  '/offboardings/%00',
  `/offboardings/${'4'.repeat(401)}`,
  '/offboardings/40/items/crm/%00',
  '/offboardings?leaver=%00',
  '/offboardings?leaver=1%22%20or%201=1',
  '/offboardings?limit=',
  '/offboardings/40/moved?after=',
])('%s is no address', async url => {
  const { statusCode, body } = await gateway.call('GET', url, 'olivia-token');
  unharmed(statusCode, body, url);
  expect(statusCode).toBe(400);
});

test.each([
  ['PUT', '/offboardings/40', 'GET, HEAD'],
  ['QUERY', '/offboardings', 'GET, HEAD, POST'],
  ['GET', '/offboardings/40/decisions/approve', 'POST'],
  ['DELETE', '/health?now', 'GET, HEAD'],
] as const)('%s does nothing at %s: what does is said', async (method, url, allow) => {
  const answer = await gateway.app.inject({ method: method as 'PUT', url });
  unharmed(answer.statusCode, answer.body, url);
  expect(answer.statusCode).toBe(405);
  expect(answer.headers.allow).toBe(allow);
});

/** What is sent as it stands, byte by byte: clients would never send it. */
function raw(port: number, lines: string[], body = Buffer.alloc(0)): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(`${lines.join('\r\n')}\r\n\r\n`);
      socket.end(body);
    });
    let said = '';
    socket.setEncoding('utf8').on('data', piece => {
      said += piece;
    });
    socket.on('close', () => resolve(said)).on('error', reject);
  });
}

const POST = 'POST /offboardings/40/decisions/approve HTTP/1.1';
const HEAD = ['Host: gateway', 'Authorization: Bearer priya-token', 'Content-Type: application/json'];
const GOOD = `{"plan":"${PLAN}"}`;
const HIDDEN = `0\r\n\r\n${POST}\r\nHost: gateway\r\nAuthorization: Bearer priya-token\r\n`;

test.each<[string, string[], (string | Buffer)?]>([
  ['two lengths', [POST, ...HEAD, 'Content-Length: 4', 'Content-Length: 90'], GOOD],
  ['a length and pieces', [POST, ...HEAD, 'Content-Length: 4', 'Transfer-Encoding: chunked'], HIDDEN],
  ['pieces of an unknown kind', [POST, ...HEAD, 'Transfer-Encoding: chunked, identity'], HIDDEN],
  ['pieces written oddly', [POST, ...HEAD, 'Transfer-Encoding : chunked'], HIDDEN],
  ['pieces without an end', [POST, ...HEAD, 'Transfer-Encoding: chunked'], 'ffffffff\r\n{'],
  ['a size that is none', [POST, ...HEAD, 'Transfer-Encoding: chunked'], '-5\r\n{}\r\n0\r\n\r\n'],
  ['a length below nothing', [POST, ...HEAD, 'Content-Length: -1'], GOOD],
  ['a header in two lines', [POST, ...HEAD, 'X-Folded: a', ' b: c', 'Content-Length: 2'], '{}'],
  ['a header without a name', [POST, ...HEAD, ': nothing', 'Content-Length: 2'], '{}'],
  ['a lone carriage return in a header', [POST, ...HEAD, 'X-A: b\rContent-Length: 2'], '{}'],
  ['a NUL in a header', [POST, ...HEAD, 'X-A: b\0c', 'Content-Length: 2'], '{}'],
  ['no host', [POST, ...HEAD.slice(1), `Content-Length: ${GOOD.length}`], GOOD],
  ['two hosts', [POST, ...HEAD, 'Host: other', 'Content-Length: 2'], '{}'],
  ['two who they are', [POST, ...HEAD, 'Authorization: Bearer admin-token', 'Content-Length: 2'], '{}'],
  ['headers without an end', [POST, ...HEAD, `X-Long: ${'x'.repeat(40_000)}`]],
  ['another version', ['GET /health HTTP/9.9', 'Host: gateway']],
  ['another way of addressing', ['GET http://elsewhere.example/offboardings/40 HTTP/1.1', 'Host: elsewhere']],
  ['a tunnel', ['CONNECT database:5432 HTTP/1.1', 'Host: database:5432']],
  ['an upgrade', ['GET /offboardings/40 HTTP/1.1', 'Host: gateway', 'Connection: Upgrade', 'Upgrade: h2c']],
  [
    'bytes that are no text',
    [POST, ...HEAD, 'Content-Length: 14'],
    Buffer.from('7b22706c616e223a22c328ff227d', 'hex'),
  ],
  ['half a character', [POST, ...HEAD, 'Content-Length: 16'], '{"plan":"\\ud800"}'],
  ['a number beyond all', [POST, ...HEAD, 'Content-Length: 14'], '{"plan":1e999}'],
  ['two of the same key', [POST, ...HEAD, 'Content-Length: 36'], '{"plan":"abcdefabcdef","plan":"zzz"}'],
  ['a mark before the text', [POST, ...HEAD, `Content-Length: ${GOOD.length + 3}`], `\ufeff${GOOD}`],
])('sent as it stands: %s', async (what, lines, body = '') => {
  const said = await raw(port, lines, Buffer.from(body));
  // Whatever else hides behind it is no second request.
  expect(said, what).not.toMatch(/HTTP\/1\.1 [235]/);
  expect(gateway.reached.decided).toEqual([]);
});

test.each([
  ['a head beyond all', [POST, ...HEAD, `X-Long: ${'x'.repeat(40_000)}`], 431, /at most 16 KiB together/],
  ['an address beyond all', [`GET /health?${'x'.repeat(40_000)} HTTP/1.1`, 'Host: gateway'], 431, /16 KiB/],
  ['no HTTP at all', ['SSH-2.0-client'], 400, /no HTTP request/],
] as const)('%s is refused with a sentence as well', async (what, lines, status, sentence) => {
  const [head, body] = (await raw(port, [...lines])).split('\r\n\r\n') as [string, string];
  expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  unharmed(status, body, what);
  expect(JSON.parse(body)).toMatchObject({ error: expect.stringMatching(sentence), kind: 'usage' });
});

test('the same without anything odd is a decision', async () => {
  const said = await raw(port, [POST, ...HEAD, `Content-Length: ${GOOD.length}`], Buffer.from(GOOD));
  expect(said).toMatch(/^HTTP\/1\.1 200/);
  expect(gateway.reached.decided.splice(0)).toHaveLength(1);
});

test.each([
  '/offboardings/40/../../health',
  '/offboardings/40/decisions/..%2fapprove',
  '/offboardings/%2e%2e%2f%2e%2e%2fetc%2fpasswd',
  '/offboardings/..%5c..%5cetc',
  '//offboardings/40',
  '/offboardings//40',
  '/offboardings/40;admin=true',
  '/OFFBOARDINGS/40',
  '/offboardings/40%',
  '/offboardings/%ff%fe',
  '/offboardings/%c0%ae%c0%ae',
  '/offboardings/__proto__',
  '/offboardings/constructor/items/__proto__/toString',
  '/webhooks/__proto__',
  '/webhooks/constructor',
  '/offboardings?limit=1e400',
  '/offboardings?limit=0x10',
  '/offboardings?limit=99999999999999999999',
  '/offboardings?limit=1&limit=2',
  '/offboardings?__proto__[admin]=1',
  '/offboardings?constructor.prototype.admin=1',
  '/offboardings/40/moved?after=-0.5',
])('%s leads nowhere', async url => {
  for (const [method, token] of [
    ['GET', 'tool-token'],
    ['POST', 'admin-token'],
  ] as const) {
    const { statusCode } = await gateway.call(method, url, token, method === 'POST' ? {} : undefined);
    expect([statusCode, url]).not.toEqual([500, url]);
    if (method === 'POST') expect(statusCode, url).toBeGreaterThanOrEqual(400);
  }
  expect(gateway.reached.decided).toEqual([]);
  expect(gateway.reached.started).toEqual([]);
});

test('what looks harmless to a browser stays harmless: no page, no script, no cache, no other origin', async () => {
  const answer = await gateway.call('GET', '/offboardings/40', 'olivia-token', undefined, {
    origin: 'https://evil.example',
  });
  expect(answer.headers).toMatchObject({
    'content-security-policy': expect.stringContaining("default-src 'none'"),
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
  });
  expect(answer.headers['access-control-allow-origin']).toBeUndefined();
  const asked = await gateway.app.inject({
    method: 'OPTIONS',
    url: '/offboardings',
    headers: { origin: 'https://evil.example', 'access-control-request-method': 'POST' },
  });
  expect(asked.statusCode).toBe(405);
  expect(asked.headers.allow).toBe('GET, HEAD, POST');
});

test('whoever guesses tokens is slowed down, and whoever has one is not', async () => {
  const fresh = await madeUp();
  const codes = new Set<number>();
  for (let n = 0; n < 40; n++)
    codes.add((await fresh.call('GET', '/me', randomBytes(24).toString('base64url'))).statusCode);
  expect([...codes]).toEqual([401, 429]);
  expect((await fresh.call('GET', '/me', 'olivia-token')).statusCode).toBe(200);
  await fresh.app.close();
});

test('the description is OpenAPI 3.1 and says of every route who may come and what may go wrong', async () => {
  const described = (await gateway.call('GET', '/openapi.json', null)).json();
  expect(described.openapi).toBe('3.1.0');
  const open = ['/health', '/ready', '/openapi.json', '/login', '/logout', '/webhooks/{name}'];
  for (const [path, methods] of Object.entries(
    described.paths as Record<
      string,
      Record<string, { security?: unknown; responses: object; requestBody?: unknown; summary?: string }>
    >,
  ))
    for (const [method, route] of Object.entries(methods)) {
      expect(route.summary, path).toBeTruthy();
      if (open.includes(path)) continue;
      expect(route.security, path).toEqual([{ bearer: [] }]);
      expect(Object.keys(route.responses), path).toEqual(
        expect.arrayContaining(['400', '401', '403', '404', '429', '503']),
      );
      if (method === 'post') expect(route.requestBody, path).toBeTruthy();
    }
});
