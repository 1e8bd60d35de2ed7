/**
 * A catalog file from disk to a checked catalog: YAML, then the schema of its kind, then the rules between
 * its parts. Every mistake is one line, `file:line:column key.path: what was given and what is allowed`, and
 * all of them are found at once.
 */
import { readFile, stat } from 'node:fs/promises';
import {
  type Document,
  isCollection,
  isMap,
  isPair,
  isScalar,
  LineCounter,
  type Node,
  parseDocument,
} from 'yaml';
import { z } from 'zod';
import { HandoverFailure } from '../../domain/failure.js';
import { droppedKey } from '../../domain/own.js';
import { NOT_UTF8, objectionTo, textOf } from '../../domain/written.js';
import { type Digests, digestsOf } from './digest.js';
import type { Head } from './head.js';
import type { CatalogOf, Kinds } from './kind.js';
import type { KeyPath, LoadedCatalog } from './loaded.js';
import { explainIssues, type Mistake } from './mistakes.js';
import { generalRules } from './rules.js';

export type CatalogReading<C extends Head = Head> =
  | ({ ok: true } & LoadedCatalog<C>)
  | { ok: false; mistakes: string[] };

/**
 * Reads and checks a catalog; throws a `configuration` failure that lists every mistake on a line of its own.
 */
export async function loadCatalog<K extends Kinds>(
  path: string,
  kinds: K,
): Promise<LoadedCatalog<CatalogOf<K>>> {
  const text = await readWritten(path);
  const reading = readCatalog(text, path, kinds);
  if (reading.ok) return { catalog: reading.catalog, file: reading.file };
  const count = reading.mistakes.length === 1 ? 'one mistake' : `${reading.mistakes.length} mistakes`;
  throw new HandoverFailure(
    'configuration',
    `The catalog ${path} has ${count}:\n${reading.mistakes.join('\n')}`,
  );
}

async function readWritten(path: string): Promise<string> {
  const refuse = (why: string, cause?: unknown): never => {
    throw new HandoverFailure('configuration', `The catalog ${path} cannot be read: ${why}`, { cause });
  };
  let bytes: Uint8Array;
  try {
    const objection = objectionTo(await stat(path));
    if (objection) return refuse(objection);
    bytes = await readFile(path);
  } catch (error) {
    if (error instanceof HandoverFailure) throw error;
    return refuse((error as Error).message, error);
  }
  return textOf(bytes) ?? refuse(NOT_UTF8);
}

/** The same over a text; `path` is only what messages call it. */
export function readCatalog<K extends Kinds>(
  text: string,
  path: string,
  kinds: K,
): CatalogReading<CatalogOf<K>> {
  const lines = new LineCounter();
  let document: Document.Parsed;
  try {
    document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false });
  } catch (error) {
    // Brackets in brackets, thousands of them.
    return { ok: false, mistakes: [`${path}:1:1 ${(error as Error).message}`] };
  }
  const twice = repeatedKeys(document.contents);
  if (document.errors.length === 0 && twice.length > 0) {
    const says = (offset: number): string => {
      const { line, col } = lines.linePos(offset);
      return `${path}:${line}:${col} Map keys must be unique`;
    };
    return { ok: false, mistakes: atMost(twice, says) };
  }
  if (document.errors.length > 0) {
    return {
      ok: false,
      mistakes: atMost(document.errors, error => {
        const { line, col } = lines.linePos(error.pos[0]);
        return `${path}:${line}:${col} ${error.message.replace(/\s+/g, ' ')}`;
      }),
    };
  }
  const where = (keys: KeyPath): string => {
    const { line, col } = lines.linePos(offsetOf(document.contents, keys));
    return keys.length > 0 ? `${path}:${line}:${col} ${keys.join('.')}` : `${path}:${line}:${col}`;
  };
  let data: unknown;
  try {
    data = document.toJS({ maxAliasCount: 20 });
  } catch (error) {
    return { ok: false, mistakes: [`${path}:1:1 ${(error as Error).message}`] };
  }
  const read = understand(data, kinds);
  if ('mistakes' in read)
    return { ok: false, mistakes: atMost(read.mistakes, ({ path: at, says }) => `${where(at)}: ${says}`) };
  const { catalog, digests } = read;
  return { ok: true, catalog: catalog as CatalogOf<K>, file: { path, digests, where } };
}

