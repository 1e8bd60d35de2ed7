/**
 * What the kernel says about a process and its children: memory and processor time. Linux alone tells it this
 * way; elsewhere it is 0.
 */
import { readdirSync, readFileSync } from 'node:fs';

/** Resident memory in MiB. */
export function residentMb(pid: number): number {
  const kb = /^VmRSS:\s+(\d+) kB/m.exec(read(`/proc/${pid}/status`))?.[1];
  return Number(kb ?? 0) / 1024;
}

// USER_HZ is 100 on every Linux that Node runs on.
const MS_PER_TICK = 10;

/** Processor time in milliseconds that a process, its living children and its ended ones have used so far. */
export function processorMs(pid: number): number {
  const children = readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(name => statOf(Number(name)))
    .filter(stat => stat?.parent === pid);
  const own = statOf(pid);
  return (own ? own.self + own.endedChildren : 0) + children.reduce((sum, child) => sum + child!.self, 0);
}

function statOf(pid: number): { parent: number; self: number; endedChildren: number } | null {
  // The second field is the command in brackets and may hold blanks.
  const fields = read(`/proc/${pid}/stat`).split(') ').at(-1)?.split(' ') ?? [];
  if (fields.length < 15) return null;
  const at = (n: number): number => Number(fields[n - 3]);
  return {
    parent: at(4),
    self: (at(14) + at(15)) * MS_PER_TICK,
    endedChildren: (at(16) + at(17)) * MS_PER_TICK,
  };
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** Samples a process's memory until it is stopped. */
export function watchMemory(pid: number): { stop(): number } {
  let peak = residentMb(pid);
  const timer = setInterval(() => {
    peak = Math.max(peak, residentMb(pid));
  }, 20);
  return {
    /** The highest sample, in MiB. */
    stop() {
      clearInterval(timer);
      return peak;
    },
  };
}

/** How much processor time each of these processes uses while something runs. */
export async function whileCounting<T>(
  processes: Record<string, number>,
  work: () => Promise<T>,
): Promise<{ value: T; used: Record<string, number> }> {
  const now = (): Record<string, number> =>
    Object.fromEntries(Object.entries(processes).map(([name, pid]) => [name, processorMs(pid)]));
  const before = now();
  const value = await work();
  const after = now();
  return {
    value,
    used: Object.fromEntries(Object.keys(processes).map(name => [name, after[name]! - before[name]!])),
  };
}
