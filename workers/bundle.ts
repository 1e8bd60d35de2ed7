/** The workflows as one file for Temporal's sandbox, built once and kept while the sources stay the same. */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Everything the bundle can contain. */
const SOURCES = ['workflows', 'domain', 'runtime/payload-converter.cjs', 'package-lock.json'];

/**
 * Returns the path of the bundle in `cacheDir`, built if needed (about 3 s). Several processes may ask at
 * once.
 */
export async function workflowBundle(cacheDir: string): Promise<string> {
  const path = join(cacheDir, `workflows-${await digest()}.js`);
  if (await readFile(path).catch(() => null)) return path;
  const { code } = await bundleWorkflowCode({ ...bundled(ROOT), logger: new DefaultLogger('WARN') });
  await mkdir(cacheDir, { recursive: true });
  const draft = `${path}.${process.pid}`;
  await writeFile(draft, code);
  await rename(draft, path);
  await forgetOld(cacheDir, path);
  return path;
}

/** What belongs into every bundle of the workflows of a source tree. @param root of the tree */
export function bundled(root: string) {
  return {
    workflowsPath: join(root, 'workflows/index.ts'),
    workflowInterceptorModules: [join(root, 'workflows/threshold.ts')],
    payloadConverterPath: join(root, 'runtime/payload-converter.cjs'),
  };
}

const DAY_MS = 86_400_000;

/** Of earlier sources; younger ones may be another version's, whose worker is about to load it. */
async function forgetOld(cacheDir: string, current: string): Promise<void> {
  for (const name of await readdir(cacheDir)) {
    const path = join(cacheDir, name);
    if (!/^workflows-.*\.js$/.test(name) || path === current) continue;
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Date.now() }));
    if (Date.now() - mtimeMs > DAY_MS) await rm(path, { force: true });
  }
}

async function digest(): Promise<string> {
  const hash = createHash('sha256');
  for (const source of SOURCES) {
    for (const file of await filesOf(join(ROOT, source)))
      hash.update(file.slice(ROOT.length)).update(await readFile(file));
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
