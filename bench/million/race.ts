/**
 * A leaver with a million items in one table, through the whole engine, against the statement typed by hand
 * and against the limit. `node --import tsx bench/million/race.ts [--items N] [--between N] [--rounds N]
 * [--json]`
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { Offboardings } from '../../client/runs.js';
import { readConfig } from '../../runtime/config.js';
import { findTemporalCli } from '../../runtime/embedded/temporal-cli.js';
import { startTemporalServer } from '../../runtime/embedded/temporal-server.js';
import { searchAttributes } from '../../runtime/search-attributes.js';
import { connectTemporal } from '../../runtime/temporal.js';
import { startWorker } from '../../workers/worker.js';
import { bareUpdate, type EngineRun, engine, handWritten } from './contestants.js';
import { buildTemplate, freshCopy, openServer } from './databases.js';

const { values } = parseArgs({
  options: {
    items: { type: 'string', default: '1000000' },
    between: { type: 'string', default: '0' },
    rounds: { type: 'string', default: '3' },
    json: { type: 'boolean' },
  },
});
const items = Number(values.items);
const between = Number(values.between);
const rounds = Number(values.rounds);

Runtime.install({ logger: new DefaultLogger('ERROR'), telemetryOptions: { logging: { filter: 'OFF' } } });
const dir = await mkdtemp(join(tmpdir(), 'handover-bench-'));
const server = await openServer(join(dir, 'postgres'));
const cli = await findTemporalCli({ say: () => {} });
const temporal = await startTemporalServer({
  cli: cli.path,
  headless: true,
  searchAttributes,
  logFile: join(dir, 'temporal.log'),
  say: () => {},
});
try {
  await buildTemplate(server, 'template_items', { items, between });
  const times = { bare: [] as number[], limit: [] as number[], ours: [] as EngineRun[] };
  for (let round = 0; round < rounds; round++) {
    times.bare.push(await bareUpdate(await freshCopy(server, 'bare', 'template_items')));
    times.limit.push(await handWritten(await freshCopy(server, 'hand', 'template_items'), items));
    times.ours.push(await engineRound(round));
    const ours = times.ours.at(-1)!;
    // On standard error: standard output may be read by a program.
    console.error(
      `round ${round + 1}: bare ${s(times.bare.at(-1)!)} limit ${s(times.limit.at(-1)!)} ours ${s(ours.ms)}`,
      JSON.stringify(ours.phases, (_, value) => (typeof value === 'number' ? Math.round(value) : value)),
      JSON.stringify(ours.activities.filter(a => a.ms > 100)),
      ours.events,
      ours.historyBytes,
    );
  }
  const name = between === 0 ? 'million' : 'million-scattered';
  const ours = median(times.ours.map(run => run.ms));
  console.log(
    JSON.stringify({
      name,
      ours_ms: Math.round(ours),
      reference_ms: Math.round(median(times.bare)),
      ratio: ratio(ours, median(times.bare)),
      limit: 1.0,
    }),
  );
  console.log(
    JSON.stringify({
      name: `${name}-limit`,
      ours_ms: Math.round(ours),
      reference_ms: Math.round(median(times.limit)),
      ratio: ratio(ours, median(times.limit)),
      limit: 1.4,
    }),
  );
} finally {
  await temporal.stop();
  await server.stop();
  await rm(dir, { recursive: true, force: true });
}

async function engineRound(round: number): Promise<EngineRun> {
  const url = await freshCopy(server, 'ours', 'template_items');
  await server.ensureDatabase(`store_${round}`);
  const config = readConfig(new URL('./handover.yaml', import.meta.url).pathname);
  config.installation = `bench-${round}`;
  config.temporal = { ...config.temporal, address: temporal.address, taskQueue: config.installation };
  const worker = await startWorker({
    config,
    env: { BENCH_ITEMS_URL: url, HANDOVER_STORE_URL: server.url(`store_${round}`) },
    cacheDir: join(tmpdir(), 'handover-bench-bundles'),
    log: () => {},
  });
  const client = await connectTemporal(config.temporal);
  try {
    return await engine(new Offboardings(client, config.temporal.taskQueue, config.installation), items);
  } finally {
    await worker.stop();
    await client.connection.close();
  }
}

function median(numbers: number[]): number {
  return [...numbers].sort((a, b) => a - b)[numbers.length >> 1]!;
}

function ratio(ours: number, reference: number): number {
  return Math.round((ours / reference) * 100) / 100;
}

function s(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}
