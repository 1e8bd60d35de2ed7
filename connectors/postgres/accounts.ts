/**
 * What a person is in this system: accounts, each with a key of its own and further identities, active or
 * not, and who must not be touched.
 */
import { HandoverFailure } from '../../domain/failure.js';
import type { Account, Identities, Person } from '../../domain/model.js';
import { own } from '../../domain/own.js';
import type { AccountResolution, Guard } from '../connector.js';
import { andWhen, type BoundIdentity, type BoundPeople } from './binding.js';
import { Placeholders, quote, quoteTable } from './names.js';
import { matching } from './people.js';
import type { Transaction } from './session.js';
import type { Target } from './target.js';

interface Candidate {
  [column: string]: unknown;
  id: string;
  label: string;
}

/**
 * Resolves the accounts behind a person by every match rule of the catalog at once; two candidates are never
 * narrowed down here, and are one person's only where `pinned` names them both. `pinned` says identity →
 * values; no value says that there is none (`{ user: [] }`: no account).
 */
export function resolveAccounts(
  target: Target,
  person: Person,
  pinned: Identities,
  signal?: AbortSignal,
): Promise<AccountResolution> {
  return target.bound(signal, binding => {
    const people = binding.people();
    const identities = binding.identities();
    refuseUnknown(target, pinned, identities);
    return target.session.transaction({ mode: 'read', doing: 'resolving an account', signal }, async tx => {
      const absent: AccountResolution = { kind: 'absent', expected: target.catalog.absence === 'expected' };
      if (pinned.user?.length === 0) return absent;
      const candidates = await candidatesFor(target, tx, people, person, pinned.user);
      const wanted = pinned.user?.length ?? 1;
      if (candidates.length === 0 && !pinned.user) return absent;
      // A pinned id that nobody has is a mistake to be shown, not an absent person.
      if (candidates.length !== wanted)
        return { kind: 'ambiguous', identity: 'user', candidates: pinned.user ? [] : candidates };
      const users = candidates.map(({ id }) => id);
      const values = new Map(users.map(user => [user, { user: [user] } as Record<string, string[]>]));
      for (const identity of identities) {
        const resolved = await resolveIdentity(tx, people, identity, users, own(pinned, identity.name));
        if (resolved.kind === 'ambiguous')
          return { kind: 'ambiguous', identity: identity.name, candidates: resolved.candidates };
        for (const [user, held] of resolved.values) values.get(user)![identity.name] = held;
      }
      const accounts: Account[] = [];
      for (const identities of values.values())
        accounts.push(await readState(target, tx, people, { identities, active: true, blocked: false }));
      return { kind: 'found', accounts };
    });
  });
}

function refuseUnknown(target: Target, pinned: Identities, identities: BoundIdentity[]): void {
  const known = ['user', ...identities.map(i => i.name)];
  const unknown = Object.keys(pinned).filter(name => !known.includes(name));
  if (unknown.length > 0)
    throw new HandoverFailure(
      'configuration',
      `${target.system}: there is no identity ${unknown.join(', ')}; known are ${known.join(', ')}`,
    );
}

async function candidatesFor(
  target: Target,
  tx: Transaction,
  people: BoundPeople,
  person: Person,
  pinned: readonly string[] | undefined,
): Promise<Candidate[]> {
  const bind = new Placeholders();
  const key = `${people.alias}.${quote(people.key.name)}`;
  const rules =
    pinned !== undefined
      ? [`${key}::text = ANY (${bind.add(pinned, 'text[]')})`]
      : [
          matching(people, 'id', person.id, bind),
          person.email === null ? null : matching(people, 'email', person.email, bind),
        ].filter(rule => rule !== null);
  if (rules.length === 0) return [];
  return tx.query<Candidate>(
    `SELECT ${key}::text AS id, coalesce(${people.alias}.${quote(people.name.name)}::text, '') || ' (' || ${key}::text || ')' AS label
       FROM ${people.from}
      WHERE (${rules.join(' OR ')})${andWhen(target.catalog.people.when)}
      ORDER BY ${key} LIMIT ${Math.max(20, pinned?.length ?? 0)}`,
    bind.values,
  );
}

type IdentityResolution =
  /** By account, those that have any. */
  { kind: 'known'; values: Map<string, string[]> } | { kind: 'ambiguous'; candidates: Candidate[] };

/**
 * The values of an identity, account by account. Without a word of an operator an account has one at most;
 * with it, exactly what was named.
 */
async function resolveIdentity(
  tx: Transaction,
  people: BoundPeople,
  identity: BoundIdentity,
  users: readonly string[],
  pinned: readonly string[] | undefined,
): Promise<IdentityResolution> {
  const values = new Map<string, string[]>();
  if (pinned?.length === 0) return { kind: 'known', values };
  const all: string[] = [];
  for (const user of users) {
    const owned = await ownedValues(tx, people, identity, user);
    all.push(...owned);
    if (!pinned && owned.length > 1) return { kind: 'ambiguous', candidates: owned.map(candidate) };
    const held = pinned ? owned.filter(id => pinned.includes(id)) : owned;
    if (held.length > 0) values.set(user, held);
  }
  // An operator may name a record that is tied to nobody yet; one that is tied to somebody else does not fit.
  const loose = (pinned ?? []).filter(id => !all.includes(id));
  for (const id of loose)
    if (!(await isFree(tx, identity, id))) return { kind: 'ambiguous', candidates: all.map(candidate) };
  const [first] = users;
  if (loose.length > 0) values.set(first!, [...(values.get(first!) ?? []), ...loose]);
  return { kind: 'known', values };
}

