/**
 * What a person is in this system: accounts, each with a key of its own and further identities, active or
 * not, and who must not be touched.
 */
import { HandoverFailure } from '../../domain/failure.js';
import { type Fold, folded, isBlank, sayDifference } from '../../domain/fold.js';
import type { Account, Identities, Known, Sought } from '../../domain/model.js';
import { own } from '../../domain/own.js';
import { looksLike } from '../../domain/people.js';
import type { AccountResolution, Guard } from '../connector.js';
import { andWhen, type Binder, type BoundIdentity, type BoundPeople, ownedByAny } from './binding.js';
import { Placeholders, quote, quoteTable } from './names.js';
import { looselyOwned, nearOwners } from './near.js';
import { humanOf, knownSql, matching, NEARLY } from './people.js';
import type { Transaction } from './session.js';
import type { BoundCatalog, Target } from './target.js';

interface Candidate {
  [column: string]: unknown;
  id: string;
  label: string;
  name: string;
  human: string | null;
  known: Known[];
  /** Null: the catalog's condition says neither yes nor no. */
  active: boolean | null;
  blocked: boolean;
}

/**
 * Resolves the accounts behind a person by every match rule of the catalog at once. Several are one person's
 * only where the system itself says so (`people.human`), or where `pinned` names them all; what fits only
 * nearly, or by a value that others have too, is a question and never a match. `pinned` says identity →
 * values; no value says that there is none (`{ user: [] }`: no account).
 */
export function resolveAccounts(
  target: Target,
  sought: Sought,
  pinned: Identities,
  signal?: AbortSignal,
): Promise<AccountResolution> {
  return target.bound(signal, binding => {
    const people = binding.people();
    const identities = binding.identities();
    refuseUnknown(target, pinned, identities);
    const owners = looselyOwned(binding);
    // Where people's rows say it all, one statement does, which is a moment of its own.
    const mode = identities.length === 0 && owners.length === 0 && !people.human ? 'glance' : 'read';
    return target.session.transaction({ mode, doing: 'resolving an account', signal }, async tx => {
      const search = new PeopleSearch(target, tx, people, binding.binder);
      const { sure, near, named } = await search.find(sought, pinned);
      const chosen = pinned.user === undefined ? sure : named.filter(({ id }) => pinned.user!.includes(id));
      const asAccount = ({ id, label, active, blocked }: Candidate): Account => ({
        identities: { user: [id] },
        active: certainly(target, id, active),
        blocked,
        label,
      });
      if (pinned.user === undefined && !areOneHuman(sure))
        return {
          kind: 'ambiguous',
          identity: 'user',
          candidates: sure.map(asCandidate),
          sure: sure.map(asAccount),
        };
      if (pinned.user === undefined && sure.length === 0 && near.length > 0)
        return { ...notQuite(near), kind: 'ambiguous', identity: 'user' };
      // A pinned id that nobody has is a mistake to be shown, not an absent person.
      if (chosen.length < (pinned.user?.length ?? 0))
        return { kind: 'ambiguous', identity: 'user', candidates: [] };
      const former = formerOf(sought, named, [...chosen, ...sure, ...near]);
      const others = [
        ...without(sure, chosen).map(one => ({ ...asCandidate(one), why: 'it fits as well' })),
        ...without(near, chosen).map(({ id, label, why }) => ({ id, label, why })),
        ...former.flatMap(({ row }) => (row ? [{ ...asCandidate(row), why: FORMER }] : [])),
      ];
      // Things can outlive the account that they name.
      const none = pinned.user?.length === 0;
      const gone = none ? [] : former.flatMap(({ id, row }) => (row ? [] : [id]));
      if (chosen.length === 0 && gone.length === 0) {
        const bears = none ? null : await thingsOf(tx, binding, people, identities, sought);
        if (bears) return { kind: 'found', accounts: [bears], others, strangers: [] };
        return { kind: 'absent', expected: target.catalog.absence === 'expected', others };
      }
      const values = await valuesOfAccounts(tx, people, identities, { chosen, sure, gone }, pinned, sought);
      if (values.question) {
        const sure = chosen.map(one => ({ ...asAccount(one), identities: values.held.get(one.id)! }));
        return { ...values.question, sure };
      }
      const accounts: Account[] = chosen.map(({ id, label, active, blocked }) => ({
        identities: values.held.get(id)!,
        active: certainly(target, id, active),
        blocked,
        label,
        ...(values.current.has(id) && { current: values.current.get(id) }),
      }));
      for (const id of gone)
        accounts.push({
          identities: values.held.get(id)!,
          active: false,
          blocked: false,
          label: id,
          gone: true,
        });
      const strangers = [
        ...without(chosen, sure).map(({ id, label, known }) => ({
          id,
          label: `the account ${label}`,
          known,
        })),
        ...values.named.map(({ name, value }) => ({
          id: `${name} ${value}`,
          label: `the ${name} ${value}`,
          known: asKnown(value),
        })),
      ];
      const isElses = async (name: string, value: string): Promise<boolean> => {
        const identity = identities.find(one => one.name === name);
        return identity
          ? (
              await holdersOf(
                tx,
                people,
                identity,
                value,
                chosen.map(({ id }) => id),
              )
            ).length > 0
          : search.hasKey(value);
      };
      const fold = (folds: readonly Fold[]) => binding.binder.folding(folds);
      const nearly = await nearOwners(tx, owners, accounts, fold, isElses);
      return { kind: 'found', accounts, others: [...others, ...values.others, ...nearly], strangers };
    });
  });
}

