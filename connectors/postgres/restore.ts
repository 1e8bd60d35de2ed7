/**
 * Gives back what a batch did, compare-and-set on what we wrote: a row that is no longer as we left it
 * belongs to whoever changed it.
 *
 *   moved       the owner column goes back to who had it, item by item
 *   overwritten the columns that we set go back to what they were (`clear`, and `remove` or `revoke` with `set`)
 *   deleted     the row is inserted again as it was (also a membership that the successor had already); where
 *               the catalog keeps columns of it secret, nobody has them any more, and the item says so
 */
import { type Batch, type Done, type Effect, type Undoing, WHY_GONE } from '../../domain/effect.js';
import { HandoverFailure } from '../../domain/failure.js';
import type { ItemException } from '../../domain/model.js';
import type { Witness } from '../connector.js';
import { listOf, numbersOf } from '../keys.js';
import { isFollowed, putFollowersBack } from './alongside.js';
import { applySettings } from './application-settings.js';
import type { BoundCategory } from './binding.js';
import { lockUnique } from './collide.js';
import { databaseSays, refusesItem, wordsOf } from './failures.js';
import { type Left, leftAs, putBack, type Return } from './restore-statements.js';
import type { Transaction } from './session.js';
import { isSurvived, putSurvivedBack } from './survive.js';
import { flipBack } from './switches.js';
import type { Target } from './target.js';

export function restore(
  target: Target,
  undoing: Undoing,
  witness: Witness,
  signal?: AbortSignal,
): Promise<Done> {
  const { work } = undoing;
  if (work.kind === 'access') return flipBack(target, work, undoing.before, witness, signal);
  return target.bound(signal, async binding => {
    const c = binding.category(work.category);
    const doing = `giving back ${work.count} items of ${c.name}`;
    const { items, lost } = returnsOf(c, work, undoing);
    return target.session.transaction({ mode: 'write', doing, signal }, async tx => {
      await applySettings(target, tx);
      await lockUnique(c, sql => tx.query(sql));
      const back = new Set<string>();
      const exceptions: ItemException[] = [...lost];
      // First, or the role would be in the way of the row that had it.
      const survived = undoing.before.filter(isSurvived);
      await putSurvivedBack(tx, c, survived);
      for (const how of ['moved', 'overwritten', 'deleted'] as const) {
        const some = items.filter(item => item.how === how);
        if (some.length === 0) continue;
        await bisect(tx, c, some, back, exceptions);
        exceptions.push(...(await whyNot(tx, c, some, back, exceptions)));
      }
      const followed = undoing.before.filter(isFollowed).filter(({ of }) => back.has(of));
      for (const { of, why } of await putFollowersBack(tx, c, followed))
        exceptions.push({ key: of, kind: 'failed', why });
      await putSurvivedBack(
        tx,
        c,
        undoing.before.filter(isSurvived).filter(({ of }) => back.has(of)),
      );
      // Before the receipt is written, and not at COMMIT.
      await tx.query('SET CONSTRAINTS ALL IMMEDIATE');
      const owners = { values: work.takers, perKey: work.assignment };
      const given: Effect = { changed: back.size, merged: 0, perTaker: [], exceptions };
      await tx.flush();
      const intent = { mark: tx.mark, took: work.count, owners, before: [], effect: given };
      await witness.intend(intent);
      return { ...intent, sure: 'asked' as const };
    });
  });
}

/** A row as a batch's before-images have it. */
interface Image {
  key: string | null;
  row?: Record<string, string | null>;
  wrote?: Record<string, string | null>;
}

/**
 * Each item that was changed, with what it takes to give it back; and those that cannot be given back at all.
 */
