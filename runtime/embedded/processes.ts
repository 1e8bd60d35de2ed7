// What the machine says about a process id: does it live, since when, what does it run, who is its parent. A
// process id alone proves nothing, because ids are used again; together with the start it names one process
// for ever.

import { readFile } from 'node:fs/promises';
import { signalQuietly } from './child.js';
import { run } from './run.js';

export interface ProcessFacts {
  /** Opaque; equal for the same process, different for a later one with the same id. */
  start: string;
  parent: number;
  /** The command line with its arguments. */
  command: string;
}

/** undefined: no such process (or only its remains, a zombie). */
export async function processFacts(pid: number): Promise<ProcessFacts | undefined> {
  return process.platform === 'linux' ? fromProc(pid) : fromPs(pid);
}

/** The start of a living process, to be kept with its id; undefined when it is gone. */
export async function processStart(pid: number): Promise<string | undefined> {
  return (await processFacts(pid))?.start;
}

async function fromProc(pid: number): Promise<ProcessFacts | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    const command = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ').trim();
    // The name in parentheses may hold anything, spaces and parentheses too: the numbers start behind the
    // last one.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
    return { parent: Number(fields[1]), start: fields[19] ?? '', command };
  } catch {
    return undefined;
  }
}

async function fromPs(pid: number): Promise<ProcessFacts | undefined> {
  const columns = await run('ps', ['-ww', '-o', 'stat=,ppid=,lstart=,command=', '-p', String(pid)], {
    timeoutMs: 5000,
  });
  // lstart is always five words: "Sun Nov 22 11:52:03 2026".
  const match = /^\s*(\S+)\s+(\d+)\s+(\S+\s+\S+\s+\d+\s+\S+\s+\d+)\s+(.*)$/m.exec(columns.stdout);
  if (!columns.ok || !match || match[1]!.startsWith('Z')) return undefined;
  return { parent: Number(match[2]), start: match[3]!, command: match[4]! };
}

// A supervisor gives PostgreSQL 13 s at most before SIGKILL; 20 s covers it on a busy machine.
const WAIT_FOR_SUPERVISOR_MS = 20_000;

/**
 * Clears the way for a new server on the files of an old one: waits while the supervisor of a dead owner is
 * still ending it, and ends one that nobody supervises any more. Throws a sentence when its owner lives.
 * @param mark what the old server's command line must contain, such as its data directory; any other process under that id is left alone.
 */
export async function clearOldServer(
  name: string,
  pid: number,
  mark: string,
  signal: NodeJS.Signals,
): Promise<void> {
  const deadline = Date.now() + WAIT_FOR_SUPERVISOR_MS;
  let signalled = false;
  for (;;) {
    const server = await processFacts(pid);
    if (!server?.command.includes(mark)) return;
    const owner = await livingOwner(server.parent);
    if (owner.pid !== undefined) {
      throw new Error(
        `${name} on ${mark} is in use: process ${owner.pid} runs it as process ${pid}. Stop that one first.`,
      );
    }
    if (!owner.supervised && !signalled) {
      signalled = true;
      signalQuietly(pid, signal);
    }
    if (Date.now() > deadline) {
      throw new Error(
        `An older ${name} (process ${pid}) still runs on ${mark} and does not end. End it with: kill -9 ${pid}`,
      );
    }
    await new Promise(resolve => setTimeout(resolve, 50));
  }
}

/** Reads the owner out of the supervisor's order (child.ts): its process id if it lives. */
async function livingOwner(parent: number): Promise<{ supervised: boolean; pid?: number }> {
  const supervisor = await processFacts(parent);
  const match = /supervisor\.mjs .*"owner":(\d+)/.exec(supervisor?.command ?? '');
  if (!match) return { supervised: false };
  const pid = Number(match[1]);
  return (await processFacts(pid)) ? { supervised: true, pid } : { supervised: true };
}