const without = <C extends Candidate>(some: readonly C[], others: readonly Candidate[]): C[] =>
  some.filter(one => !others.some(other => other.id === one.id));

/** Whose a value is, the directory may know by any of its kinds. */
const asKnown = (value: string): Known[] =>
  (['email', 'login', 'number'] as const).map(by => ({ by, value }));

const asCandidate = ({ id, label }: Candidate): { id: string; label: string } => ({ id, label });

/** One alone is; several only where the system says so of all of them. */
function areOneHuman(some: readonly Candidate[]): boolean {
  const [first] = some;
  return some.length < 2 || (first!.human !== null && some.every(({ human }) => human === first!.human));
}

function notQuite(near: readonly (Candidate & { why: string })[]): {
  candidates: { id: string; label: string }[];
  why: string;
} {
  const says = near.map(({ label, why }) => `${label}: ${why}`).join('; ');
  return { candidates: near.map(asCandidate), why: `Nobody is recognised for certain, but ${says}.` };
}

/** Rows of people, found in several ways within one transaction. */
class PeopleSearch {
  constructor(
    private readonly target: Target,
    private readonly tx: Transaction,
    private readonly people: BoundPeople,
    private readonly binder: Binder,
  ) {}

  /**
   * In one statement: `sure` by a value that is theirs alone, and whoever else the system says is the same
   * human being; `near` by a value that is written a little differently, or that other people have too;
   * `named` by the keys that are pinned or remembered.
   */
  async find(
    { id, home, known, shared, remembered }: Sought,
    pinned: Identities,
  ): Promise<{ sure: Candidate[]; near: (Candidate & { why: string })[]; named: Candidate[] }> {
    const keys = [...new Set([...(pinned.user ?? []), ...(remembered.user ?? []), ...(home ? [id] : [])])];
    const loosely = (by: keyof typeof NEARLY, value: string, bind: Placeholders) =>
      matching(this.people, by, value, bind, {
        fold: this.binder.folding(NEARLY[by]),
        // "Alice <alice@example.com>" holds an address; no index finds it.
        within: by === 'email' && this.people.table.rows < MOST_READ,
      });
    const all: { by: keyof typeof NEARLY; value: string }[] = [{ by: 'id', value: id }, ...known, ...shared];
    const ways = (bind: Placeholders) => ({
      sure: home
        ? [this.#isOneOf([id], bind)]
        : [
            matching(this.people, 'id', id, bind),
            ...known.map(({ by, value }) => matching(this.people, by, value, bind)),
          ],
      near: (home ? all.slice(1) : all).map(({ by, value }) => loosely(by, value, bind)),
      named: keys.length > 0 ? [this.#isOneOf(keys, bind)] : [],
    });
    const found = await this.#where(ways, keys.length);
    const sure = found.filter(one => one.sure);
    const same = await this.#sameHumans(sure);
    const theirs = same.filter(one => sure.some(other => looksLike(one, other)));
    return {
      sure: [...sure, ...theirs].sort(byId),
      near: [
        ...fewOf(
          found.flatMap(one => {
            const why = one.near && !one.sure ? this.#whyNearly(one, id, known, shared) : null;
            return why === null ? [] : [{ ...one, why }];
          }),
          home,
        ),
        ...without(same, theirs).map(one => ({ ...one, why: ONLY_A_NUMBER })),
      ],
      named: found.filter(one => keys.includes(one.id)),
    };
  }

  /** Does somebody have this key? */
  async hasKey(value: string): Promise<boolean> {
    return (await this.#where(bind => ({ sure: [this.#isOneOf([value], bind)] }))).length > 0;
  }

  async #sameHumans(sure: readonly Candidate[]): Promise<Candidate[]> {
    const humans = sure.flatMap(({ human }) => human ?? []);
    if (!this.people.human || humans.length === 0) return [];
    const column = `${this.people.alias}.${quote(this.people.human.name)}::text`;
    const same = await this.#where(bind => ({
      sure: [`btrim(${column}) = ANY (${bind.add(humans, 'text[]')})`],
    }));
    return without(same, sure);
  }

  /** Null where it only looked like it to the database: the address stands within a longer one. */
  #whyNearly(
    { known: has }: Candidate,
    id: string,
    known: readonly Known[],
    shared: readonly Known[],
  ): string | null {
    const looselyOf = ({ by, value }: Known): string => folded(value, NEARLY[by]);
    const fits = (one: Known): Known | undefined =>
      has.find(other => other.by === one.by && looselyOf(other) === looselyOf(one));
    for (const one of known) {
      const other = fits(one);
      if (!other) continue;
      return other.value === one.value
        ? `its ${SAYS[one.by]} is theirs`
        : `its ${SAYS[one.by]} is theirs but for ${sayDifference(one.value, other.value)}`;
    }
    const common = shared.find(fits);
    if (common) return `its ${SAYS[common.by]} is one that other people have too`;
    const mails = [...known, ...shared].filter(({ by, value }) => by === 'email' && !isBlank(value));
    const within = mails.find(one =>
      has.some(other => other.by === 'email' && standsIn(looselyOf(other), looselyOf(one))),
    );
    if (within) return 'its e-mail is theirs and something beside it';
    // Nothing else than a rule by the directory's id can have found it.
    return this.people.match.some(({ by }) => by === 'id')
      ? `it names "${id}" of the directory, written in another way`
      : null;
  }

  #isOneOf(keys: readonly string[], bind: Placeholders): string {
    const key = `${this.people.alias}.${quote(this.people.key.name)}`;
    return `${key}::text = ANY (${bind.add(keys, 'text[]')})`;
  }

  /**
   * Whoever fits in any of these ways, those first who fit surely, then those who are named.
   * @param named how many these are
   */
  async #where(
    ways: (bind: Placeholders) => Partial<Record<'sure' | 'near' | 'named', readonly (string | null)[]>>,
    named = 0,
  ): Promise<(Candidate & { sure: boolean; near: boolean })[]> {
    const { alias, key: column, name, human, from } = this.people;
    const { active, blocked, when } = this.target.catalog.people;
    const bind = new Placeholders();
    const given = ways(bind);
    const any = (way: keyof typeof given): string[] => (given[way] ?? []).flatMap(each => each ?? []);
    const all = [...any('sure'), ...any('near'), ...any('named')];
    if (all.length === 0) return [];
    const holds = (conditions: readonly string[]): string =>
      conditions.length > 0 ? `(${conditions.join(' OR ')}) IS TRUE` : 'false';
    const key = `${alias}.${quote(column.name)}`;
    const rows = await this.tx.repeated<Candidate & { sure: boolean; near: boolean }>(
      `SELECT ${key}::text AS id, coalesce(${alias}.${quote(name.name)}::text, '') || ' (' || ${key}::text || ')' AS label,
              coalesce(${alias}.${quote(name.name)}::text, '') AS name,
              ${human ? `btrim(${alias}.${quote(human.name)}::text)` : 'NULL::text'} AS human, ${knownSql(this.people)} AS known,
              (${active}) AS active, ${blocked === undefined ? 'false' : `(${blocked}) IS TRUE`} AS blocked,
              ${holds(any('sure'))} AS sure, ${holds(any('near'))} AS near, ${holds(any('named'))} AS named
         FROM ${from}
        WHERE (${all.join(' OR ')})${andWhen(when)}
        ORDER BY sure DESC, named DESC, ${key} LIMIT ${MOST_CANDIDATES + named}`,
      bind.values,
    );
    return rows.map(row => ({ ...row, human: humanOf(row.human) }));
  }
}

