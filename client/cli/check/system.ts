/** Does the catalog of one system fit what is there? */
import { type Covered, demandsCoverage, sayCovered } from '../../../domain/coverage.js';
import { commandLine } from '../../printed.js';
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
  const { config } = await reach.installation();
  if (problems.length > 0) {
    const mend =
      'Mend the catalog, or the rights of whom it connects as; running workers take a corrected catalog up by themselves.';
    return problems.map(({ where, message }, n) => ({
      what: system,
      state: 'problem',
      says: `${where}: ${message}`,
      // Once, below the last of them.
      ...(n === problems.length - 1 && { mend }),
    }));
  }
  const doubts = (await connector.doubts?.()) ?? [];
  const byHand = [
    { verb: 'block sign-in', by: connector.access.block },
    { verb: 'switch accounts off', by: connector.access.deactivate },
  ].filter(({ by }) => by !== 'system');
  return [
    {
      what: system,
      state: 'fine',
      says: `${connector.title}: the catalog fits, ${connector.categories.length} categories`,
    },
    ...doubts.map(
      ({ where, message }): Finding => ({ what: system, state: 'warning', says: `${where}: ${message}.` }),
    ),
    ...(await uncovered(connector, demandsCoverage(config.policy, system))),
    ...byHand.map(
      ({ verb, by }): Finding => ({
        what: system,
        state: 'warning',
        says:
          by === 'person'
            ? `Handover does not ${verb} there: people do that by hand.`
            : `Nobody can ${verb} there, as its catalog says or leaves open.`,
      }),
    ),
  ];
}

/** Is every place that can hold a person in the catalog? One that is not keeps people from being switched off. */
async function uncovered(connector: Connector, demanded: boolean): Promise<Finding[]> {
  const what = connector.system;
  const covered: Covered = (await connector.coverage?.()) ?? { kind: 'unknown' };
  const says = sayCovered(covered, demanded);
  if (covered.kind === 'unknown') return [{ what, state: 'warning', says }];
  const { open, unread = [], doubts = [] } = covered;
  const undecided = doubts.map(
    ({ place, why }): Finding => ({
      what,
      state: 'warning',
      says: `It is not certain whether ${place} holds people: ${why}.`,
    }),
  );
  if (open.length + unread.length === 0) return [{ what, state: 'fine', says }, ...undecided];
  const state = demanded ? 'problem' : 'warning';
  return [
    {
      what,
      state,
      says,
      mend: `${commandLine('discover', what)} drafts what is missing, with the evidence.`,
    },
    ...open.map(
      ({ place, evidence, line }): Finding => ({
        what,
        state,
        says: `${place}: ${evidence}.`,
        mend: `A category, or under acknowledged: ${line}`,
      }),
    ),
    ...unread.map(
      ({ place, why, line }): Finding => ({
        what,
        state,
        says: `${place} could not be looked at: ${why}.`,
        mend: `That, and then again; or, where nothing there is anybody's, under acknowledged: ${line}`,
      }),
    ),
    ...undecided,
  ];
}
