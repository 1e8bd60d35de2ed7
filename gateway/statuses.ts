/**
 * What runs are doing, shared by everybody who looks: however many clients follow a run, it is asked once a
 * second, and not at all while nobody looks.
 */
import type { LiveProgress } from '../client/runs.js';
import type { Status } from '../workflows/messages.js';
import type { Behind } from './behind.js';

export interface Seen {
  /** ISO 8601. */
  at: string;
  status: Status;
  /** How far the running steps are; null where nothing is running. */
  live: LiveProgress | null;
}

export interface Statuses {
  /** At most a second old. Those who ask at the same moment get the same answer. */
  of(workflowId: string): Promise<Seen>;
}

const AGE_MS = 1_000;
const MOST = 500;

export function statusesOf(behind: Pick<Behind, 'status' | 'live'>, now: () => number = Date.now): Statuses {
  const seen = new Map<string, { at: number; look: Promise<Seen> }>();
  const look = async (workflowId: string): Promise<Seen> => {
    const status = await behind.status(workflowId);
    const works = status.state === 'executing' || status.state === 'deactivating';
    return { at: new Date(now()).toISOString(), status, live: works ? await behind.live(workflowId) : null };
  };
  return {
    of(workflowId) {
      const before = seen.get(workflowId);
      if (before && now() - before.at < AGE_MS) return before.look;
      const one = { at: now(), look: look(workflowId) };
      seen.delete(workflowId);
      seen.set(workflowId, one);
      if (seen.size > MOST) seen.delete(seen.keys().next().value!);
      one.look.catch(() => {
        if (seen.get(workflowId) === one) seen.delete(workflowId);
      });
      return one.look;
    },
  };
}

/** Forgets nothing that was decided meanwhile: whoever decides looks at what came of it. */
export async function* follow(
  statuses: Statuses,
  workflowId: string,
  signal: AbortSignal,
  everyMs = AGE_MS,
): AsyncGenerator<Seen> {
  let last = '';
  while (!signal.aborted) {
    const seen = await statuses.of(workflowId);
    const now = JSON.stringify([seen.status, seen.live]);
    if (now !== last) yield seen;
    last = now;
    if (seen.status.state === 'closed') return;
    await pause(everyMs, signal);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}
