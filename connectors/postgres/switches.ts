/**
 * Switching an account: block and unblock, deactivate and reactivate. Each is one transaction on one row,
 * under its lock, proved by the catalog's `verify` before COMMIT; an account that is in that state already is
 * an effect with nothing changed.
 */

import type { Elsewhere } from '../../domain/consequences.js';
import {
  type AccessChange,
  type AccessVerb,
  type Done,
  type Effect,
  NO_OWNERS,
} from '../../domain/effect.js';
import { HandoverFailure } from '../../domain/failure.js';
import type { Account, ItemException } from '../../domain/model.js';
import type { Inside, Witness } from '../connector.js';
import { keyOf, readAccount, readGuards, vanished } from './accounts.js';
import { applySettings } from './application-settings.js';
import { andWhen, type BoundPeople, type SetColumn } from './binding.js';
import type { SwitchSpec } from './catalog.js';
import { imageOf, setColumnSql, wroteOf } from './columns.js';
import { hasConsequences, mustStayWithin, type Ours, rehearsed, watch } from './elsewhere.js';
import { inventory } from './inventory.js';
import { Placeholders, quote } from './names.js';
import { pages } from './pages.js';
import type { Transaction } from './session.js';
import { changeRows, isRowImage, putRowsBack } from './switch-rows.js';
import type { BoundCatalog, Target } from './target.js';

export async function flip(
  target: Target,
  work: AccessChange,
  witness: Witness,
  signal?: AbortSignal,
): Promise<Done> {
  const { verb, account } = work;
  const spec = target.catalog[verb];
  if (spec?.by !== 'system')
    throw new HandoverFailure(
      'configuration',
      `${target.system}: the catalog does not say how to ${verb} an account`,
    );
  const user = keyOf(account);
  if (user === undefined) {
    throw new HandoverFailure('rejected', `${target.system}: there is no account to ${verb}`);
  }
  return target.bound(signal, async binding =>
    target.session.transaction({ mode: 'write', doing: DOING[verb], signal }, async tx => {
      const { changed, before, elsewhere } = await switchOne(target, tx, binding, work, spec, user);
      mustStayWithin(
        // A block cannot wait for a plan: what triggers change along with it is told.
        verb === 'deactivate' ? elsewhere : elsewhere.filter(one => one.does === 'delete'),
        {
          system: target.system,
          subject: DOING[verb],
          cascades: spec.cascades,
          bounds: work.besides,
        },
      );
      if (witness.prove) await witness.prove(insideOf(await target.within(tx)));
      const effect: Effect = {
        changed,
        merged: 0,
        perTaker: [],
        exceptions: [],
        ...(elsewhere.length > 0 && { elsewhere }),
      };
      await tx.flush();
      const intent = { mark: tx.mark, took: 1, owners: NO_OWNERS, before, effect };
      await witness.intend(intent);
      return { ...intent, sure: 'asked' as const };
    }),
  );
}

/** What switching an account off would do to rows that nobody named: it is done, seen, and taken back. */
export async function tryOff(target: Target, account: Account, signal?: AbortSignal): Promise<Elsewhere[]> {
  const verb = 'deactivate';
  const spec = target.catalog[verb];
  const user = keyOf(account);
  if (spec?.by !== 'system' || user === undefined) return [];
  const work: AccessChange = { kind: 'access', verb, account };
  const doing = 'trying to switch an account off';
  return target.bound(signal, binding =>
    rehearsed(target, { doing, signal }, async tx => {
      const { elsewhere } = await switchOne(target, tx, binding, work, spec, user);
      return elsewhere;
    }),
  );
}

interface Switched {
  changed: number;
  before: unknown[];
  elsewhere: Elsewhere[];
}

