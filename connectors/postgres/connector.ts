/**
 * The connector for PostgreSQL databases: any schema, described by a catalog. This file ties the parts to the
 * port; each part is one idea: session (connections), live and binding (the catalog against the live schema),
 * keys, inventory, pages, items, people, accounts, statements and change (batches), alongside (what changes
 * together with a row), inside (owners in lists, documents and texts), still-runs (what acts by itself),
 * switches and switch-rows (access), mark and fate (what became of a transaction), restore, check, failures.
 */

import { accessOf, byHandOf, commonFacts } from '../catalog/head.js';
import type { ConnectOptions } from '../catalog/kind.js';
import type { LoadedCatalog } from '../catalog/loaded.js';
import type { CategoryFacts, Connector } from '../connector.js';
import { guards, readAccount, resolveAccounts } from './accounts.js';
import { bombs, keepers } from './bombs.js';
import type { Catalog } from './catalog.js';
import { change } from './change.js';
import { check } from './check.js';
import { DatabaseConsequences } from './consequences.js';
import { DatabaseCoverage } from './coverage.js';
import { doubts } from './doubts.js';
import { fateOf } from './fate.js';
import { inventory } from './inventory.js';
import { groupsNamed, ineligible, items, load } from './items.js';
import { RememberedCheck } from './misfits.js';
import { pages } from './pages.js';
import { findPeople, holders, peopleWith, team } from './people.js';
import { restore } from './restore.js';
import { Session } from './session.js';
import { flip } from './switches.js';
import { Target } from './target.js';

/**
 * The connection's `url` is a connection string, password included. Nothing is connected yet; `check()` tries
 * everything.
 */
export function createPostgresConnector(
  { catalog, file }: LoadedCatalog<Catalog>,
  { connection, poolSize = 6, log = () => {} }: ConnectOptions,
): Connector {
  const session = new Session(catalog, connection.need('url'), poolSize, log);
  const target = new Target(catalog, file, session);
  const coverage = new DatabaseCoverage(target);
  const consequences = new DatabaseConsequences(target);
  const remembered = new RememberedCheck(target);
  return {
    system: catalog.system,
    title: catalog.title,
    catalogBody: file.digests.body,
    catalogDigest: file.digests.does,
    wholeCatalogDigest: file.digests.whole,
    categories: Object.entries(catalog.categories).map(
      ([category, spec]): CategoryFacts => ({
        ...commonFacts(category, spec),
        identity: spec.owner.identity,
        mayBeGroups: spec.groups !== undefined,
      }),
    ),
    // Where the catalog does not say how, somebody does it by hand: everything in a database can be done
    // there somehow.
    access: accessOf(catalog, 'person'),
    byHand: byHandOf(catalog),
    directory: {
      roles: {
        operator: catalog.people.roles?.operator !== undefined,
        approver: catalog.people.roles?.approver !== undefined,
      },
      findPeople: (query, signal) => findPeople(target, query, signal),
      peopleWith: (ids, signal) => peopleWith(target, ids, signal),
      holders: (role, signal) => holders(target, role, signal),
      team: (name, signal) => team(target, name, signal),
    },
    resolveAccounts: (person, pinned, signal) => resolveAccounts(target, person, pinned, signal),
    readAccount: (account, signal) => readAccount(target, account, signal),
    guards: (accounts, signal) => guards(target, accounts, signal),
    inventoryBy: 'snapshot',
    inventory: (accounts, categories, signal) => inventory(target, accounts, categories, signal),
    choosesFirst: true,
    pages: (accounts, category, options) => pages(target, accounts, category, options),
    items: (accounts, category, options, signal) => items(target, accounts, category, options, signal),
    search: (accounts, category, search, options, signal) =>
      items(target, accounts, category, { ...options, search }, signal),
    groups: (category, name, signal) => groupsNamed(target, category, name, signal),
    bombs: (accounts, category, options, signal) => bombs(target, accounts, category, options, signal),
    keepers: (category, keys, _among, signal) => keepers(target, category, keys, signal),
    load: (category, takers, signal) => load(target, category, takers, signal),
    ineligible: (accounts, category, taker, keys, signal) =>
      ineligible(target, accounts, category, taker, keys, signal),
    check: signal => check(target, signal),
    misfits: signal => remembered.misfits(signal),
    doubts: async signal => [...(await doubts(target, signal)), ...(await consequences.doubts(signal))],
    coverage: (accounts, options) => coverage.read(accounts, options),
    foresee: (accounts, works, signal) => consequences.foresee(accounts, works, signal),
    dangers: (accounts, works, signal) => consequences.dangers(accounts, works, signal),
    apply: (work, witness, signal) =>
      work.kind === 'batch' ? change(target, work, witness, signal) : flip(target, work, witness, signal),
    fateOf: (work, intent, signal) => fateOf(target, work, intent, signal),
    restore: (undoing, witness, signal) => restore(target, undoing, witness, signal),
    close: () => session.close(),
  };
}
