/**
 * Whole runs in the small world, one per path that a run can take, each drawn at its rests and compared with
 * its golden picture. The same runs are what test/replay/record.ts records.
 */
import type { WorkflowHandle } from '@temporalio/client';
import { expect, test } from 'vitest';
import { ARCHIVE_CLOSED } from '../../workflows/messages.js';
import { record } from '../replay/histories.js';
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
} from '../small-world/drive.js';
import { CANARY } from '../small-world/seed.js';
import { useSmallWorld } from '../small-world/world.js';
import { Album } from './pictures.js';

/** Holds the answer of the next `runSteps` back, so that a message meets a run in the middle of its steps. */
let held: { reached(): void; released: Promise<void> } | null = null;

const small = useSmallWorld({
  wrap: activities => ({
    ...activities,
    async runSteps(input: Parameters<typeof activities.runSteps>[0]) {
      const result = await activities.runSteps(input);
      const now = held;
      held = null;
      now?.reached();
      await now?.released;
      return result;
    },
  }),
});

const handle = (started: Started): WorkflowHandle =>
  small.world.offboardings.handle(started.run) as WorkflowHandle;
const keep = (path: string, one: WorkflowHandle): Promise<void> =>
  record(path, one, [small.password, CANARY]);

/** Compares the pictures and keeps the history of a run that is closed. */
async function done(album: Album, started: Started, outcome: string): Promise<void> {
  await small.world.offboardings.result(started.run);
  const status = await small.world.offboardings.status(started.run);
  expect(status).toMatchObject({ state: 'closed', outcome });
  album.add('closed', status);
  album.compare();
  await keep(album.name, handle(started));
}

async function drawn(album: Album, title: string, started: Started): Promise<void> {
  album.add(title, await atRest(small, started));
}

/** Does something while the run is in the middle of its steps. */
async function midRun(begin: () => Promise<void>, meanwhile: () => Promise<void>): Promise<void> {
  let release = (): void => {};
  const released = new Promise<void>(resolve => {
    release = resolve;
  });
  const reached = new Promise<void>(resolve => {
    held = { reached: resolve, released };
  });
  await begin();
  await reached;
  await meanwhile().finally(release);
}

/** One ticket that nobody may change until it is mended. */
async function breakOneTicket(): Promise<() => Promise<void>> {
  await small.db.desk.query(`
    create function public.refuse() returns trigger language plpgsql as $$ begin raise exception 'accounting has locked it'; end $$;
    create trigger refuse before update on public.tickets for each row when (old.number = 3 and old.status = 'open') execute function public.refuse()`);
  return async () => {
    await small.db.desk.query(
      'drop trigger if exists refuse on public.tickets; drop function if exists public.refuse()',
    );
  };
}

test('happy: planned, agreed, handed over, switched off', async () => {
  const album = new Album('happy');
  const started = await start(small);
  album.add('planned', await planned(small, started));
  await acknowledgeAll(small, started);
  await drawn(album, 'acknowledged', started);
  await agree(small, started);
  await done(album, started, 'completed');
  const { temporal } = small.world.worker.deps;
  const look = await temporal.workflow.start(ARCHIVE_CLOSED, {
    taskQueue: small.world.config.temporal.taskQueue,
    workflowId: small.world.offboardings.ids.look(started.offboardingId),
    args: [{ workflowId: started.run }],
  });
  expect(await look.result()).toMatchObject({ stored: 1, failures: [] });
  await keep('archive-closed', look);
});

test('parked-and-retried: a step fails, the rest goes on, nobody is switched off; mended and retried, it ends well', async () => {
  const album = new Album('parked-and-retried');
  const mend = await breakOneTicket();
  try {
    const started = await start(small);
    await planned(small, started);
    await agree(small, started);
    await drawn(album, 'parked', started);
    await mend();
    await must(small, started, 'retry', 'olivia');
    await done(album, started, 'completed');
  } finally {
    await mend();
  }
});

