/**
 * A connector for a system without transactions, written as an example: everything that the port asks for,
 * and how it is kept where a call can only be sent and hoped for.
 *
 *   an effect      the intent first, then one bulk call; its answer says what became of each item
 *   a doubt        nobody can be asked what became of a call, so the items are read again, and the answer
 *                  says `read`
 *   a walk         lists come in pages that shift, one list per account: `walkAll` says when they cannot be
 *                  trusted
 */
import { randomUUID } from 'node:crypto';
import { accessOf, commonFacts } from '../../../connectors/catalog/head.js';
import type { ConnectOptions } from '../../../connectors/catalog/kind.js';
import type { LoadedCatalog } from '../../../connectors/catalog/loaded.js';
import type { Connector, Directory, Effects, Reader, Witness } from '../../../connectors/connector.js';
import { keysOf, listOf, numbersOf, sharesOf } from '../../../connectors/keys.js';
import { type Walked, walkAll } from '../../../connectors/walk.js';
import { valuesOf } from '../../../domain/accounts.js';
import {
  type AccessChange,
  type AccessVerb,
  type Batch,
  type Done,
  type Effect,
  type Fate,
  type Intended,
  type Intent,
  NO_OWNERS,
  type Undoing,
} from '../../../domain/effect.js';
import { HandoverFailure } from '../../../domain/failure.js';
import { fingerprintOf } from '../../../domain/keys.js';
import type { Account, ItemException, ItemKey, Person } from '../../../domain/model.js';
import type { MemoryCatalog } from './catalog.js';
import { CallFailed, type Entry, type Member, Service } from './service.js';

export function memoryConnector(
  { catalog, file }: LoadedCatalog<MemoryCatalog>,
  { connection }: ConnectOptions,
): Connector {
  const desk = new Desk(catalog, connection.need('name'));
  return {
    system: catalog.system,
    title: catalog.title,
    catalogBody: file.digests.body,
    catalogDigest: file.digests.does,
    wholeCatalogDigest: file.digests.whole,
    categories: Object.entries(catalog.categories).map(([category, spec]) => ({
      ...commonFacts(category, spec),
      identity: 'user',
    })),
    access: accessOf(catalog, 'nobody'),
    ...(catalog.directory ? { directory: directoryOf(desk) } : {}),
    ...readerOf(desk),
    ...effectsOf(desk),
    close: async () => {},
  };
}

/**
 * The service behind its catalog: every call goes through `call`, the one place where its errors become ours.
 */
class Desk {
  constructor(
    readonly catalog: MemoryCatalog,
    private readonly name: string,
  ) {}

  async call<T>(doing: string, ask: (service: Service) => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    try {
      return await ask(Service.at(this.name));
    } catch (error) {
      if (!(error instanceof CallFailed)) throw error;
      const kind = error.retryAfterMs === null ? 'transient' : 'throttled';
      const says = `${this.catalog.system}: while ${doing}: ${error.message}`;
      throw new HandoverFailure(kind, says, { cause: error, retryAfterMs: error.retryAfterMs ?? undefined });
    }
  }

  /** Everything that these accounts hold, or why nobody can say. */
  held(category: string, accounts: readonly Account[], signal?: AbortSignal): Promise<Walked<Entry>> {
    const { page } = this.catalog.connect;
    const lists = valuesOf(accounts, 'user').map(owner => (cursor: string | null) => {
      const ask = (service: Service) => service.page(category, owner, cursor, page);
      return this.call(`listing ${category}`, ask, signal);
    });
    return walkAll(lists, entry => entry.key);
  }

  /** The same, for whoever can do nothing with a part of it. */
  async whole(category: string, accounts: readonly Account[], signal?: AbortSignal): Promise<Entry[]> {
    const walked = await this.held(category, accounts, signal);
    if (walked.complete) return walked.items;
    const says = `${this.catalog.system}: ${category} could not be read whole: ${walked.problem}`;
    throw new HandoverFailure('transient', says);
  }

  read(category: string, keys: readonly ItemKey[], signal?: AbortSignal): Promise<(Entry | null)[]> {
    return this.call(`reading items of ${category}`, service => service.read(category, keys), signal);
  }

