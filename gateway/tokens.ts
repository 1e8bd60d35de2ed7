/**
 * Bearer tokens from a file. The file holds digests alone: whoever reads it gets in nowhere. It is read again
 * when it changes, so that a line that is taken out counts at once.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { parse } from 'yaml';
import { z } from 'zod';
import { Problem } from '../client/problem.js';
import { mistakesOf } from '../domain/mistake.js';
import { type Caller, ROLES } from './roles.js';

const token = z.strictObject({
  /** For people and logs. */
  name: z.string().min(1).max(80),
  /** Of the token, as `handover gateway --new-token` prints it. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/, 'give the SHA-256 of the token, as 64 digits and a-f'),
  /** Whose it is, as the directory knows them: an e-mail, a login or id:... Without it, a tool's. */
  person: z.string().min(1).max(320).optional(),
  /** `directory`: the roles that the directory gives this person. */
  roles: z
    .union([z.literal('directory'), z.array(z.enum(ROLES)).min(1, 'name at least one role')], {
      error: `it is "directory", or a list of ${ROLES.join(', ')}`,
    })
    .default('directory'),
  until: z.iso.datetime({ offset: true, error: 'write a moment, e.g. 2027-01-31T00:00:00Z' }).optional(),
});
const tokensFile = z.strictObject({ tokens: z.array(token) });
type Token = z.infer<typeof token>;

export interface Tokens {
  /** Whose token this is; null = nobody's (any more). */
  find(given: string): Promise<Caller | null>;
}

/**
 * Reads the file once, so that a mistake in it is said when the gateway starts. While it cannot be read later
 * on, nobody knows whose token still counts, and none does: `find` throws a `Problem`, out of reach.
 * @param onFault is told so once, with what is wrong
 */
export async function openTokens(
  path: string,
  { now = Date.now, onFault }: { now?: () => number; onFault?: (error: Error) => void } = {},
): Promise<Tokens> {
  let known = await readTokens(path);
  let broken: string | null = null;
  const current = async (): Promise<Token[]> => {
    let version = 'none';
    try {
      version = await versionOf(path);
      if (version !== known.version) known = await readTokens(path);
      broken = null;
      return known.tokens;
    } catch (error) {
      if (version !== broken) onFault?.(error as Error);
      broken = version;
      throw new Problem(
        'out-of-reach',
        'The file of tokens cannot be read, and until it can no token counts: whoever runs the gateway finds in its log why.',
        { cause: error },
      );
    }
  };
  return {
    async find(given) {
      const tokens = await current();
      const digest = createHash('sha256').update(given).digest();
      let found: Token | null = null;
      // All of them, always: how long it takes tells nothing about where a digest differs.
      for (const one of tokens) if (timingSafeEqual(digest, Buffer.from(one.sha256, 'hex'))) found = one;
      if (!found || (found.until && Date.parse(found.until) <= now())) return null;
      return {
        name: `token "${found.name}"`,
        how: `a bearer token ("${found.name}")`,
        person: found.person ?? null,
        roles: found.roles,
      };
    },
  };
}

/** Throws an Error with one line per mistake. */
export async function readTokens(path: string): Promise<{ version: string; tokens: Token[] }> {
  const version = await versionOf(path);
  const given = yamlIn(path, await readFile(path, 'utf8'));
  const read = tokensFile.safeParse(given);
  if (!read.success)
    throw new Error(
      mistakesOf(read.error.issues, given, tokensFile, () => true)
        .map(({ path: keys, says }) => `${path} ${keys.map(String).join('.')}: ${says}`)
        .join('\n'),
    );
  const { tokens } = read.data;
  const nobody = tokens.find(one => one.roles === 'directory' && one.person === undefined);
  if (nobody)
    throw new Error(
      `${path}: the token "${nobody.name}" belongs to no person, so the directory gives it no role: name its "roles", or its "person".`,
    );
  const names = tokens.map(one => one.name);
  const twice = names.find((name, n) => names.indexOf(name) !== n);
  if (twice) throw new Error(`${path}: two tokens are called "${twice}": whose each is must be told apart.`);
  return { version, tokens };
}

function yamlIn(path: string, text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    // The rest of it shows the lines: somebody may have put a token there.
    throw new Error(`${path}: ${(error as Error).message.split('\n', 1)[0]}`);
  }
}

async function versionOf(path: string): Promise<string> {
  try {
    const { mtimeMs, size } = await stat(path);
    return `${mtimeMs} ${size}`;
  } catch (error) {
    throw new Error(`The file of tokens ${path} cannot be read (${(error as NodeJS.ErrnoException).code}).`, {
      cause: error,
    });
  }
}

/** A new token, to be shown once, and what stands in the file. */
export function newToken(): { token: string; sha256: string } {
  const made = `handover_${randomBytes(32).toString('base64url')}`;
  return { token: made, sha256: createHash('sha256').update(made).digest('hex') };
}
