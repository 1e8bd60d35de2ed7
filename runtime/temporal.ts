/** How every process of ours reaches Temporal. */
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';

/** The same converter for the worker, its workflow bundle and every client. */
export const payloadConverterPath = fileURLToPath(new URL('./payload-converter.cjs', import.meta.url));

/**
 * A page of a history may be larger than gRPC takes by itself (4 MiB); a whole history is at most 50 MiB. The
 * SDK raises this, under a name that gRPC does not know.
 */
const ROOM = { 'grpc.max_receive_message_length': 128 * 1024 * 1024 };

/** Throws a sentence when nothing answers at the address. */
export async function connectTemporal(options: { address: string; namespace: string }): Promise<Client> {
  let connection: Connection;
  try {
    connection = await Connection.connect({
      address: options.address,
      connectTimeout: '10s',
      channelArgs: ROOM,
    });
  } catch (error) {
    throw new Error(
      `No Temporal server answers at ${options.address} (${(error as Error).message}). Start one with "handover dev", or name yours in handover.yaml.`,
    );
  }
  return new Client({ connection, namespace: options.namespace, dataConverter: { payloadConverterPath } });
}
