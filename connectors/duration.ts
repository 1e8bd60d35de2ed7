/** Times as a catalog writes them: 500ms, 10s, 15min, 2h. */
const UNITS = { ms: 1, s: 1_000, min: 60_000, h: 3_600_000 } as const;

export const DURATION = /^(\d+)(ms|s|min|h)$/;

export function millisecondsOf(text: string): number {
  const [, count, unit] = DURATION.exec(text) ?? [];
  if (count === undefined) throw new Error(`${text} is no time`);
  return Number(count) * UNITS[unit as keyof typeof UNITS];
}
