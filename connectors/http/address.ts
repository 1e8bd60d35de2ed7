/**
 * Where a catalog may make us call. The base is what an operator has named; links and redirects come from the
 * system, so they lead to the base's own host, or to one that the catalog names, and nowhere else. A name is
 * resolved once and the connection is pinned to what was resolved, so that it cannot come to mean another
 * address between the look and the call. Private addresses are refused unless the base is written as one, or
 * `connect.networks` names them.
 */
import { lookup as dnsLookup } from 'node:dns/promises';
import ipaddr from 'ipaddr.js';
import { HandoverFailure } from '../../domain/failure.js';

export interface Allowed {
  /** Hosts beside the base's own: `files.example.com`, or with a port. */
  hosts: readonly string[];
  /** Networks that are not public and may be called all the same, as CIDR. */
  networks: readonly string[];
}

export interface Resolved {
  address: string;
  family: 4 | 6;
}

export type Lookup = (host: string) => Promise<readonly Resolved[]>;

/** Names as the machine resolves them, every address of each. */
export const resolveName: Lookup = async host => {
  const found = await dnsLookup(host, { all: true, verbatim: true });
  return found.map(({ address, family }) => ({ address, family: family === 6 ? 6 : 4 }));
};

export class Boundary {
  readonly base: URL;

  /** @param system how messages call it */
  constructor(
    private readonly system: string,
    base: string,
    private readonly allowed: Allowed,
    private readonly lookup: Lookup = resolveName,
  ) {
    this.base = this.#baseOf(base);
  }

  /** The address of a call below the base: its path is added to the base's own. */
  at(path: string): URL {
    const { origin, pathname } = this.base;
    const under = pathname.replace(/\/$/, '');
    return this.check(new URL(`${origin}${under}${path.startsWith('/') ? path : `/${path}`}`), 'the catalog');
  }

  /** A link that the system has given: absolute, or relative to what it was found in. */
  follow(link: string, from: URL, what: string): URL {
    let url: URL;
    try {
      url = new URL(link, from);
    } catch {
      throw this.#refusal(`${what} leads to something that is no address`);
    }
    return this.check(url, what);
  }

  /** Throws a `configuration` failure unless the address may be called. Its name is not resolved yet. */
  check(url: URL, what: string): URL {
    if (url.username || url.password)
      throw this.#refusal(`${what} holds a name or a password in its address`);
    if (!this.#isNamed(url))
      throw this.#refusal(
        `${what} leads to ${url.protocol}//${url.host}, and only ${this.base.host} is called${this.#others()}: name it under connect.hosts if it belongs to the system`,
      );
    const literal = literalOf(url.hostname);
    if (literal) this.#checkAddress(literal, url.hostname);
    if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopbackName(url.hostname)))
      throw this.#refusal(
        `${url.protocol}//${url.host} is not encrypted: only https:// is called, but for this very machine (http://127.0.0.1, http://localhost)`,
      );
    return url;
  }

  /** What a name stands for, once; throws where it stands for an address that may not be called. */
  async resolve(host: string): Promise<readonly Resolved[]> {
    const found = await this.lookup(host);
    for (const { address } of found) this.#checkAddress(ipaddr.process(address), host);
    return found;
  }

  #baseOf(text: string): URL {
    let url: URL;
    try {
      url = new URL(text);
    } catch {
      throw this.#refusal('the base is no address: one like https://desk.example.com/api is needed');
    }
    if (url.protocol !== 'https:' && url.protocol !== 'http:')
      throw this.#refusal(`the base begins with ${url.protocol}//, and only https:// is called`);
    if (url.username || url.password)
      throw this.#refusal(
        'the base holds a name or a password: name them as parts of the connection of their own',
      );
    if (url.search || url.hash)
      throw this.#refusal('the base ends with a question mark or a hash: leave that out');
    // Decimal, octal, hexadecimal and shortened forms all mean an address that nobody would read out of them.
    const written = /^[a-z]+:\/\/(\[[^\]]*\]|[^/:]+)/i.exec(text)?.[1] ?? '';
    const literal = literalOf(url.hostname);
    if (literal && bare(written.toLowerCase()) !== bare(url.hostname))
      throw this.#refusal(`the base is written in a form that hides an address: write ${url.hostname}`);
    return url;
  }

  #isNamed(url: URL): boolean {
    if (url.origin === this.base.origin) return true;
    return this.allowed.hosts.some(host => host === url.host || (host === url.hostname && url.port === ''));
  }

  #others(): string {
    return this.allowed.hosts.length > 0 ? ` (and ${this.allowed.hosts.join(', ')})` : '';
  }

  #checkAddress(address: ipaddr.IPv4 | ipaddr.IPv6, host: string): void {
    const range = rangeOf(address);
    if (range === 'unicast') return;
    const inner = innerOf(address);
    if (this.allowed.networks.some(network => isWithin(inner, network))) return;
    const isBase = host === this.base?.hostname && inner === address;
    // Whoever writes the base as 10.0.0.5 has named that address; a name that only resolves to it has not.
    if (isBase && literalOf(host) && (range === 'private' || range === 'loopback' || range === 'uniqueLocal'))
      return;
    if (isBase && host === 'localhost' && range === 'loopback') return;
    throw this.#refusal(
      `${bare(host)} is ${host === address.toString() ? '' : `${address.toString()}, `}${SAYS[range] ?? 'an address that is not public'}: it is called only if connect.networks names it`,
    );
  }

  #refusal(says: string): HandoverFailure {
    return new HandoverFailure('configuration', `${this.system}: ${says}`);
  }
}