function returnsOf(
  c: BoundCategory,
  work: Batch,
  { owners: old, before, effect }: Undoing,
): { items: Return[]; lost: ItemException[] } {
  const excepted = new Set(effect.exceptions.map(exception => exception.key));
  const images = new Map(
    (before.filter(image => !isFollowed(image) && !isSurvived(image)) as readonly Image[]).map(image => [
      image.key,
      image,
    ]),
  );
  const followed = before.filter(isFollowed);
  const takers = work.assignment && numbersOf(work.assignment);
  const owners = old.perKey && numbersOf(old.perKey);
  const items: Return[] = [];
  const lost: ItemException[] = [];
  for (const [n, key] of listOf(work.keys).entries()) {
    if (excepted.has(key)) continue;
    const image = images.get(key);
    const how = c.inside
      ? 'overwritten'
      : work.do === 'transfer'
        ? image
          ? 'deleted'
          : 'moved'
        : work.do === 'clear' || c.set
          ? 'overwritten'
          : 'deleted';
    const why = how === 'moved' ? null : lostFor(c, how, image);
    if (why) lost.push({ key, kind: 'failed', why });
    else {
      const taker = work.takers[takers?.[n] ?? 0] ?? null;
      const owner = old.values[owners?.[n] ?? 0] ?? null;
      const tables = followed.filter(({ of }) => of === key).map(({ table }) => table);
      items.push({
        key,
        how,
        taker,
        owner,
        row: image?.row ?? {},
        wrote: image?.wrote ?? {},
        followed: tables,
      });
    }
  }
  return { items, lost };
}

/** Why an image is not enough, or null. */
function lostFor(c: BoundCategory, how: Return['how'], image: Image | undefined): string | null {
  if (!image?.row) return 'nobody kept the row as it was: it may have been purged';
  const { secret } = c.spec;
  if (how === 'deleted' && secret.length > 0)
    return `the row was deleted, and its secret columns (${secret.join(', ')}) were never kept: it cannot be made again`;
  const overwritten = (c.set ?? []).map(a => a.column.name).filter(name => secret.includes(name));
  if (how === 'overwritten' && overwritten.length > 0)
    return `its secret columns (${overwritten.join(', ')}) were overwritten and never kept: it cannot be made good again`;
  return null;
}

/** All at once; where the database refuses that because of single items, halves, until they stand alone. */
async function bisect(
  tx: Transaction,
  c: BoundCategory,
  items: readonly Return[],
  back: Set<string>,
  exceptions: ItemException[],
): Promise<void> {
  await tx.query('SAVEPOINT part');
  try {
    const { text, values } = putBack(c, items);
    const rows = await tx.query<{ key: string }>(text, values);
    if (rows.length > items.length) throw tooMany(c, items.length, rows.length);
    await tx.query('RELEASE SAVEPOINT part');
    for (const { key } of rows) back.add(key);
    return;
  } catch (error) {
    if (!refusesItem(error)) throw error;
    await tx.query('ROLLBACK TO SAVEPOINT part');
    await tx.query('RELEASE SAVEPOINT part');
    if (items.length === 1) {
      exceptions.push({
        key: items[0]!.key,
        kind: 'failed',
        why: `the database refused it (${databaseSays(error)})`,
        ...wordsOf(error),
      });
      return;
    }
  }
  const middle = items.length >> 1;
  await bisect(tx, c, items.slice(0, middle), back, exceptions);
  await bisect(tx, c, items.slice(middle), back, exceptions);
}

function tooMany(c: BoundCategory, items: number, rows: number): HandoverFailure {
  const why = `${items} items matched ${rows} rows: the columns ${c.spec.key.join(', ')} do not identify a row`;
  return new HandoverFailure('configuration', `${c.table.name}: ${why}`);
}

const WHY: Record<Left, ItemException> = {
  gone: { key: '', kind: 'gone', why: WHY_GONE },
  changed: { key: '', kind: 'taken', why: 'it is no longer as it was left: somebody has changed it since' },
  'in the way': { key: '', kind: 'taken', why: 'something else stands in its place now' },
  stays: {
    key: '',
    kind: 'failed',
    why: 'the database accepted the change, but the row is as before: a trigger or a rule suppresses it',
  },
};

/** What became of the items that were neither given back nor refused. */
async function whyNot(
  tx: Transaction,
  c: BoundCategory,
  items: readonly Return[],
  back: ReadonlySet<string>,
  refused: readonly ItemException[],
): Promise<ItemException[]> {
  const said = new Set(refused.map(exception => exception.key));
  const rest = items.filter(item => !back.has(item.key) && !said.has(item.key));
  if (rest.length === 0) return [];
  const { text, values } = leftAs(c, rest);
  const rows = await tx.query<{ key: string; left: Left }>(text, values);
  return rows.map(({ key, left }) => ({ ...WHY[left], key }));
}
