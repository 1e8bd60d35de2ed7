/**
 * Whatever has closed is archived by looks that begin by themselves, however it closed, and whatever stands
 * in the way of one history or one system stands in nobody else's.
 */
import { randomUUID } from 'node:crypto';
import type { ScheduleHandle } from '@temporalio/client';
import { describe, expect, test } from 'vitest';
import { ensureArchiveSchedule, renewArchiveSchedule } from '../../runtime/archive-schedule.js';
import {
  acknowledgeAll,
  agree,
  handOver,
  mail,
  planned,
  type Started,
  start,
  waitFor,
} from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';
import { forge } from '../support/forge.js';

/** Keeps the answer of the next `runSteps`, so that a run is terminated in the middle of its steps. */
let kept: { reached(): void; released: Promise<void> } | null = null;

/** When each part of a look says that it began, and for how many parts there is said to be more to do. */
const parts = { began: [] as string[], more: 0 };

const small = useSmallWorld({
  check: false,
  wrap: activities => ({
    ...activities,
    async archiveClosed(input: Parameters<typeof activities.archiveClosed>[0]) {
      const part = await activities.archiveClosed(input);
      parts.began.push(input.began);
      if (parts.more === 0) return part;
      parts.more--;
      return { report: { ...part.report, stored: 1 }, more: true };
    },
    async runSteps(input: Parameters<typeof activities.runSteps>[0]) {
      const result = await activities.runSteps(input);
      const now = kept;
      kept = null;
      now?.reached();
      await now?.released;
      return result;
    },
  }),
});
const temporal = () => small.world.worker.deps.temporal;
const schedule = (): ScheduleHandle =>
  temporal().schedule.getHandle(small.world.offboardings.ids.archiveSchedule);
const rows = async (table: string, where: string, ...values: unknown[]) =>
  (await small.db.store.query(`select * from handover.${table} where ${where}`, values)).rows;
const archives = (run: Started) => rows('archives', 'offboarding = $1', run.offboardingId);

/** What is listed follows a close after a moment: looks until this many of these histories are stored. */
async function archiveAll(runs: readonly Started[], most = runs.length): Promise<void> {
  await expect
    .poll(
      async () => {
        await small.world.offboardings.archive();
        return (await Promise.all(runs.map(archives))).flat().length;
      },
      { timeout: 20_000, interval: 200 },
    )
    .toBe(most);
}

async function closed(run: Started): Promise<void> {
  const handle = small.world.offboardings.handle(run.run);
  await expect.poll(async () => (await handle.describe()).status.name, { interval: 50 }).not.toBe('RUNNING');
}

describe('the schedule', () => {
  test('is made by a worker that starts, looks every few minutes, and never twice at once', async () => {
    await expect.poll(async () => (await schedule().describe()).scheduleId, { interval: 100 }).toBeTruthy();
    const { spec, policies, action } = await schedule().describe();
    expect(spec.intervals).toMatchObject([{ every: 300_000 }]);
    expect(policies).toMatchObject({ overlap: 'SKIP', catchupWindow: 60_000 });
    expect(action).toMatchObject({
      workflowType: 'archiveClosed',
      taskQueue: small.world.config.temporal.taskQueue,
    });
  });

  test('is left as it is by every later start, and made as it should be by register alone', async () => {
    const { config } = small.world;
    await schedule().pause('an upgrade');
    await schedule().update(before => ({ ...before, spec: { intervals: [{ every: '1 hour' }] } }));
    await small.world.restartWorker();
    expect(await ensureArchiveSchedule(temporal(), config)).toBe(false);
    expect(await schedule().describe()).toMatchObject({ spec: { intervals: [{ every: 3_600_000 }] } });
    expect(await renewArchiveSchedule(temporal(), config)).toBe('renewed');
    expect(await schedule().describe()).toMatchObject({
      spec: { intervals: [{ every: 300_000 }] },
      // Whoever paused it had a reason, and `check` says it.
      state: { paused: true, note: 'an upgrade' },
    });
    await schedule().unpause();
  });

  test('starts looks that archive what has closed, without anybody asking', async () => {
    const run = await handOver(small);
    // What has closed is listed a moment later; a look of the schedule's is one that finds it.
    await expect
      .poll(
        async () => {
          await schedule().trigger();
          return (await archives(run)).length;
        },
        { timeout: 20_000, interval: 500 },
      )
      .toBe(1);
  });
});

