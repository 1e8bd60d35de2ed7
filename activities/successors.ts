/**
 * Looks up who takes over: people once per plan, their accounts once per system. What follows from what is
 * found stands in `domain/successors.ts`. The same checks run when the plan is made and again when it is
 * executed.
 */
import type { CategoryFacts, Connector } from '../connectors/connector.js';
import type { Account, Person, Successor } from '../domain/model.js';
import { own } from '../domain/own.js';
import { type Humans, isSame, met } from '../domain/people.js';
import type { Plan, PlanStep } from '../domain/plan.js';
import type { Named, Refused, Takers } from '../domain/planning.js';
import type { SuccessorRule } from '../domain/request.js';
import { gainers } from '../domain/run.js';
import {
  accountThere,
  askedBy,
  emptyTeam,
  groupAsTaker,
  groupIn,
  impossible,
  mayNotOwn,
  meansAnother,
  personAsTaker,
  personRefusal,
  protectedThere,
  refusedNow,
  takersOf,
  takerWithoutPerson,
} from '../domain/successors.js';
import { whenAbandoned } from './attempt.js';
import type { Deps } from './deps.js';
import { directoryOf, findOne } from './directory.js';
import { leaving } from './open-runs.js';
import { participant } from './people.js';
import { type Recognised, Recogniser } from './recognise.js';

export class SuccessorBook {
  private readonly people = new Map<string, Promise<{ person: Person } | { sentence: string }>>();
  private readonly refusals = new Map<string, Promise<Refused | null>>();
  private readonly protections = new Map<string, Promise<boolean>>();
  private readonly accounts = new Map<string, Promise<Recognised>>();
  private readonly recognisers = new Map<string, Recogniser>();

  constructor(
    private readonly deps: Deps,
    private readonly leaver: Person,
    private readonly offboardingId: string,
    /** What was known of these people when the plan was made. */
    private readonly humans: Humans = {},
    /** Whom names meant in earlier plans of this run. */
    private readonly before: Readonly<Record<string, string>> = {},
  ) {}

  /** Whom names that are no ids were found to mean. */
  readonly named: Record<string, string> = {};

  async resolve(connector: Connector, facts: CategoryFacts, rule: SuccessorRule): Promise<Takers> {
    const asked = askedBy(rule);
    const none = impossible(asked, facts, {
      title: connector.title,
      knowsLoads: connector.load !== undefined,
      choosesFirst: connector.choosesFirst ?? false,
    });
    if (none) return none;
    switch (asked.kind) {
      case 'one':
        return takersOf(asked, [await this.taker(connector, facts, asked.name)], null);
      case 'match':
        return takersOf(asked, await this.takers(connector, facts, asked.names), null);
      case 'round-robin':
      case 'first-of':
      case 'least-loaded': {
        const names = new Set(asked.pool ?? (await this.teamOfLeaver()));
        if (names.size === 0) return emptyTeam(asked.kind);
        const found = await this.takers(connector, facts, [...names]);
        return takersOf(
          asked,
          found,
          asked.kind === 'least-loaded' ? await loadsOf(connector, facts, found) : null,
        );
      }
    }
  }

  private takers(connector: Connector, facts: CategoryFacts, names: readonly string[]): Promise<Named[]> {
    return Promise.all(names.map(name => this.taker(connector, facts, name)));
  }

  /** One taker by name. The refusal names who was given and what to do. */
  async taker(connector: Connector, facts: CategoryFacts, name: string): Promise<Named> {
    const other = takerWithoutPerson(name, facts);
    if (other) return other;
    const group = groupIn(name);
    if (group !== null) {
      const may = facts.mayBeGroups && connector.groups;
      const found = may ? await connector.groups!(facts.category, group, whenAbandoned()) : null;
      return groupAsTaker(group, found, connector.title);
    }
    const found = await this.person(name);
    if ('sentence' in found) return { refusal: found.sentence };
    const { person } = found;
    const meant = own(this.before, name);
    if (meant !== undefined && meant !== person.id) return meansAnother(name, meant, person);
    if (name !== 'manager' && !name.startsWith('id:')) this.named[name] = person.id;
    const refusal = await this.personRefusal(person);
    if (refusal) return refusal;
    const there = await this.account(connector, person);
    if ('refusal' in there) return there;
    const guard = await this.protection(connector, person, there.account);
    return guard ?? personAsTaker(person, there.account, facts, connector.title);
  }

  /** Where the person is protected: in this system, or in the directory, which knows who is no person. */
  private async protection(connector: Connector, person: Person, account: Account): Promise<Refused | null> {
    if (await this.isProtected(connector, person, account)) return protectedThere(person, connector.title);
    const directory = await this.deps.systems.get(this.deps.systems.directory);
    if (directory.system === connector.system) return null;
    const known = await this.account(directory, person);
    const guarded = !('refusal' in known) && (await this.isProtected(directory, person, known.account));
    return guarded ? protectedThere(person, directory.title) : null;
  }

