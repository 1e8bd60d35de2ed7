/**
 * `handover demo` as a person meets it: real processes, real servers, one state directory that the tests use
 * one after the other, as somebody would who starts the demo again and again.
 */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, expect, test, vi } from 'vitest';
import { type Demo, keepStateDir, listenOn, processesOf, startDemo } from './demo-process.js';

// Two starts of everything take 15 s on an idle machine; a busy one needs several times that, and says
// nothing wrong.
vi.setConfig({ testTimeout: 240_000 });

let dir: string;
beforeAll(async () => {
  const kept = await keepStateDir();
  dir = kept.dir;
  return kept.remove;
});

test('the demo ends by itself with exit code 0, and has shown the tree, the proof and where to look', async () => {
  const demo = await startDemo(['--once'], dir);
  const { code, output } = await demo.end();
  expect(output).toContain('Offboarding of Alice Moreno: closed (completed)');
  expect(output).toContain('switch both accounts off in Demo workspace: completed');
  expect(output).toMatch(/0 of 15,\d{3} items are left with the leaver/);
  expect(output).toContain('Read Demo helpdesk, Demo outreach and Demo workspace');
  expect(output).toContain('Demo outreach: 238 of 238 items, 4 of 4 steps');
  expect(output).toMatch(/second account, alice\.admin@demo\.example: refused/);
  expect(output).toMatch(/http:\/\/127\.0\.0\.1:\d+\/namespaces\/default\/workflows\/offboarding%2F1017/);
  expect(output).not.toContain('[INFO]');
  expect(code).toBe(0);
  expect(await processesOf(dir)).toEqual([]);
});

test('a second start goes on from what is there, on other ports where its own are taken, and stays up until Ctrl-C', async () => {
  const { ports } = JSON.parse(await readFile(join(dir, 'embedded.json'), 'utf8')) as {
    ports: Record<string, number>;
  };
  const taken = await Promise.all([
    listenOn(ports.temporal!),
    listenOn(ports.temporalUi!),
    listenOn(ports.postgres!),
  ]);
  try {
    const demo = await startDemo([], dir);
    await demo.says('Everything stays up until Ctrl-C');
    expect(demo.output()).toContain('Alice Moreno was handed over and switched off by an earlier start');
    expect(demo.output()).toMatch(/certificate [0-9a-f]{64}/);
    expect(demo.output()).toContain('Offboarding of Alice Moreno: closed (completed)');
    expect(demo.output()).toContain('{"user":"tomas@demo.example","requestedBy":"olivia@demo.example"}');
    // The application over HTTP has a page, and kept what the first start did to it.
    const [, page] = /Demo outreach itself\s+(http:\S+)/.exec(demo.output()) ?? [];
    const shown = await (await fetch(`${page}?of=u17`)).text();
    expect(shown).toContain('Alice Moreno: <b class="off">off</b>, 0 sessions');
    expect(shown).toContain('<h3>180 campaigns</h3>');
    // The gateway lets in whoever has its token, who is Olivia, and what she asks for is proved to be hers.
    const [, gateway, token] =
      /Or through the gateway\s+(http\S+)\/openapi.json\s+with this token\s+(\S+)/.exec(demo.output()) ?? [];
    expect((await fetch(`${gateway}/offboardings`)).status).toBe(401);
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const asked = await fetch(`${gateway}/offboardings`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ user: 'henrik.sato@demo.example', mode: 'preview' }),
    });
    const { workflowId } = (await asked.json()) as { workflowId: string };
    expect([asked.status, workflowId]).toEqual([201, expect.stringMatching(/^offboarding/)]);
    const { runs } = (await (await fetch(`${gateway}/offboardings`, { headers })).json()) as {
      runs: { run: string }[];
    };
    expect(runs.map(({ run }) => run)).toContain(workflowId);
    // Something lands on Alice all the same, and the sweep catches it.
    expect(demo.output()).toContain('npm run demo:integration -- alice@demo.example');
    const node = async (...args: string[]) =>
      (await promisify(execFile)(process.execPath, args, { env: { ...process.env, HANDOVER_STATE: dir } }))
        .stdout;
    const given = await node('--import', 'tsx', 'examples/demo/integration.ts', 'alice@demo.example');
    expect(given.match(/task \d+/g)).toHaveLength(3);
    const sweep = (...more: string[]) => node('bin/handover.mjs', 'sweep', 'offboarding/1017', ...more);
    await sweep('--now', '--by', 'olivia@demo.example');
    await expect
      .poll(() => sweep(), { timeout: 60_000, interval: 1_000 })
      .toContain('Round 1 caught 3 and handed over by the approved rules.');
    for (const port of Object.values(ports)) expect(demo.output()).toContain(`Port ${port} is taken`);
    expect(await environmentOf(dir)).toMatchObject({
      env: { HANDOVER_STORE_URL: expect.stringContaining('postgres://') },
    });

    // A demo beside it on the same state is told who runs it, and forgets nothing.
    const [second, fresh] = await Promise.all(
      [['--once'], ['--fresh']].map(async args => (await startDemo(args, dir)).end()),
    );
    expect(second).toMatchObject({ code: 1, output: expect.stringContaining(`kill ${demo.pid}`) });
    expect(fresh).toMatchObject({ code: 1, output: expect.stringContaining('End it first') });

    demo.interrupt();
    expect((await demo.end()).code).toBe(0);
    expect(await processesOf(dir)).toEqual([]);
    await expect(environmentOf(dir)).rejects.toThrow('ENOENT');
  } finally {
    for (const server of taken) server.close();
  }
});

