/** How a command ends: a number for scripts, and for people one or two sentences that say what to do next. */
import { isGrpcServiceError, ServiceError, WorkflowNotFoundError } from '@temporalio/client';
import { type FailureKind, HandoverFailure } from '../domain/failure.js';

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

/** A command that cannot go on. The message is shown to people as it is. */
export class Problem extends Error {
  override readonly name = 'Problem';
  constructor(
    readonly exit: ExitCode,
    message: string,
    options: { cause?: unknown } = {},
  ) {
    super(message, options);
  }
}

const EXIT_OF_KIND: Record<FailureKind, ExitCode> = {
  throttled: EXIT.outOfReach,
  transient: EXIT.outOfReach,
  locked: EXIT.outOfReach,
  credential: EXIT.outOfReach,
  rejected: EXIT.refused,
  configuration: EXIT.usage,
};

/** Every error as a problem: the one place where those from outside become sentences. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof HandoverFailure) return new Problem(EXIT_OF_KIND[error.kind], error.message, { cause: error });
  if (error instanceof WorkflowNotFoundError)
    return new Problem(EXIT.notFound, `Temporal knows no such run (any more): ${error.message}.`, { cause: error });
  const grpc = grpcProblem(error);
  if (grpc) return new Problem(grpc.exit, grpc.sentence, { cause: error });
  const store = storeProblem(error);
  if (store) return new Problem(store.exit, store.sentence, { cause: error });
  const message = error instanceof Error ? error.message : String(error);
  return new Problem(EXIT.unexpected, message || 'Something went wrong without saying what.', { cause: error });
}

/** gRPC status codes: https://grpc.io/docs/guides/status-codes */
function grpcProblem(error: unknown): { exit: ExitCode; sentence: string } | null {
  const grpc = isGrpcServiceError(error)
    ? error
    : error instanceof ServiceError && isGrpcServiceError(error.cause)
      ? error.cause
      : null;
  if (!grpc) return null;
  const said = grpc.details || grpc.message;
  switch (Number(grpc.code)) {
    case 3:
      return { exit: EXIT.usage, sentence: `Temporal cannot use that: ${said}.` };
    case 5:
      return { exit: EXIT.notFound, sentence: `Temporal knows no such thing: ${said}.` };
    case 7:
    case 16:
      return { exit: EXIT.outOfReach, sentence: `Temporal does not let us in: ${said}. Look at the connection's credentials.` };
    case 1:
    case 4:
    case 9:
      return {
        exit: EXIT.outOfReach,
        sentence: `No answer in time (${said}): perhaps no worker is running. Start one with "handover worker", then ask again.`,
      };
    default:
      return {
        exit: EXIT.outOfReach,
        sentence: `Temporal does not answer (${said}). "handover check" says what is out of reach.`,
      };
  }
}

/** PostgreSQL's SQLSTATEs and Node's connection errors. */
function storeProblem(error: unknown): { exit: ExitCode; sentence: string } | null {
  const { code, message, errors } = error as { code?: unknown; message?: string; errors?: { message: string }[] };
  if (typeof code !== 'string') return null;
  if (code === '42P01' || code === '3F000')
    return {
      exit: EXIT.outOfReach,
      sentence: 'The store has no tables of Handover yet: start a worker once ("handover worker"); it creates them.',
    };
  if (/^(ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOST|57P0|08|53|28|3D)/.test(code)) {
    const said = message || errors?.map(one => one.message).join('; ') || code;
    return {
      exit: EXIT.outOfReach,
      sentence: `A database does not let us in or does not answer (${said}). "handover check" says which one.`,
    };
  }
  return null;
}
