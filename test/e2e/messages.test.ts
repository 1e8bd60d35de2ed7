/**
 * Messages in every shape and at every moment: what fits is done, what does not is refused in words, and
 * nothing blocks a run.
 */
import { CancelledFailure, Context } from '@temporalio/activity';
import { describe, expect, test } from 'vitest';
import type { StepsResult } from '../../activities/run-steps.js';
import { refusedAnswer } from '../../client/runs.js';
import type { DecisionName } from '../../domain/request.js';
import type { DecisionAnswer } from '../../workflows/messages.js';
import {
  acknowledgeAll,
  agree,
  atRest,
  decide,
  ended,
  mail,
  must,
  planned,
  type Started,
  start,
  waitFor,
} from '../small-world/drive.js';
import { trap } from '../small-world/mischief.js';
import { useSmallWorld } from '../small-world/world.js';

/** Whoever runs this step does it, and then dies before anybody hears of it. */
let dying: string | null = null;
const small = useSmallWorld({
  wrap: activities => ({
    ...activities,
    async runSteps(input: Parameters<typeof activities.runSteps>[0]): Promise<StepsResult> {
      if (!dying || !input.steps.includes(dying)) return activities.runSteps(input);
      await activities.runSteps(input);
      await Context.current().cancelled.catch(() => {});
      throw new CancelledFailure('nobody heard of it');
    },
  }),
});
const offboardings = () => small.world.offboardings;

/** The same decision as a signal and as an update: what comes of it must be the same. */
const WAYS = {
  async signal(
    run: Started,
    name: string,
    ...payload: unknown[]
  ): Promise<{ verdict: string; sentence: string }> {
    const { decided } = await offboardings().status(run.run);
    await offboardings().tell(run.run, name, ...payload);
    // Nobody is answered: what became of it stands in the trail.
    const find = () =>
      small.db.store.query(
        `select kind, body from handover.audit join handover.audit_bodies using (offboarding, seq)
        where offboarding = $1 and subject like $2`,
        [run.offboardingId, `decision % ${decided + 1}`],
      );
    await expect.poll(async () => (await find()).rowCount, { timeout: 10_000, interval: 20 }).toBe(1);
    const [entry] = (await find()).rows as [{ kind: string; body: string }];
    return {
      verdict: entry.kind === 'decision' ? 'accepted' : 'refused',
      sentence: (JSON.parse(entry.body) as { sentence: string }).sentence,
    };
  },
  update: (
    run: Started,
    name: string,
    ...payload: unknown[]
  ): Promise<{ verdict: string; sentence: string }> =>
    offboardings()
      .handle(run.run)
      .executeUpdate<DecisionAnswer, [unknown]>(name, { args: payload as [unknown] })
      .catch((error: unknown) => refusedAnswer(error) ?? Promise.reject(error)),
};