  async member(account: Account, signal?: AbortSignal): Promise<Member> {
    const [id = ''] = account.identities.user ?? [];
    const member = await this.call('reading an account', service => service.member(id), signal);
    if (!member)
      throw new HandoverFailure('rejected', `${this.catalog.system}: the account ${id} no longer exists`);
    return member;
  }
}

// --- who people are ----------------------------------------------------------------------------------------

function directoryOf(desk: Desk): Directory {
  const people = async (fits: (member: Member) => boolean, signal?: AbortSignal): Promise<Person[]> => {
    const found = await desk.call('looking people up', service => service.search(fits), signal);
    return found.sort((a, b) => (a.id < b.id ? -1 : 1)).map(personOf);
  };
  return {
    roles: { operator: true, approver: true },
    findPeople: ({ by, value }, signal) =>
      people(one => (by === 'id' ? one.id === value : by === 'email' && sameText(one.email, value)), signal),
    peopleWith: (ids, signal) => people(one => ids.includes(one.id), signal),
    holders: (role, signal) => people(one => one.roles.includes(role), signal),
    team: (team, signal) => people(one => one.team === team && one.status !== 'off', signal),
  };
}

function personOf({ id, name, email, status, manager, team, roles }: Member): Person {
  return {
    id,
    name,
    email,
    active: status !== 'off',
    blocked: status === 'suspended',
    managerId: manager,
    team,
    roles,
    human: id,
    known: [{ by: 'email', value: email }],
  };
}

const sameText = (a: string, b: string): boolean => a.toLowerCase() === b.trim().toLowerCase();

// --- what they hold ----------------------------------------------------------------------------------------

function readerOf(desk: Desk): Reader {
  const { system, absence } = desk.catalog;
  const accountOf = ({ id, status }: Member): Account => ({
    identities: { user: [id] },
    active: status !== 'off',
    blocked: status === 'suspended',
  });
  return {
    async resolveAccounts(sought, pinned, signal) {
      const absent = { kind: 'absent', expected: absence === 'expected', others: [] } as const;
      const { user } = pinned;
      if (user?.length === 0) return absent;
      const fits = (one: Member): boolean =>
        user !== undefined
          ? user.includes(one.id)
          : desk.catalog.directory
            ? one.id === sought.id
            : sought.known.some(({ by, value }) => by === 'email' && sameText(one.email, value));
      const found = await desk.call('resolving an account', service => service.search(fits), signal);
      if (found.length === 0 && user === undefined) return absent;
      // Several are one person's only where somebody has said so.
      if (found.length === (user?.length ?? 1))
        return { kind: 'found', accounts: found.map(accountOf), others: [], strangers: [] };
      const candidates = found.map(one => ({ id: one.id, label: `${one.name} <${one.email}>` }));
      return { kind: 'ambiguous', identity: 'user', candidates };
    },
    readAccount: async (account, signal) => accountOf(await desk.member(account, signal)),
    async guards(accounts, signal) {
      const members = await Promise.all(accounts.map(account => desk.member(account, signal)));
      return members.flatMap(({ id, protected: guarded }) =>
        guarded ? [{ kind: 'protected', message: `${system}: the account ${id} is protected` }] : [],
      );
    },
    inventoryBy: 'walk',
    async inventory(accounts, categories, signal) {
      const all = [];
      for (const category of categories) {
        const walked = await desk.held(category, accounts, signal);
        const keys = walked.complete ? walked.items.map(entry => entry.key) : [];
        const problem = walked.complete ? null : `the list could not be read whole: ${walked.problem}`;
        const { complete } = walked;
        all.push({
          category,
          count: keys.length,
          fingerprint: fingerprintOf(keys),
          complete,
          problem,
          firesAt: null,
        });
      }
      return all;
    },
    async *pages(accounts, category, { size, attribute, signal }) {
      const held = await desk.whole(category, accounts, signal);
      for (let from = 0; from < held.length; from += size) {
        const items = held.slice(from, from + size);
        const keys = items.map(entry => entry.key);
        const attributes = attribute === undefined ? null : items.map(entry => entry.label);
        const fingerprint = fingerprintOf(keys);
        yield {
          keys: keysOf(keys),
          count: keys.length,
          fingerprint,
          attributes,
          order: 'none',
          low: null,
          high: null,
        };
      }
    },
    async items(accounts, category, { after, limit }, signal) {
      const held = await desk.whole(category, accounts, signal);
      const sorted = held.sort((a, b) => (a.key < b.key ? -1 : 1));
      const rest = sorted.filter(entry => after === undefined || entry.key > after);
      const items = rest
        .slice(0, limit)
        .map(({ key, label }) => ({ key, label, link: null, attributes: {}, firesAt: null }));
      return { items, next: rest.length > limit ? items.at(-1)!.key : null };
    },
  };
}

