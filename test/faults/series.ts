/**
 * Runs random schedules by hand, many of them, and writes one JSON line per schedule. Seeds that stand in the
 * file already are left out, so that a series can be broken off and taken up again.
 *
 *   node --import tsx test/faults/series.ts <results.jsonl> <first seed> <how many>
 */
import { appendFile, readFile } from 'node:fs/promises';
import { runSchedule } from './run-schedule.js';
import { describe, drawSchedule } from './schedule.js';
import { startFaultServers } from './servers.js';

const [file, first, count] = process.argv.slice(2);
if (!file || !(Number(first) > 0) || !(Number(count) > 0)) {
  console.error('usage: node --import tsx test/faults/series.ts <results.jsonl> <first seed> <how many>');
  process.exit(2);
}
const lines = (await readFile(file, 'utf8').catch(() => '')).trim().split('\n').filter(Boolean);
const done = new Set(lines.map(line => (JSON.parse(line) as { seed: number }).seed));
const seeds = Array.from({ length: Number(count) }, (_, n) => Number(first) + n).filter(
  seed => !done.has(seed),
);
let failed = 0;
const servers = await startFaultServers();
for (const seed of seeds) {
  const schedule = drawSchedule(seed);
  const outcome = await runSchedule(schedule, { servers }).catch((error: Error) => ({
    seed,
    error: error.message,
  }));
  await appendFile(file, `${JSON.stringify({ ...outcome, schedule })}\n`);
  const findings = 'error' in outcome ? [{ invariant: '-', message: outcome.error }] : outcome.findings;
  if (findings.length > 0) failed++;
  console.log(
    `${seed}: ${schedule.faults.map(describe).join(', ')}: ${findings.length === 0 ? 'holds' : `${findings.length} findings`} ${
      'seconds' in outcome ? `in ${outcome.seconds} s` : ''
    }`,
  );
  for (const { invariant, message } of findings.slice(0, 10))
    console.log(`    ${invariant} ${message.slice(0, 3_000)}`);
}
await servers.stop();
process.exit(failed > 0 ? 1 : 0);
