/**
 * A kind of system, as the registry holds it: the schema of its catalogs, the rules that no schema can say,
 * and how to speak to it.
 */
import type { z } from 'zod';
import type { Bundle } from '../../domain/bundle.js';
import type { Connector } from '../connector.js';
import type { Words } from './digest.js';
import type { Head } from './head.js';
import type { LoadedCatalog } from './loaded.js';
import type { Report } from './rules.js';

export interface Kind<C extends Head = Head> {
  /**
   * Strict: an unknown key is an error. Made of `headShape`, `categoryShape` and `verbShape`, and what the
   * kind adds.
   */
  schema: z.ZodType<C>;
  /** Reports what is wrong between the parts; the general rules have been asked already. */
  rules(catalog: C, report: Report): void;
  /** Which keys of its own only word or classify, so that changing them voids no approval. */
  words?: Words;
  /** What a connection consists of: the names that the configuration must, and may, give to it. */
  connection: { needs: readonly string[]; may?: readonly string[] };
  /** A connector for one system. Nothing is connected yet. */
  connect(loaded: LoadedCatalog<C>, options: ConnectOptions): Connector;
}

export interface ConnectOptions {
  /** How to reach the system, secrets included. Never logged. */
  connection: Bundle;
  /** Connections to the system at most; two batches, a reader and a switch run at a time. */
  poolSize?: number;
  log?: (message: string) => void;
}

export type Kinds = Readonly<Record<string, Kind>>;

/** The catalogs that these kinds can read. */
export type CatalogOf<K extends Kinds> = K[keyof K] extends { schema: z.ZodType<infer C extends Head> }
  ? C
  : never;
