/** Webhooks: whose they are, what they mean, and that each counts once. */
import { createHmac, randomBytes, randomInt } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Webhook as Reference } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { main } from '../../client/cli/main.js';
import { type Mapping, mappingSchema, meaningOf } from '../../gateway/webhooks/mapping.js';
import { SCHEMES } from '../../gateway/webhooks/signatures.js';
import { readWebhooks, type Webhook } from '../../gateway/webhooks/webhook.js';
import type { Deliveries } from '../../store/deliveries.js';
import { madeUp, PLAN, status } from './made-up.js';

// https://github.com/standard-webhooks/standard-webhooks, libraries/javascript/src/webhook.test.ts
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const ID = 'msg_p5jXN8AQM9LWM0D4loKWxJek';
const AT = 1614265330;
const BODY = Buffer.from('{"test": 2432232314}');
const SIGNATURE = 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=';
const standard = (
  headers: Record<string, string | string[] | undefined> = {},
  { secrets = [SECRET], body = BODY, now = AT }: { secrets?: string[]; body?: Buffer; now?: number } = {},
) =>
  SCHEMES.standard(
    secrets,
    { 'webhook-id': ID, 'webhook-timestamp': String(AT), 'webhook-signature': SIGNATURE, ...headers },
    body,
    now,
  ).ok;

describe('Standard Webhooks, by their published vectors', () => {
  test('the published one is good, with its prefix and without', () => {
    expect(standard()).toBe(true);
    expect(standard({}, { secrets: [SECRET.slice(6)] })).toBe(true);
  });
  test.each([
    ['no id', { 'webhook-id': undefined }],
    ['no timestamp', { 'webhook-timestamp': undefined }],
    ['no signature', { 'webhook-signature': undefined }],
    ['an id that came twice', { 'webhook-id': [ID, ID] }],
    ['a timestamp that is no number', { 'webhook-timestamp': 'hello' }],
    ['another timestamp', { 'webhook-timestamp': String(AT + 1) }],
    ['a wrong signature', { 'webhook-signature': 'v1,dawfeoifkpqwoekfpqoekf' }],
    ['a part of the signature', { 'webhook-signature': SIGNATURE.slice(0, 8) }],
    ['an empty signature', { 'webhook-signature': 'v1,' }],
    ['a version that nobody knows', { 'webhook-signature': SIGNATURE.replace('v1', 'v2') }],
  ])('%s is refused', (_what, headers) => {
    expect(standard(headers)).toBe(false);
  });
  test('of several signatures one is enough, and of two secrets either', () => {
    const others =
      'v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc= v2,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc=';
    expect(standard({ 'webhook-signature': `${others} ${SIGNATURE}` })).toBe(true);
    expect(standard({ 'webhook-signature': others })).toBe(false);
    expect(standard({}, { secrets: ['whsec_bmV3', SECRET] })).toBe(true);
  });
  test('five minutes early or late is the end', () => {
    for (const [off, good] of [
      [300, true],
      [301, false],
      [-300, true],
      [-301, false],
    ] as const)
      expect(standard({}, { now: AT + off }), String(off)).toBe(good);
  });
  test('what their own library signs is good here, whatever the body', () => {
    for (let n = 0; n < 200; n++) {
      const body = randomBytes(randomInt(0, 300)).toString('base64');
      const at = new Date((AT + n) * 1000);
      const signature = new Reference(SECRET).sign(`msg_${n}`, at, body);
      const headers = {
        'webhook-id': `msg_${n}`,
        'webhook-timestamp': String(AT + n),
        'webhook-signature': signature,
      };
      expect(standard(headers, { body: Buffer.from(body), now: AT + n })).toBe(true);
    }
  });
});

// https://docs.slack.dev/authentication/verifying-requests-from-slack
const SLACK_SECRET = '8f742231b10e8888abcd99yyyzzz85a5';
const SLACK_AT = 1531420618;
const SLACK_BODY = Buffer.from(
  'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c',
);
const SLACK_SIGNATURE = 'v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503';
const slack = (headers: Record<string, string | undefined> = {}, body = SLACK_BODY, now = SLACK_AT) =>
  SCHEMES.slack(
    [SLACK_SECRET],
    { 'x-slack-request-timestamp': String(SLACK_AT), 'x-slack-signature': SLACK_SIGNATURE, ...headers },
    body,
    now,
  ).ok;

