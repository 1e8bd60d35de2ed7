// The demo as a process of its own, and what it leaves behind.

import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { run } from '../../runtime/embedded/run.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const CLI = join(ROOT, 'bin/handover.mjs');

export interface Demo {
  pid: number;
  output(): string;
  /** Waits until it has printed `text`. */
  says(text: string): Promise<void>;
  /** Ctrl-C. */
  interrupt(): void;
  kill(): void;
  end(): Promise<{ code: number | null; output: string }>;
}

/** A directory that other users may pass through, for all tests of a file. */
export async function keepStateDir(): Promise<{ dir: string; remove(): Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), 'handover-demo-'));
  await chmod(dir, 0o755);
  return { dir, remove: () => rm(dir, { recursive: true, force: true, maxRetries: 5 }) };
}

/** @param command `demo`, or `dev`: the same without a story */
export async function startDemo(args: string[], stateDir: string, command = 'demo'): Promise<Demo> {
  const child: ChildProcess = spawn(process.execPath, [CLI, command, '--state-dir', stateDir, ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_OPTIONS: '', NO_COLOR: '1', FORCE_COLOR: undefined },
  });
  let output = '';
  const listeners = new Set<() => void>();
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      for (const listener of listeners) listener();
    });
  }
  const ended = new Promise<{ code: number | null; output: string }>(resolve => {
    child.once('close', code => resolve({ code, output }));
  });
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return {
    pid: child.pid!,
    output: () => output,
    says: text =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (!output.includes(text)) return;
          listeners.delete(look);
          resolve();
        };
        listeners.add(look);
        void ended.then(() => reject(new Error(`the demo ended without saying "${text}":\n${output}`)));
        look();
      }),
    interrupt: () => child.kill('SIGINT'),
    kill: () => child.kill('SIGKILL'),
    end: () => ended,
  };
}

/**
 * Command lines of every process that names the state directory: the demo, its servers, their supervisors.
 */
export async function processesOf(stateDir: string): Promise<string[]> {
  const { stdout } = await run('ps', ['-ww', '-e', '-o', 'pid=,stat=,command='], { timeoutMs: 10_000 });
  return stdout.split('\n').filter(line => line.includes(stateDir) && !/^\s*\d+\s+Z/.test(line));
}

export function listenOn(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port, host: '127.0.0.1' }, () => resolve(server));
  });
}
