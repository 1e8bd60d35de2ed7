/**
 * What an account holds: counts and fingerprints in one frozen snapshot.
 *
 * A category that cannot be read comes back incomplete, by name, and never as "nothing" (F-2, F-28); the others go on behind a
 * savepoint. Only a lost connection spoils them all, and a lock: both pass, and are tried again.
 */
import { HandoverFailure } from '../../domain/failure.js';
import type { Account, CategoryInventory } from '../../domain/model.js';
import { andWhen, type BoundCategory, ownedBy } from './binding.js';
import { schemaMayHaveDrifted, toFailure } from './failures.js';
import { Bindings, quote } from './names.js';
import type { Transaction } from './session.js';
import type { Binding, Target } from './target.js';

export async function inventory(
  target: Target,
  account: Account,
  categories: readonly string[],
  signal?: AbortSignal,
): Promise<CategoryInventory[]> {
  let drifted = false;
  const onDrift = () => {
    drifted = true;
  };
  const take = (binding: Binding) =>
    target.session.transaction({ mode: 'read', doing: 'taking the inventory', signal }, async tx => {
      const found: CategoryInventory[] = [];
      for (const category of categories) found.push(await readOne(target, tx, binding, account, category, onDrift));
      return found;
    });
  const found = await take(await target.binding(false, signal));
  // A name that no longer fits is said with file and line by the second look; the schema is not read again without need.
  return drifted ? take(await target.binding(true, signal)) : found;
}

async function readOne(
  target: Target,
  tx: Transaction,
  binding: Binding,
  account: Account,
  category: string,
  onDrift: () => void,
): Promise<CategoryInventory> {
  const incomplete = (failure: HandoverFailure): CategoryInventory => ({
    category,
    count: 0,
    fingerprint: '0',
    complete: false,
    problem: failure.message,
    firesAt: null,
  });
  let bound: BoundCategory;
  try {
    bound = binding.category(category);
  } catch (error) {
    if (!(error instanceof HandoverFailure) || error.kind !== 'configuration') throw error;
    onDrift();
    return incomplete(error);
  }
  const id = target.identityOf(account, bound.spec.owner.identity);
  // Without such an identity (no employee record, say) there is nothing that the column could name.
  if (id === null) return { category, count: 0, fingerprint: '0', complete: true, problem: null, firesAt: null };
  await tx.query('SAVEPOINT category');
  try {
    const { text, values } = countStatement(bound, id);
    const [row] = await tx.query<{ count: string; keyless: string; fingerprint: string; fires_at: string | null }>(text, values);
    await tx.query('RELEASE SAVEPOINT category');
    if (row!.keyless !== '0') {
      const says = `${row!.keyless} rows of ${bound.table.name} have no key (NULL in ${bound.spec.key.join(', ')}) and cannot be handed over by name`;
      return incomplete(new HandoverFailure('configuration', `${target.system}: ${category} cannot be read completely: ${says}`));
    }
    return {
      category,
      count: Number(row!.count),
      fingerprint: row!.fingerprint,
      complete: true,
      problem: null,
      firesAt: row!.fires_at,
    };
  } catch (error) {
    const failure = toFailure(error, target.system, `reading ${category}`);
    // A lock passes: it is waited for like any other (PATIENCE_MS), instead of asking people about a category nobody can read.
    if (failure.kind === 'locked') throw failure;
    // A dead connection answers nothing any more, and then the whole inventory is retried; this throws in that case.
    await tx.query('ROLLBACK TO SAVEPOINT category');
    if (schemaMayHaveDrifted(error)) onDrift();
    return incomplete(failure);
  }
}

function countStatement(c: BoundCategory, id: string): { text: string; values: unknown[] } {
  const bind = new Bindings();
  const element = c.key.element(c.alias);
  const nullable = c.key.columns.some(k => !k.notNull);
  const fires = c.firesAt ? isoTime(`min(${c.alias}.${quote(c.firesAt.name)})`) : 'NULL';
  return {
    text: `SELECT count(*)::text AS count, ${nullable ? `(count(*) - count(${element}))::text` : `'0'`} AS keyless,
                  coalesce(bit_xor(${c.key.hash(element)}), 0)::text AS fingerprint, ${fires} AS fires_at
             FROM ${c.from}
            WHERE ${ownedBy(c, bind.add(id, c.owner.type))}${andWhen(c.spec.when)}`,
    values: bind.values,
  };
}

/** PostgreSQL's time as ISO 8601; columns without a zone are read in the time zone of our database role. */
export const isoTime = (expression: string): string =>
  `to_char(((${expression})::timestamptz) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
