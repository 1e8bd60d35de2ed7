/** One system behind its catalog, and the words that its parts have in common. */
import { HandoverFailure as Failure, type HandoverFailure } from '../../domain/failure.js';
import { own } from '../../domain/own.js';
import type { CatalogFile } from '../catalog/loaded.js';
import { millisecondsOf } from '../duration.js';
import type { CategorySpec, HttpCatalog } from './catalog.js';
import type { Client } from './client.js';
import { verbCategories } from './verbs.js';

export class Target {
  readonly landsWithinMs: number;
  readonly settlesWithinMs: number;
  /** Milliseconds that one write has taken lately: how many fit into an effect follows from it. */
  writeMs = 0;
  /** What was proved of searches and filters, and until when that counts. */
  readonly proved = new Map<string, number>();
  /** The catalog's own, and the verbs that are one each. */
  readonly categories: Readonly<Record<string, CategorySpec>>;

  constructor(
    readonly catalog: HttpCatalog,
    readonly file: CatalogFile,
    readonly client: Client,
  ) {
    this.landsWithinMs = millisecondsOf(catalog.connect.lands_within);
    this.categories = { ...catalog.categories, ...verbCategories(catalog) };
    this.settlesWithinMs = millisecondsOf(catalog.connect.settles_within);
  }

  get system(): string {
    return this.catalog.system;
  }

  category(name: string): CategorySpec {
    const spec = own(this.categories, name);
    if (!spec) throw this.failure('configuration', `the catalog has no category ${name}`);
    return spec;
  }

  /** How many items one effect takes, unless the system is slow. */
  mostAtOnce({ bulk }: Pick<CategorySpec, 'bulk'>): number {
    const { batch } = this.catalog.connect;
    return bulk ? Math.max(bulk.size, batch) : batch;
  }

  failure(kind: HandoverFailure['kind'], says: string): HandoverFailure {
    return new Failure(kind, `${this.system}: ${says}`);
  }
}