test('Slack’s documented example is good, and nothing near it', () => {
  expect(slack()).toBe(true);
  expect(slack({ 'x-slack-signature': SLACK_SIGNATURE.replace('v0', 'v1') })).toBe(false);
  expect(slack({ 'x-slack-signature': undefined })).toBe(false);
  expect(slack({}, Buffer.concat([SLACK_BODY, Buffer.from('&')]))).toBe(false);
  expect(slack({}, SLACK_BODY, SLACK_AT + 301)).toBe(false);
  expect(slack({ 'x-slack-request-timestamp': '1e9' })).toBe(false);
});

test('of 20,000 mutated webhooks none is taken', () => {
  const flip = (text: string): string => {
    const bytes = Buffer.from(text);
    const at = randomInt(bytes.length);
    bytes[at] = bytes[at]! ^ (1 << randomInt(7));
    return bytes.toString('latin1');
  };
  let taken = 0;
  for (let n = 0; n < 10_000; n++) {
    const what = ['webhook-id', 'webhook-timestamp', 'webhook-signature', 'body'][n % 4]!;
    const given = { 'webhook-id': ID, 'webhook-timestamp': String(AT), 'webhook-signature': SIGNATURE };
    const changed = what === 'body' ? {} : { [what]: flip(given[what as keyof typeof given]) };
    const body = what === 'body' ? Buffer.from(flip(BODY.toString()), 'latin1') : BODY;
    if (standard(changed, { body })) taken += 1;
    if (slack({ 'x-slack-signature': flip(SLACK_SIGNATURE) })) taken += 1;
  }
  expect(taken).toBe(0);
});

const bodyOf = (tool: string) =>
  JSON.parse(readFileSync(`examples/webhooks/bodies/${tool}.json`, 'utf8')) as Record<string, unknown>;
const EXAMPLES = await readWebhooks('examples/webhooks/webhooks.yaml');

describe('the documented examples', () => {
  test.each([
    ['jira', {}],
    ['servicenow', {}],
    ['power-automate', {}],
    ['slack', {}],
  ])('%s: an approval is an approval', (tool, headers) => {
    expect(meaningOf(EXAMPLES[tool]!, { json: bodyOf(tool), headers })).toMatchObject({
      kind: 'decide',
      name: 'approve',
      run: 'offboarding/17',
      by: 'priya@example.com',
      body: { plan: expect.stringMatching(/^4176cc70/) },
    });
  });
  test('Power Automate starts one as well', () => {
    const json = {
      event: 'employee-leaves',
      hr: { userPrincipalName: 'olivia@example.com' },
      employee: { mail: 'alice@example.com', lastDay: '2026-12-24' },
    };
    expect(meaningOf(EXAMPLES['power-automate']!, { json, headers: {} })).toMatchObject({
      kind: 'start',
      by: 'olivia@example.com',
      request: { user: 'alice@example.com', effectiveAt: '2026-12-24', successor: 'manager' },
    });
  });
});

const refusal = (change: (mapping: Mapping, body: Record<string, unknown>) => void): string => {
  const mapping = structuredClone(EXAMPLES.jira!) as Mapping;
  const json = bodyOf('jira');
  change(mapping, json);
  const meaning = meaningOf(mapping, { json, headers: {} });
  return meaning.kind === 'refused' || meaning.kind === 'ignored'
    ? `${meaning.kind}: ${meaning.sentence}`
    : 'it was taken';
};

