/** How every process of ours reaches Temporal. */
import { fileURLToPath } from 'node:url';
import { Client, Connection, defaultGrpcRetryOptions, makeGrpcRetryInterceptor } from '@temporalio/client';
import { type Named, type Profile, profileOf } from './profile.js';
import { tlsTrouble } from './tls-trouble.js';

/** The same converter for the worker, its workflow bundle and every client. */
export const payloadConverterPath = fileURLToPath(new URL('./payload-converter.cjs', import.meta.url));

/**
 * A page of a history may be larger than gRPC takes by itself (4 MiB); a whole history is at most 50 MiB. The
 * SDK raises this, under a name that gRPC does not know.
 */
const ROOM = { 'grpc.max_receive_message_length': 128 * 1024 * 1024 };

const RETRY = defaultGrpcRetryOptions();
type GrpcStatus = Parameters<typeof RETRY.retryableDecider>[1];

/** A run that has no room for another update has none in a second either: there is another way to send it. */
function isWorthTrying(attempt: number, error: GrpcStatus): boolean {
  return updatesFull(error) === null && RETRY.retryableDecider(attempt, error);
}

/** Why a run takes no more updates, in Temporal's words; null for every other error. gRPC 8 and 9. */
export function updatesFull(error: unknown): string | null {
  const { cause = error } = error as { cause?: unknown };
  const { code, details } = cause as Partial<GrpcStatus>;
  return [8, 9].includes(Number(code)) && /updates?\b.*limit|limit.*updates?\b/i.test(String(details))
    ? String(details)
    : null;
}

/** Where Temporal is, and how we are let in. */
export interface Place extends Named {
  address: string;
  namespace: string;
}

/** Throws a sentence when nothing answers at the address, or we are not let in. */
export async function connectTemporal(options: Place, env = process.env): Promise<Client> {
  const profile = profileOf(options, env);
  let connection: Connection;
  try {
    connection = await Connection.connect({
      ...profile.options,
      address: options.address,
      connectTimeout: '10s',
      channelArgs: ROOM,
      interceptors: [makeGrpcRetryInterceptor({ ...RETRY, retryableDecider: isWorthTrying })],
    });
  } catch (error) {
    const says =
      refusal(error as Error, options.address, profile.words) ??
      (await silence(error as Error, options.address, profile));
    throw new Error(says, { cause: error });
  }
  return new Client({ connection, namespace: options.namespace, dataConverter: { payloadConverterPath } });
}

/** gRPC's own numbers: https://grpc.io/docs/guides/status-codes */
export const GRPC = {
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  unimplemented: 12,
  unauthenticated: 16,
} as const;

/** What gRPC says, also where that is the cause of what somebody else says; null = nothing of gRPC's. */
export function grpcCode(error: unknown): number | null {
  if (!(error instanceof Error)) return null;
  const { code } = error as { code?: unknown };
  return typeof code === 'number' ? code : grpcCode(error.cause);
}

/** Where somebody answered that we are not let in; null = nobody did. */
function refusal(error: Error, address: string, words: string): string | null {
  const code = grpcCode(error);
  if (code === GRPC.unauthenticated)
    return `Temporal at ${address} does not know who we are (asked with ${words}; ${error.message}). Look at the API key or the certificate of Temporal's environment configuration (docs/deploying.md).`;
  if (code === GRPC.permissionDenied)
    return `Temporal at ${address} does not let us in (asked with ${words}; ${error.message}). Give this API key or certificate the right to the namespace.`;
  return null;
}

async function silence(error: Error, address: string, { options, words }: Profile): Promise<string> {
  const trouble = await tlsTrouble(address, options);
  if (trouble)
    return `Temporal at ${address} cannot be talked to with ${words}: ${trouble}. Look at the TLS settings of Temporal's environment configuration (docs/deploying.md).`;
  return `No Temporal server answers at ${address} (asked with ${words}; ${error.message}). Start one with "handover dev", or name yours in handover.yaml.`;
}
