// A Temporal dev server with its UI, in memory or on a SQLite file, on loopback ports. The settings are
// measured ones: they make a server on a file as fast as one in memory without losing anything when it is
// killed.

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { Connection } from '@temporalio/client';
import type { SearchAttributeKind, SearchAttributeKinds } from '../search-attributes.js';
import { type Child, type ChildExit, type StopStep, startChild } from './child.js';
import { freePort, LOOPBACK } from './ports.js';
import { clearOldServer } from './processes.js';

export interface TemporalServerOptions {
  /** Path of the Temporal CLI (temporal-cli.ts finds it). */
  cli: string;
  /** SQLite file that keeps everything; none: in memory. */
  dbFile?: string;
  port?: number;
  uiPort?: number;
  /** No UI. */
  headless?: boolean;
  namespace?: string;
  searchAttributes: SearchAttributeKinds;
  /** More of Temporal's dynamic configuration, over ours. */
  dynamicConfig?: Readonly<Record<string, string>>;
  /** Default: beside the file, or in the temporary directory. */
  logFile?: string;
  say: (line: string) => void;
}

export interface TemporalServer {
  /** "127.0.0.1:7233". */
  address: string;
  port: number;
  uiUrl?: string;
  uiPort?: number;
  namespace: string;
  pid: number;
  exited: Promise<ChildExit>;
  stop(): Promise<void>;
  kill(signal: NodeJS.Signals): void;
}

const STOP: StopStep[] = [{ signal: 'SIGTERM', graceMs: 8000 }];
const READY_WITHIN_MS = 60_000;

// Measured: SIGKILL under load lost nothing, and a run is three times as fast as with SQLite's defaults.
const PRAGMAS = ['journal_mode=WAL', 'synchronous=NORMAL'];
// Measured: the queues of the dev server poll slowly by default; this halves the time that every activity
// takes.
const DYNAMIC_CONFIG = {
  'history.transferProcessorMaxPollRPS': '1000',
  'history.timerProcessorMaxPollRPS': '1000',
  'history.visibilityProcessorMaxPollRPS': '1000',
};

export async function startTemporalServer(options: TemporalServerOptions): Promise<TemporalServer> {
  const { namespace = 'default', searchAttributes, say } = options;
  const dbFile = options.dbFile && resolve(options.dbFile);
  if (dbFile) await claimFile(dbFile);
  const logFile =
    options.logFile ?? (dbFile ? `${dbFile}.log` : join(tmpdir(), `handover-temporal-${process.pid}.log`));

  for (let attempt = 1; ; attempt++) {
    const port = await freePort(options.port, 'Temporal', say);
    const uiPort = options.headless ? undefined : await freePort(options.uiPort, 'the Temporal UI', say);
    const args = serverArguments({ ...options, dbFile, namespace, port, uiPort });
    const child = await startChild({ name: 'Temporal', command: options.cli, args, logFile, stop: STOP });
    if (dbFile) await writeFile(pidFile(dbFile), String(child.pid));
    const address = `${LOOPBACK}:${port}`;
    try {
      await waitUntilReady(address, namespace, searchAttributes, child);
    } catch (error) {
      const exit = await child.stop();
      // Somebody took one of the ports between our look and the server's start: look again.
      if (attempt < 3 && /address already in use/i.test(exit.lastLines)) continue;
      throw error;
    }
    return {
      address,
      port,
      uiUrl: uiPort === undefined ? undefined : `http://${LOOPBACK}:${uiPort}`,
      uiPort,
      namespace,
      pid: child.pid,
      exited: child.exited,
      stop: async () => {
        await child.stop();
      },
      kill: signal => child.kill(signal),
    };
  }
}