test('skipped-and-approved: what cannot be moved stays, by two people, and only then is anybody switched off', async () => {
  const album = new Album('skipped-and-approved');
  const mend = await breakOneTicket();
  try {
    const started = await start(small);
    await planned(small, started);
    await agree(small, started);
    await ended(small, started);
    await must(small, started, 'skip', 'oscar', {
      step: 'desk/tickets',
      reason: 'accounting keeps it until the audit',
    });
    await drawn(album, 'skip asked for', started);
    const { plan, waivers } = await small.world.offboardings.status(started.run);
    const keys = waivers['desk/tickets']!.leftover.digest;
    await must(small, started, 'approve', 'priya', { plan: plan!.digest, step: 'desk/tickets', keys });
    await done(album, started, 'completed');
  } finally {
    await mend();
  }
});

test('finished: closed with a step left, and nobody is switched off', async () => {
  const album = new Album('finished');
  const mend = await breakOneTicket();
  try {
    const started = await start(small);
    await planned(small, started);
    await agree(small, started);
    await ended(small, started);
    await must(small, started, 'finish', 'olivia', { reason: 'accounting needs another month' });
    await done(album, started, 'completed-partially');
  } finally {
    await mend();
  }
});

test('rejected: closed without any change', async () => {
  const album = new Album('rejected');
  const started = await start(small);
  const { plan } = await planned(small, started);
  await must(small, started, 'reject', 'priya', { plan: plan!.digest, note: 'she stays until spring' });
  await done(album, started, 'rejected');
});

test('cancelled-by-message: in the middle of the steps, with a report of what was done', async () => {
  const album = new Album('cancelled-by-message');
  const started = await start(small);
  await planned(small, started);
  await midRun(
    () => agree(small, started),
    () => must(small, started, 'cancel', 'olivia').then(() => {}),
  );
  await done(album, started, 'cancelled');
});

test('cancelled-by-temporal: the same, asked for in Temporal itself', async () => {
  const album = new Album('cancelled-by-temporal');
  const started = await start(small);
  await planned(small, started);
  await midRun(
    () => agree(small, started),
    async () => {
      await handle(started).cancel();
      await small.world.offboardings.waitFor(started.run, status => status.turn?.kind === 'cancel');
    },
  );
  await done(album, started, 'cancelled');
});

test('paused-and-resumed: stops after the batch in hand, goes on when somebody says so', async () => {
  const album = new Album('paused-and-resumed');
  const started = await start(small);
  await planned(small, started);
  await midRun(
    () => agree(small, started),
    () => must(small, started, 'pause', 'olivia').then(() => {}),
  );
  const paused = await small.world.offboardings.waitFor(
    started.run,
    status => status.pausedBy !== null && !Object.values(status.steps).some(step => step.state === 'running'),
  );
  album.add('paused', paused);
  await must(small, started, 'resume', 'oscar');
  await done(album, started, 'completed');
});

test('amended: another successor is another plan, and an approval of the first is worth nothing', async () => {
  const album = new Album('amended');
  const started = await start(small);
  const first = await planned(small, started);
  await acknowledgeAll(small, started);
  await must(small, started, 'amend', 'olivia', {
    successors: {
      'crm/accounts': { match: { attribute: 'region', map: { emea: 'bob' }, otherwise: 'carol' } },
    },
    overrides: { 'desk/tickets': {} },
  });
  const second = await small.world.offboardings.waitFor(started.run, ({ plan }) => plan?.revision === 2);
  expect(second.plan!.digest).not.toBe(first.plan!.digest);
  expect(await decide(small, started, 'approve', 'priya', { plan: first.plan!.digest })).toMatchObject({
    verdict: 'refused',
  });
  await drawn(album, 'amended', started);
  await agree(small, started);
  await done(album, started, 'completed');
});

test('corrected: what stands in the way of a plan is settled first', async () => {
  const album = new Album('corrected');
  const started = await start(small, { successor: 'ines' });
  await drawn(album, 'needs correction', started);
  await must(small, started, 'amend', 'olivia', { successor: 'bob' });
  await atRest(small, started);
  await agree(small, started);
  await done(album, started, 'completed');
});

test('unplanned: sign-in is blocked before anything else', async () => {
  const album = new Album('unplanned');
  const started = await start(small, { departure: 'unplanned' });
  await drawn(album, 'blocked and planned', started);
  await agree(small, started);
  await done(album, started, 'completed');
});

