/**
 * What runs are doing, shared by everybody who looks: however many clients follow a run, it is looked at
 * twice a second, and not at all while nobody looks. It is asked only when its history has grown: Temporal
 * Cloud bills every question to a run and no look at it.
 */
import type { LiveProgress } from '../client/runs.js';
import type { State } from '../workflows/messages.js';
import type { Behind } from './behind.js';

export interface Seen {
  /** ISO 8601. */
  at: string;
  status: State;
  /** How far the running steps are; null where nothing is running. */
  live: LiveProgress | null;
}

export interface Statuses {
  /** At most a second old. Those who ask at the same moment get the same answer. */
  of(workflowId: string): Promise<Seen>;
}

/** Whoever follows asks as often, so that what is shown is at most a second old. */
const AGE_MS = 500;
const MOST = 500;

/** An answer, and the moment of the run that it is of. */
type Remembered = Seen & { moment: string };

export function statusesOf(
  behind: Pick<Behind, 'status' | 'glance'>,
  now: () => number = Date.now,
): Statuses {
  const seen = new Map<string, { at: number; look: Promise<Remembered> }>();
  const look = async (workflowId: string, before: Promise<Remembered> | undefined): Promise<Remembered> => {
    const { moment, live } = await behind.glance(workflowId);
    const known = await before?.catch(() => undefined);
    const status = known?.moment === moment ? known.status : await behind.status(workflowId);
    const works = status.state === 'executing' || status.state === 'deactivating';
    return { moment, at: new Date(now()).toISOString(), status, live: works ? live : null };
  };
  return {
    of(workflowId) {
      const before = seen.get(workflowId);
      if (before && now() - before.at < AGE_MS) return before.look;
      const one = { at: now(), look: look(workflowId, before?.look) };
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
