/**
 * Floods: more messages than anybody can mean, sent while no worker takes them. No worker dies of them, no
 * task of the run fails, nothing is lost silently, and the run goes on.
 */
import { expect, test } from 'vitest';
import { agree, ended, mail, planned, type Started, start, waitFor } from '../small-world/drive.js';
import { failedTasks } from '../small-world/history.js';
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