/** All that is changed, and what it did besides, up to what `verify` says. */
async function switchOne(
  target: Target,
  tx: Transaction,
  binding: BoundCatalog,
  { verb, account, undoes }: AccessChange,
  spec: SwitchSpec,
  user: string,
): Promise<Switched> {
  const people = binding.people();
  await applySettings(target, tx);
  const cutsAccess = verb === 'deactivate' || verb === 'block';
  await lockRows(target, tx, people, user, cutsAccess);
  if (cutsAccess) await mustBeAllowed(target, tx, people, account);
  const before: unknown[] = [];
  const since = cutsAccess && switchHasConsequences(binding, people, spec) ? await watch(tx) : null;
  const off = await isSo(target, tx, people, account, spec);
  const kept = spec.restore ? (undoes ?? []) : [];
  if (!off && spec.restore && kept.length === 0) mustSaySomething(target, verb, spec);
  const changed = off
    ? 0
    : kept.length > 0
      ? await giveBack(target, tx, binding, people, account, verb, kept)
      : await setColumns(target, tx, binding, people, account, verb, spec, before);
  await changeRows(
    target,
    tx,
    binding,
    account,
    verb,
    off ? { ...spec, also_set: [], also_insert: [] } : spec,
    before,
  );
  if (since !== null || people.table.hasDeferred) await tx.query('SET CONSTRAINTS ALL IMMEDIATE');
  await mustVerify(target, tx, people, user, verb, spec);
  const elsewhere = since ? await since(oursOf(binding, before)) : [];
  return { changed, before, elsewhere };
}

/** Can it do anything but what it names? */
function switchHasConsequences({ binder }: BoundCatalog, people: BoundPeople, spec: SwitchSpec): boolean {
  const beside = [
    ...spec.also_set.map(one => [one.table, false, Object.keys(one.set)] as const),
    ...spec.also_insert.map(one => [one.table, false, []] as const),
    ...spec.also_delete.map(one => [one.table, true, []] as const),
  ];
  return (
    hasConsequences(people.table, false, Object.keys(spec.set)) ||
    beside.some(([name, deletes, columns]) => {
      const found = binder.schema.tables.get(name);
      return found !== undefined && hasConsequences(found, deletes, columns);
    })
  );
}

/** The rows that the switch named, by what is kept of them. */
function oursOf({ binder }: BoundCatalog, before: readonly unknown[]): Ours[] {
  return before.flatMap((image): Ours[] => {
    const { table: name, deleted } = image as AccountImage;
    const table = binder.schema.tables.get(name);
    if (!table) return [];
    const also = isRowImage(image) ? image.also : deleted === undefined ? 'set' : null;
    return [
      {
        table,
        deleted: also === 'delete' ? 1 : (deleted ?? 0),
        changed: also === 'set' ? 1 : 0,
      },
    ];
  });
}

function insideOf(target: Target): Inside {
  return {
    readAccount: (account, signal) => readAccount(target, account, signal),
    inventory: (accounts, categories, signal) => inventory(target, accounts, categories, signal),
    pages: (accounts, category, options) => pages(target, accounts, category, options),
  };
}

/** What `setColumns` and `deleteRows` keep of an account as it was. */
interface AccountImage {
  table: string;
  /** Null for rows that were deleted along with it. */
  key: string | null;
  row?: Record<string, string | null>;
  wrote?: Record<string, string | null>;
  deleted?: number;
}

/**
 * Gives an access change back: the columns that it set go back to what they were, where they are still as it
 * left them. Rows that were deleted along with it (sessions) are not made again.
 */
export async function flipBack(
  target: Target,
  { verb, account }: AccessChange,
  before: readonly unknown[],
  witness: Witness,
  signal?: AbortSignal,
): Promise<Done> {
  const spec = target.catalog[verb];
  const user = keyOf(account);
  if (spec?.by !== 'system' || user === undefined)
    throw new HandoverFailure(
      'configuration',
      `${target.system}: the catalog does not say how to ${verb} an account`,
    );
  const images = before as readonly AccountImage[];
  const image = images.find(one => one.key === user);
  const lost = images.filter(one => one.deleted).map(one => notKept(one.table, one.deleted!));
  const rows = before.filter(isRowImage);
  const doing = `giving back what was changed by ${DOING[verb]}`;
  return target.bound(signal, binding => {
    const people = binding.people();
    return target.session.transaction({ mode: 'write', doing, signal }, async tx => {
      await applySettings(target, tx);
      const cutsAccess = verb === 'unblock' || verb === 'reactivate';
      await lockRows(target, tx, people, user, cutsAccess);
      if (cutsAccess) await mustBeAllowed(target, tx, people, account);
      const back = image?.row
        ? await setBack(tx, people, assignmentsOf(target, binding, people, verb, spec), user, image)
        : 0;
      const beside = await putRowsBack(tx, binding, rows);
      const exceptions: ItemException[] = [...lost, ...beside.exceptions];
      if (image?.row && back === 0)
        exceptions.push({
          key: user,
          kind: 'taken',
          why: 'the account is no longer as it was left: somebody has changed it since',
        });
      if (people.table.hasDeferred) await tx.query('SET CONSTRAINTS ALL IMMEDIATE');
      const effect: Effect = {
        changed: image?.row ? back : Math.min(1, beside.back),
        merged: 0,
        perTaker: [],
        exceptions,
      };
      await tx.flush();
      const intent = { mark: tx.mark, took: 1, owners: NO_OWNERS, before: [], effect };
      await witness.intend(intent);
      return { ...intent, sure: 'asked' as const };
    });
  });
}