// --- effects -----------------------------------------------------------------------------------------------

const STATUS: Record<AccessVerb, Member['status']> = {
  block: 'suspended',
  unblock: 'active',
  deactivate: 'off',
  reactivate: 'active',
};
const INVERSE: Record<AccessVerb, AccessVerb> = {
  block: 'unblock',
  unblock: 'block',
  deactivate: 'reactivate',
  reactivate: 'deactivate',
};

function effectsOf(desk: Desk): Effects {
  return {
    apply: (work, witness, signal) =>
      work.kind === 'batch'
        ? applyBatch(desk, work, witness, signal)
        : applyAccess(desk, work, witness, signal),
    async fateOf(work, intent, signal) {
      // What was known beforehand needed no call.
      if (intent.effect) return { kind: 'happened', effect: null, sure: 'read' };
      // Nobody can be asked about a call. It may still be on its way, and reading too early would say that it
      // never arrived.
      if (Date.now() < markedAt(intent) + desk.catalog.connect.lands_within_ms) return { kind: 'under-way' };
      return work.kind === 'batch' ? readBatch(desk, work, signal) : readAccess(desk, work, signal);
    },
    restore(undoing, witness, signal) {
      const { work, effect } = undoing;
      if (work.kind === 'access') return giveAccessBack(desk, work, effect, witness, signal);
      return giveBack(desk, { ...undoing, work }, witness, signal);
    },
  };
}

/** What tells this effect from every other, and the moment from which its time runs. */
const newMark = (): string => `call ${randomUUID()} of ${new Date().toISOString()}`;
const markedAt = ({ mark }: Intended): number => Date.parse(mark.slice(mark.lastIndexOf(' ') + 1));

/** The first so many items: the rest is left for the next effect. */
async function applyBatch(desk: Desk, work: Batch, witness: Witness, signal?: AbortSignal): Promise<Done> {
  const keys = listOf(work.keys).slice(0, desk.catalog.connect.bulk);
  const values = ownersOf(desk, work);
  // Read before: afterwards nobody could say whose an item was, nor what a deleted one looked like.
  const rows = await desk.read(work.category, keys, signal);
  const whose = rows.map(row => Math.max(0, values.indexOf(row?.owner ?? '')));
  const changes = keys.map((key, n) => ({ key, from: values[whose[n]!]!, to: takerOf(work, n) }));
  const intent = await intended(desk, witness, signal, {
    took: keys.length,
    owners: { values, perKey: sharesOf(whose) },
    before: work.do === 'transfer' ? [] : rows.filter(row => row && values.includes(row.owner ?? '')),
  });
  const answers = await desk.call('changing items', service => service.bulk(work.category, changes), signal);
  const exceptions = answers.flatMap((answer, n) => (answer === null ? [] : [exceptionOf(keys[n]!, answer)]));
  const changed = answers.map(answer => answer === null);
  return done(intent, effectOf(work, changed, exceptions));
}

