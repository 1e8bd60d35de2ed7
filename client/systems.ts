/**
 * The target systems themselves, for commands that look into them (`check`, `items`, or who "bob@example.com"
 * is). The one file of the client that brings connectors.
 */
import type { Config } from '../runtime/config.js';
import { type OpenSystems, openSystems } from '../workers/systems.js';

export type { Connector, PersonQuery } from '../connectors/connector.js';
export type { OpenSystems };

/**
 * Every system of the configuration behind its connector; each is connected to when it is first asked for.
 */
export function connectSystems(config: Config, env: NodeJS.ProcessEnv): OpenSystems {
  return openSystems(config, () => {}, env);
}
