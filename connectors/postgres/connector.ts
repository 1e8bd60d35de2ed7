/**
 * The connector for PostgreSQL databases: any schema, described by a catalog. This file ties the parts to the port; each part is
 * one idea: session (connections), live and binding (the catalog against the live schema), keys, inventory, pages, items, people,
 * accounts, statements and change (batches), switches (access), mark and fate (what became of a transaction), restore, check, failures.
 */
import type { LoadedCatalog } from '../catalog-file.js';
import type { By, CategoryFacts, Connector } from '../connector.js';
import { guards, readAccount, resolveAccount } from './accounts.js';
import { change } from './change.js';
import { check } from './check.js';
import { fateOf } from './fate.js';
import { inventory } from './inventory.js';
import { ineligible, items, load } from './items.js';
import { pages } from './pages.js';
import { findPeople, team } from './people.js';
import { restore } from './restore.js';
import { Session } from './session.js';
import { flip } from './switches.js';
import { Target } from './target.js';

export interface PostgresOptions extends LoadedCatalog {
  /** A connection string, password included. Never logged. */
  url: string;
  /** Connections at most; two batches, a reader and a switch run at a time. */
  poolSize?: number;
  log?: (message: string) => void;
}

/** Nothing is connected yet; `check()` tries everything. */
export function createPostgresConnector({ catalog, file, url, poolSize = 6, log = () => {} }: PostgresOptions): Connector {
  const session = new Session(catalog, url, poolSize, log);
  const target = new Target(catalog, file, session);
  return {
    system: catalog.system,
    title: catalog.title,
    catalogDigest: file.digest,
    categories: Object.entries(catalog.categories).map(
      ([category, spec]): CategoryFacts => ({
        category,
        title: spec.title,
        do: spec.do,
        inflow: spec.inflow,
        after: spec.after,
        page: spec.page ?? null,
        attributes: Object.keys(spec.attributes),
        queues: Object.fromEntries(Object.entries(spec.queues).map(([queue, value]) => [queue, String(value)])),
        mayBeUnassigned: spec.unassigned,
        identity: spec.owner.identity,
        reason: spec.reason ?? null,
      }),
    ),
    access: {
      block: byUs(catalog.block),
      unblock: byUs(catalog.unblock),
      deactivate: byUs(catalog.deactivate),
      reactivate: byUs(catalog.reactivate),
    },
    directory: {
      findPeople: (query, signal) => findPeople(target, query, signal),
      team: (name, signal) => team(target, name, signal),
    },
    resolveAccount: (person, pinned, signal) => resolveAccount(target, person, pinned, signal),
    readAccount: (account, signal) => readAccount(target, account, signal),
    guards: (account, signal) => guards(target, account, signal),
    inventoryBy: 'snapshot',
    inventory: (account, categories, signal) => inventory(target, account, categories, signal),
    pages: (account, category, options) => pages(target, account, category, options),
    items: (account, category, options, signal) => items(target, account, category, options, signal),
    search: (account, category, search, options, signal) => items(target, account, category, { ...options, search }, signal),
    load: (category, takers, signal) => load(target, category, takers, signal),
    ineligible: (account, category, taker, keys, signal) => ineligible(target, account, category, taker, keys, signal),
    check: signal => check(target, signal),
    apply: (work, witness, signal) =>
      work.kind === 'batch' ? change(target, work, witness, signal) : flip(target, work, witness, signal),
    fateOf: (work, intent, signal) => fateOf(target, work, intent, signal),
    restore: (undoing, witness, signal) => restore(target, undoing, witness, signal),
    close: () => session.close(),
  };
}

/** Where the catalog does not say how, somebody does it by hand: everything in a database can be done there somehow. */
const byUs = (spec: object | undefined): By => (spec === undefined ? 'person' : 'system');
