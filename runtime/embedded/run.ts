// Runs a short command to its end: version probes, initdb, pip, tar. Never throws: a command that cannot be
// run is an answer as well, because most callers then try the next way.

import { spawn } from 'node:child_process';

export interface RunResult {
  ok: boolean;
  /** Exit code; null when it was ended by a signal, timed out or could not be started. */
  code: number | null;
  stdout: string;
  stderr: string;
  /** Why it is not ok, in one line; empty when it is. */
  why: string;
}

export interface RunOptions {
  timeoutMs: number;
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  uid?: number;
  gid?: number;
  /** Ends the command, and lets no other begin. */
  signal?: AbortSignal;
}

export function run(command: string, args: string[], options: RunOptions): Promise<RunResult> {
  const { timeoutMs, signal, ...spawnOptions } = options;
  if (signal?.aborted)
    return Promise.resolve({ ok: false, code: null, stdout: '', stderr: '', why: 'it was called off' });
  return new Promise(resolve => {
    let stdout = '';
    let stderr = '';
    let failure = '';
    const child = spawn(command, args, { ...spawnOptions, stdio: ['ignore', 'pipe', 'pipe'] });
    const timer = setTimeout(() => {
      failure = `no end after ${timeoutMs / 1000} s`;
      child.kill('SIGKILL');
    }, timeoutMs);
    const callOff = (): void => {
      failure = 'it was called off';
      child.kill('SIGKILL');
    };
    signal?.addEventListener('abort', callOff, { once: true });
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.once('error', error => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', callOff);
      resolve({ ok: false, code: null, stdout, stderr, why: error.message });
    });
    child.once('close', (code, endedBy) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', callOff);
      const ok = code === 0;
      const why = ok
        ? ''
        : failure || lastLine(stderr) || lastLine(stdout) || `ended with ${endedBy ?? `exit code ${code}`}`;
      resolve({ ok, code, stdout, stderr, why });
    });
  });
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)?.trim() ?? '';
}
