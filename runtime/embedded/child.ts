// A server as a child process that never outlives us: started through supervisor.mjs, watched, and ended by
// closing the supervisor's standard input. What the server prints goes to a log file; when it exits, the last
// lines come with it.

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, fstatSync, mkdirSync, openSync, renameSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/**
 * One attempt at ending a server: the signal, and how long it may take before the next attempt. After the
 * last comes SIGKILL.
 */
export interface StopStep {
  signal: NodeJS.Signals;
  graceMs: number;
}

export interface ChildOptions {
  /** As messages name it: "PostgreSQL", "Temporal". */
  name: string;
  command: string;
  args: string[];
  /** Standard output and standard error of the server, appended. Kept at two files of up to 8 MiB. */
  logFile: string;
  stop: StopStep[];
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** Who runs the server (only root can choose). */
  uid?: number;
  gid?: number;
}

export interface ChildExit {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** True when we asked for it, by `stop()` or by `kill()`. */
  expected: boolean;
  /** The end of what the server printed in this run. */
  lastLines: string;
  /** All of it as one sentence. */
  sentence: string;
}

export interface Child {
  pid: number;
  exited: Promise<ChildExit>;
  /** Ends the server step by step; resolves when it is gone. Twice is fine. */
  stop(): Promise<ChildExit>;
  /** Sends a signal to the server itself, as a crash test does. */
  kill(signal: NodeJS.Signals): void;
}

/**
 * What the supervisor is told, as JSON in its one argument. Every user can read arguments: nothing secret
 * belongs here.
 */
export interface SupervisorOrder {
  /** Process id of the owner: it also tells a later start whose server this is (processes.ts). */
  owner: number;
  command: string;
  args: string[];
  stop: StopStep[];
  cwd?: string;
  uid?: number;
  gid?: number;
}

type Report =
  | { pid: number }
  | { exit: { code: number | null; signal: NodeJS.Signals | null } }
  | { error: string };

const SUPERVISOR = fileURLToPath(new URL('./supervisor.mjs', import.meta.url));
const LOG_LIMIT_BYTES = 8 * 1024 * 1024;

/**
 * Starts the server; resolves as soon as it has a process id (not when it answers). Throws a sentence when it
 * cannot run at all.
 */
export async function startChild(options: ChildOptions): Promise<Child> {
  const { supervisor, logStart } = spawnSupervisor(options);
  let expected = false;
  let pid: number | undefined;
  let outcome: Exclude<Report, { pid: number }> | undefined;

  const started = new Promise<number>((resolve, reject) => {
    supervisor.once('error', error =>
      reject(new Error(`${options.name} could not be started: ${error.message}`)),
    );
    createInterface({ input: supervisor.stdout! }).on('line', line => {
      const report = JSON.parse(line) as Report;
      if ('pid' in report) {
        pid = report.pid;
        resolve(report.pid);
      } else {
        outcome = report;
        if ('error' in report)
          reject(new Error(`${options.name} could not be started from ${options.command}: ${report.error}`));
      }
    });
    supervisor.once('close', () =>
      reject(new Error(`${options.name} could not be started: its supervisor ended first`)),
    );
  });

  // 'close' and not 'exit': only then have all reports been read.
  const exited = new Promise<void>(resolve => supervisor.once('close', () => resolve())).then(
    async (): Promise<ChildExit> => {
      // The supervisor died without a word (somebody killed it): its server must not stay behind.
      if (!outcome && pid !== undefined) signalQuietly(pid, 'SIGKILL');
      return describeExit(options, logStart, outcome, expected);
    },
  );

  const serverPid = await started;
  return {
    pid: serverPid,
    exited,
    stop: () => {
      expected = true;
      supervisor.stdin!.end();
      return exited;
    },
    kill: signal => {
      expected = true;
      signalQuietly(serverPid, signal);
    },
  };
}

interface Supervised {
  supervisor: ChildProcess;
  /** Bytes that were in the log before this run. */
  logStart: number;
}

function spawnSupervisor({ command, args, stop, env, cwd, uid, gid, logFile }: ChildOptions): Supervised {
  const order: SupervisorOrder = { owner: process.pid, command, args, stop, cwd, uid, gid };
  const log = openLog(logFile);
  const logStart = fstatSync(log).size;
  try {
    const supervisor = spawn(process.execPath, [SUPERVISOR, JSON.stringify(order)], {
      detached: true,
      stdio: ['pipe', 'pipe', log],
      // Inherited by the server. Flags such as --import tsx or --inspect are the owner's business alone.
      env: { ...(env ?? process.env), NODE_OPTIONS: '' },
    });
    // Closing the lifeline of a supervisor that is already gone is not an error.
    supervisor.stdin!.on('error', () => {});
    return { supervisor, logStart };
  } finally {
    closeSync(log);
  }
}

function openLog(file: string): number {
  mkdirSync(dirname(file), { recursive: true });
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) > LOG_LIMIT_BYTES) renameSync(file, `${file}.1`);
  return openSync(file, 'a', 0o600);
}

async function describeExit(
  options: ChildOptions,
  logStart: number,
  outcome: Report | undefined,
  expected: boolean,
): Promise<ChildExit> {
  const { code, signal } = outcome && 'exit' in outcome ? outcome.exit : { code: null, signal: null };
  const lastLines = await tail(options.logFile, logStart);
  const how = signal ? `was ended by ${signal}` : code === null ? 'ended' : `exited with code ${code}`;
  const sentence = `${options.name} ${how}. Its log is ${options.logFile}; the last lines:\n${lastLines || '(nothing)'}`;
  return { code, signal, expected, lastLines, sentence };
}

/** The last lines of a log from byte `start` on; an unreadable log is an empty one. */
async function tail(file: string, start: number, lines = 15): Promise<string> {
  const bytes = await readFile(file).catch(() => Buffer.alloc(0));
  return bytes.subarray(start).toString('utf8').trimEnd().split('\n').slice(-lines).join('\n');
}

/** To a process that may be gone already. */
export function signalQuietly(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone already: that is what was wanted.
  }
}