const candidate = (id: string): Candidate => ({ id, label: id });

async function ownedValues(
  tx: Transaction,
  people: BoundPeople,
  identity: BoundIdentity,
  user: string,
): Promise<string[]> {
  if (!('table' in identity)) {
    const rows = await tx.query<{ id: string | null }>(
      `SELECT ${people.alias}.${quote(identity.column.name)}::text AS id FROM ${people.from} WHERE ${people.alias}.${quote(people.key.name)} ${people.key.equals} $1::text::${people.key.type}`,
      [user],
    );
    return rows.flatMap(row => row.id ?? []);
  }
  const { alias } = identity;
  const key = `${alias}.${quote(identity.key.name)}`;
  const person = `${alias}.${quote(identity.person.name)}`;
  const rows = await tx.query<{ id: string }>(
    `SELECT DISTINCT ${key}::text AS id FROM ${quoteTable(identity.table)} AS ${alias}
      WHERE ${person} ${identity.person.equals} $1::text::${identity.person.type}${andWhen(identity.when)} AND ${key} IS NOT NULL ORDER BY 1 LIMIT 20`,
    [user],
  );
  return rows.map(row => row.id);
}

async function isFree(tx: Transaction, identity: BoundIdentity, id: string): Promise<boolean> {
  if (!('table' in identity)) return false;
  const { alias } = identity;
  const key = `${alias}.${quote(identity.key.name)}`;
  const person = `${alias}.${quote(identity.person.name)}`;
  const free = await tx.query(
    `SELECT FROM ${quoteTable(identity.table)} AS ${alias} WHERE ${key}::text = $1 AND ${person} IS NULL${andWhen(identity.when)}`,
    [id],
  );
  return free.length > 0;
}

/** The one key by which a row of people is found. */
export const keyOf = ({ identities }: Account): string | undefined => identities.user?.[0];

export function readAccount(target: Target, account: Account, signal?: AbortSignal): Promise<Account> {
  return target.bound(signal, binding => {
    const people = binding.people();
    return target.session.transaction({ mode: 'glance', doing: 'reading an account', signal }, tx =>
      readState(target, tx, people, account),
    );
  });
}

/** Active and blocked as the live row says. Throws `rejected` when the row has vanished. */
export async function readState(
  target: Target,
  tx: Transaction,
  people: BoundPeople,
  account: Account,
): Promise<Account> {
  const { active, blocked } = target.catalog.people;
  const [row] = await tx.repeated<{ active: boolean; blocked: boolean }>(
    `SELECT (${active}) IS TRUE AS active, ${blocked === undefined ? 'false' : `(${blocked}) IS TRUE`} AS blocked
       FROM ${people.from} WHERE ${people.alias}.${quote(people.key.name)} ${people.key.equals} $1::text::${people.key.type}`,
    [keyOf(account)],
  );
  if (!row) throw vanished(target, account);
  return { ...account, active: row.active, blocked: row.blocked };
}

export const vanished = (target: Target, account: Account): HandoverFailure =>
  new HandoverFailure(
    'rejected',
    `${target.system}: the account ${keyOf(account) ?? '(none)'} no longer exists in ${target.catalog.people.table}`,
  );

export function guards(target: Target, accounts: readonly Account[], signal?: AbortSignal): Promise<Guard[]> {
  if (accounts.length === 0) return Promise.resolve([]);
  return target.bound(signal, binding => {
    const people = binding.people();
    return target.session.transaction({ mode: 'read', doing: 'checking guards', signal }, tx =>
      readGuards(target, tx, people, accounts),
    );
  });
}

/** What forbids switching these accounts off, in the snapshot of the transaction. */
export async function readGuards(
  target: Target,
  tx: Transaction,
  people: BoundPeople,
  accounts: readonly Account[],
): Promise<Guard[]> {
  const { guards: spec, people: p } = target.catalog;
  const users = accounts.flatMap(account => keyOf(account) ?? []);
  const said = users.length === 1 ? `the account ${users[0]} is` : `the accounts ${users.join(', ')} are`;
  const key = `${people.alias}.${quote(people.key.name)}`;
  const isLeaver = `${key} ${people.key.equals} ANY ($1::text[]::${people.key.type}[])`;
  const found: Guard[] = [];
  if (spec.protected !== undefined) {
    const rows = await tx.query<{ id: string }>(
      `SELECT ${key}::text AS id FROM ${people.from} WHERE ${isLeaver} AND (${spec.protected}) ORDER BY ${key}`,
      [users],
    );
    for (const { id } of rows)
      found.push({
        kind: 'protected',
        message: `${target.system}: the account ${id} is protected (guards.protected in the catalog) and is never offboarded`,
        receives: spec.protected_receives ?? false,
      });
  }
  if (spec.last_owner !== undefined) {
    const [row] = await tx.query<{ is_owner: boolean; others: boolean }>(
      `SELECT EXISTS (SELECT FROM ${people.from} WHERE ${isLeaver} AND (${spec.last_owner})) AS is_owner,
              EXISTS (SELECT FROM ${people.from}
                       WHERE (${isLeaver}) IS NOT TRUE AND (${spec.last_owner}) AND (${p.active})${andWhen(p.when)}
                         ${p.blocked === undefined ? '' : `AND (${p.blocked}) IS NOT TRUE`}) AS others`,
      [users],
    );
    if (row!.is_owner && !row!.others) {
      found.push({
        kind: 'last-owner',
        message: `${target.system}: ${said} the last active owner or administrator (guards.last_owner in the catalog): make somebody else one first`,
      });
    }
  }
  return found;
}
