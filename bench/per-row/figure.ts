/**
 * What people write today: a loop of one awaited UPDATE per row, on one connection, each row committed before
 * the next. The loop runs over the first rows of the same million and is scaled to all of them: every row
 * costs it the same round trip and the same commit. The engine moves the whole million, plan, record and
 * proof included. Both on fresh copies of the same bytes.
 */
import { compared, type Effort, type Measured, seconds } from '../harness/figure.js';
import { withServers } from '../harness/servers.js';
import { rowByRow } from '../million/contestants.js';
import { buildTemplate, freshCopy } from '../million/databases.js';
import { bigOwner } from '../million/engine.js';

/** At least thirty times as fast. */
const LIMIT = 1 / 30;

export async function perRow({ rounds, quick, say }: Effort): Promise<Measured> {
  const items = quick ? 20_000 : 1_000_000;
  const sample = quick ? 1000 : 20_000;
  return withServers(async servers => {
    await buildTemplate(servers.postgres, 'template_items', { items, between: 0 });
    const temporal = await servers.temporal();
    const ours: number[] = [];
    const loop: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const rows = await rowByRow(await freshCopy(servers.postgres, 'loop', 'template_items'), sample);
      loop.push((rows / sample) * items);
      ours.push(
        (await bigOwner(servers, { temporal, name: `per-row-${round}`, template: 'template_items', items }))
          .ms,
      );
      say(
        `round ${round + 1}: ${(rows / sample).toFixed(3)} ms a row by the loop, ${(ours.at(-1)! / items).toFixed(4)} ms by the engine`,
      );
    }
    const line = compared('per-row', ours, loop, Number(LIMIT.toFixed(4)), { items, times_as_fast: 0 });
    line.times_as_fast = Math.round(line.reference_ms! / line.ours_ms);
    return {
      lines: [line],
      profile: [
        `The loop needs ${(line.reference_ms! / items).toFixed(3)} ms a row: a round trip, a commit and its flush to disk ` +
          `each time. It would take ${seconds(line.reference_ms!)} for ${items} rows (measured over ${sample}).`,
      ],
    };
  });
}
