/**
 * Floods: more messages than anybody can mean, sent while no worker takes them. No worker dies of them, no
 * task of the run fails, nothing is lost silently, and the run goes on.
 */
import { expect, test } from 'vitest';
import { agree, ended, mail, must, planned, type Started, start, waitFor } from '../small-world/drive.js';
import { failedTasks, histories } from '../small-world/history.js';
import { trap } from '../small-world/mischief.js';
import { useSmallWorld } from '../small-world/world.js';

const small = useSmallWorld();
const offboardings = () => small.world.offboardings;

/** Sends the same signal so many times, fifty at once. */
async function flood(run: Started, times: number, of: (n: number) => [name: string, payload: unknown]) {
  let sent = 0;
  const next = async (): Promise<void> => {
    while (sent < times) {
      const [name, payload] = of(sent++);
      await offboardings().tell(run.run, name, payload);
    }
  };
  await Promise.all(Array.from({ length: 50 }, next));
}

/** A run in the middle of a batch that takes long enough for everything to come meanwhile; and what is to come. */
async function atWork(tickets: number) {
  await small.refill({ tickets });
  const slow = await trap(small.db.desk, 'tickets', 'perform pg_sleep(0.5);');
  const run = await start(small);
  await planned(small, run);
  await agree(small, run);
  await waitFor(small, run, one => one.steps['desk/tickets']?.state === 'running');
  return { run, slow, monster: { by: mail(small, 'olivia'), note: 'x'.repeat(1_900_000) } };
}

test.each([
  ['under an unknown name', () => ['no-such-message', { by: mail(small, 'olivia') }] as [string, unknown]],
  [
    'of somebody unknown',
    n => ['approve', { by: `mallory-${n % 3}@small.example`, plan: 'f'.repeat(64) }] as [string, unknown],
  ],
] as [string, (n: number) => [string, unknown]][])(
  'nine thousand messages %s',
  async (_, of) => {
    const run = await start(small);
    await planned(small, run);
    await small.world.worker.stop();
    await flood(run, 9_000, of);
    await small.world.restartWorker();
    const status = await waitFor(small, run, one => one.decided >= 9_000, 120_000);
    expect(await failedTasks(small.world.worker.deps.temporal, run)).toEqual([]);
    expect(status.refused).toHaveLength(20);
    expect(status.flood?.count).toBeGreaterThan(8_000);
    await agree(small, run);
    expect(await ended(small, run)).toMatchObject({ outcome: 'completed' });
  },
  300_000,
);

test('as many updates as Temporal takes: the next decision goes as a signal and says so, and it counts', async () => {
  const run = await start(small);
  const { plan } = await planned(small, run);
  await small.world.worker.stop();
  const waiting = Array.from({ length: 10 }, (_, n) =>
    offboardings().decide(
      run.run,
      'resume',
      { by: mail(small, 'olivia'), note: `${n}` },
      { timeoutMs: 60_000 },
    ),
  );
  // A server forgets an update now and then while nobody takes it, and there is room again for a while.
  const approval = { by: mail(small, 'priya'), plan: plan!.digest };
  const approve = () => offboardings().decide(run.run, 'approve', approval, { timeoutMs: 3_000 });
  await expect.poll(approve, { timeout: 60_000 }).toEqual({
    verdict: 'sent',
    sentence: expect.stringMatching(/takes no more updates.*sent as a signal, which nobody answers/),
  });
  await small.world.restartWorker();
  await Promise.allSettled(waiting);
  await waitFor(small, run, one => one.approvals.length === 1);
}, 180_000);

test('updates of megabytes and thousands of decisions while it executes: it goes on in fresh executions', async () => {
  const { run, slow, monster } = await atWork(80);
  // Fifty megabytes within one batch end any execution, whatever its workflow does: it stops between two.
  for (let n = 0; n < 30; n++) {
    await offboardings().tell(run.run, 'pause', monster);
    await new Promise(resolve => setTimeout(resolve, 400));
  }
  await flood(run, 1_500, () => ['resume', { by: mail(small, 'olivia') }]);
  await slow.mend();
  let status = await ended(small, run);
  // A step that waited too long behind them has parked, and says so: an operator tries it again.
  for (let tries = 0; status.state === 'needs-attention' && tries < 3; tries++) {
    await must(small, run, 'retry', 'olivia');
    status = await ended(small, run);
  }
  expect(status).toMatchObject({ outcome: 'completed' });
  const all = await histories(small.world.worker.deps.temporal, run.run);
  expect(all.length).toBeGreaterThan(1);
  expect(await failedTasks(small.world.worker.deps.temporal, run)).toEqual([]);
}, 300_000);

test('more than Temporal takes while a batch runs: it ends the run, and whoever asks again begins where it stood', async () => {
  const { run, slow, monster } = await atWork(40);
  const all = Array.from({ length: 60 }, () => offboardings().tell(run.run, 'pause', monster));
  await Promise.allSettled(all);
  const status = async () => (await offboardings().handle(run.run).describe()).status.name;
  await expect.poll(status, { timeout: 30_000 }).toBe('TERMINATED');
  await slow.mend();
  await offboardings().archive();
  const second = await start(small);
  expect(second.offboardingId).not.toBe(run.offboardingId);
  await planned(small, second);
  await agree(small, second);
  expect(await ended(small, second)).toMatchObject({ outcome: 'completed' });
}, 300_000);
