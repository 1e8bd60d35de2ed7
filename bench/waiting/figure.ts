/**
 * What it costs to wait. Offboardings lie for weeks with their plans made, until people decide: memory and
 * processor time of one worker while a thousand of them wait, how long one takes to wake, and what a restart
 * of the worker costs. BENCH_WAITING=10000 waits with more of them.
 */
import { startEngine } from '../harness/engine.js';
import { type Effort, type Measured, median, quantile, seconds } from '../harness/figure.js';
import { processorMs, residentMb, watchMemory } from '../harness/process.js';
import { withServers } from '../harness/servers.js';
import { withClient } from '../million/databases.js';
import { buildTeam, FIRST_LEAVER, leaver, OPERATOR } from '../team/team.js';

const MEMORY_LIMIT_MB = 1024;
/** So many are asked for at a time. */
const AT_ONCE = 25;
const WOKEN = 50;

export async function waiting({ quick, say }: Effort): Promise<Measured> {
  const runs = quick ? 20 : Number(process.env.BENCH_WAITING ?? 1000);
  return withServers(async ({ postgres, temporal: start }) => {
    const env = await buildTeam(postgres, 'waiting', { leavers: runs, items: 120 });
    const temporal = await start();
    const order = {
      address: temporal.address,
      taskQueue: 'waiting',
      config: new URL('../team/handover.yaml', import.meta.url),
      env,
      memoryMb: MEMORY_LIMIT_MB,
    };
    let engine = await startEngine(order);
    const idle = residentMb(engine.worker.pid);
    const filling = watchMemory(engine.worker.pid);
    for (let n = 0; n < runs; n += AT_ONCE) {
      const some = Array.from({ length: Math.min(AT_ONCE, runs - n) }, (_, i) => leaver(n + i + 1));
      await Promise.all(some.map(user => engine.offboardings.request({ user, requestedBy: OPERATOR })));
      await planned(env.HANDOVER_STORE_URL!, n + some.length);
      if (n % 250 === 0)
        say(`${n + some.length} wait, worker ${residentMb(engine.worker.pid).toFixed(0)} MiB`);
    }
    const highest = filling.stop();
    await pause(quick ? 1_000 : 15_000);
    const memory = residentMb(engine.worker.pid);
    const before = processorMs(engine.worker.pid);
    const watched = quick ? 2_000 : 60_000;
    await pause(watched);
    const used = processorMs(engine.worker.pid) - before;

    const wake = async (count: number): Promise<number[]> => {
      const times: number[] = [];
      for (let i = 0; i < count; i++) {
        const run = `${FIRST_LEAVER + 1 + Math.floor((i * runs) / count)}`;
        const since = performance.now();
        const answer = await engine.offboardings.decide(run, i % 2 === 0 ? 'pause' : 'resume', {
          by: OPERATOR,
        });
        if (answer.verdict === 'unknown') throw new Error(`Run ${run} did not answer.`);
        times.push(performance.now() - since);
      }
      return times;
    };
    const woken = await wake(Math.min(WOKEN, runs));
    const peak = Math.max(highest, residentMb(engine.worker.pid));

    await engine.stop();
    const since = performance.now();
    engine = await startEngine(order);
    const [first] = await wake(1);
    const restart = performance.now() - since;
    const after = await wake(Math.min(WOKEN, runs));
    const restarted = residentMb(engine.worker.pid);
    await engine.stop();
    await temporal.stop();
    return {
      lines: [
        {
          name: 'waiting',
          ours_ms: Math.round(median(woken)),
          reference_ms: null,
          ratio: Number((peak / MEMORY_LIMIT_MB).toPrecision(3)),
          limit: 1,
          runs,
          idle_mb: Math.round(idle),
          memory_mb: Math.round(memory),
          peak_mb: Math.round(peak),
          kb_per_run: Math.round(((memory - idle) * 1024) / runs),
          processor_ms_per_run_and_hour: Math.round((used / watched / runs) * 3_600_000),
          wake_p95_ms: Math.round(quantile(woken, 0.95)),
          restart_ms: Math.round(restart),
          wake_after_restart_ms: Math.round(median(after)),
        },
      ],
      profile: [
        `${runs} runs wait: worker ${idle.toFixed(0)} -> ${memory.toFixed(0)} MiB, at most ${peak.toFixed(0)}; ` +
          `one wakes in ${seconds(median(woken))} (95 of 100 within ${seconds(quantile(woken, 0.95))}); ` +
          `a restarted worker answers after ${seconds(restart)}, the run itself in ${seconds(first!)}, ` +
          `and then has ${restarted.toFixed(0)} MiB.`,
      ],
    };
  });
}

const pause = (ms: number): Promise<void> => new Promise(done => setTimeout(done, ms));

/** Resolves when so many runs have a plan. */
async function planned(store: string, runs: number): Promise<void> {
  await withClient(store, async client => {
    const deadline = Date.now() + 120_000;
    for (;;) {
      const { rows } = await client.query('select count(*)::int as n from handover.plans');
      if (rows[0].n >= runs) return;
      if (Date.now() > deadline) throw new Error(`Only ${rows[0].n} of ${runs} runs have a plan.`);
      await pause(100);
    }
  });
}