/** Accounts of earlier runs that no rule finds any more; without a row where they no longer exist. */
function formerOf(
  { remembered }: Sought,
  named: readonly Candidate[],
  found: readonly Candidate[],
): { id: string; row: Candidate | undefined }[] {
  const ids = (remembered.user ?? []).filter(id => !found.some(one => one.id === id));
  return ids.map(id => ({ id, row: named.find(one => one.id === id) }));
}

/** An address within a text, and not the end or the beginning of another one. */
function standsIn(text: string, address: string): boolean {
  const at = text.indexOf(address);
  if (at < 0) return false;
  const before = text[at - 1] ?? '';
  const after = text.slice(at + address.length);
  return !/[\p{L}\p{N}._%+-]/u.test(before) && !/^[.]?[\p{L}\p{N}-]/u.test(after);
}

/** So many rows are read for a look; more want an index. */
const MOST_READ = 200_000;

/**
 * In the directory the person is their entry. One more with the same address may be theirs as well; where
 * several have it, it is nobody's.
 */
const fewOf = <C>(others: readonly C[], home: boolean): readonly C[] =>
  home && others.length > 1 ? [] : others;

const ONLY_A_NUMBER = 'it has their person number, and nothing else that is theirs';

const FORMER = "it was this person's in an earlier plan, and no rule says so any more";