/** From here on the effect may be under way: nothing may be sent before the witness has it. */
async function intended(
  desk: Desk,
  witness: Witness,
  signal: AbortSignal | undefined,
  about: Pick<Intent, 'took' | 'owners'> & Partial<Intent>,
): Promise<Intent> {
  const intent: Intent = { mark: newMark(), before: [], effect: null, ...about };
  signal?.throwIfAborted();
  await witness.intend(intent);
  signal?.throwIfAborted();
  // Whoever asks from now on may hear before long that it never arrived: then it must not be sent any more.
  if (!intent.effect && Date.now() > markedAt(intent) + desk.catalog.connect.lands_within_ms / 2) {
    const says = `${desk.catalog.system}: it took too long to make the intent durable, so nothing was sent`;
    throw new HandoverFailure('transient', says);
  }
  return intent;
}

/** The system itself has answered, item by item. */
const done = (intent: Intent, effect: Effect): Done => ({ ...intent, effect, sure: 'asked' });

function ownersOf(desk: Desk, { accounts, do: disposition, takers }: Batch): string[] {
  const owners = valuesOf(accounts, 'user');
  const refuse = (why: string) => new HandoverFailure('rejected', `${desk.catalog.system}: ${why}`);
  if (owners.length === 0) throw refuse('the leaver has no account here, so no item can be theirs');
  if (disposition === 'transfer' && takers.length === 0)
    throw refuse('a transfer needs at least one successor');
  if (owners.some(owner => takers.includes(owner))) throw refuse('the successor is the leaver');
  return owners;
}

/** What the nth item's owner becomes; undefined: it is deleted. */
function takerOf(work: Batch, n: number): string | null | undefined {
  if (work.do !== 'transfer') return undefined;
  return work.takers[work.assignment ? numbersOf(work.assignment)[n]! : 0]!;
}

const WHY: Record<string, ItemException> = {
  gone: { key: '', kind: 'gone', why: 'it no longer exists' },
  taken: { key: '', kind: 'taken', why: 'somebody else owns it now' },
  exists: { key: '', kind: 'taken', why: 'somebody has made it anew' },
};

function exceptionOf(key: ItemKey, answer: string): ItemException {
  return { ...(WHY[answer] ?? { kind: 'failed', why: `the system refused it (${answer})` }), key };
}

/** `changed`: per item of the effect, in their order. */
function effectOf(work: Batch, changed: boolean[], exceptions: ItemException[]): Effect {
  const perTaker = work.do === 'transfer' ? work.takers.map(() => 0) : [];
  if (work.do === 'transfer')
    for (const [n, is] of changed.entries())
      if (is) perTaker[work.assignment ? numbersOf(work.assignment)[n]! : 0]! += 1;
  return { changed: changed.filter(Boolean).length, merged: 0, perTaker, exceptions };
}

/**
 * Items that are as the call would have left them count as done by it: reading cannot tell whose doing it
 * was.
 */
async function readBatch(desk: Desk, work: Batch, signal?: AbortSignal): Promise<Fate> {
  const keys = listOf(work.keys);
  const rows = await desk.read(work.category, keys, signal);
  const owners = valuesOf(work.accounts, 'user');
  const fates = rows.map((row, n): 'done' | 'missed' | 'taken' | 'gone' => {
    if (row === null) return work.do === 'transfer' ? 'gone' : 'done';
    if (work.do === 'transfer' && row.owner === takerOf(work, n)) return 'done';
    return owners.includes(row.owner ?? '') ? 'missed' : 'taken';
  });
  if (!fates.includes('done')) return { kind: 'did-not', sure: 'read' };
  const exceptions = fates.flatMap((fate, n): ItemException[] => {
    if (fate === 'done') return [];
    if (fate === 'missed')
      return [{ key: keys[n]!, kind: 'missed', why: 'the call broke off before it came to it' }];
    return [exceptionOf(keys[n]!, fate)];
  });
  const effect = effectOf(
    work,
    fates.map(fate => fate === 'done'),
    exceptions,
  );
  return { kind: exceptions.length > 0 ? 'partly' : 'happened', effect, sure: 'read' };
}

