/**
 * What can be known of a server before anything is done there: is it of a version that we can speak to, does it
 * let us write, and does something stand in between?
 */
import type { KeyPath } from '../catalog/loaded.js';
import type { Catalog } from './catalog.js';
import { switchesOf } from './rules.js';
import type { Transaction } from './session.js';

/** The first that has everything our statements use. */
const OLDEST = 14;

interface Said {
  path: KeyPath;
  message: string;
}

/** What keeps the catalog from being used on this server. */
export function objectionsTo({ server }: Transaction, catalog: Catalog): Said[] {
  const said: Said[] = [];
  const version = Math.floor(server.version / 10_000);
  if (version < OLDEST)
    said.push({
      path: ['system'],
      message: `the server is PostgreSQL ${version}: ${OLDEST} or newer is needed`,
    });
  if (!writes(catalog)) return said;
  if (server.standby)
    said.push({
      path: ['system'],
      message:
        'the connection leads to a standby, which only reads: name the primary, or an address that follows it',
    });
  else if (server.read_only)
    said.push({
      path: ['system'],
      message:
        'our database role only reads there (default_transaction_read_only is on): ALTER ROLE ... SET default_transaction_read_only = off, or the same for the database',
    });
  return said;
}

/** What works, and would work better if the catalog said it; and what nobody here can make safe. */
export function doubtsAbout({ pooled, server }: Transaction, catalog: Catalog): Said[] {
  const said: Said[] = [];
  if (pooled && catalog.connect.pooler === undefined)
    said.push({
      path: ['connect'],
      message:
        'a pooler stands between us and the database; everything is done one transaction at a time, and nothing is kept from one to the next. Say so (pooler: transaction), or that it keeps a connection for as long as we have ours (pooler: session)',
    });
  if (server.defaults.fsync === 'off' && writes(catalog))
    said.push({
      path: ['system'],
      message:
        'the server does not wait for its disk (fsync is off): after a power cut it may have lost what we were told is done, or be broken. Turn fsync on',
    });
  return said;
}

/** A catalog that only reads may as well be read from a copy. */
function writes(catalog: Catalog): boolean {
  return (
    switchesOf(catalog).length > 0 ||
    Object.values(catalog.categories).some(one => one.do !== 'keep' && one.do !== 'acknowledge')
  );
}
