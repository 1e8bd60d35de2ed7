/**
 * A worker in a process of its own, as an installation has it: the engine's, the one of no-op
 * workflows with the same settings, the one of bare statements in their place, or the one written by hand.
 * Its memory and processor time are its own and can be told from those of whoever measures.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface WorkerOrder {
  kind: 'engine' | 'noop' | 'bare' | 'by-hand';
  address: string;
  taskQueue: string;
  /** The configuration file; the engine's worker only. */
  config?: string;
  /** As many runs are kept at hand as in a container with so much memory; the engine's worker only. */
  memoryMb?: number;
  /** Connections: those that the configuration names, or the ones of bench/team. */
  env?: Record<string, string>;
}

export interface BenchWorker {
  pid: number;
  taskQueue: string;
  stop(): Promise<void>;
}

const MAIN = fileURLToPath(new URL('./worker-main.ts', import.meta.url));

/** Resolves when the worker takes work. It ends with the process that started it. */
export async function startBenchWorker(order: WorkerOrder): Promise<BenchWorker> {
  const given = JSON.stringify({ ...order, env: undefined });
  const child = spawn(
    process.execPath,
    [...profiling(), '--import', import.meta.resolve('tsx'), MAIN, given],
    {
      env: { ...process.env, ...order.env },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    },
  );
  await ready(child);
  return {
    pid: child.pid!,
    taskQueue: order.taskQueue,
    async stop() {
      const gone = new Promise<void>(resolve => child.once('exit', () => resolve()));
      if (child.exitCode !== null) return;
      child.disconnect();
      await gone;
    },
  };
}

/**
 * With BENCH_PROFILE=<directory>, Node writes there where each thread of each worker spent its processor
 * time.
 */
function profiling(): string[] {
  const dir = process.env.BENCH_PROFILE;
  return dir ? ['--cpu-prof', '--cpu-prof-dir', dir] : [];
}

function ready(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('message', () => resolve());
    child.once('error', reject);
    child.once('exit', code => reject(new Error(`The worker ended with code ${code} before it took work.`)));
  });
}