describe.each(Object.entries(WAYS))('messages that are early, late, stale or odd, by %s', (way, send) => {
  const by = (
    who: Parameters<typeof mail>[1],
    more: Record<string, unknown> = {},
  ): Record<string, unknown> => ({
    by: mail(small, who),
    ...more,
  });
  const refused = (says: RegExp) => ({ verdict: 'refused', sentence: expect.stringMatching(says) });

  test('approving twice counts once', async () => {
    const run = await start(small);
    const plan = (await planned(small, run)).plan!.digest;
    expect(await send(run, 'approve', by('priya', { plan }))).toMatchObject({ verdict: 'accepted' });
    expect(await send(run, 'approve', by('priya', { plan }))).toEqual(
      expect.objectContaining(refused(/has approved this plan already/)),
    );
    expect((await offboardings().status(run.run)).approvals).toHaveLength(1);
  });

  test('approve, then reject: one eligible reject closes', async () => {
    const run = await start(small);
    const plan = (await planned(small, run)).plan!.digest;
    expect(await send(run, 'approve', by('priya', { plan }))).toMatchObject({ verdict: 'accepted' });
    await offboardings().tell(run.run, 'reject', by('daniel', { plan, note: 'not yet' }));
    expect(await offboardings().result(run.run)).toMatchObject({
      outcome: 'rejected',
      sentence: expect.stringMatching(/Daniel Approver: not yet/),
    });
  });

  test('an approval of an old plan, of a made-up one and of part of one', async () => {
    const run = await start(small);
    const old = (await planned(small, run)).plan!.digest;
    await must(small, run, 'amend', 'olivia', { successor: mail(small, 'bob') });
    const { plan } = await waitFor(
      small,
      run,
      one => one.revision === 2 && one.state === 'awaiting-approval',
    );
    expect(await send(run, 'approve', by('priya', { plan: old }))).toEqual(
      expect.objectContaining(refused(/the plan is now revision 2/)),
    );
    expect(await send(run, 'approve', by('priya', { plan: 'f'.repeat(64) }))).toEqual(
      expect.objectContaining(refused(/the plan is now revision 2/)),
    );
    expect(await send(run, 'approve', by('priya', { plan: plan!.digest.slice(0, 5) }))).toEqual(
      expect.objectContaining(refused(/at least its first 12/)),
    );
    expect(await send(run, 'approve', by('priya', { plan: plan!.digest.slice(0, 12) }))).toMatchObject({
      verdict: 'accepted',
    });
  });

  test('an acknowledgement of something unknown, and of something that nobody has to acknowledge', async () => {
    const run = await start(small);
    await planned(small, run);
    expect(await send(run, 'acknowledge', by('olivia', { category: 'crm/aprovals' }))).toEqual(
      expect.objectContaining(refused(/nothing called "crm\/aprovals".*"crm\/approvals"/)),
    );
    expect(
      await send(run, 'acknowledge', by('olivia', { category: ['crm/approvals', 'desk/tickets'] })),
    ).toEqual(expect.objectContaining(refused(/"desk\/tickets"/)));
    expect((await offboardings().status(run.run)).acknowledgements).toEqual({});
  });

  test('whoever may not decide, whoever is unknown, and whoever has left', async () => {
    const run = await start(small);
    const plan = (await planned(small, run)).plan!.digest;
    await small.db.crm.query(`update people set reviews = true where id = $1`, [small.cast.ines.id]);
    expect(await send(run, 'approve', by('bob', { plan }))).toEqual(
      expect.objectContaining(refused(/is for approvers/)),
    );
    expect(await send(run, 'amend', by('priya', { successor: 'manager' }))).toEqual(
      expect.objectContaining(refused(/is for operators/)),
    );
    expect(await send(run, 'approve', by('ines', { plan }))).toEqual(
      expect.objectContaining(refused(/is not active/)),
    );
    expect(await send(run, 'approve', { by: 'mallory@small.example', plan })).toEqual(
      expect.objectContaining(refused(/Nobody in Small CRM/)),
    );
  });

  test('what does not fit the moment', async () => {
    const run = await start(small);
    const plan = (await planned(small, run)).plan!.digest;
    for (const [name, more] of [
      ['retry', {}],
      ['skip', { step: 'desk/tickets', reason: 'because' }],
      ['finish', { reason: 'because' }],
      ['resume', {}],
      ['execute', { plan }],
    ] as const)
      expect(await send(run, name, by('olivia', more)), name).toMatchObject({ verdict: 'refused' });
    expect(await atRest(small, run)).toMatchObject({ state: 'awaiting-approval', revision: 1 });
  });

  test('odd payloads and unknown names are refused in words, and the run goes on', async () => {
    const run = await start(small);
    await planned(small, run);
    const odd: [name: string, payload: unknown[], says: RegExp][] = [
      ['approve', [], /takes one JSON object|given was nothing/],
      ['approve', ['yes'], /given was "yes"/],
      ['approve', [[1, 2]], /given was \[1,2\]/],
      ['approve', [null], /given was null/],
      ['approve', [42], /given was 42/],
      ['approve', [{ by: mail(small, 'priya') }, { plan: 'x' }], /plan/],
      ['approve', [{}], /"by" is missing/],
      ['approve', [{ by: '', plan: 'x', extra: 1 }], /extra|by/],
      ['acknowledge', [{ by: 7, category: {} }], /by/],
      ['amend', [{ by: mail(small, 'olivia'), mode: 'destroy', effectiveAt: 'soon' }], /mode.*effectiveAt/],
      ['approve', [{ undecodable: 'looks like one of ours' }], /could not be decoded/],
      ['aprove', [{ by: mail(small, 'priya') }], /no message "aprove".*Known are: approve/],
      ['toString', [{}], /no message "toString"/],
      ['__proto__', [{}], /no message/],
    ];
    for (const [name, payload, says] of odd)
      expect(await send(run, name, ...payload), `${name} ${JSON.stringify(payload)}`).toEqual(
        expect.objectContaining(refused(says)),
      );
    const status = await offboardings().status(run.run);
    expect(status).toMatchObject({
      state: 'awaiting-approval',
      approvals: [],
      acknowledgements: {},
      revision: 1,
    });
    await agree(small, run);
    expect(await ended(small, run)).toMatchObject({ outcome: 'completed' });
  });

  test(`what cannot be decoded is refused in words, and the run goes on (${way})`, async () => {
    const run = await start(small);
    await planned(small, run);
    const { connection } = small.world.worker.deps.temporal;
    const text = (value: string): Uint8Array => new TextEncoder().encode(value);
    const payloads = [
      {
        metadata: { encoding: text('json/protobuf'), messageType: text('no.such.Message') },
        data: text('{}'),
      },
      { metadata: { encoding: text('json/plain') }, data: text('{"by": "priya') },
      { metadata: { encoding: text('binary/encrypted') }, data: text('???') },
      { metadata: {}, data: text('{}') },
    ] as { metadata: Record<string, Uint8Array>; data: Uint8Array }[];
    const execution = { namespace: 'default', workflowExecution: { workflowId: run.run } };
    for (const [n, payload] of payloads.entries()) {
      if (way === 'signal')
        await connection.workflowService.signalWorkflowExecution({
          ...execution,
          signalName: 'approve',
          input: { payloads: [payload] },
        });
      else
        await connection.workflowService.updateWorkflowExecution({
          namespace: execution.namespace,
          workflowExecution: execution.workflowExecution,
          waitPolicy: { lifecycleStage: 3 },
          request: {
            meta: { updateId: `odd-${n}` },
            input: { name: 'approve', args: { payloads: [payload] } },
          },
        });
    }
    const status = await waitFor(
      small,
      run,
      one => one.decided === payloads.length && one.refused.length === payloads.length,
    );
    for (const refusal of status.refused)
      expect(refusal.reason).toMatch(/could not be decoded|takes one JSON object/);
    await agree(small, run);
    expect(await ended(small, run)).toMatchObject({ outcome: 'completed' });
  });
});

