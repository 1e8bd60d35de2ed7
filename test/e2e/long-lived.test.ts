/**
 * A run whose history has grown too long goes on in a fresh execution, at a quiet point, with everything it
 * knows. The server of this file suggests it after a hundred events instead of thousands.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { gather } from '../../client/audit/evidence.js';
import { verify } from '../../client/audit/verify.js';
import { findTemporalCli } from '../../runtime/embedded/temporal-cli.js';
import { startTemporalServer, type TemporalServer } from '../../runtime/embedded/temporal-server.js';
import { searchAttributes } from '../../runtime/search-attributes.js';
import { OFFBOARD_USER } from '../../workflows/messages.js';
import { record } from '../replay/histories.js';
import {
  acknowledgeAll,
  agree,
  ended,
  must,
  planned,
  type Started,
  start,
  waitFor,
} from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';

let dir: string;
let server: TemporalServer;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'handover-long-lived-'));
  server = await startTemporalServer({
    cli: (await findTemporalCli({ say: () => {} })).path,
    headless: true,
    searchAttributes,
    logFile: join(dir, 'temporal.log'),
    dynamicConfig: { 'limit.historyCount.suggestContinueAsNew': '100' },
    say: () => {},
  });
}, 120_000);
// The world's own end, which is named after this one, comes before it.
afterAll(async () => {
  await server?.stop();
  await rm(dir, { recursive: true, force: true });
});
const small = useSmallWorld({
  change: config => {
    config.temporal.address = server.address;
  },
});
const offboardings = () => small.world.offboardings;
const temporal = () => small.world.worker.deps.temporal;

/** Every execution of this offboarding, oldest first. */
async function executions(run: Started) {
  const all = [];
  const query = `WorkflowId = "${run.run}" and WorkflowType = "${OFFBOARD_USER}"`;
  for await (const one of temporal().workflow.list({ query }))
    if (one.memo?.offboardingId === run.offboardingId) all.push(one);
  return all.sort((a, b) => a.startTime.getTime() - b.startTime.getTime());
}

/** Refusals make the history long and change nothing. */
async function chatter(run: Started, messages: number): Promise<void> {
  for (let n = 0; n < messages; n++)
    await offboardings().tell(run.run, 'resume', { by: 'nobody@small.example' });
}

test('a run that waits goes on in a fresh execution and loses nothing: state, messages, trail, search attributes', async () => {
  const run = await start(small);
  const before = await planned(small, run);
  await acknowledgeAll(small, run);
  await chatter(run, 60);
  await waitFor(small, run, status => status.decided >= 61);
  await expect.poll(async () => (await executions(run)).length, { timeout: 20_000 }).toBeGreaterThan(1);
  const after = await waitFor(small, run, status => status.state === 'awaiting-approval');
  expect(after).toMatchObject({
    plan: { digest: before.plan!.digest },
    since: before.since,
    acknowledgements: { 'crm/approvals': { by: { name: 'Olivia Owner' } } },
    waitsFor: { on: 'approval', told: 1 },
  });
  const [first, second] = await executions(run);
  expect(first!.status.name).toBe('CONTINUED_AS_NEW');
  await record('went-on', temporal().workflow.getHandle(run.run, first!.runId), [small.password]);
  expect(second!.searchAttributes.OffboardingState).toEqual(['awaiting-approval']);

  // A look stores what has closed of it, and ends nothing.
  const rows = async (table: string) =>
    (
      await small.db.store.query(`select * from handover.${table} where offboarding = $1`, [
        run.offboardingId,
      ])
    ).rows;
  const { store } = small.world.worker.deps;
  const evidence = async () =>
    gather(store, (await store.trail.known(run.offboardingId))!, async () => temporal());
  await offboardings().archive();
  expect((await evidence()).live.map(one => one.run)).toEqual([second!.runId]);
  expect(await rows('archives')).toMatchObject([{ run: first!.runId, status: 'CONTINUED_AS_NEW' }]);
  expect(await rows('audit_heads')).toMatchObject([{ fence: null }]);
  expect(await rows('open_runs')).toHaveLength(1);

  await agree(small, run);
  expect(await ended(small, run)).toMatchObject({ outcome: 'completed' });
  await expect
    .poll(async () => {
      await offboardings().archive();
      return (await rows('archives')).map(({ status }) => status).sort();
    })
    .toContain('COMPLETED');
  expect(verify(await evidence()).breaks).toEqual([]);
  await record('went-on-and-ended', temporal().workflow.getHandle(run.run), [small.password]);
  const { breaks, entries } = await small.world.worker.deps.store.audit.read(run.offboardingId);
  expect(breaks).toEqual([]);
  expect(entries.filter(({ kind }) => kind === 'refusal')).toHaveLength(60);
  expect(entries.filter(({ kind }) => kind === 'closed')).toHaveLength(1);
});

test('it goes on between two steps as well, and while it is paused', async () => {
  const run = await start(small);
  await planned(small, run);
  await acknowledgeAll(small, run);
  await must(small, run, 'pause', 'olivia');
  await chatter(run, 40);
  await expect.poll(async () => (await executions(run)).length, { timeout: 20_000 }).toBeGreaterThan(1);
  await must(small, run, 'resume', 'olivia');
  await agree(small, run);
  expect(await ended(small, run)).toMatchObject({ outcome: 'completed' });
});

describe('what is carried along', () => {
  test('is believed only of an execution that goes on by itself', async () => {
    const run = await start(small);
    const status = await planned(small, run);
    await must(small, run, 'cancel', 'olivia');
    await offboardings().result(run.run);
    const input = {
      offboardingId: status.offboardingId,
      order: status.order,
      leaver: status.leaver,
      requester: status.requester,
      carried: { ...status, state: 'executing', started: true },
    };
    const forged = (more: object = {}) =>
      temporal().workflow.start(OFFBOARD_USER, {
        taskQueue: small.world.config.temporal.taskQueue,
        workflowId: run.run,
        args: [input],
        ...more,
      });
    const refused = {
      outcome: 'refused',
      sentence: expect.stringMatching(/goes on from an earlier one only by itself/),
    };
    expect(await (await forged()).result()).toMatchObject(refused);

    // The second run of a cron schedule goes on from the first, as the server has it.
    const cron = await forged({ cronSchedule: '@every 1s' });
    const last = async (runId: string) =>
      (await temporal().workflow.getHandle(run.run, runId).fetchHistory()).events?.at(-1)
        ?.workflowExecutionCompletedEventAttributes;
    await expect.poll(() => last(cron.firstExecutionRunId), { timeout: 10_000 }).toBeTruthy();
    const second = (await last(cron.firstExecutionRunId))!.newExecutionRunId!;
    await expect.poll(() => last(second), { timeout: 10_000 }).toBeTruthy();
    const [payload] = (await last(second))!.result!.payloads!;
    expect(JSON.parse(Buffer.from(payload!.data!).toString())).toMatchObject(refused);
    await temporal().workflow.getHandle(run.run).terminate('the test is over');
  });
});
