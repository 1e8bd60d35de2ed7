/**
 * How we are let in to Temporal: its own environment configuration, the same for workers, commands and the
 * gateway. Profiles in a TOML file, TLS, client certificates, API keys, further headers; see
 * https://docs.temporal.io/develop/environment-configuration. A file is read only where something names it, so
 * that somebody's profile for another server never decides where an offboarding runs.
 */
import type { ConnectionOptions } from '@temporalio/client';
import { type ClientConfigProfile, loadClientConfigProfile, toClientOptions } from '@temporalio/envconfig';

export interface Profile {
  address: string | undefined;
  namespace: string | undefined;
  /** What both clients take, Node's and the workers'. */
  options: Pick<ConnectionOptions, 'tls' | 'apiKey' | 'metadata'>;
  /** In words that follow "with": never a secret. */
  words: string;
}

/** What a configuration says of Temporal, as far as it is about being let in. */
export interface Named {
  /** A profile of Temporal's configuration file; without it, TEMPORAL_PROFILE, and then only the environment. */
  profile?: string | undefined;
  /** A server of our own beside us: nothing that is meant for another one is for it. */
  local?: boolean | undefined;
}

/** Reads files of certificates anew each time. Throws an Error with a sentence that names what cannot be read. */
export function profileOf({ profile, local }: Named, env: NodeJS.ProcessEnv): Profile {
  if (local) return { address: undefined, namespace: undefined, options: {}, words: 'no TLS' };
  try {
    const loaded = loadClientConfigProfile({
      ...(profile !== undefined && { profile }),
      disableFile: profile === undefined && !env.TEMPORAL_PROFILE && !env.TEMPORAL_CONFIG_FILE,
      configFileStrict: true,
      overrideEnvVars: withValues(env),
    });
    const { connectionOptions, namespace } = toClientOptions(loaded);
    const { address, tls, apiKey, metadata } = connectionOptions;
    return {
      address,
      namespace,
      options: {
        ...(tls !== undefined && { tls }),
        ...(apiKey !== undefined && { apiKey }),
        ...(metadata !== undefined && { metadata }),
      } as Profile['options'],
      words: wordsFor(loaded, Boolean(tls)),
    };
  } catch (error) {
    const named = profile ?? env.TEMPORAL_PROFILE;
    throw new Error(
      `Temporal's environment configuration${named ? `, profile "${named}",` : ''} cannot be read: ${(error as Error).message}`,
      { cause: error },
    );
  }
}

function wordsFor({ apiKey, tls }: ClientConfigProfile, encrypted: boolean): string {
  const how = [
    ...(tls?.clientCert ? ['a client certificate'] : []),
    ...(apiKey !== undefined ? ['an API key'] : []),
  ];
  if (!encrypted) return how.length > 0 ? `${how.join(' and ')}, without TLS` : 'no TLS';
  return how.length > 0 ? `TLS and ${how.join(' and ')}` : 'TLS';
}

function withValues(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([key, value]) => (value ? [[key, value] as [string, string]] : [])),
  );
}
