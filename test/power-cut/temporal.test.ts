/**
 * The power is cut under Temporal's file, which waits for its disk only now and then: the history falls back to
 * an earlier moment, or to nothing at all. Targets and store have kept what was done. The run is brought to its
 * end by its people, who may be asked again; nothing is moved twice, and nothing is said that is not so. By
 * hand, like power-cut.test.ts.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { gather } from '../../client/audit/evidence.js';
import { verify } from '../../client/audit/verify.js';
import { findTemporalCli } from '../../runtime/embedded/temporal-cli.js';
import { startTemporalServer, type TemporalServer } from '../../runtime/embedded/temporal-server.js';
import { searchAttributes } from '../../runtime/search-attributes.js';
import { Gates } from '../faults/directed/gates.js';
import { agreed, leaverIs, moves } from '../faults/directed/scenes.js';
import { driveToEnd, stillHeld } from '../faults/directed/states.js';
import { agree, ended, planned, type Started, start } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';
import { type Disk, forgetfulDisk } from './forgetful.js';

const python = process.env.HANDOVER_POWER_CUT;

describe.skipIf(!python)('Temporal on a disk whose power is cut', () => {
  const gates = new Gates();
  let disk: Disk;
  let server: TemporalServer;

  async function startServer(port?: number): Promise<void> {
    const say = (): void => {};
    const { path: cli } = await findTemporalCli({ say });
    const dbFile = join(disk.path, 'temporal.db');
    server = await startTemporalServer({ cli, headless: true, searchAttributes, dbFile, port, say });
  }

  // Before the world, which has to find it.
  beforeAll(async () => {
    disk = await forgetfulDisk(python!);
    await startServer();
    await disk.sync();
  });
  // Registered before the world's own, and so run after it.
  afterAll(async () => {
    server?.kill('SIGKILL');
    await server?.exited;
    await disk?.remove();
  });
  const small = useSmallWorld({
    wrap: gates.wrap,
    change: config => {
      config.temporal.address = server.address;
    },
  });
  afterEach(() => gates.openAll());

  /** SQLite syncs by itself every 4 MiB: from here on the next time is as far off as can be. */
  async function checkpoint(): Promise<void> {
    const script = `import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('pragma wal_checkpoint(truncate)').fetchone()[0])`;
    const blocked = () =>
      execFileSync('python3', ['-c', script, join(disk.path, 'temporal.db')], { encoding: 'utf8' }).trim();
    await expect.poll(blocked, { timeout: 20_000 }).toBe('0');
  }

  /** The machine is gone at once, with its worker; target and store are elsewhere. */
  async function powerCut(): Promise<void> {
    const { port } = server;
    await disk.cut();
    server.kill('SIGKILL');
    await server.exited;
    await disk.again();
    await startServer(port);
    expect(server.port).toBe(port);
    gates.openAll();
    await gates.quiet();
    await small.world.restartWorker();
  }

  async function events({ run }: Started): Promise<number> {
    const { historyLength } = await small.world.offboardings.handle(run).describe();
    return historyLength;
  }

  async function verified({ offboardingId }: Started): Promise<string[]> {
    const { store, temporal } = small.world.worker.deps;
    const known = {
      offboarding: offboardingId,
      workflow: await store.offboardings.workflowOf(offboardingId),
      at: '',
    };
    return verify(await gather(store, known, async () => temporal)).breaks;
  }

  async function over(run: Started): Promise<void> {
    const status = await driveToEnd(small, run);
    expect(status.outcome).toBe('completed');
    expect(await stillHeld(small)).toBe(0);
    expect(await leaverIs(small)).toEqual(['inactive', 'inactive']);
  }

  test('approved and half moved: it waits for its approval again', async () => {
    const run = await start(small);
    await planned(small, run);
    await disk.sync();
    const gate = gates.close('runSteps', 'after', 2);
    await agree(small, run);
    await gate.arrived;
    const moved = await moves(small);
    expect(moved).toBeGreaterThan(0);
    const before = await events(run);
    await powerCut();
    expect(await events(run)).toBeLessThan(before);
    expect(await planned(small, run)).toMatchObject({ state: 'awaiting-approval', approvals: [] });
    await over(run);
  });

  test('switched off in one system: what has moved and what is off stays so, once', async () => {
    const gate = gates.close('runSteps', 'before', 1);
    const run = await agreed(small);
    await gate.arrived;
    await disk.sync();
    const off = gates.close('deactivate', 'after', 2);
    gate.open();
    await off.arrived;
    const before = await events(run);
    await powerCut();
    expect(await events(run)).toBeLessThan(before);
    await over(run);
  });

  test('closed, with a certificate: it closes again', async () => {
    const gate = gates.close('runSteps', 'before', 1);
    const run = await agreed(small);
    await gate.arrived;
    await disk.sync();
    gate.open();
    expect(await ended(small, run)).toMatchObject({ outcome: 'completed' });
    const moved = await moves(small);
    await powerCut();
    await over(run);
    expect(await moves(small)).toBe(moved);
    expect(await verified(run)).toEqual([]);
  });

  test('forgotten altogether, half moved: whoever asks again begins where it stood', async () => {
    await checkpoint();
    await disk.sync();
    const gate = gates.close('runSteps', 'after', 1);
    const first = await agreed(small);
    await gate.arrived;
    expect(await moves(small)).toBeGreaterThan(0);
    await powerCut();
    await expect(events(first)).rejects.toThrow(/not found/);
    const second = await start(small);
    expect(second.offboardingId).not.toBe(first.offboardingId);
    await planned(small, second);
    await over(second);
    expect(await verified(second)).toEqual([]);
    // Of the first there is what the store has, and nothing else: an audit names what is missing.
    const { archive, runs } = small.world.worker.deps.store;
    expect(await verified(first)).toEqual([
      expect.stringMatching(/^handover.archives run .*no archive of it/),
    ]);
    const [certificate] = await archive.certificates(second.offboardingId);
    expect(certificate!.body).toMatchObject({
      earlier: [{ offboarding: first.offboardingId, outcome: null }],
    });
    expect((await runs.all()).map(({ offboarding }) => offboarding)).not.toContain(first.offboardingId);
  });
});
