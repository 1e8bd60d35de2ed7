/** What comes after a run that has closed: a sweep, or a give-back, each under an id of its own. */
import { z } from 'zod';
import { type Behind, unlessForgotten } from './behind.js';

export const AFTER = z
  .array(z.object({ kind: z.enum(['sweep', 'give-back']), run: z.string().describe('Workflow id.') }))
  .describe('What came after the run: each is shown and decided as a run is.');

/** As Temporal knows it: for weeks after the run itself is forgotten there. */
export async function whatFollowed(behind: Behind, offboarding: string): Promise<z.output<typeof AFTER>> {
  const { ids } = behind;
  const may = [
    { kind: 'sweep' as const, run: ids.sweep(offboarding) },
    { kind: 'give-back' as const, run: ids.giveBack(offboarding) },
  ];
  const there = await Promise.all(may.map(({ run }) => behind.glance(run).catch(unlessForgotten)));
  return may.filter((_, n) => there[n] !== null);
}
