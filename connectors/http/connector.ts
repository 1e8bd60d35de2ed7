/**
 * The connector for systems that speak HTTP, each described by a catalog. This file ties the parts to the port;
 * each part is one idea: address (where we may call), auth, limits, transport and client (calls), outcome (what
 * an answer means), template and pointer (what stands in a call, where in an answer), listing and items (what
 * people hold), people, moves, bulk and batch (effects on items), access, mark, successors, check.
 */

import { localBudgets } from '../catalog/budgets.js';
import { accessOf, byHandOf, commonFacts, isBlockOff } from '../catalog/head.js';
import type { ConnectOptions } from '../catalog/kind.js';
import type { LoadedCatalog } from '../catalog/loaded.js';
import type { Connector, Effects } from '../connector.js';
import { applyAccess, giveAccessBack, readAccess } from './access.js';
import { Boundary } from './address.js';
import { applyBatch, giveBack, readBatch } from './batch.js';
import { type HttpCatalog, isOffGone } from './catalog.js';
import { check } from './check.js';
import { Client } from './client.js';
import { bombs, inventory, keepers, pages, shown } from './items.js';
import { landed } from './mark.js';
import { guards, readAccount, resolveAccounts } from './people.js';
import { ineligible } from './successors.js';
import { Target } from './target.js';
import { shows, undoneIn } from './verbs.js';

export function httpConnector(loaded: LoadedCatalog<HttpCatalog>, options: ConnectOptions): Connector {
  const { catalog, file } = loaded;
  const target = openTarget(loaded, options);
  return {
    system: catalog.system,
    title: catalog.title,
    catalogBody: file.digests.body,
    catalogDigest: file.digests.does,
    wholeCatalogDigest: file.digests.whole,
    categories: Object.entries(target.categories).map(([category, spec]) => ({
      ...commonFacts(category, spec),
      identity: spec.owner.identity,
      ...(spec.account && { ofAccount: true as const }),
      ...(shows(spec.account) && { observed: true as const }),
    })),
    access: accessOf(catalog, 'nobody'),
    offIsGone: isOffGone(catalog),
    blockIsOff: isBlockOff(catalog),
    byHand: byHandOf(catalog),
    undone: undoneIn(catalog),
    resolveAccounts: (sought, pinned, signal) => resolveAccounts(target, sought, pinned, signal),
    readAccount: (account, signal) => readAccount(target, account, signal),
    guards: (accounts, signal) => guards(target, accounts, signal),
    inventoryBy: 'walk',
    inventory: (accounts, categories, signal) => inventory(target, accounts, categories, signal),
    pages: (accounts, category, asked) => pages(target, accounts, category, asked),
    items: (accounts, category, asked, signal) => shown(target, accounts, category, asked, signal),
    search: (accounts, category, search, asked, signal) =>
      shown(target, accounts, category, { ...asked, search }, signal),
    bombs: (accounts, category, asked, signal) => bombs(target, accounts, category, asked, signal),
    keepers: (category, keys, among, signal) => keepers(target, category, keys, among, signal),
    ineligible: (accounts, category, taker, keys, signal) =>
      ineligible(target, accounts, category, taker, keys, signal),
    ...effectsOf(target),
    ...check(target),
    close: () => target.client.close(),
  };
}

export function openTarget(
  { catalog, file }: LoadedCatalog<HttpCatalog>,
  { connection, budgets }: ConnectOptions,
): Target {
  const { hosts, networks } = catalog.connect;
  const boundary = new Boundary(catalog.system, connection.need('base'), { hosts, networks });
  const client = new Client(catalog, boundary, connection, budgets?.(catalog.system) ?? localBudgets());
  return new Target(catalog, file, client);
}

function effectsOf(target: Target): Effects {
  return {
    apply: (work, witness, signal) =>
      work.kind === 'batch'
        ? applyBatch(target, work, witness, signal)
        : applyAccess(target, work, witness, signal),
    async fateOf(work, intent, signal) {
      // What was known beforehand needed no call.
      if (intent.effect) return { kind: 'happened', effect: null, sure: 'read' };
      // It may still be on its way, and reading too early would say that it never arrived.
      if (Date.now() < landed(target, intent)) return { kind: 'under-way' };
      return work.kind === 'batch'
        ? readBatch(target, work, intent, signal)
        : readAccess(target, work, signal);
    },
    restore(undoing, witness, signal) {
      const { work, before, effect } = undoing;
      return work.kind === 'access'
        ? giveAccessBack(target, work, before, effect, witness, signal)
        : giveBack(target, { ...undoing, work }, witness, signal);
    },
  };
}
