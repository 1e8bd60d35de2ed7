/** Discovery as the kind `postgres` offers it: a session of its own, a look, and the draft. */
import type { ConnectOptions, DiscoverRequest, Draft, FoundPlace } from '../../catalog/kind.js';
import { type Catalog, catalogSchema } from '../catalog.js';
import { type Classified, classifiedIn } from '../classified.js';
import { Session } from '../session.js';
import { discover } from './discover.js';
import { draftCatalog, draftDifference } from './draft.js';
import { keyOf } from './keys.js';
import { leftOf } from './left.js';
import type { Discovered } from './model.js';

export async function discoverDatabase(
  { system, catalog, people, ...rest }: DiscoverRequest<Catalog>,
  { connection, poolSize = 4, log = () => {} }: ConnectOptions,
): Promise<Draft> {
  const connect = catalog?.connect ?? catalogSchema.shape.connect.parse({});
  // Whoever asks to read everything waits longer for one table than a run may.
  const patient = rest.thorough ? { ...connect, statement_timeout: '30min' } : connect;
  const session = new Session({ system, connect: patient }, connection.need('url'), poolSize, log);
  try {
    const { discovery, shape } = await discover(session, system, catalog, {
      ...rest,
      table: people,
    });
    const classified = catalog && classifiedIn(catalog);
    const isClassified = (one: Pick<Discovered, 'table' | 'column'>) => covers(classified, one);
    const missing = discovery.columns.filter(one => !isClassified(one));
    const unread = discovery.unread.map(({ table, why }) => ({
      table,
      column: '*',
      why: `it could not be looked at: ${why}`,
    }));
    const inPart = discovery.columns.flatMap(one =>
      classified ? leftOf(one, classified).map(left => ({ one, ...left })) : [],
    );
    const undecided = [
      ...[...discovery.undecided, ...unread].filter(one => !isClassified(one)),
      ...inPart.map(({ one, evidence }) => ({ table: one.table, column: one.column, why: evidence })),
    ];
    return {
      text: catalog
        ? draftDifference(missing, undecided, { shape, people: discovery.people, catalog })
        : draftCatalog(system, { ...discovery, undecided }, shape),
      people: discovery.people.table,
      places: [
        ...discovery.columns.map(one => placeOf(one, isClassified(one))),
        ...inPart.map(({ one, place, evidence }) => ({
          ...placeOf(one, false),
          place,
          evidence: [evidence],
        })),
      ],
      undecided: undecided.map(({ table, column, why }) => ({ place: keyOf(table, column), why })),
      tables: discovery.tables,
      rowsRead: discovery.rowsRead,
      milliseconds: discovery.milliseconds,
    };
  } finally {
    await session.close();
  }
}

function covers(
  classified: Classified | null,
  { table, column }: Pick<Discovered, 'table' | 'column'>,
): boolean {
  const key = keyOf(table, column);
  return classified !== null && (classified.used.has(key) || classified.acknowledged.has(key));
}

function placeOf(one: Discovered, classified: boolean): FoundPlace {
  const { table, column, layer, identity, evidence, rule, unique, rows, sampled, share, ofLeaver, propose } =
    one;
  return {
    place: keyOf(table, column),
    classified,
    layer,
    identity: identity.identity,
    evidence,
    rule: rule && `${rule.table}.${rule.to} on delete ${rule.onDelete}`,
    unique,
    rows,
    sampled,
    share,
    ofLeaver,
    propose: propose.do,
    because: propose.because,
  };
}
