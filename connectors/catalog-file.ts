/**
 * A catalog file from disk to a checked catalog: YAML, then the schema (catalog.ts), then the rules between its parts
 * (catalog-rules.ts). Every mistake is one line, `file:line:column key.path: what was given and what is allowed`, and all of them
 * are found at once.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isCollection, isMap, isPair, isScalar, LineCounter, type Node, parseDocument } from 'yaml';
import { HandoverFailure } from '../domain/failure.js';
import { type Catalog, catalogSchema } from './catalog.js';
import { explainIssues } from './catalog-issues.js';
import { brokenRules } from './catalog-rules.js';

export type KeyPath = readonly (string | number)[];

/** Where a catalog came from: connectors use it to say where a mistake is. */
export interface CatalogFile {
  path: string;
  /** SHA-256 over the canonical JSON of the catalog, defaults filled in. */
  digest: string;
  /** `file:line:column key.path` of the nearest node that exists in the file. */
  where(path: KeyPath): string;
}

export interface LoadedCatalog {
  catalog: Catalog;
  file: CatalogFile;
}

export type CatalogReading = ({ ok: true } & LoadedCatalog) | { ok: false; mistakes: string[] };

/** Reads and checks a catalog; throws a `configuration` failure that lists every mistake on a line of its own. */
export async function loadCatalog(path: string): Promise<LoadedCatalog> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new HandoverFailure('configuration', `The catalog ${path} cannot be read: ${(error as Error).message}`, {
      cause: error,
    });
  }
  const reading = readCatalog(text, path);
  if (reading.ok) return { catalog: reading.catalog, file: reading.file };
  const count = reading.mistakes.length === 1 ? 'one mistake' : `${reading.mistakes.length} mistakes`;
  throw new HandoverFailure('configuration', `The catalog ${path} has ${count}:\n${reading.mistakes.join('\n')}`);
}

/** The same over a text; `path` is only what messages call it. */
export function readCatalog(text: string, path: string): CatalogReading {
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
  const parsed = catalogSchema.safeParse(data);
  const broken = parsed.success ? brokenRules(parsed.data) : explainIssues(parsed.error.issues, data);
  if (!parsed.success || broken.length > 0) {
    return { ok: false, mistakes: broken.map(mistake => `${where(mistake.path)}: ${mistake.says}`) };
  }
  return { ok: true, catalog: parsed.data, file: { path, digest: catalogDigest(parsed.data), where } };
}

export function catalogDigest(catalog: Catalog): string {
  return createHash('sha256').update(canonical(catalog)).digest('hex');
}

/** JSON with sorted keys and without undefined values. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).filter(([, v]) => v !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([k, v]) => `${JSON.stringify(k)}:${canonical(v)}`).join(',')}}`;
}

/** Byte offset of the node at `keys`: of the key for a pair, of the nearest parent where it does not exist. */
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