test('Ctrl-C in the middle of a run leaves no process behind, and the next start finishes that run', async () => {
  const first = await startDemo(['--once', '--user', 'tomas@demo.example'], dir);
  await first.says('4  Execution');
  const asked = Date.now();
  first.interrupt();
  const ended = await first.end();
  expect(ended.code).toBe(130);
  expect(ended.output).not.toContain('switched off: Demo workspace');
  expect(Date.now() - asked).toBeLessThan(10_000);
  expect(await processesOf(dir)).toEqual([]);

  const next = await startDemo(['--once', '--user', 'tomas@demo.example'], dir);
  const { code, output } = await next.end();
  expect(output).toContain('the last start was interrupted');
  expect(output).toContain('Offboarding of Tomás Lindqvist: closed (completed)');
  expect(code).toBe(0);
});

test('a demo that is killed outright takes its servers with it, and the next start finishes its run', async () => {
  const first = await startDemo(['--once', '--user', 'yuki.mori@demo.example'], dir);
  await first.says('3  People decide');
  const before = await processesOf(dir);
  expect(before.length).toBeGreaterThanOrEqual(3);
  first.kill();
  await gone(first);

  const next = await startDemo(['--once', '--user', 'yuki.mori@demo.example'], dir);
  const { code, output } = await next.end();
  expect(output).toContain('the last start was interrupted');
  expect(output).toContain('Offboarding of Yuki Mori: closed (completed)');
  expect(code).toBe(0);
});

test('a person who must not be switched off is refused with the reason, and the exit code says so', async () => {
  const demo = await startDemo(['--once', '--user', 'victor@demo.example'], dir);
  const { code, output } = await demo.end();
  expect(output).toContain('The offboarding of Victor Almeida did not complete: it is needs-correction');
  expect(output).toContain('the last active owner');
  expect(code).toBe(1);
  // What closes is archived by a look at the start and one at the end of each of these.
  const log = await readFile(join(dir, 'worker.log'), 'utf8');
  expect(log.match(/Looked at what has closed, at the start/g)!.length).toBeGreaterThanOrEqual(5);
  expect(log).toMatch(/at the end: histories stored: \d+/);
  expect(log).toMatch(/histories stored: [1-9]/);
  expect(await processesOf(dir)).toEqual([]);
});

async function environmentOf(stateDir: string): Promise<unknown> {
  return JSON.parse(await readFile(join(stateDir, 'environment.json'), 'utf8'));
}

async function gone(demo: Demo): Promise<void> {
  await demo.end();
  const deadline = Date.now() + 15_000;
  while ((await processesOf(dir)).length > 0) {
    if (Date.now() > deadline) expect(await processesOf(dir)).toEqual([]);
    await new Promise(resolve => setTimeout(resolve, 50));
  }
}
