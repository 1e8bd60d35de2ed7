/**
 * What an effect does besides: rows that nobody named and that are deleted or changed all the same, by rules
 * of foreign keys and by triggers. It is known before the approval and shown with it. What a rule would do, or
 * a trigger would delete, must be allowed by the catalog; what a trigger changes is approved with the plan.
 * Nothing else is done: the effect is taken back where it turns out to do more.
 */
import { own } from './own.js';
import type { Policy } from './policy.js';
import { number } from './words.js';

export type Does = 'delete' | 'change';

/** Rows of a table beside those that an effect is about. */
export interface Elsewhere {
  table: string;
  does: Does;
  count: number;
}

/** The same, foreseen. `refuse`: these rows keep the database from doing it. */
export interface Consequence extends Omit<Elsewhere, 'count' | 'does'> {
  does: Does | 'refuse';
  /** Null = nobody could count them: `why` says what was in the way. */
  count: number | null;
  /** True where it was not followed to the end, or only tried with some of the items: it may be more. */
  more?: true;
  /** How often a row may be written: by so many rules is it reached. */
  times?: number;
  /** What does it, in words: "the foreign key projects_member_fkey (on delete cascade)". */
  why: string;
  /**
   * `rule`: a foreign key does it. `trigger`: the application's own code does. `merge`: the successor has a
   * row's like already.
   */
  by: 'rule' | 'trigger' | 'merge';
  /** Does the catalog allow it? */
  allowed: boolean;
}

/** What is known beforehand of one piece of work. */
export interface Foresight {
  besides: Consequence[];
  /** Why nobody can say what triggers would do, as half a sentence; null = it is known, or there are none. */
  unknown: string | null;
}

/** What the database would do with rows that refer to a person, if somebody deleted that person's row. */
export interface Danger {
  table: string;
  /** `refuse`: the database would not delete the person before these rows are gone. */
  does: Does | 'refuse';
  /** Null = it could not be counted, or not in time. */
  count: number | null;
}

/** What an approved effect may do besides, at most. */
export interface Bounds {
  upTo: readonly Elsewhere[];
  /** For what the plan did not count because there was none: as many as may come without asking. */
  others: number;
}

/** Nothing is done that the catalog must allow and does not. */
export function mustBeAllowed({ by, does, allowed, count }: Consequence): boolean {
  return !allowed && count !== 0 && does !== 'refuse' && (by === 'rule' || does === 'delete');
}

/** "6 rows of public.projects are deleted, by the foreign key projects_member_fkey (on delete cascade)" */
export function sayConsequence({ table, does, count, more, why }: Consequence): string {
  if (does === 'refuse')
    return `the database refuses it as long as ${count === null ? 'rows' : `${number(count)} ${count === 1 ? 'row' : 'rows'}`} of ${table} ${count === 1 ? 'refers' : 'refer'} to them, by ${why}`;
  if (count === null) return `rows of ${table} are ${DONE[does]}, and how many is not known: ${why}`;
  const rows = `${more ? 'at least ' : ''}${number(count)} ${count === 1 ? 'row' : 'rows'} of ${table}`;
  return `${rows} ${count === 1 ? 'is' : 'are'} ${DONE[does]}, by ${why}`;
}

const DONE: Record<Does, string> = { delete: 'deleted', change: 'changed' };

/** The same where it was done: "6 rows of public.projects deleted". */
export function sayElsewhere({ table, does, count }: Elsewhere): string {
  return `${number(count)} ${count === 1 ? 'row' : 'rows'} of ${table} ${DONE[does]}`;
}

/** What to write into the catalog so that it is allowed. */
export function allowingLine({ table, does }: Pick<Consequence, 'table' | 'does'>): string {
  return `{ table: ${table}, does: ${does} }`;
}

/** What a plan's step lets its effects do besides: what it counted, and as much as may come later. */
export function boundsOf(
  { elsewhere = [] }: { elsewhere?: readonly Consequence[] },
  { drift }: Pick<Policy, 'drift'>,
): Bounds {
  return {
    // What was not counted to the end was approved as it was shown.
    upTo: elsewhere.flatMap(({ table, does, count, more, times = 1 }) =>
      does === 'refuse'
        ? []
        : [
            {
              table,
              does,
              count:
                count === null || more
                  ? Number.MAX_SAFE_INTEGER
                  : count * times + Math.max(drift.floor, Math.floor((count * drift.percent) / 100)),
            },
          ],
    ),
    others: drift.floor,
  };
}

/** What is left of the bounds after some of it has happened. */
export function boundsAfter({ upTo, others }: Bounds, happened: readonly Elsewhere[]): Bounds {
  const left = (one: Elsewhere): Elsewhere => ({
    ...one,
    count: Math.max(0, one.count - (happened.find(other => nameOf(other) === nameOf(one))?.count ?? 0)),
  });
  const unforeseen = happened.filter(one => !upTo.some(other => nameOf(other) === nameOf(one)));
  return { upTo: [...upTo, ...unforeseen.map(one => ({ ...one, count: others }))].map(left), others };
}

/** Sums by table and by what becomes of the rows. */
export function summed(all: readonly Elsewhere[]): Elsewhere[] {
  const sums: Record<string, Elsewhere> = {};
  for (const one of all) {
    const key = nameOf(one);
    sums[key] = { ...one, count: (own(sums, key)?.count ?? 0) + one.count };
  }
  return sorted(Object.values(sums));
}

/** The same facts in the same order, whoever found them first: what is deleted comes before what is changed. */
export function sorted<T extends Pick<Consequence, 'table' | 'does'>>(all: readonly T[]): T[] {
  const rank = (one: T): string => `${one.does === 'delete' ? 0 : 1} ${one.table}`;
  return [...all].sort((a, b) => (rank(a) < rank(b) ? -1 : rank(a) > rank(b) ? 1 : 0));
}

function nameOf({ table, does }: Pick<Elsewhere, 'table' | 'does'>): string {
  return `${does} ${table}`;
}

const DANGER: Record<Danger['does'], (count: string) => string> = {
  delete: rows => `destroys ${rows}`,
  change: rows => `changes ${rows}`,
  refuse: rows => `is refused by the database while there are ${rows}`,
};

/** A sentence names so many tables of a kind; the certificate has them all. */
const NAMED = 6;

/** What deleting the person would do, as a sentence; null where it would do nothing. */
export function sayDanger(dangers: readonly Danger[]): string | null {
  const real = dangers.filter(({ count }) => count !== 0);
  const said = (Object.keys(DANGER) as Danger['does'][]).flatMap(does => {
    const all = real.filter(one => one.does === does);
    if (all.length === 0) return [];
    const named = all
      .slice(0, NAMED)
      .map(({ table, count }) => (count === null ? `rows of ${table}` : `${number(count)} of ${table}`));
    const more = all.length - NAMED;
    const rest = more > 0 ? [`rows of ${number(more)} more ${more === 1 ? 'table' : 'tables'}`] : [];
    return [DANGER[does]([...named, ...rest].join(', '))];
  });
  return said.length > 0 ? `Deleting the account later ${said.join('; ')}.` : null;
}
