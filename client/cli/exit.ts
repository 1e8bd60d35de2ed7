/** How a command ends, as a number for scripts. */
import type { ProblemKind } from '../problem.js';

export const EXIT = {
  done: 0,
  unexpected: 1,
  usage: 2,
  refused: 3,
  notFound: 4,
  waiting: 5,
  outOfReach: 6,
  changed: 7,
  closedOtherwise: 8,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export const EXIT_WORDS: Record<ExitCode, string> = {
  0: 'done',
  1: 'an error nobody expected; --debug shows where',
  2: 'the command, its values or the configuration cannot be used as they are',
  3: 'refused: the decision, or the request (not started, or running already)',
  4: 'no such run, person, category or item',
  5: 'the run waits: for people, because it is parked, or for its date (--watch, --wait)',
  6: 'out of reach: Temporal, the store, a system, or no worker answered; asking again is safe',
  7: 'something is not as it should be: "audit" found a change, or "check" a problem',
  8: 'the run closed without completing: rejected, expired, cancelled, completed-partially, refused',
};

/** The exit code of a command that ended with a problem of this kind. */
export const EXIT_OF: Record<ProblemKind, ExitCode> = {
  usage: EXIT.usage,
  refused: EXIT.refused,
  'not-found': EXIT.notFound,
  'out-of-reach': EXIT.outOfReach,
  unexpected: EXIT.unexpected,
};
