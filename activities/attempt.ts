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

/** As PostgreSQL numbers what it says. */
const SQLSTATE = /^[0-9A-Z]{5}$/;

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
        const watched = watch(Context.current());
        try {
          return await verb(input);
        } catch (error) {
          throw failureOf(error, patience);
        } finally {
          clearInterval(alive);
          watched.end();
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

/** An attempt that is to stop may finish the batch in hand. One that takes longer than this is broken off. */
const FINISH_MS = 30_000;
/** The same while a worker shuts down, which has waited for it already (`shutdownGraceTime`). */
const FINISH_AT_SHUTDOWN_MS = 5_000;
/**
 * So much of its time before Temporal gives an attempt up it ends by itself: whatever hangs is let go of, and
 * says why, instead of being forgotten while it goes on.
 */
const LAST_PART = 1 / 6;

/**
 * Aborted when whatever this attempt still has running is to be broken off: it no longer counts (timed out,
 * gone, reset), its time is nearly over, or it was asked to stop and no batch has ended for half a minute. A
 * cancellation by the workflow and a worker's shutdown alone do not abort: see `stopping`.
 */
export function whenAbandoned(): AbortSignal {
  // A worker that starts asks targets as well, outside any activity: nobody cancels that.
  if (!asyncLocalStorage.getStore()) return NEVER;
  return watches.get(Context.current().cancellationSignal)?.signal ?? NEVER;
}

interface Watch {
  signal: AbortSignal;
  end(): void;
}

/** Watches over an attempt from its beginning to its end. */
function watch({ cancellationSignal, info }: Context): Watch {
  const controller = new AbortController();
  const timers: NodeJS.Timeout[] = [];
  const abortAfter = (ms: number, reason: Error): void =>
    void timers.push(setTimeout(() => controller.abort(reason), ms));
  const onStop = (): void => {
    const polite = politely(cancellationSignal);
    if (polite === null) controller.abort(cancellationSignal.reason);
    else abortAfter(polite, new BrokenOff());
  };
  if (cancellationSignal.aborted) onStop();
  else cancellationSignal.addEventListener('abort', onStop, { once: true });
  const own = info.startToCloseTimeoutMs * (1 - LAST_PART);
  abortAfter(own, outOfTime(own));
  const made = { signal: controller.signal, end: () => timers.forEach(clearTimeout) };
  watches.set(cancellationSignal, made);
  return made;
}

/** Aborted like `whenAbandoned`, and after `ms` as a failure that passes. For what is not worth more waiting. */
export function within(ms: number): AbortSignal {
  const controller = new AbortController();
  const says = `no answer came within ${ms / 1000} s`;
  setTimeout(() => controller.abort(new HandoverFailure('transient', says)), ms).unref();
  return AbortSignal.any([whenAbandoned(), controller.signal]);
}

/**
 * Was this attempt asked to stop, and did it break off instead of coming to a boundary? Then it answers with
 * what is done: what passes by itself is not tried again by an attempt that is to stop.
 */
export function brokenOff(error: unknown): boolean {
  if (whenAbandoned().aborted) return whenAbandoned().reason instanceof BrokenOff;
  return stopping() && error instanceof HandoverFailure && PASSES.has(error.kind);
}

const PASSES: ReadonlySet<FailureKind> = new Set(['transient', 'throttled', 'locked']);

/**
 * True when the workflow wants to pause or stop, or the worker shuts down: finish the batch in hand, then
 * answer.
 */
export function stopping(): boolean {
  return Context.current().cancellationSignal.aborted || whenAbandoned().aborted;
}

class BrokenOff extends Error {
  constructor() {
    super('It was asked to stop, and what was in hand did not end: it was broken off.');
  }
}

const NEVER = new AbortController().signal;
const watches = new WeakMap<AbortSignal, Watch>();

/** How long an attempt that was asked to stop may take; null = it is to be broken off at once. */
function politely({ reason }: AbortSignal): number | null {
  const says = String((reason as Error | undefined)?.message ?? reason);
  if (says.includes('WORKER_SHUTDOWN')) return FINISH_AT_SHUTDOWN_MS;
  return says.includes('CANCELLED') ? FINISH_MS : null;
}

function outOfTime(ms: number): HandoverFailure {
  const says = `It was not done within ${Math.round(ms / 1000)} s, and was broken off.`;
  return new HandoverFailure('transient', says);
}

function failureOf(error: unknown, patience: Deps['patience']): Error {
  if (error instanceof ApplicationFailure || error instanceof CancelledFailure) return error;
  if (whenAbandoned().aborted && !(whenAbandoned().reason instanceof HandoverFailure)) {
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
  // A database's words may be anybody's data: its code says as much to whoever mends it.
  const said = code && SQLSTATE.test(code) ? `our own store answered with SQLSTATE ${code}` : message;
  const failed = failure(
    'bug',
    `Handover met something it does not know: ${said}`,
    waited() > BUG_PATIENCE_MS,
  );
  if (error instanceof Error && said === message) failed.stack = error.stack ?? '';
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

/** A passing fault is given half a minute where others wait for what comes after this. */
export const OUTAGE_MS = 30_000;

/** True for a failure that is not waited for any longer. @param most milliseconds, where patience is longer */
export function isFinal(error: unknown, patience: Deps['patience'], most: number): error is HandoverFailure {
  return error instanceof HandoverFailure && (outOfPatience(error.kind, patience) || waited() > most);
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
