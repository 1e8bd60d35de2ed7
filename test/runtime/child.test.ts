// Servers as child processes: they end when they should, and never stay behind.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Child, type ChildOptions, startChild } from '../../runtime/embedded/child.js';
import { clearOldServer, processFacts } from '../../runtime/embedded/processes.js';
import { eventually, isAlive, startOwner, temporaryDir } from './processes.js';

const DEAF = `process.on('SIGTERM', () => {}); console.log('deaf'); setInterval(() => {}, 1000)`;

async function start(script: string, options: Partial<ChildOptions> = {}): Promise<Child> {
  const logFile = join(await temporaryDir(), 'server.log');
  const stop = [{ signal: 'SIGTERM', graceMs: 5000 }] as const;
  return startChild({
    name: 'Server',
    command: process.execPath,
    args: ['-e', script],
    logFile,
    stop: [...stop],
    ...options,
  });
}

test('a server does not outlive an owner that was killed with SIGKILL', async () => {
  const { owner, said } = await startOwner('sleeper', await temporaryDir());
  const [pid] = (said as { pids: number[] }).pids;
  expect(await isAlive(pid!)).toBe(true);
  owner.kill('SIGKILL');
  await eventually('the server is gone', async () => !(await isAlive(pid!)));
});

test('who needs the files of a server whose owner was killed waits until its supervisor has ended it', async () => {
  const { owner, said } = await startOwner('slow', await temporaryDir());
  const [pid] = (said as { pids: number[] }).pids;
  await expect(clearOldServer('Sleeper', pid!, 'sleep', 'SIGTERM'), 'while the owner lives').rejects.toThrow(
    `process ${owner.pid} runs it as process ${pid}`,
  );
  owner.kill('SIGKILL');
  await eventually('the owner is gone', async () => !(await isAlive(owner.pid!)));
  await clearOldServer('Sleeper', pid!, 'sleep', 'SIGTERM');
  expect(await isAlive(pid!)).toBe(false);
});

test('a server that nobody supervises any more is ended by who needs its files, and no other process is', async () => {
  const orphan = spawn('sleep', ['601'], { stdio: 'ignore' });
  const ended = once(orphan, 'exit');
  await clearOldServer('Sleeper', orphan.pid!, 'sleep 999', 'SIGTERM');
  expect(await isAlive(orphan.pid!), 'it is not the one that was meant').toBe(true);
  await clearOldServer('Sleeper', orphan.pid!, 'sleep 601', 'SIGTERM');
  expect(await ended).toEqual([null, 'SIGTERM']);
});

test("Ctrl-C in the owner's terminal reaches neither the server nor its supervisor", async () => {
  const { owner, said } = await startOwner('sleeper', await temporaryDir());
  const [pid] = (said as { pids: number[] }).pids;
  const supervisor = (await processFacts(pid!))!.parent;
  // What a terminal does: the signal goes to the whole foreground process group.
  process.kill(-owner.pid!, 'SIGINT');
  process.kill(supervisor, 'SIGINT');
  process.kill(supervisor, 'SIGHUP');
  await new Promise(resolve => setTimeout(resolve, 300));
  expect(await isAlive(owner.pid!), 'the owner goes on').toBe(true);
  expect(await isAlive(pid!), 'the server goes on').toBe(true);
});

test('a server whose supervisor was killed is ended by the owner', async () => {
  const child = await start('setInterval(() => {}, 1000)');
  process.kill((await processFacts(child.pid))!.parent, 'SIGKILL');
  await child.exited;
  await eventually('the server is gone', async () => !(await isAlive(child.pid)));
});

test('stop() asks first: a server that ends in order does so with its own exit code', async () => {
  const child = await start(
    `process.on('SIGTERM', () => process.exit(7)); console.log('up'); setInterval(() => {}, 1000)`,
  );
  await untilLogged(child);
  expect(await child.stop()).toMatchObject({ code: 7, signal: null, expected: true });
  expect(await isAlive(child.pid)).toBe(false);
});

test('a server that ignores its stop signal is killed after its grace time', async () => {
  const child = await start(DEAF, { stop: [{ signal: 'SIGTERM', graceMs: 200 }] });
  await untilLogged(child);
  const began = Date.now();
  expect(await child.stop()).toMatchObject({ code: null, signal: 'SIGKILL', expected: true });
  expect(Date.now() - began).toBeGreaterThanOrEqual(200);
  expect(await isAlive(child.pid)).toBe(false);
});

test('a server that dies by itself is reported with the last lines of this run', async () => {
  const logFile = join(await temporaryDir(), 'server.log');
  await (await start(`console.log('from the run before')`, { logFile })).exited;
  const exit = await (await start(`console.error('the disk is full'); process.exit(3)`, { logFile })).exited;
  expect(exit).toMatchObject({ code: 3, expected: false });
  expect(exit.sentence).toContain('Server exited with code 3');
  expect(exit.lastLines).toBe('the disk is full');
});

test('the environment reaches the server and stays out of every command line, which all users can read', async () => {
  const logFile = join(await temporaryDir(), 'server.log');
  const env = { ...process.env, SECRET: 'hunter2' };
  const child = await start('console.log(process.env.SECRET); setInterval(() => {}, 1000)', { logFile, env });
  await eventually('the server has said it', async () => (await readFile(logFile, 'utf8')) === 'hunter2\n');
  const server = await processFacts(child.pid);
  expect(`${server!.command} ${(await processFacts(server!.parent))!.command}`).not.toContain('hunter2');
  await child.stop();
});

test('a program that cannot be run is an error that names it', async () => {
  await expect(start('', { command: '/nowhere/server' })).rejects.toThrow(
    /Server could not be started from \/nowhere\/server/,
  );
});

/** The script has printed something, so its signal handlers are in place. */
async function untilLogged(child: Child): Promise<void> {
  const log = await readlink(`/proc/${child.pid}/fd/1`).catch(() => undefined);
  if (!log) return new Promise(resolve => setTimeout(resolve, 1000)); // no /proc on this system
  await eventually('the server has started', async () => (await readFile(log, 'utf8')) !== '');
}