test('unplanned-and-cancelled: a block is given back only by somebody who says so', async () => {
  const album = new Album('unplanned-and-cancelled');
  const started = await start(small, { departure: 'unplanned' });
  await planned(small, started);
  expect(await decide(small, started, 'cancel', 'olivia')).toMatchObject({ verdict: 'refused' });
  await drawn(album, 'a cancellation that does not say enough', started);
  await must(small, started, 'cancel', 'olivia', { access: 'restore' });
  await done(album, started, 'cancelled');
});

test('scheduled: approved, waits for its date, and the date is brought forward', async () => {
  const album = new Album('scheduled');
  const started = await start(small, { effectiveAt: '2099-12-24T18:00:00+01:00' });
  await planned(small, started);
  await agree(small, started);
  await drawn(album, 'scheduled', started);
  await must(small, started, 'amend', 'olivia', { effectiveAt: 'now' });
  await small.world.offboardings.waitFor(
    started.run,
    ({ plan, state }) => plan?.revision === 2 && state === 'awaiting-approval',
  );
  await agree(small, started);
  await done(album, started, 'completed');
});

test('execute-only: everything is handed over and the person stays', async () => {
  const album = new Album('execute-only');
  const started = await start(small, { mode: 'execute-only' });
  await drawn(album, 'planned', started);
  await agree(small, started);
  await done(album, started, 'completed');
});

test('preview: plans and closes', async () => {
  const album = new Album('preview');
  await done(album, await start(small, { mode: 'preview' }), 'previewed');
});

test('nothing-to-do: somebody who owns nothing and stays', async () => {
  const album = new Album('nothing-to-do');
  const started = await start(small, {
    user: mail(small, 'dora'),
    mode: 'execute-only',
    systems: ['crm'],
    successor: 'bob',
  });
  await done(album, started, 'nothing-to-do');
});

test('confirmed: approved, and started by a second confirmation', async () => {
  const album = new Album('confirmed');
  const { policy } = await small.world.worker.deps.rules();
  policy.confirmation = true;
  try {
    const started = await start(small);
    const { plan } = await planned(small, started);
    await agree(small, started);
    await drawn(album, 'approved', started);
    await must(small, started, 'execute', 'olivia', { plan: plan!.digest });
    await done(album, started, 'completed');
  } finally {
    policy.confirmation = false;
  }
});

test('the front door starts a run, answers with the one that is open, and refuses what it cannot start', async () => {
  const { workflow } = small.world.worker.deps.temporal;
  const { taskQueue } = small.world.config.temporal;
  const knock = async (path: string, request: unknown): Promise<unknown> => {
    const door = await workflow.start('requestOffboarding', {
      workflowId: small.world.offboardings.ids.request(`${small.cast.alice.id}-${path}`),
      taskQueue,
      args: [request],
    });
    const answer = await door.result();
    await keep(path, door);
    return answer;
  };
  const request = { user: mail(small, 'alice'), requestedBy: mail(small, 'olivia'), successor: 'manager' };
  const run = small.world.offboardings.ids.offboarding(small.cast.alice.id);
  small.started.add(run);
  expect(await knock('front-door-started', request)).toMatchObject({ answer: 'started', workflowId: run });
  expect(await knock('front-door-already-running', { ...request, successor: 'bob' })).toMatchObject({
    answer: 'already-running',
    workflowId: run,
  });
  expect(await knock('front-door-not-started', { ...request, user: 'nobody@small.example' })).toMatchObject({
    answer: 'not-started',
  });
  expect(await knock('front-door-unreadable', { ...request, mode: 'soon' })).toMatchObject({
    answer: 'not-started',
  });
});

test('started by hand, the offboarding itself refuses with a sentence', async () => {
  const { workflow } = small.world.worker.deps.temporal;
  const { taskQueue } = small.world.config.temporal;
  const run = await workflow.start('offboardUser', {
    workflowId: `by-hand/${small.cast.alice.id}`,
    taskQueue,
    args: [],
  });
  expect(await run.result()).toMatchObject({
    outcome: 'refused',
    sentence: expect.stringContaining('requestOffboarding'),
  });
  await keep('refused', run);
});
