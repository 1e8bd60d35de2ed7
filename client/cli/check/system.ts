/** Does the catalog of one system fit what is there? */
import type { Reach } from '../../reach.js';
import type { Connector } from '../../systems.js';
import type { Finding } from './finding.js';

export async function checkSystem(
  reach: Reach,
  system: string,
  connectors: Map<string, Connector>,
): Promise<Finding[]> {
  const connector = await reach.system(system);
  const problems = (await connector.check?.()) ?? [];
  connectors.set(system, connector);
  if (problems.length > 0) {
    return problems.map(problem => ({
      what: system,
      state: 'problem',
      says: `${problem.where}: ${problem.message}`,
      mend: 'Mend the catalog, or the rights of the role it connects as; running workers take a corrected catalog up by themselves.',
    }));
  }
  const doubts = (await connector.doubts?.()) ?? [];
  const lacks = [
    connector.access.block === 'system' ? '' : 'block sign-in',
    connector.access.deactivate === 'system' ? '' : 'switch accounts off',
  ].filter(Boolean);
  return [
    {
      what: system,
      state: 'fine',
      says: `${connector.title}: the catalog fits, ${connector.categories.length} categories`,
    },
    ...doubts.map(
      ({ where, message }): Finding => ({ what: system, state: 'warning', says: `${where}: ${message}.` }),
    ),
    ...lacks.map(
      (verb): Finding => ({
        what: system,
        state: 'warning',
        says: `Its catalog says no way to ${verb}.`,
        mend: 'People must do that by hand, or the catalog learns how.',
      }),
    ),
  ];
}
