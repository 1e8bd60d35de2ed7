/**
 * Random numbers that repeat: the same seed gives the same schedule and the same writers, on every machine.
 */
export interface Dice {
  /** 0 <= x < 1 */
  next(): number;
  /** A whole number from `low` to `high`, both included. */
  whole(low: number, high: number): number;
  pick<T>(from: readonly T[]): T;
  chance(probability: number): boolean;
  /** Dice of somebody else's own: how often they throw changes nothing here. */
  fork(name: number): Dice;
}

/** mulberry32. */
export function dice(seed: number): Dice {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const whole = (low: number, high: number): number => low + Math.floor(next() * (high - low + 1));
  return {
    next,
    whole,
    pick: from => from[whole(0, from.length - 1)]!,
    chance: probability => next() < probability,
    fork: name => dice(Math.imul(seed ^ 0x9e3779b9, name * 2 + 1)),
  };
}
