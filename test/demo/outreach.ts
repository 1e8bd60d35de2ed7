/** Demo outreach for a test, on a file of its own, with the connections by which the demo's configuration knows it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunningOutreach, startOutreach } from '../../examples/demo/outreach/server.js';

export interface DemoOutreach extends RunningOutreach {
  file: string;
  env: { DEMO_OUTREACH_BASE: string; DEMO_OUTREACH_TOKEN: string };
  /** Ends it as a crash does, and starts it on the same file. */
  again(): Promise<RunningOutreach>;
}

const TOKEN = 'outreach-token-of-a-test';

export async function openOutreach(): Promise<DemoOutreach> {
  const dir = await mkdtemp(join(tmpdir(), 'handover-outreach-'));
  const file = join(dir, 'outreach.jsonl');
  let running = await startOutreach({ file, token: TOKEN });
  return {
    ...running,
    file,
    env: { DEMO_OUTREACH_BASE: running.base, DEMO_OUTREACH_TOKEN: TOKEN },
    async again() {
      await running.close();
      running = await startOutreach({ file, token: TOKEN });
      return running;
    },
    async close() {
      await running.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
