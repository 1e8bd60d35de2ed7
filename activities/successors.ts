/**
 * Who takes over: turns a rule into people, checks that they may, and freezes what the choice depends on. The same checks run when
 * the plan is made and again when it is executed; somebody who stops being eligible is never silently replaced.
 */
import type { CategoryFacts, Connector } from '../connectors/connector.js';
import type { Assignment } from '../domain/assign.js';
import type { Account, Person, Successor } from '../domain/model.js';
import type { Plan } from '../domain/plan.js';
import type { SuccessorRule } from '../domain/request.js';
import type { Deps } from './deps.js';
import { signal } from './guard.js';
import { leaving } from './open-runs.js';
import { directoryOf, findOne } from './people.js';

export interface ResolvedRule {
  successors: Successor[];
  assignment: Assignment;
  /** How it is said in the plan. */
  rule: string;
  /** Why somebody cannot take over, as sentences. */
  refusals: string[];
}

/** Looks people up once per plan, not once per category. */
export class SuccessorBook {
  private readonly takers = new Map<string, Promise<{ person: Person } | { sentence: string }>>();
  private readonly refusals = new Map<string, Promise<string | null>>();
  private readonly accounts = new Map<string, Promise<{ account: Account } | { sentence: string }>>();

  constructor(
    private readonly deps: Deps,
    private readonly leaver: Person,
    private readonly offboardingId: string,
  ) {}

  async resolve(connector: Connector, facts: CategoryFacts, rule: SuccessorRule): Promise<ResolvedRule> {
    if (typeof rule === 'string') {
      const { successor, refusal } = await this.taker(connector, facts, rule);
      const said = rule === 'manager' || rule === 'unassigned' || rule.startsWith('queue:') ? rule : 'person';
      return {
        successors: successor ? [successor] : [],
        assignment: { kind: 'one' },
        rule: said,
        refusals: refusal ? [refusal] : [],
      };
    }
    if ('match' in rule) return this.resolveMatch(connector, facts, rule.match);
    const kind = 'round-robin' in rule ? 'round-robin' : 'least-loaded';
    const given = 'round-robin' in rule ? rule['round-robin'] : rule['least-loaded'];
    const pool = given === 'team' ? await this.teamOfLeaver() : given;
    if (pool.length === 0) {
      return {
        successors: [],
        assignment: { kind: 'one' },
        rule: kind,
        refusals: ["The leaver's team has no other active member: name a pool or a person."],
      };
    }
    if (kind === 'least-loaded' && !connector.load) {
      return {
        successors: [],
        assignment: { kind: 'one' },
        rule: kind,
        refusals: [`${connector.title} cannot say who holds how many: share items with "round-robin", or name a person.`],
      };
    }
    const people = await this.takersOf(connector, facts, [...new Set(pool)]);
    const assignment: Assignment =
      kind === 'round-robin' || people.successors.length === 0 || !connector.load
        ? { kind: 'round-robin' }
        : {
            kind,
            loads: await connector.load(
              facts.category,
              people.successors.map(successor => successor.value ?? ''),
              signal(),
            ),
          };
    return { ...people, assignment, rule: `${kind} over ${people.successors.length}` };
  }

  private async resolveMatch(
    connector: Connector,
    facts: CategoryFacts,
    match: { attribute: string; map: Record<string, string>; otherwise?: string },
  ): Promise<ResolvedRule> {
    const rule = `match on ${match.attribute}`;
    if (!facts.attributes.includes(match.attribute)) {
      const known = facts.attributes.length > 0 ? `known are ${facts.attributes.join(', ')}` : 'the catalog names none';
      return {
        successors: [],
        assignment: { kind: 'one' },
        rule,
        refusals: [`There is no attribute "${match.attribute}" to match on; ${known}.`],
      };
    }
    const names = [...new Set([...Object.values(match.map), ...(match.otherwise ? [match.otherwise] : [])])];
    const people = await this.takersOf(connector, facts, names);
    const index = new Map(names.map((name, n) => [name, n]));
    return {
      ...people,
      rule,
      assignment: {
        kind: 'match',
        attribute: match.attribute,
        map: Object.fromEntries(Object.entries(match.map).map(([value, name]) => [value, index.get(name)!])),
        otherwise: match.otherwise ? index.get(match.otherwise)! : -1,
      },
    };
  }

  private async takersOf(
    connector: Connector,
    facts: CategoryFacts,
    names: readonly string[],
  ): Promise<Pick<ResolvedRule, 'successors' | 'refusals'>> {
    const each = await Promise.all(names.map(name => this.taker(connector, facts, name)));
    return { successors: each.flatMap(one => one.successor ?? []), refusals: each.flatMap(one => one.refusal ?? []) };
  }

