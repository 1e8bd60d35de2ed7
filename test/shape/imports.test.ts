/**
 * The shape of the tree, checked: who imports whom, what files are called, and nothing that only fits one
 * machine.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { circles, focused, type Source, violations } from './check.js';
import { asMarkdown, COMPOSITION_ROOTS, EXEMPT, exemptionsAsMarkdown, TABLE } from './table.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const NOT_OURS = /^(node_modules|\.git|\.handover|dist|coverage|package-lock\.json)$/;

function filesUnder(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap(entry => {
    if (NOT_OURS.test(entry.name)) return [];
    const path = folder ? `${folder}/${entry.name}` : entry.name;
    return entry.isDirectory() ? filesUnder(path) : entry.isFile() ? [path] : [];
  });
}

const files = filesUnder('');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const sources = files
  .filter(path => /\/.*\.(ts|mjs|cjs)$/.test(path))
  .map((path): Source => ({ path, text: read(path) }));
const made = (path: string, text: string): string[] => violations([{ path, text }]);

test('every import of the tree follows the table', () => {
  expect(sources.length).toBeGreaterThan(60);
  expect(violations(sources)).toEqual([]);
});

test('every row of the table is about a folder that exists, and every folder of sources has a row', () => {
  const checked = sources.filter(source => !COMPOSITION_ROOTS.some(root => root.test(source.path)));
  const folders = TABLE.map(row => row.folder);
  const top = new Set(checked.map(source => source.path.split('/')[0]!));
  expect([...top].sort()).toEqual(folders.filter(folder => !folder.includes('/')).sort());
  for (const folder of folders)
    expect(checked.some(source => source.path.startsWith(`${folder}/`))).toBe(true);
});

test('every room of the client has a row of its own', () => {
  const rooms = new Set(sources.flatMap(({ path }) => path.match(/^client\/[^/]+(?=\/)/) ?? []));
  expect([...rooms].sort()).toEqual(
    TABLE.map(row => row.folder)
      .filter(folder => folder.startsWith('client/'))
      .sort(),
  );
});

test('six files of the client are exempt, by name, and each needs to be', () => {
  expect(EXEMPT).toHaveLength(6);
  for (const { file } of EXEMPT) {
    const source = sources.find(one => one.path === file)!;
    // The same text under another name has no exemption.
    expect(violations([{ path: file.replace('.ts', '-2.ts'), text: source.text }]), file).not.toEqual([]);
  }
});

test('no files import each other in a circle', () => {
  expect(circles(sources)).toEqual([]);
});

test('a circle is found, of types and of imports in the middle of a file too', () => {
  const made = (path: string, text: string): Source => ({ path, text });
  expect(
    circles([
      made('domain/a.ts', "import type { B } from './b.js';"),
      made('domain/b.ts', "export { c } from './deep/c.js';"),
      made('domain/deep/c.ts', "export const c = async () => await import('../a.js');"),
      made('domain/d.ts', "import './a.js';\nimport './deep/c.js';"),
    ]),
  ).toEqual(['domain/a.ts → domain/b.ts → domain/deep/c.ts → domain/a.ts']);
});

// The checker itself: each made-up file breaks one rule, and the line that is named is the one that breaks
// it.
test.each([
  [
    'domain/x.ts',
    "import { z } from 'zod';\nimport type { Store } from '../store/store.js';",
    '2: domain never imports "store/store"',
  ],
  [
    'domain/x.ts',
    "import { createHash } from 'node:crypto';",
    '1: domain never imports Node\'s "node:crypto"',
  ],
  ['domain/x.ts', "import fs from 'fs/promises';", '1: domain never imports Node\'s "fs/promises"'],
  ['domain/x.ts', "import pg from 'pg';", '1: domain never imports "pg"'],
  [
    'domain/x.ts',
    "import { log } from '@temporalio/workflow';",
    '1: domain never imports "@temporalio/workflow"',
  ],
  ['domain/x.ts', '\n\nexport const now = () => Date.now();', '3: domain does without Date.now'],
  ['domain/x.ts', 'export const now = () => new Date();', '1: domain does without new Date()'],
  ['domain/x.ts', 'export const dice = () => Math.random();', '1: domain does without Math.random'],
  [
    'workflows/x.ts',
    "import { look } from '../activities/look.js';",
    '1: workflows imports "activities/look" only with "import type"',
  ],
  [
    'workflows/x.ts',
    "import { type Look } from '../activities/look.js';",
    '1: workflows imports "activities/look" only with "import type"',
  ],
  [
    'workflows/x.ts',
    "export { look } from '../activities/look.js';",
    '1: workflows imports "activities/look" only with "import type"',
  ],
  [
    'workflows/x.ts',
    "import type { Store } from '../store/store.js';",
    '1: workflows never imports "store/store"',
  ],
  [
    'workflows/chapters/x.ts',
    "import '../../connectors/registry.js';",
    '1: workflows never imports "connectors/registry"',
  ],
  ['workflows/x.ts', "import '../runtime/config.js';", '1: workflows never imports "runtime/config"'],
  ['workflows/x.ts', "import '../client/runs.js';", '1: workflows never imports "client/runs"'],
  [
    'workflows/x.ts',
    "import { Worker } from '@temporalio/worker';",
    '1: workflows never imports "@temporalio/worker"',
  ],
  ['workflows/x.ts', 'export const home = process.env.HOME;', '1: workflows does without process'],
  ['workflows/x.ts', "export const x = Buffer.from('x');", '1: workflows does without Buffer'],
  ['workflows/x.ts', "const fs = await import('node:fs');", '1: workflows never imports Node\'s "node:fs"'],
  ['workflows/x.ts', "const fs = require('fs');", '1: workflows never imports Node\'s "fs"'],
  [
    'activities/x.ts',
    "import '../workflows/messages.js';",
    '1: activities never imports "workflows/messages"',
  ],
  [
    'activities/x.ts',
    "type M = import('../workflows/messages.js').Status;",
    '1: activities never imports "workflows/messages"',
  ],
  ['activities/x.ts', "import '../client/runs.js';", '1: activities never imports "client/runs"'],
  ['activities/x.ts', "import pg from 'pg';", '1: activities never imports "pg"'],
  ['activities/x.ts', 'export const home = process.env.HOME;', '1: activities does without process.env'],
  [
    'connectors/x.ts',
    "import { Context } from '@temporalio/activity';",
    '1: connectors never imports "@temporalio/activity"',
  ],
  ['connectors/x.ts', "import '../store/store.js';", '1: connectors never imports "store/store"'],
  ['store/x.ts', "import '../connectors/connector.js';", '1: store never imports "connectors/connector"'],
  ['store/x.ts', "import '../activities/deps.js';", '1: store never imports "activities/deps"'],
  ['runtime/x.ts', "import '../store/store.js';", '1: runtime never imports "store/store"'],
  [
    'client/x.ts',
    "import '../workflows/offboard-user.js';",
    '1: client never imports "workflows/offboard-user"',
  ],
  ['client/x.ts', "import '../activities/deps.js';", '1: client never imports "activities/deps"'],
  ['client/x.ts', "import '../workers/worker.js';", '1: client never imports "workers/worker"'],
  ['client/x.ts', "import { start } from './cli/start.js';", '1: client never imports "client/cli/start"'],
  ['client/x.ts', "import '../connectors/registry.js';", '1: client never imports "connectors/registry"'],
  [
    'client/audit/x.ts',
    "import type { Terminal } from '../cli/terminal.js';",
    '1: client/audit never imports "client/cli/terminal"',
  ],
  ['client/cli/x.ts', "import '../../workers/main.js';", '1: client/cli never imports "workers/main"'],
  [
    'client/cli/x.ts',
    "await import('../../connectors/registry.js');",
    '1: client/cli never imports "connectors/registry"',
  ],
  [
    'client/cli/x.ts',
    "import { seedDemo } from '../../examples/demo/seed.js';",
    '1: client/cli never imports "examples/demo/seed"',
  ],
  ['client/local/x.ts', "import '../demo/story.js';", '1: client/local never imports "client/demo/story"'],
  ['client/demo/x.ts', "import '../cli/terminal.js';", '1: client/demo never imports "client/cli/terminal"'],
  // An exempt file brings what it is exempt for, and nothing else.
  ['client/systems.ts', "import '../activities/look.js';", '1: client never imports "activities/look"'],
  [
    'client/cli/worker.ts',
    "import '../../connectors/registry.js';",
    '1: client/cli never imports "connectors/registry"',
  ],
  [
    'client/local/installation.ts',
    "import '@temporalio/workflow';",
    '1: client/local never imports "@temporalio/workflow"',
  ],
  ['workers/x.ts', "import '../client/runs.js';", '1: workers never imports "client/runs"'],
  [
    'workers/x.ts',
    "import * as all from '../workflows/index.js';",
    '1: workers imports "workflows/index" only with "import type"',
  ],
  ['helpers/x.ts', '', '1: the import table has no row for the folder "helpers"'],
])('%s: %s is found', (path, text, says) => {
  const found = made(path, text);
  expect(found).toHaveLength(1);
  expect(found[0]).toContain(`${path}:${says}`);
});

test.each([
  ['workflows/x.ts', "import type { Look } from '../activities/look.js';"],
  [
    'workflows/x.ts',
    "import { judge } from '../domain/judge.js';\nexport const run = { process: 1 };\nrun.process;",
  ],
  ['domain/x.ts', 'export const at = (now: string) => new Date(now);'],
  ['activities/x.ts', "import { createHash } from 'node:crypto';\nimport '../store/ledger.js';"],
  ['client/x.ts', "import { STATUS } from '../workflows/messages.js';"],
  ['client/cli/worker.ts', "import '../../workers/worker.js';"],
  [
    'client/cli/start.ts',
    "import '../runs.js';\nimport { verify } from '../audit/verify.js';\nimport '../../store/trail.js';",
  ],
  ['client/demo/x.ts', "import '../local/screen.js';\nimport '../../examples/demo/people.js';"],
  ['connectors/x.ts', "// import '../store/store.js'\nexport const text = \"import '../store/store.js'\";"],
])('%s: %s is allowed', (path, text) => {
  expect(made(path, text)).toEqual([]);
});

test.each([
  ['the same table', /^\| *folder *\|.*import/, asMarkdown()],
  ['the same exemptions', /^\| *file *\| *also imports/, exemptionsAsMarkdown()],
])('ARCHITECTURE.md shows %s', (_, head, wanted) => {
  const page = read('ARCHITECTURE.md').split('\n');
  const start = page.findIndex(line => head.test(line));
  const length = page.slice(start).findIndex(line => !line.startsWith('|'));
  const tight = (line: string): string => line.replace(/ *\| */g, '|').replace(/-+/g, '-');
  const shown = start < 0 ? [] : page.slice(start, length < 0 ? undefined : start + length);
  expect(shown.map(tight), `The table to show is:\n${wanted.join('\n')}`).toEqual(wanted.map(tight));
});

