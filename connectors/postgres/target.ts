/**
 * One target database as the connector's parts share it: session, catalog, and the binding of the two, which
 * is renewed when it is old and whenever PostgreSQL says that a name or type no longer fits.
 */
import { HandoverFailure } from '../../domain/failure.js';
import { own } from '../../domain/own.js';
import type { CatalogFile } from '../catalog/loaded.js';
import { Binder, type BoundCategory, type BoundIdentity, type BoundPeople } from './binding.js';
import type { Catalog } from './catalog.js';
import { schemaMayHaveDrifted } from './failures.js';
import { readSchema } from './live.js';
import { tablesOf } from './rules.js';
import type { Sessions, Transaction } from './session.js';
import { Widths } from './width.js';

/** A schema changes by migrations, not by the minute; errors renew the binding earlier. */
const FRESH_MS = 60_000;

/** The catalog as the live schema had it at one moment: categories and people are bound when asked for. */
export class BoundCatalog {
  readonly #categories = new Map<string, BoundCategory | null>();
  #people: BoundPeople | null | undefined;
  #identities: BoundIdentity[] | undefined;

  constructor(
    readonly binder: Binder,
    readonly readAt: number,
  ) {}

  /** Throws a `configuration` failure that lists what is wrong with this category. */
  category(name: string): BoundCategory {
    const { catalog } = this.binder;
    if (!own(catalog.categories, name)) {
      throw new HandoverFailure(
        'configuration',
        `${catalog.system}: the catalog has no category ${name}; known are ${Object.keys(catalog.categories).join(', ')}`,
      );
    }
    const bound = this.fitting(name);
    if (!bound) throw this.#unfit(`the category ${name}`, ['categories', name]);
    return bound;
  }

  /** The category where it fits the live database, else null: for looks at all of them that go on without. */
  fitting(name: string): BoundCategory | null {
    if (!this.#categories.has(name)) this.#categories.set(name, this.binder.category(name));
    return this.#categories.get(name) ?? null;
  }

  people(): BoundPeople {
    if (this.#people === undefined) this.#people = this.binder.people();
    if (!this.#people) throw this.#unfit('people', ['people']);
    return this.#people;
  }

  identities(): BoundIdentity[] {
    this.#identities ??= this.binder.identities();
    if (this.#identities.length < Object.keys(this.binder.catalog.identities).length)
      throw this.#unfit('identities', ['identities']);
    return this.#identities;
  }

  #unfit(subject: string, path: string[]): HandoverFailure {
    const problems = this.binder.problems.filter(p => path.every((key, i) => p.path[i] === key));
    const lines = [...new Set(problems.map(p => `${p.where}: ${p.message}`))].join('; ');
    return new HandoverFailure(
      'configuration',
      `${this.binder.catalog.system}: ${subject} does not fit the live database: ${lines}`,
    );
  }
}

export class Target {
  #binding: Promise<BoundCatalog> | null = null;
  #readAt = 0;
  readonly widths = new Widths();

  constructor(
    readonly catalog: Catalog,
    readonly file: CatalogFile,
    readonly session: Sessions,
  ) {}

  get system(): string {
    return this.catalog.system;
  }

  /**
   * The same target as it is within an open transaction, uncommitted changes of its own included. A statement
   * that fails takes back what was read since, and no change.
   */
  async within(tx: Transaction): Promise<Target> {
    await tx.query('SAVEPOINT inside');
    const recover = async () => void (await tx.query('ROLLBACK TO SAVEPOINT inside'));
    const inside = new Target(this.catalog, this.file, {
      transaction: (_, work) => work({ ...tx, recover }),
    });
    inside.#binding = this.#binding;
    inside.#readAt = this.#readAt;
    return inside;
  }

  /** The binding, read anew when it is older than a minute or `fresh` is asked for. */
  async binding(fresh = false, signal?: AbortSignal): Promise<BoundCatalog> {
    if (!fresh && this.#binding && Date.now() - this.#readAt < FRESH_MS) return this.#binding;
    const reading = this.#read(signal);
    this.#binding = reading;
    this.#readAt = Date.now();
    reading.catch(() => {
      if (this.#binding === reading) this.#binding = null;
    });
    return reading;
  }

  async #read(signal?: AbortSignal): Promise<BoundCatalog> {
    const tables = tablesOf(this.catalog).map(t => t.table);
    const schema = await this.session.transaction(
      { mode: 'read', doing: 'reading the live schema', signal },
      tx => readSchema(tx, tables),
    );
    return new BoundCatalog(new Binder(this.catalog, this.file, schema), Date.now());
  }

  /**
   * Runs `work` with the binding at hand. Where PostgreSQL answers that a name or type does not fit, the
   * binding is read anew: the catalog's problem is then said with file and line; where the catalog still
   * fits, the work is done once more with fresh types.
   */
  async bound<T>(signal: AbortSignal | undefined, work: (binding: BoundCatalog) => Promise<T>): Promise<T> {
    const binding = await this.binding(false, signal);
    try {
      return await work(binding);
    } catch (error) {
      if (!(error instanceof HandoverFailure) || !schemaMayHaveDrifted(error.cause)) throw error;
      const fresh = await this.binding(true, signal);
      return work(fresh);
    }
  }
}
