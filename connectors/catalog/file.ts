/**
 * A catalog file from disk to a checked catalog: YAML, then the schema of its kind, then the rules between
 * its parts. Every mistake is one line, `file:line:column key.path: what was given and what is allowed`, and
 * all of them are found at once.
 */
import { readFile } from 'node:fs/promises';
import { isCollection, isMap, isPair, isScalar, LineCounter, type Node, parseDocument } from 'yaml';
import { z } from 'zod';
import { HandoverFailure } from '../../domain/failure.js';
import { droppedKey } from '../../domain/own.js';
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
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new HandoverFailure(
      'configuration',
      `The catalog ${path} cannot be read: ${(error as Error).message}`,
      {
        cause: error,
      },
    );
  }
  const reading = readCatalog(text, path, kinds);
  if (reading.ok) return { catalog: reading.catalog, file: reading.file };
  const count = reading.mistakes.length === 1 ? 'one mistake' : `${reading.mistakes.length} mistakes`;
  throw new HandoverFailure(
    'configuration',
    `The catalog ${path} has ${count}:\n${reading.mistakes.join('\n')}`,
  );
}

/** The same over a text; `path` is only what messages call it. */
export function readCatalog<K extends Kinds>(
  text: string,
  path: string,
  kinds: K,
): CatalogReading<CatalogOf<K>> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    return {
      ok: false,
      mistakes: document.errors.map(error => {
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
    return { ok: false, mistakes: read.mistakes.map(({ path: at, says }) => `${where(at)}: ${says}`) };
  const { catalog, digests } = read;
  return { ok: true, catalog: catalog as CatalogOf<K>, file: { path, digests, where } };
}

/** Without a known kind nobody can say what else should stand in the file. */
function understand(
  data: unknown,
  kinds: Kinds,
): { catalog: Head; digests: Digests } | { mistakes: Mistake[] } {
  const dropped = droppedKey(data);
  if (dropped) return { mistakes: [{ path: dropped, says: 'no name that anything can have' }] };
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
