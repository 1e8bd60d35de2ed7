/**
 * Two hundred people follow runs, five hundred a second ask for the status of one, and somebody decides: how long
 * a status takes beside what asks nobody anything, how soon everybody who follows a run sees it change, and what
 * memory that takes.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import autocannon from 'autocannon';
import { newToken } from '../../gateway/tokens.js';
import { startEngine } from '../harness/engine.js';
import { compared, type Effort, type Measured, median, quantile, seconds } from '../harness/figure.js';
import { processorMs, residentMb, watchMemory } from '../harness/process.js';
import { withServers } from '../harness/servers.js';
import { APPROVER, buildTeam, leaver, OPERATOR } from '../team/team.js';
import type { GatewayOrder } from './gateway-main.js';

const RUNS = 10;
const STREAMS = 200;
const A_SECOND = 500;
const CONNECTIONS = 20;
/** What gateway/statuses.ts promises. */
const AT_MOST_OLD_MS = 1_000;

export async function gateway({ rounds, quick, say }: Effort): Promise<Measured> {
  const streams = quick ? 20 : STREAMS;
  const forSeconds = quick ? 3 : 30;
  return withServers(async ({ postgres, temporal: start, dir }) => {
    const env = await buildTeam(postgres, 'gateway', { leavers: RUNS, items: 120 });
    const temporal = await start();
    const config = new URL('../team/handover.yaml', import.meta.url);
    const order = { address: temporal.address, taskQueue: 'gateway' };
    const engine = await startEngine({ ...order, config, env });
    const { approver, operator, tokens } = tokensIn(dir);
    const door = await startGatewayProcess({ ...order, config: config.pathname, tokens }, env);
    try {
      const paths: string[] = [];
      for (let n = 1; n <= RUNS; n++) {
        const answer = await engine.offboardings.request({ user: leaver(n), requestedBy: OPERATOR });
        if (answer.answer !== 'started') throw new Error(`Not started: ${JSON.stringify(answer)}`);
        await engine.offboardings.waitFor(answer.workflowId, ({ state }) => state === 'awaiting-approval', {
          timeoutMs: 120_000,
        });
        paths.push(`/offboardings/${encodeURIComponent(answer.workflowId)}`);
      }
      const idle = residentMb(door.pid);
      const watched = watchMemory(door.pid);
      const followed = await Promise.all(
        Array.from({ length: streams }, (_, n) => follow(door.url, paths[n % RUNS]!, approver)),
      );
      const [health, status, reached]: number[][] = [[], [], []];
      let used = 0;
      for (let round = 1; round <= rounds; round++) {
        health!.push(...(await load(door.url, ['/health'], approver, forSeconds)));
        const before = processorMs(door.pid);
        const asking = load(door.url, paths, approver, forSeconds);
        let isOver = false;
        asking.finally(() => {
          isOver = true;
        });
        for (let n = 0; !isOver; n++) {
          const which = n % RUNS;
          const theirs = followed.filter((_, at) => at % RUNS === which);
          reached!.push(await change(door.url, paths[which]!, operator, theirs));
          await pause(500);
        }
        status!.push(...(await asking));
        used += processorMs(door.pid) - before;
        say(
          `round ${round}: status p99 ${seconds(quantile(status!, 0.99))}, health ${seconds(quantile(health!, 0.99))}`,
        );
      }
      const lost = followed.filter(one => one.ended).length;
      for (const one of followed) one.close();
      if (lost > 0) throw new Error(`${lost} of ${streams} streams ended by themselves.`);
      const memory = watched.stop();
      const asked = { streams, a_second: A_SECOND, asked: status!.length };
      return {
        lines: [
          compared('gateway-status-p50', [median(status!)], [median(health!)], null, asked),
          compared('gateway-status-p99', [quantile(status!, 0.99)], [quantile(health!, 0.99)], null, {
            ...asked,
            idle_mb: Math.round(idle),
            peak_mb: Math.round(memory),
            processor_of_one_core: Number((used / (rounds * forSeconds * 1000)).toPrecision(2)),
          }),
          compared('gateway-change-to-all', [quantile(reached!, 0.95)], [AT_MOST_OLD_MS], 1, {
            changes: reached!.length,
            median_ms: Math.round(median(reached!)),
          }),
        ],
        profile: [
          `${streams} streams, ${A_SECOND} a second for ${forSeconds} s: a status takes ${seconds(median(status!))}, ` +
            `99 of 100 within ${seconds(quantile(status!, 0.99))} (health ${seconds(quantile(health!, 0.99))}).`,
          `A change has reached everybody who follows its run after ${seconds(median(reached!))}, 95 of 100 within ` +
            `${seconds(quantile(reached!, 0.95))} (${reached!.length} changes).`,
          `The gateway has ${idle.toFixed(0)} MiB idle, ${memory.toFixed(0)} at most.`,
        ],
      };
    } finally {
      await door.stop();
      await engine.stop();
    }
  });
}

