/**
 * Messages of every kind in every state that waits: hostile, doubled a hundred times, early, late, out of
 * order, from anybody. The run neither fails nor gets stuck, every message is judged and recorded, and
 * nothing moves that was not approved (the checker's I7, I8). Single odd payloads, and what cannot be
 * decoded: test/e2e/messages.test.ts and test/bad-input.
 */
import * as fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import type { Status } from '../../../workflows/messages.js';
import { acknowledgeAll, mail, planned, type Started, start, waitFor } from '../../small-world/drive.js';
import { useSmallWorld } from '../../small-world/world.js';
import { Gates } from './gates.js';
import { LONG } from './long.js';
import { anybody, hostile, type Message } from './messages.js';
import { leaverIs, moves } from './scenes.js';
import { driveToEnd, STATES, type StateName, stillHeld } from './states.js';

const gates = new Gates();
const small = useSmallWorld({ wrap: gates.wrap });
afterEach(() => gates.openAll());
const offboardings = () => small.world.offboardings;

/** Of 200 drawn sequences in the long form, a few per state in the short one. */
const RUNS = LONG ? 15 : 2;
const draws = { numRuns: RUNS, endOnFailure: true };

const WAITING: StateName[] = [
  'preparing',
  'needs-correction',
  'awaiting-approval',
  'scheduled',
  'executing, before the second group',
  'needs-attention',
  'deactivating, before the first switch',
];

describe('hostile messages', () => {
  test.each(WAITING)(
    'while %s: all are judged and refused, nothing changes, and the run goes on',
    async state => {
      await fc.assert(
        fc.asyncProperty(fc.array(hostile, { minLength: 1, maxLength: 12 }), async messages => {
          await small.refill({});
          const { run, mend } = await (STATES[state] as (typeof STATES)['preparing'])(small, gates);
          const before = await offboardings().status(run.run);
          const moved = await moves(small);
          await sendAll(run, messages, before);
          await recorded(run, before.decided + messages.length);
          const after = await offboardings().status(run.run);
          expect(kept(after)).toEqual(kept(before));
          expect(await moves(small)).toBe(moved);
          await mend();
          gates.openAll();
          await driveToEnd(small, run);
          expect(await stillHeld(small)).toBe(0);
          expect(await leaverIs(small)).toEqual(['inactive', 'inactive']);
          await neverStuck(run);
        }),
        draws,
      );
    },
  );
});

describe('right messages from anybody, in any order, mixed with hostile ones', () => {
  test.each(WAITING)('while %s: only what the rules allow comes of them', async state => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof({ weight: 4, arbitrary: anybody }, { weight: 1, arbitrary: hostile }), {
          minLength: 3,
          maxLength: 15,
        }),
        async messages => {
          await small.refill({});
          const { run, mend } = await (STATES[state] as (typeof STATES)['preparing'])(small, gates);
          const approvedAlready = /scheduled|executing|attention|deactivating/.test(state);
          const moved = await moves(small);
          const before = await offboardings().status(run.run);
          await sendAll(run, messages, before);
          await mend();
          gates.openAll();
          // What is judged late would change the run under the hands of those who bring it to its end.
          await recorded(run, before.decided + messages.length);
          const status = await driveOn(run);
          const accepted = await acceptedApprovals(run);
          // What moved beyond the start was agreed on by somebody who may, and never by the leaver.
          if (!approvedAlready && (await moves(small)) > moved) expect(accepted.length).toBeGreaterThan(0);
          for (const who of accepted) expect([small.cast.priya.id, small.cast.daniel.id]).toContain(who);
          if (status.outcome === 'rejected' && !approvedAlready) expect(await moves(small)).toBe(0);
          await neverStuck(run);
        },
      ),
      draws,
    );
  });
});

