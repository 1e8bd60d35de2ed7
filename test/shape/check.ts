/** Reads source files as syntax, not as text, and says with file and line what breaks the table. */
import { builtinModules } from 'node:module';
import { posix } from 'node:path';
import ts from 'typescript';
import { COMPOSITION_ROOTS, EXEMPT, type Row, TABLE } from './table.js';

export interface Source {
  /** Relative to the root of the tree, with slashes. */
  path: string;
  text: string;
}

interface Import {
  from: string;
  line: number;
  typeOnly: boolean;
}

/** One line per mistake: `file:line: what was imported, and what the folder may import`. */
export function violations(sources: readonly Source[], table: readonly Row[] = TABLE): string[] {
  return sources.flatMap(source => {
    if (COMPOSITION_ROOTS.some(root => root.test(source.path))) return [];
    const row = rowOf(source.path, table);
    if (!row)
      return [`${source.path}:1: the import table has no row for the folder "${source.path.split('/')[0]}"`];
    const file = parse(source);
    return [
      ...importsOf(file).flatMap(one => {
        const why = objection(row, source.path, one, table);
        return why ? [`${source.path}:${one.line}: ${why}`] : [];
      }),
      ...usesOf(file, row.without ?? []).map(
        use => `${source.path}:${use.line}: ${row.folder} does without ${use.what}`,
      ),
    ];
  });
}

/**
 * Files that import each other in a circle, types included: one line per circle, each file with what it
 * imports of the next.
 */
export function circles(sources: readonly Source[]): string[] {
  const paths = new Set(sources.map(source => source.path));
  const graph = new Map(sources.map(source => [source.path, ours(source, paths)] as const));
  const found: string[] = [];
  const left = new Set<string>();
  const trail: string[] = [];
  const walk = (path: string): void => {
    const start = trail.indexOf(path);
    if (start >= 0) found.push([...trail.slice(start), path].join(' → '));
    if (start >= 0 || left.has(path)) return;
    trail.push(path);
    for (const next of graph.get(path) ?? []) walk(next);
    trail.pop();
    left.add(path);
  };
  for (const path of graph.keys()) walk(path);
  return found;
}

/** The files of ours that one imports. */
function ours(source: Source, paths: ReadonlySet<string>): string[] {
  return importsOf(parse(source)).flatMap(({ from }) => {
    if (!from.startsWith('.')) return [];
    const target = posix.join(posix.dirname(source.path), from);
    const file = [target, target.replace(/\.js$/, '.ts')].find(one => paths.has(one));
    return file ? [file] : [];
  });
}

/** Lines of tests that would keep the others from running. */
export function focused(sources: readonly Source[]): string[] {
  return sources.flatMap(source => {
    const file = parse(source);
    const lines: string[] = [];
    each(file, node => {
      if (
        ts.isPropertyAccessExpression(node) &&
        node.name.text === 'only' &&
        /^(test|it|describe|suite|bench)\b/.test(textOf(node))
      )
        lines.push(`${source.path}:${lineOf(file, node)}: ${textOf(node)}`);
    });
    return lines;
  });
}

/** The row that names most of the path. */
function rowOf(path: string, table: readonly Row[]): Row | undefined {
  return table.filter(row => within(path, row.folder)).sort((a, b) => b.folder.length - a.folder.length)[0];
}

