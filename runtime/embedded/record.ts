// The record of an embedded installation, <state dir>/embedded.json: where its servers answer, for the CLI in
// another terminal, and which ports they had, for the next start. Readable by its owner only: it holds the
// database password.

import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { processStart } from './processes.js';

const record = z.object({
  /** The process that runs the installation, by id and start. */
  pid: z.number().int().positive(),
  /** Empty: it was stopped in order. */
  start: z.string(),
  since: z.string(),
  temporal: z.object({ address: z.string(), uiUrl: z.string().optional(), namespace: z.string() }),
  /** Superuser, to the database `postgres`. */
  postgres: z.object({ superuserUrl: z.string() }),
  ports: z.object({ temporal: z.number(), temporalUi: z.number().optional(), postgres: z.number() }),
});

export type EmbeddedRecord = z.infer<typeof record>;

/** A running installation as seen from another process. */
export interface RunningEmbedded extends EmbeddedRecord {
  postgres: EmbeddedRecord['postgres'] & { url(database: string): string };
}

/** undefined when nothing runs there; the file of a stopped or killed installation counts as nothing. */
export async function readEmbedded(stateDir: string): Promise<RunningEmbedded | undefined> {
  const last = await lastRecord(stateDir);
  if (!last || (await processStart(last.pid)) !== last.start) return undefined;
  return {
    ...last,
    postgres: { ...last.postgres, url: database => onDatabase(last.postgres.superuserUrl, database) },
  };
}

/** What was written last, whether it still runs or not. */
export async function lastRecord(stateDir: string): Promise<EmbeddedRecord | undefined> {
  try {
    const parsed = record.safeParse(JSON.parse(await readFile(recordFile(stateDir), 'utf8')));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

export async function writeRecord(
  stateDir: string,
  values: Omit<EmbeddedRecord, 'pid' | 'start' | 'since'>,
): Promise<void> {
  const start = (await processStart(process.pid)) ?? '';
  await write(stateDir, { pid: process.pid, start, since: new Date().toISOString(), ...values });
}

/** Stopped, but its ports are kept for the next start. */
export async function recordStop(stateDir: string): Promise<void> {
  const last = await lastRecord(stateDir);
  if (last?.pid === process.pid) await write(stateDir, { ...last, start: '' });
}

async function write(stateDir: string, full: EmbeddedRecord): Promise<void> {
  const draft = `${recordFile(stateDir)}.${process.pid}`;
  await writeFile(draft, `${JSON.stringify(full, null, 2)}\n`, { mode: 0o600, flush: true });
  await rename(draft, recordFile(stateDir));
}

export function recordFile(stateDir: string): string {
  return join(stateDir, 'embedded.json');
}

function onDatabase(url: string, database: string): string {
  const other = new URL(url);
  other.pathname = `/${database}`;
  return other.href;
}