test('everything a hundred times: it is done once', async () => {
  const run = await start(small);
  const { plan } = await planned(small, run);
  const hundred = (name: string, payload: Record<string, unknown>): Promise<unknown> =>
    Promise.all(Array.from({ length: 100 }, () => offboardings().tell(run.run, name, payload)));
  await hundred('approve', { by: mail(small, 'priya'), plan: plan!.digest });
  await hundred('acknowledge', { by: mail(small, 'olivia'), category: 'crm/approvals' });
  const report = await offboardings().result(run.run);
  expect(report.outcome).toBe('completed');
  const { rows } = await small.db.store.query(
    `select count(*)::int as n from handover.audit where offboarding = $1 and kind in ('decision', 'refusal')`,
    [run.offboardingId],
  );
  // Those that came while the run was closing are judged as well; none is lost.
  expect(rows[0].n).toBe(200);
  expect(await acceptedApprovals(run)).toEqual([small.cast.priya.id]);
  expect(await stillHeld(small)).toBe(0);
}, 180_000);

test('the same update a hundred times under one id is one decision', async () => {
  const run = await start(small);
  const { plan, decided } = await planned(small, run);
  const payload = { by: mail(small, 'priya'), plan: plan!.digest };
  const answers = new Set<string>();
  for (let n = 0; n < 100; n += 5)
    for (const answer of await Promise.all(
      Array.from({ length: 5 }, () =>
        offboardings().decide(run.run, 'approve', payload, { id: 'the-click' }),
      ),
    ))
      answers.add(JSON.stringify(answer));
  expect([...answers]).toEqual([expect.stringContaining('"verdict":"accepted"')]);
  expect((await offboardings().status(run.run)).decided).toBe(decided + 1);
});

test('early: a message that starts the run by itself starts nothing, and does not stand in the way', async () => {
  const { temporal } = small.world.worker.deps;
  const workflowId = small.world.offboardings.ids.offboarding(small.cast.alice.id);
  for (const args of [[], [{ offboardingId: 'x' }], [null]] as unknown[][]) {
    const early = await temporal.workflow.signalWithStart('offboardUser', {
      taskQueue: small.world.config.temporal.taskQueue,
      workflowId,
      args,
      signal: 'approve',
      signalArgs: [{ by: mail(small, 'priya'), plan: 'f'.repeat(64) }],
    });
    expect(await early.result()).toMatchObject({ outcome: 'refused' });
  }
  const run = await start(small);
  expect(await planned(small, run)).toMatchObject({ state: 'awaiting-approval', approvals: [] });
  expect(await moves(small)).toBe(0);
});

test('early: an approval that comes while the plan is made does not count for it', async () => {
  const gate = gates.close('makePlan', 'after');
  const run = await start(small);
  await gate.arrived;
  // The plan is stored already: its digest could be known.
  const { rows } = await small.db.store.query('select digest from handover.plans where offboarding = $1', [
    run.offboardingId,
  ]);
  await offboardings().tell(run.run, 'approve', { by: mail(small, 'priya'), plan: rows[0].digest });
  await offboardings().tell(run.run, 'acknowledge', { by: mail(small, 'olivia'), category: 'crm/approvals' });
  await judged(run, 2);
  gates.openAll();
  expect(await planned(small, run)).toMatchObject({
    state: 'awaiting-approval',
    approvals: [],
    acknowledgements: {},
  });
});

test('late: messages while the run closes are answered, and after that Temporal refuses them', async () => {
  const gate = gates.close('closeRun', 'after');
  const run = await start(small);
  const { plan } = await planned(small, run);
  await acknowledgeAll(small, run);
  await offboardings().tell(run.run, 'approve', { by: mail(small, 'priya'), plan: plan!.digest });
  await gate.arrived;
  const moved = await moves(small);
  const late = {
    reject: { plan: plan!.digest },
    cancel: { access: 'restore' },
    amend: { successor: mail(small, 'bob') },
  };
  for (const [name, more] of Object.entries(late))
    for (const by of ['priya', 'oscar'] as const)
      expect(await offboardings().decide(run.run, name, { by: mail(small, by), ...more })).toMatchObject({
        verdict: 'refused',
      });
  gates.openAll();
  expect(await offboardings().result(run.run)).toMatchObject({ outcome: 'completed' });
  await expect(offboardings().tell(run.run, 'reject', {})).rejects.toThrow();
  expect(await moves(small)).toBe(moved);
});

