/**
 * How long we wait for a server, by our own clock. PostgreSQL ends a statement itself when its time is over;
 * a server that has accepted our connection and is not heard of any more ends nothing. So every wait has an
 * end on this side as well, after which the socket is cut: whatever was open there is rolled back when the
 * server notices, and what became of a COMMIT is asked over another connection.
 */
import type { Duplex } from 'node:stream';
import type pg from 'pg';

/** To connect, to log in, and to hear who is there: each. */
export const CONNECT_MS = 10_000;
/**
 * How long after statement_timeout an answer is given up: a server that lives has said by then that the
 * statement was cancelled. A large answer may be under way, and a busy machine be late to read it.
 */
export const OVERDUE_MS = 10_000;
/** How long a statement that was asked to end may take until its socket is cut. */
export const CANCEL_GRACE_MS = 5_000;
/** For a connection to close. */
export const CLOSE_MS = 2_000;
/** How long a free connection is waited for. Many runs may share a system's. */
export const LINE_MS = 30_000;

/** Waits for an answer over this connection, and cuts it when the time is over: then `asked` rejects. */
export async function answered<T>(client: pg.ClientBase, ms: number, asked: Promise<T>): Promise<T> {
  let timer = setTimeout(() => {
    // What came in while this process was busy is read first.
    timer = setTimeout(() => cut(client, `no answer within ${Math.ceil(ms / 1000)} s`), 1_000);
  }, ms);
  try {
    return await asked;
  } finally {
    clearTimeout(timer);
  }
}

/** Whatever waits for this connection fails. */
export function cut(client: pg.ClientBase, why: string): void {
  const { stream } = (client as unknown as { connection: { stream: Duplex } }).connection;
  stream.destroy(new Error(`${why}: timeout, the connection was cut`));
}

/** Says goodbye, and does not wait long for an answer. */
export async function hangUp(client: pg.Client): Promise<void> {
  const timer = setTimeout(() => cut(client, 'no goodbye'), CLOSE_MS);
  await client.end().catch(() => {});
  clearTimeout(timer);
}

/** What the work answers, or the signal's reason as soon as it is aborted; the work goes on. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  let onAbort = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
  });
  return Promise.race([work, aborted]).finally(() => signal.removeEventListener('abort', onAbort));
}
