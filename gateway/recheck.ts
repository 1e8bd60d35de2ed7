/**
 * Asks an identity provider whether a token is still good: its signature says no more than that it was, when it
 * was made. Asked before whatever changes something, and once a minute of whoever looks, where the configuration
 * wants it.
 */
import { createHash } from 'node:crypto';
import * as openid from 'openid-client';
import { isHere } from '../client/device-login.js';
import { Problem } from '../client/problem.js';
import type { Issuer, Recheck } from './oidc.js';

const PATIENCE_S = 5;
const MOST_REMEMBERED = 1_000;

/** @param secret of the client that may ask for introspection; null = the token itself is tried (userinfo) */
export function recheckOf({ issuer, audience, recheck, login }: Issuer, secret: string | null): Recheck {
  const url = new URL(issuer);
  const client = typeof recheck === 'object' ? recheck.client : (login?.client ?? audience);
  let provider: Promise<openid.Configuration> | undefined;
  const known = (): Promise<openid.Configuration> => {
    provider ??= openid.discovery(url, client, secret ?? undefined, undefined, {
      timeout: PATIENCE_S,
      ...(isHere(url) && { execute: [openid.allowInsecureRequests] }),
    });
    // An issuer that is away for a moment is asked again.
    provider.catch(() => {
      provider = undefined;
    });
    return provider;
  };
  const isGood = async (token: string, sub: string | undefined): Promise<boolean> => {
    try {
      if (secret !== null) return (await openid.tokenIntrospection(await known(), token)).active;
      await openid.fetchUserInfo(await known(), token, sub ?? openid.skipSubjectCheck);
      return true;
    } catch (error) {
      // Behind the one, where the answer says why in its headers; behind the other, where it does not.
      const { status = (error as { cause?: { status?: number } }).cause?.status } = error as {
        status?: number;
      };
      if (secret === null && (status === 401 || status === 403)) return false;
      throw new Problem(
        'out-of-reach',
        `${issuer} cannot be asked whether your login is still good, and nothing counts without that: ask again.`,
        { cause: error },
      );
    }
  };
  /** When it was last called good, by its digest. */
  const good = new Map<string, number>();
  return async (token, sub, atMostMs) => {
    const key = createHash('sha256').update(token).digest('base64');
    if (Date.now() - (good.get(key) ?? Number.NEGATIVE_INFINITY) < atMostMs) return true;
    good.delete(key);
    const asked = Date.now();
    if (!(await isGood(token, sub))) return false;
    good.set(key, asked);
    if (good.size > MOST_REMEMBERED) good.delete(good.keys().next().value!);
    return true;
  };
}
