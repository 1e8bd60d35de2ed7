/**
 * The worker processes of one run: whoever dies is replaced, as a supervisor would; whoever dies without
 * being killed is a finding.
 */
import {
  startWorkerProcess,
  type WorkerExit,
  type WorkerProcess,
  type WorkerProcessOptions,
} from './worker-process.js';

export interface Fleet {
  living(): WorkerProcess[];
  /** All that ever lived. */
  all: WorkerProcess[];
  /** Starts one; tries again while a server that it needs is down. */
  start(): Promise<WorkerProcess>;
  /** SIGKILL of every living worker. Answers their exits. */
  killAll(): Promise<WorkerExit[]>;
  /** How often a worker could not start because a server was away. */
  failedStarts(): number;
  /** Workers that ended by themselves. */
  deserters(): string[];
  /** Ends all in order. Answers their exits. */
  stop(): Promise<WorkerExit[]>;
  end(): Promise<void>;
}

const START_WITHIN_MS = 60_000;

export function newFleet(options: WorkerProcessOptions): Fleet {
  const all: WorkerProcess[] = [];
  const meant = new Set<WorkerProcess>();
  let failedStarts = 0;
  let ended = false;
  const living = (): WorkerProcess[] => all.filter(worker => worker.exit() === null);
  const fleet: Fleet = {
    all,
    living,
    failedStarts: () => failedStarts,
    async start() {
      const deadline = Date.now() + START_WITHIN_MS;
      for (;;) {
        try {
          const worker = await startWorkerProcess(options);
          all.push(worker);
          void worker.exited.then(() => {
            if (!meant.has(worker) && !ended) void fleet.start().catch(() => {});
          });
          return worker;
        } catch (error) {
          failedStarts++;
          if (ended || Date.now() > deadline) throw error;
          await new Promise(resolve => setTimeout(resolve, 300));
        }
      }
    },
    killAll() {
      return Promise.all(
        living().map(worker => {
          meant.add(worker);
          worker.kill('SIGKILL');
          return worker.exited;
        }),
      );
    },
    deserters: () =>
      all
        .filter(worker => worker.exit() !== null && !meant.has(worker))
        .map(worker => `${JSON.stringify(worker.exit())} ${worker.output().slice(-1_500)}`),
    stop() {
      return Promise.all(
        living().map(worker => {
          meant.add(worker);
          return worker.stop();
        }),
      );
    },
    async end() {
      ended = true;
      await fleet.killAll();
    },
  };
  return fleet;
}