/** More than these for one person are a question in any case. */
const MOST_CANDIDATES = 20;

const byId = (a: Candidate, b: Candidate): number => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);

const SAYS = { email: 'e-mail', login: 'login', number: 'person number', id: 'directory id' };

function refuseUnknown(target: Target, pinned: Identities, identities: BoundIdentity[]): void {
  const known = ['user', ...identities.map(i => i.name)];
  const unknown = Object.keys(pinned).filter(name => !known.includes(name));
  if (unknown.length > 0)
    throw new HandoverFailure(
      'configuration',
      `${target.system}: there is no identity ${unknown.join(', ')}; known are ${known.join(', ')}`,
    );
}

interface Values {
  held: Map<string, Record<string, readonly string[]>>;
  /** Of several values of an identity the one that the catalog calls current. */
  current: Map<string, Record<string, string>>;
  /** What an operator named beside what the system ties to the accounts. */
  named: { name: string; value: string }[];
  others: { id: string; label: string; why: string }[];
  /** What nobody can tell; then `held` has the rest. */
  question: Extract<AccountResolution, { kind: 'ambiguous' }> | null;
}

/**
 * The values of every identity, account by account: what the system ties to the account, what an operator
 * named beside that, and what it was before where nobody else has it now. A value that somebody else's
 * account has too identifies nobody.
 */
