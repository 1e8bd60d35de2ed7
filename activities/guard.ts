/**
 * The one place where an error becomes a Temporal failure: its kind is the failure's type, its patience says whether Temporal tries
 * again. Also keeps long activities visibly alive, so that a dead worker is noticed within seconds.
 */
import { activityInfo, ApplicationFailure, CancelledFailure, Context } from '@temporalio/activity';
import { type FailureKind, HandoverFailure } from '../domain/failure.js';
import type { Deps } from './deps.js';

/** Errors of our own store while it restarts or is out of reach: Node's and PostgreSQL's codes. */
const PASSING = /^(ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|57P0|08|53|40|55P03|25P03|57014)/;
/** A mistake of ours is not mended by trying, but a deployment may be under way. */
const BUG_PATIENCE_MS = 60_000;
const HEARTBEAT_MS = 3_000;

type Verb = (input: never) => Promise<unknown>;

/** Wraps every activity. `T` keeps its own types. */
export function guarded<T extends Record<string, Verb>>(verbs: T, patience: Deps['patience']): T {
  return Object.fromEntries(
    Object.entries(verbs).map(([name, verb]) => [
      name,
      async (input: never) => {
        const alive = setInterval(() => Context.current().heartbeat(progress.get(Context.current().info.base64TaskToken) ?? null), HEARTBEAT_MS);
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
export function report(details: unknown): void {
  const context = Context.current();
  progress.set(context.info.base64TaskToken, details);
  context.heartbeat(details);
}

/** Aborted when the activity is cancelled, paused, reset, timed out or the worker shuts down. */
export function signal(): AbortSignal {
  return Context.current().cancellationSignal;
}

function failureOf(error: unknown, patience: Deps['patience']): Error {
  if (error instanceof ApplicationFailure || error instanceof CancelledFailure) return error;
  if (signal().aborted) {
    // Operators pause and reset activities, workers shut down: Temporal must see a cancellation, not a failure of the target.
    return new CancelledFailure(`The activity was interrupted: ${String(signal().reason?.message ?? signal().reason)}`);
  }
  if (error instanceof HandoverFailure) return failure(error.kind, error.message, waited() > patience[error.kind], error.retryAfterMs);
  const code = codeOf(error);
  const message = error instanceof Error ? error.message : String(error);
  if (code && PASSING.test(code)) return failure('transient', `Our own store is out of reach (${code}).`, waited() > patience.transient);
  if (/Connection terminated|timeout exceeded when trying to connect/i.test(message)) {
    return failure('transient', 'Our own store closed the connection.', waited() > patience.transient);
  }
  const failed = failure('bug', `Handover met something it does not know: ${message}`, waited() > BUG_PATIENCE_MS);
  if (error instanceof Error) failed.stack = error.stack ?? '';
  return failed;
}

function failure(kind: FailureKind | 'bug', message: string, final: boolean, retryAfterMs?: number): ApplicationFailure {
  return ApplicationFailure.create({ type: kind, message, nonRetryable: final, nextRetryDelay: retryAfterMs });
}

/** Milliseconds since the activity was first scheduled. */
function waited(): number {
  return Date.now() - activityInfo().scheduledTimestampMs;
}

function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : undefined;
}
