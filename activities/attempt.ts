/**
 * One attempt at an activity, as Temporal sees it. The one place where an error becomes a Temporal failure:
 * its kind is the failure's type, its patience says whether Temporal tries again. Also keeps long activities
 * visibly alive, so that a dead worker is noticed within seconds, and says when an attempt is to stop.
 */
import {
  ApplicationFailure,
  activityInfo,
  asyncLocalStorage,
  CancelledFailure,
  Context,
} from '@temporalio/activity';
import { type FailureKind, HandoverFailure } from '../domain/failure.js';
import { LeftBehind } from '../store/ledger.js';
import type { Deps } from './deps.js';

/** Errors of our own store while it restarts or is out of reach: Node's and PostgreSQL's codes. */
const PASSING = /^(ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|57P0|08|53|40|55P03|25P03|57014)/;
/** A mistake of ours is not mended by trying, but a deployment may be under way. */
const BUG_PATIENCE_MS = 60_000;
const HEARTBEAT_MS = 3_000;

type Verb = (input: never) => Promise<unknown>;

/** Verbs as Temporal's activities: alive while they work, and their errors as failures. */
export function asActivities<T extends Record<string, Verb>>(verbs: T, patience: Deps['patience']): T {
  return Object.fromEntries(
    Object.entries(verbs).map(([name, verb]) => [
      name,
      async (input: never) => {
        const alive = setInterval(
          () => Context.current().heartbeat(progress.get(Context.current().info.base64TaskToken) ?? null),
          HEARTBEAT_MS,
        );
        try {
          return await verb(input);
        } catch (error) {
          throw failureOf(error, patience);
        } finally {
          clearInterval(alive);
          progress.delete(Context.current().info.base64TaskToken);
        }
      },
    ]),
  ) as T;
}

/** The newest word of each running activity, repeated by its heartbeat. */
const progress = new Map<string, unknown>();

/** Shows progress in the Temporal UI's pending activities and to `handover status --watch`. */
export function showProgress(details: unknown): void {
  const context = Context.current();
  progress.set(context.info.base64TaskToken, details);
  context.heartbeat(details);
}

/**
 * Aborted when this attempt no longer counts (timed out, gone, reset): whatever it still has running is to be
 * broken off. A cancellation by the workflow and a worker's shutdown do not abort: see `stopping`.
 */
export function whenAbandoned(): AbortSignal {
  // A worker that starts asks targets as well, outside any activity: nobody cancels that.
  if (!asyncLocalStorage.getStore()) return NEVER;
  const { cancellationSignal } = Context.current();
  let hard = signals.get(cancellationSignal);
  if (!hard) {
    const controller = new AbortController();
    const pass = (): void => {
      if (!isPolite(cancellationSignal)) controller.abort(cancellationSignal.reason);
    };
    if (cancellationSignal.aborted) pass();
    else cancellationSignal.addEventListener('abort', pass, { once: true });
    hard = controller.signal;
    signals.set(cancellationSignal, hard);
  }
  return hard;
}

/**
 * True when the workflow wants to pause or stop, or the worker shuts down: finish the batch in hand, then
 * answer.
 */
export function stopping(): boolean {
  return Context.current().cancellationSignal.aborted;
}

const NEVER = new AbortController().signal;
const signals = new WeakMap<AbortSignal, AbortSignal>();

function isPolite(cancellation: AbortSignal): boolean {
  const reason = String((cancellation.reason as Error | undefined)?.message ?? cancellation.reason);
  return reason.includes('CANCELLED') || reason.includes('WORKER_SHUTDOWN');
}

function failureOf(error: unknown, patience: Deps['patience']): Error {
  if (error instanceof ApplicationFailure || error instanceof CancelledFailure) return error;
  if (whenAbandoned().aborted) {
    // Operators pause and reset activities: Temporal must see a cancellation, not a failure of the target.
    return new CancelledFailure(
      `The activity was interrupted: ${String(whenAbandoned().reason?.message ?? whenAbandoned().reason)}`,
    );
  }
  // Nobody waits for its answer any more.
  if (error instanceof LeftBehind) return failure('rejected', error.message, true);
  if (error instanceof HandoverFailure) {
    return failure(error.kind, error.message, outOfPatience(error.kind, patience), error.retryAfterMs);
  }
  const code = codeOf(error);
  const message = error instanceof Error ? error.message : String(error);
  if (code && PASSING.test(code))
    return failure(
      'transient',
      `Our own store is out of reach (${code}).`,
      outOfPatience('transient', patience),
    );
  if (/Connection terminated|timeout exceeded when trying to connect/i.test(message)) {
    return failure('transient', 'Our own store closed the connection.', outOfPatience('transient', patience));
  }
  const failed = failure(
    'bug',
    `Handover met something it does not know: ${message}`,
    waited() > BUG_PATIENCE_MS,
  );
  if (error instanceof Error) failed.stack = error.stack ?? '';
  return failed;
}

function failure(
  kind: FailureKind | 'bug',
  message: string,
  final: boolean,
  retryAfterMs?: number,
): ApplicationFailure {
  return ApplicationFailure.create({
    type: kind,
    message,
    nonRetryable: final,
    nextRetryDelay: retryAfterMs,
  });
}

/** True when a failure of this kind is no longer tried again. */
export function outOfPatience(kind: FailureKind, patience: Deps['patience']): boolean {
  return patience[kind] === 0 || waited() > patience[kind];
}

/**
 * When this attempt was scheduled, by Temporal's clock: what a reset takes over from the old run is scheduled
 * by the reset.
 */
export function scheduled(): Date {
  return new Date(activityInfo().currentAttemptScheduledTimestampMs);
}

/** Milliseconds since the activity was first scheduled. */
export function waited(): number {
  return Date.now() - activityInfo().scheduledTimestampMs;
}

function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : undefined;
}