describe('a look', () => {
  test('stores the history of a terminated run, and strikes it off the register', async () => {
    const run = await start(small);
    await planned(small, run);
    await agree(small, run);
    await small.world.offboardings.handle(run.run).terminate('in a hurry');
    await archiveAll([run]);
    expect((await archives(run))[0]).toMatchObject({ status: 'TERMINATED', workflow: run.run });
    expect(await rows('open_runs', 'offboarding = $1', run.offboardingId)).toEqual([]);
    const [head] = await rows('audit_heads', 'offboarding = $1', run.offboardingId);
    expect(head.fence).toBeInstanceOf(Date);
    // Once is enough.
    expect(await small.world.offboardings.archive()).toMatchObject({ stored: 0, failures: [] });
  });

  test('stores what a reset cut off and leaves the run that goes on alone, until that one has closed', async () => {
    const run = await start(small);
    await planned(small, run);
    const handle = small.world.offboardings.handle(run.run);
    const { events } = await handle.fetchHistory();
    const task = events!.findLast(event => event.workflowTaskCompletedEventAttributes)!;
    const { runId } = await handle.describe();
    await temporal().workflowService.resetWorkflowExecution({
      namespace: 'default',
      workflowExecution: { workflowId: run.run, runId },
      workflowTaskFinishEventId: task.eventId!,
      requestId: `reset-${run.offboardingId}`,
      reason: 'again',
    });
    await archiveAll([run]);
    expect(await archives(run)).toMatchObject([{ run: runId, status: 'TERMINATED' }]);
    expect(await rows('open_runs', 'offboarding = $1', run.offboardingId)).toHaveLength(1);
    await waitFor(small, run, status => status.state === 'awaiting-approval');
    await agree(small, run);
    expect(await small.world.offboardings.result(run.run)).toMatchObject({ outcome: 'completed' });
    await archiveAll([run], 2);
    expect(new Set((await archives(run)).map(row => row.status))).toEqual(
      new Set(['TERMINATED', 'COMPLETED']),
    );
    expect(await rows('open_runs', 'offboarding = $1', run.offboardingId)).toEqual([]);
  });

  test('a history that cannot be stored holds up no other, is said, and is stored once it can be', async () => {
    const [bad, good] = [await start(small), await start(small, { user: mail(small, 'bob') })];
    await small.db.store.query(`
      create function handover.trap() returns trigger language plpgsql as $$
      begin if new.offboarding = '${bad.offboardingId}' then raise exception 'no room for this one'; end if; return new; end $$;
      create trigger trap before insert on handover.archives for each row execute function handover.trap()`);
    for (const run of [bad, good]) {
      await planned(small, run);
      await small.world.offboardings.handle(run.run).terminate('both');
      await closed(run);
    }
    const said = await small.world.offboardings.archive(bad.run);
    expect(said).toMatchObject({ stored: 0, failed: 1 });
    expect(said.failures[0]).toMatchObject({
      workflowId: bad.run,
      why: expect.stringContaining('no room for this one'),
    });
    await archiveAll([bad, good], 1);
    expect(await archives(good)).toHaveLength(1);
    expect(await rows('archive_failures', 'workflow = $1', bad.run)).toHaveLength(1);
    await small.db.store.query('drop trigger trap on handover.archives; drop function handover.trap()');
    await archiveAll([bad, good], 2);
    expect(await rows('archive_failures', 'workflow = $1', bad.run)).toEqual([]);
  });

  test('a history of more than gRPC takes at once is stored whole', { timeout: 60_000 }, async () => {
    const run = await start(small);
    await planned(small, run);
    const handle = small.world.offboardings.handle(run.run);
    const note = 'x'.repeat(900_000);
    for (let n = 0; n < 8; n++) await handle.signal('pause', { by: `nobody-${n}`, note });
    await waitFor(small, run, status => status.decided >= 8);
    await handle.terminate('it is long');
    await archiveAll([run]);
    const [archive] = await archives(run);
    const { events } = await handle.fetchHistory();
    expect(archive.events).toBe(events!.length);
  });

  test('an effect whose system is down when it is asked is settled by a later look', async () => {
    let release = (): void => {};
    const reached = new Promise<void>(resolve => {
      const released = new Promise<void>(go => {
        release = go;
      });
      kept = { reached: resolve, released };
    });
    const run = await start(small);
    await planned(small, run);
    await acknowledgeAll(small, run);
    const { plan } = await small.world.offboardings.status(run.run);
    await small.world.offboardings.tell(run.run, 'approve', { by: mail(small, 'priya'), plan: plan!.digest });
    await reached;
    await small.world.offboardings.handle(run.run).terminate('an operator in a hurry');
    release();
    // As if the worker had died before it wrote down that the last batch is done.
    await forge(
      small.db.store,
      `update handover.receipts set state = 'intended', sure = null where offboarding = $1 and state = 'done' and step like 'crm/%'`,
      [run.offboardingId],
    );
    const intended = () => rows('receipts', `offboarding = $1 and state = 'intended'`, run.offboardingId);
    const [owed] = await intended();
    expect(owed).toBeDefined();
    const down = (may: 'nologin' | 'login') => small.db.store.query(`alter role ${small.role} ${may}`);
    await down('nologin');
    // Connections that are there go on: they are ended as a system that goes down ends them.
    await small.db.crm.query('select pg_terminate_backend(pid) from pg_stat_activity where usename = $1', [
      small.role,
    ]);
    try {
      const said = await small.world.offboardings.archive(run.run);
      expect(said).toMatchObject({ stored: 1, failed: 1 });
      expect(said.failures[0]!.why).toMatch(/could not be settled/);
      expect(await archives(run)).toHaveLength(1);
      expect(await intended()).not.toEqual([]);
    } finally {
      await down('login');
    }
    expect(await small.world.offboardings.archive()).toMatchObject({ failures: [] });
    expect(await intended()).toEqual([]);
    const [receipt] = await rows('receipts', 'mark = $1', owed.mark);
    expect(receipt).toMatchObject({ state: 'done', sure: 'asked' });
  });

  test('strikes off the register what Temporal has forgotten, and nothing that is open', async () => {
    const open = await start(small);
    await planned(small, open);
    const forgotten = randomUUID();
    await small.db.store.query(
      `insert into handover.open_runs (leaver, human, offboarding, workflow, preview) values ('gone', 'gone', $1, $2, false)`,
      [forgotten, small.world.offboardings.ids.offboarding('gone')],
    );
    await small.world.offboardings.archive();
    expect(await rows('open_runs', 'offboarding = $1', forgotten)).toEqual([]);
    expect(await rows('open_runs', 'offboarding = $1', open.offboardingId)).toHaveLength(1);
  });

  test('that is long goes on in a fresh execution, with what it did so far', async () => {
    await small.world.offboardings.archive();
    parts.began.length = 0;
    parts.more = 110;
    const { ids } = small.world.offboardings;
    const look = await temporal().workflow.start('archiveClosed', {
      taskQueue: small.world.config.temporal.taskQueue,
      workflowId: ids.look('a-long-one'),
      args: [{ everything: true }],
    });
    const { runId } = await look.describe();
    expect(await look.result()).toMatchObject({ stored: 110, failures: [] });
    const first = temporal().workflow.getHandle(look.workflowId, runId);
    expect((await first.describe()).status.name).toBe('CONTINUED_AS_NEW');
    expect(parts.began).toHaveLength(111);
    expect(new Set(parts.began).size).toBe(1);
  });

  test('believes nobody who starts a run by hand and says that it is another offboarding', async () => {
    const run = await start(small);
    await planned(small, run);
    const forged = await temporal().workflow.start('offboardUser', {
      taskQueue: small.world.config.temporal.taskQueue,
      workflowId: `${small.world.offboardings.ids.offboardings}forged-${run.offboardingId}`,
      memo: { offboardingId: run.offboardingId },
      args: [],
    });
    await forged.result();
    expect(await small.world.offboardings.archive(forged.workflowId)).toMatchObject({
      stored: 0,
      failures: [],
    });
    expect(await rows('open_runs', 'offboarding = $1', run.offboardingId)).toHaveLength(1);
  });
});
