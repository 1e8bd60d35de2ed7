/**
 * What an account holds: counts and fingerprints in one frozen snapshot, and every key in pages.
 *
 * A category that cannot be read comes back incomplete, by name, and never as "nothing" (F-2, F-28); the others go on behind a
 * savepoint. Only a lost connection spoils them all.
 */
import { HandoverFailure } from '../../domain/failure.js';
import type { Account, CategoryInventory } from '../../domain/model.js';
import type { KeyPage } from '../connector.js';
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

/** A consumer stores each page before it asks for the next. */
const PAGES_IDLE_MS = 5 * 60_000;

/**
 * Streams every key in pages. The database sorts all keys once, into one array, and hands out slices of it through a cursor:
 * on a million keys this takes half the time of numbering rows, and Node never sees a single key. The next page is fetched
 * while the consumer works on this one.
 */
export async function* pages(
  target: Target,
  account: Account,
  category: string,
  options: { size: number; attribute?: string; signal?: AbortSignal },
): AsyncGenerator<KeyPage> {
  const { signal, size, attribute } = options;
  const binding = await target.binding(false, signal);
  const bound = binding.category(category);
  const id = target.identityOf(account, bound.spec.owner.identity);
  if (id === null) return;
  const { text, values } = pagesStatement(bound, id, size, attribute);
  const queue = new Handoff<KeyPage>();
  const transaction = target.session.transaction(
    { mode: 'read', doing: `reading the keys of ${category}`, signal, idleMs: PAGES_IDLE_MS },
    async tx => {
      await tx.query(`DECLARE handover_pages NO SCROLL CURSOR FOR ${text}`, values);
      for (;;) {
        const [page] = await tx.query<KeyPage & { [column: string]: unknown }>('FETCH NEXT FROM handover_pages');
        if (!page || !(await queue.put(page))) return;
      }
    },
  );
  transaction.then(
    () => queue.end(),
    error => queue.fail(error),
  );
  try {
    for (;;) {
      const page = await queue.take();
      if (!page) return;
      yield { ...page, attributes: attribute ? page.attributes : null };
    }
  } finally {
    queue.stop();
    await transaction.catch(() => {});
  }
}

function pagesStatement(
  c: BoundCategory,
  id: string,
  size: number,
  attribute: string | undefined,
): { text: string; values: unknown[] } {
  const bind = new Bindings();
  const chosen = attribute === undefined ? undefined : c.attributes.find(([name]) => name === attribute)?.[1];
  if (attribute !== undefined && !chosen) {
    throw new HandoverFailure(
      'configuration',
      `${c.name} has no attribute ${attribute}; known are ${c.attributes.map(([a]) => a).join(', ') || 'none'}`,
    );
  }
  const step = bind.add(Math.max(1, Math.floor(size)), 'integer');
  const slice = (array: string) => `${array}[p.i : p.i + ${step} - 1]`;
  const order = c.key.order('s.k');
  return {
    text: `WITH held AS MATERIALIZED (
             SELECT array_agg(s.k ORDER BY ${order}) AS keys${chosen ? `, array_agg(s.a ORDER BY ${order}) AS attributes` : ''}
               FROM (SELECT ${c.key.element(c.alias)} AS k${chosen ? `, ${c.alias}.${quote(chosen.name)}::text AS a` : ''}
                       FROM ${c.from}
                      WHERE ${ownedBy(c, bind.add(id, c.owner.type))}${andWhen(c.spec.when)}) AS s)
           SELECT ${slice('h.keys')}::text AS keys, least(${step}, cardinality(h.keys) - p.i + 1)::integer AS count,
                  (SELECT bit_xor(${c.key.hash('u.k')}) FROM unnest(${slice('h.keys')}) AS u(k))::text AS fingerprint,
                  h.keys[p.i]::text AS low, h.keys[least(p.i + ${step} - 1, cardinality(h.keys))]::text AS high,
                  ${chosen ? slice('h.attributes') : 'NULL::text[]'} AS attributes
             FROM held AS h, generate_series(1, cardinality(h.keys)::bigint, ${step}) AS p(i)`.replace(/p\.i\b/g, `p.i::integer`),
    values: bind.values,
  };
}

/** PostgreSQL's time as ISO 8601; columns without a zone are read in the time zone of our database role. */
export const isoTime = (expression: string): string =>
  `to_char(((${expression})::timestamptz) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

/** One page ahead and no more: the producer waits until its last page was taken. */
class Handoff<T> {
  #item: T | null = null;
  #state: 'open' | 'ended' | 'stopped' | { error: unknown } = 'open';
  #wake: (() => void)[] = [];

  /** False when the consumer went away. */
  async put(item: T): Promise<boolean> {
    while (this.#item !== null && this.#state === 'open') await this.#change();
    if (this.#state !== 'open') return false;
    this.#item = item;
    this.#signal();
    return true;
  }

  /** Null at the end. */
  async take(): Promise<T | null> {
    for (;;) {
      if (typeof this.#state === 'object') throw this.#state.error;
      if (this.#item !== null) {
        const item = this.#item;
        this.#item = null;
        this.#signal();
        return item;
      }
      if (this.#state !== 'open') return null;
      await this.#change();
    }
  }

  end(): void {
    if (this.#state === 'open') this.#state = 'ended';
    this.#signal();
  }

  fail(error: unknown): void {
    if (this.#state === 'open') this.#state = { error };
    this.#signal();
  }

  stop(): void {
    this.#state = 'stopped';
    this.#signal();
  }

  #change(): Promise<void> {
    return new Promise(resolve => this.#wake.push(resolve));
  }

  #signal(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}