function objection(row: Row, path: string, { from, typeOnly }: Import, table: readonly Row[]): string | null {
  const brings = EXEMPT.find(one => one.file === path)?.brings ?? [];
  if (from.startsWith('.')) {
    const target = posix.join(posix.dirname(path), from).replace(/\.(js|ts|mjs|cjs)$/, '');
    const room = rowOf(target, table)?.folder ?? target;
    // `client` opens what lies directly in it; its rooms have rows of their own and are named where they are
    // meant.
    const opens = (one: string): boolean => within(target, one) && (within(one, room) || room === target);
    if (room === row.folder || [...row.ours, ...brings].some(opens)) return null;
    if (row.typesOnly?.some(opens))
      return typeOnly ? null : `${row.folder} imports "${target}" only with "import type"`;
    const may = [row.folder, ...row.ours, ...(row.typesOnly ?? []).map(one => `types of ${one}`)].join(', ');
    return `${row.folder} never imports "${target}"; it may import ${may}`;
  }
  if (from.startsWith('node:') || builtinModules.includes(from.split('/')[0]!))
    return row.node ? null : `${row.folder} never imports Node's "${from}"`;
  const name = from
    .split('/')
    .slice(0, from.startsWith('@') ? 2 : 1)
    .join('/');
  if (brings.includes(name)) return null;
  if ('only' in row.packages) {
    if (row.packages.only.includes(name)) return null;
    return `${row.folder} never imports "${name}"; from outside it may import ${row.packages.only.join(', ')}`;
  }
  const forbidden = row.packages.not.some(one =>
    one.endsWith('/*') ? name.startsWith(one.slice(0, -1)) : name === one,
  );
  return forbidden ? `${row.folder} never imports "${name}"` : null;
}

function within(target: string, place: string): boolean {
  return target === place || target.startsWith(`${place}/`);
}

/**
 * `import { type A } from 'x'` is no type-only import: with verbatimModuleSyntax it stays in what runs, as
 * `import 'x'`.
 */
function importsOf(file: ts.SourceFile): Import[] {
  const imports: Import[] = [];
  const add = (node: ts.Node, specifier: ts.Node | undefined, typeOnly: boolean): void => {
    if (specifier && ts.isStringLiteralLike(specifier))
      imports.push({ from: specifier.text, line: lineOf(file, node), typeOnly });
  };
  each(file, node => {
    if (ts.isImportDeclaration(node))
      add(node, node.moduleSpecifier, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword);
    else if (ts.isExportDeclaration(node)) add(node, node.moduleSpecifier, node.isTypeOnly);
    else if (ts.isImportTypeNode(node))
      add(node, ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined, true);
    else if (
      ts.isCallExpression(node) &&
      (node.expression.kind === ts.SyntaxKind.ImportKeyword || textOf(node.expression) === 'require')
    )
      add(node, node.arguments[0], false);
  });
  return imports;
}

/**
 * Uses of globals: `process`, `process.env`, `Date.now`, `new Date()`. A property or a key of the same name
 * is something else.
 */
function usesOf(file: ts.SourceFile, without: readonly string[]): { what: string; line: number }[] {
  const uses: { what: string; line: number }[] = [];
  each(file, node => {
    const said = ts.isIdentifier(node) && isGlobal(node) ? node.text : asWritten(node);
    if (said && without.includes(said)) uses.push({ what: said, line: lineOf(file, node) });
  });
  return uses;
}

function asWritten(node: ts.Node): string | null {
  if (ts.isNewExpression(node))
    return `new ${textOf(node.expression)}(${(node.arguments ?? []).map(textOf).join(', ')})`;
  if (ts.isPropertyAccessExpression(node)) return textOf(node);
  return null;
}

function isGlobal(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node;
  if (ts.isPropertyAssignment(parent) || ts.isPropertySignature(parent) || ts.isMethodDeclaration(parent))
    return parent.name !== node;
  return (
    !ts.isBindingElement(parent) &&
    !ts.isVariableDeclaration(parent) &&
    !ts.isParameter(parent) &&
    !ts.isTypeReferenceNode(parent)
  );
}

function parse(source: Source): ts.SourceFile {
  return ts.createSourceFile(source.path, source.text, ts.ScriptTarget.Latest, true);
}

function each(node: ts.Node, see: (node: ts.Node) => void): void {
  node.forEachChild(child => {
    see(child);
    each(child, see);
  });
}

function textOf(node: ts.Node): string {
  return node.getText().replace(/\s+/g, '');
}

function lineOf(file: ts.SourceFile, node: ts.Node): number {
  return file.getLineAndCharacterOfPosition(node.getStart()).line + 1;
}