function notKept(table: string, rows: number): ItemException {
  return {
    key: table,
    kind: 'failed',
    why: `${rows} rows were deleted, and nothing of them was kept: they cannot be made again`,
  };
}

/** 1 when the row was given back, 0 when it is no longer as we left it. */
async function setBack(
  tx: Transaction,
  people: BoundPeople,
  assignments: readonly SetColumn[],
  user: string,
  image: AccountImage,
): Promise<number> {
  const bind = new Placeholders();
  const own = (name: string): string => `${people.alias}.${quote(name)}::text`;
  const sets = assignments.map(
    ({ column }) =>
      `${quote(column.name)} = ${bind.add(image.row![column.name] ?? null, 'text')}::${column.type}`,
  );
  const asLeft = assignments.map(({ column, value }) => {
    if (value === '$null') return `${own(column.name)} IS NULL`;
    if (value === '$now')
      return `${own(column.name)} = ${bind.add(image.wrote?.[column.name] ?? null, 'text')}`;
    return `${own(column.name)} = (${bind.add(String(value), column.type)})::text`;
  });
  const isPerson = `${people.alias}.${quote(people.key.name)} ${people.key.equals} ${bind.add(user, 'text')}::${people.key.type}`;
  const text = `UPDATE ${people.from} SET ${sets.join(', ')} WHERE ${[isPerson, ...asLeft].join(' AND ')}`;
  return tx.execute(text, bind.values);
}

const DOING: Record<AccessVerb, string> = {
  block: 'blocking an account',
  unblock: 'unblocking an account',
  deactivate: 'deactivating an account',
  reactivate: 'reactivating an account',
};

/**
 * Locks the person's row; for a deactivation the rows of all active owners with it, in one statement and in
 * key order, so that of two administrators who are switched off at the same time one waits for the other and
 * then sees that they are the last.
 */
async function lockRows(
  target: Target,
  tx: Transaction,
  people: BoundPeople,
  user: string,
  owners: boolean,
): Promise<void> {
  const { guards, people: p } = target.catalog;
  const key = `${people.alias}.${quote(people.key.name)}`;
  const others =
    owners && guards.last_owner !== undefined
      ? ` OR ((${guards.last_owner}) AND (${p.active})${andWhen(p.when)})`
      : '';
  await tx.query(
    `SELECT FROM ${people.from} WHERE ${key} ${people.key.equals} $1::text::${people.key.type}${others} ORDER BY ${key} FOR UPDATE OF ${people.alias}`,
    [user],
  );
}

async function mustBeAllowed(
  target: Target,
  tx: Transaction,
  people: BoundPeople,
  account: Account,
): Promise<void> {
  const [already] = await tx.query<{ inactive: boolean }>(
    // Of whom it is unknown the guards are asked.
    `SELECT (${target.catalog.people.active}) IS FALSE AS inactive FROM ${people.from}
      WHERE ${people.alias}.${quote(people.key.name)} ${people.key.equals} $1::text::${people.key.type}`,
    [keyOf(account)],
  );
  const guards = already?.inactive ? [] : await readGuards(target, tx, people, [account]);
  if (guards.length > 0) throw new HandoverFailure('rejected', guards.map(g => g.message).join('; '));
}

/** Is the account in that state already? */
async function isSo(
  target: Target,
  tx: Transaction,
  people: BoundPeople,
  account: Account,
  spec: SwitchSpec,
): Promise<boolean> {
  const [row] = await tx.query<{ done: boolean }>(
    `SELECT (${spec.verify}) IS TRUE AS done FROM ${people.from} WHERE ${people.alias}.${quote(people.key.name)} ${people.key.equals} $1::text::${people.key.type}`,
    [keyOf(account)],
  );
  if (!row) throw vanished(target, account);
  return row.done;
}

/** Where nobody kept what it was, `set` must say what it is to be. */
function mustSaySomething(target: Target, verb: AccessVerb, spec: SwitchSpec): void {
  if ([Object.keys(spec.set), spec.also_set, spec.also_insert, spec.also_delete].flat().length > 0) return;
  throw new HandoverFailure(
    'rejected',
    `${target.system}: nobody kept what the account was before, so that it cannot be given back: say with ${verb}.set what it is to be then`,
  );
}

