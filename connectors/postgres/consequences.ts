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
  type Foresight,
  sayDanger,
  sorted,
} from '../../domain/consequences.js';
import type { Batch } from '../../domain/effect.js';
import { HandoverFailure } from '../../domain/failure.js';
import type { Account } from '../../domain/model.js';
import type { Foreseen, Problem } from '../connector.js';
import { allowedBesides } from './change.js';
import { written } from './elsewhere.js';
import { grant } from './grants.js';
import { type Link, type Links, readLinks } from './links.js';
import { Placeholders } from './names.js';
import { NextReading } from './next-reading.js';
import {
  type Cascades,
  dealtWith,
  mergedWhere,
  nowhere,
  personOrigin,
  startsOf,
  type Touched,
} from './origins.js';
import { type Origin, type Reached, type Spread, spreadOf } from './spread.js';
import type { BoundCatalog, Target } from './target.js';
import { tried, triggersIn, withTriggers } from './tried.js';

const UNSEEN =
  'track_counts is off in the database, so that nobody can see what triggers and foreign keys write besides: ALTER SYSTEM SET track_counts = on';

/** What a plan was just made with serves what else is asked for it. */
const FRESH_MS = 2_000;
/** Nobody waits longer for a count: it is said that there is none. */
const COUNT_MS = 20_000;

export class DatabaseConsequences {
  #links: { readAt: number; links: Links } | null = null;
  readonly #reading: NextReading<Links>;

  constructor(private readonly target: Target) {
    const doing = 'reading the foreign keys';
    this.#reading = new NextReading(() => target.session.transaction({ mode: 'glance', doing }, readLinks));
  }

  async links(signal: AbortSignal | undefined, fresh: boolean): Promise<Links> {
    const known = this.#links;
    if (!fresh && known && Date.now() - known.readAt < FRESH_MS) return known.links;
    const links = await this.#reading.ask(signal);
    this.#links = { readAt: Date.now(), links };
    return links;
  }

  /** Per work, what it would do besides; in the order of `works`. */
  async foresee(
    accounts: readonly Account[],
    works: readonly Foreseen[],
    signal?: AbortSignal,
  ): Promise<Foresight[]> {
    const links = await this.links(signal, true);
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
        const seen = triggers.length > 0 ? await tried(this.target, binding, accounts, work, signal) : null;
        foreseen.push({
          besides: sorted([
            ...(await this.#merges(binding, accounts, work, signal)),
            ...(seen && 'did' in seen ? withTriggers(counted, seen, triggers, cascades) : counted),
          ]),
          unknown: seen && 'unknown' in seen ? seen.unknown : null,
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
    const links = await this.links(signal, false);
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
      const counts = costly ? 'too costly' : await this.#count(links, statement, bind, reached, signal);
      const found = reached.map(({ table, does }, n): Danger => {
        return { table, does, count: typeof counts === 'string' ? null : counts[n]! };
      });
      return found.filter(({ count }) => count !== 0);
    });
  }

  /**
   * What the schema alone says of effects besides: nothing is counted, and nothing keeps a catalog from being
   * used.
   */
  async doubts(signal?: AbortSignal): Promise<Problem[]> {
    const [links, binding] = await Promise.all([
      this.links(signal, true),
      this.target.binding(false, signal),
    ]);
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
        .filter(one => !cascades.some(({ table, does }) => table === one.table && does === one.does))
        // Rows that go with an item are gone before any rule could reach them, as far as they are named.
        .filter(one => one.does !== 'delete' || !c.with.some(along => along.table.name === one.table));
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
      ...(links.counts ? [] : [{ where: '', message: UNSEEN }]),
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

  async #counted(
    links: Links,
    origin: Origin,
    bind: Placeholders,
    { reached, statement }: Spread,
    cascades: Cascades,
    signal: AbortSignal | undefined,
  ): Promise<Consequence[]> {
    if (statement === null) return [];
    const counts = await this.#count(links, statement, bind, reached, signal);
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
    links: Links,
    statement: string,
    bind: Placeholders,
    reached: readonly Reached[],
    signal: AbortSignal | undefined,
  ): Promise<number[] | string> {
    const hidden = reached.filter(one => one.unreadable).map(one => one.table);
    if (hidden.length > 0)
      return `our database role lacks SELECT there: ${hidden.map(table => grant('SELECT', table, links.role)).join(' ')}`;
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

/** Below this many rows PostgreSQL reads a table faster than anybody could notice. */
const SMALL = 50_000;

/** Are the rows that refer found without reading the whole of a large table? */
function isCheap(links: Links, link: Link): boolean {
  const parts = links.family(link.from);
  return parts.every(
    ({ rows, indexed }) => rows < SMALL || link.on.some(({ from }) => indexed.includes(from)),
  );
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
