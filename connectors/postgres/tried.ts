/**
 * What triggers do nobody can read: where a change sets any off, it is tried with a few items, and taken back.
 */
import { valuesOf } from '../../domain/accounts.js';
import { type Consequence, type Elsewhere, summed } from '../../domain/consequences.js';
import type { Batch } from '../../domain/effect.js';
import { HandoverFailure } from '../../domain/failure.js';
import type { Account } from '../../domain/model.js';
import type { Foreseen } from '../connector.js';
import { keysAsWritten } from '../keys.js';
import { tryOut } from './change.js';
import type { Links } from './links.js';
import { Placeholders } from './names.js';
import { type Cascades, itemsWhere, type Touched } from './origins.js';
import { tryOff } from './switches.js';
import type { BoundCatalog, Target } from './target.js';

/** Items that are tried where a change sets triggers off. */
const TRIED = 50;

/** What was seen, and whether that was with all of the items; or why nothing was. */
export type Tried = { did: readonly Elsewhere[]; all: boolean } | { unknown: string };

/** Triggers that a change of these tables sets off, by name. */
export function triggersIn(links: Links, touched: readonly Touched[]): string[] {
  return [
    ...new Set(
      touched.flatMap(({ table, on }) =>
        links.triggersOf(table, on).map(trigger => `${trigger.name} on ${table}`),
      ),
    ),
  ].sort();
}

/** What rules do, as counted, and what more was seen when it was tried. */
export function withTriggers(
  counted: readonly Consequence[],
  { did, all }: Extract<Tried, { did: unknown }>,
  triggers: readonly string[],
  cascades: Cascades,
): Consequence[] {
  const same = (a: Pick<Consequence, 'table' | 'does'>, b: Elsewhere): boolean =>
    a.table === b.table && a.does === b.does;
  const more = did.filter(one => !counted.some(rule => same(rule, one)));
  return [
    // Where triggers work on the same table, what they add cannot be told from what the rule does.
    ...counted.map(rule => {
      const seen = did.find(one => same(rule, one));
      if (!seen || rule.count === null || !all) return rule;
      // A row may be written by several rules, and before it goes.
      const gone = did.find(one => one.table === rule.table && one.does === 'delete')?.count ?? 0;
      const byRules = rule.count * (rule.times ?? 1) + (rule.does === 'change' ? gone : 0);
      return seen.count <= byRules ? rule : { ...rule, count: seen.count };
    }),
    ...more.map(
      (one): Consequence => ({
        ...one,
        ...(!all && { more: true as const }),
        why: `the ${triggers.length === 1 ? 'trigger' : 'triggers'} ${triggers.join(', ')}`,
        by: 'trigger',
        allowed: cascades.some(allowed => same(allowed, one)),
      }),
    ),
  ];
}

/** What a few of the items did when they were tried. */
export async function tried(
  target: Target,
  binding: BoundCatalog,
  accounts: readonly Account[],
  work: Foreseen,
  signal: AbortSignal | undefined,
): Promise<Tried> {
  try {
    if (work.kind === 'access') {
      if (work.verb !== 'deactivate') return { did: [], all: true };
      const did: Elsewhere[] = [];
      for (const account of accounts) if (!account.gone) did.push(...(await tryOff(target, account, signal)));
      return { did: summed(did), all: true };
    }
    const c = binding.category(work.category);
    const owners = valuesOf(accounts, c.spec.owner.identity);
    const bind = new Placeholders();
    const which = `${c.from} WHERE ${itemsWhere(c, owners, bind)}`;
    const doing = `reading a few items of ${c.name}`;
    const [some] = await target.session.transaction({ mode: 'glance', doing, signal }, tx =>
      tx.query<{ keys: string; count: number; all: boolean }>(
        `SELECT coalesce(array_agg(ho_some.key) FILTER (WHERE ho_some.n <= ${TRIED}), '{}')::text AS keys,
                least(count(*), ${TRIED})::integer AS count, count(*) <= ${TRIED} AS all
           FROM (SELECT ${c.key.element(c.alias)} AS key, row_number() OVER () AS n FROM ${which} LIMIT ${TRIED + 1}) AS ho_some`,
        bind.values,
      ),
    );
    if (!some || some.count === 0) return { did: [], all: true };
    const { category, do: does, takers } = work;
    const batch: Batch = {
      kind: 'batch',
      category,
      do: does,
      accounts,
      keys: keysAsWritten(some.keys),
      count: some.count,
      takers: does === 'transfer' ? takers.slice(0, 1) : [],
      assignment: null,
    };
    if (does === 'transfer' && takers.length === 0) return { did: [], all: true };
    return { did: await tryOut(target, batch, signal), all: some.all };
  } catch (error) {
    // What it would refuse is found elsewhere, or when it is done; nothing was changed.
    if (!(error instanceof HandoverFailure)) throw error;
    return { unknown: error.message };
  }
}
