/**
 * The columns that a catalog speaks of: what its head, its categories with their mirrors and attributes, its
 * identities and its switches name, and what it acknowledges. Every other column that can hold a person is one
 * that nobody has classified.
 */
import { own } from '../../domain/own.js';
import type { Catalog } from './catalog.js';
import { keyOf } from './discover/keys.js';
import { switchesOf } from './rules.js';

/** How a category takes owners from a column. */
export interface Use {
  /** The column of the identity that stands there; null where it is worked out, or an id within a text. */
  identity: string | null;
  /** The expression by which it is worked out, if it is. */
  value: string | null;
  /** Where in the column's documents. */
  path: string | null;
  when: string | null;
}

export interface Classified {
  /** `schema.table.column` of everything the catalog uses. */
  used: ReadonlySet<string>;
  /** Of these, what categories take owners from. */
  owners: ReadonlyMap<string, readonly Use[]>;
  /** The same of what it leaves as it is, with the reason. */
  acknowledged: ReadonlyMap<string, string>;
}

export function classifiedIn(catalog: Catalog): Classified {
  const used = new Set<string>();
  const add = (table: string, ...columns: (string | undefined)[]) => {
    for (const column of columns) if (column !== undefined) used.add(keyOf(table, column));
  };
  const { people } = catalog;
  const owners = new Map<string, Use[]>();
  add(people.table, people.key, people.name, people.manager, people.team, people.human);
  if (typeof people.email === 'object') add(people.email.table, people.email.column, people.email.person);
  else add(people.table, people.email);
  for (const match of people.match) add(match.table ?? people.table, match.column, match.person);
  for (const spec of Object.values(catalog.identities)) {
    if ('column' in spec) add(people.table, spec.column);
    else if ('table' in spec) add(spec.table, spec.key, spec.person);
  }
  for (const spec of Object.values(catalog.categories)) {
    const { column, identity, inside } = spec.owner;
    const at = keyOf(spec.table, column);
    owners.set(at, [
      ...(owners.get(at) ?? []),
      {
        // Ids within a text are found wherever they stand.
        identity: typeof inside === 'object' && 'text' in inside ? null : columnOf(catalog, identity),
        value: expressionOf(catalog, identity),
        path: typeof inside === 'object' && 'json' in inside ? inside.json : null,
        when: spec.when ?? null,
      },
    ]);
    const shown = Object.values(spec.attributes).filter(field => typeof field === 'string');
    add(spec.table, spec.owner.column, ...shown, ...(spec.unique ?? []));
    for (const mirror of spec.mirrors)
      add(mirror.table, mirror.owner, ...Object.keys(mirror.join), ...(mirror.unique ?? []));
    if (spec.groups) add(spec.groups.table, spec.groups.key, spec.groups.name);
    // Who stands in a row that goes with another goes with it.
    for (const along of spec.with) add(along.table, ...Object.keys(along.join));
  }
  for (const [, spec] of switchesOf(catalog)) {
    add(people.table, ...Object.keys(spec.set));
    for (const entry of [...spec.also_delete, ...spec.also_set]) add(entry.table, entry.column);
    for (const { table, set } of spec.also_set) add(table, ...Object.keys(set));
    for (const { table, values } of spec.also_insert) add(table, ...Object.keys(values));
  }
  return {
    used,
    owners,
    acknowledged: new Map(catalog.acknowledged.map(one => [keyOf(one.table, one.column), one.reason])),
  };
}

function expressionOf({ identities }: Catalog, identity: string): string | null {
  const spec = own(identities, identity);
  return spec && 'value' in spec ? spec.value : null;
}

function columnOf({ people, identities }: Catalog, identity: string): string | null {
  const spec = own(identities, identity);
  if (!spec) return keyOf(people.table, people.key);
  if ('value' in spec) return null;
  return 'column' in spec ? keyOf(people.table, spec.column) : keyOf(spec.table, spec.key);
}
