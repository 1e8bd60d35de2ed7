/**
 * A soak of a few minutes (`HANDOVER_SOAK_MINUTES`, by hand two hours): see soak.ts. Its seed is printed;
 * what the machine does in between is never the same twice.
 */
import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type FaultServers, startFaultServers } from '../servers.js';
import { soak } from './soak.js';

const minutes = Number(process.env.HANDOVER_SOAK_MINUTES ?? 5);
const seed = Number(process.env.HANDOVER_SOAK_SEED ?? randomInt(1, 2 ** 31));

let servers: FaultServers;
beforeAll(async () => {
  servers = await startFaultServers();
});
afterAll(() => servers?.stop());

test(
  `HANDOVER_SOAK_SEED=${seed}: ${minutes} minutes of everything at once, and every run ends in a named state`,
  async () => {
    const report = await soak({ servers, minutes, seed, families: Math.min(200, 12 * minutes) });
    const { findings, memory, ...figures } = report;
    console.log(JSON.stringify({ ...figures, peakMiB: Math.max(0, ...memory.map(one => one.mib)) }));
    expect(findings).toEqual([]);
    // A soak without runs, messages and faults would prove nothing.
    expect(report.runs).toBeGreaterThan(2 * minutes);
    expect(report.outcomes.completed ?? 0).toBeGreaterThan(0);
    expect(Object.keys(report.faults).length).toBeGreaterThan(0);
    expect(report.sent.badly).toBeGreaterThan(20 * minutes);
  },
  (minutes + 10) * 60_000,
);