  /** One taker by name. The refusal names who was given and what to do. */
  async taker(connector: Connector, facts: CategoryFacts, name: string): Promise<{ successor?: Successor; refusal?: string }> {
    if (name === 'unassigned') {
      if (facts.mayBeUnassigned)
        return { successor: { kind: 'unassigned', personId: null, human: null, label: 'nobody', value: null } };
      return { refusal: `"unassigned" is not possible here: the catalog does not allow items without an owner. Name a person.` };
    }
    if (name.startsWith('queue:')) {
      const queue = name.slice('queue:'.length);
      const value = facts.queues[queue];
      if (value !== undefined)
        return { successor: { kind: 'queue', personId: null, human: null, label: `queue ${queue}`, value } };
      const known = Object.keys(facts.queues);
      return {
        refusal: `There is no queue "${queue}"; ${known.length > 0 ? `known are ${known.join(', ')}` : 'the catalog names none'}.`,
      };
    }
    const found = await this.person(name);
    if ('sentence' in found) return { refusal: found.sentence };
    const { person } = found;
    const refusal = await this.personRefusal(person);
    if (refusal) return { refusal };
    const account = await this.account(connector, person);
    if ('sentence' in account) return { refusal: account.sentence };
    const value = account.account.identities[facts.identity];
    if (value === undefined)
      return { refusal: `${person.name} has no identity "${facts.identity}" in ${connector.title} and cannot own this.` };
    return { successor: { kind: 'person', personId: person.id, human: person.human, label: person.name, value } };
  }

  private person(name: string): Promise<{ person: Person } | { sentence: string }> {
    return memo(this.takers, name, async () => {
      if (name !== 'manager') return findOne(this.deps, name);
      if (!this.leaver.managerId) return { sentence: 'The leaver has no manager in the directory: name a person.' };
      return findOne(this.deps, `id:${this.leaver.managerId}`);
    });
  }

  private personRefusal(person: Person): Promise<string | null> {
    return memo(this.refusals, person.id, () => this.refusalOf(person));
  }

  private async refusalOf(person: Person): Promise<string | null> {
    if (person.human === this.leaver.human) return `${person.name} is the leaver and cannot take over their own items.`;
    if (!person.active) return `${person.name} is not active and cannot take over: name somebody who is.`;
    if ((await leaving(this.deps, [person.human], this.offboardingId)).size > 0)
      return `${person.name} is being offboarded too and cannot take over: name somebody who stays.`;
    return null;
  }

  private account(connector: Connector, person: Person): Promise<{ account: Account } | { sentence: string }> {
    return memo(this.accounts, `${connector.system} ${person.id}`, async () => {
      const resolution = await connector.resolveAccount(person, {}, signal());
      if (resolution.kind === 'absent')
        return { sentence: `${person.name} has no account in ${connector.title} and cannot take over there.` };
      if (resolution.kind === 'ambiguous')
        return {
          sentence: `${person.name} has several accounts in ${connector.title}: name the successor by one that is unique.`,
        };
      if (!resolution.account.active || resolution.account.blocked)
        return { sentence: `${person.name} is not active in ${connector.title} and cannot take over there.` };
      return { account: resolution.account };
    });
  }

  private async teamOfLeaver(): Promise<string[]> {
    if (!this.leaver.team) return [];
    const directory = await directoryOf(this.deps);
    const members = await directory.team(this.leaver.team, signal());
    const others = members.filter(member => member.human !== this.leaver.human);
    const gone = await leaving(
      this.deps,
      others.map(member => member.human),
      this.offboardingId,
    );
    return others.filter(member => !gone.has(member.human)).map(member => `id:${member.id}`);
  }

  /** Items of the leaver that these successors may not own, as sentences with the first keys. */
  async ineligible(
    connector: Connector,
    leaver: Account,
    facts: Pick<CategoryFacts, 'category'>,
    successor: Successor,
    keys: string[] | null,
  ): Promise<string | null> {
    if (successor.kind !== 'person' || !connector.ineligible) return null;
    const found = await this.person(`id:${successor.personId}`);
    if ('sentence' in found) return found.sentence;
    const account = await this.account(connector, found.person);
    if ('sentence' in account) return account.sentence;
    const { count, sample, why } = await connector.ineligible(leaver, facts.category, account.account, keys, signal());
    if (count === 0) return null;
    return `${successor.label} may not own ${count} of these items (${sample.join(', ')}${count > sample.length ? ', …' : ''})${why ? `: ${why}` : ''}.`;
  }
}

/** Checks the plan's successors in one system again, now. */
export async function refusedSuccessors(
  deps: Deps,
  connector: Connector,
  plan: Plan,
  leaver: Account,
): Promise<{ step: string; sentence: string }[]> {
  const found = await findOne(deps, `id:${plan.leaver.id}`);
  if ('sentence' in found) return [];
  const book = new SuccessorBook(deps, found.person, plan.offboardingId);
  const refused: { step: string; sentence: string }[] = [];
  for (const step of plan.steps) {
    const facts = connector.categories.find(category => category.category === step.category);
    if (step.system !== connector.system || !facts || leaver.status === 'absent') continue;
    for (const [n, successor] of step.successors.entries()) {
      // What comes later may go to anybody the rule names; somebody with nothing in a category that holds something gets nothing.
      if (successor.kind !== 'person' || (step.baseline.count > 0 && !step.counts[n])) continue;
      const { successor: now, refusal } = await book.taker(connector, facts, `id:${successor.personId}`);
      if (refusal) refused.push({ step: step.id, sentence: refusal });
      else if (now?.value !== successor.value)
        refused.push({ step: step.id, sentence: `${successor.label} has another account in ${connector.title} now.` });
    }
  }
  return refused;
}

function memo<T>(known: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const value = known.get(key) ?? make();
  known.set(key, value);
  return value;
}
