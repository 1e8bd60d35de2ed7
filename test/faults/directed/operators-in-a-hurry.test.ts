/**
 * Cancel, terminate and reset in every state. Cancel ends at a safe boundary with a report; after terminate a
 * new run picks up from the world; a reset repeats no write (the checker's I4). Attempts that are left behind
 * by a terminate or a reset wake up at the worst moment: when the next run is done. The message `cancel` and
 * Temporal's own in states that hold still: test/e2e/messages.test.ts.
 */
import { afterEach, describe, expect, test } from 'vitest';
import { decide, type Started, start } from '../../small-world/drive.js';
import { useSmallWorld } from '../../small-world/world.js';
import { Gates } from './gates.js';
import { sample } from './long.js';
import { agreed, leaverIs, moves } from './scenes.js';
import { driveToEnd, type Reached, STATES, type StateName, stillHeld } from './states.js';

const gates = new Gates();
const small = useSmallWorld({ wrap: gates.wrap });
afterEach(() => {
  gates.openAll();
  gates.frozen = false;
});

const reach = (state: StateName): Promise<Reached> =>
  (STATES[state] as (typeof STATES)['preparing'])(small, gates);
const names = Object.keys(STATES) as StateName[];
const handle = (run: Started) => small.world.offboardings.handle(run.run);

async function everythingIsDone(): Promise<void> {
  expect(await stillHeld(small)).toBe(0);
  expect(await leaverIs(small)).toEqual(['inactive', 'inactive']);
}

describe('cancel', () => {
  test.each(
    names.flatMap(state => [
      [state, 'the message'],
      [state, 'Temporal’s own'],
    ]) as [StateName, string][],
  )('while %s, by %s', async (state, way) => {
    const { run, mend } = await reach(state);
    const begun = (await small.world.offboardings.status(run.run)).steps;
    const closing = state.startsWith('closing');
    if (way === 'the message') {
      const answer = await decide(small, run, 'cancel', 'oscar');
      expect(answer.verdict).toBe(closing ? 'refused' : 'accepted');
    } else await handle(run).cancel();
    gates.openAll();
    const report = await small.world.offboardings.result(run.run);
    await mend();
    const moved = await moves(small);
    await gates.quiet();
    expect(await moves(small)).toBe(moved);
    expect(report.certificate).toMatch(/^[0-9a-f]{64}$/);
    // The last switch was in hand: the boundary after it is the end.
    if (closing || state === 'deactivating, before the last switch') {
      expect(report.outcome).toBe('completed');
      if (!closing) expect(report.sentence).toMatch(/The cancellation came .* too late to stop it\.$/);
      return everythingIsDone();
    }
    expect(report).toMatchObject({
      outcome: 'cancelled',
      sentence: expect.stringMatching(/^Cancelled (by Oscar Operator|in Temporal)/),
    });
    for (const step of report.steps) expect(['completed', 'failed', 'not-run']).toContain(step.state);
    // What nobody had begun when the cancel came is not begun any more.
    for (const step of report.steps) {
      const was = begun[step.id]!;
      if (was.state === 'running' || was.state === 'completed') continue;
      expect(step).toMatchObject({
        state: was.state === 'queued' ? 'not-run' : was.state,
        changed: was.changed,
      });
    }
    // The report says of every account what it is.
    const [crm, desk] = await leaverIs(small);
    if (report.access.crm) expect(report.access.crm).toBe(crm === 'active' ? 'open' : 'deactivated');
    if (report.access.desk) expect(report.access.desk).toBe(desk === 'active' ? 'open' : 'deactivated');
    expect(crm).toBe('active');
    if (!/executing|deactivating|attention/.test(state)) expect(moved).toBe(0);
    // And the next run does the rest.
    await driveToEnd(small, await start(small));
    await everythingIsDone();
  });

  test('while the answer of a group that is done gets lost: the report counts what it did', async () => {
    const before = await moves(small);
    const gate = gates.close('runSteps', 'after', 2);
    const run = await agreed(small);
    await gate.arrived;
    const moved = await moves(small);
    expect(moved).toBeGreaterThan(before);
    expect(await decide(small, run, 'cancel', 'oscar')).toMatchObject({ verdict: 'accepted' });
    gate.lose();
    const report = await small.world.offboardings.result(run.run);
    await gates.quiet();
    expect(report.outcome).toBe('cancelled');
    // Item by item against the witness: the checker's I6 afterwards.
    const { rows } = await small.db.store.query(
      `select step as id, sum(changed)::int as changed from handover.receipts where offboarding = $1 and state = 'done' group by step`,
      [run.offboardingId],
    );
    for (const { id, changed } of rows)
      expect(report.steps.find(step => step.id === id)).toMatchObject({ changed });
    expect(await moves(small)).toBe(moved);
  });
});