/** What the change that is taken back kept goes back to what it was, where it is still as that left it. */
async function giveBack(
  target: Target,
  tx: Transaction,
  binding: BoundCatalog,
  people: BoundPeople,
  account: Account,
  verb: AccessVerb,
  kept: readonly unknown[],
): Promise<number> {
  const undone = verb === 'unblock' ? 'block' : 'deactivate';
  const spec = target.catalog[undone];
  const user = keyOf(account)!;
  const image = (kept as readonly AccountImage[]).find(one => one.key === user);
  const assignments =
    spec?.by === 'system' && image?.row ? assignmentsOf(target, binding, people, undone, spec) : [];
  const back = assignments.length > 0 ? await setBack(tx, people, assignments, user, image!) : 1;
  const beside = await putRowsBack(tx, binding, kept.filter(isRowImage));
  if (back === 1 && beside.exceptions.length === 0) return 1;
  throw new HandoverFailure(
    'rejected',
    `${target.system}: the account ${user} is no longer as ${undone} left it: somebody has changed it since, and it is left as it is`,
  );
}

/** 1: the row was changed, and nothing but that one. */
async function setColumns(
  target: Target,
  tx: Transaction,
  binding: BoundCatalog,
  people: BoundPeople,
  account: Account,
  name: AccessVerb,
  spec: SwitchSpec,
  before: unknown[],
): Promise<number> {
  const bind = new Placeholders();
  const user = `${bind.add(keyOf(account), 'text')}::${people.key.type}`;
  const isPerson = `${people.alias}.${quote(people.key.name)} ${people.key.equals} ${user}`;
  const assignments = assignmentsOf(target, binding, people, name, spec);
  if (assignments.length === 0) return 1;
  // Only the columns that are about to change: a person's row holds what nobody needs to keep.
  const image = imageOf({ alias: people.alias, image: assignments.map(a => a.column) });
  const [old] = await tx.query<{ row: unknown }>(
    `SELECT ${image} AS row FROM ${people.from} WHERE ${people.alias}.${quote(people.key.name)} ${people.key.equals} $1::text::${people.key.type}`,
    [keyOf(account)],
  );
  if (!old) throw vanished(target, account);
  const rows = await tx.query<{ wrote: unknown }>(
    `UPDATE ${people.from} SET ${assignments.map(a => setColumnSql(a, bind)).join(', ')} WHERE ${isPerson}
     RETURNING ${wroteOf(people.alias, assignments)} AS wrote`,
    bind.values,
  );
  if (rows.length !== 1) {
    throw new HandoverFailure(
      'rejected',
      `${target.system}: to ${name} the account ${keyOf(account)} must change exactly one row of ${people.table.name}, but it changed ${rows.length}: nothing was changed`,
    );
  }
  const wrote = rows[0]!.wrote === null ? {} : { wrote: rows[0]!.wrote };
  before.push({ table: people.table.name, key: keyOf(account), row: old.row, ...wrote });
  return 1;
}

function assignmentsOf(
  target: Target,
  binding: BoundCatalog,
  people: BoundPeople,
  name: AccessVerb,
  spec: SwitchSpec,
): SetColumn[] {
  const assignments = binding.binder.assignments(people.table, spec.set, [name, 'set']);
  if (assignments.length === Object.keys(spec.set).length) return assignments;
  const problems = binding.binder.problems
    .filter(p => p.path[0] === name)
    .map(p => `${p.where}: ${p.message}`);
  throw new HandoverFailure('configuration', `${target.system}: ${name}: ${problems.join('; ')}`);
}

async function mustVerify(
  target: Target,
  tx: Transaction,
  people: BoundPeople,
  user: string,
  name: AccessVerb,
  spec: SwitchSpec,
): Promise<void> {
  const [row] = await tx.query<{ holds: boolean }>(
    `SELECT (${spec.verify}) IS TRUE AS holds FROM ${people.from} WHERE ${people.alias}.${quote(people.key.name)} ${people.key.equals} $1::text::${people.key.type}`,
    [user],
  );
  if (!row?.holds) {
    throw new HandoverFailure(
      'rejected',
      `${target.system}: the database accepted to ${name} the account ${user}, but the catalog's ${name}.verify is not true afterwards: nothing was changed`,
    );
  }
}