test('a file or folder says what it can do: none is called utils, common, helpers, types or misc', () => {
  expect(
    files.filter(path => /(^|\/)(utils?|commons?|helpers?|types?|misc)(\/|\.[^/]*$)/.test(path)),
  ).toEqual([]);
});

test('no test keeps the others from running', () => {
  const tests = sources.filter(source => source.path.startsWith('test/'));
  expect(focused(tests)).toEqual([]);
  const bad = ['test', 'it.concurrent', 'describe'].map(name => `${name}.only('x', () => {});`).join('\n');
  expect(focused([{ path: 'test/x.ts', text: bad }])).toEqual([
    'test/x.ts:1: test.only',
    'test/x.ts:2: it.concurrent.only',
    'test/x.ts:3: describe.only',
  ]);
});

// Written in pieces, or this file would find itself.
const ONE_MACHINE = new RegExp(
  `(?<![\\w.-])/(${['work', 'root', 'home/(?!node\\b)[a-z][\\w-]*', 'Users/[A-Za-z][\\w-]*'].join('|')})/`,
);

test('nothing in the tree names a path of one machine', () => {
  const found = files
    .filter(path => !/\.(png|gz|ico|woff2?|whl|pdf)$/.test(path))
    .flatMap(path =>
      read(path)
        .split('\n')
        .flatMap((line, n) =>
          ONE_MACHINE.test(line) ? [`${path}:${n + 1}: ${line.trim().slice(0, 120)}`] : [],
        ),
    );
  expect(found).toEqual([]);
  const made = ['work/main', 'root/.cache', 'home/ann/x', 'Users/ann/x'].map(path => `at /${path}`);
  expect(made.filter(line => ONE_MACHINE.test(line))).toEqual(made);
  expect(
    ['https://x.example/work/1', 'docs/work/1', '/workflows/'].filter(line => ONE_MACHINE.test(line)),
  ).toEqual([]);
});
