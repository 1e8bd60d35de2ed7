/**
 * The rows that a piece of work names: from them it is followed what happens besides (spread.ts). And the rows
 * that other work names, so that they are no surprise.
 */
import { valuesOf } from '../../domain/accounts.js';
import type { Account } from '../../domain/model.js';
import type { Foreseen } from '../connector.js';
import { hangsOnRow } from './alongside.js';
import { andWhen, type BoundCategory, type BoundLink, type BoundPeople, ownedByAny } from './binding.js';
import type { Catalog } from './catalog.js';
import { allowedBesides } from './change.js';
import { collides } from './collide.js';
import { written } from './elsewhere.js';
import type { Links } from './links.js';
import type { LiveColumn } from './live.js';
import { aliasOf, Placeholders, quote, quoteTable } from './names.js';
import type { Named, Origin, Spread } from './spread.js';
import type { BoundCatalog, Target } from './target.js';

/** A table that is written, and how: triggers may wait there. */
export type Touched = Spread['touched'][number];

/** What a catalog allows. */
export type Cascades = Catalog['categories'][string]['cascades'];

/** Rows, and the values that their SQL is bound to. */
export interface Start {
  origin: Origin;
  bind: Placeholders;
}

/** The rows that a work names, and what it does to them. */
export function startsOf(
  target: Target,
  binding: BoundCatalog,
  accounts: readonly Account[],
  work: Foreseen,
  links: Links,
): { cascades: Cascades; origins: Start[]; beside: Touched[] } {
  if (work.kind === 'access') return switchStarts(target, binding, accounts, work);
  const c = binding.category(work.category);
  const owners = valuesOf(accounts, c.spec.owner.identity);
  const cascades = allowedBesides(c);
  if (owners.length === 0) return { cascades, origins: [], beside: [] };
  const { deletes, columns } = written(c, work.do);
  const merges = work.do === 'transfer' && deletes;
  const start = (event: Origin['event']): Start => {
    const bind = new Placeholders();
    const where =
      merges && event.does === 'delete'
        ? mergedWhere(c, owners, work.takers, bind)
        : itemsWhere(c, owners, bind);
    return { bind, origin: { table: c.table.name, from: c.from, alias: c.alias, where, event } };
  };
  // What goes with a row that is deleted takes its own along.
  const along = (deletes ? c.with : []).map(({ table, ...link }): Start => {
    const bind = new Placeholders();
    const items = merges ? mergedWhere(c, owners, work.takers, bind) : itemsWhere(c, owners, bind);
    const alias = aliasOf(table.name);
    return {
      bind,
      origin: {
        table: table.name,
        from: `${quoteTable(table.name)} AS ${alias}`,
        alias,
        where: belongsTo(c, { table, ...link }, items),
        event: { does: 'delete' },
      },
    };
  });
  const moves = c.table.partitionedBy.some(one => columns.includes(one));
  // A row that goes to another partition is deleted there, and the rules for it do what they do then: until
  // PostgreSQL 14 all of them, since then those of keys that refer to that partition alone.
  const leaves = { does: 'delete', fromPartition: links.version >= 150_000 } as const;
  return {
    cascades,
    origins: [
      ...(merges && work.takers.length === 0 ? [] : deletes ? [start({ does: 'delete' })] : []),
      ...(moves && !deletes ? [start(leaves)] : []),
      ...(columns.length > 0 ? [start({ does: 'change', columns })] : []),
      ...(merges && work.takers.length === 0 ? [] : along),
    ],
    beside: [
      ...c.mirrors.flatMap(({ table, unique }): Touched[] => [
        { table: table.name, on: 'update' },
        ...(unique || deletes ? [{ table: table.name, on: 'delete' as const }] : []),
      ]),
      ...(deletes ? c.with.map(({ table }): Touched => ({ table: table.name, on: 'delete' })) : []),
      // A row that goes to another partition leaves by a deletion and comes by an insertion.
      ...(moves ? (['delete', 'insert'] as const).map((on): Touched => ({ table: c.table.name, on })) : []),
    ],
  };
}

