/**
 * What a figure is: numbers in lines, and where its time goes in words. Every figure lives in a folder of its
 * own and answers with this.
 */

/**
 * One line of output. Times in milliseconds; `more` holds what else was measured and is printed with the
 * line.
 */
export interface Line {
  name: string;
  ours_ms: number;
  reference_ms: number | null;
  /** Ours over the reference; what must not be larger than `limit`. Null where nothing is compared. */
  ratio: number | null;
  limit: number | null;
  [more: string]: string | number | null;
}

export interface Measured {
  lines: Line[];
  /** Where the time goes, and each round's numbers: sentences for people. */
  profile: string[];
}

export interface Effort {
  /** Measurements of each contestant; medians are taken over them. */
  rounds: number;
  /** Small sizes: only to see that everything works. Its numbers mean nothing. */
  quick: boolean;
  /** Progress, a line at a time. */
  say: (line: string) => void;
}

export type Figure = (effort: Effort) => Promise<Measured>;

export function compared(
  name: string,
  ours: number[],
  reference: number[],
  limit: number | null,
  more: object = {},
): Line {
  const [a, b] = [median(ours), median(reference)];
  return {
    name,
    ours_ms: rounded(a),
    reference_ms: rounded(b),
    ratio: Number((a / b).toPrecision(3)),
    limit,
    ...more,
  };
}

/** True when a line misses its limit. */
export function missed({ ratio, limit }: Line): boolean {
  return ratio !== null && limit !== null && ratio > limit;
}

export function median(numbers: readonly number[]): number {
  return quantile(numbers, 0.5);
}

/** The nearest rank, never a number that nobody measured. */
export function quantile(numbers: readonly number[], q: number): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))]!;
}

/** Milliseconds; with fractions where they matter. */
function rounded(ms: number): number {
  return ms < 100 ? Math.round(ms * 100) / 100 : Math.round(ms);
}

export function seconds(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`;
}
