/**
 * The big owner through the engine, with the worker in a process of its own: for the figures about rows,
 * memory and growth.
 */
import { archived } from '../harness/archive.js';
import { type Engine, type EngineRun, offboard, startEngine } from '../harness/engine.js';
import { watchMemory, whileCounting } from '../harness/process.js';
import type { Servers } from '../harness/servers.js';
import { freshCopy, withClient } from './databases.js';

const GATES = { requestedBy: 'olga@bench.example', approver: 'anna@bench.example' };
const WARM_UP_ITEMS = 100;

export interface BigOwnerRun extends EngineRun {
  /**
   * Resident memory of the worker's process in MiB: idle after a small offboarding, and the highest during
   * the big one.
   */
  memory: { idle: number; peak: number };
  /** Processor time in milliseconds, by process. */
  used: Record<string, number>;
}

export interface BigOwnerOrder {
  temporal: { address: string; pid: number };
  /** A name that no other run of this figure has. */
  name: string;
  template: string;
  items: number;
}

/** A fresh copy, a fresh store, a fresh worker that has done one small offboarding; then the big one. */
export async function bigOwner(
  { postgres }: Servers,
  { temporal, name, template, items }: BigOwnerOrder,
): Promise<BigOwnerRun> {
  const url = await freshCopy(postgres, 'ours', template);
  await withClient(url, client => client.query(WARM_UP));
  const store = `store_${name.replaceAll('-', '_')}`;
  await postgres.ensureDatabase(store);
  const engine = await startEngine({
    address: temporal.address,
    taskQueue: `bench-${name}`,
    config: new URL('./handover.yaml', import.meta.url),
    env: { BENCH_ITEMS_URL: url, HANDOVER_STORE_URL: postgres.url(store) },
  });
  try {
    await archived(engine, await offboard(engine, { user: 'wim@bench.example', ...GATES }, WARM_UP_ITEMS));
    return await measured(engine, postgres.pid, temporal.pid, items);
  } finally {
    await engine.stop();
  }
}

async function measured(
  engine: Engine,
  postgres: number,
  temporal: number,
  items: number,
): Promise<BigOwnerRun> {
  // A second of nothing: what the warm-up left to be tidied up is tidied up.
  await new Promise(done => setTimeout(done, 1000));
  const idle = watchMemory(engine.worker.pid).stop();
  const memory = watchMemory(engine.worker.pid);
  const processes = { PostgreSQL: postgres, Temporal: temporal, worker: engine.worker.pid };
  const { value, used } = await whileCounting(processes, () =>
    offboard(engine, { user: 'lena@bench.example', ...GATES }, items),
  );
  return { ...value, memory: { idle, peak: memory.stop() }, used };
}

/** Somebody else who leaves first, so that a worker is measured that has loaded everything it works with. */
const WARM_UP = `
  insert into public.people values (5, 'Wim Warm-up', 'wim@bench.example', true, 2, 'member');
  insert into public.items
  select (select max(id) from public.items) + n, 5, n, 'open', timestamptz '2026-01-01', 'Item number ' || n, repeat(md5(n::text), 3)
    from generate_series(1, ${WARM_UP_ITEMS}) as n;`;
