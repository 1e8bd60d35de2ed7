// One embedded installation per state directory. The lock file names its holder by process id and start time,
// so that a crash leaves nothing to clean up: the lock of a dead process is taken over, even when its id is
// in use again.

import { link, mkdir, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { processStart } from './processes.js';

export interface Lock {
  release(): Promise<void>;
}

export interface LockHolder {
  pid: number;
  /** When it took the lock, ISO 8601. */
  since: string;
}

/**
 * Thrown when a living process holds the lock; the caller knows how to reach it and completes the sentence.
 */
export class LockHeld extends Error {
  constructor(
    readonly file: string,
    readonly holder: LockHolder,
  ) {
    super(`Process ${holder.pid} has held ${file} since ${holder.since}.`);
  }
}

const lockContent = z.object({ pid: z.number().int().positive(), start: z.string(), since: z.string() });

/** Throws LockHeld. Says so when it takes over the lock of a dead process. */
export async function takeLock(stateDir: string, say: (line: string) => void): Promise<Lock> {
  await mkdir(stateDir, { recursive: true });
  const file = join(stateDir, 'lock');
  const mine = JSON.stringify({
    pid: process.pid,
    start: await processStart(process.pid),
    since: new Date().toISOString(),
  });
  for (;;) {
    if (await place(file, mine)) return { release: () => release(file, mine) };
    const text = await readFile(file, 'utf8').catch(() => undefined);
    if (text === undefined) continue; // released just now
    const holder = await livingHolder(text);
    if (holder) throw new LockHeld(file, holder);
    await removeStale(file, text, say);
  }
}

/** By a hard link, which fails when the lock exists, and shows it to nobody before it is written in full. */
async function place(file: string, content: string): Promise<boolean> {
  const draft = `${file}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  await writeFile(draft, content, { mode: 0o600, flush: true });
  try {
    await link(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

async function livingHolder(text: string): Promise<LockHolder | undefined> {
  const parsed = lockContent.safeParse(parseJson(text));
  if (!parsed.success) return undefined;
  const { pid, start, since } = parsed.data;
  return (await processStart(pid)) === start ? { pid, since } : undefined;
}

// Two processes may find the same stale lock. Without a turnstile the slower one would remove the lock that
// the faster one has just placed. A turnstile that its owner left behind by dying inside is opened after 10
// s; passing takes milliseconds.
const TURNSTILE_STALE_MS = 10_000;

async function removeStale(file: string, seen: string, say: (line: string) => void): Promise<void> {
  const turnstile = `${file}.takeover`;
  const entry = await open(turnstile, 'wx').catch(() => undefined);
  if (!entry) {
    const age = Date.now() - ((await stat(turnstile).catch(() => undefined))?.mtimeMs ?? Date.now());
    if (age > TURNSTILE_STALE_MS) await rm(turnstile, { force: true });
    await new Promise(resolve => setTimeout(resolve, 50));
    return;
  }
  try {
    if ((await readFile(file, 'utf8').catch(() => undefined)) !== seen) return;
    say(`The lock ${file} was left by a process that is gone: taking it over.`);
    await rm(file, { force: true });
  } finally {
    await entry.close();
    await rm(turnstile, { force: true });
  }
}

async function release(file: string, mine: string): Promise<void> {
  if ((await readFile(file, 'utf8').catch(() => undefined)) === mine) await rm(file, { force: true });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
