/**
 * Histories recorded from a real server, one file per path: `<path>.v1.json.gz`. What was recorded must replay with every later
 * version of the workflows; a change that breaks an old history is a decision (`patched`), and gets recordings of its own (`v2`).
 *
 *   npm run record:histories        records all paths anew
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { WorkflowHandle } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';

const FOLDER = fileURLToPath(new URL('./histories/', import.meta.url));
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
export const VERSION = 'v1';

/** True while record.ts runs the paths. */
export const recording = Boolean(process.env.HANDOVER_RECORD);

export interface Recorded {
  path: string;
  workflowId: string;
  history: { events: Record<string, unknown>[] };
}

/** Keeps the history of a closed run, if this is a recording. `secrets` must not occur in it. */
export async function record(
  path: string,
  handle: WorkflowHandle,
  secrets: readonly string[],
): Promise<void> {
  if (!recording) return;
  const text = withoutMachine(historyToJSON(await handle.fetchHistory()));
  for (const secret of secrets)
    if (text.includes(secret)) throw new Error(`The history of "${path}" holds a secret.`);
  mkdirSync(FOLDER, { recursive: true });
  const kept: Recorded = { path, workflowId: handle.workflowId, history: JSON.parse(text) };
  writeFileSync(`${FOLDER}${path}.${VERSION}.json.gz`, gzipSync(JSON.stringify(kept), { level: 9 }));
}

/** Stack traces name folders, identities name hosts: nobody else's machine has them. */
function withoutMachine(text: string): string {
  return text
    .replaceAll(JSON.stringify(ROOT).slice(1, -1), '')
    .replaceAll(new RegExp(`\\d+@${hostname()}`, 'g'), 'recorder')
    .replaceAll(hostname(), 'recorder');
}

export function recorded(): Recorded[] {
  return readdirSync(FOLDER)
    .filter(name => name.endsWith('.json.gz'))
    .sort()
    .map(name => JSON.parse(gunzipSync(readFileSync(`${FOLDER}${name}`)).toString()) as Recorded);
}
