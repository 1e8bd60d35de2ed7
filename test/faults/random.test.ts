/**
 * Random schedules of faults, each drawn from a seed that is printed first and repeats it:
 *
 *   HANDOVER_FAULT_SEED=4711 npm run test:faults -- test/faults/random.test.ts     exactly this schedule
 *   HANDOVER_FAULT_SCHEDULES=20 npm run test:faults                                so many new ones (default: 2, the long form: 10)
 */
import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runSchedule } from './run.js';
import { describe, drawSchedule } from './schedule.js';
import { type FaultServers, startFaultServers } from './servers.js';

const given = process.env.HANDOVER_FAULT_SEED;
const count = Number(process.env.HANDOVER_FAULT_SCHEDULES ?? (process.env.HANDOVER_FAULTS === 'long' ? 10 : 2));
const seeds = given ? [Number(given)] : Array.from({ length: count }, () => randomInt(1, 2 ** 31));

let servers: FaultServers;
beforeAll(async () => {
  servers = await startFaultServers();
});
afterAll(() => servers?.stop());

test.each(seeds)('HANDOVER_FAULT_SEED=%i: the run completes, and every invariant holds', async seed => {
  const schedule = drawSchedule(seed);
  console.log(`HANDOVER_FAULT_SEED=${seed}: ${schedule.items} items, ${schedule.faults.map(describe).join(', ')}`);
  const outcome = await runSchedule(schedule, { servers });
  expect(outcome.findings).toEqual([]);
});

test('a seed always draws the same schedule, and another one another', () => {
  expect(drawSchedule(7)).toEqual(drawSchedule(7));
  expect(drawSchedule(7)).not.toEqual(drawSchedule(8));
});