function switchStarts(
  target: Target,
  binding: BoundCatalog,
  accounts: readonly Account[],
  { verb }: Extract<Foreseen, { kind: 'access' }>,
): { cascades: Cascades; origins: Start[]; beside: Touched[] } {
  const spec = target.catalog[verb];
  if (spec?.by !== 'system') return { cascades: [], origins: [], beside: [] };
  const people = binding.people();
  const bind = new Placeholders();
  const person = personOrigin(people, valuesOf(accounts, 'user'), bind, {
    does: 'change',
    columns: Object.keys(spec.set),
  });
  const along = spec.also_delete.flatMap((entry): Start[] => {
    const ids = valuesOf(accounts, entry.identity);
    const column = binding.binder.schema.tables.get(entry.table)?.columns.get(entry.column);
    if (ids.length === 0 || !column) return [];
    const values = new Placeholders();
    const alias = aliasOf(entry.table);
    return [
      {
        bind: values,
        origin: {
          table: entry.table,
          from: `${quoteTable(entry.table)} AS ${alias}`,
          alias,
          where: `${alias}.${quote(column.name)} ${column.equals} ANY (${values.add(ids, 'text[]')}::${column.type}[])${andWhen(entry.when)}`,
          event: { does: 'delete' },
        },
      },
    ];
  });
  const beside: Touched[] = [
    ...spec.also_set.map(({ table }): Touched => ({ table, on: 'update' })),
    ...spec.also_insert.map(({ table }): Touched => ({ table, on: 'insert' })),
  ];
  return { cascades: spec.cascades, origins: [{ origin: person, bind }, ...along], beside };
}

/** Rows of a table in general: only the schema is asked about them. */
export function nowhere(table: string, event: Origin['event']): Origin {
  return { table, from: quoteTable(table), alias: aliasOf(table), where: 'false', event };
}

export function personOrigin(
  people: BoundPeople,
  keys: readonly string[],
  bind: Placeholders,
  event: Origin['event'],
): Origin {
  const key = `${people.alias}.${quote(people.key.name)}`;
  const where = `${key} ${people.key.equals} ANY (${bind.add(keys, 'text[]')}::${people.key.type}[])`;
  return { table: people.table.name, from: people.from, alias: people.alias, where, event };
}

/**
 * Rows that a work before takes away or gives to somebody else, so that no rule finds them any more, and those
 * that this one takes along itself. They are named there.
 */
export function dealtWith(
  binding: BoundCatalog,
  accounts: readonly Account[],
  { before, now }: { before: readonly Foreseen[]; now?: Foreseen },
  bind: Placeholders,
): Named {
  const namedBy = (work: Foreseen, table: string, columns: readonly string[]): string[] => {
    if (work.kind !== 'batch') return [];
    const c = binding.category(work.category);
    const owners = valuesOf(accounts, c.spec.owner.identity);
    if (owners.length === 0) return [];
    const does = written(c, work.do);
    const goes = does.deletes && work.do !== 'transfer';
    const itself =
      c.table.name === table && work !== now && (goes || unlinks(columns, c.owner.name, does.columns));
    const along = [
      ...(does.deletes ? c.with : []),
      ...c.mirrors.filter(m => hangsOnRow(c, m) || unlinks(columns, m.owner.name, [m.owner.name])),
    ];
    return [
      ...(itself ? [`(${itemsWhere(c, owners, bind)})`] : []),
      ...along
        .filter(link => link.table.name === table && table !== c.table.name)
        .map(link => `(${belongsTo(c, link, itemsWhere(c, owners, bind))})`),
    ];
  };
  return (table, columns) => {
    const all = now ? [...before, now] : before;
    const conditions = all.flatMap(work => namedBy(work, table, columns));
    return conditions.length > 0 ? conditions.join(' OR ') : null;
  };
}

/** Does a row that gets another value in a written column no longer refer by these columns? */
const unlinks = (refers: readonly string[], column: string, wrote: readonly string[]): boolean =>
  refers.includes(column) && wrote.includes(column);

/** The leaver's items of a category. */
export const itemsWhere = (c: BoundCategory, owners: readonly string[], bind: Placeholders): string =>
  `${ownedByAny(c, owners, bind)}${andWhen(c.spec.when)}`;

/** A row of a linked table belongs to one of the category's rows that are meant. */
function belongsTo(c: BoundCategory, link: BoundLink, where: string): string {
  const alias = aliasOf(link.table.name);
  const join = link.join.map(
    ([there, here]) => `${alias}.${quote(there.name)} ${there.equals} ${c.alias}.${quote(here.name)}`,
  );
  const all = [...join, ...(link.when === undefined ? [] : [`(${link.when})`]), `(${where})`];
  return `EXISTS (SELECT FROM ${c.from} WHERE ${all.join(' AND ')})`;
}

/** Successors whose rows are looked at for merging, each by itself. */
const MOST_TAKERS = 20;

/** Rows of the leaver's that collide with what one of the takers has. */
export function mergedWhere(
  c: BoundCategory,
  owners: readonly string[],
  takers: readonly (string | null)[],
  bind: Placeholders,
): string {
  const each = [...new Set(takers)].slice(0, MOST_TAKERS).map(taker => {
    const value = bind.add(taker, c.owner.type);
    const asTheirs = (column: LiveColumn): string =>
      column.name === c.owner.name ? value : `${c.alias}.${quote(column.name)}`;
    return collides(c, asTheirs, `${c.alias}.tableoid`);
  });
  return `${ownedByAny(c, owners, bind)}${andWhen(c.spec.when)} AND (${each.join(' OR ')})`;
}
