/**
 * A worker dies in the middle of a batch, and before there is another one an operator terminates the run.
 * Nobody is left who would ask what became of that transaction but a look at what has closed: the ledger says
 * it all the same, and the next run goes on from the world.
 */
import { expect, test } from 'vitest';
import { start } from '../../small-world/drive.js';
import { useSmallWorld } from '../../small-world/world.js';
import { startWorkerProcess } from '../worker-process.js';
import { agreed, leaverIs, moves } from './scenes.js';
import { driveToEnd, stillHeld } from './states.js';

const small = useSmallWorld();

test.each([
  ['batch:r:3', 'with its receipt stored and COMMIT not sent'],
  ['batch:b:3', 'after COMMIT, and nobody noted that'],
])('a worker dies at %s, %s, and the run is terminated: its receipts say what happened', async crashAt => {
  const { config, env } = small.world;
  await small.world.worker.stop();
  const mortal = await startWorkerProcess({ config, env, crashAt });
  const run = await agreed(small);
  expect(await mortal.exited).toEqual({ code: null, signal: 'SIGKILL' });
  await small.world.offboardings.handle(run.run).terminate('an operator in a hurry');
  expect(await pending()).toBeGreaterThan(0);
  const moved = await moves(small);
  expect(moved).toBeGreaterThan(0);

  await small.world.restartWorker();
  const status = await driveToEnd(small, await start(small));
  expect(status).toMatchObject({ outcome: 'completed' });
  expect(await moves(small)).toBeGreaterThan(moved);
  expect(await stillHeld(small)).toBe(0);
  expect(await leaverIs(small)).toEqual(['inactive', 'inactive']);
  // What is listed follows a moment after the close.
  const { offboardings } = small.world;
  await expect.poll(() => offboardings.archive().then(pending), { timeout: 20_000, interval: 200 }).toBe(0);
});

async function pending(): Promise<number> {
  const { rows } = await small.db.store.query(
    `select count(*)::int as n from handover.receipts where state = 'intended'`,
  );
  return rows[0].n as number;
}
