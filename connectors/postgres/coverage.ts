/**
 * Coverage of a database: discovery, asked again at every look. Whether a column was added or changed is
 * asked each time, which takes milliseconds; what the columns hold is read anew only then, or when that was
 * read a while ago.
 */
import type { Covered, Stray } from '../../domain/coverage.js';
import type { Account } from '../../domain/model.js';
import type { CoverageOptions } from '../connector.js';
import { type Classified, classifiedIn } from './classified.js';
import { discover } from './discover/discover.js';
import { classifyingLine, plain } from './discover/draft.js';
import { keyOf } from './discover/keys.js';
import { leftOf } from './discover/left.js';
import type { Discovery } from './discover/model.js';
import { readStamp } from './discover/shape.js';
import { NextReading } from './next-reading.js';
import { straysOf } from './strays.js';
import type { Target } from './target.js';

/** Values say who a column is about for longer than a run is looked at; a new column is seen at once. */
const FRESH_MS = 15 * 60_000;
/** What travels in an answer, of places that nobody has classified. */
const NAMED = 10;

export class DatabaseCoverage {
  readonly #classified: Classified;
  readonly #stamp: NextReading<string>;
  #seen: { stamp: string; readAt: number; discovery: Promise<Discovery> } | null = null;

  constructor(private readonly target: Target) {
    this.#classified = classifiedIn(target.catalog);
    const doing = 'asking whether the schema has changed';
    this.#stamp = new NextReading(() => target.session.transaction({ mode: 'glance', doing }, readStamp));
  }

  async read(
    accounts: readonly Account[] = [],
    { signal, withinMs = FRESH_MS }: CoverageOptions = {},
  ): Promise<Covered> {
    const stamp = await this.#stamp.ask(signal);
    const { discovery, readAt } = this.#at(stamp, Math.min(withinMs, FRESH_MS));
    const found = await discovery;
    // What an id is an id of is told apart by such a condition, and read above.
    const paired = found.columns.flatMap(one => (one.classes ? keyOf(one.table, one.column) : []));
    const strays = await straysOf(this.target, this.#classified, accounts, new Set(paired), signal);
    return this.#covered(found, strays, readAt);
  }

  /** One look serves everybody who asks meanwhile, so that nobody's cancellation ends it. */
  #at(stamp: string, withinMs: number) {
    const known = this.#seen;
    if (known && known.stamp === stamp && Date.now() - known.readAt < withinMs) return known;
    const { session, system, catalog } = this.target;
    const discovery = discover(session, system, catalog).then(one => one.discovery);
    const seen = { stamp, readAt: Date.now(), discovery };
    this.#seen = seen;
    // What could not be looked at now is looked at next time.
    const forget = () => {
      if (this.#seen === seen) this.#seen = null;
    };
    discovery.then(({ unread }) => (unread.length === 0 ? undefined : forget()), forget);
    return seen;
  }

  #covered({ columns, undecided, unread }: Discovery, strays: readonly Stray[], readAt: number): Covered {
    const { used, acknowledged } = this.#classified;
    const places = columns.map(one => ({ one, place: keyOf(one.table, one.column) }));
    const unused = places.filter(({ place }) => !used.has(place) && !acknowledged.has(place));
    const open = [
      ...unused.map(({ one, place }) => ({ one, place, evidence: one.evidence.join('; ') })),
      ...columns.flatMap(one => leftOf(one, this.#classified).map(left => ({ one, ...left }))),
    ];
    const hidden = unread.filter(({ table }) => !acknowledged.has(keyOf(table, '*')));
    const doubts = undecided.flatMap(({ table, column, why }) => {
      const place = keyOf(table, column);
      return used.has(place) || acknowledged.has(place) ? [] : { place, why };
    });
    return {
      kind: 'read',
      at: new Date(readAt).toISOString(),
      places: places.length,
      acknowledged: places.filter(({ place }) => !used.has(place) && acknowledged.has(place)).length,
      open: open.slice(0, NAMED).map(({ one, place, evidence }) => ({
        place,
        evidence,
        line: classifyingLine(one),
      })),
      more: Math.max(0, open.length - NAMED),
      unread: hidden.slice(0, NAMED).map(({ table, why }) => ({
        place: table,
        why,
        line: `- { table: ${plain(table)}, column: "*", reason: "..." }`,
      })),
      unreadMore: Math.max(0, hidden.length - NAMED),
      undecided: doubts.length,
      doubts: doubts.slice(0, NAMED),
      strays: [...strays],
    };
  }
}
