/** A catalog that was read: what it says, and where in its file each part stands. */
import type { Digests } from './digest.js';
import type { Head } from './head.js';

export type KeyPath = readonly (string | number)[];

/** Where a catalog came from: connectors use it to say where a mistake is. */
export interface CatalogFile {
  path: string;
  digests: Digests;
  /** `file:line:column key.path` of the nearest node that exists in the file. */
  where(path: KeyPath): string;
}

export interface LoadedCatalog<C extends Head = Head> {
  catalog: C;
  file: CatalogFile;
}