function tokensIn(dir: string): { approver: string; operator: string; tokens: string } {
  const [approver, operator] = [newToken(), newToken()];
  const tokens = join(dir, 'tokens.yaml');
  writeFileSync(
    tokens,
    `tokens:
  - { name: approver, sha256: ${approver.sha256}, person: ${APPROVER} }
  - { name: operator, sha256: ${operator.sha256}, person: ${OPERATOR} }
`,
  );
  return { approver: approver.token, operator: operator.token, tokens };
}

const MAIN = fileURLToPath(new URL('./gateway-main.ts', import.meta.url));

async function startGatewayProcess(
  order: GatewayOrder,
  env: Record<string, string>,
): Promise<{ url: string; pid: number; stop(): Promise<void> }> {
  const child: ChildProcess = spawn(
    process.execPath,
    ['--import', import.meta.resolve('tsx'), MAIN, JSON.stringify(order)],
    { env: { ...process.env, ...env }, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] },
  );
  const gone = new Promise<number | null>(resolve => child.once('exit', resolve));
  const url = await Promise.race([
    new Promise<string>(resolve => child.once('message', resolve)),
    gone.then(code => Promise.reject(new Error(`The gateway ended with code ${code} before it listened.`))),
  ]);
  return {
    url,
    pid: child.pid!,
    async stop() {
      if (child.exitCode === null) child.disconnect();
      await gone;
    },
  };
}

/** @returns how long each took, in milliseconds. Throws where one is answered with anything but 200. */
async function load(url: string, paths: string[], token: string, duration: number): Promise<number[]> {
  const times: number[] = [];
  const { errors, non2xx } = await new Promise<autocannon.Result>((resolve, reject) => {
    const instance = autocannon(
      {
        url,
        connections: CONNECTIONS,
        overallRate: A_SECOND,
        duration,
        requests: paths.map(path => ({ path, headers: { authorization: `Bearer ${token}` } })),
      },
      (error, result) => (error ? reject(error) : resolve(result)),
    );
    instance.on('response', (_client, _code, _bytes, ms) => times.push(ms));
  });
  if (errors + non2xx > 0) throw new Error(`${non2xx} were refused, ${errors} came to nothing.`);
  return times;
}

interface Followed {
  /** Is it shown as paused, and since when? */
  paused: boolean;
  at: number;
  ended: boolean;
  close(): void;
}

/** Resolves with the first event. */
function follow(url: string, path: string, token: string): Promise<Followed> {
  return new Promise((resolve, reject) => {
    const one: Followed = { paused: false, at: 0, ended: false, close: () => asked.destroy() };
    const asked = get(`${url}${path}/progress`, { headers: { authorization: `Bearer ${token}` } }, answer => {
      let said = '';
      answer.setEncoding('utf8').on('data', piece => {
        said += piece;
        const events = said.split('\n\n');
        said = events.pop()!;
        for (const event of events) {
          const data = /^event: status\ndata: (.*)$/.exec(event)?.[1];
          if (data === undefined) continue;
          const { status } = JSON.parse(data) as { status: { pausedBy: string | null } };
          const paused = status.pausedBy !== null;
          if (paused !== one.paused) Object.assign(one, { paused, at: performance.now() });
          resolve(one);
        }
      });
      answer.on('close', () => {
        one.ended = true;
      });
    }).on('error', reject);
  });
}

/** Pauses the run or lets it go on; how long after the answer the last of these has seen it, in milliseconds. */
async function change(url: string, path: string, token: string, followed: Followed[]): Promise<number> {
  const paused = !followed[0]!.paused;
  const answer = await fetch(`${url}${path}/decisions/${paused ? 'pause' : 'resume'}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: '{}',
  });
  const decided = performance.now();
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  const deadline = decided + 30_000;
  while (followed.some(one => one.paused !== paused)) {
    if (performance.now() > deadline) throw new Error('A stream did not show a change within 30 seconds.');
    await pause(5);
  }
  return Math.max(0, ...followed.map(({ at }) => at - decided));
}

const pause = (ms: number): Promise<void> => new Promise(done => setTimeout(done, ms));
