/**
 * A connection string as libpq means it: parsed as a whole, every part of it known or refused, and TLS as
 * `sslmode` says.
 *
 *   disable       never TLS
 *   allow         without TLS, and with it where the server wants that
 *   prefer        with TLS, and without where the server has none: what a string means that says nothing
 *   require       TLS, whoever the server is; with sslrootcert as verify-ca, as libpq has it
 *   verify-ca     TLS, and the server's certificate comes from sslrootcert
 *   verify-full   and it is made out to this host; the only one that sslrootcert=system allows
 */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import type pg from 'pg';
import { HandoverFailure } from '../../domain/failure.js';
import { didYouMean } from '../catalog/nearest.js';

const MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
type Mode = (typeof MODES)[number];

/** What a string may say beyond where to go, as libpq calls it. */
const USED = [
  'host',
  'port',
  'dbname',
  'user',
  'password',
  'options',
  'sslmode',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'sslpassword',
];
/** What others write into theirs, and what means nothing here or what is so in any case. */
const PASSED_OVER = [
  'application_name',
  'fallback_application_name',
  'client_encoding',
  'connect_timeout',
  'gssencmode',
  'keepalives',
  'keepalives_idle',
  'keepalives_interval',
  'keepalives_count',
  'sslcompression',
  'sslsni',
  'tcp_user_timeout',
  'uselibpqcompat',
];

/** How to connect: one way, or two where the second is for a server that does not take the first. */
export type Ways = [pg.ClientConfig, ...pg.ClientConfig[]];

/**
 * @param whose begins every sentence that is thrown: the string itself is never repeated, it holds a password
 * @throws `configuration` where the string says what nobody can do, or names a file that cannot be read
 */
export function waysToConnect(text: string, whose: string): Ways {
  const refuse = (why: string): never => {
    throw new HandoverFailure('configuration', `${whose}: ${why}`);
  };
  const said = parse(text, refuse);
  const where: pg.ClientConfig = {
    ...(said.host === undefined ? {} : { host: said.host }),
    ...(said.port === undefined ? {} : { port: portOf(said.port, refuse) }),
    ...(said.dbname === undefined ? {} : { database: said.dbname }),
    ...(said.user === undefined ? {} : { user: said.user }),
    ...(said.password === undefined ? {} : { password: said.password }),
    ...(said.options === undefined ? {} : { options: said.options }),
  };
  const without = { ...where, ssl: false };
  // A socket on this machine needs none.
  if (said.host?.startsWith('/')) return [without];
  const mode = modeOf(said, refuse);
  if (mode === 'disable') return [without];
  const withIt = { ...where, ssl: tlsOf(said, mode, refuse) };
  if (mode === 'allow') return [without, withIt];
  return mode === 'prefer' ? [withIt, without] : [withIt];
}

type Said = Record<string, string | undefined>;
type Refuse = (why: string) => never;

function parse(text: string, refuse: Refuse): Said {
  const scheme = /^postgres(?:ql)?:\/\//.exec(text)?.[0];
  if (!scheme)
    return refuse('a connection is written as postgresql://user:password@host:port/database?sslmode=...');
  const [address = '', query = ''] = cutAt(text.slice(scheme.length), '?');
  const [authority = '', database = ''] = cutAt(address, '/');
  const at = authority.lastIndexOf('@');
  const [user, password] = cutAt(authority.slice(0, Math.max(at, 0)), ':');
  const said: Said = {};
  const put = (name: string, value: string | undefined): void => {
    if (value) said[name] = decoded(value, name, refuse);
  };
  put('user', user);
  put('password', password);
  const hosts = authority.slice(at + 1);
  if (hosts.includes(','))
    return refuse('several hosts are named: name one, or an address that stands for whichever answers');
  const [, host, port] = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/.exec(hosts) ?? [];
  if (host === undefined) return refuse('the host cannot be read: an IPv6 address stands in [brackets]');
  put('host', host.replace(/^\[(.*)\]$/, '$1'));
  put('port', port);
  put('dbname', database);
  for (const pair of query.split('&').filter(Boolean)) {
    const [key = '', value = ''] = cutAt(pair, '=');
    parameter(key, decoded(value, key, refuse), said, refuse);
  }
  return said;
}

