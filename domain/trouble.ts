/** What is tried again and again, as a run shows it. */
import { z } from 'zod';
import { objection } from './door.js';
import { clip } from './mistake.js';

/** Name of the signal by which an activity says that it is tried again. */
export const TROUBLED = 'troubled';

/** Activity → what is the matter, as a sentence. */
export type Troubles = Readonly<Record<string, string>>;

const MINUTE_MS = 60_000;
/** More than there are activities at a time. */
const MOST = 20;

/**
 * After a minute, and each time twice as long has passed. @param before how long it had been tried at the last
 * failure, @param now how long by now; in milliseconds
 */
export function isTimeToTell(before: number, now: number): boolean {
  return doublings(now) > doublings(before);
}

function doublings(ms: number): number {
  return ms < MINUTE_MS ? -1 : Math.floor(Math.log2(ms / MINUTE_MS));
}

const troubled = z.strictObject({
  activity: z.string().max(100),
  attempt: z.int().positive(),
  sentence: z.string(),
});

/** With what an activity said; null = this is nothing that an activity says. */
export function withTold(troubles: Troubles | undefined, given: unknown): Troubles | null {
  const told = objection(given) === null ? troubled.safeParse(given).data : undefined;
  if (!told || told.activity === '__proto__' || Object.keys(troubles ?? {}).length >= MOST) return null;
  const sentence = clip(told.sentence, 500);
  return {
    ...troubles,
    [told.activity]: `"${told.activity}" is tried again and again (attempt ${told.attempt}): ${sentence}`,
  };
}

/** With what is the matter with one activity; null = nothing any more. */
export function withTrouble(
  troubles: Troubles | undefined,
  activity: string,
  sentence: string | null,
): Troubles {
  const others = Object.entries(troubles ?? {}).filter(([name]) => name !== activity);
  return Object.fromEntries(sentence === null ? others : [...others, [activity, clip(sentence, 500)]]);
}

/** What is left of them once the story got on: the trail is written beside it. */
export function gotOn(troubles: Troubles): Troubles {
  return Object.fromEntries(Object.entries(troubles).filter(([activity]) => activity === 'record'));
}
