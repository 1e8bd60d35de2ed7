/**
 * What somebody does by hand in an application, and the system shows when it is done: while a run waits for
 * its acknowledgement, it is looked at now and then, and closes by itself. Values only: `workflows/offboard/
 * watch.ts` waits for the next look.
 */
import { isOver } from './lifecycle.js';
import { deactivateId } from './plan.js';
import type { Policy } from './policy.js';
import { instant } from './request.js';
import { openAcknowledgements, type Run, type Watch } from './run.js';

const MINUTE_MS = 60_000;
/** Whoever does it at once is seen soon, and a wait of weeks fills no history: some six looks a day. */
const FIRST_MINUTES = 1;
const LONGEST_MS = 4 * 60 * MINUTE_MS;
/** Looks in a row that came to nothing, before people are told why. */
const TOLD_AFTER = 3;

/** Open acknowledgements of which the system itself shows when they are done. */
export function watched(run: Run): string[] {
  const { plan } = run;
  if (!plan || isOver(run.state) || run.state === 'preparing') return [];
  const observed = new Set([
    ...plan.steps.filter(step => step.observed).map(({ id }) => id),
    ...plan.systems.filter(one => one.switchOff === 'by-hand').map(({ system }) => deactivateId(system)),
  ]);
  return openAcknowledgements(run).flatMap(({ subject }) => (observed.has(subject) ? subject : []));
}

/** The watch that this run keeps, as it is while the same things are open. @param now ISO 8601 */
export function watchNow(run: Run, now: string): Watch | undefined {
  const subjects = watched(run);
  if (subjects.length === 0) return undefined;
  if (run.watch?.subjects.join() === subjects.join()) return run.watch;
  return { subjects, since: now, looks: 0, failed: 0 };
}

/** When to look next, in milliseconds since the epoch: each time after twice as long. */
export function nextLook({ since, looks }: Watch, policy: Pick<Policy, 'looksAfterMinutes'>): number {
  const first = (policy.looksAfterMinutes ?? FIRST_MINUTES) * MINUTE_MS;
  return instant(since) + Math.min(LONGEST_MS, first * 2 ** looks);
}

/** After a look. @param problem why a system did not answer; null = all did */
export function looked({ subjects, looks, failed }: Watch, now: string, problem: string | null): Watch {
  return { subjects, since: now, looks: looks + 1, failed: problem === null ? 0 : failed + 1 };
}

/** Why nobody can see whether it is done, once that has lasted; null = it can be seen, or this passes. */
export function blindness({ subjects, failed }: Watch, problem: string | null): string | null {
  if (problem === null || failed < TOLD_AFTER) return null;
  return `Whether ${subjects.join(', ')} was done by hand cannot be seen: ${problem} It can be acknowledged all the same.`;
}