test('approving before there is a plan is refused, and does not count later', async () => {
  const run = await start(small);
  // The plan is still being made, or has just been made: either way this digest is not its.
  const answer = await decide(small, run, 'approve', 'priya', { plan: '0'.repeat(64) });
  expect(answer).toMatchObject({ verdict: 'refused' });
  expect(await planned(small, run)).toMatchObject({ state: 'awaiting-approval', approvals: [] });
});

test('ten signals in one batch are judged one after the other', async () => {
  const run = await start(small);
  const plan = (await planned(small, run)).plan!.digest;
  const send = (
    name: DecisionName,
    who: Parameters<typeof mail>[1],
    more: Record<string, unknown>,
  ): Promise<void> => offboardings().tell(run.run, name, { by: mail(small, who), ...more });
  await Promise.all([
    ...Array.from({ length: 5 }, () => send('approve', 'priya', { plan })),
    ...Array.from({ length: 3 }, () => send('approve', 'olivia', { plan })),
    send('acknowledge', 'olivia', { category: 'nothing' }),
    send('approve', 'alias', { plan }),
  ]);
  const status = await waitFor(small, run, one => one.decided === 10 && one.refused.length === 9);
  expect(status.approvals).toHaveLength(1);
  const recorded = () =>
    small.db.store.query(
      `select 1 from handover.audit where offboarding = $1 and kind in ('decision', 'refusal')`,
      [run.offboardingId],
    );
  await expect.poll(async () => (await recorded()).rowCount, { timeout: 10_000, interval: 50 }).toBe(10);
});

