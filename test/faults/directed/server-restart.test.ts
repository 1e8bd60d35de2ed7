/**
 * Temporal's server is killed in every state and starts again on the same file. The worker stays and finds it
 * by itself; what was held in its hands at that moment is finished, and counts once.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { findTemporalCli } from '../../../runtime/embedded/temporal-cli.js';
import { startTemporalServer, type TemporalServer } from '../../../runtime/embedded/temporal-server.js';
import { searchAttributes } from '../../../runtime/search-attributes.js';
import { useSmallWorld } from '../../small-world/world.js';
import { Gates } from './gates.js';
import { sample } from './long.js';
import { leaverIs } from './scenes.js';
import { driveToEnd, STATES, type StateName, stillHeld } from './states.js';

const gates = new Gates();
let dir: string;
let server: TemporalServer;

async function startServer(port?: number): Promise<void> {
  const say = (): void => {};
  const { path: cli } = await findTemporalCli({ say });
  server = await startTemporalServer({
    cli,
    headless: true,
    searchAttributes,
    dbFile: join(dir, 'temporal.db'),
    port,
    say,
  });
}

// Before the world, which has to find it.
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'handover-restart-'));
  await startServer();
});
// Registered before the world's own, and so run after it.
afterAll(async () => {
  await server.stop();
  await rm(dir, { recursive: true, force: true });
});
const small = useSmallWorld({
  wrap: gates.wrap,
  change: config => {
    config.temporal.address = server.address;
  },
});
afterEach(() => gates.openAll());

/**
 * The worker that stays goes on from what it remembers; a new one has nothing but the file, and replays it.
 */
const WORKERS = ['stays', 'is a new one, too'] as const;

test.each(
  sample(Object.keys(STATES) as StateName[], 3).flatMap(state =>
    WORKERS.map(worker => [state, worker] as const),
  ),
)(
  'the server is killed while a run is %s, and the worker %s',
  { timeout: 120_000 },
  async (state, worker) => {
    const { run, mend } = await (STATES[state] as (typeof STATES)['preparing'])(small, gates);
    const { port, pid } = server;
    server.kill('SIGKILL');
    const exit = await server.exited;
    expect(exit.signal).toBe('SIGKILL');
    await mend();
    // What is in hand is finished while nobody is there to be told.
    gates.openAll();
    await gates.quiet();
    await startServer(port);
    expect(server.port).toBe(port);
    expect(server.pid).not.toBe(pid);
    if (worker !== 'stays') await small.world.restartWorker();
    await driveToEnd(small, run);
    expect(await stillHeld(small)).toBe(0);
    expect(await leaverIs(small)).toEqual(['inactive', 'inactive']);
  },
);
