/**
 * The limits that a run lives within, as numbers, in one place: those of Temporal and gRPC as servers ship
 * with them, and ours, which keep away from them.
 */

const KIB = 1_024;
const MIB = 1_024 * KIB;

/**
 * What a server enforces. What goes beyond ends a run, fails one of its tasks again and again, or is refused
 * (https://docs.temporal.io/self-hosted-guide/defaults).
 */
export const TEMPORAL = {
  /** Bytes of one payload; a workflow task that makes a larger one fails. */
  payload: 2 * MIB,
  /** Events, and bytes, of one execution's history: beyond them the server terminates it. */
  events: 51_200,
  history: 50 * MIB,
  /** Signals and updates that one execution takes; further ones are refused to their senders. */
  signals: 10_000,
  updates: 2_000,
  updatesInFlight: 10,
  /** Bytes of a Keyword; a longer one terminates the run. */
  keyword: 2_048,
  /** Bytes of what stands beside an activity or a run, as JSON with its encoding's name. */
  summary: 400,
  /** Bytes that are kept of an activity's failure. */
  failure: 4 * KIB,
  /** Bytes of one gRPC message. */
  grpc: 4 * MIB,
} as const;

/** Where an execution goes on in a fresh one, so that what comes until it can do so still fits the old one. */
export const LONG_LIVED = {
  events: 8_000,
  history: 8 * MIB,
  signals: 5_000,
  updates: 1_000,
} as const;

/** What a message or a request may be. */
export const MESSAGE = {
  /** Characters as JSON. A request with 200 overrides is far smaller. */
  characters: 100_000,
  /** Bytes that are decoded at all. */
  bytes: 400_000,
  /** Objects and lists within one another. The deepest that anything here knows is five. */
  depth: 20,
  /** Moments: what can be written with any offset and is still a moment that every part of Temporal knows. */
  firstYear: 2000,
  lastYear: 2199,
} as const;

/** How a flood of messages is dealt with. */
export const FLOOD = {
  /**
   * Letters that are judged before the workflow task ends, and decisions among them: the SDK kills a worker
   * whose workflow computes for 5 s, and the senders of so many are looked up by one activity.
   */
  letters: 500,
  decisions: 100,
  /** Refusals of one hour that are recorded one by one; those beyond are summed up. */
  oneByOne: 250,
  perMs: 3_600_000,
  /** How long a sum is added to before it is recorded. */
  sumForMs: 60_000,
} as const;

/** Bytes of the largest value that a run carries along, asks an activity, or is answered by one. */
export const CARRIED = 1_500 * KIB;