async function valuesOfAccounts(
  tx: Transaction,
  people: BoundPeople,
  identities: readonly BoundIdentity[],
  { chosen, sure, gone }: Record<'chosen' | 'sure', readonly Candidate[]> & { gone: readonly string[] },
  pinned: Identities,
  sought: Sought,
): Promise<Values> {
  const users = [...chosen.map(({ id }) => id), ...gone];
  // An account that is left out is nobody else's: whose it is was never in doubt.
  const theirs = [...users, ...sure.map(({ id }) => id)];
  const held = new Map(users.map(user => [user, { user: [user] } as Record<string, readonly string[]>]));
  const current: Values['current'] = new Map();
  const others: { id: string; label: string; why: string }[] = [];
  const named: { name: string; value: string }[] = [];
  let question: Values['question'] = null;
  for (const identity of identities) {
    const { name } = identity;
    const ask = (candidates: { id: string; label: string }[], why?: string): void => {
      question ??= { kind: 'ambiguous', identity: name, candidates, ...(why !== undefined && { why }) };
    };
    const said = own(pinned, name);
    const owned = await ownedValues(tx, people, identity, users);
    const values = owned.map(({ value }) => value);
    if (said?.length === 0) {
      for (const value of values)
        others.push({
          id: `${name} ${value}`,
          label: `${name} ${value}`,
          why: 'an operator said that it is not theirs',
        });
      continue;
    }
    const loose: string[] = [];
    const before = [...(own(sought.remembered, name) ?? []), ...furtherOf(sought, identity, values)];
    for (const value of new Set([...(said ?? []), ...before])) {
      if (values.includes(value) || isBlank(value)) continue;
      const holders = await holdersOf(tx, people, identity, value, theirs);
      if (holders.length === 0 && (said?.includes(value) !== true || (await mayBeNamed(tx, identity, value))))
        loose.push(value);
      // An operator may name a record that is tied to nobody yet; one that is somebody else's does not fit.
      else if (said?.includes(value)) ask(values.map(id => ({ id, label: id })));
    }
    const unsure = new Set<string>();
    for (const value of values) {
      if (said?.includes(value)) continue;
      const [other] = await holdersOf(tx, people, identity, value, theirs);
      if (!other) continue;
      unsure.add(value);
      ask(
        [],
        `The ${name} of an account of theirs is also that of ${other.label}: nobody can tell whose things bear it. Name it if they are this person's, or give [] if none is.`,
      );
    }
    named.push(...loose.filter(value => !before.includes(value)).map(value => ({ name, value })));
    const [first] = users;
    for (const user of users) {
      const tied = owned.filter(one => one.user === user && !unsure.has(one.value)).map(({ value }) => value);
      const all = user === first ? [...tied, ...loose] : tied;
      if (all.length > 0) held.get(user)![name] = all;
      const now = owned.filter(one => one.user === user && one.current && all.includes(one.value));
      if (now.length === 1 && all.length > 1)
        current.set(user, { ...current.get(user), [name]: now[0]!.value });
    }
  }
  return { held, current, named, others, question };
}

/** What the directory knows them by and no account of theirs has: things may bear it all the same. */
function furtherOf(
  { known, leaves }: Sought,
  { kind, folds }: BoundIdentity,
  values: readonly string[],
): string[] {
  const theirs = new Set(values.map(value => folded(value, folds)));
  return leaves
    ? known.flatMap(({ by, value }) =>
        by === kind && !theirs.has(folded(value, folds)) ? [value.trim()] : [],
      )
    : [];
}

/**
 * Somebody without an account here may own things all the same, by an address or a login that nobody else
 * has.
 */
async function thingsOf(
  tx: Transaction,
  binding: BoundCatalog,
  people: BoundPeople,
  identities: readonly BoundIdentity[],
  sought: Sought,
): Promise<Account | null> {
  const held: Record<string, string[]> = {};
  for (const identity of identities) {
    const { name } = identity;
    const values: string[] = [];
    for (const value of furtherOf(sought, identity, []))
      if ((await holdersOf(tx, people, identity, value, [])).length === 0) values.push(value);
    if (values.length === 0) continue;
    // What a plan has named stays in view, also when all of it has been handed over.
    if (values.some(value => own(sought.remembered, name)?.includes(value))) held[name] = values;
    for (const category of Object.keys(binding.binder.catalog.categories)) {
      const c = binding.fitting(category);
      if (c?.spec.owner.identity !== name || held[name]) continue;
      const bind = new Placeholders();
      const rows = await tx.query(
        `SELECT FROM ${c.from} WHERE ${ownedByAny(c, values, bind)}${andWhen(c.spec.when)} LIMIT 1`,
        bind.values,
      );
      if (rows.length > 0) held[name] = values;
    }
  }
  return Object.keys(held).length > 0
    ? { identities: held, active: false, blocked: false, gone: true }
    : null;
}

