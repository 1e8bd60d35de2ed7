/**
 * What the effects of a plan would do besides, before anybody approves them. What rules of foreign keys do is
 * counted, only by reading. What triggers do nobody can read: where a change sets any off, it is tried with a
 * few items in a transaction that is always rolled back. Nothing is asked where the schema says that there is
 * nothing to find.
 */
import { valuesOf } from '../../domain/accounts.js';
import { type Consequence, sorted } from '../../domain/consequences.js';
import { HandoverFailure } from '../../domain/failure.js';
import type { Account } from '../../domain/model.js';
import type { Foreseen } from '../connector.js';
import { alongWith } from './alongside.js';
import { andWhen, ownedByAny } from './binding.js';
import type { Catalog } from './catalog.js';
import { written } from './elsewhere.js';
import { type Link, type Links, readLinks } from './links.js';
import { aliasOf, Placeholders, quote, quoteTable } from './names.js';
import { type Named, type Origin, type Reached, spreadOf } from './spread.js';
import type { BoundCatalog, Target } from './target.js';

/** A schema changes by migrations, not by the minute; what came meanwhile is found when it happens. */
const FRESH_MS = 60_000;
/** Nobody waits longer for a count: it is said that there is none. */
const COUNT_MS = 20_000;

export class DatabaseConsequences {
  #links: { readAt: number; links: Promise<Links> } | null = null;

  constructor(private readonly target: Target) {}

