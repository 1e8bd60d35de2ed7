/** `handover try`: what whoever writes a catalog sees, on a live system, with nothing changed and nothing given away. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { main } from '../../client/cli/main.js';
import { openStore } from '../../store/store.js';
import { ALICE } from '../contract/harness.js';
import { createTestDatabase } from '../support/servers.js';
import { catalogOf, deskWorld } from './harness.js';
import { Desk } from './simulator/desk.js';

let desk: Desk;
let dir: string;

beforeAll(async () => {
  desk = await Desk.open();
  await deskWorld(desk, '').fill({ things: { 'thing-1': ALICE, 'thing-2': ALICE } });
  dir = await mkdtemp(join(tmpdir(), 'handover-try-'));
  await writeFile(join(dir, 'desk.yaml'), catalogOf());
  await writeFile(
    join(dir, 'handover.yaml'),
    `version: 1
directory: desk
systems:
  desk: { catalog: desk.yaml, connect: { base: DESK_BASE, token: DESK_TOKEN } }
store: { connection: HANDOVER_STORE_URL }
`,
  );
});
afterAll(async () => {
  await rm(dir, { recursive: true, force: true });
  await desk.close();
});

let storeUrl: string | undefined;

async function handover(...args: string[]): Promise<{ code: number; said: string }> {
  let said = '';
  const sink = new Writable({
    write(chunk, _, done) {
      said += chunk;
      done();
    },
  }) as unknown as NodeJS.WriteStream;
  const env = { DESK_BASE: desk.base, DESK_TOKEN: desk.token, HANDOVER_STORE_URL: storeUrl };
  const code = await main([...args, '--config', join(dir, 'handover.yaml')], {
    stdout: sink,
    stderr: sink,
    env,
    cwd: dir,
  });
  expect(said).not.toContain(desk.token);
  expect(said).not.toContain('key-of-');
  return { code, said };
}

test('a category: the calls, what they were understood as, and what would be written', async () => {
  const { code, said } = await handover('try', 'desk', 'things', '--person', 'alice@example.com');
  expect(code, said).toBe(0);
  expect(said).toContain('GET http://127.0.0.1');
  expect(said).toContain('Authorization: (hidden)');
  expect(said).toContain('200, understood as ok');
  expect(said).toContain('The account Alice (1): active; user 1.');
  expect(said).toContain('2 items of theirs, listed whole.');
  expect(said).toContain('Read again by itself: owner 1.');
  expect(said).toMatch(/would send PUT .*\/things\/thing-2\n {2}\{"owner":"\(the successor\)"\}/);
  expect(desk.log).toEqual([]);
});

test('a list that may have been cut is never called whole, and what is not proved is another exit code', async () => {
  const whole = catalogOf();
  const tried = async (from: string | RegExp, to: string) => {
    const changed = whole.replace(from, to);
    expect(changed).not.toBe(whole);
    await writeFile(join(dir, 'desk.yaml'), changed);
    return handover('try', 'desk', 'things', '--person', 'alice@example.com');
  };
  try {
    const cut = await tried(
      /list: \{ get: '\/things[^\n]*\n/,
      "list: { get: '/things?owner={from}', items: /items }\n",
    );
    expect(cut.said).toContain('in one answer, and neither a total nor page.most nor page.whole says');
    expect(cut.said).not.toContain('listed whole');
    const known = await tried(
      /list: \{ get: '\/things[^\n]*\n/,
      "list: { get: '/things?owner={from}', items: /items, page: { by: none, whole: 'read in its code' } }\n",
    );
    expect(known.said).toContain('2 items of theirs, listed whole.');
    const unproved = await tried(
      /proof: \{ get: '\/things[^}]*\}/,
      "proof: { none: 'it has no other list' }",
    );
    expect(unproved.said).toContain(
      "Nothing proves that they are theirs, and not everybody's (it has no other list).",
    );
    const wrong = await tried(
      /proof: \{ get: '\/things[^}]*\}/,
      "proof: { get: '/things?page=99&size=5', items: /members }",
    );
    expect(wrong.code).not.toBe(0);
  } finally {
    await writeFile(join(dir, 'desk.yaml'), whole);
  }
});

test('a switch is shown and not sent', async () => {
  const { code, said } = await handover('try', 'desk', 'deactivate', '--person', 'id:1');
  expect(code, said).toBe(0);
  expect(said).toMatch(/would send PATCH .*\/users\/1\n {2}\{"status":"off"\}/);
  expect(desk.members.get(ALICE)!.status).toBe('active');
});

test('a block that is the switch shows what the switch would send', async () => {
  const plain = await readFile(join(dir, 'desk.yaml'), 'utf8');
  const byIt = 'block: { by: switch, reason: one is on or off }\n';
  await writeFile(join(dir, 'desk.yaml'), plain.replace(/block: .*\nunblock: .*\n/, byIt));
  try {
    const { code, said } = await handover('try', 'desk', 'block', '--person', 'id:1');
    expect(code, said).toBe(0);
    expect(said).toContain('block: the system does it as it deactivates (one is on or off).');
    expect(said).toMatch(/would send PATCH .*\/users\/1\n {2}\{"status":"off"\}/);
    const back = await handover('try', 'desk', 'unblock', '--person', 'id:1');
    expect(back.said).toContain('unblock: the system does it.');
    expect(back.said).toMatch(/would send PATCH .*\/users\/1\n {2}\{"status":"active"\}/);
  } finally {
    await writeFile(join(dir, 'desk.yaml'), plain);
  }
});

test('a verb: who does it, whether it is done, and what would be sent', async () => {
  const plain = await readFile(join(dir, 'desk.yaml'), 'utf8');
  const seen = (what: string): string =>
    `observe: { get: '/users/{user}/${what}', until: { at: /count, equals: 0 } }`;
  await writeFile(
    join(dir, 'desk.yaml'),
    `${plain}sessions: { calls: [{ delete: '/users/{user}/sessions' }], ${seen('sessions')} }
licence: { by: person, page: 'https://desk.example/{user}', reason: seats are counted by hand }
memberships: { by: nobody, reason: there are none }
tokens: { by: switch, reason: a key of somebody who is off lets nobody in }
erase: { calls: [{ delete: '/users/{user}' }] }
`,
  );
  try {
    desk.besides.set(`${ALICE} sessions`, 1);
    const said = async (what: string): Promise<string> => {
      const tried = await handover('try', 'desk', what, '--person', 'id:1');
      expect(tried.code, tried.said).toBe(0);
      return tried.said;
    };
    const sessions = await said('sessions');
    expect(sessions).toContain('sessions: the system does it.');
    expect(sessions).toContain('It reads as not done yet.');
    expect(sessions).toMatch(/would send DELETE .*\/users\/1\/sessions/);
    expect(desk.besides.size).toBe(1);
    const licence = await said('licence');
    expect(licence).toContain(
      'licence: a person does it, at https://desk.example/{user} (seats are counted by hand).',
    );
    expect(licence).toContain('Nothing shows when it is done');
    expect(await said('memberships')).toContain('memberships: nobody does it (there are none).');
    expect(await said('tokens')).toContain('tokens: it ends with the switch (a key of somebody');
    const erase = await said('erase');
    expect(erase).toContain('No offboarding does it.');
    expect(erase).toMatch(/would send DELETE .*\/users\/1/);
    expect(desk.members.has(ALICE)).toBe(true);
  } finally {
    desk.besides.clear();
    await writeFile(join(dir, 'desk.yaml'), plain);
  }
});

test('what goes wrong is a sentence, and another exit code', async () => {
  const { code, said } = await handover('try', 'desk', 'thigns', '--person', 'id:1');
  expect(code).not.toBe(0);
  expect(said).toContain('there is nothing called thigns to try (did you mean things?)');
  desk.lies = { findsNobody: true };
  const broken = await handover('try', 'desk', 'people', '--person', 'nobody@example.com');
  desk.lies = {};
  expect(broken.code).not.toBe(0);
  expect(broken.said).toContain('does not find our own account');
});

test('as JSON it is the same', async () => {
  const { said } = await handover('try', 'desk', 'self', '--json');
  expect(JSON.parse(said)).toMatchObject({
    ok: true,
    problem: null,
    understood: ['We are Handover (99), active.'],
    calls: [{ method: 'GET', status: 200, outcome: 'ok' }],
  });
});

test('a pause that the system has asked the workers for is kept by the command line as well', async () => {
  const database = await createTestDatabase('try');
  const store = await openStore(database.url);
  storeUrl = database.url;
  try {
    for (const args of [['try', 'desk', 'self'], ['check']]) {
      await store.budgets('desk').pause(1_500);
      const started = Date.now();
      const before = desk.calls;
      const asking = handover(...args);
      while (desk.calls === before) await new Promise(resolve => setTimeout(resolve, 10));
      expect(Date.now() - started, args[0]).toBeGreaterThan(1_400);
      await asking;
    }
  } finally {
    storeUrl = undefined;
    await store.close();
    await database.drop();
  }
});
