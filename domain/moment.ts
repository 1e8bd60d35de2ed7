/**
 * Moments as people write them: a day, or a day with a time, and where that is. How they are written is judged
 * here; when they are only the rules of a time zone say, which change, so that an activity asks
 * (`activities/moments.ts`) and a plan keeps what it said.
 */
import { z } from 'zod';
import { MESSAGE } from './limits.js';

/** RFC 9557: `2026-03-29T18:00[Europe/Berlin]`, with an offset or without one. */
const DAY = String.raw`(?<day>\d{4}-\d\d-\d\d)`;
const TIME = String.raw`(?<time>(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,9})?)?)`;
const OFFSET = String.raw`(?<offset>Z|[+-][01]\d:[0-5]\d)`;
const ZONE = String.raw`\[(?<zone>[A-Za-z][A-Za-z0-9_+/-]*)\]`;
const WRITTEN = new RegExp(`^${DAY}(?:T${TIME}${OFFSET}?)?(?:${ZONE})?$`);

export interface WrittenMoment {
  /** `2026-03-29` */
  day: string;
  /** `18:00` or `18:00:00`; null = the end of that day. */
  time: string | null;
  /** `Z` or `+01:00`; null = as the zone has it. */
  offset: string | null;
  /** `Europe/Berlin`; null = the installation's own, unless there is an offset. */
  zone: string | null;
}

/** `at`: ISO 8601 in UTC. `says`: as the clocks show it, "2026-03-29 18:00 Europe/Berlin (16:00 UTC)". */
export interface When {
  at: string;
  says: string;
}

/** The parts of a moment; null where it is none. Whether its zone has it is not asked. */
export function momentIn(text: string): WrittenMoment | null {
  const parts = WRITTEN.exec(text)?.groups;
  if (!parts) return null;
  const { day = '', time = null, offset = null, zone = null } = parts;
  return z.iso.date().safeParse(day).success ? { day, time, offset, zone } : null;
}

/** @param word may stand in place of a moment */
function momentOr(word: string | null, how: string) {
  return (
    z
      .string({ error: `write ${how}` })
      .max(100, 'at most 100 characters are allowed')
      .refine(text => text === word || momentIn(text) !== null, { error: `write ${how}` })
      // Beyond these years it would be no moment that a search attribute can hold.
      .refine(text => momentIn(text) === null || isNear(Number(text.slice(0, 4))), {
        error: `a year from ${MESSAGE.firstYear} to ${MESSAGE.lastYear} is allowed`,
      })
  );
}

const HOW =
  'a date like 2026-12-24 (the end of that day), or a moment like 2026-12-24T18:00[Europe/Berlin] ' +
  'or 2026-12-24T18:00:00+01:00';
export const moment = momentOr(null, HOW);
export const momentOrNow = momentOr('now', `${HOW}, or "now"`);

const isNear = (year: number): boolean => year >= MESSAGE.firstYear && year <= MESSAGE.lastYear;
