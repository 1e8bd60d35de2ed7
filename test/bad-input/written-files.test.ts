// Catalogs and configuration are files that people write: in UTF-8, of a sane size, and files at all. Everything
// else is refused with a sentence, and quickly.

import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadCatalog, readCatalog } from '../../connectors/catalog/file.js';
import { KINDS } from '../../connectors/registry.js';
import { readConfig } from '../../runtime/config.js';

let dir: string;
let catalog: string;
let config: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'handover-written-'));
  catalog = await readFile('test/small-world/desk.yaml', 'utf8');
  config = await readFile('test/small-world/handover.yaml', 'utf8');
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const catalogAt = (path: string): Promise<string> =>
  loadCatalog(path, KINDS).then(
    () => 'taken',
    (error: Error) => error.message,
  );
const configAt = (path: string): string => {
  try {
    readConfig(path, {});
    return 'taken';
  } catch (error) {
    return (error as Error).message;
  }
};
const file = async (name: string, content: string | Uint8Array): Promise<string> => {
  const path = join(dir, name);
  await writeFile(path, content);
  return path;
};

describe('what is no file of words', () => {
  test.each([
    ['a directory', () => dir],
    ['a device without an end', () => '/dev/zero'],
    [
      'a pipe that nobody writes to',
      () => {
        const path = join(dir, 'pipe');
        execFileSync('mkfifo', ['-m', '600', path]);
        return path;
      },
    ],
  ])('%s is refused', async (_, make) => {
    const path = make();
    expect(await catalogAt(path)).toBe(`The catalog ${path} cannot be read: it is no regular file`);
    expect(configAt(path)).toBe(`The configuration ${path} cannot be read: it is no regular file`);
    await rm(join(dir, 'pipe'), { force: true });
  });

  test('one that is far too large is refused', async () => {
    const path = await file('large.yaml', `${catalog}\n${'# more\n'.repeat(200_000)}`);
    expect(await catalogAt(path)).toMatch(/cannot be read: it has \d+ bytes, and 1048576 are the most/);
    expect(configAt(path)).toMatch(/cannot be read: it has \d+ bytes, and 1048576 are the most/);
  });

  test.each([
    ['Latin-1', Buffer.from("title: 'Gel\u00f6scht'\n", 'latin1')],
    ['UTF-16', Buffer.from('\ufefftitle: x\n', 'utf16le')],
  ])('one in %s is refused', async (_, bytes) => {
    const path = await file('encoded.yaml', Buffer.concat([bytes, Buffer.from(catalog)]));
    expect(await catalogAt(path)).toMatch(
      /cannot be read: it is not written in UTF-8: save it in that encoding/,
    );
    expect(configAt(path)).toMatch(/cannot be read: it is not written in UTF-8/);
  });

  test('a mark of its encoding in front is no mistake', async () => {
    expect(await catalogAt(await file('marked.yaml', `\ufeff${catalog}`))).toBe('taken');
  });
});

describe('names and numbers that nobody can have', () => {
  test('__proto__ is no system, no category and no key', async () => {
    const system = config.replace(
      /^systems:\n/m,
      'systems:\n  __proto__: { catalog: x.yaml, connection: X }\n',
    );
    expect(system).not.toBe(config);
    expect(configAt(await file('proto.yaml', system))).toMatch(
      /proto\.yaml:\d+ systems\.__proto__: no name that anything can have/,
    );
    expect(configAt(await file('proto2.yaml', `${config}\n__proto__: { policy: {} }\n`))).toMatch(
      /proto2\.yaml:\d+ __proto__: no name/,
    );
  });

  test('60,000 categories are refused quickly, whatever they say', async () => {
    const head = catalog.slice(0, catalog.indexOf('categories:'));
    const some = (each: (n: number) => string, count: number): string =>
      `${head}categories:\n${Array.from({ length: count }, (_, n) => each(n)).join('\n')}\n`;
    const began = performance.now();
    const many = await catalogAt(
      await file(
        'many.yaml',
        some(n => `  c${n}: {}`, 60_000),
      ),
    );
    expect(many).toMatch(/many\.yaml:\d+:\d+ categories: there are 60000, and 1000 are the most$/);
    const wrong = readCatalog(
      some(n => `  c${n}: { nonsense: ${n} }`, 1_000),
      'wrong.yaml',
      KINDS,
    );
    expect(wrong).toMatchObject({ ok: false });
    if (!wrong.ok) expect(wrong.mistakes).toHaveLength(101);
    if (!wrong.ok) expect(wrong.mistakes.at(-1)).toMatch(/^and \d+ more$/);
    expect(performance.now() - began).toBeLessThan(20_000);
  });

  test('brackets in brackets without an end are a mistake like any other', () => {
    const deep = readCatalog(`${'['.repeat(100_000)}`, 'deep.yaml', KINDS);
    expect(deep).toMatchObject({ ok: false });
  });
});
