/** Do the people exist that roles and standing rules name, and can what the policy asks for be reached? */
import { own } from '../../../domain/own.js';
import type { SuccessorRule } from '../../../domain/request.js';
import type { Config } from '../../../runtime/config.js';
import { queryOf } from '../../reach.js';
import type { Connector } from '../../systems.js';
import type { Finding } from './finding.js';

export async function checkRoles(
  config: Config,
  connectors: ReadonlyMap<string, Connector>,
): Promise<Finding[]> {
  const directory = connectors.get(config.directory);
  if (!directory) return [unchecked('roles', config)];
  const findings: Finding[] = [];
  const given = directory.directory?.roles ?? { operator: false, approver: false };
  for (const role of ['operators', 'approvers'] as const) {
    const holders = config.roles[role];
    if (holders === 'directory') {
      const singular = role === 'operators' ? 'operator' : 'approver';
      if (!given[singular])
        findings.push({
          what: 'roles',
          state: 'problem',
          says: `${role} come from the directory, but its catalog gives nobody the role "${singular}".`,
          mend: `Add people.roles.${singular} to the catalog of "${config.directory}", or list e-mail addresses under roles.${role}.`,
        });
      continue;
    }
    for (const who of holders) findings.push(...(await person(directory, who, `roles.${role}`)));
    if (role === 'approvers' && new Set(holders.map(who => who.toLowerCase())).size < config.policy.approvals)
      findings.push({
        what: 'roles',
        state: 'problem',
        says: `The policy asks for ${config.policy.approvals} approvals, but only ${holders.length} may approve.`,
        mend: 'List more approvers, or ask for fewer approvals.',
      });
  }
  return findings.length > 0
    ? findings
    : [{ what: 'roles', state: 'fine', says: 'operators and approvers can be told' }];
}

export async function checkRules(
  config: Config,
  connectors: ReadonlyMap<string, Connector>,
): Promise<Finding[]> {
  const directory = connectors.get(config.directory);
  if (!directory) return [unchecked('successors', config)];
  const findings: Finding[] = [];
  for (const [n, { system, category, rule }] of config.successors.entries()) {
    const where = `successors[${n}]`;
    const [of, name] = category?.split('/') ?? [];
    const named = [system, of].filter(one => one !== undefined);
    const unknown = named.find(one => !own(config.systems, one));
    if (unknown !== undefined) {
      findings.push(
        problem(
          where,
          `there is no system "${unknown}"`,
          `Known are ${Object.keys(config.systems).join(', ')}.`,
        ),
      );
      continue;
    }
    const connector = of === undefined ? undefined : connectors.get(of);
    const facts = connector?.categories.find(one => one.category === name);
    if (connector && !facts) {
      findings.push(
        problem(
          where,
          `"${of}" has no category "${name}"`,
          `Known are ${connector.categories.map(one => one.category).join(', ')}.`,
        ),
      );
      continue;
    }
    const { people, attribute, queues } = namesIn(rule);
    for (const who of people) findings.push(...(await person(directory, who, where)));
    if (facts && attribute !== null && !facts.attributes.includes(attribute))
      findings.push(
        problem(
          where,
          `${category} has no attribute "${attribute}"`,
          `Its catalog knows ${facts.attributes.join(', ') || 'none'}.`,
        ),
      );
    for (const queue of queues) {
      if (facts && own(facts.queues, queue) === undefined)
        findings.push(
          problem(
            where,
            `${category} has no queue "${queue}"`,
            `Its catalog knows ${Object.keys(facts.queues).join(', ') || 'none'}.`,
          ),
        );
    }
  }
  return findings.length > 0
    ? findings
    : [
        {
          what: 'successors',
          state: 'fine',
          says: `${config.successors.length} standing rules name what there is`,
        },
      ];
}

async function person(directory: Connector, who: string, where: string): Promise<Finding[]> {
  const found = await directory.directory?.findPeople(queryOf(who));
  if (!found)
    return [problem(where, `${directory.title} cannot say who people are`, 'Name another directory.')];
  if (found.length === 0)
    return [problem(where, `nobody in ${directory.title} is "${who}"`, 'Check the spelling.')];
  if (found.length > 1)
    return [problem(where, `"${who}" fits ${found.length} people`, 'Name one as id:<directory id>.')];
  if (found[0]!.active) return [];
  return [
    {
      what: where,
      state: 'warning',
      says: `"${who}" is not active in ${directory.title}.`,
      mend: 'Name somebody who still works here.',
    },
  ];
}

/** What a rule names; `manager`, `unassigned` and `team` are found out per run. */
function namesIn(rule: SuccessorRule): { people: string[]; queues: string[]; attribute: string | null } {
  const takers = ((): string[] => {
    if (typeof rule === 'string') return [rule];
    if ('match' in rule)
      return [
        ...Object.values(rule.match.map),
        ...(rule.match.otherwise === undefined ? [] : [rule.match.otherwise]),
      ];
    const pool = 'round-robin' in rule ? rule['round-robin'] : rule['least-loaded'];
    return pool === 'team' ? [] : pool;
  })();
  return {
    people: takers.filter(
      taker => taker !== 'manager' && taker !== 'unassigned' && !taker.startsWith('queue:'),
    ),
    queues: takers.filter(taker => taker.startsWith('queue:')).map(taker => taker.slice('queue:'.length)),
    attribute: typeof rule === 'object' && 'match' in rule ? rule.match.attribute : null,
  };
}

function problem(what: string, says: string, mend: string): Finding {
  return { what, state: 'problem', says: `${says}.`, mend };
}

function unchecked(what: string, config: Config): Finding {
  return { what, state: 'warning', says: `Not checked: the directory "${config.directory}" could not be.` };
}