/**
 * What a run leaves behind: attempts that are told that they no longer count, and attempts that lay frozen
 * and were told nothing.
 */
const LEFT_BEHIND = [
  ['told', false],
  ['frozen', true],
] as const;

describe.each(LEFT_BEHIND)('terminate, attempts %s', (_, frozen) => {
  test.each(names)(
    'while %s: a new run picks up from the world, and what the old one left behind wakes up after it',
    async state => {
      gates.frozen = frozen;
      const { run, mend } = await reach(state);
      await handle(run).terminate('an operator in a hurry');
      await mend();
      const again = await start(small);
      expect(again.offboardingId).not.toBe(run.offboardingId);
      await driveToEnd(small, again);
      await everythingIsDone();
      const moved = await moves(small);
      gates.openAll();
      await gates.quiet();
      expect(await moves(small)).toBe(moved);
      await everythingIsDone();
      // Nor does it put itself back into the register, where it would stand in other people's way.
      const { rows } = await small.db.store.query(
        'select offboarding from handover.open_runs where workflow = $1',
        [run.run],
      );
      expect(rows).toEqual([]);
    },
  );
});

describe.each(LEFT_BEHIND)('reset, attempts %s', (_, frozen) => {
  test.each(
    names.flatMap(state => [
      [state, 'its first task', 0],
      [state, 'the middle', 0.5],
      [state, 'its last task', 1],
    ]) as [StateName, string, number][],
  )(
    'while %s, to %s: what was done is not done again, and what the old attempt still does counts once',
    async (state, _to, part) => {
      gates.frozen = frozen;
      const { run, mend } = await reach(state);
      const tasks = await finishedTasks(run);
      const old = await resetTo(run, tasks[Math.round((tasks.length - 1) * part)]!);
      await mend();
      await driveToEnd(small, run);
      await everythingIsDone();
      gates.openAll();
      await gates.quiet();
      await everythingIsDone();
      expect((await small.world.offboardings.handle(run.run, old).describe()).status.name).toBe('TERMINATED');
    },
  );
});

describe('reset', () => {
  /**
   * Tasks of a run that parks half-way; their number is the same in every run of the test below, give or take
   * a few.
   */
  const PLACES = Array.from({ length: 24 }, (_, n) => n);

  test.each(sample(PLACES, 8))(
    'a run that is half done, to its task number %i: the other half is done, once',
    async place => {
      const { run, mend } = await reach('needs-attention');
      const done = await moves(small);
      expect(done).toBeGreaterThan(0);
      const tasks = await finishedTasks(run);
      await resetTo(run, tasks[Math.min(place, tasks.length - 1)]!);
      await mend();
      await driveToEnd(small, run);
      await everythingIsDone();
      expect(await moves(small)).toBeGreaterThan(done);
    },
  );

  test('a run that is over closes a second time, changes nothing, and says so in an addendum', async () => {
    const { run } = await reach('awaiting-approval');
    await driveToEnd(small, run);
    const moved = await moves(small);
    const tasks = await finishedTasks(run);
    await resetTo(run, tasks[tasks.length >> 1]!);
    await driveToEnd(small, run);
    expect(await moves(small)).toBe(moved);
    await everythingIsDone();
    const { rows } = await small.db.store.query(
      'select number from handover.certificates where offboarding = $1 order by number',
      [run.offboardingId],
    );
    expect(rows).toHaveLength(2);
  });
});

/** Event ids of completed workflow tasks: where a reset may go back to. */
async function finishedTasks(run: Started): Promise<number[]> {
  const { events } = await handle(run).fetchHistory();
  return (events ?? [])
    .filter(event => event.workflowTaskCompletedEventAttributes)
    .map(event => Number(event.eventId));
}

/** Returns the run id that was left. */
async function resetTo(run: Started, event: number): Promise<string> {
  const { connection } = small.world.worker.deps.temporal;
  const { runId } = await handle(run).describe();
  await connection.workflowService.resetWorkflowExecution({
    namespace: 'default',
    workflowExecution: { workflowId: run.run, runId },
    reason: 'an operator in a hurry',
    requestId: `${runId} ${event}`,
    workflowTaskFinishEventId: event as unknown as Long,
  });
  return runId;
}
