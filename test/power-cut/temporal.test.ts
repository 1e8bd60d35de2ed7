/**
 * The power is cut under Temporal's file, which waits for its disk only now and then: the history falls back to
 * an earlier moment, or to nothing at all. Targets and store have kept what was done. The run is brought to its
 * end by its people, who may be asked again; nothing is moved twice, and nothing is said that is not so. By
 * hand, like power-cut.test.ts.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { WorkflowNotFoundError } from '@temporalio/client';
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

// What the dead server had handed out comes again when its time is over.
describe.skipIf(!python)('Temporal on a disk whose power is cut', { timeout: 300_000 }, () => {
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

  /** What is on the disk by now is what a power cut leaves, as far as SQLite does not sync anew. */
  async function keep(): Promise<void> {
    await checkpoint();
    await disk.sync();
  }

  /**
   * The machine is gone at once, with its worker; target and store are elsewhere. Answers with how many events of
   * the run were forgotten; all of them where Temporal knows it no longer.
   */
  async function powerCut(run: Started): Promise<number> {
    const { port } = server;
    const before = await events(run);
    await disk.cut();
    server.kill('SIGKILL');
    await server.exited;
    await disk.again();
    await startServer(port);
    expect(server.port).toBe(port);
    const forgotten = before - (await events(run));
    gates.openAll();
    await gates.quiet();
    await small.world.restartWorker();
    return forgotten;
  }

  /** None where Temporal does not know it. */
  async function events({ run }: Started): Promise<number> {
    try {
      return (await small.world.offboardings.handle(run).describe()).historyLength;
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return 0;
      throw error;
    }
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
    const status = await driveToEnd(small, run, 120_000);
    expect(status.outcome).toBe('completed');
    expect(await stillHeld(small)).toBe(0);
    expect(await leaverIs(small)).toEqual(['inactive', 'inactive']);
  }

  test('approved and half moved: it waits for its approval again', async () => {
    const run = await start(small);
    await planned(small, run);
    await keep();
    const gate = gates.close('runSteps', 'after', 2);
    await agree(small, run);
    await gate.arrived;
    const moved = await moves(small);
    expect(moved).toBeGreaterThan(0);
    expect(await powerCut(run)).toBeGreaterThan(0);
    expect(await planned(small, run)).toMatchObject({ state: 'awaiting-approval', approvals: [] });
    await over(run);
  });

  test('switched off in one system: what has moved and what is off stays so, once', async () => {
    const gate = gates.close('runSteps', 'before', 1);
    const run = await agreed(small);
    await gate.arrived;
    await keep();
    const off = gates.close('deactivate', 'after', 2);
    gate.open();
    await off.arrived;
    expect(await powerCut(run)).toBeGreaterThan(0);
    await over(run);
  });

  test('closed, with a certificate: it closes again', async () => {
    const gate = gates.close('runSteps', 'before', 1);
    const run = await agreed(small);
    await gate.arrived;
    await keep();
    gate.open();
    expect(await ended(small, run)).toMatchObject({ outcome: 'completed' });
    const moved = await moves(small);
    expect(await powerCut(run)).toBeGreaterThan(0);
    await over(run);
    expect(await moves(small)).toBe(moved);
    expect(await verified(run)).toEqual([]);
  });

  test('forgotten altogether, half moved: whoever asks again begins where it stood', async () => {
    await keep();
    const gate = gates.close('runSteps', 'after', 1);
    const first = await agreed(small);
    await gate.arrived;
    expect(await moves(small)).toBeGreaterThan(0);
    await powerCut(first);
    expect(await events(first)).toBe(0);
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
