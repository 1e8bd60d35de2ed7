/**
 * What of a connection may be shown, and what of it must never be: read as a whole, never patched. Where it
 * cannot be read, nothing of it is shown.
 */

/** Where a connection leads, without who and with what: `db.example.com:5432/crm`. Null where it cannot be read. */
export function addressIn(connection: string): string | null {
  const [, host, port, path] = READABLE.exec(connection) ?? [];
  if (host === undefined) return null;
  return `${host}${port ? `:${port}` : ''}${path ? `/${path}` : ''}`;
}

/** A scheme, perhaps somebody (no sign in there that would have to be encoded), one host, a port, one name. */
const READABLE =
  /^[a-z][a-z0-9+.-]*:\/\/(?:[^@/?#\s]*@)?([\w.-]*|\[[0-9a-f:.]+\])(?::(\d{1,5}))?(?:\/([\w.%~-]*))?(?:\?[^#]*)?$/i;

/** Shorter ones are words of any text; who has such a password has none. */
const SHORTEST = 4;

/**
 * Everything in a connection that must not get out, longest first: the whole of it, and whatever may be a
 * password in it, as it stands there and as it is meant. Of one that can be read in two ways, both.
 */
export function secretsIn(connection: string): string[] {
  const found = new Set<string>([connection]);
  const [, authority = ''] = /^[a-z][a-z0-9+.-]*:\/\/(.*)$/is.exec(connection) ?? [];
  // The last @ ends it: a password may hold every other sign, encoded or not.
  const somebody = authority.slice(0, Math.max(0, authority.lastIndexOf('@')));
  const colon = somebody.indexOf(':');
  if (colon >= 0) found.add(somebody.slice(colon + 1));
  // An @ behind the host, as in a parameter, moves the last one.
  const [, first] = /^[^:@/?#\s]*:([^@/?#\s]*)@/.exec(authority) ?? [];
  if (first !== undefined) found.add(first);
  for (const [, quoted, plain] of connection.matchAll(
    /(?:password|passphrase|token|secret)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|([^\s&]*))/gi,
  ))
    found.add(quoted?.replace(/\\(.)/g, '$1') ?? plain ?? '');
  const meant = [...found].flatMap(text => {
    try {
      return [text, decodeURIComponent(text), encodeURIComponent(text)];
    } catch {
      return [text];
    }
  });
  return [...new Set(meant)].filter(text => text.length >= SHORTEST).sort((a, b) => b.length - a.length);
}
