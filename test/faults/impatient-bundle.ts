/**
 * The shipped workflows with a shorter heartbeat timeout, so that a hundred schedules full of crashes fit
 * into an hour.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { bundled, workflowBundle } from '../../workers/bundle.js';

const INTERCEPTOR = fileURLToPath(new URL('./impatient-interceptor.ts', import.meta.url));

/** Path of the bundle, built once per state of the sources. */
export async function impatientBundle(cacheDir: string): Promise<string> {
  // The shipped bundle's name holds the digest of all workflow sources.
  const shipped = basename(await workflowBundle(cacheDir), '.js');
  const ours = createHash('sha256')
    .update(await readFile(INTERCEPTOR))
    .digest('hex')
    .slice(0, 8);
  const path = join(cacheDir, `impatient-${ours}-${shipped}.js`);
  if (await readFile(path).catch(() => null)) return path;
  const shippedParts = bundled(fileURLToPath(new URL('../..', import.meta.url)));
  const { code } = await bundleWorkflowCode({
    ...shippedParts,
    workflowInterceptorModules: [...shippedParts.workflowInterceptorModules, INTERCEPTOR],
    logger: new DefaultLogger('WARN'),
  });
  await mkdir(cacheDir, { recursive: true });
  const draft = `${path}.${process.pid}`;
  await writeFile(draft, code);
  await rename(draft, path);
  return path;
}
