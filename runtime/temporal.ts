/** How every process of ours reaches Temporal. */
import { fileURLToPath } from 'node:url';
import { Client, Connection, defaultGrpcRetryOptions, makeGrpcRetryInterceptor } from '@temporalio/client';

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

/** Throws a sentence when nothing answers at the address. */
export async function connectTemporal(options: { address: string; namespace: string }): Promise<Client> {
  let connection: Connection;
  try {
    connection = await Connection.connect({
      address: options.address,
      connectTimeout: '10s',
      channelArgs: ROOM,
      interceptors: [makeGrpcRetryInterceptor({ ...RETRY, retryableDecider: isWorthTrying })],
    });
  } catch (error) {
    throw new Error(
      `No Temporal server answers at ${options.address} (${(error as Error).message}). Start one with "handover dev", or name yours in handover.yaml.`,
    );
  }
  return new Client({ connection, namespace: options.namespace, dataConverter: { payloadConverterPath } });
}
