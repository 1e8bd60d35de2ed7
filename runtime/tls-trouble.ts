/**
 * Why a connection over TLS, or without it, came to nothing: gRPC says only that it did not come about in time.
 */
import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import tls from 'node:tls';
import type { Profile } from './profile.js';

/** TLS 1.3 tells a client what is wrong with its certificate only after both have shaken hands. */
const LISTENS_MS = 1_000;
const PATIENCE_MS = 5_000;

/** A sentence without its end; null = nothing is known. @param address `host:port` */
export async function tlsTrouble(
  address: string,
  { tls: asked }: Profile['options'],
): Promise<string | null> {
  const own = typeof asked === 'object' && asked !== null ? asked : {};
  if (own.clientCertPair) {
    const until = new Date(new X509Certificate(own.clientCertPair.crt).validTo);
    if (until.getTime() < Date.now()) return `our client certificate was good until ${until.toISOString()}`;
  }
  const [, host, port] = /^(.*):(\d+)$/.exec(address) ?? [];
  if (!host || !port) return null;
  const servername = own.serverNameOverride ?? (isIP(host) ? '' : host);
  return new Promise<string | null>(resolve => {
    let isShaken = false;
    const done = (said: string | null): void => {
      resolve(said);
      socket.destroy();
    };
    const socket = tls.connect({
      host,
      port: Number(port),
      servername,
      ALPNProtocols: ['h2'],
      // Without TLS of our own it is only asked whether the other side speaks it.
      rejectUnauthorized: Boolean(asked),
      ...(own.serverRootCACertificate && { ca: Buffer.from(own.serverRootCACertificate) }),
      ...(own.clientCertPair && {
        cert: Buffer.from(own.clientCertPair.crt),
        key: Buffer.from(own.clientCertPair.key),
      }),
    });
    socket.setTimeout(PATIENCE_MS, () => done(null));
    socket.once('secureConnect', () => {
      isShaken = true;
      if (asked) setTimeout(done, LISTENS_MS, null);
      else done('it speaks TLS, and we do not');
    });
    const ended = own.clientCertPair
      ? 'it ends the connection once it has seen our client certificate'
      : null;
    socket.on('error', (error: NodeJS.ErrnoException) =>
      done(asked ? (words(error) ?? (isShaken ? ended : null)) : null),
    );
    socket.once('close', () => done(isShaken ? ended : null));
    // An alert comes with whatever else is read.
    socket.resume();
  });
}

function words(error: NodeJS.ErrnoException): string | null {
  const { code = '', message } = error;
  if (/ECONN|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ETIMEDOUT/.test(code)) return null;
  if (/CERTIFICATE_REQUIRED/.test(code)) return 'it asks for a client certificate, and we have none';
  if (/ALERT/.test(code)) return `it does not take our client certificate (${message})`;
  if (/WRONG_VERSION_NUMBER/.test(code)) return 'it does not speak TLS';
  return `we do not take its certificate (${message})`;
}
