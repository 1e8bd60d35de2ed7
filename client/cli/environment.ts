/**
 * `<state dir>/environment.json`: which configuration an embedded installation runs with, and the environment variables that its
 * connections are named by. Written by `handover demo` and `handover dev`, read by every other command, so that `handover list`
 * in a second terminal needs no flags. Readable by its owner only: it holds database passwords.
 */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

const environment = z.object({
  /** The configuration file, absolute. */
  config: z.string(),
  /** Name → value, such as DEMO_WORKSPACE_URL. */
  env: z.record(z.string(), z.string()),
});

export type EmbeddedEnvironment = z.infer<typeof environment>;

export async function writeEnvironment(stateDir: string, content: EmbeddedEnvironment): Promise<void> {
  const draft = `${environmentFile(stateDir)}.${process.pid}`;
  await writeFile(draft, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
  await rename(draft, environmentFile(stateDir));
}

/** undefined when there is none, or none that can be read. */
export async function readEnvironment(stateDir: string): Promise<EmbeddedEnvironment | undefined> {
  try {
    const parsed = environment.safeParse(JSON.parse(await readFile(environmentFile(stateDir), 'utf8')));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

export function environmentFile(stateDir: string): string {
  return join(stateDir, 'environment.json');
}
