/**
 * When what has closed is looked at, how far back, and when a look is late. Whatever has closed is stored,
 * because Temporal deletes closed runs when the namespace's retention ends.
 */

/** How often the schedule starts a look. */
export const LOOK_EVERY_MS = 5 * 60_000;
/** From here on looks are said to be behind: one may be long, and one may have been skipped beside it. */
export const BEHIND_AFTER_MS = 3 * LOOK_EVERY_MS;
/** What is listed follows what happens after a moment, or after hours where an index is rebuilt. */
const LISTED_WITHIN_MS = 24 * 60 * 60_000;

/**
 * A look goes back to here: what closed before was listed when an earlier look began. Null = to the start.
 */
export function lookSince(last: { began: Date } | null): Date | null {
  return last && new Date(last.began.getTime() - LISTED_WITHIN_MS);
}

/** True when a look should have ended since. `first`: since when there could have been one. */
export function isBehind(last: { finished: Date } | null, first: Date, now: Date): boolean {
  return now.getTime() - (last?.finished ?? first).getTime() > BEHIND_AFTER_MS;
}

/** What a look could not do. */
export interface ArchiveFailure {
  workflowId: string;
  /** In a sentence. The next look tries again, unless it says that there is nothing left to try. */
  why: string;
}

/** What a look did. */
export interface ArchiveReport {
  /** How many histories were stored. */
  stored: number;
  /** Workflow ids of the first of them. */
  workflows: string[];
  /** How many things it could not do. */
  failed: number;
  /** The first of them. */
  failures: ArchiveFailure[];
}

export const NOTHING_ARCHIVED: ArchiveReport = { stored: 0, workflows: [], failed: 0, failures: [] };

/** Two parts of one look. Only the first names travel: a history holds thousands of them. */
export function added(one: ArchiveReport, other: ArchiveReport): ArchiveReport {
  return {
    stored: one.stored + other.stored,
    workflows: [...one.workflows, ...other.workflows].slice(0, NAMED),
    failed: one.failed + other.failed,
    failures: [...one.failures, ...other.failures].slice(0, NAMED),
  };
}

const NAMED = 50;
