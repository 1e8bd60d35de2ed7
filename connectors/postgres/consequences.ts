/**
 * What the effects of a plan would do besides, before anybody approves them. What rules of foreign keys do is
 * counted, only by reading. What triggers do nobody can read: where a change sets any off, it is tried with a
 * few items in a transaction that is always rolled back. Nothing is asked where the schema says that there is
 * nothing to find.
 */
import { valuesOf } from '../../domain/accounts.js';
import {
  allowingLine,
  type Consequence,
  type Danger,
  type Elsewhere,
  type Foresight,
  sayDanger,
  sorted,
  summed,
} from '../../domain/consequences.js';
import type { Batch } from '../../domain/effect.js';
import { HandoverFailure } from '../../domain/failure.js';
import type { Account } from '../../domain/model.js';
import type { Foreseen, Problem } from '../connector.js';
import { keysAsWritten } from '../keys.js';
import { hangsOnRow } from './alongside.js';
import { andWhen, type BoundCategory, type BoundLink, type BoundPeople, ownedByAny } from './binding.js';
import type { Catalog } from './catalog.js';
import { allowedBesides, tryOut } from './change.js';
import { collides } from './collide.js';
import { written } from './elsewhere.js';
import { type Link, type Links, readLinks } from './links.js';
import { aliasOf, Placeholders, quote, quoteTable } from './names.js';
import { type Named, type Origin, type Reached, type Spread, spreadOf } from './spread.js';
import { tryOff } from './switches.js';
import type { BoundCatalog, Target } from './target.js';

