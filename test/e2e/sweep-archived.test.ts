/** However a sweep ends, what it did is written down and its history is kept; a reset one goes on. */
import { afterEach, expect, test } from 'vitest';
import { cliOf } from '../cli/cli.js';
import { handOver, mail } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';
import { land, long, ownerOf, sweepOf } from './sweeps.js';

/** Keeps the answer of the next activity of this name: what it did is done, and its sweep does not know. */
let kept: { name: string; reached(): void; released: Promise<void> } | null = null;
let release = (): void => {};

const small = useSmallWorld({
  change: long,
  wrap: activities =>
    Object.fromEntries(
      Object.entries(activities).map(([name, verb]) => [
        name,
        async (input: never) => {
          const answer = await (verb as (input: never) => Promise<unknown>)(input);
          if (kept?.name !== name) return answer;
          const { reached, released } = kept;
          kept = null;
          reached();
          await released;
          return answer;
        },
      ]),
    ) as typeof activities,
});

afterEach(() => release());

function keep(name: string): Promise<void> {
  return new Promise(reached => {
    kept = { name, reached, released: new Promise(done => (release = done)) };
  });
}

const rows = async (sql: string, ...values: unknown[]) =>
  (await small.db.store.query(`select ${sql}`, values)).rows as Record<string, unknown>[];

async function verified(run: string): Promise<void> {
  const cli = await cliOf(small);
  try {
    const { code, out, err } = await cli('audit', run, '--verify');
    expect([code, out + err]).toEqual([0, expect.stringContaining('Verified')]);
  } finally {
    await cli.remove();
  }
}

/** Looks until the histories of the sweep are stored. */
async function archived(sweepId: string, most = 1): Promise<Record<string, unknown>[]> {
  const stored = () => rows('run, status, workflow from handover.archives where offboarding = $1', sweepId);
  await expect
    .poll(
      async () => {
        const report = await small.world.offboardings.archive();
        expect(report.failures).toEqual([]);
        return (await stored()).length;
      },
      { timeout: 20_000, interval: 200 },
    )
    .toBe(most);
  return stored();
}

test('one that is over is archived under its own id, and its fence is up', async () => {
  const { run, offboardingId } = await handOver(small);
  const sweep = await sweepOf(small, offboardingId);
  await land(small, 980_001);
  const { sweepId } = await sweep.until(now => now.moved === 1);
  const id = small.world.offboardings.ids.sweep(offboardingId);
  await small.world.offboardings.decide(id, 'finish', { by: mail(small, 'olivia'), reason: 'enough' });
  await sweep.result();
  expect(await archived(sweepId)).toMatchObject([{ status: 'COMPLETED', workflow: id }]);
  await verified(run);
});

test('one that was terminated in a round: what it handed over becomes an addendum, and nothing comes after', async () => {
  const { run, offboardingId } = await handOver(small);
  const sweep = await sweepOf(small, offboardingId);
  const held = keep('runSteps');
  await land(small, 981_001);
  await held;
  const { sweepId, round } = await sweep.status();
  const id = small.world.offboardings.ids.sweep(offboardingId);
  await small.world.offboardings.handle(id).terminate('by a test');
  expect(await archived(sweepId)).toMatchObject([{ status: 'TERMINATED' }]);
  expect(await ownerOf(small, 981_001)).toBe(String(small.cast.maya.id));
  const [end] = await rows(
    `body from handover.audit join handover.audit_bodies using (offboarding, seq) where offboarding = $1 and kind = 'sweep-ended'`,
    sweepId,
  );
  expect(JSON.parse(String(end!.body))).toMatchObject({
    outcome: 'broken-off',
    sentence: 'It was ended in Temporal (terminated).',
    moved: 1,
  });
  const addenda = await rows(
    'number, body from handover.certificate_bodies where offboarding = $1 and number > 0',
    offboardingId,
  );
  expect(addenda.map(({ body }) => JSON.parse(String(body)))).toMatchObject([
    { moved: 1, sweep: sweepId, receipts: [{ step: 'crm/accounts', state: 'done', changed: 1 }] },
  ]);
  expect(round).toBeGreaterThan(0);
  await verified(run);
  // Another look changes nothing.
  await small.world.offboardings.archive();
  expect(
    await rows('number from handover.certificates where offboarding = $1 and number > 0', offboardingId),
  ).toHaveLength(1);
  const cli = await cliOf(small);
  try {
    const shown = await cli('status', id);
    expect(shown.out).toContain('This sweep was ended in Temporal (terminated)');
    expect((await cli('list', '--json')).json()).toContainEqual(
      expect.objectContaining({ workflowId: id, state: 'terminated' }),
    );
  } finally {
    await cli.remove();
  }
});

test('one that was reset in a round goes on: each item once, each told once, and both histories are kept', async () => {
  const { run, offboardingId } = await handOver(small);
  const sweep = await sweepOf(small, offboardingId);
  await sweep.until(now => now.round >= 3);
  await land(small, 982_001);
  const { round } = await sweep.until(now => now.moved === 1);
  const held = keep('closeRound');
  await land(small, 982_002);
  await held;
  const { offboardings } = small.world;
  const id = offboardings.ids.sweep(offboardingId);
  const { temporal } = small.world.worker.deps;
  const { runId } = await offboardings.handle(id).describe();
  // Before the round that handed the first one over.
  const { events = [] } = await offboardings.handle(id).fetchHistory();
  const first = events?.find(({ workflowTaskCompletedEventAttributes: done }) => done);
  await temporal.workflowService.resetWorkflowExecution({
    namespace: temporal.options.namespace,
    workflowExecution: { workflowId: id, runId },
    reason: 'a test',
    workflowTaskFinishEventId: first!.eventId!,
    requestId: `reset-${id}`,
  });
  release();
  // It comes to the same number again.
  await sweep.until(now => now.round === round - 1 && now.state === 'waiting');
  await land(small, 982_003);
  await expect.poll(() => ownerOf(small, 982_003), { timeout: 20_000 }).toBe(String(small.cast.maya.id));
  const { sweepId } = await sweep.status();
  await offboardings.decide(id, 'finish', { by: mail(small, 'olivia'), reason: 'enough' });
  // What the execution before had written down is not counted again.
  expect(await sweep.result()).toMatchObject({ moved: 1 });
  expect((await archived(sweepId, 2)).map(({ status }) => status).sort()).toEqual([
    'COMPLETED',
    'TERMINATED',
  ]);
  const keys = await rows(
    `unnest(p.keys) as key from handover.manifest_pages p join handover.receipts r using (manifest, step, page)
      where r.offboarding = $1 and r.aborted = 0 and r.changed > 0`,
    sweepId,
  );
  expect(keys.map(({ key }) => Number(key)).sort()).toEqual([982_001, 982_002, 982_003]);
  const addenda = await rows(
    'body from handover.certificate_bodies where offboarding = $1 and number > 0 order by number',
    offboardingId,
  );
  const moved = addenda.reduce((sum, { body }) => sum + Number(JSON.parse(String(body)).moved), 0);
  expect(moved).toBe(3);
  await verified(run);
});
