/** Every key that a person's accounts hold, in pages: what a manifest is made of. */
import { valuesOf } from '../../domain/accounts.js';
import { HandoverFailure } from '../../domain/failure.js';
import type { Account } from '../../domain/model.js';
import type { KeyPage } from '../connector.js';
import { keysAsWritten } from '../keys.js';
import { andWhen, type BoundCategory, ownedByAny, successorCondition } from './binding.js';
import { Placeholders, quote, successorBeside } from './names.js';
import type { Target } from './target.js';

/** A consumer stores each page before it asks for the next. */
const PAGES_IDLE_MS = 5 * 60_000;

/**
 * Streams every key in pages. The database sorts all keys once, into one array, and hands out slices of it
 * through a cursor: on a million keys this takes half the time of numbering rows, and Node never sees a
 * single key. The next page is fetched while the consumer works on this one.
 */
export async function* pages(
  target: Target,
  accounts: readonly Account[],
  category: string,
  options: {
    size: number;
    attribute?: string;
    firstOf?: readonly (string | null)[];
    expected?: number;
    signal?: AbortSignal;
  },
): AsyncGenerator<KeyPage> {
  const { signal, size, attribute, firstOf, expected } = options;
  const binding = await target.binding(false, signal);
  const bound = binding.category(category);
  const owners = valuesOf(accounts, bound.spec.owner.identity);
  if (owners.length === 0) return;
  const { text, values } = pagesStatement(bound, owners, size, { attribute, firstOf });
  const pageOf = ({ total: _, ...row }: PageRow): KeyPage => ({
    ...row,
    keys: keysAsWritten(row.keys),
    attributes: attribute || firstOf ? row.attributes : null,
    order: bound.key.order,
  });
  const doing = `reading the keys of ${category}`;
  if (expected !== undefined && expected <= size) {
    const only = await target.session.transaction({ mode: 'glance', doing, signal }, async tx => {
      const [row] = await tx.repeated<PageRow>(`${text} LIMIT 1`, values);
      return row;
    });
    if (!only) return;
    if (only.total <= size) return yield pageOf(only);
    // More have come than one page holds: in one snapshot then, like any other.
  }
  const queue = new Handoff<KeyPage>();
  const transaction = target.session.transaction(
    { mode: 'read', doing, signal, idleMs: PAGES_IDLE_MS },
    async tx => {
      await tx.query(`DECLARE handover_pages NO SCROLL CURSOR FOR ${text}`, values);
      for (;;) {
        const [row] = await tx.query<PageRow>('FETCH NEXT FROM handover_pages');
        if (!row) break;
        if (!(await queue.put(pageOf(row))) || row.count < size) break;
      }
      // Inside a transaction that goes on another cursor may follow.
      if (tx.mark) await tx.query('CLOSE handover_pages');
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
      yield page;
    }
  } finally {
    queue.stop();
    await transaction.catch(() => {});
  }
}

interface PageRow {
  [column: string]: unknown;
  keys: string;
  count: number;
  /** Of all pages together. */
  total: number;
  fingerprint: string;
  low: string;
  high: string;
  attributes: (string | null)[] | null;
}

/** Item by item the index of the first taker who may own it; queues and nobody always may. */
function firstAllowed(c: BoundCategory, takers: readonly (string | null)[], bind: Placeholders): string {
  const must = successorCondition(c);
  if (must === undefined) return `'0'`;
  const queues = bind.add(Object.values(c.spec.queues).map(String), 'text[]');
  const successor = `(SELECT ho_one.v AS ${quote(c.spec.owner.identity)}) AS ${successorBeside(c.alias)}`;
  return `(SELECT (ho_one.n - 1)::text FROM unnest(${bind.add(takers, `${c.owner.type}[]`)}) WITH ORDINALITY AS ho_one(v, n)
                CROSS JOIN LATERAL ${successor}
               WHERE ho_one.v IS NULL OR ho_one.v::text = ANY (${queues}) OR (${must}) ORDER BY ho_one.n LIMIT 1)`;
}

function pagesStatement(
  c: BoundCategory,
  owners: readonly string[],
  size: number,
  {
    attribute,
    firstOf,
  }: { attribute?: string | undefined; firstOf?: readonly (string | null)[] | undefined },
): { text: string; values: unknown[] } {
  const bind = new Placeholders();
  const named = attribute === undefined ? undefined : c.attributes.find(([name]) => name === attribute)?.[1];
  const chosen = firstOf ? { sql: firstAllowed(c, firstOf, bind) } : named;
  if (attribute !== undefined && !chosen) {
    throw new HandoverFailure(
      'configuration',
      `${c.name} has no attribute ${attribute}; known are ${c.attributes.map(([a]) => a).join(', ') || 'none'}`,
    );
  }
  const step = bind.add(Math.max(1, Math.floor(size)), 'integer');
  const slice = (array: string) => `${array}[p.i : p.i + ${step} - 1]`;
  const order = c.key.sortedBy('s.k');
  return {
    text: `WITH held AS MATERIALIZED (
             SELECT array_agg(s.k ORDER BY ${order}) AS keys${chosen ? `, array_agg(s.a ORDER BY ${order}) AS attributes` : ''}
               FROM (SELECT ${c.key.element(c.alias)} AS k${chosen ? `, ${chosen.sql}::text AS a` : ''}
                       FROM ${c.from}
                      WHERE ${ownedByAny(c, owners, bind)}${andWhen(c.spec.when)}) AS s)
           SELECT ${slice('h.keys')}::text AS keys, least(${step}, cardinality(h.keys) - p.i + 1)::integer AS count,
                  cardinality(h.keys) AS total,
                  (SELECT bit_xor(${c.key.hash('u.k')}) FROM unnest(${slice('h.keys')}) AS u(k))::text AS fingerprint,
                  h.keys[p.i]::text AS low, h.keys[least(p.i + ${step} - 1, cardinality(h.keys))]::text AS high,
                  ${chosen ? slice('h.attributes') : 'NULL::text[]'} AS attributes
             FROM held AS h, generate_series(1, cardinality(h.keys)::bigint, ${step}) AS p(i)`.replace(
      /p\.i\b/g,
      `p.i::integer`,
    ),
    values: bind.values,
  };
}

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