test('what is not mapped, or ambiguous, is refused with a sentence, and never guessed', () => {
  expect(
    refusal((_mapping, body) => {
      body.user = { accountId: 'somebody' };
    }),
  ).toMatch(
    /refused: Case 1 .* "by" at \/user\/accountId is "somebody", which its list \(as\) does not know/,
  );
  expect(
    refusal((_mapping, body) => {
      body.webhookEvent = 'jira:issue_deleted';
    }),
  ).toMatch(/^ignored: .*jira:issue_deleted/);
  expect(
    refusal(mapping => {
      mapping.cases.push(mapping.cases[0]!);
    }),
  ).toMatch(/Cases 1 and 3 of the mapping fit/);
  expect(
    refusal((_mapping, body) => {
      body.changelog = { items: [] };
    }),
  ).toMatch(/No case of the mapping fits. case 1: nothing in/);
  expect(
    refusal((_mapping, body) => {
      (body.issue as { fields: object }).fields = { issuetype: { name: 'Offboarding' } };
    }),
  ).toMatch(/"plan" is to stand at \/issue\/fields\/customfield_10043, and there is nothing/);
  const twice = mappingSchema.parse({
    cases: [
      {
        decide: 'pause',
        run: { at: '/run' },
        by: { at: '/people', where: { '/role': 'boss' }, take: '/mail' },
      },
    ],
  });
  const json = {
    run: '17',
    people: [
      { role: 'boss', mail: 'a@x' },
      { role: 'boss', mail: 'b@x' },
    ],
  };
  expect(meaningOf(twice, { json, headers: {} })).toMatchObject({
    kind: 'refused',
    sentence: expect.stringContaining('"by" is ambiguous: 2 things'),
  });
  for (const at of ['/constructor', '/__proto__/x', '/length'])
    expect(
      meaningOf(mappingSchema.parse({ cases: [{ decide: 'pause', run: { at }, by: { is: 'x' } }] }), {
        json: {},
        headers: {},
      }).kind,
    ).toBe('refused');
});

test.each([
  [
    'a case that starts and decides',
    'cases: [{ start: true, decide: pause, run: { is: x }, by: { is: x } }]',
    'say either start: true, or decide',
  ],
  ['a pointer that is none', 'cases: [{ decide: pause, run: { at: run }, by: { is: x } }]', 'JSON pointer'],
  [
    'no name of its own for a delivery',
    'signed: { scheme: token, tokens: [a] }\n    cases: [{ decide: pause, run: { at: /run }, by: { is: x } }]',
    'say what tells two deliveries apart',
  ],
  [
    'a name for deliveries that nothing signs',
    'signed: { scheme: hub, secrets: [A] }\n    delivery: { header: X-Delivery }\n    cases: [{ decide: pause, run: { at: /run }, by: { is: x } }]',
    'signs no header',
  ],
  [
    'a person whom nothing signs',
    'cases: [{ decide: pause, run: { at: /run }, by: { header: X-User } }]',
    'signs no header',
  ],
  [
    'a word that nothing signs',
    'cases: [{ decide: pause, run: { at: /run }, by: { is: x }, fields: { note: { header: X-Note } } }]',
    'signs no header',
  ],
  [
    'a secret in the file',
    'signed: { scheme: slack, secrets: [s3cret-value] }\n    cases: [{ decide: pause, run: { at: /run }, by: { is: x } }]',
    'the value itself never stands here',
  ],
])('a file with %s is refused', async (_what, text, says) => {
  const file = join(tmpdir(), `webhooks-${randomBytes(4).toString('hex')}.yaml`);
  const signed = text.startsWith('signed') ? '' : 'signed: { scheme: slack, secrets: [A] }\n    ';
  writeFileSync(file, `webhooks:\n  x:\n    ${signed}${text}\n`);
  const error = await readWebhooks(file).then(
    () => '',
    (one: Error) => one.message,
  );
  expect(error).toContain(says);
  expect(error).not.toContain('s3cret');
});

const HUB_SECRET = 'a secret of a tool that signs no time';

