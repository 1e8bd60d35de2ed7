/**
 * What ends around the switch of a system over HTTP: what it hands over only once the account is off, and what
 * else an account has there, its sessions, tokens, memberships and licence.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { certificateOf } from '../../domain/certificate.js';
import { toAcknowledge } from '../../domain/plan.js';
import { tree } from '../../domain/tree.js';
import { BOB } from '../contract/harness.js';
import { EACH_SECOND, sweepOf } from '../e2e/sweeps.js';
import { agree, ended, handOver, must, planned, type Started, start, waitFor } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';
import { catalogOf, fromFiles } from './harness.js';
import { CALLER, Desk } from './simulator/desk.js';

const ALICE = 'agent 17';
const desk = await Desk.open();
const dir = await mkdtemp(join(tmpdir(), 'handover-late-'));
const small = useSmallWorld({
  // The checker knows what the crm and the desk hold; here the system itself says in what order things came.
  check: false,
  change: config => {
    config.systems.pages = fromFiles(dir, 'pages');
    config.systems.board = fromFiles(dir, 'board', 'board-base');
  },
});
/** Nobody can be switched off there but by hand. */
const board = await Desk.open();

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
  const byHand = catalogOf({ lacks: ['block', 'unblock', 'deactivate', 'reactivate'] })
    .replace('system: desk\ntitle: Desk', 'system: board\ntitle: Board\nabsence: expected')
    .concat(
      "deactivate: { by: person, page: 'https://board.example/people/{user}', reason: it has no API for that }\n",
    );
  await writeFile(join(dir, 'board.yaml'), byHand);
  await writeFile(join(dir, 'board-base'), board.base);
  await writeFile(join(dir, 'pages.yaml'), `${catalog}${VERBS}`);
  await writeFile(join(dir, 'base'), desk.base);
  await writeFile(join(dir, 'token'), desk.token);
});
beforeEach(() => {
  const { alice, maya } = small.cast;
  desk.join(ALICE, alice.name, alice.email);
  desk.join(BOB, maya.name, maya.email);
  desk.join(CALLER, 'Handover', 'handover@small.example');
  board.members.clear();
  board.join(CALLER, 'Handover', 'handover@small.example');
  small.world.config.policy.looksAfterMinutes = 0.01;
  desk.lies = {};
  desk.besides.clear();
  desk.refused.clear();
  desk.list('things').clear();
  desk.log.length = 0;
});
afterAll(async () => {
  await desk.close();
  await board.close();
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

test.each(['sessions', 'memberships'])(
  '%s that do not end park the run, and nobody certifies it',
  async what => {
    desk.besides.set(`${ALICE} ${what}`, 1);
    desk.refused.set(`${ALICE} ${what}`, 'kept_by_rule');
    const { status, ...run } = await handOver(small);
    expect(status).toMatchObject({
      state: 'needs-attention',
      certificate: null,
      access: { pages: 'deactivated' },
      steps: {
        [`pages/${what}`]: {
          state: 'failed',
          message: expect.stringContaining('kept_by_rule'),
          remaining: 1,
        },
      },
    });
    desk.refused.clear();
    await must(small, run, 'retry', 'olivia');
    expect(await ended(small, run)).toMatchObject({ outcome: 'completed' });
    expect(desk.besides.size).toBe(0);
  },
);

test('an unplanned departure is blocked, and signed out, before anybody is asked', async () => {
  desk.besides.set(`${ALICE} sessions`, 2);
  desk.besides.set(`${ALICE} tokens`, 1);
  desk.refused.set(`${ALICE} tokens`, 'kept_by_rule');
  const run = await start(small, { departure: 'unplanned' });
  const plan = await planned(small, run);
  expect(desk.log).toEqual([`${ALICE} is suspended`, `${ALICE} sessions ended`]);
  expect(plan.access.pages).toBe('open');
  expect(plan.blockProblems.pages).toBe(
    'Desk: sign-in is blocked, and reading still shows: Account with tokens. End them there; the switch tries it again.',
  );
  expect(plan.blockedByUs.map(({ system }) => system)).toContain('pages');
  desk.refused.clear();
  await agree(small, run);
  const status = await ended(small, run);
  expect(status.outcome, status.sentence).toBe('completed');
  expect(desk.besides.size).toBe(0);
});

async function certified({ offboardingId }: Started): Promise<ReturnType<typeof certificateOf>> {
  const [first] = await small.world.worker.deps.store.archive.certificates(offboardingId);
  return first!.body as ReturnType<typeof certificateOf>;
}

/** Planned, and of what people must acknowledge only the licence is open. */
async function licenceOpen(): Promise<Started> {
  desk.besides.set(`${ALICE} licence`, 1);
  const run = await start(small);
  const { next } = await planned(small, run);
  const open = next.find(({ message }) => message === 'acknowledge')!.json.category as string[];
  expect(open).toContain('pages/licence');
  const others = open.filter(one => one !== 'pages/licence');
  await must(small, run, 'acknowledge', 'olivia', { category: others });
  return run;
}

test('what a person has done by hand is seen, and closes its acknowledgement in nobody’s name', async () => {
  const run = await licenceOpen();
  desk.besides.delete(`${ALICE} licence`);
  const seen = await waitFor(small, run, ({ waitingOn }) => waitingOn === 'approval');
  expect(seen.acknowledgements['pages/licence']).toMatchObject({ by: null, count: 0 });
  expect(seen.watch).toBeUndefined();
  expect(tree(seen).join('\n')).toContain('1 Account with a licence: seen done in the system');
  await must(small, run, 'approve', 'priya', { plan: seen.plan!.digest });
  const status = await ended(small, run);
  expect(status.outcome, status.sentence).toBe('completed');

  const { store } = small.world.worker.deps;
  const { entries } = await store.audit.read(run.offboardingId);
  expect(entries.filter(({ body }) => body.notice === 'seen-done').map(({ body }) => body)).toMatchObject([
    {
      on: 'pages/licence',
      sentence: 'pages/licence was seen done in the system: nobody has to acknowledge it.',
    },
  ]);
  const { acknowledgements, notCovered } = await certified(run);
  expect(acknowledgements['pages/licence']).toMatchObject({ by: null });
  expect(notCovered.join()).not.toContain('pages/licence');
});

test('an account that a person switches off is seen to be off, and said to be', async () => {
  const { alice } = small.cast;
  board.join('a 1', alice.name, alice.email);
  const run = await start(small);
  const { next, ...plan } = await planned(small, run);
  const page = 'https://board.example/people/a%201';
  expect(toAcknowledge(plan.plan!)).toContainEqual({
    subject: 'board/deactivate',
    title: 'switch the account off by hand: it has no API for that',
    count: 1,
    page,
  });
  expect(tree(plan).join('\n')).toContain(`: access open, to be switched off by hand at ${page}`);
  board.members.get('a 1')!.status = 'off';
  const { acknowledgements } = await waitFor(
    small,
    run,
    status => status.acknowledgements['board/deactivate'] !== undefined,
  );
  expect(acknowledgements['board/deactivate']).toMatchObject({ by: null });
  await agree(small, run);
  const status = await ended(small, run);
  expect(status).toMatchObject({ outcome: 'completed', access: { board: 'deactivated' } });
  expect(status.sentence).not.toContain('by hand');
  expect((await certified(run)).notCovered.join()).not.toContain('attested, not seen');
});

test('an account that a person is still to switch off is asked about by the sweep until it is off', async () => {
  const { policy } = small.world.config;
  policy.sweep = EACH_SECOND;
  try {
    const { alice } = small.cast;
    board.join('a 1', alice.name, alice.email);
    const { offboardingId, status } = await handOver(small);
    expect(status).toMatchObject({ outcome: 'completed', access: { board: 'open', pages: 'deactivated' } });
    const sweep = await sweepOf(small, offboardingId);
    const byHand = {
      subject: 'board/deactivate',
      says: expect.stringContaining('https://board.example/people/a%201'),
    };
    expect((await sweep.until(({ round }) => round > 1)).open).toMatchObject([byHand]);
    board.members.get('a 1')!.status = 'off';
    await sweep.until(({ open }) => open.length === 0);
  } finally {
    policy.sweep = 'off';
  }
});

test('what was seen done and is undone again is a question to people before the switch', async () => {
  const run = await licenceOpen();
  desk.besides.delete(`${ALICE} licence`);
  const seen = await waitFor(small, run, ({ waitingOn }) => waitingOn === 'approval');
  desk.besides.set(`${ALICE} licence`, 1);
  await must(small, run, 'approve', 'priya', { plan: seen.plan!.digest });
  const again = await waitFor(small, run, ({ shown }) => shown['pages/licence'] !== undefined);
  expect(again).toMatchObject({ state: 'awaiting-approval', shown: { 'pages/licence': { count: 1 } } });
  await must(small, run, 'acknowledge', 'olivia', { category: 'pages/licence' });
  const status = await ended(small, run);
  expect(status.outcome, status.sentence).toBe('completed');
  expect(status.acknowledgements['pages/licence']!.by?.name).toBe('Olivia Owner');
});

test('a probe that says nothing holds nobody up: people read why, and acknowledge all the same', async () => {
  const run = await licenceOpen();
  desk.lies = { hides: `${ALICE} licence` };
  const blind = await waitFor(small, run, ({ troubles }) => troubles?.lookIfDone !== undefined);
  expect(blind.troubles!.lookIfDone).toMatch(
    /^Whether pages\/licence was done by hand cannot be seen: pages: .* It can be acknowledged all the same\.$/,
  );
  expect(blind.watch!.looks).toBeLessThan(6);
  await must(small, run, 'acknowledge', 'olivia', { category: 'pages/licence' });
  desk.lies = {};
  await must(small, run, 'approve', 'priya', { plan: blind.plan!.digest });
  const status = await ended(small, run);
  expect(status.outcome, status.sentence).toBe('completed');
  expect(status.troubles?.lookIfDone).toBeUndefined();
});
