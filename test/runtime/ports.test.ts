import { createServer, type Server } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { freePort } from '../../runtime/embedded/ports.js';

test('a taken port is passed over, and said', async () => {
  const server = await listen(0);
  const taken = (server.address() as { port: number }).port;
  const said: string[] = [];
  const port = await freePort(taken, 'PostgreSQL', line => said.push(line));
  expect(port).not.toBe(taken);
  expect(said).toEqual([`Port ${taken} is taken: PostgreSQL uses ${port}.`]);
  await listen(port);
});

test('a wanted port that is free is given again and again, and nothing is said', async () => {
  const port = await freePort(undefined, 'PostgreSQL', () => {});
  const said: string[] = [];
  expect(await freePort(port, 'PostgreSQL', line => said.push(line))).toBe(port);
  expect(await freePort(port, 'PostgreSQL', line => said.push(line))).toBe(port);
  expect(said).toEqual([]);
});

test('a port that is freed a moment later is waited for', async () => {
  const server = await listen(0);
  const port = (server.address() as { port: number }).port;
  setTimeout(() => server.close(), 100);
  expect(await freePort(port, 'PostgreSQL', () => {})).toBe(port);
});

async function listen(port: number): Promise<Server> {
  const server = createServer();
  onTestFinished(() => {
    server.close();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return server;
}
