/**
 * A person's accounts in a system, and the values of their identities: sets, written in one order, so that
 * the same accounts give the same plan.
 */
import type { Account, Identities, Other, Person, Sought, SystemAccounts } from './model.js';
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

/** The account in words: `Alice Anders (17)`, and beside that `employee 903 and 1044`. */
export function sayAccount({ label, gone, identities }: Account): string {
  const further = Object.entries(identities).filter(([name]) => label === undefined || name !== 'user');
  const said = further.map(([name, values]) => `${name} ${values.join(' and ')}`);
  const name = label === undefined ? [] : [`${label}${gone ? ', which no longer exists' : ''}`];
  return [...name, ...said].join(', ');
}

/** What may be this person's as well and is left out, in words. */
export function sayOther({ label, why }: Other): string {
  return `${label}: ${why}`;
}

/** The accounts in one system; none where the person is absent, or nobody has asked. */
export function accountsIn(all: readonly SystemAccounts[], system: string): readonly Account[] {
  return all.find(one => one.system === system)?.accounts ?? [];
}

/** Systems of these in which something is left out that may be the leaver's, with how much that is. */
export function leftOut(all: readonly SystemAccounts[]): { system: string; count: number }[] {
  return all.flatMap(({ system, others = [] }) =>
    others.length > 0 ? [{ system, count: others.length }] : [],
  );
}

/** All values by identity, over all accounts that are given. */
export function identitiesOf(accounts: readonly Account[]): Identities {
  const names = setOf(accounts.flatMap(({ identities }) => Object.keys(identities)));
  return Object.fromEntries(names.map(name => [name, valuesOf(accounts, name)]));
}

/**
 * How somebody's accounts in a system differ from those of the plan, as sentences; empty = they do not. What
 * a plan names as left out is known, and what has vanished from that list is no news.
 * @param removed user ids of the accounts that this run has switched off there, where whoever is off has none
 *   any more. One that is gone without that is a question: somebody else removed it, or it is merely out of
 *   sight
 */
export function accountsChanged(
  planned: SystemAccounts,
  now: SystemAccounts,
  removed: readonly string[] = [],
): string[] {
  const { system } = planned;
  const news: string[] = [];
  const key = ({ identities }: Account): string =>
    identities.user?.[0] ?? sayAccount({ identities } as Account);
  for (const account of now.accounts) {
    const before = planned.accounts.find(one => key(one) === key(account));
    if (before && account.gone && (before.gone || removed.includes(key(account)))) continue;
    if (before) news.push(...valuesChanged(system, before, account));
    else if (!planned.others?.some(({ id }) => id === key(account)))
      news.push(`${system}: there is an account that the plan does not know: ${sayAccount(account)}.`);
  }
  for (const account of planned.accounts)
    if (!now.accounts.some(one => key(one) === key(account)))
      news.push(`${system}: the account ${sayAccount(account)} is not theirs any more.`);
  const known = [...(planned.others ?? []).map(({ id }) => id), ...planned.accounts.map(key)];
  for (const other of now.others ?? [])
    if (!known.includes(other.id))
      news.push(`${system}: something may be theirs that the plan does not know: ${sayOther(other)}.`);
  for (const warning of now.warnings ?? []) if (!planned.warnings?.includes(warning)) news.push(warning);
  return news;
}

function valuesChanged(system: string, before: Account, now: Account): string[] {
  if (now.gone) return [`${system}: the account ${sayAccount(before)} no longer exists.`];
  const names = setOf([...Object.keys(before.identities), ...Object.keys(now.identities)]);
  return names.flatMap(name => {
    const was = valuesOf([before], name);
    const is = valuesOf([now], name);
    const come = is.filter(value => !was.includes(value));
    const left = was.filter(value => !is.includes(value));
    return [
      ...(come.length > 0
        ? [`${system}: ${sayAccount(before)} has another ${name} now: ${come.join(', ')}.`]
        : []),
      ...(left.length > 0 ? [`${system}: the ${name} ${left.join(', ')} is somebody else's now.`] : []),
    ];
  });
}

/** Those that somebody could sign in with, or be switched off in. */
export function existing(accounts: readonly Account[]): Account[] {
  return accounts.filter(({ gone }) => !gone);
}

/** Every value of an identity over these accounts: what an owner column of theirs may hold. */
export function valuesOf(accounts: readonly Account[], identity: string): string[] {
  return setOf(accounts.flatMap(({ identities }) => own(identities, identity) ?? []));
}

/** Whom to look for where nothing but the directory's word is at hand. @param home the system is the directory */
export function soughtBy({ id, known }: Pick<Person, 'id' | 'known'>, home: boolean): Sought {
  return { id, home, known, shared: [], remembered: {} };
}

/** Both, each once. What differs only in whether it is active is the same. */
export function union(some: readonly SystemAccounts[], more: readonly SystemAccounts[]): SystemAccounts[] {
  const name = ({ system, accounts }: SystemAccounts): string =>
    JSON.stringify([system, inOrder(accounts).map(({ identities }) => identities)]);
  return [...new Map([...some, ...more].map(one => [name(one), one])).values()];
}
