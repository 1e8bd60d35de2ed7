/**
 * What accounts hold: counts and fingerprints in one frozen snapshot.
 *
 * A category that cannot be read comes back incomplete, by name, and never as "nothing"; the others go on in
 * the same snapshot. Only a lost connection spoils them all, and a lock: both pass, and are tried again.
 */

import { valuesOf } from '../../domain/accounts.js';
import { HandoverFailure } from '../../domain/failure.js';
import type { Account, CategoryInventory } from '../../domain/model.js';
import { andWhen, type BoundCategory, ownedByAny } from './binding.js';
import { schemaMayHaveDrifted, sqlState, TOOK_TOO_LONG, toFailure } from './failures.js';
import { Placeholders, quote } from './names.js';
import type { Transaction } from './session.js';
import type { BoundCatalog, Target } from './target.js';

/** Categories that are counted by one statement: round trips cost more than most counts. */
const TOGETHER = 25;

export async function inventory(
  target: Target,
  accounts: readonly Account[],
  categories: readonly string[],
  signal?: AbortSignal,
): Promise<CategoryInventory[]> {
  let drifted = false;
  const onDrift = () => {
    drifted = true;
  };
  const take = async (binding: BoundCatalog) => {
    const found = new Map<string, CategoryInventory>();
    const readable: Countable[] = [];
    for (const category of categories) {
      const prepared = prepare(binding, accounts, category, onDrift);
      if ('inventory' in prepared) found.set(category, prepared.inventory);
      else readable.push(prepared);
    }
    for (const one of await readAll(target, readable, onDrift, signal)) found.set(one.category, one);
    return categories.map(category => found.get(category)!);
  };
  const found = await take(await target.binding(false, signal));
  // A name that no longer fits is said with file and line by the second look; the schema is not read again
  // without need.
  return drifted ? take(await target.binding(true, signal)) : found;
}

/** A category and the values by which its owner column names the accounts. */
interface Countable {
  category: string;
  bound: BoundCategory;
  owners: readonly string[];
}

interface Counted {
  [column: string]: unknown;
  count: string;
  keyless: string;
  fingerprint: string;
  fires_at: string | null;
}

function prepare(
  binding: BoundCatalog,
  accounts: readonly Account[],
  category: string,
  onDrift: () => void,
): Countable | { inventory: CategoryInventory } {
  let bound: BoundCategory;
  try {
    bound = binding.category(category);
  } catch (error) {
    if (!(error instanceof HandoverFailure) || error.kind !== 'configuration') throw error;
    onDrift();
    return { inventory: incomplete(category, error) };
  }
  const owners = valuesOf(accounts, bound.spec.owner.identity);
  if (owners.length > 0) return { category, bound, owners };
  // Without such an identity (no employee record, say) there is nothing that the column could name.
  return {
    inventory: { category, count: 0, fingerprint: '0', complete: true, problem: null, firesAt: null },
  };
}

/** In one snapshot: what one statement can count is one by itself. */
async function readAll(
  target: Target,
  all: readonly Countable[],
  onDrift: () => void,
  signal: AbortSignal | undefined,
): Promise<CategoryInventory[]> {
  const [first, ...others] = all;
  if (!first) return [];
  const options = { doing: 'taking the inventory', signal };
  let size = TOGETHER;
  if (all.length <= TOGETHER) {
    const rows = await target.session.transaction({ mode: 'glance', ...options }, tx =>
      tryCount(target, tx, all),
    );
    if (!(rows instanceof HandoverFailure)) return all.map((one, n) => inventoryOf(target, one, rows[n]!));
    // A connection that broke says nothing about the category; a statement that took too long does, and is
    // not tried again.
    const passing = rows.kind === 'transient' && sqlState(rows.cause) !== TOOK_TOO_LONG;
    if (others.length === 0 && !passing) return [unread(first, rows, onDrift)];
    size = 1;
  }
  return target.session.transaction({ mode: 'read', ...options }, async tx => {
    const found: CategoryInventory[] = [];
    for (let from = 0; from < all.length; from += size)
      found.push(...(await readTogether(target, tx, all.slice(from, from + size), onDrift)));
    return found;
  });
}

/**
 * All of them at once; where one of them cannot be read, each by itself, so that the failure names the one.
 */
async function readTogether(
  target: Target,
  tx: Transaction,
  some: readonly Countable[],
  onDrift: () => void,
): Promise<CategoryInventory[]> {
  const rows = await tryCount(target, tx, some);
  if (!(rows instanceof HandoverFailure)) return some.map((one, n) => inventoryOf(target, one, rows[n]!));
  const [first, ...others] = some;
  if (others.length === 0) return [unread(first!, rows, onDrift)];
  const found: CategoryInventory[] = [];
  for (const one of some) found.push(...(await readTogether(target, tx, [one], onDrift)));
  return found;
}

/** A row per category, or why there is none. */
async function tryCount(
  target: Target,
  tx: Transaction,
  some: readonly Countable[],
): Promise<Counted[] | HandoverFailure> {
  try {
    const bind = new Placeholders();
    const text = some.map((one, n) => countStatement(one, n, bind)).join('\nUNION ALL\n');
    return await tx.repeated<Counted>(some.length > 1 ? `${text}\nORDER BY n` : text, bind.values);
  } catch (error) {
    const failure = toFailure(error, target.system, `reading ${some.map(one => one.category).join(', ')}`);
    // A lock passes: it is waited for like any other (PATIENCE_MS), instead of asking people about a category
    // nobody can read.
    if (failure.kind === 'locked') throw failure;
    // In a snapshot of several statements a dead connection answers nothing any more: this throws, and the
    // whole inventory is retried.
    await tx.recover();
    return failure;
  }
}

function inventoryOf(target: Target, { category, bound }: Countable, row: Counted): CategoryInventory {
  if (row.keyless !== '0') {
    const says = `${row.keyless} rows of ${bound.table.name} have no key (NULL in ${bound.spec.key.join(', ')}) and cannot be handed over by name`;
    return incomplete(
      category,
      new HandoverFailure(
        'configuration',
        `${target.system}: ${category} cannot be read completely: ${says}`,
      ),
    );
  }
  const { count, fingerprint, fires_at } = row;
  return { category, count: Number(count), fingerprint, complete: true, problem: null, firesAt: fires_at };
}

function unread({ category }: Countable, failure: HandoverFailure, onDrift: () => void): CategoryInventory {
  if (schemaMayHaveDrifted(failure.cause)) onDrift();
  return incomplete(category, failure);
}

function incomplete(category: string, failure: HandoverFailure): CategoryInventory {
  return { category, count: 0, fingerprint: '0', complete: false, problem: failure.message, firesAt: null };
}

function countStatement({ bound: c, owners }: Countable, n: number, bind: Placeholders): string {
  const element = c.key.element(c.alias);
  const nullable = c.key.columns.some(k => !k.notNull);
  const fires = c.firesAt ? isoTime(`min(${c.alias}.${quote(c.firesAt.name)})`) : 'NULL::text';
  return `SELECT ${n} AS n, count(*)::text AS count, ${nullable ? `(count(*) - count(${element}))::text` : `'0'`} AS keyless,
                 coalesce(bit_xor(${c.key.hash(element)}), 0)::text AS fingerprint, ${fires} AS fires_at
            FROM ${c.from}
           WHERE ${ownedByAny(c, owners, bind)}${andWhen(c.spec.when)}`;
}

/** PostgreSQL's time as ISO 8601; columns without a zone are read in the time zone of our database role. */
export const isoTime = (expression: string): string =>
  `to_char(((${expression})::timestamptz) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
