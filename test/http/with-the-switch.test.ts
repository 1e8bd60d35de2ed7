/**
 * What the call that switches somebody off hands over by the way, over HTTP; and a system in which whoever is off
 * has no account any more.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { policySchema } from '../../domain/policy.js';
import { tree } from '../../domain/tree.js';
import { BOB } from '../contract/harness.js';
import { sweepOf } from '../e2e/sweeps.js';
import { agree, ended, handOver, mail, must, planned, start, waitFor } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';
import { catalogOf } from './harness.js';
import { CALLER, Desk } from './simulator/desk.js';

const ALICE = 'agent 17';
const OFF = "deactivate: { calls: [{ patch: '/users/{user}', json: { status: 'off' } }] }";
const WRITE = "    write: { put: '/things/{key}', json: { owner: '{to}' }, compare: etag }\n";

/** What goes along when somebody is switched off, and when they are removed. */
const gifts = await Desk.open();
const guests = await Desk.open();
const desks = { gifts, guests };
const dir = await mkdtemp(join(tmpdir(), 'handover-with-'));
const small = useSmallWorld({
  // The checker knows what the crm and the desk hold; here the systems themselves say in what order things came.
  check: false,
  change: config => {
    config.policy.sweep = policySchema.parse({}).sweep;
    for (const name of Object.keys(desks))
      config.systems[name] = {
        catalog: join(dir, `${name}.yaml`),
        connect: { base: { file: join(dir, `${name}.base`) }, token: { file: join(dir, `${name}.token`) } },
      };
  },
});

/** A catalog of one of them, with each text replaced by another. */
function catalog(name: string, ...changes: readonly (readonly [from: string, to: string])[]) {
  const all = [
    ['system: desk', `system: ${name}`],
    ['    title: Things\n', `    title: Things of ${name}\n    switch: { when: with }\n`],
    ...changes,
  ] as const;
  return all.reduce(
    (text, [from, to]) => {
      if (!text.includes(from)) throw new Error(`The catalog has no "${from}".`);
      return text.replace(from, to);
    },
    catalogOf({ compare: 'etag' }),
  );
}

beforeAll(async () => {
  const catalogs = {
    gifts: catalog(
      'gifts',
      [WRITE, ''],
      [
        OFF,
        "deactivate: { calls: [{ patch: '/users/{user}', json: { status: 'off', things_to: '{to.things}' } }] }",
      ],
    ),
    guests: `${catalog(
      'guests',
      [WRITE, ''],
      [OFF, "deactivate: { calls: [{ delete: '/users/{user}?things_to={to.things}' }], until: gone }"],
      [
        "reactivate: { calls: [{ patch: '/users/{user}', json: { status: active } }] }",
        'reactivate: { by: nobody, reason: whoever was removed has to be invited anew }',
      ],
    )}sessions: { calls: [{ delete: '/users/{user}/sessions' }], observe: { get: '/users/{user}/sessions', until: { at: /count, equals: 0 } } }
`,
  };
  for (const [name, desk] of Object.entries(desks)) {
    await writeFile(join(dir, `${name}.yaml`), catalogs[name as keyof typeof desks]);
    await writeFile(join(dir, `${name}.base`), desk.base);
    await writeFile(join(dir, `${name}.token`), desk.token);
  }
});
beforeEach(() => {
  const { alice, maya } = small.cast;
  for (const desk of Object.values(desks)) {
    desk.list('things').clear();
    desk.leftBehind.clear();
    desk.besides.clear();
    desk.join(ALICE, alice.name, alice.email);
    desk.join(BOB, maya.name, maya.email);
    desk.join(CALLER, 'Handover', 'handover@small.example');
    desk.log.length = 0;
  }
});
afterAll(async () => {
  for (const desk of Object.values(desks)) await desk.close();
  await rm(dir, { recursive: true, force: true });
});

function give(desk: Desk, ...numbers: number[]): void {
  for (const n of numbers) desk.put('things', `thing-${n}`, ALICE);
}

test('what goes along with the switch is in the plan, goes to whom the plan names, and is looked at afterwards', async () => {
  give(gifts, 1, 2, 3);
  const started = await start(small);
  const plan = await planned(small, started);
  expect(plan.findings).toEqual([]);
  expect(tree(plan).join('\n')).toContain('↳ moves with the switch');
  await agree(small, started);
  const status = await ended(small, started);
  expect(status).toMatchObject({
    outcome: 'completed',
    steps: { 'gifts/things': { state: 'completed', changed: 3, evidence: 'read' } },
  });
  const along = [1, 2, 3].map(n => `things thing-${n}: ${ALICE} → ${BOB}, along with the switch`);
  expect(gifts.log[0]).toBe(`${ALICE} is off`);
  expect(gifts.log.slice(1).sort()).toEqual(along);
});

test('what came after the plan goes along as well, and has its receipt', async () => {
  give(gifts, 1, 2);
  const started = await start(small);
  await planned(small, started);
  give(gifts, 3);
  await agree(small, started);
  const status = await ended(small, started);
  expect(status).toMatchObject({
    outcome: 'completed',
    steps: { 'gifts/things': { state: 'completed', changed: 3, arrived: 1 } },
  });
});

test('what comes after the switch is for people: nothing but the switch could hand it over', async () => {
  give(gifts, 1);
  const { status, offboardingId } = await handOver(small);
  expect(status.outcome).toBe('completed');
  const sweep = await sweepOf(small, offboardingId);
  give(gifts, 4, 5);
  const { offboardings } = small.world;
  const by = mail(small, 'olivia');
  await offboardings.decide(offboardings.ids.sweep(offboardingId), 'retry', { by });
  const { open, moved } = await sweep.until(now => now.open.length > 0);
  expect([open, moved]).toMatchObject([
    [
      {
        subject: 'gifts/things',
        says: 'Things of gifts (gifts/things): 2 came after the switch, and nothing but the switch hands them over: people do it by hand.',
      },
    ],
    0,
  ]);
});