test.each(Array.from({ length: LONG ? 20 : 4 }, (_, n) => n))(
  'approve and reject race (%i): one of them wins, and all goes its way',
  async n => {
    const run = await start(small);
    const { plan } = await planned(small, run);
    await acknowledgeAll(small, run);
    const send = [
      () => offboardings().tell(run.run, 'approve', { by: mail(small, 'priya'), plan: plan!.digest }),
      () => offboardings().tell(run.run, 'reject', { by: mail(small, 'daniel'), plan: plan!.digest }),
    ];
    await Promise.all((n % 2 ? send : send.reverse()).map(one => one()));
    const report = await offboardings().result(run.run);
    expect(['completed', 'rejected']).toContain(report.outcome);
    const rejected = report.outcome === 'rejected';
    expect(await moves(small)).toBeGreaterThanOrEqual(0);
    if (rejected) expect(await moves(small)).toBe(0);
    else expect(await stillHeld(small)).toBe(0);
    expect(await leaverIs(small)).toEqual(rejected ? ['active', 'active'] : ['inactive', 'inactive']);
  },
);

async function sendAll(run: Started, messages: Message[], { plan }: Status): Promise<void> {
  const fill = (value: unknown): unknown => (value === '$plan' ? (plan?.digest ?? '$plan') : value);
  for (const { name, payload, by, way } of messages) {
    const known = typeof payload === 'object' && payload !== null && by !== undefined;
    const filled = known
      ? {
          ...Object.fromEntries(Object.entries(payload).map(([key, value]) => [key, fill(value)])),
          by: mail(small, by),
        }
      : payload;
    if (way === 'signal') await offboardings().tell(run.run, name, filled);
    else
      await offboardings()
        .handle(run.run)
        .startUpdate(name, { args: [filled] as [unknown], waitForStage: 'ACCEPTED' })
        .catch(unlessClosed);
  }
}

/** A decision before it may have closed the run. */
function unlessClosed(error: Error): void {
  if (!/completed|not found|closing/i.test(`${error.message} ${(error.cause as Error | undefined)?.message}`))
    throw error;
}

function judged(run: Started, count: number): Promise<Status> {
  return waitFor(small, run, one => one.decided >= count, 60_000);
}

/**
 * Until every message is judged to its end and stands in the trail, exactly once; a run that has closed
 * judges no more.
 */
async function recorded({ run, offboardingId }: Started, count: number): Promise<void> {
  const seen = async (): Promise<number | 'closed'> => {
    if ((await offboardings().status(run)).state === 'closed') return 'closed';
    const { rows } = await small.db.store.query(
      `select count(*)::int as n from handover.audit where offboarding = $1 and kind in ('decision', 'refusal')`,
      [offboardingId],
    );
    return rows[0].n as number;
  };
  await expect.poll(seen, { timeout: 60_000, interval: 25 }).toSatisfy(n => n === 'closed' || n >= count);
  expect(['closed', count]).toContain(await seen());
}

/** What no refused message may change. */
function kept({
  state,
  approvals,
  acknowledgements,
  revision,
  order,
  waivers,
  pausedBy,
  turn,
  steps,
}: Status): unknown {
  return {
    state,
    approvals,
    acknowledgements,
    revision,
    order,
    waivers,
    pausedBy,
    turn,
    steps,
  };
}

/** The people who may decide bring it to an end, whatever was decided already. */
async function driveOn(run: Started): Promise<Status> {
  const { pausedBy } = await offboardings().status(run.run);
  if (pausedBy)
    await offboardings()
      .decide(run.run, 'resume', { by: mail(small, 'oscar') })
      .catch(unlessClosed);
  return driveToEnd(small, run);
}

async function acceptedApprovals({ offboardingId }: Started): Promise<string[]> {
  const { rows } = await small.db.store.query(
    `select body from handover.audit join handover.audit_bodies using (offboarding, seq)
      where offboarding = $1 and kind = 'decision' order by seq`,
    [offboardingId],
  );
  return rows
    .map(row => JSON.parse(row.body as string) as { message: string; decider: { id: string } })
    .filter(body => body.message === 'approve')
    .map(body => body.decider.id);
}

/** No task of this run ever failed. */
async function neverStuck(run: Started): Promise<void> {
  const { events } = await offboardings().handle(run.run).fetchHistory();
  expect((events ?? []).filter(event => event.workflowTaskFailedEventAttributes)).toEqual([]);
}