  private isProtected(connector: Connector, person: Person, account: Account): Promise<boolean> {
    return memo(this.protections, `${connector.system} ${person.id}`, async () => {
      const guards = await connector.guards([account], whenAbandoned());
      return guards.some(guard => guard.kind === 'protected' && !guard.receives);
    });
  }

  private person(name: string): Promise<{ person: Person } | { sentence: string }> {
    return memo(this.people, name, async () => {
      if (name !== 'manager') return findOne(this.deps, name);
      if (!this.leaver.managerId)
        return { sentence: 'The leaver has no manager in the directory: name a person.' };
      return findOne(this.deps, `id:${this.leaver.managerId}`);
    });
  }

  private personRefusal(person: Person): Promise<Refused | null> {
    return memo(this.refusals, person.id, async () => {
      const who = { ...person, ...participant(person) };
      const leaver = participant(this.leaver);
      const refusal = personRefusal(leaver, who, false, this.humans);
      if (refusal) return refusal;
      const isLeaving = (await leaving(this.deps, [person], this.offboardingId)).has(person.id);
      return personRefusal(leaver, who, isLeaving);
    });
  }

  private async account(connector: Connector, person: Person): Promise<{ account: Account } | Refused> {
    const resolved = await memo(this.accounts, `${connector.system} ${person.id}`, () =>
      // In the directory it is the entry that was named, and no other of the same human being.
      this.recogniser(person).in(
        connector,
        connector.system === this.deps.systems.directory ? { user: [person.id] } : {},
      ),
    );
    const found =
      resolved.kind === 'found' ? { ...resolved, accounts: resolved.accounts.accounts } : resolved;
    return accountThere(person, connector.title, found);
  }

  private recogniser(person: Person): Recogniser {
    const known = this.recognisers.get(person.id) ?? new Recogniser(this.deps, person);
    this.recognisers.set(person.id, known);
    return known;
  }

  private async teamOfLeaver(): Promise<string[]> {
    if (!this.leaver.team) return [];
    const directory = await directoryOf(this.deps);
    const members = await directory.team(this.leaver.team, whenAbandoned());
    return members
      .filter(member => !isSame(this.humans, participant(member), participant(this.leaver)))
      .map(member => `id:${member.id}`);
  }

  /**
   * Items of the leaver that this successor may not own, as a sentence. @param keys null = all of the
   * category
   */
  async ineligible(
    connector: Connector,
    leaver: readonly Account[],
    category: string,
    successor: Successor,
    keys: string[] | null,
  ): Promise<string | null> {
    if (successor.kind !== 'person' || !connector.ineligible) return null;
    const found = await this.person(`id:${successor.personId}`);
    if ('sentence' in found) return found.sentence;
    const there = await this.account(connector, found.person);
    if ('refusal' in there) return there.refusal;
    return mayNotOwn(
      successor,
      await connector.ineligible(leaver, category, there.account, keys, whenAbandoned()),
    );
  }
}

async function loadsOf(
  connector: Connector,
  facts: CategoryFacts,
  found: readonly Named[],
): Promise<number[] | null> {
  const values = found.flatMap(one => (one.successor ? [one.successor.value ?? ''] : []));
  return values.length > 0 && connector.load ? connector.load(facts.category, values, whenAbandoned()) : null;
}

/**
 * Checks the plan's successors in one system again, now.
 * @param accounts the leaver's there
 * @param leaver as the directory knows them now
 * @param checked whom of a step
 */
export async function refusedSuccessors(
  deps: Deps,
  connector: Connector,
  plan: Plan,
  accounts: readonly Account[],
  leaver: Person,
  checked: (step: PlanStep) => readonly Successor[],
): Promise<{ step: string; sentence: string }[]> {
  const humans = met({}, [plan.leaver, ...gainers(plan)]);
  const book = new SuccessorBook(deps, leaver, plan.offboardingId, humans);
  const refused: { step: string; sentence: string }[] = [];
  for (const step of plan.steps) {
    const facts = connector.categories.find(category => category.category === step.category);
    if (step.system !== connector.system || !facts || accounts.length === 0) continue;
    for (const successor of checked(step)) {
      if (successor.kind !== 'person') continue;
      const now = await book.taker(connector, facts, `id:${successor.personId}`);
      const sentence = refusedNow(successor, now, connector.title);
      if (sentence) refused.push({ step: step.id, sentence });
    }
  }
  return refused;
}

function memo<T>(known: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const value = known.get(key) ?? make();
  known.set(key, value);
  return value;
}
