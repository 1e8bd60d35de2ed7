/** Do the people exist that roles and standing rules name, and can what the policy asks for be reached? */
import { soughtBy } from '../../../domain/accounts.js';
import type { Person } from '../../../domain/model.js';
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
  }
  if (config.roles.approvers !== 'directory' || given.approver)
    findings.push(...(await checkQuorum(config, directory)));
  return findings.length > 0
    ? findings
    : [{ what: 'roles', state: 'fine', says: 'operators and approvers can be told' }];
}

/** Can the approvals that the policy asks for come together at all, and for everybody who may ask? */
async function checkQuorum(config: Config, directory: Connector): Promise<Finding[]> {
  const { approvals, requesterMayApprove } = config.policy;
  const able = await holdersOf(config, directory, 'approver');
  const heads = new Set(able.map(({ human }) => human)).size;
  const names = able.map(({ name }) => name).join(', ');
  if (heads < approvals)
    return [
      {
        what: 'roles',
        state: 'problem',
        says: `The policy asks for ${approvals} approval${approvals === 1 ? '' : 's'}, but ${heads === 0 ? 'nobody' : `only ${names}`} may approve.`,
        mend: 'Give the role of an approver to more people, or ask for fewer approvals.',
      },
    ];
  const operators = await holdersOf(config, directory, 'operator');
  const both = able.filter(one => operators.some(other => other.human === one.human));
  if (requesterMayApprove || heads > approvals || both.length === 0) return [];
  return [
    {
      what: 'roles',
      state: 'warning',
      says: `Only ${names} may approve: nobody can approve what ${both.map(({ name }) => name).join(' or ')} asks for.`,
      mend: 'Give the role of an approver to one more person.',
    },
  ];
}

/** Whoever is given a role and may use it: entries that are neither switched off nor blocked. */
async function holdersOf(
  config: Config,
  { directory }: Connector,
  role: 'operator' | 'approver',
): Promise<Person[]> {
  const given = config.roles[`${role}s`];
  const found =
    given === 'directory'
      ? await directory?.holders(role)
      : await Promise.all(given.map(value => directory?.findPeople({ by: 'email', value }) ?? []));
  return (found ?? []).flat().filter(one => one.active && !one.blocked);
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
    const rulesIn = of ?? system;
    const places = [...connectors.values()].filter(
      one =>
        (rulesIn === undefined || one.system === rulesIn) && one.categories.some(c => c.do === 'transfer'),
    );
    for (const who of people)
      findings.push(
        ...(await person(directory, who, where)),
        ...(await unable(directory, places, who, where)),
      );
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

/** Where somebody whom a rule names takes nothing over: a pool goes on without them, alone they are a question. */
async function unable(
  directory: Connector,
  places: readonly Connector[],
  who: string,
  where: string,
): Promise<Finding[]> {
  const found = (await directory.directory?.findPeople(queryOf(who))) ?? [];
  const [one] = found;
  if (!one?.active || found.length > 1) return [];
  const why: string[] = [];
  for (const place of new Set([directory, ...places])) {
    const there = await place.resolveAccounts(soughtBy(one, place === directory), {});
    if (there.kind === 'absent' && places.includes(place)) why.push(`has no account in ${place.title}`);
    if (there.kind !== 'found') continue;
    const on = there.accounts.filter(account => account.active && !account.blocked);
    if (on.length === 0 && places.includes(place)) why.push(`is not active in ${place.title}`);
    const guards = on.length > 0 ? await place.guards(on) : [];
    if (guards.some(guard => guard.kind === 'protected' && !guard.receives))
      why.push(`is a protected account in ${place.title}`);
  }
  return why.map(words => ({
    what: where,
    state: 'warning',
    says: `${one.name} ${words} and takes nothing over there: a pool goes on without them.`,
    mend: 'Name somebody else, or mend the account.',
  }));
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
    if ('first-of' in rule) return rule['first-of'];
    const pool = 'round-robin' in rule ? rule['round-robin'] : rule['least-loaded'];
    return pool === 'team' ? [] : pool;
  })();
  return {
    people: takers.filter(
      taker => taker !== 'manager' && taker !== 'unassigned' && !/^(queue|group):/.test(taker),
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