  links(signal?: AbortSignal): Promise<Links> {
    const known = this.#links;
    if (known && Date.now() - known.readAt < FRESH_MS) return known.links;
    const doing = 'reading the foreign keys';
    const links = this.target.session.transaction({ mode: 'glance', doing, signal }, readLinks);
    const read = { readAt: Date.now(), links };
    this.#links = read;
    links.catch(() => {
      if (this.#links === read) this.#links = null;
    });
    return links;
  }

  /** Per work, what it would do besides; in the order of `works`. */
  async foresee(
    accounts: readonly Account[],
    works: readonly Foreseen[],
    signal?: AbortSignal,
  ): Promise<Consequence[][]> {
    const links = await this.links(signal);
    return this.target.bound(signal, async binding => {
      const foreseen: Consequence[][] = [];
      for (const work of works) {
        const found: Consequence[] = [];
        const { cascades, origins } = startsOf(this.target, binding, accounts, work, links);
        for (const { origin, bind } of origins) {
          const named = dealtWith(binding, accounts, works, bind);
          found.push(...(await this.#counted(links, origin, bind, named, cascades, signal)));
        }
        foreseen.push(joined(found));
      }
      return foreseen;
    });
  }

  async #counted(
    links: Links,
    origin: Origin,
    bind: Placeholders,
    named: Named,
    cascades: Cascades,
    signal: AbortSignal | undefined,
  ): Promise<Consequence[]> {
    const { reached, statement } = spreadOf(links, origin, named);
    if (statement === null) return [];
    const counts = await this.#count(statement, bind, reached, signal);
    // Code of the application that runs first may clear away what would be in the way.
    const mayClear =
      links.triggersOf(origin.table, origin.event.does === 'delete' ? 'delete' : 'update').length > 0;
    return reached.flatMap(({ table, does, links: by, more }, n): Consequence[] => {
      const count = typeof counts === 'string' ? null : counts[n]!;
      if (does === 'refuse' && (mayClear || count === null)) return [];
      return [
        {
          table,
          does,
          count,
          ...(more && { more: true as const }),
          why: typeof counts === 'string' ? counts : sayLinks(by, does, origin.event.does),
          by: 'rule',
          allowed: cascades.some(one => one.table === table && one.does === does),
        },
      ];
    });
  }

  /** The counts, or why there are none. */
  async #count(
    statement: string,
    bind: Placeholders,
    reached: readonly Reached[],
    signal: AbortSignal | undefined,
  ): Promise<number[] | string> {
    const hidden = reached.filter(one => one.unreadable).map(one => one.table);
    if (hidden.length > 0)
      return `our database role lacks SELECT there: ${hidden.map(table => `GRANT SELECT ON ${quoteTable(table)}`).join('; ')}`;
    const doing = 'counting what changes besides';
    try {
      const rows = await this.target.session.transaction({ mode: 'read', doing, signal }, async tx => {
        await tx.query(`SET LOCAL statement_timeout = ${COUNT_MS}`);
        return tx.query<{ n: number; count: string }>(statement, bind.values);
      });
      const counts: number[] = [];
      for (const { n, count } of rows) counts[n] = Number(count);
      return counts;
    } catch (error) {
      if (!(error instanceof HandoverFailure) || error.kind === 'locked') throw error;
      return error.message;
    }
  }
}

type Cascades = Catalog['categories'][string]['cascades'];

interface Start {
  origin: Origin;
  bind: Placeholders;
}

/** The rows that a work names, and what it does to them. */
function startsOf(
  target: Target,
  binding: BoundCatalog,
  accounts: readonly Account[],
  work: Foreseen,
  links: Links,
): { cascades: Cascades; origins: Start[] } {
  if (work.kind === 'access') return switchStarts(target, binding, accounts, work);
  const c = binding.category(work.category);
  const owners = valuesOf(accounts, c.spec.owner.identity);
  if (owners.length === 0) return { cascades: c.spec.cascades, origins: [] };
  const { deletes, columns } = written(c, work.do);
  const start = (event: Origin['event']): Start => {
    const bind = new Placeholders();
    const where = `${ownedByAny(c, owners, bind)}${andWhen(c.spec.when)}`;
    return { bind, origin: { table: c.table.name, from: c.from, alias: c.alias, where, event } };
  };
  // Until PostgreSQL 14 a row that goes to another partition is deleted there, rules and all.
  const moves = links.version < 150_000 && c.table.partitionedBy.some(one => columns.includes(one));
  return {
    cascades: c.spec.cascades,
    origins: [
      ...(deletes || moves ? [start({ does: 'delete' })] : []),
      ...(columns.length > 0 ? [start({ does: 'change', columns })] : []),
    ],
  };
}

function switchStarts(
  target: Target,
  binding: BoundCatalog,
  accounts: readonly Account[],
  { verb }: Extract<Foreseen, { kind: 'access' }>,
): { cascades: Cascades; origins: Start[] } {
  const spec = target.catalog[verb];
  if (spec?.by !== 'system') return { cascades: [], origins: [] };
  const people = binding.people();
  const bind = new Placeholders();
  const keys = bind.add(valuesOf(accounts, 'user'), 'text[]');
  const person: Origin = {
    table: people.table.name,
    from: people.from,
    alias: people.alias,
    where: `${people.alias}.${quote(people.key.name)} ${people.key.equals} ANY (${keys}::${people.key.type}[])`,
    event: { does: 'change', columns: Object.keys(spec.set) },
  };
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
  return { cascades: spec.cascades, origins: [{ origin: person, bind }, ...along] };
}

/**
 * Rows that another work of the same plan takes away or gives to somebody else before: no rule finds them any
 * more. They are named there.
 */
function dealtWith(
  binding: BoundCatalog,
  accounts: readonly Account[],
  works: readonly Foreseen[],
  bind: Placeholders,
): Named {
  return (table, columns) => {
    const conditions = works.flatMap(work => {
      if (work.kind !== 'batch') return [];
      const c = binding.category(work.category);
      const owners = valuesOf(accounts, c.spec.owner.identity);
      if (owners.length === 0) return [];
      const { deletes } = written(c, work.do);
      const along = deletes
        ? alongWith(c, table, () => `${ownedByAny(c, owners, bind)}${andWhen(c.spec.when)}`)
        : [];
      if (c.table.name !== table) return along;
      const unlinks = columns.includes(c.owner.name) && written(c, work.do).columns.includes(c.owner.name);
      if (!unlinks && !(deletes && work.do !== 'transfer')) return along;
      return [...along, `(${ownedByAny(c, owners, bind)}${andWhen(c.spec.when)})`];
    });
    return conditions.length > 0 ? conditions.join(' OR ') : null;
  };
}

function sayLinks(links: readonly Link[], does: Reached['does'], event: 'delete' | 'change'): string {
  const names = links.map(({ name, onDelete, onUpdate }) => {
    const gone = event === 'delete' && (does === 'delete' || onDelete !== 'cascade');
    return `${name} (${gone ? `on delete ${onDelete}` : `on update ${onUpdate}`})`;
  });
  return `the foreign ${names.length === 1 ? 'key' : 'keys'} ${names.join(' and ')}`;
}

/** Several origins of one work may reach the same table: the larger count is what is shown. */
function joined(all: readonly Consequence[]): Consequence[] {
  const found = new Map<string, Consequence>();
  for (const one of all) {
    const key = `${one.does} ${one.table}`;
    const known = found.get(key);
    if (!known || known.count === 0) found.set(key, one);
    else if (one.count !== 0)
      found.set(key, {
        ...known,
        count: known.count === null || one.count === null ? null : known.count + one.count,
      });
  }
  return sorted([...found.values()].filter(({ count, more }) => count !== 0 || more));
}
