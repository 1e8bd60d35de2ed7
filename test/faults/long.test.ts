/**
 * The long run, by hand (`HANDOVER_FAULTS=long`): 100,000 items, the worker killed at a dozen random places,
 * stopped beyond the shipped heartbeat timeout, both databases and Temporal killed, answers to COMMIT lost,
 * and twenty writers at it all the while.
 */
import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runSchedule } from './run-schedule.js';
import { describe, longSchedule } from './schedule.js';
import { type FaultServers, startFaultServers } from './servers.js';

const WITHIN_MS = 30 * 60_000;
const seed = Number(process.env.HANDOVER_FAULT_SEED ?? randomInt(1, 2 ** 31));

let servers: FaultServers;
beforeAll(async () => {
  servers = await startFaultServers();
});
afterAll(() => servers?.stop());

test.runIf(process.env.HANDOVER_FAULTS === 'long')(
  `HANDOVER_FAULT_SEED=${seed}: 100,000 items survive every fault there is`,
  async () => {
    const schedule = longSchedule(seed);
    console.log(`HANDOVER_FAULT_SEED=${seed}: ${schedule.faults.map(describe).join(', ')}`);
    const outcome = await runSchedule(schedule, { servers, withinMs: WITHIN_MS });
    console.log(
      JSON.stringify({ ...outcome, faults: outcome.faults.length, findings: outcome.findings.length }),
    );
    expect(outcome.findings).toEqual([]);
    expect(outcome.kills).toBeGreaterThanOrEqual(10);
  },
  WITHIN_MS + 120_000,
);
