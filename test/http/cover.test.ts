/**
 * A cover in systems over HTTP, one that compares what is written and one that can only be read before: what the
 * cover still holds goes back, whatever others did meanwhile, and whoever dies on the way.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { BOB } from '../contract/harness.js';
import { type Back, cover } from '../e2e/covers.js';
import { untilItDies } from '../faults/worker-process.js';
import { useSmallWorld } from '../small-world/world.js';
import { catalogOf } from './harness.js';
import { CALLER, Desk } from './simulator/desk.js';

const ALICE = 'agent 17';
const CAROL = 'agent 20';
const KEYS = Array.from({ length: 12 }, (_, n) => `thing-${n}`);
const [TAKEN, DELETED, TAKEN_LATE, DELETED_LATE] = KEYS as [string, string, string, string];
const UNTOUCHED = KEYS.slice(4);

const desks = { tagged: await Desk.open(), read: await Desk.open() };
const dir = await mkdtemp(join(tmpdir(), 'handover-cover-'));
const small = useSmallWorld({
  // The checker knows what the crm and the desk hold; here the systems themselves say what happened.
  check: false,
  // A system that is away is waited for.
  patience: { transient: 120_000, locked: 30_000 },
  change: config => {
    for (const name of Object.keys(desks))
      config.systems[name] = {
        catalog: join(dir, `${name}.yaml`),
        connect: { base: { file: join(dir, `${name}.base`) }, token: { file: join(dir, `${name}.token`) } },
      };
  },
});

beforeAll(async () => {
  for (const [name, desk] of Object.entries(desks)) {
    const catalog = catalogOf({
      ...(name === 'tagged' && { compare: 'etag' }),
      connect: '{ timeout: 1s, lands_within: 3s }',
    });
    await writeFile(join(dir, `${name}.yaml`), catalog.replace('system: desk', `system: ${name}`));
    await writeFile(join(dir, `${name}.base`), desk.base);
    await writeFile(join(dir, `${name}.token`), desk.token);
  }
});
beforeEach(async () => {
  const { alice, maya, carol } = small.cast;
  for (const desk of Object.values(desks)) {
    desk.list('things').clear();
    desk.join(ALICE, alice.name, alice.email);
    desk.join(BOB, maya.name, maya.email);
    desk.join(CAROL, carol.name, carol.email);
    desk.join(CALLER, 'Handover', 'handover@small.example');
    for (const key of KEYS) desk.put('things', key, ALICE);
    desk.log.length = 0;
  }
  await small.db.desk.query(`grant insert on watchers to ${small.role}`);
});
afterAll(async () => {
  for (const desk of Object.values(desks)) await desk.close();
  await rm(dir, { recursive: true, force: true });
});

const owners = (desk: Desk): Record<string, string | null> =>
  Object.fromEntries([...desk.list('things').values()].map(({ key, owner }) => [key, owner]));

/** What has gone back by the system's own word, in its order. */
const backIn = (desk: Desk): string[] => desk.log.filter(line => line.endsWith(`${BOB} → ${ALICE}`));

/** Covered, and the plan of what goes back waits for its approval. */
async function plannedBack(): Promise<Back> {
  const { status, back } = await cover(small);
  expect(status).toMatchObject({ outcome: 'completed' });
  for (const desk of Object.values(desks)) {
    for (const key of KEYS) expect(owners(desk)[key]).toBe(BOB);
    desk.put('things', TAKEN, CAROL);
    desk.list('things').delete(DELETED);
  }
  await back.send('amend', 'olivia', { giveBackAt: 'now' });
  const planned = await back.until(({ state }) => state === 'awaiting-approval');
  for (const name of Object.keys(desks))
    expect(planned.back!.holdings).toContainEqual(
      expect.objectContaining({
        step: `${name}/things`,
        count: KEYS.length - 2,
        from: [{ label: small.cast.maya.name, count: KEYS.length - 2 }],
        stays: [{ why: expect.stringContaining('somebody else has it by now'), count: 2 }],
      }),
    );
  return back;
}

/** All that the cover still had is back, each by one write, and what others did stands. */
async function givenBack(back: Back): Promise<void> {
  const after = await back.result();
  expect(after, after.sentence).toMatchObject({ outcome: 'given-back', addenda: [1] });
  for (const [name, desk] of Object.entries(desks)) {
    const { [TAKEN]: taken, [TAKEN_LATE]: late, ...others } = owners(desk);
    expect([taken, late]).toEqual([CAROL, CAROL]);
    expect(others).toEqual(Object.fromEntries(UNTOUCHED.map(key => [key, ALICE])));
    expect(backIn(desk).sort()).toEqual(UNTOUCHED.map(key => `things ${key}: ${BOB} → ${ALICE}`).sort());
    expect(after.steps[`${name}/things`]).toMatchObject({
      state: 'completed',
      changed: UNTOUCHED.length,
      taken: 1,
      gone: 1,
      failed: 0,
    });
  }
  const { rows } = await small.db.store.query(
    `select step, sum(changed)::int as changed from handover.receipts
      where offboarding = $1 and state = 'done' and step like '%/things' group by 1 order by 1`,
    [after.giveBackId],
  );
  expect(rows).toEqual(
    ['read', 'tagged'].map(name => ({ step: `${name}/things`, changed: UNTOUCHED.length })),
  );
}

/** What others do between the plan and its approval. */
function meanwhile(): void {
  for (const desk of Object.values(desks)) {
    desk.put('things', TAKEN_LATE, CAROL);
    desk.list('things').delete(DELETED_LATE);
  }
}

test('taken or deleted, before the plan or after: it stays; the rest goes back, although the systems die on the way', {
  timeout: 170_000,
}, async () => {
  const back = await plannedBack();
  meanwhile();
  for (const desk of Object.values(desks)) desk.diesAfter = 3;
  await back.agree();
  for (const desk of Object.values(desks)) {
    await expect.poll(() => desk.isDead, { timeout: 60_000 }).toBe(true);
    // Some of it is done, and of the last nobody was told.
    expect(backIn(desk).length).toBeGreaterThan(0);
    expect(backIn(desk).length).toBeLessThan(UNTOUCHED.length);
    await desk.rise();
  }
  await givenBack(back);
});

test.each(['restore:a:2', 'restore:r:2'])(
  'killed at %s: each item goes back once all the same',
  {
    timeout: 170_000,
  },
  async crashAt => {
    const back = await plannedBack();
    meanwhile();
    const { back: plan } = await back.status();
    await small.world.worker.stop();
    const approval = { by: small.cast.priya.email, plan: plan!.digest };
    await small.world.offboardings.tell(back.id, 'approve', approval);
    await untilItDies(small.world, crashAt);
    await givenBack(back);
  },
);
