/**
 * The connector for PostgreSQL databases: any schema, described by a catalog. This file ties the parts to the port; each part is
 * one idea: session (connections), live and binding (the catalog against the live schema), keys, inventory, pages, items, people,
 * accounts, statements and change (batches), switches, check, failures.
 */
import type { LoadedCatalog } from '../catalog/file.js';
import type { ConnectOptions } from '../catalog/kind.js';
import type { CategoryFacts, Connector, TransactionFate } from '../connector.js';
import { guards, readAccount, resolveAccount } from './accounts.js';
import type { Catalog } from './catalog.js';
import { change } from './change.js';
import { check } from './check.js';
import { sqlState } from './failures.js';
import { inventory } from './inventory.js';
import { ineligible, items, load, ownedKeys } from './items.js';
import { pages } from './pages.js';
import { findPeople, team } from './people.js';
import { Session } from './session.js';
import { flip } from './switches.js';
import { Target } from './target.js';

/** The connection's `url` is a connection string, password included. Nothing is connected yet; `check()` tries everything. */
export function createPostgresConnector(
  { catalog, file }: LoadedCatalog<Catalog>,
  { connection, poolSize = 6, log = () => {} }: ConnectOptions,
): Connector {
  const session = new Session(catalog, connection.need('url'), poolSize, log);
  const target = new Target(catalog, file, session);
  return {
    system: catalog.system,
    title: catalog.title,
    catalogDigest: file.digests.does,
    wholeCatalogDigest: file.digests.whole,
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
    can: {
      block: catalog.block?.by === 'system',
      deactivate: catalog.deactivate?.by === 'system',
      reactivate: catalog.reactivate?.by === 'system',
    },
    check: signal => check(target, signal),
    findPeople: (query, signal) => findPeople(target, query, signal),
    team: (name, signal) => team(target, name, signal),
    resolveAccount: (person, pinned, signal) => resolveAccount(target, person, pinned, signal),
    readAccount: (account, signal) => readAccount(target, account, signal),
    guards: (account, signal) => guards(target, account, signal),
    inventory: (account, categories, signal) => inventory(target, account, categories, signal),
    pages: (account, category, options) => pages(target, account, category, options),
    items: (account, category, options, signal) => items(target, account, category, options, signal),
    load: (category, takers, signal) => load(target, category, takers, signal),
    ineligible: (account, category, taker, keys, signal) => ineligible(target, account, category, taker, keys, signal),
    change: (request, beforeCommit, signal) => change(target, request, beforeCommit, signal),
    settle: (transaction, signal) => settle(session, transaction, signal),
    ownedBy: (category, keys, owner, signal) => ownedKeys(target, category, keys, owner, signal),
    block: (account, beforeCommit, signal) => flip(target, 'block', account, beforeCommit, signal),
    unblock: (account, beforeCommit, signal) => flip(target, 'unblock', account, beforeCommit, signal),
    deactivate: (account, beforeCommit, signal) => flip(target, 'deactivate', account, beforeCommit, signal),
    reactivate: (account, beforeCommit, signal) => flip(target, 'reactivate', account, beforeCommit, signal),
    close: () => session.close(),
  };
}

const FATES: Record<string, TransactionFate> = { committed: 'committed', aborted: 'aborted', 'in progress': 'in-progress' };

/** `unknown`: so old that the database forgot it, or from another database (restored from a backup, say). */
async function settle(session: Session, transaction: string, signal?: AbortSignal): Promise<TransactionFate> {
  try {
    const rows = await session.transaction({ mode: 'glance', doing: 'settling a transaction', signal }, tx =>
      tx.query<{ fate: string | null }>('SELECT pg_xact_status($1::xid8) AS fate', [transaction]),
    );
    return FATES[rows[0]?.fate ?? ''] ?? 'unknown';
  } catch (error) {
    // 22023: an id that this database has not given out yet. 22P02: no transaction id at all.
    const state = sqlState((error as { cause?: unknown } | null)?.cause);
    if (state?.startsWith('22')) return 'unknown';
    throw error;
  }
}