describe('at the door', () => {
  let gateway: Awaited<ReturnType<typeof madeUp>>;
  const hooks = new Map<string, Webhook>([
    [
      'slack',
      { name: 'slack', mapping: EXAMPLES.slack!, signed: { scheme: 'slack', secrets: [SLACK_SECRET] } },
    ],
    [
      'servicenow',
      {
        name: 'servicenow',
        mapping: EXAMPLES.servicenow!,
        signed: { scheme: 'token', tokens: ['tool-token'] },
      },
    ],
    ['jira', { name: 'jira', mapping: EXAMPLES.jira!, signed: { scheme: 'hub', secrets: [HUB_SECRET] } }],
  ]);
  beforeAll(async () => {
    gateway = await madeUp({ webhooks: hooks });
  });
  afterAll(() => gateway.app.close());

  const click = (
    change: (body: Record<string, unknown>) => void = () => {},
    at = Math.floor(Date.now() / 1000),
    app = gateway.app,
  ) => {
    const body = bodyOf('slack');
    (body.actions as { value: string }[])[0]!.value = JSON.stringify({ run: 'offboarding/40', plan: PLAN });
    change(body);
    const raw = `payload=${encodeURIComponent(JSON.stringify(body))}`;
    const signature = `v0=${createHmac('sha256', SLACK_SECRET).update(`v0:${at}:${raw}`).digest('hex')}`;
    return app.inject({
      method: 'POST',
      url: '/webhooks/slack',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        'x-slack-request-timestamp': String(at),
        'x-slack-signature': signature,
      },
      payload: raw,
    });
  };

  test('a click on a Slack button is one decision of the person who clicked, however often it comes', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => click()));
    expect(new Set(answers.map(one => one.statusCode))).toEqual(new Set([200, 200]));
    const { decided } = gateway.reached;
    expect(decided).toHaveLength(1);
    expect(decided[0]).toMatchObject({
      name: 'approve',
      workflowId: 'offboarding/40',
      payload: { by: 'id:21', plan: PLAN },
    });
    // Another delivery of the same click has another id of its own, and is the same decision to Temporal.
    await click(body => {
      body.trigger_id = 'another';
    });
    expect(decided).toHaveLength(2);
    expect(decided[1]!.id).toBe(decided[0]!.id);
  });

  test('what was refused, or fell, is judged anew when somebody clicks again', async () => {
    const states = [
      status({ since: '2026-11-27T10:00:00.000Z', refused: [] }),
      status({
        since: '2026-11-27T10:00:00.000Z',
        refused: [
          { at: '2026-11-27T10:05:00.000Z', message: 'approve', by: 'id:21', reason: 'You may not yet.' },
        ],
      }),
      // The approval counted, and was found to count no more when the date had come.
      status({ since: '2026-11-28T10:00:00.000Z', refused: [] }),
    ].map(one => ({ ...one, leaver: { id: '40', name: 'Person 40', human: '40' } }));
    const said = new Set<string>();
    for (const now of states) {
      const { app, reached } = await madeUp({ webhooks: hooks, behind: { status: async () => now } });
      await click(() => {}, undefined, app);
      said.add(reached.decided[0]!.id);
      await app.close();
    }
    expect(said.size).toBe(3);
  });

  test('what is signed wrongly or too long ago, or means nothing, changes nothing', async () => {
    const before = gateway.reached.decided.length;
    expect((await click(undefined, Math.floor(Date.now() / 1000) - 301)).json()).toMatchObject({
      kind: 'stranger',
      error: expect.stringContaining('five minutes ago'),
    });
    const unsigned = await gateway.app.inject({
      method: 'POST',
      url: '/webhooks/slack',
      payload: 'payload={}',
    });
    expect(unsigned.statusCode).toBe(401);
    const strange = await click(body => {
      (body.actions as { action_id: string }[])[0]!.action_id = 'something';
    });
    expect(strange.json()).toMatchObject({
      did: 'refused',
      text: expect.stringContaining('No case of the mapping fits'),
    });
    expect(
      (await gateway.app.inject({ method: 'POST', url: '/webhooks/none', payload: '{}' })).statusCode,
    ).toBe(404);
    expect(gateway.reached.decided).toHaveLength(before);
  });

  test('a tool with a token of its own decides in the name of whom its body names, and only with that token', async () => {
    const post = (token: string, body: object) =>
      gateway.app.inject({
        method: 'POST',
        url: '/webhooks/servicenow',
        headers: { authorization: `Bearer ${token}` },
        payload: JSON.stringify(body),
      });
    const body = bodyOf('servicenow');
    (body.record as Record<string, unknown>).u_handover_run = '41';
    (body.record as Record<string, unknown>).u_handover_plan = PLAN;
    expect((await post('olivia-token', body)).statusCode).toBe(401);
    expect((await post('tool-token', body)).json()).toMatchObject({ did: 'decided', verdict: 'accepted' });
    expect(gateway.reached.decided.at(-1)).toMatchObject({
      workflowId: 'offboarding/41',
      payload: { by: 'id:21' },
    });
    // The leaver, by the same way: nothing.
    const own = structuredClone(body);
    Object.assign(own.record as object, { u_handover_run: '17', approver_email: 'alice@example.com' });
    own.event_id = 'another';
    expect((await post('tool-token', own)).statusCode).toBe(403);
    const { event_id: _gone, ...nameless } = body;
    expect((await post('tool-token', nameless)).json().sentence).toContain(
      'What tells one delivery from another is missing',
    );
  });

  test('what says nothing of when it was sent counts once for ever, whatever is said beside it', async () => {
    const taken: Parameters<Deliveries['take']>[] = [];
    let past = false;
    const made = await madeUp({
      webhooks: hooks,
      behind: {
        deliveries: {
          ...gateway.deliveries,
          async take(...given) {
            taken.push(given);
            return past ? { kind: 'past' } : gateway.deliveries.take(...given);
          },
        },
      },
    });
    const body = bodyOf('jira') as { issue: { fields: Record<string, string> } };
    body.issue.fields.customfield_10042 = 'offboarding/40';
    body.issue.fields.customfield_10043 = PLAN;
    const raw = JSON.stringify(body);
    const post = (delivery: string, payload = raw) =>
      made.app.inject({
        method: 'POST',
        url: '/webhooks/jira',
        headers: {
          'content-type': 'application/json',
          'x-atlassian-webhook-identifier': delivery,
          'x-hub-signature': `sha256=${createHmac('sha256', HUB_SECRET).update(payload).digest('hex')}`,
        },
        payload,
      });
    for (const delivery of ['one', 'another'])
      expect((await post(delivery)).json(), delivery).toMatchObject({ did: 'decided' });
    expect(made.reached.decided).toHaveLength(1);
    // What its tool signs anew is another one.
    await post('one', `${raw} `);
    expect(made.reached.decided).toHaveLength(2);
    expect(new Set(taken.map(([, , how]) => how?.undated))).toEqual(new Set([true]));
    past = true;
    expect(await post('one')).toMatchObject({ statusCode: 409 });
    expect((await post('one')).json()).toMatchObject({
      did: 'ignored',
      sentence: expect.stringContaining('each counts once'),
    });
    expect(made.reached.decided).toHaveLength(2);
    await made.app.close();
  });
});

