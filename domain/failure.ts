/**
 * The closed list of ways in which an effect can fail, each with its own patience and its own person who must
 * act. Connectors translate every outside error into one of these exactly once; activities translate them
 * into Temporal failures. Messages are sentences that name the system, the subject, what was given and what
 * to do next; they carry no secrets, no names and no e-mail addresses, because Temporal shows failure
 * messages in clear even where payloads are encrypted.
 */

export type FailureKind =
  /** The system asks us to slow down. Retried for hours. */
  | 'throttled'
  /** Network, restart, dead connection. Retried for hours. */
  | 'transient'
  /**
   * Another session holds rows we need, or a deadlock. Retried for minutes, then the step fails and names it.
   */
  | 'locked'
  /**
   * The system refuses this effect for good (a check, a trigger, a guard). Not retried: an operator decides.
   */
  | 'rejected'
  /** Our credential is wrong or lacks a right. Not retried: an administrator mends it, then `retry`. */
  | 'credential'
  /**
   * The catalog does not fit the live system (column renamed, table dropped). Not retried: mend the catalog,
   * then `retry`.
   */
  | 'configuration';

/**
 * The most often one failure is retried: milliseconds since the effect was first tried. Zero = not at all.
 */
export const PATIENCE_MS: Record<FailureKind, number> = {
  throttled: 6 * 3_600_000,
  transient: 6 * 3_600_000,
  locked: 5 * 60_000,
  rejected: 0,
  credential: 0,
  configuration: 0,
};

export function isFailureKind(word: string | null | undefined): word is FailureKind {
  return word !== null && word !== undefined && Object.hasOwn(PATIENCE_MS, word);
}

export class HandoverFailure extends Error {
  override readonly name = 'HandoverFailure';
  constructor(
    readonly kind: FailureKind,
    message: string,
    options: {
      cause?: unknown /** Milliseconds after which the system wants to be asked again. */;
      retryAfterMs?: number;
    } = {},
  ) {
    super(message, { cause: options.cause });
    this.retryAfterMs = options.retryAfterMs;
  }
  readonly retryAfterMs: number | undefined;
}
