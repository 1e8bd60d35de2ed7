/**
 * A Temporal server as people have it: behind TLS with client certificates, or with API keys that are checked. The
 * real server of the tests stands behind both.
 */
import { readFileSync } from 'node:fs';
import http2 from 'node:http2';
import net, { type AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import tls from 'node:tls';
import { fileURLToPath } from 'node:url';

export interface Secured {
  address: string;
  close(): Promise<void>;
}

const FILES = join(dirname(fileURLToPath(import.meta.url)), 'tls');

/** `client`, `expired` and `foreign` have a key as well; `ca` has not. */
export const certificate = (name: string): string => join(FILES, `${name}.pem`);
export const keyOf = (name: string): string => join(FILES, `${name}.key`);

const own = () => ({ cert: readFileSync(certificate('server')), key: readFileSync(keyOf('server')) });

/** Lets in whoever has a certificate of our authority that is still good. */
export async function behindCertificates(address: string): Promise<Secured> {
  const [host, port] = address.split(':');
  const ca = readFileSync(certificate('ca'));
  const options = { ...own(), ca, requestCert: true, rejectUnauthorized: true, ALPNProtocols: ['h2'] };
  const open = new Set<net.Socket>();
  const server = tls.createServer(options, socket => {
    const beyond = net.connect({ host: host!, port: Number(port) });
    for (const one of [socket, beyond]) {
      open.add(one);
      one.on('error', () => {}).on('close', () => [socket, beyond].map(each => each.destroy()));
    }
    socket.pipe(beyond).pipe(socket);
  });
  server.on('tlsClientError', () => {});
  return listening(server, () => {
    for (const one of open) one.destroy();
  });
}

/** gRPC's own numbers: https://grpc.io/docs/guides/status-codes */
const PERMISSION_DENIED = 7;
const UNAUTHENTICATED = 16;

/** Lets in whoever has the key, and nobody into the namespace `closed`. */
export async function behindApiKey(address: string, apiKey: string): Promise<Secured> {
  const beyond = http2.connect(`http://${address}`);
  beyond.on('error', () => {});
  const server = http2.createSecureServer(own(), undefined);
  const open = new Set<http2.ServerHttp2Session>();
  server.on('session', session => open.add(session));
  server.on('stream', (stream, headers) => {
    const refuse = (status: number, message: string): void =>
      stream.respond(
        { 'content-type': 'application/grpc', 'grpc-status': status, 'grpc-message': message },
        { endStream: true },
      );
    stream.on('error', () => {});
    if (headers.authorization !== `Bearer ${apiKey}`) return refuse(UNAUTHENTICATED, 'Request unauthorized.');
    if (headers['temporal-namespace'] === 'closed')
      return refuse(PERMISSION_DENIED, 'Namespace closed is not yours.');
    const call = beyond.request({ ...headers, ':scheme': 'http' });
    let trailers: http2.IncomingHttpHeaders = {};
    call.on('error', () => stream.destroy());
    call.on('trailers', given => {
      trailers = given;
    });
    stream.on('wantTrailers', () => stream.sendTrailers(trailers));
    stream.on('close', () => call.destroy());
    call.on('response', (answer, flags) => {
      const ends = (flags & http2.constants.NGHTTP2_FLAG_END_STREAM) !== 0;
      stream.respond(answer, { endStream: ends, waitForTrailers: !ends });
      if (!ends) call.pipe(stream);
    });
    stream.pipe(call);
  });
  return listening(server, () => {
    beyond.destroy();
    for (const session of open) session.destroy();
  });
}

async function listening(server: tls.Server | http2.Http2SecureServer, end: () => void): Promise<Secured> {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve());
        end();
      }),
  };
}
