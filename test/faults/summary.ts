/**
 * Adds up what series have written, as the tables of README.md: faults by kind, figures, and every seed with a
 * finding.
 *
 *   node --import tsx test/faults/summary.ts <results.jsonl>...
 */
import { readFile } from 'node:fs/promises';
import type { Outcome } from './run-schedule.js';
import type { Schedule } from './schedule.js';

type Line = Partial<Outcome> & { seed: number; schedule: Schedule; error?: string };

const lines: Line[] = [];
for (const file of process.argv.slice(2))
  for (const line of (await readFile(file, 'utf8')).trim().split('\n').filter(Boolean))
    lines.push(JSON.parse(line) as Line);

const counts = new Map<string, { drawn: number; happened: number }>();
for (const line of lines)
  for (const [n, fault] of (line.faults ?? []).entries()) {
    const { kind, ...more } = line.schedule.faults[n]!;
    const name = 'link' in more ? `${kind} ${more.link}` : kind;
    const count = counts.get(name) ?? { drawn: 0, happened: 0 };
    counts.set(name, { drawn: count.drawn + 1, happened: count.happened + (fault.happened ? 1 : 0) });
  }
const sum = (of: (line: Line) => number | undefined): string =>
  lines.reduce((all, line) => all + (of(line) ?? 0), 0).toLocaleString('en');
const held = lines.filter(line => line.findings?.length === 0);
console.log(`| fault | drawn | really happened |\n|---|---|---|`);
for (const [name, { drawn, happened }] of [...counts].sort())
  console.log(`| ${name} | ${drawn} | ${happened} |`);
const cuts = sum(line => line.faults?.reduce((all, fault) => all + Number(fault.seen.cuts ?? 0), 0));
const written = sum(line => Object.values(line.writes ?? {}).reduce((all, n) => all + n, 0));
console.log(`
schedules ${lines.length}, held ${held.length}, store on a server of its own ${lines.filter(line => line.schedule.storeApart).length}
items ${sum(line => line.items)}, moved by us ${sum(line => line.moved)}, batches ${sum(line => line.batches)}
workers killed ${sum(line => line.kills)} of ${sum(line => line.workers)}, COMMIT answers lost ${cuts}
writes of others ${written} acknowledged, ${sum(line => line.unanswered)} unanswered
parked and brought to the end by "retry" ${sum(line => line.parked?.length)}
longest from the last fault healed to the close: ${Math.max(...lines.map(line => line.endedAfterMs ?? 0)) / 1000} s
most memory of a worker: ${Math.max(...lines.map(line => line.peakMemoryMiB ?? 0))} MiB`);
for (const line of lines)
  for (const { invariant, message } of line.findings ?? [
    { invariant: 'no verdict', message: line.error ?? '' },
  ])
    console.log(`seed ${line.seed}: ${invariant} ${message.slice(0, 400)}`);
