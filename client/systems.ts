/**
 * The target systems themselves, for commands that look into them (`check`, `items`, or who "bob@example.com"
 * is). The one file of the client that brings connectors.
 */
import { existsSync } from 'node:fs';
import { loadCatalog } from '../connectors/catalog/file.js';
import type { DiscoverRequest, Draft, Tried, TryRequest } from '../connectors/catalog/kind.js';
import { discoverSystem, KINDS, trySystem } from '../connectors/registry.js';
import { Bundle } from '../domain/bundle.js';
import { type Config, catalogPath, connectionOf } from '../runtime/config.js';
import type { Store } from '../store/store.js';
import { type OpenSystems, openSystems } from '../workers/systems.js';

export type { Draft, Tried, TryRequest } from '../connectors/catalog/kind.js';
export type { Connector, PersonQuery } from '../connectors/connector.js';
export type { OpenSystems };

/**
 * Every system of the configuration behind its connector; each is connected to when it is first asked for.
 */
export function connectSystems(
  config: Config,
  env: NodeJS.ProcessEnv,
  budgets: FleetBudgets | undefined,
): OpenSystems {
  return openSystems(config, () => {}, env, KINDS, budgets);
}

/** What each system may be asked in a time, by workers and commands together. */
type FleetBudgets = Store['budgets'];

export type HowToDiscover = Omit<DiscoverRequest, 'catalog' | 'system'>;

/** Looks through a system of the configuration; where its catalog is not written yet, for a first one. */
export async function discoverConfigured(
  config: Config,
  system: string,
  env: NodeJS.ProcessEnv,
  how: HowToDiscover,
): Promise<Draft & { catalog: string | null }> {
  const path = catalogPath(config, system);
  const loaded = existsSync(path) ? await loadCatalog(path, KINDS) : null;
  const connection = connectionOf(config, system, env);
  const draft = await discoverSystem({ ...how, system, loaded }, { connection });
  return { ...draft, catalog: loaded && path };
}

/** The same for a connection that no configuration knows. */
export function discoverAt(url: string, system: string, how: HowToDiscover): Promise<Draft> {
  return discoverSystem(
    { ...how, system, loaded: null },
    { connection: new Bundle(`system "${system}"`, { url }) },
  );
}

/** Tries a part of a system's catalog, without changing anything there. */
export async function tryConfigured(
  config: Config,
  system: string,
  env: NodeJS.ProcessEnv,
  request: TryRequest,
  budgets: FleetBudgets | undefined,
): Promise<Tried> {
  const loaded = await loadCatalog(catalogPath(config, system), KINDS);
  return trySystem(loaded, request, { connection: connectionOf(config, system, env), budgets });
}
