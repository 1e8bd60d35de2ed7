/**
 * What went wrong, for people: one or two sentences that say what to do next, and a kind for whoever must
 * tell it apart.
 */
import { isGrpcServiceError, ServiceError, WorkflowNotFoundError } from '@temporalio/client';
import { type FailureKind, HandoverFailure } from '../domain/failure.js';

/** Why something cannot be done, as far as whoever asked must tell it apart. */
export type ProblemKind =
  /** The command, its values or the configuration cannot be used as they are. */
  | 'usage'
  | 'refused'
  | 'not-found'
  /** Temporal, the store, a system or a worker does not answer; asking again is safe. */
  | 'out-of-reach'
  | 'unexpected';

/** What was asked cannot be done. The message is shown to people as it is. */
export class Problem extends Error {
  override readonly name = 'Problem';
  constructor(
    readonly kind: ProblemKind,
    message: string,
    options: { cause?: unknown } = {},
  ) {
    super(message, options);
  }
}

const OF_FAILURE: Record<FailureKind, ProblemKind> = {
  throttled: 'out-of-reach',
  transient: 'out-of-reach',
  locked: 'out-of-reach',
  credential: 'out-of-reach',
  rejected: 'refused',
  configuration: 'usage',
};

/** Every error as a problem: the one place where those from outside become sentences. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof HandoverFailure)
    return new Problem(OF_FAILURE[error.kind], error.message, { cause: error });
  if (error instanceof WorkflowNotFoundError)
    return new Problem('not-found', `Temporal knows no such run (any more): ${error.message}.`, {
      cause: error,
    });
  const grpc = grpcProblem(error);
  if (grpc) return new Problem(grpc.kind, grpc.sentence, { cause: error });
  const store = storeProblem(error);
  if (store) return new Problem(store.kind, store.sentence, { cause: error });
  const message = error instanceof Error ? error.message : String(error);
  return new Problem('unexpected', message || 'Something went wrong without saying what.', { cause: error });
}

interface Told {
  kind: ProblemKind;
  sentence: string;
}

/** gRPC status codes: https://grpc.io/docs/guides/status-codes */
function grpcProblem(error: unknown): Told | null {
  const grpc = isGrpcServiceError(error)
    ? error
    : error instanceof ServiceError && isGrpcServiceError(error.cause)
      ? error.cause
      : null;
  if (!grpc) return null;
  const said = grpc.details || grpc.message;
  switch (Number(grpc.code)) {
    case 3:
      return { kind: 'usage', sentence: `Temporal cannot use that: ${said}.` };
    case 5:
      return { kind: 'not-found', sentence: `Temporal knows no such thing: ${said}.` };
    case 7:
    case 16:
      return {
        kind: 'out-of-reach',
        sentence: `Temporal does not let us in: ${said}. Look at the connection's credentials.`,
      };
    case 1:
    case 4:
    case 9:
      return {
        kind: 'out-of-reach',
        sentence: `No answer in time (${said}): perhaps no worker is running. Start one with "handover worker", then ask again.`,
      };
    default:
      return {
        kind: 'out-of-reach',
        sentence: `Temporal does not answer (${said}). "handover check" says what is out of reach.`,
      };
  }
}

/** PostgreSQL's SQLSTATEs and Node's connection errors. */
function storeProblem(error: unknown): Told | null {
  const { code, message, errors } = error as {
    code?: unknown;
    message?: string;
    errors?: { message: string }[];
  };
  if (typeof code !== 'string') return null;
  if (code === '42P01' || code === '3F000')
    return {
      kind: 'out-of-reach',
      sentence:
        'The store has no tables of Handover yet: start a worker once ("handover worker"); it creates them.',
    };
  if (code === '42501')
    return { kind: 'out-of-reach', sentence: `A database does not let us do that (${message}).` };
  if (/^(ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOST|57P0|08|53|28|3D)/.test(code)) {
    const said = message || errors?.map(one => one.message).join('; ') || code;
    return {
      kind: 'out-of-reach',
      sentence: `A database does not let us in or does not answer (${said}). "handover check" says which one.`,
    };
  }
  return null;
}