const SAYS: Partial<Record<string, string>> = {
  loopback: 'this very machine',
  private: 'a private address',
  uniqueLocal: 'a private address',
  linkLocal: 'an address of the link, where clouds keep their credentials',
  unspecified: 'no address at all',
  carrierGradeNat: 'an address behind a provider',
};

/** The address that an IPv6 one carries, however it is wrapped; itself otherwise. */
function innerOf(address: ipaddr.IPv4 | ipaddr.IPv6): ipaddr.IPv4 | ipaddr.IPv6 {
  if (address.kind() === 'ipv4') return address;
  const v6 = address as ipaddr.IPv6;
  if (v6.isIPv4MappedAddress()) return v6.toIPv4Address();
  const { parts } = v6;
  const v4 = (high: number, low: number): ipaddr.IPv4 =>
    new ipaddr.IPv4([high >> 8, high & 0xff, low >> 8, low & 0xff]);
  const zeros = (from: number, to: number): boolean => parts.slice(from, to).every(part => part === 0);
  // 64:ff9b::/96 and 64:ff9b:1::/48 (NAT64), ::/96 (compatible), 2002::/16 (6to4).
  if (parts[0] === 0x64 && parts[1] === 0xff9b) return v4(parts[6]!, parts[7]!);
  if (zeros(0, 6) && (parts[6] !== 0 || parts[7]! > 1)) return v4(parts[6]!, parts[7]!);
  if (parts[0] === 0x2002) return v4(parts[1]!, parts[2]!);
  return v6;
}

function rangeOf(address: ipaddr.IPv4 | ipaddr.IPv6): string {
  const inner = innerOf(address);
  const range = inner.range();
  // Teredo and the like reach an IPv4 address that only the far end knows.
  return inner === address || range !== 'unicast' ? range : address.kind() === 'ipv6' ? 'wrapped' : range;
}

function isWithin(address: ipaddr.IPv4 | ipaddr.IPv6, network: string): boolean {
  const [net, bits] = ipaddr.parseCIDR(network);
  return net.kind() === address.kind() && address.match(net as never, bits as never);
}

function literalOf(hostname: string): ipaddr.IPv4 | ipaddr.IPv6 | null {
  const host = bare(hostname);
  return ipaddr.isValid(host) && (hostname.startsWith('[') || ipaddr.IPv4.isValidFourPartDecimal(host))
    ? ipaddr.parse(host)
    : null;
}

const bare = (host: string): string => host.replace(/^\[|\]$/g, '');

function isLoopbackName(hostname: string): boolean {
  if (hostname === 'localhost') return true;
  const literal = literalOf(hostname);
  return literal !== null && innerOf(literal).range() === 'loopback';
}
