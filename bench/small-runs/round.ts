/** One contestant's part of a round of `small-runs`: what is measured, and what is said about it. */
import { median } from '../harness/figure.js';
import { type History, spentIn } from '../harness/history.js';

export interface Round {
  /** Temporal's own clock: from the first start to the last close. */
  ms: number;
  /** Processor time in milliseconds of PostgreSQL, Temporal's server and the worker. */
  used: Record<string, number>;
  histories: History[];
}

export interface Temporal {
  address: string;
  pid: number;
}

export interface Size {
  leavers: number;
  /** Items of each. */
  items: number;
}

/** Processor time of everything together, per run: one number a round. */
export function perRun(rounds: readonly Round[], runs: number): number[] {
  return rounds.map(({ used }) => Object.values(used).reduce((sum, ms) => sum + ms, 0) / runs);
}

export function describe(who: string, rounds: readonly Round[], runs: number): string {
  const used = Object.keys(rounds[0]!.used).map(
    name => `${name} ${(median(rounds.map(round => round.used[name]!)) / runs).toFixed(0)}`,
  );
  const spent = spentIn(rounds.flatMap(round => round.histories));
  const per = (number: number): string => {
    const each = number / rounds.length / runs;
    return each.toFixed(each < 10 ? 1 : 0);
  };
  const parts = spent.map(one => `${one.name} x${per(one.count)}: ${per(one.worked)} + ${per(one.waited)}`);
  const all = median(perRun(rounds, runs)).toFixed(0);
  return (
    `${who}, per run: processor ms ${used.join(', ')}, in all ${all}; ` +
    `ms at work + on the queue: ${parts.join(', ')}.`
  );
}
