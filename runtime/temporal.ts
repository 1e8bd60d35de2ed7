/** How every process of ours reaches Temporal. */
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';

/** The same converter for the worker, its workflow bundle and every client. */
export const payloadConverterPath = fileURLToPath(new URL('./payload-converter.cjs', import.meta.url));

/** Throws a sentence when nothing answers at the address. */
export async function connectTemporal(options: { address: string; namespace: string }): Promise<Client> {
  let connection: Connection;
  try {
    connection = await Connection.connect({ address: options.address, connectTimeout: '10s' });
  } catch (error) {
    throw new Error(
      `No Temporal server answers at ${options.address} (${(error as Error).message}). Start one with "handover dev", or name yours in handover.yaml.`,
    );
  }
  return new Client({ connection, namespace: options.namespace, dataConverter: { payloadConverterPath } });
}
