/**
 * A kind of system, as the registry holds it: the schema of its catalogs, the rules that no schema can say,
 * and how to speak to it.
 */
import type { z } from 'zod';
import type { Bundle } from '../../domain/bundle.js';
import type { Known } from '../../domain/model.js';
import type { Connector } from '../connector.js';
import type { Budgets } from './budgets.js';
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
  /** What else it must name, by what the catalog says. */
  alsoNeeds?(catalog: C): readonly string[];
  /** A connector for one system. Nothing is connected yet. */
  connect(loaded: LoadedCatalog<C>, options: ConnectOptions): Connector;
  /** Looks through a live system for what can hold a person, where this kind can. */
  discover?(request: DiscoverRequest<C>, options: ConnectOptions): Promise<Draft>;
  /** Tries a part of a catalog without changing anything, where this kind can. */
  try?(loaded: LoadedCatalog<C>, request: TryRequest, options: ConnectOptions): Promise<Tried>;
}

export interface TryRequest {
  /** A category, `people`, `self`, or a verb. */
  what: string;
  person?: Known | undefined;
}

/** What was asked, what came, and what was understood; secrets are hidden. */
export interface Tried {
  calls: readonly TriedCall[];
  /** Sentences. */
  understood: readonly string[];
  /** What kept it from going on; null = nothing. */
  problem: string | null;
}

export interface TriedCall {
  method: string;
  url: string;
  headers: Readonly<Record<string, string>>;
  body: string | null;
  /** Null where no answer came. */
  status: number | null;
  answer: string | null;
  /** What the answer was taken for. */
  outcome: string | null;
  /** It would write, and was not sent. */
  unsent?: true;
}

export interface DiscoverRequest<C extends Head = Head> {
  system: string;
  /** What is classified already; null where there is no catalog yet. */
  catalog: C | null;
  /** Where people are, if there is no catalog to say so. */
  people?: string | undefined;
  /** Whose rows are counted. */
  leaver?: string | undefined;
  /** Reads everything, instead of a little of everything. */
  thorough?: boolean | undefined;
  /** Milliseconds after which what was not looked at is said to be open. */
  within?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** What was discovered: as a catalog, or as what one leaves out. */
export interface Draft {
  /** YAML with its evidence as comments; empty where a catalog leaves nothing out. */
  text: string;
  people: string;
  places: readonly FoundPlace[];
  undecided: readonly { place: string; why: string }[];
  tables: number;
  rowsRead: number;
  milliseconds: number;
}

/** One place that can hold a person. */
export interface FoundPlace {
  /** `schema.table.column`. */
  place: string;
  /** Does the catalog speak of it? */
  classified: boolean;
  /** How it was found. */
  layer: string;
  /** Which value of a person stands there. */
  identity: string;
  evidence: readonly string[];
  /** The rule of the database, in words; null where there is none. */
  rule: string | null;
  unique: readonly string[] | null;
  /** An estimate; null = nobody has counted. */
  rows: number | null;
  sampled: number;
  /** Of the sampled values, those that are people; 0 to 1. */
  share: number | null;
  ofLeaver: number | null;
  propose: string;
  because: string;
}

export interface ConnectOptions {
  /** How to reach the system, secrets included. Never logged. */
  connection: Bundle;
  /** Connections to the system at most; two batches, a reader and a switch run at a time. */
  poolSize?: number;
  log?: (message: string) => void;
  /** What the whole fleet may ask a system in a time; each process for itself where it is left out. */
  budgets?: (system: string) => Budgets;
}

export type Kinds = Readonly<Record<string, Kind>>;

/** The catalogs that these kinds can read. */
export type CatalogOf<K extends Kinds> = K[keyof K] extends { schema: z.ZodType<infer C extends Head> }
  ? C
  : never;