test('try-webhook says what a body would do, and sends nothing', async () => {
  const run = async (...args: string[]) => {
    const out: string[] = [];
    const io = { write: (text: string) => out.push(text) };
    const code = await main(['try-webhook', ...args, '--file', 'examples/webhooks/webhooks.yaml'], {
      stdout: io,
      stderr: io,
      cwd: process.cwd(),
      env: {},
    });
    return { code, out: out.join('') };
  };
  const good = await run('jira', 'examples/webhooks/bodies/jira.json');
  expect(good).toMatchObject({
    code: 0,
    out: expect.stringContaining('Case 1 fits: "approve" for offboarding/17, by priya@example.com.'),
  });
  const flow = ['power-automate', 'examples/webhooks/bodies/power-automate.json'];
  expect(await run(...flow, '--header', 'x-ms-workflow-run-id: 1')).toMatchObject({ code: 0 });
  expect(await run(...flow)).toMatchObject({
    code: 3,
    out: expect.stringContaining('the header x-ms-workflow-run-id'),
  });
  expect(await run('jira', 'examples/webhooks/bodies/slack.json')).toMatchObject({
    code: 0,
    out: expect.stringContaining('Ignored:'),
  });
  expect(await run('teams', 'examples/webhooks/bodies/slack.json')).toMatchObject({
    code: 4,
    out: expect.stringContaining('known are jira'),
  });
});
