/** Nowhere but to the system itself: what a catalog, a link, a redirect or a name server might lead us to. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { type Allowed, Boundary, type Lookup } from '../../connectors/http/address.js';
import { Transport } from '../../connectors/http/transport.js';

const open = { hosts: [], networks: [] };
const base = (text: string, allowed: Allowed = open, lookup?: Lookup): Boundary =>
  new Boundary('desk', text, allowed, lookup);

describe('a base', () => {
  test.each([
    'https://desk.example.com',
    'https://desk.example.com/api/v2/',
    'https://10.1.2.3/api',
    'http://127.0.0.1:3000',
    'http://localhost:3000',
    'http://[::1]:3000',
  ])('%s is called', text => {
    expect(base(text).at('/users').pathname).toMatch(/\/users$/);
  });

  test.each([
    ['http://desk.example.com', 'not encrypted'],
    ['http://10.1.2.3', 'not encrypted'],
    ['ftp://desk.example.com', 'only https'],
    ['file:///etc/passwd', 'only https'],
    ['https://user:secret@desk.example.com', 'name or a password'],
    ['https://desk.example.com/api?key=1', 'question mark'],
    ['desk.example.com', 'no address|only https'],
    // Forms of 127.0.0.1 and of the address where clouds keep credentials.
    ['http://2130706433', 'hides an address'],
    ['http://0x7f000001', 'hides an address'],
    ['http://0177.0.0.1', 'hides an address'],
    ['http://127.1', 'hides an address'],
    ['https://2852039166', 'hides an address'],
    ['https://169.254.169.254', 'address of the link'],
    ['https://[::ffff:169.254.169.254]', 'hides|address of the link'],
    ['https://0.0.0.0', 'no address at all'],
    ['https://[fe80::1]', 'address of the link'],
    ['https://[::ffff:7f00:1]', 'this very machine|hides'],
    ['https://[64:ff9b::a9fe:a9fe]', 'address of the link'],
    ['https://[2002:a9fe:a9fe::]', 'address of the link'],
    ['https://224.0.0.1', 'not public'],
    ['https://255.255.255.255', 'not public'],
    ['https://100.64.0.1', 'provider'],
  ])('%s is refused', (text, why) => {
    expect(() => base(text).at('/users')).toThrow(new RegExp(why));
  });
});

describe('a link that the system gives', () => {
  const boundary = base('https://desk.example.com/api', { hosts: ['files.example.com'], networks: [] });
  const from = new URL('https://desk.example.com/api/users');

  test.each([
    '?page=2',
    '/api/users?page=2',
    'https://desk.example.com/other',
    'https://files.example.com/x',
  ])('%s is followed', link => {
    expect(boundary.follow(link, from, 'a link').protocol).toBe('https:');
  });

  test.each([
    'https://evil.example.com/api',
    'https://desk.example.com.evil.example.com/',
    'https://desk.example.com@evil.example.com/',
    'https://evil.example.com\\@desk.example.com/',
    'https://desk.example.com:8443/',
    'http://desk.example.com/api',
    '//evil.example.com/x',
    '\\\\evil.example.com\\x',
    'https://files.example.com:444/x',
    'https://169.254.169.254/latest/meta-data',
    'https://[::1]/',
    'https://2130706433/',
    'https://ⓔvil.example.com/',
    'javascript:alert(1)',
    'data:text/plain,x',
    'file:///etc/passwd',
    'gopher://desk.example.com/',
  ])('%s is not', link => {
    expect(() => boundary.follow(link, from, 'a link')).toThrow(/desk: a link/);
  });
});

describe('a name', () => {
  test.each([
    '127.0.0.1',
    '10.0.0.1',
    '172.16.0.1',
    '192.168.1.1',
    '169.254.169.254',
    '100.100.100.200',
    '0.0.0.0',
    '::1',
    '::',
    'fd00::1',
    'fe80::1',
    '::ffff:10.0.0.1',
    '::ffff:a9fe:a9fe',
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
    '::127.0.0.1',
  ])('that stands for %s is not called, unless its network is named', async address => {
    const lookup: Lookup = async () => [
      { address: '93.184.216.34', family: 4 },
      { address, family: address.includes(':') ? 6 : 4 },
    ];
    await expect(base('https://desk.example.com', open, lookup).resolve('desk.example.com')).rejects.toThrow(
      /connect\.networks/,
    );
  });

  test('that stands for a network that the catalog names is called', async () => {
    const lookup: Lookup = async () => [{ address: '10.1.2.3', family: 4 }];
    const named = base('https://desk.example.com', { hosts: [], networks: ['10.1.0.0/16'] }, lookup);
    expect(await named.resolve('desk.example.com')).toHaveLength(1);
    const other = base('https://desk.example.com', { hosts: [], networks: ['10.2.0.0/16'] }, lookup);
    await expect(other.resolve('desk.example.com')).rejects.toThrow('10.1.2.3, a private address');
  });

  test('that comes to mean another address between the look and the call leads nowhere', async () => {
    // Public at first, then this very machine: whoever looks twice is led to a server that must never be asked.
    let reached = 0;
    const canary = createServer((_, response) => response.end(String(++reached)));
    await new Promise<void>(resolve => canary.listen(0, '127.0.0.1', resolve));
    const { port } = canary.address() as AddressInfo;
    let looks = 0;
    const rebinding: Lookup = async () => [{ address: looks++ === 0 ? '192.0.2.1' : '127.0.0.1', family: 4 }];
    const boundary = base(`https://desk.example.com:${port}`, open, rebinding);
    const transport = new Transport(boundary, { timeoutMs: 300, mostBytes: 1_000, connections: 1 });
    for (let n = 0; n < 3; n++) {
      const sent = { method: 'GET', url: boundary.at('/'), headers: {}, body: undefined };
      await expect(transport.send(sent)).rejects.toThrow();
    }
    expect(looks).toBeGreaterThan(1);
    expect(reached).toBe(0);
    await transport.close();
    await new Promise(resolve => canary.close(resolve));
  });
});
