// The embedded Temporal server: it keeps what was started on it, and refuses search attributes of another
// type.

import { createServer } from 'node:net';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { expect, onTestFinished, test } from 'vitest';
import { findTemporalCli } from '../../runtime/embedded/temporal-cli.js';
import {
  startTemporalServer,
  type TemporalServer,
  type TemporalServerOptions,
} from '../../runtime/embedded/temporal-server.js';
import { searchAttributes } from '../../runtime/search-attributes.js';
import { isAlive, temporaryDir } from './processes.js';

const { path: cli } = await findTemporalCli({ say: () => {} });

async function start(options: Partial<TemporalServerOptions>): Promise<TemporalServer> {
  const server = await startTemporalServer({
    cli,
    headless: true,
    searchAttributes,
    say: () => {},
    ...options,
  });
  onTestFinished(() => server.stop());
  return server;
}

test('SIGKILL of a server on a file loses nothing that was started on it', async () => {
  const dbFile = join(await temporaryDir(), 'temporal.db');
  const first = await start({ dbFile });
  await withClient(first, client =>
    client.workflow.start('anything', { taskQueue: 'nobody', workflowId: 'kept' }),
  );
  first.kill('SIGKILL');
  await first.exited;
  const second = await start({ dbFile, port: first.port });
  expect(second.address).toBe(first.address);
  const kept = await withClient(second, client => client.workflow.getHandle('kept').describe());
  expect(kept.status.name).toBe('RUNNING');
});

test('stop() leaves no process', async () => {
  const server = await start({ logFile: join(await temporaryDir(), 'temporal.log') });
  expect(await isAlive(server.pid)).toBe(true);
  await server.stop();
  expect(await isAlive(server.pid)).toBe(false);
});

test('a search attribute that exists with another type is refused, naming both types', async () => {
  const dbFile = join(await temporaryDir(), 'temporal.db');
  await (await start({ dbFile, searchAttributes: { OffboardingDue: 'Keyword' } })).stop();
  const wanted = start({ dbFile, searchAttributes: { OffboardingDue: 'Datetime' } });
  await expect(wanted).rejects.toThrow(/OffboardingDue as Keyword, and Handover needs it as Datetime/);
  await start({ dbFile, searchAttributes: { OffboardingDue: 'Keyword' } });
});

test('two servers never open one file', async () => {
  const dbFile = join(await temporaryDir(), 'temporal.db');
  const server = await start({ dbFile });
  await expect(start({ dbFile })).rejects.toThrow(
    new RegExp(`in use: process ${process.pid} runs it as process ${server.pid}`),
  );
});

test('a taken port is passed over, and said', async () => {
  const blocker = createServer();
  await new Promise<void>(resolve => blocker.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    blocker.close();
  });
  const { port } = blocker.address() as { port: number };
  const said: string[] = [];
  const server = await start({
    port,
    logFile: join(await temporaryDir(), 'temporal.log'),
    say: line => said.push(line),
  });
  expect(said).toEqual([`Port ${port} is taken: Temporal uses ${server.port}.`]);
});

test('with its UI it says where, and the UI answers', async () => {
  const server = await start({ headless: false, logFile: join(await temporaryDir(), 'temporal.log') });
  expect((await fetch(server.uiUrl!)).status).toBe(200);
});

test('a server that refuses its arguments is an error with its own words', async () => {
  const logFile = join(await temporaryDir(), 'temporal.log');
  const refused = start({ logFile, searchAttributes: { Odd: 'Colour' as 'Text' } });
  await expect(refused).rejects.toThrow(/Temporal exited with code 1.*Colour/s);
});

async function withClient<T>(server: TemporalServer, use: (client: Client) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address: server.address });
  try {
    return await use(new Client({ connection }));
  } finally {
    await connection.close();
  }
}
