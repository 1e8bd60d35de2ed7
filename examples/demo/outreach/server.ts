/** Demo outreach on a socket of this machine: its API under /api, with a token, and its page for people. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answer } from './api.js';
import { Outreach } from './application.js';
import { contents } from './contents.js';
import { page } from './page.js';

export interface OutreachOptions {
  /** Where it keeps what it holds. */
  file: string;
  /** On the loopback address; 0 or left out: any. */
  port?: number;
  /** What every call of the API must bring. */
  token: string;
}

export interface RunningOutreach {
  /** Of the API. */
  base: string;
  /** For people. */
  page: string;
  application: Outreach;
  close(): Promise<void>;
}

const LOOPBACK = '127.0.0.1';
const MOST_BYTES = 100_000;

export async function startOutreach({ file, port = 0, token }: OutreachOptions): Promise<RunningOutreach> {
  const application = Outreach.open(file, contents);
  const server = createServer((request, response) => {
    serve(application, token, request, response).catch((error: Error) => {
      if (response.headersSent) response.destroy();
      else json(response, 500, { error: error.message });
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, LOOPBACK, resolve);
  });
  const origin = `http://${LOOPBACK}:${(server.address() as AddressInfo).port}`;
  return {
    base: `${origin}/api`,
    page: `${origin}/`,
    application,
    async close() {
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
    },
  };
}

async function serve(
  application: Outreach,
  token: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { method = 'GET' } = request;
  const url = new URL(request.url ?? '/', 'http://outreach');
  const [, first, ...steps] = url.pathname.split('/');
  if (first !== 'api') {
    if (url.pathname !== '/') return json(response, 404, { error: 'there is no such page' });
    if (method !== 'GET') return json(response, 405, { error: 'a page can only be read' });
    response.writeHead(200, {
      'Content-Type': 'text/html; charset=utf-8',
      'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'",
    });
    response.end(page(application, url.searchParams.get('of')));
    return;
  }
  if (request.headers.authorization !== `Bearer ${token}`)
    return json(response, 401, { error: 'a token is needed' });
  const text = await textOf(request);
  if (text === null) return json(response, 413, { error: `more than ${MOST_BYTES} bytes` });
  let body: unknown;
  try {
    body = text === '' ? null : JSON.parse(text);
  } catch {
    return json(response, 400, { error: 'the body is no JSON' });
  }
  const asked = { method, steps: steps.map(step => decodeURIComponent(step)), query: url.searchParams, body };
  const [status, said] = answer(application, asked);
  json(response, status, said);
}

async function textOf(request: IncomingMessage): Promise<string | null> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > MOST_BYTES) return null;
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

function json(response: ServerResponse, status: number, body?: object): void {
  response.writeHead(status, body === undefined ? {} : { 'Content-Type': 'application/json' });
  response.end(body === undefined ? undefined : JSON.stringify(body));
}