test('what a switch forgets is found, by name, and the run is not at its end before somebody has moved it', async () => {
  give(gifts, 1, 2, 3);
  gifts.leftBehind.add('thing-2');
  const { status, ...started } = await handOver(small);
  expect(status.state).toBe('needs-attention');
  expect(status.steps['gifts/things']).toMatchObject({ state: 'failed', changed: 2, remaining: 1 });
  expect(status.steps['gifts/things']!.message).toContain(
    'thing-2: the switch was to take it along, and it is still the leaver’s',
  );
  gifts.put('things', 'thing-2', BOB);
  await must(small, started, 'retry', 'olivia');
  expect(await ended(small, started)).toMatchObject({ outcome: 'completed' });
});

test('it goes to one person: two are refused when the plan is made, and so is one item for somebody else', async () => {
  give(gifts, 1, 2);
  const { maya, priya } = small.cast;
  gifts.join('agent 20', priya.name, priya.email);
  const several = await start(small, {
    successors: { 'gifts/things': { 'round-robin': [maya.email, priya.email] } },
  });
  const { findings } = await planned(small, several);
  expect(findings.map(({ message }) => message).join()).toMatch(
    /Things of gifts \(gifts\/things\) goes to one person along with the switch, and it is shared out/,
  );
  await must(small, several, 'amend', 'olivia', {
    successors: { 'gifts/things': maya.email },
    overrides: { 'gifts/things': { 'thing-1': priya.email } },
  });
  await waitFor(small, several, ({ findings }) =>
    findings.some(({ message }) =>
      message.includes('goes to one person along with the switch, so "thing-1" cannot have a successor'),
    ),
  );
});

test('a category with nothing in it needs somebody who may take what comes until the switch', async () => {
  const { alice } = small.cast;
  gifts.members.delete(BOB);
  const started = await start(small);
  const { findings } = await planned(small, started);
  expect(findings).toMatchObject([{ code: 'successor-refused', step: 'gifts/things' }]);
  expect(findings[0]!.message).toMatch(/Things of gifts \(gifts\/things\): .* has no account in Desk/);
  expect(gifts.members.get(ALICE)).toMatchObject({ email: alice.email, status: 'active' });
});

test('right before the switch it is asked once more who takes things along, and how many more than were approved', async () => {
  const { crm } = small.db;
  small.world.config.policy.drift = { floor: 10, percent: 5 };
  give(gifts, 1, 2);
  await crm.query(
    `create or replace function public.not_now() returns trigger language plpgsql as $$ begin raise exception 'not now'; end $$;
     create trigger not_now before update on public.fields for each row execute function public.not_now()`,
  );
  const { status: parked, ...started } = await handOver(small);
  expect(parked).toMatchObject({ state: 'needs-attention', steps: { 'gifts/things': { state: 'queued' } } });
  await crm.query('drop trigger not_now on public.fields');

  // They leave between the look before the steps, which asks as well, and the proof.
  let reads = 0;
  gifts.beforePage = async category => {
    if (category === 'things' && ++reads > 1) gifts.members.get(BOB)!.status = 'off';
  };
  await must(small, started, 'retry', 'olivia');
  const nobody = await ended(small, started);
  expect(nobody.steps['gifts/deactivate']).toMatchObject({ state: 'failed' });
  expect(nobody.steps['gifts/deactivate']!.message).toMatch(
    /^gifts\/things goes along with the switch\. .* is not active in Desk/,
  );

  gifts.beforePage = async () => {};
  gifts.members.get(BOB)!.status = 'active';
  give(gifts, ...Array.from({ length: 40 }, (_, n) => n + 3));
  await must(small, started, 'retry', 'olivia');
  const flood = await ended(small, started);
  expect(flood.steps['gifts/deactivate']!.message).toBe(
    'gifts/things goes along with the switch. 40 new items have come since the plan was approved, more than the 10 that may follow it. Send "amend" to have a new plan approved.',
  );
  expect(gifts.log).toEqual([]);

  await must(small, started, 'amend', 'olivia', { note: 'all of them' });
  await waitFor(small, started, ({ state, revision }) => state === 'awaiting-approval' && revision === 2);
  await agree(small, started);
  expect(await ended(small, started)).toMatchObject({ outcome: 'completed' });
  expect([...gifts.list('things').values()].filter(({ owner }) => owner === BOB)).toHaveLength(42);
});

test('whoever is off has no account any more: that is no news, and what went along is where it belongs', async () => {
  give(guests, 1, 2);
  const { status } = await handOver(small);
  expect(status).toMatchObject({
    outcome: 'completed',
    access: { guests: 'deactivated' },
    steps: { 'guests/things': { state: 'completed', changed: 2 } },
  });
  expect(tree(status).join('\n')).not.toContain('no longer exists');
  expect(guests.log[0]).toBe(`${ALICE} is gone`);
  expect([...guests.list('things').values()].map(({ owner }) => owner)).toEqual([BOB, BOB]);
});

test('whoever is gone although this run has not switched them off is a question for people', async () => {
  const started = await start(small);
  await planned(small, started);
  guests.members.delete(ALICE);
  await agree(small, started);
  const again = await waitFor(small, started, ({ revision, state }) => revision > 1 || state === 'closed');
  expect(again).toMatchObject({ state: 'awaiting-approval', approvals: [] });
  expect(tree(again).join('\n')).toContain('no longer exists');
  expect(guests.log).toEqual([]);
});