test('a decision after the close is refused by Temporal, and changes nothing', async () => {
  const run = await start(small, { mode: 'preview' });
  expect(await offboardings().result(run.run)).toMatchObject({ outcome: 'previewed' });
  await expect(decide(small, run, 'approve', 'priya', { plan: '0'.repeat(64) })).rejects.toThrow();
});

test('twenty requests at once start one run', async () => {
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, n) =>
      offboardings().request({
        user: mail(small, 'alice'),
        requestedBy: mail(small, n % 2 ? 'olivia' : 'oscar'),
        successor: 'manager',
      }),
    ),
  );
  for (const answer of answers) if (answer.answer === 'started') small.started.add(answer.workflowId);
  expect(answers.filter(answer => answer.answer === 'started')).toHaveLength(1);
  expect(answers.filter(answer => answer.answer === 'already-running')).toHaveLength(19);
});

// --- back and forth until it starts ------------------------------------------------------------------------
test('everything can be revised until execution starts; each revision voids the approvals, and then it is locked', async () => {
  const run = await start(small);
  const first = await planned(small, run);
  await must(small, run, 'approve', 'priya', { plan: first.plan!.digest });
  await must(small, run, 'amend', 'oscar', { successors: { 'desk/tickets': mail(small, 'bob') } });
  const second = await waitFor(small, run, one => one.revision === 2 && one.state === 'awaiting-approval');
  expect(second.approvals).toEqual([]);
  await must(small, run, 'amend', 'oscar', {
    successors: { 'desk/tickets': 'manager' },
    mode: 'execute-only',
  });
  const third = await waitFor(small, run, one => one.revision === 3 && one.state === 'awaiting-approval');
  expect(third.plan).toMatchObject({ mode: 'execute-only' });
  expect(new Set([first, second, third].map(one => one.plan!.digest)).size).toBe(3);
  await must(small, run, 'amend', 'oscar', { mode: 'execute-and-deactivate' });
  await waitFor(small, run, one => one.revision === 4 && one.state === 'awaiting-approval');

  const slow = await trap(small.db.desk, 'tickets', 'perform pg_sleep(0.15);');
  await agree(small, run);
  await waitFor(
    small,
    run,
    one => one.state === 'executing' && Object.values(one.steps).some(step => step.state === 'running'),
  );
  expect(await decide(small, run, 'amend', 'olivia', { successor: mail(small, 'carol') })).toMatchObject({
    verdict: 'refused',
    sentence: expect.stringMatching(/locked/),
  });
  expect(await ended(small, run)).toMatchObject({ outcome: 'completed', revision: 4 });
  await slow.mend();
});

// --- Pause, cancel -----------------------------------------------------------------------------------------
/**
 * So many, and so slow, that messages arrive in the middle of the tickets: an activity hears of them with its
 * next heartbeat.
 */
const MANY = 60;
const slowTickets = async () => {
  await small.refill({ tickets: MANY });
  return trap(small.db.desk, 'tickets', 'perform pg_sleep(0.1);');
};
const running = (run: Started) => waitFor(small, run, one => one.steps['desk/tickets']?.state === 'running');
const ticketsMoved = async (): Promise<number> =>
  (
    await small.db.desk.query(
      `select count(*)::int as n from moves_seen where tbl = 'tickets' and app = 'handover'`,
    )
  ).rows[0].n as number;

