/**
 * What a person is in this system: one key, its further identities, active or not, and who must not be
 * touched.
 */
import { HandoverFailure } from '../../domain/failure.js';
import type { Account, Person } from '../../domain/model.js';
import type { AccountResolution, Guard } from '../connector.js';
import { andWhen, type BoundIdentity, type BoundPeople } from './binding.js';
import { Bindings, quote, quoteTable } from './names.js';
import { matching } from './people.js';
import type { Transaction } from './session.js';
import type { Target } from './target.js';

interface Candidate {
  [column: string]: unknown;
  id: string;
  label: string;
}

/**
 * Resolves the account behind a person by every match rule of the catalog at once; two candidates are never
 * narrowed down here. `pinned` says identity → id; an empty text says that there is none (`{ user: "" }`: no
 * account).
 */
export function resolveAccount(
  target: Target,
  person: Person,
  pinned: Record<string, string>,
  signal?: AbortSignal,
): Promise<AccountResolution> {
  return target.bound(signal, binding => {
    const people = binding.people();
    const identities = binding.identities();
    refuseUnknown(target, pinned, identities);
    return target.session.transaction({ mode: 'read', doing: 'resolving an account', signal }, async tx => {
      const absent: AccountResolution = { kind: 'absent', expected: target.catalog.absence === 'expected' };
      if (pinned.user === '') return absent;
      const candidates = await candidatesFor(target, tx, people, person, pinned.user);
      if (candidates.length > 1) return { kind: 'ambiguous', identity: 'user', candidates };
      const [found] = candidates;
      if (!found) {
        // A pinned id that nobody has is a mistake to be shown, not an absent person.
        return pinned.user === undefined ? absent : { kind: 'ambiguous', identity: 'user', candidates: [] };
      }
      const ids: Record<string, string> = { user: found.id };
      for (const identity of identities) {
        const resolved = await resolveIdentity(tx, people, identity, found.id, pinned[identity.name]);
        if (resolved.kind === 'ambiguous')
          return { kind: 'ambiguous', identity: identity.name, candidates: resolved.candidates };
        if (resolved.id !== null) ids[identity.name] = resolved.id;
      }
      const account = await readState(target, tx, people, {
        system: target.system,
        status: 'found',
        identities: ids,
        active: true,
        blocked: false,
      });
      return { kind: 'found', account };
    });
  });
}

function refuseUnknown(target: Target, pinned: Record<string, string>, identities: BoundIdentity[]): void {
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
  pinned: string | undefined,
): Promise<Candidate[]> {
  const bind = new Bindings();
  const key = `${people.alias}.${quote(people.key.name)}`;
  const rules =
    pinned !== undefined
      ? [`${key}::text = ${bind.add(pinned, 'text')}`]
      : [
          matching(people, 'id', person.id, bind),
          person.email === null ? null : matching(people, 'email', person.email, bind),
        ].filter(rule => rule !== null);
  if (rules.length === 0) return [];
  return tx.query<Candidate>(
    `SELECT ${key}::text AS id, coalesce(${people.alias}.${quote(people.name.name)}::text, '') || ' (' || ${key}::text || ')' AS label
       FROM ${people.from}
      WHERE (${rules.join(' OR ')})${andWhen(target.catalog.people.when)}
      ORDER BY ${key} LIMIT 20`,
    bind.values,
  );
}

type IdentityResolution = { kind: 'one'; id: string | null } | { kind: 'ambiguous'; candidates: Candidate[] };

