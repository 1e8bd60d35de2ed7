/**
 * A person's accounts in a system, and the values of their identities: sets, written in one order, so that
 * the same accounts give the same plan.
 */
import type { Account, Identities, SystemAccounts } from './model.js';
import { own } from './own.js';

/** Values as a set: sorted, each once. */
export function setOf(values: Iterable<string>): string[] {
  return [...new Set(values)].sort();
}

/** Accounts in the order and form in which a plan has them, whatever order they were found in. */
export function inOrder(accounts: readonly Account[]): Account[] {
  const each = accounts.map(account => ({ ...account, identities: ordered(account.identities) }));
  const name = ({ identities }: Account): string => JSON.stringify(Object.entries(identities));
  return each.sort((a, b) => (name(a) < name(b) ? -1 : 1));
}

function ordered(identities: Identities): Identities {
  const named = Object.entries(identities).map(([name, values]) => [name, setOf(values)] as const);
  const held = named.filter(([, values]) => values.length > 0);
  return Object.fromEntries(held.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The account in words: `user 17, employee 903 and 1044`. */
export function sayAccount({ identities }: Account): string {
  return Object.entries(identities)
    .map(([name, values]) => `${name} ${values.join(' and ')}`)
    .join(', ');
}

/** The accounts in one system; none where the person is absent, or nobody has asked. */
export function accountsIn(all: readonly SystemAccounts[], system: string): readonly Account[] {
  return all.find(one => one.system === system)?.accounts ?? [];
}

/** Every value of an identity over these accounts: what an owner column of theirs may hold. */
export function valuesOf(accounts: readonly Account[], identity: string): string[] {
  return setOf(accounts.flatMap(({ identities }) => own(identities, identity) ?? []));
}
