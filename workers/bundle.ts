/** The workflows as one file for Temporal's sandbox, built once and kept while the sources stay the same. */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { payloadConverterPath } from '../runtime/temporal.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Everything the bundle can contain. */
const SOURCES = ['workflows', 'domain', 'runtime/payload-converter.cjs', 'package-lock.json'];

/** Returns the path of the bundle in `cacheDir`, built if needed (about 3 s). Several processes may ask at once. */
export async function workflowBundle(cacheDir: string): Promise<string> {
  const path = join(cacheDir, `workflows-${await digest()}.js`);
  if (await readFile(path).catch(() => null)) return path;
  const { code } = await bundleWorkflowCode({
    workflowsPath: join(ROOT, 'workflows/index.ts'),
    payloadConverterPath,
    logger: new DefaultLogger('WARN'),
  });
  await mkdir(cacheDir, { recursive: true });
  const draft = `${path}.${process.pid}`;
  await writeFile(draft, code);
  await rename(draft, path);
  for (const old of await readdir(cacheDir)) {
    if (/^workflows-.*\.js$/.test(old) && join(cacheDir, old) !== path) await rm(join(cacheDir, old), { force: true });
  }
  return path;
}

async function digest(): Promise<string> {
  const hash = createHash('sha256');
  for (const source of SOURCES) {
    for (const file of await filesOf(join(ROOT, source))) hash.update(file.slice(ROOT.length)).update(await readFile(file));
  }
  return hash.digest('hex').slice(0, 16);
}

async function filesOf(path: string): Promise<string[]> {
  if (/\.\w+$/.test(path)) return [path];
  const entries = await readdir(path, { recursive: true });
  return entries
    .filter(name => name.endsWith('.ts'))
    .sort()
    .map(name => join(path, name));
}
