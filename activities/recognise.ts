/**
 * What somebody is in a system, found again whenever it matters: who the directory says they are, by which
 * values nobody else is known, what they were there before, and what the system makes of all that.
 */
import type { AccountResolution, Connector, Stranger } from '../connectors/connector.js';
import { accountsChanged, existing, identitiesOf, inOrder, setOf } from '../domain/accounts.js';
import type { Identities, Known, Other, Person, Sought, SystemAccounts } from '../domain/model.js';
import { own } from '../domain/own.js';
import { looksLike } from '../domain/people.js';
import { deactivateId, type Plan } from '../domain/plan.js';
import type { Order } from '../domain/request.js';
import { whenAbandoned } from './attempt.js';
import type { Deps } from './deps.js';
import { directoryOf, findOne, SAYS } from './directory.js';
import { withOurBlocks } from './our-blocks.js';

export type Recognised =
  | { kind: 'found'; accounts: SystemAccounts }
  | { kind: 'absent'; expected: boolean; others: readonly Other[] }
  | Extract<AccountResolution, { kind: 'ambiguous' }>;

export class Recogniser {
  readonly #values: Promise<Pick<Sought, 'known' | 'shared'>>;

  /**
   * @param before what they were by earlier plans
   * @param entries further entries of the same human being. Both are asked for a leaver alone: a successor is
   *   the entry that was named
   * @param leaves are they the leaver?
   */
  constructor(
    private readonly deps: Deps,
    private readonly person: Person,
    private readonly before: readonly SystemAccounts[] = [],
    entries: readonly Person[] = [],
    private readonly leaves = false,
  ) {
    this.#values = valuesOf(deps, person, entries);
    // Whoever asks gets the failure; until somebody does, it is none.
    this.#values.catch(() => {});
  }

