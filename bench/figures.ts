/**
 * All figures in order, or some of them, with a table at the end.
 *
 *   npm run bench                                   all of them, in about half an hour
 *   npm run bench -- million inventory              some
 *   npm run bench -- --rounds 5 --json small-runs   more rounds; one JSON object per line on standard output, progress on standard error
 *   npm run bench -- --quick                        small sizes: only to see that everything works
 *
 * Exit code 1 when a figure is over its limit, 2 when one could not be measured. --quick never fails for its
 * numbers: they mean nothing.
 */
import { parseArgs } from 'node:util';
import { decisionToDone } from './decision-to-done/figure.js';
import { discoverFigure } from './discover/figure.js';
import { gateway } from './gateway/figure.js';
import { growth } from './growth/figure.js';
import { type Figure, type Line, missed } from './harness/figure.js';
import { table } from './harness/table.js';
import { httpByHand } from './http-by-hand/figure.js';
import { inventoryFigure } from './inventory/figure.js';
import { lookFigure } from './look/figure.js';
import { million, scattered } from './million/figure.js';
import { perRow } from './per-row/figure.js';
import { smallRuns } from './small-runs/figure.js';
import { start } from './start/figure.js';
import { waiting } from './waiting/figure.js';

const FIGURES: Record<string, Figure> = {
  million,
  'million-scattered': scattered,
  'per-row': perRow,
  'small-runs': smallRuns,
  'decision-to-done': decisionToDone,
  inventory: inventoryFigure,
  look: lookFigure,
  discover: discoverFigure,
  growth,
  'http-by-hand': httpByHand,
  waiting,
  gateway,
  start,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const unknown = positionals.filter(name => !FIGURES[name]);
if (unknown.length > 0) {
  console.error(
    `There is no figure called ${unknown.join(', ')}; known are ${Object.keys(FIGURES).join(', ')}.`,
  );
  process.exit(2);
}
const { quick, json } = values;
const rounds = Number(values.rounds ?? (quick ? 1 : 3));
const say = (line: string): void => console.error(line);
const lines: Line[] = [];
let broken = false;
for (const name of positionals.length > 0 ? positionals : Object.keys(FIGURES)) {
  say(`\n${name}`);
  try {
    const measured = await FIGURES[name]!({ rounds, quick, say: line => say(`  ${line}`) });
    for (const line of measured.profile) say(`  ${line}`);
    if (json) for (const line of measured.lines) console.log(JSON.stringify(line));
    lines.push(...measured.lines);
  } catch (error) {
    broken = true;
    say(`  could not be measured: ${(error as Error).stack}`);
  }
}
if (!json) console.log(`\n${table(lines)}`);
process.exit(broken ? 2 : !quick && lines.some(missed) ? 1 : 0);
