/**
 * The two figures of race.ts, which is a program of its own so that it can be run alone while the engine is
 * being tuned.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Effort, Line, Measured } from '../harness/figure.js';

export function million(effort: Effort): Promise<Measured> {
  return run(effort, 0);
}

/**
 * Four rows of others between two of the leaver's: five million rows, and never two of the leaver's side by
 * side.
 */
export function scattered(effort: Effort): Promise<Measured> {
  return run(effort, 4);
}

async function run({ rounds, quick, say }: Effort, between: number): Promise<Measured> {
  const args = [
    '--items',
    quick ? '20000' : '1000000',
    '--between',
    String(between),
    '--rounds',
    String(rounds),
    '--json',
  ];
  const program = fileURLToPath(new URL('./race.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), program, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines: Line[] = [];
  createInterface({ input: child.stdout }).on('line', line => lines.push(JSON.parse(line) as Line));
  createInterface({ input: child.stderr }).on('line', say);
  const code = await new Promise(done => child.once('close', done));
  if (code !== 0) throw new Error(`bench/million/race.ts ended with code ${code}`);
  return { lines, profile: [] };
}
