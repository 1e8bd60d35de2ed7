/**
 * What a system may be asked in a time, by everybody together. A worker alone keeps it in its memory; a fleet
 * keeps it in the store (`store/budgets.ts`), so that three workers have one budget between them.
 */

/** A call every so many milliseconds; after a rest so many at once. */
export interface Pace {
  everyMs: number;
  burst: number;
}

/** The budgets of one system. */
export interface Budgets {
  /** Takes so many calls of a budget: milliseconds until they may be sent. They are taken in any case. */
  take(budget: string, pace: Pace, calls: number): Promise<number>;
  /** Nobody calls for so many milliseconds: the system has asked for that. */
  pause(ms: number): Promise<void>;
  /** Milliseconds for which nobody calls. */
  paused(): Promise<number>;
  /**
   * Takes one of the places of a group, for so many milliseconds at most: a worker that dies leaves it free in
   * the end. False where all are taken.
   */
  enter(group: string, places: number, holder: string, ms: number): Promise<boolean>;
  leave(group: string, holder: string): Promise<void>;
}

/** Budgets of this process alone. */
export function localBudgets(now: () => number = Date.now): Budgets {
  const free = new Map<string, number>();
  const groups = new Map<string, Map<string, number>>();
  let until = 0;
  return {
    async take(budget, { everyMs, burst }, calls) {
      const full = Math.max(free.get(budget) ?? 0, now()) + everyMs * calls;
      free.set(budget, full);
      return Math.max(0, full - everyMs * burst - now());
    },
    async pause(ms) {
      until = Math.max(until, now() + ms);
    },
    paused: async () => Math.max(0, until - now()),
    async enter(group, places, holder, ms) {
      const held = groups.get(group) ?? new Map<string, number>();
      groups.set(group, held);
      for (const [one, end] of held) if (end <= now()) held.delete(one);
      if (!held.has(holder) && held.size >= places) return false;
      held.set(holder, now() + ms);
      return true;
    },
    async leave(group, holder) {
      groups.get(group)?.delete(holder);
    },
  };
}