async function resolveIdentity(
  tx: Transaction,
  people: BoundPeople,
  identity: BoundIdentity,
  user: string,
  pinned: string | undefined,
): Promise<IdentityResolution> {
  if (pinned === '') return { kind: 'one', id: null };
  const userId = `$1::text::${people.key.type}`;
  if (!('table' in identity)) {
    const [row] = await tx.query<{ id: string | null }>(
      `SELECT ${people.alias}.${quote(identity.column.name)}::text AS id FROM ${people.from} WHERE ${people.alias}.${quote(people.key.name)} ${people.key.equals} ${userId}`,
      [user],
    );
    const id = row?.id ?? null;
    if (pinned !== undefined && pinned !== id)
      return { kind: 'ambiguous', candidates: id === null ? [] : [{ id, label: id }] };
    return { kind: 'one', id };
  }
  const { alias } = identity;
  const key = `${alias}.${quote(identity.key.name)}`;
  const person = `${alias}.${quote(identity.person.name)}`;
  const owned = await tx.query<Candidate>(
    `SELECT DISTINCT ${key}::text AS id, ${key}::text AS label FROM ${quoteTable(identity.table)} AS ${alias}
      WHERE ${person} ${identity.person.equals} $1::text::${identity.person.type}${andWhen(identity.when)} AND ${key} IS NOT NULL ORDER BY 1 LIMIT 20`,
    [user],
  );
  if (pinned === undefined)
    return owned.length > 1
      ? { kind: 'ambiguous', candidates: owned }
      : { kind: 'one', id: owned[0]?.id ?? null };
  if (owned.some(o => o.id === pinned)) return { kind: 'one', id: pinned };
  // An operator may name a record that is tied to nobody yet; one that is tied to somebody else does not fit.
  const free = await tx.query(
    `SELECT FROM ${quoteTable(identity.table)} AS ${alias} WHERE ${key}::text = $1 AND ${person} IS NULL${andWhen(identity.when)}`,
    [pinned],
  );
  return free.length > 0 ? { kind: 'one', id: pinned } : { kind: 'ambiguous', candidates: owned };
}

export function readAccount(target: Target, account: Account, signal?: AbortSignal): Promise<Account> {
  if (account.status === 'absent') return Promise.resolve(account);
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
    [account.identities.user],
  );
  if (!row) throw vanished(target, account);
  return { ...account, active: row.active, blocked: row.blocked };
}

export const vanished = (target: Target, account: Account): HandoverFailure =>
  new HandoverFailure(
    'rejected',
    `${target.system}: the account ${account.identities.user ?? '(none)'} no longer exists in ${target.catalog.people.table}`,
  );

export function guards(target: Target, account: Account, signal?: AbortSignal): Promise<Guard[]> {
  if (account.status === 'absent') return Promise.resolve([]);
  return target.bound(signal, binding => {
    const people = binding.people();
    return target.session.transaction({ mode: 'read', doing: 'checking guards', signal }, tx =>
      readGuards(target, tx, people, account),
    );
  });
}

/** What forbids switching this account off, in the snapshot of the transaction. */
export async function readGuards(
  target: Target,
  tx: Transaction,
  people: BoundPeople,
  account: Account,
): Promise<Guard[]> {
  const { guards: spec, people: p } = target.catalog;
  const key = `${people.alias}.${quote(people.key.name)}`;
  const isLeaver = `${key} ${people.key.equals} $1::text::${people.key.type}`;
  const found: Guard[] = [];
  if (spec.protected !== undefined) {
    const rows = await tx.query(`SELECT FROM ${people.from} WHERE ${isLeaver} AND (${spec.protected})`, [
      account.identities.user,
    ]);
    if (rows.length > 0)
      found.push({
        kind: 'protected',
        message: `${target.system}: the account ${account.identities.user} is protected (guards.protected in the catalog) and is never offboarded`,
      });
  }
  if (spec.last_owner !== undefined) {
    const [row] = await tx.query<{ is_owner: boolean; others: boolean }>(
      `SELECT EXISTS (SELECT FROM ${people.from} WHERE ${isLeaver} AND (${spec.last_owner})) AS is_owner,
              EXISTS (SELECT FROM ${people.from}
                       WHERE (${isLeaver}) IS NOT TRUE AND (${spec.last_owner}) AND (${p.active})${andWhen(p.when)}
                         ${p.blocked === undefined ? '' : `AND (${p.blocked}) IS NOT TRUE`}) AS others`,
      [account.identities.user],
    );
    if (row!.is_owner && !row!.others) {
      found.push({
        kind: 'last-owner',
        message: `${target.system}: the account ${account.identities.user} is the last active owner or administrator (guards.last_owner in the catalog): make somebody else one first`,
      });
    }
  }
  return found;
}
