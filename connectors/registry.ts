/**
 * Which kinds of system there are: per kind the schema of its catalogs, its rules, and how to speak to it.
 * Whoever writes a kind adds one line here; tests hand in kinds of their own.
 */
import { HandoverFailure } from '../domain/failure.js';
import { own } from '../domain/own.js';
import type { ConnectOptions, DiscoverRequest, Draft, Kinds, Tried, TryRequest } from './catalog/kind.js';
import type { LoadedCatalog } from './catalog/loaded.js';
import type { Connector } from './connector.js';
import { http } from './http/kind.js';
import { postgres } from './postgres/kind.js';

export const KINDS = { postgres, http } satisfies Kinds;

/**
 * A connector for a catalog that `loadCatalog` read with the same kinds. Nothing is connected yet; `check()`
 * tries everything. Throws a `configuration` failure where the connection is not what the kind needs.
 */
export function createConnector(
  loaded: LoadedCatalog,
  options: ConnectOptions,
  kinds: Kinds = KINDS,
): Connector {
  const { kind: name } = loaded.catalog;
  const kind = own(kinds, name);
  if (!kind) {
    const known = Object.keys(kinds).join(', ');
    throw new HandoverFailure(
      'configuration',
      `${loaded.file.where(['kind'])}: there is no connector of kind ${name}; known are ${known}`,
    );
  }
  demandParts(name, partsOf(kind, loaded), options);
  return kind.connect(loaded, options);
}

/**
 * Looks through a live system for what can hold a person; without a catalog, as the first kind that can.
 * Throws a `configuration` failure where its kind cannot, or the connection is not what it needs.
 */
export function discoverSystem(
  request: Omit<DiscoverRequest, 'catalog'> & { loaded: LoadedCatalog | null },
  options: ConnectOptions,
  kinds: Kinds = KINDS,
): Promise<Draft> {
  const { loaded, ...rest } = request;
  const found = loaded
    ? ([loaded.catalog.kind, own(kinds, loaded.catalog.kind)] as const)
    : Object.entries(kinds).find(([, kind]) => kind.discover);
  const [name, kind] = found ?? [];
  if (!kind?.discover)
    throw new HandoverFailure(
      'configuration',
      `A system of kind ${name} cannot be looked through: what its catalog leaves out is for people to find.`,
    );
  demandParts(name!, partsOf(kind, loaded), options);
  return kind.discover({ ...rest, catalog: loaded?.catalog ?? null }, options);
}

/** Tries a part of a catalog on the live system. Throws a `configuration` failure where its kind cannot. */
export function trySystem(
  loaded: LoadedCatalog,
  request: TryRequest,
  options: ConnectOptions,
  kinds: Kinds = KINDS,
): Promise<Tried> {
  const { kind: name } = loaded.catalog;
  const kind = own(kinds, name);
  if (!kind?.try)
    throw new HandoverFailure(
      'configuration',
      `A system of kind ${name} is tried as a whole: handover check ${loaded.catalog.system}.`,
    );
  demandParts(name, partsOf(kind, loaded), options);
  return kind.try(loaded, request, options);
}

/** The connection has every part that the kind needs, and none that it does not know. */
function demandParts(
  name: string,
  { needs, may = [] }: Kinds[string]['connection'],
  options: ConnectOptions,
): void {
  const { of, names } = options.connection;
  const known = [...needs, ...may];
  const wrong = [
    ...needs.filter(one => !names.includes(one)).map(one => `does not name ${one}`),
    ...names.filter(one => !known.includes(one)).map(one => `names ${one}, which this kind does not know`),
  ];
  if (wrong.length > 0) {
    throw new HandoverFailure(
      'configuration',
      `The connection of ${of} ${wrong.join(' and ')}: the kind ${name} needs ${listed(needs)}${
        may.length > 0 ? ` and may have ${listed(may)}` : ''
      }.`,
    );
  }
}

function partsOf(kind: Kinds[string], loaded: LoadedCatalog | null): Kinds[string]['connection'] {
  const { needs, may } = kind.connection;
  const more = loaded ? (kind.alsoNeeds?.(loaded.catalog) ?? []) : [];
  return { needs: [...new Set([...needs, ...more])], may };
}

const listed = (names: readonly string[]): string => (names.length > 0 ? names.join(', ') : 'nothing');
