/** Lines as a table for people; whatever is over its limit says so. */
import Table from 'cli-table3';
import { type Line, missed, seconds } from './figure.js';

export function table(lines: readonly Line[]): string {
  const drawn = new Table({
    head: ['figure', 'ours', 'reference', 'ratio', 'limit', ''],
    style: { head: [], border: [] },
  });
  for (const line of lines) {
    const { name, ours_ms, reference_ms, ratio, limit, ...more } = line;
    const rest = Object.entries(more).map(([what, value]) => `${what} ${value}`);
    drawn.push([
      name,
      seconds(ours_ms),
      reference_ms === null ? '' : seconds(reference_ms),
      ratio ?? '',
      limit ?? '',
      [missed(line) ? 'OVER ITS LIMIT' : '', ...rest].filter(Boolean).join(', '),
    ]);
  }
  return drawn.toString();
}
