/**
 * What the CLI in a second terminal must know to work with the installation that runs in this one, without
 * any setting: `<state dir>/environment.json`. It holds database passwords, so only its owner can read it. It
 * is removed at the end; one that a killed process left behind names a process that no longer lives, and
 * counts as nothing.
 */
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { processStart } from '../runtime/embedded/processes.js';

const environmentSchema = z.object({
  /** The process that runs it, by id and start. */
  pid: z.number(),
  start: z.string(),
  /** The configuration in use, absolute. */
  config: z.string(),
  /** The connections that it names, and what else a command needs. */
  env: z.record(z.string(), z.string()),
  temporal: z.object({
    address: z.string(),
    namespace: z.string(),
    taskQueue: z.string(),
    uiUrl: z.string().optional(),
  }),
});

export type RunningEnvironment = z.infer<typeof environmentSchema>;

export function environmentFile(stateDir: string): string {
  return join(stateDir, 'environment.json');
}

export async function writeEnvironment(
  stateDir: string,
  values: Omit<RunningEnvironment, 'pid' | 'start'>,
): Promise<void> {
  const draft = `${environmentFile(stateDir)}.${process.pid}`;
  const full: RunningEnvironment = {
    pid: process.pid,
    start: (await processStart(process.pid)) ?? '',
    ...values,
  };
  await writeFile(draft, `${JSON.stringify(full, null, 2)}\n`, { mode: 0o600 });
  await rename(draft, environmentFile(stateDir));
}

export async function removeEnvironment(stateDir: string): Promise<void> {
  await rm(environmentFile(stateDir), { force: true });
}

/** undefined when nothing runs there. */
export async function readEnvironment(stateDir: string): Promise<RunningEnvironment | undefined> {
  const text = await readFile(environmentFile(stateDir), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const parsed = environmentSchema.safeParse(JSON.parse(text));
    if (!parsed.success || (await processStart(parsed.data.pid)) !== parsed.data.start) return undefined;
    return parsed.data;
  } catch {
    return undefined;
  }
}