function serverArguments(options: TemporalServerOptions & { port: number; namespace: string }): string[] {
  const { port, uiPort, namespace, dbFile, searchAttributes, dynamicConfig } = options;
  const each = (flag: string, values: string[]): string[] => values.flatMap(value => [flag, value]);
  const pairs = (record: Readonly<Record<string, string>>): string[] =>
    Object.entries(record).map(([key, value]) => `${key}=${value}`);
  return [
    ...[
      'server',
      'start-dev',
      '--ip',
      LOOPBACK,
      '--port',
      String(port),
      '--namespace',
      namespace,
      '--log-level',
      'warn',
    ],
    ...(uiPort === undefined ? ['--headless'] : ['--ui-port', String(uiPort), '--ui-disable-news-fetch']),
    ...(dbFile ? ['--db-filename', dbFile, ...each('--sqlite-pragma', PRAGMAS)] : []),
    ...each('--dynamic-config-value', pairs({ ...DYNAMIC_CONFIG, ...dynamicConfig })),
    ...each('--search-attribute', pairs(searchAttributes)),
  ];
}

// Two dev servers can open one SQLite file and ruin it: the one that a killed owner left behind must be gone
// first.
async function claimFile(dbFile: string): Promise<void> {
  await mkdir(dirname(dbFile), { recursive: true });
  const pid = Number(await readFile(pidFile(dbFile), 'utf8').catch(() => ''));
  if (pid > 0) await clearOldServer('Temporal', pid, dbFile, 'SIGTERM');
}

function pidFile(dbFile: string): string {
  return `${dbFile}.pid`;
}

/** Ready is: it answers, it knows the namespace, and it knows every search attribute with the right type. */
async function waitUntilReady(
  address: string,
  namespace: string,
  wanted: SearchAttributeKinds,
  child: Child,
): Promise<void> {
  const deadline = Date.now() + READY_WITHIN_MS;
  let exit: ChildExit | undefined;
  void child.exited.then(ended => {
    exit = ended;
  });
  for (;;) {
    const answer = await ask(address, namespace, wanted).catch((error: Error) => error);
    if (answer === 'ready') return;
    if (answer instanceof WrongType) throw answer;
    if (exit) throw new Error(`Temporal did not start. ${exit.sentence}`);
    if (Date.now() > deadline) {
      const why = answer instanceof Error ? answer.message : answer;
      throw new Error(
        `Temporal (process ${child.pid}) did not answer at ${address} within ${READY_WITHIN_MS / 1000} s: ${why}`,
      );
    }
    await new Promise(done => setTimeout(done, 30));
  }
}

class WrongType extends Error {}

async function ask(address: string, namespace: string, wanted: SearchAttributeKinds): Promise<string> {
  const connection = await Connection.connect({ address, connectTimeout: 1000 });
  try {
    await connection.workflowService.describeNamespace({ namespace });
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
    for (const [name, kind] of Object.entries(wanted)) {
      const found = customAttributes?.[name];
      if (found === undefined) return `it has no search attribute ${name} yet`;
      // Asking the server to register a name again with another type is silently ignored, and every run would
      // get stuck.
      if (found !== TYPE_NUMBERS[kind]) throw new WrongType(wrongType(address, name, kind, found));
    }
    return 'ready';
  } finally {
    await connection.close();
  }
}

// temporal.api.enums.v1.IndexedValueType
const TYPE_NUMBERS: Record<SearchAttributeKind, number> = {
  Text: 1,
  Keyword: 2,
  Int: 3,
  Double: 4,
  Bool: 5,
  Datetime: 6,
  KeywordList: 7,
};

function wrongType(address: string, name: string, kind: SearchAttributeKind, found: number | null): string {
  const foundName =
    Object.entries(TYPE_NUMBERS).find(([, number]) => number === found)?.[0] ?? `type ${found}`;
  return (
    `Temporal at ${address} has the search attribute ${name} as ${foundName}, and Handover needs it as ${kind}. ` +
    `A type cannot be changed: remove it (temporal operator search-attribute remove --name ${name}), or start with a new database file.`
  );
}