  async in(connector: Connector, pinned: Identities): Promise<Recognised> {
    const { system } = connector;
    const earlier = this.before.filter(one => one.system === system).flatMap(({ accounts }) => accounts);
    const sought: Sought = {
      id: this.person.id,
      home: system === this.deps.systems.directory,
      ...(await this.#values),
      remembered: identitiesOf(earlier),
      leaves: this.leaves,
    };
    const found = await connector.resolveAccounts(sought, pinned, whenAbandoned());
    if (found.kind !== 'found') return found;
    const { accounts, others, strangers } = found;
    const said = await Promise.all(strangers.map(one => this.#whose(connector, one)));
    const warnings = said.filter(warning => warning !== null);
    const known = inOrder(await withOurBlocks(this.deps, connector, accounts));
    return { kind: 'found', accounts: { system, accounts: known, others, warnings } };
  }

  /** What somebody named although no rule says that it is this person's; null where the directory says so. */
  async #whose({ system, title }: Connector, { id, label, known }: Stranger): Promise<string | null> {
    const directory = await directoryOf(this.deps);
    const asked = system === this.deps.systems.directory ? [{ by: 'id' as const, value: id }] : known;
    for (const query of asked) {
      const people = await directory.findPeople(query, whenAbandoned());
      const others = people.filter(({ human }) => human !== this.person.human);
      const names = others.map(({ name, id: other }) => `${name} (id:${other})`).join(', ');
      if (names) return `${title}: ${label} belongs to ${names} by its ${SAYS[query.by]}.`;
      if (people.length > 0) return null;
    }
    return `${title}: no rule says that ${label} is ${this.person.name}'s: an operator named it.`;
  }
}

/** By what a person is known, and what of it somebody else is known by as well. */
async function valuesOf(
  deps: Deps,
  person: Person,
  entries: readonly Person[],
): Promise<Pick<Sought, 'known' | 'shared'>> {
  const directory = await directoryOf(deps);
  const known: Known[] = entries.map(({ id }) => ({ by: 'id', value: id }));
  const shared: Known[] = [];
  for (const one of [person, ...entries].flatMap(entry => entry.known)) {
    const people = await directory.findPeople(one, whenAbandoned());
    (people.some(({ human }) => human !== person.human) ? shared : known).push(one);
  }
  return { known, shared };
}

/** What an operator has settled about a system. */
export function pinnedIn({ identities }: Order, system: string): Identities {
  const pinned = own(identities ?? {}, system) ?? {};
  return Object.fromEntries(Object.entries(pinned).map(([name, values]) => [name, setOf([values].flat())]));
}

/**
 * A leaver with every entry of theirs, and with everything that earlier plans remember of them.
 * @param before what a run has seen of them before it had a plan
 */
export async function recogniserOf(
  deps: Deps,
  leaver: Person,
  before: readonly SystemAccounts[] = [],
): Promise<Recogniser> {
  const number = leaver.known.find(({ by, value }) => by === 'number' && value.trim() === leaver.human);
  const same = number ? await (await directoryOf(deps)).findPeople(number, whenAbandoned()) : [];
  const entries = same.filter(
    other => other.id !== leaver.id && other.human === leaver.human && looksLike(other, leaver),
  );
  const planned = await deps.store.plans.accountsOf(leaver);
  return new Recogniser(deps, leaver, [...planned, ...before], entries, true);
}

/** The leaver of a plan as the directory knows them now; a sentence where it no longer does. */
export type LeaverNow =
  | {
      person: Person;
      recogniser: Recogniser;
      order: Order | null;
      /** Accounts there that this run has sent a switch for that is not known to have come to nothing. */
      switched(system: string): Promise<string[]>;
    }
  | { sentence: string };

/** Looked up once for as many systems as are looked at together. */
export async function leaverNow(deps: Deps, plan: Plan): Promise<LeaverNow> {
  const [found, order] = await Promise.all([
    findOne(deps, `id:${plan.leaver.id}`),
    deps.store.offboardings.orderOf(plan.offboardingId),
  ]);
  if ('sentence' in found) return { sentence: found.sentence };
  return {
    person: found.person,
    recogniser: await recogniserOf(deps, found.person),
    order,
    switched: system => switchedIn(deps, plan, system),
  };
}

/** Accounts that this run has switched off there, or may have: their user ids. */
async function switchedIn(
  { store: { ledger } }: Deps,
  { offboardingId }: Plan,
  system: string,
): Promise<string[]> {
  const receipts = await ledger.all(offboardingId);
  return receipts
    .filter(({ step, state, effect }) => {
      const isTold = state === 'intended' || (state === 'done' && (effect?.changed ?? 0) > 0);
      return step === deactivateId(system) && isTold;
    })
    .flatMap(({ accounts }) => accounts.flatMap(({ user }) => user ?? []));
}

/**
 * How the leaver's accounts in this system differ from those of the plan by now, as sentences: resolved
 * again, because an account or a value may have come, gone, or been given to somebody else.
 */
export async function accountsMoved(connector: Connector, plan: Plan, leaver: LeaverNow): Promise<string[]> {
  const { system, title } = connector;
  const planned = plan.accounts.find(one => one.system === system);
  if (!planned) return [];
  if ('sentence' in leaver) return [leaver.sentence];
  const { recogniser, order, switched } = leaver;
  const users = existing(planned.accounts).flatMap(({ identities }) => identities.user ?? []);
  const pinned = { ...(order && pinnedIn(order, system)), ...(users.length > 0 ? { user: users } : {}) };
  const now = await recogniser.in(connector, pinned);
  switch (now.kind) {
    case 'found':
      return accountsChanged(
        planned,
        now.accounts,
        connector.offIsGone === true ? await switched(system) : [],
      );
    case 'absent':
      return accountsChanged(planned, { system, accounts: [], others: now.others });
    case 'ambiguous': {
      const known = [...users, ...(planned.others ?? []).map(({ id }) => id)];
      if (now.candidates.length > 0 && now.candidates.every(({ id }) => known.includes(id))) return [];
      const which = now.candidates.map(({ label }) => label).join(', ');
      const why =
        now.why ?? (which ? `these fit: ${which}.` : `an account of the plan does not exist any more.`);
      return [`${title}: it is no longer certain who ${plan.leaver.name} is there: ${why}`];
    }
  }
}
