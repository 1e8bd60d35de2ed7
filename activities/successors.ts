/**
 * Looks up who takes over: people once per plan, their accounts once per system. What follows from what is
 * found stands in `domain/successors.ts`. The same checks run when the plan is made and again when it is
 * executed.
 */
import type { CategoryFacts, Connector } from '../connectors/connector.js';
import type { Account, Person, Successor } from '../domain/model.js';
import type { Plan, PlanStep } from '../domain/plan.js';
import type { Named, Takers } from '../domain/planning.js';
import type { SuccessorRule } from '../domain/request.js';
import {
  accountThere,
  askedBy,
  emptyTeam,
  impossible,
  mayNotOwn,
  personAsTaker,
  personRefusal,
  refusedNow,
  takersOf,
  takerWithoutPerson,
} from '../domain/successors.js';
import { whenAbandoned } from './attempt.js';
import type { Deps } from './deps.js';
import { leaving } from './open-runs.js';
import { directoryOf, findOne } from './people.js';
import { type Recognised, Recogniser } from './recognise.js';

export class SuccessorBook {
  private readonly people = new Map<string, Promise<{ person: Person } | { sentence: string }>>();
  private readonly refusals = new Map<string, Promise<string | null>>();
  private readonly accounts = new Map<string, Promise<Recognised>>();

  constructor(
    private readonly deps: Deps,
    private readonly leaver: Person,
    private readonly offboardingId: string,
  ) {}

  async resolve(connector: Connector, facts: CategoryFacts, rule: SuccessorRule): Promise<Takers> {
    const asked = askedBy(rule);
    const none = impossible(asked, facts, {
      title: connector.title,
      knowsLoads: connector.load !== undefined,
    });
    if (none) return none;
    switch (asked.kind) {
      case 'one':
        return takersOf(asked, [await this.taker(connector, facts, asked.name)], null);
      case 'match':
        return takersOf(asked, await this.takers(connector, facts, asked.names), null);
      case 'round-robin':
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
    const found = await this.person(name);
    if ('sentence' in found) return { refusal: found.sentence };
    const { person } = found;
    const refusal = await this.personRefusal(person);
    if (refusal) return { refusal };
    const there = await this.account(connector, person);
    return 'refusal' in there ? there : personAsTaker(person, there.account, facts, connector.title);
  }

  private person(name: string): Promise<{ person: Person } | { sentence: string }> {
    return memo(this.people, name, async () => {
      if (name !== 'manager') return findOne(this.deps, name);
      if (!this.leaver.managerId)
        return { sentence: 'The leaver has no manager in the directory: name a person.' };
      return findOne(this.deps, `id:${this.leaver.managerId}`);
    });
  }

  private personRefusal(person: Person): Promise<string | null> {
    return memo(this.refusals, person.id, async () => {
      const refusal = personRefusal(this.leaver, person, false);
      if (refusal) return refusal;
      const isLeaving = (await leaving(this.deps, [person.human], this.offboardingId)).size > 0;
      return personRefusal(this.leaver, person, isLeaving);
    });
  }

  private async account(
    connector: Connector,
    person: Person,
  ): Promise<{ account: Account } | { refusal: string }> {
    const resolved = await memo(this.accounts, `${connector.system} ${person.id}`, () =>
      // In the directory it is the entry that was named, and no other of the same human being.
      new Recogniser(this.deps, person).in(
        connector,
        connector.system === this.deps.systems.directory ? { user: [person.id] } : {},
      ),
    );
    const found =
      resolved.kind === 'found' ? { ...resolved, accounts: resolved.accounts.accounts } : resolved;
    return accountThere(person, connector.title, found);
  }

  private async teamOfLeaver(): Promise<string[]> {
    if (!this.leaver.team) return [];
    const directory = await directoryOf(this.deps);
    const members = await directory.team(this.leaver.team, whenAbandoned());
    const others = members.filter(member => member.human !== this.leaver.human);
    const humans = others.map(member => member.human);
    const gone = await leaving(this.deps, humans, this.offboardingId);
    return others.filter(member => !gone.has(member.human)).map(member => `id:${member.id}`);
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

/** Checks the plan's successors in one system again, now. @param checked whom of a step */
export async function refusedSuccessors(
  deps: Deps,
  connector: Connector,
  plan: Plan,
  leaver: readonly Account[],
  checked: (step: PlanStep) => readonly Successor[],
): Promise<{ step: string; sentence: string }[]> {
  const found = await findOne(deps, `id:${plan.leaver.id}`);
  if ('sentence' in found) return [];
  const book = new SuccessorBook(deps, found.person, plan.offboardingId);
  const refused: { step: string; sentence: string }[] = [];
  for (const step of plan.steps) {
    const facts = connector.categories.find(category => category.category === step.category);
    if (step.system !== connector.system || !facts || leaver.length === 0) continue;
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
