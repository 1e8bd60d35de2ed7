/**
 * How the engine's time and its worker's memory grow with the items of one leaver: from a thousand to a
 * million in one table. Linear means that ten times the items take at most ten times as long; what every run
 * costs, however small, makes the first steps cheaper than that. Each size on fresh copies, with a worker of
 * its own that has done a small offboarding before. A picture of it is drawn by picture.ts.
 */
import { compared, type Effort, type Line, type Measured, median, seconds } from '../harness/figure.js';
import { spentInWords } from '../harness/history.js';
import { withServers } from '../harness/servers.js';
import { buildTemplate } from '../million/databases.js';
import { type BigOwnerRun, bigOwner } from '../million/engine.js';

/** Over exactly linear: what a database's caches and checkpoints may add to ten times the work. */
const LINEAR = 1.25;
/** The worker's memory above its idle one, in MiB, however many items. */
const MEMORY_LIMIT_MB = 200;

export async function growth({ rounds, quick, say }: Effort): Promise<Measured> {
  const sizes = quick ? [100, 1000, 10_000] : [1000, 10_000, 100_000, 1_000_000];
  return withServers(async servers => {
    const lines: Line[] = [];
    const profile: string[] = [];
    let smaller: { items: number; times: number[] } | undefined;
    for (const items of sizes) {
      const template = `template_${items}`;
      await buildTemplate(servers.postgres, template, { items, between: 0 });
      const temporal = await servers.temporal();
      const runs: BigOwnerRun[] = [];
      for (let round = 0; round < rounds; round++) {
        runs.push(await bigOwner(servers, { temporal, name: `growth-${items}-${round}`, template, items }));
        const { ms, memory } = runs.at(-1)!;
        say(
          `${items} items, round ${round + 1}: ${seconds(ms)}, worker ${memory.idle.toFixed(0)} -> ${memory.peak.toFixed(0)} MiB`,
        );
      }
      await temporal.stop();
      const times = runs.map(run => run.ms);
      const linear = smaller?.times.map(ms => (ms / smaller!.items) * items) ?? times;
      lines.push(
        compared(`growth-${items}`, times, linear, LINEAR, {
          items,
          memory_above_idle_mb: Math.round(median(runs.map(({ memory }) => memory.peak - memory.idle))),
        }),
      );
      profile.push(describe(items, runs));
      smaller = { items, times };
      if (items === sizes.at(-1)) lines.push(memoryLine(runs));
    }
    return { lines, profile };
  });
}

/** The highest of all rounds, not the median: a limit on memory is a limit. */
function memoryLine(runs: BigOwnerRun[]): Line {
  const above = Math.max(...runs.map(({ memory }) => memory.peak - memory.idle));
  return {
    name: 'worker-memory',
    ours_ms: Math.round(median(runs.map(run => run.ms))),
    reference_ms: null,
    ratio: Number((above / MEMORY_LIMIT_MB).toPrecision(3)),
    limit: 1,
    above_idle_mb: Math.round(above),
    idle_mb: Math.round(median(runs.map(({ memory }) => memory.idle))),
    limit_mb: MEMORY_LIMIT_MB,
    events: Math.max(...runs.map(({ history }) => history.events?.length ?? 0)),
    history_bytes: Math.max(...runs.map(({ historyBytes }) => historyBytes)),
  };
}

function describe(items: number, runs: BigOwnerRun[]): string {
  const of = (pick: (run: BigOwnerRun) => number): string => seconds(median(runs.map(pick)));
  const used = Object.keys(runs[0]!.used).map(name => `${name} ${of(run => run.used[name]!)}`);
  return (
    `${items} items: plan ${of(run => run.phases.plan)}, hand-over ${of(run => run.phases.handOver)}, ` +
    `proof and close ${of(run => run.phases.close)}; ` +
    `processor time ${used.join(', ')}; ms at work + on the queue: ${spentInWords(
      runs.map(run => run.history),
      5,
    )}.`
  );
}
