/**
 * What ends around the switch of a system over HTTP: what it hands over only once the account is off, and what
 * else an account has there, its sessions, tokens, memberships and licence.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { toAcknowledge } from '../../domain/plan.js';
import { BOB } from '../contract/harness.js';
import { agree, ended, handOver, planned, start } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';
import { catalogOf } from './harness.js';
import { CALLER, Desk } from './simulator/desk.js';

const ALICE = 'agent 17';
const desk = await Desk.open();
const dir = await mkdtemp(join(tmpdir(), 'handover-late-'));
const small = useSmallWorld({
  // The checker knows what the crm and the desk hold; here the system itself says in what order things came.
  check: false,
  change: config => {
    config.systems.pages = {
      catalog: join(dir, 'pages.yaml'),
      connect: { base: { file: join(dir, 'base') }, token: { file: join(dir, 'token') } },
    };
  },
});

const seen = (what: string): string =>
  `observe: { get: '/users/{user}/${what}', until: { at: /count, equals: 0 } }`;
const byCall = (what: string): string =>
  `${what}: { calls: [{ delete: '/users/{user}/${what}' }], ${seen(what)} }`;
const VERBS = `${['sessions', 'tokens', 'memberships'].map(byCall).join('\n')}
licence:
  by: person
  page: https://pages.example/people/{user}/plan
  reason: seats are counted by hand
  ${seen('licence')}
erase: { by: person, page: https://pages.example/erase }
`;

beforeAll(async () => {
  const catalog = catalogOf({ compare: 'etag' })
    .replace('system: desk', 'system: pages')
    .replace(
      '    title: Things\n',
      '    title: Things\n    switch: { needs: inactive, when: after, within: 1 day }\n',
    );
  await writeFile(join(dir, 'pages.yaml'), `${catalog}${VERBS}`);
  await writeFile(join(dir, 'base'), desk.base);
  await writeFile(join(dir, 'token'), desk.token);
});
beforeEach(() => {
  const { alice, maya } = small.cast;
  desk.join(ALICE, alice.name, alice.email);
  desk.join(BOB, maya.name, maya.email);
  desk.join(CALLER, 'Handover', 'handover@small.example');
  desk.besides.clear();
  desk.refused.clear();
  desk.list('things').clear();
  desk.log.length = 0;
});
afterAll(async () => {
  await desk.close();
  await rm(dir, { recursive: true, force: true });
});

test('the account is switched off first, then its things move, and only then the run is at its end', async () => {
  for (const n of [1, 2, 3]) desk.put('things', `thing-${n}`, ALICE);
  desk.log.length = 0;
  const { status } = await handOver(small);
  expect(status).toMatchObject({
    outcome: 'completed',
    steps: { 'pages/things': { state: 'completed', changed: 3 } },
  });
  expect(desk.log[0]).toBe(`${ALICE} is off`);
  expect(desk.log.slice(1).sort()).toEqual([1, 2, 3].map(n => `things thing-${n}: ${ALICE} → ${BOB}`));
});

test('sessions and tokens end with the switch, memberships after what moves only then, and a licence is a person’s', async () => {
  desk.put('things', 'thing-1', ALICE);
  for (const what of ['sessions', 'tokens', 'memberships', 'licence'])
    desk.besides.set(`${ALICE} ${what}`, 2);
  const run = await start(small);
  const plan = await planned(small, run);
  expect(plan.findings).toEqual([]);
  expect(toAcknowledge(plan.plan!)).toContainEqual({
    subject: 'pages/licence',
    title: 'Account with a licence',
    count: 1,
    page: 'https://pages.example/people/agent%2017/plan',
  });
  expect(plan.plan!.notes).toContain(
    'Desk: erase is not done by an offboarding (an offboarding erases nobody).',
  );
  await agree(small, run);
  const status = await ended(small, run);
  expect(status).toMatchObject({
    outcome: 'completed',
    steps: {
      'pages/sessions': { state: 'completed' },
      'pages/tokens': { state: 'completed' },
      'pages/memberships': { state: 'completed', changed: 1 },
    },
  });
  expect(desk.log).toEqual([
    `${ALICE} is off`,
    `${ALICE} sessions ended`,
    `${ALICE} tokens ended`,
    `things thing-1: ${ALICE} → ${BOB}`,
    `${ALICE} memberships ended`,
  ]);
});
