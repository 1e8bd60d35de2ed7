/**
 * Items through HTTP beside the script that an engineer writes, with as many calls at a time, on a system that
 * takes 10 ms for each. Ours is the hand-over of a whole offboarding: the receipts, a reading just before each
 * change and one after it, and the look at the end that proves that nothing is left. Each on a service of its
 * own. And what a worker needs for a hundred thousand items.
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { offboard, startEngine } from '../harness/engine.js';
import { compared, type Effort, type Line, type Measured, seconds } from '../harness/figure.js';
import { watchMemory } from '../harness/process.js';
import { type Servers, withServers } from '../harness/servers.js';
import { buildTemplate, freshCopy } from '../million/databases.js';
import { changeByHand, type ReadsAgain } from './by-hand.js';

const CONCURRENCY = 8;
const LATENCY_MS = 10;
const GATES = { requestedBy: 'olga@bench.example', approver: 'anna@bench.example' };
/** In the directory, beside those of the service: a system without anything would be no step. */
const IN_DIRECTORY = 1;
/** Of the time of the script: 0.85 of its rate where both read again, 0.45 where only ours does. */
const BOTH_READ = 1 / 0.85;
const ONLY_OURS_READS = 1 / 0.45;
const MEMORY_LIMIT_MB = 400;

interface Ours {
  ms: number;
  calls: number;
  memory: { idle: number; peak: number };
}

export async function httpByHand({ rounds, quick, say }: Effort): Promise<Measured> {
  const items = quick ? 300 : 4_000;
  const many = quick ? 1_000 : 100_000;
  return withServers(async servers => {
    await buildTemplate(servers.postgres, 'people', { items: IN_DIRECTORY, between: 0 });
    const rivals: { name: string; config: string; readsAgain: ReadsAgain; limit: number | null }[] = [
      { name: 'http-by-hand', config: 'handover', readsAgain: 'pages', limit: BOTH_READ },
      { name: 'http-by-hand-unread', config: 'handover', readsAgain: 'no', limit: ONLY_OURS_READS },
      { name: 'http-by-hand-singly', config: 'singly', readsAgain: 'singly', limit: null },
    ];
    const ours = new Map<string, Ours[]>();
    const theirs = new Map<string, { ms: number; calls: number }[]>();
    for (let round = 0; round < rounds; round++)
      for (const { name, config, readsAgain } of rivals) {
        // One that reads by pages is measured once for both scripts.
        if (name !== 'http-by-hand-unread')
          push(ours, config, await engine(servers, `${name}-${round}`, config, items, LATENCY_MS));
        push(theirs, name, await byHand(items, readsAgain));
        const [a, b] = [ours.get(config)!.at(-1)!, theirs.get(name)!.at(-1)!];
        say(
          `${name}, round ${round + 1}: ${seconds(a.ms)} over ${seconds(b.ms)}; ${a.calls} and ${b.calls} calls`,
        );
      }
    const lines = rivals.map(({ name, config, limit }): Line => {
      const [a, b] = [ours.get(config)!, theirs.get(name)!];
      const times = (all: readonly { ms: number }[]): number[] => all.map(({ ms }) => ms);
      const line = compared(name, times(a), times(b), limit && Number(limit.toFixed(2)));
      const perSecond = (ms: number): number => Math.round((items / ms) * 1_000);
      return {
        ...line,
        rate: Number((1 / line.ratio!).toPrecision(3)),
        items_per_second: perSecond(line.ours_ms),
        by_hand_per_second: perSecond(line.reference_ms!),
        calls_per_item: Number((a[0]!.calls / items).toFixed(2)),
      };
    });
    const { memory, ms } = await engine(servers, 'memory', 'handover', many, 0);
    const above = memory.peak - memory.idle;
    lines.push({
      name: 'http-memory',
      ours_ms: Math.round(ms),
      reference_ms: null,
      ratio: Number((above / MEMORY_LIMIT_MB).toPrecision(3)),
      limit: 1,
      items: many,
      above_idle_mb: Math.round(above),
      idle_mb: Math.round(memory.idle),
      limit_mb: MEMORY_LIMIT_MB,
    });
    return { lines, profile: [] };
  });
}

function push<T>(to: Map<string, T[]>, name: string, one: T): void {
  to.set(name, [...(to.get(name) ?? []), one]);
}

async function byHand(items: number, readsAgain: ReadsAgain): Promise<{ ms: number; calls: number }> {
  const service = await startService(items, LATENCY_MS);
  try {
    const done = await changeByHand({ base: service.base, concurrency: CONCURRENCY, readsAgain });
    if (done.items !== items) throw new Error(`${done.items} of ${items} were changed by hand`);
    return { ms: done.ms, calls: await service.calls() };
  } finally {
    service.stop();
  }
}

async function engine(
  { postgres, temporal }: Servers,
  name: string,
  config: string,
  items: number,
  latencyMs: number,
): Promise<Ours> {
  const service = await startService(items, latencyMs);
  const server = await temporal();
  const store = `store_${name.replaceAll('-', '_')}`;
  await postgres.ensureDatabase(store);
  const running = await startEngine({
    address: server.address,
    taskQueue: `bench-${name}`,
    config: new URL(`./${config}.yaml`, import.meta.url),
    env: {
      BENCH_ITEMS_URL: await freshCopy(postgres, 'directory', 'people'),
      BENCH_SERVICE_BASE: service.base,
      HANDOVER_STORE_URL: postgres.url(store),
    },
  });
  try {
    const idle = watchMemory(running.worker.pid).stop();
    const memory = watchMemory(running.worker.pid);
    const { phases } = await offboard(
      running,
      { user: 'lena@bench.example', ...GATES },
      items + IN_DIRECTORY,
    );
    return { ms: phases.handOver, calls: await service.calls(), memory: { idle, peak: memory.stop() } };
  } finally {
    await running.stop();
    await server.stop();
    service.stop();
  }
}

async function startService(
  items: number,
  latencyMs: number,
): Promise<{ base: string; calls(): Promise<number>; stop(): void }> {
  const child = fork(fileURLToPath(new URL('./service.ts', import.meta.url)), {
    execArgv: ['--import', import.meta.resolve('tsx')],
    env: { ...process.env, BENCH_SERVICE: JSON.stringify({ items, latencyMs }) },
  });
  const port = await new Promise<number>((resolve, reject) => {
    child.once('message', said => resolve(said as number));
    child.once('exit', code => reject(new Error(`The service ended with code ${code}.`)));
  });
  const base = `http://127.0.0.1:${port}`;
  return {
    base,
    calls: async () => ((await (await fetch(`${base}/calls`)).json()) as { calls: number }).calls,
    stop: () => child.disconnect(),
  };
}