/** One reading serves all that one plan asks; what comes later is found when it happens. */
const FRESH_MS = 2_000;
/** Nobody waits longer for a count: it is said that there is none. */
const COUNT_MS = 20_000;
/** Items that are tried where a change sets triggers off. */
const TRIED = 50;
/** Successors whose rows are looked at for merging, each by itself. */
const MOST_TAKERS = 20;

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
  ): Promise<Foresight[]> {
    const links = await this.links(signal);
    return this.target.bound(signal, async binding => {
      const foreseen: Foresight[] = [];
      for (const [n, work] of works.entries()) {
        const found: Consequence[] = [];
        const { cascades, origins, beside } = startsOf(this.target, binding, accounts, work, links);
        const touched: Touched[] = [...beside];
        for (const { origin, bind } of origins) {
          const named = dealtWith(binding, accounts, { before: works.slice(0, n), now: work }, bind);
          const spread = spreadOf(links, origin, named);
          touched.push(...spread.touched);
          found.push(...(await this.#counted(links, origin, bind, spread, cascades, signal)));
        }
        const counted = joined(found);
        const triggers = triggersIn(links, touched);
        const tried = triggers.length > 0 ? await this.#tried(binding, accounts, work, signal) : null;
        foreseen.push({
          besides: sorted([
            ...(await this.#merges(binding, accounts, work, signal)),
            ...(tried && 'did' in tried ? withTriggers(counted, tried, triggers, cascades) : counted),
          ]),
          unknown: tried && 'unknown' in tried ? tried.unknown : null,
        });
      }
      return foreseen;
    });
  }

  /** What deleting these accounts would do, when `works` are done; counted where an index makes that cheap. */
  async dangers(
    accounts: readonly Account[],
    works: readonly Foreseen[],
    signal?: AbortSignal,
  ): Promise<Danger[]> {
    const links = await this.links(signal);
    return this.target.bound(signal, async binding => {
      const people = binding.people();
      const bind = new Placeholders();
      const origin = personOrigin(people, valuesOf(accounts, 'user'), bind, { does: 'delete' });
      const { reached, statement } = spreadOf(
        links,
        origin,
        dealtWith(binding, accounts, { before: works }, bind),
      );
      if (statement === null) return [];
      const costly = reached.some(one => one.links.some(link => !isCheap(links, link)));
      const counts = costly ? 'too costly' : await this.#count(statement, bind, reached, signal);
      const found = reached.map(({ table, does }, n): Danger => {
        return { table, does, count: typeof counts === 'string' ? null : counts[n]! };
      });
      return found.filter(({ count }) => count !== 0);
    });
  }

  /** What the schema alone says of effects besides: nothing is counted, and nothing keeps a catalog from being used. */
  async doubts(signal?: AbortSignal): Promise<Problem[]> {
    const [links, binding] = await Promise.all([this.links(signal), this.target.binding(false, signal)]);
    const { catalog, file } = this.target;
    const besides = Object.entries(catalog.categories).flatMap(([name, spec]): Problem[] => {
      const c = spec.do === 'keep' || spec.do === 'acknowledge' ? null : binding.fitting(name);
      if (!c) return [];
      const { deletes, columns } = written(c, spec.do as Batch['do']);
      const events: Origin['event'][] = [
        ...(deletes ? [{ does: 'delete' as const }] : []),
        ...(columns.length > 0 ? [{ does: 'change' as const, columns }] : []),
      ];
      const cascades = allowedBesides(c);
      const open = events
        .flatMap(event => spreadOf(links, nowhere(c.table.name, event)).reached)
        .filter(one => one.does !== 'refuse')
        .map(({ table, does }) => ({ table, does }))
        .filter(one => !cascades.some(({ table, does }) => table === one.table && does === one.does));
      if (open.length === 0) return [];
      const said = open.map(
        ({ table, does }) => `${does === 'delete' ? 'deletes' : 'changes'} rows of ${table}`,
      );
      return [
        {
          where: file.where(['categories', name]),
          message: `${spec.title}: ${[...new Set(said)].join(', ')} where there are any, by foreign keys. A plan with such rows is not made, unless cascades: [${[...new Set(open.map(allowingLine))].join(', ')}]`,
        },
      ];
    });
    const people = binding.people();
    const { reached } = spreadOf(links, nowhere(people.table.name, { does: 'delete' }));
    const danger = sayDanger(reached.map(({ table, does }) => ({ table, does, count: null })));
    return [
      ...besides,
      ...(danger !== null && reached.some(one => one.does !== 'refuse')
        ? [{ where: file.where(['people', 'table']), message: `nobody is deleted here; but: ${danger}` }]
        : []),
    ];
  }

  /** What a transfer would remove because the successor has its like. */
  async #merges(
    binding: BoundCatalog,
    accounts: readonly Account[],
    work: Foreseen,
    signal: AbortSignal | undefined,
  ): Promise<Consequence[]> {
    if (work.kind !== 'batch' || work.do !== 'transfer') return [];
    const c = binding.category(work.category);
    const owners = valuesOf(accounts, c.spec.owner.identity);
    if (!c.unique || owners.length === 0 || work.takers.length === 0) return [];
    const bind = new Placeholders();
    const where = mergedWhere(c, owners, work.takers, bind);
    const doing = `counting what of ${c.name} the successor has already`;
    const [row] = await this.target.session.transaction({ mode: 'glance', doing, signal }, tx =>
      tx.query<{ n: string }>(`SELECT count(*)::text AS n FROM ${c.from} WHERE ${where}`, bind.values),
    );
    const count = Number(row!.n);
    if (count === 0) return [];
    const several = work.takers.length > 1;
    return [
      {
        table: c.table.name,
        does: 'delete',
        count,
        why: `merging: ${several ? 'one of the successors' : 'the successor'} has such a row already`,
        by: 'merge',
        allowed: true,
      },
    ];
  }

  /** What a few of the items did when they were tried. */
  async #tried(
    binding: BoundCatalog,
    accounts: readonly Account[],
    work: Foreseen,
    signal: AbortSignal | undefined,
  ): Promise<Tried> {
    try {
      if (work.kind === 'access') {
        if (work.verb !== 'deactivate') return { did: [], all: true };
        const did: Elsewhere[] = [];
        for (const account of accounts)
          if (!account.gone) did.push(...(await tryOff(this.target, account, signal)));
        return { did: summed(did), all: true };
      }
      const c = binding.category(work.category);
      const owners = valuesOf(accounts, c.spec.owner.identity);
      const bind = new Placeholders();
      const which = `${c.from} WHERE ${ownedByAny(c, owners, bind)}${andWhen(c.spec.when)}`;
      const doing = `reading a few items of ${c.name}`;
      const [some] = await this.target.session.transaction({ mode: 'glance', doing, signal }, tx =>
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
      return { did: await tryOut(this.target, batch, signal), all: some.all };
    } catch (error) {
      // What it would refuse is found elsewhere, or when it is done; nothing was changed.
      if (!(error instanceof HandoverFailure)) throw error;
      return { unknown: error.message };
    }
  }

  async #counted(
    links: Links,
    origin: Origin,
    bind: Placeholders,
    { reached, statement }: Spread,
    cascades: Cascades,
    signal: AbortSignal | undefined,
  ): Promise<Consequence[]> {
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
          ...(does === 'change' && by.length > 1 && { times: by.length }),
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

type Touched = Spread['touched'][number];
type Tried = { did: readonly Elsewhere[]; all: boolean } | { unknown: string };

/** Triggers that a change of these tables sets off, by name. */
function triggersIn(links: Links, touched: readonly Touched[]): string[] {
  return [
    ...new Set(
      touched.flatMap(({ table, on }) =>
        links.triggersOf(table, on).map(trigger => `${trigger.name} on ${table}`),
      ),
    ),
  ].sort();
}

/** What rules do, as counted, and what more was seen when it was tried. */
function withTriggers(
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
      if (!seen || rule.count === null || (all && seen.count <= rule.count)) return rule;
      return all ? { ...rule, count: seen.count } : rule;
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

/** Rows of the leaver's that collide with what one of the takers has. */
function mergedWhere(
  c: BoundCategory,
  owners: readonly string[],
  takers: readonly (string | null)[],
  bind: Placeholders,
): string {
  const each = [...new Set(takers)].slice(0, MOST_TAKERS).map(taker => {
    const value = bind.add(taker, c.owner.type);
    return collides(c, column => (column.name === c.owner.name ? value : `${c.alias}.${quote(column.name)}`));
  });
  return `${ownedByAny(c, owners, bind)}${andWhen(c.spec.when)} AND (${each.join(' OR ')})`;
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
  // Until PostgreSQL 14 a row that goes to another partition is deleted there, rules and all.
  const moves = links.version < 150_000 && c.table.partitionedBy.some(one => columns.includes(one));
  return {
    cascades,
    origins: [
      ...(merges && work.takers.length === 0 ? [] : deletes ? [start({ does: 'delete' })] : []),
      ...(moves && !deletes ? [start({ does: 'delete' })] : []),
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
      ...(c.table.partitionedBy.some(one => columns.includes(one))
        ? (['delete', 'insert'] as const).map((on): Touched => ({ table: c.table.name, on }))
        : []),
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
function nowhere(table: string, event: Origin['event']): Origin {
  return { table, from: quoteTable(table), alias: aliasOf(table), where: 'false', event };
}

function personOrigin(
  people: BoundPeople,
  keys: readonly string[],
  bind: Placeholders,
  event: Origin['event'],
): Origin {
  const key = `${people.alias}.${quote(people.key.name)}`;
  const where = `${key} ${people.key.equals} ANY (${bind.add(keys, 'text[]')}::${people.key.type}[])`;
  return { table: people.table.name, from: people.from, alias: people.alias, where, event };
}

/** Below this many rows PostgreSQL reads a table faster than anybody could notice. */
const SMALL = 50_000;

/** Are the rows that refer found without reading the whole of a large table? */
function isCheap(links: Links, link: Link): boolean {
  const parts = links.family(link.from);
  return parts.every(
    ({ rows, indexed }) => rows < SMALL || link.on.some(({ from }) => indexed.includes(from)),
  );
}

/**
 * Rows that a work before takes away or gives to somebody else, so that no rule finds them any more, and those
 * that this one takes along itself. They are named there.
 */
function dealtWith(
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
const itemsWhere = (c: BoundCategory, owners: readonly string[], bind: Placeholders): string =>
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