async function applyAccess(
  desk: Desk,
  work: AccessChange,
  witness: Witness,
  signal?: AbortSignal,
): Promise<Done> {
  const { system } = desk.catalog;
  if (desk.catalog[work.verb]?.by !== 'system')
    throw new HandoverFailure(
      'configuration',
      `${system}: the catalog does not say how to ${work.verb} an account`,
    );
  const member = await desk.member(work.account, signal);
  if (member.protected && STATUS[work.verb] !== 'active')
    throw new HandoverFailure('rejected', `${system}: the account ${member.id} is protected`);
  const about = { took: 1, owners: NO_OWNERS };
  // Somebody else has done it. Were it sent all the same and its answer lost, it would pass for ours.
  if (member.status === STATUS[work.verb]) {
    const effect = accessEffect(0);
    return done(await intended(desk, witness, signal, { ...about, effect }), effect);
  }
  const intent = await intended(desk, witness, signal, about);
  const ask = (service: Service) => service.setStatus(member.id, STATUS[work.verb]);
  const refusal = await desk.call(`asking to ${work.verb} an account`, ask, signal);
  if (refusal !== null)
    throw new HandoverFailure('rejected', `${system}: it refused to ${work.verb} ${member.id} (${refusal})`);
  return done(intent, accessEffect(1));
}

const accessEffect = (changed: number): Effect => ({
  changed,
  merged: 0,
  perTaker: [],
  exceptions: [],
});

async function readAccess(desk: Desk, { verb, account }: AccessChange, signal?: AbortSignal): Promise<Fate> {
  const { status } = await desk.member(account, signal);
  return status === STATUS[verb]
    ? { kind: 'happened', effect: accessEffect(1), sure: 'read' }
    : { kind: 'did-not', sure: 'read' };
}

/** The inverse of `applyAccess`: only where the account is still as we left it. */
async function giveAccessBack(
  desk: Desk,
  work: AccessChange,
  effect: Effect,
  witness: Witness,
  signal?: AbortSignal,
): Promise<Done> {
  const { id, status } = await desk.member(work.account, signal);
  if (effect.changed > 0 && status === STATUS[work.verb])
    return applyAccess(desk, { ...work, verb: INVERSE[work.verb] }, witness, signal);
  const why = 'the account is no longer as it was left: somebody has changed it since';
  const exceptions: ItemException[] = effect.changed > 0 ? [{ key: id, kind: 'taken', why }] : [];
  const given = { ...accessEffect(0), exceptions };
  return done(await intended(desk, witness, signal, { took: 1, owners: NO_OWNERS, effect: given }), given);
}

/** The inverse of `applyBatch`: only what is still as we left it is given back. */
async function giveBack(
  desk: Desk,
  { work, owners, before, effect }: Undoing & { work: Batch },
  witness: Witness,
  signal?: AbortSignal,
): Promise<Done> {
  const excepted = new Set(effect.exceptions.map(one => one.key));
  const all = listOf(work.keys);
  const places = all.flatMap((key, n) => (excepted.has(key) ? [] : [{ key, n }]));
  const whose = owners.perKey && numbersOf(owners.perKey);
  const ownerOf = (n: number): string | null => owners.values[whose?.[n] ?? 0] ?? null;
  const kept = new Map((before as readonly Entry[]).map(row => [row.key, row]));
  const ours = work.do === 'transfer' ? places : places.filter(({ key }) => kept.has(key));
  const lost = places.filter(one => !ours.includes(one)).map(({ key }) => key);
  const intent = await intended(desk, witness, signal, {
    took: all.length,
    owners: { values: work.takers, perKey: work.assignment },
  });
  const ask = (service: Service) =>
    work.do === 'transfer'
      ? service.bulk(
          work.category,
          ours.map(({ key, n }) => ({ key, from: takerOf(work, n) ?? null, to: ownerOf(n) })),
        )
      : service.create(
          work.category,
          ours.map(({ key }) => kept.get(key)!),
        );
  const answers = await desk.call('giving items back', ask, signal);
  const exceptions = answers.flatMap((answer, n) =>
    answer === null ? [] : [exceptionOf(ours[n]!.key, answer)],
  );
  for (const key of lost)
    exceptions.push({ key, kind: 'failed', why: 'nobody kept what it was: it may have been purged' });
  return done(
    intent,
    effectOf(
      { ...work, do: 'remove' },
      answers.map(answer => answer === null),
      exceptions,
    ),
  );
}