test('a pause in the middle of a step holds at a batch boundary, and resume goes on without doing anything twice', async () => {
  const slow = await slowTickets();
  const run = await start(small);
  await planned(small, run);
  await agree(small, run);
  await running(run);
  await must(small, run, 'pause', 'oscar');
  const paused = await waitFor(
    small,
    run,
    one => one.waitingOn === 'resume' && Object.values(one.steps).every(step => step.state !== 'running'),
  );
  const moved = await ticketsMoved();
  expect(moved).toBeLessThan(MANY);
  expect(paused.state).toBe('executing');
  expect(await decide(small, run, 'pause', 'oscar')).toMatchObject({ verdict: 'refused' });
  expect(await ticketsMoved()).toBe(moved);
  await must(small, run, 'resume', 'olivia');
  const status = await ended(small, run);
  await slow.mend();
  expect(status).toMatchObject({ outcome: 'completed' });
  expect(status.steps['desk/tickets']!.changed).toBe(MANY);
});

test('cancel in the middle of a step stops at a batch boundary and reports what was done', async () => {
  const slow = await slowTickets();
  const run = await start(small);
  await planned(small, run);
  await agree(small, run);
  await running(run);
  await must(small, run, 'cancel', 'oscar');
  const report = await offboardings().result(run.run);
  await slow.mend();
  expect(report).toMatchObject({ outcome: 'cancelled', access: { crm: 'open', desk: 'open' } });
  expect(report.sentence).toMatch(/Cancelled by Oscar Operator/);
  const tickets = report.steps.find(step => step.id === 'desk/tickets')!;
  expect(tickets.changed).toBe(await ticketsMoved());
  expect(tickets.changed).toBeLessThan(MANY);
  expect(report.steps.find(step => step.id === 'crm/deactivate')!.state).toBe('not-run');
});

describe('where a worker died with the answer', () => {
  const begun = async (): Promise<Started> => {
    dying = 'desk/tickets';
    const run = await start(small);
    await planned(small, run);
    await agree(small, run);
    await running(run);
    await expect.poll(ticketsMoved, { timeout: 10_000, interval: 20 }).toBe(9);
    return run;
  };
  const resting = (run: Started) =>
    waitFor(small, run, one => Object.values(one.steps).every(step => step.state !== 'running'));

  test('a paused run shows what is finished as completed, and goes on with the rest', async () => {
    const run = await begun();
    await must(small, run, 'pause', 'oscar');
    const { steps } = await resting(run);
    expect(steps['desk/tickets']).toMatchObject({ state: 'completed', changed: 9, remaining: 0 });
    dying = null;
    await must(small, run, 'resume', 'oscar');
    expect(await ended(small, run)).toMatchObject({ outcome: 'completed' });
    expect(await ticketsMoved()).toBe(9);
  });

  test('a cancelled run reports it as completed', async () => {
    const run = await begun();
    await must(small, run, 'cancel', 'oscar');
    const report = await offboardings().result(run.run);
    dying = null;
    expect(report.steps.find(step => step.id === 'desk/tickets')).toMatchObject({
      state: 'completed',
      changed: 9,
      remaining: 0,
    });
  });

  test('what was begun and not finished is never called "not run"', async () => {
    const slow = await slowTickets();
    const run = await start(small);
    await planned(small, run);
    await agree(small, run);
    await running(run);
    await expect.poll(ticketsMoved, { timeout: 10_000, interval: 20 }).toBeGreaterThan(0);
    await must(small, run, 'cancel', 'oscar');
    const report = await offboardings().result(run.run);
    await slow.mend();
    const tickets = report.steps.find(step => step.id === 'desk/tickets')!;
    expect(tickets.changed).toBeGreaterThan(0);
    expect(tickets.changed).toBeLessThan(MANY);
    expect(tickets).toMatchObject({
      state: 'failed',
      message: 'The run ended before this step was finished.',
    });
  });
});

