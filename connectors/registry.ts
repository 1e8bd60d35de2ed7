/** Which connector speaks to which kind of system. */
import { HandoverFailure } from '../domain/failure.js';
import type { LoadedCatalog } from './catalog-file.js';
import type { Connector } from './connector.js';
import { createPostgresConnector } from './postgres/connector.js';

export interface ConnectOptions {
  /** How to reach the system, secrets included. Never logged. */
  url: string;
  /** Connections to the system at most; batches run two at a time. */
  poolSize?: number;
  log?: (message: string) => void;
}

type Factory = (options: LoadedCatalog & ConnectOptions) => Connector;

const FACTORIES: Record<string, Factory> = { postgres: createPostgresConnector };

/** A connector for a catalog that `loadCatalog` read. Nothing is connected yet; `check()` tries everything. */
export function createConnector(loaded: LoadedCatalog, options: ConnectOptions): Connector {
  const factory = FACTORIES[loaded.catalog.kind];
  if (!factory) {
    throw new HandoverFailure(
      'configuration',
      `${loaded.file.where(['kind'])}: there is no connector of kind ${loaded.catalog.kind}; known are ${Object.keys(FACTORIES).join(', ')}`,
    );
  }
  return factory({ ...loaded, ...options });
}
