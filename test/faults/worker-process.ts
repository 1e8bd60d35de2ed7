/**
 * A real worker in a process of its own, to be killed, stopped and continued. Ends with its parent, however
 * that ends.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { WorkerOptions } from '@temporalio/worker';
import type { Deps } from '../../activities/deps.js';
import type { Config } from '../../runtime/config.js';

/** Travels as JSON. */
export interface WorkerOrder {
  config: Config;
  cacheDir: string;
  /** A workflow bundle other than the shipped one. */
  bundle?: string;
  patience?: Partial<Deps['patience']>;
  worker?: Partial<WorkerOptions>;
}

export interface WorkerProcessOptions extends Omit<WorkerOrder, 'cacheDir'> {
  cacheDir?: string;
  /** The connections that the configuration names. */
  env: Record<string, string>;
  /** `<activity|batch|restore|switch>:<point>:<n>`, see crash-points.ts. */
  crashAt?: string;
  /** How long it may take to say that it is ready. */
  readyWithinMs?: number;
}

export interface WorkerExit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface WorkerProcess {
  pid: number;
  kill(signal: NodeJS.Signals): void;
  exited: Promise<WorkerExit>;
  /** Null while it lives. */
  exit(): WorkerExit | null;
  /** Everything it has printed. */
  output(): string;
  /** Most memory that it has ever used, in MiB; the last known value once it has gone. */
  peakMemory(): number;
  /** Lets it finish what it has in hand; SIGKILL after `graceMs`. */
  stop(graceMs?: number): Promise<WorkerExit>;
}

const MAIN = fileURLToPath(new URL('./worker-main.ts', import.meta.url));
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Resolves when the worker takes work, or when it has died at its crash point before that; throws when it
 * cannot start.
 */
export async function startWorkerProcess(options: WorkerProcessOptions): Promise<WorkerProcess> {
  const {
    env,
    crashAt,
    readyWithinMs = 90_000,
    cacheDir = join(tmpdir(), 'handover-test-bundles'),
    ...rest
  } = options;
  const child = spawn(process.execPath, ['--import', 'tsx', MAIN], {
    cwd: ROOT,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: {
      ...process.env,
      NODE_OPTIONS: '',
      HANDOVER_CRASH_AT: undefined,
      ...env,
      ...(crashAt && { HANDOVER_CRASH_AT: crashAt }),
      HANDOVER_FAULT_WORKER: JSON.stringify({ ...rest, cacheDir } satisfies WorkerOrder),
    },
  });
  const worker = watch(child);
  const ready = new Promise<boolean>((resolve, reject) => {
    child.once('error', reject);
    child.stdout!.on('data', () => /^ready$/m.test(worker.output()) && resolve(true));
    void worker.exited.then(() => resolve(false));
    setTimeout(() => resolve(false), readyWithinMs).unref();
  });
  if (!(await ready) && !(crashAt && worker.exit()?.signal === 'SIGKILL')) {
    worker.kill('SIGKILL');
    throw new Error(
      `A worker process did not get ready (${JSON.stringify(await worker.exited)}):\n${worker.output()}`,
    );
  }
  return worker;
}

/** A worker takes the place of a world's own until it dies at this point; throws where it ends in another way. */
export async function untilItDies(world: Mortal, crashAt: string): Promise<void> {
  const { config, env } = world;
  const worker = await startWorkerProcess({ config, env, crashAt });
  try {
    const exit = await worker.exited;
    if (exit.signal !== 'SIGKILL') throw new Error(`It did not die at ${crashAt}:\n${worker.output()}`);
  } finally {
    await worker.stop();
    await world.restartWorker();
  }
}

type Mortal = Pick<WorkerProcessOptions, 'config'> & {
  env: Record<string, string>;
  restartWorker(): Promise<unknown>;
};

function watch(child: ChildProcess): WorkerProcess {
  let output = '';
  let exit: WorkerExit | null = null;
  let peak = 0;
  const sample = (): void => {
    peak = memoryOf(child.pid!) ?? peak;
  };
  // Who kills itself cannot be asked afterwards.
  const sampling = setInterval(sample, 500).unref();
  for (const stream of [child.stdout!, child.stderr!])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stdin!.on('error', () => {});
  const exited = new Promise<WorkerExit>(resolve => {
    child.once('exit', (code, signal) => {
      clearInterval(sampling);
      exit = { code, signal };
      resolve(exit);
    });
  });
  return {
    pid: child.pid!,
    kill: signal => {
      sample();
      child.kill(signal);
    },
    exited,
    exit: () => exit,
    output: () => output,
    peakMemory: () => peak,
    async stop(graceMs = 40_000) {
      sample();
      // Stopped processes hear nothing but SIGKILL.
      child.kill('SIGCONT');
      child.kill('SIGTERM');
      const force = setTimeout(() => child.kill('SIGKILL'), graceMs);
      try {
        return await exited;
      } finally {
        clearTimeout(force);
      }
    },
  };
}

/** Linux says it; elsewhere nobody asks. */
function memoryOf(pid: number): number | null {
  try {
    const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return peak ? Math.round(Number(peak[1]) / 1024) : null;
  } catch {
    return null;
  }
}