/** What the system ties to these accounts; an empty value is none. */
async function ownedValues(
  tx: Transaction,
  people: BoundPeople,
  identity: BoundIdentity,
  users: readonly string[],
): Promise<{ user: string; value: string; current: boolean }[]> {
  const person =
    'table' in identity
      ? { alias: identity.alias, column: identity.person }
      : { alias: people.alias, column: people.key };
  const value = 'table' in identity ? `${identity.alias}.${quote(identity.key.name)}` : identity.value;
  const key = `${person.alias}.${quote(person.column.name)}`;
  const from = 'table' in identity ? `${quoteTable(identity.table)} AS ${identity.alias}` : people.from;
  const when = 'table' in identity ? andWhen(identity.when) : '';
  const current =
    'table' in identity && identity.current ? `bool_or((${identity.current}) IS TRUE)` : 'false';
  const rows = await tx.query<{ user: string; value: string; current: boolean }>(
    `SELECT ${key}::text AS user, ${value}::text AS value, ${current} AS current FROM ${from}
      WHERE ${key} ${person.column.equals} ANY ($1::text[]::${person.column.type}[])${when} AND ${value} IS NOT NULL
      GROUP BY 1, 2 ORDER BY 1, 2`,
    [users],
  );
  return rows.filter(row => !isBlank(row.value));
}

/** Accounts of other people that have this value, as it is compared. */
async function holdersOf(
  tx: Transaction,
  people: BoundPeople,
  identity: BoundIdentity,
  value: string,
  users: readonly string[],
): Promise<Pick<Candidate, 'id' | 'label'>[]> {
  const key = `${people.alias}.${quote(people.key.name)}`;
  const { fold } = identity;
  const has = (one: string): string => `${fold(`${one}::text`)} = ${fold('$1::text')}`;
  const held =
    'table' in identity
      ? `${key} ${people.key.equals} ANY (SELECT ${identity.alias}.${quote(identity.person.name)}::${people.key.type} FROM ${quoteTable(identity.table)} AS ${identity.alias}
            WHERE ${has(`${identity.alias}.${quote(identity.key.name)}`)}${andWhen(identity.when)})`
      : has(identity.value);
  return tx.query<Candidate>(
    `SELECT ${key}::text AS id, coalesce(${people.alias}.${quote(people.name.name)}::text, '') || ' (' || ${key}::text || ')' AS label
       FROM ${people.from} WHERE ${held} AND ${key}::text <> ALL ($2::text[]) ORDER BY 1 LIMIT 1`,
    [value, users],
  );
}

/** A column of the account itself says all there is; a record in a table of its own may be tied to nobody. */
async function mayBeNamed(tx: Transaction, identity: BoundIdentity, value: string): Promise<boolean> {
  if (!('table' in identity)) return true;
  const { alias } = identity;
  const rows = await tx.query(
    `SELECT FROM ${quoteTable(identity.table)} AS ${alias}
      WHERE ${identity.fold(`${alias}.${quote(identity.key.name)}::text`)} = ${identity.fold('$1::text')}${andWhen(identity.when)} LIMIT 1`,
    [value],
  );
  return rows.length > 0;
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
  const [row] = await tx.repeated<{ active: boolean | null; blocked: boolean }>(
    `SELECT (${active}) AS active, ${blocked === undefined ? 'false' : `(${blocked}) IS TRUE`} AS blocked
       FROM ${people.from} WHERE ${people.alias}.${quote(people.key.name)} ${people.key.equals} $1::text::${people.key.type}`,
    [keyOf(account)],
  );
  if (!row && account.gone) return account;
  if (!row) throw vanished(target, account);
  const { gone: _gone, ...there } = account;
  return { ...there, active: certainly(target, keyOf(account), row.active), blocked: row.blocked };
}

/**
 * What is unknown to the database is not off. A block is another matter: where nothing says that one stands,
 * access is open, which claims nothing.
 */
function certainly(target: Target, id: string | null | undefined, active: boolean | null): boolean {
  if (active !== null) return active;
  throw new HandoverFailure(
    'configuration',
    `${target.system}: of the account ${id ?? '(none)'} nobody can tell whether it is active: people.active (${target.catalog.people.active}) says neither yes nor no there, since what it reads is NULL. Say in the catalog what that means (with "is true", "is not true" or coalesce), or fill it in`,
  );
}

export const vanished = (target: Target, account: Account): HandoverFailure =>
  new HandoverFailure(
    'rejected',
    `${target.system}: the account ${keyOf(account) ?? '(none)'} no longer exists in ${target.catalog.people.table}`,
  );

export function guards(target: Target, accounts: readonly Account[], signal?: AbortSignal): Promise<Guard[]> {
  const { protected: guarded, last_owner } = target.catalog.guards;
  if (accounts.length === 0 || (guarded === undefined && last_owner === undefined))
    return Promise.resolve([]);
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
