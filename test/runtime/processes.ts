// Starting an owner process for a test, and waiting for what happens to processes.

import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { processFacts } from '../../runtime/embedded/processes.js';

/** A directory that other users may pass through, gone after the test. */
export async function temporaryDir(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'handover-test-'));
  await chmod(dir, 0o755);
  onTestFinished(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }));
  return dir;
}

/** Runs owner.ts in a process group of its own; `said` is its JSON line. */
export async function startOwner(
  what: 'sleeper' | 'slow' | 'first' | 'next',
  dir: string,
): Promise<{ owner: ChildProcess; said: unknown }> {
  const script = fileURLToPath(new URL('./owner.ts', import.meta.url));
  const owner = spawn(process.execPath, ['--import', 'tsx', script, what, dir], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  onTestFinished(() => {
    owner.kill('SIGKILL');
  });
  let errors = '';
  owner.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const line = await new Promise<string>((resolve, reject) => {
    createInterface({ input: owner.stdout }).once('line', resolve);
    owner.once('close', () => reject(new Error(`the owner ended early: ${errors}`)));
  });
  return { owner, said: JSON.parse(line) };
}

export async function isAlive(pid: number): Promise<boolean> {
  return (await processFacts(pid)) !== undefined;
}

/** Waits until `condition` holds; fails with `what` when it does not within the time. */
export async function eventually(
  what: string,
  condition: () => Promise<boolean>,
  withinMs = 20_000,
): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`not within ${withinMs / 1000} s: ${what}`);
    await new Promise(resolve => setTimeout(resolve, 20));
  }
}

export async function readJson(file: string): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
}
