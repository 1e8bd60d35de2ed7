/**
 * The systems of a configuration, each behind its connector. A catalog file that was corrected is taken up
 * without a restart.
 */
import { stat } from 'node:fs/promises';
import type { Systems } from '../activities/deps.js';
import { loadCatalog } from '../connectors/catalog/file.js';
import type { ConnectOptions, Kinds } from '../connectors/catalog/kind.js';
import type { Connector } from '../connectors/connector.js';
import { createConnector, KINDS } from '../connectors/registry.js';
import { HandoverFailure } from '../domain/failure.js';
import { own } from '../domain/own.js';
import { type Config, catalogPath, connectionOf, connectionsEach } from '../runtime/config.js';

interface Opened {
  /** Size and time of the file that this connector was made from. */
  version: string;
  connector: Connector;
}

export interface OpenSystems extends Systems {
  close(): Promise<void>;
}

export function openSystems(
  config: Config,
  log: (message: string) => void,
  env: NodeJS.ProcessEnv = process.env,
  kinds: Kinds = KINDS,
  budgets?: ConnectOptions['budgets'],
): OpenSystems {
  const opened = new Map<string, Promise<Opened>>();
  /** Connectors of earlier versions finish what they have begun. */
  const retired: Connector[] = [];

  const open = async (system: string, version: string): Promise<Opened> => {
    const connection = connectionOf(config, system, env);
    const loaded = await loadCatalog(catalogPath(config, system), kinds);
    if (loaded.catalog.system !== system) {
      throw new Error(
        `${catalogPath(config, system)} describes "${loaded.catalog.system}", but ${config.file} uses it for "${system}": the two names must be the same.`,
      );
    }
    const poolSize = connectionsEach(config);
    return { version, connector: createConnector(loaded, { connection, poolSize, log, budgets }, kinds) };
  };

  const get = async (system: string): Promise<Connector> => {
    if (!own(config.systems, system)) {
      throw new HandoverFailure(
        'configuration',
        `There is no system "${system}"; configured are ${Object.keys(config.systems).join(', ')}.`,
      );
    }
    const version = await versionOf(catalogPath(config, system));
    const known = opened.get(system);
    const current = await known?.catch(() => undefined);
    if (current?.version === version) return current.connector;
    // Another caller may have opened the new version while this one was looking.
    if (opened.get(system) !== known) return get(system);
    const opening = open(system, version);
    opened.set(system, opening);
    if (current) retired.push(current.connector);
    try {
      return (await opening).connector;
    } catch (error) {
      if (opened.get(system) === opening) opened.delete(system);
      throw error instanceof HandoverFailure
        ? error
        : new HandoverFailure('configuration', (error as Error).message);
    }
  };

  return {
    names: Object.keys(config.systems),
    directory: config.directory,
    get,
    async close() {
      const current = await Promise.allSettled(opened.values());
      await Promise.allSettled(
        [...retired, ...current.flatMap(one => (one.status === 'fulfilled' ? one.value.connector : []))].map(
          one => one.close(),
        ),
      );
    },
  };
}

/** Every call of every activity asks: whoever asks while somebody is looking gets the same answer. */
const looking = new Map<string, Promise<string>>();

function versionOf(path: string): Promise<string> {
  const known = looking.get(path);
  if (known) return known;
  const look = readVersion(path).finally(() => looking.delete(path));
  looking.set(path, look);
  return look;
}

async function readVersion(path: string): Promise<string> {
  try {
    const { mtimeMs, size } = await stat(path);
    return `${mtimeMs} ${size}`;
  } catch {
    throw new HandoverFailure('configuration', `There is no catalog at ${path}.`);
  }
}
