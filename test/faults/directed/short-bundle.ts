/**
 * The workflows with `short-timeouts.ts` around them, as one file for Temporal's sandbox: about 3 s to build.
 */
import { mkdtempSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { bundled } from '../../../workers/bundle.js';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Returns its path, in a folder of its own. */
export async function shortBundle(): Promise<string> {
  const shipped = bundled(here('../../..'));
  const { code } = await bundleWorkflowCode({
    ...shipped,
    workflowInterceptorModules: [...shipped.workflowInterceptorModules, here('./short-timeouts.ts')],
    logger: new DefaultLogger('WARN'),
  });
  const path = join(mkdtempSync(join(tmpdir(), 'handover-short-')), 'workflows.js');
  await writeFile(path, code);
  return path;
}