/** Where a key stands a second time in its block: the parser itself compares each with every other. */
function repeatedKeys(node: unknown): number[] {
  if (!isCollection(node)) return [];
  const seen = new Set<string>();
  return node.items.flatMap(item => {
    if (!isPair(item)) return repeatedKeys(item);
    const { key, value } = item;
    const name = isScalar(key) ? String(key.value) : null;
    const again = name !== null && seen.has(name) ? [(key as Node).range?.[0] ?? 0] : [];
    if (name !== null) seen.add(name);
    return [...again, ...repeatedKeys(value)];
  });
}

/** Nobody reads more than these at once, and to find the place of each costs a walk through the file. */
const MOST_MISTAKES = 100;

function atMost<M>(mistakes: readonly M[], say: (mistake: M) => string): string[] {
  const said = mistakes.slice(0, MOST_MISTAKES).map(say);
  const more = mistakes.length - said.length;
  return more > 0 ? [...said, `and ${more} more`] : said;
}

/** A person holds things of a few dozen kinds; every one of them is asked about at every look. */
const MOST_CATEGORIES = 1_000;

function tooMany(data: unknown): Mistake | null {
  const categories = (data as { categories?: unknown } | null)?.categories;
  if (typeof categories !== 'object' || categories === null) return null;
  const count = Object.keys(categories).length;
  return count > MOST_CATEGORIES
    ? { path: ['categories'], says: `there are ${count}, and ${MOST_CATEGORIES} are the most` }
    : null;
}

/** Without a known kind nobody can say what else should stand in the file. */
function understand(
  data: unknown,
  kinds: Kinds,
): { catalog: Head; digests: Digests } | { mistakes: Mistake[] } {
  const dropped = droppedKey(data);
  if (dropped) return { mistakes: [{ path: dropped, says: 'no name that anything can have' }] };
  const many = tooMany(data);
  if (many) return { mistakes: [many] };
  const anyKind = z.object({ kind: z.enum(Object.keys(kinds)) });
  const named = anyKind.safeParse(data);
  if (!named.success) return { mistakes: explainIssues(named.error.issues, data, anyKind) };
  const kind = kinds[named.data.kind]!;
  const parsed = kind.schema.safeParse(data);
  if (!parsed.success) return { mistakes: explainIssues(parsed.error.issues, data, kind.schema) };
  const mistakes: Mistake[] = [];
  const report = (path: Mistake['path'], says: string) => void mistakes.push({ path, says });
  generalRules(parsed.data, report);
  kind.rules(parsed.data, report);
  return mistakes.length > 0
    ? { mistakes }
    : { catalog: parsed.data, digests: digestsOf(parsed.data, kind.words) };
}

/**
 * Byte offset of the node at `keys`: of the key for a pair, of the nearest parent where it does not exist.
 */
function offsetOf(root: Node | null, keys: KeyPath): number {
  let node: unknown = root;
  let offset = root?.range?.[0] ?? 0;
  for (const key of keys) {
    if (!isCollection(node)) break;
    const next: unknown = isMap(node)
      ? node.items.find(pair => isScalar(pair.key) && String(pair.key.value) === String(key))
      : (node.items as unknown[])[Number(key)];
    if (next === undefined) break;
    const marks = isPair(next) ? next.key : next;
    offset = (marks as Node | null)?.range?.[0] ?? offset;
    node = isPair(next) ? next.value : next;
  }
  return offset;
}
