/** A gateway is killed while decisions are under way: what it answered stands, the rest is sent again. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Started } from '../small-world/drive.js';
import { useSmallWorld } from '../small-world/world.js';
import { useGateway, withGateway } from './front.js';

const small = useSmallWorld({ change: withGateway() });
const front = useGateway(small);
const MAIN = fileURLToPath(new URL('./gateway-process.ts', import.meta.url));
let killed: Awaited<ReturnType<typeof startProcess>>;
beforeAll(async () => {
  killed = await startProcess();
});
afterAll(() => killed?.kill());

async function startProcess(): Promise<{ url: string; kill(): Promise<void> }> {
  const file = join(front.folder, 'config.json');
  writeFileSync(file, JSON.stringify(small.world.config));
  const child: ChildProcess = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), MAIN, file], {
    env: { ...process.env, ...small.world.env },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const gone = new Promise<void>(resolve => child.once('exit', () => resolve()));
  const url = await Promise.race([
    new Promise<string>(resolve => child.once('message', resolve)),
    gone.then(() => Promise.reject(new Error('The gateway ended before it listened.'))),
  ]);
  return {
    url,
    async kill() {
      child.kill('SIGKILL');
      await gone;
    },
  };
}

interface Said {
  status: number;
  verdict: string;
}

test('what it answered is recorded once, and what it did not answer may be sent again', async () => {
  const run = await front.begin();
  const token = front.tokenOf('oscar');
  const decide = async (url: string, key: string, n: number): Promise<Said | null> => {
    const which = n % 2 === 0 ? 'pause' : 'resume';
    const answer = await fetch(`${url}/offboardings/${encodeURIComponent(run.run)}/decisions/${which}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        'idempotency-key': key,
      },
      body: JSON.stringify({ note: key }),
    }).catch(() => null);
    // Not even all of an answer: nobody knows what became of it.
    const said = await answer?.json().catch(() => null);
    return said ? { status: answer!.status, verdict: (said as Said).verdict } : null;
  };
  const keys: string[] = Array.from({ length: 60 }, () => randomUUID());
  const answers = new Map<string, Said>();
  const lost: string[] = [];
  let next = 0;
  const sender = async (): Promise<void> => {
    for (let n = next++; n < keys.length; n = next++) {
      const said = await decide(killed.url, keys[n]!, n);
      if (said) answers.set(keys[n]!, said);
      else lost.push(keys[n]!);
      if (answers.size === 15) await killed.kill();
    }
  };
  await Promise.all(Array.from({ length: 8 }, sender));
  expect(answers.size).toBeGreaterThanOrEqual(15);
  expect(lost.length).toBeGreaterThan(0);

  next = 0;
  const again = async (): Promise<void> => {
    for (let n = next++; n < keys.length; n = next++) {
      const [key, said] = [keys[n]!, await decide(front.gateway.url, keys[n]!, n)];
      expect(said!.verdict, key).toMatch(/^(accepted|refused)$/);
      // Sent again, it is the same decision with the same verdict.
      expect(said, key).toEqual(answers.get(key) ?? said);
      answers.set(key, said!);
    }
  };
  await Promise.all(Array.from({ length: 8 }, again));

  const expected = [...answers].map(([key, { verdict }]) => [key, verdict]).toSorted();
  // An answer stands in the run's history; the trail follows.
  await expect
    .poll(() => recorded(run, keys), { timeout: 20_000 })
    .toSatisfy(all => all.length >= keys.length);
  expect(await recorded(run, keys)).toEqual(expected);
});

/** Which of these the trail has, with their verdicts. */
async function recorded({ offboardingId }: Started, keys: string[]): Promise<string[][]> {
  const { entries } = await small.world.worker.deps.store.audit.read(offboardingId);
  return entries
    .flatMap(({ body }) => {
      const { note } = (body.payload ?? {}) as { note?: string };
      return note && keys.includes(note) ? [[note, body.accepted === true ? 'accepted' : 'refused']] : [];
    })
    .toSorted();
}
