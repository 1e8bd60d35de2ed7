/**
 * Policy, standing rules and roles of a configuration. Like a catalog, a file that was changed is taken up
 * without a restart; what a plan was made with stays pinned in it.
 */
import { stat } from 'node:fs/promises';
import type { Rules } from '../activities/deps.js';
import { HandoverFailure } from '../domain/failure.js';
import type { StatementKey } from '../domain/statement.js';
import { type Config, readConfig, statementKeys } from '../runtime/config.js';

/**
 * @param config as it was read when this worker started; of a changed file only what is said here counts
 * @param trusts keys that are believed beside those of the file, whatever becomes of it
 */
export function openRules(config: Config, trusts: readonly StatementKey[] = []): () => Promise<Rules> {
  let known: { version: string; rules: Rules } | null = null;
  return async () => {
    const version = await versionOf(config.file);
    // The first look is at the file that the worker was started with.
    known ??= { version, rules: rulesOf(config, trusts) };
    if (known.version !== version) known = { version, rules: rulesOf(reread(config.file), trusts) };
    return known.rules;
  };
}

function reread(file: string): Config {
  try {
    return readConfig(file);
  } catch (error) {
    throw new HandoverFailure('configuration', (error as Error).message);
  }
}

/** A file that is away for a moment, as while it is replaced, changes nothing: the next look finds it. */
async function versionOf(file: string): Promise<string> {
  try {
    const { mtimeMs, size } = await stat(file);
    return `${mtimeMs} ${size}`;
  } catch {
    throw new HandoverFailure('configuration', `There is no configuration at ${file}.`);
  }
}

function rulesOf(config: Config, trusts: readonly StatementKey[]): Rules {
  const { policy, successors, roles, zone, temporal } = config;
  const { operators, approvers } = roles;
  return {
    policy,
    standing: successors,
    roles: { operators: lowered(operators), approvers: lowered(approvers) },
    statements: [...statementKeys(config), ...trusts],
    principals: temporal.principals ?? null,
    zone,
  };
}

function lowered(people: 'directory' | string[]): 'directory' | string[] {
  return people === 'directory' ? people : people.map(person => person.toLowerCase());
}
