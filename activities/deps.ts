/** What activities need from the outside. Wired once, in workers/. */
import type { Client } from '@temporalio/client';
import type { Connector } from '../connectors/connector.js';
import type { FailureKind } from '../domain/failure.js';
import type { Ids } from '../domain/ids.js';
import type { Policy } from '../domain/policy.js';
import type { Principals } from '../domain/principal.js';
import type { StandingRule } from '../domain/rules.js';
import type { StatementKey } from '../domain/statement.js';
import type { Store } from '../store/store.js';

export interface Systems {
  /** All systems of the configuration, the directory included, in its order. */
  names: readonly string[];
  directory: string;
  /**
   * The connector of a system, by its catalog as it is now: a corrected file is taken up without a restart.
   */
  get(system: string): Promise<Connector>;
}

/** What the configuration says about people: who must approve, who takes over, who may decide. */
export interface Rules {
  policy: Policy;
  standing: readonly StandingRule[];
  /** E-mails (lower case) that hold a role, or `directory`: whoever the directory's catalog gives it. */
  roles: { operators: readonly string[] | 'directory'; approvers: readonly string[] | 'directory' };
  /** Whose statements prove who sent a message. */
  statements: readonly StatementKey[];
  /** How Temporal itself proves who sent a signal; null = it does not. */
  principals: Principals | null;
  /** Time zone (IANA) of moments that do not say theirs. */
  zone: string;
}

export interface Deps {
  store: Store;
  /** Ids of this installation, and no other's. */
  ids: Ids;
  systems: Systems;
  /** As the configuration says now: a corrected file is taken up without a restart. */
  rules(): Promise<Rules>;
  /** For the archive, and to ask whether a run is open. */
  temporal: Client;
  /** How long each kind of failure is retried, in milliseconds since the activity was first scheduled. */
  patience: Record<FailureKind, number>;
}

/**
 * The same, with catalogs and rules as they are when they are first asked for: one attempt of an activity has
 * one idea of them, however often it asks.
 */
export function asOfNow(deps: Deps): Deps {
  const connectors = new Map<string, Promise<Connector>>();
  let rules: Promise<Rules> | undefined;
  const { names, directory } = deps.systems;
  const get = (system: string): Promise<Connector> => {
    const known = connectors.get(system) ?? deps.systems.get(system);
    connectors.set(system, known);
    return known;
  };
  return {
    ...deps,
    systems: { names, directory, get },
    rules: () => {
      rules ??= deps.rules();
      return rules;
    },
  };
}