test('Temporal’s own cancel in the middle of a step ends in the same way', async () => {
  const slow = await slowTickets();
  const run = await start(small);
  await planned(small, run);
  await agree(small, run);
  await running(run);
  await offboardings().handle(run.run).cancel();
  const report = await offboardings().result(run.run);
  await slow.mend();
  expect(report).toMatchObject({
    outcome: 'cancelled',
    access: { crm: 'open', desk: 'open' },
    sentence: expect.stringMatching(/Cancelled in Temporal/),
  });
  expect(report.certificate).toMatch(/^[0-9a-f]{64}$/);
  expect(await ticketsMoved()).toBeLessThan(MANY);
});

test.each(['awaiting-approval', 'needs-correction', 'scheduled'] as const)(
  'cancel ends a run that is %s, and nothing was changed',
  async state => {
    const request = {
      'awaiting-approval': {},
      'needs-correction': { successor: mail(small, 'ines') },
      scheduled: { effectiveAt: '2090-01-01' },
    }[state];
    const run = await start(small, request);
    await planned(small, run);
    if (state === 'scheduled') await agree(small, run);
    await waitFor(small, run, one => one.state === state);
    await must(small, run, 'cancel', 'olivia');
    expect(await offboardings().result(run.run)).toMatchObject({
      outcome: 'cancelled',
      sentence: expect.stringMatching(/Nothing was handed over/),
    });
  },
);

test('after terminate a new run picks up from the world, not from lost memory', async () => {
  const slow = await slowTickets();
  const run = await start(small);
  await planned(small, run);
  await agree(small, run);
  await running(run);
  await expect.poll(ticketsMoved, { timeout: 10_000, interval: 20 }).toBeGreaterThan(0);
  await offboardings().handle(run.run).terminate('an operator in a hurry');
  // The attempt that runs on without its run ends with the batch in hand.
  const busy = `select 1 from pg_stat_activity where application_name = 'handover' and state <> 'idle' and datname = current_database()`;
  let before = -1;
  await expect
    .poll(
      async () => {
        const calm = before === (await ticketsMoved()) && (await small.db.desk.query(busy)).rowCount === 0;
        before = await ticketsMoved();
        return calm;
      },
      { timeout: 15_000, interval: 500 },
    )
    .toBe(true);
  expect(before).toBeLessThan(MANY);
  await slow.mend();
  const again = await start(small);
  const status = await planned(small, again);
  expect(again.offboardingId).not.toBe(run.offboardingId);
  expect(status.state).toBe('awaiting-approval');
  expect(status.plan!.steps.find(step => step.id === 'desk/tickets')!.baseline.count).toBe(MANY - before);
  await agree(small, again);
  expect(await ended(small, again)).toMatchObject({
    outcome: 'completed',
    access: { crm: 'deactivated', desk: 'deactivated' },
  });
});

// --- Quorum and the second confirmation --------------------------------------------------------------------
describe('with two approvals and a final confirmation', () => {
  const strict = useSmallWorld({
    change: config => {
      config.policy = { ...config.policy, approvals: 2, confirmation: true };
    },
  });
  test('nothing starts before both, and nothing before the last word', async () => {
    const run = await start(strict);
    const { plan } = await planned(strict, run);
    const digest = plan!.digest;
    await acknowledgeAll(strict, run);
    await must(strict, run, 'approve', 'priya', { plan: digest });
    expect(await decide(strict, run, 'execute', 'olivia', { plan: digest })).toMatchObject({
      verdict: 'refused',
    });
    await must(strict, run, 'approve', 'daniel', { plan: digest });
    expect(await strict.world.offboardings.status(run.run)).toMatchObject({
      state: 'awaiting-approval',
      waitingOn: 'confirmation',
    });
    expect(await decide(strict, run, 'execute', 'alias', { plan: digest })).toMatchObject({
      verdict: 'refused',
    });
    await must(strict, run, 'execute', 'olivia', { plan: digest });
    expect(await ended(strict, run)).toMatchObject({ outcome: 'completed' });
  });
});
