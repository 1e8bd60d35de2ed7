/**
 * The gateway as a process: a configuration in, an HTTP service out, until it is asked to stop. It knows the
 * store and Temporal; of target systems it knows no more than their names.
 */
import { readFileSync } from 'node:fs';
import type { FastifyInstance } from 'fastify';
import type { WayIn } from '../client/device-login.js';
import { besideConfig, type Config, connectionUrl, secretOf, signingKey } from '../runtime/config.js';
import type { Logger } from '../runtime/log.js';
import { connectTemporal } from '../runtime/temporal.js';
import { openStore } from '../store/store.js';
import { behindOf } from './behind.js';
import { callersOf, type Recognise } from './callers.js';
import { type Checks, type Issuer, issuerOf, logoutsBy } from './oidc.js';
import { recheckOf } from './recheck.js';
import { createServer, type ServerOptions } from './server.js';
import { sealWith, unsigned } from './sign.js';
import { openTokens } from './tokens.js';
import { openWebhooks } from './webhooks/webhook.js';

export interface RunningGateway {
  app: FastifyInstance;
  /** Where it listens, e.g. http://127.0.0.1:8642. */
  url: string;
  /** What whoever started it should know, as sentences. */
  notes: string[];
  /** Answers what is under way, ends streams, and closes every connection. */
  stop(): Promise<void>;
}

/** Throws a sentence where it cannot start. */
export async function startGateway(
  config: Config,
  env: NodeJS.ProcessEnv,
  options: { logger?: Logger; listen?: string } & Pick<ServerOptions, 'guesses'> = {},
): Promise<RunningGateway> {
  const { gateway } = config;
  if (!gateway)
    throw new Error(
      `${config.file} has no "gateway": say who may come (tokens) and whose statements workers believe (keys). "handover gateway --new-key <id>" makes a key and shows what to write.`,
    );
  const notes: string[] = [];
  const key = signingKey(config, env);
  if (!key)
    notes.push(
      'No key signs (gateway.sign is not there): whatever is decided here stays claimed, and nothing counts where the policy says "decisions: verified".',
    );
  const seal = key ? await sealWith(key, config.installation) : unsigned;
  const onFault = (err: Error): void => options.logger?.error({ err }, 'No token counts any more.');
  const tokens = gateway.tokens ? await openTokens(besideConfig(config, gateway.tokens), { onFault }) : null;
  const rechecks = gateway.oidc.map(issuer => recheckFor(issuer, config, env));
  if (!tokens && gateway.oidc.length === 0)
    notes.push('Nobody can come in: name a file of tokens (gateway.tokens) or an issuer (gateway.oidc).');

  const webhooks = gateway.webhooks
    ? await openWebhooks(besideConfig(config, gateway.webhooks), config, env)
    : undefined;

  const open: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    await Promise.allSettled(open.map(one => one()));
  };
  try {
    const temporal = await connectTemporal(config.temporal, env);
    open.push(() => temporal.connection.close());
    const store = await openStore(connectionUrl(config.store.connection, "Handover's own store", env), {
      migrate: false,
    });
    open.push(() => store.close());
    const behind = behindOf(temporal, store, config);
    const { hasEnded } = store.logouts;
    const ways: Recognise[] = [
      ...(tokens ? [tokens.find] : []),
      ...gateway.oidc.map((issuer, n) => issuerOf(issuer, { hasEnded, ...rechecks[n] })),
    ];
    const app = await createServer({
      behind,
      callers: callersOf(behind, ways),
      seal,
      logins: gateway.oidc.flatMap(waysIn),
      logoutIn: logoutsBy(gateway.oidc),
      ...(webhooks && { webhooks }),
      version: version(),
      ...(options.logger && { logger: options.logger }),
      ...(options.guesses && { guesses: options.guesses }),
    });
    const { host, port } = placeOf(options.listen ?? gateway.listen);
    const url = await app.listen({ host, port }).catch((error: NodeJS.ErrnoException) => {
      throw new Error(
        error.code === 'EADDRINUSE'
          ? `Something listens at ${host}:${port} already: say another place with gateway.listen or --listen.`
          : `The gateway cannot listen at ${host}:${port} (${error.code ?? error.message}).`,
      );
    });
    return {
      app,
      url,
      notes,
      async stop() {
        await app.close();
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function recheckFor(issuer: Issuer, config: Config, env: NodeJS.ProcessEnv): Pick<Checks, 'recheck'> {
  const { recheck } = issuer;
  if (recheck === undefined) return {};
  if (recheck === 'userinfo') return { recheck: recheckOf(issuer, null) };
  const secret = secretOf(
    recheck.secret,
    `the secret of "${recheck.client}" at ${issuer.issuer}`,
    config,
    env,
  );
  return { recheck: recheckOf(issuer, secret) };
}

function waysIn({ issuer, login }: Issuer): WayIn[] {
  return login ? [{ issuer, ...login, resource: login.resource ?? null }] : [];
}

/** `[::1]:8642` as well. */
function placeOf(listen: string): { host: string; port: number } {
  const colon = listen.lastIndexOf(':');
  return { host: listen.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), port: Number(listen.slice(colon + 1)) };
}

function version(): string {
  const file = new URL('../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