function parameter(key: string, value: string, said: Said, refuse: Refuse): void {
  // As other drivers say it.
  if (key === 'ssl') said.sslmode = ['false', '0', 'disable'].includes(value) ? 'disable' : 'require';
  else if (key === 'sslmode' && value === 'no-verify') said.sslmode = 'require';
  else if (USED.includes(key)) said[key] = value;
  else if (!PASSED_OVER.includes(key))
    refuse(
      `${key || '(nothing)'} is no part of a connection${didYouMean(key, USED)}; known are ${USED.join(', ')}`,
    );
}

function cutAt(text: string, sign: string): [string, string | undefined] {
  const at = text.indexOf(sign);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

function decoded(text: string, name: string, refuse: Refuse): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return refuse(`the ${name} has a % that begins no character: a % itself is written %25`);
  }
}

function portOf(text: string, refuse: Refuse): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port < 1 || port > 65_535) return refuse(`the port is a number from 1 to 65535`);
  return port;
}

function modeOf({ sslmode, sslrootcert }: Said, refuse: Refuse): Mode {
  const system = sslrootcert === 'system';
  if (sslmode === undefined) return system ? 'verify-full' : 'prefer';
  const mode = MODES.find(one => one === sslmode);
  if (!mode)
    return refuse(
      `sslmode cannot be ${JSON.stringify(sslmode)}${didYouMean(sslmode, MODES)}: allowed are ${MODES.join(', ')}`,
    );
  if (system && mode !== 'verify-full' && mode !== 'disable')
    return refuse(
      `sslmode=${mode} is too weak for sslrootcert=system, which everybody can get a certificate from: write sslmode=verify-full`,
    );
  return mode;
}

function tlsOf(said: Said, mode: Mode, refuse: Refuse): tls.ConnectionOptions {
  const verifies = mode === 'verify-ca' || mode === 'verify-full';
  const ca = rootsOf(said, verifies, refuse);
  const { host = 'localhost' } = said;
  return {
    ...certificateOf(said, refuse),
    ...(ca === null ? {} : { ca }),
    rejectUnauthorized: verifies || (mode === 'require' && ca !== null),
    // An address has no name to be sent along; it is compared all the same.
    checkServerIdentity: (_, certificate) =>
      mode === 'verify-full' ? tls.checkServerIdentity(host, certificate) : undefined,
  };
}

interface MayKnowSystem {
  getCACertificates?: (from: 'system') => string[];
}

/** Whom a server's certificate may come from; null where nobody says. */
function rootsOf({ sslrootcert }: Said, needed: boolean, refuse: Refuse): string[] | null {
  if (sslrootcert === 'system')
    // Only newer versions of Node.js know what this machine trusts; the others bring a list of their own.
    return [...((tls as MayKnowSystem).getCACertificates?.('system') ?? tls.rootCertificates)];
  if (sslrootcert) return [fileOf('sslrootcert', sslrootcert, refuse)];
  const found = inHome('root.crt');
  if (found === null && needed)
    return refuse(
      'the server is to be verified, but nobody says whom to trust: add sslrootcert=<a file>, or sslrootcert=system',
    );
  return found === null ? null : [found];
}

function certificateOf({ sslcert, sslkey, sslpassword }: Said, refuse: Refuse): tls.ConnectionOptions {
  const cert = sslcert ? fileOf('sslcert', sslcert, refuse) : inHome('postgresql.crt');
  if (cert === null) return {};
  const key = sslkey ? fileOf('sslkey', sslkey, refuse) : inHome('postgresql.key');
  if (key === null)
    return refuse('sslcert is named, but not the key that belongs to it: add sslkey=<a file>');
  const options = { cert, key, ...(sslpassword === undefined ? {} : { passphrase: sslpassword }) };
  try {
    tls.createSecureContext(options);
  } catch (error) {
    return refuse(
      `sslcert and sslkey do not go together (${(error as { code?: string }).code ?? 'unreadable'})`,
    );
  }
  return options;
}

function fileOf(name: string, path: string, refuse: Refuse): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    return refuse(`the file of ${name}, ${path}, cannot be read (${(error as { code?: string }).code})`);
  }
}

/** Where libpq looks when nothing is said. */
function inHome(name: string): string | null {
  try {
    return readFileSync(join(homedir(), '.postgresql', name), 'utf8');
  } catch {
    return null;
  }
}
